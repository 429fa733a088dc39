package orotest

import (
	"strconv"
	"strings"
	"testing"
)

// entityBody is the document of a new record: attributes and relations as JSON, without braces.
func entityBody(resource, attributes, relations string, included ...string) string {
	b := `{"data":{"type":"` + resource + `"`
	if attributes != "" {
		b += `,"attributes":{` + attributes + `}`
	}
	if relations != "" {
		b += `,"relationships":{` + relations + `}`
	}
	b += `}`
	if len(included) > 0 {
		b += `,"included":[` + strings.Join(included, ",") + `]`
	}
	return b + `}`
}

func link(name, resource, id string) string {
	return `"` + name + `":{"data":{"type":"` + resource + `","id":"` + id + `"}}`
}

// A visibility is named by its product and by who it is for; there is one for each pair.
func TestVisibilitiesAreNamedByWhatTheyLink(t *testing.T) {
	c := start(t, Seed(Sample))
	const resource = "customerproductvisibilities"
	plain := c.newest("products", entityBody("products", `"sku":"VIS-1"`, link("attributeFamily", "attributefamilies", "1")+`,`+
		link("inventory_status", "prodinventorystatuses", "in_stock")+`,`+link("primaryUnitPrecision", "productunitprecisions", "u")+
		`,"names":{"data":[{"type":"productnames","id":"n"}]}`,
		`{"type":"productunitprecisions","id":"u","relationships":{"unit":{"data":{"type":"productunits","id":"item"}}}}`,
		`{"type":"productnames","id":"n","attributes":{"string":"Plain"}}`))
	of := func(level, product, customer string) string {
		var relations []string
		if product != "" {
			relations = append(relations, link("product", "products", product))
		}
		if customer != "" {
			relations = append(relations, link("customer", "customers", customer))
		}
		attributes := ""
		if level != "" {
			attributes = `"visibility":"` + level + `"`
		}
		return entityBody(resource, attributes, strings.Join(relations, ","))
	}
	const levels = `"title":"visibility type constraint","detail":"The value should be one of customer_group, current_product, hidden, visible.",` +
		`"source":{"pointer":"/data/attributes/visibility"}`
	const missing = `"title":"not null constraint","detail":"This value should not be null.","source":{"pointer":"/data/relationships/`
	id := plain + "-1"
	c.holds(
		post(resource, of("visible", plain, "1"), 201, `"id":"`+id+`"`, `"visibility":"visible"`, "not relationships/product"),
		post(resource, of("hidden", plain, "1"), 409, `"title":"conflict constraint","detail":"The visibility entity already exists."`, "not source"),
		post(resource, of("wrong", plain, "2"), 400, levels),
		post(resource, of("category", plain, "2"), 400, levels),
		post(resource, of("", plain, "2"), 400, levels),
		post(resource, of("visible", "", "2"), 400, missing+`product/data"`),
		post(resource, of("visible", plain, ""), 400, missing+`customer/data"`),
		post(resource, of("visible", plain, "2")[:len(of("visible", plain, "2"))-1]+`,"included":[{"type":"products","id":"x"}]}`, 400,
			"The included data are not supported for this resource type.", `"pointer":"/included"`),
		post("productvisibilities", entityBody("productvisibilities", `"visibility":"config"`, link("product", "products", plain)), 201, `"id":"`+plain+`"`),
		post("customergroupproductvisibilities", entityBody("customergroupproductvisibilities", `"visibility":"current_product"`,
			link("product", "products", plain)+","+link("customerGroup", "customergroups", "1")), 201, `"id":"`+id+`"`),
		get(resource+"/"+id, 200, `"id":"`+id+`"`), get(resource+"/"+plain, 404), get(resource+"/text", 404), get(resource+"/1-1", 404),
		get(resource+"?filter[id]="+id, 200, "ids "+id), get(resource+"?filter[id]="+plain+"-2", 200, "ids"),
		get(resource+"?filter[id]=text", 400, `The value \"text\" is not valid identifier.`),
		get(resource+"?filter[customer]=1", 200, "ids "+id), get(resource+"?filter[product]="+plain, 200, "ids "+id),
		get(resource+"?sort=id", 400, `Sorting by \"id\" field is not supported.`), get(resource+"?sort=-product,customer", 200, "ids "+id),
		get(resource+"/"+id+"/product", 404, "Unsupported subresource."),
		patch(resource+"/"+id, `{"data":{"type":"`+resource+`","id":"`+id+`","attributes":{"visibility":"hidden"},"relationships":{`+
			link("customer", "customers", "2")+`}}}`, 200, `"visibility":"hidden"`, `{"type":"customers","id":"1"}`),
		drop(resource+"/"+id, 204), get(resource+"/"+id, 404),
		drop("products/"+plain, 204), get("productvisibilities/"+plain, 404),
	)
}

