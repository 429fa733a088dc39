package ledgertest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/formats"
)

// contents is all that a ledger tells, as far as the tests enter it.
type contents struct {
	Drops     []*bridge.Drop
	Papers    map[int64][]string
	Runs      map[int64][]*bridge.Run
	Batches   map[int64][]*bridge.Batch
	Manifests []*bridge.ManifestList
	Rejects   []bridge.RejectRow
	Rows      map[int64][]bridge.RowLine
	Warnings  map[int64][]bridge.WarningRow
	Parked    []bridge.ParkedRow
	Links     map[string]map[string]*bridge.Link
	Refs      map[string][]bridge.LinkRef
	History   map[string][]bridge.HistoryEntry
	Books     map[string]bridge.Book
	Looks     map[string]bridge.Look
	Collected []*bridge.Entry
	Outbox    []*bridge.Owed
	Files     []*bridge.Outfile
	Events    []*bridge.Event
	Notes     map[string]string
	Audit     []bridge.AuditEntry
	Tokens    []*bridge.Token
	Sessions  []*bridge.Session
}

// everything reads all that the ledger tells.
func (w *world) everything() *contents {
	w.Helper()
	ctx := w.Context()
	c := &contents{Papers: map[int64][]string{}, Runs: map[int64][]*bridge.Run{}, Batches: map[int64][]*bridge.Batch{},
		Rows: map[int64][]bridge.RowLine{}, Warnings: map[int64][]bridge.WarningRow{},
		Links: map[string]map[string]*bridge.Link{}, Refs: map[string][]bridge.LinkRef{}, History: map[string][]bridge.HistoryEntry{},
		Books: map[string]bridge.Book{}}
	c.Drops = got(w.Drops(ctx, bridge.DropFilter{}))(w)
	for _, d := range c.Drops {
		c.Papers[d.ID] = got(w.Papers(ctx, d.ID))(w)
		c.Runs[d.ID] = got(w.Runs(ctx, d.ID))(w)
		for _, r := range c.Runs[d.ID] {
			c.Batches[r.ID] = got(w.OpenBatches(ctx, r.ID))(w)
		}
		c.Warnings[d.ID] = w.warned(d.ID)
		c.Rows[d.ID] = walked(w, func(each func(bridge.RowLine) error) error { return w.RowLines(ctx, d.ID, each) })
	}
	c.Manifests = got(w.Manifests(ctx, "products"))(w)
	c.Rejects = walked(w, func(each func(bridge.RejectRow) error) error { return w.Rejects(ctx, bridge.RejectFilter{}, each) })
	c.Parked = walked(w, func(each func(bridge.ParkedRow) error) error { return w.Ledger.Parked(ctx, "", time.Time{}, each) })
	keys := []string{"A", "B", "C", "between", "ORD-1", "ORD-2"}
	for _, entity := range []string{"products", "prices", "order_feedback", bridge.Orders} {
		c.Links[entity] = got(w.Links(ctx, entity, keys))(w)
		c.Refs[entity] = make([]bridge.LinkRef, len(keys))
		w.must(w.Lookup(ctx, entity, keys, c.Refs[entity]))
		for _, k := range keys {
			c.History[entity+" "+k] = got(w.History(ctx, entity, k))(w)
		}
	}
	for _, export := range []string{"orders", "quotes"} {
		book, _, err := w.Book(ctx, export)
		w.must(err)
		c.Books[export] = book
	}
	c.Looks = got(w.Looks(ctx, "orders", []string{"1", "2", "7"}))(w)
	c.Collected = got(w.Collected(ctx, "orders", 100))(w)
	c.Outbox = got(w.Outbox(ctx, bridge.OutboxFilter{}))(w)
	c.Files = got(w.Outfiles(ctx, bridge.OutfileFilter{}))(w)
	c.Events = w.journaled(bridge.EventFilter{})
	c.Notes = got(w.Notes(ctx))(w)
	c.Audit = w.audited(bridge.AuditFilter{})
	c.Tokens = got(w.Tokens(ctx))(w)
	for _, key := range []string{"A", "B"} {
		s, err := w.Session(ctx, bridge.KeyHash(key))
		if !errors.Is(err, bridge.ErrUnknown) {
			w.must(err)
			c.Sessions = append(c.Sessions, s)
		}
	}
	return c
}

