package ledgertest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/formats"
)

// rejectOf is a reject of a run at a position.
func rejectOf(r *bridge.Run, key string, pos formats.Position) bridge.RejectRow {
	return bridge.RejectRow{Drop: r.Drop, Run: r.ID, Entity: "products", State: bridge.RejectOpen,
		Reject: formats.Reject{Pos: pos, Key: key, Field: "name", Code: formats.CodeMissing,
			Message: "name is empty"}, Row: map[string]string{"MATNR": key, `a "b"`: "c\\d\te"}}
}

// warningOf is a warning of a run.
func warningOf(r *bridge.Run, key string) bridge.WarningRow {
	return bridge.WarningRow{Drop: r.Drop, Run: r.ID,
		Warning: formats.Warning{Pos: formats.Position{Line: 3, Offset: 1 << 33, Segment: "E1KNA1M", Doc: "12",
			Part: "a.xml"}, Key: key, Field: "city", Code: formats.CodeIncomplete, Message: `loaded without its "address"`}}
}

// warned lists the warnings of a drop.
func (w *world) warned(drop int64) []bridge.WarningRow {
	w.Helper()
	return walked(w, func(each func(bridge.WarningRow) error) error { return w.Warnings(w.Context(), drop, each) })
}

// rejected lists the keys of the rejects that are chosen.
func (w *world) rejected(f bridge.RejectFilter) []string {
	w.Helper()
	all := walked(w, func(each func(bridge.RejectRow) error) error { return w.Rejects(w.Context(), f, each) })
	return each(all, func(r bridge.RejectRow) string { return r.Key })
}

// fated is a settlement of a row that needed nothing of the ledger but to be remembered.
func fated(r *bridge.Run, key string, fate bridge.RowFate) bridge.Settlement {
	return bridge.Settlement{HistoryEntry: bridge.HistoryEntry{Entity: "products", Key: key, Drop: r.Drop, Run: r.ID,
		Line: 2, Fate: fate, At: at}}
}

