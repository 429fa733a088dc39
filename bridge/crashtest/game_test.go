package crashtest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"pgregory.net/rapid"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/bridgetest"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/bridge/daemon"
	"github.com/orobridge/orobridge/bridge/figures"
	"github.com/orobridge/orobridge/bridge/oro"
	"github.com/orobridge/orobridge/bridge/oro/orotest"
	"github.com/orobridge/orobridge/formats"
	"github.com/orobridge/orobridge/state"
)

// A game is a shop in a box, a folder that plays the ERP's server, a bridge in this process whose clock only moves when
// somebody waits, and the model.
type game struct {
	t      *rapid.T
	shop   *orotest.Shop
	folder string
	config string
	state  string
	clock  *still
	log    lockedBuffer
	steps  atomic.Value // func(string)
	sent   []file
	backup *orotest.Backup // of the shop, from some time

	b      *daemon.Daemon
	ledger *state.State
	client *oro.Client
	files  *flaky
	watch  *watch
	model  *model
	feeds  []*config.Feed
	counts *figures.Figures // what a collector asks this life of the bridge
}

const gameConfig = `
state: { dir: '%s'%s }
oro: { url: %s, client_id: demo, client_secret: demo, batch: 2, in_flight: 2 }
remotes:
  disk: { kind: dir, path: '%s' }
feeds:
  - { name: customers, entity: customers, remote: disk, folder: customers, match: '*.csv', ready: { stable: 0s }, format: { kind: csv } }
  - { name: products, entity: products, remote: disk, folder: products, match: '*.csv', ready: { stable: 0s }, format: { kind: csv } }
  - { name: prices, entity: prices, remote: disk, folder: prices, match: '*.csv', ready: { stable: 0s }, format: { kind: csv }, guards: { min_rows: 2 }, on_unchanged: %s }
  - { name: offers, entity: prices, remote: disk, folder: offers, match: '*.csv', ready: { stable: 0s }, format: { kind: csv }, mode: full, on_missing: delete }
`

// still is a clock that moves by waiting, and by a millisecond when it is looked at, so that no two times are the same.
type still struct {
	mu  sync.Mutex
	now time.Time
}

func (c *still) Now() time.Time {
	c.move(time.Millisecond)
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *still) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func (c *still) Wait(ctx context.Context, d time.Duration) error {
	c.move(d)
	return ctx.Err()
}

// flaky is a remote that is down for the next calls.
type flaky struct {
	bridge.Remote
	broken atomic.Int64
}

func (f *flaky) down(op string) error {
	if f.broken.Add(-1) < 0 {
		f.broken.Store(0)
		return nil
	}
	return &bridge.Error{Op: op, Object: "disk", Fate: bridge.Pause, Err: bridge.ErrUnreachable}
}

func (f *flaky) List(ctx context.Context, folder string) ([]bridge.File, error) {
	if err := f.down("list"); err != nil {
		return nil, err
	}
	return f.Remote.List(ctx, folder)
}

func (f *flaky) Fetch(ctx context.Context, path string, w io.Writer) (int64, error) {
	if err := f.down("fetch"); err != nil {
		return 0, err
	}
	return f.Remote.Fetch(ctx, path, w)
}

func (f *flaky) Put(ctx context.Context, path string, body io.ReadSeeker) error {
	if err := f.down("put"); err != nil {
		return err
	}
	return f.Remote.Put(ctx, path, body)
}

