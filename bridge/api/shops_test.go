package api_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/admit"
	"github.com/orobridge/orobridge/bridge/api"
	"github.com/orobridge/orobridge/bridge/bridgetest"
	"github.com/orobridge/orobridge/bridge/oro/orotest"
)

const twoShops = `feeds:
  - { name: SHOP-products, shop: SHOP, entity: products, remote: disk, match: 'SHOP_products_*.csv', ready: { stable: 0s },
      format: { kind: csv } }
exports:
  - { name: SHOP-orders, shop: SHOP, remote: disk, folder: orders-SHOP, file: 'ORD_{number}_{identifier}', format: { kind: csv }, since: all }
`

// TestACallerOfOneShopSeesNothingOfAnother, at no route: what it asks for by name is not there, and lists and events leave it out.
func TestACallerOfOneShopSeesNothingOfAnother(t *testing.T) {
	w := bridgetest.NewShops(t, []string{"b2b", "outlet"}, twoShops)
	for _, shop := range w.Names {
		w.Drop(shop+"_products_1.csv", "sku,name,unit\nSECRET-"+shop+",Bolt of "+shop+",item\nX,too short of "+shop+",item\n")
		_, err := w.Boxes[shop].SubmitOrder(orotest.Order{Identifier: "N-" + shop, Customer: "1",
			Lines: []orotest.Line{{SKU: "0RT28", Quantity: "1", Price: "1"}}})
		w.Must(err)
	}
	w.Must(w.B.Round(t.Context()))
	desk := w.Desk()
	desk.Running = true
	_, err := desk.Pause(t.Context(), "shop", "outlet", w.Clock.Now().AddDate(1, 0, 0))
	w.Must(err)
	_, err = desk.Pause(t.Context(), "feed", "outlet-products", w.Clock.Now().AddDate(1, 0, 0))
	w.Must(err)
	var alarms []*bridge.LiveAlarm // outlet's come first
	for _, feed := range []string{"outlet-products", "outlet-products", "b2b-products"} {
		alarms = append(alarms, &bridge.LiveAlarm{Alarm: bridge.AlarmMissing, Of: "feed " + feed, N: 1, Text: "nothing came", Begun: w.Clock.Now(),
			Raised: w.Clock.Now()})
	}
	w.Must(w.Ledger.SaveAlarms(t.Context(), bridge.AlarmRound{Alarms: alarms}))
	theirs := fmt.Sprint(alarms[0].ID)
	drops, runs := map[string]string{}, map[string]string{}
	all, err := w.Ledger.Drops(t.Context(), bridge.DropFilter{})
	w.Must(err)
	for _, d := range all {
		of, err := w.Ledger.Runs(t.Context(), d.ID)
		w.Must(err)
		drops[d.Feed], runs[d.Feed] = fmt.Sprint(d.ID), fmt.Sprint(of[0].ID)
	}
	handler := api.New(api.Options{Desk: desk, Ledger: w.Ledger, Version: "1", Folder: t.TempDir(), Clock: w.Clock,
		Log: slog.New(slog.DiscardHandler)})
	ask := func(shops []string, method, path, body string) (int, string) {
		t.Helper()
		r := httptest.NewRequest(method, api.Path+path, strings.NewReader(body))
		if method == http.MethodPost {
			r.Header.Set("Content-Type", "application/json")
		}
		got := httptest.NewRecorder()
		handler.ServeHTTP(got, r.WithContext(admit.WithCaller(r.Context(), &admit.Caller{Name: "olga", Role: admit.Admin, Shops: shops})))
		return got.Code, got.Body.String()
	}
	mine, other := drops["b2b-products"], drops["outlet-products"]
	if _, said := ask([]string{"b2b"}, http.MethodGet, "/alarms?limit=1", ""); !strings.Contains(said, "b2b-products") {
		t.Errorf("what it may not see takes the room of what it may: %s", said)
	}
	for _, path := range []string{"/status", "/drops", "/rejects?all=true", "/causes?all=true", "/parked", "/orders", "/events", "/transfers",
		"/trace?key=SECRET-b2b", "/alarms?all=true", "/alarms?limit=1", "/drops/" + mine + "?rows=true", "/orders/N-b2b"} {
		status, said := ask([]string{"b2b"}, http.MethodGet, path, "")
		if status != http.StatusOK || strings.Contains(said, "outlet") {
			t.Errorf("%s: %d %s", path, status, said)
		}
		if status, said := ask(nil, http.MethodGet, path, ""); status != http.StatusOK {
			t.Errorf("%s, for one of all shops: %d %s", path, status, said)
		}
	}
	status, said := ask([]string{"b2b"}, http.MethodPost, "/resend", `{"from":"2020-01-01T00:00:00Z","dry_run":true}`)
	if status != http.StatusOK || strings.Contains(said, "outlet") || !strings.Contains(said, "N-b2b") {
		t.Errorf("resend: %d %s", status, said)
	}
	for _, x := range []struct{ method, path, body string }{
		{"GET", "/drops/" + other, ""}, {"GET", "/drops/" + other + "/plan", ""}, {"GET", "/drops?feed=outlet-products", ""},
		{"GET", "/rejects?drop=" + other, ""}, {"GET", "/rejects?feed=outlet-products", ""}, {"GET", "/causes?drop=" + other, ""},
		{"GET", "/parked?feed=outlet-products", ""}, {"GET", "/orders?export=outlet-orders", ""}, {"GET", "/orders/N-outlet", ""},
		{"GET", "/orders/N-outlet/files/outlet-orders", ""}, {"GET", "/events?drop=" + other, ""}, {"GET", "/events/stream?drop=" + other, ""},
		{"GET", "/trace?key=SECRET-outlet", ""}, {"GET", "/trace?entity=products&key=SECRET-outlet", ""},
		{"POST", "/drops/" + other + "/approve", "{}"}, {"POST", "/drops/" + other + "/discard", "{}"}, {"POST", "/drops/" + other + "/rerun", "{}"},
		{"POST", "/drops/" + other + "/undo", "{}"}, {"POST", "/runs/" + runs["outlet-products"] + "/undo", "{}"}, {"POST", "/drops/" + other + "/ack", "{}"},
		{"POST", "/orders/N-outlet/resend", "{}"}, {"POST", "/orders/N-outlet/resend", `{"export":"outlet-orders"}`},
		{"GET", "/alarms/" + theirs, ""}, {"POST", "/alarms/" + theirs + "/ack", `{"why":"x"}`},
		{"POST", "/alarms/" + theirs + "/snooze", `{"until":"2027-01-01T00:00:00Z"}`},
		{"POST", "/feeds/outlet-products/rerun", `{"from":"2026-01-01T00:00:00Z"}`},
		{"POST", "/pause", `{"kind":"shop","name":"outlet"}`}, {"POST", "/pause", `{"kind":"feed","name":"outlet-products"}`},
		{"POST", "/resume", `{"kind":"export","name":"outlet-orders"}`}, {"POST", "/feeds/outlet-products/look", "{}"},
		{"POST", "/feeds/outlet-products/files?name=x.csv", "x"}, {"POST", "/feeds/outlet-products/plan?name=x.csv", "x"},
	} {
		status, said := ask([]string{"b2b"}, x.method, x.path, x.body)
		if status != http.StatusNotFound && status != http.StatusBadRequest && status != http.StatusForbidden {
			t.Errorf("%s %s: %d %s", x.method, x.path, status, said)
		}
	}
	if status, said := ask(nil, http.MethodGet, "/drops?shop=b2b", ""); status != http.StatusOK || strings.Contains(said, "outlet") ||
		!strings.Contains(said, "b2b") {
		t.Errorf("of one shop: %d %s", status, said)
	}
	for _, shop := range []string{"outlet", "b2b,outlet", "nobodys", ","} {
		if status, said := ask([]string{"b2b"}, http.MethodGet, "/drops?shop="+shop, ""); status != http.StatusBadRequest {
			t.Errorf("of %s, for one of b2b: %d %s", shop, status, said)
		}
	}
	for _, shops := range [][]string{{"b2b"}, {"nobodys"}} {
		if _, said := ask(shops, http.MethodGet, "/status", ""); strings.Contains(said, "outlet") || shops[0] != "b2b" && strings.Contains(said, "b2b") {
			t.Errorf("%s: %s", shops, said)
		}
	}
}
