package inbound

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/bridge/inbound/order"
	"github.com/orobridge/orobridge/bridge/inbound/plan"
)

// A feed's drops are loaded one after the other, in the feed's order: what the name says (groups date and seq), then the
// server's time, then the name. This file decides which drop is the next, and what keeps it.

// standing are the states of drops that have not come to their end.
var standing = []bridge.DropState{bridge.Seen, bridge.Ready, bridge.Claimed, bridge.Fetched, bridge.Loading, bridge.Held}

// waiting are the states of those of them that wait for their turn, or for a person.
var waiting = []bridge.DropState{bridge.Fetched, bridge.Loading, bridge.Held}

// NextDue is the feed's next drop that may be loaded; nil if there is none. What was begun goes on first, and what a
// person handed over does not stand in line. A drop that has to wait says why.
func (e *Engine) NextDue(ctx context.Context, f *config.Feed) (*bridge.Drop, error) {
	return e.lines.of(f.Name).next(ctx, e, f)
}

// lines are the feeds' lines, by the feeds' names.
type lines struct{ all sync.Map }

func (l *lines) of(feed string) *line {
	found, _ := l.all.LoadOrStore(feed, new(line))
	return found.(*line)
}

// forget has each line read again before it is asked.
func (l *lines) forget() {
	l.all.Range(func(_, found any) bool {
		found.(*line).stale.Store(true)
		return true
	})
}

// line is what stood in a feed's line when it was read, in order. A long one is not read for each of its drops, nor walked to
// its end: so many small files would take hours. It is read again once a tenth of it is gone, when somebody has decided
// something, and before it is said that nothing is due; what is said to be next is always looked up.
type line struct {
	mu    sync.Mutex
	drops []*bridge.Drop
	size  int // when it was read
	gone  int // since
	stale atomic.Bool
}

const (
	rereadShare = 10
	inSight     = 100 // drops of a line that are looked at between two readings
)

func (n *line) next(ctx context.Context, e *Engine, f *config.Feed) (*bridge.Drop, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	fresh := false
	for {
		if n.stale.Swap(false) || n.gone >= n.size/rereadShare {
			if err := n.read(ctx, e, f); err != nil {
				return nil, err
			}
			fresh = true
		}
		d, err := nextOf(ctx, e, f, n.front(fresh || f.Mode == "full")) // a newer full drop may make all before it useless
		if err != nil {
			return nil, err
		}
		switch {
		case d == nil && fresh:
			return nil, nil
		case d == nil:
			n.stale.Store(true)
			continue
		}
		now, err := e.Ledger.Drop(ctx, d.ID)
		if err != nil {
			return nil, err
		}
		if now.State == d.State {
			return now, nil
		}
		*d = *now
		n.gone++
	}
}

// read reads the line anew. Where nothing of it can be loaded it is left unread: files that wait for something may be many.
func (n *line) read(ctx context.Context, e *Engine, f *config.Feed) error {
	drops, err := e.Ledger.Drops(ctx, bridge.DropFilter{Feed: f.Name, States: waiting, First: 1})
	if err == nil && len(drops) > 0 {
		drops, err = e.Ledger.Drops(ctx, bridge.DropFilter{Feed: f.Name, States: standing})
	}
	n.drops = slices.DeleteFunc(drops, func(d *bridge.Drop) bool { return d.Manifest })
	if err == nil && f.Front != "" && len(n.drops) > 0 {
		err = n.addComing(ctx, e, f)
	}
	order.Sort(n.drops)
	slices.SortStableFunc(n.drops, func(x, y *bridge.Drop) int { return cmp.Compare(turn(x), turn(y)) })
	n.size, n.gone = len(drops), 0
	return err
}

// addComing puts the drops into a branch's line of which it has no part yet: they have not come whole.
func (n *line) addComing(ctx context.Context, e *Engine, f *config.Feed) error {
	coming, err := e.Ledger.Drops(ctx, bridge.DropFilter{Feed: f.Front,
		States: []bridge.DropState{bridge.Seen, bridge.Ready, bridge.Claimed, bridge.Fetched}})
	for _, d := range coming {
		if d.State = bridge.Claimed; !d.Manifest {
			n.drops = append(n.drops, d)
		}
	}
	return err
}

// front lists the drops that still stand at the front of the line, or in all of it.
func (n *line) front(all bool) []*bridge.Drop {
	for len(n.drops) > 0 && !slices.Contains(standing, n.drops[0].State) {
		n.drops = n.drops[1:]
	}
	front := n.drops
	if !all && len(front) > inSight {
		front = front[:inSight]
	}
	return slices.DeleteFunc(slices.Clone(front), func(d *bridge.Drop) bool { return !slices.Contains(standing, d.State) })
}

// turn is what comes before the feed's order: first what was begun, then what a person has handed over.
func turn(d *bridge.Drop) int {
	switch {
	case d.State == bridge.Loading:
		return 0
	case d.State == bridge.Fetched && d.Remote == bridge.ByHand:
		return 1
	}
	return 2
}

