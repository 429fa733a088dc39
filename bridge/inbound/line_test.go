package inbound_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/bridgetest"
	"github.com/orobridge/orobridge/bridge/inbound"
)

// reading counts the drops that are read of a ledger.
type reading struct {
	inbound.Ledger
	drops int
}

func (r *reading) Drops(ctx context.Context, f bridge.DropFilter) ([]*bridge.Drop, error) {
	drops, err := r.Ledger.Drops(ctx, f)
	r.drops += len(drops)
	return drops, err
}

// A long line is not read anew for each of its drops, and is kept in order all the same: what fails in its midst keeps those
// behind it.
func TestALongLineIsNotReadForEachOfItsDrops(t *testing.T) {
	const many, bad = 200, 150
	w := bridgetest.NewWorld(t, bridgetest.FeedOf(`/p_(?P<seq>\d+)\.csv/`, ", ready: { stable: 0s }, on_failure: block"))
	w.Stock("SKU1")
	for i := 1; i <= many; i++ {
		value := fmt.Sprint(i)
		if i == bad {
			value = "x"
		}
		w.Drop("prices", fmt.Sprintf("p_%d.csv", i), bridgetest.OnePrice(value))
	}
	f := w.B.In.Feeds[0]
	_, err := w.B.In.Poll(t.Context(), f)
	w.Must(err)
	count := &reading{Ledger: w.B.In.Ledger}
	w.B.In.Ledger = count
	w.Must(w.B.In.LoadDue(t.Context(), f))
	if count.drops > many*20 {
		t.Errorf("%d drops were read for %d in line", count.drops, many)
	}
	loaded, err := w.Ledger.Drops(t.Context(), bridge.DropFilter{States: []bridge.DropState{bridge.Loaded}})
	w.Must(err)
	if len(loaded) != bad-1 || w.PriceOf("SKU1") != fmt.Sprint(bad-1) {
		t.Errorf("%d were loaded, and the price is %s", len(loaded), w.PriceOf("SKU1"))
	}
	// Somebody decides, and the line goes on to its end.
	failed, err := w.Ledger.Drops(t.Context(), bridge.DropFilter{States: []bridge.DropState{bridge.Rejected}})
	w.Must(err)
	w.Must(w.B.In.Discard(t.Context(), f, failed[0], bridge.Decision{}))
	w.Must(w.B.In.LoadDue(t.Context(), f))
	if w.PriceOf("SKU1") != fmt.Sprint(many) {
		t.Errorf("the price is %s", w.PriceOf("SKU1"))
	}
}

// counting counts how often drops are moved on.
type counting struct {
	inbound.Ledger
	advanced int
	before   func(moves []bridge.Move)
}

func (c *counting) Advance(ctx context.Context, moves []bridge.Move, events ...*bridge.Event) error {
	if c.advanced++; c.before != nil {
		c.before(moves)
	}
	return c.Ledger.Advance(ctx, moves, events...)
}

func TestTheStepsOfSmallFilesAreRecordedTogether(t *testing.T) {
	const many = 120
	w := bridgetest.NewWorld(t, bridgetest.FeedOf("*.csv", ", ready: { stable: 0s }"))
	for i := range many {
		w.Drop("prices", fmt.Sprintf("p%03d.csv", i), bridgetest.OnePrice(fmt.Sprint(i+1)))
	}
	count := &counting{Ledger: w.B.In.Ledger}
	w.B.In.Ledger = count
	w.Stock("SKU1")
	w.Round()
	// Once ready, three times claimed, three times fetched, three times put away.
	if count.advanced > 10 || w.PriceOf("SKU1") != fmt.Sprint(many) {
		t.Errorf("drops were moved on %d times, and the price is %s", count.advanced, w.PriceOf("SKU1"))
	}
}

// moving counts how files are moved.
type moving struct {
	bridge.Remote
	bridge.Bulk
	alone, together int
}

func (m *moving) Move(ctx context.Context, from, to string) error {
	m.alone++
	return m.Remote.Move(ctx, from, to)
}

func (m *moving) MoveAll(ctx context.Context, renames []bridge.Rename) (int, error) {
	m.together++
	return m.Bulk.MoveAll(ctx, renames)
}

func TestSmallFilesAreMovedTogether(t *testing.T) {
	const many = 60
	for marker, moved := range map[string]int{"": 1, ", marker: .ok": 2} {
		w := bridgetest.NewWorld(t, bridgetest.FeedOf("*.csv", ", ready: { stable: 0s"+marker+" }"))
		w.Stock("SKU1")
		for i := range many {
			w.Drop("prices", fmt.Sprintf("p%03d.csv", i), bridgetest.OnePrice(fmt.Sprint(i+1)))
			if marker != "" {
				w.Drop("prices", fmt.Sprintf("p%03d.csv.ok", i), "")
			}
		}
		folder := w.B.In.Remotes["disk"]
		m := &moving{Remote: folder, Bulk: folder.(bridge.Bulk)}
		w.Replace(m)
		w.Round()
		// Two groups, to work and away; before the first of each its folder is missing.
		if m.alone != 0 || m.together != 6 || len(w.Files()) != moved*many || w.PriceOf("SKU1") != fmt.Sprint(many) {
			t.Errorf("%d files were moved alone, and %d times some together; the price is %s", m.alone, m.together, w.PriceOf("SKU1"))
		}
	}
}

