package ledgertest

import (
	"time"

	"github.com/orobridge/orobridge/bridge"
)

// audited is the audit, oldest first.
func (w *world) audited(f bridge.AuditFilter) []bridge.AuditEntry {
	w.Helper()
	return walked(w, func(each func(bridge.AuditEntry) error) error {
		return w.Audit(w.Context(), f, func(a *bridge.AuditEntry) error { return each(*a) })
	})
}

var audit = []test{
	{"what somebody decided or looked at stands in the audit, in a chain", func(w *world) {
		decided := &bridge.Event{At: at, Kind: bridge.DecisionTaken, Who: "olga", From: "10.0.0.7", Why: "it's \"fine\" ☃ \\", Text: "approved",
			Drop: 7, Feed: "prices", File: "p.csv"}
		seen := &bridge.Event{At: at.Add(time.Minute), Kind: bridge.PersonSeen, Who: "kai", Person: "customer:ab"}
		w.must(w.Keep(w.Context(), decided, &bridge.Event{Kind: bridge.Noted}, seen))
		w.again()
		in := &bridge.Event{Kind: bridge.LoggedIn, Who: "olga"}
		w.must(w.BeginSession(w.Context(), sessionOf("a", "olga"), in))
		all := w.audited(bridge.AuditFilter{})
		first := bridge.NewAuditEntry(decided, 0, "")
		next := bridge.NewAuditEntry(seen, 1, first.Hash)
		w.is([]bridge.AuditEntry{first, next, bridge.NewAuditEntry(in, 2, next.Hash)}, all)
		w.is("drop 7, feed prices, file p.csv", first.About)
		w.is("customer:ab", next.About)
		w.is(int64(3), got(w.AuditEnd(w.Context()))(w))
		w.is(all[1:2], w.audited(bridge.AuditFilter{Since: at.Add(time.Minute), Who: "kai"}))
		w.is(all[1:], w.audited(bridge.AuditFilter{Last: 2}))
		w.is(all[2:], w.audited(bridge.AuditFilter{Who: "olga", Last: 1}))
	}},
	{"what was not done does not stand in the audit", func(w *world) {
		decided := &bridge.Event{At: at, Kind: bridge.DecisionTaken}
		w.must(w.Keep(w.Context(), decided))
		w.wraps(w.RevokeToken(w.Context(), "nobody's", at, decided), bridge.ErrUnknown)
		w.is(1, len(w.audited(bridge.AuditFilter{})))
	}},
	{"the audit outlives the journal", func(w *world) {
		w.must(w.Keep(w.Context(), &bridge.Event{At: at, Kind: bridge.PersonSeen, Who: "kai"}))
		w.must(second(w.PruneEvents(w.Context(), at.Add(time.Hour), 10)))
		w.is(0, len(w.journaled(bridge.EventFilter{})))
		w.is(1, len(w.audited(bridge.AuditFilter{})))
	}},
	{"an empty audit has no end", func(w *world) {
		w.is(0, len(w.audited(bridge.AuditFilter{})))
		w.is(int64(0), got(w.AuditEnd(w.Context()))(w))
	}},
}
