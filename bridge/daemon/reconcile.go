package daemon

import (
	"context"
	"slices"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
)

// comparedFeeds are the feeds with a schedule of comparisons. A shadow has none: what it knows was not set by it.
func (d *Daemon) comparedFeeds() []*config.Feed {
	if d.In.Shadow {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(d.In.Feeds), func(f *config.Feed) bool { return f.Reconcile.IsZero() })
}

func reconcileWork(name string) string { return "reconcile " + name }

// reconcile compares the shop with what it last accepted, by a feed's schedule.
func (s *schedule) reconcile(f *config.Feed) unit {
	return unit{name: reconcileWork(f.Name), woken: true, do: func(ctx context.Context) (due, error) {
		wait, freed, err := s.comparison(ctx, f)
		return due{wait, freed}, err
	}}
}

// comparison makes a feed's comparison if it is due, and says when to ask again: after some time, or when freed tells. Nothing
// of the entity is loaded meanwhile.
func (s *schedule) comparison(ctx context.Context, f *config.Feed) (wait time.Duration, freed <-chan struct{}, err error) {
	halt, err := s.halted(ctx, s.of(bridge.ShopWork), feedWork(f.Name))
	if err != nil || halt != nil {
		return time.Hour, nil, err
	}
	if err := s.lacks(f.Entity.Name); err != nil {
		return 0, nil, err
	}
	freed, taken := s.take(f.Entity.Name)
	if !taken {
		return time.Hour, freed, nil
	}
	defer s.giveBack(f.Entity.Name)
	work, done := s.underWay.begin(ctx, s.of(bridge.ShopWork), feedWork(f.Name))
	defer done()
	wait, err = s.In.ReconcileDue(work, f)
	if work.Err() != nil && ctx.Err() == nil {
		return time.Hour, nil, nil // somebody paused it
	}
	return wait, nil, err
}
