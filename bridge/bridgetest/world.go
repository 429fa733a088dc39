package bridgetest

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
	"sync"
	"testing"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/bridge/daemon"
	"github.com/orobridge/orobridge/bridge/dir"
	"github.com/orobridge/orobridge/bridge/oro"
	"github.com/orobridge/orobridge/bridge/oro/orotest"
	"github.com/orobridge/orobridge/formats"
	"github.com/orobridge/orobridge/formats/csv"
	"github.com/orobridge/orobridge/formats/idoc"
	"github.com/orobridge/orobridge/state"
)

// world is a shop in a box, a folder that plays the ERP's server, and a bridge between them on a clock that tests move.
type World struct {
	T      testing.TB
	Shop   *orotest.Shop
	Folder string
	State  string
	Config string
	Clock  *clock
	Log    *bytes.Buffer
	mu     sync.Mutex

	B      *daemon.Daemon
	Ledger *state.State
	Events *bridge.Events
	Client *oro.Client

	stopSteps func()
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

const FiveFeeds = `
feeds:
  - { name: customers, entity: customers, remote: disk, folder: customers, match: '*.csv',
      ready: { stable: 0s, marker: '' }, format: { kind: csv } }
  - { name: products, entity: products, remote: disk, folder: products, match: '*.csv', ready: { stable: 0s }, format: { kind: csv } }
  - { name: pricelists, entity: pricelists, remote: disk, folder: pricelists, match: '*.csv', ready: { stable: 0s }, format: { kind: csv } }
  - { name: prices, entity: prices, remote: disk, folder: prices, match: '*.csv', ready: { stable: 0s }, format: { kind: csv } }
  - { name: inventory, entity: inventory, remote: disk, folder: inventory, match: '*.csv', ready: { stable: 0s }, format: { kind: csv } }
exports:
  - { name: orders, entity: orders, remote: disk, folder: orders,
      file: 'ORD_{submitted}_{number}_{identifier}.csv', format: { kind: csv }, since: all }
`

func NewWorld(t testing.TB, feeds string, options ...orotest.Option) *World {
	t.Helper()
	w := &World{T: t, Folder: t.TempDir(), State: t.TempDir(), Clock: &clock{now: time.Date(2026, 11, 21, 7, 0, 0, 0, time.UTC)},
		Log: &bytes.Buffer{}}
	asked := &orotest.Asked{}
	w.Shop = orotest.New(append([]orotest.Option{orotest.Version(orotest.Wanted()), orotest.Clock(w.Clock.Now), orotest.Into(asked)},
		options...)...)
	if err := w.Shop.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		w.Shop.Close()
		for _, request := range asked.Unrecorded("../oro/testdata/requests.txt") {
			t.Error("no real shop is known to answer: " + request)
		}
	})
	w.Config = fmt.Sprintf("state: { dir: %s }\noro: { url: %s, client_id: demo, client_secret: demo, batch: 100 }\n"+
		"remotes:\n  disk: { kind: dir, path: %s }\n%s", w.State, w.Shop.URL(), w.Folder, feeds)
	for _, f := range []string{"customers", "products", "pricelists", "prices", "inventory", "orders"} {
		if err := os.Mkdir(filepath.Join(w.Folder, f), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	w.Open()
	t.Cleanup(w.Close)
	return w
}

// open starts a bridge on the world's state, as a new process would.
func (w *World) Open() {
	w.T.Helper()
	cfg, err := config.Parse("orobridge.yaml", []byte(w.Config), config.Kinds{
		Remotes: map[string]func() bridge.RemoteOptions{"dir": func() bridge.RemoteOptions { return &dir.Options{} }},
		Formats: map[string]func() formats.Format{"csv": func() formats.Format { return &csv.Options{} },
			"idoc": func() formats.Format { return &idoc.Options{} }},
		Orders: map[string]func() formats.OrderFormat{"csv": func() formats.OrderFormat { return &csv.OrderOptions{} }},
	}, os.LookupEnv)
	if err != nil {
		w.T.Fatal(err)
	}
	w.Ledger, err = state.Open(context.Background(), cfg.State.Dir, state.Options{})
	if err != nil {
		w.T.Fatal(err)
	}
	remote, err := cfg.OpenRemote("disk", w.Ledger.Identity(), nil)
	if err != nil {
		w.T.Fatal(err)
	}
	w.Client, err = oro.New(cfg.Oro, oro.Options{Now: w.Clock.Now, Sleep: w.Clock.Wait})
	if err != nil {
		w.T.Fatal(err)
	}
	w.Events = &bridge.Events{}
	w.Events.Observe(bridge.LogEvents(slog.New(slog.NewTextHandler(&locked{w: w}, &slog.HandlerOptions{Level: slog.LevelDebug}))))
	w.B = daemon.Assemble(cfg, &cfg.Oro, daemon.Ends{Ledger: w.Ledger, Shop: w.Client, Remotes: map[string]bridge.Remote{"disk": remote},
		Spool: w.Ledger.Spool(), Clock: w.Clock, Events: w.Events, Patience: time.Hour})
}

type locked struct{ w *World }

func (l *locked) Write(p []byte) (int, error) {
	l.w.mu.Lock()
	defer l.w.mu.Unlock()
	return l.w.Log.Write(p)
}

func (w *World) Close() {
	if w.Ledger == nil {
		return
	}
	for _, r := range w.B.In.Remotes {
		r.Close()
	}
	w.Client.Close()
	if err := w.Ledger.Close(); err != nil {
		w.T.Error(err)
	}
	w.Ledger = nil
}

// drop puts a file into a feed's folder.
func (w *World) Drop(feed, name, content string) {
	w.T.Helper()
	w.Clock.Wait(context.Background(), time.Second)
	path := filepath.Join(w.Folder, feed, name)
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		w.T.Fatal(err)
	}
	now := w.Clock.Now()
	if err := os.Chtimes(path, now, now); err != nil {
		w.T.Fatal(err)
	}
}

