package orotest

import (
	"cmp"
	"slices"

	"github.com/shopspring/decimal"
)

// Product kits: what a kit consists of, and which products each part may be.

// ordinal is a place in an order, as wide as the database's column.
var ordinal = &bounds{
	least: "-2147483648", most: "2147483647", detail: "This value should be between -2147483648 and 2147483647.",
}

// togetherWithKit says why a part of a kit item cannot be made by itself.
func togetherWithKit(what string) string {
	return "Use API resource to create a product kit item. A product kit item " + what +
		" can be created only together with a product kit item."
}

var _ = register(
	resource{
		name: "productkititems", actions: reading | writing, secures: "productKit", business: []string{"productKit", "sortOrder"},
		title: []string{"labels"},
		fields: fields([]field{
			{name: "sortOrder", kind: integer, init: "0", bounds: ordinal, garbled: "Please enter an integer."},
			{name: "optional", kind: flag, init: "false"},
			{name: "minimumQuantity", kind: number, garbled: "Please enter a number.", bounds: atLeastNothing, checks: []rule{fine("Minimum")}},
			{name: "maximumQuantity", kind: number, garbled: "Please enter a number.", bounds: atLeastNothing, checks: []rule{fine("Maximum")}},
		}, dated, []field{
			{name: "labels", kind: inverse, to: "productkititemlabels", via: "kitItem", orphans: true, fixed: true, checks: []rule{labelled}},
			{name: "productKit", kind: one, to: "products", index: true, cascade: true, fixed: true, checks: []rule{present, ofKit}},
			{
				name: "kitItemProducts", kind: inverse, to: "productkititemproducts", via: "kitItem", orphans: true,
				checks: []rule{simpleProducts},
			},
			{name: "productUnit", kind: one, to: "productunits", checks: []rule{unitOfAll}},
		}),
		complete: withUnitOfKit,
	},
	kitLabels(),
	resource{
		name: "productkititemproducts", untitled: true, actions: reading | creating | updating, secures: "kitItem",
		together: togetherWithKit("product"), business: []string{"kitItem", "product"},
		fields: []field{
			{name: "sortOrder", kind: integer, init: "0", bounds: ordinal, garbled: "Please enter an integer."},
			{name: "kitItem", kind: one, to: "productkititems", index: true, cascade: true, frozen: true, fixed: true, checks: []rule{present}},
			{name: "product", kind: one, to: "products", index: true, cascade: true, checks: []rule{present}},
			{name: "productUnitPrecision", kind: one, to: "productunitprecisions", readonly: true, fixed: true},
		},
	},
)

func kitLabels() resource {
	r := localized("productkititemlabels", "kitItem", "productkititems", "string", text, reading|creating|updating)
	r.together = togetherWithKit("label")
	for i := range r.fields {
		r.fields[i].fixed = r.fields[i].kind == one
	}
	return r
}

var atLeastNothing = &bounds{least: "0", detail: "This value should be 0 or more."}

func labelled(e *entity, f *field) {
	if len(e.members(f.name)) == 0 {
		e.violate("count", f.name, "This collection should contain 1 element or more.")
	}
}

// ofKit wants a kit item to be one of a kit, and to stay there.
func ofKit(e *entity, f *field) {
	before := e.table.get(e.record.serial)
	switch kit := e.one(f.name); {
	case before != nil && before.ones[f.slot] != 0 && before.ones[f.slot] != e.ref(f.name):
		e.violate("unchangeable field", f.name, "This field cannot be changed once set.")
	case kit != nil && kit.text("productType") != "kit":
		e.violate("product type", f.name, `Type "%s" is not allowed. The only allowed type is "kit".`, kit.text("productType"))
		e.violations[len(e.violations)-1].pointer += "/type"
	}
}

// simpleProducts wants something to choose from, and no kits in kits.
func simpleProducts(e *entity, f *field) {
	parts := e.members(f.name)
	if len(parts) == 0 {
		e.violate("count", f.name, "Each kit option should have at least one product specified.")
	}
	for i, part := range parts {
		if product := part.one("product"); product != nil && product.text("productType") != "simple" {
			e.violate("only simple products in product kit item products collection", f.name,
				"Only simple product can be used in kit options.")
			e.violations[len(e.violations)-1].pointer += "/" + itoa(i)
		}
	}
}

