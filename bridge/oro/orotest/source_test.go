package orotest

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// What no recording shows stands here as Oro's own code and functional tests have it (6.1.11): api.yml of each bundle, the
// processors of ApiBundle, and the tests in Tests/Functional/Api of order, pricing, product, tax and customer bundle.
//
// A statement is a request, the status, and words of the answer; "ids 1 2" wants these records in this order, and "not x" that
// x is not said.
type statement struct {
	method, path, body string
	status             int
	words              []string
}

func get(path string, status int, words ...string) statement {
	return statement{http.MethodGet, path, "", status, words}
}

func post(path, body string, status int, words ...string) statement {
	return statement{http.MethodPost, path, body, status, words}
}

func patch(path, body string, status int, words ...string) statement {
	return statement{http.MethodPatch, path, body, status, words}
}

func drop(path string, status int, words ...string) statement {
	return statement{http.MethodDelete, path, "", status, words}
}

// holds plays statements in their order.
func (c *client) holds(statements ...statement) {
	c.t.Helper()
	for _, s := range statements {
		r := c.do(s.method, s.path, s.body)
		if r.status != s.status {
			c.t.Errorf("%s %s: %d, want %d\n%s", s.method, s.path, r.status, s.status, r.body)
			continue
		}
		for _, word := range s.words {
			if ids, ok := strings.CutPrefix(word, "ids"); ok {
				if got := idsOf(r.body); !slices.Equal(got, strings.Fields(ids)) {
					c.t.Errorf("%s %s: ids %s, want%s", s.method, s.path, got, ids)
				}
				continue
			}
			bare, not := strings.CutPrefix(word, "not ")
			if strings.Contains(r.body, bare) == not {
				c.t.Errorf("%s %s: %s\n%s", s.method, s.path, word, r.body)
			}
		}
	}
}

func idsOf(body string) (ids []string) {
	var v struct{ Data []struct{ ID string } }
	if json.Unmarshal([]byte(body), &v) != nil {
		return nil
	}
	for _, d := range v.Data {
		ids = append(ids, d.ID)
	}
	return ids
}

const (
	unsupported   = `"detail":"The filter is not supported."`
	unsortable    = "field is not supported."
	viewDenied    = `"status":"403","title":"access granted constraint","detail":"The \"VIEW\" permission is denied for the related resource."`
	noRowAccess   = `"title":"access denied exception","detail":"No access to the entity."`
	noTitle       = `The \"title\" is not allowed meta property. Allowed properties: .`
	wantsDatetime = `Expected datetime value. Given `
)

// A list is filtered and sorted by what has an index, by relations, and by what api.yml adds.
func TestFiltersAreThoseOfTheSource(t *testing.T) {
	c := start(t, Seed(Sample))
	c.holds(
		get("orders?fields[orders]=identifier&filter[id]=1&filter[external]=false", 200),
		get("orders?fields[orders]=identifier&filter[external]=maybe", 400, `Expected boolean value. Given \"maybe\".`),
		get("orders?fields[orders]=identifier&filter[poNumber]=a,b", 200, "ids"),
		get("orders?sort=-external,id&page[size]=1", 200),
		get("orders?filter[currency]=USD", 400, unsupported),
		get("orders?filter[totalValue][gt]=1", 400, unsupported),
		get("orders?filter[shipUntil][gt]=2026-01-01", 400, unsupported),
		get("orders?sort=totalValue", 400, unsortable),
		get("orderlineitems?filter[customer]=1,2&page[size]=1", 200),
		get("orderlineitems?filter[customerUser][neq]=1&page[size]=1", 200),
		get("orderlineitems?filter[createdAt][gt]=2000-01-01&sort=-createdAt&page[size]=1", 200),
		get("orderlineitems?filter[productSku]=x", 400, unsupported),
		get("customeraddresses?filter[addressType]=billing,shipping&filter[customRegion][exists]=false", 200),
		get("customeraddresses?filter[types]=billing", 400, unsupported),
		get("customeraddresses?filter[city]=x", 400, unsupported),
		get("orderaddresses?filter[customRegion]=x", 200, "ids"),
		get("orderaddresses?filter[addressType]=billing", 400, unsupported),
		get("customeruserroles?filter[role]=x", 200, "ids"),
		get("customeruserroles?filter[label]=x", 400, unsupported),
		get("localizations?filter[languageCode]=en,de_DE", 200),
		get("localizations?sort=languageCode", 400, unsortable),
		get("localizedfallbackvalues?filter[string]=x&filter[fallback]=system", 200),
		get("users?filter[username]=admin,olga", 200, "ids"),
		get("users?filter[createdAt][gt]=2000-01-01", 400, unsupported),
		get("organizations?filter[name]=x", 200, "ids"),
		get("organizations?filter[createdAt][gt]=2000-01-01", 400, unsupported),
		get("categories?filter[updatedAt][gt]=2000-01-01", 400, unsupported),
		get("attributefamilies?sort=createdAt", 400, unsortable),
		get("paymentterms?filter[label]=x", 400, unsupported),
		get("customertaxcodes?filter[code]=x", 400, unsupported),
		get("productprices?filter[priceList]=1&filter[currency]=USD", 400, unsupported),
		get("productprices?filter[priceList]=1&sort=quantity", 400, unsortable),
		get("products?filter[status]=enabled,disabled", 200, "ids"),
		get("webhooks?filter[enabled]=true", 400, unsupported),
		get("webhookformats?page[size]=2", 400, unsupported),
		get("brands?filter[createdAt][gt]=2000-01-01&sort=-updatedAt", 200),
	)
}

