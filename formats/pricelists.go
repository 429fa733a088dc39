package formats

// PriceLists are known by name; the shop does not keep names unique, so an ambiguous one is refused.
var PriceLists = &Entity{
	Name:      "pricelists",
	OnMissing: []string{"keep", "disable"}, ToCreate: []string{"currencies"}, Stock: stockPriceList,
	Fields: []Field{
		{Name: "name", Kind: Line, Key: true, Required: true, Max: 50, Doc: "name, unique in the shop"},
		{Name: "currencies", Kind: Codes, Doc: "codes separated by blanks: EUR USD"},
		{Name: "active", Kind: Flag, Doc: "1 or 0"},
		{Name: RemoveField, Kind: Flag, Doc: "1 or X puts the list to rest: it is not active any more, and keeps its prices"},
	},
}
