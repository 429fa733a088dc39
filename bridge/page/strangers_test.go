package page_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/admit"
	"github.com/orobridge/orobridge/bridge/bridgetest"
	"github.com/orobridge/orobridge/bridge/operate"
	"github.com/orobridge/orobridge/formats"
)

// request is one that a route answers.
type request struct {
	pattern, method, path string
	role                  admit.Role // that it takes
}

// requests are some of each route that the page has: a route of which nobody has said what its blanks may be fails the test.
func (s *site) requests() (all []request) {
	s.t.Helper()
	held, _ := s.Last("prices")
	blanks := map[string][]string{"/drops/{id}/{what}": {"approve", "discard", "rerun", "retry", "force", "undo", "ack"},
		"/orders/{id}/{what}": {"send", "render", "has"}, "/feeds/{name}/{what}": {"pause", "resume", "look"},
		"/exports/{name}/{what}": {"pause", "resume"}, "/shop/{what}": {"pause", "resume"}, "/shops/{name}/{what}": {"pause", "resume"}}
	named := map[string]string{"/drops/{id}": number(held.ID), "/alarms/{id}": "1", "/orders/{id}": "A-1001", "/feeds/{name}": "prices",
		"/exports/{name}": "orders", "/shops/{name}": bridge.MainShop, "/help/{topic}": "start", "/help/pictures/{name}": "a.png", "/{$}": ""}
	_, file, _ := strings.Cut(downloadOf(s.t, s.as(operator).get("/orders/A-1001")), "?")
	asked := map[string]string{"/orders/{id}/file": "?" + file, "/search": "?q=SKU1", "/language": "?to=en",
		"/rejects/ack": "?entity=products&code=value&cause=" + url.QueryEscape(s.cause())}
	for pattern, role := range s.page.Patterns() {
		method, path, _ := strings.Cut(pattern, " ")
		query, list := asked[path], blanks[path]
		if len(list) == 0 {
			list = []string{""}
		}
		for begin, name := range named {
			if rest, is := strings.CutPrefix(path, begin); is {
				path = begin[:strings.LastIndexByte(begin, '{')] + name + rest
				break
			}
		}
		for _, what := range list {
			full := strings.Replace(path, "{what}", what, 1) + query
			if strings.ContainsAny(full, "{}") {
				s.t.Errorf("what may stand in the blanks of %s?", pattern)
			}
			all = append(all, request{pattern, method, full, role})
		}
	}
	slices.SortFunc(all, func(a, b request) int { return strings.Compare(a.path+a.method, b.path+b.method) })
	if len(all) < 60 {
		s.t.Fatalf("the page has %d routes", len(all))
	}
	return all
}

// cause is that of the first open reject.
func (s *site) cause() string {
	s.t.Helper()
	all, err := (&operate.View{Feeds: s.B.In.Feeds, Ledger: s.Ledger}).Causes(s.t.Context(), bridge.RejectFilter{Open: true})
	s.Must(err)
	return all[0].Cause
}

// sends a request as somebody else, a form with a reason.
func (s *site) sends(who *admit.Caller, r request) *httptest.ResponseRecorder {
	s.t.Helper()
	if r.method == http.MethodPost {
		return s.as(who).post(r.path, url.Values{"why": {"x"}})
	}
	ctx := s.t.Context()
	if strings.HasPrefix(r.path, "/events") { // it goes on and on
		short, stop := context.WithCancel(ctx)
		stop()
		ctx = short
	}
	return s.as(who).ask(httptest.NewRequestWithContext(ctx, r.method, r.path, nil))
}

