package oro

import (
	"net/http"
	"slices"
	"testing"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/oro/orotest"
)

func TestSubscribe(t *testing.T) {
	shop, c := newShop(t)
	const address = "http://127.0.0.1:9/webhook"
	did, err := c.Subscribe(t.Context(), address, testSecret)
	if err != nil || !slices.Equal(did, []string{"subscribed to order.created", "subscribed to order.updated"}) {
		t.Fatalf("%v, %v", did, err)
	}
	if did, err = c.Subscribe(t.Context(), address, testSecret+"2"); err != nil || len(did) != 0 || shop.Count("webhooks") != 2 {
		t.Errorf("again: %v, %v, %d subscriptions", did, err, shop.Count("webhooks"))
	}
	held, err := c.subscriptions(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	off := item{kind: "webhooks", id: held["order.updated"][0].ID}
	off.raw("enabled", "false")
	if err := c.byHand(t, http.MethodPatch, "webhooks/"+off.id, single(&off)); err != nil {
		t.Fatal(err)
	}
	if err := c.removeWebhook(t.Context(), held["order.created"][0].ID); err != nil {
		t.Fatal(err)
	}
	if did, err = c.Subscribe(t.Context(), address, testSecret); err != nil || !slices.Equal(did, []string{"subscribed to order.created", "switched on order.updated"}) {
		t.Errorf("repair: %v, %v", did, err)
	}
	if did, err = c.Subscribe(t.Context(), address+"/b2b", testSecret, address+"/b2b", address); err != nil || len(did) != 2 || shop.Count("webhooks") != 2 {
		t.Errorf("at another address: %v, %v, %d subscriptions", did, err, shop.Count("webhooks"))
	}
	if held, err := c.subscriptions(t.Context(), address); err != nil || len(held) != 0 {
		t.Errorf("at the former address: %v, %v", held, err)
	}
	if err := c.Unsubscribe(t.Context(), address+"/b2b"); err != nil || shop.Count("webhooks") != 0 {
		t.Errorf("%v, %d subscriptions", err, shop.Count("webhooks"))
	}
	shop.Inject(orotest.Fault{Path: "/admin/api/webhooktopics", Effect: orotest.Respond(404, mediaType, `{"errors":[{"status":"404","title":"resource not accessible exception"}]}`)})
	if _, err = c.Subscribe(t.Context(), address, testSecret); bridge.FateOf(err) != bridge.Stop || bridge.HintOf(err) == "" {
		t.Errorf("an older shop: %v", err)
	}
}

// TestSubscribeAsShopsAllow: 6.1.11 and 7.0.4 refuse page[size] for their topics (400), and a short secret is refused here.
func TestSubscribeAsShopsAllow(t *testing.T) {
	shop, c := newShop(t)
	shop.Inject(orotest.Fault{Path: "/admin/api/webhooktopics", Times: 9,
		Match:  func(r *http.Request, _ []byte) bool { return r.URL.Query().Has("page[size]") },
		Effect: orotest.Respond(400, mediaType, `{"errors":[{"status":"400","title":"filter constraint","detail":"The filter is not supported.","source":{"parameter":"page[size]"}}]}`)})
	if _, err := c.Subscribe(t.Context(), "http://127.0.0.1:9/webhook", "short"); bridge.FateOf(err) != bridge.Stop || bridge.HintOf(err) == "" || shop.Count("webhooks") != 0 {
		t.Errorf("a short secret: %v", err)
	}
	if _, err := c.Subscribe(t.Context(), "http://127.0.0.1:9/webhook", testSecret); err != nil || shop.Count("webhooks") != 2 {
		t.Errorf("%v, %d subscriptions", err, shop.Count("webhooks"))
	}
}
