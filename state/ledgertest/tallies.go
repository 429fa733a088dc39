package ledgertest

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/formats"
)

// A page reads a ledger in pieces and counts what it shows; that must come to what the lists say.
var tallies = []test{
	{"drops and orders are read page by page, the newest first", func(w *world) {
		for _, name := range []string{"a_1.csv", "b_1.csv", "a_2.csv"} {
			w.drop(bridge.Drop{Name: name})
		}
		page := func(f bridge.DropFilter) []string {
			all, err := w.Drops(w.Context(), f)
			w.must(err)
			return each(all, func(d *bridge.Drop) string { return d.Name })
		}
		w.is([]string{"b_1.csv", "a_2.csv"}, page(bridge.DropFilter{Last: 2}))
		w.is([]string{"a_1.csv", "b_1.csv"}, page(bridge.DropFilter{Last: 2, Before: 3}))
		w.is([]string{"a_1.csv"}, page(bridge.DropFilter{Last: 2, Before: 2, Feed: "products"}))
		w.is([]string{"a_1.csv", "a_2.csv"}, page(bridge.DropFilter{Word: "a_"}))
		w.is([]string{}, page(bridge.DropFilter{Word: "%_1"}))
		w.is([]string{"a_1.csv", "a_2.csv"}, page(bridge.DropFilter{Begins: "a_"}))
		w.is([]string{}, page(bridge.DropFilter{Begins: "_"}))

		w.owe(&bridge.Intake{Orders: []*bridge.Entry{entryOf("7"), entryOf("8"), entryOf("9")}})
		all := w.owed(bridge.OutboxFilter{Last: 1, Before: w.owed(bridge.OutboxFilter{Identifier: "ORD-9"})[0].ID})
		w.is([]string{"ORD-8"}, each(all, func(o *bridge.Owed) string { return o.Order }))
	}},
	{"drops, orders and rejects are read page by page, the oldest first", func(w *world) {
		one, _ := w.drop(bridge.Drop{Name: "1.csv"}), w.drop(bridge.Drop{Name: "2.csv"})
		w.drop(bridge.Drop{Name: "3.csv"})
		drops, err := w.Drops(w.Context(), bridge.DropFilter{After: one.ID, First: 1})
		w.must(err)
		w.is([]string{"2.csv"}, each(drops, func(d *bridge.Drop) string { return d.Name }))

		w.owe(&bridge.Intake{Orders: []*bridge.Entry{entryOf("7"), entryOf("8"), entryOf("9")}})
		all := w.owed(bridge.OutboxFilter{First: 1, After: w.owed(bridge.OutboxFilter{Identifier: "ORD-7"})[0].ID})
		w.is([]string{"ORD-8"}, each(all, func(o *bridge.Owed) string { return o.Order }))

		_, r := w.run(bridge.Drop{Name: "4.csv"})
		w.must(w.RejectRows(w.Context(), []bridge.RejectRow{rejectOf(r, "A", formats.Position{Line: 9}),
			rejectOf(r, "B", formats.Position{Line: 3}), rejectOf(r, "C", formats.Position{Line: 2})}))
		first := w.rejected(bridge.RejectFilter{First: 2})
		w.is([]string{"B", "A"}, first)
		w.is([]string{"C"}, w.rejected(bridge.RejectFilter{After: 2, First: 2}))
	}},
	{"orders are counted by where they stand", ordersAreCounted},
	{"drops are counted by feed and state, with the oldest that waits", func(w *world) {
		w.is(0, len(got(w.DropCounts(w.Context()))(w)))
		for i, d := range []bridge.Drop{{State: bridge.Loaded}, {State: bridge.Held, SeenAt: at.Add(time.Hour)}, {State: bridge.Held, SeenAt: at},
			{State: bridge.Held, Feed: "prices", SeenAt: at.Add(time.Minute)}, {State: bridge.Loaded}} {
			d.Name = string(rune('a'+i)) + ".csv"
			w.drop(d)
		}
		counts := got(w.DropCounts(w.Context()))(w)
		slices.SortFunc(counts, func(a, b bridge.DropCount) int {
			return strings.Compare(string(a.State)+a.Feed, string(b.State)+b.Feed)
		})
		w.is([]bridge.DropCount{{Feed: "prices", State: bridge.Held, N: 1, Oldest: at.Add(time.Minute)},
			{Feed: "products", State: bridge.Held, N: 2, Oldest: at}, {Feed: "products", State: bridge.Loaded, N: 2}}, counts)
	}},
	{"what runs did is counted by day and feed", func(w *world) {
		one := func(feed string, started time.Time, c bridge.Counts) {
			d := w.drop(bridge.Drop{Feed: feed, Name: started.String(), State: bridge.Fetched})
			d.State = bridge.Loading
			r := &bridge.Run{Drop: d.ID, Kind: bridge.FirstRun, State: bridge.Running, Started: started}
			w.must(w.StartRun(w.Context(), r, bridge.Move{Drop: d, From: bridge.Fetched}))
			r.Counts, r.Ended, r.State = c, started.Add(2*time.Second), bridge.Done
			w.must(w.SaveRun(w.Context(), r, nil))
		}
		one("products", at.Add(-24*time.Hour), bridge.Counts{Rows: 1, Created: 1})
		one("products", at, bridge.Counts{Rows: 3, Created: 1, Rejected: 2})
		one("products", at.Add(time.Hour), bridge.Counts{Rows: 4, Updated: 3, Parked: 1, Withdrawn: 5})
		one("prices", at, bridge.Counts{Rows: 7, Unchanged: 7, Adopted: 6, Verified: 5})
		got := walked(w, func(each func(bridge.Tally) error) error { return w.Tallies(w.Context(), at.Add(-time.Hour), each) })
		day := at.Truncate(24 * time.Hour)
		w.is([]bridge.Tally{
			{Day: day, Feed: "prices", Runs: 1, Counts: bridge.Counts{Rows: 7, Unchanged: 7, Adopted: 6, Verified: 5}, Busy: 2 * time.Second},
			{Day: day, Feed: "products", Runs: 2, Busy: 4 * time.Second,
				Counts: bridge.Counts{Rows: 7, Created: 1, Updated: 3, Rejected: 2, Parked: 1, Withdrawn: 5}},
		}, got)
	}},
	{"what went through tells when it got how far", func(w *world) {
		d := w.drop(bridge.Drop{})
		d.State, d.SettledAt = bridge.Partial, at.Add(time.Minute)
		w.must(w.Advance(w.Context(), []bridge.Move{{Drop: d, From: bridge.Seen}}))
		thrown := w.drop(bridge.Drop{})
		thrown.State, thrown.SettledAt = bridge.Discarded, at.Add(time.Minute)
		w.must(w.Advance(w.Context(), []bridge.Move{{Drop: thrown, From: bridge.Seen}}))
		seven, eight := entryOf("7"), entryOf("8")
		w.owe(&bridge.Intake{Orders: []*bridge.Entry{seven, eight}, Files: []*bridge.NewFile{fileOf(1, seven), fileOf(2, eight)}})
		f := w.files(bridge.OutfileFilter{Number: 2})[0]
		f.Written, f.PickedUp = at.Add(time.Second), at.Add(time.Hour)
		w.put(f, bridge.PickedUp)

		since := func(walk func(context.Context, time.Time, func(bridge.Passage) error) error, t time.Time) []bridge.Passage {
			return walked(w, func(each func(bridge.Passage) error) error { return walk(w.Context(), t, each) })
		}
		w.is([]bridge.Passage{{Of: "products", From: at, To: at.Add(time.Minute)}}, since(w.Arrivals, at))
		w.is([]bridge.Passage{}, since(w.Arrivals, at.Add(time.Hour)))
		w.is([]bridge.Passage{{Of: "orders", From: at.Add(-time.Minute), To: at.Add(time.Second), Gone: at.Add(time.Hour)}},
			since(w.Departures, at))
		w.is([]bridge.Passage{}, since(w.Departures, at.Add(time.Hour)))
	}},
}

