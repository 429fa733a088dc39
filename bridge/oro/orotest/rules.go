package orotest

import (
	"crypto/sha1"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/shopspring/decimal"
	"golang.org/x/text/currency"
)

// What the fields of a table cannot say: checks over several fields, and values that the shop derives.

func noCircle(e *entity) {
	for up := e.one("parent"); up != nil; up = up.one("parent") {
		if up.record.serial == e.record.serial {
			e.violate("circular customer reference", "",
				"Circular reference detected. '%s' cannot be its own parent.", e.text("name"))
			return
		}
	}
}

func named(e *entity) {
	blank := func(name string) bool { return e.text(name) == "" }
	if !blank("organization") || !blank("firstName") && !blank("lastName") {
		return
	}
	const constraint = "name or organization"
	e.violate(constraint, "organization", "Organization or First Name and Last Name should not be blank.")
	e.violate(constraint, "firstName", "First Name and Last Name or Organization should not be blank.")
	e.violate(constraint, "lastName", "Last Name and First Name or Organization should not be blank.")
}

func regional(e *entity) {
	country, region := e.one("country"), e.one("region")
	switch {
	case country == nil:
	case region != nil && region.ref("country") != country.record.serial:
		e.violate("valid region", "", "Region %s does not belong to country %s", region.text("name"), country.text("name"))
	case region == nil && e.text("customRegion") == "" && len(country.members("regions")) > 0 && !e.invalid["region"]:
		e.violate("required region", "region", "State is required for country %s", country.text("name"))
	}
}

func unitsDiffer(e *entity) {
	units := e.members("unitPrecisions")
	if len(units) == 0 {
		e.violate("count", "unitPrecisions", "Please add one or more product units.")
	}
	f := e.table.byName["unitPrecisions"]
	unit := f.target.byName["unit"]
	for _, n := range f.target.refs[f.source.slot][e.record.serial] {
		stored := f.target.get(n)
		for _, u := range units {
			if u.record.serial != n && u.ref("unit") == stored.ones[unit.slot] {
				e.refuse("unitPrecisions", `Unit precision "`+unit.target.id(u.ref("unit"))+`" already exists for this product.`)
			}
		}
	}
}

func unitKnown(e *entity) {
	if u := e.one("primaryUnitPrecision"); (u == nil || u.ref("unit") == 0) && !e.invalid["primaryUnitPrecision"] {
		e.violate("not blank", "primaryUnitPrecision", notBlank)
	}
}

func defaultNamed(e *entity) {
	names := e.members("names")
	if !slices.ContainsFunc(names, func(n *entity) bool { return n.ref("localization") == 0 && n.text("string") != "" }) {
		e.violate("not blank default localized fallback value", "names", "Product default name is blank")
	}
	if len(names) == 0 {
		e.violate("count", "names", "This collection should contain 1 element or more.")
	}
}

// unit is the unit precision of the price's product, nil when the unit is not one of the product's.
func unitOf(price *entity) *entity {
	product := price.one("product")
	if product == nil {
		return nil
	}
	for _, u := range product.members("unitPrecisions") {
		if u.ref("unit") == price.ref("unit") {
			return u
		}
	}
	return nil
}

func unitOfProduct(e *entity) {
	product, unit := e.one("product"), e.one("unit")
	if product != nil && unit != nil && unitOf(e) == nil {
		e.violate("product price allowed units", "unit", `Unit "%s" is not allowed for product "%s".`,
			unit.table.id(unit.record.serial), product.text("sku"))
	}
}

func currencyOfList(e *entity) {
	if list := e.one("priceList"); list != nil && e.raw("currency") != "" &&
		!strings.Contains(list.raw("priceListCurrencies"), e.raw("currency")) {
		e.violate("product price currency", "currency", `Currency "%s" is not valid for current price list.`, e.text("currency"))
	}
}

