package oro

import (
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/oro/orotest"
	"github.com/orobridge/orobridge/formats"
)

func TestJudgeAnswer(t *testing.T) {
	const html, page = "text/html; charset=UTF-8", "<html>Access denied</html>"
	const order = `{"data":{"type":"orders","id":"25"}}`
	const operation = `{"data":{"type":"asyncoperations","id":"29","attributes":{"status":"new"}}}`
	tests := []struct {
		name   string
		method string
		path   string
		status int
		media  string
		body   string
		ours   bool
	}{
		{"a list", "GET", "orders", 200, mediaType, `{"data":[{"type":"orders","id":"25"}]}`, true},
		{"an empty list", "GET", "orders", 200, mediaType, `{"data":[]}`, true},
		{"with a charset", "GET", "orders", 200, mediaType + "; charset=utf-8", `{"data":[]}`, true},
		{"a page of a firewall", "GET", "orders", 200, html, page, false},
		{"a page that pretends", "GET", "orders", 200, mediaType, page, false},
		{"other JSON", "GET", "orders", 200, "application/json", `{"data":[]}`, false},
		{"no data", "GET", "orders", 200, mediaType, `{}`, false},
		{"null", "GET", "orders", 200, mediaType, `{"data":null}`, false},
		{"nothing", "GET", "orders", 200, mediaType, ``, false},
		{"cut", "GET", "orders", 200, mediaType, `{"data":[{"type":"orders","id":"25"}`, false},
		{"another kind", "GET", "orders", 200, mediaType, `{"data":[{"type":"customers","id":"25"}]}`, false},
		{"without an id", "GET", "orders", 200, mediaType, `{"data":[{"type":"orders"}]}`, false},
		{"not found by a 204", "GET", "orders", 204, "", ``, false},
		{"an operation", "GET", "asyncoperations/29", 200, mediaType, operation, true},
		{"another operation", "GET", "asyncoperations/28", 200, mediaType, operation, false},
		{"its errors", "GET", "asyncoperations/29/errors", 200, mediaType, `{"data":[{"type":"asyncoperationerrors","id":"29-1-1"}]}`, true},
		{"an order that was set", "PATCH", "orders/25", 200, mediaType, order, true},
		{"another order", "PATCH", "orders/26", 200, mediaType, order, false},
		{"an order and a page", "PATCH", "orders/25", 200, html, page, false},
		{"two orders", "PATCH", "orders/25", 200, mediaType, `{"data":[{"type":"orders","id":"25"},{"type":"orders","id":"26"}]}`, false},
		{"a webhook", "POST", "webhooks", 201, mediaType, `{"data":{"type":"webhooks","id":"ef2b"}}`, true},
		{"a webhook and a page", "POST", "webhooks", 200, html, page, false},
		{"a batch", "PATCH", "customers", 202, mediaType, operation, true},
		{"a batch that was not queued", "PATCH", "customers", 200, mediaType, operation, false},
		{"a batch that is no operation", "PATCH", "customers", 202, mediaType, `{"data":{"type":"asyncoperations","id":"x"}}`, false},
		{"a batch and a page", "PATCH", "customers", 200, html, page, false},
		{"removed", "DELETE", "productprices", 204, "", ``, true},
		{"removed, says a page", "DELETE", "productprices", 200, html, page, false},
		{"removed, says a 200", "DELETE", "productprices", 200, mediaType, `{"data":[]}`, false},
		{"removed, with a page", "DELETE", "productprices", 204, html, page, false},
		{"refused", "PATCH", "orders/25", 400, mediaType, `{"errors":[]}`, true},
		{"not there", "PATCH", "orders/25", 404, mediaType, ``, true},
		{"not there, says a page", "PATCH", "orders/25", 404, html, page, false},
		{"forbidden, says a page", "DELETE", "productprices", 403, html, page, false},
		{"refused, says a page", "PATCH", "customers", 400, html, page, false},
		{"an unknown token", "GET", "orders", 401, "", ``, true},
		{"a password, asks a proxy", "GET", "orders", 401, html, page, false},
		{"too large, says the web server", "PATCH", "customers", 413, html, page, true},
		{"busy, says a proxy", "PATCH", "customers", 429, html, page, true},
		{"down, says a proxy", "GET", "orders", 502, html, page, true},
		{"moved", "GET", "orders", 301, html, page, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ans := &answer{status: tt.status, header: http.Header{"Content-Type": {tt.media}}, body: []byte(tt.body)}
			err := judgeAnswer(wanted(tt.method, tt.path), ans)
			var stranger *strangerError
			if tt.ours != (err == nil) || !tt.ours && !errors.As(err, &stranger) {
				t.Errorf("judged %v", err)
			}
		})
	}
}

