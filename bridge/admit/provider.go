package admit

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/admit/openid"
	"github.com/orobridge/orobridge/formats"
)

// Where people leave for the provider, and come back from it.
const (
	ProviderPath = "/login/provider"
	CallbackPath = "/login/callback"
)

// What people read whom the provider has not let in. The page has these words in each language.
const (
	Away    = "The provider does not answer. Log in by password, or try again later."
	Strange = "The provider's answer can't be believed: the bridge's log says why."
	Stale   = "The log-in took too long, or was begun in another window. Begin it again."
	Denied  = "The provider has not let you in."
	NoGroup = "None of your groups may come in here."
	Taken   = "Your name there is somebody else's here."
)

// Troubles are all of them.
func Troubles() []string { return []string{Away, Strange, Stale, Denied, NoGroup, Taken} }

// attemptTime is how long a log-in may be on its way, in seconds; its limits are bytes.
const (
	attemptTime = 600
	maxNext     = 1 << 10
	maxAttempt  = 4 << 10
	maxCode     = 4 << 10
)

// An attempt is what a browser keeps of a log-in that is on its way.
type attempt struct {
	openid.Attempt
	Next string
}

// attemptCookie is where it does.
func (g *Gate) attemptCookie(r *http.Request, a *attempt) *http.Cookie {
	c := g.cookie(r, "")
	c.Name += "-attempt"
	if a != nil {
		text, err := json.Marshal(a)
		if err != nil {
			panic(err) // texts alone
		}
		c.Value, c.MaxAge = base64.RawURLEncoding.EncodeToString(text), attemptTime
	}
	return c
}

// attemptOf is the log-in that a browser has begun; nil for none.
func (g *Gate) attemptOf(r *http.Request) *attempt {
	c, err := r.Cookie(g.attemptCookie(r, nil).Name)
	if err != nil || len(c.Value) > maxAttempt {
		return nil
	}
	text, err := base64.RawURLEncoding.DecodeString(c.Value)
	var a attempt
	if err != nil || json.Unmarshal(text, &a) != nil || a.State == "" || a.Nonce == "" || a.Verifier == "" {
		return nil
	}
	return &a
}

// leave sends somebody to the provider.
func (g *Gate) leave(w http.ResponseWriter, r *http.Request) {
	a := &attempt{openid.Begin(), here(r.FormValue("next"))}
	if len(a.Next) > maxNext {
		a.Next = "/"
	}
	address, err := g.Provider.Address(r.Context(), a.Attempt)
	if err != nil {
		g.lock(w, r, "", err)
		return
	}
	http.SetCookie(w, g.attemptCookie(r, a))
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, address, http.StatusSeeOther)
}

// comeBack lets somebody in for whom the provider vouches, and who is in a group that may come.
func (g *Gate) comeBack(w http.ResponseWriter, r *http.Request) {
	a, q := g.attemptOf(r), r.URL.Query()
	http.SetCookie(w, g.attemptCookie(r, nil))
	switch {
	case a == nil || q.Get("state") != a.State:
		g.show(w, r, http.StatusBadRequest, Form{Trouble: Stale})
		return
	case q.Get("error") != "" || q.Get("code") == "" || len(q.Get("code")) > maxCode:
		g.Log.Warn("the provider has let somebody not in", "error", formats.Printable(bridge.Shorten(q.Get("error"), maxField)))
		g.show(w, r, http.StatusForbidden, Form{Trouble: Denied})
		return
	}
	from := g.Address(r)
	guesser := "the provider's, from " + from.String() // who guesses codes has no name: the address alone is slowed down
	if wait, ok := g.wait(r, from, guesser); !ok {
		g.show(w, r, http.StatusTooManyRequests, Form{Wait: wait})
		return
	}
	who, err := g.Provider.Person(r.Context(), a.Attempt, q.Get("code"))
	if err != nil {
		if !errors.Is(err, openid.ErrAway) {
			g.throttle.Failed(from, guesser)
		}
		g.lock(w, r, "", err)
		return
	}
	g.throttle.Succeeded(from, guesser)
	name := bridge.Shorten(strings.ToValidUTF8(who.Name, "?"), maxLogin)
	role, group := Role(0), ""
	for _, p := range g.groups {
		if who.In(p.group) && p.role > role {
			role, group = p.role, p.group
		}
	}
	switch {
	case role == 0:
		g.lock(w, r, name, errNoGroup)
	case g.users[name] != nil, strings.HasPrefix(name, tokens), bridge.SafeName(name) != nil:
		g.lock(w, r, name, errTaken)
	default:
		c := &Caller{Name: name, Role: role, From: from.String(), Means: BySession}
		if err := g.begin(w, r, c, g.stamp(group, role), "the provider's "+bridge.Shorten(formats.Printable(who.Subject), maxField)); err != nil {
			g.fail(w, r, err)
			return
		}
		http.Redirect(w, r, here(a.Next), http.StatusSeeOther)
	}
}

var (
	errNoGroup = errors.New("none of their groups has a role")
	errTaken   = errors.New("the name can't be theirs here")
)

// lock leaves somebody out, with a name as far as one is known, and says why: to them in a sentence, in the log and journal in full.
func (g *Gate) lock(w http.ResponseWriter, r *http.Request, name string, why error) {
	status, trouble := http.StatusForbidden, Strange
	switch {
	case r.Context().Err() != nil:
		return // they have gone
	case errors.Is(why, openid.ErrAway):
		status, trouble = http.StatusServiceUnavailable, Away
	case errors.Is(why, openid.ErrRefused):
		status, trouble = http.StatusBadRequest, Stale
	case errors.Is(why, errNoGroup):
		trouble = NoGroup
	case errors.Is(why, errTaken):
		trouble = Taken
	}
	text := formats.Printable(bridge.Shorten(why.Error(), maxField))
	g.Log.Warn("somebody whom the provider has sent is not let in", "user", formats.Printable(name), "error", text)
	if status == http.StatusForbidden {
		g.tell(r, name, g.Address(r), "by the provider: "+text)
	}
	g.show(w, r, status, Form{Trouble: trouble})
}

// A vouched group is one whose people may come in.
type vouched struct {
	group string
	role  Role
	stamp string
}

// vouch lists the groups of the config.
func (g *Gate) vouch() {
	for group, name := range g.Groups {
		role := RoleOf(name)
		g.groups = append(g.groups, vouched{group, role, g.stamp(group, role)})
	}
}

// stamp is what a session of somebody holds who is let in for a group: it is over when the config says anything else of it.
func (g *Gate) stamp(group string, role Role) string {
	return bridge.KeyHash(strings.Join([]string{"provider", g.Provider.Issuer, g.Provider.ClientID, group, role.String()}, "\n"))
}

// byGroup is the caller of a session that began with the provider; nil when it did not, or holds no more.
func (g *Gate) byGroup(s *bridge.Session, r *http.Request) *Caller {
	i := slices.IndexFunc(g.groups, func(p vouched) bool { return p.stamp == s.Stamp })
	if i < 0 || g.users[s.User] != nil {
		return nil
	}
	return &Caller{Name: s.User, Role: g.groups[i].role, From: g.Address(r).String(), Means: BySession}
}
