package orotest

import (
	"strings"

	"github.com/shopspring/decimal"
)

var _ = register(resource{
	name: "productprices", untitled: true, ids: guid, suffix: "priceList", needs: "priceList",
	actions: reading | writing | batching, business: []string{"priceList", "product", "quantity", "unit", "currency"},
	fields: []field{
		{
			name: "quantity", kind: number, required: "Quantity should not be blank.",
			bounds: &bounds{least: "0", detail: "This value should be 0 or more."},
		},
		{name: "value", kind: money, rank: "currency", checks: []rule{priced}},
		{name: "currency", required: "Currency should not be blank.", checks: []rule{currencyKnown}},
		{
			name: "priceList", kind: one, to: "pricelists", required: notBlank, bare: true, index: true, filter: single, equals: true, cascade: true,
			frozen: true,
		},
		{name: "product", kind: one, to: "products", required: notBlank, bare: true, index: true, cascade: true},
		{name: "unit", kind: one, to: "productunits", bare: true, checks: []rule{unitGiven}},
	},
	rules: []check{skuOfPrice, unitOfProduct, currencyOfList, precise},
	unique: []unique{{
		fields:   []string{"priceList", "product", "quantity", "unit", "currency"},
		detail:   `Product has duplication of product prices. Set of fields "PriceList", "Quantity" , "Unit" and "Currency" should be unique.`,
		enforced: true,
	}},
})

// unitOf is the unit precision of the price's product, nil when the unit is not one of the product's.
func unitOf(product, price *entity, field string) *entity {
	if product == nil {
		return nil
	}
	for _, u := range product.members("unitPrecisions") {
		if u.ref("unit") == price.ref(field) {
			return u
		}
	}
	return nil
}

func skuOfPrice(e *entity) {
	if e.ref("product") == 0 {
		e.insist("not blank", "", "This value should not be blank. Source: productSku.")
	}
	if e.raw("value") == "" && e.raw("currency") == "" && !e.invalid["value"] && !e.invalid["currency"] {
		e.violate("not blank", "", "This value should not be blank. Source: price.")
	}
}

// unitOfProduct wants a unit of the product, when either is sent.
func unitOfProduct(e *entity) {
	product, unit := e.one("product"), e.one("unit")
	const constraint = "product price allowed units"
	switch {
	case product == nil:
		e.violate(constraint, "product", "Product does not exist.")
	case unit == nil:
		e.violate(constraint, "unit", "Product unit does not exist.")
	case unitOf(product, e, "unit") == nil && !(e.existing && !e.wish.sends("unit")):
		e.violate(constraint, "unit", `Unit "%s" is not allowed for product "%s".`, unit.table.id(unit.record.serial), product.text("sku"))
	}
}

func unitGiven(e *entity, f *field) {
	if e.ref(f.name) == 0 {
		e.violate("not blank", f.name, "The product unit does not exist for the product.")
	}
}

func currencyOfList(e *entity) {
	if list := e.one("priceList"); list != nil && e.text("currency") != "" &&
		!strings.Contains(list.raw("priceListCurrencies"), e.raw("currency")) {
		e.violate("product price currency", "currency", `Currency "%s" is not valid for current price list.`, e.text("currency"))
	}
}

func currencyKnown(e *entity, f *field) {
	if code := e.text(f.name); code != "" && !knownCurrency(code) {
		e.violate("currency", f.name, "Currency should be a valid currency.")
	}
}

// precise wants a quantity that the unit's precision can hold.
func precise(e *entity) {
	unit := unitOf(e.one("product"), e, "unit")
	if unit == nil || e.raw("quantity") == "" {
		return
	}
	if !fits(decimalOf(e.raw("quantity")), unit) {
		e.violate("quantity unit precision", "quantity", `The precision for the unit "%s" is not valid.`, e.one("unit").table.id(e.ref("unit")))
	}
}

// fits reports whether a quantity has no more decimals than its unit.
func fits(quantity decimal.Decimal, unit *entity) bool {
	places := decimalOf(unit.raw("precision")).IntPart()
	return quantity.Equal(quantity.Truncate(int32(places)))
}

// priced wants a price that is a number, and not below zero.
func priced(e *entity, f *field) {
	if e.table.name == "productprices" && e.raw("currency") == "" && e.raw("value") == "" && !e.invalid["value"] {
		return // the whole price is missing
	}
	const negative = "Price value should be equal or greater than 0."
	raw, _ := e.wish.attribute(f.name)
	sent, _ := scalar(raw)
	switch {
	case e.invalid[f.name] && floatPattern.MatchString(trimmed(sent)) && string(raw) != "true":
		// a number, but not in the form that the shop takes
	case e.invalid[f.name]:
		if trimmed(sent) == "" {
			e.insist("not blank", f.name, "Price value should not be blank.")
		}
		e.insist("type", f.name, "Price value should be a valid number.")
		e.insist("range", f.name, "This value should be a valid number.")
	case e.raw(f.name) == "":
		e.violate("not blank", f.name, "Price value should not be blank.")
	case decimalOf(e.raw(f.name)).IsNegative():
		e.violate("range", f.name, negative)
	}
}
