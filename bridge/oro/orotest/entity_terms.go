package orotest

// Payment terms and tax codes.

var codeShape = &shape{
	pattern:    skuShape.pattern,
	constraint: "alphanumeric dash underscore", detail: skuShape.detail,
}

func taxCodes(name string, owner ...string) resource {
	var owners []field // they are the shop's to give
	for _, name := range owner {
		owners = append(owners, field{name: name, kind: one, to: name + "s", init: "1", readonly: true})
	}
	owners[0].to = map[bool]string{true: "users", false: "organizations"}[owner[0] == "owner"]
	return resource{
		name: name, actions: reading | writing, business: []string{"code"},
		fields: fields([]field{
			{name: "code", required: notBlank, max: 255, shape: codeShape, index: true}, {name: "description"},
		}, undated, owners),
		unique: []unique{{fields: []string{"code"}, title: "unique tax code constraint", detail: "This value is already used.",
			pointer: "code", enforced: true}},
	}
}

var _ = register(
	resource{
		name: "paymentterms", actions: reading | writing, business: []string{"label"},
		fields: fields([]field{{name: "label", required: notBlank, min: 3, max: 255}}, noted),
	},
	taxCodes("customertaxcodes", "owner", "organization"),
	taxCodes("producttaxcodes", "organization"),
)
