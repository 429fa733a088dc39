package apply

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/formats"
)

// lost is a batch of which nobody knows whether the shop took it. Once nothing of it can be under way any more its
// changes are looked up again, and only what is missing is sent. When that happens again and again although the shop is
// well otherwise, something in the batch is guilty: it is split like one that failed.
func (a *Applier) lost(ctx context.Context, b *bridge.Batch, changes []*bridge.Staged, why error) error {
	a.Events.Tell(a.batchEvent(bridge.BatchLost, b,
		fmt.Sprintf("unknown whether the shop took its %d records, they are looked up: %v", len(changes), why)))
	tries := 0
	halves := errors.Is(why, bridge.ErrContent) && len(changes) > 1 // what it holds is to blame: waiting would not help
	for _, c := range changes {
		if !halves {
			c.Tries++
		}
		tries = max(tries, c.Tries)
	}
	if tries > 1 && !halves {
		if err := a.Clock.Wait(ctx, bridge.Backoff(tries-1, nil, rand.Float64())); err != nil {
			return err
		}
	}
	if err := a.persist(ctx, func() error { return a.Shop.Drain(ctx, a.Feed.Entity) }); err != nil {
		return err
	}
	switch {
	case halves:
		return a.split(ctx, b, changes, why)
	case tries == 1, len(changes) == 1 && tries < triesAlone:
		return a.undecide(ctx, b, changes, len(changes))
	default:
		return a.split(ctx, b, changes, why)
	}
}

// failed is a batch that failed as a whole. A record that travels alone is tried again for a while, since a shop in trouble
// gives up every batch; one that the shop did not even take is guilty at once.
func (a *Applier) failed(ctx context.Context, b *bridge.Batch, changes []*bridge.Staged, why error) error {
	c := changes[0]
	if len(changes) > 1 || b.Operation == "" {
		return a.split(ctx, b, changes, why)
	}
	if c.Tries++; c.Tries == triesAlone {
		return a.split(ctx, b, changes, why)
	}
	if err := a.Clock.Wait(ctx, bridge.Backoff(c.Tries, nil, rand.Float64())); err != nil {
		return err
	}
	return a.undecide(ctx, b, changes, 1)
}

// split is a batch that failed as a whole: its changes go out again in halves, until the guilty one stands alone.
func (a *Applier) split(ctx context.Context, b *bridge.Batch, changes []*bridge.Staged, why error) error {
	if len(changes) > 1 {
		return a.undecide(ctx, b, changes, (len(changes)+1)/2)
	}
	var shop *bridge.Error
	if errors.As(why, &shop) {
		why = shop.Err
	}
	f := rejected(changes[0], &formats.Reject{Code: formats.CodeShop,
		Message: fmt.Sprintf("the shop can't process this record (%v); its log may say why", why)})
	return a.settle(ctx, b.ID, []fate{f}, changes)
}

func (a *Applier) undecide(ctx context.Context, b *bridge.Batch, changes []*bridge.Staged, limit int) error {
	for _, c := range changes {
		c.Status, c.Again, c.Cap = bridge.Undecided, c.Again || c.Op == bridge.Create, limit
		if c.Op != bridge.Create {
			c.Status = bridge.Decided // an update or a removal can be repeated as it is
		}
	}
	b.Operation = operationLost
	err := a.persist(ctx, func() error { return a.Ledger.SetOperation(ctx, b) })
	if err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.Stage.Save(ctx, changes)
}