// Values of filters are read by their kind: some operators take several and ranges, others one.
func TestFilterValuesAreReadAsTheSourceReadsThem(t *testing.T) {
	c := start(t, Seed(Sample), Clock(func() time.Time { return time.Date(2026, 3, 4, 5, 0, 0, 0, time.UTC) }))
	for _, name := range []string{"Ann", "Bob"} {
		if _, err := c.shop.AddCustomer(name, name+"-1"); err != nil {
			t.Fatal(err)
		}
	}
	c.holds(
		get("customers?fields[customers]=name&filter[createdAt]=2026-03-04", 200, "ids 7 8"),
		get("customers?fields[customers]=name&filter[createdAt]=2026-03", 200, "ids 7 8"),
		get("customers?fields[customers]=name&filter[createdAt]=2026-03-04T05", 200, "ids 7 8"),
		get("customers?fields[customers]=name&filter[createdAt]=2026-03-04T06", 200, "ids"),
		get("customers?fields[customers]=name&filter[createdAt]=2026-03-03,2026-03-04", 200, "ids 7 8"),
		get("customers?fields[customers]=name&filter[createdAt][neq]=2026-03-04&filter[id][gt]=6", 200, "ids"),
		get("customers?fields[customers]=name&filter[createdAt][gt]=2026-03-04&filter[id]=7", 200, "ids 7"),
		get("customers?fields[customers]=name&filter[createdAt]=2026-03-04T05:00:00Z", 200, "ids 7 8"),
		get("customers?fields[customers]=name&filter[createdAt][gt]=2026-03-04,2026-03-05", 400, wantsDatetime),
		get("customers?fields[customers]=name&filter[createdAt]=2026-03-04,soon", 400, `Expected an array of datetimes. Given \"2026-03-04,soon\".`),
		get("customers?fields[customers]=name&filter[createdAt]=2026..", 400, `Expected a pair of datetimes (datetime..datetime). Given \"2026..\".`),
		get("customers?fields[customers]=name&filter[id][neq]=1..7", 200, "ids 8"),
		get("customers?fields[customers]=name&filter[id][gt]=6,7", 400, `Expected integer value. Given \"6,7\".`),
		get("customers?fields[customers]=name&filter[id]=7..", 400, `Expected a pair of not empty strings (not empty string..not empty string). Given \"7..\".`),
		get("customers?fields[customers]=name&filter[id]=7,,8", 400, `Expected an array of not empty strings. Given \"7,,8\".`),
		get("customers?fields[customers]=name&filter[group]=1,x", 400, `Expected integer value. Given \"x\".`),
		get("customers?fields[customers]=name&filter[parent.group]=1,x", 400, `Expected an array of integers. Given \"1,x\".`),
		get("customers?fields[customers]=name&filter[children][neq]=1&filter[id][gt]=6", 200, "ids 7 8"),
		get("customers?fields[customers]=name&filter[children][exists]=false&filter[id][gt]=6", 200, "ids 7 8"),
		get("customers?fields[customers]=name&filter[name]=Ann,Bob", 200, "ids"),
		get("customers?fields[customers]=name&filter[externalId]=Ann-1,Bob-1", 200, "ids 7 8"),
		get("customers?fields[customers]=name&filter[externalId]=ann-1", 200, "ids"),
		get("customers?filter[externalId]=Ann-1,", 400, `Expected an array of not empty strings. Given \"Ann-1,\".`),
		get("customers?filter[name]=%20", 400, `Expected not empty string value. Given \" \".`),
		get("customers?filter[name][exists]=sometimes", 400, `Expected boolean value. Given \"sometimes\".`),
		get("customers?filter[name][empty]=true", 400, `The operator \"empty\" is not supported.`),
	)
	if _, err := c.shop.SubmitOrder(Order{Identifier: "PO-1x", Customer: "1", Lines: []Line{{SKU: "0RT28", Quantity: "1", Price: "1"}}}); err != nil {
		t.Fatal(err)
	}
	c.holds(
		get("orders?fields[orders]=identifier&filter[identifier]=po-1X", 200, "PO-1x"),
		get("orders?fields[orders]=identifier&filter[identifier]=nothing,PO-1X", 200, "PO-1x"),
		get("orders?fields[orders]=identifier&filter[identifier][neq]=po-1x&sort=-id&page[size]=1", 200, "not PO-1x"),
	)
}

