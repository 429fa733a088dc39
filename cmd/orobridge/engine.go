package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/oro"
	"github.com/orobridge/orobridge/state"
)

// patience is how long a verb that somebody waits for puts up with trouble before it gives up; what it was doing is in
// the ledger and goes on the next time. The daemon has no such limit.
const patience = 10 * time.Second

// engine is a bridge with its ends opened.
type engine struct {
	*bridge.Bridge
	ledger *state.Ledger
	shop   *oro.Client
}

// engine opens the ledger and prepares the ends of a config; nothing is connected yet. Logs go to log, which also may
// discard them.
func (a *app) engine(ctx context.Context, c *bridge.Config, log *slog.Logger) (*engine, error) {
	ledger, err := openLedger(ctx, c)
	if err != nil {
		return nil, err
	}
	return a.assemble(c, ledger, log)
}

// viewer opens the ledger for reading beside a running bridge. It needs no secrets: whoever looks at the ledger may have
// none.
func (a *app) viewer(ctx context.Context) (*bridge.Config, *state.Ledger, error) {
	c, err := bridge.ViewConfig(a.configPath, readers(), writers(), a.env)
	if err != nil {
		return nil, nil, err
	}
	ledger, err := state.Open(ctx, c.State.Dir, state.Options{ReadOnly: true})
	return c, ledger, err
}

func (a *app) assemble(c *bridge.Config, ledger *state.Ledger, log *slog.Logger) (*engine, error) {
	e := &engine{ledger: ledger, Bridge: &bridge.Bridge{Config: c, Ledger: ledger, Remotes: map[string]bridge.Remote{}, OrderRemotes: map[string]bridge.Remote{}, Spool: ledger.Spool(),
		Clock: bridge.SystemClock{}, Log: log, Step: crashStep(a.env)}}
	var err error
	if e.shop, err = oro.New(c.Oro, oro.Options{Log: log, Known: ledger.OroIDs}); err != nil {
		return nil, errors.Join(err, e.Close())
	}
	e.Shop = e.shop
	for name, rc := range c.Remotes {
		if e.Remotes[name], err = openRemote(rc); err != nil {
			delete(e.Remotes, name)
			return nil, errors.Join(err, e.Close())
		}
	}
	for _, x := range c.Exports {
		if e.OrderRemotes[x.Remote] != nil {
			continue
		}
		if e.OrderRemotes[x.Remote], err = openRemote(c.Remotes[x.Remote]); err != nil {
			delete(e.OrderRemotes, x.Remote)
			return nil, errors.Join(err, e.Close())
		}
	}
	return e, nil
}

// Close ends all connections and lets go of the ledger.
func (e *engine) Close() error {
	var errs []error
	for _, r := range e.Remotes {
		errs = append(errs, r.Close())
	}
	for _, r := range e.OrderRemotes {
		errs = append(errs, r.Close())
	}
	if e.shop != nil {
		e.shop.Close()
	}
	return errors.Join(append(errs, e.ledger.Close())...)
}

// onFeed opens a bridge on the ledger that open finds and does a piece of work that somebody waits for with one of its
// feeds, showing on a terminal how far it is.
func (a *app) onFeed(ctx context.Context, name string, open func(context.Context, *bridge.Config) (*state.Ledger, error),
	work func(*engine, *bridge.FeedConfig) error) (err error) {
	c, err := a.config()
	if err != nil {
		return err
	}
	f, err := feedOf(c, name)
	if err != nil {
		return err
	}
	ledger, err := open(ctx, c)
	if err != nil {
		return err
	}
	e, err := a.assemble(c, ledger, a.quietLogger())
	if err != nil {
		return err
	}
	defer closing(e, &err)
	e.Patience = patience
	done := a.progress(e.Bridge)
	defer done()
	return work(e, f)
}

// openLedger takes the ledger of a config for oneself.
func openLedger(ctx context.Context, c *bridge.Config) (*state.Ledger, error) {
	return state.Open(ctx, c.State.Dir, state.Options{})
}

// feedOf finds a feed by its name.
func feedOf(c *bridge.Config, name string) (*bridge.FeedConfig, error) {
	b := bridge.Bridge{Config: c}
	if f, ok := b.Feed(name); ok {
		return f, nil
	}
	names := ""
	for i, f := range c.Feeds {
		if i > 0 {
			names += ", "
		}
		names += f.Name
	}
	return nil, &usageError{fmt.Sprintf("the config has no feed %q", name), "feeds are: " + names}
}

// progress shows how far long work is, on a terminal only.
func (a *app) progress(b *bridge.Bridge) (done func()) {
	if !onTerminal(a.stderr) {
		return func() {}
	}
	var last time.Time
	b.Progress = func(p bridge.Progress) {
		if time.Since(last) < 100*time.Millisecond {
			return
		}
		last = time.Now()
		of := ""
		if p.Total > 0 {
			of = fmt.Sprintf(" of %d", p.Total)
		}
		fmt.Fprintf(a.stderr, "\r\x1b[K%s %s: %s %d%s", p.Feed, printable(p.File), p.Phase, p.Done, of)
	}
	return func() { io.WriteString(a.stderr, "\r\x1b[K") }
}