// TestRecordedAnswersAreTheShops: whatever a real shop answered to the kinds of requests that the bridge makes is taken for the
// shop's own.
func TestRecordedAnswersAreTheShops(t *testing.T) {
	files, err := filepath.Glob("orotest/testdata/recordings/*/*.json")
	if err != nil || len(files) < 200 {
		t.Fatalf("%d recordings, %v", len(files), err)
	}
	judged := 0
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var r struct {
			Request *struct {
				Method, Path string
				Headers      map[string]string
				Body         any
			}
			Response struct {
				Status  int
				Headers map[string]string
				Body    json.RawMessage
			}
		}
		mustUnmarshal(t, string(text), &r)
		if r.Request == nil || r.Request.Headers["Accept"] != mediaType || r.Request.Headers["X-Mode"] == "sync" {
			continue
		}
		path, ok := strings.CutPrefix(r.Request.Path, "/admin/api/")
		path, _, _ = strings.Cut(path, "?")
		if !ok || r.Request.Headers["X-Integration-Type"] != "" && strings.Contains(path, "/") {
			continue
		}
		body := r.Response.Body
		if string(body) == "null" {
			body = nil
		}
		ans := &answer{status: r.Response.Status, header: http.Header{}, body: body}
		for k, v := range r.Response.Headers {
			ans.header.Set(k, v)
		}
		judged++
		if err := judgeAnswer(wanted(r.Request.Method, path), ans); err != nil {
			t.Errorf("%s: %s %s: %v", name, r.Request.Method, path, err)
		}
	}
	if judged < 200 {
		t.Errorf("only %d recordings were judged", judged)
	}
}

