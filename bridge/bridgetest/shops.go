package bridgetest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/bridge/daemon"
	"github.com/orobridge/orobridge/bridge/operate"
	"github.com/orobridge/orobridge/bridge/oro"
	"github.com/orobridge/orobridge/bridge/oro/orotest"
	"github.com/orobridge/orobridge/state"
	"github.com/orobridge/orobridge/state/postgres/postgrestest"
)

// Shops is a world in which one bridge has several shops, each a box of its own, and all files come to one folder.
type Shops struct {
	T        testing.TB
	Names    []string
	Boxes    map[string]*orotest.Shop
	Folder   string
	State    string
	Settings *config.Config
	Clock    bridge.Clock // as tests move it, unless they put another one here before they open the bridge
	Events   *bridge.Events
	Ledger   *state.State
	B        *daemon.Bridge
	// Prepare is called once the folder is open, and no engine is made yet; nil: nobody is.
	Prepare func()
	// Watch hears of each request to a shop; nil: nobody does.
	Watch func(shop string) (ended func(status int))

	text    string
	shares  bool // the work with other bridges
	remotes map[string]bridge.Remote
	clients map[string]*oro.Client
	opened  []*oro.Client
}

// NewShops makes such a world, and opens its bridge. Feeds that name SHOP are written for each shop, with its name in that place.
func NewShops(t testing.TB, names []string, feeds string) *Shops {
	t.Helper()
	w := newShops(t, names, feeds, Database(t), &clock{now: time.Date(2026, 11, 21, 7, 0, 0, 0, time.UTC)})
	w.Open()
	t.Cleanup(w.Close)
	return w
}

// NewFleet makes such a world for several bridges that share the work on a ledger in PostgreSQL, each with a state folder of its own, and
// opens them. Their clock is the machine's.
func NewFleet(t testing.TB, bridges int, names []string, feeds string) (all []*Shops) {
	t.Helper()
	first := newShops(t, names, feeds, postgrestest.Address(t), bridge.SystemClock{})
	first.shares = true
	for range bridges {
		w := *first
		w.State = t.TempDir()
		w.text = strings.Replace(first.text, first.State, w.State, 1)
		w.Open()
		t.Cleanup(w.Close)
		all = append(all, &w)
	}
	return all
}

