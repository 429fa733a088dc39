package orotest

// options is a list that the shop's owner maintains: statuses, ratings. Prefix begins the full ids of its options.
func options(name, prefix string) resource {
	return resource{
		name: name, ids: code, actions: reading, secures: "-", business: []string{"id"}, title: []string{"name"}, fullID: prefix, option: true,
		fields: []field{{name: "priority", kind: integer, sorts: true}, {name: "default", kind: flag}, {name: "name", sorts: true}},
	}
}

var _ = register(
	options("prodinventorystatuses", "prod_inventory_status."),
	options("customerratings", "acc_internal_rating."),
	options("orderstatuses", "order_status."),
	options("orderinternalstatuses", "order_internal_status."),
	options("ordershippingstatuses", "order_shipping_status."),
)
