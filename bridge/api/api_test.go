package api_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/admit"
	"github.com/orobridge/orobridge/bridge/api"
	"github.com/orobridge/orobridge/bridge/bridgetest"
	"github.com/orobridge/orobridge/bridge/operate"
	"github.com/orobridge/orobridge/bridge/oro/orotest"
)

var update = flag.Bool("update", false, "write the released description anew")

// guarded holds a drop of which every third row is bad.
const guarded = `
feeds:
  - { name: products, entity: products, remote: disk, folder: products, match: '*.csv', ready: { stable: 0s },
      format: { kind: csv }, values: { unit: { ST: item } }, guards: { max_rejects: 40% }, max_size: 1KB }
  - { name: customers, entity: customers, remote: disk, folder: customers, match: '*.csv', ready: { stable: 0s }, format: { kind: csv } }
  - { name: users, entity: customer_users, remote: disk, folder: users, match: '*.csv', ready: { stable: 0s }, format: { kind: csv } }
exports:
  - { name: orders, remote: disk, folder: orders, format: { kind: csv } }
`

const (
	head = "sku,name,unit\n"
	good = head + "SKU1,Pipe,ST\nSKU2,Valve,ST\n"
	bad  = head + "SKU1,Pipe,ST\nSKU4,Bend,PAL\nSKU3,Tap,PAL\n"
)

// site is a bridge with its API, and somebody who asks.
type site struct {
	*bridgetest.World
	t       testing.TB
	handler http.Handler
	role    admit.Role
	checked *contract
}