func precise(e *entity) {
	unit := unitOf(e)
	if unit == nil || e.raw("quantity") == "" {
		return
	}
	places := decimalOf(unit.raw("precision")).IntPart()
	if q := decimalOf(e.raw("quantity")); !q.Equal(q.Truncate(int32(places))) {
		e.violate("quantity unit precision", "quantity", `The precision for the unit "%s" is not valid.`,
			e.one("unit").table.id(e.ref("unit")))
	}
}

func priced(e *entity) {
	if e.ref("product") == 0 {
		e.violate("not blank", "", "This value should not be blank. Source: productSku.")
	}
	switch {
	case e.invalid["value"]:
		e.violate("type", "value", "Price value should be a valid number.")
		e.violate("range", "value", "This value should be a valid number.")
	case decimalOf(e.raw("value")).IsNegative():
		e.violate("range", "value", "Price value should be equal or greater than 0.")
	}
	if code := e.text("currency"); code != "" && !knownCurrency(code) {
		e.violate("currency", "currency", "Currency should be a valid currency.")
	}
}

func knownCurrency(code string) bool {
	_, err := currency.ParseISO(code)
	return err == nil && code != "XXX" && code != "XTS"
}

func withAccount(e *entity) {
	if e.created && e.ref("account") == 0 {
		account := e.create("accounts")
		account.set("name", e.raw("name"))
		e.setRef("account", account.record.serial)
	}
}

// withTexts gives a new product a text for each localization of the shop, its default last,
// and the records that only its id is known of.
func withTexts(e *entity) {
	if !e.created {
		return
	}
	for _, name := range []string{"names", "descriptions", "shortDescriptions"} {
		e.localize(name)
	}
	values := len(e.shop.languages()) + 1
	for _, name := range []string{"slugPrototypes", "metaTitles", "metaDescriptions", "metaKeywords"} {
		e.setList(name, e.table.byName[name].target.reserve(values))
	}
	for _, name := range append([]string{"pageTemplate", "isUpcoming"}, stocked...) {
		e.setRef(name, e.table.byName[name].target.reserve(1)[0])
	}
}

func (e *entity) localize(name string) {
	f := e.table.byName[name]
	texts := make(map[int32]*entity)
	for _, t := range e.members(name) {
		texts[t.ref("localization")] = t
	}
	if name == "names" && len(texts) == 0 {
		return // the validation will tell
	}
	for _, language := range e.shop.languages() {
		if texts[language.serial] == nil {
			t := e.create(f.to)
			t.set("fallback", `"`+language.fallback+`"`)
			t.setRef("localization", language.serial)
			t.setRef(f.via, e.record.serial)
		}
	}
	switch main := texts[0]; {
	case main != nil:
		e.later(main)
	case name != "names":
		e.create(f.to).setRef(f.via, e.record.serial)
	}
}

// language is a localization with where its texts fall back to.
type language struct {
	serial   int32
	name     string
	fallback string
}

// languages are the localizations by name: the order in which texts are made.
func (s *Shop) languages() []language {
	if s.spoken != nil {
		return s.spoken
	}
	t := s.tables["localizations"]
	for _, r := range t.rows {
		if r == nil {
			continue
		}
		l := language{r.serial, r.attrs[t.byName["name"].slot], "parent_localization"}
		if r.ones[t.byName["parentLocalization"].slot] == 0 {
			l.fallback = "system"
		}
		s.spoken = append(s.spoken, l)
	}
	slices.SortFunc(s.spoken, func(a, b language) int { return strings.Compare(a.name, b.name) })
	return s.spoken
}

// reserve takes serials for records of which nothing but the id is told.
func (t *table) reserve(n int) []int32 {
	l := make([]int32, n)
	for i := range l {
		t.rows = append(t.rows, nil)
		l[i] = int32(len(t.rows) - 1)
	}
	return l
}

// later makes an entity the last to be written.
func (d *draft) later(e *entity) {
	p := place{e.table, e.record.serial}
	if i := slices.Index(d.order, p); i >= 0 {
		d.order = append(slices.Delete(d.order, i, i+1), p)
	}
}