// A price rule has a value or an expression for quantity, currency and unit, and makes its list's prices outdated.
func TestPriceRulesHaveValuesOrExpressions(t *testing.T) {
	c := start(t, Seed(Sample))
	list := c.newest("pricelists", entityBody("pricelists", `"name":"Ruled","priceListCurrencies":["USD"]`, ""))
	of := func(attributes, relations string) string {
		return entityBody("pricerules", attributes, link("priceList", "pricelists", list)+relations)
	}
	unit := "," + link("productUnit", "productunits", "item")
	const rest = `,"rule":"pricelist[1].prices.value * 0.8","priority":"10"`
	c.holds(
		get("pricelists/"+list, 200, `"actual":true`),
		post("pricerules", of(`"quantity":1,"productUnitExpression":"pricelist[1].prices.unit"`+rest, ""), 400,
			`"title":"not blank one of constraint","detail":"One of fields: Currency, Currency Expression is required","source":{"pointer":"/data/attributes/currency"}`,
			`"/data/attributes/currencyExpression"`, "not Quantity"),
		post("pricerules", of(`"currency":"EUR","currencyExpression":"a.b","quantity":1,"quantityExpression":"a.c","productUnitExpression":"a.d"`+rest, unit), 400,
			"One of fields: Currency, Currency Expression should be blank", "One of fields: Quantity, Quantity Expression should be blank",
			"One of fields: Product Unit, Product Unit Expression should be blank"),
		post("pricerules", of(`"currency":"EUR","quantity":0`+rest, unit), 400, "This value should be greater than 0.", "not is required"),
		post("pricerules", of(`"currency":"Taler","quantity":1`+rest, unit), 400, "This value is not a valid currency."),
		post("pricerules", of(`"currency":"EUR","quantity":1,"priority":1`, unit), 400, notBlank, "attributes/rule"),
		post("pricerules", of(`"currency":"EUR","quantity":1,"priority":1,"rule":"pricelist[1].prices.value *"`, unit), 400, "Unexpected token"),
		post("pricerules", entityBody("pricerules", `"currency":"EUR","quantity":1`+rest, link("productUnit", "productunits", "item")), 500),
	)
	rule := c.newest("pricerules", of(`"currency":"EUR","quantity":1,"quantityExpression":null`+rest, unit))
	c.holds(
		get("pricerules/"+rule, 200, `"priority":10`, `"quantity":1`, `"currencyExpression":null`, `{"type":"productunits","id":"item"}`),
		get("pricelists/"+list, 200, `"actual":false`, `"priceRules":{`, `{"type":"pricerules","id":"`+rule+`"}`),
		get("pricerules?filter[priceList]="+list, 200, "ids "+rule),
		get("pricerules/"+rule+"/productUnit", 200, `"id":"item"`),
		patch("pricerules/"+rule, `{"data":{"type":"pricerules","id":"`+rule+`","attributes":{"quantity":null,"quantityExpression":"pricelist[1].prices.quantity + 4"}}}`, 200,
			`"quantity":null`),
		patch("pricelists/"+list, `{"data":{"type":"pricelists","id":"`+list+`","relationships":{"priceRules":{"data":[{"type":"pricerules","id":"new"}]}}},"included":[
			{"type":"pricerules","id":"new","attributes":{"currency":"EUR","quantity":1,"priority":10,"rule":"pricelist[1].prices.value * 0.8"},
			"relationships":{`+link("productUnit", "productunits", "item")+`}}]}`, 200),
		get("pricerules?filter[priceList]="+list, 200, "not ids "+rule),
		drop("pricelists/"+list, 204),
	)
	if n := c.shop.Count("pricerules"); n != 0 {
		t.Errorf("%d rules of no list", n)
	}
}

// productOf makes a product with a unit of some precision; more is said of its attributes and relations.
func (c *client) productOf(sku, unit string, precision int, attributes, relations string, included ...string) statement {
	return post("products", entityBody("products", `"sku":"`+sku+`"`+attributes, link("attributeFamily", "attributefamilies", "1")+`,`+
		link("inventory_status", "prodinventorystatuses", "in_stock")+`,`+link("primaryUnitPrecision", "productunitprecisions", "u")+
		`,"names":{"data":[{"type":"productnames","id":"n"}]}`+relations, append(included,
		`{"type":"productunitprecisions","id":"u","attributes":{"precision":`+strconv.Itoa(precision)+`},"relationships":{`+link("unit", "productunits", unit)+`}}`,
		`{"type":"productnames","id":"n","attributes":{"string":"`+sku+`"}}`)...), 201)
}

