package daemon

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/bridge/inbound"
)

// Bridge runs the daemons of all shops, and does what is done once for all of them: it hears of decisions, lets go of what is old,
// makes backups, and lets partners come. Its fields are set once, before any method is called.
type Bridge struct {
	Shops  []*Daemon // one or more
	Front  *Daemon   // looks after feeds whose files are for several shops; nil when there are none
	Ledger Ledger
	Clock  bridge.Clock
	Events *bridge.Events
	// Backup makes a backup of the state when one is due, and says when to ask again; nil when nobody wants any.
	Backup func(ctx context.Context) (wait time.Duration, err error)
	// Heed is called when somebody has decided something beside the bridge; nil when nobody else cares.
	Heed func(ctx context.Context) error
	// House is what else is done once for all shops, until its context ends.
	House []func(ctx context.Context) error
	// Own is what each bridge does by itself that shares the work, whichever of them keeps the house, until its context ends.
	Own []func(ctx context.Context) error
	// Share shares the work with other bridges; nil when this one does all of it.
	Share Share

	marks  map[string]config.Mark // of what units go by, by their names
	housed atomic.Bool            // it keeps the house
	runs   atomic.Pointer[Relay]
}

// alone is the bridge of one shop.
func alone(d *Daemon) *Bridge {
	return &Bridge{Shops: []*Daemon{d}, Ledger: d.Ledger, Clock: d.Clock, Events: d.Events}
}

// Daemon finds the daemon of a shop; nil when there is none of that name.
func (b *Bridge) Daemon(shop string) *Daemon {
	for _, d := range b.Shops {
		if d.Name == shop {
			return d
		}
	}
	return nil
}

// Run works until ctx ends. It returns nil then, once the work at hand is recorded.
func (b *Bridge) Run(ctx context.Context) error {
	r := NewRelay(b)
	b.runs.Store(r)
	return r.Run(ctx)
}

// Alive says whether the schedule is at work: see [Relay.Alive].
func (b *Bridge) Alive() bool {
	r := b.runs.Load()
	return r != nil && r.Alive()
}

// Round makes one round of all shops, side by side: every feed is polled, what is ready is loaded in the order of dependency, every
// export is looked after. It goes on to the next piece of work when one fails, and returns all errors.
func (b *Bridge) Round(ctx context.Context) error {
	if err := errors.Join(b.forgetTrouble(ctx, func(string) bool { return true }), b.settle(ctx)); err != nil {
		return err
	}
	b.housed.Store(true)
	_, _, err := b.endHalts(ctx, nil)
	frontErr := b.listFronts(ctx)
	errs := make([]error, len(b.Shops))
	var shops sync.WaitGroup
	for i, d := range b.Shops[1:] {
		shops.Go(func() { errs[i+1] = d.round(ctx) })
	}
	errs[0] = b.Shops[0].round(ctx)
	shops.Wait()
	errs = append(errs, frontErr, b.finishFronts(ctx))
	_, pruneErr := b.pruneDue(ctx)
	errs = append(errs, bridge.Within("pauses", err), bridge.Within("prune", pruneErr))
	if b.Backup != nil {
		_, err := b.Backup(ctx)
		errs = append(errs, bridge.Within(bridge.BackupWork, err))
	}
	return errors.Join(errs...)
}

// Rounds makes rounds until no file is settling any more: those that are there now, however long their senders go on writing.
// It does not wait for a marker or manifest that is missing.
func (b *Bridge) Rounds(ctx context.Context) error {
	for {
		if err := b.Round(ctx); err != nil {
			return err
		}
		var until time.Time
		for _, d := range b.daemons() {
			first, err := d.settling(ctx)
			if err != nil {
				return err
			}
			if until.IsZero() || !first.IsZero() && first.Before(until) {
				until = first
			}
		}
		if until.IsZero() {
			return nil
		}
		if err := b.Clock.Wait(ctx, max(until.Sub(b.Clock.Now()), 10*time.Millisecond)); err != nil {
			return err
		}
	}
}

// Recall takes over what is noted of the last day of what the shops offer, so that a single piece of work does not ask them again. It
// asks nothing itself.
func (b *Bridge) Recall(ctx context.Context) error {
	var errs []error
	for _, d := range b.Shops {
		errs = append(errs, d.Recall(ctx))
	}
	return errors.Join(errs...)
}

// Wake has the exports of a shop ask at once for what is new, whichever bridge has them; "" is the only shop there is. It says whether
// there is such a shop.
func (b *Bridge) Wake(shop string) bool {
	if shop == "" && len(b.Shops) == 1 {
		shop = b.Shops[0].Name
	}
	if b.Daemon(shop) == nil {
		return false
	}
	work := bridge.OfShop(bridge.WebhookWork, shop)
	if b.wake(work); b.Share != nil {
		b.Share.Wake(work)
	}
	return true
}