// newShops makes such a world, in which no bridge is open.
func newShops(t testing.TB, names []string, feeds, database string, clock bridge.Clock) *Shops {
	t.Helper()
	w := &Shops{T: t, Names: names, Boxes: map[string]*orotest.Shop{}, Folder: t.TempDir(), State: t.TempDir(), Clock: clock}
	shops, streams := "shops:\n", feeds[:strings.Index(feeds, "\n")+1]
	parts := strings.SplitN(feeds, "exports:\n", 2)
	lines, exports := strings.TrimPrefix(parts[0], streams), ""
	for _, name := range names {
		box := orotest.New(orotest.Version(orotest.Wanted()), orotest.Clock(w.Clock.Now), orotest.Seed(orotest.Sample))
		if err := box.Start("127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = box.Close() }) // a test may have closed it
		w.Boxes[name] = box
		shops += fmt.Sprintf("  %s: { url: %s, client_id: demo, client_secret: demo, batch: 100 }\n", name, box.URL())
		w.Must(os.MkdirAll(filepath.Join(w.Folder, "orders-"+name), 0o755))
	}
	streams += forEach(names, lines)
	if len(parts) > 1 {
		exports = forEach(names, parts[1])
	}
	if exports != "" {
		streams += "exports:\n" + exports
	}
	w.text = fmt.Sprintf("state: { dir: %s%s }\n%sremotes:\n  disk: { kind: dir, path: %s }\n%s", w.State, StateKey(database), shops,
		w.Folder, streams)
	return w
}

// forEach writes the elements of a list that name SHOP for each shop.
func forEach(names []string, list string) (text string) {
	for _, element := range strings.SplitAfter(strings.ReplaceAll(list, "\n  - ", "\n\x00  - "), "\x00") {
		element = strings.TrimSuffix(element, "\x00")
		if !strings.Contains(element, "SHOP") {
			text += element
			continue
		}
		for _, name := range names {
			text += strings.ReplaceAll(element, "SHOP", name)
		}
	}
	return text
}

// Must ends the test with an error.
func (w *Shops) Must(err error) {
	w.T.Helper()
	if err != nil {
		w.T.Fatal(err)
	}
}

// Open starts the bridge, as a new process would.
func (w *Shops) Open() {
	w.T.Helper()
	var err error
	w.Settings, err = config.Parse("orobridge.yaml", []byte(w.text), kinds, os.LookupEnv)
	w.Must(err)
	w.Ledger, err = state.Open(context.Background(), w.State, state.Options{Postgres: w.Settings.State.Postgres.Reveal(), Shares: w.shares})
	w.Must(err)
	remote, err := w.Settings.OpenRemote("disk", w.Ledger.Identity(), nil)
	w.Must(err)
	w.remotes = map[string]bridge.Remote{"disk": remote}
	w.Events = &bridge.Events{}
	if w.Prepare != nil {
		w.Prepare()
	}
	w.clients = map[string]*oro.Client{}
	w.B = w.assemble(w.Settings)
}

// Reread makes the bridge of the config as it has been rewritten, to be handed over to: the ends that are the same are.
func (w *Shops) Reread() *daemon.Bridge {
	w.T.Helper()
	c, err := config.Parse("orobridge.yaml", []byte(w.text), kinds, os.LookupEnv)
	w.Must(err)
	before := w.Settings.Shops()
	for _, s := range c.Shops() {
		if i := slices.IndexFunc(before, func(x *config.Shop) bool { return x.Name == s.Name }); i < 0 ||
			config.MarkOf(s) != config.MarkOf(before[i]) {
			delete(w.clients, s.Name)
		}
	}
	w.Settings = c
	return w.assemble(c)
}

func (w *Shops) assemble(c *config.Config) *daemon.Bridge {
	return daemon.Together(c, func(s *config.Shop) daemon.Ends {
		o := oro.Options{Now: w.Clock.Now, Sleep: w.Clock.Wait}
		if w.Watch != nil {
			o.Watch = func() func(int) { return w.Watch(s.Name) }
		}
		if w.clients[s.Name] == nil {
			client, err := oro.New(*s, o)
			w.Must(err)
			w.clients[s.Name] = client
			w.opened = append(w.opened, client)
		}
		return daemon.Ends{Ledger: w.Ledger.Of(s.Name), Shop: w.clients[s.Name], Remotes: w.remotes, Spool: w.Ledger.Spool(),
			Clock: w.Clock, Events: w.Events, Patience: time.Minute}
	})
}

// Close ends the bridge, if it has not ended.
func (w *Shops) Close() {
	if w.Ledger == nil {
		return
	}
	for _, r := range w.remotes {
		r.Close()
	}
	for _, c := range w.opened {
		c.Close()
	}
	w.opened = nil
	if err := w.Ledger.Close(); err != nil {
		w.T.Error(err)
	}
	w.Ledger = nil
}

// Again ends the bridge and starts it once more.
func (w *Shops) Again() {
	w.Close()
	w.Open()
}

// Drop puts a file where a feed looks for it.
func (w *Shops) Drop(name, content string) {
	w.T.Helper()
	w.Must(WriteFile(filepath.Join(w.Folder, name), content))
}

// Replace puts another remote in the place of the folder.
func (w *Shops) Replace(change func(bridge.Remote) bridge.Remote) {
	w.remotes["disk"] = change(w.remotes["disk"])
}

// Desk is where an operator of the bridge sits.
func (w *Shops) Desk() *operate.Desk {
	first := w.B.Shops[0]
	k := &operate.Desk{View: operate.View{Ledger: w.Ledger, Of: func(shop string) operate.Ledger { return w.Ledger.Of(shop) },
		By: bridge.Decision{Who: "olga"}, Sight: operate.SightOf(w.Settings)}, In: first.In, Out: first.Out}
	daemons := w.B.Shops
	if w.B.Front != nil {
		daemons = append([]*daemon.Daemon{w.B.Front}, daemons...)
	}
	for _, d := range daemons {
		k.Feeds, k.Exports = append(k.Feeds, d.In.Feeds...), append(k.Exports, d.Out.Exports...)
		k.Each = append(k.Each, operate.Engines{In: d.In, Out: d.Out})
	}
	return k
}

// Drops tells in words what became of all files: "1 b2b-products loaded".
func (w *Shops) Drops() []string {
	w.T.Helper()
	all, err := w.Ledger.Drops(context.Background(), bridge.DropFilter{})
	w.Must(err)
	var told []string
	for _, d := range all {
		told = append(told, strings.TrimSpace(fmt.Sprintf("%s %s %s", d.Feed, d.State, d.Reason)))
	}
	slices.Sort(told)
	return told
}

// Rewrite changes the text of the config with which the bridge is opened next.
func (w *Shops) Rewrite(change func(string) string) { w.text = change(w.text) }