// Every route asks who is there: nobody gets in without a caller, nor one who may see another shop alone; whoever has too low a role
// changes nothing and sees nothing of what is asked for.
func TestEveryRouteAsksWhoIsThere(t *testing.T) {
	w := busy(t)
	w.Must(w.Ledger.SaveAlarms(t.Context(), bridge.AlarmRound{Alarms: []*bridge.LiveAlarm{{Alarm: bridge.AlarmMissing, Of: "feed prices", N: 1,
		Text: "nothing came", Begun: w.Clock.Now(), Raised: w.Clock.Now()}}}))
	s := newSite(t, w)
	all := s.requests()
	before := s.Lineup()
	other := &admit.Caller{Name: "otto", Role: admit.Admin, Shops: []string{"outlet"}}
	for _, r := range all {
		for who, of := range map[string]struct {
			*admit.Caller
			want int
		}{"nobody": {nil, http.StatusUnauthorized}, "another shop's": {other, http.StatusForbidden}} {
			if w := s.sends(of.Caller, r); w.Code != of.want || strings.Contains(w.Body.String(), "prices_2") {
				t.Errorf("%s gets %d of %s %s", who, w.Code, r.method, r.path)
			}
		}
		for _, c := range []*admit.Caller{viewer, operator} {
			if c.Role >= r.role {
				continue
			}
			if w := s.sends(c, r); w.Code != http.StatusForbidden || strings.Contains(w.Body.String(), "prices_2") {
				t.Errorf("a %s gets %d of %s %s", c.Role, w.Code, r.method, r.path)
			}
		}
	}
	if after := s.Lineup(); strings.Join(before, "\n") != strings.Join(after, "\n") {
		t.Errorf("somebody has changed something: %v", after)
	}
	for _, r := range all {
		if r.method == http.MethodGet {
			if w := s.sends(&admit.Caller{Name: "x", Role: r.role}, r); w.Code != http.StatusOK && w.Code != http.StatusSeeOther {
				t.Errorf("whoever may gets %d of %s: %s", w.Code, r.path, textOf(w.Body.String()))
			}
		}
		if r.method == http.MethodPost && r.role < admit.Operator {
			t.Errorf("a %s may decide by %s", r.role, r.path)
		}
	}
	if w := s.as(admins).post("/shop/pause", url.Values{"why": {"stocktaking"}, "for": {"1h"}}); w.Code != http.StatusSeeOther {
		t.Errorf("an admin can't pause the shop: %d", w.Code)
	}
}

// What is a person's is shown to operators alone, and that they looked stands in the journal.
func TestPersonalDataIsForOperators(t *testing.T) {
	s := newSite(t, busy(t))
	customers, _ := s.Last("customers")
	drop := "/drops/" + number(customers.ID)
	for path, secret := range map[string]string{drop: "Öztürk", "/search?q=C-100": "Öztürk", "/orders/A-1001": "Company A"} {
		s.get(path).says("", secret)
		s.as(viewer).get(path).lacks(secret)
	}
}

// Whatever page shows an operator what is a person's, the look stands in the audit; a page that shows nothing of persons enters none.
func TestLooksAtPersonsStandInTheAudit(t *testing.T) {
	w := busy(t)
	w.Drop("customers", "users_1.csv", "email,customer_number,first_name,last_name\nann@example.com,C-100,Ann,\nbob@example.com,C-999,Bob,Berg\n")
	w.Round()
	s := newSite(t, w)
	users, _ := s.Last("users")
	drop := "/drops/" + number(users.ID)
	looks := func() (all []string) {
		s.Must(s.Ledger.Events(t.Context(), bridge.EventFilter{}, func(e *bridge.Event) error {
			if e.Kind == bridge.PersonSeen {
				all = append(all, e.Who+" "+e.From+" "+e.Text)
			}
			return nil
		}))
		return all
	}
	for path, want := range map[string]string{drop: "rows of its file", "/rejects": "rejects", "/rejects?state=all": "rejects", "/rejects.csv": "rejects",
		drop + "/rejects.csv": "rejects", "/feeds/users": "parked rows", drop + "/rerun": "the plan of its rows", "/search?q=C-100": "trace",
		"/orders/A-1001": "its files", "/orders/A-1001/render": "what it would be rendered to", downloadOf(t, s.get("/orders/A-1001")): "the file"} {
		before := len(looks())
		s.get(path)
		if got := looks()[before:]; len(got) == 0 || got[0] != "olga 192.0.2.2 "+want {
			t.Errorf("%s enters %q", path, got)
		}
	}
	before := len(looks())
	for _, path := range []string{"/", "/drops", "/rejects?feed=products", "/feeds", "/feeds/products", "/orders", "/search?q=SKU1", "/figures"} {
		s.get(path)
	}
	for _, path := range []string{drop, "/rejects", "/rejects?state=all", "/rejects.csv", "/feeds/users", "/search?q=C-100", "/orders/A-1001"} {
		s.as(viewer).get(path).lacks("ann@example.com", "bob@example.com", "Berg")
	}
	if got := looks()[before:]; len(got) != 0 {
		t.Errorf("nothing of persons was shown, and the audit says %q", got)
	}
}