var rows = []test{
	{"a reject comes back as it was recorded", func(w *world) {
		_, r := w.run(bridge.Drop{})
		whole := rejectOf(r, "A ☃", formats.Position{Line: 3, Offset: 1 << 33, Segment: "E1MARAM", Doc: "12", Part: "a.xml"})
		bare := bridge.RejectRow{Drop: r.Drop, Run: r.ID, State: bridge.RejectOpen,
			Reject: formats.Reject{Pos: formats.Position{Line: 4, Offset: -1}, Code: formats.CodeRagged}}
		w.must(w.RejectRows(w.Context(), []bridge.RejectRow{bare, whole}))
		w.again()
		got := walked(w, func(each func(bridge.RejectRow) error) error {
			return w.Rejects(w.Context(), bridge.RejectFilter{}, each)
		})
		if len(got) != 2 || got[0].ID == 0 || got[1].ID == 0 {
			w.Fatalf("%+v", got)
		}
		bare.ID, whole.ID = got[0].ID, got[1].ID
		w.is([]bridge.RejectRow{bare, whole}, got)
	}},
	{"bare rejects tell where they stand and no more", func(w *world) {
		_, r := w.run(bridge.Drop{})
		x := rejectOf(r, "A ☃", formats.Position{Line: 3, Offset: 1 << 33, Doc: "12", Part: "a.xml"})
		keyless := rejectOf(r, "", formats.Position{Line: 4})
		w.must(w.RejectRows(w.Context(), []bridge.RejectRow{x, keyless}))
		got := walked(w, func(each func(bridge.RejectRow) error) error {
			return w.Rejects(w.Context(), bridge.RejectFilter{Feed: "products", Open: true, Keyed: true, Bare: true}, each)
		})
		if len(got) != 1 || got[0].ID == 0 {
			w.Fatalf("%+v", got)
		}
		want := bridge.RejectRow{ID: got[0].ID, Drop: r.Drop, Run: r.ID, Entity: x.Entity, State: bridge.RejectOpen,
			Reject: formats.Reject{Pos: x.Pos, Key: x.Key}}
		w.is([]bridge.RejectRow{want}, got)
		w.is(2, len(w.rejected(bridge.RejectFilter{Drop: r.Drop, Bare: true})))
	}},
	{"rejects come in the order of their files", func(w *world) {
		_, second := w.run(bridge.Drop{})
		_, third := w.run(bridge.Drop{Name: "q.csv"})
		w.must(w.RejectRows(w.Context(), []bridge.RejectRow{
			rejectOf(third, "7", formats.Position{Line: 1}),
			rejectOf(second, "4", formats.Position{Line: 1, Offset: 500, Doc: "2"}),
			rejectOf(second, "3", formats.Position{Line: 9, Offset: 100, Doc: "1"}),
			rejectOf(second, "6", formats.Position{Line: 1, Offset: 0, Part: "b.xml"}),
			rejectOf(second, "2", formats.Position{Line: 8, Offset: 0}),
			rejectOf(second, "1", formats.Position{Line: 7, Offset: 900}), // outside documents the line says it
			rejectOf(second, "5", formats.Position{Line: 2, Offset: 500, Doc: "2"}),
		}))
		w.is([]string{"1", "2", "3", "4", "5", "6", "7"}, w.rejected(bridge.RejectFilter{}))
	}},
	{"the last rejects are counted among those that were asked for", lastRejects},
	{"a reject that is open comes to one end", endsOfRejects},
	{"what planning refused is forgotten when a run is planned again", func(w *world) {
		d, r := w.run(bridge.Drop{})
		other := w.start(d, bridge.ReRun)
		w.must(w.RejectRows(w.Context(), []bridge.RejectRow{rejectOf(r, "planned", formats.Position{Line: 2}),
			rejectOf(other, "of another run", formats.Position{})}))
		s, reject := fated(r, "by the shop", bridge.FateRejected), rejectOf(r, "by the shop", formats.Position{Line: 3})
		s.Reject = &reject
		w.must(w.Settle(w.Context(), 0, []bridge.Settlement{s}))
		w.is([]string{"planned", "by the shop", "of another run"}, w.rejected(bridge.RejectFilter{}))
		w.must(w.PlanAgain(w.Context(), r.ID))
		w.is([]string{"by the shop", "of another run"}, w.rejected(bridge.RejectFilter{}))
	}},
	{"warnings come back by run as they were recorded, and go when it is planned again or pruned", func(w *world) {
		d, r := w.run(bridge.Drop{})
		again := w.start(d, bridge.ReRun)
		_, stranger := w.run(bridge.Drop{Name: "q.csv"})
		w.must(w.KeepWarnings(w.Context(), []bridge.WarningRow{warningOf(again, "C"), warningOf(stranger, "D")}))
		w.must(w.KeepWarnings(w.Context(), []bridge.WarningRow{warningOf(r, "B"), warningOf(r, "A ☃")}))
		w.again()
		w.is([]bridge.WarningRow{warningOf(r, "B"), warningOf(r, "A ☃"), warningOf(again, "C")}, w.warned(d.ID))
		w.must(w.PlanAgain(w.Context(), r.ID))
		w.is([]bridge.WarningRow{warningOf(again, "C")}, w.warned(d.ID))
		again.State, again.Ended = bridge.Done, at.Add(-time.Hour)
		w.must(w.SaveRun(w.Context(), again, nil))
		w.must(second(w.Prune(w.Context(), at, 10)))
		w.is([]bridge.WarningRow(nil), w.warned(d.ID))
		w.is([]bridge.WarningRow{warningOf(stranger, "D")}, w.warned(stranger.Drop))
	}},
	{"the fates of a run are told and counted", func(w *world) {
		d, r := w.run(bridge.Drop{})
		other := w.start(d, bridge.ReRun)
		w.must(w.Settle(w.Context(), 0, []bridge.Settlement{fated(r, "A", bridge.FateParked), fated(r, "B", bridge.FateCreated),
			fated(r, `it's "C"`, bridge.FateCreated), fated(other, "D", bridge.FateUpdated)}))
		w.must(w.Settle(w.Context(), 0, []bridge.Settlement{fated(r, "A", bridge.FateUpdated)}))
		fates, err := w.Settled(w.Context(), "products", r.ID, []string{"A", `it's "C"`, "D", "E"})
		w.must(err)
		w.is(map[string]bridge.RowFate{"A": bridge.FateUpdated, `it's "C"`: bridge.FateCreated}, fates)
		fates, err = w.Settled(w.Context(), "products", r.ID, nil)
		w.must(err)
		w.is(map[string]bridge.RowFate{}, fates)
		counts, err := w.Fates(w.Context(), r.ID)
		w.must(err)
		w.is(map[bridge.RowFate]int64{bridge.FateCreated: 2, bridge.FateParked: 1, bridge.FateUpdated: 1}, counts)
	}},
	{"what a drop has done is told key by key, of all its runs or of one", func(w *world) {
		d, r := w.run(bridge.Drop{})
		again := w.start(d, bridge.ReRun)
		_, other := w.run(bridge.Drop{Name: "q.csv"})
		first, then := fated(r, "B", bridge.FateCreated), fated(again, "B", bridge.FateUpdated)
		then.Sent, then.Before = values("name", "new"), values("name", "old")
		w.must(w.Settle(w.Context(), 0, []bridge.Settlement{first, fated(r, "A", bridge.FateCreated),
			fated(other, "A", bridge.FateUpdated), then}))
		told := func(run int64) []bridge.HistoryEntry {
			return walked(w, func(each func(bridge.HistoryEntry) error) error { return w.Changes(w.Context(), d.ID, run, each) })
		}
		w.is([]string{"A created", "B created", "B updated"},
			each(told(0), func(h bridge.HistoryEntry) string { return h.Key + " " + string(h.Fate) }))
		w.is([]bridge.HistoryEntry{then.HistoryEntry}, told(again.ID))
		w.is(d.ID, got(w.DropOf(w.Context(), again.ID))(w))
		w.wraps(second(w.DropOf(w.Context(), 77)), bridge.ErrUnknown)
	}},
	{"a key's history says what was sent, whatever became of its link since", func(w *world) {
		_, r := w.run(bridge.Drop{})
		sent := [][]formats.Value{values("name", "a", "unit", "item"), values("name", "b"), values("name", "b", "unit", "item"),
			values("name", "c")}
		before := [][]formats.Value{values("name", "", "unit", ""), values("name", "a"), values("name", "", "unit", ""), nil}
		var link *bridge.Link
		told := func(n int) {
			w.Helper()
			var told []bridge.HistoryEntry
			for _, e := range got(w.History(w.Context(), "products", "A"))(w) {
				told = append(told, bridge.HistoryEntry{Sent: e.Sent, Before: e.Before})
			}
			var want []bridge.HistoryEntry
			for i := range n {
				want = append(want, bridge.HistoryEntry{Sent: sent[i], Before: before[i]})
			}
			w.is(want, told)
		}
		for i := range sent {
			s := fated(r, "A", bridge.FateUpdated)
			s.Key, s.Sent, s.Before = "A", sent[i], before[i]
			if link == nil {
				link = &bridge.Link{Entity: "products", Key: "A", OroID: "1", At: at}
			}
			link.Lay(sent[i], bridge.Link{})
			s.Link = link
			w.must(w.Settle(w.Context(), 0, []bridge.Settlement{s}))
			told(i + 1)
			if i == 1 {
				w.must(w.Forget(w.Context(), "products", []string{"A"}))
				link = nil
				told(i + 1)
			}
		}
		w.must(w.Forget(w.Context(), "products", []string{"A"}))
		w.again()
		told(len(sent))
	}},
	{"what happened to a key is told in the same way before it has a link, while it has one, and after that", func(w *world) {
		d, r := w.run(bridge.Drop{})
		w.must(w.Settle(w.Context(), 0, []bridge.Settlement{fated(r, "A", bridge.FateParked), fated(r, "B", bridge.FateRejected)}))
		created := fated(r, "A", bridge.FateCreated)
		created.Sent = values("name", "a")
		created.Link = &bridge.Link{Entity: "products", Key: "A", OroID: "1", Content: created.Sent, At: at}
		w.must(w.Settle(w.Context(), 0, []bridge.Settlement{created}))
		tell := func() (told []string) {
			w.Helper()
			fates := got(w.Settled(w.Context(), "products", r.ID, []string{"A", "B", "C"}))(w)
			told = append(told, fmt.Sprint(fates), fmt.Sprint(got(w.Settled(w.Context(), "prices", r.ID, []string{"A", "B", "C"}))(w)))
			for _, x := range walked(w, func(each func(bridge.RowLine) error) error { return w.RowLines(w.Context(), d.ID, each) }) {
				told = append(told, x.Key+" "+string(x.Fate))
			}
			for _, h := range walked(w, func(each func(bridge.HistoryEntry) error) error { return w.Changes(w.Context(), d.ID, 0, each) }) {
				told = append(told, fmt.Sprint(h.Entity, h.Key, h.Fate, h.Sent))
			}
			for _, h := range got(w.History(w.Context(), "products", "A"))(w) {
				told = append(told, fmt.Sprint(h.Entity, h.Key, h.Fate, h.Sent))
			}
			return append(told, fmt.Sprint(got(w.KeysOf(w.Context(), "A", 10))(w)))
		}
		linked := tell()
		w.is(11, len(linked))
		w.must(w.Forget(w.Context(), "products", []string{"A"}))
		w.again()
		w.is(linked, tell())
		gone := fated(r, "A", bridge.FateRemoved)
		w.must(w.Settle(w.Context(), 0, []bridge.Settlement{gone}))
		w.is(map[string]int64{"A": d.ID}, got(w.RemovedBy(w.Context(), "products", []string{"A", "B"}))(w))
		w.link("products", "A")
		again := fated(r, "A", bridge.FateUpdated)
		again.Link = got(w.Links(w.Context(), "products", []string{"A"}))(w)["A"]
		w.must(w.Settle(w.Context(), 0, []bridge.Settlement{again}))
		w.is(map[string]int64{}, got(w.RemovedBy(w.Context(), "products", []string{"A", "B"}))(w))
		w.is(5, len(got(w.History(w.Context(), "products", "A"))(w)))
		forgotten := got(w.Erase(w.Context(), "products", "A", nil))(w)
		w.is([]int64{1, 5}, []int64{forgotten.Links, forgotten.History})
		w.is(0, len(got(w.History(w.Context(), "products", "A"))(w)))
	}},
	{"the step that made a link is told in the same way once something else has happened to its key", makingIsTold},
	{"a word finds the keys that it is a part of", func(w *world) {
		_, r := w.run(bridge.Drop{})
		w.link("prices", "Retail|S-1|item")
		w.link("prices", "Retail|S-10|item")
		w.link("prices", `a\|b\\|S-1|item`)
		w.link("prices", `a\|c|S-1|item`)
		w.link("products", "S-1")
		w.link("products", "S-1|its own")
		w.link("customers", "it's")
		w.must(w.Settle(w.Context(), 0, []bridge.Settlement{fated(r, "Retail|S-1|each", bridge.FateUpdated),
			{HistoryEntry: fated(r, "New", bridge.FateParked).HistoryEntry, Park: &bridge.ParkedRow{Entity: "prices", Key: "New|S-1", Since: at}}}))
		w.must(w.RejectRows(w.Context(), []bridge.RejectRow{rejectOf(r, "S-1|only rejected", formats.Position{Line: 2})}))
		of := func(word string, n int) (all []string) {
			for _, k := range got(w.KeysOf(w.Context(), word, n))(w) {
				w.is(bridge.MainShop, k.Shop)
				all = append(all, k.Entity+" "+k.Key)
			}
			return all
		}
		w.is([]string{"prices New|S-1", "prices Retail|S-1|item", `prices a\|b\\|S-1|item`, `prices a\|c|S-1|item`, "products Retail|S-1|each",
			"products S-1", "products S-1|its own", "products S-1|only rejected"}, of("S-1", 10))
		w.is([]string{"prices Retail|S-10|item", "prices Retail|S-1|item", "products Retail|S-1|each"}, of("Retail", 10))
		w.is([]string{"prices Retail|S-10|item"}, of("Retail|S-10", 10))
		w.is([]string{"customers it's"}, of("it's", 10))
		w.is(1, len(of("Retail", 1)))
		for _, word := range []string{"S-", "%", "item", "S-1 ", "|", ""} {
			w.is([]string(nil), of(word, 10))
		}
	}},
	{"what waits is found by its key", func(w *world) {
		d, r := w.run(bridge.Drop{})
		waits := bridge.ParkedRow{Entity: "products", Key: "A", Drop: d.ID, Run: r.ID, Line: 3,
			Missing: bridge.Missing{Entity: "customers", Key: "M"}, Since: at}
		w.must(w.Settle(w.Context(), 0, []bridge.Settlement{{HistoryEntry: fated(r, "A", bridge.FateParked).HistoryEntry, Park: &waits}}))
		found := got(w.ParkedAs(w.Context(), "products", "A"))(w)
		w.is(true, found != nil && found.Line == 3 && found.Missing == waits.Missing)
		w.is(true, got(w.ParkedAs(w.Context(), "products", "B"))(w) == nil && got(w.ParkedAs(w.Context(), "prices", "A"))(w) == nil)
		w.is(true, got(in(w, "b2b").ParkedAs(w.Context(), "products", "A"))(w) == nil)
	}},
	{"a key has a history", func(w *world) {
		_, r := w.run(bridge.Drop{})
		first := bridge.HistoryEntry{Entity: "products", Key: "A", Drop: r.Drop, Run: r.ID, Line: 4, Fate: bridge.FateUpdated,
			Sent: values("name", "ü", "status", ""), Before: values("name", ""), Detail: "it's \"done\"", At: at}
		second := bridge.HistoryEntry{Entity: "products", Key: "A", Fate: bridge.FateAdopted, At: at.Add(-time.Hour)}
		w.must(w.Settle(w.Context(), 0, []bridge.Settlement{{HistoryEntry: first}, fated(r, "a", bridge.FateCreated)}))
		w.must(w.Settle(w.Context(), 0, []bridge.Settlement{{HistoryEntry: second}}))
		w.again()
		entries, err := w.History(w.Context(), "products", "A")
		w.must(err)
		w.is([]bridge.HistoryEntry{first, second}, entries)
		entries, err = w.History(w.Context(), "prices", "A")
		w.must(err)
		w.is([]bridge.HistoryEntry(nil), entries)
	}},
	{"the drops that removed keys are told", func(w *world) {
		_, one := w.run(bridge.Drop{})
		_, two := w.run(bridge.Drop{Name: "q.csv"})
		w.must(w.Settle(w.Context(), 0, []bridge.Settlement{
			fated(one, "removed", bridge.FateCreated), fated(two, "removed", bridge.FateRemoved), fated(two, "removed", bridge.FateRejected),
			fated(one, "withdrawn", bridge.FateWithdrawn), fated(two, "withdrawn", bridge.FateParked),
			fated(one, "again", bridge.FateRemoved), fated(two, "again", bridge.FateAdopted),
			fated(one, "twice", bridge.FateRemoved), fated(two, "twice", bridge.FateWithdrawn),
		}))
		drops, err := w.RemovedBy(w.Context(), "products", []string{"removed", "withdrawn", "again", "twice", "never"})
		w.must(err)
		w.is(map[string]int64{"removed": two.Drop, "withdrawn": one.Drop, "twice": two.Drop}, drops)
		drops, err = w.RemovedBy(w.Context(), "prices", []string{"removed"})
		w.must(err)
		w.is(map[string]int64{}, drops)
	}},
	{"the rows of a drop are listed by run, line and key", func(w *world) {
		d, r := w.run(bridge.Drop{})
		again := w.start(d, bridge.ReRun)
		_, other := w.run(bridge.Drop{Name: "q.csv"})
		shops, reject := fated(r, "B", bridge.FateRejected), rejectOf(r, "B", formats.Position{Line: 2})
		shops.Reject, shops.Detail = &reject, "shop: no"
		later := fated(again, "A", bridge.FateUpdated)
		later.Line = 1
		w.must(w.Settle(w.Context(), 0, []bridge.Settlement{later, shops, fated(r, "A", bridge.FateCreated),
			fated(other, "A", bridge.FateCreated)}))
		w.must(w.RejectRows(w.Context(), []bridge.RejectRow{rejectOf(r, "C", formats.Position{Line: 1}),
			rejectOf(other, "C", formats.Position{Line: 1})}))
		got := walked(w, func(each func(bridge.RowLine) error) error { return w.RowLines(w.Context(), d.ID, each) })
		w.is([]bridge.RowLine{
			{Run: r.ID, Line: 1, Key: "C", Fate: bridge.FateRejected, Detail: "missing: name is empty"},
			{Run: r.ID, Line: 2, Key: "A", Fate: bridge.FateCreated},
			{Run: r.ID, Line: 2, Key: "B", Fate: bridge.FateRejected, Detail: "shop: no"},
			{Run: again.ID, Line: 1, Key: "A", Fate: bridge.FateUpdated},
		}, got)
	}},
	{"what is old is pruned piece by piece", pruned},
	{"a walk ends where its caller wants", walksEnd},
}