// meta=title is for records that people name.
func TestTitlesAreForRecordsWithNames(t *testing.T) {
	c := start(t, Seed(Sample))
	for _, name := range []string{"orderlineitems", "orderdiscounts", "ordershippingtrackings", "inventorylevels", "productunitprecisions", "notes",
		"pricelisttocustomers", "pricelistschedules", "productimages", "quoteproducts"} {
		c.holds(get(name+"?meta=title", 400, noTitle, `"parameter":"meta"`))
	}
	c.holds(
		get("productprices?filter[priceList]=1&meta=title", 400, noTitle),
		get("webhooktopics?meta=title", 400, unsupported),
		get("customers?meta=title&page[size]=1", 200, `"meta":{"title":`),
		get("customers?meta=title,colour,size", 400, `The \"colour\" is not known`, `The \"size\" is not known`),
	)
}

// A relation may not lead to what the client may not look at.
func TestRelationsToHiddenRecordsAreRefused(t *testing.T) {
	c := start(t, Seed(Sample))
	c.shop.Deny("view customergroups", "view orders")
	const tracking = `{"data":{"type":"ordershippingtrackings","attributes":{"method":"a","number":"b"},
		"relationships":{"orders":{"data":[{"type":"orders","id":"1"}]}}}}`
	c.holds(
		post("customers", `{"data":{"type":"customers","attributes":{"name":"A"},"relationships":{"group":{"data":{"type":"customergroups","id":"1"}}}}}`,
			403, viewDenied, `"pointer":"/data/relationships/group/data"`),
		patch("customers/1", `{"data":{"type":"customers","id":"1","relationships":{"group":{"data":{"type":"customergroups","id":"1"}}}}}`, 403, viewDenied),
		patch("customers/1/relationships/group", `{"data":{"type":"customergroups","id":"1"}}`, 403, viewDenied),
		patch("customers/1", `{"data":{"type":"customers","id":"1","relationships":{"group":{"data":null}}}}`, 200),
		post("ordershippingtrackings", tracking, 403, viewDenied, `"pointer":"/data/relationships/orders/data/0"`),
	)
}

// What belongs to a record that the client may not look at is hidden with it, and says so when it is asked for by itself.
func TestPartsAreHiddenWithWhatTheyBelongTo(t *testing.T) {
	c := start(t, Seed(Sample))
	const tracking = `{"data":{"type":"ordershippingtrackings","attributes":{"method":"a","number":"b"},
		"relationships":{"orders":{"data":[{"type":"orders","id":"1"}]}}}}`
	c.holds(post("ordershippingtrackings", tracking, 201))
	c.shop.Deny("view orders", "view products")
	c.holds(
		get("ordershippingtrackings", 200, "ids"),
		get("ordershippingtrackings/1", 403, noRowAccess),
		patch("ordershippingtrackings/1", `{"data":{"type":"ordershippingtrackings","id":"1","attributes":{"number":"c"}}}`, 403, noRowAccess),
		drop("ordershippingtrackings/1", 403, noRowAccess),
		drop("ordershippingtrackings?filter[id]=1", 204),
		get("productnames/1", 403, noRowAccess),
	)
	if n := c.shop.Count("ordershippingtrackings"); n != 1 {
		t.Errorf("%d trackings", n)
	}
}

