package subscribe_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
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
	"github.com/orobridge/orobridge/bridge/notify/post"
	"github.com/orobridge/orobridge/bridge/subscribe"
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

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// receiver is another system: it takes events that are signed as they have to be and are not older than five minutes by its own clock, in
// the order in which they come, unless it is down or refuses them.
type receiver struct {
	*httptest.Server
	t      *testing.T
	clock  *clock
	mu     sync.Mutex
	key    string
	down   bool
	poison string // it refuses events of this text
	asked  int
	ids    []string
	events []subscribe.Message
}

const (
	oldKey = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	newKey = "whsec_b2xkIG9sZCBvbGQgb2xkIG9sZCBvbGQgb2xk"
)

func newReceiver(t *testing.T, c *clock) *receiver {
	r := &receiver{t: t, clock: c, key: oldKey}
	r.Server = httptest.NewServer(http.HandlerFunc(r.take))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) take(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked++
	var m subscribe.Message
	if err == nil {
		err = json.Unmarshal(body, &m)
	}
	switch {
	case err != nil:
		r.t.Error(err)
	case r.down:
		w.WriteHeader(http.StatusServiceUnavailable)
	case !r.signed(req.Header, body):
		w.WriteHeader(http.StatusUnauthorized)
	case r.poison != "" && m.Data.Text == r.poison:
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, "no such thing")
	default:
		r.ids, r.events = append(r.ids, req.Header.Get("webhook-id")), append(r.events, m)
	}
}

// signed is what a receiver has to check.
func (r *receiver) signed(h http.Header, body []byte) bool {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(r.key, "whsec_"))
	if err != nil {
		r.t.Error(err)
	}
	var at int64
	if _, err := fmt.Sscan(h.Get("webhook-timestamp"), &at); err != nil || r.clock.Now().Sub(time.Unix(at, 0)).Abs() > 5*time.Minute {
		return false
	}
	sum := hmac.New(sha256.New, key)
	fmt.Fprintf(sum, "%s.%d.%s", h.Get("webhook-id"), at, body)
	want := "v1," + base64.StdEncoding.EncodeToString(sum.Sum(nil))
	return slices.ContainsFunc(strings.Fields(h.Get("webhook-signature")), func(s string) bool { return hmac.Equal([]byte(s), []byte(want)) })
}

// took is what has arrived since it was asked last: kinds, feeds and texts.
func (r *receiver) took() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []string
	for _, m := range r.events {
		all = append(all, strings.TrimSpace(fmt.Sprintf("%s %s%s %s", m.Type, m.Data.Feed, m.Data.Export, m.Data.Text)))
	}
	r.events = nil
	return all
}

func (r *receiver) set(change func(r *receiver)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(r)
}

// house is a ledger with its journal, and a teller on a clock that a test moves.
type house struct {
	testing.TB
	clock    *clock
	ledger   *state.State
	config   *config.Config
	teller   *subscribe.Teller
	post     subscribe.Post
	events   *bridge.Events
	dir      string
	database string
}

const feeds = `
oro: { url: http://localhost:1, client_id: demo, client_secret: demo }
remotes: { disk: { kind: dir, path: drops } }
feeds:
  - { name: prices, entity: prices, remote: disk, folder: prices, match: '*.csv', format: { kind: csv } }
  - { name: stock, entity: inventory, remote: disk, folder: stock, match: '*.csv', format: { kind: csv } }
exports: [{ name: orders, remote: disk, folder: orders, file: 'O_{number}.csv', format: { kind: csv } }]
`

// kinds are what the configs of these tests name.
var kinds = config.Kinds{
	Remotes: map[string]func() bridge.RemoteOptions{"dir": func() bridge.RemoteOptions { return &dir.Options{} }},
	Formats: map[string]func() formats.Format{"csv": func() formats.Format { return &csv.Options{} }},
	Orders:  map[string]func() formats.OrderFormat{"csv": func() formats.OrderFormat { return &csv.OrderOptions{} }},
}

// newHouse makes a house; HOOK stands for the address of its receiver, KEY for the key.
func newHouse(t *testing.T, subscribers string) (*house, *receiver) {
	t.Helper()
	c := &clock{now: time.Date(2026, 11, 23, 6, 0, 0, 0, time.UTC)}
	r := newReceiver(t, c)
	web := post.NewWeb("test")
	t.Cleanup(web.Close)
	h := &house{TB: t, clock: c, dir: t.TempDir(), database: bridgetest.Database(t), post: web.Event}
	text := strings.NewReplacer("HOOK", r.URL, "KEY", oldKey).Replace(feeds + subscribers)
	var err error
	h.config, err = config.Parse(filepath.Join(h.dir, "orobridge.yaml"), []byte(text), kinds, os.LookupEnv)
	h.must(err)
	h.open()
	t.Cleanup(func() { h.must(h.ledger.Close()) })
	h.happens("before", bridge.DropSettled, "prices")
	h.must(h.teller.Begin(t.Context())) // it knows the subscribers from now on
	return h, r
}

