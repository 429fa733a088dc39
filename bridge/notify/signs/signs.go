// Package signs finds what is wrong: from what the ledger says, from what partners and the shop have shown in passing, and from
// the machine. It looks, and says so each time while it is so; what becomes of a sign (an alarm, a message, nothing) is decided by
// whoever asks.
//
//   - signs.go: what a sign is, and who looks for all of them
//   - drops.go: drops that are held, rejected, partial, blocked or missing
//   - works.go: work that waits for trouble to pass, orders, the shop's queue
//   - subscribers.go: other systems that do not hear of events
//   - machine.go: disk, memory, clocks, certificates and keys
//   - machines.go: the same of the machines of several bridges
//
// What may go in: how something that is wrong is seen. What may not: who is told, when and how.
package signs

import (
	"context"
	"errors"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
)

// A Sign says that something is wrong now.
type Sign struct {
	bridge.LiveAlarm               // Alarm, Of, N, Text, the first file, drop and order, and Begun where that is known
	After            time.Duration // it has to last so long before it is an alarm
	// Mended says that what went wrong has gone well since: it is over once somebody has taken note.
	Mended bool
}

// A Ledger tells what is the matter.
type Ledger interface {
	Drops(ctx context.Context, f bridge.DropFilter) ([]*bridge.Drop, error)
	Runs(ctx context.Context, drop int64) ([]*bridge.Run, error)
	Rejects(ctx context.Context, f bridge.RejectFilter, each func(bridge.RejectRow) error) error
	// CameSince lists when the drops of a feed came that were seen since a time: the last n, oldest first.
	CameSince(ctx context.Context, feed string, since time.Time, n int) ([]time.Time, error)
	// Tokens lists all tokens of other systems, oldest first.
	Tokens(ctx context.Context) ([]*bridge.Token, error)
	// Unjudged tells of the batches whose outcome is not known, by feed.
	Unjudged(ctx context.Context) ([]bridge.Unjudged, error)
}

// A Watcher looks for all signs of a bridge. Its fields are set once, before any method is called.
type Watcher struct {
	Feeds  []*config.Feed
	Limits config.Alarms
	Ledger Ledger
	// Began is when this process began to look into the feeds' folders; zero when all were looked into.
	Began time.Time
	// Shops tell what the answers of each shop have shown in passing; nil when nobody knows.
	Shops map[string]func() ShopFacts
	// ShopOf tells the shop of a piece of work; nil: there is one.
	ShopOf func(work string) string
	// Ends tells when certificates and keys end; nil when nobody knows.
	Ends func(now time.Time) []bridge.End
	// Clocks tells what servers' clocks say, but for the shop's; nil when nobody knows.
	Clocks func() []Clock
	// Disk is the folder whose disk must have room; empty for none.
	Disk string
	// Bridge is the name of this bridge among those that share the work, each of which says what it sees of its machine (see
	// [Watcher.Machine]); empty for one that works alone.
	Bridge string

	heard  heard
	judged map[int64]verdict // of drops that were looked at, as long as they stay as they are
}

// All looks for all signs, given the ledger's notes and the alarms that stand. Of what can't be looked at the error says why, and
// the others are told all the same.
func (w *Watcher) All(ctx context.Context, now time.Time, notes map[string]string, standing []*bridge.LiveAlarm) ([]Sign, error) {
	var all []Sign
	var errs []error
	take := func(signs []Sign, err error) { all, errs = append(all, signs...), append(errs, err) }
	for _, f := range w.Feeds {
		take(w.ofFeed(ctx, f, now, notes))
	}
	take(w.paused(notes, standing), nil)
	take(noted(notes), nil)
	take(subscribers(notes), nil)
	take(w.queue(ctx, now, notes))
	tokens, err := w.tokens(ctx, now)
	if errs = append(errs, err); err != nil {
		return all, errors.Join(errs...)
	}
	if w.Bridge == "" {
		take(w.machine(now, tokens))
	} else {
		take(w.ending(now, tokens), nil)
		take(machines(notes))
	}
	return all, errors.Join(errs...)
}

// shopOf is the shop into which a feed loads.
func (w *Watcher) shopOf(feed string) string {
	if w.ShopOf == nil {
		return bridge.MainShop
	}
	return w.ShopOf("feed " + feed)
}

// of makes a sign of one piece of work.
func of(work string, a bridge.Alarm, n int64, text string) Sign {
	return Sign{LiveAlarm: bridge.LiveAlarm{Alarm: a, Of: work, N: n, Text: text}}
}
