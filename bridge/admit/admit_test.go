package admit

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alexedwards/argon2id"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/bridge/password"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// memory is a ledger of this package's part.
type memory struct {
	mu       sync.Mutex
	sessions map[string]bridge.Session
	tokens   map[string]*bridge.Token
	events   []*bridge.Event
	touched  int
	trouble  error
}

func (m *memory) BeginSession(_ context.Context, s bridge.Session, events ...*bridge.Event) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sessions[s.Hash] = s
	m.events = append(m.events, events...)
	return m.trouble
}

func (m *memory) Session(_ context.Context, hash string) (*bridge.Session, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, ok := m.sessions[hash]
	switch {
	case m.trouble != nil:
		return nil, m.trouble
	case !ok:
		return nil, bridge.ErrUnknown
	}
	return &s, nil
}

func (m *memory) TouchSession(_ context.Context, hash string, seen time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.sessions[hash]
	s.Seen = seen
	m.sessions[hash] = s
	m.touched++
	return nil
}

func (m *memory) EndSession(_ context.Context, hash string, events ...*bridge.Event) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.sessions, hash)
	m.events = append(m.events, events...)
	return nil
}

func (m *memory) EndSessions(_ context.Context, user string, events ...*bridge.Event) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for hash, s := range m.sessions {
		if s.User == user {
			delete(m.sessions, hash)
		}
	}
	m.events = append(m.events, events...)
	return nil
}

func (m *memory) Token(_ context.Context, hash string) (*bridge.Token, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if t := m.tokens[hash]; t != nil {
		return t, nil
	}
	return nil, bridge.ErrUnknown
}

func (m *memory) Keep(_ context.Context, events ...*bridge.Event) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.events = append(m.events, events...)
	return nil
}

// hashed is the hash of a password that is cheap to check: only where time matters does it have to cost what others do.
var hashed = sync.OnceValue(func() bridge.Secret {
	hash, err := argon2id.CreateHash("open sesame", &argon2id.Params{Memory: 64, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32})
	if err != nil {
		panic(err)
	}
	return bridge.Secret(hash)
})

// people are those of the config: petra may come by the proxy only.
func people() []*config.User {
	return []*config.User{{Name: "olga", Role: "operator", Shops: []string{"b2b"}, PasswordHash: hashed()},
		{Name: "vera", Role: "viewer", PasswordHash: hashed()}, {Name: "adam", Role: "admin", PasswordHash: hashed()},
		{Name: "petra", Role: "viewer"}}
}

// A house is a gate with rooms behind it, one for each role.
type house struct {
	testing.TB
	*Gate
	memory *memory
	http.Handler
}

func build(t testing.TB, change func(*Options)) *house {
	m := &memory{sessions: map[string]bridge.Session{}, tokens: map[string]*bridge.Token{}}
	o := Options{Users: people(), Ledger: m, Log: slog.New(slog.DiscardHandler)}
	if change != nil {
		change(&o)
	}
	g, mux := New(o), http.NewServeMux()
	g.Routes(mux)
	for _, role := range []Role{Viewer, Operator, Admin} {
		mux.Handle("/"+role.String(), g.Require(role, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			c := CallerOf(r.Context())
			fmt.Fprint(w, c.Name, " ", c.Role, " ", c.Shops, " ", c.From, " ", c.Means)
		})))
	}
	return &house{t, g, m, mux}
}

// ask sends a request; headers are "Name: value".
func (h *house) ask(method, target, form string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(form))
	if form != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		if name == "From" {
			r.RemoteAddr = value + ":4711"
			continue
		}
		r.Header.Add(name, value)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// login logs somebody in and returns the cookie as a header.
