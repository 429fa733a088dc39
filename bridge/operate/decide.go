package operate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/bridge/inbound"
	"github.com/orobridge/orobridge/bridge/inbound/order"
)

// Result is what became of a decision about a drop: the drop as it stands now, with the run that was made.
type Result struct {
	Run
	Verdict Verdict `json:"-"`
	Handed  bool    `json:"-"` // the running bridge carries it out
	Paused  string  `json:"-"` // why nobody carries it out before it is resumed
	Unmoved error   `json:"-"` // why the file's last move is still owed; the next round tries again
}

// Verdict is what an end asks of somebody.
type Verdict int

// The verdicts, from the best to the worst.
const (
	Good   Verdict = iota // nothing
	Waits                 // rows were rejected or are parked, or the drop is held: a person has to look
	Failed                // the file can't be read, or the run can't go on as things are
)

// ResultOf judges a drop by its state, and by its run if there is one.
func ResultOf(r Run) *Result {
	v := &Result{Run: r}
	switch {
	case r.Stage == bridge.Failed:
		v.Verdict = Failed
	case r.State == bridge.Partial, r.State == bridge.Rejected, r.State == bridge.Held:
		v.Verdict = Waits
	}
	return v
}

func newResult(d *bridge.Drop, r *bridge.Run) *Result { return ResultOf(newRun(d, r)) }

// Approve lets a held drop go on in spite of its guards.
func (k *Desk) Approve(ctx context.Context, drop int64) (*Result, error) {
	held := func(part *bridge.Drop) bool { return part.State == bridge.Held }
	return k.decide(ctx, drop, held, func(f *config.Feed, d *bridge.Drop) error { return inOf(k, f.Name).Approve(ctx, d, k.By) })
}

// Discard throws a drop away that is held, waits or was rejected: nothing of it is sent.
func (k *Desk) Discard(ctx context.Context, drop int64) (*Result, error) {
	waits := func(part *bridge.Drop) bool { return !part.State.Settled() || part.State == bridge.Rejected }
	return k.decide(ctx, drop, waits, func(f *config.Feed, d *bridge.Drop) error { return inOf(k, f.Name).Discard(ctx, f, d, k.By) })
}

// Rerun loads a settled drop again, or only the rows that its last run rejected.
func (k *Desk) Rerun(ctx context.Context, drop int64, o inbound.RerunOptions) (*Result, error) {
	over := func(part *bridge.Drop) bool {
		return part.State.Settled() && (!o.Rejected || part.State == bridge.Partial || part.State == bridge.Rejected)
	}
	return k.decide(ctx, drop, over, func(f *config.Feed, d *bridge.Drop) error {
		_, err := inOf(k, f.Name).Rerun(ctx, d, o, k.By)
		return err
	})
}

// Range chooses the settled drops of a feed that were seen from a time on and before another; zero times are no bounds.
type Range struct {
	Feed     string
	From, To time.Time
}

// RerunRange loads the drops of a range again, in the order in which they were meant to be loaded. Each is told of each
// result as it comes.
func (k *Desk) RerunRange(ctx context.Context, r Range, o inbound.RerunOptions, each func(*Result) error) error {
	f, err := oneShop(&k.View, r.Feed)
	if err != nil {
		return err
	}
	r.Feed = f.Name
	drops, err := k.within(ctx, r)
	if err != nil {
		return err
	}
	for _, d := range drops {
		if _, err := inOf(k, f.Name).Rerun(ctx, d, o, k.By); err != nil {
			return err
		}
		v, err := k.carryOut(ctx, f, d)
		if err != nil {
			return err
		}
		if err := each(v); err != nil {
			return err
		}
	}
	return nil
}

// within finds the drops of a range that can be loaded again, in their order. None at all is an error.
func (k *Desk) within(ctx context.Context, r Range) ([]*bridge.Drop, error) {
	drops, err := k.Ledger.Drops(ctx, bridge.DropFilter{Feed: r.Feed, From: r.From, To: r.To,
		States: []bridge.DropState{bridge.Loaded, bridge.Partial, bridge.Rejected}})
	if err != nil {
		return nil, err
	}
	drops = slices.DeleteFunc(drops, func(d *bridge.Drop) bool { return d.Manifest })
	if len(drops) == 0 {
		return nil, &bridge.Error{Op: "run again", Object: "feed " + r.Feed, Err: errors.New("no drop of it was seen in that time"),
			Hint: "see orobridge drops --feed " + r.Feed}
	}
	order.Sort(drops)
	return drops, nil
}

