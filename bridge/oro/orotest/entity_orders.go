package orotest

import (
	"crypto/sha1"
	"encoding/hex"
	"math"
	"slices"
	"strconv"

	"github.com/shopspring/decimal"
)

var _ = register(
	resource{
		name: "orders", actions: reading | writing | batching, extKey: "externalId", upsert: []string{"identifier"}, validate: true,
		business: []string{"identifier"},
		fields: fields([]field{
			{name: "identifier", column: 255, index: true, filter: several, foldCase: true},
			{name: "poNumber", max: 255, filter: several, foldCase: true}, {name: "customerNotes"},
			{name: "shipUntil", kind: date},
			{name: "currency", required: notBlank, frozen: true, checks: []rule{orderCurrency}},
			{name: "subtotalWithDiscountsValue", kind: money, readonly: true},
			{name: "subtotalWithDiscounts", kind: money, readonly: true},
			{name: "subtotalValue", kind: money, readonly: true}, {name: "totalValue", kind: money, readonly: true},
			{name: "shippingMethod", max: 255, checks: []rule{nullOrNotBlank}},
			{name: "shippingMethodType", max: 255, checks: []rule{nullOrNotBlank}},
			{name: "estimatedShippingCostAmount", kind: money},
			{name: "overriddenShippingCostAmount", kind: money}, {name: "sourceEntityIdentifier", readonly: true},
			{name: "totalDiscountsAmount", kind: money, readonly: true}, {name: "external", kind: flag, init: "false", frozen: true, filter: single},
			{name: "createdAt", kind: moment, filter: single}, dated[1],
			externalID,
		}, contacted, []field{
			{name: "disablePromotions", kind: flag, init: "false"}, {name: "discount", kind: number, init: "0", readonly: true},
			{name: "shippingDiscount", kind: number, init: "0", readonly: true},
			{name: "createdBy", kind: one, to: "users", frozen: true, fixed: true},
			{name: "billingAddress", kind: one, to: "orderaddresses", index: true, takesAlong: true},
			{name: "shippingAddress", kind: one, to: "orderaddresses", index: true, takesAlong: true},
			{name: "lineItems", kind: inverse, to: "orderlineitems", via: "orders", orphans: true, checks: []rule{itemized}},
			{name: "discounts", kind: inverse, to: "orderdiscounts", via: "order", orphans: true},
			{name: "shippingTrackings", kind: inverse, to: "ordershippingtrackings", via: "orders", orphans: true},
			{name: "parent", kind: one, to: "orders", index: true}, backTo("subOrders", "orders", "parent"),
		}, ownedByUser, []field{
			{name: "customerUser", kind: one, to: "customerusers", index: true},
			{name: "customer", kind: one, to: "customers", required: notBlank, index: true, guards: true},
			{name: "paymentTerm", kind: one, to: "paymentterms", index: true}, toOne("source", "orders"),
			{
				name: "internalStatus", kind: one, to: "orderinternalstatuses", init: "open", late: true, readonly: true,
				prefix: "order_internal_status.",
			},
			{name: "orderSubtotals", kind: computed, to: "ordersubtotals", bare: true},
			backTo("attachments", "attachments", "target"), toMany("documents", "attachments"),
			backTo("activityNotes", "notes", "activityTargets"), toMany("activityEmails", "emails"),
			{name: "status", kind: one, to: "orderstatuses", prefix: "order_status."},
			{
				name: "shippingStatus", kind: one, to: "ordershippingstatuses", init: "not_shipped", late: true,
				prefix: "order_shipping_status.",
			},
		}),
		unique: []unique{
			{fields: []string{"identifier"}, detail: "This value is already used.", pointer: "identifier", enforced: true},
			uniqueExternalID,
		},
		rules:    []check{ownUser},
		rests:    settled,
		complete: withTotals,
	},
	resource{
		name: "orderlineitems", untitled: true, actions: reading | writing,
		shortcuts: map[string]string{"customer": "orders.customer", "customerUser": "orders.customerUser"},
		fields: fields([]field{
			{name: "productSku", frozen: true, max: 255,
				tooLong: "The product SKU is too long. It should have 255 characters or less."}, {name: "productName"},
			{name: "productVariantFields", kind: list, init: "[]"},
			{name: "freeFormProduct", max: 255, tooLong: "The free-form product value is too long. It should have 255 characters or less."},
			{name: "quantity", kind: number, required: "The quantity should not be blank.", checks: []rule{sizable}},
			{name: "productUnitCode", readonly: true},
			{name: "value", kind: money, checks: []rule{linePriced}},
			{name: "currency"}, {name: "priceType", kind: integer, init: "10"},
			{name: "shipBy", kind: date}, {name: "fromExternalSource", kind: flag, init: "false"}, {name: "comment"},
			{name: "shippingMethod", max: 255, checks: []rule{nullOrNotBlank}},
			{name: "shippingMethodType", max: 255, checks: []rule{nullOrNotBlank}},
			{name: "shippingEstimateAmount", kind: money},
			{name: "checksum", readonly: true},
		}, dated, []field{
			{name: "draftDelete", kind: flag, init: "false", readonly: true},
			{name: "rowTotalDiscountAmount", kind: money, readonly: true},
			{name: "rowTotalAfterDiscountIncludingTax", kind: money, readonly: true},
			{name: "rowTotalAfterDiscountExcludingTax", kind: money, readonly: true},
			{name: "rowTotalAfterDiscount", kind: money, readonly: true},
			{name: "orders", kind: many, to: "orders", index: true, cascade: true, fixed: true, checks: []rule{inAnOrder},
				settled: "Line Item order cannot be changed once set."},
			{name: "product", kind: one, to: "products", index: true}, toOne("parentProduct", "products"),
			{name: "productUnit", kind: one, to: "productunits", required: "The product unit does not exist for the product.", insists: true},
			toMany("kitItemLineItems", "orderproductkititemlineitems"), toOne("freeFormTaxCode", "producttaxcodes"),
		}),
		rules:    []check{productOrText},
		complete: withProduct,
		gone: func(d *draft, r *record) {
			t := d.shop.tables["orderlineitems"]
			d.recount(r.lists[t.byName["orders"].slot]...)
		},
	},
	resource{
		name: "orderdiscounts", untitled: true, secures: "order", actions: reading | writing,
		fields: []field{
			{name: "description"},
			{name: "percent", kind: number, garbled: notValid, checks: []rule{valued}, bounds: &bounds{least: "-1", most: "1",
				detail: "This value should be between -100% and 100%."}},
			{
				name: "amount", kind: money, checks: []rule{valued},
				bounds: &bounds{least: "0", most: "999999999999999.9999", detail: "The discount amount should be between 0 and 999999999999999.9999"},
			},
			{name: "orderDiscountType", checks: []rule{discountType}},
			{name: "order", kind: one, to: "orders", index: true, cascade: true, frozen: true, fixed: true,
				checks: []rule{affordable}, settled: "The discount cannot be moved to another order."},
		},
		complete: withDiscount,
		gone: func(d *draft, r *record) {
			t := d.shop.tables["orderdiscounts"]
			d.recount(r.ones[t.byName["order"].slot])
		},
	},
	resource{
		name: "ordershippingtrackings", untitled: true, secures: "orders", actions: reading | writing, business: []string{"method", "number"},
		fields: []field{
			{name: "method", required: notBlank, column: 255}, {name: "number", required: notBlank, column: 255},
			{name: "orders", kind: many, to: "orders", index: true, cascade: true},
		},
	},
	resource{
		name: "ordersubtotals", plain: true, actions: reading, secures: "-", list: (*call).subtotalsOf,
		fields: []field{{name: "order", kind: one, to: "orders", filter: single, equals: true}},
	},
)

