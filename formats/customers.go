package formats

// Customers are companies that buy in the shop. An externalId holds at most 36 characters: a longer one ends in the
// shop's database error, so it is refused here.
var Customers = &Entity{
	Name:      "customers",
	Persons:   true,
	OnMissing: []string{"keep"}, ToCreate: []string{"name"}, Stock: stockCustomer,
	Wholes: []Whole{{
		Name:   "address",
		Fields: []string{"address_label", "street", "street2", "city", "postal_code", "region", "country"},
		Along:  []string{"phone"},
		Needs:  addressNeeds,
	}},
	Fields: []Field{
		{Name: "customer_number", Kind: Code, Key: true, Required: true, Max: 36, Doc: "the ERP's number (KUNNR), externalId in the shop"},
		{Name: "name", Kind: Line, Required: true, Max: 255, Doc: "company name"},
		{Name: "group", Kind: Code, Max: 255, Doc: "name of a customer group that the shop has"},
		{Name: "parent_number", Kind: Code, Max: 36, Ref: "customers", Doc: "customer number of the parent company"},
		{Name: "payment_term", Kind: Code, Max: 255, Doc: "label of a payment term that the shop has"},
		{Name: "tax_code", Kind: Code, Max: 255, Doc: "customer tax code that the shop has"},
		{Name: "rating", Kind: Code, Max: 32, Doc: "internal rating, by id or name"},
		{Name: "address_label", Kind: Line, Max: 255, Doc: "label of the one address that the bridge keeps"},
		{Name: "street", Kind: Line, Max: 500},
		{Name: "street2", Kind: Line, Max: 500},
		{Name: "city", Kind: Line, Max: 255},
		{Name: "postal_code", Kind: Line, Max: 255},
		{Name: "region", Kind: Code, Max: 255, Doc: "the shop's code (US-NY), today's ISO 3166-2 code, or its name"},
		{Name: "country", Kind: Code, Max: 255, Doc: "ISO 3166-1, two or three letters, or its name in the shop"},
		{Name: "phone", Kind: Line, Max: 255},
		{Name: RemoveField, Kind: Flag, Doc: "1 or X marks a removal"},
	},
}
