package inbound

import (
	"context"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
)

// A drop's way is three pieces of work, each of which one engine does at a time (see [bridge.Term]): a feed's folder is polled, an
// entity's drops are loaded, one after the other, and a feed's settled drops are put away. Whoever comes to one after somebody else
// forgets what it remembers of it: the ledger knows better.

// TakeUpLoads takes up what is loaded of a feed's entity, until done is called. Load, LoadDue, RetryParked and ReconcileDue do so
// themselves; who asks [Engine.NextDue] for the drop to load asks within.
func (e *Engine) TakeUpLoads(ctx context.Context, f *config.Feed) (within context.Context, done func(), err error) {
	within, fresh, done, err := e.terms.TakeUp(ctx, e.Ledger, "load "+bridge.InShop(f.Entity.Name, e.Name))
	if fresh {
		for _, g := range e.Feeds {
			if g.Entity == f.Entity {
				e.lines.of(g.Name).stale.Store(true)
			}
		}
	}
	return within, done, err
}

// takeUp takes up the feed's folder.
func (p *poller) takeUp(ctx context.Context) (within context.Context, done func(), err error) {
	within, fresh, done, err := p.e.terms.TakeUp(ctx, p.e.Ledger, "poll "+p.f.Name)
	if fresh {
		p.e.movedAt.Store(p.f.Name, p.e.Clock.Now()) // a listing of before may show what somebody else has moved
		p.e.strangers.Delete(p.f.Name)
		p.e.calm.Delete(p.f.Name)
	}
	return within, done, err
}

// takeUpEnds takes up the putting away of a feed's drops.
func (j journal) takeUpEnds(ctx context.Context, f *config.Feed) (within context.Context, done func(), err error) {
	within, _, done, err = j.e.terms.TakeUp(ctx, j.e.Ledger, "put away "+f.Name)
	return within, done, err
}
