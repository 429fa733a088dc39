package orotest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Shop is a shop in a box. Make one with New; it answers through ServeHTTP, or on an address after Start.
type Shop struct {
	*holdings
	access
	journal
	injections

	latency     Delays
	chunk       int
	syncTimeout time.Duration
	seed        Goods
	keys        []uniqueKey
	wrap        func(net.Listener) net.Listener

	operations    map[int]*operation // these three under the holdings' mutex
	lastOperation int
	failing       int

	queue       *queue
	asked       *Asked // nil: nobody collects it
	troubleMu   sync.Mutex
	trouble     Trouble
	troubled    int // requests since it began
	troubleEnds []*time.Timer
	backup      *Backup // taken on the control page
	client      *http.Client

	server    *http.Server
	url       string
	serving   sync.WaitGroup // the listener
	handling  sync.RWMutex   // held for reading by each request
	closing   chan struct{}
	closeOnce sync.Once
}

// holdings are what the shop holds, and the rules that its release has for it.
type holdings struct {
	clock       func() time.Time
	release     release
	statuses    bool
	extEntities map[string]bool
	races       atomic.Bool // what came within the last second is not seen by checks that the database does not back

	mu     sync.RWMutex // of all below
	tables map[string]*table
	spoken []language
}

// access is who may do what.
type access struct {
	accessMu sync.Mutex
	clients  map[string]string // secrets, by the clients' ids
	tokens   map[string]time.Time
	denied   map[string]bool
}

// Option changes a shop before it is made.
type Option func(*Shop)

// Goods says what a new shop holds.
type Goods int

const (
	// Empty holds the lists that any shop has: organization, user, localization, attribute family, units,
	// statuses, countries, a default price list, the root category.
	Empty Goods = iota
	// Sample holds the sample data that the recordings were made on, as far as they show it.
	Sample
)

// Seed chooses the goods; Empty unless told.
func Seed(g Goods) Option { return func(s *Shop) { s.seed = g } }

// Clock sets the time of the shop; time.Now unless told. The API writes it in whole seconds.
func Clock(now func() time.Time) Option { return func(s *Shop) { s.clock = now } }

// Consumers sets how many consumers work off the queue; one unless told.
func Consumers(n int) Option { return func(s *Shop) { s.queue.consumers = n } }

// Credentials sets the API client that the shop knows; demo with secret demo unless told.
func Credentials(id, secret string) Option {
	return func(s *Shop) { s.clients = map[string]string{id: secret} }
}

// AddClient makes another API client known, as an administrator does who has its secret changed: the shop keeps one secret of each.
func (a *access) AddClient(id, secret string) {
	a.accessMu.Lock()
	defer a.accessMu.Unlock()
	a.clients[id] = secret
}

// RemoveClient forgets an API client. All tokens that were granted end with it.
func (s *Shop) RemoveClient(id string) {
	s.accessMu.Lock()
	delete(s.clients, id)
	s.accessMu.Unlock()
	s.RevokeTokens()
}

// knows says whether a client has that secret.
func (a *access) knows(id, secret string) bool {
	a.accessMu.Lock()
	defer a.accessMu.Unlock()
	known, there := a.clients[id]
	return there && known == secret
}

// ExtIDEntities sets the resources that go by their key in ext_id mode, as oro_api.ext_id_entities does;
// products unless told. Customers, customerusers and orders go by externalId.
func ExtIDEntities(names ...string) Option {
	return func(s *Shop) {
		s.extEntities = make(map[string]bool)
		for _, name := range names {
			s.extEntities[name] = true
		}
	}
}

// Chunk sets how many records of a batch are written in one go; 100 unless told.
func Chunk(n int) Option { return func(s *Shop) { s.chunk = n } }

// SyncTimeout sets how long a synchronous batch may take before it goes on asynchronously; 25 s unless told.
func SyncTimeout(d time.Duration) Option { return func(s *Shop) { s.syncTimeout = d } }

// ExternalStatusManagement opens the list of order statuses, so that an order's status can be set.
func ExternalStatusManagement(on bool) Option { return func(s *Shop) { s.statuses = on } }

