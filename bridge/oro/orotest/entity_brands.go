package orotest

// brandTexts are the relations of a brand to its texts, in the order in which the shop writes them.
var brandTexts = []string{"names", "descriptions", "shortDescriptions", "slugPrototypes", "metaTitles", "metaDescriptions", "metaKeywords"}

func textsOf(names ...string) []field {
	var l []field
	for _, name := range names {
		l = append(l, toMany(name, "localizedfallbackvalues"))
	}
	return l
}

var _ = register(resource{
	name: "brands", actions: reading | writing, business: []string{"names"}, title: []string{"names"},
	fields: fields([]field{{name: "status", init: `"disabled"`}}, dated, []field{externalID}, ownedByUnit, textsOf(brandTexts...)),
	unique: []unique{uniqueExternalID}, complete: withBrandTexts,
})

// withBrandTexts gives a new brand its texts, and a slug of its name. Without a name the database refuses it.
func withBrandTexts(e *entity) {
	if !e.created {
		return
	}
	f := e.table.byName["names"]
	named := false
	for _, n := range e.record.lists[f.slot] {
		r := e.get(f.target, n)
		named = named || r != nil && r.ones[f.target.byName["localization"].slot] == 0 && r.attrs[f.target.byName["string"].slot] != ""
	}
	if !named {
		e.broken = notNullBroken
		return
	}
	values := len(e.shop.languages()) + 1
	for _, name := range brandTexts[1:] {
		translate(e, name, values)
	}
	translate(e, "names", values)
}