func TestTooMany(t *testing.T) {
	for text, want := range map[string]bool{
		`[1,2,3]`: false, `[1,2,3,4]`: true, `["a,b,c,d,e,f"]`: false, `["\",\",\",\","]`: false, `[[],[],[]]`: true, `{"a":{"b":{}}}`: false,
		`[1,2`: false, `"\`: false,
	} {
		if got := tooMany([]byte(text), 3); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
}

// TestNothingIsDoneByAStranger: the page of a firewall is never taken for a removal, an answer to an order or a subscription.
func TestNothingIsDoneByAStranger(t *testing.T) {
	page := orotest.Respond(200, "text/html", "<html>Access denied")
	shop, c := newShop(t)
	if _, err := shop.SubmitOrder(orotest.Order{Identifier: "O-1", Customer: "1", Lines: []orotest.Line{{SKU: "0RT28", Quantity: "1", Price: "1"}}}); err != nil {
		t.Fatal(err)
	}
	key := formats.JoinKey("Default Price List", "0RT28", "item", "77", "USD")
	load(t, c, record(formats.Prices, key, "value", "1"))
	removal := &bridge.Batch{Entity: "prices", Changes: []*bridge.Change{{Op: bridge.Remove, Key: key, Record: record(formats.Prices, key)}}}
	paused := func(what string, err error) {
		t.Helper()
		var stranger *strangerError
		if bridge.FateOf(err) != bridge.Pause || !errors.As(err, &stranger) || bridge.HintOf(err) == "" {
			t.Errorf("%s: %v", what, err)
		}
	}
	in := shop.Inject(orotest.Fault{Method: http.MethodDelete, Times: 100, Effect: page})
	_, _, err := c.Submit(t.Context(), removal)
	paused("removal of a price", err)
	in.Release()
	if find(t, c, record(formats.Prices, key, "value", "")).Found == nil {
		t.Error("the price is gone")
	}

	in = shop.Inject(orotest.Fault{Method: http.MethodPatch, Path: "/admin/api/orders", Times: 100, Effect: page})
	_, err = c.ApplyFeedback(t.Context(), record(formats.OrderFeedback, "O-1", "erp_order_number", "4711"), "")
	paused("number of an order", err)
	in.Release()
	in = shop.Inject(orotest.Fault{Method: http.MethodPost, Path: "/admin/api/ordershippingtrackings", Times: 100, Effect: page})
	_, err = c.ApplyFeedback(t.Context(), record(formats.OrderFeedback, "O-1", "tracking_method", "ups", "tracking_number", "1Z"), "")
	if !errors.Is(err, bridge.ErrUncertain) || in.Hits() != 1 {
		t.Errorf("a tracking: %v after %d requests", err, in.Hits())
	}
	in.Release()

	in = shop.Inject(orotest.Fault{Method: http.MethodPost, Path: "/admin/api/webhooks", Times: 100, Effect: page})
	if _, err = c.Subscribe(t.Context(), "http://127.0.0.1:9/webhook", testSecret); !errors.Is(err, bridge.ErrUncertain) {
		t.Errorf("a subscription: %v", err)
	}
	in.Release()
	if _, err = c.Subscribe(t.Context(), "http://127.0.0.1:9/webhook", testSecret); err != nil {
		t.Fatal(err)
	}
	shop.Inject(orotest.Fault{Method: http.MethodDelete, Path: "/admin/api/webhooks", Times: 100, Effect: page})
	paused("taking subscriptions back", c.Unsubscribe(t.Context(), "http://127.0.0.1:9/webhook"))
}

// TestLargeAnswersAreAskedForInPieces: a page that is too large to read comes in halves, and no record is lost.
func TestLargeAnswersAreAskedForInPieces(t *testing.T) {
	shop, c := newShop(t)
	huge := `{"data":[` + strings.Repeat(`{},`, maxElements) + `{}]}`
	shop.Inject(orotest.Fault{Method: http.MethodGet, Path: "/admin/api/products", Times: 100, Match: func(r *http.Request, _ []byte) bool {
		size := r.URL.Query().Get("page[size]")
		return size == "1000" || size == "500"
	}, Effect: orotest.Respond(200, mediaType, huge)})
	seen := map[string]bool{}
	for doc, err := range c.pages(t.Context(), "products", query{"fields[products]": "sku"}, pageSize) {
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range doc.Data {
			seen[r.ID] = true
		}
	}
	if len(seen) != shop.Count("products") {
		t.Errorf("%d of %d products", len(seen), shop.Count("products"))
	}
	shop.Inject(orotest.Fault{Method: http.MethodGet, Path: "/admin/api/pricelists", Times: 100, Effect: orotest.Respond(200, mediaType, strings.Repeat(" ", maxAnswer)+`{"data":[]}`)})
	_, err := c.Find(t.Context(), formats.PriceLists, []*formats.Record{record(formats.PriceLists, "X")})
	if bridge.FateOf(err) != bridge.Stop || !errors.Is(err, errTooLarge) {
		t.Errorf("an answer without end: %v", err)
	}
}

// An order that is closed or cancelled is changed by nobody: its answer tells what was left out, is no trouble, and a parcel is
// noted all the same.
func TestAnswersToOrdersAtTheirEnd(t *testing.T) {
	for _, status := range []string{"closed", "cancelled"} {
		shop, c := newShop(t)
		id, err := shop.SubmitOrder(orotest.Order{Identifier: "O-1", Customer: "1", Lines: []orotest.Line{{SKU: "0RT28", Quantity: "1", Price: "1"}}})
		if err != nil {
			t.Fatal(err)
		}
		if err := shop.SetOrderStatus(id, status); err != nil {
			t.Fatal(err)
		}
		answer := record(formats.OrderFeedback, "O-1", "erp_order_number", "4711", "shipping_status", "shipped", "tracking_method", "ups", "tracking_number", "1Z")
		a, err := c.ApplyFeedback(t.Context(), answer, "")
		if err != nil || a.Reject != nil || len(a.Left) != 2 || !strings.Contains(a.Left[0].Why, "the order is "+status) {
			t.Errorf("%s: %+v, %v", status, a, err)
		}
		if len(a.Set) != 1 || a.Set[0] != "tracking_number" || shop.Count("ordershippingtrackings") != 1 {
			t.Errorf("%s: set %v, %d parcels", status, a.Set, shop.Count("ordershippingtrackings"))
		}
	}
}
