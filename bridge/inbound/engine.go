package inbound

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/bridge/inbound/apply"
	"github.com/orobridge/orobridge/bridge/inbound/branches"
	"github.com/orobridge/orobridge/bridge/inbound/order"
	"github.com/orobridge/orobridge/bridge/inbound/spool"
	"github.com/orobridge/orobridge/bridge/inbound/trouble"
)

// Engine takes the drops of one shop's feeds through their life. Its fields are set once, before any method is called.
type Engine struct {
	Name        string // the shop's; empty for the only one
	Feeds       []*config.Feed
	All         []*config.Feed // of all shops: what none of them takes is a stranger; nil for Feeds
	Exports     []string       // the shop's, whose orders are answered; nil for all
	InFlight    int            // batches on their way at once
	Batch       int            // records of a batch at most
	Ledger      Ledger
	Shop        Shop
	Remotes     map[string]bridge.Remote
	ReadOnly    map[string]bool // remotes on which nothing is moved: the ledger alone claims their files
	Spool       string          // local folder for fetched files
	Keep        time.Duration   // how long archived files, spooled bytes and the details of rows are kept; 0 keeps them
	KeepRefused time.Duration   // of what is known of files that were refused unread; 0 keeps it for ever
	Clock       bridge.Clock
	Events      *bridge.Events
	// Shadow has each drop planned against the shop as it is, and what it would do told; nothing is sent.
	Shadow bool
	// Patience bounds how long one piece of work waits for trouble to pass; 0 waits for as long as it takes.
	Patience time.Duration
	// List lists the folder of a feed, and says when; nil asks the feed's remote. What was listed before since may show files that
	// the feed has moved.
	List func(ctx context.Context, f *config.Feed, since time.Time) ([]bridge.File, time.Time, error)

	*Memory
}

// Memory is what a running bridge remembers of a shop's feeds beside the ledger; losing it costs a request. An engine that takes over
// from another one, by another config, has its memory: work that the other still has at hand and its own know of each other. The zero
// value is ready.
type Memory struct {
	terms     bridge.Terms
	setbacks  trouble.Setbacks
	lines     lines
	compared  spool.Compared
	moments   order.Moments
	movedAt   sync.Map // by feed, when it moved files in its folder last
	calm      sync.Map // by feed, the look at its folder that left nothing to do
	strangers sync.Map // by feed, what was noted of its folder
	lateAt    sync.Map // by feed, the id of the drop that was looked at last
	waker     trouble.Waker
	paceOnce  sync.Once
	shared    *apply.Pace // batches on their way, of all feeds
}

// Forget takes away what is remembered of a feed, whose config has changed.
func (m *Memory) Forget(feed string) {
	for _, of := range []*sync.Map{&m.lines.all, &m.calm, &m.strangers, &m.lateAt} {
		of.Delete(feed)
	}
}

// pace is shared by all feeds: it is one shop.
func (e *Engine) pace() *apply.Pace {
	e.paceOnce.Do(func() { e.shared = apply.NewPace(e.InFlight) })
	return e.shared
}

// list lists the folder of a feed.
func list(ctx context.Context, e *Engine, f *config.Feed) ([]bridge.File, time.Time, error) {
	if e.List != nil {
		at, _ := e.movedAt.Load(f.Name)
		since, _ := at.(time.Time)
		return e.List(ctx, f, since)
	}
	files, err := e.Remotes[f.Remote].List(ctx, f.Folder)
	return files, e.Clock.Now(), err
}

// spool is the path of a drop's local copy.
func (e *Engine) spool(d *bridge.Drop) string { return filepath.Join(e.Spool, d.Spool) }

// remote is where a drop stands. A config that no longer has it keeps the drop as it is.
func (e *Engine) remote(d *bridge.Drop) (bridge.Remote, error) {
	if r, ok := e.Remotes[d.Remote]; ok {
		return bridge.Guarded(r), nil
	}
	return nil, &bridge.Error{Op: "reach", Object: fmt.Sprintf("drop %d", d.ID),
		Err:  fmt.Errorf("the config has no remote %q any more", d.Remote),
		Hint: "put the remote back until all of its drops are put away"}
}

// Feed finds a feed by its name.
func (e *Engine) Feed(name string) (*config.Feed, bool) {
	for _, f := range e.Feeds {
		if f.Name == name {
			return f, true
		}
	}
	return nil, false
}

// partsOf keeps drops together with their parts for several shops.
func partsOf(e *Engine) branches.Keeper {
	return branches.Keeper{Ledger: e.Ledger, Clock: e.Clock, Events: e.Events}
}

// waiter is who waits for trouble to pass.
func (e *Engine) waiter() trouble.Waiter {
	return trouble.Waiter{Ledger: e.Ledger, Clock: e.Clock, Events: e.Events, Waker: &e.waker, Patience: e.Patience}
}

// Wake has everything tried again at once that waits for trouble to pass.
func (e *Engine) Wake() {
	e.setbacks.Forget()
	e.lines.forget()
	e.waker.Wake()
}

// Woken is closed by the next [Engine.Wake].
func (e *Engine) Woken() <-chan struct{} { return e.waker.Woken() }
