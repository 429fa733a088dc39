// Package bridgetest is the world that tests of journeys play in: a shop in a box, a folder that plays the ERP's server, and a
// bridge between them whose clock stands still until a test moves it.
//
//   - world.go: the world, and the bridge that is opened and closed in it
//   - erp.go, shop.go: what the ERP and people at the shop do
//   - inbound.go, outbound.go: what became of drops and orders
//   - crash.go: a bridge that dies at a step; rival.go: one that sleeps there while another one does its work
//   - shops.go: another world, in which one bridge has several shops
package bridgetest

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
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
	"github.com/orobridge/orobridge/bridge/shadow"
	"github.com/orobridge/orobridge/formats"
	"github.com/orobridge/orobridge/formats/csv"
	"github.com/orobridge/orobridge/formats/idoc"
	"github.com/orobridge/orobridge/state"
)

// World is a shop in a box, a folder that plays the ERP's server, and a bridge between them on a clock that tests move.
type World struct {
	ERP
	T     testing.TB
	Shop  *orotest.Shop
	State string
	// Postgres is the address of the ledger where it stands in PostgreSQL: with OROBRIDGE_LEDGER=postgres.
	Postgres string
	Config   string
	Clock    *clock
	Log      *bytes.Buffer
	mu       sync.Mutex

	B *daemon.Daemon
	// Settings are what the bridge was opened with.
	Settings *config.Config
	Ledger   *state.State
	Events   *bridge.Events
	Client   *oro.Client

	// Shadow has the bridge that is opened next be one that writes nothing, with a ledger of its own.
	Shadow bool

	beside    bool // it has a rival that holds the state
	stopSteps func()
	orders    map[string]string // ids of those that were submitted, by their identifiers
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

// FiveFeeds has a feed for each entity that travels in batches, and an export.
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

// NewWorld makes a world whose bridge has some feeds, and opens it; the test's end closes it.
func NewWorld(t testing.TB, feeds string, options ...orotest.Option) *World {
	t.Helper()
	c := &clock{now: time.Date(2026, 11, 21, 7, 0, 0, 0, time.UTC)}
	w := &World{ERP: ERP{t, c, t.TempDir()}, T: t, State: t.TempDir(), Clock: c, Log: &bytes.Buffer{}}
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
	w.Postgres = Database(t)
	w.Config = fmt.Sprintf("state: { dir: %s%s }\noro: { url: %s, client_id: demo, client_secret: demo, batch: 100 }\n"+
		"remotes:\n  disk: { kind: dir, path: %s }\n%s", w.State, StateKey(w.Postgres), w.Shop.URL(), w.Folder, feeds)
	for _, f := range []string{"customers", "products", "pricelists", "prices", "inventory", "orders"} {
		if err := os.Mkdir(filepath.Join(w.Folder, f), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	w.Open()
	t.Cleanup(w.Close)
	return w
}

// kinds are what a world's config may name.
var kinds = config.Kinds{
	Remotes: map[string]func() bridge.RemoteOptions{"dir": func() bridge.RemoteOptions { return &dir.Options{} }},
	Formats: map[string]func() formats.Format{"csv": func() formats.Format { return &csv.Options{} },
		"idoc": func() formats.Format { return &idoc.Options{} }},
	Orders: map[string]func() formats.OrderFormat{"csv": func() formats.OrderFormat { return &csv.OrderOptions{} }},
}

// Open starts a bridge on the world's state, as a new process would.
func (w *World) Open() {
	w.T.Helper()
	cfg, err := config.Parse("orobridge.yaml", []byte(w.Config), kinds, os.LookupEnv)
	if err != nil {
		w.T.Fatal(err)
	}
	if w.Shadow {
		cfg.State.Dir, cfg.State.Postgres = shadow.Dir(cfg.State.Dir), ""
	}
	w.Ledger, err = state.Open(context.Background(), cfg.State.Dir, state.Options{Postgres: cfg.State.Postgres.Reveal(), Beside: w.beside})
	if err != nil {
		w.T.Fatal(err)
	}
	remote, err := cfg.OpenRemote("disk", w.Ledger.Identity(), nil)
	if err != nil {
		w.T.Fatal(err)
	}
	w.Client, err = oro.New(cfg.Oro, oro.Options{Now: clockOf(w), Sleep: w.Clock.Wait})
	if err != nil {
		w.T.Fatal(err)
	}
	w.Settings, w.Events = cfg, &bridge.Events{}
	w.Events.Observe(bridge.LogEvents(slog.New(slog.NewTextHandler(&locked{w: w}, &slog.HandlerOptions{Level: slog.LevelDebug}))))
	w.B = daemon.Assemble(cfg, &cfg.Oro, daemon.Ends{Ledger: w.Ledger, Shop: w.Client, Remotes: map[string]bridge.Remote{"disk": remote},
		Spool: w.Ledger.Spool(), Clock: w.Clock, Events: w.Events, Patience: time.Hour})
	if w.Shadow {
		shadow.Cast(w.B)
	}
}

// clockOf tells the time by the clock of a world's bridge, which may be wrong.
func clockOf(w *World) func() time.Time {
	return func() time.Time {
		if w.B == nil {
			return w.Clock.Now()
		}
		return w.B.Clock.Now()
	}
}

type locked struct{ w *World }

func (l *locked) Write(p []byte) (int, error) {
	l.w.mu.Lock()
	defer l.w.mu.Unlock()
	return l.w.Log.Write(p)
}

// Close ends the bridge, if it has not ended.
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

// Round makes one round of the bridge.
func (w *World) Round() {
	w.T.Helper()
	if err := w.B.Round(context.Background()); err != nil {
		w.T.Fatalf("round: %v\n%s", err, w.Log)
	}
}

// WriteFile writes a file that only its owner reads.
func WriteFile(path, content string) error { return os.WriteFile(path, []byte(content), 0o600) }

// OpenLedger opens a world's ledger once more, as another process would.
func OpenLedger(w *World) (*state.State, error) {
	return state.Open(context.Background(), w.State, state.Options{Postgres: w.Postgres})
}

// Beside opens a world's ledger as a verb beside the bridge does.
func Beside(w *World) (*state.State, error) {
	return state.Open(context.Background(), w.State, state.Options{Postgres: w.Postgres, Beside: true})
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
