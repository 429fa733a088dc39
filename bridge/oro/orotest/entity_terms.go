package orotest

// Payment terms and tax codes.

var codeShape = &shape{
	pattern:    skuShape.pattern,
	constraint: "alphanumeric dash underscore", detail: skuShape.detail,
}

func taxCodes(name string, owner []field) resource {
	return resource{
		name: name, actions: reading | writing, business: []string{"code"},
		fields: fields([]field{
			{name: "code", required: notBlank, max: 255, shape: codeShape, index: true}, {name: "description"},
		}, undated, owner),
		unique: []unique{{fields: []string{"code"}, detail: "This value is already used.", pointer: "code", enforced: true}},
	}
}

var _ = register(
	resource{
		name: "paymentterms", actions: reading | writing, business: []string{"label"},
		fields: fields([]field{{name: "label", required: notBlank, min: 3, max: 255}}, noted),
	},
	taxCodes("customertaxcodes", ownedByUser),
	taxCodes("producttaxcodes", ownedByUser[1:]),
)