// A kit consists of items, each of which is one of some simple products that are sold in its unit.
func TestKitsConsistOfSimpleProducts(t *testing.T) {
	c := start(t, Seed(Sample))
	c.holds(c.productOf("PART-1", "item", 1, "", ""))
	one := c.shop.Newest("products", "id")
	c.holds(c.productOf("PART-2", "set", 0, "", ""))
	two := c.shop.Newest("products", "id")
	parts := func(product string) []string {
		return []string{
			`{"type":"productkititemlabels","id":"l","attributes":{"string":"Choice"}}`,
			`{"type":"productkititemproducts","id":"p","attributes":{"sortOrder":1},"relationships":{` + link("product", "products", product) + `}}`,
		}
	}
	const labels = `"labels":{"data":[{"type":"productkititemlabels","id":"l"}]}`
	const choices = `"kitItemProducts":{"data":[{"type":"productkititemproducts","id":"p"}]}`
	empty := c.productOf("KIT-0", "item", 0, `,"productType":"kit"`, "")
	empty.status, empty.words = 400, []string{"Product kit should have at least one kit item fully specified.", `"title":"not empty product kit items collection constraint"`}
	c.holds(empty, c.productOf("KIT-1", "item", 0, `,"productType":"kit"`, `,"kitItems":{"data":[{"type":"productkititems","id":"k"}]}`, append(parts(one),
		`{"type":"productkititems","id":"k","attributes":{"optional":true},"relationships":{`+labels+`,`+choices+`,`+link("productUnit", "productunits", "item")+`}}`)...))
	kit := c.shop.Newest("products", "id")
	first := c.shop.Newest("productkititems", "id")
	item := func(attributes, relations string, product string) string {
		return entityBody("productkititems", attributes, relations, parts(product)...)
	}
	ofKit := link("productKit", "products", kit)
	at := func(name string) string { return `"pointer":"/data/relationships/` + name }
	c.holds(
		get("productkititems/"+first, 200, `"optional":true`, `"sortOrder":0`, `"minimumQuantity":null`, `{"type":"products","id":"`+kit+`"}`),
		get("products/"+kit, 200, `"kitItems":{`, `{"type":"productkititems","id":"`+first+`"}`),
		post("productkititems", item("", labels+","+choices+","+ofKit, one), 201, `{"type":"productunits","id":"item"}`),
		post("productkititems", item("", labels+","+choices+","+ofKit, two), 400, "Unit of quantity cannot be empty.", at("productUnit/data")),
		post("productkititems", item("", labels+","+choices+","+ofKit+","+link("productUnit", "productunits", "item"), two), 400,
			"Unit of quantity should be available for all specified products.", at("productUnit/data")),
		post("productkititems", item("", labels+","+choices+","+link("productKit", "products", one), one), 400,
			`Type \"simple\" is not allowed. The only allowed type is \"kit\".`, at("productKit/data/type")),
		post("productkititems", item("", labels+","+choices+","+ofKit, kit), 400, "Only simple product can be used in kit options.", at("kitItemProducts/data/0")),
		post("productkititems", entityBody("productkititems", "", choices+","+ofKit, parts(one)[1]), 400, "This collection should contain 1 element or more.", at("labels/data")),
		post("productkititems", entityBody("productkititems", "", labels+","+ofKit, parts(one)[0]), 400,
			"Each kit option should have at least one product specified.", at("kitItemProducts/data")),
		post("productkititems", item("", labels+","+choices, one), 400, "This value should not be null.", at("productKit/data")),
		post("productkititems", item(`"minimumQuantity":123.456,"maximumQuantity":456.789`, labels+","+choices+","+ofKit, one), 400,
			"Minimum quantity 123.456 does not match the allowed product unit precision 1.", "Maximum quantity 456.789 does not match"),
		post("productkititems", item(`"minimumQuantity":-42`, labels+","+choices+","+ofKit, one), 400, `"range constraint","detail":"This value should be 0 or more."`),
		post("productkititems", item(`"sortOrder":42.42`, labels+","+choices+","+ofKit, one), 400, "Please enter an integer."),
		post("productkititems", item(`"maximumQuantity":"string"`, labels+","+choices+","+ofKit, one), 400, "Please enter a number."),
		post("productkititemlabels", entityBody("productkititemlabels", `"string":"x"`, ""), 403, "A product kit item label can be created only together"),
		post("productkititemproducts", entityBody("productkititemproducts", "", ""), 403, "A product kit item product can be created only together"),
		patch("productkititems/"+first, `{"data":{"type":"productkititems","id":"`+first+`","relationships":{"kitItemProducts":{"data":[]}}}}`, 400,
			"Each kit option should have at least one product specified."),
		patch("productkititems/"+first, `{"data":{"type":"productkititems","id":"`+first+`","relationships":{`+link("productKit", "products", one)+`}}}`, 400,
			"This field cannot be changed once set."),
		patch("products/"+kit+"/relationships/kitItems", `{"data":[]}`, 400, "Product kit should have at least one kit item fully specified."),
		drop("products/"+one, 403, `No access by \"DELETE\" permission to the entity.`),
		drop("products/"+kit, 204), drop("products/"+one, 204),
	)
	if n := c.shop.Count("productkititems") + c.shop.Count("productkititemproducts") + c.shop.Count("productkititemlabels"); n != 0 {
		t.Errorf("%d parts of no kit", n)
	}
}

