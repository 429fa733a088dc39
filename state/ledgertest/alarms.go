package ledgertest

import (
	"context"
	"time"

	"github.com/orobridge/orobridge/bridge"
)

// liveAlarm is an alarm with all that it may have.
func liveAlarm() *bridge.LiveAlarm {
	return &bridge.LiveAlarm{Alarm: bridge.AlarmRejected, Of: "feed prices, feed products", N: 3, Text: "it's \"☃\"", File: "p.csv", Drop: 7,
		Order: "ORD-1", Begun: at, Raised: at.Add(time.Second)}
}

// letter is a message about an alarm, or about none.
func letter(of int64, route string) *bridge.Message {
	begun := at
	return &bridge.Message{Route: route, Kind: bridge.MessageBegun, Alarm: of, Owed: at, Due: at.Add(time.Minute),
		Letter: bridge.Letter{Message: bridge.MessageBegun, Kind: bridge.AlarmRejected, Severity: bridge.SeverityError, Subject: "☃",
			Text: "a\nb", Of: "feed prices", Feed: "prices", File: "p.csv", Drop: 7, Order: "ORD-1", Count: 3, Link: "https://x", Begun: &begun}}
}

// round enters alarms and messages.
func (w *world) round(alarms []*bridge.LiveAlarm, messages ...*bridge.Message) {
	w.Helper()
	w.must(w.SaveAlarms(w.Context(), bridge.AlarmRound{Alarms: alarms, Messages: messages}))
}

// messages are messages as the ledger has them.
func (w *world) messages(f bridge.MessageFilter) []*bridge.Message {
	w.Helper()
	return got(w.Messages(w.Context(), f))(w)
}