// nextOf is the first of some drops, in order, that may be loaded.
func nextOf(ctx context.Context, e *Engine, f *config.Feed, drops []*bridge.Drop) (*bridge.Drop, error) {
	if len(drops) > 0 && turn(drops[0]) < 2 {
		return drops[0], nil
	}
	if !slices.ContainsFunc(drops, func(d *bridge.Drop) bool { return d.State == bridge.Fetched || d.State == bridge.Held }) {
		return nil, nil
	}
	q := &queue{journal: journal{e}, f: f, drops: drops}
	err := q.findGaps(ctx)
	if err != nil {
		return nil, err
	}
	if f.Mode == "full" || f.OnFailure == "block" { // others ask nobody what was loaded before
		q.newest, err = order.Last(ctx, e.Ledger, f.Name, "", bridge.Loaded, bridge.Partial, bridge.Duplicate, bridge.Shadowed)
		if err != nil {
			return nil, err
		}
	}
	if err := q.supersede(ctx); err != nil {
		return nil, err
	}
	if err := q.addFailed(ctx); err != nil {
		return nil, err
	}
	return q.next(ctx)
}

// queue is what stands in line for a feed.
type queue struct {
	journal
	f      *config.Feed
	drops  []*bridge.Drop // not settled, or failed and in the way of others; in order
	newest *bridge.Drop   // the last one that was loaded, in order; nil if there is none
	gaps   []int64        // drops that are held because a number is missing before them
}

// findGaps tells the drops that are held for a number from those that a guard holds: these had a run.
func (q *queue) findGaps(ctx context.Context) error {
	for _, d := range q.drops {
		if d.State != bridge.Held || d.Gap == "" || q.f.Gap.Then != "hold" {
			continue
		}
		runs, err := q.e.Ledger.Runs(ctx, d.ID)
		if err != nil {
			return err
		}
		if len(runs) == 0 {
			q.gaps = append(q.gaps, d.ID)
		}
	}
	return nil
}

// supersede settles, in mode full, the drops that a newer one makes useless: one that is fetched, or one that is loaded
// already when the older comes late. A held drop waits for a person until the next one was loaded. Where files are told
// apart by their scope a newer one holds not everything: there each is loaded, and leaves alone what later ones have set.
func (q *queue) supersede(ctx context.Context) error {
	if q.f.Mode != "full" || len(plan.ScopeFields(q.f)) > 0 {
		return nil
	}
	newest := q.newest
	for _, d := range q.drops {
		if d.State == bridge.Fetched && !d.Correction && (newest == nil || order.Compare(d, newest) > 0) {
			newest = d
		}
	}
	var left []*bridge.Drop
	for _, d := range q.drops {
		by := newest
		if d.State == bridge.Held && q.f.OnFailure != "continue" && !q.replaced(d) {
			by = q.newest
		}
		idle := d.State == bridge.Fetched && !d.Correction || d.State == bridge.Held && !q.heldForGap(d)
		if !idle || by == nil || order.Compare(d, by) >= 0 {
			left = append(left, d)
			continue
		}
		if err := q.settleOlder(ctx, d, by); err != nil {
			return err
		}
	}
	q.drops = left
	return nil
}

// settleOlder settles a drop that a newer one has made useless. That the newer one was seen first is an alarm: the sender may
// have meant it the other way round.
func (q *queue) settleOlder(ctx context.Context, d, by *bridge.Drop) error {
	why := fmt.Sprintf("drop %d (%s) is newer and holds everything", by.ID, by.Name)
	if d.SeenAt.After(by.SeenAt) && !order.OutOfLine(by) {
		event, note := q.alarm(d, bridge.AlarmOutOfOrder, fmt.Sprintf("it was seen after drop %d (%s), and stands before it by its name: "+
			"nothing of it is loaded", by.ID, by.Name))
		if err := q.told(q.e.Ledger.Note(ctx, alarmNote(d.Feed, event.Alarm), note, event), event); err != nil {
			return err
		}
	}
	err := q.end(ctx, q.f, d, nil, verdict{state: bridge.Superseded, reason: why})
	return moved(err)
}

// addFailed puts the rejected drops into the line that nobody has decided about and that no later one was loaded after.
func (q *queue) addFailed(ctx context.Context) error {
	if q.f.OnFailure != "block" {
		return nil
	}
	failed, err := q.e.Ledger.Drops(ctx, bridge.DropFilter{Feed: q.f.Name, States: []bridge.DropState{bridge.Rejected}})
	if err == nil && q.f.Front != "" {
		failed, err = partsOf(q.e).AddUnparted(ctx, q.f.Front, failed)
	}
	for _, d := range failed {
		undecided := d.DecidedAt.IsZero() && !d.ClaimedAt.IsZero() && d.Remote != bridge.ByHand && !d.Manifest
		if undecided && (q.newest == nil || order.Compare(d, q.newest) > 0) {
			q.drops = append(q.drops, d)
		}
	}
	order.Sort(q.drops)
	return err
}