// wake is Wake for the exports of the shop whose webhook a piece of work is, in this process.
func (b *Bridge) wake(work string) {
	for _, d := range b.Shops {
		if d.of(bridge.WebhookWork) == work {
			d.Out.WakeExports()
		}
	}
}

// prune lets go of what is old, once a day.
func (b *Bridge) prune() unit {
	return unit{name: "prune", least: time.Hour, do: func(ctx context.Context) (due, error) {
		wait, err := b.pruneDue(ctx)
		return due{after: wait}, err
	}}
}

func (b *Bridge) pruneDue(ctx context.Context) (wait time.Duration, err error) {
	wait, err = b.house().PruneDue(ctx)
	for _, d := range b.Shops {
		orders, ordersErr := d.Out.PruneDue(ctx)
		wait, err = min(wait, orders), errors.Join(err, ordersErr)
	}
	return wait, err
}

// house is an engine that knows the feeds of all shops: what is old goes by it, whosever it is.
func (b *Bridge) house() *inbound.Engine {
	first := b.Shops[0].In
	if len(b.Shops) == 1 {
		return first
	}
	all := &inbound.Engine{Ledger: first.Ledger, Remotes: first.Remotes, ReadOnly: first.ReadOnly, Spool: first.Spool, Keep: first.Keep,
		KeepRefused: first.KeepRefused, Clock: first.Clock, Events: first.Events, Memory: first.Memory}
	for _, d := range b.daemons() {
		all.Feeds = append(all.Feeds, d.In.Feeds...)
	}
	return all
}

// backup makes backups, each when it is due.
func (b *Bridge) backup() unit {
	return unit{name: bridge.BackupWork, do: func(ctx context.Context) (due, error) {
		wait, err := b.Backup(ctx)
		return due{after: wait}, err
	}}
}

// forgetTrouble takes away what the ledger notes about trouble with some works that an earlier process was in, or another bridge:
// whether it lasts is found out now.
func (b *Bridge) forgetTrouble(ctx context.Context, of func(work string) bool) error {
	notes, err := b.Ledger.Notes(ctx)
	if err != nil {
		return err
	}
	for name := range notes {
		if work, ok := bridge.PausedWork(name); !ok || !of(work) || bridge.IsReload(work) { // a reload's is told by whoever lives through it
			continue
		}
		if err := b.Ledger.Note(ctx, name, ""); err != nil {
			return err
		}
	}
	return nil
}

// report is [report] of what is done once for all shops.
func (b *Bridge) report(ctx context.Context, work string, failed int, err error) int {
	return report(ctx, b.Ledger, b.Clock, b.Events, work, failed, err)
}

// noteWithin is how long the ledger is waited for when it is to keep what is wrong: it may be the ledger itself.
const noteWithin = 10 * time.Second

// report keeps an admin informed of trouble: a note in the ledger while it lasts, and events when it begins, at every
// further try, and when it has passed. It returns how often in a row the work has failed.
func report(ctx context.Context, ledger Ledger, clock bridge.Clock, events *bridge.Events, work string, failed int, err error) int {
	if errors.Is(err, bridge.ErrTakenUp) {
		event := &bridge.Event{At: clock.Now(), Kind: bridge.Noted, Work: work, Text: "left to another bridge: " + err.Error()}
		err = taken(ctx, ledger, events, event)
	}
	if ctx.Err() != nil || err == nil && failed == 0 {
		return failed
	}
	event, text, now := bridge.Trouble(clock.Now(), work, err), "", 0
	if err != nil {
		text, now = event.Text, failed+1
	}
	limited, cancel := context.WithTimeout(ctx, noteWithin)
	defer cancel()
	if noteErr := ledger.Note(limited, bridge.PausedNote(work), text, event); noteErr != nil && ctx.Err() == nil {
		// The ledger itself is in trouble: whoever observes hears of it, and the next try notes it.
		event, now = bridge.Trouble(clock.Now(), work, errors.Join(err, noteErr)), max(now, failed)
	}
	events.Tell(event)
	return now
}

// taken tells that a piece of work has become another bridge's, which is no trouble. Only that it can't be kept is.
func taken(ctx context.Context, ledger Ledger, events *bridge.Events, event *bridge.Event) error {
	limited, cancel := context.WithTimeout(ctx, noteWithin)
	defer cancel()
	err := ledger.Keep(limited, event)
	if err == nil {
		events.Tell(event)
	}
	return err
}
