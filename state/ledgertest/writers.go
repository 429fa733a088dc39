package ledgertest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/formats"
)

var writers = []test{
	{"what one has told the other sees at once", func(w *world) {
		other := w.beside()
		for i := range 5 {
			w.must(w.Note(w.Context(), "a", fmt.Sprint(i)))
			notes, err := other.Notes(w.Context())
			w.must(err)
			w.is(fmt.Sprint(i), notes["a"])
			d := w.drop(bridge.Drop{})
			_, err = other.Drop(w.Context(), d.ID)
			w.must(err)
		}
	}},
	{"writers wait for one another, and each number is given once", func(w *world) {
		const n = 15
		var mu sync.Mutex
		drops, events := map[int64]bool{}, map[int64]bool{}
		g := errgroup.Group{}
		for _, l := range []Ledger{w.Ledger, w.Ledger, w.beside()} {
			g.Go(func() error {
				for range n {
					d, e := &bridge.Drop{Feed: "products", Name: "p.csv"}, &bridge.Event{Kind: bridge.DropSeen}
					if err := l.Listed(w.Context(), bridge.Listing{New: []*bridge.Drop{d}}, e); err != nil {
						return err
					}
					mu.Lock()
					drops[d.ID], events[e.ID] = true, true
					mu.Unlock()
				}
				return nil
			})
		}
		w.must(g.Wait())
		w.is([]int{3 * n, 3 * n}, []int{len(drops), len(events)})
		all, err := w.Drops(w.Context(), bridge.DropFilter{})
		w.must(err)
		for i, d := range all[1:] {
			w.is(all[i].ID, d.Previous)
		}
	}},
	{"whoever reads the journal on from the last number that it knows misses no event, however many write", func(w *world) {
		const n = 15
		var writing errgroup.Group
		for _, l := range []Ledger{w.Ledger, w.Ledger, w.beside()} {
			writing.Go(func() error {
				for range n {
					if err := l.Keep(w.Context(), &bridge.Event{Kind: bridge.Noted}, &bridge.Event{Kind: bridge.Noted}); err != nil {
						return err
					}
				}
				return nil
			})
		}
		reader, written := w.beside(), make(chan error, 1)
		go func() { written <- writing.Wait() }()
		var last int64
		known, done := 0, false
		read := func() {
			w.must(reader.Events(w.Context(), bridge.EventFilter{After: last}, func(e *bridge.Event) error {
				known, last = known+1, e.ID
				return nil
			}))
		}
		for !done {
			select {
			case err := <-written:
				w.must(err)
				done = true
			default:
			}
			read()
		}
		w.is(2*3*n, known)
	}},
	{"of several who move a drop at once one does", func(w *world) {
		other := w.beside()
		for range 5 {
			d := w.drop(bridge.Drop{State: bridge.Held})
			w.once(3, func(i int) error {
				mine, l := *d, []Ledger{w.Ledger, other}[i%2]
				mine.State, mine.DecidedBy = bridge.Loading, fmt.Sprint(i)
				return l.StartRun(w.Context(), &bridge.Run{Drop: d.ID, Kind: bridge.FirstRun, State: bridge.Running, Started: at},
					bridge.Move{Drop: &mine, From: bridge.Held})
			})
			runs, err := w.Runs(w.Context(), d.ID)
			w.must(err)
			w.is(1, len(runs))
		}
	}},
	{"of several who owe at once one does", func(w *world) {
		other := w.beside()
		for round := range int64(4) {
			since, _, err := w.Book(w.Context(), "orders")
			w.must(err)
			w.once(3, func(i int) error {
				entry := entryOf(fmt.Sprint(round, "-", i))
				in := &bridge.Intake{Since: since, Book: bridge.Book{Cursor: since.Cursor, Number: round + 1}, Orders: []*bridge.Entry{entry},
					Files: []*bridge.NewFile{fileOf(round+1, entry)}}
				return []Ledger{w.Ledger, other}[i%2].Owe(w.Context(), "orders", in)
			})
			w.is(int(round)+1, len(w.owed(bridge.OutboxFilter{})))
		}
	}},
	{"of several who save a file at once one does", func(w *world) {
		w.owe(&bridge.Intake{Files: []*bridge.NewFile{fileOf(1)}})
		other := w.beside()
		w.once(3, func(i int) error {
			f, l := *fileOf(1), []Ledger{w.Ledger, other}[i%2]
			f.State = bridge.Written
			return l.SaveOutbox(w.Context(), bridge.OutboxChange{Files: []bridge.FileMove{{Outfile: &f.Outfile, From: bridge.OwedNow}}})
		})
	}},
	{"a walk keeps nobody from asking, nor from writing", walksKeepNobody},
}

// once has n do something at the same time, of whom one succeeds; the others came too late.
func (w *world) once(n int, do func(i int) error) {
	w.Helper()
	errs := make([]error, n)
	var wait sync.WaitGroup
	for i := range n {
		wait.Add(1)
		go func() {
			defer wait.Done()
			errs[i] = do(i)
		}()
	}
	wait.Wait()
	done := 0
	for _, err := range errs {
		if err == nil {
			done++
		} else if !errors.Is(err, bridge.ErrMoved) {
			w.Error(err)
		}
	}
	w.is(1, done)
}

// Several walk at the same time; all are in the middle of it when each asks for something else, and writes.
func walksKeepNobody(w *world) {
	d, r := w.run(bridge.Drop{})
	w.link("products", "A", "B")
	w.must(w.Settle(w.Context(), 0, []bridge.Settlement{parkedOf(d, "A", "X", at), fated(r, "A", bridge.FateCreated)}))
	w.must(w.RejectRows(w.Context(), []bridge.RejectRow{rejectOf(r, "C", formats.Position{})}))
	w.must(w.Keep(w.Context(), &bridge.Event{Kind: bridge.Noted}))
	ctx, cancel := context.WithTimeout(w.Context(), time.Minute)
	defer cancel()
	g, ctx := errgroup.WithContext(ctx)
	walks := w.walks(ctx, d)
	var inside atomic.Int32
	all := make(chan struct{})
	for name, walk := range walks {
		g.Go(func() error {
			first := true
			err := walk(w.Ledger, func() error {
				if first && int(inside.Add(1)) == len(walks) {
					close(all)
				}
				first = false
				select {
				case <-all:
				case <-ctx.Done():
					return ctx.Err()
				}
				_, err := w.Ledger.Drop(ctx, d.ID)
				_, more := w.Outbox(ctx, bridge.OutboxFilter{})
				return errors.Join(err, more, w.Note(ctx, name, "walks"))
			})
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			return nil
		})
	}
	w.must(g.Wait())
}