// got is a value that must have come without an error.
func got[T any](value T, err error) func(*world) T {
	return func(w *world) T {
		w.Helper()
		w.must(err)
		return value
	}
}

// midst is a ledger in the midst of its work.
type midst struct {
	ready, fetched, manifest *bridge.Drop
	run                      *bridge.Run
	batch                    *bridge.Batch
	link                     *bridge.Link
	entry                    *bridge.Entry
	file                     *bridge.Outfile
	order                    *bridge.Owed
}

func (w *world) midst() *midst {
	m := &midst{ready: w.drop(bridge.Drop{Name: "ready.csv", State: bridge.Ready}),
		fetched:  w.drop(bridge.Drop{Name: "fetched.csv", State: bridge.Fetched}),
		manifest: w.drop(bridge.Drop{Name: "m.txt", State: bridge.Claimed, Manifest: true})}
	loading, run := w.run(bridge.Drop{})
	m.run, m.batch = run, batchOf("A")
	w.must(w.OpenBatch(w.Context(), run.ID, m.batch))
	w.must(w.RejectRows(w.Context(), []bridge.RejectRow{rejectOf(run, "C", formats.Position{Line: 2})}))
	w.must(w.Settle(w.Context(), 0, []bridge.Settlement{parkedOf(loading, "B", "C", at)}))
	w.link("products", "A")
	m.link = w.linked("products", "A")
	m.entry = entryOf("1")
	collected := entryOf("2")
	w.owe(&bridge.Intake{Orders: []*bridge.Entry{m.entry, collected}, Files: []*bridge.NewFile{fileOf(1, m.entry)}})
	m.entry = collected
	m.file, m.order = w.files(bridge.OutfileFilter{})[0], w.owed(bridge.OutboxFilter{})[0]
	w.must(w.BeginSession(w.Context(), sessionOf("A", "olga")))
	w.must(w.AddToken(w.Context(), tokenOf("prometheus")))
	w.must(w.Note(w.Context(), "paused feed products", "no route",
		&bridge.Event{At: at.Add(-time.Hour), Kind: bridge.WorkPaused, Text: "no route"}))
	return m
}

// A change is a call of a method that writes, with the same values each time that it is made.
type change func(ctx context.Context, l Ledger, events ...*bridge.Event) error