// Nobody changes an order that is closed or cancelled; what belongs to it may be added.
func TestOrdersAtTheirEndRest(t *testing.T) {
	for _, status := range []string{"closed", "cancelled"} {
		c := start(t, Seed(Sample))
		must(t, c.shop.SetOrderStatus("1", status))
		const tracking = `{"data":{"type":"ordershippingtrackings","attributes":{"method":"a","number":"b"},
			"relationships":{"orders":{"data":[{"type":"orders","id":"1"}]}}}}`
		c.holds(
			patch("orders/1", `{"data":{"type":"orders","id":"1","attributes":{"customerNotes":"x"}}}`, 403,
				`"title":"access denied exception","detail":"No access by \"EDIT\" permission to the entity."`),
			patch("orders/1/relationships/shippingStatus", `{"data":{"type":"ordershippingstatuses","id":"shipped"}}`, 403,
				`"No access by \"EDIT\" permission to the parent entity."`),
			post("ordershippingtrackings", tracking, 201),
		)
	}
}

// Some relations are set when a record is made, and not changed through their own address afterwards.
func TestRelationsThatAreNotChanged(t *testing.T) {
	c := start(t, Seed(Sample))
	for _, path := range []string{
		"orders/1/relationships/createdBy", "orders/1/relationships/internalStatus", "customeraddresses/1/relationships/customer",
		"customeraddresses/1/relationships/country", "customeraddresses/1/relationships/region", "orderaddresses/1/relationships/country",
		"inventorylevels/1/relationships/product", "pricelisttocustomers/1/relationships/priceList", "pricelisttocustomers/1/relationships/customer",
	} {
		r := c.do(http.MethodPatch, path, `{"data":null}`)
		if allow := r.header.Get("Allow"); r.status != http.StatusMethodNotAllowed || allow != "OPTIONS, GET" {
			t.Errorf("%s: %d, allows %q", path, r.status, allow)
		}
	}
	if r := c.do(http.MethodDelete, "orderlineitems/1/relationships/orders", `{"data":[]}`); r.status != http.StatusMethodNotAllowed {
		t.Errorf("the order of a line: %d", r.status)
	}
}

// Lists are deleted by a filter, wherever single records are.
func TestListsOfPartsAreDeleted(t *testing.T) {
	c := start(t, Seed(Sample))
	for _, name := range []string{"orderlineitems", "orderdiscounts", "ordershippingtrackings", "orderaddresses", "productunitprecisions",
		"quoteproducts", "webhooks", "productunits"} {
		c.holds(drop(name, 400, "At least one filter must be provided."))
	}
	c.holds(drop("orderdiscounts?filter[order]=99", 204))
}

// orderOf is the document of an order of two lines, 200 in all.
func orderOf(identifier string) string {
	return `{"data":{"type":"orders","attributes":{"identifier":"` + identifier + `","currency":"USD"},"relationships":{"customer":{"data":{"type":"customers","id":"1"}},"lineItems":{"data":[{"type":"orderlineitems","id":"l1"},{"type":"orderlineitems","id":"l2"}]}}},"included":[
	{"type":"orderlineitems","id":"l1","attributes":{"quantity":10,"value":"10.0000","currency":"USD"},"relationships":{"product":{"data":{"type":"products","id":"1"}},"productUnit":{"data":{"type":"productunits","id":"item"}}}},
	{"type":"orderlineitems","id":"l2","attributes":{"quantity":10,"value":"10.0000","currency":"USD"},"relationships":{"product":{"data":{"type":"products","id":"1"}},"productUnit":{"data":{"type":"productunits","id":"item"}}}}]}`
}

