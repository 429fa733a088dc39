package admit

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc/oidctest"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/admit/openid"
	"github.com/orobridge/orobridge/bridge/config"
)

// A vouching is a provider of OpenID Connect, as honest as a test wants it.
type vouching struct {
	*httptest.Server
	keys  oidctest.Server
	key   *ecdsa.PrivateKey
	asked int // about itself

	claims   map[string]any              // of the next ID token, beside what it has to have
	sign     func(claims string) string  // nil: as it has to
	answer   func(w http.ResponseWriter) // instead of tokens; nil: as it has to
	describe func(map[string]any)        // changes what it tells of itself
	posted   bool                        // it wants the secret in the form
	attempts map[string]url.Values       // by the code that it gave
}

func newProvider(t *testing.T) *vouching {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	v := &vouching{key: key, attempts: map[string]url.Values{}, claims: map[string]any{"sub": "4711", "preferred_username": "ann",
		"groups": []string{"everybody", "desk"}}}
	v.keys.PublicKeys = []oidctest.PublicKey{{PublicKey: key.Public(), KeyID: "k", Algorithm: "ES256"}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, r *http.Request) {
		v.asked++
		doc := map[string]any{"issuer": v.URL, "authorization_endpoint": v.URL + "/auth", "token_endpoint": v.URL + "/token", "jwks_uri": v.URL + "/keys",
			"id_token_signing_alg_values_supported": []string{"ES256", "none", "HS256"}}
		if v.describe != nil {
			v.describe(doc)
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(doc)
	})
	mux.HandleFunc("POST /token", v.token)
	mux.Handle("/keys", &v.keys)
	v.Server = httptest.NewServer(mux)
	v.keys.SetIssuer(v.URL)
	t.Cleanup(v.Close)
	return v
}