func orderCurrency(e *entity, f *field) {
	if code := e.text(f.name); code != "" && !knownCurrency(code) {
		e.violate("currency", f.name, "This value is not a valid currency.")
	}
}

// settled says that an order is at its end, after which nobody may change it: its parts he may.
func settled(e *entity) bool {
	status := e.one("internalStatus")
	return status != nil && among(status.table.id(status.record.serial), "closed", "cancelled")
}

// ownUser wants the order's user to be one of its customer's.
func ownUser(e *entity) {
	if user := e.one("customerUser"); user != nil && e.ref("customer") != 0 && user.ref("customer") != e.ref("customer") {
		e.violate("customer owner", "", "The customer user does not belong to the customer.")
	}
}

func itemized(e *entity, f *field) {
	if len(e.members(f.name)) == 0 {
		e.violate("count", f.name, "Please add at least one Line Item")
	}
}

// productOrText wants a line to say what is bought.
func productOrText(e *entity) {
	if e.ref("product") == 0 && e.text("freeFormProduct") == "" && !(e.existing && e.text("productSku") != "") {
		e.violate("line item product", "product", "Please choose Product.")
	}
}

func inAnOrder(e *entity, f *field) {
	if len(e.record.lists[f.slot]) == 0 && e.index < 0 {
		e.violate("count", f.name, "This collection should contain 1 element or more.")
	}
}

