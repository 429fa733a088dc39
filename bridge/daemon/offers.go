package daemon

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/orobridge/orobridge/bridge"
)

// What the shop offers. It is asked at each start and once a day, and kept in the ledger's notes, so that a single round or
// verb within the day does not ask. What was offered before and is missing now pauses what relies on it, with the reason,
// until the shop offers it again, or a person takes the shop as it is with `orobridge check`, which notes what it finds.

// A Shop tells what it offers.
type Shop interface {
	// Probe finds out what the shop offers, without changing anything.
	Probe(ctx context.Context) (bridge.Capabilities, error)
	// Use takes over what was found.
	Use(known bridge.Capabilities)
}

const (
	offersKept  = 24 * time.Hour
	missedEvery = time.Minute      // how often a shop is asked that lost something
	firstProbe  = 10 * time.Second // how long a start waits for the shop's answer before the work begins without
)

// losses are what the shop offered before and does not offer now.
type losses struct {
	mu   sync.Mutex
	lost []bridge.Loss
}

// probe finds out what the shop offers, or takes over what is noted of the last day unless that is not good enough.
func (d *Daemon) probe(ctx context.Context, anew bool) error {
	if d.Shop == nil {
		return nil
	}
	before, known, fresh, err := d.noted(ctx)
	if err != nil {
		return err
	}
	if fresh && !anew {
		d.Shop.Use(before)
		return nil
	}
	found, err := d.Shop.Probe(ctx)
	if err != nil {
		if known {
			d.Shop.Use(before)
		}
		return err
	}
	found.Probed = d.Clock.Now().UTC()
	d.Shop.Use(found)
	if known {
		d.tellLosses(found.Lost(before), before.Lost(found))
	}
	if len(d.missed()) > 0 {
		return nil // what it offered stays noted: it is missed after a start, too
	}
	return d.Ledger.Note(ctx, d.of(bridge.OffersNote), found.Note())
}

// noted is what the ledger knows of what the shop offers, and whether that is of the last day.
func (d *Daemon) noted(ctx context.Context) (c bridge.Capabilities, known, fresh bool, err error) {
	notes, err := d.Ledger.Notes(ctx)
	if err != nil {
		return c, false, false, err
	}
	c, known = bridge.OffersOf(notes, d.Name)
	age := d.Clock.Now().Sub(c.Probed)
	return c, known, known && age >= 0 && age < offersKept, nil
}

// Recall takes over what is noted of the last day, so that a single piece of work does not ask the shop again. It asks nothing
// itself.
func (d *Daemon) Recall(ctx context.Context) error {
	c, _, fresh, err := d.noted(ctx)
	if fresh {
		d.Shop.Use(c)
	}
	return err
}

// tellLosses takes over what is missed now, and tells what is new of it and what the shop has gained.
func (d *Daemon) tellLosses(lost, gained []bridge.Loss) {
	d.losses.mu.Lock()
	before := d.losses.lost
	d.losses.lost = lost
	d.losses.mu.Unlock()
	now := bridge.LossWords(lost)
	if now != "" && now != bridge.LossWords(before) {
		d.Events.Tell(&bridge.Event{At: d.Clock.Now(), Kind: bridge.Noted, Work: d.of(bridge.ShopWork),
			Text: "the shop no longer offers " + now, Hint: lossHint})
	}
	if len(gained) > 0 {
		d.Events.Tell(&bridge.Event{At: d.Clock.Now(), Kind: bridge.Noted, Work: d.of(bridge.ShopWork),
			Text: "the shop now offers " + bridge.LossWords(gained)})
	}
}

const lossHint = "give it back in the shop; `orobridge check` takes the shop as it is, and the work goes on without it"

func (d *Daemon) missed() []bridge.Loss {
	d.losses.mu.Lock()
	defer d.losses.mu.Unlock()
	return d.losses.lost
}

// lacks is the reason for which the work on an entity pauses; nil when the shop offers what it relies on.
func (d *Daemon) lacks(entity string) error {
	for _, l := range d.missed() {
		if slices.Contains(l.Of, entity) {
			return &bridge.Error{Op: "use", Object: d.of(bridge.ShopWork), Fate: bridge.Pause, Hint: lossHint,
				Err: fmt.Errorf("it no longer offers %s", l.What)}
		}
	}
	return nil
}

// firstOffers asks before any work begins, but keeps nobody waiting for a shop that does not answer.
func (s *schedule) firstOffers(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, firstProbe)
	defer cancel()
	return s.probe(ctx, true)
}

// offers asks what the shop offers, again and again; it was asked at the start already, with asked for an error.
func (s *schedule) offers(asked error) unit {
	first := !s.goesOn
	return unit{name: s.of(bridge.ShopWork), do: func(ctx context.Context) (due, error) {
		err := asked
		if !first {
			err = s.probe(ctx, true)
		}
		first = false
		if len(s.missed()) > 0 {
			return due{after: missedEvery}, err
		}
		return due{after: offersKept}, err
	}}
}