// newest makes a record and returns its id.
func (c *client) newest(resource, body string) string {
	c.t.Helper()
	if r := c.do(http.MethodPost, resource, body); r.status != http.StatusCreated {
		c.t.Fatalf("%s: %d %s", resource, r.status, r.body)
	}
	return c.shop.Newest(resource, "id")
}

// What an order is told when it is changed, and that its lines stay with it.
func TestOrdersKeepTheirLines(t *testing.T) {
	c := start(t, Seed(Sample))
	c.holds(
		post("orders", orderOf("A1"), 201),
		post("orders", orderOf("A2"), 201),
		get("orders?filter[identifier]=A1,A2&fields[orders]=identifier,lineItems", 200, "ids 25 26"),
		patch("orders/25", `{"data":{"type":"orders","id":"25","attributes":{"createdAt":"2020-01-01T00:00:00Z"}}}`, 200, `"createdAt":"2020-01-01T00:00:00Z"`),
		patch("orders/25", `{"data":{"type":"orders","id":"25","attributes":{"external":true}}}`, 200, `"external":false`),
		patch("orders/25", `{"data":{"type":"orders","id":"25","relationships":{"createdBy":{"data":{"type":"users","id":"2"}}}}}`, 200, `relationships/createdBy","related":"`+c.shop.URL()+`/admin/api/orders/25/createdBy"},"data":null`),
		patch("orders/25", `{"data":{"type":"orders","id":"25","relationships":{"lineItems":{"data":[]}}}}`, 400, `Please add at least one Line Item`),
		patch("orders/25", `{"data":{"type":"orders","id":"25","relationships":{"lineItems":{"data":[{"type":"orderlineitems","id":"30"}]}}}}`, 400, `"title":"unchangeable field constraint","detail":"Line Item order cannot be changed once set.","source":{"pointer":"/data/relationships/lineItems/data/0"}`),
		post("orders", `{"data":{"type":"orders","attributes":{"currency":"USD"},"relationships":{"customer":{"data":{"type":"customers","id":"1"}},"lineItems":{"data":[{"type":"orderlineitems","id":"30"}]}}}}`, 400, `"unchangeable field constraint","detail":"Line Item order cannot be changed once set.","source":{"pointer":"/data/relationships/lineItems/data/0"}`),
		statement{"DELETE", "orders/26/relationships/lineItems", `{"data":[{"type":"orderlineitems","id":"30"}]}`, 204, nil},
		statement{"DELETE", "orders/26/relationships/lineItems", `{"data":[{"type":"orderlineitems","id":"31"}]}`, 400, []string{`"count constraint","detail":"Please add at least one Line Item"}`}},
	)
}

