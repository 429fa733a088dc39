package apply

import (
	"context"
	"errors"

	"github.com/orobridge/orobridge/bridge"
)

// Resume settles the batches that an interrupted attempt left on their way. What the shop still knows is settled as if
// nothing had happened; the keys of the rest are remembered, so that what is found in the shop counts as what it was sent for. Of a
// batch that is damaged in the ledger no key is known: all of them are looked up.
func (a *Applier) Resume(ctx context.Context) error {
	batches, err := a.Ledger.OpenBatches(ctx, a.Run.ID)
	if err != nil {
		return err
	}
	a.sent = map[string]bridge.Op{}
	lost := false
	for _, b := range batches {
		if b.Damaged {
			event := a.batchEvent(bridge.BatchLost, b, "what the ledger has of its records is not what was written: they are looked up")
			event.Hint = "look after the disk of the ledger: `orobridge state check` says what else it has changed"
			a.Events.Tell(event)
		} else if b.Operation != "" && b.Operation != operationLost {
			outcomes, err := a.await(ctx, b, new(int))
			if err == nil {
				if err := a.settleResumed(ctx, b, outcomes); err != nil {
					return err
				}
				continue
			}
			if !errors.Is(err, bridge.ErrOperationLost) && !errors.Is(err, bridge.ErrOperationFailed) {
				return err
			}
		}
		lost = lost || b.Operation != operationLost
		for _, c := range b.Changes {
			if a.sent[c.Key] != bridge.Create {
				a.sent[c.Key] = c.Op
			}
		}
	}
	if !lost {
		return nil
	}
	return a.persist(ctx, func() error { return a.Shop.Drain(ctx, a.Feed.Entity) })
}

// settleResumed settles what an interrupted attempt's batch brought. Rejects and parked rows are left to the new plan:
// it has the sender's cells, which the batch has not.
func (a *Applier) settleResumed(ctx context.Context, b *bridge.Batch, outcomes []bridge.Outcome) error {
	var ended []fate
	for i, c := range b.Changes {
		if outcomes[i].OroID == "" {
			continue
		}
		staged := &bridge.Staged{Change: *c, Implied: c.Op == bridge.Remove && c.Line == 0}
		if f, ok := a.outcome(staged, outcomes[i]); ok {
			ended = append(ended, f)
		}
	}
	return a.commit(ctx, b.ID, ended, a.batchEvent(bridge.BatchJudged, b, judgement(ended)))
}