// changes are one call of each method that writes, by its name. Those that take no events keep none.
func (w *world) changes(m *midst) map[string]change {
	batch, again := batchOf("C"), *m.run
	old := *m.run
	again.ID, old.State, old.Rows, old.Ended = 0, bridge.Done, 7, at
	return map[string]change{
		"Listed": func(ctx context.Context, l Ledger, events ...*bridge.Event) error {
			return l.Listed(ctx, bridge.Listing{New: []*bridge.Drop{{Feed: "products", Remote: "sap", Folder: "/out", Name: "n.csv"}},
				Same: []int64{m.ready.ID}, At: at}, events...)
		},
		"Advance": func(ctx context.Context, l Ledger, events ...*bridge.Event) error {
			d := *m.ready
			d.State = bridge.Claimed
			return l.Advance(ctx, []bridge.Move{{Drop: &d, From: bridge.Ready}}, events...)
		},
		"Expect": func(ctx context.Context, l Ledger, events ...*bridge.Event) error {
			d := *m.manifest
			d.State = bridge.Fetched
			return l.Expect(ctx, bridge.Move{Drop: &d, From: bridge.Claimed}, []bridge.ManifestEntry{{Name: "p.csv"}}, events...)
		},
		"Reported": func(ctx context.Context, l Ledger, events ...*bridge.Event) error {
			return l.Reported(ctx, m.run.Drop, m.run.ID, []string{"/out/receipts/p.csv"}, events...)
		},
		"StartRun": func(ctx context.Context, l Ledger, events ...*bridge.Event) error {
			d := *m.fetched
			d.State, again.Drop = bridge.Loading, d.ID
			return l.StartRun(ctx, &again, bridge.Move{Drop: &d, From: bridge.Fetched}, events...)
		},
		"SaveRun": func(ctx context.Context, l Ledger, events ...*bridge.Event) error {
			return l.SaveRun(ctx, &old, nil, events...)
		},
		"PlanAgain": func(ctx context.Context, l Ledger, _ ...*bridge.Event) error { return l.PlanAgain(ctx, m.run.ID) },
		"OpenBatch": func(ctx context.Context, l Ledger, e ...*bridge.Event) error {
			return l.OpenBatch(ctx, m.run.ID, batch, e...)
		},
		"Forget": func(ctx context.Context, l Ledger, _ ...*bridge.Event) error {
			return l.Forget(ctx, "products", []string{"A"})
		},
		"Keep": func(ctx context.Context, l Ledger, e ...*bridge.Event) error {
			return l.Keep(ctx, append(e, &bridge.Event{})...)
		},
		"Note": func(ctx context.Context, l Ledger, e ...*bridge.Event) error {
			return l.Note(ctx, "noted", "something", e...)
		},
		"Note away": func(ctx context.Context, l Ledger, e ...*bridge.Event) error {
			return l.Note(ctx, "paused feed products", "", e...)
		},
		"PruneEvents": func(ctx context.Context, l Ledger, _ ...*bridge.Event) error {
			return second(l.PruneEvents(ctx, at, 10))
		},
		"Unpark": func(ctx context.Context, l Ledger, _ ...*bridge.Event) error {
			return second(l.Unpark(ctx, "prices", []string{"B"}))
		},
		"RejectRows": func(ctx context.Context, l Ledger, _ ...*bridge.Event) error {
			return l.RejectRows(ctx, []bridge.RejectRow{rejectOf(m.run, "A", formats.Position{Line: 9})})
		},
		"EndRejects": func(ctx context.Context, l Ledger, events ...*bridge.Event) error {
			return second(l.EndRejects(ctx, bridge.RejectFilter{}, bridge.RejectAcknowledged, bridge.RejectEnd{At: at}, events...))
		},
		"KeepWarnings": func(ctx context.Context, l Ledger, _ ...*bridge.Event) error {
			return l.KeepWarnings(ctx, []bridge.WarningRow{warningOf(m.run, "A"), warningOf(m.run, "B")})
		},
		"SetOperation": func(ctx context.Context, l Ledger, events ...*bridge.Event) error {
			b := *m.batch
			b.Operation = "29"
			return l.SetOperation(ctx, &b, events...)
		},
		"Erase": func(ctx context.Context, l Ledger, e ...*bridge.Event) error {
			return second(l.Erase(ctx, "products", "A", []string{"products"}, e...))
		},
		"BeginSession": func(ctx context.Context, l Ledger, e ...*bridge.Event) error {
			return l.BeginSession(ctx, sessionOf("B", "kai"), e...)
		},
		"TouchSession": func(ctx context.Context, l Ledger, _ ...*bridge.Event) error {
			return l.TouchSession(ctx, bridge.KeyHash("A"), at.Add(time.Minute))
		},
		"EndSession": func(ctx context.Context, l Ledger, e ...*bridge.Event) error {
			return l.EndSession(ctx, bridge.KeyHash("A"), e...)
		},
		"EndSessions": func(ctx context.Context, l Ledger, e ...*bridge.Event) error { return l.EndSessions(ctx, "olga", e...) },
		"AddToken": func(ctx context.Context, l Ledger, e ...*bridge.Event) error {
			return l.AddToken(ctx, tokenOf("shop-admin"), append(e, &bridge.Event{Kind: bridge.DecisionTaken, Text: "AddToken"})...)
		},
		"RevokeToken": func(ctx context.Context, l Ledger, e ...*bridge.Event) error {
			return l.RevokeToken(ctx, "prometheus", at, e...)
		},
		"Settle":     w.settles(m),
		"Owe":        w.owes(),
		"SaveOutbox": w.savesOutbox(m),
	}
}

