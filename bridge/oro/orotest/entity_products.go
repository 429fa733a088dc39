package orotest

import (
	"regexp"
	"slices"
)

var skuShape = &shape{
	pattern:    regexp.MustCompile(`^[a-zA-Z0-9_-]*$`),
	constraint: "sku regex", detail: `This value should contain only latin letters, numbers and symbols "-" or "_".`,
}

var _ = register(resource{
	name: "products", actions: reading | writing | batching, extKey: "sku", noNext: true, business: []string{"sku"}, title: []string{"names"},
	fields: fields([]field{
		{name: "sku", required: "SKU should not be blank.", min: 3, max: 255, shape: skuShape, index: true, filter: several},
		{name: "status", init: `"disabled"`, choices: []string{"enabled", "disabled"}, required: notBlank, filter: single},
		{name: "variantFields", kind: list, init: "[]"},
	}, dated, []field{
		{name: "productType", init: `"simple"`, choices: []string{"simple", "configurable", "kit"}},
		{name: "featured", kind: flag, init: "false", filter: single}, {name: "newArrival", kind: flag, init: "false", filter: single},
		{name: "kitShippingCalculationMethod"}, {name: "category_sort_order", kind: number},
		{name: "availability_date", kind: moment},
	}, ownedByUnit, []field{
		{name: "unitPrecisions", kind: inverse, to: "productunitprecisions", via: "product", orphans: true, checks: []rule{unitsDiffer}},
		{name: "primaryUnitPrecision", kind: one, to: "productunitprecisions", checks: []rule{unitKnown}},
		{name: "names", kind: inverse, to: "productnames", via: "product", orphans: true, checks: []rule{defaultNamed}},
		{name: "descriptions", kind: inverse, to: "productdescriptions", via: "product", orphans: true},
		toMany("variantLinks", "productvariantlinks"), toOne("defaultVariant", "products"),
		{name: "shortDescriptions", kind: inverse, to: "productshortdescriptions", via: "product", orphans: true},
		backTo("images", "productimages", "product"),
		{name: "attributeFamily", kind: one, to: "attributefamilies", required: notBlank},
		{name: "brand", kind: one, to: "brands", index: true},
		{name: "kitItems", kind: inverse, to: "productkititems", via: "productKit", orphans: true, checks: []rule{kitted}},
		toMany("slugPrototypes", "localizedfallbackvalues"),
		{name: "category", kind: one, to: "categories", index: true},
		{name: "taxCode", kind: one, to: "producttaxcodes", index: true}, toOne("pageTemplate", "entityfieldfallbackvalues"),
	}, fallbacks(stocked...), fallbacks("isUpcoming"), textsOf("metaTitles", "metaDescriptions", "metaKeywords"), []field{
		toMany("productShippingOptions", "productshippingoptions"),
	}, attached, []field{
		{name: "inventory_status", kind: one, to: "prodinventorystatuses", required: notBlank, prefix: "prod_inventory_status."},
	}),
	unique:      []unique{{fields: []string{"sku"}, fold: true, detail: "This value is already used.", pointer: "sku", enforced: true}},
	rules:       []check{configurable},
	complete:    withParts,
	undeletable: inKit,
})

func configurable(e *entity) {
	if e.text("productType") == "configurable" {
		e.violate("not empty configurable attributes", "", "Configurable product requires at least one filterable attribute of the Select or "+
			"Boolean type to enable product variants. The provided product family does not fit for configurable products.")
	}
}

func unitsDiffer(e *entity, f *field) {
	units := e.members(f.name)
	primary := e.ref("primaryUnitPrecision")
	if e.existing && primary != 0 && !slices.ContainsFunc(units, func(u *entity) bool { return u.record.serial == primary }) {
		e.violate("primary product unit precision", f.name,
			"A primary product unit precision should be in the collection of product unit precisions.")
	}
	if len(units) == 0 {
		e.violate("count", f.name, "Please add one or more product units.")
	}
	seen := make(map[int32]bool)
	for _, n := range f.target.refs[f.source.slot][e.record.serial] {
		seen[f.target.get(n).ones[f.target.byName["unit"].slot]] = true
	}
	for _, u := range units {
		if f.target.get(u.record.serial) != nil {
			continue
		}
		if unit := u.ref("unit"); unit != 0 && seen[unit] {
			e.refused = append(e.refused, problem{
				status: 400, title: "form constraint", pointer: e.at(f.name), field: f.name,
				detail: `Unit precision "` + u.table.byName["unit"].target.id(unit) + `" already exists for this product.`,
			})
		} else {
			seen[unit] = true
		}
	}
}

