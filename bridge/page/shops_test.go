package page_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/admit"
	"github.com/orobridge/orobridge/bridge/bridgetest"
	"github.com/orobridge/orobridge/bridge/page"
)

// ofEach are the feeds of each of two shops; whatever is of one has its name in it.
const ofEach = `feeds:
  - { name: SHOP-products, shop: SHOP, entity: products, remote: disk, match: 'SHOP_products_*.csv', ready: { stable: 0s }, format: { kind: csv },
      values: { unit: { ST: item } }, guards: { max_rejects: 40% } }
  - { name: SHOP-inventory, shop: SHOP, entity: inventory, remote: disk, match: 'SHOP_inventory_*.csv', ready: { stable: 0s }, format: { kind: csv } }
exports:
  - { name: SHOP-orders, shop: SHOP, remote: disk, folder: orders-SHOP, file: 'ORD_SHOP_{number}_{identifier}', format: { kind: csv }, since: all }
`

// Whoever may see one shop sees nothing of the other: on no page, in no list that others have just looked at, and under no number.
func TestAUserSeesTheUsersShopsAlone(t *testing.T) {
	w := bridgetest.NewShops(t, []string{"b2b", "outlet"}, ofEach)
	round := func() {
		t.Helper()
		w.Must(w.B.Round(t.Context()))
	}
	for _, shop := range w.Names {
		w.Drop(shop+"_products_1.csv", "sku,name,unit\nSKU1,Pipe of "+shop+",ST\nSKU2,Bend of "+shop+",ST\nSKU3,Tap of "+shop+",PAL of "+shop+"\n")
		round()
		w.Drop(shop+"_products_2.csv", "sku,name,unit\nSKU4,Cap of "+shop+",PAL of "+shop+"\n")
		w.Drop(shop+"_inventory_1.csv", "sku,unit,quantity\nSKU9-"+shop+",item,7\n")
		round()
	}
	now := w.Clock.Now()
	var alarms []*bridge.LiveAlarm
	for _, shop := range w.Names {
		alarms = append(alarms, &bridge.LiveAlarm{Alarm: bridge.AlarmMissing, Of: "feed " + shop + "-products", N: 1, Text: "nothing came to " + shop,
			Begun: now, Raised: now})
	}
	w.Must(w.Ledger.SaveAlarms(t.Context(), bridge.AlarmRound{Alarms: alarms}))
	drops, err := w.Ledger.Drops(t.Context(), bridge.DropFilter{})
	w.Must(err)
	for _, shop := range w.Names { // and of each a run is at work
		for _, d := range drops {
			if from := d.State; d.Feed == shop+"-inventory" {
				d.State = bridge.Loading
				w.Must(w.Ledger.StartRun(t.Context(), &bridge.Run{Drop: d.ID, Kind: bridge.ReRun, State: bridge.Running, Started: now}, bridge.Move{Drop: d, From: from}))
			}
		}
	}
	desk := w.Desk()
	desk.Running = true
	p := page.New(page.Options{Desk: desk, Config: w.Settings, Version: "test", Log: slog.New(slog.DiscardHandler)})
	t.Cleanup(func() { w.Must(p.Close()) })
	routes := p.Handler()
	everybody := &admit.Caller{Name: "ada", Role: admit.Admin}
	ask := func(who *admit.Caller, r *http.Request) *httptest.ResponseRecorder {
		a := httptest.NewRecorder()
		routes.ServeHTTP(a, r.WithContext(admit.WithCaller(r.Context(), who)))
		return a
	}
	if work := textOf(ask(everybody, httptest.NewRequest("GET", "/", nil)).Body.String()); !strings.Contains(work, "At work") {
		t.Fatal("nothing is at work: " + work)
	}
	owed, err := w.Ledger.Outbox(t.Context(), bridge.OutboxFilter{})
	w.Must(err)
	paths := []string{"/", "/alarms", "/drops", "/drops?day=" + now.UTC().Format(time.DateOnly), "/drops?word=products", "/rejects", "/rejects?state=all",
		"/rejects.csv", "/orders", "/feeds", "/exports", "/figures", "/search?q=SKU1", "/search?q=products", "/check"}
	own := map[string][]string{}
	for _, shop := range w.Names {
		own[shop] = []string{"/feeds/" + shop + "-products", "/feeds/" + shop + "-inventory", "/exports/" + shop + "-orders", "/feeds/" + shop + "-products/pause",
			"/drops?feed=" + shop + "-products", "/rejects?feed=" + shop + "-products", "/orders?export=" + shop + "-orders",
			"/shops/" + shop + "/pause", "/feeds/" + shop + "-products/upload"}
		for i, a := range alarms {
			if w.Names[i] == shop {
				own[shop] = append(own[shop], "/alarms/"+number(a.ID)+"/ack")
			}
		}
		for _, d := range drops {
			if strings.HasPrefix(d.Feed, shop) {
				at := "/drops/" + number(d.ID)
				own[shop] = append(own[shop], at, at+"/rejects.csv", at+"/rerun")
				own[shop] = append(own[shop], "/search?q="+d.SHA256)
			}
		}
		for _, o := range owed {
			if strings.HasPrefix(o.Export, shop) {
				own[shop] = append(own[shop], "/orders/"+url.PathEscape(o.Order)+"/file?export="+o.Export+"&number="+number(o.Number))
				break
			}
		}
	}
	if len(owed) == 0 || len(drops) != 6 {
		t.Fatalf("%d orders, %d drops", len(owed), len(drops))
	}
	for i, shop := range w.Names {
		other := w.Names[1-i]
		who := &admit.Caller{Name: "olga", Role: admit.Admin, Shops: []string{shop}}
		for _, path := range append(paths, own[shop]...) {
			ask(everybody, httptest.NewRequest("GET", path, nil)) // has it made for all who see all
			a := ask(who, httptest.NewRequest("GET", path, nil))
			if a.Code != http.StatusOK || strings.Contains(a.Body.String(), other) {
				t.Errorf("%s's user gets %d of %s, with %q", shop, a.Code, path, around(a.Body.String(), other))
			}
		}
		for _, path := range own[other] {
			a := ask(who, httptest.NewRequest("GET", path, nil))
			if strings.HasPrefix(path, "/search") {
				if strings.Contains(a.Body.String(), other) {
					t.Errorf("%s finds %q", path, around(a.Body.String(), other))
				}
				continue
			}
			if a.Code < 400 || strings.Contains(textOf(a.Body.String()), " of "+other) {
				t.Errorf("%s's user gets %d of %s", shop, a.Code, path)
			}
			if a := ask(who, post(path, url.Values{"why": {"x"}, "draft": {"x"}})); a.Code < 400 {
				t.Errorf("%s's user posts to %s and gets %d", shop, path, a.Code)
			}
		}
	}
}