func TestOneThatSomebodyDecidesAboutDoesNotKeepItsGroup(t *testing.T) {
	w := bridgetest.NewWorld(t, bridgetest.FeedOf("*.csv", ", ready: { stable: 0s }"))
	w.Stock("SKU1")
	for i := range 3 {
		w.Drop("prices", fmt.Sprintf("p%d.csv", i), bridgetest.OnePrice(fmt.Sprint(i+1)))
	}
	ledger := w.B.In.Ledger
	w.B.In.Ledger = &counting{Ledger: ledger, before: func(moves []bridge.Move) {
		if d, err := ledger.Drop(t.Context(), 2); err == nil && d.State == bridge.Claimed && len(moves) == 3 {
			d.State = bridge.Discarded
			w.Must(ledger.Advance(t.Context(), []bridge.Move{{Drop: d, From: bridge.Claimed}}))
		}
	}}
	f := w.B.In.Feeds[0]
	if _, err := w.B.In.Poll(t.Context(), f); err == nil {
		t.Error("nobody is told")
	}
	for id, want := range map[int64]bridge.DropState{1: bridge.Fetched, 2: bridge.Discarded, 3: bridge.Fetched} {
		if d, err := ledger.Drop(t.Context(), id); err != nil || d.State != want {
			t.Errorf("drop %d is %s, %v", id, d.State, err)
		}
	}
}

// listings counts what they write.
type listings struct {
	inbound.Ledger
	written int
}

func (l *listings) Listed(ctx context.Context, in bridge.Listing, events ...*bridge.Event) error {
	l.written += len(in.New) + len(in.Moves) + len(in.Same)
	return l.Ledger.Listed(ctx, in, events...)
}

// Files whose markers are missing may be many, and are listed again and again: that they still are where they were is not written down.
func TestAPollOfFilesThatWaitForTheirMarkersWritesNothing(t *testing.T) {
	const many = 50
	w := bridgetest.NewWorld(t, bridgetest.FeedOf("*.csv", ", ready: { marker: .ok }"))
	for i := range many {
		w.Drop("prices", fmt.Sprintf("p%03d.csv", i), bridgetest.OnePrice("1"))
	}
	f, counted := w.B.In.Feeds[0], &listings{Ledger: w.B.In.Ledger}
	w.B.In.Ledger = counted
	for _, written := range []int{many, 0, 0} {
		counted.written = 0
		_, err := w.B.In.Poll(t.Context(), f)
		w.Must(err)
		if counted.written != written {
			t.Errorf("%d drops were written and not %d", counted.written, written)
		}
		w.Later(time.Minute)
	}
}

func BenchmarkPollOfAFullFolder(b *testing.B) {
	const many = 1_000
	w := bridgetest.NewWorld(b, bridgetest.FeedOf("*.csv", ", ready: { marker: .ok }"))
	for i := range many {
		w.Drop("prices", fmt.Sprintf("p%05d.csv", i), "x")
	}
	for b.Loop() {
		_, err := w.B.In.Poll(b.Context(), w.B.In.Feeds[0])
		w.Must(err)
	}
	b.ReportMetric(many*float64(b.N)/b.Elapsed().Seconds(), "files/s")
}

// confirming knows which ends of runs may still be lost with the power.
type confirming struct {
	inbound.Ledger
	unsure map[int64]bool // by drop
	ends   int
}

func (c *confirming) SaveRun(ctx context.Context, r *bridge.Run, moves []bridge.Move, events ...*bridge.Event) error {
	if r.State == bridge.Done {
		c.unsure[r.Drop] = true
		c.ends++
	}
	return c.Ledger.SaveRun(ctx, r, moves, events...)
}

func (c *confirming) Confirm(ctx context.Context, t bridge.Term) error {
	clear(c.unsure)
	return c.Ledger.Confirm(ctx, t)
}

// A run's end may wait for the next thing that the ledger is told; what its sender gets, and the last move, wait for it.
func TestNoDropIsPutAwayBeforeItsEndIsOnTheDisk(t *testing.T) {
	w := bridgetest.NewWorld(t, bridgetest.FeedOf("*.csv", ", ready: { stable: 0s }, receipts: [json]"))
	w.Stock("SKU1")
	for i := range 60 {
		w.Drop("prices", fmt.Sprintf("p%03d.csv", i), bridgetest.OnePrice(fmt.Sprint(i+1)))
	}
	c := &confirming{Ledger: w.B.In.Ledger, unsure: map[int64]bool{}}
	w.B.In.Ledger = c
	w.OnStep(func(name string) {
		switch name {
		case "write receipt", "told", "move away", "finish recorded":
			if len(c.unsure) > 0 {
				t.Errorf("at %s the ends of %d drops may be lost", name, len(c.unsure))
			}
		}
	})
	w.Round()
	if c.ends != 60 || len(w.Files()) != 120 {
		t.Errorf("%d runs have ended, and there are %d files", c.ends, len(w.Files()))
	}
}
