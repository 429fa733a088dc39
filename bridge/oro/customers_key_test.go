package oro

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/bridge/oro/orotest"
	"github.com/orobridge/orobridge/formats"
)

// TestCustomersByName: a shop before 6.1.10 has no externalId. Nothing asks for it, and parents are found all the same.
func TestCustomersByName(t *testing.T) {
	shop, c := newShopWith(t, config.Shop{CustomerKey: "name"}, Options{}, orotest.Seed(orotest.Sample))
	refusing(shop, "customers", "externalId", 400)
	before := shop.Count("customers")
	head, branch := record(formats.Customers, "Head, Inc", "name", "Head, Inc", "group", "Partners"), record(formats.Customers, "Branch", "name", "Branch")
	load(t, c, head, branch)
	load(t, c, record(formats.Customers, "Branch", "name", "Branch", "parent_number", "Head, Inc"))
	load(t, c, record(formats.Customers, "Branch", "name", "Another spelling", "group", "Partners"))
	if n := shop.Count("customers") - before; n != 2 {
		t.Errorf("%d customers were created", n)
	}
	if l := find(t, c, record(formats.Customers, "Another spelling")); l.Found != nil {
		t.Error("the key was overwritten by the name")
	}
	b := plan(t, c, record(formats.Customers, "Branch", "group", ""))
	b.Changes[0].OroID = find(t, c, head).Found.OroID
	if _, refused, err := c.Submit(t.Context(), b); err != nil || refused[0].Stale != bridge.Another {
		t.Errorf("the id of another name: %+v, %v", refused, err)
	}
}

// TestAnswersToShopsWithoutNumbers: where orders have no externalId the ERP's number is told as left out, and the rest is written.
func TestAnswersToShopsWithoutNumbers(t *testing.T) {
	shop, c := newShop(t)
	if _, err := shop.SubmitOrder(orotest.Order{Identifier: "O-1", Customer: "1", Lines: []orotest.Line{{SKU: "0RT28", Quantity: "1", Price: "1"}}}); err != nil {
		t.Fatal(err)
	}
	doc, err := c.get(t.Context(), "orders", feedbackQuery.with("filter[identifier]", "O-1"))
	if err != nil {
		t.Fatal(err)
	}
	body, err := json.Marshal(map[string]any{"data": []any{map[string]any{"type": "orders", "id": doc.Data[0].ID, "attributes": map[string]any{"identifier": "O-1"}}}})
	if err != nil {
		t.Fatal(err)
	}
	shop.Inject(orotest.Fault{Method: http.MethodGet, Path: "/admin/api/orders", Effect: orotest.Respond(200, mediaType, string(body))})
	a, err := c.ApplyFeedback(t.Context(), record(formats.OrderFeedback, "O-1", "erp_order_number", "4711", "shipping_status", "shipped"), "")
	if err != nil || len(a.Left) != 1 || a.Left[0].Field != "erp_order_number" || len(a.Set) != 1 || a.Set[0] != "shipping_status" {
		t.Errorf("%+v, %v", a, err)
	}
}

// Where names must be unique, a name that another customer has is that row's fault alone; where they need not be, both are
// loaded, and only a name that is the key is ambiguous then.
func TestNamesUniqueOrNot(t *testing.T) {
	twins := []*formats.Record{record(formats.Customers, "1", "name", "Twin"), record(formats.Customers, "2", "name", "Other")}
	late := record(formats.Customers, "3", "name", "Twin")

	shop, c := newShop(t, orotest.UniqueKey("customers", "name", "Name"), orotest.UniqueKey("pricelists", "name", "Name"))
	load(t, c, twins...)
	before := shop.Count("customers")
	outcomes := send(t, c, plan(t, c, late, record(formats.Customers, "4", "name", "New")))
	if r := outcomes[0].Reject; r == nil || r.Code != formats.CodeShop || !strings.Contains(r.Message, `Value for field "Name" must be unique`) {
		t.Errorf("a name that is taken: %s", show(outcomes[0]))
	}
	if outcomes[1].OroID == "" || shop.Count("customers") != before+1 {
		t.Errorf("the other row: %s, %d customers more", show(outcomes[1]), shop.Count("customers")-before)
	}
	load(t, c, record(formats.PriceLists, "Retail", "currencies", "EUR")) // a list is found by its name
	load(t, c, record(formats.PriceLists, "Retail", "currencies", "EUR USD"))

	_, c = newShop(t)
	load(t, c, append(twins, late)...)

	_, c = newShopWith(t, config.Shop{CustomerKey: "name"}, Options{}, orotest.UniqueKey("customers", "name", "Name"))
	load(t, c, record(formats.Customers, "Twin", "name", "Twin"))
	load(t, c, record(formats.Customers, "Twin", "name", "Twin", "group", ""))

	shop, c = newShopWith(t, config.Shop{CustomerKey: "name"}, Options{})
	for range 2 {
		if _, err := shop.AddCustomer("Twin", ""); err != nil {
			t.Fatal(err)
		}
	}
	if l := find(t, c, record(formats.Customers, "Twin", "name", "Twin")); l.Reject == nil || l.Reject.Code != formats.CodeAmbiguous {
		t.Errorf("two of a name that is the key: %+v", l)
	}
}