// makingIsTold has links be made in each way, and asks for that before and after a row of their keys is rejected.
func makingIsTold(w *world) {
	d, r := w.run(bridge.Drop{})
	var made []bridge.HistoryEntry
	for key, fields := range map[string][]formats.Value{"created": values("name", "ü", "unit", "item"),
		"adopted": values("name", "b"), "empty": nil} {
		k := &bridge.Link{Entity: "products", Key: key}
		s := fated(r, key, bridge.FateCreated)
		if s.Sent = fields; key == "adopted" {
			s.Fate, s.Sent = bridge.FateAdopted, nil
		}
		s.Before = k.Lay(fields, bridge.Link{OroID: "1", Feed: "products", Drop: s.Drop, Run: s.Run, Line: s.Line, At: s.At})
		s.Link = k
		w.must(w.Settle(w.Context(), 0, []bridge.Settlement{s}))
		made = append(made, s.HistoryEntry)
	}
	slices.SortFunc(made, func(a, b bridge.HistoryEntry) int { return strings.Compare(a.Key, b.Key) })
	_, later := w.run(bridge.Drop{Name: "q.csv"})
	keys := []string{"adopted", "created", "empty"}
	told := func() {
		w.Helper()
		w.is(made, walked(w, func(each func(bridge.HistoryEntry) error) error { return w.Changes(w.Context(), d.ID, r.ID, each) }))
		w.is(3, len(walked(w, func(each func(bridge.RowLine) error) error { return w.RowLines(w.Context(), d.ID, each) })))
		w.is(map[string]bridge.RowFate{"adopted": bridge.FateAdopted, "created": bridge.FateCreated, "empty": bridge.FateCreated},
			got(w.Settled(w.Context(), "products", r.ID, keys))(w))
		w.is(map[bridge.RowFate]int64{bridge.FateAdopted: 1, bridge.FateCreated: 2}, got(w.Fates(w.Context(), r.ID))(w))
		w.is([]int64{3, 0}, w.judged(r.ID))
		for i, key := range keys {
			w.is(made[i], got(w.History(w.Context(), "products", key))(w)[0])
		}
	}
	told()
	w.must(w.Settle(w.Context(), 0, []bridge.Settlement{fated(later, "adopted", bridge.FateRejected),
		fated(later, "created", bridge.FateRemoved),
		fated(later, "empty", bridge.FateUpdated)}))
	told()
	w.must(w.Forget(w.Context(), "products", keys[1:]))
	told()
	w.is(map[string]int64{"created": later.Drop}, got(w.RemovedBy(w.Context(), "products", keys))(w))
}

