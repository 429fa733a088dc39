package formats

// CustomerUsers are the people who log in and buy for a customer. They are known by their e-mail address, which the shop takes
// as it is written. Without a role a user sees nothing, and without a password, which no file carries, the first thing to do is
// to ask the shop for a new one.
var CustomerUsers = &Entity{
	Name:      "customer_users",
	Persons:   true,
	After:     []string{"customers"},
	OnMissing: []string{"keep", "disable"}, ToCreate: []string{"customer_number", "first_name", "last_name"},
	Left: []Value{{Field: "enabled", Text: "0"}},
	Fields: []Field{
		{Name: "email", Kind: Line, Key: true, Required: true, Max: 255, Doc: "address, with which the person logs in"},
		{Name: "customer_number", Kind: Code, Max: 36, Ref: "customers", Doc: "the customer for whom the person buys, needed to create"},
		{Name: "first_name", Kind: Line, Max: 255, Doc: "needed to create"},
		{Name: "last_name", Kind: Line, Max: 255, Doc: "needed to create"},
		{Name: "role", Kind: Line, Max: 255, Doc: "label of a customer user role that the shop has; it takes the place of others"},
		{Name: "enabled", Kind: Flag, Doc: "1 lets the person log in, 0 does not"},
		{Name: RemoveField, Kind: Flag, Doc: "1 or X disables the user"},
	},
}
