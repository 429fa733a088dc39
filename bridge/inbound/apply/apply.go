// Package apply brings a plan to the shop: it turns a stage into batches and gives every change its fate.
//
// What the ledger does not know is looked up in the shop first; then batches go out, several at once, each recorded before it
// is sent and settled in one transaction. A change whose fate stays unknown (a broken connection, an operation that was lost
// or failed as a whole) becomes undecided again and is looked up before anything is created a second time. After a crash an
// [Applier] goes on from what the ledger has: see [Applier.Resume].
//
// What may go in: how changes travel and what became of each. What may not: which changes there are (package plan), whether
// they may go (package inbound), and how the shop is spoken to (its adapter, behind [Shop]).
package apply

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/bridge/inbound/trouble"
	"github.com/orobridge/orobridge/formats"
)

const (
	lookUpRows    = 1000   // keys of one look-up
	settleRows    = 1000   // settlements of one transaction
	triesAlone    = 6      // how often a record that travels alone may get lost or fail before it is rejected
	operationLost = "lost" // in place of an operation: nobody knows it
)

// A Shop is where changes go. Methods are safe for concurrent use. Errors are *bridge.Error with a fate.
type Shop interface {
	// Find looks records up by their keys, in bulk, and returns one answer per record, in their order. Found.Values
	// holds the fields that the record itself carries, so that the caller can compare: the shop's value in the record's
	// own words where they mean the same (a rating by id or name, a category with or without the root). It cuts and
	// parallels its requests itself: a thousand records at once cost least.
	Find(ctx context.Context, e *formats.Entity, records []*formats.Record) ([]bridge.Lookup, error)
	// Submit sends a batch and returns what Await needs to follow it: usually the shop's operation id, at times more. A
	// change that can't be encoded comes back in refused, by its index; the others are sent. Prices to be removed are gone
	// when it returns. It fills in the OroID of updates and removals that lack it, and confirms those that have it: what does
	// not fit its key comes back in refused, Unknown and Stale. ErrUncertain when it is unknown whether
	// the shop took the batch; ErrOperationFailed when the shop refused it as a whole for what it holds.
	Submit(ctx context.Context, b *bridge.Batch) (operation string, refused map[int]bridge.Outcome, err error)
	// Await polls an operation until it has ended and says what became of each change of the batch; those that Submit
	// refused come back as Unknown. Changes may be without their records. Wrapped [bridge.ErrOperationLost] when the shop no longer
	// knows the operation or it did not end in time; ErrOperationFailed when the batch failed as a whole, of which some
	// may have been written all the same.
	Await(ctx context.Context, b *bridge.Batch) ([]bridge.Outcome, error)
	// Drain returns once no batch of the entity that this client sent before can still be under way in the shop, whether
	// or not the client knows its operation. After it, a key that is not found will not appear by itself any more.
	Drain(ctx context.Context, e *formats.Entity) error
}

// A Ledger keeps batches on their way, and what became of changes.
type Ledger interface {
	// Settle commits what became of rows and changes, and forgets the batch (0: none) that carried them. A link whose number
	// is gone meanwhile is entered anew. ErrMoved when a file of the outbox is no longer in the state that it was read in.
	Settle(ctx context.Context, batch int64, settled []bridge.Settlement, events ...*bridge.Event) error
	// Lookup answers for many keys at once, in their order; Links reads the full links of some keys, what is unknown is left
	// out; Forget removes them.
	Lookup(ctx context.Context, entity string, keys []string, refs []bridge.LinkRef) error
	Links(ctx context.Context, entity string, keys []string) (map[string]*bridge.Link, error)
	Forget(ctx context.Context, entity string, keys []string) error
	// OpenBatch records a batch before it is sent, and numbers it, and that its run was let pass. SetOperation records the
	// shop's operation of it. OpenBatches lists the batches of a run whose outcome is not known.
	OpenBatch(ctx context.Context, run int64, b *bridge.Batch, events ...*bridge.Event) error
	SetOperation(ctx context.Context, b *bridge.Batch, events ...*bridge.Event) error
	OpenBatches(ctx context.Context, run int64) ([]*bridge.Batch, error)
}

// An Applier carries out one run's stage. Its exported fields above Expected are set before any method is called.
type Applier struct {
	Ledger  Ledger
	Shop    Shop
	Clock   bridge.Clock
	Events  *bridge.Events
	Trouble trouble.Waiter
	Pace    *Pace // shared by all who write to the shop
	Batch   int   // records of a batch at most
	Feed    *config.Feed
	Drop    *bridge.Drop
	Run     *bridge.Run
	Stage   bridge.Stage
	Dry     bool                        // write nothing to the ledger
	Still   func(context.Context) error // asked before each batch: its error ends the sending
	// OnReject is told of each reject, OnExpected, in a plan, of each new record that a stock shop refuses.
	OnReject   func(bridge.RejectRow)
	OnExpected func(bridge.RejectRow)

	Expected int64 // new records that a stock shop refuses; a shop's settings may be wider
	Stale    int64 // ids that were not their keys' any more

	sent     map[string]bridge.Op // changes that an earlier attempt may have brought to the shop, by key
	mu       sync.Mutex           // guards stage, run's counts and accepted
	accepted int64
	total    int64
	done     int64
}