// precisions are those of a unit that the products of a kit item have in common; ok is false when one has none.
func (e *entity) precisions(unit int32) (l []*entity, ok bool) {
	ok = true
	for _, part := range e.members("kitItemProducts") {
		product := part.one("product")
		if product == nil {
			continue
		}
		units := product.members("unitPrecisions")
		i := slices.IndexFunc(units, func(u *entity) bool { return u.ref("unit") == unit })
		if i < 0 {
			ok = false
			continue
		}
		l = append(l, units[i])
	}
	return l, ok
}

func unitOfAll(e *entity, f *field) {
	unit := e.ref(f.name)
	if unit == 0 && !e.invalid[f.name] {
		e.violate("not null", f.name, "Unit of quantity cannot be empty.")
	}
	if _, all := e.precisions(unit); unit != 0 && !all {
		e.violate("product kit item unit available for specified products", f.name,
			"Unit of quantity should be available for all specified products.")
	}
}

// fine wants a quantity to be no finer than the coarsest of the products allows.
func fine(which string) rule {
	return func(e *entity, f *field) {
		units, all := e.precisions(e.ref("productUnit"))
		if !all || len(units) == 0 || e.raw(f.name) == "" {
			return
		}
		least := slices.MinFunc(units, func(a, b *entity) int {
			return decimal.Decimal.Cmp(decimalOf(a.raw("precision")), decimalOf(b.raw("precision")))
		})
		quantity, places := decimalOf(e.raw(f.name)), decimalOf(least.raw("precision"))
		if !quantity.Equal(quantity.Round(int32(places.IntPart()))) {
			e.violate("product kit item quantity precision", f.name, "%s quantity %s does not match the allowed product unit precision %s.",
				which, quantity, places)
		}
	}
}

// withUnitOfKit counts a new kit item in the kit's own unit, if all its products have that, and says of each product what
// unit of it that is.
func withUnitOfKit(e *entity) {
	kit := e.one("productKit")
	if e.ref("productUnit") == 0 && kit != nil {
		if primary := kit.one("primaryUnitPrecision"); primary != nil {
			if _, all := e.precisions(primary.ref("unit")); all {
				e.setRef("productUnit", primary.ref("unit"))
			}
		}
	}
	for _, part := range e.members("kitItemProducts") {
		product := part.one("product")
		if product == nil {
			continue
		}
		for _, u := range product.members("unitPrecisions") {
			if u.ref("unit") == e.ref("productUnit") {
				e.edit(part.table, part.record.serial).ones[part.table.byName["productUnitPrecision"].slot] = u.record.serial
			}
		}
	}
}

// kitted wants a kit to consist of something, and of nothing that another kit has.
func kitted(e *entity, f *field) {
	items := e.members(f.name)
	if e.text("productType") == "kit" && len(items) == 0 {
		e.violate("not empty product kit items collection", f.name, "Product kit should have at least one kit item fully specified.")
	}
	for i, item := range items {
		before := item.table.get(item.record.serial)
		if before == nil || before.ones[f.source.slot] == 0 || before.ones[f.source.slot] == e.record.serial {
			continue
		}
		owner := e.table.get(before.ones[f.source.slot])
		label, _ := item.table.called(before)
		e.violate("product kit items owned by product kit", f.name,
			`Kit item "%s" cannot be used because it already belongs to the product kit "%s".`,
			cmp.Or(label, e.table.id(owner.serial)), decodeText(owner.attrs[e.table.byName["sku"].slot]))
		e.violations[len(e.violations)-1].pointer += "/" + itoa(i)
	}
}

// inKit reports whether a kit needs a product.
func inKit(e *entity) bool {
	parts := e.shop.tables["productkititemproducts"]
	return len(e.leadingTo(parts, parts.byName["product"], e.record.serial)) > 0
}