func second[T any](_ T, err error) error { return err }

// settles is a settlement with all that one can have.
func (w *world) settles(m *midst) change {
	reject := rejectOf(m.run, "C", formats.Position{Line: 8})
	fresh := &bridge.Link{Entity: "products", Key: "B", OroID: "9", Content: values("name", "b"), At: at}
	known := *m.link
	known.Content = values("name", "laid over")
	f, o := *m.file, *m.order
	f.Reason, o.Answer = "answered", "yes"
	settled := []bridge.Settlement{
		{HistoryEntry: bridge.HistoryEntry{Entity: "products", Key: "A", Fate: bridge.FateUpdated, Run: m.run.ID, Drop: m.run.Drop,
			At: at}, Link: &known},
		{HistoryEntry: bridge.HistoryEntry{Entity: "products", Key: "B", Fate: bridge.FateCreated, Run: m.run.ID, Drop: m.run.Drop,
			At: at}, Link: fresh},
		{HistoryEntry: bridge.HistoryEntry{Entity: "products", Key: "C", Fate: bridge.FateRejected, Run: m.run.ID, Drop: m.run.Drop,
			At: at}, Reject: &reject},
		{HistoryEntry: bridge.HistoryEntry{Entity: "prices", Key: "B", Fate: bridge.FateUpdated, Run: m.run.ID, Drop: m.run.Drop, At: at},
			Unpark: "B"},
		parkedOf(&bridge.Drop{ID: m.run.Drop, Feed: "prices"}, "C", "X", at),
		{HistoryEntry: bridge.HistoryEntry{Entity: bridge.Orders, Key: "ORD-1", Fate: "answered", At: at}, Owed: []*bridge.Owed{&o},
			Files: []*bridge.Outfile{&f}},
	}
	return func(ctx context.Context, l Ledger, events ...*bridge.Event) error {
		return l.Settle(ctx, m.batch.ID, settled, events...)
	}
}

// owes is an intake with all that one can have.
func (w *world) owes() change {
	book, _, err := w.Book(w.Context(), "orders")
	w.must(err)
	entry := entryOf("7")
	in := &bridge.Intake{Since: book, Book: bridge.Book{Cursor: bridge.Cursor{At: at}, Number: 2, Document: 3},
		Looks: []bridge.Look{{Sighting: bridge.Sighting{OroID: "7", Updated: at}}}, Orders: []*bridge.Entry{entry},
		Files: []*bridge.NewFile{fileOf(2, entry)}, Links: []*bridge.Link{{Entity: bridge.Orders, Key: "ORD-1", OroID: "1", At: at}},
		History: []bridge.HistoryEntry{{Entity: bridge.Orders, Key: "ORD-1", Fate: "owed"}}}
	return func(ctx context.Context, l Ledger, events ...*bridge.Event) error {
		return l.Owe(ctx, "orders", in, events...)
	}
}

func (w *world) savesOutbox(m *midst) change {
	f, o, stuck := *m.file, *m.order, *m.entry
	f.State, o.OwnAlarm = bridge.Written, bridge.AlarmUnanswered
	stuck.Stuck, stuck.Alarm = "it is damaged", bridge.AlarmStuck
	f.Fetched = bridge.Fetch{At: at, User: "sap"}
	c := bridge.OutboxChange{Files: []bridge.FileMove{{Outfile: &f, From: bridge.OwedNow}}, Fetched: []*bridge.Outfile{&f},
		Owed:    []*bridge.Owed{&o},
		Stuck:   []*bridge.Entry{&stuck},
		History: []bridge.HistoryEntry{{Entity: bridge.Orders, Key: "ORD-1", Fate: "written"}}}
	return func(ctx context.Context, l Ledger, events ...*bridge.Event) error {
		return l.SaveOutbox(ctx, c, events...)
	}
}