// token redeems a code, once, from whoever has the verifier of its challenge and the client's secret.
func (v *vouching) token(w http.ResponseWriter, r *http.Request) {
	if v.answer != nil {
		v.answer(w)
		return
	}
	asked, known := v.attempts[r.FormValue("code")]
	delete(v.attempts, r.FormValue("code"))
	sum := sha256.Sum256([]byte(r.FormValue("code_verifier")))
	id, secret, ok := r.BasicAuth()
	if !ok {
		id, secret = r.PostFormValue("client_id"), r.PostFormValue("client_secret")
	}
	if v.posted == ok {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if !known || asked.Get("code_challenge") != base64.RawURLEncoding.EncodeToString(sum[:]) || id != "orobridge" || secret != "hush" ||
		r.FormValue("redirect_uri") != asked.Get("redirect_uri") {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"error":"invalid_grant"}`)
		return
	}
	claims := map[string]any{"iss": v.URL, "aud": "orobridge", "nonce": asked.Get("nonce"), "iat": time.Now().Unix(),
		"exp": time.Now().Add(time.Minute).Unix()}
	maps.Copy(claims, v.claims)
	text, _ := json.Marshal(claims)
	sign := v.sign
	if sign == nil {
		sign = func(claims string) string { return oidctest.SignIDToken(v.key, "k", "ES256", claims) }
	}
	_ = json.NewEncoder(w).Encode(map[string]string{"access_token": "a", "token_type": "Bearer", "id_token": sign(string(text))})
}

// grant is what the provider does once somebody has logged in there: it notes what was asked and gives a code.
func (v *vouching) grant(t testing.TB, location string) (code, state string) {
	t.Helper()
	u, err := url.Parse(location)
	if err != nil || !strings.HasPrefix(location, v.URL+"/auth?") {
		t.Fatalf("sent to %q", location)
	}
	q := u.Query()
	if q.Get("code_challenge_method") != "S256" || q.Get("response_type") != "code" || len(q.Get("state")) < 20 || len(q.Get("nonce")) < 20 ||
		!strings.Contains(q.Get("scope"), "openid") || q.Get("redirect_uri") != "https://bridge.example.com"+CallbackPath {
		t.Errorf("asked for %v", q)
	}
	code = fmt.Sprintf("code%d", len(v.attempts)+1)
	v.attempts[code] = q
	return code, q.Get("state")
}

// vouchedHouse is a house whose people come by a provider as well.
func vouchedHouse(t *testing.T, v *vouching, change func(*Options)) *house {
	p := openid.New(openid.Options{Issuer: v.URL, ClientID: "orobridge", Secret: "hush", Claim: "groups", Scopes: []string{"profile"},
		Callback: "https://bridge.example.com" + CallbackPath})
	t.Cleanup(p.Close)
	return build(t, func(o *Options) {
		o.Provider, o.Groups = p, map[string]string{"desk": "operator", "leads": "admin", "guests": "viewer"}
		if change != nil {
			change(o)
		}
	})
}

// cookiesOf are the cookies of an answer that stay, as a header.
func cookiesOf(w *httptest.ResponseRecorder) string {
	var all []string
	for _, c := range w.Result().Cookies() {
		if c.MaxAge >= 0 {
			all = append(all, c.Name+"="+c.Value)
		}
	}
	return "Cookie: " + strings.Join(all, "; ")
}

// comeBy leaves for the provider and comes back from it.
func (h *house) comeBy(v *vouching) *httptest.ResponseRecorder {
	h.Helper()
	w := h.ask("GET", ProviderPath+"?next=%2Fdrops", "")
	if w.Code != http.StatusSeeOther {
		h.Fatalf("not sent to the provider: %d %s", w.Code, w.Body)
	}
	code, state := v.grant(h.TB, w.Header().Get("Location"))
	return h.ask("GET", CallbackPath+"?code="+code+"&state="+state, "", cookiesOf(w))
}

// Whom the provider vouches for comes in with the highest role of their groups, for a session like others.
func TestPeopleComeInByTheirGroups(t *testing.T) {
	v := newProvider(t)
	h := vouchedHouse(t, v, nil)
	w := h.comeBy(v)
	h.is(http.StatusSeeOther, w.Code)
	h.is("/drops", w.Header().Get("Location"))
	ann := cookiesOf(w)
	h.is("ann operator [] 192.0.2.1 session", h.ask("GET", "/viewer", "", ann).Body.String())
	h.is(403, h.ask("GET", "/admin", "", ann).Code)
	in := h.memory.events[len(h.memory.events)-1]
	h.is([]any{bridge.LoggedIn, "ann", "192.0.2.1", "the provider's 4711"}, []any{in.Kind, in.Who, in.From, in.Text})

	v.claims["groups"] = []any{"guests", "leads", 7, "desk"}
	h.is(200, h.ask("GET", "/admin", "", cookiesOf(h.comeBy(v))).Code)
	v.claims["groups"] = "guests"
	h.is([]int{200, 403}, []int{h.ask("GET", "/viewer", "", cookiesOf(h.comeBy(v))).Code, h.ask("GET", "/operator", "", cookiesOf(h.comeBy(v))).Code})
	h.is(1, v.asked)

	for want, claims := range map[string]map[string]any{"ann@example.com": {"preferred_username": "", "email": "ann@example.com", "email_verified": true},
		"4711": {"preferred_username": "", "email": "olga@example.com", "email_verified": false}} {
		maps.Copy(v.claims, claims)
		h.is(want+" viewer [] 192.0.2.1 session", h.ask("GET", "/viewer", "", cookiesOf(h.comeBy(v))).Body.String())
	}
	post := newProvider(t)
	post.posted = true
	post.describe = func(doc map[string]any) {
		doc["token_endpoint_auth_methods_supported"] = []string{"client_secret_post", "private_key_jwt"}
	}
	h.is(303, vouchedHouse(t, post, nil).comeBy(post).Code)
	h.is(303, h.ask("POST", LogoutPath, "everywhere=", ann).Code)
	h.is(401, h.ask("GET", "/viewer", "", ann).Code)
	h.is(303, h.ask("POST", LoginPath, "name=olga&password=open+sesame").Code) // by password as before
}

// A session ends with what it stands on: the group's role, the provider, and a user of that name.
func TestSessionsByTheProviderEndWithTheConfig(t *testing.T) {
	v := newProvider(t)
	h := vouchedHouse(t, v, nil)
	ann := cookiesOf(h.comeBy(v))
	for name, c := range map[string]struct {
		change func(*Options)
		want   int
	}{
		"nothing":       {func(*Options) {}, 200},
		"another role":  {func(o *Options) { o.Groups = map[string]string{"desk": "viewer"} }, 401},
		"no such group": {func(o *Options) { o.Groups = map[string]string{"leads": "admin"} }, 401},
		"another provider": {func(o *Options) {
			o.Provider = openid.New(openid.Options{Issuer: "https://other", ClientID: "orobridge"})
		}, 401},
		"no provider": {func(o *Options) { o.Provider, o.Groups = nil, nil }, 401},
		"a user of the name": {func(o *Options) {
			o.Users = append(o.Users, &config.User{Name: "ann", Role: "admin", PasswordHash: hashed()})
		}, 401},
	} {
		next := vouchedHouse(t, v, func(o *Options) { o.Ledger = h.memory; c.change(o) })
		if w := next.ask("GET", "/operator", "", ann); w.Code != c.want {
			t.Errorf("%s: %d", name, w.Code)
		}
	}
}

// heard is a log that a test reads.
type heard struct {
	mu sync.Mutex
	b  strings.Builder
}

func (h *heard) Write(b []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.b.Write(b)
}

// none is a token that nobody has signed.
func none(claims string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + "."
}

// A provider that lies, or whose answers somebody has changed on the way, lets nobody in; whoever it was is told in a sentence, and the log
// why.
func TestAHostileProviderLetsNobodyIn(t *testing.T) {
	stranger, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	is := func(name string, value any) func(*vouching) { return func(v *vouching) { v.claims[name] = value } }
	answers := func(status int, text string) func(*vouching) {
		return func(v *vouching) {
			v.answer = func(w http.ResponseWriter) {
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(status)
				fmt.Fprint(w, text)
			}
		}
	}
	signs := func(sign func(claims string) string) func(*vouching) { return func(v *vouching) { v.sign = sign } }
	tells := func(name string, value any) func(*vouching) {
		return func(v *vouching) { v.describe = func(doc map[string]any) { doc[name] = value } }
	}
	for name, c := range map[string]struct {
		change  func(*vouching)
		status  int
		trouble string
		log     string
	}{
		"a token for somebody else":         {is("aud", "shop"), 403, Strange, "audience"},
		"a token for several":               {is("aud", []string{"orobridge", "shop"}), 403, Strange, "another client"},
		"a token that another one asked":    {func(v *vouching) { v.claims["aud"], v.claims["azp"] = []string{"orobridge", "shop"}, "shop" }, 403, Strange, "another client"},
		"a token of another issuer":         {is("iss", "https://evil.example.com"), 403, Strange, "different provider"},
		"a token that has expired":          {is("exp", time.Now().Add(-time.Minute).Unix()), 403, Strange, "expired"},
		"a token of tomorrow":               {is("nbf", time.Now().Add(24*time.Hour).Unix()), 403, Strange, "nbf"},
		"a token of another log-in":         {is("nonce", "AAAAAAAAAAAAAAAAAAAAAAAAAA"), 403, Strange, "nonce"},
		"a token without a nonce":           {is("nonce", ""), 403, Strange, "nonce"},
		"a token of nobody":                 {is("sub", ""), 403, Strange, "names nobody"},
		"a token that nobody signed":        {signs(none), 403, Strange, "signature algorithm"},
		"a token that a stranger signed":    {signs(func(c string) string { return oidctest.SignIDToken(stranger, "k", "ES256", c) }), 403, Strange, "signature"},
		"a token with the public key's mac": {signs(func(c string) string { return macked(t, c) }), 403, Strange, "signature algorithm"},
		"no token at all":                   {answers(200, `{"access_token":"a","token_type":"Bearer"}`), 403, Strange, "without an ID token"},
		"a token that is none":              {answers(200, `{"access_token":"a","token_type":"Bearer","id_token":"x.y"}`), 403, Strange, "malformed"},
		"an answer without an end":          {answers(200, `{"access_token":"`+strings.Repeat("a", 2<<20)), 403, Strange, "let in"},
		"a group that has no role":          {is("groups", []string{"everybody"}), 403, NoGroup, "groups"},
		"no groups":                         {is("groups", nil), 403, NoGroup, "groups"},
		"groups that are none":              {is("groups", map[string]bool{"leads": true}), 403, NoGroup, "groups"},
		"the name of a user":                {is("preferred_username", "olga"), 403, Taken, "name"},
		"the name of a token":               {is("preferred_username", "token shop"), 403, Taken, "name"},
		"a name that breaks lines":          {is("preferred_username", "ann\nolga"), 403, Taken, "name"},
		"a provider in trouble":             {answers(503, `{}`), 503, Away, "does not answer"},
		"a code that is over":               {answers(400, `{"error":"invalid_grant"}`), 400, Stale, "refused the code"},
	} {
		v, log := newProvider(t), &heard{}
		c.change(v)
		h := vouchedHouse(t, v, func(o *Options) { o.Log = slog.New(slog.NewTextHandler(log, nil)) })
		w := h.comeBy(v)
		if w.Code != c.status || !strings.Contains(w.Body.String(), strings.ReplaceAll(c.trouble, "'", "&#39;")) {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
		if len(h.memory.sessions) != 0 || len(strings.Split(cookiesOf(w), "=")) > 1 {
			t.Errorf("%s: somebody is let in", name)
		}
		if !strings.Contains(log.b.String(), c.log) || strings.Contains(log.b.String(), "hush") {
			t.Errorf("%s: the log says %s", name, log.b.String())
		}
		if n := len(h.memory.events); (c.status == 403) != (n == 1) || n == 1 && h.memory.events[0].Kind != bridge.LoginRefused {
			t.Errorf("%s: the journal has %d entries", name, n)
		}
	}
	for name, c := range map[string]struct {
		change  func(*vouching)
		trouble string
	}{
		"one that is another":          {tells("issuer", "https://evil.example.com"), Strange},
		"one whose tokens come plain":  {tells("token_endpoint", "http://login.example.com/token"), Strange},
		"one whose keys come plain":    {tells("jwks_uri", "http://login.example.com/keys"), Strange},
		"one that sends people to ftp": {tells("authorization_endpoint", "ftp://login.example.com"), Strange},
		"one that is away":             {func(v *vouching) { v.Close() }, Away},
		"one that sends elsewhere": {func(v *vouching) {
			v.Config.Handler = http.RedirectHandler("http://evil.example.com", http.StatusFound)
		}, Away},
	} {
		v := newProvider(t)
		c.change(v)
		h := vouchedHouse(t, v, nil)
		w := h.ask("GET", ProviderPath, "")
		if w.Header().Get("Location") != "" || !strings.Contains(w.Body.String(), strings.ReplaceAll(c.trouble, "'", "&#39;")) {
			t.Errorf("%s: %d %v %s", name, w.Code, w.Header(), w.Body)
		}
	}
}

// macked is a token whose signature is made of the public key, as if that were a secret.
func macked(t *testing.T, claims string) string {
	head := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256","kid":"k"}`)) + "." + base64.RawURLEncoding.EncodeToString([]byte(claims))
	mac := hmac.New(crypto.SHA256.New, []byte("public"))
	mac.Write([]byte(head))
	return head + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// Who comes back has to be who has left: nobody comes in by an answer that was somebody else's, or for the second time.
func TestAnAnswerIsForWhoHasAsked(t *testing.T) {
	v := newProvider(t)
	h := vouchedHouse(t, v, nil)
	w := h.ask("GET", ProviderPath, "")
	mine := cookiesOf(w)
	code, state := v.grant(t, w.Header().Get("Location"))
	other := h.ask("GET", ProviderPath, "")
	for name, c := range map[string]struct{ query, cookie string }{
		"another browser":     {"code=" + code + "&state=" + state, cookiesOf(other)},
		"no browser":          {"code=" + code + "&state=" + state, "X: y"},
		"another state":       {"code=" + code + "&state=AAAA", mine},
		"no state":            {"code=" + code, mine},
		"an empty attempt":    {"code=" + code + "&state=", "Cookie: orobridge-attempt=e30"},
		"an attempt of waste": {"code=" + code + "&state=" + state, "Cookie: orobridge-attempt=" + strings.Repeat("A", 5000)},
	} {
		if w := h.ask("GET", CallbackPath+"?"+c.query, "", c.cookie); w.Code != 400 || !strings.Contains(w.Body.String(), "Begin it again") {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
	if w := h.ask("GET", CallbackPath+"?error=access_denied&error_description=%1b[2J&state="+state, "", mine); w.Code != 403 ||
		!strings.Contains(w.Body.String(), Denied) || strings.Contains(w.Body.String(), "\x1b") {
		t.Errorf("denied: %d %s", w.Code, w.Body)
	}
	if len(h.memory.sessions) != 0 || len(v.attempts) != 1 {
		t.Fatal("the code was spent")
	}
	w = h.ask("GET", CallbackPath+"?code="+code+"&state="+state, "", mine)
	h.is(303, w.Code)
	gone := false
	for _, c := range w.Result().Cookies() {
		gone = gone || strings.HasSuffix(c.Name, "-attempt") && c.MaxAge < 0
	}
	h.is(true, gone)
	h.is(400, h.ask("GET", CallbackPath+"?code="+code+"&state="+state, "", mine).Code) // once more
	for next, want := range map[string]string{"//evil.example.com": "/", "https://evil.example.com": "/", "/drops?a=b": "/drops?a=b",
		"/" + strings.Repeat("x", 2000): "/"} {
		w := h.ask("GET", ProviderPath+"?next="+url.QueryEscape(next), "")
		code, state := v.grant(t, w.Header().Get("Location"))
		h.is(want, h.ask("GET", CallbackPath+"?code="+code+"&state="+state, "", cookiesOf(w)).Header().Get("Location"))
	}
}

// Who guesses codes is slowed down, and the provider asked no more; others come in meanwhile.
func TestWhoGuessesCodesIsShutOut(t *testing.T) {
	v := newProvider(t)
	asked := 0
	v.answer = func(w http.ResponseWriter) {
		asked++
		w.WriteHeader(http.StatusBadRequest)
	}
	h := vouchedHouse(t, v, nil)
	guesser := netip.MustParseAddr("203.0.113.7")
	for range 10 {
		h.throttle.Failed(guesser, "the provider's, from 203.0.113.7")
	}
	w := h.ask("GET", ProviderPath, "")
	state := url.Values{}
	u, err := url.Parse(w.Header().Get("Location"))
	if err != nil {
		t.Fatal(err)
	}
	state.Set("state", u.Query().Get("state"))
	state.Set("code", "guessed")
	h.is(429, h.ask("GET", CallbackPath+"?"+state.Encode(), "", cookiesOf(w), "From: 203.0.113.7").Code)
	h.is(0, asked)
	h.is(400, h.ask("GET", CallbackPath+"?"+state.Encode(), "", cookiesOf(w), "From: 203.0.113.8").Code)
	h.is(1, asked)
	v.answer = nil
	h.is(303, h.comeBy(v).Code)
}

// What the browser keeps of an attempt is its own, and not for long.
func TestAttemptsAreTheBrowsersOwn(t *testing.T) {
	v := newProvider(t)
	h := vouchedHouse(t, v, func(o *Options) { o.TLS = true })
	c := h.ask("GET", ProviderPath, "").Result().Cookies()[0]
	if c.Name != secureCookieName+"-attempt" || !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.MaxAge != attemptTime {
		t.Errorf("%s", c)
	}
	if strings.Contains(fmt.Sprintf("%+v", h.Provider), "hush") {
		t.Error("the client's secret is printed")
	}
	w := vouchedHouse(t, v, func(o *Options) { o.Users = people()[3:] }).ask("GET", LoginPath, "")
	if text := w.Body.String(); strings.Contains(text, "password") || !strings.Contains(text, `href="/login/provider?next=%2F"`) {
		t.Errorf("where nobody has a password: %s", text)
	}
}
