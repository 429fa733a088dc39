package formats

// OrderFeedback is what the ERP answers to an order. An externalId holds at most 36 characters.
var OrderFeedback = &Entity{
	Name: "order_feedback",
	Fields: []Field{
		{Name: "order", Kind: Code, Key: true, Required: true, Max: 255, Else: "erp_order_number",
			Doc: "the order's identifier in the shop; when it is empty, erp_order_number finds the order that an earlier answer gave this number"},
		{Name: "erp_order_number", Kind: Code, Max: 36, Doc: "externalId of the order"},
		{Name: "status", Kind: Code, Max: 64, Doc: "accepted, refused, cancelled, invoiced, …"},
		{Name: "shipping_status", Kind: Choice, Values: []string{"not_shipped", "partially_shipped", "shipped"}},
		{Name: "tracking_method", Kind: Line, Max: 255},
		{Name: "tracking_number", Kind: Line, Max: 255},
		{Name: "message", Kind: Text, Max: 4000},
	},
}