// withLevel gives a new unit of a product its inventory level.
func withLevel(e *entity) {
	if e.created && e.ref("product") != 0 {
		level := e.create("inventorylevels")
		level.setRef("product", e.ref("product"))
		level.setRef("productUnitPrecision", e.record.serial)
	}
}

func itemized(e *entity) {
	if len(e.members("lineItems")) == 0 {
		e.violate("count", "lineItems", "Please add at least one Line Item")
	}
}

// withProduct takes over what a line says about its product.
func withProduct(e *entity) {
	if unit := e.one("productUnit"); unit != nil {
		e.set("productUnitCode", encode(unit.table.id(unit.record.serial)))
	}
	if e.raw("productName") == "" {
		e.set("productName", `""`)
	}
	e.set("checksum", `""`)
	if product := e.one("product"); product != nil {
		e.set("productSku", product.raw("sku"))
		for _, name := range product.members("names") {
			if name.ref("localization") == 0 {
				e.set("productName", name.raw("string"))
			}
		}
		e.set("checksum", encode(checksum(product.table.id(product.record.serial), e.text("productUnitCode"))))
	}
	for _, n := range e.record.lists[e.table.byName["orders"].slot] {
		if len(e.entries) == 0 || e.entries[0].table.name != "orders" {
			withTotals(e.entity(e.shop.tables["orders"], n))
		}
	}
}

// checksum is what Oro calls the checksum of a line: equal for lines that may be merged.
func checksum(product, unit string) string {
	sum := sha1.Sum([]byte(product + "|" + unit))
	return hex.EncodeToString(sum[:])
}

// withDiscount works the order's totals out again, which moves its updatedAt.
func withDiscount(e *entity) {
	order := e.one("order")
	if order == nil {
		return
	}
	order = e.entity(order.table, order.record.serial)
	if e.raw("amount") == "" && e.raw("percent") != "" {
		e.set("amount", asMoney(decimalOf(order.raw("subtotalValue")).Mul(decimalOf(e.raw("percent")))))
	}
	order.touch("updatedAt")
	withTotals(order)
}

func withTotals(e *entity) {
	if e.raw("identifier") == "" {
		e.set("identifier", encode(e.table.id(e.record.serial)))
	}
	subtotal, discounts := decimal.Zero, decimal.Zero
	for _, line := range e.members("lineItems") {
		subtotal = subtotal.Add(rowTotal(line))
		e.totalLine(e.entity(line.table, line.record.serial))
	}
	for _, d := range e.members("discounts") {
		discounts = discounts.Add(decimalOf(d.raw("amount")))
		e.set("totalDiscountsAmount", asMoney(discounts))
	}
	reduced := subtotal.Sub(discounts)
	e.set("subtotalValue", asMoney(subtotal))
	e.set("subtotalWithDiscounts", asMoney(reduced))
	e.set("subtotalWithDiscountsValue", asMoney(reduced))
	e.set("totalValue", asMoney(reduced.Add(shippingCost(e))))
}

func rowTotal(line *entity) decimal.Decimal {
	return decimalOf(line.raw("value")).Mul(decimalOf(line.raw("quantity")))
}

func shippingCost(order *entity) decimal.Decimal {
	if cost := order.raw("overriddenShippingCostAmount"); cost != "" {
		return decimalOf(cost)
	}
	return decimalOf(order.raw("estimatedShippingCostAmount"))
}

// taxed reports whether the shop can work taxes out: it needs an address for that.
func taxed(order *entity) bool {
	return order.ref("shippingAddress") != 0 || order.ref("billingAddress") != 0
}

func (e *entity) totalLine(line *entity) {
	total := asMoney(rowTotal(line))
	line.set("rowTotalDiscountAmount", `"0.0000"`)
	line.set("rowTotalAfterDiscount", total)
	if !taxed(e) {
		total = `"0.0000"`
	}
	line.set("rowTotalAfterDiscountIncludingTax", total)
	line.set("rowTotalAfterDiscountExcludingTax", total)
}

func asMoney(d decimal.Decimal) string { return `"` + d.StringFixed(4) + `"` }
