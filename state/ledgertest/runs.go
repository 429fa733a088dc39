package ledgertest

import (
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/formats"
)

var runs = []test{
	{"a run comes back as it was started and saved", func(w *world) {
		d, first := w.run(bridge.Drop{})
		r := &bridge.Run{Drop: d.ID, Kind: bridge.RetryRun, State: bridge.RunHeld, Force: true, Approved: true, Attempts: 1, Started: at}
		event := &bridge.Event{Kind: bridge.RunStarted, Drop: d.ID}
		d.State = bridge.Held
		w.must(w.StartRun(w.Context(), r, bridge.Move{Drop: d, From: bridge.Loading}, event))
		w.is([]int64{r.ID, r.ID}, []int64{event.Run, w.journaled(bridge.EventFilter{})[0].Run})
		w.is(r, w.lastRun(d))

		r.State, r.Approved, r.Requests, r.Reason, r.Ended = bridge.Done, false, 99, "it's done", at.Add(time.Hour)
		r.Counts = bridge.Counts{Rows: 1, Created: 2, Updated: 3, Unchanged: 4, Adopted: 5, Superseded: 6, Removed: 7, Collapsed: 8,
			Rejected: 9, Parked: 10, Withdrawn: 11, Verified: 12, Warnings: 13}
		r.Unmapped = []formats.Unmapped{{Column: `"colour"`, Nearest: "color"}, {Column: "x"}}
		r.Scope, r.Attempts = "Retail EUR", 3
		r.Skipped = map[string]int64{"texts in other languages": 12, `"`: 1}
		d.State = bridge.Partial
		ended := &bridge.Event{Kind: bridge.RunEnded, Drop: d.ID, Counts: &r.Counts}
		w.must(w.SaveRun(w.Context(), r, []bridge.Move{{Drop: d, From: bridge.Held}}, ended))
		w.again()
		all, err := w.Runs(w.Context(), d.ID)
		w.must(err)
		w.is([]*bridge.Run{first, r}, all)
		got, err := w.Ledger.Drop(w.Context(), d.ID)
		w.must(err)
		w.is(bridge.Partial, got.State)
		all, err = w.Runs(w.Context(), d.ID+1)
		w.must(err)
		w.is([]*bridge.Run(nil), all)
	}},
	{"a run is saved without its drop", func(w *world) {
		d, r := w.run(bridge.Drop{})
		r.Approved = true
		w.must(w.SaveRun(w.Context(), r, nil))
		w.is(true, w.lastRun(d).Approved)
		got, err := w.Ledger.Drop(w.Context(), d.ID)
		w.must(err)
		w.is(bridge.Loading, got.State)
	}},
	{"one of two decisions starts a run", func(w *world) {
		d := w.drop(bridge.Drop{State: bridge.Held})
		mine, theirs := *d, *d
		mine.State, theirs.State = bridge.Loading, bridge.Discarded
		w.must(w.Advance(w.Context(), []bridge.Move{{Drop: &theirs, From: bridge.Held}}))
		before, r := w.everything(), &bridge.Run{Drop: d.ID, Kind: bridge.FirstRun, State: bridge.Running, Started: at}
		event := &bridge.Event{Kind: bridge.RunStarted}
		w.wraps(w.StartRun(w.Context(), r, bridge.Move{Drop: &mine, From: bridge.Held}, event), bridge.ErrMoved)
		w.is(before, w.everything())
		w.is([]int64{0, 0}, []int64{r.ID, event.ID})
	}},
	{"a run whose drop moved is not saved", func(w *world) {
		d, r := w.run(bridge.Drop{})
		before := w.everything()
		r.State, d.State = bridge.Done, bridge.Loaded
		w.wraps(w.SaveRun(w.Context(), r, []bridge.Move{{Drop: d, From: bridge.Held}}, &bridge.Event{Kind: bridge.RunEnded}), bridge.ErrMoved)
		w.is(before, w.everything())
	}},
	{"rows of first runs of a scope that loaded are counted, newest first", func(w *world) {
		ended := func(d bridge.Drop, kind bridge.RunKind, state bridge.RunState, to bridge.DropState, rows int64) {
			entered, _ := w.run(d)
			r := w.lastRun(entered)
			if kind != bridge.FirstRun {
				r.State = bridge.Failed
				w.must(w.SaveRun(w.Context(), r, nil))
				r = w.start(entered, kind)
			}
			r.State, r.Rows, r.Ended, r.Scope = state, rows, at, "EUR"
			entered.State = to
			w.must(w.SaveRun(w.Context(), r, []bridge.Move{{Drop: entered, From: bridge.Loading}}))
		}
		ended(bridge.Drop{}, bridge.FirstRun, bridge.Done, bridge.Loaded, 1)
		ended(bridge.Drop{}, bridge.FirstRun, bridge.Done, bridge.Partial, 2)
		ended(bridge.Drop{}, bridge.FirstRun, bridge.Failed, bridge.Rejected, 3)
		ended(bridge.Drop{}, bridge.FirstRun, bridge.Done, bridge.Discarded, 4)
		ended(bridge.Drop{}, bridge.ReRun, bridge.Done, bridge.Loaded, 5)
		ended(bridge.Drop{Correction: true}, bridge.FirstRun, bridge.Done, bridge.Loaded, 6)
		ended(bridge.Drop{Feed: "prices"}, bridge.FirstRun, bridge.Done, bridge.Loaded, 7)
		ended(bridge.Drop{}, bridge.FirstRun, bridge.Done, bridge.Loaded, 8)
		counts, err := w.RowCounts(w.Context(), "products", "EUR", 5)
		w.must(err)
		w.is([]int64{8, 2, 1}, counts)
		counts, err = w.RowCounts(w.Context(), "products", "EUR", 1)
		w.must(err)
		w.is([]int64{8}, counts)
		counts, err = w.RowCounts(w.Context(), "products", "", 5)
		w.must(err)
		w.is([]int64(nil), counts)
	}},
}