// Move is at times done although the answer is lost.
func (f *flaky) Move(ctx context.Context, from, to string) error {
	if err := f.down("move"); err != nil {
		if f.broken.Load()%2 == 0 {
			_ = f.Remote.Move(ctx, from, to)
		}
		return &bridge.Error{Op: "move", Object: from, Fate: bridge.Pause, Err: errors.Join(bridge.ErrUnreachable, err)}
	}
	return f.Remote.Move(ctx, from, to)
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func newGame(t *rapid.T) *game {
	g := &game{t: t, clock: &still{now: time.Date(2026, 11, 21, 7, 0, 0, 0, time.UTC)}, files: &flaky{}, model: newModel()}
	g.steps.Store(func(string) {})
	root, err := os.MkdirTemp("", "orobridge-")
	g.must(err)
	t.Cleanup(func() { os.RemoveAll(root) })
	g.folder, g.state = filepath.Join(root, "erp"), filepath.Join(root, "var")
	for _, f := range feeds {
		g.must(os.MkdirAll(filepath.Join(g.folder, f), 0o755))
	}
	asked := &orotest.Asked{}
	t.Cleanup(func() {
		for _, request := range asked.Unrecorded("../oro/testdata/requests.txt") {
			t.Error("no real shop is known to answer: " + request)
		}
	})
	g.shop = orotest.New(orotest.Clock(g.clock.Now), orotest.Into(asked), orotest.Version(rapid.SampledFrom(orotest.Releases()).Draw(t, "release")))
	g.must(g.shop.Start("127.0.0.1:0"))
	t.Cleanup(func() { g.shop.Close() })
	for _, list := range []string{"Retail", "Offers"} {
		_, err := g.shop.AddPriceList(list, "EUR")
		g.must(err)
	}
	unchanged := rapid.SampledFrom([]string{"trust", "verify"}).Draw(t, "on_unchanged")
	g.model.verifies = unchanged == "verify"
	g.config = fmt.Sprintf(gameConfig, g.state, bridgetest.StateKey(bridgetest.Database(t)), g.shop.URL(), g.folder, unchanged)
	g.backup = g.shop.Backup()
	g.watch = newWatch()
	g.open()
	t.Cleanup(g.close)
	return g
}

func (g *game) must(err error) {
	if err != nil {
		g.t.Fatalf("%v\n%s", err, g.story())
	}
}

// story tells what has happened.
func (g *game) story() string {
	var told strings.Builder
	err := g.ledger.Rejects(context.Background(), bridge.RejectFilter{}, func(r bridge.RejectRow) error {
		fmt.Fprintf(&told, "drop %d, run %d, line %d rejected: %s %s: %s\n", r.Drop, r.Run, r.Pos.Line, r.Key, r.Code, r.Message)
		return nil
	})
	for _, d := range g.drops() {
		fmt.Fprintf(&told, "drop %d %s %s: %s %s %q\n", d.ID, d.Feed, d.MTime.Format(time.TimeOnly), d.State, d.Reason, g.model.bodies[d.SHA256])
	}
	g.log.mu.Lock()
	defer g.log.mu.Unlock()
	text := g.log.b.String()
	return fmt.Sprintln(err) + told.String() + text[max(0, len(text)-20000):]
}

// open starts a bridge on the game's state, as a new process would.
func (g *game) open() {
	cfg, err := config.Parse("orobridge.yaml", []byte(g.config), kinds, os.LookupEnv)
	g.must(err)
	g.ledger, err = state.Open(context.Background(), cfg.State.Dir, state.Options{Postgres: cfg.State.Postgres.Reveal()})
	g.must(err)
	g.files.Remote, err = cfg.OpenRemote("disk", g.ledger.Identity(), nil)
	g.must(err)
	g.client, err = oro.New(cfg.Oro, oro.Options{Now: g.clock.Now, Sleep: g.clock.Wait})
	g.must(err)
	g.watch.Client = g.client
	var step sync.Mutex
	events := &bridge.Events{}
	events.Observe(bridge.LogEvents(slog.New(slog.NewTextHandler(&g.log, nil))))
	events.Observe(func(e *bridge.Event) {
		if e.Kind == bridge.StepReached {
			step.Lock()
			defer step.Unlock()
			g.steps.Load().(func(string))(e.Text)
		}
	})
	g.feeds, g.counts = cfg.Feeds, count(cfg, g.ledger, events, g.clock)
	g.b = daemon.Assemble(cfg, &cfg.Oro, daemon.Ends{Ledger: g.ledger, Shop: g.watch, Remotes: map[string]bridge.Remote{"disk": g.files}, Spool: g.ledger.Spool(),
		Clock: g.clock, Events: events, Patience: time.Hour})
}

func (g *game) close() {
	g.counts.Close()
	g.files.Remote.Close()
	g.client.Close()
	if err := g.ledger.Close(); err != nil {
		g.t.Error(err)
	}
}

// turn makes a round, which may fail, and lets the model follow.
func (g *game) turn(ctx context.Context) error {
	err := g.b.Round(ctx)
	g.follow()
	if err == nil {
		g.watch.allow(false)
	}
	return err
}

// round makes a round that nothing is in the way of.
func (g *game) round() { g.must(g.turn(context.Background())) }

func (g *game) drops() []*bridge.Drop {
	drops, err := g.ledger.Drops(context.Background(), bridge.DropFilter{})
	g.must(err)
	return drops
}

// follow tells the model of the runs that have come to their end, in the order in which they did.
func (g *game) follow() {
	type ended struct {
		d *bridge.Drop
		r *bridge.Run
	}
	var list []ended
	for _, d := range g.drops() {
		runs, err := g.ledger.Runs(context.Background(), d.ID)
		g.must(err)
		for _, r := range runs {
			if r.State == bridge.Done && !g.model.seen[r.ID] {
				list = append(list, ended{d, r})
				g.model.seen[r.ID] = true
			}
		}
	}
	slices.SortFunc(list, func(x, y ended) int { return x.r.Ended.Compare(y.r.Ended) })
	g.model.files(g.sent)
	for _, e := range list {
		if why := g.model.run(e.d, e.r); why != "" {
			g.t.Fatalf("%s\n%s", why, g.story())
		}
	}
}

// inShop reads what the shop holds, by key. A key that it holds twice shows.
func (g *game) inShop() map[string]string {
	held := map[string]string{}
	for _, e := range []struct {
		entity *formats.Entity
		fields []string
	}{{formats.Customers, []string{"name", "parent_number"}}, {formats.Products, []string{"name", "status"}}, {formats.Prices, []string{"value"}}} {
		err := g.client.All(context.Background(), e.entity, e.fields, func(key string, f bridge.Found) error {
			var texts []string
			for _, v := range f.Values {
				texts = append(texts, v.Text)
			}
			name := e.entity.Name + " " + key
			if held[name] != "" {
				name += " once more"
			}
			held[name] = strings.Join(texts, ",")
			return nil
		})
		g.must(err)
	}
	return held
}

// A watch stands between bridge and shop and remembers what the shop has accepted.
type watch struct {
	*oro.Client
	mu    sync.Mutex
	held  map[string]map[string]string // by entity and key
	doubt map[string]bool              // on their way, or nobody knows
	force bool                         // somebody wants it to be sent again
	wrong []string
}

// allow says whether what the shop has may be sent again.
func (w *watch) allow(force bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.force = force
}

// forget says that somebody else has changed what the shop holds: a record, or with "" the whole of it.
func (w *watch) forget(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if delete(w.held, name); name == "" {
		clear(w.held)
	}
}

func newWatch() *watch {
	return &watch{held: map[string]map[string]string{}, doubt: map[string]bool{}}
}

func (w *watch) said() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.Join(w.wrong, "\n")
}