// replaced says that the sender has sent a failed drop again, under the same name.
func (q *queue) replaced(failed *bridge.Drop) bool {
	return slices.ContainsFunc(q.drops, func(d *bridge.Drop) bool {
		return d.Name == failed.Name && d.ID > failed.ID && d.State != bridge.Held && d.State != bridge.Rejected
	})
}

// next walks the queue to the first drop that may be loaded, and tells those that can't be what they wait for.
func (q *queue) next(ctx context.Context) (next *bridge.Drop, err error) {
	behind := "" // why those that come now have to wait
	for _, d := range q.drops {
		why := behind
		if why == "" && next == nil {
			if why, err = q.gap(ctx, d); err != nil {
				return nil, err
			}
		}
		if d.State == bridge.Fetched {
			if err := q.explain(ctx, d, why); err != nil {
				return nil, err
			}
			if why == "" && next == nil {
				next = d
			}
		}
		if next == nil && behind == "" {
			behind = q.blocks(d, why)
		}
	}
	return next, nil
}

// blocks says why the drops behind one have to wait; empty when they need not.
func (q *queue) blocks(d *bridge.Drop, why string) string {
	who := fmt.Sprintf("drop %d (%s)", d.ID, d.Name)
	switch {
	case d.State == bridge.Fetched && why != "", q.heldForGap(d):
		return fmt.Sprintf("waits behind %s, which waits for a number that is missing", who)
	case d.State == bridge.Held && q.f.Mode == "full":
		return "" // the next one holds everything, too: it is not kept from the shop by one that nobody has decided about
	case d.State == bridge.Held, d.State == bridge.Rejected:
		if q.f.OnFailure != "block" || q.replaced(d) {
			return ""
		}
		return fmt.Sprintf("waits behind %s, which is %s (on_failure: block): %s", who, d.State, wayOut(d.State))
	case d.State == bridge.Seen, d.State == bridge.Ready, d.State == bridge.Claimed:
		// The name promises an order. A time stamp does not: what is not whole gets a newer one anyway.
		if q.f.Mode == "full" || d.Date == "" && d.Seq == "" {
			return ""
		}
		return fmt.Sprintf("waits behind %s, which has not come whole yet", who)
	}
	return ""
}

// wayOut says what lets the drops behind one that is held or failed go on.
func wayOut(s bridge.DropState) string {
	if s == bridge.Held {
		return "approve or discard it"
	}
	return "discard it, or run it again"
}

func (q *queue) heldForGap(d *bridge.Drop) bool {
	return d.State == bridge.Held && slices.Contains(q.gaps, d.ID)
}

// gap applies the feed's rule for missing numbers to a drop whose turn it is, and says what it waits for.
func (q *queue) gap(ctx context.Context, d *bridge.Drop) (why string, err error) {
	held := q.heldForGap(d)
	if q.f.Gap.Then == "" || d.State != bridge.Fetched && !held || d.Correction || d.State == bridge.Fetched && d.Gap != "" {
		return "", nil
	}
	missing, err := order.Missing(ctx, q.e.Ledger, d, q.f.Front)
	if err != nil {
		return "", err
	}
	switch {
	case held && missing == "":
		d.State, d.Reason, d.Gap = bridge.Fetched, "", ""
		return "", errors.Join(moved(q.advance(ctx, d, bridge.Held)), partsOf(q.e).Join(ctx, q.f, d.Front))
	case held, missing == "":
		return missing, nil
	case q.f.Gap.Then == "hold":
		d.State, d.Gap, d.Reason = bridge.Held, missing, missing+" (gap: hold)"
		q.gaps = append(q.gaps, d.ID)
		event := q.event(bridge.DropHeld, d, d.Reason)
		event.Hint = fmt.Sprintf("send what is missing, or go on with `orobridge approve %d`", d.ID)
		return missing, errors.Join(moved(q.advance(ctx, d, bridge.Fetched, event)), partsOf(q.e).Join(ctx, q.f, d.Front))
	case q.f.Gap.Then == "skip" && q.e.Clock.Now().Before(d.FetchedAt.Add(q.f.Gap.After.D())):
		return fmt.Sprintf("%s: waits for it until %s", missing, d.FetchedAt.Add(q.f.Gap.After.D()).Format("2006-01-02 15:04:05Z07:00")), nil
	}
	d.Gap = missing
	return "", moved(q.advance(ctx, d, bridge.Fetched, q.event(bridge.Noted, d, missing+"; going on")))
}

// LoadDue loads all drops of a feed that are due.
func (e *Engine) LoadDue(ctx context.Context, f *config.Feed) error {
	ctx, done, err := e.TakeUpLoads(ctx, f)
	if err != nil {
		return err
	}
	defer done()
	for {
		d, err := e.NextDue(ctx, f)
		if err != nil || d == nil {
			return err
		}
		if _, err := e.Load(ctx, f, d); err != nil {
			return err
		}
		if err := e.RetryParked(ctx, f, d.ID); err != nil {
			return err
		}
	}
}