// open begins as a new process does.
func (h *house) open() {
	h.Helper()
	var err error
	h.ledger, err = state.Open(context.Background(), filepath.Join(h.dir, "var"), state.Options{Postgres: h.database})
	h.must(err)
	h.events = &bridge.Events{}
	h.teller = subscribe.Assemble(h.config, h.ledger, h.ledger.Identity(), h.ledger.Generation(), h.events,
		func(ctx context.Context, to *config.Subscriber, id string, at time.Time, body []byte) error {
			return h.post(ctx, to, id, at, body)
		})
	h.teller.Clock = h.clock
}

// again ends the process and begins a new one.
func (h *house) again() {
	h.Helper()
	h.must(h.ledger.Close())
	h.open()
	h.must(h.teller.Begin(h.Context()))
}

func (h *house) must(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

// look tells what is owed and due.
func (h *house) look() {
	h.Helper()
	h.must(h.teller.Once(h.Context()))
}

// after moves the clock, and looks.
func (h *house) after(d time.Duration) {
	h.Helper()
	h.clock.move(d)
	h.look()
}

// happens enters an event in the journal.
func (h *house) happens(text string, kind bridge.EventKind, of string) {
	h.Helper()
	e := &bridge.Event{At: h.clock.Now(), Kind: kind, Text: text}
	if of == "orders" {
		e.Export = of
	} else {
		e.Feed = of
	}
	h.must(h.ledger.Keep(h.Context(), e))
	h.events.Tell(e)
}

// tells holds what a receiver has taken against what was expected.
func (h *house) tells(r *receiver, want ...string) {
	h.Helper()
	if diff := cmp.Diff(want, r.took()); diff != "" && len(want)+len(diff) > 0 {
		h.Errorf("-want +got:\n%s", diff)
	}
}

// subscription is what the ledger keeps of a subscriber.
func (h *house) subscription(name string) bridge.Subscription {
	h.Helper()
	notes, err := h.ledger.Notes(h.Context())
	h.must(err)
	s, ok := bridge.ReadSubscription(notes[bridge.SubscriptionNote(name)])
	if !ok {
		h.Fatalf("%s is not known", name)
	}
	return s
}

// Of several shops a subscriber hears of those that it names, and of what is of none. Of a drop for several it hears by its part alone.
func TestASubscriberHearsOfItsShops(t *testing.T) {
	h, r := newHouse(t, wms)
	text := strings.NewReplacer("HOOK", r.URL, "KEY", oldKey).Replace(`
shops:
  b2b: { url: http://localhost:1, client_id: demo, client_secret: demo }
  outlet: { url: http://localhost:2, client_id: demo, client_secret: demo }
remotes: { disk: { kind: dir, path: drops } }
feeds:
  - { name: prices, shop: b2b, entity: prices, remote: disk, folder: prices, match: '*.csv', format: { kind: csv } }
  - { name: stock, shop: outlet, entity: inventory, remote: disk, folder: stock, match: '*.csv', format: { kind: csv } }
  - { name: both, shop: [b2b, outlet], entity: products, remote: disk, folder: both, match: '*.csv', format: { kind: csv } }
subscribers: [{ name: wms, url: HOOK, secret: KEY, events: [drop settled, alarm raised], shops: [outlet] }]
`)
	var err error
	h.config, err = config.Parse(filepath.Join(h.dir, "orobridge.yaml"), []byte(text), kinds, os.LookupEnv)
	h.must(err)
	h.again()
	h.happens("one", bridge.DropSettled, "prices")
	h.happens("two", bridge.DropSettled, "stock")
	h.happens("b2b: loaded; outlet: rejected", bridge.DropSettled, "both")
	h.happens("three", bridge.DropSettled, "both@b2b")
	h.happens("four", bridge.DropSettled, "both@outlet")
	for _, work := range []string{"shop b2b", "shop outlet", "bridge"} {
		h.must(h.ledger.Keep(t.Context(), &bridge.Event{At: h.clock.Now(), Kind: bridge.AlarmRaised, Work: work, Text: work}))
	}
	h.look()
	if m := r.events[0]; m.Data.Shop != "outlet" {
		t.Errorf("the event is of shop %q", m.Data.Shop)
	}
	h.tells(r, "drop settled stock two", "drop settled both@outlet four", "alarm raised  shop outlet", "alarm raised  bridge")
}

const wms = `subscribers: [{ name: wms, url: HOOK/hook, secret: KEY, events: [drop settled, order written] }]`

func TestASubscriberIsToldWhatIsItsBusinessInOrder(t *testing.T) {
	for name, x := range map[string]struct {
		chooses string
		want    []string
	}{
		"kinds": {"events: [drop settled, order written]",
			[]string{"drop settled prices one", "drop settled stock two", "order written orders four", "drop settled prices five"}},
		"feeds":   {"events: [drop settled, order written], feeds: [prices]", []string{"drop settled prices one", "drop settled prices five"}},
		"exports": {"events: [drop settled, order written], feeds: [orders]", []string{"order written orders four"}},
		"its shop": {"events: [drop settled, note], shops: [main]",
			[]string{"drop settled prices one", "drop settled stock two", "drop settled prices five", "note  six"}},
	} {
		t.Run(name, func(t *testing.T) {
			h, r := newHouse(t, `subscribers: [{ name: wms, url: HOOK, secret: KEY, `+x.chooses+` }]`)
			h.happens("one", bridge.DropSettled, "prices")
			h.happens("two", bridge.DropSettled, "stock")
			h.happens("three", bridge.DropSeen, "prices")
			h.happens("four", bridge.OrderWritten, "orders")
			h.happens("five", bridge.DropSettled, "prices")
			h.happens("six", bridge.Noted, "")
			h.look()
			h.tells(r, x.want...)
			h.again()
			h.look()
			h.tells(r)
		})
	}
}

func TestAnEventIsToldAsTheAPIHasIt(t *testing.T) {
	h, r := newHouse(t, wms)
	h.must(h.ledger.Keep(h.Context(), &bridge.Event{At: h.clock.Now(), Kind: bridge.DropSettled, Feed: "prices", Drop: 7, File: "p.csv", Text: "loaded"}))
	h.look()
	m := r.events[0]
	if m.Type != bridge.DropSettled || !m.Timestamp.Equal(h.clock.Now()) || m.Data.ID != 2 || m.Data.Drop != 7 || m.Data.File != "p.csv" ||
		m.Data.At == nil || m.Data.Level != "info" {
		t.Errorf("%+v", m)
	}
	if want := fmt.Sprintf("evt_%s_%d_2", h.ledger.Identity(), h.ledger.Generation()); r.ids[0] != want {
		t.Errorf("its id is %s, want %s", r.ids[0], want)
	}
}

// What a subscriber does not take waits, with all that comes after it, and is tried after growing distances.
func TestWhatIsNotTakenIsToldLaterAndInOrder(t *testing.T) {
	h, r := newHouse(t, wms)
	r.set(func(r *receiver) { r.down = true })
	h.happens("one", bridge.DropSettled, "prices")
	began := h.clock.Now()
	h.happens("two", bridge.DropSettled, "prices")
	var tries []time.Duration
	for h.clock.Now().Sub(began) < 20*time.Minute {
		r.set(func(r *receiver) { r.asked = 0 })
		if h.look(); r.asked > 0 {
			tries = append(tries, h.clock.Now().Sub(began))
		}
		h.clock.move(time.Second)
	}
	s := time.Second
	if diff := cmp.Diff([]time.Duration{0, 2 * s, 6 * s, 14 * s, 30 * s, 62 * s, 126 * s, 254 * s, 510 * s, 1022 * s}, tries); diff != "" {
		t.Error(diff)
	}
	if is := h.subscription("wms"); is.Tries != 10 || is.Told != 1 || !strings.Contains(is.Trouble, "503") || !is.Since.Equal(began) {
		t.Errorf("%+v", is)
	}
	h.again()
	r.set(func(r *receiver) { r.down = false })
	h.after(time.Hour)
	h.happens("three", bridge.DropSettled, "prices")
	h.look()
	h.tells(r, "drop settled prices one", "drop settled prices two", "drop settled prices three")
	if is := h.subscription("wms"); is.Tries != 0 || is.Trouble != "" || !is.Due.IsZero() {
		t.Errorf("%+v", is)
	}
}

// An event that a subscriber refuses for a day is given up, with what is as old, and what is newer follows.
func TestWhatIsTooOldIsGivenUp(t *testing.T) {
	h, r := newHouse(t, wms)
	r.set(func(r *receiver) { r.poison = "one" })
	h.happens("one", bridge.DropSettled, "prices")
	h.happens("beside", bridge.DropSeen, "prices")
	h.happens("two", bridge.DropSettled, "prices")
	for range 12 {
		h.after(2 * time.Hour)
	}
	h.happens("three", bridge.DropSettled, "prices")
	if is := h.subscription("wms"); is.GivenUp != 0 || is.Told != 1 {
		t.Errorf("too early: %+v", is)
	}
	h.tells(r)
	h.after(2 * time.Hour)
	if is := h.subscription("wms"); is.GivenUp != 2 || is.First != 2 || is.Told != 4 || !is.GivenUpAt.Equal(h.clock.Now()) {
		t.Errorf("%+v", is)
	}
	h.again()
	h.after(time.Hour)
	h.tells(r, "drop settled prices three")
	var said []string
	h.must(h.ledger.Events(t.Context(), bridge.EventFilter{}, func(e *bridge.Event) error {
		if e.Kind == bridge.EventsGivenUp {
			said = append(said, e.Work+": "+e.Text)
		}
		return nil
	}))
	if len(said) != 1 || !strings.HasPrefix(said[0], "subscriber wms: 2 events from 2 to 4 were not taken within 24h: ") ||
		!strings.Contains(said[0], "400 Bad Request: no such thing") {
		t.Errorf("the journal says %q", said)
	}
	if is := h.subscription("wms"); is.GivenUp != 2 || is.Tries != 0 {
		t.Errorf("it is known still: %+v", is)
	}
	// Somebody takes note: what is given up from then on is counted anew.
	h.must(h.ledger.Note(t.Context(), bridge.FloorNote("subscriber wms", bridge.AlarmSubscriber), h.clock.Now().Format(time.RFC3339Nano)))
	h.happens("one", bridge.DropSettled, "prices")
	for range 14 {
		h.after(2 * time.Hour)
	}
	if is := h.subscription("wms"); is.GivenUp != 1 || is.First != 7 {
		t.Errorf("%+v", is)
	}
}

// TestAnEventIsToldWhateverDies kills the bridge before an event is told, and between that and the ledger's note of it: it is told twice
// at most, under one id, and never not at all.
func TestAnEventIsToldWhateverDies(t *testing.T) {
	for name, x := range map[string]struct {
		tells bool
		want  []string
	}{
		"before it is told":    {false, []string{"drop settled prices one", "drop settled prices two"}},
		"before that is noted": {true, []string{"drop settled prices one", "drop settled prices one", "drop settled prices two"}},
	} {
		t.Run(name, func(t *testing.T) {
			h, r := newHouse(t, wms)
			h.happens("one", bridge.DropSettled, "prices")
			h.happens("two", bridge.DropSettled, "prices")
			ctx, die := context.WithCancel(h.Context())
			works := h.post
			h.post = func(ctx context.Context, to *config.Subscriber, id string, at time.Time, body []byte) error {
				defer die()
				if x.tells {
					return works(ctx, to, id, at, body)
				}
				die()
				return ctx.Err()
			}
			if err := h.teller.Once(ctx); err == nil {
				t.Fatal("it lives")
			}
			h.post = works
			for range 3 {
				h.again()
				h.after(time.Minute)
			}
			h.tells(r, x.want...)
			if x.tells && r.ids[0] != r.ids[1] {
				t.Errorf("one event has two ids: %v", r.ids)
			}
		})
	}
}

func TestKeysCanChangeWithoutALostEvent(t *testing.T) {
	h, r := newHouse(t, wms)
	told := func(text string) {
		t.Helper()
		h.happens(text, bridge.DropSettled, "prices")
		h.after(time.Second)
		h.tells(r, "drop settled prices "+text)
	}
	s := h.config.Subscribers[0]
	told("old key alone")
	s.Secret, s.OldSecret = newKey, oldKey
	told("both, and the receiver knows the old one")
	r.set(func(r *receiver) { r.key = newKey })
	told("both, and the receiver knows the new one")
	s.OldSecret = ""
	told("new key alone")
}

func TestASubscriberThatIsNoMoreIsForgotten(t *testing.T) {
	h, r := newHouse(t, wms)
	h.happens("one", bridge.DropSettled, "prices")
	all := h.config.Subscribers
	h.config.Subscribers = nil
	h.again()
	h.look()
	notes, err := h.ledger.Notes(t.Context())
	h.must(err)
	if text, ok := notes[bridge.SubscriptionNote("wms")]; ok {
		t.Errorf("it is known still: %s", text)
	}
	h.config.Subscribers = all
	h.again()
	h.look()
	h.happens("two", bridge.DropSettled, "prices")
	h.look()
	h.tells(r, "drop settled prices two")
}

// What was given up, or lost by the receiver, is told again when somebody says so, beside a running bridge as well.
func TestASubscriberIsToldAgain(t *testing.T) {
	h, r := newHouse(t, wms)
	for _, text := range []string{"one", "two", "three"} {
		h.happens(text, bridge.DropSettled, "prices")
	}
	h.look()
	h.tells(r, "drop settled prices one", "drop settled prices two", "drop settled prices three")
	s := h.config.Subscribers[0]
	by := bridge.Decision{Who: "olga", Why: "they lost their disk"}
	for _, none := range []int64{0, 5} {
		if err := subscribe.Again(t.Context(), h.ledger, s, none, by, h.clock.Now()); err == nil {
			t.Errorf("it is told again from event %d on, which is not there", none)
		}
	}
	h.clock.move(72 * time.Hour)
	h.must(subscribe.Again(t.Context(), h.ledger, s, 3, by, h.clock.Now()))
	r.set(func(r *receiver) { r.down = true })
	h.look() // what is old is not given up at once
	h.again()
	r.set(func(r *receiver) { r.down = false })
	h.after(time.Minute)
	h.tells(r, "drop settled prices two", "drop settled prices three")
	h.after(time.Minute)
	h.tells(r)
	var decided []string
	h.must(h.ledger.Events(t.Context(), bridge.EventFilter{}, func(e *bridge.Event) error {
		if e.Kind == bridge.DecisionTaken {
			decided = append(decided, e.Who+": "+e.Work+" "+e.Text+", "+e.Why)
		}
		return nil
	}))
	if diff := cmp.Diff([]string{"olga: subscriber wms told again from event 3 on, they lost their disk"}, decided); diff != "" {
		t.Error(diff)
	}
}

func TestASubscriberIsNotToldOfItsOwnAlarms(t *testing.T) {
	h, r := newHouse(t, `
subscribers:
  - { name: wms, url: HOOK, secret: KEY, events: [alarm raised, events given up] }
`)
	h.must(h.ledger.Keep(t.Context(), &bridge.Event{At: h.clock.Now(), Kind: bridge.AlarmRaised, Work: "subscriber wms", Text: "own"},
		&bridge.Event{At: h.clock.Now(), Kind: bridge.AlarmRaised, Work: "subscriber crm", Text: "another's"}))
	h.look()
	h.tells(r, "alarm raised  another's")
}

// A journal in which little is a subscriber's business is looked through once, not again at each start.
func TestALongJournalIsLookedThroughOnce(t *testing.T) {
	h, r := newHouse(t, wms)
	var many []*bridge.Event
	for range 5000 {
		many = append(many, &bridge.Event{At: h.clock.Now(), Kind: bridge.BatchSent, Feed: "prices"})
	}
	h.must(h.ledger.Keep(t.Context(), many...))
	h.happens("last", bridge.DropSettled, "prices")
	h.look()
	h.tells(r, "drop settled prices last")
	h.must(h.ledger.Keep(t.Context(), many...))
	h.look()
	if told := h.subscription("wms").Told; told < 8000 {
		t.Errorf("the next start looks from %d on", told)
	}
}

func TestOneSubscriberKeepsNoOtherWaiting(t *testing.T) {
	h, r := newHouse(t, `
subscribers:
  - { name: hangs, url: 'http://127.0.0.1:1', secret: KEY, events: [drop settled] }
  - { name: wms, url: HOOK, secret: KEY, events: [drop settled] }
`)
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	works := h.post
	h.post = func(ctx context.Context, to *config.Subscriber, id string, at time.Time, body []byte) error {
		if to.Name == "hangs" {
			<-ctx.Done()
			return ctx.Err()
		}
		defer stop()
		return works(ctx, to, id, at, body)
	}
	ran := make(chan error)
	go func() { ran <- h.teller.Run(ctx) }()
	h.happens("one", bridge.DropSettled, "prices")
	h.must(<-ran)
	h.tells(r, "drop settled prices one")
}

func TestASubscriberCanBeTried(t *testing.T) {
	h, r := newHouse(t, wms)
	h.must(subscribe.Try(t.Context(), h.config.Subscribers[0], h.post, "olga", h.clock.Now()))
	h.tells(r, "test  somebody tries whether events arrive")
	r.set(func(r *receiver) { r.key = newKey })
	if err := subscribe.Try(t.Context(), h.config.Subscribers[0], h.post, "olga", h.clock.Now()); err == nil || bridge.HintOf(err) == "" {
		t.Errorf("it refuses the signature: %v", err)
	}
}