// silent are the methods that take no events.
var silent = map[string]bool{"PlanAgain": true, "Forget": true, "PruneEvents": true, "Unpark": true, "RejectRows": true,
	"KeepWarnings": true, "TouchSession": true}

var transactions = func() []test {
	all := []test{{"a large change that is cut anywhere is made whole or not at all", cutAnywhere},
		{"pruning that is cut prunes nothing", pruningIsCut}, {"what failed at its end can be made again", failedAtItsEnd},
		{"a ledger that is closed refuses", closedRefuses}}
	for _, name := range []string{"Listed", "Advance", "Expect", "Reported", "StartRun", "SaveRun", "PlanAgain", "OpenBatch", "Forget",
		"Keep", "Note", "Note away", "PruneEvents", "Unpark", "RejectRows", "EndRejects",
		"KeepWarnings", "BeginSession", "TouchSession", "EndSession", "EndSessions", "AddToken", "RevokeToken",
		"SetOperation", "Erase", "Settle", "Owe", "SaveOutbox"} {
		all = append(all, test{name + " is made whole, kept with its events, or not made at all", func(w *world) {
			do := w.changes(w.midst())[name]
			before, event := w.everything(), &bridge.Event{At: at, Kind: bridge.Noted, Text: name}
			ctx, cancel := context.WithCancel(w.Context())
			cancel()
			w.wraps(do(ctx, w.Ledger, event), context.Canceled)
			w.is(before, w.everything())
			w.is(int64(0), event.ID)
			w.cutAtEachRow(before, event, func() error { return do(w.Context(), w.Ledger, event) })
			after := w.everything()
			last := len(after.Events) - 1
			if kept := last >= 0 && after.Events[last].Text == name || name == "Keep"; kept == silent[name] || kept && event.ID == 0 {
				w.Errorf("its event is kept: %v", kept)
			}
			before.Events, after.Events = nil, after.Events[:0:0]
			if name != "Keep" && name != "PruneEvents" && cmp.Equal(before, after, alike) {
				w.Error("nothing has changed")
			}
			after = w.everything()
			w.again()
			w.is(after, w.everything())
		}})
	}
	return all
}()

// cutAtEachRow makes a change that fails at the first row that it writes, at the second, and so on until it is done.
func (w *world) cutAtEachRow(before *contents, event *bridge.Event, do func() error) {
	w.Helper()
	defer w.Cut(0)
	for n := 1; ; n++ {
		w.Cut(n)
		err := do()
		if err == nil {
			if n == 1 {
				w.Error("it was not cut")
			}
			return
		}
		w.Cut(0)
		w.is(before, w.everything())
		w.is(int64(0), event.ID)
		if n == 100 || w.Failed() {
			w.Fatalf("cut at row %d: %v", n, err)
		}
	}
}

func cutAnywhere(w *world) {
	_, r := w.run(bridge.Drop{})
	const n = 400
	for try := range 10 {
		entity := fmt.Sprint("entity ", try)
		settled := make([]bridge.Settlement, n)
		for i := range settled {
			key := fmt.Sprint("K", i)
			settled[i] = bridge.Settlement{HistoryEntry: bridge.HistoryEntry{Entity: entity, Key: key, Run: r.ID, Fate: bridge.FateCreated, At: at},
				Link: &bridge.Link{Entity: entity, Key: key, Content: values("name", key), Feed: "products", At: at}}
		}
		events := []*bridge.Event{{Kind: bridge.BatchJudged, Text: entity}, {Kind: bridge.BatchJudged, Text: entity}}
		began := time.Now()
		ctx, cancel := context.WithTimeout(w.Context(), rand.N(20*time.Millisecond))
		err := w.Settle(ctx, 0, settled, events...)
		cancel()
		links, kept := 0, 0
		w.must(w.Unseen(w.Context(), entity, "products", func(int64) bool { return false }, func(*bridge.Link) error { links++; return nil }))
		for _, e := range w.journaled(bridge.EventFilter{}) {
			if e.Text == entity {
				kept++
			}
		}
		if want := []int{n, 2}; err == nil {
			w.is(want, []int{links, kept})
			continue
		}
		w.is([]int{0, 0}, []int{links, kept})
		if bridge.FateOf(err) != bridge.Pause {
			w.Errorf("cut after %v, it says: %v", time.Since(began), err)
		}
		w.link("between", fmt.Sprint(try))
		w.must(w.Settle(w.Context(), 0, settled, events...))
		for _, s := range settled[:3] {
			w.is(s.Link, w.linked(entity, s.Key))
		}
		w.is("between", w.linked("between", fmt.Sprint(try)).Entity)
	}
}