// persist does a piece of the run's work until it succeeds.
func (a *Applier) persist(ctx context.Context, f func() error) error {
	return a.Trouble.Persist(ctx, "feed "+a.Feed.Name, f)
}

// ApplyAll sends the stage until every change has its fate. A record whose parent came in this very file is sent once
// its parent is there; when a whole pass has brought nothing new, the rest is parked.
func (a *Applier) ApplyAll(ctx context.Context) error {
	for idle := 0; ; {
		before, settled := a.accepted, a.Run.Sum()
		if err := a.DecideAll(ctx); err != nil {
			return err
		}
		open, err := a.count(ctx)
		if err != nil {
			return err
		}
		a.total = a.done + open.undecided
		if err := a.sendAll(ctx); err != nil {
			return err
		}
		open, err = a.count(ctx)
		if err != nil {
			return err
		}
		if open.undecided > 0 {
			if idle++; a.Run.Sum() > settled {
				idle = 0
			} else if err := a.Clock.Wait(ctx, bridge.Backoff(idle, nil, rand.Float64())); err != nil {
				return err
			}
			continue
		}
		if open.waiting == 0 {
			return nil
		}
		released := 0
		if a.accepted > before {
			if released, err = a.release(ctx); err != nil {
				return err
			}
		}
		if released == 0 {
			return a.park(ctx)
		}
	}
}

type openChanges struct{ undecided, waiting int64 }

func (a *Applier) count(ctx context.Context) (openChanges, error) {
	counts, err := a.Stage.Count(ctx)
	var o openChanges
	for status, ops := range counts {
		for _, n := range ops {
			switch status {
			case bridge.Undecided, bridge.Decided:
				o.undecided += n
			case bridge.Waiting:
				o.waiting += n
			}
		}
	}
	return o, err
}

// waiting walks the changes whose parents are not there.
func (a *Applier) waiting(ctx context.Context, each func(page []*bridge.Staged) error) error {
	for after := int64(0); ; {
		page, err := a.Stage.Next(ctx, bridge.Waiting, after, settleRows)
		if err != nil || len(page) == 0 {
			return err
		}
		after = page[len(page)-1].Seq
		if err := each(page); err != nil {
			return err
		}
	}
}

// release lets those go on whose parents are of the same entity and have been accepted meanwhile.
func (a *Applier) release(ctx context.Context) (n int, err error) {
	err = a.waiting(ctx, func(page []*bridge.Staged) error {
		var parents []string
		for _, c := range page {
			if c.Missing.Entity == a.Feed.Entity.Name {
				parents = append(parents, c.Missing.Key)
			}
		}
		refs := make([]bridge.LinkRef, len(parents))
		if err := a.Ledger.Lookup(ctx, a.Feed.Entity.Name, parents, refs); err != nil {
			return err
		}
		var free []*bridge.Staged
		for i, c := range slices.DeleteFunc(page, func(c *bridge.Staged) bool { return c.Missing.Entity != a.Feed.Entity.Name }) {
			if refs[i].ID != 0 {
				c.Status, c.Missing = bridge.Undecided, nil
				if c.Link != 0 {
					c.Status = bridge.Decided
				}
				free = append(free, c)
			}
		}
		n += len(free)
		return a.Stage.Save(ctx, free)
	})
	return n, err
}

// park gives what still waits for a parent into the ledger's keeping.
func (a *Applier) park(ctx context.Context) error {
	return a.waiting(ctx, func(page []*bridge.Staged) error {
		ended := make([]fate, len(page))
		for i, c := range page {
			if a.overdue(c) {
				ended[i] = rejected(c, &formats.Reject{Code: formats.CodeParent, Message: fmt.Sprintf("%s %s did not come within %s",
					c.Missing.Entity, c.Missing.Key, a.Feed.ParkFor)})
				continue
			}
			c.Status = bridge.Finished
			ended[i] = fate{change: c, fate: bridge.FateParked}
		}
		return a.settle(ctx, 0, ended, page)
	})
}

// overdue says that a record has waited for its parent for longer than its feed allows.
func (a *Applier) overdue(c *bridge.Staged) bool {
	return !c.Parked.IsZero() && c.Parked.Before(a.Clock.Now().Add(-a.Feed.ParkFor.D()))
}