// The last so many rejects of a drop, a run or a feed are counted among its own.
// endsOfRejects has rejects chosen in each way in which they can be, and ended: what had its end keeps it.
func endsOfRejects(w *world) {
	older, first := w.run(bridge.Drop{})
	_, second := w.run(bridge.Drop{Feed: "prices", Name: "k.csv"})
	ids := map[string]int64{}
	for i, key := range []string{"A", "B", "C", "D", "E", "F", "G"} {
		x := rejectOf(first, key, formats.Position{Line: int64(i + 2)})
		if i >= 3 {
			x.Drop, x.Run, x.Entity = second.Drop, second.ID, "prices"
		}
		w.must(w.RejectRows(w.Context(), []bridge.RejectRow{x}))
	}
	for _, r := range walked(w, func(each func(bridge.RejectRow) error) error {
		return w.Rejects(w.Context(), bridge.RejectFilter{}, each)
	}) {
		ids[r.Key] = r.ID
	}
	count := func(want map[string]int64) {
		w.Helper()
		w.is(want, got(w.OpenRejects(w.Context()))(w))
	}
	count(map[string]int64{"products": 3, "prices": 4})
	third := w.start(older, bridge.ReRun)
	end := bridge.RejectEnd{At: at, Run: third.ID, Drop: older.ID}
	known := bridge.RejectEnd{At: at, Decision: bridge.Decision{Who: "olga@desk", Why: "it's \"known\" ☃"}}
	ends := map[string]bridge.RejectState{}
	for _, c := range []struct {
		filter bridge.RejectFilter
		state  bridge.RejectState
		end    bridge.RejectEnd
		want   []string
	}{
		{bridge.RejectFilter{IDs: []int64{ids["A"], 77}}, bridge.RejectAcknowledged, known, []string{"A"}},
		{bridge.RejectFilter{Entity: "products", Keys: []string{"A", "B", "D", "nobody"}, Before: third.ID},
			bridge.RejectMended, end, []string{"B"}},
		{bridge.RejectFilter{Entity: "prices", Keys: []string{}}, bridge.RejectMended, end, nil},
		{bridge.RejectFilter{Before: second.ID, Drop: second.Drop}, bridge.RejectMended, end, nil},
		{bridge.RejectFilter{Run: second.ID, Keys: []string{"D"}}, bridge.RejectRepeated, end, []string{"D"}},
		{bridge.RejectFilter{Feed: "prices"}, bridge.RejectExpired, end, []string{"E", "F", "G"}},
		{bridge.RejectFilter{Drop: older.ID}, bridge.RejectAcknowledged, known, []string{"C"}},
		{bridge.RejectFilter{}, bridge.RejectAcknowledged, known, nil},
	} {
		event := &bridge.Event{Kind: bridge.DecisionTaken, Text: string(c.state)}
		n, err := w.EndRejects(w.Context(), c.filter, c.state, c.end, event)
		w.must(err)
		w.is(int64(len(c.want)), n)
		for _, key := range c.want {
			ends[key] = c.state
		}
		if event.ID == 0 {
			w.Error("its event has no number")
		}
	}
	count(map[string]int64{})
	w.is([]string(nil), w.rejected(bridge.RejectFilter{Open: true}))
	w.again()
	for _, r := range walked(w, func(each func(bridge.RejectRow) error) error {
		return w.Rejects(w.Context(), bridge.RejectFilter{}, each)
	}) {
		want := end
		if ends[r.Key] == bridge.RejectAcknowledged {
			want = known
		}
		w.is(ends[r.Key], r.State)
		w.is(want, r.End)
	}
}