func ordersAreCounted(w *world) {
	counts := func() bridge.OutboxCounts {
		w.Helper()
		c, err := w.OutboxCounts(w.Context(), "orders")
		w.must(err)
		return c
	}
	w.is(bridge.OutboxCounts{}, counts())
	stuck := entryOf("1")
	stuck.Stuck, stuck.Alarm, stuck.Content = "no lines", bridge.AlarmStuck, nil
	all := []*bridge.Entry{stuck}
	for _, id := range []string{"2", "3", "4", "5", "6", "7"} {
		all = append(all, entryOf(id))
	}
	w.owe(&bridge.Intake{Orders: all, Files: []*bridge.NewFile{fileOf(1, all[2], all[3]), fileOf(2, all[4]), fileOf(3, all[5]),
		fileOf(4, all[6])}})
	for _, f := range w.files(bridge.OutfileFilter{}) {
		switch f.Number {
		case 2:
			f.Written, f.Alarm = at, bridge.AlarmOverdue
			w.put(f, bridge.Written)
		case 3:
			f.Written, f.PickedUp = at.Add(time.Second), at.Add(time.Minute)
			w.put(f, bridge.PickedUp)
		}
	}
	o := w.owed(bridge.OutboxFilter{Identifier: "ORD-7"})[0]
	o.Answered, o.Answer = at, "100"
	w.must(w.SaveOutbox(w.Context(), bridge.OutboxChange{Owed: []*bridge.Owed{o}}))
	got := counts()
	w.is(bridge.OutboxCounts{Collected: 1, Owed: 2, Written: 1, PickedUp: 1, Answered: 1, Stuck: 1, Alarmed: 2,
		LastWritten: at.Add(time.Second)}, got)
	w.is(int64(len(w.owed(bridge.OutboxFilter{}))), got.Total())
}