func newSite(t testing.TB) *site {
	w := bridgetest.NewWorld(t, guarded, orotest.Seed(orotest.Sample))
	w.Mkdir("users")
	desk := &operate.Desk{View: operate.View{Feeds: w.B.In.Feeds, Exports: w.B.Out.Exports, Ledger: w.Ledger, Running: true},
		In: w.B.In, Out: w.B.Out}
	h := api.New(api.Options{Desk: desk, Ledger: w.Ledger, Version: "1", Folder: t.TempDir(), Clock: w.Clock, Log: slog.New(slog.DiscardHandler)})
	return &site{World: w, t: t, handler: h, role: admit.Admin, checked: describe(t, h)}
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// ask sends a request as the site's caller, and holds its answer against the description.
func (s *site) ask(method, path string, body any, header ...string) answer {
	s.t.Helper()
	var text []byte
	kind := "application/json"
	switch b := body.(type) {
	case nil:
	case string:
		text, kind = []byte(b), "application/octet-stream"
	default:
		var err error
		text, err = json.Marshal(b)
		s.Must(err)
	}
	r := httptest.NewRequestWithContext(s.t.Context(), method, api.Path+path, bytes.NewReader(text))
	r.Header.Set("Content-Type", kind)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return s.send(r, path)
}

// send sends a request that is made, whose path is below the API's.
func (s *site) send(r *http.Request, path string) answer {
	s.t.Helper()
	r = r.WithContext(admit.WithCaller(r.Context(), &admit.Caller{Name: "token shop-admin", Role: s.role, From: "10.1.0.7", Means: admit.ByToken}))
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	a := answer{w.Code, w.Result().Header, w.Body.Bytes()} // what went out: later changes of w.Header() did not
	s.checked.hold(s.t, r.Method, path, a)
	return a
}

// get asks for something that is there.
func get[T any](s *site, path string) (v T) {
	s.t.Helper()
	a := s.ask("GET", path, nil)
	if a.status != http.StatusOK {
		s.t.Fatalf("GET %s: %d %s", path, a.status, a.body)
	}
	s.Must(json.Unmarshal(a.body, &v))
	return v
}

// post decides something that can be decided.
func post[T any](s *site, path string, body any, header ...string) (v T) {
	s.t.Helper()
	a := s.ask("POST", path, body, header...)
	if a.status != http.StatusOK {
		s.t.Fatalf("POST %s: %d %s", path, a.status, a.body)
	}
	s.Must(json.Unmarshal(a.body, &v))
	return v
}

type why map[string]any

// What is seen is what the verbs print as JSON.
func TestAnswersAreWhatTheVerbsPrint(t *testing.T) {
	s := newSite(t)
	s.Drop("products", "bad.csv", bad)
	s.Round()
	s.Drop("products", "good.csv", good)
	s.Drop("customers", "c.csv", "customer_number,name\nC1,Ann Lee\n")
	s.Round()
	view := operate.View{Feeds: s.B.In.Feeds, Exports: s.B.Out.Exports, Ledger: s.Ledger, Running: true}
	same := func(path string, want any, err error) {
		t.Helper()
		s.Must(err)
		text, err := json.Marshal(want)
		s.Must(err)
		var a, b any
		s.Must(json.Unmarshal(text, &a))
		s.Must(json.Unmarshal(s.ask("GET", path, nil).body, &b))
		if diff := cmp.Diff(a, b); diff != "" {
			t.Errorf("%s: -verb +API:\n%s", path, diff)
		}
	}
	drops, err := view.Drops(t.Context(), bridge.DropFilter{})
	same("/drops", drops, err)
	status, err := view.Status(t.Context())
	same("/status", status, err)
	details, err := view.DropDetails(t.Context(), 1, true)
	same("/drops/1?rows=true", details, err)
	rejects, err := view.Rejects(t.Context(), bridge.RejectFilter{})
	same("/rejects?all=true", rejects, err)
	causes, err := view.Causes(t.Context(), bridge.RejectFilter{})
	same("/causes?all=true", causes, err)
	traces, _, err := view.TraceAll(t.Context(), "SKU1")
	same("/trace?key=SKU1", traces, err)
	parked, _, err := view.Parked(t.Context(), "", 0)
	same("/parked", parked, err)
	events := []operate.Event{}
	err = view.Events(t.Context(), bridge.EventFilter{}, func(e operate.Event) error { events = append(events, e); return nil })
	same("/events?limit=1000", events, err)
	transfers, err := view.Transfers(t.Context(), bridge.EventFilter{})
	same("/transfers", transfers, err)
}

// An order is listed, looked at, rendered and written once more.
func TestOrdersAreSeenAndWrittenOnceMore(t *testing.T) {
	s := newSite(t)
	s.MustOut() // the orders from before the bridge are not its own
	s.Submit("ORD-1")
	s.MustOut()
	orders := get[[]operate.Order](s, "/orders")
	if len(orders) != 1 || orders[0].Order != "ORD-1" || orders[0].State != bridge.Written {
		t.Fatalf("orders: %+v", orders)
	}
	if d := get[[]operate.OrderDetails](s, "/orders/ORD-1"); len(d) != 1 || len(d[0].Versions) != 1 {
		t.Errorf("details: %+v", d)
	}
	if p := get[operate.Preview](s, "/orders/ORD-1/files/orders"); !strings.Contains(p.Content, "ORD-1") {
		t.Errorf("preview: %+v", p)
	}
	again := post[[]operate.Order](s, "/orders/ORD-1/resend", why{"why": "they lost it"})
	if len(again) != 1 || again[0].State != bridge.OwedNow {
		t.Errorf("resent: %+v", again)
	}
	since := again[0].Submitted.Add(-time.Minute)
	if all := post[[]operate.Order](s, "/resend", why{"from": since, "dry_run": true}); len(all) != 1 {
		t.Errorf("of a time: %+v", all)
	}
	if all := post[[]operate.Order](s, "/resend", why{"from": since}); len(all) != 1 || all[0].State != bridge.OwedNow {
		t.Errorf("resent of a time: %+v", all)
	}
	if found := get[[]operate.Order](s, "/orders?order=ORD-1&state=owed,written"); len(found) != 1 {
		t.Errorf("by its name: %+v", found)
	}
}

// A decision is a change of the ledger in the caller's name, and the running bridge carries it out.
func TestADecisionIsTheCallers(t *testing.T) {
	s := newSite(t)
	s.Drop("products", "bad.csv", bad)
	s.Round()
	v := post[api.Outcome](s, "/drops/1/approve", why{"why": "the sender mends it tomorrow"})
	if !v.Handed || v.Verdict != "good" {
		t.Errorf("approved: %+v", v)
	}
	s.Round()
	d := get[operate.DropDetails](s, "/drops/1")
	if d.Details.State != bridge.Partial || len(d.Decisions) != 1 || d.Decisions[0].Who != "token shop-admin" ||
		d.Decisions[0].Why != "the sender mends it tomorrow" {
		t.Errorf("the drop: %+v %+v", d.Details, d.Decisions)
	}
	if a := s.ask("POST", "/drops/1/approve", why{}); a.status != http.StatusConflict || !bytes.Contains(a.body, []byte(`"hint"`)) {
		t.Errorf("approved again: %d %s", a.status, a.body)
	}
	if all := post[[]api.Outcome](s, "/feeds/products/rerun", why{"rejected": true}); len(all) != 1 || !all[0].Handed {
		t.Errorf("run again: %+v", all)
	}
	s.Round()
	acked := post[operate.Acknowledgement](s, "/drops/1/ack", why{"why": "known"})
	if acked.Acknowledged != 2 {
		t.Errorf("acknowledged: %+v", acked)
	}
}

// The same decision with the same key is carried out once, whatever was lost on the way; the key of a decision that was refused is free.
func TestADecisionWithAKeyIsTakenOnce(t *testing.T) {
	s := newSite(t)
	s.Drop("products", "bad.csv", bad)
	s.Round()
	if a := s.ask("POST", "/drops/9/discard", why{}, "Idempotency-Key", "k1"); a.status != http.StatusNotFound {
		t.Errorf("an unknown drop: %d", a.status)
	}
	first := s.ask("POST", "/drops/1/discard", why{"why": "twice"}, "Idempotency-Key", "k1")
	again := s.ask("POST", "/drops/1/discard", why{"why": "twice"}, "Idempotency-Key", "k1")
	if first.status != http.StatusOK || again.status != http.StatusOK || !bytes.Equal(first.body, again.body) {
		t.Errorf("first %d %s\nagain %d %s", first.status, first.body, again.status, again.body)
	}
	if a := s.ask("POST", "/drops/1/rerun", why{}, "Idempotency-Key", "k1"); a.status != http.StatusUnprocessableEntity {
		t.Errorf("the key with another decision: %d %s", a.status, a.body)
	}
	if d := get[operate.DropDetails](s, "/drops/1"); len(d.Decisions) != 1 {
		t.Errorf("decisions: %+v", d.Decisions)
	}
}

// An alarm is listed with its life, put off, and taken note of in the caller's name.
func TestAlarmsAreSeenAndTakenNoteOf(t *testing.T) {
	s := newSite(t)
	begun, over := s.Clock.Now().Add(-time.Hour), s.Clock.Now()
	alarm := func(of string, cleared time.Time) *bridge.LiveAlarm {
		return &bridge.LiveAlarm{Alarm: bridge.AlarmHeld, Of: of, N: 1, Text: "p.csv: too many rejects", Begun: begun, Raised: begun, Cleared: cleared}
	}
	s.Must(s.Ledger.SaveAlarms(t.Context(), bridge.AlarmRound{Alarms: []*bridge.LiveAlarm{alarm("feed old", over), alarm("feed products", time.Time{}),
		alarm("feed customers", time.Time{})}}))
	if all := get[[]operate.LiveAlarm](s, "/alarms"); len(all) != 2 || all[0].Number != 2 || all[0].Told == nil {
		t.Errorf("they stand: %+v", all)
	}
	a := s.ask("GET", "/alarms?all=true&limit=2", nil)
	if next := a.header.Get("Link"); next != `<?after=2&all=true&limit=2>; rel="next"` {
		t.Errorf("the list goes on at %s", next)
	}
	if all := get[[]operate.LiveAlarm](s, "/alarms?after=2&all=true&limit=2"); len(all) != 1 || all[0].Number != 3 {
		t.Errorf("the next page: %+v", all)
	}
	until := s.Clock.Now().Add(2 * time.Hour)
	put := post[operate.LiveAlarm](s, "/alarms/2/snooze", why{"until": until.Format(time.RFC3339)})
	if put.Snoozed == nil || !put.Snoozed.Equal(until.Truncate(time.Second)) {
		t.Errorf("put off: %+v", put)
	}
	post[operate.LiveAlarm](s, "/alarms/2/ack", why{"why": "the ERP sends it again"})
	if v := get[operate.LiveAlarm](s, "/alarms/2"); v.Acknowledged == nil || v.Snoozed != nil || v.Who != "token shop-admin" ||
		v.Why != "the ERP sends it again" {
		t.Errorf("acknowledged: %+v", v)
	}
	for path, status := range map[string]int{"/alarms/1/ack": http.StatusBadRequest, "/alarms/9/ack": http.StatusNotFound} {
		if a := s.ask("POST", path, why{"why": "x"}); a.status != status {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
	if a := s.ask("POST", "/alarms/3/ack", why{"why": ""}); a.status != http.StatusUnprocessableEntity {
		t.Errorf("acknowledged without a reason: %d %s", a.status, a.body)
	}
	if a := s.ask("POST", "/alarms/3/snooze", why{"until": over.Add(-time.Hour).Format(time.RFC3339)}); a.status != http.StatusBadRequest {
		t.Errorf("put off until a time that is over: %d %s", a.status, a.body)
	}
	if a := s.ask("GET", "/alarms/9", nil); a.status != http.StatusNotFound {
		t.Errorf("an alarm that there is not: %d", a.status)
	}
}

// A file that is handed in is a drop like any other; its plan keeps nothing.
func TestAFileIsHandedIn(t *testing.T) {
	s := newSite(t)
	plan := post[operate.Plan](s, "/feeds/products/plan?name=p.csv", good)
	if plan.Create != 2 || plan.File != "p.csv" || len(get[[]operate.Drop](s, "/drops")) != 0 {
		t.Errorf("plan: %+v", plan)
	}
	v := post[api.Outcome](s, "/feeds/products/files?name=p.csv&why=by+hand", good, "Idempotency-Key", "k")
	if v.File != "p.csv" || !v.Handed {
		t.Errorf("handed in: %+v", v)
	}
	if post[api.Outcome](s, "/feeds/products/files?name=p.csv&why=by+hand", good, "Idempotency-Key", "k").Drop != v.Drop {
		t.Error("a second drop came of the same request")
	}
	s.Round()
	if d, _ := s.Last("products"); d.State != bridge.Loaded {
		t.Errorf("it is %s: %s", d.State, d.Reason)
	}
	for name, want := range map[string]int{"../x.csv": 422, `a\b.csv`: 422, "..": 422, "a\x00b": 422, strings.Repeat("x", 300): 422} {
		if a := s.ask("POST", "/feeds/products/files?name="+url.QueryEscape(name), good); a.status != want {
			t.Errorf("%q: %d %s", name, a.status, a.body)
		}
	}
	if a := s.ask("POST", "/feeds/products/files?name=big.csv", strings.Repeat("x", 1001)); a.status != http.StatusRequestEntityTooLarge {
		t.Errorf("a large file: %d %s", a.status, a.body)
	}
	if a := s.ask("POST", "/feeds/nofeed/files?name=p.csv", good); a.status != http.StatusBadRequest {
		t.Errorf("an unknown feed: %d %s", a.status, a.body)
	}
}

// Whoever walks the pages sees each drop once, while more of them arrive.
func TestPagesMissNothingWhileMoreArrives(t *testing.T) {
	s := newSite(t)
	n := 0
	arrive := func(k int) {
		var all []*bridge.Drop
		for range k {
			n++
			all = append(all, &bridge.Drop{Feed: "products", Remote: "disk", Folder: "products", Name: fmt.Sprintf("%05d.csv", n), State: bridge.Seen,
				SeenAt: s.Clock.Now()})
		}
		s.Must(s.Ledger.Listed(t.Context(), bridge.Listing{New: all, At: s.Clock.Now()}))
	}
	arrive(10_000)
	seen, last := 0, int64(0)
	for path := "/drops?limit=1000&feed=products"; path != ""; {
		a := s.ask("GET", path, nil)
		var page []operate.Drop
		s.Must(json.Unmarshal(a.body, &page))
		for _, d := range page {
			if d.Drop != last+1 {
				t.Fatalf("drop %d after %d", d.Drop, last)
			}
			seen, last = seen+1, d.Drop
		}
		path = ""
		if m := regexp.MustCompile(`^<(\?[^>]+)>; rel="next"$`).FindStringSubmatch(a.header.Get("Link")); m != nil {
			path = "/drops" + m[1]
		}
		if n < 12_000 {
			arrive(250)
		}
	}
	if seen != n {
		t.Errorf("%d of %d drops were seen", seen, n)
	}
}

// Roles hold for each operation; what is about persons is for those who may see it.
func TestRolesHold(t *testing.T) {
	s := newSite(t)
	s.Drop("customers", "c.csv", "customer_number,name\nC1,Ann Lee\n,Bob Ray\n")
	s.Drop("products", "bad.csv", bad)
	s.Drop("users", "u.csv", "email,customer_number,first_name,last_name\nann@example.com,C404,Ann,Lee\nzoe@example.com,,,\n")
	s.Round()
	s.role = admit.Viewer
	for path, item := range s.checked.paths {
		for method := range item {
			role := s.checked.role(path, method)
			s.role = role - 1
			if method == "get" && role == admit.Viewer {
				continue // the gate keeps nobodies out
			}
			concrete := regexp.MustCompile(`\{\w+\}`).ReplaceAllString(strings.TrimPrefix(path, api.Path), "1")
			if a := s.ask(strings.ToUpper(method), concrete, why{}); a.status != http.StatusForbidden {
				t.Errorf("%s %s as %s: %d", method, path, s.role, a.status)
			}
		}
	}
	s.role = admit.Viewer
	for _, path := range []string{"/trace?entity=customers&key=C1", "/trace?key=C1", "/drops/2/plan", "/drops/2?rows=true"} {
		if a := s.ask("GET", path, nil); a.status != http.StatusForbidden {
			t.Errorf("%s as viewer: %d %s", path, a.status, a.body)
		}
	}
	for _, path := range []string{"/rejects", "/causes"} {
		if a := s.ask("GET", path, nil); a.status != http.StatusOK || bytes.Contains(a.body, []byte("Bob")) || !bytes.Contains(a.body, []byte("SKU")) {
			t.Errorf("%s as viewer: %d %s", path, a.status, a.body)
		}
	}
	seen := func() (n int) {
		s.Must(s.Ledger.Events(t.Context(), bridge.EventFilter{}, func(e *bridge.Event) error {
			if e.Kind == bridge.PersonSeen && e.Who == "token shop-admin" && e.From == "10.1.0.7" {
				n++
			}
			return nil
		}))
		return n
	}
	for _, path := range []string{"/parked", "/rejects", "/causes"} {
		if a := s.ask("GET", path, nil); a.status != http.StatusOK || bytes.Contains(a.body, []byte("@example.com")) {
			t.Errorf("%s as viewer: %d %s", path, a.status, a.body)
		}
	}
	if n := seen(); n != 0 {
		t.Errorf("a viewer has been shown what is a person's %d times", n)
	}
	s.role = admit.Operator
	if a := s.ask("GET", "/parked", nil); !bytes.Contains(a.body, []byte("ann@example.com")) || seen() != 1 {
		t.Errorf("parked rows as operator, %d times in the journal: %s", seen(), a.body)
	}
	shown := seen()
	if a := s.ask("GET", "/rejects", nil); !bytes.Contains(a.body, []byte("Bob")) || seen() != shown+2 {
		t.Errorf("rejects as operator, %d times in the journal: %s", seen(), a.body)
	}
	shown = seen()
	if s.ask("GET", "/trace?entity=customers&key=C1", nil); seen() != shown+1 {
		t.Error("a customer was traced, and the journal does not say so")
	}
	if a := s.ask("POST", "/pause", why{"kind": "shop"}); a.status != http.StatusForbidden {
		t.Errorf("an operator pauses the shop: %d", a.status)
	}
}

// Requests that make no sense are told what does not, and change nothing.
func TestWrongRequestsAreRefused(t *testing.T) {
	s := newSite(t)
	for _, c := range []struct {
		method, path string
		body         any
		want         int
	}{
		{"GET", "/drops?feed=nofeed", nil, 400},
		{"GET", "/drops?colour=red", nil, 422},
		{"GET", "/drops?limit=100000", nil, 422},
		{"GET", "/drops/abc", nil, 422},
		{"GET", "/drops/7", nil, 404},
		{"GET", "/trace?entity=nothing&key=x", nil, 400},
		{"GET", "/orders/nobody", nil, 404},
		{"POST", "/drops/7/approve", why{"why": strings.Repeat("x", 5000)}, 422},
		{"POST", "/drops/7/approve", why{"what": 1}, 422},
		{"POST", "/pause", why{"kind": "moon"}, 422},
		{"POST", "/pause", why{"kind": "feed", "name": "nofeed"}, 400},
	} {
		a := s.ask(c.method, c.path, c.body)
		if a.status != c.want || a.header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s %s: %d %s %s", c.method, c.path, a.status, a.header.Get("Content-Type"), a.body)
		}
	}
	if a := s.ask("POST", "/drops/7/approve", strings.Repeat("x", 2<<20)); a.status == http.StatusOK {
		t.Errorf("a body of 2 MiB: %d", a.status)
	}
}

// contract is the API's description, and the schemas in it compiled.
type contract struct {
	paths    map[string]map[string]operationDoc
	matches  map[string]*regexp.Regexp // what each of the paths stands for
	compiler *jsonschema.Compiler
}

type operationDoc struct {
	Description string `json:"description"`
	Responses   map[string]struct {
		Content map[string]struct {
			Schema any `json:"schema"`
		} `json:"content"`
	} `json:"responses"`
}

const described = "mem:openapi.json"

// describe reads the description as any client does.
func describe(t testing.TB, h http.Handler) *contract {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", api.Path+"/openapi.json", nil))
	var doc struct {
		Paths map[string]map[string]operationDoc `json:"paths"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	whole, err := jsonschema.UnmarshalJSON(bytes.NewReader(w.Body.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	c := &contract{doc.Paths, map[string]*regexp.Regexp{}, jsonschema.NewCompiler()}
	blank := regexp.MustCompile(`\\\{\w+\\\}`)
	for path := range c.paths {
		c.matches[path] = regexp.MustCompile("^" + blank.ReplaceAllString(regexp.QuoteMeta(path), `[^/]+`) + "$")
	}
	if err := c.compiler.AddResource(described, whole); err != nil {
		t.Fatal(err)
	}
	return c
}

// role is what an operation says that it needs.
func (c *contract) role(path, method string) admit.Role {
	_, word, _ := strings.Cut(strings.TrimSuffix(c.paths[path][method].Description, "."), ": ")
	return admit.RoleOf(word)
}

// hold holds an answer against the schema of its operation and status.
func (c *contract) hold(t testing.TB, method, path string, a answer) {
	t.Helper()
	path, _, _ = strings.Cut(path, "?")
	for pattern, item := range c.paths {
		doc, ok := item[strings.ToLower(method)]
		if !ok || !c.matches[pattern].MatchString(api.Path+path) {
			continue
		}
		status, kind := strconv.Itoa(a.status), a.header.Get("Content-Type")
		if _, ok := doc.Responses[status]; !ok {
			t.Errorf("%s %s answers %s, which its description does not have", method, path, status)
			return
		}
		at := fmt.Sprintf("%s#/paths/%s/%s/responses/%s/content/%s/schema", described, escaped(pattern), strings.ToLower(method), status, escaped(kind))
		schema, err := c.compiler.Compile(at)
		if err != nil {
			t.Errorf("%s %s: %v", method, path, err)
			return
		}
		v, err := jsonschema.UnmarshalJSON(bytes.NewReader(a.body))
		if err == nil {
			err = schema.Validate(v)
		}
		if err != nil {
			t.Errorf("%s %s: %v\n%s", method, path, err, a.body)
		}
		return
	}
	t.Errorf("%s %s is not in the description", method, path)
}

// escaped is a part of a JSON pointer in a URL.
func escaped(part string) string {
	return url.PathEscape(strings.ReplaceAll(strings.ReplaceAll(part, "~", "~0"), "/", "~1"))
}

// What the last release described is there still: no path, parameter or field has gone or changed its type, and nothing that was
// optional is asked for.
func TestTheLastReleaseIsHonoured(t *testing.T) {
	s := newSite(t)
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", api.Path+"/openapi.json", nil))
	const released = "testdata/openapi.json"
	if *update {
		var b bytes.Buffer
		s.Must(json.Indent(&b, w.Body.Bytes(), "", " "))
		s.Must(os.WriteFile(released, append(b.Bytes(), '\n'), 0o644))
	}
	text, err := os.ReadFile(released)
	s.Must(err)
	var was, is any
	s.Must(json.Unmarshal(text, &was))
	s.Must(json.Unmarshal(w.Body.Bytes(), &is))
	for _, broken := range breaks("", was, is) {
		t.Error(broken)
	}
}

// breaks lists what of a description is not in a later one.
func breaks(at string, was, is any) (all []string) {
	switch a := was.(type) {
	case map[string]any:
		b, ok := is.(map[string]any)
		if !ok {
			return []string{at + " is another thing now"}
		}
		for key, value := range a {
			switch here := at + "/" + key; {
			case key == "description", key == "summary", key == "version", key == "doc", key == "title", key == "examples", key == "default":
			case b[key] == nil && value != nil:
				all = append(all, here+" has gone")
			default:
				all = append(all, breaks(here, value, b[key])...)
			}
		}
		if demands, ok := b["required"].([]any); ok && strings.Contains(at, "/requestBody") {
			if before, _ := a["required"].([]any); len(demands) > len(before) {
				all = append(all, at+" asks for more")
			}
		}
	case []any:
		b, ok := is.([]any)
		if !ok || len(b) < len(a) && !strings.HasSuffix(at, "/required") {
			return []string{at + " has less than before"}
		}
		for _, value := range a {
			if !strings.HasSuffix(at, "/required") && !has(at, b, value) {
				all = append(all, fmt.Sprintf("%s: %v has gone", at, value))
			}
		}
	default:
		if was != is {
			all = append(all, fmt.Sprintf("%s was %v and is %v", at, was, is))
		}
	}
	return all
}

// has finds what was in a list.
func has(at string, list []any, was any) bool {
	for _, is := range list {
		if len(breaks(at, was, is)) == 0 {
			return true
		}
	}
	return false
}

// The comparison itself finds what would break a client.
func TestWhatWouldBreakAClientIsFound(t *testing.T) {
	for name, c := range map[string]struct{ was, is string }{
		"a field that went":          {`{"properties":{"a":{"type":"string"},"b":{}}}`, `{"properties":{"a":{"type":"string"}}}`},
		"a type that changed":        {`{"type":"string"}`, `{"type":"integer"}`},
		"a state that went":          {`{"enum":["a","b"]}`, `{"enum":["a","c"]}`},
		"a body that asks for more":  {`{"requestBody":{"required":["a"]}}`, `{"requestBody":{"required":["a","b"]}}`},
		"a parameter under new name": {`{"parameters":[{"name":"feed"}]}`, `{"parameters":[{"name":"feeds"}]}`},
	} {
		var was, is any
		if json.Unmarshal([]byte(c.was), &was) != nil || json.Unmarshal([]byte(c.is), &is) != nil {
			t.Fatal(name)
		}
		if len(breaks("", was, is)) == 0 {
			t.Errorf("%s is not found", name)
		}
		if found := breaks("", was, was); len(found) > 0 {
			t.Errorf("%s: nothing changed, and %v is found", name, found)
		}
	}
}

// Events come as they happen, and a follower that comes back goes on where it was.
func TestEventsAreFollowed(t *testing.T) {
	s := newSite(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.handler.ServeHTTP(w, r.WithContext(admit.WithCaller(r.Context(), &admit.Caller{Name: "olga", Role: admit.Viewer})))
	}))
	defer server.Close()
	s.Drop("products", "good.csv", good)
	s.Round()
	all := get[[]operate.Event](s, "/events?limit=1000")
	if a := s.ask("GET", "/events/stream?drop=99&last=1", nil); a.status != http.StatusNotFound {
		t.Errorf("a drop that there is not: %d %s", a.status, a.body)
	}
	last := all[len(all)-1].ID
	for query, first := range map[string]int64{"?last=2": last - 1, "?since=2000-01-01T00:00:00Z": all[0].ID, "?after=1&last=3&drop=1": last - 2} {
		resp, err := http.Get(server.URL + api.Path + "/events/stream" + query)
		s.Must(err)
		var text []byte
		for lines := bufio.NewScanner(resp.Body); !strings.HasPrefix(string(text), "id: ") && lines.Scan(); {
			text = lines.Bytes()
		}
		if want := fmt.Sprintf("id: %d", first); string(text) != want {
			t.Errorf("%s begins with %s, want %s", query, text, want)
		}
		resp.Body.Close()
	}
	r, err := http.NewRequestWithContext(t.Context(), "GET", server.URL+api.Path+"/events/stream", nil)
	s.Must(err)
	r.Header.Set("Last-Event-ID", strconv.FormatInt(all[1].ID, 10))
	resp, err := http.DefaultClient.Do(r)
	s.Must(err)
	defer resp.Body.Close()
	want := fmt.Sprintf("id: %d\nevent: %s\ndata: {", all[2].ID, strings.ReplaceAll(string(all[2].Kind), " ", "_"))
	var got []byte
	for !bytes.Contains(got, []byte(want)) {
		piece := make([]byte, 4096)
		n, err := resp.Body.Read(piece)
		got = append(got, piece[:n]...)
		if err != nil {
			t.Fatalf("%v after %s", err, got)
		}
	}
	if bytes.Contains(got, fmt.Appendf(nil, "id: %d\n", all[1].ID)) {
		t.Error("an event that was known was sent again")
	}
}