func lastRejects(w *world) {
	older, first := w.run(bridge.Drop{})
	_, second := w.run(bridge.Drop{Feed: "prices", Name: "k.csv"})
	for i, key := range []string{"A", "B", "C", "D", "E", "F"} {
		r := first
		if i >= 3 {
			r = second
		}
		w.must(w.RejectRows(w.Context(), []bridge.RejectRow{rejectOf(r, key, formats.Position{Line: int64(i + 2)})}))
	}
	for name, c := range map[string]struct {
		filter bridge.RejectFilter
		want   []string
	}{
		"of a drop":                 {bridge.RejectFilter{Drop: older.ID, Last: 2}, []string{"B", "C"}},
		"of a run":                  {bridge.RejectFilter{Run: first.ID, Last: 3}, []string{"A", "B", "C"}},
		"of a feed":                 {bridge.RejectFilter{Feed: "products", Last: 1}, []string{"C"}},
		"of the ledger":             {bridge.RejectFilter{Last: 4}, []string{"C", "D", "E", "F"}},
		"without a limit":           {bridge.RejectFilter{Drop: older.ID}, []string{"A", "B", "C"}},
		"of a feed with none":       {bridge.RejectFilter{Feed: "customers"}, nil},
		"of one feed's other drops": {bridge.RejectFilter{Feed: "prices", Drop: older.ID}, nil},
	} {
		w.sub(name, func(w *world) { w.is(c.want, w.rejected(c.filter)) })
	}
}

