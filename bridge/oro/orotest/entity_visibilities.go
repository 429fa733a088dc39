package orotest

// visibility says who sees a product.
func visibility(name string, who ...field) resource {
	business := []string{"product"}
	for _, f := range who {
		business = append(business, f.name)
	}
	return resource{
		name: name, untitled: true, actions: reading | writing | batching, secures: "-", business: business,
		fields: fields([]field{{name: "visibility", required: notBlank}, {
			name: "product", kind: one, to: "products", required: notBlank, index: true, cascade: true, frozen: true, bare: true,
		}}, who),
	}
}

var _ = register(
	visibility("productvisibilities"),
	visibility("customerproductvisibilities",
		field{name: "customer", kind: one, to: "customers", required: notBlank, index: true, cascade: true, frozen: true, bare: true}),
	visibility("customergroupproductvisibilities",
		field{name: "customerGroup", kind: one, to: "customergroups", required: notBlank, index: true, cascade: true, frozen: true, bare: true}),
)