// Mkdir makes a folder below the remote's.
func (w *World) Mkdir(name string) { w.Must(os.MkdirAll(filepath.Join(w.Folder, name), 0o755)) }

// Round makes one round of the bridge.
func (w *World) Round() {
	w.T.Helper()
	if err := w.B.Round(context.Background()); err != nil {
		w.T.Fatalf("round: %v\n%s", err, w.Log)
	}
}

// last is the newest drop of a feed with its newest run.
func (w *World) Last(feed string) (*bridge.Drop, *bridge.Run) {
	w.T.Helper()
	drops, err := w.Ledger.Drops(context.Background(), bridge.DropFilter{Feed: feed})
	if err != nil {
		w.T.Fatal(err)
	}
	if len(drops) == 0 {
		w.T.Fatalf("no drop of %s; log:\n%s", feed, w.Log)
	}
	d := drops[len(drops)-1]
	runs, err := w.Ledger.Runs(context.Background(), d.ID)
	if err != nil {
		w.T.Fatal(err)
	}
	if len(runs) == 0 {
		return d, &bridge.Run{}
	}
	return d, runs[len(runs)-1]
}

func (w *World) Rejects(d *bridge.Drop) []string {
	w.T.Helper()
	var list []string
	err := w.Ledger.Rejects(context.Background(), bridge.RejectFilter{Drop: d.ID}, func(r bridge.RejectRow) error {
		list = append(list, fmt.Sprintf("%d %s %s %s: %s", r.Pos.Line, r.Key, r.Field, r.Code, r.Message))
		return nil
	})
	if err != nil {
		w.T.Fatal(err)
	}
	return list
}

