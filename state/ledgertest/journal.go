package ledgertest

import (
	"fmt"
	"math"
	"time"

	"github.com/orobridge/orobridge/bridge"
)

var journal = []test{
	{"an event comes back as it was kept", func(w *world) {
		e := &bridge.Event{At: at, Kind: bridge.RunEnded, Feed: "products", Export: "orders", Drop: 1, Run: 2, Batch: 3,
			File: "p.csv", Order: "ORD-1", Alarm: bridge.AlarmStuck, Work: "feed products", Who: "olga@desk", From: "10.0.0.7",
			Person: "customer:ab", Why: "☃ \"asked\"", Bytes: 1 << 40, SHA256: "aa",
			Text: "it's \"☃\" \\ \n", Hint: "wait", Counts: &bridge.Counts{Rows: 3, Created: 2, Parked: 1},
			Visit: &bridge.Visit{Remote: "door", User: "sap", Address: "10.1.0.7", Session: "ab", Known: true, Client: "SSH-2.0-☃",
				Target: "/sap/b.csv", Size: 1 << 41, Whole: true, Broken: true, Took: time.Millisecond, Times: 3, Since: at}}
		bare := &bridge.Event{Kind: bridge.Noted}
		w.must(w.Keep(w.Context(), e, bare))
		w.is([]bool{true, true}, []bool{e.ID > 0, bare.ID > e.ID})
		w.again()
		w.is([]*bridge.Event{e, bare}, w.journaled(bridge.EventFilter{}))
	}},
	{"how far a run is stands in no journal", func(w *world) {
		e := &bridge.Event{At: at, Kind: bridge.RunStarted, Phase: "reading", Done: 3, Total: 4}
		w.must(w.Keep(w.Context(), e))
		e.Phase, e.Done, e.Total = "", 0, 0
		w.is([]*bridge.Event{e}, w.journaled(bridge.EventFilter{}))
	}},
	{"events are chosen", func(w *world) {
		for i, e := range []*bridge.Event{{Drop: 1}, {Drop: 2}, {Drop: 1, Order: "ORD-1"}, {Order: "ORD-1"},
			{Visit: &bridge.Visit{Remote: "door"}}, {Visit: &bridge.Visit{Remote: "door", User: "sap"}}} {
			e.At, e.Kind, e.Text = at.Add(time.Duration(i)*time.Minute), bridge.Noted, fmt.Sprint(i)
			w.must(w.Keep(w.Context(), e))
		}
		second := w.journaled(bridge.EventFilter{})[1].ID
		for name, x := range map[string]struct {
			f    bridge.EventFilter
			want []string
		}{
			"all":                 {bridge.EventFilter{}, []string{"0", "1", "2", "3", "4", "5"}},
			"after another":       {bridge.EventFilter{After: second}, []string{"2", "3", "4", "5"}},
			"of a drop":           {bridge.EventFilter{Drop: 1}, []string{"0", "2"}},
			"without its batches": {bridge.EventFilter{Drop: 2, Outline: true}, []string{"1"}},
			"of an order":         {bridge.EventFilter{Order: "ORD-1"}, []string{"2", "3"}},
			"since":               {bridge.EventFilter{Since: at.Add(3 * time.Minute)}, []string{"3", "4", "5"}},
			"the last two":        {bridge.EventFilter{Last: 2}, []string{"4", "5"}},
			"the two after":       {bridge.EventFilter{After: second, First: 2}, []string{"2", "3"}},
			"of partners":         {bridge.EventFilter{Visits: true}, []string{"4", "5"}},
			"the last of them":    {bridge.EventFilter{Visits: true, Last: 1}, []string{"5"}},
			"of one partner":      {bridge.EventFilter{User: "sap"}, []string{"5"}},
			"of another":          {bridge.EventFilter{User: "SAP"}, nil},
			"the last of a drop":  {bridge.EventFilter{Drop: 1, Last: 1}, []string{"2"}},
			"the last after some": {bridge.EventFilter{After: second, Last: 5}, []string{"2", "3", "4", "5"}},
		} {
			w.sub(name, func(w *world) { w.is(x.want, each(w.journaled(x.f), func(e *bridge.Event) string { return e.Text })) })
		}
	}},
	{"old events are pruned piece by piece, and numbers go on", func(w *world) {
		for i := range 9 {
			w.must(w.Keep(w.Context(), &bridge.Event{At: at.Add(time.Duration(i) * time.Minute), Kind: bridge.Noted, Text: fmt.Sprint(i)}))
		}
		texts := func(e *bridge.Event) string { return e.Text }
		rounds := 0
		for more := true; more && rounds < 9; rounds++ {
			before := len(w.journaled(bridge.EventFilter{}))
			var err error
			more, err = w.PruneEvents(w.Context(), at.Add(7*time.Minute), 3)
			w.must(err)
			if gone := before - len(w.journaled(bridge.EventFilter{})); gone > 3 {
				w.Errorf("%d went at once", gone)
			}
		}
		w.is([]string{"7", "8"}, each(w.journaled(bridge.EventFilter{}), texts))
		last := w.journaled(bridge.EventFilter{Last: 1})[0].ID
		more, err := w.PruneEvents(w.Context(), at.Add(time.Hour), 3)
		w.must(err)
		w.is(false, more)
		w.again()
		next := &bridge.Event{Kind: bridge.Noted}
		w.must(w.Keep(w.Context(), next))
		if next.ID <= last {
			w.Errorf("event %d comes after %d", next.ID, last)
		}
	}},
	{"a decision is not pruned", func(w *world) {
		w.must(w.Keep(w.Context(), &bridge.Event{At: at, Kind: bridge.DecisionTaken}, &bridge.Event{At: at, Kind: bridge.Noted}))
		w.must(second(w.PruneEvents(w.Context(), at.Add(time.Hour), 10)))
		w.is([]bridge.EventKind{bridge.DecisionTaken},
			each(w.journaled(bridge.EventFilter{}), func(e *bridge.Event) bridge.EventKind { return e.Kind }))
	}},
	{"a decision is seen by whoever asks after it", func(w *world) {
		w.must(w.Keep(w.Context(), &bridge.Event{At: at, Kind: bridge.DecisionTaken, Text: "before"}))
		last, decided, err := w.Decided(w.Context(), math.MaxInt64)
		w.must(err)
		w.is(false, decided)
		told := func(want bool) {
			w.Helper()
			last, decided, err = w.Decided(w.Context(), last)
			w.must(err)
			w.is(want, decided)
		}
		w.must(w.Keep(w.Context(), &bridge.Event{At: at, Kind: bridge.Noted, Text: "no decision"}))
		told(false)
		w.must(w.beside().Keep(w.Context(), &bridge.Event{At: at, Kind: bridge.DecisionTaken, Text: "discarded"}))
		told(true)
		told(false)
	}},
	{"a signature belongs to the drop of a feed that carried it first", func(w *world) {
		for _, x := range []struct {
			feed, id    string
			drop, first int64
		}{{"prices", "a", 7, 7}, {"prices", "a", 7, 7}, {"prices", "a", 9, 7}, {"prices", "b", 9, 9}, {"products", "a", 9, 9}} {
			first, err := w.Signed(w.Context(), x.feed, x.id, at, x.drop)
			w.must(err)
			w.is(x.first, first)
		}
		w.again()
		first, err := w.Signed(w.Context(), "prices", "a", at, 12)
		w.must(err)
		w.is(int64(7), first)
	}},
	{"notes are kept under their names until they are empty", func(w *world) {
		want, err := w.Notes(w.Context()) // a ledger may have some of its own
		w.must(err)
		raised, cleared := &bridge.Event{Kind: bridge.WorkPaused, At: at}, &bridge.Event{Kind: bridge.WorkResumed, At: at}
		w.must(w.Note(w.Context(), "paused it's", "no \"route\" ☃", raised))
		w.must(w.Note(w.Context(), "b", "1"))
		w.must(w.Note(w.Context(), "b", "2"))
		w.again()
		notes, err := w.Notes(w.Context())
		w.must(err)
		want["paused it's"], want["b"] = "no \"route\" ☃", "2"
		w.is(want, notes)
		w.must(w.Note(w.Context(), "paused it's", "", cleared))
		w.must(w.Note(w.Context(), "never noted", ""))
		notes, err = w.Notes(w.Context())
		w.must(err)
		delete(want, "paused it's")
		w.is(want, notes)
		w.is([]*bridge.Event{raised, cleared}, w.journaled(bridge.EventFilter{}))
	}},
}
