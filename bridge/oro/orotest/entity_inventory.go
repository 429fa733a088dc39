package orotest

var _ = register(resource{
	name: "inventorylevels", untitled: true, actions: reading | updating | batching, business: []string{"product", "productUnitPrecision"},
	fields: []field{
		{name: "quantity", kind: amount, init: `"0"`, required: notBlank}, externalID,
		{name: "product", kind: one, to: "products", index: true, cascade: true, readonly: true},
		{name: "productUnitPrecision", kind: one, to: "productunitprecisions", index: true, cascade: true, readonly: true},
		{name: "organization", kind: one, to: "organizations", init: "1", readonly: true},
	},
})
