package notify_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/bridgetest"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/bridge/dir"
	"github.com/orobridge/orobridge/bridge/notify"
	"github.com/orobridge/orobridge/bridge/notify/post"
	"github.com/orobridge/orobridge/bridge/notify/signs"
	"github.com/orobridge/orobridge/formats"
	"github.com/orobridge/orobridge/formats/csv"
	"github.com/orobridge/orobridge/state"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A clock stands still until a test moves it.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Wait(ctx context.Context, _ time.Duration) error {
	<-ctx.Done()
	return ctx.Err()
}

func (c *clock) to(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = t
}

// receiver is an endpoint that takes messages, and remembers them in their order, unless it is down.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	down   bool
	lines  []string
	bodies []map[string]string
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		said := map[string]string{}
		if err == nil {
			err = json.Unmarshal(body, &said)
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		switch {
		case err != nil:
			t.Error(err)
		case r.down:
			w.WriteHeader(http.StatusServiceUnavailable)
		default:
			r.lines = append(r.lines, said["message"]+" "+said["of"]+" "+said["kind"]+" "+said["count"])
			r.bodies = append(r.bodies, said)
		}
	}))
	t.Cleanup(func() {
		r.Close()
		http.DefaultClient.CloseIdleConnections()
	})
	return r
}

// took is what has arrived since it was asked last.
func (r *receiver) took() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	lines := r.lines
	r.lines = nil
	return lines
}

// last is the last message.
func (r *receiver) last() map[string]string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.bodies[len(r.bodies)-1]
}

func (r *receiver) turn(down bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.down = down
}

// house is a ledger, a config and a keeper on a clock that a test moves.
type house struct {
	testing.TB
	clock    *clock
	ledger   *state.State
	config   *config.Config
	keeper   *notify.Keeper
	send     notify.Send
	shop     signs.ShopFacts
	dir      string
	database string
}

// morning is when every test begins: a Monday, seven in Berlin.
var morning = time.Date(2026, 11, 23, 6, 0, 0, 0, time.UTC)

const feeds = `
oro: { url: http://localhost:1, client_id: demo, client_secret: demo }
remotes: { disk: { kind: dir, path: drops } }
feeds:
  - { name: prices, entity: prices, remote: disk, folder: prices, match: '*.csv', format: { kind: csv } }
  - { name: full, entity: products, remote: disk, folder: full, match: '*.csv', mode: full, format: { kind: csv } }
  - { name: daily, entity: inventory, remote: disk, folder: daily, match: '*.csv', format: { kind: csv },
      expect: { by: '06:30', days: mon-fri, zone: Europe/Berlin, except: DE, grace: 10m } }
exports: [{ name: orders, remote: disk, folder: orders, file: 'O_{number}.csv', format: { kind: csv } }]
admin: { url: https://bridge.example.com }
alarms: { disk: 1B }
`

// newHouse makes a house; routes are the config's notify, in which HOOK stands for the address of a receiver. With shops they are all of
// the config.
func newHouse(t testing.TB, routes string, hooks ...*receiver) *house {
	t.Helper()
	for i, r := range hooks {
		routes = strings.ReplaceAll(routes, fmt.Sprintf("HOOK%d", i+1), "generic+"+r.URL)
	}
	h := &house{TB: t, clock: &clock{now: morning.Add(-time.Minute)}, dir: t.TempDir(), database: bridgetest.Database(t),
		send: (&post.Office{}).Send}
	text := feeds + routes
	if strings.HasPrefix(routes, "\nshops:") {
		text = routes
	}
	c, err := config.Parse(filepath.Join(h.dir, "orobridge.yaml"), []byte(text), config.Kinds{
		Remotes: map[string]func() bridge.RemoteOptions{"dir": func() bridge.RemoteOptions { return &dir.Options{} }},
		Formats: map[string]func() formats.Format{"csv": func() formats.Format { return &csv.Options{} }},
		Orders:  map[string]func() formats.OrderFormat{"csv": func() formats.OrderFormat { return &csv.OrderOptions{} }},
		Address: post.Check,
	}, os.LookupEnv)
	h.must(err)
	h.config = c
	h.open()
	t.Cleanup(func() { h.must(h.ledger.Close()) })
	h.must(h.keeper.Begin(t.Context())) // from now on it watches
	h.look()
	h.clock.to(morning)
	return h
}

// open begins as a new process does.
func (h *house) open() {
	h.Helper()
	var err error
	h.ledger, err = state.Open(context.Background(), filepath.Join(h.dir, "var"), state.Options{Postgres: h.database})
	h.must(err)
	events := &bridge.Events{}
	w := &signs.Watcher{Feeds: h.config.Feeds, Limits: h.config.Alarms, Ledger: h.ledger, Disk: h.dir,
		Shops: map[string]func() signs.ShopFacts{config.MainShop: func() signs.ShopFacts { return h.shop }}, ShopOf: h.config.ShopOf}
	events.Observe(w.Hear)
	h.keeper = &notify.Keeper{Routes: h.config.Notify, ShopsOf: h.config.ShopsOf, Page: h.config.Page(), Ledger: h.ledger, Clock: h.clock,
		Events: events, Signs: w, Send: func(ctx context.Context, r *config.Route, l bridge.Letter) error { return h.send(ctx, r, l) }}
}

// again ends the process and begins a new one.
func (h *house) again() {
	h.Helper()
	h.must(h.ledger.Close())
	h.open()
}