var alarms = []test{
	{"an alarm and what is owed for it come back as they were entered", func(w *world) {
		a := liveAlarm()
		m, other := letter(4, "ops"), letter(0, "chief")
		raised := &bridge.Event{At: at, Kind: bridge.AlarmRaised, Alarm: a.Alarm}
		round := bridge.AlarmRound{Alarms: []*bridge.LiveAlarm{a}, Messages: []*bridge.Message{m, other}, Notes: map[string]string{"n": "1"}}
		w.must(w.SaveAlarms(w.Context(), round, raised))
		if a.ID == 0 || m.ID == 0 || other.ID <= m.ID {
			w.Errorf("alarm %d, messages %+v, %+v", a.ID, m, other)
		}
		w.again()
		w.is([]*bridge.LiveAlarm{a}, got(w.LiveAlarms(w.Context(), bridge.AlarmFilter{}))(w))
		w.is([]*bridge.Message{m, other}, w.messages(bridge.MessageFilter{}))
		w.is("1", got(w.Notes(w.Context()))(w)["n"])
		w.is([]*bridge.Event{raised}, w.journaled(bridge.EventFilter{}))
	}},
	{"alarms and messages are chosen", func(w *world) {
		begun, raised, cleared, old := liveAlarm(), liveAlarm(), liveAlarm(), liveAlarm()
		begun.Raised = time.Time{}
		cleared.Cleared, old.Cleared = at, at.Add(-time.Hour)
		w.round([]*bridge.LiveAlarm{begun, raised, cleared, old})
		w.round(nil, letter(begun.ID, "a"), letter(raised.ID, "b"), letter(cleared.ID, "c"), letter(0, "d"))
		numbers := func(f bridge.AlarmFilter) []int64 {
			return each(got(w.LiveAlarms(w.Context(), f))(w), func(a *bridge.LiveAlarm) int64 { return a.ID })
		}
		w.is([]int64{begun.ID, raised.ID}, numbers(bridge.AlarmFilter{Open: true}))
		w.is([]int64{raised.ID}, numbers(bridge.AlarmFilter{Open: true, Raised: true}))
		w.is([]int64{begun.ID, raised.ID, cleared.ID}, numbers(bridge.AlarmFilter{Cleared: at}))
		w.is([]int64{cleared.ID, old.ID}, numbers(bridge.AlarmFilter{Last: 2}))
		w.is([]int64{raised.ID}, numbers(bridge.AlarmFilter{ID: raised.ID}))
		w.is([]int64{raised.ID, cleared.ID}, numbers(bridge.AlarmFilter{After: begun.ID, First: 2}))
		routes := func(f bridge.MessageFilter) []string {
			return each(w.messages(f), func(m *bridge.Message) string { return m.Route })
		}
		told := w.messages(bridge.MessageFilter{})[1]
		told.Told, told.Tries, told.Trouble = at, 2, "☃"
		w.must(w.SaveMessage(w.Context(), told))
		w.is([]string{"a", "c", "d"}, routes(bridge.MessageFilter{Owed: true}))
		w.is([]string{"a", "b"}, routes(bridge.MessageFilter{Open: true}))
		w.is([]*bridge.Message{told}, w.messages(bridge.MessageFilter{Alarm: raised.ID}))
		w.is([]string{"c", "d"}, routes(bridge.MessageFilter{Last: 2}))
	}},
	{"what people decide and what is found do not write over one another", func(w *world) {
		a := liveAlarm()
		w.round([]*bridge.LiveAlarm{a})
		decided := *a
		decided.Acknowledged, decided.Snoozed, decided.Decision = at, at.Add(time.Hour), bridge.Decision{Who: "olga", Why: "☃"}
		w.must(w.beside().DecideAlarm(w.Context(), &decided, &bridge.Event{Kind: bridge.DecisionTaken, At: at}))
		a.N, a.Gone = 4, at
		w.round([]*bridge.LiveAlarm{a})
		decided.N, decided.Gone = 4, at
		w.is([]*bridge.LiveAlarm{&decided}, got(w.LiveAlarms(w.Context(), bridge.AlarmFilter{}))(w))
	}},
	{"nobody decides about an alarm that is over", func(w *world) {
		a := liveAlarm()
		a.Cleared = at
		w.round([]*bridge.LiveAlarm{a})
		w.wraps(w.DecideAlarm(w.Context(), a, &bridge.Event{Kind: bridge.DecisionTaken}), bridge.ErrMoved)
		w.is([]*bridge.Event(nil), w.journaled(bridge.EventFilter{}))
	}},
	{"a round is entered whole or not at all", func(w *world) {
		for n := 1; ; n++ {
			a := liveAlarm()
			m := letter(4, "ops")
			round := bridge.AlarmRound{Alarms: []*bridge.LiveAlarm{a}, Messages: []*bridge.Message{m}, Notes: map[string]string{"cut": "1"}}
			w.Cut(n)
			err := w.SaveAlarms(w.Context(), round, &bridge.Event{Kind: bridge.AlarmRaised})
			w.Cut(0)
			if err == nil {
				if n < 4 {
					w.Errorf("it was cut only %d times", n-1)
				}
				return
			}
			w.is([]int64{0, 0}, []int64{a.ID, m.ID})
			w.is([]*bridge.LiveAlarm(nil), got(w.LiveAlarms(w.Context(), bridge.AlarmFilter{}))(w))
			w.is([]*bridge.Message(nil), w.messages(bridge.MessageFilter{}))
			w.is("", got(w.Notes(w.Context()))(w)["cut"])
		}
	}},
	{"old alarms are pruned once all that was owed is told", func(w *world) {
		done, owing, open := liveAlarm(), liveAlarm(), liveAlarm()
		done.Cleared, owing.Cleared = at, at
		w.round([]*bridge.LiveAlarm{done, owing, open})
		first, late, digest := letter(done.ID, "a"), letter(owing.ID, "b"), letter(0, "c")
		w.round(nil, first, late, digest, letter(open.ID, "d"))
		first.Told, digest.Told = at, at
		w.must(w.SaveMessage(w.Context(), first))
		w.must(w.SaveMessage(w.Context(), digest))
		w.must(second(w.PruneAlarms(w.Context(), at, 10))) // nothing is older
		w.is(4, len(w.messages(bridge.MessageFilter{})))
		ctx, cancel := context.WithCancel(w.Context())
		cancel()
		w.wraps(second(w.PruneAlarms(ctx, at.Add(time.Hour), 10)), context.Canceled)
		w.must(second(w.PruneAlarms(w.Context(), at.Add(time.Hour), 10)))
		w.is([]int64{owing.ID, open.ID},
			each(got(w.LiveAlarms(w.Context(), bridge.AlarmFilter{}))(w), func(a *bridge.LiveAlarm) int64 { return a.ID }))
		w.is([]string{"b", "d"}, each(w.messages(bridge.MessageFilter{}), func(m *bridge.Message) string { return m.Route }))
	}},
	{"the oldest batch without an outcome is told with its drop", func(w *world) {
		w.is([]bridge.Unjudged{}, got(w.Unjudged(w.Context()))(w))
		d, r := w.run(bridge.Drop{Feed: "prices", Name: "x.csv"})
		for i := range 2 {
			w.must(w.OpenBatch(w.Context(), r.ID, &bridge.Batch{Entity: "prices", Sent: at.Add(-time.Duration(i) * time.Minute)}))
		}
		w.is([]bridge.Unjudged{{N: 2, Oldest: at.Add(-time.Minute), Feed: "prices", Drop: d.ID, File: "x.csv"}}, got(w.Unjudged(w.Context()))(w))
	}},
	{"arrivals and ends of drops are told", func(w *world) {
		for i, state := range []bridge.DropState{bridge.Seen, bridge.Fetched, bridge.Loaded, bridge.Vanished, bridge.Loaded} {
			d := w.drop(bridge.Drop{Feed: "prices", Name: string(rune('a' + i)), SeenAt: at.Add(time.Duration(i) * time.Minute)})
			if state != bridge.Seen {
				d.SettledAt = at
				w.move(d, state)
			}
		}
		w.drop(bridge.Drop{Feed: "products", Name: "other"})
		w.is([]time.Time{at.Add(2 * time.Minute), at.Add(4 * time.Minute)}, got(w.CameSince(w.Context(), "prices", at.Add(2*time.Minute), 10))(w))
		w.is([]time.Time{at.Add(4 * time.Minute)}, got(w.CameSince(w.Context(), "prices", time.Time{}, 1))(w))
		w.is(map[string]map[bridge.DropState]int64{"prices": {bridge.Fetched: 1, bridge.Loaded: 2, bridge.Vanished: 1}},
			got(w.SettledSince(w.Context(), at))(w))
		w.is(map[string]map[bridge.DropState]int64{}, got(w.SettledSince(w.Context(), at.Add(time.Second)))(w))
	}},
}
