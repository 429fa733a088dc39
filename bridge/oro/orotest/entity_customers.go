package orotest

var _ = register(
	resource{
		name: "customergroups", actions: reading | writing, business: []string{"name"},
		fields: fields([]field{{name: "name", required: notBlank, column: 255, index: true, filter: single}}, ownedByUser, []field{
			toOne("paymentTerm", "paymentterms"), toOne("taxCode", "customertaxcodes"),
		}, noted),
	},
	resource{
		name: "accounts", actions: reading | writing, business: []string{"name"},
		fields: []field{{name: "name", required: notBlank, max: 255, filter: single}},
	},
	resource{
		name: "customers", actions: reading | writing | batching, extKey: "externalId", business: []string{"externalId", "name"},
		title: []string{"name"}, noNewKin: true,
		fields: fields([]field{{name: "name", required: notBlank, max: 255, index: true, filter: single}}, dated, []field{
			externalID,
			{name: "parent", kind: one, to: "customers", index: true},
			backTo("children", "customers", "parent"),
			{name: "addresses", kind: inverse, to: "customeraddresses", via: "customer", orphans: true, fixed: true},
			{name: "group", kind: one, to: "customergroups", index: true},
			backTo("users", "customerusers", "customer"),
		}, ownedByUser, []field{
			toMany("salesRepresentatives", "users"), toOne("paymentTerm", "paymentterms"),
			toOne("taxCode", "customertaxcodes"),
		}, attached, []field{
			{name: "internal_rating", kind: one, to: "customerratings", prefix: "acc_internal_rating."},
			{name: "account", kind: one, to: "accounts", required: notBlank, index: true},
		}),
		unique:   []unique{uniqueExternalID},
		rules:    []check{noCircle},
		complete: withAccount,
	},
)

// noCircle wants a customer not to stand above or below itself. Who stands above whom is what was stored before.
func noCircle(e *entity) {
	parent := e.one("parent")
	if parent == nil {
		return
	}
	const constraint = "circular customer reference"
	if parent.record.serial == e.record.serial {
		e.violate(constraint, "", "Circular reference detected. '%s' cannot be its own parent.", e.text("name"))
		return
	}
	if above(e, parent.record.serial, e.record.serial) {
		e.violate(constraint, "parent", "Circular reference detected. '%s' cannot be a parent of '%s' because it is its child.",
			parent.text("name"), e.text("name"))
		return
	}
	if !e.wish.sends("children") {
		return
	}
	for _, child := range e.members("children") {
		if child.record.serial == parent.record.serial || above(e, e.record.serial, child.record.serial) {
			e.violate(constraint, "children", "Circular reference detected. '%s' cannot be a child of '%s' because it is its parent.",
				child.text("name"), e.text("name"))
		}
	}
}

// above reports whether the customer top stands above the customer n in the shop.
func above(e *entity, n, top int32) bool {
	slot := e.table.byName["parent"].slot
	seen := map[int32]bool{}
	for up := e.table.get(n); up != nil && !seen[up.serial]; up = e.table.get(up.ones[slot]) {
		seen[up.serial] = true
		if up.ones[slot] == top {
			return true
		}
	}
	return false
}

// withAccount gives a new customer an account of its name.
func withAccount(e *entity) {
	if e.created && e.ref("account") == 0 && !e.invalid["account"] {
		account := e.create("accounts")
		account.set("name", e.raw("name"))
		e.setRef("account", account.record.serial)
	}
}