func (h *house) login(name string, headers ...string) string {
	h.Helper()
	w := h.ask("POST", LoginPath, url.Values{"name": {name}, "password": {"open sesame"}}.Encode(), headers...)
	cookies := w.Result().Cookies()
	if w.Code != http.StatusSeeOther || len(cookies) != 1 {
		h.Fatalf("log-in of %s: %d %v", name, w.Code, cookies)
	}
	return "Cookie: " + cookies[0].Name + "=" + cookies[0].Value
}

func (h *house) is(want, got any) {
	h.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		h.Errorf("-want +got:\n%s", diff)
	}
}

const page = "Accept: text/html,*/*;q=0.8"

func TestEachRoleMayWhatThoseBeforeItMay(t *testing.T) {
	h := build(t, nil)
	token := func(key, role string, expires, revoked time.Time) string {
		h.memory.tokens[bridge.KeyHash(key)] = &bridge.Token{Name: key, Role: role, Expires: expires, Revoked: revoked, Shops: []string{"outlet"}}
		return "Authorization: Bearer " + key
	}
	past, future := time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	vera, olga, adam := h.login("vera"), h.login("olga"), h.login("adam")
	for _, test := range []struct {
		name, header string
		want         [3]int // viewer, operator, admin
	}{
		{"nobody", "X: y", [3]int{401, 401, 401}},
		{"nobody with a browser", page, [3]int{303, 303, 303}},
		{"a viewer", vera, [3]int{200, 403, 403}},
		{"an operator", olga, [3]int{200, 200, 403}},
		{"an admin", adam, [3]int{200, 200, 200}},
		{"a cookie of nobody's", "Cookie: orobridge=AAAA", [3]int{401, 401, 401}},
		{"an empty cookie", "Cookie: orobridge=", [3]int{401, 401, 401}},
		{"a token of a viewer", token("v", "viewer", time.Time{}, time.Time{}), [3]int{200, 403, 403}},
		{"a token of an operator", token("o", "operator", future, time.Time{}), [3]int{200, 200, 403}},
		{"a token of an admin", token("a", "admin", future, time.Time{}), [3]int{200, 200, 200}},
		{"a token of a role that there is not", token("b", "boss", future, time.Time{}), [3]int{403, 403, 403}},
		{"a token that has expired", token("x", "admin", past, time.Time{}), [3]int{401, 401, 401}},
		{"a token that was revoked", token("r", "admin", future, past), [3]int{401, 401, 401}},
		{"a token of nobody's", "Authorization: Bearer nonsense", [3]int{401, 401, 401}},
		{"no token", "Authorization: Bearer ", [3]int{401, 401, 401}},
		{"a token that is too long", "Authorization: Bearer " + strings.Repeat("x", maxField+1), [3]int{401, 401, 401}},
		{"another scheme", "Authorization: Basic b2xnYTpvcGVuIHNlc2FtZQ==", [3]int{401, 401, 401}},
	} {
		t.Run(test.name, func(t *testing.T) {
			for i, role := range []Role{Viewer, Operator, Admin} {
				w := h.ask("GET", "/"+role.String(), "", test.header)
				if w.Code != test.want[i] {
					t.Errorf("%s: %d, want %d", role, w.Code, test.want[i])
				}
				if w.Header().Get("Cache-Control") != "no-store" {
					t.Errorf("%s: an answer may be kept", role)
				}
			}
		})
	}
	h.is("olga operator [b2b] 192.0.2.1 session", h.ask("GET", "/viewer", "", olga).Body.String())
	h.is("token o operator [outlet] 192.0.2.1 token", h.ask("GET", "/viewer", "", "Authorization: Bearer o").Body.String())
	h.is("token o operator [outlet] 192.0.2.1 token", h.ask("GET", "/viewer", "", "authorization: bearer o", adam).Body.String())
	h.is(401, h.ask("GET", "/viewer", "", "Authorization: Bearer nonsense", adam).Code) // a wrong token is nobody's, whatever else there is
	h.is("/login?next=%2Fviewer%3Fa%3Db", h.ask("GET", "/viewer?a=b", "", page).Header().Get("Location"))
	h.is(401, h.ask("POST", "/viewer", "a=b", page).Code) // a form would be lost on the way
	h.is(`Bearer realm="orobridge"`, h.ask("GET", "/viewer", "").Header().Get("WWW-Authenticate"))
}

