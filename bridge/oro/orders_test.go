package oro

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/oro/orotest"
	"github.com/orobridge/orobridge/formats"
)

func TestOrders(t *testing.T) {
	shop, c := newShop(t)
	outcomes := load(t, c, record(formats.Customers, "100", "name", "Müller", "group", "Partners"))
	at := &orotest.Address{
		Label: "HQ", Organization: "Müller", Street: "Hauptstraße 1", Street2: "2. Stock", City: "Bad Zwischenahn", PostalCode: "26160",
		Country: "US", Region: "US-NY", Phone: "123",
	}
	when := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	id, err := shop.SubmitOrder(orotest.Order{
		Identifier: "O-1", PONumber: "PO \"7\"", Notes: "first line\nsecond line", Customer: outcomes[0].OroID, CustomerUser: "1", PaymentTerm: "2",
		ShippingMethod: "flat_rate", ShippingCost: "5.50", ShipUntil: when, Billing: at, CreatedAt: when, UpdatedAt: when,
		Lines: []orotest.Line{
			{SKU: "0RT28", Unit: "item", Quantity: "3", Price: "10.1000", Notes: "=1+1", ShipBy: when},
			{FreeForm: "Freight note", Unit: "item", Quantity: "1.5", Price: "2"},
		},
		Discounts: []orotest.Discount{{Description: "Loyalty", Amount: "1.30"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	seen, more, err := c.Sightings(t.Context(), when, 1)
	if want := []bridge.Sighting{{OroID: id, Identifier: "O-1", Submitted: when, Updated: when}}; err != nil || more || !slices.Equal(seen, want) {
		t.Fatalf("%v, %v, %v", seen, more, err)
	}
	orders, _, err := c.Orders(t.Context(), []string{id, "987654"})
	if err != nil || len(orders) != 1 {
		t.Fatalf("%d orders, %v", len(orders), err)
	}
	addr := formats.Address{
		Label: "HQ", Organization: "Müller", Street: "Hauptstraße 1", Street2: "2. Stock", City: "Bad Zwischenahn", PostalCode: "26160",
		Country: "US", Region: "US-NY", Phone: "123",
	}
	want := &formats.Order{
		ID: id, Identifier: "O-1", Submitted: when, Updated: when, InternalStatus: "open", ShippingStatus: orders[0].ShippingStatus,
		PONumber: "PO \"7\"", Customer: formats.Party{ID: outcomes[0].OroID, ExternalID: "100", Name: "Müller"},
		User: formats.Party{ID: "1", Name: "Amanda Cole", Email: "AmandaRCole@example.org"}, CustomerGroup: "Partners",
		Currency: "USD", Subtotal: "33.3", Discount: "1.3", Shipping: "5.5", Tax: "0", Total: "37.5", PaymentTerm: "net 30",
		ShippingMethod: "flat_rate", ShipUntil: "2030-01-02", Notes: "first line\nsecond line", Bill: addr,
		Lines: []formats.OrderLine{
			{ID: orders[0].Lines[0].ID, Number: 1, SKU: "0RT28", Product: orders[0].Lines[0].Product, Quantity: "3", Unit: "item", Price: "10.1", RowTotal: "30.3", Currency: "USD", ShipBy: "2030-01-02", Notes: "=1+1"},
			{ID: orders[0].Lines[1].ID, Number: 2, Product: "Freight note", FreeForm: true, Quantity: "1.5", Unit: "item", Price: "2", RowTotal: "3", Currency: "USD"},
		},
		Discounts: []formats.NamedAmount{{Name: "Loyalty (Discount)", Amount: "1.3"}},
	}
	if diff := cmp.Diff(want, orders[0]); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	one, err := c.Order(t.Context(), "O-1")
	if err != nil || cmp.Diff(orders[0], one) != "" {
		t.Errorf("by its number: %v %v", one, err)
	}
	for _, number := range []string{"none", "o-1", "a,b", ""} {
		if _, err := c.Order(t.Context(), number); statusOf(err) != http.StatusNotFound || bridge.FateOf(err) != bridge.Stop {
			t.Errorf("order %q: %v", number, err)
		}
	}
}

// TestOrdersOfShopsWithoutKits: such a shop refuses to include the parts of kits, whoever asks.
func TestOrdersOfShopsWithoutKits(t *testing.T) {
	shop, c := newShop(t)
	id, err := shop.SubmitOrder(orotest.Order{Identifier: "O-1", Customer: "1", Lines: []orotest.Line{{SKU: "0RT28", Quantity: "1", Price: "1"}}})
	if err != nil {
		t.Fatal(err)
	}
	refused := shop.Inject(orotest.Fault{
		Path: "/admin/api/orders", Times: 100,
		Match: func(r *http.Request, _ []byte) bool {
			return strings.Contains(r.URL.Query().Get("include"), "kitItemLineItems")
		},
		Effect: orotest.Respond(400, mediaType, `{"errors":[{"status":"400","title":"bad request http exception","detail":"The include is not supported."}]}`),
	})
	for range 2 {
		orders, _, err := c.Orders(t.Context(), []string{id})
		if err != nil || len(orders) != 1 || len(orders[0].Lines) != 1 {
			t.Fatalf("%d orders, %v", len(orders), err)
		}
	}
	if refused.Hits() != 1 {
		t.Errorf("the shop refused %d times: it was to be asked without kits after the first", refused.Hits())
	}
	if _, err := c.Order(t.Context(), "O-1"); err != nil || refused.Hits() != 1 {
		t.Errorf("by its number: %v after %d refusals", err, refused.Hits())
	}
}

// TestOldOrdersArrive: an order that is created with a date of the past is not among those updated since, but its id is new.
func TestOldOrdersArrive(t *testing.T) {
	shop, c := newShop(t)
	shop.Inject(orotest.Fault{Path: "/admin/api/orders", Match: func(r *http.Request, _ []byte) bool {
		q := r.URL.Query()
		return q.Get("filter[id][gt]") == "25" && q.Get("sort") == "id"
	}, Effect: orotest.Respond(200, mediaType, `{"data":[
	 {"type":"orders","id":"26","attributes":{"identifier":"O-1","createdAt":"2019-01-02T03:04:05Z","updatedAt":"2019-01-02T03:04:05Z"}},
	 {"type":"orders","id":"27","attributes":{"identifier":"O-2","createdAt":"2031-01-02T03:04:05Z","updatedAt":"2031-01-02T03:04:05Z"}}]}`)})
	seen, more, err := c.Arrivals(t.Context(), "25")
	old := time.Date(2019, 1, 2, 3, 4, 5, 0, time.UTC)
	if err != nil || more || len(seen) != 2 || seen[0] != (bridge.Sighting{OroID: "26", Identifier: "O-1", Submitted: old, Updated: old}) || seen[1].OroID != "27" {
		t.Errorf("%+v, %v, %v", seen, more, err)
	}
	if _, err := shop.SubmitOrder(orotest.Order{Identifier: "O-1", Customer: "1", Lines: []orotest.Line{{SKU: "0RT28", Quantity: "1", Price: "1"}}}); err != nil {
		t.Fatal(err)
	}
	if seen, _, err = c.Arrivals(t.Context(), ""); err != nil || len(seen) == 0 {
		t.Errorf("from the first on: %+v, %v", seen, err)
	}
}

// TestOrdersThatAreListedAndNotTold are never taken for deleted.
func TestOrdersThatAreListedAndNotTold(t *testing.T) {
	shop, c := newShop(t)
	id, err := shop.SubmitOrder(orotest.Order{Identifier: "O-1", Customer: "1", Lines: []orotest.Line{{SKU: "0RT28", Quantity: "1", Price: "1"}}})
	if err != nil {
		t.Fatal(err)
	}
	shop.Inject(orotest.Fault{Path: "/admin/api/orders", Match: func(r *http.Request, _ []byte) bool { return r.URL.Query().Has("include") },
		Effect: orotest.Respond(200, mediaType, `{"data":[]}`)})
	if told, untold, err := c.Orders(t.Context(), []string{id, "987654"}); err != nil || len(told) != 0 || !slices.Equal(untold, []string{id}) {
		t.Errorf("%v, %v, %v", told, untold, err)
	}
	if told, untold, err := c.Orders(t.Context(), []string{id, "987654"}); err != nil || len(told) != 1 || len(untold) != 0 {
		t.Errorf("%v, %v, %v", told, untold, err)
	}
}

func TestSightingsPageByPage(t *testing.T) {
	shop, c := newShop(t)
	when := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	var want []string
	for i := range pageSize + 7 {
		id, err := shop.SubmitOrder(orotest.Order{
			Identifier: fmt.Sprintf("O-%d", i), Customer: "1", CreatedAt: when.Add(time.Duration(i/10) * time.Second),
			Lines: []orotest.Line{{SKU: "0RT28", Quantity: "1", Price: "1"}},
		})
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, id)
	}
	var got []string
	for page, more := 1, true; more; page++ {
		seen, next, err := c.Sightings(t.Context(), when, page)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range seen {
			got = append(got, s.OroID)
		}
		more = next
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	orders, _, err := c.Orders(t.Context(), want[:ordersPerPage])
	if err != nil || len(orders) != ordersPerPage {
		t.Fatalf("%d orders, %v", len(orders), err)
	}
	for _, o := range orders {
		if len(o.Flags) > 0 {
			t.Errorf("order %s: %v", o.Identifier, o.Flags)
		}
	}
}

func TestOrderOf(t *testing.T) {
	// What the box does not make: kits, a total that does not add up, tax in the prices.
	doc := parsed(t, []byte(`{"data":[{"type":"orders","id":"1","attributes":{"identifier":"O","subtotalValue":"100.0000","totalValue":"99.0000","totalDiscountsAmount":null},
	 "relationships":{"lineItems":{"data":[{"type":"orderlineitems","id":"1"}]},"orderSubtotals":{"data":[
	  {"type":"ordersubtotals","id":"1-tax-10"},{"type":"ordersubtotals","id":"1-tax-9"},{"type":"ordersubtotals","id":"1-subtotal-0"}]}}}],
	 "included":[
	 {"type":"orderlineitems","id":"1","attributes":{"productSku":"KIT","quantity":2,"value":"50.0000","rowTotalAfterDiscount":"90.0000","rowTotalDiscountAmount":"10.0000"},
	  "relationships":{"kitItemLineItems":{"data":[{"type":"orderproductkititemlineitems","id":"7"}]},"product":{"data":{"type":"products","id":"1"}}}},
	 {"type":"orderproductkititemlineitems","id":"7","attributes":{"productSku":"PART","quantity":1,"productUnitCode":"item","value":"13.5900"}},
	 {"type":"ordersubtotals","id":"1-tax-10","attributes":{"orderSubtotalType":"tax","amount":"19.0000"}},
	 {"type":"ordersubtotals","id":"1-tax-9","attributes":{"orderSubtotalType":"tax","amount":"18.0000"}},
	 {"type":"ordersubtotals","id":"1-subtotal-0","attributes":{"orderSubtotalType":"subtotal","amount":"100.0000"}}]}`))
	o := ordersOf(doc)[0]
	if o.Tax != "19" || o.Subtotal != "100" || !slices.Equal(o.Flags, []string{"total"}) {
		t.Errorf("tax %s, subtotal %s, flags %v", o.Tax, o.Subtotal, o.Flags)
	}
	doc = parsed(t, []byte(`{"data":[{"type":"orders","id":"1","attributes":{"identifier":"O","subtotalValue":"90.0000","totalValue":"100.0000"},
	 "relationships":{"lineItems":{"data":[{"type":"orderlineitems","id":"1"}]},"orderSubtotals":{"data":[{"type":"ordersubtotals","id":"1-subtotal-0"}]}}}],
	 "included":[{"type":"orderlineitems","id":"1","attributes":{"quantity":1,"value":"100.0000"}},
	 {"type":"ordersubtotals","id":"1-subtotal-0","attributes":{"orderSubtotalType":"subtotal","amount":"100.0000"}}]}`))
	if two := ordersOf(doc)[0]; !slices.Equal(two.Flags, []string{formats.FlagSubtotal}) {
		t.Errorf("two subtotals: %v", two.Flags)
	}
	if len(o.Lines) != 2 || o.Lines[1].KitParent != 1 || o.Lines[1].SKU != "PART" || o.Lines[0].RowTotal != "100" {
		t.Errorf("lines %+v", o.Lines)
	}
}

func TestFeedback(t *testing.T) {
	for _, managed := range []bool{false, true} {
		t.Run(fmt.Sprintf("status managed outside: %v", managed), func(t *testing.T) {
			shop, c := newShop(t, orotest.ExternalStatusManagement(managed))
			if _, err := shop.SubmitOrder(orotest.Order{Identifier: "O-1", Customer: "1", Lines: []orotest.Line{{SKU: "0RT28", Quantity: "1", Price: "1"}}}); err != nil {
				t.Fatal(err)
			}
			answer := record(formats.OrderFeedback, "O-1", "erp_order_number", "4711", "status", "processing", "shipping_status", "shipped",
				"tracking_method", "ups", "tracking_number", "1Z", "message", "on its way")
			got, err := c.ApplyFeedback(t.Context(), answer, "")
			if err != nil || got.OroID == "" {
				t.Fatalf("%+v, %v", got, err)
			}
			set := []string{"erp_order_number", "shipping_status", "tracking_number"}
			left := 1
			if managed {
				set, left = []string{"erp_order_number", "shipping_status", "status", "tracking_number"}, 0
			}
			if !slices.Equal(got.Set, set) || len(got.Left) != left || len(got.Same) != 0 || got.InternalStatus != "open" {
				t.Errorf("%+v", got)
			}
			before := writes(shop, "/admin/api/order")
			again, err := c.ApplyFeedback(t.Context(), answer, "")
			if err != nil || len(again.Set) != 0 || !slices.Equal(again.Same, set) {
				t.Errorf("the same answer again: %+v, %v", again, err)
			}
			if n := writes(shop, "/admin/api/order"); n != before {
				t.Errorf("the same answer again wrote %d times", n-before)
			}
			more := record(formats.OrderFeedback, "O-1", "tracking_method", "dhl", "tracking_number", "JD0")
			if _, err := c.ApplyFeedback(t.Context(), more, ""); err != nil {
				t.Fatal(err)
			}
			if n := shop.Count("ordershippingtrackings"); n != 2 {
				t.Errorf("%d trackings", n)
			}
			order, err := c.Order(t.Context(), "O-1")
			if err != nil || order.ExternalID != "4711" || order.ShippingStatus != "shipped" {
				t.Errorf("%+v, %v", order, err)
			}
			none, err := c.ApplyFeedback(t.Context(), record(formats.OrderFeedback, "O-9", "status", "open"), "")
			if err != nil || none.Missing == nil {
				t.Errorf("an order that is not there: %+v, %v", none, err)
			}
		})
	}
}
