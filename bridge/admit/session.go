package admit

import (
	"crypto/rand"
	"errors"
	"net/http"
	"time"

	"github.com/orobridge/orobridge/bridge"
)

// How long a session lasts, and how exactly its last use is noted.
const (
	Lifetime   = 12 * time.Hour // a working day: somebody who comes in the morning logs in once
	Idle       = 2 * time.Hour
	touchEvery = time.Minute
)

// The cookie's name. Under TLS a browser takes it only from this very host, for all of it (RFC 6265bis, section 4.1.3.2).
const (
	cookieName       = "orobridge"
	secureCookieName = "__Host-orobridge"
)

func now() time.Time { return time.Now().UTC() }

// cookie is what a browser keeps: to be closed with it, sent with no request that another site has made but a link.
func (g *Gate) cookie(r *http.Request, key string) *http.Cookie {
	c := &http.Cookie{Name: cookieName, Value: key, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode}
	if g.secure(r) {
		c.Name, c.Secure = secureCookieName, true
	}
	if key == "" {
		c.MaxAge = -1
	}
	return c
}

// key is what a request's browser keeps; empty for nothing.
func (g *Gate) key(r *http.Request) string {
	c, err := r.Cookie(g.cookie(r, "").Name)
	if err != nil || len(c.Value) > maxField {
		return ""
	}
	return c.Value
}

// bySession finds out whose session a request's cookie is of; nil for nobody's.
func (g *Gate) bySession(r *http.Request) (*Caller, error) {
	key := g.key(r)
	if key == "" {
		return nil, nil
	}
	s, err := g.Ledger.Session(r.Context(), bridge.KeyHash(key))
	if errors.Is(err, bridge.ErrUnknown) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	c, at := g.byGroup(s, r), now()
	if u := g.users[s.User]; u != nil && s.Stamp == bridge.KeyHash(u.PasswordHash.Reveal()) {
		c = g.caller(u, r, BySession)
	}
	if c == nil || !at.Before(s.Ends) || at.Sub(s.Seen) >= Idle {
		return nil, nil
	}
	if at.Sub(s.Seen) >= touchEvery {
		if err := g.Ledger.TouchSession(r.Context(), s.Hash, at); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// begin begins a session for somebody who has just shown the password, or for whom the provider vouches; stamp is of what let them in, how
// says so in the journal. It is a new one whatever the browser sent, and what it sent ends:
// a key that somebody else has put into the browser is worth nothing.
func (g *Gate) begin(w http.ResponseWriter, r *http.Request, c *Caller, stamp, how string) error {
	if old := g.key(r); old != "" {
		if err := g.Ledger.EndSession(r.Context(), bridge.KeyHash(old)); err != nil {
			return err
		}
	}
	key, at := rand.Text(), now()
	s := bridge.Session{Hash: bridge.KeyHash(key), User: c.Name, Stamp: stamp, From: c.From,
		Began: at, Seen: at, Ends: at.Add(Lifetime)}
	event := c.Decision("").On(&bridge.Event{At: at, Kind: bridge.LoggedIn, Text: how})
	if err := g.told(event, g.Ledger.BeginSession(r.Context(), s, event)); err != nil {
		return err
	}
	http.SetCookie(w, g.cookie(r, key))
	return nil
}