// UniqueKey makes the values of an attribute unique, as an administrator does with the unique keys of entity management.
// Label is what people call the attribute. The database does not back it: only what was there before is seen.
func UniqueKey(resource, attribute, label string) Option {
	return func(s *Shop) { s.keys = append(s.keys, uniqueKey{resource, attribute, label}) }
}

type uniqueKey struct{ resource, attribute, label string }

func (k uniqueKey) add(t *table) {
	detail := `Value for field "` + k.label + `" must be unique`
	t.unique = append(slices.Clone(t.unique), unique{fields: []string{k.attribute}, detail: detail})
	t.uniques = append(t.uniques, make(map[string]int32))
	slot := t.byName[k.attribute].slot
	if t.texts[slot] != nil {
		return
	}
	t.texts[slot] = make(map[string][]int32)
	for _, r := range t.rows {
		if r != nil {
			reindex(t.texts[slot], "", r.attrs[slot], r.serial, false)
		}
	}
}

// DenyPermissions takes permissions away from the API client; see Shop.Deny.
func DenyPermissions(permissions ...string) Option {
	return func(s *Shop) { s.Deny(permissions...) }
}

// ListenerWrap puts something between the network and the shop.
func ListenerWrap(wrap func(net.Listener) net.Listener) Option {
	return func(s *Shop) { s.wrap = wrap }
}

// Record writes what is asked, a request a line as JSON, with its body; the login's is left out.
func Record(w io.Writer) Option { return func(s *Shop) { s.journal.to = w } }

// JournalBodies keeps the bodies of requests in the journal.
func JournalBodies(on bool) Option { return func(s *Shop) { s.journal.bodies = on } }

// Delays is how long the shop takes. Zero never sleeps.
type Delays struct {
	Token   time.Duration            // a token
	Read    time.Duration            // a GET
	Write   time.Duration            // a POST, PATCH or DELETE of single records
	Record  map[string]time.Duration // a record of a batch, by resource; "" is any other
	Webhook time.Duration            // a delivery
}

func (l Delays) record(resource string) time.Duration {
	if d, ok := l.Record[resource]; ok {
		return d
	}
	return l.Record[""]
}

// Scaled is the same made longer or shorter.
func (l Delays) Scaled(factor float64) Delays {
	scale := func(d time.Duration) time.Duration { return time.Duration(float64(d) * factor) }
	out := Delays{Token: scale(l.Token), Read: scale(l.Read), Write: scale(l.Write), Webhook: scale(l.Webhook)}
	out.Record = maps.Clone(l.Record)
	for name, d := range out.Record {
		out.Record[name] = scale(d)
	}
	return out
}

// None is no delay at all.
var None Delays

// Real are the delays of a stock shop on two cores with one consumer.
var Real = Delays{
	Token: 150 * time.Millisecond, Read: 50 * time.Millisecond, Write: 100 * time.Millisecond, Webhook: 50 * time.Millisecond,
	Record: map[string]time.Duration{
		"customers": time.Second / 44, "products": time.Second / 17, "productprices": time.Second / 114,
		"inventorylevels": time.Second / 62, "": time.Second / 30,
	},
}

// Latency sets the delays; None unless told.
func Latency(d Delays) Option { return func(s *Shop) { s.latency = d } }

// New makes a shop. It runs nothing in the background before Start or the first batch.
func New(opts ...Option) *Shop {
	s := &Shop{
		holdings: &holdings{clock: time.Now, release: releases[V61], extEntities: map[string]bool{"products": true},
			tables: newTables(resources)},
		access: access{clients: map[string]string{"demo": "demo"}, denied: make(map[string]bool), tokens: make(map[string]time.Time)},
		chunk:  100, syncTimeout: 25 * time.Second, operations: make(map[int]*operation), queue: newQueue(1),
		closing: make(chan struct{}),
		client:  &http.Client{Transport: &http.Transport{DisableKeepAlives: true}},
	}
	for _, o := range opts {
		o(s)
	}
	s.plant()
	return s
}

