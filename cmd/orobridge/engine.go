package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/bridge/daemon"
	"github.com/orobridge/orobridge/bridge/inbound"
	"github.com/orobridge/orobridge/bridge/oro"
	"github.com/orobridge/orobridge/state"
)

// patience is how long a verb that somebody waits for puts up with trouble before it gives up; what it was doing is in
// the ledger and goes on the next time. The daemon has no such limit.
const patience = 10 * time.Second

// engine is a bridge with its ends opened.
type engine struct {
	*daemon.Daemon
	config  *config.Config
	ledger  *state.Ledger
	shop    *oro.Client
	remotes map[string]bridge.Remote
	orders  map[string]bridge.Remote // ways of their own for exports
}

// engine opens the ledger and prepares the ends of a config; nothing is connected yet. Logs go to log, which also may
// discard them.
func (a *app) engine(ctx context.Context, c *config.Config, log *slog.Logger) (*engine, error) {
	ledger, err := openLedger(ctx, c)
	if err != nil {
		return nil, err
	}
	return a.assemble(c, ledger, log)
}

// viewer opens the ledger for reading beside a running bridge. It needs no secrets: whoever looks at the ledger may have
// none.
func (a *app) viewer(ctx context.Context) (*config.Config, *state.Ledger, error) {
	c, err := config.View(a.configPath, kinds, a.env)
	if err != nil {
		return nil, nil, err
	}
	ledger, err := state.Open(ctx, c.State.Dir, state.Options{ReadOnly: true})
	return c, ledger, err
}

// assemble makes the engine of the config's shop.
func (a *app) assemble(c *config.Config, ledger *state.Ledger, log *slog.Logger) (*engine, error) {
	shop := c.Shops()[0]
	e := &engine{config: c, ledger: ledger, remotes: map[string]bridge.Remote{}, orders: map[string]bridge.Remote{}}
	err := e.open(shop, log)
	if err != nil {
		return nil, errors.Join(err, e.Close())
	}
	e.Daemon = daemon.Assemble(c, shop, daemon.Ends{Ledger: ledger, Shop: e.shop, Remotes: e.remotes, OrderRemotes: e.orders,
		Spool: ledger.Spool(), Clock: bridge.SystemClock{}, Log: log, Step: crashStep(a.env)})
	if w := c.Webhook; w.URL != "" && len(c.ExportsOf(shop)) > 0 {
		e.Subscribe = func(ctx context.Context) ([]string, error) {
			return e.shop.Subscribe(ctx, w.URL, w.Secret)
		}
	}
	return e, nil
}

// open prepares the ends.
func (e *engine) open(shop *config.Shop, log *slog.Logger) (err error) {
	if e.shop, err = oro.New(*shop, oro.Options{Log: log, Known: e.ledger.OroIDs}); err != nil {
		return err
	}
	for name := range e.config.Remotes {
		r, err := e.config.OpenRemote(name, log)
		if err != nil {
			return err
		}
		e.remotes[name] = r
	}
	for _, x := range e.config.ExportsOf(shop) {
		if e.orders[x.Remote] != nil {
			continue
		}
		r, err := e.config.OpenRemote(x.Remote, log)
		if err != nil {
			return err
		}
		e.orders[x.Remote] = r
	}
	return nil
}

// Close ends all connections and lets go of the ledger.
func (e *engine) Close() error {
	var errs []error
	for _, r := range e.remotes {
		errs = append(errs, r.Close())
	}
	for _, r := range e.orders {
		errs = append(errs, r.Close())
	}
	if e.shop != nil {
		e.shop.Close()
	}
	return errors.Join(append(errs, e.ledger.Close())...)
}

// onFeed opens a bridge on the ledger that open finds and does a piece of work that somebody waits for with one of its
// feeds, showing on a terminal how far it is.
func (a *app) onFeed(ctx context.Context, name string, open func(context.Context, *config.Config) (*state.Ledger, error),
	work func(*engine, *config.Feed) error) (err error) {
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
	e.In.Patience = patience
	done := a.progress(e.In)
	defer done()
	return work(e, f)
}

// openLedger takes the ledger of a config for oneself.
func openLedger(ctx context.Context, c *config.Config) (*state.Ledger, error) {
	return state.Open(ctx, c.State.Dir, state.Options{})
}

// feedOf finds a feed by its name.
func feedOf(c *config.Config, name string) (*config.Feed, error) {
	for _, f := range c.Feeds {
		if f.Name == name {
			return f, nil
		}
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
func (a *app) progress(b *inbound.Engine) (done func()) {
	if !onTerminal(a.stderr) {
		return func() {}
	}
	var last time.Time
	b.Progress = func(p inbound.Progress) {
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
