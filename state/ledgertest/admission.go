package ledgertest

import (
	"time"

	"github.com/orobridge/orobridge/bridge"
)

func sessionOf(key, user string) bridge.Session {
	return bridge.Session{Hash: bridge.KeyHash(key), User: user, Stamp: "stamp", From: "10.0.0.7", Began: at, Seen: at,
		Ends: at.Add(time.Hour)}
}

func tokenOf(name string) *bridge.Token {
	return &bridge.Token{Name: name, Hash: bridge.KeyHash(name + " ☃"), Role: "operator", Shops: []string{"b2b", "it's"},
		By: "root@host", Made: at, Expires: at.Add(time.Hour)}
}

var admission = []test{
	{"a session comes back as it was entered, until it ends", func(w *world) {
		mine, other := sessionOf("a", "olga ☃"), sessionOf("b", "kai")
		w.must(w.BeginSession(w.Context(), mine))
		w.must(w.BeginSession(w.Context(), other))
		w.again()
		w.is(&mine, got(w.Session(w.Context(), mine.Hash))(w))
		w.must(w.TouchSession(w.Context(), mine.Hash, at.Add(time.Minute)))
		w.must(w.TouchSession(w.Context(), mine.Hash, at)) // two requests at once
		mine.Seen = at.Add(time.Minute)
		w.is(&mine, got(w.Session(w.Context(), mine.Hash))(w))
		w.must(w.EndSession(w.Context(), mine.Hash, &bridge.Event{Kind: bridge.LoggedOut, At: at}))
		w.must(w.EndSession(w.Context(), "nobody's"))
		w.wraps(second(w.Session(w.Context(), mine.Hash)), bridge.ErrUnknown)
		w.is(&other, got(w.Session(w.Context(), other.Hash))(w))
		w.is(1, len(w.journaled(bridge.EventFilter{})))
	}},
	{"all sessions of a user end at once, and nobody else's", func(w *world) {
		for _, s := range []bridge.Session{sessionOf("a", "olga"), sessionOf("b", "olga"), sessionOf("c", "Olga")} {
			w.must(w.BeginSession(w.Context(), s))
		}
		w.must(w.EndSessions(w.Context(), "olga"))
		w.wraps(second(w.Session(w.Context(), bridge.KeyHash("a"))), bridge.ErrUnknown)
		w.wraps(second(w.Session(w.Context(), bridge.KeyHash("b"))), bridge.ErrUnknown)
		w.must(second(w.Session(w.Context(), bridge.KeyHash("c"))))
	}},
	{"a session that is over is forgotten when the next one begins", func(w *world) {
		w.must(w.BeginSession(w.Context(), sessionOf("a", "olga")))
		next := sessionOf("b", "kai")
		next.Began = at.Add(time.Hour)
		w.must(w.BeginSession(w.Context(), next))
		w.wraps(second(w.Session(w.Context(), bridge.KeyHash("a"))), bridge.ErrUnknown)
	}},
	{"a token comes back as it was made, and revoked it still says whose it was", func(w *world) {
		mine, other := tokenOf("shop-admin"), tokenOf("prometheus")
		other.Expires, other.Shops = time.Time{}, nil
		w.must(w.AddToken(w.Context(), mine))
		w.must(w.AddToken(w.Context(), other))
		w.is(true, mine.ID > 0 && other.ID > mine.ID)
		w.wraps(w.AddToken(w.Context(), tokenOf("shop-admin")), bridge.ErrTaken)
		w.again()
		w.is(mine, got(w.Token(w.Context(), mine.Hash))(w))
		w.must(w.RevokeToken(w.Context(), "shop-admin", at))
		mine.Revoked = at
		w.is([]*bridge.Token{mine, other}, got(w.Tokens(w.Context()))(w))
		w.wraps(w.RevokeToken(w.Context(), "shop-admin", at), bridge.ErrUnknown)
		w.wraps(second(w.Token(w.Context(), "x")), bridge.ErrUnknown)
		again := tokenOf("shop-admin")
		again.Hash = "another"
		w.must(w.AddToken(w.Context(), again))
	}},
}