// Start listens on an address such as 127.0.0.1:0 and serves until Close.
func (s *Shop) Start(addr string) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return fmt.Errorf("start shop on %s: %w", addr, err)
	}
	s.url = "http://" + l.Addr().String()
	if s.wrap != nil {
		l = s.wrap(l)
	}
	s.server = &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second}
	s.serving.Go(func() { _ = s.server.Serve(l) }) // returns when closed
	return nil
}

// URL is the address of a started shop, without a slash at its end.
func (s *Shop) URL() string { return s.url }

// Close stops the listener, the queue and all that hangs, and waits for them. What waits in the queue is lost.
func (s *Shop) Close() error {
	var err error
	s.closeOnce.Do(func() {
		close(s.closing)
		s.endTrouble()
		s.releaseAll()
		s.queue.close()
		if s.server != nil {
			if e := s.server.Close(); e != nil && !errors.Is(e, net.ErrClosed) {
				err = fmt.Errorf("close shop: %w", e)
			}
		}
		s.serving.Wait()
		s.handling.Lock() // when the last request is over
		defer s.handling.Unlock()
		s.client.CloseIdleConnections()
	})
	return err
}

// maxBody is the largest request that is read.
const maxBody = 256 << 20

// ServeHTTP answers one request.
func (s *Shop) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.handling.RLock()
	defer s.handling.RUnlock()
	began := time.Now()
	if r.URL.Path == controlPath {
		s.control(w, r)
		return
	}
	if s.asked != nil {
		s.asked.Note(r)
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		s.note(r, body, 0, began)
		panic(http.ErrAbortHandler) // the client is gone in the middle of its request
	}
	take := func() *answer { return s.serve(r, body) }
	effect, wait := s.misfortune(r)
	s.pause(r.Context(), wait)
	if effect != nil {
		s.note(r, body, effect(&Injection{release: s.closing}, w, r, take), began)
		return
	}
	if in := s.fault(r, body); in != nil {
		s.note(r, body, in.fault.Effect(in, w, r, take), began)
		return
	}
	a := take()
	s.note(r, body, a.status, began)
	a.send(w)
}

func (s *Shop) base(r *http.Request) string {
	if s.url != "" {
		return s.url
	}
	return "http://" + r.Host
}

// grant makes a token that is good for an hour.
func (a *access) grant(now time.Time) string {
	token := newUUID()
	a.accessMu.Lock()
	defer a.accessMu.Unlock()
	a.tokens[token] = now.Add(time.Hour)
	return token
}

// authorised reports whether a token was given, and whether it is good.
func (a *access) authorised(r *http.Request, now time.Time) (given, ok bool) {
	token, given := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	a.accessMu.Lock()
	defer a.accessMu.Unlock()
	return given, given && now.Before(a.tokens[token])
}

// Deny takes permissions away from the API client: "create products", "view pricelists", "edit customers",
// "delete productprices", or "create asyncoperations" for all batches.
func (a *access) Deny(permissions ...string) {
	a.accessMu.Lock()
	defer a.accessMu.Unlock()
	for _, p := range permissions {
		a.denied[p] = true
	}
}

func (a *access) permits(verb, resource string) bool {
	a.accessMu.Lock()
	defer a.accessMu.Unlock()
	return !a.denied[verb+" "+resource]
}

// sees reports whether the client may look at a resource.
func (a *access) sees(t *table) bool { return t.secures != "" || a.permits("view", t.name) }

// seesRows reports whether the client is shown records of a resource that it may ask for.
func (a *access) seesRows(t *table) bool {
	f := t.byName[t.secures]
	return f == nil || a.sees(f.target)
}

// pause sleeps for a latency, unless the client or the shop goes first.
func (s *Shop) pause(ctx context.Context, d time.Duration) { sleep(ctx, s.closing, d) }

// Count is the number of records of a resource.
func (s *holdings) Count(resource string) int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if t := s.tables[resource]; t != nil {
		return t.count
	}
	return 0
}