// batchOf is a batch of changes of some products.
func batchOf(keys ...string) *bridge.Batch {
	b := &bridge.Batch{Entity: "products", Sent: at}
	for i, k := range keys {
		rec := &formats.Record{Entity: formats.Products, Key: k, Values: values("name", k, "status", "enabled"),
			Pos: formats.Position{Line: int64(i + 2), Offset: 40, Segment: "E1MARAM", Doc: "0000000000123456", Part: "a.xml"}}
		b.Changes = append(b.Changes, &bridge.Change{Op: bridge.Update, Key: k, OroID: "7", Line: rec.Pos.Line,
			Values: values("name", k), Record: rec})
	}
	return b
}

// openBatches lists the batches of a run whose outcome is not known.
func (w *world) openBatches(run int64) []*bridge.Batch {
	w.Helper()
	open, err := w.OpenBatches(w.Context(), run)
	w.must(err)
	return open
}

// judged are how many fates a run has given, and how many changes stand in its batches.
func (w *world) judged(run int64) []int64 {
	w.Helper()
	fates, open, err := w.Judged(w.Context(), run)
	w.must(err)
	return []int64{fates, open}
}

var batches = []test{
	{"a batch is known until it is settled", func(w *world) {
		_, r := w.run(bridge.Drop{})
		first, second := batchOf("A", `B "größe" \ ☃`), batchOf("C")
		sent := &bridge.Event{Kind: bridge.BatchSent, Run: r.ID}
		w.must(w.OpenBatch(w.Context(), r.ID, first, sent))
		w.must(w.OpenBatch(w.Context(), r.ID, second))
		runs, err := w.Runs(w.Context(), r.Drop)
		w.must(err)
		w.is(true, runs[0].Approved) // a run that sends was let pass
		w.is(first.ID, w.journaled(bridge.EventFilter{})[0].Batch)
		first.Operation = "29"
		w.must(w.SetOperation(w.Context(), first, &bridge.Event{Kind: bridge.Noted}))
		w.again()
		w.is([]*bridge.Batch{first, second}, w.openBatches(r.ID))
		w.is([]int64{0, 3}, w.judged(r.ID))
		w.must(w.Settle(w.Context(), first.ID, []bridge.Settlement{fated(r, "A", bridge.FateUpdated), fated(r, "B", bridge.FateRejected)},
			&bridge.Event{Kind: bridge.BatchJudged}))
		w.is([]*bridge.Batch{second}, w.openBatches(r.ID))
		w.is([]int64{2, 1}, w.judged(r.ID))
		w.is([]int64{0, 0}, w.judged(r.ID+1))
		w.is([]*bridge.Batch(nil), w.openBatches(r.ID+1))
		w.is([]bridge.EventKind{bridge.BatchSent, bridge.Noted, bridge.BatchJudged},
			each(w.journaled(bridge.EventFilter{}), func(e *bridge.Event) bridge.EventKind { return e.Kind }))
	}},
	{"the batches of a run that is over are forgotten", func(w *world) {
		d, r := w.run(bridge.Drop{})
		w.must(w.OpenBatch(w.Context(), r.ID, batchOf("A")))
		for _, state := range []bridge.RunState{bridge.RunHeld, bridge.Running} {
			r.State = state
			w.must(w.SaveRun(w.Context(), r, nil))
			w.is(1, len(w.openBatches(r.ID)))
		}
		other := w.start(d, bridge.ReRun)
		w.must(w.OpenBatch(w.Context(), other.ID, batchOf("A")))
		r.State = bridge.Done
		w.must(w.SaveRun(w.Context(), r, nil))
		w.is([]int{0, 1}, []int{len(w.openBatches(r.ID)), len(w.openBatches(other.ID))})
		other.State = bridge.Failed
		w.must(w.SaveRun(w.Context(), other, nil))
		w.is(0, len(w.openBatches(other.ID)))
	}},
	{"a batch's number is not given again", func(w *world) {
		_, r := w.run(bridge.Drop{})
		last := int64(0)
		for range 3 {
			b := batchOf("A")
			w.must(w.OpenBatch(w.Context(), r.ID, b))
			if b.ID <= last {
				w.Fatalf("batch %d comes after %d", b.ID, last)
			}
			last = b.ID
			w.must(w.Settle(w.Context(), b.ID, nil))
			w.again()
		}
	}},
}
