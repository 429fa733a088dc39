package operate

import (
	"context"
	"errors"
	"time"

	"github.com/orobridge/orobridge/bridge"
)

// lookEvery is how often somebody who waits looks whether the running bridge is done.
const lookEvery = 200 * time.Millisecond

// moveWithin is how long somebody who waits for a drop goes on waiting, once it is settled, for its last move.
const moveWithin = 5 * time.Second

// await returns once done says so, with an error when the bridge that is waited for is not there any more.
func (k *Desk) await(ctx context.Context, done func() (bool, error)) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		alive := k.Alive == nil || k.Alive() // before it is asked what it has done
		if ok, err := done(); ok || err != nil {
			return err
		}
		if !alive {
			return &bridge.Error{Op: "wait for", Object: "the running bridge", Err: errors.New("it has stopped"),
				Hint: "what was decided is carried out by the next `orobridge run`"}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// followDrop waits until a running bridge has carried out what was decided about a drop.
func (k *Desk) followDrop(ctx context.Context, d *bridge.Drop) (*Result, error) {
	var v *Result
	var settled time.Time
	err := k.await(ctx, func() (bool, error) {
		now, err := k.Ledger.Drop(ctx, d.ID)
		if err != nil {
			return false, err
		}
		if !now.State.Settled() && now.State != bridge.Held {
			parts, err := partsOf(ctx, &k.View, now)
			if err != nil || !waitForPerson(parts) {
				return false, err
			}
		}
		runs, err := k.Ledger.Runs(ctx, d.ID)
		if err != nil {
			return false, err
		}
		var last *bridge.Run
		if len(runs) > 0 {
			last = runs[len(runs)-1]
		}
		if settled.IsZero() {
			settled = time.Now()
		}
		v = newResult(now, last)
		if now.Finish == "" {
			return true, nil
		}
		v.Unmoved = errors.New("see `orobridge drop`")
		return time.Since(settled) > moveWithin, nil
	})
	return v, err
}

// followFiles waits until a running bridge has written files that are owed, or found out that it can't.
func (k *Desk) followFiles(ctx context.Context, files []*bridge.Outfile) error {
	return k.await(ctx, func() (bool, error) {
		for _, f := range files {
			owed, err := k.Ledger.Outbox(ctx, bridge.OutboxFilter{Export: f.Export, Number: f.Number})
			if err != nil {
				return false, err
			}
			for _, o := range owed {
				if o.State == bridge.OwedNow || o.State == bridge.Collected {
					return false, nil
				}
			}
		}
		return true, nil
	})
}