// A discount has the value that its type asks for; the other one is worked out.
func TestDiscountsAreWorkedOut(t *testing.T) {
	c := start(t, Seed(Sample))
	c.holds(post("orders", orderOf("A1"), 201), post("orders", orderOf("A2"), 201))
	d := func(attrs string) string {
		return `{"data":{"type":"orderdiscounts","attributes":{` + attrs + `},"relationships":{"order":{"data":{"type":"orders","id":"25"}}}}}`
	}
	const amount, percent = `"orderDiscountType":"oro_order_discount_item_type_amount"`, `"orderDiscountType":"oro_order_discount_item_type_percent"`
	const rangeErr = `"range constraint","detail":"This value should be between -100% and 100%.","source":{"pointer":"/data/attributes/percent"}`
	const sumErr = `"discounts constraint","detail":"The sum of all discounts cannot exceed the order grand total amount. Please review some discounts above and make necessary adjustments.","source":{"pointer":"/data/relationships/order/data/totalDiscountsAmount"}`
	const blank = `"not blank constraint","detail":"This value should not be blank.","source":{"pointer":"/data/attributes/`
	c.holds(
		post("orderdiscounts", d(amount), 400, blank+`amount"`),
		post("orderdiscounts", d(percent), 400, blank+`percent"`, "not /amount"),
		post("orderdiscounts", d(`"percent":0.3,`+amount), 400, blank+`amount"`, "not /percent"),
		post("orderdiscounts", d(`"amount":"30.0000",`+percent), 400, blank+`percent"`, "not attributes/amount"),
		post("orderdiscounts", `{"data":{"type":"orderdiscounts","relationships":{"order":{"data":{"type":"orders","id":"25"}}}}}`, 400, "The discount type is invalid.", "not blank"),
		post("orderdiscounts", d(`"amount":"invalid",`+amount), 400, `"form constraint","detail":"This value is not valid.","source":{"pointer":"/data/attributes/amount"}`, "not blank"),
		post("orderdiscounts", d(`"percent":"invalid",`+percent), 400, `"form constraint","detail":"This value is not valid.","source":{"pointer":"/data/attributes/percent"}`, "not blank"),
		post("orderdiscounts", d(`"amount":"200.1000",`+amount), 400, rangeErr, sumErr),
		post("orderdiscounts", d(`"amount":"-1",`+amount), 400, "The discount amount should be between 0 and 999999999999999.9999"),
		post("orderdiscounts", d(`"percent":1.01,`+percent), 400, rangeErr),
	)
	first := c.newest("orderdiscounts", d(`"description":"","amount":"15",`+amount))
	c.holds(
		get("orderdiscounts/"+first, 200, `"percent":0.075`, `"amount":"15.0000"`),
		patch("orderdiscounts/"+first, `{"data":{"type":"orderdiscounts","id":"`+first+`","attributes":{"percent":0.5}}}`, 200, `"percent":0.075`, `"amount":"15.0000"`),
		patch("orderdiscounts/"+first, `{"data":{"type":"orderdiscounts","id":"`+first+`","attributes":{"amount":"200.1000"}}}`, 400, rangeErr, sumErr),
		patch("orderdiscounts/"+first, `{"data":{"type":"orderdiscounts","id":"`+first+`","relationships":{"order":{"data":{"type":"orders","id":"26"}}}}}`, 200, `"id":"25"`),
	)
	second := c.newest("orderdiscounts", d(`"percent":0.2,`+percent))
	c.holds(
		get("orderdiscounts/"+second, 200, `"amount":"40.0000"`),
		patch("orderdiscounts/"+second, `{"data":{"type":"orderdiscounts","id":"`+second+`","attributes":{"amount":"15.0000"}}}`, 200, `"percent":0.2`, `"amount":"40.0000"`),
		patch("orderdiscounts/"+second, `{"data":{"type":"orderdiscounts","id":"`+second+`","attributes":{"percent":0.5}}}`, 200, `"percent":0.5`, `"amount":"100.0000"`),
		patch("orders/26", `{"data":{"type":"orders","id":"26","relationships":{"discounts":{"data":[{"type":"orderdiscounts","id":"`+first+`"}]}}}}`, 400, `"unchangeable field constraint","detail":"The discount cannot be moved to another order.","source":{"pointer":"/data/relationships/discounts/data/0"}`),
	)
}

// Subtotals are a list of one order's, and nothing else.
func TestSubtotalsAreAListOnly(t *testing.T) {
	c := start(t, Seed(Sample))
	c.holds(
		get("ordersubtotals", 400, `The \"order\" filter is required.`),
		get("ordersubtotals?filter[order]=text", 400, `Expected integer value. Given \"text\".`, `"filter[order]"`),
		get("ordersubtotals?filter[order]=999999", 200, "ids"),
		get("ordersubtotals?filter[order][neq]=1", 400, `The operator \"neq\" is not supported.`),
		get("ordersubtotals/25-subtotal-0", 404),
		post("ordersubtotals", ``, 405),
		patch("ordersubtotals/25-subtotal-0", ``, 404),
		drop("ordersubtotals?filter[order]=25", 405),
	)
}

// A price is named by its own id and that of its list.
func TestPricesAreNamedByTheirList(t *testing.T) {
	c := start(t, Seed(Sample))
	price := get("productprices?filter[priceList]=1&page[size]=1", 200)
	id := idsOf(c.do("GET", price.path, "").body)[0]
	c.holds(
		get("productprices?filter[priceList]=1&filter[id]="+id, 200, "ids "+id),
		get("productprices?filter[priceList]=2&filter[id]="+id, 200, "ids"),
		get("productprices?filter[priceList]=1&filter[id]=invalid", 400, `Expected a product price ID. Given \"invalid\".`, `"parameter":"filter[id]"`),
		get("productprices?filter[priceList]=1&filter[id]="+id[:36], 400, `Expected a product price ID. Given \"`+id[:36]+`\".`),
		get("productprices?filter[priceList]=1&filter[id]="+id+",invalid", 400, `Expected a product price ID. Given \"invalid\".`),
		get("productprices?filter[id]=invalid", 400, `The \"priceList\" filter is required.`),
		get("productprices?filter[priceList]=invalid", 400, `Expected integer value. Given \"invalid\".`),
		get("productprices?filter[priceList]=9999", 200, "ids"),
		get("productprices?filter[priceList]=1,2", 400, `Expected integer value. Given \"1,2\".`),
		get("productprices?filter[priceList][neq]=1", 400, `The operator \"neq\" is not supported.`),
		get("productprices/invalid", 404),
		get("productprices/"+id[:36], 404),
		get("productprices/invalid-1", 404),
		get("productprices/"+id+"/product", 404),
		get("productprices/"+id+"/relationships/product", 404),
	)
}