// sizable wants a quantity above zero that fits the unit.
func sizable(e *entity, f *field) {
	if e.raw(f.name) == "" {
		return
	}
	quantity := decimalOf(e.raw(f.name))
	if !quantity.IsPositive() {
		e.violate("greater than", f.name, "The quantity should be greater than 0.")
		return
	}
	if unit := unitOf(e.one("product"), e, "productUnit"); unit != nil && !fits(quantity, unit) {
		e.violate("quantity unit precision", f.name, `The precision for the unit "%s" is not valid.`,
			e.one("productUnit").table.id(e.ref("productUnit")))
	}
}

// linePriced wants a price with a currency.
func linePriced(e *entity, f *field) {
	if e.raw("currency") == "" && e.raw(f.name) != "" {
		e.violate("not blank", "currency", "The currency should not be blank.")
	}
	wholePrice(e, f)
}

// wholePrice checks a price of a value and a currency. What is wrong with it is told of the record, and of the fields.
func wholePrice(e *entity, f *field) {
	before := len(e.violations)
	priced(e, f)
	switch code := e.text("currency"); {
	case e.raw("currency") == "" && e.raw(f.name) != "":
		e.violate("not blank", "currency", "Currency should not be blank.")
	case code != "" && !knownCurrency(code):
		e.violate("currency", "currency", "Currency should be a valid currency.")
	}
	told := slices.Clone(e.violations[before:])
	e.violations = e.violations[:before]
	for _, p := range told {
		p.pointer, p.field, p.detail = e.at(""), "", p.detail+" Source: price."
		e.violations = append(e.violations, p)
	}
	e.violations = append(e.violations, told...)
}

var discountTypes = []string{"oro_order_discount_item_type_amount", "oro_order_discount_item_type_percent"}

// valued wants a discount to have the value that its type asks for.
func valued(e *entity, f *field) {
	asked := map[string]string{discountTypes[0]: "amount", discountTypes[1]: "percent"}[e.text("orderDiscountType")]
	if f.name == asked && e.raw(f.name) == "" && !e.invalid[f.name] {
		e.violate("not blank", f.name, notBlank)
	}
}

// nullOrNotBlank wants a text or none, but no empty one.
func nullOrNotBlank(e *entity, f *field) {
	if e.raw(f.name) == `""` {
		e.violate("not blank", f.name, notBlank)
	}
}

func discountType(e *entity, f *field) {
	if !slices.Contains(discountTypes, e.text(f.name)) {
		e.violate("discount type", f.name, "The discount type is invalid. Valid types are: %s, %s.", discountTypes[0], discountTypes[1])
	}
}

// affordable wants the discounts of an order not to be more than it costs.
func affordable(e *entity, f *field) {
	order := e.one(f.name)
	if order == nil {
		return
	}
	sum := decimal.Zero
	for _, d := range order.members("discounts") {
		if d.record.serial == e.record.serial && d.ref("order") != order.record.serial {
			continue
		}
		tooMuch := decimalOf(d.raw("percent")).Abs().GreaterThan(decimal.New(1, 0)) // its own rule tells
		if d.text("orderDiscountType") == discountTypes[0] || !tooMuch {
			sum = sum.Add(discountOf(order, d))
		}
	}
	if sum.GreaterThan(subtotalOf(order)) {
		pointer := e.at(f.name)
		if e.index < 0 {
			pointer += "/totalDiscountsAmount"
		}
		e.violations = append(e.violations, problem{
			status: 400, title: "discounts constraint", pointer: pointer, field: f.name,
			detail: "The sum of all discounts cannot exceed the order grand total amount. " +
				"Please review some discounts above and make necessary adjustments.",
		})
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
	if e.ref("product") == 0 && e.created && e.text("freeFormProduct") == "" && e.text("productSku") != "" && !e.invalid["product"] {
		products := e.shop.tables["products"]
		if l := products.texts[products.byName["sku"].slot][e.raw("productSku")]; len(l) > 0 {
			e.setRef("product", l[0])
		}
	}
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
			order := e.entity(e.shop.tables["orders"], n)
			order.touch("updatedAt")
			withTotals(order)
		}
	}
}

// checksum is what Oro calls the checksum of a line: equal for lines that may be merged.
func checksum(product, unit string) string {
	sum := sha1.Sum([]byte(product + "|" + unit))
	return hex.EncodeToString(sum[:])
}

