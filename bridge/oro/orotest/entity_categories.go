package orotest

var _ = register(
	localized("categorytitles", "category", "categories", "string", text, reading),
	resource{
		name: "categories", actions: reading, business: []string{"titles"}, title: []string{"titles"},
		fields: fields([]field{
			{name: "materializedPath"}, {name: "left", kind: integer}, {name: "level", kind: integer},
			{name: "right", kind: integer}, {name: "root", kind: integer},
		}, undated, []field{
			{name: "availability_date", kind: moment},
			backTo("titles", "categorytitles", "category"),
			{name: "parentCategory", kind: one, to: "categories", index: true},
			backTo("childCategories", "categories", "parentCategory"),
			toMany("shortDescriptions", "categoryshortdescriptions"), toMany("longDescriptions", "categorylongdescriptions"),
			toMany("slugPrototypes", "localizedfallbackvalues"), toOne("organization", "organizations"),
			backTo("products", "products", "category"), toOne("isUpcoming", "entityfieldfallbackvalues"),
		}, fallbacks(stocked...), textsOf("metaTitles", "metaDescriptions", "metaKeywords"),
			[]field{toOne("largeImage", "files"), toOne("smallImage", "files")}, noted),
	},
)