func TestALedgerThatDoesNotAnswerLetsNobodyIn(t *testing.T) {
	h := build(t, nil)
	olga := h.login("olga")
	h.memory.trouble = context.DeadlineExceeded
	h.is(503, h.ask("GET", "/viewer", "", olga).Code)
	w := h.ask("POST", LoginPath, "name=olga&password=open+sesame")
	h.is(503, w.Code)
	h.is(0, len(w.Result().Cookies()))
}

func TestCookiesAreTheBrowsersOwn(t *testing.T) {
	proxy := config.Proxy{Networks: []netip.Prefix{netip.MustParsePrefix("10.0.0.1/32")}}
	const form = "name=olga&password=open+sesame"
	for _, test := range []struct {
		name    string
		tls     bool
		headers []string
		secure  bool
	}{
		{"without encryption", false, nil, false},
		{"under TLS", true, nil, true},
		{"behind a proxy that says https", false, []string{"From: 10.0.0.1", "X-Forwarded-Proto: https"}, true},
		{"behind a proxy that says http", false, []string{"From: 10.0.0.1", "X-Forwarded-Proto: http"}, false},
		{"of a client that says https itself", false, []string{"From: 10.0.0.2", "X-Forwarded-Proto: https"}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := build(t, func(o *Options) { o.TLS, o.Proxy = test.tls, proxy })
			c := h.ask("POST", LoginPath, form, test.headers...).Result().Cookies()[0]
			if !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" || c.Secure != test.secure {
				t.Errorf("%s", c)
			}
			if strings.HasPrefix(c.Name, "__Host-") != test.secure {
				t.Errorf("it is called %s", c.Name)
			}
			if len(c.Value) < 26 {
				t.Errorf("%q can be guessed", c.Value)
			}
			if _, ok := h.memory.sessions[c.Value]; ok {
				t.Error("the ledger holds the key itself")
			}
		})
	}
}

func TestAKeyThatSomebodyElseHasPutThereIsWorthNothing(t *testing.T) {
	h := build(t, nil)
	const planted = "Cookie: orobridge=planted"
	first := h.login("olga", planted)
	h.is(401, h.ask("GET", "/viewer", "", planted).Code)
	second := h.login("olga", first)
	if first == second {
		t.Error("the key is the same after the next log-in")
	}
	h.is(401, h.ask("GET", "/viewer", "", first).Code)
	h.is(200, h.ask("GET", "/viewer", "", second).Code)
}

func TestARefusedStrangerLearnsNothing(t *testing.T) {
	dear, err := password.Hash("open sesame")
	if err != nil {
		t.Fatal(err)
	}
	h := build(t, nil)
	h.users["olga"].PasswordHash = bridge.Secret(dear)
	var first *httptest.ResponseRecorder
	forms := []string{"name=olga&password=wrong", "name=nobody&password=wrong", "name=petra&password=", "name=olga&password=",
		"name=&password=", "name=OLGA&password=open+sesame",
		"name=olga&password=" + strings.Repeat("x", 2000), "name=" + strings.Repeat("x", 2000) + "&password=open+sesame"}
	took := make([]time.Duration, len(forms)) // at best: a machine that is busy may take its time, but not each time
	for try := 1; ; try++ {
		for i, form := range forms {
			h.throttle = password.NewThrottle()
			began := time.Now()
			w := h.ask("POST", LoginPath, form)
			if spent := time.Since(began); try == 1 || spent < took[i] {
				took[i] = spent
			}
			if first == nil {
				first = w
			}
			if w.Code != 401 || w.Body.String() != first.Body.String() || !cmp.Equal(w.Header(), first.Header()) {
				t.Errorf("%s: %d %v %s", bridge.Shorten(form, 100), w.Code, w.Header(), w.Body)
			}
		}
		if slices.Max(took) <= 10*slices.Min(took) { // one that is not checked at all takes a hundredth
			break
		}
		if try == 20 {
			t.Errorf("answers take from %v to %v", slices.Min(took), slices.Max(took))
			break
		}
	}
	for _, e := range h.memory.events {
		if e.Kind != bridge.LoginRefused || len(e.Who) > maxLogin || e.From != "192.0.2.1" {
			t.Errorf("%+v", e)
		}
		if strings.Contains(fmt.Sprintf("%+v", e), "sesame") {
			t.Error("a password stands in the journal")
		}
	}
}

func TestWhoGuessesWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, nil)
		h.login("olga", "From: 10.1.2.3")
		took := func(password string, headers ...string) (time.Duration, *httptest.ResponseRecorder) {
			began := time.Now()
			w := h.ask("POST", LoginPath, url.Values{"name": {"olga"}, "password": {password}}.Encode(), headers...)
			return time.Since(began), w
		}
		for n, want := range []time.Duration{0, 0, 0, 1, 2, 4, 8, 16, 16, 16} {
			got, w := took("wrong", "From: 203.0.113.7")
			if got != want*time.Second || w.Code != 401 {
				t.Errorf("attempt %d waits %v: %d", n, got, w.Code)
			}
		}
		got, w := took("open sesame", "From: 203.0.113.7") // the right one, at last: too late
		if got != 0 || w.Code != 429 || w.Header().Get("Retry-After") == "" {
			t.Errorf("after ten failures: %v %d", got, w.Code)
		}
		if got, w := took("open sesame", "From: 203.0.113.8"); got != 16*time.Second || w.Code != 303 {
			t.Errorf("from elsewhere it waits %v: %d", got, w.Code)
		}
		if got, w := took("open sesame", "From: 10.1.2.3"); got != 0 || w.Code != 303 {
			t.Errorf("olga herself waits %v: %d", got, w.Code)
		}
		for range maxWaiting { // as many wait already
			h.waiting <- struct{}{}
		}
		if got, w := took("open sesame", "From: 203.0.113.9"); got != 0 || w.Code != 429 || w.Header().Get("Retry-After") != "16" {
			t.Errorf("one too many waits %v: %d %v", got, w.Code, w.Header())
		}
		if got, w := took("open sesame", "From: 10.1.2.3"); got != 0 || w.Code != 303 {
			t.Errorf("olga herself waits %v then: %d", got, w.Code)
		}
	})
}

func TestAFloodOfGuessesFillsNoJournal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, nil)
		r := httptest.NewRequest("POST", LoginPath, nil)
		for range 1000 {
			h.tell(r, "olga", netip.MustParseAddr("203.0.113.7"), "wrong password")
			time.Sleep(time.Second)
		}
		h.is(maxTold, len(h.memory.events))
		time.Sleep(time.Hour)
		h.tell(r, "olga", netip.MustParseAddr("203.0.113.7"), "wrong password")
		h.is("wrong password; 900 more were refused in the hour before", h.memory.events[maxTold].Text)
	})
}

func TestSessionsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, nil)
		olga, again, vera := h.login("olga"), h.login("olga"), h.login("vera")
		in := func(who string) bool { return h.ask("GET", "/viewer", "", who).Code == 200 }
		began := time.Now()
		for time.Since(began) < Lifetime-Idle {
			time.Sleep(Idle - time.Minute)
			if !in(olga) {
				t.Fatalf("it ended after %v of use", time.Since(began))
			}
		}
		if in(again) {
			t.Error("one that nobody used goes on")
		}
		h.memory.touched = 0
		for range 120 {
			time.Sleep(time.Second)
			in(olga)
		}
		if h.memory.touched > 2 {
			t.Errorf("its use was written down %d times in two minutes", h.memory.touched)
		}
		for time.Since(began) < Lifetime {
			time.Sleep(10 * time.Minute)
			in(olga)
		}
		if in(olga) || in(vera) {
			t.Error("it goes on for ever")
		}
	})
}

