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

// noCircle wants a customer not to stand above itself.
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
	seen := map[int32]bool{}
	for up := parent.one("parent"); up != nil && !seen[up.record.serial]; up = up.one("parent") {
		if up.record.serial == e.record.serial {
			e.violate(constraint, "parent", "Circular reference detected. '%s' cannot be a parent of '%s' because it is its child.",
				parent.text("name"), e.text("name"))
			return
		}
		seen[up.record.serial] = true
	}
}

// withAccount gives a new customer an account of its name.
func withAccount(e *entity) {
	if e.created && e.ref("account") == 0 && !e.invalid["account"] {
		account := e.create("accounts")
		account.set("name", e.raw("name"))
		e.setRef("account", account.record.serial)
	}
}
