package bridge_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/dir"
	"github.com/orobridge/orobridge/bridge/oro"
	"github.com/orobridge/orobridge/bridge/oro/orotest"
	"github.com/orobridge/orobridge/formats"
	"github.com/orobridge/orobridge/formats/csv"
	"github.com/orobridge/orobridge/formats/idoc"
	"github.com/orobridge/orobridge/state"
)

// world is a shop in a box, a folder that plays the ERP's server, and a bridge between them on a clock that tests move.
type world struct {
	t      testing.TB
	shop   *orotest.Shop
	folder string
	state  string
	config string
	clock  *clock
	log    *bytes.Buffer
	mu     sync.Mutex

	b      *bridge.Bridge
	ledger *state.Ledger
	client *oro.Client
}

// clock stands still until a test moves it; waiting moves it, too.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Wait(ctx context.Context, d time.Duration) error {
	c.mu.Lock()
	c.now = c.now.Add(d)
	c.mu.Unlock()
	return ctx.Err()
}

const fiveFeeds = `
feeds:
  - { name: customers, entity: customers, remote: disk, folder: customers, match: '*.csv', ready: { stable: 0s, marker: '' }, format: { kind: csv } }
  - { name: products, entity: products, remote: disk, folder: products, match: '*.csv', ready: { stable: 0s }, format: { kind: csv } }
  - { name: pricelists, entity: pricelists, remote: disk, folder: pricelists, match: '*.csv', ready: { stable: 0s }, format: { kind: csv } }
  - { name: prices, entity: prices, remote: disk, folder: prices, match: '*.csv', ready: { stable: 0s }, format: { kind: csv } }
  - { name: inventory, entity: inventory, remote: disk, folder: inventory, match: '*.csv', ready: { stable: 0s }, format: { kind: csv } }
exports:
  - { name: orders, entity: orders, remote: disk, folder: orders, file: 'ORD_{submitted}_{number}_{identifier}.csv', format: { kind: csv }, since: all }
`

func newWorld(t testing.TB, feeds string, options ...orotest.Option) *world {
	t.Helper()
	w := &world{t: t, folder: t.TempDir(), state: t.TempDir(), clock: &clock{now: time.Date(2026, 11, 21, 7, 0, 0, 0, time.UTC)}, log: &bytes.Buffer{}}
	w.shop = orotest.New(append([]orotest.Option{orotest.Clock(w.clock.Now)}, options...)...)
	if err := w.shop.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.shop.Close() })
	w.config = fmt.Sprintf("state: { dir: %s }\noro: { url: %s, client_id: demo, client_secret: demo, batch: 100 }\nremotes:\n  disk: { kind: dir, path: %s }\n%s",
		w.state, w.shop.URL(), w.folder, feeds)
	for _, f := range []string{"customers", "products", "pricelists", "prices", "inventory", "orders"} {
		if err := os.Mkdir(filepath.Join(w.folder, f), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	w.open()
	t.Cleanup(w.close)
	return w
}

// open starts a bridge on the world's state, as a new process would.
func (w *world) open() {
	w.t.Helper()
	cfg, err := bridge.ParseConfig("orobridge.yaml", []byte(w.config),
		formats.Registry{"csv": func() formats.Format { return &csv.Options{} }, "idoc": func() formats.Format { return &idoc.Options{} }},
		bridge.OrderFormats{"csv": func() formats.OrderFormat { return &csv.OrderOptions{} }}, os.LookupEnv)
	if err != nil {
		w.t.Fatal(err)
	}
	w.ledger, err = state.Open(context.Background(), cfg.State.Dir, state.Options{Now: w.clock.Now})
	if err != nil {
		w.t.Fatal(err)
	}
	remote, err := dir.New(cfg.Remotes["disk"])
	if err != nil {
		w.t.Fatal(err)
	}
	w.client, err = oro.New(cfg.Oro, oro.Options{Now: w.clock.Now, Sleep: w.clock.Wait})
	if err != nil {
		w.t.Fatal(err)
	}
	w.b = &bridge.Bridge{Config: cfg, Ledger: w.ledger, Shop: w.client, Remotes: map[string]bridge.Remote{"disk": remote}, Spool: w.ledger.Spool(),
		Clock: w.clock, Log: slog.New(slog.NewTextHandler(&locked{w: w}, nil)), Patience: time.Hour}
}

type locked struct{ w *world }

func (l *locked) Write(p []byte) (int, error) {
	l.w.mu.Lock()
	defer l.w.mu.Unlock()
	return l.w.log.Write(p)
}

func (w *world) close() {
	if w.ledger == nil {
		return
	}
	for _, r := range w.b.Remotes {
		r.Close()
	}
	w.client.Close()
	if err := w.ledger.Close(); err != nil {
		w.t.Error(err)
	}
	w.ledger = nil
}

// drop puts a file into a feed's folder.
func (w *world) drop(feed, name, content string) {
	w.t.Helper()
	w.clock.Wait(context.Background(), time.Second)
	path := filepath.Join(w.folder, feed, name)
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		w.t.Fatal(err)
	}
	now := w.clock.Now()
	if err := os.Chtimes(path, now, now); err != nil {
		w.t.Fatal(err)
	}
}