func TestSessionsEndWithThePasswordAndTheUser(t *testing.T) {
	h := build(t, nil)
	olga, vera := h.login("olga"), h.login("vera")
	other, err := password.Hash("another one")
	if err != nil {
		t.Fatal(err)
	}
	next := New(Options{Users: []*config.User{{Name: "olga", Role: "operator", PasswordHash: bridge.Secret(other)}}, Ledger: h.memory, Log: h.Gate.Log})
	for name, cookie := range map[string]string{"another password": olga, "no user": vera} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Cookie", strings.TrimPrefix(cookie, "Cookie: "))
		if c, err := next.identify(r); c != nil || err != nil {
			t.Errorf("%s: %v %v", name, c, err)
		}
	}
	users := people()
	users[0].Role = "viewer"
	next = New(Options{Users: users, Ledger: h.memory, Log: h.Gate.Log})
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Cookie", strings.TrimPrefix(olga, "Cookie: "))
	if c, err := next.identify(r); c.May(Operator) || !c.May(Viewer) || err != nil {
		t.Errorf("a role that was taken away: %v %v", c, err)
	}
}

func TestLoggingOutEndsOneSessionOrAll(t *testing.T) {
	h := build(t, nil)
	one, two, three, vera := h.login("olga"), h.login("olga"), h.login("olga"), h.login("vera")
	in := func() (all []int) {
		for _, who := range []string{one, two, three, vera} {
			all = append(all, h.ask("GET", "/viewer", "", who).Code)
		}
		return all
	}
	w := h.ask("POST", LogoutPath, "", one)
	h.is(-1, w.Result().Cookies()[0].MaxAge)
	h.is([]int{401, 200, 200, 200}, in())
	h.is(401, h.ask("POST", LogoutPath, "everywhere=1", one).Code)
	h.is(405, h.ask("GET", LogoutPath, "", two).Code) // a link of elsewhere
	h.ask("POST", LogoutPath, "everywhere=1", two)
	h.is([]int{401, 401, 401, 200}, in())
	last := h.memory.events[len(h.memory.events)-1]
	h.is([]string{"logged out", "olga", "192.0.2.1", "everywhere"}, []string{string(last.Kind), last.Who, last.From, last.Text})
}