// The schedules of a price list do not meet.
func TestSchedulesDoNotMeet(t *testing.T) {
	c := start(t, Seed(Sample))
	s := func(begin, end string) string {
		return `{"data":{"type":"pricelistschedules","attributes":{"activeAt":"` + begin + `","deactivateAt":"` + end + `"},"relationships":{"priceList":{"data":{"type":"pricelists","id":"1"}}}}}`
	}
	const meet = `"title":"schedule intervals intersection constraint","detail":"Price list schedule segments should not intersect"}`
	c.holds(
		post("pricelistschedules", s("2030-01-01T00:00:00Z", "2030-02-01T00:00:00Z"), 201),
		post("pricelistschedules", s("2030-01-15T00:00:00Z", "2030-02-15T00:00:00Z"), 400, meet),
	)
	later := c.newest("pricelistschedules", s("2030-03-01T00:00:00Z", "2030-04-01T00:00:00Z"))
	c.holds(
		patch("pricelistschedules/"+later, `{"data":{"type":"pricelistschedules","id":"`+later+`","attributes":{"activeAt":"2030-01-15T00:00:00Z"}}}`, 400, meet),
		post("pricelists", `{"data":{"type":"pricelists","attributes":{"name":"S","priceListCurrencies":["USD"]},"relationships":{"schedules":{"data":[{"type":"pricelistschedules","id":"a"},{"type":"pricelistschedules","id":"b"}]}}},"included":[
			{"type":"pricelistschedules","id":"a","attributes":{"activeAt":"2030-01-01T00:00:00Z","deactivateAt":"2030-02-01T00:00:00Z"}},
			{"type":"pricelistschedules","id":"b","attributes":{"activeAt":"2030-01-15T00:00:00Z","deactivateAt":"2030-02-15T00:00:00Z"}}]}`, 400,
			`"source":{"pointer":"/data/relationships/schedules/data/0"}`, `"source":{"pointer":"/data/relationships/schedules/data/1"}`),
	)
}

func TestMethodsAreThoseOfTheSource(t *testing.T) {
	c := start(t, Seed(Sample))
	for path, allow := range map[string]string{"pricelists/1/relationships/schedules": "OPTIONS, GET, DELETE", "pricelists/1/relationships/priceRules": "OPTIONS, GET, DELETE",
		"orderstatuses": "OPTIONS, GET", "countries": "OPTIONS, GET", "countries/DE/relationships/regions": "OPTIONS, GET", "webhooktopics": "OPTIONS, GET", "webhooks": "OPTIONS, GET, POST, DELETE",
		"customertaxcodes/1/relationships/owner": "OPTIONS, GET", "orders/1/relationships/documents": "OPTIONS, GET, PATCH, POST, DELETE"} {
		if got := c.do("OPTIONS", path, "").header.Get("Allow"); got != allow {
			t.Errorf("%s: %s, want %s", path, got, allow)
		}
	}
}