func unitKnown(e *entity, f *field) {
	if u := e.one(f.name); (u == nil || u.ref("unit") == 0) && !e.invalid[f.name] {
		e.violate("not blank", f.name, notBlank)
	}
}

func defaultNamed(e *entity, f *field) {
	names := e.members(f.name)
	if !slices.ContainsFunc(names, func(n *entity) bool { return n.ref("localization") == 0 && n.text("string") != "" }) {
		e.violate("not blank default localized fallback value", f.name, "Product default name is blank")
	}
	if len(names) == 0 && e.created {
		e.violate("count", f.name, "This collection should contain 1 element or more.")
	}
}

// withParts joins a product's units, and gives a new one a text for each localization of the shop, its default last,
// and the records that only its id is known of.
func withParts(e *entity) {
	joinUnits(e)
	if !e.created {
		return
	}
	for _, name := range []string{"names", "descriptions", "shortDescriptions"} {
		localize(e, name)
	}
	values := len(e.shop.languages()) + 1
	for _, name := range []string{"slugPrototypes", "metaTitles", "metaDescriptions", "metaKeywords"} {
		translate(e, name, values)
	}
	for _, name := range append([]string{"pageTemplate", "isUpcoming"}, stocked...) {
		if e.ref(name) == 0 {
			e.setRef(name, e.reserve(e.table.byName[name].target, 1)[0])
		}
	}
}

// joinUnits makes the first unit of a new product its primary one and the primary one a unit of the product. The
// primary one is what the others are counted in.
func joinUnits(e *entity) {
	f := e.table.byName["unitPrecisions"]
	switch units := e.members(f.name); {
	case e.ref("primaryUnitPrecision") == 0 && len(units) > 0 && e.created && !e.wish.sends("primaryUnitPrecision"):
		e.setRef("primaryUnitPrecision", units[0].record.serial)
	case e.ref("primaryUnitPrecision") != 0 && e.created:
		e.lure(f, e.ref("primaryUnitPrecision"))
	}
	if !e.wish.sends("primaryUnitPrecision") && !e.created {
		return
	}
	primary := e.edit(f.target, e.ref("primaryUnitPrecision"))
	if primary == nil {
		return
	}
	if owner := primary.ones[f.source.slot]; owner != 0 && owner != e.record.serial {
		unit := f.target.byName["unit"].slot
		for _, own := range e.members(f.name) {
			if own.record.ones[unit] == primary.ones[unit] { // another product's unit stands for the own one
				e.setRef("primaryUnitPrecision", own.record.serial)
				primary = e.edit(f.target, own.record.serial)
			}
		}
		if primary.ones[f.source.slot] != e.record.serial {
			return
		}
	}
	p := &entity{draft: e.draft, table: f.target, record: primary}
	if e.created && e.shop.release.primaryLast {
		e.later(p)
	}
	p.set("conversionRate", "1")
	p.set("sell", "true")
}

// localize gives a relation to several texts one for each localization of the shop.
func localize(e *entity, name string) {
	f := e.table.byName[name]
	sent := e.members(name)
	if name == "names" && len(sent) == 0 {
		return // the validation will tell
	}
	spoken := make(map[int32]bool)
	for _, t := range sent {
		spoken[t.ref("localization")] = true
	}
	for _, language := range e.shop.languages() {
		if !spoken[language.serial] {
			t := e.create(f.to)
			t.set("fallback", `"`+language.fallback+`"`)
			t.setRef("localization", language.serial)
			t.setRef(f.via, e.record.serial)
		}
	}
	for _, t := range sent {
		e.renumber(f.target, t.record.serial)
	}
	if !spoken[0] && name != "names" {
		e.create(f.to).setRef(f.via, e.record.serial)
	}
}

// later makes an entity the last to be written.
func (d *draft) later(e *entity) {
	p := place{e.table, e.record.serial}
	if i := slices.Index(d.order, p); i >= 0 {
		d.order = append(slices.Delete(d.order, i, i+1), p)
	}
}