func pruningIsCut(w *world) {
	_, r := w.run(bridge.Drop{})
	w.must(w.RejectRows(w.Context(), []bridge.RejectRow{rejectOf(r, "A", formats.Position{})}))
	r.State, r.Ended = bridge.Done, at.Add(-time.Hour)
	w.must(w.SaveRun(w.Context(), r, nil))
	before := w.everything()
	ctx, cancel := context.WithCancel(w.Context())
	cancel()
	w.wraps(second(w.Prune(ctx, at, 10)), context.Canceled)
	w.is(before, w.everything())
	w.must(second(w.Prune(w.Context(), at, 10)))
	w.is([]string(nil), w.rejected(bridge.RejectFilter{}))
}

// A change may fail at its last part, and is made again with the same values.
func failedAtItsEnd(w *world) {
	m := w.midst()
	moved := *m.ready
	w.move(m.ready, bridge.Claimed)
	before := w.everything()
	fresh := &bridge.Drop{Feed: "products", Remote: "sap", Folder: "/out", Name: "n.csv"}
	seen := &bridge.Event{Kind: bridge.DropSeen, File: "n.csv"}
	listing := bridge.Listing{New: []*bridge.Drop{fresh}, Moves: []bridge.Move{{Drop: &moved, From: bridge.Ready}}}
	w.wraps(w.Listed(w.Context(), listing, seen), bridge.ErrMoved)
	w.is(before, w.everything())
	w.is([]int64{0, 0, 0}, []int64{fresh.ID, seen.ID, seen.Drop})
	taker := w.drop(bridge.Drop{Name: "taker.csv"}) // it gets the number that was given back
	listing.Moves = nil
	w.must(w.Listed(w.Context(), listing, seen))
	if fresh.ID <= taker.ID || seen.Drop != fresh.ID {
		w.Errorf("drop %d, its event is of %d; taker %d", fresh.ID, seen.Drop, taker.ID)
	}
	d, err := w.Ledger.Drop(w.Context(), taker.ID)
	w.must(err)
	w.is("taker.csv", d.Name)

	k := &bridge.Link{Entity: "products", Key: "B", OroID: "9", Content: values("name", "b"), At: at}
	f := *m.file
	f.State = bridge.Conflict // from which it has never come
	s := []bridge.Settlement{{HistoryEntry: bridge.HistoryEntry{Entity: "products", Key: "B"}, Link: k}, {Files: []*bridge.Outfile{&f}}}
	w.wraps(w.Settle(w.Context(), 0, s), bridge.ErrMoved)
	w.is(int64(0), k.ID)
	w.link("products", "C") // it gets the number that was given back
	w.must(w.Settle(w.Context(), 0, s[:1]))
	w.is(k, w.linked("products", "B"))
	w.is("C", w.linked("products", "C").Content[0].Text)
}

func closedRefuses(w *world) {
	l, err := w.place()
	w.must(err)
	w.must(l.Close())
	if err := l.Note(w.Context(), "a", "b"); err == nil {
		w.Error("it took a note")
	}
	if _, err := l.Notes(w.Context()); err == nil {
		w.Error("it told its notes")
	}
	if _, err := l.Drops(w.Context(), bridge.DropFilter{}); err == nil {
		w.Error("it told its drops")
	}
}