// Submit looks at what is sent.
func (w *watch) Submit(ctx context.Context, b *bridge.Batch) (string, map[int]bridge.Outcome, error) {
	w.mu.Lock()
	for _, c := range b.Changes {
		name := b.Entity + " " + c.Key
		if !w.doubt[name] {
			w.look(name, c)
		}
		w.doubt[name] = true
	}
	w.mu.Unlock()
	return w.Client.Submit(ctx, b)
}

func (w *watch) look(name string, c *bridge.Change) {
	held := w.held[name]
	same := held != nil
	for _, v := range c.Values {
		if text, ok := held[v.Field]; !ok || text != v.Text {
			same = false
		}
	}
	switch {
	case c.Op == bridge.Create && held != nil:
		w.wrong = append(w.wrong, "created again: "+name)
	case c.Op == bridge.Update && same && !w.force:
		w.wrong = append(w.wrong, fmt.Sprintf("sent again: %s %v", name, c.Values))
	}
}

// Await looks at what was accepted.
func (w *watch) Await(ctx context.Context, b *bridge.Batch) ([]bridge.Outcome, error) {
	outcomes, err := w.Client.Await(ctx, b)
	if err != nil {
		return outcomes, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, c := range b.Changes {
		name := b.Entity + " " + c.Key
		delete(w.doubt, name)
		switch {
		case outcomes[i].OroID == "":
			if outcomes[i].Unknown {
				w.doubt[name] = true
			}
		case c.Op == bridge.Remove:
			delete(w.held, name)
		default:
			if w.held[name] == nil {
				w.held[name] = map[string]string{}
			}
			for _, v := range c.Values {
				w.held[name][v.Field] = v.Text
			}
		}
	}
	return outcomes, nil
}

// A model says what the shop has to hold: under each key what the last effective drop said, once its parent was there.
type model struct {
	seen   map[int64]bool // runs
	drops  map[int64]*bridge.Drop
	bodies map[string]string // by sha256
	held   map[string]entry
	waits  map[string]entry
	gone   map[string]int64 // what the shop held once, and the drop that took it away
	full   *bridge.Drop     // the newest full drop that was loaded

	verifies bool              // the feed prices has the shop looked at where a row says nothing new
	drift    map[string]string // what somebody has made of a record by hand; "": deleted
	stated   map[string]stated // all that was ever said of a key
	lost     map[string]lost   // what a shop that was restored may hold of a key
}

// stated are the texts that were said of a key, by field.
type stated []map[string]bool

// lost says what nobody knows of a key since the shop was restored: nothing looks at it until a row sets it anew.
type lost struct{ absent, old bool }

// entry is what a row says of a key.
type entry struct {
	drop   int64
	feed   string
	text   string // as inShop tells it
	parent string // the key that it needs
	gone   bool
	// removes tells a row that removes from one that says what is.
	removes bool
}

func newModel() *model {
	return &model{seen: map[int64]bool{}, drops: map[int64]*bridge.Drop{}, bodies: map[string]string{}, held: map[string]entry{}, waits: map[string]entry{}, gone: map[string]int64{},
		drift: map[string]string{}, stated: map[string]stated{}, lost: map[string]lost{}}
}

func (m *model) files(sent []file) {
	for _, f := range sent {
		m.bodies[sha(f.body)] = f.body
	}
}

func sha(body string) string {
	sum := sha256.Sum256([]byte(body))
	return hex.EncodeToString(sum[:])
}

func (m *model) lines(d *bridge.Drop) []string {
	return strings.Split(strings.TrimSuffix(m.bodies[d.SHA256], "\n"), "\n")[1:]
}

func (m *model) rows(d *bridge.Drop) int64 { return int64(len(m.lines(d))) }

// parse reads a row; a row that has to be rejected has no key.
func parse(d *bridge.Drop, line string) (key string, e entry) {
	c := strings.Split(line, ",")
	e = entry{drop: d.ID, feed: d.Feed}
	switch d.Feed {
	case "customers":
		if c[1] == "" {
			return "", e
		}
		if c[2] != "" {
			e.parent = "customers " + c[2]
		}
		e.text = c[1] + "," + c[2]
		return "customers " + c[0], e
	case "products":
		e.text = c[1] + ",enabled"
		if c[3] == "X" {
			e.gone = true
		}
		return "products " + c[0], e
	}
	e.gone = len(c) > 6 && c[6] == "X"
	if c[5] == "many" && !e.gone {
		return "", e
	}
	e.text, e.parent = c[5], "products "+c[1]
	return "prices " + strings.Join(c[:5], "|"), e
}

// statedBefore says which of two files without a date or number in their names is the older statement: the one that stood there
// first as it is, and of two that came at once the one with the older time. A file with an old time that comes late is news.
func statedBefore(a, b *bridge.Drop) bool {
	if !a.SteadyAt.Equal(b.SteadyAt) {
		return a.SteadyAt.Before(b.SteadyAt)
	}
	capped := func(d *bridge.Drop) time.Time {
		if d.MTime.After(d.SteadyAt) {
			return d.SteadyAt
		}
		return d.MTime
	}
	return capped(a).Before(capped(b))
}

// run follows a run that is done.
func (m *model) run(d *bridge.Drop, r *bridge.Run) (wrong string) {
	if r.Kind == bridge.ParkedRun || r.Kind == bridge.RetryRun {
		return "" // parked rows come in as soon as they can; a row that was rejected is wrong for ever
	}
	full := d.Feed == "offers" && m.rows(d) > 0 // an empty file says nothing
	if full {
		if r.Kind == bridge.FirstRun && m.full != nil && statedBefore(d, m.full) {
			return fmt.Sprintf("full drop %d was loaded after drop %d, which is newer", d.ID, m.full.ID)
		}
		if m.full == nil || !statedBefore(d, m.full) {
			m.full = d
		}
	}
	last := map[string]entry{}
	for _, line := range m.lines(d) {
		if key, e := parse(d, line); key != "" {
			last[key] = e
		}
	}
	m.drops[d.ID] = d
	newer := func(key string) bool { // what a later drop of the feed has set is left alone
		return !r.Force && slices.ContainsFunc([]int64{m.held[key].drop, m.waits[key].drop, m.gone[key]}, func(id int64) bool {
			return id != 0 && id != d.ID && statedBefore(d, m.drops[id])
		})
	}
	for key, e := range last {
		if !newer(key) {
			m.take(key, e, r.Force)
		}
	}
	if full {
		m.withdraw(d.ID, last, newer)
	}
	m.release()
	return ""
}

// take puts an entry where it waits for its parent. Who says again what holds already has not set it.
func (m *model) take(key string, e entry, force bool) {
	delete(m.waits, key)
	m.state(key, e.text)
	held, ok := m.held[key]
	removes := e.gone
	if e.gone && ok && e.feed == "products" { // disabled, and its name stays
		name, _, _ := strings.Cut(held.text, ",")
		e.text, e.gone = name+",disabled", false
	}
	_, drifted := m.drift[key]
	verified := e.feed == "prices" && m.verifies
	switch {
	case e.gone:
		if ok {
			m.gone[key] = e.drop
		}
		m.forget(key)
	case !ok || held.text != e.text || force || drifted && verified:
		e.removes = removes
		m.waits[key] = e
	}
}

// sent says that a row has gone to the shop. It was looked for by its key, and made where it was missing; but of others than
// prices only the fields were sent that differ from what the bridge knows.
func (m *model) sent(key string, e entry) {
	delete(m.drift, key)
	if l := m.lost[key]; !e.removes {
		m.lost[key] = lost{old: l.old && !strings.HasPrefix(key, "prices ")}
	}
}

// state remembers what was said of a key.
func (m *model) state(key, text string) {
	fields := strings.Split(text, ",")
	for len(m.stated[key]) < len(fields) {
		m.stated[key] = append(m.stated[key], map[string]bool{"disabled": true})
	}
	for i, f := range fields {
		m.stated[key][i][f] = true
	}
}

// forget has a key be in the shop no longer, whatever it held.
func (m *model) forget(key string) {
	delete(m.held, key)
	delete(m.drift, key)
	delete(m.lost, key)
}

// edited is what somebody has done to a record by hand. Where the shop was restored, nobody knows what the bridge holds of it.
func (m *model) edited(key, text string) {
	m.state(key, text)
	if l, ok := m.lost[key]; ok && l.old {
		m.lost[key] = lost{absent: true, old: true}
		return
	}
	m.drift[key] = text
}

// restored says that the shop is what it was at an earlier time.
func (m *model) restored() {
	for key := range m.stated {
		m.lost[key] = lost{absent: true, old: true}
	}
	clear(m.drift)
}

// mayLack says that the shop may not hold a key, or a parent of it.
func (m *model) mayLack(key string) bool {
	for key != "" {
		if m.lost[key].absent {
			return true
		}
		parent := m.held[key].parent
		if cells := strings.Split(key, "|"); len(cells) > 1 {
			parent = "products " + cells[1]
		}
		key = parent
	}
	return false
}

// withdraw takes away what a full drop lacks.
func (m *model) withdraw(drop int64, named map[string]entry, newer func(key string) bool) {
	for _, all := range []map[string]entry{m.held, m.waits} {
		for key, e := range all {
			if _, ok := named[key]; ok || e.feed != "offers" || newer(key) {
				continue
			}
			if _, held := m.held[key]; held {
				m.gone[key] = drop
				m.forget(key)
			}
			delete(all, key)
		}
	}
}

// release lets those in whose parents are there.
func (m *model) release() {
	for again := true; again; {
		again = false
		for key, e := range m.waits {
			if _, ok := m.held[e.parent]; ok || e.parent == "" {
				m.held[key] = e
				delete(m.waits, key)
				delete(m.gone, key)
				m.sent(key, e)
				again = true
			}
		}
	}
}

// shop is what the shop has to hold, given what it does: where nobody can know, what was said once will do.
func (m *model) shop(is map[string]string) map[string]string {
	held := map[string]string{}
	for key, e := range m.held {
		held[key] = e.text
		if text, ok := m.drift[key]; ok {
			held[key] = text
		}
		if held[key] == "" {
			delete(held, key)
		}
	}
	for key := range m.stated {
		text, stands := is[key]
		switch {
		case stands && m.lost[key].old && m.said(key, text):
			held[key] = text
		case !stands && m.mayLack(key):
			delete(held, key)
		}
	}
	return held
}

// said says that each field of a record was said of it once.
func (m *model) said(key, text string) bool {
	for i, f := range strings.Split(text, ",") {
		if i >= len(m.stated[key]) || !m.stated[key][i][f] {
			return false
		}
	}
	return true
}
