package orotest

var _ = register(resource{
	name: "pricerules", untitled: true, secures: "priceList", actions: reading | writing | batching,
	business: []string{"priceList", "priority"},
	fields: []field{
		{name: "currency", checks: []rule{tender}}, {name: "currencyExpression", checks: []rule{assignable}},
		{name: "quantity", kind: number, checks: []rule{aboveZero}}, {name: "quantityExpression", checks: []rule{assignable}},
		{name: "productUnitExpression", checks: []rule{assignable}}, {name: "ruleCondition", checks: []rule{assignable}},
		{name: "rule", required: notBlank, checks: []rule{assignable}},
		{name: "priority", kind: integer, required: notBlank, bounds: ordinal},
		{name: "productUnit", kind: one, to: "productunits", index: true, cascade: true},
		{name: "priceList", kind: one, to: "pricelists", index: true, cascade: true, frozen: true, fixed: true},
	},
	rules:    []check{valueOrExpression},
	complete: staleList,
	gone: func(d *draft, r *record) {
		t := d.shop.tables["pricerules"]
		outdated(d, r.ones[t.byName["priceList"].slot])
	},
})

// valueOrExpression wants currency, quantity and unit to be either given or worked out.
func valueOrExpression(e *entity) {
	for _, pair := range [][3]string{
		{"quantity", "quantityExpression", "Quantity, Quantity Expression"},
		{"currency", "currencyExpression", "Currency, Currency Expression"},
		{"productUnit", "productUnitExpression", "Product Unit, Product Unit Expression"},
	} {
		switch value, expression := e.filled(pair[0]), e.filled(pair[1]); {
		case value && expression:
			e.insist("blank one of", pair[0], "One of fields: %s should be blank", pair[2])
		case !value && !expression && !e.invalid[pair[0]]:
			e.insist("not blank one of", pair[0], "One of fields: %s is required", pair[2])
			e.insist("not blank one of", pair[1], "One of fields: %s is required", pair[2])
		}
	}
}

// filled reports whether a field has a value.
func (e *entity) filled(name string) bool {
	if e.table.byName[name].kind == one {
		return e.ref(name) != 0
	}
	return e.raw(name) != "" && e.text(name) != ""
}

// tender wants a currency that there is.
func tender(e *entity, f *field) {
	if e.filled(f.name) && !knownCurrency(e.text(f.name)) {
		e.violate("currency", f.name, "This value is not a valid currency.")
	}
}

// staleList makes the prices of a rule's list outdated; a rule without a list the database refuses.
func staleList(e *entity) {
	if e.ref("priceList") == 0 {
		e.broken = notNullBroken
		return
	}
	outdated(e.draft, e.ref("priceList"))
}

// outdated says of a price list that its prices are to be worked out again.
func outdated(d *draft, list int32) {
	t := d.shop.tables["pricelists"]
	if d.get(t, list) != nil {
		d.edit(t, list).attrs[t.byName["actual"].slot] = "false"
	}
}