// round makes one round of the bridge.
func (w *world) round() {
	w.t.Helper()
	if err := w.b.Round(context.Background()); err != nil {
		w.t.Fatalf("round: %v\n%s", err, w.log)
	}
}

// last is the newest drop of a feed with its newest run.
func (w *world) last(feed string) (*bridge.Drop, *bridge.Run) {
	w.t.Helper()
	drops, err := w.ledger.Drops(context.Background(), bridge.DropFilter{Feed: feed})
	if err != nil {
		w.t.Fatal(err)
	}
	if len(drops) == 0 {
		w.t.Fatalf("no drop of %s; log:\n%s", feed, w.log)
	}
	d := drops[len(drops)-1]
	runs, err := w.ledger.Runs(context.Background(), d.ID)
	if err != nil {
		w.t.Fatal(err)
	}
	if len(runs) == 0 {
		return d, &bridge.Run{}
	}
	return d, runs[len(runs)-1]
}

func (w *world) rejects(d *bridge.Drop) []string {
	w.t.Helper()
	var list []string
	err := w.ledger.Rejects(context.Background(), bridge.RejectFilter{Drop: d.ID}, func(r bridge.RejectRow) error {
		list = append(list, fmt.Sprintf("%d %s %s %s: %s", r.Pos.Line, r.Key, r.Field, r.Code, r.Message))
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return list
}

const (
	someCustomers = "customer_number,name,parent_number,street,city,postal_code,region,country\nC-2,Branch,C-1,Main 2,Rochester,14608,US-NY,US\nC-1,Head,,,,,,\nC-3,Other,,,,,,\n"
	someProducts  = "sku,name,unit,precision,more_units,status\nSKU1,Bolt,item,0,set:0:12,enabled\nSKU2,Nut,item,0,,enabled\n"
	someLists     = "name,currencies,active\nRetail,EUR USD,1\n"
	somePrices    = "price_list,sku,unit,quantity,currency,value\nRetail,SKU1,item,1,EUR,19.90\nRetail,SKU1,item,10,EUR,18.5\nRetail,SKU2,item,1,EUR,0.99\n"
	someInventory = "sku,unit,quantity\nSKU1,item,10\nSKU2,item,0\n"
)

func (w *world) dropAll(tag string) {
	w.drop("customers", "c"+tag+".csv", someCustomers)
	w.drop("products", "p"+tag+".csv", someProducts)
	w.drop("pricelists", "l"+tag+".csv", someLists)
	w.drop("prices", "x"+tag+".csv", somePrices)
	w.drop("inventory", "i"+tag+".csv", someInventory)
}

func TestFiveFeedsReachTheShopInOneRound(t *testing.T) {
	w := newWorld(t, fiveFeeds)
	w.dropAll("1")
	w.round()
	for feed, want := range map[string]bridge.Counts{
		"customers":  {Rows: 3, Created: 3},
		"products":   {Rows: 2, Created: 2},
		"pricelists": {Rows: 1, Created: 1},
		"prices":     {Rows: 3, Created: 3},
		"inventory":  {Rows: 2, Updated: 1, Unchanged: 1, Adopted: 1},
	} {
		d, run := w.last(feed)
		if run.Counts != want || d.State != bridge.Loaded {
			t.Errorf("%s: %s %s %+v, want %+v; rejects:\n%s", feed, d.State, d.Reason, run.Counts, want, strings.Join(w.rejects(d), "\n"))
		}
		if got := filepath.Join(w.folder, d.Path); !strings.Contains(got, "archive") {
			t.Errorf("%s: the drop stands in %s", feed, got)
		} else if _, err := os.Stat(got); err != nil {
			t.Error(err)
		}
	}
	if t.Failed() {
		t.Log(w.log)
	}
}

func TestTheSameFilesAgainSendNothing(t *testing.T) {
	w := newWorld(t, fiveFeeds)
	w.dropAll("1")
	w.round()
	before := w.shop.Snapshot()
	w.shop.JournalReset()
	w.dropAll("2")
	w.round()
	for _, r := range w.shop.Journal() {
		if r.Method != "GET" && !strings.Contains(r.Path, "token") {
			t.Errorf("sent again: %s %s", r.Method, r.Path)
		}
	}
	if diff := before.Diff(w.shop.Snapshot()); diff != "" {
		t.Error(diff)
	}
	d, _ := w.last("prices")
	if d.State != bridge.Duplicate {
		t.Errorf("the second drop is %s", d.State)
	}
}

func writeFile(path, content string) error { return os.WriteFile(path, []byte(content), 0o600) }

func openLedger(w *world) (*state.Ledger, error) {
	return state.Open(context.Background(), w.state, state.Options{})
}

// call asks the shop's API as a person with the bridge's own rights would.
func (w *world) call(method, path string) []byte {
	w.t.Helper()
	resp, err := http.PostForm(w.shop.URL()+"/oauth2-token", url.Values{"grant_type": {"client_credentials"}, "client_id": {"demo"}, "client_secret": {"demo"}})
	if err != nil {
		w.t.Fatal(err)
	}
	var token struct {
		AccessToken string `json:"access_token"`
	}
	err = json.NewDecoder(resp.Body).Decode(&token)
	resp.Body.Close()
	if err != nil {
		w.t.Fatal(err)
	}
	req, err := http.NewRequest(method, w.shop.URL()+"/admin/api"+path, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token.AccessToken)
	req.Header.Set("Accept", "application/vnd.api+json")
	resp, err = http.DefaultClient.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode >= 300 {
		w.t.Fatalf("%s %s: %d %s %v", method, path, resp.StatusCode, body, err)
	}
	http.DefaultClient.CloseIdleConnections()
	return body
}

// listID is the shop's id of a price list.
func (w *world) listID(name string) string {
	w.t.Helper()
	var doc struct {
		Data []struct {
			ID         string
			Attributes struct{ Name string }
		}
	}
	if err := json.Unmarshal(w.call("GET", "/pricelists?page[size]=-1"), &doc); err != nil {
		w.t.Fatal(err)
	}
	for _, d := range doc.Data {
		if d.Attributes.Name == name {
			return d.ID
		}
	}
	w.t.Fatalf("the shop has no price list %s", name)
	return ""
}

func (w *world) link(entity, key string) *bridge.Link {
	w.t.Helper()
	links, err := w.ledger.Links(context.Background(), entity, []string{key})
	if err != nil || links[key] == nil {
		w.t.Fatalf("no link of %s %s: %v", entity, key, err)
	}
	return links[key]
}