// hostile are texts that mean harm to a page, a spreadsheet or a reader's eye.
const hostile = `<img src=x onerror=alert(1)>"'><script>alert(2)</script>{{.}}` + "\u202egnp.exe\x1b[31m"

// harmless wants nothing in a page that somebody else has put there: no script, picture or address of elsewhere.
func (d *document) harmless() {
	d.t.Helper()
	for n := range d.root.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		for _, a := range n.Attr {
			if strings.HasPrefix(a.Key, "on") || a.Key == "style" || (a.Key == "href" || a.Key == "src") && !strings.HasPrefix(a.Val, "/") &&
				!strings.HasPrefix(a.Val, "#") && !strings.HasPrefix(a.Val, "?") {
				d.t.Errorf("<%s %s=%q>", n.Data, a.Key, a.Val)
			}
		}
		if n.Data == "script" && attr(n, "src") != "/static/page.js" || n.Data == "img" || n.Data == "b" {
			d.t.Errorf("<%s>", n.Data)
		}
	}
	if strings.ContainsAny(d.raw, "\u202e\x1b") {
		d.t.Error("what is not seen as itself stands in the page")
	}
}

// What the shop answers, what the ERP says of an order, and what people write as a reason are shown on each page as they are, too.
func TestWhatOthersSayDoesNothing(t *testing.T) {
	w := busy(t)
	now, drop := w.Clock.Now(), int64(0)
	if d, _ := w.Last("products"); d != nil {
		drop = d.ID
	}
	w.Must(w.Ledger.SaveAlarms(t.Context(), bridge.AlarmRound{Alarms: []*bridge.LiveAlarm{{Alarm: bridge.AlarmMissing, Of: "feed prices", N: 1,
		Text: hostile, Begun: now, Raised: now, Decision: bridge.Decision{Who: hostile, Why: hostile}, Snoozed: now.Add(time.Hour)}}}))
	w.Must(w.Ledger.Note(t.Context(), bridge.PausedNote("feed products"), hostile))
	w.Must(w.Ledger.Note(t.Context(), bridge.SubscriptionNote("wms"), bridge.Subscription{Tries: 1, Since: now, Trouble: hostile}.Note()))
	var said []bridge.Settlement
	for entity, key := range map[string]string{"order_feedback": "A-1001", "products": "SKU1"} {
		said = append(said, bridge.Settlement{HistoryEntry: bridge.HistoryEntry{Entity: entity, Key: key, Drop: drop, Fate: bridge.FateUpdated,
			Detail: hostile, Sent: []formats.Value{{Field: "message", Text: hostile}}, At: now}})
	}
	w.Must(w.Ledger.Settle(t.Context(), 0, said))
	w.Must(w.Ledger.RejectRows(t.Context(), []bridge.RejectRow{{Drop: drop, Run: 1, Entity: "products", State: bridge.RejectOpen, Row: map[string]string{
		hostile: hostile}, Reject: formats.Reject{Key: hostile, Field: "name", Code: formats.CodeShop, Message: hostile}}}))
	s := newSite(t, w)
	shown := map[string]bool{}
	for _, r := range append(s.requests(), request{path: "/drops/" + number(drop), method: http.MethodGet}) {
		if r.method != http.MethodGet {
			continue
		}
		if a := s.sends(admins, r); strings.HasPrefix(a.Header().Get("Content-Type"), "text/html") {
			page := parse(t, a.Body.String())
			page.harmless()
			shown[r.path] = strings.Contains(textOf(page.raw), "onerror=alert(1)")
		}
	}
	for _, path := range []string{"/", "/alarms", "/alarms/1/ack", "/rejects", "/orders/A-1001", "/drops/" + number(drop), "/search?q=SKU1"} {
		if !shown[path] {
			t.Errorf("%s does not show what others say", path)
		}
	}
}

