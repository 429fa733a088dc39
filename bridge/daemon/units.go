package daemon

import (
	"context"
	"time"
)

// A unit is one piece of work that is due again and again: it is done, and says when it is to be done next. Units find out from
// the ledger what there is to do, and each may be cut at any moment.
type unit struct {
	name  string                                 // as trouble with it is noted
	do    func(ctx context.Context) (due, error) // once
	woken bool                                   // it is due at once when somebody has decided something
	least time.Duration                          // how long it rests at least after it has failed
}

// due is when a unit is to be done again: after some time, or earlier, once or tells.
type due struct {
	after time.Duration
	or    <-chan struct{}
}

// units lists the work of the schedule; asked is what came of asking the shop for its offers.
func (s *schedule) units(asked error) []unit {
	var units []unit
	if s.Shop != nil {
		units = append(units, s.offers(asked))
	}
	units = append(units, s.imports()...)
	for _, x := range s.Out.Exports {
		units = append(units, s.export(x))
	}
	return units
}

// imports lists the work of the schedule but for exports, and for what the shop is asked.
func (s *schedule) imports() []unit {
	var units []unit
	for _, f := range s.In.Feeds {
		if f.Front == "" {
			units = append(units, s.poll(f))
		}
		if len(f.Branches) == 0 {
			units = append(units, s.load(f))
		}
	}
	for _, f := range s.comparedFeeds() {
		units = append(units, s.reconcile(f))
	}
	if s.Subscribe != nil {
		units = append(units, s.subscribe())
	}
	return units
}

// units lists the work that is done once for all shops.
func (b *Bridge) units() []unit {
	units := []unit{b.prune()}
	if b.Backup != nil {
		units = append(units, b.backup())
	}
	return units
}