const (
	someCustomers = "customer_number,name,parent_number,street,city,postal_code,region,country\n" +
		"C-2,Branch,C-1,Main 2,Rochester,14608,US-NY,US\nC-1,Head,,,,,,\nC-3,Other,,,,,,\n"
	someProducts = "sku,name,unit,precision,more_units,status\nSKU1,Bolt,item,0,set:0:12,enabled\nSKU2,Nut,item,0,,enabled\n"
	someLists    = "name,currencies,active\nRetail,EUR USD,1\n"
	somePrices   = "price_list,sku,unit,quantity,currency,value\nRetail,SKU1,item,1,EUR,19.90\nRetail,SKU1,item,10,EUR,18.5\n" +
		"Retail,SKU2,item,1,EUR,0.99\n"
	someInventory = "sku,unit,quantity\nSKU1,item,10\nSKU2,item,0\n"
)

func (w *World) DropAll(tag string) {
	w.Drop("customers", "c"+tag+".csv", someCustomers)
	w.Drop("products", "p"+tag+".csv", someProducts)
	w.Drop("pricelists", "l"+tag+".csv", someLists)
	w.Drop("prices", "x"+tag+".csv", somePrices)
	w.Drop("inventory", "i"+tag+".csv", someInventory)
}

func WriteFile(path, content string) error { return os.WriteFile(path, []byte(content), 0o600) }

func OpenLedger(w *World) (*state.State, error) {
	return state.Open(context.Background(), w.State, state.Options{})
}

// call asks the shop's API as a person with the bridge's own rights would.
func (w *World) Call(method, path string) []byte {
	w.T.Helper()
	resp, err := http.PostForm(w.Shop.URL()+"/oauth2-token", url.Values{"grant_type": {"client_credentials"}, "client_id": {"demo"},
		"client_secret": {"demo"}})
	if err != nil {
		w.T.Fatal(err)
	}
	var token struct {
		AccessToken string `json:"access_token"`
	}
	err = json.NewDecoder(resp.Body).Decode(&token)
	resp.Body.Close()
	if err != nil {
		w.T.Fatal(err)
	}
	req, err := http.NewRequest(method, w.Shop.URL()+"/admin/api"+path, nil)
	if err != nil {
		w.T.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token.AccessToken)
	req.Header.Set("Accept", "application/vnd.api+json")
	resp, err = http.DefaultClient.Do(req)
	if err != nil {
		w.T.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode >= 300 {
		w.T.Fatalf("%s %s: %d %s %v", method, path, resp.StatusCode, body, err)
	}
	http.DefaultClient.CloseIdleConnections()
	return body
}

// listID is the shop's id of a price list.
func (w *World) ListID(name string) string {
	w.T.Helper()
	var doc struct {
		Data []struct {
			ID         string
			Attributes struct{ Name string }
		}
	}
	if err := json.Unmarshal(w.Call("GET", "/pricelists?page[size]=-1"), &doc); err != nil {
		w.T.Fatal(err)
	}
	for _, d := range doc.Data {
		if d.Attributes.Name == name {
			return d.ID
		}
	}
	w.T.Fatalf("the shop has no price list %s", name)
	return ""
}

func (w *World) Link(entity, key string) *bridge.Link {
	w.T.Helper()
	links, err := w.Ledger.Links(context.Background(), entity, []string{key})
	if err != nil || links[key] == nil {
		w.T.Fatalf("no link of %s %s: %v", entity, key, err)
	}
	return links[key]
}

// OnStep has a function told of each step of both engines, instead of the one before.
func (w *World) OnStep(step func(name string)) {
	if w.stopSteps != nil {
		w.stopSteps()
	}
	w.stopSteps = w.Events.Observe(func(e *bridge.Event) {
		if e.Kind == bridge.StepReached && step != nil {
			step(e.Text)
		}
	})
}

// Replace puts another remote in the place of the folder.
func (w *World) Replace(r bridge.Remote) { w.B.In.Remotes["disk"], w.B.Out.Remotes["disk"] = r, r }