// withDiscount works out what a discount is, and the order's totals again, which moves its updatedAt.
func withDiscount(e *entity) {
	order := e.one("order")
	if order == nil {
		if e.created && e.index < 0 {
			e.broken = errorBroken
		}
		return
	}
	order = e.entity(order.table, order.record.serial)
	switch kind := e.text("orderDiscountType"); {
	case kind == discountTypes[1] && e.raw("percent") != "":
		e.set("amount", asMoney(discountOf(order, e)))
	case kind == discountTypes[0] && e.raw("amount") != "":
		e.set("percent", percentOf(decimalOf(e.raw("amount")), subtotalOf(order)))
		e.derived = map[string]bool{"percent": true}
	}
	if e.existing {
		e.derived = map[string]bool{"percent": true, "amount": true, "order": true}
	}
	order.touch("updatedAt")
	withTotals(order)
}

// recount works the totals of orders out again that lost a part, unless they go themselves.
func (d *draft) recount(orders ...int32) {
	t := d.shop.tables["orders"]
	for _, n := range orders {
		if e := d.entity(t, n); e != nil {
			withTotals(e)
		}
	}
}

// percentOf is the share as the shop's floats have it: a percentage of 14 digits, divided by a hundred.
func percentOf(amount, subtotal decimal.Decimal) string {
	if subtotal.IsZero() {
		return "0"
	}
	share := amount.InexactFloat64() / subtotal.InexactFloat64() * 100
	rounded, err := strconv.ParseFloat(strconv.FormatFloat(share, 'g', 14, 64), 64)
	if err != nil || math.IsInf(rounded, 0) {
		return "0"
	}
	return strconv.FormatFloat(rounded/100, 'f', -1, 64)
}

// discountOf is the amount of one of the order's discounts.
func discountOf(order, d *entity) decimal.Decimal {
	if d.text("orderDiscountType") == discountTypes[1] && d.raw("percent") != "" {
		return subtotalOf(order).Mul(decimalOf(d.raw("percent"))).Round(2)
	}
	return decimalOf(d.raw("amount"))
}

// subtotalOf is the sum of an order's rows, each rounded to cents.
func subtotalOf(order *entity) decimal.Decimal {
	sum := decimal.Zero
	for _, line := range order.members("lineItems") {
		sum = sum.Add(rowTotal(line).Round(2))
	}
	return sum
}

func withTotals(e *entity) {
	if e.created && e.text("identifier") == "" {
		e.set("identifier", encode(e.table.id(e.record.serial)))
	}
	if user := e.one("customerUser"); user != nil && e.ref("customer") == 0 && !e.invalid["customer"] {
		e.setRef("customer", user.ref("customer"))
	}
	if e.created && e.wish.sends("createdAt") && e.raw("createdAt") != "" {
		e.set("updatedAt", e.raw("createdAt"))
	}
	subtotal, discounts, noted := subtotalOf(e), decimal.Zero, decimal.Zero
	for _, line := range e.members("lineItems") {
		totalLine(e, e.entity(line.table, line.record.serial))
	}
	if l := e.members("discounts"); len(l) > 0 {
		for _, d := range l {
			discounts = discounts.Add(discountOf(e, d))
			// an order that is made with a discount does not know its amount yet
			if e.created && d.text("orderDiscountType") == discountTypes[1] {
				e.entity(d.table, d.record.serial).set("amount", asMoney(decimal.Zero))
			} else {
				noted = noted.Add(discountOf(e, d))
			}
		}
		e.set("totalDiscountsAmount", asMoney(discounts))
	} else if e.raw("totalDiscountsAmount") != "" {
		e.set("totalDiscountsAmount", asMoney(decimal.Zero))
	}
	reduced := asMoney(subtotal.Sub(noted))
	e.set("subtotalValue", asMoney(subtotal))
	e.set("subtotalWithDiscounts", reduced)
	e.set("subtotalWithDiscountsValue", reduced)
	e.set("totalValue", asMoney(subtotal.Sub(discounts).Add(shippingCost(e))))
}

// rowTotal is a line's total, cut after four decimals.
func rowTotal(line *entity) decimal.Decimal {
	return decimalOf(line.raw("value")).Mul(decimalOf(line.raw("quantity"))).Truncate(4)
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

// taxRow is a row as the tax rules see it: the price in cents, times the quantity.
func taxRow(line *entity) decimal.Decimal {
	return decimalOf(line.raw("value")).Round(2).Mul(decimalOf(line.raw("quantity"))).Round(2)
}

func totalLine(order, line *entity) {
	line.set("rowTotalDiscountAmount", `"0.0000"`)
	line.set("rowTotalAfterDiscount", asMoney(rowTotal(line)))
	total := `"0.0000"`
	if taxed(order) {
		total = asMoney(taxRow(line))
	}
	line.set("rowTotalAfterDiscountIncludingTax", total)
	line.set("rowTotalAfterDiscountExcludingTax", total)
}