func pruned(w *world) {
	d, old := w.run(bridge.Drop{})
	young, running := w.start(d, bridge.ReRun), w.start(d, bridge.ReRun)
	for _, r := range []*bridge.Run{old, young, running} {
		for i := range 7 {
			key := fmt.Sprint("K", i)
			w.must(w.Settle(w.Context(), 0, []bridge.Settlement{fated(r, key, bridge.FateCreated)}))
			w.must(w.RejectRows(w.Context(), []bridge.RejectRow{rejectOf(r, key, formats.Position{Line: int64(i)})}))
		}
	}
	for i := range 4 { // told by their links
		s := fated(old, fmt.Sprint("L", i), bridge.FateCreated)
		s.Link = &bridge.Link{Entity: s.Entity, Key: s.Key, Drop: s.Drop, Run: s.Run, Line: s.Line, At: s.At}
		w.must(w.Settle(w.Context(), 0, []bridge.Settlement{s}))
	}
	old.State, old.Ended, young.State, young.Ended = bridge.Done, at.Add(-time.Hour), bridge.Failed, at
	w.must(w.SaveRun(w.Context(), old, nil))
	w.must(w.SaveRun(w.Context(), young, nil))
	w.link("products", "K0")
	left := func() (n int) {
		fates, err := w.Fates(w.Context(), old.ID)
		w.must(err)
		return int(fates[bridge.FateCreated]) + len(w.rejected(bridge.RejectFilter{Run: old.ID}))
	}
	rounds := 0
	for more := true; more; rounds++ {
		if rounds == 20 {
			w.Fatal("there is no end to it")
		}
		before := left()
		var err error
		more, err = w.Prune(w.Context(), at, 3)
		w.must(err)
		if gone := before - left(); gone > 3 {
			w.Errorf("%d entries went at once", gone)
		}
		if !more && left() != 0 {
			w.Errorf("%d entries are left, and it says that none are", left())
		}
	}
	w.is(14, len(w.rejected(bridge.RejectFilter{})))
	for _, r := range []*bridge.Run{young, running} {
		fates, err := w.Fates(w.Context(), r.ID)
		w.must(err)
		w.is(map[bridge.RowFate]int64{bridge.FateCreated: 7}, fates)
	}
	got, err := w.Links(w.Context(), "products", []string{"K0"})
	w.must(err)
	w.is(1, len(got))
	all, err := w.Runs(w.Context(), d.ID)
	w.must(err)
	w.is([]*bridge.Run{old, young, running}, all)
	more, err := w.Prune(w.Context(), at, 3)
	w.must(err)
	w.is(false, more)
}

