package admit

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/orobridge/orobridge/bridge/admit/openid"
	"github.com/orobridge/orobridge/bridge/config"
)

// FuzzStrangers: whatever headers somebody sends who has neither session nor token, they are nobody; and where they say that they come
// from is believed of the trusted proxy alone.
func FuzzStrangers(f *testing.F) {
	f.Add("Bearer x", "orobridge=AAAA", "olga", "203.0.113.7, 10.0.0.1", false)
	f.Add("bearer  ", "__Host-orobridge=; orobridge=\x00", "", "::ffff:10.0.0.1%eth0", true)
	f.Add("Basic b2xnYTpvcGVuIHNlc2FtZQ==", "a=b;;=", "adam,olga", ",,", true)
	proxy := config.Proxy{Networks: []netip.Prefix{netip.MustParsePrefix("10.0.0.1/32")}, UserHeader: "X-Remote-User"}
	f.Fuzz(func(t *testing.T, authorization, cookie, user, forwarded string, proxied bool) {
		h := build(t, func(o *Options) { o.Proxy = proxy })
		r := httptest.NewRequestWithContext(t.Context(), "GET", "/viewer", nil)
		if proxied {
			r.RemoteAddr = "10.0.0.1:4711"
		}
		for name, value := range map[string]string{"Authorization": authorization, "Cookie": cookie, "X-Remote-User": user, "X-Forwarded-For": forwarded} {
			if value != "" {
				r.Header.Set(name, value)
			}
		}
		at := h.Address(r)
		if !proxied && at.String() != "192.0.2.1" || !at.IsValid() || at.Zone() != "" || at.Is4In6() {
			t.Errorf("they come from %v", at)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		known := proxied && h.users[user] != nil
		if _, bearer := bearer(r); w.Code != http.StatusUnauthorized && (!known || bearer) {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})
}

// FuzzComeBack: whatever comes back in the place of a log-in with the provider, which does not answer, nobody is let in or sent elsewhere.
func FuzzComeBack(f *testing.F) {
	f.Add("orobridge-attempt=e30", "code=c&state=S")
	f.Add("orobridge-attempt=eyJTdGF0ZSI6IlMiLCJOb25jZSI6Ik4iLCJWZXJpZmllciI6IlYiLCJOZXh0IjoiLy9ldmlsIn0", "code=c&state=S&error=%1b[2J")
	f.Add("orobridge-attempt=eyJTdGF0ZSI6IlMiLCJOb25jZSI6Ik4iLCJWZXJpZmllciI6IlYiLCJOZXh0IjoiLy9ldmlsIn0", "code=c&state=S&next=//evil")
	p := openid.New(openid.Options{Issuer: "http://127.0.0.1:1", ClientID: "orobridge", Claim: "groups"})
	f.Cleanup(p.Close)
	f.Fuzz(func(t *testing.T, cookie, query string) {
		h := build(t, func(o *Options) { o.Provider, o.Groups = p, map[string]string{"desk": "admin"} })
		r := httptest.NewRequestWithContext(t.Context(), "GET", CallbackPath, nil)
		r.URL.RawQuery = query
		r.Header.Set("Cookie", cookie)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code < 400 || w.Code >= 500 && w.Code != http.StatusServiceUnavailable || len(h.memory.sessions) != 0 || w.Header().Get("Location") != "" {
			t.Errorf("%d %s", w.Code, w.Body)
		}
		for _, c := range w.Result().Cookies() {
			if c.MaxAge >= 0 {
				t.Errorf("a cookie stays: %s", c)
			}
		}
		if strings.ContainsAny(w.Body.String(), "\x1b\u202e") {
			t.Errorf("what is not seen as itself stands in the page: %q", w.Body)
		}
	})
}