func TestOnlyTheTrustedProxyIsBelieved(t *testing.T) {
	h := build(t, func(o *Options) {
		o.Proxy = config.Proxy{UserHeader: "X-Remote-User", Networks: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/24"), netip.MustParsePrefix("::1/128")}}
	})
	for _, test := range []struct {
		name    string
		headers []string
		want    string
	}{
		{"the proxy names a user", []string{"From: 10.0.0.1", "X-Forwarded-For: 198.51.100.7", "X-Remote-User: petra"},
			"petra viewer [] 198.51.100.7 proxy"},
		{"the proxy, by IPv6", []string{"From: [::1]", "X-Remote-User: petra"}, "petra viewer [] ::1 proxy"},
		{"what the client wrote before the proxy's own word", []string{"From: 10.0.0.1", "X-Forwarded-For: 127.0.0.1, 198.51.100.7",
			"X-Remote-User: petra"}, "petra viewer [] 198.51.100.7 proxy"},
		{"two proxies", []string{"From: 10.0.0.1", "X-Forwarded-For: 1.2.3.4, 198.51.100.7, 10.0.0.2", "X-Remote-User: petra"},
			"petra viewer [] 198.51.100.7 proxy"},
		{"two headers", []string{"From: 10.0.0.1", "X-Forwarded-For: 1.2.3.4", "X-Forwarded-For: 198.51.100.7", "X-Remote-User: petra"},
			"petra viewer [] 198.51.100.7 proxy"},
		{"nonsense", []string{"From: 10.0.0.1", "X-Forwarded-For: 1.2.3.4, <b>", "X-Remote-User: petra"}, "petra viewer [] 10.0.0.1 proxy"},
		{"a user whom nobody knows", []string{"From: 10.0.0.1", "X-Remote-User: root"}, ""},
		{"an empty name", []string{"From: 10.0.0.1", "X-Remote-User: "}, ""},
		{"the client's name and the proxy's", []string{"From: 10.0.0.1", "X-Remote-User: adam", "X-Remote-User: petra"}, ""},
		{"a neighbour of the proxy", []string{"From: 10.0.1.1", "X-Forwarded-For: 10.0.0.1", "X-Remote-User: adam"}, ""},
		{"no proxy", []string{"From: 127.0.0.1", "X-Remote-User: adam"}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := h.ask("GET", "/viewer", "", test.headers...)
			if got := w.Body.String(); w.Code == 200 && got != test.want || (w.Code == 200) != (test.want != "") {
				t.Errorf("%d %s, want %s", w.Code, got, test.want)
			}
		})
	}
	plain := build(t, nil)
	plain.is(401, plain.ask("GET", "/viewer", "", "From: 127.0.0.1", "X-Remote-User: adam").Code)
}

func TestLogInLeadsNowhereElse(t *testing.T) {
	h := build(t, nil)
	for next, want := range map[string]string{"": "/", "/drops?state=held#x": "/drops?state=held#x", "//evil.example.net": "/", "https://evil.example.net": "/",
		`/\evil.example.net`: "/", "/\t/evil.example.net": "/", "/login": "/", "/logout": "/", "javascript:alert(1)": "/", "drops": "/"} {
		w := h.ask("POST", LoginPath, url.Values{"name": {"olga"}, "password": {"open sesame"}, "next": {next}}.Encode())
		h.is(want, w.Header().Get("Location"))
	}
	h.is(true, strings.Contains(h.ask("GET", `/login?next=/a"><script>`, "").Body.String(), `value="/a&#34;&gt;&lt;script&gt;"`))
}

func FuzzHere(f *testing.F) {
	for _, seed := range []string{"/", "//a", "/\\a", "/a?b#c", "/%2f/a", "\x00", "/a\r\nSet-Cookie: b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, next string) {
		got := here(next)
		at, err := url.Parse("https://bridge.example.com/login")
		if err != nil {
			t.Fatal(err)
		}
		if to, err := at.Parse(got); err == nil && to.Host != "bridge.example.com" || strings.ContainsAny(got, "\r\n\\") {
			t.Errorf("%q leads to %q", next, got)
		}
	})
}

func TestAFormThatIsTooLongIsNotRead(t *testing.T) {
	h := build(t, nil)
	h.is(400, h.ask("POST", LoginPath, "name=olga&password="+strings.Repeat("x", maxForm)).Code)
	h.is(400, h.ask("POST", LoginPath, "name=%zz").Code)
	h.is(0, len(h.memory.events))
}

func TestRolesHaveNames(t *testing.T) {
	for _, name := range []string{"viewer", "operator", "admin"} {
		if RoleOf(name).String() != name || RoleOf(name) == 0 {
			t.Errorf("%s is %v", name, RoleOf(name))
		}
	}
	if RoleOf("") != 0 || RoleOf("boss") != 0 || (&Caller{}).May(0) || (*Caller)(nil).May(Viewer) || (*Caller)(nil).Sees("b2b") {
		t.Error("somebody without a role may something")
	}
	if c := (&Caller{Shops: []string{"b2b"}}); !c.Sees("b2b") || c.Sees("outlet") || !(&Caller{}).Sees("outlet") {
		t.Error("shops are not told apart")
	}
}