func post(path string, form url.Values) *http.Request {
	r := httptest.NewRequest("POST", path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r
}

// around is what stands around a word in a text.
func around(text, word string) string {
	i := strings.Index(text, word)
	if i < 0 {
		return ""
	}
	return text[max(0, i-60):min(len(text), i+60)]
}

// Whoever sees all of a file's shops sees beside each other what each has made of it.
func TestADropOfSeveralShopsShowsEach(t *testing.T) {
	w := bridgetest.NewShops(t, []string{"b2b", "outlet"}, `feeds:
  - { name: products, shop: [b2b, outlet], entity: products, remote: disk, match: 'products_*.csv', ready: { stable: 0s }, guards: { min_rows: 1 },
      format: { kind: csv } }
`)
	w.Drop("products_1.csv", "sku,name,unit\nSKU8,Nut,item\nSKU9,Bolt,none\n")
	w.Must(w.B.Round(t.Context()))
	p := page.New(page.Options{Desk: w.Desk(), Config: w.Settings, Version: "test", Log: slog.New(slog.DiscardHandler)})
	t.Cleanup(func() { w.Must(p.Close()) })
	r := httptest.NewRequest("GET", "/drops/1", nil)
	a := httptest.NewRecorder()
	p.Handler().ServeHTTP(a, r.WithContext(admit.WithCaller(r.Context(), &admit.Caller{Name: "ada", Role: admit.Admin})))
	text := textOf(a.Body.String())
	for _, want := range []string{"Of each shop", "b2b", "outlet"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page does not say %q: %s", want, text)
		}
	}
	for _, part := range []string{`href="/drops/2"`, `href="/drops/3"`} {
		if !strings.Contains(a.Body.String(), part) {
			t.Errorf("no link %s", part)
		}
	}
}