var errEnough = errors.New("enough")

func walksEnd(w *world) {
	d, r := w.run(bridge.Drop{})
	w.link("products", "A", "B")
	w.must(w.RejectRows(w.Context(), []bridge.RejectRow{rejectOf(r, "A", formats.Position{}), rejectOf(r, "B", formats.Position{})}))
	w.must(w.Settle(w.Context(), 0, []bridge.Settlement{parkedOf(d, "A", "X", at), parkedOf(d, "B", "X", at)}))
	w.must(w.Keep(w.Context(), &bridge.Event{Kind: bridge.Noted}, &bridge.Event{Kind: bridge.Noted}))
	for name, walk := range w.walks(w.Context(), d) {
		n := 0
		err := walk(w.Ledger, func() error { n++; return errEnough })
		w.wraps(err, errEnough)
		if n != 1 {
			w.Errorf("%s: %d were handed on", name, n)
		}
	}
}

// walks are the methods that hand on one thing after the other.
func (w *world) walks(ctx context.Context, d *bridge.Drop) map[string]func(l Ledger, each func() error) error {
	return map[string]func(l Ledger, each func() error) error{
		"Rejects": func(l Ledger, each func() error) error {
			return l.Rejects(ctx, bridge.RejectFilter{}, func(bridge.RejectRow) error { return each() })
		},
		"RowLines": func(l Ledger, each func() error) error {
			return l.RowLines(ctx, d.ID, func(bridge.RowLine) error { return each() })
		},
		"Unseen": func(l Ledger, each func() error) error {
			return l.Unseen(ctx, "products", "products", func(int64) bool { return false }, func(*bridge.Link) error { return each() })
		},
		"Parked": func(l Ledger, each func() error) error {
			return l.Parked(ctx, "", time.Time{}, func(bridge.ParkedRow) error { return each() })
		},
		"Events": func(l Ledger, each func() error) error {
			return l.Events(ctx, bridge.EventFilter{}, func(*bridge.Event) error { return each() })
		},
	}
}