func (h *house) must(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

// look is one round, and one try of what is owed.
func (h *house) look() {
	h.Helper()
	h.must(h.keeper.Once(h.Context()))
}

// after moves the clock, and looks.
func (h *house) after(d time.Duration) {
	h.Helper()
	h.clock.to(h.clock.Now().Add(d))
	h.look()
}

// at moves the clock to a time of the day in Berlin, today or on a later day, and looks.
func (h *house) at(day int, clock string) {
	h.Helper()
	berlin, err := time.LoadLocation("Europe/Berlin")
	h.must(err)
	t, err := time.ParseInLocation("15:04", clock, berlin)
	h.must(err)
	h.clock.to(time.Date(morning.Year(), morning.Month(), morning.Day()+day, t.Hour(), t.Minute(), 0, 0, berlin).UTC())
	h.look()
}

// during looks again and again for a time.
func (h *house) during(d, every time.Duration) {
	h.Helper()
	for end := h.clock.Now().Add(d); h.clock.Now().Before(end); {
		h.after(every)
	}
}

// drop enters a drop in a state.
func (h *house) drop(feed string, s bridge.DropState, name string) *bridge.Drop {
	h.Helper()
	now := h.clock.Now()
	d := &bridge.Drop{Feed: feed, Remote: "disk", Folder: feed, Name: name, State: s, Reason: "no header", ListedRows: -1, SeenAt: now}
	if s.Settled() {
		d.SettledAt = now
	}
	h.must(h.ledger.Listed(h.Context(), bridge.Listing{New: []*bridge.Drop{d}, At: now}))
	return d
}

// becomes moves a drop to another state.
func (h *house) becomes(d *bridge.Drop, s bridge.DropState) {
	h.Helper()
	from := d.State
	d.State, d.SettledAt = s, h.clock.Now()
	h.must(h.ledger.Advance(h.Context(), []bridge.Move{{Drop: d, From: from}}))
}

// ack takes note of the only alarm of prices that stands.
func (h *house) ack(until time.Duration) {
	h.Helper()
	all, err := h.ledger.LiveAlarms(h.Context(), bridge.AlarmFilter{Open: true, Raised: true})
	h.must(err)
	all = slices.DeleteFunc(all, func(a *bridge.LiveAlarm) bool { return a.Of != "feed prices" })
	if len(all) != 1 {
		h.Fatalf("%d alarms of prices stand", len(all))
	}
	a := all[0]
	if a.Decision = (bridge.Decision{Who: "olga", Why: "the ERP mends it"}); until > 0 {
		a.Snoozed = h.clock.Now().Add(until)
	} else {
		a.Acknowledged = h.clock.Now()
	}
	h.must(h.ledger.DecideAlarm(h.Context(), a))
}

// tells holds what a receiver has taken against what was expected.
func (h *house) tells(r *receiver, want ...string) {
	h.Helper()
	if diff := cmp.Diff(want, r.took()); diff != "" && len(want)+len(diff) > 0 {
		h.Errorf("-want +got:\n%s", diff)
	}
}

const (
	ops      = `notify: [{ name: ops, url: HOOK1 }]`
	ofPrices = `notify: [{ name: ops, url: HOOK1, feeds: [prices] }]`
)

func TestADayWithFiveHundredBadFilesIsTwoMessagesAndADigest(t *testing.T) {
	r := newReceiver(t)
	h := newHouse(t, `notify: [{ name: ops, url: HOOK1, digest: '20:00', zone: Europe/Berlin, kinds: [rejected] }]`, r)
	var all []*bridge.Drop
	for i := range 500 {
		all = append(all, h.drop("prices", bridge.Rejected, fmt.Sprintf("p%03d.csv", i)))
		if i%20 == 0 { // from seven in the morning until four in the afternoon
			h.after(20 * time.Minute)
		}
		if i == 20 {
			h.ack(0)
		}
	}
	h.look()
	for _, d := range all {
		h.becomes(d, bridge.Loaded)
	}
	h.during(time.Hour, 5*time.Minute)
	h.at(0, "20:01")
	h.at(0, "20:02")
	h.tells(r, "begun feed prices rejected 1", "over feed prices rejected 500", "digest   ")
	text := r.last()["text"]
	for _, want := range []string{"feed prices: files could not be loaded (500), from 2026-11-23 07:", "- prices: 500 loaded"} {
		if !strings.Contains(text, want) {
			t.Errorf("the digest lacks %q:\n%s", want, text)
		}
	}
	h.at(1, "19:59")
	h.tells(r)
	h.at(1, "20:00")
	h.tells(r, "digest   ")
}

func TestWhatIsNotAcknowledgedIsToldAgainWithGrowingDistance(t *testing.T) {
	r := newReceiver(t)
	h := newHouse(t, ofPrices, r)
	h.drop("prices", bridge.Rejected, "p.csv")
	var hours []int
	for i := range 100 {
		h.look()
		for range r.took() {
			hours = append(hours, i)
		}
		h.clock.to(h.clock.Now().Add(time.Hour))
	}
	if diff := cmp.Diff([]int{0, 1, 3, 7, 15, 31, 55, 79}, hours); diff != "" {
		t.Error(diff)
	}
}

func TestNobodyIsRemindedOfWhatSomebodyKnows(t *testing.T) {
	r := newReceiver(t)
	h := newHouse(t, ofPrices, r)
	d := h.drop("prices", bridge.Rejected, "p.csv")
	h.look()
	h.tells(r, "begun feed prices rejected 1")
	h.ack(0)
	h.during(72*time.Hour, 6*time.Hour)
	h.tells(r)
	h.becomes(d, bridge.Discarded)
	h.during(10*time.Minute, 5*time.Minute)
	h.tells(r, "over feed prices rejected 1")
	if text := r.last()["text"]; !strings.Contains(text, "olga had acknowledged it: the ERP mends it") {
		t.Error(text)
	}
}

func TestWhatIsPutOffIsToldAgainWhenItsTimeHasCome(t *testing.T) {
	r := newReceiver(t)
	h := newHouse(t, ops, r)
	h.drop("prices", bridge.Rejected, "p.csv")
	h.look()
	h.ack(5 * time.Hour)
	h.tells(r, "begun feed prices rejected 1")
	h.after(5*time.Hour - time.Second)
	h.tells(r)
	h.after(time.Second)
	h.tells(r, "reminder feed prices rejected 1")
}

func TestAKnownFaultIsOverOnceTheFeedGoesWell(t *testing.T) {
	r := newReceiver(t)
	h := newHouse(t, ops, r)
	h.drop("prices", bridge.Rejected, "p.csv")
	h.look()
	h.after(time.Minute)
	h.drop("prices", bridge.Loaded, "q.csv")
	h.during(10*time.Minute, 5*time.Minute)
	h.tells(r, "begun feed prices rejected 1") // a delta that was rejected is missing still
	h.ack(0)
	h.look()
	h.tells(r, "over feed prices rejected 1")
	h.after(time.Minute)
	h.drop("prices", bridge.Rejected, "r.csv")
	h.look()
	h.tells(r, "begun feed prices rejected 1") // and the old one does not count
}

func TestALaterFullFileStandsForOneThatWasRejected(t *testing.T) {
	r := newReceiver(t)
	h := newHouse(t, ops, r)
	h.drop("full", bridge.Rejected, "p.csv")
	h.look()
	h.after(time.Minute)
	h.drop("full", bridge.Loaded, "q.csv")
	h.during(10*time.Minute, 5*time.Minute)
	h.tells(r, "begun feed full rejected 1", "over feed full rejected 1")
}

func TestWhatComesAndGoesIsOneAlarm(t *testing.T) {
	r := newReceiver(t)
	h := newHouse(t, ops, r)
	for range 15 {
		d := h.drop("prices", bridge.Held, "p.csv")
		h.during(3*time.Minute, time.Minute)
		h.becomes(d, bridge.Loaded)
		h.during(2*time.Minute, time.Minute)
	}
	h.during(10*time.Minute, 5*time.Minute)
	h.tells(r, "begun feed prices held 1", "reminder feed prices held 1", "over feed prices held 1")
}

func TestARouteHearsOfWhatItWants(t *testing.T) {
	for name, x := range map[string]struct {
		route string
		want  []string
	}{
		"warnings and worse by default": {"", []string{"daily missing", "full blocked", "orders overdue", "prices held", "prices partial"}},
		"errors":                        {"severity: error", []string{"daily missing", "full blocked", "orders overdue", "prices held"}},
		"one feed":                      {"feeds: [prices]", []string{"prices held", "prices partial"}},
		"one export":                    {"feeds: [orders]", []string{"orders overdue"}},
		"kinds":                         {"kinds: [held, missing]", []string{"daily missing", "prices held"}},
		"its shop":                      {"shops: [main], kinds: [held]", []string{"prices held"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newReceiver(t)
			h := newHouse(t, `notify: [{ name: ops, url: HOOK1, `+x.route+` }]`, r)
			h.must(h.ledger.Note(h.Context(), bridge.AlarmNote("orders", bridge.AlarmOverdue), "3, the oldest is O_1.csv"))
			h.drop("prices", bridge.Held, "p.csv")
			h.drop("full", bridge.Fetched, "f.csv")
			h.partial()
			h.look()
			h.at(1, "06:41")
			var got []string
			for _, line := range r.took() {
				words := strings.Fields(line)
				got = append(got, words[2]+" "+words[3])
			}
			slices.Sort(got)
			got = slices.Compact(got) // with reminders
			if diff := cmp.Diff(x.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A file for several shops concerns the routes of each, as long as no shop has a part of it. What came of the parts each hears by its own,
// and in no text by the name of another shop.
func TestARouteOfAShopHearsOfFilesThatAreForIt(t *testing.T) {
	names := []string{"b2b", "outlet", "third"}
	of := map[string]*receiver{}
	text, routes, all := "\nshops:\n", "notify:\n", []*receiver{}
	for i, name := range names {
		of[name] = newReceiver(t)
		all = append(all, of[name])
		text += fmt.Sprintf("  %s: { url: http://localhost:%d, client_id: demo, client_secret: demo }\n", name, i+1)
		routes += fmt.Sprintf("  - { name: %s, url: HOOK%d, shops: [%s] }\n", name, i+1, name)
	}
	h := newHouse(t, text+`remotes: { disk: { kind: dir, path: drops } }
feeds:
  - { name: both, shop: [b2b, outlet], entity: products, remote: disk, folder: both, match: '*.csv', format: { kind: csv } }
  - { name: own, shop: third, entity: products, remote: disk, folder: own, match: '*.csv', format: { kind: csv } }
alarms: { disk: 1B }
`+routes, all...)
	h.drop("both", bridge.Rejected, "too-large.csv")
	h.look()
	h.tells(of["b2b"], "begun feed both rejected 1")
	h.tells(of["outlet"], "begun feed both rejected 1")
	h.tells(of["third"])
	part := func(whole *bridge.Drop, shop string, s bridge.DropState) {
		t.Helper()
		now := h.clock.Now()
		d := &bridge.Drop{Feed: "both@" + shop, Front: whole.ID, Remote: "disk", Folder: "both", Name: whole.Name, State: s, Reason: "no header", ListedRows: -1,
			SeenAt: now}
		if s.Settled() {
			d.SettledAt = now
		}
		h.must(h.ledger.Listed(h.Context(), bridge.Listing{New: []*bridge.Drop{d}, At: now}))
	}
	gone := h.drop("both", bridge.Rejected, "b2b: rejected; outlet: rejected.csv")
	part(gone, "b2b", bridge.Rejected)
	part(gone, "outlet", bridge.Rejected)
	waits := h.drop("both", bridge.Loading, "b2b: held; outlet: loaded.csv")
	part(waits, "b2b", bridge.Held)
	part(waits, "outlet", bridge.Loaded)
	h.after(30 * time.Minute)
	b2b, outlet := of["b2b"].took(), of["outlet"].took()
	slices.Sort(b2b)
	if want := []string{"begun feed both@b2b held 1", "begun feed both@b2b rejected 1"}; !slices.Equal(b2b, want) {
		t.Errorf("b2b's route was told %q", b2b)
	}
	if want := []string{"begun feed both@outlet rejected 1"}; !slices.Equal(outlet, want) {
		t.Errorf("outlet's route was told %q", outlet)
	}
	h.tells(of["third"])
}

// partial enters a drop of prices of which two rows of ten were rejected.
func (h *house) partial() *bridge.Drop {
	h.Helper()
	d := h.drop("prices", bridge.Fetched, "partial.csv")
	run := &bridge.Run{Drop: d.ID, Kind: bridge.FirstRun, State: bridge.Running, Started: h.clock.Now()}
	d.State = bridge.Loading
	h.must(h.ledger.StartRun(h.Context(), run, bridge.Move{Drop: d, From: bridge.Fetched}))
	h.must(h.ledger.RejectRows(h.Context(), []bridge.RejectRow{{Drop: d.ID, Run: run.ID, Entity: "prices", State: bridge.RejectOpen}}))
	run.State, run.Ended, run.Rows, run.Rejected = bridge.Done, h.clock.Now(), 10, 2
	d.State, d.SettledAt = bridge.Partial, h.clock.Now()
	h.must(h.ledger.SaveRun(h.Context(), run, []bridge.Move{{Drop: d, From: bridge.Loading}}))
	return d
}

func TestRowsThatSomebodyHasTakenNoteOfAreNoAlarm(t *testing.T) {
	r := newReceiver(t)
	h := newHouse(t, ops, r)
	d := h.partial()
	h.look()
	h.tells(r, "begun feed prices partial 1")
	_, err := h.ledger.EndRejects(h.Context(), bridge.RejectFilter{Drop: d.ID}, bridge.RejectAcknowledged, bridge.RejectEnd{At: h.clock.Now()})
	h.must(err)
	h.during(10*time.Minute, 5*time.Minute)
	h.tells(r, "over feed prices partial 1")
}

func TestAFileThatDidNotComeIsToldOnce(t *testing.T) {
	r := newReceiver(t)
	h := newHouse(t, `notify: [{ name: ops, url: HOOK1, feeds: [daily] }]`, r)
	h.at(0, "23:00") // this morning's deadline was before anybody expected anything
	h.tells(r)
	h.at(1, "06:40")
	h.tells(r)
	h.at(1, "06:41")
	h.tells(r, "begun feed daily missing 1")
	h.again()
	h.at(1, "07:00")
	h.drop("daily", bridge.Seen, "d.csv") // it stands there, and is not whole
	h.at(1, "07:10")
	h.tells(r)
	h.drop("daily", bridge.Loaded, "e.csv")
	h.at(1, "07:20")
	h.at(1, "07:26")
	h.tells(r, "over feed daily missing 1")
	h.at(4, "05:00") // Friday
	h.took(r)
	h.drop("daily", bridge.Duplicate, "f.csv")
	h.at(6, "12:00")
	h.at(6, "12:06")
	h.tells(r, "over feed daily missing 1") // that of Thursday
	h.at(7, "06:41")                        // Monday
	h.tells(r, "begun feed daily missing 1")
}

// took forgets what a receiver has taken.
func (h *house) took(r *receiver) { _ = r.took() }

func TestADropOnAHolidayIsNotExpected(t *testing.T) {
	r := newReceiver(t)
	h := newHouse(t, `notify: [{ name: ops, url: HOOK1, feeds: [daily] }]`, r)
	h.at(31, "06:00") // Thursday, 24 December
	h.drop("daily", bridge.Loaded, "d.csv")
	h.at(31, "07:00")
	h.at(31, "07:06")
	h.took(r)
	h.during(48*time.Hour, 4*time.Hour) // Christmas, and the weekend after it
	h.tells(r)
	h.at(35, "06:41")
	h.tells(r, "begun feed daily missing 1")
}

func TestARouteIsToldInItsHours(t *testing.T) {
	r := newReceiver(t)
	h := newHouse(t, `notify: [{ name: ops, url: HOOK1, hours: mon-fri 07:00-18:00, zone: Europe/Berlin, kinds: [held] }]`, r)
	h.at(0, "18:00")
	short := h.drop("full", bridge.Held, "f.csv")
	d := h.drop("prices", bridge.Held, "p.csv")
	h.during(5*time.Hour, time.Hour)
	h.becomes(short, bridge.Loaded)
	h.at(1, "06:59")
	h.tells(r)
	h.at(1, "07:00")
	h.tells(r, "begun feed prices held 1")
	h.ack(0)
	h.at(4, "18:30")
	h.becomes(d, bridge.Loaded)
	h.during(time.Hour, 5*time.Minute)
	h.tells(r)
	h.at(7, "07:00")
	h.tells(r, "over feed prices held 1")
}

const chain = `
notify:
  - { name: ops, url: HOOK1, escalate_to: lead, after: 30m }
  - { name: lead, url: HOOK2, escalate_to: boss, after: 1h }
  - { name: boss, url: HOOK3 }
`

func TestWhatNobodyTakesNoteOfGoesToOthers(t *testing.T) {
	one, two, three := newReceiver(t), newReceiver(t), newReceiver(t)
	h := newHouse(t, chain, one, two, three)
	d := h.drop("prices", bridge.Held, "p.csv")
	h.look()
	h.after(29 * time.Minute)
	h.tells(one, "begun feed prices held 1")
	h.tells(two)
	h.after(time.Minute)
	h.tells(two, "escalated feed prices held 1")
	h.ack(0)
	h.during(3*time.Hour, 10*time.Minute)
	h.tells(three)
	h.becomes(d, bridge.Loaded)
	h.during(10*time.Minute, 5*time.Minute)
	for _, r := range []*receiver{one, two} {
		h.tells(r, "over feed prices held 1")
	}
	h.tells(three)
}

func TestAnAlarmGoesOnToOthersWhereTheFirstRouteIsDown(t *testing.T) {
	one, two, three := newReceiver(t), newReceiver(t), newReceiver(t)
	h := newHouse(t, chain, one, two, three)
	one.turn(true)
	h.drop("prices", bridge.Held, "p.csv")
	h.look()
	h.during(30*time.Minute, 5*time.Minute)
	h.tells(two, "escalated feed prices held 1")
}

func TestARouteThatFailsIsAnAlarmOnTheOthers(t *testing.T) {
	one, two := newReceiver(t), newReceiver(t)
	h := newHouse(t, `notify: [{ name: one, url: HOOK1 }, { name: two, url: HOOK2 }]`, one, two)
	one.turn(true)
	d := h.drop("prices", bridge.Held, "p.csv")
	h.during(10*time.Minute, time.Minute)
	h.becomes(d, bridge.Loaded)
	h.during(10*time.Minute, time.Minute)
	h.tells(two, "begun feed prices held 1", "begun route one route 1", "over feed prices held 1")
	all, err := h.ledger.LiveAlarms(h.Context(), bridge.AlarmFilter{Open: true})
	h.must(err)
	if len(all) != 1 || all[0].N != 2 {
		t.Errorf("%+v", all)
	}
	one.turn(false)
	h.during(30*time.Minute, 5*time.Minute)
	h.tells(one, "begun feed prices held 1", "over feed prices held 1") // in their order, and nothing of itself
	h.tells(two, "over route one route 2")
}

func TestAPauseWithAnEndSilencesWhatItIsAbout(t *testing.T) {
	r := newReceiver(t)
	h := newHouse(t, ops, r)
	until := h.clock.Now().Add(2 * time.Hour)
	h.must(h.ledger.Note(h.Context(), bridge.HaltedNote("feed prices"), bridge.Halt{Until: until}.Note()))
	h.must(h.ledger.Note(h.Context(), bridge.HaltedNote("feed full"), bridge.Halt{}.Note()))
	d := h.drop("prices", bridge.Held, "p.csv")
	h.drop("full", bridge.Held, "f.csv")
	h.look()
	h.after(61 * time.Minute)
	h.after(58 * time.Minute)
	h.tells(r, "begun feed full held 1", "reminder feed full held 1")
	h.after(2 * time.Minute)
	h.tells(r, "begun feed prices held 1")
	h.must(h.ledger.Note(h.Context(), bridge.HaltedNote("feed prices"), bridge.Halt{Until: h.clock.Now().Add(time.Hour)}.Note()))
	h.becomes(d, bridge.Loaded)
	h.during(10*time.Minute, 5*time.Minute)
	h.tells(r, "over feed prices held 1") // they were told of it
}

// TestAMessageIsToldOnceWhateverDies kills the bridge before a message is sent and after it was, and in between.
func TestAMessageIsToldOnceWhateverDies(t *testing.T) {
	for name, x := range map[string]struct {
		dies func(send notify.Send, die context.CancelFunc) notify.Send
		want []string
	}{
		"before it is sent": {func(_ notify.Send, die context.CancelFunc) notify.Send {
			return func(ctx context.Context, _ *config.Route, _ bridge.Letter) error {
				die()
				return ctx.Err()
			}
		}, []string{"begun feed prices held 1"}},
		"before that is noted": {func(send notify.Send, die context.CancelFunc) notify.Send {
			return func(ctx context.Context, r *config.Route, l bridge.Letter) error {
				defer die()
				return send(ctx, r, l)
			}
		}, []string{"begun feed prices held 1", "begun feed prices held 1"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newReceiver(t)
			h := newHouse(t, ops, r)
			h.drop("prices", bridge.Held, "p.csv")
			ctx, die := context.WithCancel(h.Context())
			works := h.send
			h.send = x.dies(works, die)
			if err := h.keeper.Once(ctx); err == nil {
				t.Fatal("it lives")
			}
			h.send = works
			for range 3 {
				h.again()
				h.after(time.Minute)
			}
			h.tells(r, x.want...)
		})
	}
}

func TestWhatIsOwedOutlivesAnEndBetweenTwoRounds(t *testing.T) {
	r := newReceiver(t)
	h := newHouse(t, ops, r)
	r.turn(true)
	d := h.drop("prices", bridge.Held, "p.csv")
	h.look()
	h.again()
	h.becomes(d, bridge.Loaded)
	h.during(10*time.Minute, 5*time.Minute)
	h.again()
	r.turn(false)
	h.during(30*time.Minute, 5*time.Minute)
	h.tells(r, "begun feed prices held 1", "over feed prices held 1")
}

func TestWhatARouteIsOwedThatIsNoMoreIsGivenUp(t *testing.T) {
	r := newReceiver(t)
	h := newHouse(t, ops, r)
	r.turn(true)
	h.drop("prices", bridge.Held, "p.csv")
	h.look()
	h.config.Notify = nil
	h.again()
	h.look()
	owed, err := h.ledger.Messages(h.Context(), bridge.MessageFilter{Owed: true})
	h.must(err)
	if len(owed) > 0 {
		t.Errorf("%d messages are owed to nobody", len(owed))
	}
}

func TestOneTroubleIsOneAlarmHoweverMuchWaitsForIt(t *testing.T) {
	r := newReceiver(t)
	h := newHouse(t, ops, r)
	pause := func(work, cause string) {
		h.keeper.Events.Tell(&bridge.Event{Kind: bridge.WorkPaused, Work: work, Cause: cause})
		h.must(h.ledger.Note(h.Context(), bridge.PausedNote(work), work+": "+cause))
	}
	resume := func(work string) {
		h.keeper.Events.Tell(&bridge.Event{Kind: bridge.WorkResumed, Work: work})
		h.must(h.ledger.Note(h.Context(), bridge.PausedNote(work), ""))
	}
	pause("feed prices", "no route to shop")
	h.look()
	h.after(5 * time.Minute)
	pause("feed full", "no route to shop")
	pause("export orders", "no route to erp")
	h.after(4 * time.Minute)
	h.tells(r) // it may pass
	h.after(time.Minute)
	h.tells(r, "begun feed prices, feed full paused 2")
	h.after(9 * time.Minute)
	h.tells(r, "begun export orders paused 1")
	resume("feed full")
	resume("export orders")
	h.after(time.Minute)
	resume("feed prices")
	h.during(10*time.Minute, 5*time.Minute)
	got := r.took()
	slices.Sort(got)
	if diff := cmp.Diff([]string{"over export orders paused 1", "over feed prices, feed full paused 1"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestTroubleThatPassesIsNoAlarm(t *testing.T) {
	r := newReceiver(t)
	h := newHouse(t, ops, r)
	for range 10 {
		h.must(h.ledger.Note(h.Context(), bridge.PausedNote("shop"), "down"))
		h.during(9*time.Minute, 3*time.Minute)
		h.must(h.ledger.Note(h.Context(), bridge.PausedNote("shop"), ""))
		h.during(2*time.Minute, time.Minute)
	}
	h.tells(r)
}

func TestAShopThatJudgesNothingIsAnAlarm(t *testing.T) {
	r := newReceiver(t)
	h := newHouse(t, ops, r)
	usual := h.clock.Now()
	for i := range int64(10) { // a batch takes three minutes
		h.keeper.Events.Tell(&bridge.Event{Kind: bridge.BatchSent, Batch: i, At: usual},
			&bridge.Event{Kind: bridge.BatchJudged, Batch: i, At: usual.Add(3 * time.Minute)})
	}
	d := h.drop("prices", bridge.Fetched, "p.csv")
	d.State, d.Reason = bridge.Loading, ""
	run := &bridge.Run{Drop: d.ID, Kind: bridge.FirstRun, State: bridge.Running, Started: h.clock.Now()}
	h.must(h.ledger.StartRun(h.Context(), run, bridge.Move{Drop: d, From: bridge.Fetched}))
	b := &bridge.Batch{Entity: "prices", Sent: h.clock.Now()}
	h.must(h.ledger.OpenBatch(h.Context(), run.ID, b))
	h.after(13 * time.Minute)
	var queue []string
	for _, line := range r.took() {
		if strings.Contains(line, "queue") {
			queue = append(queue, line)
		}
	}
	if len(queue) > 0 {
		t.Errorf("too early: %v", queue)
	}
	h.after(time.Minute)
	h.tells(r, "begun shop queue 1")
	h.must(h.ledger.Settle(h.Context(), b.ID, nil))
	h.during(10*time.Minute, 5*time.Minute)
	h.tells(r, "over shop queue 1")
}

func TestWhatTheMachineAndTheShopShowIsTold(t *testing.T) {
	r := newReceiver(t)
	h := newHouse(t, ops, r)
	h.shop = signs.ShopFacts{Certificate: h.clock.Now().Add(22 * 24 * time.Hour), Ahead: -time.Minute}
	h.look()
	h.tells(r)
	h.shop.Ahead = -3 * time.Minute
	h.after(24*time.Hour + time.Second)
	got := r.took()
	slices.Sort(got)
	if diff := cmp.Diff([]string{"begun feed daily missing 1", "begun shop clock 1", "begun shop expires 1"}, got); diff != "" {
		t.Error(diff)
	}
	h.keeper.Signs.Limits.Disk = 1 << 60
	h.after(time.Minute)
	h.tells(r, "begun bridge disk 1")
	now := h.clock.Now()
	h.must(h.ledger.AddToken(h.Context(), &bridge.Token{Name: "wms", Hash: "a", Role: "viewer", Made: now, Expires: now.Add(4 * time.Hour)}))
	h.after(30 * time.Minute)
	h.tells(r)
	h.after(2*time.Hour + 30*time.Minute)
	if got := r.took(); !slices.Contains(got, "begun bridge expires 1") {
		t.Errorf("the token's end is not told: %v", got)
	}
}

// Where several bridges share the work each looks after its own machine, and the one that keeps the house tells of all. What is wrong with
// a machine stays one alarm though the bridge on it begins anew; what several see of another end is one.
func TestEachBridgeLooksAfterItsOwnMachine(t *testing.T) {
	r := newReceiver(t)
	h := newHouse(t, ops, r)
	h.keeper.Signs.Bridge = "north:1"
	full, shop := h.config.Alarms, signs.ShopFacts{Ahead: 3 * time.Minute}
	full.Disk = 1 << 60
	begin := func(name string) *notify.Keeper {
		return &notify.Keeper{Ledger: h.ledger, Clock: h.clock, Signs: &signs.Watcher{Limits: full, Ledger: h.ledger, Disk: h.dir, Bridge: name,
			Shops: map[string]func() signs.ShopFacts{config.MainShop: func() signs.ShopFacts { return shop }}}}
	}
	south := begin("south:7")
	see := func() {
		h.must(errors.Join(h.keeper.See(h.Context()), south.See(h.Context())))
		h.after(time.Minute)
	}
	clock := func(want string) {
		all, err := h.ledger.LiveAlarms(h.Context(), bridge.AlarmFilter{Open: true})
		h.must(err)
		if !slices.ContainsFunc(all, func(a *bridge.LiveAlarm) bool { return a.Alarm == bridge.AlarmClock && strings.HasPrefix(a.Text, want) }) {
			t.Errorf("no alarm says %q", want)
		}
	}
	see()
	h.tells(r, "begun bridge south disk 1", "begun shop clock 1")
	clock("south: the shop's clock is 3m0s ahead of")
	h.shop.Ahead = 3 * time.Minute
	see()
	clock("north, south: the shop's clock is 3m0s ahead of")

	h.must(h.ledger.Note(h.Context(), bridge.MachineNote("south:7"), "")) // as the ledger does once it is gone
	h.after(time.Minute)
	clock("north: ")
	south = begin("south:9")
	see()
	h.tells(r)
	south.Signs.Limits.Disk, shop.Ahead, h.shop.Ahead = 1, 0, 0
	see()
	h.after(5 * time.Minute)
	h.tells(r, "over bridge south disk 1", "over shop clock 1")
}

func TestASubscriberThatTakesNoEventsIsAnAlarm(t *testing.T) {
	r := newReceiver(t)
	h := newHouse(t, ops, r)
	is := bridge.Subscription{Told: 7}
	enter := func() {
		h.must(h.ledger.Note(h.Context(), bridge.SubscriptionNote("wms"), is.Note()))
		h.after(time.Minute)
	}
	is.Tries, is.Since, is.Trouble = 2, h.clock.Now(), "wms.example.com: 503"
	enter()
	h.tells(r) // it may pass
	is.Tries = 3
	enter()
	h.tells(r, "begun subscriber wms subscriber 1")
	if text := r.last()["text"]; !strings.Contains(text, "wms.example.com: 503") {
		t.Error(text)
	}
	is = bridge.Subscription{Told: 8}
	enter()
	h.after(5 * time.Minute)
	h.tells(r, "over subscriber wms subscriber 1")

	// What was given up stays until somebody has taken note, though all goes well again.
	is.GivenUp, is.First, is.GivenUpAt = 40, 9, h.clock.Now()
	enter()
	h.tells(r, "begun subscriber wms subscriber 40")
	h.after(59 * time.Minute)
	h.tells(r)
	all, err := h.ledger.LiveAlarms(h.Context(), bridge.AlarmFilter{Open: true})
	h.must(err)
	all[0].Acknowledged, all[0].Decision = h.clock.Now(), bridge.Decision{Who: "olga", Why: "they have read them"}
	h.must(h.ledger.DecideAlarm(h.Context(), all[0]))
	h.after(time.Minute)
	h.tells(r, "over subscriber wms subscriber 40")
	h.during(2*time.Hour, 30*time.Minute)
	h.tells(r)
}

func TestABridgeThatWasGoneSaysSo(t *testing.T) {
	r := newReceiver(t)
	h := newHouse(t, ops, r)
	h.must(h.ledger.Note(h.Context(), bridge.AliveNote, h.clock.Now().Format(time.RFC3339)))
	h.after(4 * time.Minute)
	h.tells(r)
	h.must(h.ledger.Note(h.Context(), bridge.AliveNote, h.clock.Now().Format(time.RFC3339)))
	h.again()
	h.after(time.Hour)
	h.tells(r, "begun bridge gone 1")
	h.during(10*time.Minute, 5*time.Minute)
	h.tells(r, "over bridge gone 1")
}

func TestAnotherBridgeThatIsGoneIsAnAlarm(t *testing.T) {
	r := newReceiver(t)
	h := newHouse(t, ops, r)
	var down error
	h.keeper.Watched = []*config.Watched{{Name: "b", URL: "http://b/livez", After: bridge.Duration(5 * time.Minute)}}
	asked := 0
	h.keeper.Ping = func(_ context.Context, address bridge.Secret) error {
		asked++
		if address.Reveal() != "http://b/livez" {
			t.Errorf("it asks %s", address.Reveal())
		}
		return down
	}
	h.look()
	down = errors.New("b: connection refused")
	h.after(time.Minute)
	h.after(4 * time.Minute)
	h.tells(r) // it may be restarted
	h.after(time.Minute)
	h.tells(r, "begun bridge b gone 1")
	if text := r.last()["text"]; !strings.Contains(text, "it does not answer: b: connection refused") {
		t.Error(text)
	}
	// A process that has not asked yet knows nothing else.
	watched, ping := h.keeper.Watched, h.keeper.Ping
	h.again()
	h.keeper.Watched = watched
	h.clock.to(h.clock.Now().Add(10 * time.Minute))
	h.must(h.keeper.Round(t.Context()))
	h.tells(r)
	if h.keeper.Ping = ping; asked == 0 {
		t.Error("nobody has asked")
	}
	down = nil
	h.after(time.Minute)
	h.after(5 * time.Minute)
	h.tells(r, "over bridge b gone 1")
}

func TestASignOfLifeIsGivenWhileTheBridgeIsAtWork(t *testing.T) {
	h := newHouse(t, ops, newReceiver(t))
	var asked []string
	h.keeper.Ping = func(_ context.Context, address bridge.Secret) error {
		asked = append(asked, address.Reveal())
		return nil
	}
	h.must(h.keeper.Live(t.Context())) // without an address there is none
	h.keeper.Heartbeat.URL = "http://checks/1"
	h.must(h.keeper.Live(t.Context())) // after a round
	if diff := cmp.Diff([]string{"http://checks/1"}, asked); diff != "" {
		t.Error(diff)
	}
	stands := errors.New("the schedule stands still")
	var well error
	h.keeper.Well = func(context.Context) error { return well }
	if err := h.keeper.Live(t.Context()); err == nil {
		t.Error("nobody has looked what is wrong, and a sign of life was given")
	}
	ctx, stop := context.WithCancel(t.Context())
	h.keeper.Heartbeat.Every = bridge.Duration(time.Minute)
	h.keeper.Ping = func(context.Context, bridge.Secret) error {
		stop()
		return nil
	}
	h.must(h.keeper.Run(ctx))
	well = stands
	if err := h.keeper.Live(t.Context()); !errors.Is(err, stands) {
		t.Errorf("the schedule stands still, and a sign of life was given: %v", err)
	}
}

// Where no route takes messages, the service that waits for signs of life is the last one that can tell people.
func TestNoSignOfLifeIsGivenWhileNobodyCanBeTold(t *testing.T) {
	one, two := newReceiver(t), newReceiver(t)
	h := newHouse(t, `notify: [{ name: one, url: HOOK1 }, { name: two, url: HOOK2 }]`, one, two)
	h.keeper.Heartbeat.URL = "http://checks/1"
	h.keeper.Ping = func(context.Context, bridge.Secret) error { return nil }
	one.turn(true)
	h.drop("prices", bridge.Held, "p.csv")
	h.during(10*time.Minute, time.Minute)
	h.must(h.keeper.Live(t.Context())) // the other one tells of it
	two.turn(true)
	h.drop("full", bridge.Held, "f.csv")
	h.during(10*time.Minute, time.Minute)
	if err := h.keeper.Live(t.Context()); err == nil {
		t.Error("nobody can be told of anything, and a sign of life was given")
	}
	two.turn(false)
	h.during(30*time.Minute, 5*time.Minute)
	h.must(h.keeper.Live(t.Context()))
}

// A server whose clock is wrong says wrong times of files.
func TestAServerWhoseClockIsOffIsAnAlarm(t *testing.T) {
	r := newReceiver(t)
	h := newHouse(t, ops, r)
	server := &clocked{}
	w := notify.Assemble(h.config, h.ledger, h.keeper.Events, nil, nil, map[string]bridge.Remote{"disk": server}).Signs
	h.keeper.Signs.Clocks = w.Clocks
	server.ahead = -2 * time.Minute
	h.look()
	h.tells(r)
	server.ahead = -3 * time.Minute
	h.after(time.Minute)
	h.tells(r, "begun feed prices, feed full, feed daily, export orders clock 1")
	if text := r.last()["text"]; !strings.Contains(text, "the clock of the server of remote disk is 3m0s behind this machine's") {
		t.Error(text)
	}
	server.ahead = time.Second
	h.after(time.Minute)
	h.after(5 * time.Minute)
	h.tells(r, "over feed prices, feed full, feed daily, export orders clock 1")
}

// clocked is a remote whose clock is known.
type clocked struct {
	bridge.Remote
	ahead time.Duration
}

func (c *clocked) Ahead() time.Duration { return c.ahead }

// What others renew in time is no alarm: a certificate for a day has the last quarter of it to go.
func TestACertificateIsToldInItsLastQuarter(t *testing.T) {
	r := newReceiver(t)
	h := newHouse(t, ops, r)
	from := h.clock.Now()
	end := bridge.End{Of: "feed prices, export orders", What: "the certificate id-cert.pub of remote sap", From: from, At: from.Add(24 * time.Hour)}
	h.keeper.Signs.Ends = func(time.Time) []bridge.End { return []bridge.End{end} }
	h.after(17 * time.Hour)
	h.tells(r)
	h.after(time.Hour)
	h.tells(r, "begun feed prices, export orders expires 1")
	if text := r.last()["text"]; !strings.Contains(text, "id-cert.pub of remote sap ends 2026-11-24 06:00 UTC") {
		t.Error(text)
	}
	end.From, end.At = h.clock.Now(), h.clock.Now().Add(24*time.Hour)
	h.after(time.Minute)
	h.after(5 * time.Minute)
	h.tells(r, "over feed prices, export orders expires 1")
}

func TestWhatHappenedBeforeAnybodyWatchedIsNoAlarm(t *testing.T) {
	r := newReceiver(t)
	h := newHouse(t, ops, r)
	h.must(h.ledger.Note(h.Context(), signs.WatchedNote, ""))
	h.drop("prices", bridge.Rejected, "old.csv")
	h.clock.to(h.clock.Now().Add(time.Second))
	h.must(h.keeper.Begin(t.Context()))
	h.after(time.Minute)
	h.after(time.Minute)
	h.tells(r)
}

func TestALetterLinksToThePage(t *testing.T) {
	r := newReceiver(t)
	h := newHouse(t, `notify: [{ name: ops, url: HOOK1, language: de, zone: Europe/Berlin }]`, r)
	h.drop("prices", bridge.Held, "p.csv")
	h.look()
	m := r.last()
	if m["link"] != "https://bridge.example.com/alarms" || m["subject"] != "Alarm: feed prices: Dateien warten auf Freigabe" ||
		!strings.Contains(m["text"], "Seit 2026-11-23 07:00 CET.") || !strings.Contains(m["text"], "orobridge ack alarm 1 --why") {
		t.Errorf("%v", m)
	}
}

func TestADigestIsDueOnceADayWhereClocksJump(t *testing.T) {
	for name, day := range map[string]time.Time{"forward": time.Date(2027, 3, 26, 12, 0, 0, 0, time.UTC),
		"back": time.Date(2026, 10, 23, 12, 0, 0, 0, time.UTC)} {
		t.Run(name, func(t *testing.T) {
			r := newReceiver(t)
			h := newHouse(t, `notify: [{ name: ops, url: HOOK1, digest: '02:30', zone: Europe/Berlin, kinds: [held] }]`, r)
			h.must(h.ledger.Note(h.Context(), "digest ops", ""))
			h.clock.to(day)
			h.look()
			h.took(r)
			for range 48 {
				h.after(2 * time.Hour)
			}
			h.tells(r, "digest   ", "digest   ", "digest   ", "digest   ")
		})
	}
}

// TestARunningKeeperTellsAndEnds: the loops themselves, on the clock of the machine.
func TestARunningKeeperTellsAndEnds(t *testing.T) {
	r := newReceiver(t)
	h := newHouse(t, ops, r)
	h.drop("prices", bridge.Held, "p.csv")
	ctx, stop := context.WithTimeout(h.Context(), time.Minute)
	defer stop()
	works := h.send
	h.send = func(ctx context.Context, to *config.Route, l bridge.Letter) error {
		defer stop()
		return works(ctx, to, l)
	}
	h.must(h.keeper.Run(ctx))
	h.tells(r, "begun feed prices held 1")
}
