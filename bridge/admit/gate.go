package admit

import (
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/admit/openid"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/bridge/password"
)

// Options are what a [Gate] needs.
type Options struct {
	Users []*config.User
	Proxy config.Proxy
	// Provider says who people are, beside the users; those of its groups may come in that have a role here. nil: there is none.
	Provider *openid.Provider
	Groups   map[string]string
	TLS      bool // requests come encrypted, not only through a proxy that says so
	Ledger   Ledger
	Events   *bridge.Events // told of log-ins; nil: nobody is
	Log      *slog.Logger
	// Form shows the log-in; nil: a plain one.
	Form func(w http.ResponseWriter, r *http.Request, f Form)
}

// A Gate lets callers in. It may be used by several goroutines.
type Gate struct {
	Options
	users    map[string]*config.User
	groups   []vouched // of the provider's
	throttle *password.Throttle
	waiting  chan struct{} // log-ins that wait
	refusals refusals
}

// New makes the gate of the config's users.
func New(o Options) *Gate {
	g := &Gate{Options: o, users: map[string]*config.User{}, throttle: password.NewThrottle(), waiting: make(chan struct{}, maxWaiting)}
	for _, u := range o.Users {
		g.users[u.Name] = u
	}
	g.vouch()
	if g.Form == nil {
		g.Form = plainForm
	}
	return g
}

// Require lets those through who have a role, with who they are in the request's context. Others are told what they lack: a browser
// without a session is sent to the log-in, everybody else gets 401, and 403 is for those whose role is too low.
func (g *Gate) Require(role Role, next http.Handler) http.Handler {
	return g.Guard(role, next, plainly)
}

// A Refusal answers somebody who is not let through: why, and what to do.
type Refusal func(w http.ResponseWriter, status int, why, hint string)

func plainly(w http.ResponseWriter, status int, why, _ string) { http.Error(w, why, status) }

// Guard is [Gate.Require] with a refusal of one's own.
func (g *Gate) Guard(role Role, next http.Handler, refuse Refusal) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := g.identify(r)
		w.Header().Set("Cache-Control", "no-store")
		switch {
		case err != nil:
			g.unsure(r, err)
			refuse(w, http.StatusServiceUnavailable, "the ledger does not answer", "the bridge's log says why")
		case c.May(role):
			next.ServeHTTP(w, r.WithContext(WithCaller(r.Context(), c)))
		case c != nil:
			refuse(w, http.StatusForbidden, "this needs the role "+role.String(), "")
		case r.Header.Get("Authorization") == "" && wantsPage(r):
			http.Redirect(w, r, LoginPath+"?next="+url.QueryEscape(r.URL.RequestURI()), http.StatusSeeOther)
		default:
			w.Header().Set("WWW-Authenticate", `Bearer realm="orobridge"`)
			refuse(w, http.StatusUnauthorized, "log in, or send a token", "orobridge token create makes one")
		}
	})
}

// fail answers when the ledger can't say who is there.
func (g *Gate) fail(w http.ResponseWriter, r *http.Request, err error) {
	g.unsure(r, err)
	http.Error(w, "the ledger does not answer", http.StatusServiceUnavailable)
}

// unsure logs why it can't.
func (g *Gate) unsure(r *http.Request, err error) {
	if r.Context().Err() == nil {
		g.Log.Error("ask who is there", "error", err, "hint", bridge.HintOf(err))
	}
}

// wantsPage says that a person looks, with a browser.
func wantsPage(r *http.Request) bool {
	return (r.Method == http.MethodGet || r.Method == http.MethodHead) && strings.Contains(r.Header.Get("Accept"), "text/html")
}

// identify says who sent a request; nil for nobody. A token counts before a session, and a wrong one is nobody's.
func (g *Gate) identify(r *http.Request) (*Caller, error) {
	if key, ok := bearer(r); ok {
		return g.byToken(r, key)
	}
	if c := g.byProxy(r); c != nil {
		return c, nil
	}
	return g.bySession(r)
}

// bearer is the token of a request (RFC 6750).
func bearer(r *http.Request) (key string, ok bool) {
	scheme, key, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	return strings.TrimSpace(key), strings.EqualFold(scheme, "Bearer")
}

// byProxy believes the trusted proxy's word for who has logged in there.
func (g *Gate) byProxy(r *http.Request) *Caller {
	if g.Proxy.UserHeader == "" || !g.fromProxy(r) {
		return nil
	}
	given := r.Header.Values(g.Proxy.UserHeader)
	if len(given) != 1 { // two may be the client's and the proxy's
		return nil
	}
	u := g.users[given[0]]
	if u == nil {
		return nil
	}
	return g.caller(u, r, ByProxy)
}

func (g *Gate) caller(u *config.User, r *http.Request, by Means) *Caller {
	return &Caller{Name: u.Name, Role: RoleOf(u.Role), Shops: u.Shops, From: g.Address(r).String(), Means: by}
}

// fromProxy says whether the trusted proxy itself has sent a request.
func (g *Gate) fromProxy(r *http.Request) bool { return g.trusts(peer(r)) }

func (g *Gate) trusts(a netip.Addr) bool {
	for _, n := range g.Proxy.Networks {
		if n.Contains(a) {
			return true
		}
	}
	return false
}

// peer is the address that a connection comes from; the zero address when there is none.
func peer(r *http.Request) netip.Addr {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return parseAddress(host)
}

func parseAddress(text string) netip.Addr {
	a, err := netip.ParseAddr(strings.TrimSpace(text))
	if err != nil {
		return netip.Addr{}
	}
	return a.Unmap().WithZone("")
}

// Address is where a request comes from: behind the trusted proxy, the last address in X-Forwarded-For that is not a trusted one,
// since what stands before it anybody can have written.
func (g *Gate) Address(r *http.Request) netip.Addr {
	at := peer(r)
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0 && g.trusts(at); i-- {
		before := parseAddress(hops[i])
		if !before.IsValid() {
			break
		}
		at = before
	}
	return at
}

// secure says whether a request came encrypted to whoever received it first.
func (g *Gate) secure(r *http.Request) bool {
	return g.TLS || r.TLS != nil || g.fromProxy(r) && r.Header.Get("X-Forwarded-Proto") == "https"
}

// tokens begin the names of callers who are none of people.
const tokens = "token "

// byToken finds out whose token it is.
func (g *Gate) byToken(r *http.Request, key string) (*Caller, error) {
	if key == "" || len(key) > maxField {
		return nil, nil
	}
	t, err := g.Ledger.Token(r.Context(), bridge.KeyHash(key))
	switch now := now(); {
	case errors.Is(err, bridge.ErrUnknown):
		return nil, nil
	case err != nil:
		return nil, err
	case !t.Revoked.IsZero(), !t.Expires.IsZero() && !now.Before(t.Expires):
		return nil, nil
	}
	return &Caller{Name: tokens + t.Name, Role: RoleOf(t.Role), Shops: t.Shops, From: g.Address(r).String(), Means: ByToken}, nil
}

// told hands an event on once it stands in the ledger.
func (g *Gate) told(e *bridge.Event, err error) error {
	if err == nil {
		g.Events.Tell(e)
	}
	return err
}