// Names of files, cells, what the shop says and what people search for are shown as they are and do nothing.
func TestTextsFromOutsideDoNothing(t *testing.T) {
	w := bridgetest.NewWorld(t, feeds)
	name := `x"><svg onload=alert(1)>'.csv`
	w.Drop("products", name, "sku,name,unit\n\"=HYPERLINK(\"\"http://evil\"\")\",\"<b onmouseover=alert(3)>Pipe</b>\",\"javascript:alert(4)\"\nSKU1,ok,ST\n")
	w.Round()
	s := newSite(t, w)
	d, _ := s.Last("products")
	drop := "/drops/" + number(d.ID)
	for _, path := range []string{"/", "/drops", drop, drop + "/retry", "/rejects", "/rejects?state=all", "/feeds/products", "/feeds",
		"/search?q=" + url.QueryEscape(hostile), "/drops?word=" + url.QueryEscape(hostile), "/search?q=x"} {
		s.get(path).harmless()
	}
	s.get(drop).says("head", name)
	for _, path := range []string{"/orders/" + url.PathEscape(hostile), "/feeds/" + url.PathEscape(hostile), "/help/" + url.PathEscape(hostile),
		"/drops/" + url.PathEscape(hostile), "/drops?day=" + url.QueryEscape(hostile), "/drops?feed=" + url.QueryEscape(hostile),
		"/exports/x/" + url.PathEscape(hostile)} {
		w := s.ask(httptest.NewRequest("GET", path, nil))
		if w.Code < 400 || w.Code >= 500 {
			t.Errorf("%s is %d", path, w.Code)
		}
		parse(t, w.Body.String()).harmless()
	}
	csv := s.ask(httptest.NewRequest("GET", drop+"/rejects.csv", nil)).Body.String()
	if !strings.Contains(csv, `'=HYPERLINK`) || strings.Contains(csv, `,=HYPERLINK`) || strings.Contains(csv, `,"=`) {
		t.Errorf("a spreadsheet would run %s", csv)
	}
	w2 := s.ask(httptest.NewRequest("GET", "/language?to=de&next="+url.QueryEscape("//evil.example.net/"), nil))
	if to := w2.Header().Get("Location"); to != "/" {
		t.Errorf("it leads to %s", to)
	}
}

// Forms that are too long, reasons that are too long, and files that lead out of their folder are refused.
func TestFormsAreBounded(t *testing.T) {
	s := newSite(t, busy(t))
	held, _ := s.Last("prices")
	path := "/drops/" + number(held.ID) + "/discard"
	for _, why := range []string{strings.Repeat("x", 2000), strings.Repeat("x", 1<<20)} {
		if w := s.post(path, url.Values{"why": {why}}); w.Code != http.StatusUnprocessableEntity {
			t.Errorf("a reason of %d bytes is %d", len(why), w.Code)
		}
	}
	for _, name := range []string{"../../x.csv", "/etc/passwd", "..", ".hidden", "a\\\\b.csv"} {
		body := "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"" + name + "\"\r\n\r\nsku\n\r\n--x--\r\n"
		r := httptest.NewRequest("POST", "/feeds/products/upload", strings.NewReader(body))
		r.Header.Set("Content-Type", "multipart/form-data; boundary=x")
		if w := s.ask(r); w.Code == http.StatusOK && strings.Contains(w.Body.String(), "..") && !strings.Contains(w.Body.String(), "can't be used") {
			t.Errorf("%q is taken: %s", name, textOf(w.Body.String()))
		}
	}
	if d, _ := s.Last("prices"); d.State != bridge.Held {
		t.Errorf("it is %s", d.State)
	}
}
