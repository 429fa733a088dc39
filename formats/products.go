package formats

// Products are what the shop sells. A sku has 3 to 255 characters in a stock shop.
var Products = &Entity{
	Name:      "products",
	OnMissing: []string{"keep", "disable"}, ToCreate: []string{"name", "unit"}, Stock: stockProduct,
	Left: []Value{{Field: "status", Text: "disabled"}},
	Fields: []Field{
		{Name: "sku", Kind: Code, Key: true, Required: true, Max: 255, Doc: "material number (MATNR)"},
		{Name: "name", Kind: Line, Max: 255, Family: Localized, Doc: "needed to create; name[de_DE] for a localization"},
		{Name: "short_description", Kind: Text, Family: Localized},
		{Name: "description", Kind: Text, Family: Localized},
		{Name: "unit", Kind: Code, Max: 255, Doc: "primary unit, needed to create"},
		{Name: "precision", Kind: Quantity, Doc: "decimals of the primary unit's quantities, 0 to 10"},
		{Name: "more_units", Kind: Units, Doc: "further units: set:0:12 = code:precision:rate, separated by blanks"},
		{Name: "status", Kind: Choice, Values: []string{"enabled", "disabled"}},
		{Name: "inventory_status", Kind: Code, Max: 32, Doc: "in_stock, out_of_stock, discontinued, or the shop's own"},
		{Name: "category", Kind: Path, Doc: "titles from the root down: A > B"},
		{Name: "brand", Kind: Code, Max: 255, Doc: "name of a brand that the shop has"},
		{Name: "tax_code", Kind: Code, Max: 255, Doc: "product tax code that the shop has"},
		{Name: "family", Kind: Code, Max: 255, Doc: "code of the attribute family, to create"},
		{Name: "attr.", Kind: Text, Family: Prefixed, Doc: "attr.<field> sets the shop's own attribute"},
		{Name: RemoveField, Kind: Flag, Doc: "1 or X disables the product"},
	},
}