// parkedOf is the settlement of a row of a drop that waits for a product.
func parkedOf(d *bridge.Drop, key, waitsFor string, since time.Time) bridge.Settlement {
	return bridge.Settlement{
		HistoryEntry: bridge.HistoryEntry{Entity: "prices", Key: key, Drop: d.ID, Run: 1, Line: 5, Fate: bridge.FateParked, At: at},
		Park: &bridge.ParkedRow{Entity: "prices", Key: key, Feed: d.Feed, Drop: d.ID, Run: 1, Line: 5,
			Pos:     formats.Position{Line: 5, Offset: 77, Doc: "1", Part: "a.xml"},
			Missing: bridge.Missing{Entity: "products", Key: waitsFor}, Record: values("value", "1.5"), Remove: true,
			Raw: map[string]string{"PREIS": "1,5"}, Since: since}}
}

// waiting lists the keys of parked rows.
func (w *world) waiting(feed string, since time.Time) []string {
	w.Helper()
	all := walked(w, func(each func(bridge.ParkedRow) error) error { return w.Ledger.Parked(w.Context(), feed, since, each) })
	return each(all, func(p bridge.ParkedRow) string { return p.Key })
}

var parked = []test{
	{"a parked row comes back as it was parked", func(w *world) {
		d := w.drop(bridge.Drop{Feed: "prices"})
		s := parkedOf(d, "it's ☃", "X", at.Add(time.Hour))
		w.must(w.Settle(w.Context(), 0, []bridge.Settlement{s}))
		w.again()
		w.is([]bridge.ParkedRow{*s.Park},
			walked(w, func(each func(bridge.ParkedRow) error) error {
				return w.Ledger.Parked(w.Context(), "", time.Time{}, each)
			}))
	}},
	{"rows are due when their parent has come, or when they have waited for long enough", func(w *world) {
		d, other := w.drop(bridge.Drop{Feed: "prices"}), w.drop(bridge.Drop{Feed: "stock"})
		w.must(w.Settle(w.Context(), 0, []bridge.Settlement{parkedOf(other, "4 of another feed", "X", at), parkedOf(d, "3", "Y", at),
			parkedOf(d, "2", "X", at), parkedOf(d, "1", "Z", at.Add(-time.Hour))}))
		w.is([]string{"1", "2", "3", "4 of another feed"}, w.waiting("", time.Time{}))
		w.is([]string{"1", "2", "3"}, w.waiting("prices", time.Time{}))
		w.is([]string{"1"}, w.waiting("prices", at))
		w.link("products", "X", "y")
		w.link("customers", "Y")
		w.is([]string{"1", "2"}, w.waiting("prices", at))
		w.is([]string{"2"}, w.waiting("prices", at.Add(-time.Hour)))
		w.is([]string{"4 of another feed"}, w.waiting("stock", at))
		n, err := w.CountParked(w.Context(), "prices")
		w.must(err)
		w.is(int64(4), n)
		n, err = w.CountParked(w.Context(), "products")
		w.must(err)
		w.is(int64(0), n)
	}},
	{"one row waits under a key", func(w *world) {
		d, later := w.drop(bridge.Drop{Feed: "prices"}), w.drop(bridge.Drop{Feed: "prices"})
		w.must(w.Settle(w.Context(), 0, []bridge.Settlement{parkedOf(d, "A", "X", at)}))
		newer := parkedOf(later, "A", "Y", at)
		w.must(w.Settle(w.Context(), 0, []bridge.Settlement{newer}))
		w.is([]bridge.ParkedRow{*newer.Park},
			walked(w, func(each func(bridge.ParkedRow) error) error {
				return w.Ledger.Parked(w.Context(), "", time.Time{}, each)
			}))
	}},
	{"a wait ends for the row of the drop that it was", func(w *world) {
		d, later := w.drop(bridge.Drop{Feed: "prices"}), w.drop(bridge.Drop{Feed: "prices"})
		w.must(w.Settle(w.Context(), 0, []bridge.Settlement{parkedOf(later, "A", "X", at), parkedOf(d, "B", "X", at)}))
		ended := func(key string) bridge.Settlement {
			return bridge.Settlement{HistoryEntry: bridge.HistoryEntry{Entity: "prices", Key: key, Drop: d.ID, Fate: bridge.FateCreated},
				Unpark: key}
		}
		w.must(w.Settle(w.Context(), 0, []bridge.Settlement{ended("A"), ended("B"), ended("C")}))
		w.is([]string{"A"}, w.waiting("", time.Time{}))
	}},
	{"waits are cancelled by their keys", func(w *world) {
		d := w.drop(bridge.Drop{Feed: "prices"})
		w.must(w.Settle(w.Context(), 0, []bridge.Settlement{parkedOf(d, "A", "X", at), parkedOf(d, `"B"`, "X", at), parkedOf(d, "C", "X", at)}))
		n, err := w.Unpark(w.Context(), "products", []string{"A"})
		w.must(err)
		w.is(int64(0), n)
		n, err = w.Unpark(w.Context(), "prices", []string{"A", `"B"`, "D"})
		w.must(err)
		w.is(int64(2), n)
		w.is([]string{"C"}, w.waiting("", time.Time{}))
	}},
}
