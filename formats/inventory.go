package formats

// Inventory is the quantity on hand of a product in one unit (the primary one when the unit is empty).
var Inventory = &Entity{
	Name:      "inventory",
	OnMissing: []string{"keep", "zero"}, Fixed: true,
	Left:  []Value{{Field: "quantity", Text: "0"}},
	After: []string{"products"},
	Fields: []Field{
		{Name: "sku", Kind: Code, Key: true, Required: true, Max: 255, Ref: "products"},
		{Name: "unit", Kind: Code, Key: true, Max: 255, Doc: "one of the product's units; the primary one when empty"},
		{Name: "quantity", Kind: Quantity, Required: true},
		{Name: "inventory_status", Kind: Code, Max: 32, Doc: "in_stock, out_of_stock, discontinued, or the shop's own"},
	},
}
