package daemon

import (
	"context"
	"errors"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/bridge/inbound"
	"github.com/orobridge/orobridge/bridge/outbound"
)

// Feeds whose files are for several shops. Their fronts are of no shop: the bridge itself lists their folders, takes, fetches and puts
// away, on a desk of its own, and each shop's daemon loads what its branch gets of a drop.

// frontDesk is a daemon without a shop, for the fronts of a config; nil when it has none. of is the daemon of any shop.
func frontDesk(c *config.Config, of *Daemon) *Daemon {
	fronts := c.Fronts()
	if len(fronts) == 0 {
		return nil
	}
	e := of.In
	in := &inbound.Engine{Feeds: fronts, All: c.Feeds, Ledger: e.Ledger, Remotes: e.Remotes, ReadOnly: e.ReadOnly, Spool: e.Spool,
		Keep: e.Keep, KeepRefused: e.KeepRefused, Clock: e.Clock, Events: e.Events, Patience: e.Patience, List: e.List,
		Memory: &inbound.Memory{}}
	d := &Daemon{In: in, Out: &outbound.Engine{Memory: &outbound.Memory{}}, Ledger: of.Ledger, Clock: of.Clock, Events: of.Events,
		listings: of.listings, marks: map[string]config.Mark{}}
	for _, f := range fronts {
		d.marks[feedWork(f.Name)] = config.MarkOf(f, c.Remotes[f.Remote])
	}
	return d
}

// tellBranches tells the shops' schedules that the folder of a front was listed, and those of other bridges when there is something for
// their branches.
func (s *schedule) tellBranches(f *config.Feed, some bool) {
	if len(f.Branches) == 0 {
		return
	}
	for _, other := range s.all() {
		other.listed(f.Name)
	}
	if some && s.call != nil {
		s.call(feedWork(f.Name))
	}
}

// listed says that the folder of a front was: the shop's branch of it may have something.
func (s *schedule) listed(front string) {
	s.announce(func() {
		for _, f := range s.In.Feeds {
			if f.Front == front {
				s.polled[f.Name] = true
			}
		}
	})
}

// listFronts makes the part of a round that comes before the shops': what is there is taken, and their branches have it.
func (b *Bridge) listFronts(ctx context.Context) error {
	return b.eachFront(ctx, func(f *config.Feed) error {
		_, err := b.Front.In.Poll(ctx, f)
		return err
	})
}

// finishFronts makes the part that comes after: drops whose parts are settled are put away.
func (b *Bridge) finishFronts(ctx context.Context) error {
	return b.eachFront(ctx, func(f *config.Feed) error {
		return errors.Join(b.Front.In.FinishAll(ctx, f), b.Front.In.TellLeftovers(ctx, f))
	})
}

func (b *Bridge) eachFront(ctx context.Context, do func(*config.Feed) error) error {
	if b.Front == nil {
		return nil
	}
	feeds, _, err := b.Front.unhalted(ctx)
	for _, f := range feeds {
		err = errors.Join(err, bridge.Within(feedWork(f.Name), do(f)))
	}
	return err
}

// daemons are those of the shops, and the fronts'.
func (b *Bridge) daemons() []*Daemon {
	if b.Front == nil {
		return b.Shops
	}
	return append(b.Shops[:len(b.Shops):len(b.Shops)], b.Front)
}