// Load takes a file of this machine as a drop of a feed and loads it now. No other bridge may be running.
func (k *Desk) Load(ctx context.Context, feed, path string) (*Result, error) {
	f, err := FeedOf(k.Feeds, feed)
	if err != nil {
		return nil, err
	}
	d, err := inOf(k, f.Name).HandOver(ctx, f, path)
	if err != nil {
		return nil, err
	}
	parts, err := inbound.Parts(ctx, inOf(k, f.Name), f, d)
	if err != nil {
		return nil, err
	}
	if len(parts) > 0 {
		return carryOutParts(ctx, k, d, parts)
	}
	run, err := inOf(k, f.Name).Load(ctx, f, d)
	if err != nil {
		return nil, bridge.Within(fmt.Sprintf("drop %d goes on with the next `orobridge run`", d.ID), err)
	}
	return newResult(d, run), inOf(k, f.Name).RetryParked(ctx, f, d.ID)
}

// Adoption says how many records of a shop are linked now.
type Adoption struct {
	Feed    string `json:"feed"`
	Adopted int64  `json:"adopted"` // linked now
	Known   int64  `json:"known"`   // had a link before
	Entity  string `json:"-"`
}

// Adopt takes all records of a feed's entity that the shop holds as accepted. No other bridge may be running.
func (k *Desk) Adopt(ctx context.Context, feed string) (*Adoption, error) {
	f, err := oneShop(&k.View, feed)
	if err != nil {
		return nil, err
	}
	v := &Adoption{Feed: f.Name, Entity: f.Entity.Name}
	v.Adopted, v.Known, err = inOf(k, f.Name).Adopt(ctx, f)
	return v, err
}

// Leftovers says what became of the files that a lost ledger had left in a feed's work folder.
type Leftovers struct {
	Feed  string   `json:"feed"`
	Moved []string `json:"moved"` // into the feed's folder, to be loaded
	Left  []string `json:"left"`  // where they are: their names are taken, or none of the feed's
}

// AdoptLeftovers puts a feed's leftovers back into its folder. No other bridge may be running.
func (k *Desk) AdoptLeftovers(ctx context.Context, feed string) (*Leftovers, error) {
	f, err := FeedOf(k.Feeds, feed)
	if err != nil {
		return nil, err
	}
	moved, left, err := inOf(k, f.Name).AdoptLeftovers(ctx, f)
	return &Leftovers{Feed: f.Name, Moved: append([]string{}, moved...), Left: append([]string{}, left...)}, err
}

// decide changes what the ledger says about a drop, and carries that out. Of a drop for several shops it changes the parts that it fits.
func (k *Desk) decide(ctx context.Context, drop int64, fits func(part *bridge.Drop) bool,
	change func(*config.Feed, *bridge.Drop) error) (*Result, error) {
	d, err := DropOf(ctx, &k.View, drop)
	if err != nil {
		return nil, err
	}
	f, err := FeedOf(k.Feeds, d.Feed)
	if err != nil {
		return nil, err
	}
	parts, err := partsOf(ctx, &k.View, d)
	if err != nil {
		return nil, err
	}
	if len(parts) > 0 {
		return decideParts(ctx, k, d, parts, fits, change)
	}
	if err := change(f, d); err != nil {
		return nil, err
	}
	return k.carryOut(ctx, f, d)
}

// carryOut loads and moves a drop that was decided about, unless a running bridge does.
func (k *Desk) carryOut(ctx context.Context, f *config.Feed, d *bridge.Drop) (*Result, error) {
	if k.Running && k.Wait {
		return k.followDrop(ctx, d)
	}
	if k.Running {
		return &Result{Run: newRun(d, nil), Handed: true}, nil
	}
	var run *bridge.Run
	paused, err := k.paused(ctx, f.Name)
	if err != nil {
		return nil, err
	}
	if paused != "" && !d.State.Settled() {
		return &Result{Run: newRun(d, nil), Paused: paused}, nil
	}
	if d.State == bridge.Loading || d.State == bridge.Fetched {
		if run, err = inOf(k, f.Name).Load(ctx, f, d); err != nil {
			return nil, err
		}
	}
	unmoved := finish(ctx, k, f, d)
	v := newResult(d, run)
	v.Unmoved = unmoved
	return v, nil
}

// finish carries out the last move of a drop, or of the whole drop whose part it is.
func finish(ctx context.Context, k *Desk, f *config.Feed, d *bridge.Drop) error {
	if d.Front == 0 {
		return inOf(k, f.Name).Finish(ctx, f, d)
	}
	whole, err := k.Ledger.Drop(ctx, d.Front)
	if err != nil {
		return err
	}
	e, front := frontOf(k, f)
	if front == nil {
		return nil // the config has it no more
	}
	return e.Finish(ctx, front, whole)
}
