package formats

// Prices are keyed by list, product, unit, quantity (the tier's lower bound) and currency. The shop stores four decimals.
var Prices = &Entity{
	Name:      "prices",
	OnMissing: []string{"keep", "delete"}, Scope: []string{"price_list"}, ToCreate: []string{"value"}, Worth: "value", Stock: stockPrice,
	After: []string{"products", "pricelists"},
	Fields: []Field{
		{Name: "price_list", Kind: Line, Key: true, Required: true, Max: 50, Ref: "pricelists", Doc: "name of the price list"},
		{Name: "sku", Kind: Code, Key: true, Required: true, Max: 255, Ref: "products"},
		{Name: "unit", Kind: Code, Key: true, Required: true, Max: 255, Doc: "one of the product's units"},
		{Name: "quantity", Kind: Quantity, Key: true, Default: "1", Doc: "from this quantity on; 1 when empty"},
		{Name: "currency", Kind: Code, Key: true, Required: true, Max: 3, Doc: "ISO 4217, one of the list's"},
		{Name: "value", Kind: Money, Required: true, Doc: "price of one unit"},
		{Name: RemoveField, Kind: Flag, Doc: "1 or X removes the price"},
	},
}