// An order has attachments, each with its file.
func TestOrdersHaveAttachments(t *testing.T) {
	c := start(t, Seed(Sample))
	file := func(attributes string) string { return `{"type":"files","id":"f","attributes":{` + attributes + `}}` }
	const links = `"file":{"data":{"type":"files","id":"f"}},"target":{"data":{"type":"orders","id":"1"}}`
	const invoice = `"mimeType":"application/pdf","originalFilename":"invoice.pdf","content":"JVBERi0="`
	c.holds(post("attachments", entityBody("attachments", `"comment":"Invoice"`, links, file(invoice)), 201, `"comment":"Invoice"`, `{"type":"orders","id":"1"}`))
	id, kept := c.shop.Newest("attachments", "id"), c.shop.Newest("files", "id")
	c.holds(
		get("files/"+kept, 200, `"content":"JVBERi0="`, `"fileSize":5`, `"parent":{`, `{"type":"attachments","id":"`+id+`"}`, `"parentFieldName":"file"`),
		get("files", 405), get("orders/1/attachments", 200, "ids "+id), get("attachments?filter[target]=1", 200, "ids "+id),
		post("attachments", entityBody("attachments", "", `"target":{"data":{"type":"orders","id":"1"}}`), 400, notBlank, "relationships/file/data"),
		post("attachments", entityBody("attachments", "", `"file":{"data":{"type":"files","id":"f"}}`, file(invoice)), 400, notBlank, "relationships/target/data"),
		post("attachments", entityBody("attachments", "", links, file(`"originalFilename":"a.pdf","content":"0"`)), 400, "Cannot decode content encoded with MIME base64."),
		post("attachments", entityBody("attachments", "", links, file(`"content":"JVBERi0="`)), 400, "should be specified together with"),
		post("attachments", entityBody("attachments", "", links, file(`"originalFilename":"/etc/a.pdf","content":"JVBERi0="`)), 400, "The file name should not have a path."),
		post("attachments", entityBody("attachments", "", links, file(`"externalUrl":"https://example.com/a.pdf"`)), 400, "No external files and images are allowed."),
		drop("attachments/"+id, 204), get("files/"+kept, 404),
	)
}

// What is refused by its content takes no id; what the database refuses does.
func TestRefusedRecordsTakeNoID(t *testing.T) {
	c := start(t)
	list := func(attributes string) string { return entityBody("pricelists", attributes, "") }
	id := func() int {
		n, err := strconv.Atoi(c.newest("pricelists", list(`"name":"L","priceListCurrencies":["USD"]`)))
		must(t, err)
		return n
	}
	first := id()
	c.holds(
		post("pricelists", list(`"priceListCurrencies":["USD"]`), 400),
		post("pricelists", list(`"name":"L","priceListCurrencies":["ABC"]`), 400),
		post("pricelists", list(`"name":"L","priceListCurrencies":["USD"],"colour":"red"`), 400),
	)
	if n := id(); n != first+1 {
		t.Errorf("after three that were refused: %d, want %d", n, first+1)
	}
	c.holds(post("pricelists", list(`"name":"L","priceListCurrencies":["USD"],"active":null`), 500))
	if n := id(); n != first+3 {
		t.Errorf("after one that the database refused: %d, want %d", n, first+3)
	}
	c.batch("pricelists", `{"data":[{"type":"pricelists","attributes":{"name":"A","priceListCurrencies":["USD"]}},{"type":"pricelists","attributes":{"name":"B"}}]}`)
	if n := id(); n != first+5 {
		t.Errorf("after a batch of a good one and a bad one: %d, want %d", n, first+5)
	}
}