// A customer stands neither above nor below itself.
func TestCustomersStandInNoCircle(t *testing.T) {
	c := start(t, Seed(Sample))
	top := c.newest("customers", `{"data":{"type":"customers","attributes":{"name":"Top"}}}`)
	low := c.newest("customers", `{"data":{"type":"customers","attributes":{"name":"Low"},
		"relationships":{"parent":{"data":{"type":"customers","id":"`+top+`"}}}}}`)
	lone := c.newest("customers", `{"data":{"type":"customers","attributes":{"name":"Lone"}}}`)
	of := func(id, relations string) string {
		return `{"data":{"type":"customers","id":"` + id + `","relationships":{` + relations + `}}}`
	}
	parent := func(id string) string { return `"parent":{"data":{"type":"customers","id":"` + id + `"}}` }
	children := func(id string) string { return `"children":{"data":[{"type":"customers","id":"` + id + `"}]}` }
	c.holds(
		patch("customers/"+top, of(top, parent(low)), 400, `'Low' cannot be a parent of 'Top' because it is its child.`, `relationships/parent/data`),
		patch("customers/"+low, of(low, children(top)), 400, `'Top' cannot be a child of 'Low' because it is its parent.`, `relationships/children/data`),
		patch("customers/"+lone, of(lone, parent(top)+","+children(top)), 400, `'Top' cannot be a child of 'Lone' because it is its parent.`),
		patch("customers/"+top, of(top, parent(top)), 400, `'Top' cannot be its own parent.`),
	)
}

func TestRolesOfCustomerUsers(t *testing.T) {
	c := start(t, Seed(Sample))
	role := c.newest("customeruserroles", `{"data":{"type":"customeruserroles","attributes":{"label":"Buyers"}}}`)
	of := func(attributes string) string {
		return `{"data":{"type":"customeruserroles","id":"` + role + `","attributes":{` + attributes + `}}}`
	}
	c.holds(
		post("customeruserroles", `{"data":{"type":"customeruserroles"}}`, 400, "This value should not be blank.", "attributes/label"),
		patch("customeruserroles/"+role, of(`"label":null`), 400, "This value should not be blank."),
		patch("customeruserroles/"+role, of(`"role":null`), 400, "This value should not be blank.", "attributes/role", "not too short"),
		get("customeruserroles?filter[id]="+role, 200, `"role":"ROLE_FRONTEND_`),
		drop("customeruserroles/"+role, 204),
	)
	users := idsOf(c.do(http.MethodGet, "customerusers?filter[userRoles]=1,2,3&page[size]=1", "").body)
	if len(users) == 0 {
		t.Fatal("no user of the sample has a role")
	}
	used := idsOf(c.do(http.MethodGet, "customerusers/"+users[0]+"/userRoles", "").body)[0]
	c.holds(drop("customeruserroles/"+used, 403, `No access by \"DELETE\" permission to the entity.`))
}

func TestWritesOfTermsAndWebhooks(t *testing.T) {
	c := start(t, Seed(Sample))
	const format = `"relationships":{"format":{"data":{"type":"webhookformats","id":"thin"}},"topic":{"data":{"type":"webhooktopics","id":"order.created"}}}`
	hook := func(url string) string {
		return `{"data":{"type":"webhooks","attributes":{"notificationUrl":"` + url + `","system":true},` + format + `}}`
	}
	c.holds(
		post("webhooks", hook("nowhere"), 400, `"title":"url constraint","detail":"This value is not a valid URL."`),
		post("webhooks", hook("https://example.com/hook?a=b"), 201, `"system":false`),
		post("webhooks", hook("http://127.0.0.1:8086/webhook"), 201),
		get("webhooks?filter[topic]=order.created,order.updated", 200, `"order.created"`),
		get("webhooks?filter[enabled]=true", 400),
		post("producttaxcodes", `{"data":{"type":"producttaxcodes","attributes":{"code":"X1"}}}`, 201),
		post("producttaxcodes", `{"data":{"type":"producttaxcodes","attributes":{"code":"X1"}}}`, 400,
			`"title":"unique tax code constraint","detail":"This value is already used.","source":{"pointer":"/data/attributes/code"}`),
		post("producttaxcodes", `{"data":{"type":"producttaxcodes"}}`, 400, "This value should not be blank."),
		patch("customertaxcodes/1", `{"data":{"type":"customertaxcodes","id":"1","relationships":{"owner":{"data":null}}}}`, 200, `"owner":{`, `"type":"users"`),
		post("customerusers", `{"data":{"type":"customerusers","attributes":{"email":"a@example.com","firstName":"A","lastName":"B","birthday":"2999-01-01"},
			"relationships":{"customer":{"data":{"type":"customers","id":"1"}}}}}`, 400, "The birth date cannot be in the future."),
	)
}
