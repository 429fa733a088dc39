package main

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"math"
	"net"
	"net/http"
	"slices"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/api"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/bridge/daemon"
	"github.com/orobridge/orobridge/bridge/figures"
	"github.com/orobridge/orobridge/bridge/fleet"
	"github.com/orobridge/orobridge/bridge/notify"
	"github.com/orobridge/orobridge/bridge/notify/post"
	"github.com/orobridge/orobridge/bridge/notify/signs"
	"github.com/orobridge/orobridge/bridge/operate"
	"github.com/orobridge/orobridge/bridge/operate/checkup"
	"github.com/orobridge/orobridge/bridge/oro"
	"github.com/orobridge/orobridge/bridge/page"
	"github.com/orobridge/orobridge/bridge/shadow"
	"github.com/orobridge/orobridge/bridge/subscribe"
	"github.com/orobridge/orobridge/bridge/web"
	"github.com/orobridge/orobridge/cmd/orobridge/build"
	"github.com/orobridge/orobridge/cmd/orobridge/caller"
	"github.com/orobridge/orobridge/cmd/orobridge/crash"
	"github.com/orobridge/orobridge/cmd/orobridge/help"
	"github.com/orobridge/orobridge/cmd/orobridge/show"
	"github.com/orobridge/orobridge/cmd/orobridge/site"
	"github.com/orobridge/orobridge/state"
)

// patience is how long a verb that somebody waits for puts up with trouble before it gives up; what it was doing is in
// the ledger and goes on the next time. The daemon has no such limit.
const patience = 10 * time.Second

// engine is a bridge with its ends opened, and the desk before it.
type engine struct {
	*daemon.Bridge
	relay   *daemon.Relay // who runs it; nil for a bridge that does a single piece of work
	Desk    *operate.Desk
	Alarms  *notify.Keeper
	Tell    *subscribe.Teller
	web     *post.Web
	config  *config.Config
	ledger  *state.State
	shops   map[string]*oro.Client // by name
	remotes map[string]bridge.Remote
	orders  map[string]bridge.Remote // ways of their own for exports
	backups bridge.Remote            // a local folder for backups; nil without
	hook    net.Listener             // for the shop's webhooks; nil without
	site    *site.Site               // for people and programs; nil without
	figures *figures.Figures         // for a collector; nil where nobody listens
	// counting are the figures of the bridge that is at work.
	counting *atomic.Pointer[figures.Figures]
	log      *slog.Logger
}

// nobody is who was there before the first one.
func nobody() *engine { return &engine{config: &config.Config{}} }

// look lets a verb look at the ledger, whether or not a bridge is running on it. It needs no secrets: whoever looks may
// have none.
func (a *app) look(ctx context.Context, see func(*operate.View) error) (err error) {
	if err := a.here(); err != nil {
		return err
	}
	c, err := config.View(a.configPath, kinds, a.env)
	if err != nil {
		return err
	}
	a.asShadow(c)
	ledger, err := readLedger(ctx, c)
	if errors.Is(err, fs.ErrNotExist) {
		show.Say(a.Stderr, "warning", "nothing has run with this config yet", hintOfNone(c, a.shadow, err))
		ledger, err = state.Scratch(ctx)
	}
	if err != nil {
		return err
	}
	defer closing(ledger, &err)
	v := &operate.View{Feeds: c.Feeds, Exports: c.Exports, Ledger: witness(ledger, c),
		Of:      func(shop string) operate.Ledger { return witness(ledger.Of(shop), c) },
		Running: held(ctx, c), By: caller.Decision(), Shadow: a.shadow, Sight: operate.SightOf(c)}
	if *v, err = v.Only(a.shops...); err != nil {
		return err
	}
	return see(v)
}

// witness is a ledger opened for reading in which looks at persons' data are entered.
func witness(ledger *state.State, c *config.Config) state.Witness {
	return state.Witness{State: ledger, Address: c.State.Postgres.Reveal()}
}

// work opens a bridge on the ledger that open finds and does a piece of work that somebody waits for. A feed that is named
// has to be there before anything is opened.
func (a *app) work(ctx context.Context, feed string, open func(context.Context, *config.Config) (*state.State, error),
	do func(*engine) error) error {
	if err := a.here(); err != nil {
		return err
	}
	c, err := a.config()
	if err != nil {
		return err
	}
	if feed != "" {
		of := func(f *config.Feed) bool { return bridge.NamesFeed([]string{feed}, f.Name) }
		if _, err := operate.FeedOf(c.Feeds, feed); err != nil && !slices.ContainsFunc(c.Feeds, of) {
			return err
		}
	}
	ledger, err := open(ctx, c)
	if err != nil {
		return err
	}
	return a.attend(ctx, c, ledger, false, do)
}

// attend does a piece of work that somebody waits for, showing on a terminal how far it is. What the shop offers is not asked
// again when it is noted.
func (a *app) attend(ctx context.Context, c *config.Config, ledger *state.State, running bool, do func(*engine) error) (err error) {
	e, err := a.assemble(ctx, c, ledger, a.quietLogger())
	if err != nil {
		return errors.Join(err, ledger.Close())
	}
	defer closing(e, &err)
	if err := e.Recall(ctx); err != nil {
		return err
	}
	e.Desk.Running = running
	e.hurry()
	a.ShowProgress(e.Events)
	defer a.Erase()
	return do(e)
}

// openState opens the state of a config.
func openState(ctx context.Context, c *config.Config, o state.Options) (*state.State, error) {
	o.Postgres = c.State.Postgres.Reveal()
	return state.Open(ctx, c.State.Dir, o)
}

// held says whether a bridge works with the state of a config.
func held(ctx context.Context, c *config.Config) bool {
	return state.Held(ctx, c.State.Dir, c.State.Postgres.Reveal())
}

// openLedger takes the ledger of a config for oneself.
func openLedger(ctx context.Context, c *config.Config) (*state.State, error) {
	return takeLedger(ctx, c, false)
}

// takeLedger takes the ledger of a config, for oneself or to share its work.
func takeLedger(ctx context.Context, c *config.Config, shares bool) (*state.State, error) {
	ledger, err := openState(ctx, c, state.Options{Program: build.Read().Version, Shares: shares})
	if err != nil {
		return nil, err
	}
	if err := noteConfig(ctx, c, ledger); err != nil {
		return nil, errors.Join(err, ledger.Close())
	}
	return ledger, nil
}

// readLedger opens the ledger for reading, beside a running bridge if need be.
func readLedger(ctx context.Context, c *config.Config) (*state.State, error) {
	return openState(ctx, c, state.Options{ReadOnly: true})
}

// readLedgerOrNone opens the ledger for reading; where nothing has run yet an empty one in its place serves.
func readLedgerOrNone(ctx context.Context, c *config.Config) (*state.State, error) {
	ledger, err := readLedger(ctx, c)
	if errors.Is(err, fs.ErrNotExist) {
		return state.Scratch(ctx)
	}
	return ledger, err
}

// engine takes the ledger of a config for oneself and prepares the ends; nothing is connected yet.
func (a *app) engine(ctx context.Context, c *config.Config, log *slog.Logger) (*engine, error) {
	ledger, err := openLedger(ctx, c)
	if err != nil {
		return nil, err
	}
	for _, doubt := range ledger.Doubts {
		log.Warn(doubt)
	}
	e, err := a.assemble(ctx, c, ledger, log)
	if err != nil {
		return nil, errors.Join(err, ledger.Close())
	}
	return e, nil
}

// assemble makes the engines of the config's shops on a ledger that is open, and stays so when it fails.
func (a *app) assemble(ctx context.Context, c *config.Config, ledger *state.State, log *slog.Logger) (*engine, error) {
	events := &bridge.Events{}
	first := nobody()
	first.Bridge, first.ledger, first.log = &daemon.Bridge{Events: events}, ledger, log
	first.counting = &atomic.Pointer[figures.Figures]{}
	e, err := first.next(ctx, a, c)
	if err != nil {
		return nil, err
	}
	e.counting.Store(e.figures)
	events.Observe(bridge.Calm(bridge.LogEvents(log)))
	if step := crash.Step(a.env); step != nil {
		events.Observe(func(event *bridge.Event) {
			if event.Kind == bridge.StepReached {
				step(event.Text)
			}
		})
	}
	return e, nil
}

// next makes the engines of a config that may follow on these: those of the ends that are the same are. Until it is handed over to, the
// one before knows nothing of it.
func (before *engine) next(ctx context.Context, a *app, c *config.Config) (*engine, error) {
	ledger, log := before.ledger, before.log
	e := &engine{config: c, ledger: ledger, log: log, relay: before.relay, counting: before.counting, shops: map[string]*oro.Client{},
		remotes: map[string]bridge.Remote{}, orders: map[string]bridge.Remote{}}
	events := before.Events
	if c.Admin != nil {
		if e.figures = before.figures; e.figures == nil {
			e.figures = figures.New(e.counted(events))
		}
	}
	if err := e.open(before, log); err != nil {
		return nil, errors.Join(err, e.leave(before))
	}
	e.Bridge = daemon.Together(c, func(s *config.Shop) daemon.Ends {
		return daemon.Ends{Ledger: ledger.Of(s.Name), Shop: e.shops[s.Name], Remotes: e.remotes, OrderRemotes: e.orders,
			Spool: ledger.Spool(), Clock: bridge.SystemClock{}, Events: events}
	})
	if shared := ledger.Shared(); shared != nil {
		e.Share = fleet.New(shared, log)
	}
	if e.relay == nil {
		e.relay = daemon.NewRelay(e.Bridge)
	}
	facts := map[string]func() signs.ShopFacts{}
	for _, d := range e.Shops {
		shop := e.shops[d.Name]
		d.Shop = shop
		facts[d.Name] = func() signs.ShopFacts { return signs.ShopFacts(shop.Noticed()) }
		if w, at := c.Webhook, c.HookOf(c.ShopBy(d.Name)); at != "" && len(d.Out.Exports) > 0 {
			d.Subscribe = func(ctx context.Context) ([]string, error) {
				return shop.Subscribe(ctx, at, w.Secret.Lines()[0], w.URL)
			}
		}
		if a.shadow {
			shadow.Cast(d)
		}
	}
	if a.shadow && e.Front != nil {
		shadow.Cast(e.Front)
	}
	if c.State.Backup.Every > 0 {
		e.Backup = e.schedule(events).Due
	}
	e.Alarms = notify.Assemble(c, ledger, events, facts, (&post.Office{}).Send, e.remotes, e.orders)
	e.web = post.NewWeb(build.Read().Version)
	e.Alarms.Ping = e.web.Ping
	e.Tell = subscribe.Assemble(c, ledger, ledger.Identity(), ledger.Generation(), events, e.web.Event)
	if err := errors.Join(e.Belong(ctx), e.sit(a)); err != nil {
		return nil, errors.Join(err, e.leave(before))
	}
	return e, nil
}

// counted is what the figures are of.
func (e *engine) counted(events *bridge.Events) figures.Options {
	b, c := build.Read(), e.config
	return figures.Options{Shops: c.ShopNames(), ShopOf: c.ShopOf, Feeds: c.Feeds, Exports: c.Exports, Ledger: e.ledger,
		Of: func(shop string) figures.Keys { return e.ledger.Of(shop) }, Events: events, Clock: bridge.SystemClock{},
		Dir: c.State.Dir, Version: b.Version, Revision: b.Revision, Log: e.log}
}

// sit sets up the desk before the engines, for the shops that the command line names.
func (e *engine) sit(a *app) error {
	first, ledger := e.Shops[0], e.ledger
	e.Desk = &operate.Desk{View: operate.View{Ledger: ledger, Of: func(shop string) operate.Ledger { return ledger.Of(shop) },
		By: caller.Decision(), Shadow: a.shadow, Sight: operate.SightOf(e.config)}, In: first.In, Out: first.Out}
	daemons := e.Shops
	if e.Front != nil {
		daemons = append([]*daemon.Daemon{e.Front}, e.Shops...)
	}
	for _, d := range daemons {
		e.Desk.Feeds, e.Desk.Exports = append(e.Desk.Feeds, d.In.Feeds...), append(e.Desk.Exports, d.Out.Exports...)
		e.Desk.Each = append(e.Desk.Each, operate.Engines{In: d.In, Out: d.Out})
	}
	view, err := e.Desk.Only(a.shops...)
	e.Desk.View = view
	return err
}

// hurry has the engines give up soon what somebody waits for.
func (e *engine) hurry() {
	for _, d := range e.Shops {
		d.In.Patience = patience
	}
}

// open prepares the ends. Those that the one before has, by the same settings, are taken over.
func (e *engine) open(before *engine, log *slog.Logger) (err error) {
	c, was := e.config, before.config
	for _, s := range c.Shops() {
		if e.shops[s.Name] = before.shops[s.Name]; e.shops[s.Name] != nil && config.MarkOf(s) == config.MarkOf(was.ShopBy(s.Name)) {
			continue
		}
		count := e.counting
		o := oro.Options{Log: log, Watch: func() func(int) {
			if f := count.Load(); f != nil {
				return f.Request(s.Name)
			}
			return func(int) {}
		}}
		if e.shops[s.Name], err = oro.New(*s, o); err != nil {
			delete(e.shops, s.Name)
			return err
		}
	}
	reach := func(name string, ways, old map[string]bridge.Remote) (err error) {
		if way := old[name]; way != nil && c.RemoteMark(name) == was.RemoteMark(name) {
			ways[name] = way
			return nil
		}
		way, err := c.OpenRemote(name, e.ledger.Identity(), log)
		if err == nil {
			ways[name] = way
		}
		return err
	}
	for name := range c.Remotes {
		if err := reach(name, e.remotes, before.remotes); err != nil {
			return err
		}
	}
	for _, x := range c.Exports {
		_, serves := e.remotes[x.Remote].(bridge.Server) // there is one of it
		if e.orders[x.Remote] != nil || serves {
			continue
		}
		if err := reach(x.Remote, e.orders, before.orders); err != nil {
			return err
		}
	}
	if b := c.State.Backup; b.Every > 0 && b.To.Remote == "" {
		if e.backups = before.backups; e.backups == nil || was.State.Backup.To != b.To {
			e.backups, err = openFolder(b.To.Folder, e.ledger.Identity())
		}
	}
	return err
}

// schedule makes backups where the config says.
func (e *engine) schedule(events *bridge.Events) *state.Schedule {
	b := e.config.State.Backup
	s := &state.Schedule{State: e.ledger, Every: b.Every.D(), Keep: b.Keep, Remote: e.remotes[b.To.Remote], Name: b.To.Remote,
		Folder: b.To.Folder, Clock: bridge.SystemClock{}, Events: events}
	if b.To.Remote == "" {
		s.Remote, s.Folder, s.Local = e.backups, "/", b.To.Folder
	}
	return s
}

// listen opens the addresses at which partners, the shop and its operators arrive, but for those where the one before listens: those
// are taken over, or opened once it has left them.
func (e *engine) listen(ctx context.Context, before *engine) (err error) {
	for _, r := range e.remotes {
		if s, ok := r.(bridge.Server); ok {
			if err := s.Listen(ctx); err != nil && !(errors.Is(err, syscall.EADDRINUSE) && before.listensAt(s.Address())) {
				return err
			}
		}
	}
	if w := e.config.Webhook; w.Secret != "" {
		if e.hook = before.hook; e.hook == nil || w != before.config.Webhook {
			e.hook = nil
			if !before.listensAt(w.Listen) {
				if e.hook, err = web.Listen(ctx, w.Listen); err != nil {
					return err
				}
			}
		}
	}
	if e.config.Admin == nil {
		return nil
	}
	if e.site = before.site; e.site == nil || site.Place(e.config.Admin) != site.Place(before.config.Admin) {
		e.site = nil
		if !before.listensAt(e.config.Admin.Listen) {
			e.site, err = site.Listen(ctx, e.stands())
		}
	}
	return err
}

// listensAt says whether partners, the shop or operators arrive at an address.
func (e *engine) listensAt(address string) bool {
	for _, r := range e.remotes {
		if s, ok := r.(bridge.Server); ok && s.Address() == address {
			return true
		}
	}
	return e.hook != nil && e.config.Webhook.Listen == address || e.site != nil && e.config.Admin.Listen == address
}

// stands is what people and programs find.
func (e *engine) stands() site.Options {
	return site.Options{Config: e.config.Admin, Ledger: e.ledger, Events: e.Events, Ready: e.ready, Figures: e.figures.Handler(),
		Page: e.page(), API: e.api(), Uploads: api.Uploads, Log: e.log}
}

// page is what the operators' window looks at and decides about: this bridge, which is running.
func (e *engine) page() page.Options {
	desk := *e.Desk
	desk.Running = true
	p := page.Options{Desk: &desk, Config: e.config, Version: build.Read().Version, Log: e.log,
		Check: checkupOf(e.config, e.ledger, e.log, func(checkup.Findings) {}).Run}
	p.Pictures = help.Pictures
	for _, t := range help.Topics() {
		p.Topics = append(p.Topics, page.Topic(t))
	}
	return p
}

// api is what other systems see and decide.
func (e *engine) api() http.Handler {
	desk := *e.Desk
	desk.Running = true
	return api.New(api.Options{Desk: &desk, Ledger: e.ledger, Version: build.Read().Version, Folder: e.config.State.Dir,
		Clock: bridge.SystemClock{}, Log: e.log})
}

// ready says why the bridge can't work; trouble of its ends is waited out and no reason.
func (e *engine) ready(ctx context.Context) error {
	if !e.relay.Alive() {
		return &bridge.Error{Op: "run", Object: "schedule", Err: errors.New("it stands still"), Hint: "see the log for the ledger's trouble"}
	}
	_, _, err := e.ledger.Decided(ctx, math.MaxInt64)
	return err
}

// Close ends all connections and lets go of the ledger.
func (e *engine) Close() error { return errors.Join(e.leave(nobody()), e.ledger.Close()) }

// leave ends all connections but those that another one has.
func (e *engine) leave(other *engine) error {
	var errs []error
	for name, r := range e.remotes {
		if other.remotes[name] != r {
			errs = append(errs, r.Close())
		}
	}
	for name, r := range e.orders {
		if other.orders[name] != r {
			errs = append(errs, r.Close())
		}
	}
	for name, shop := range e.shops {
		if shop != nil && other.shops[name] != shop {
			shop.Close()
		}
	}
	if e.backups != nil && e.backups != other.backups {
		errs = append(errs, e.backups.Close())
	}
	if e.Alarms != nil {
		e.Alarms.Close()
	}
	if e.web != nil {
		e.web.Close()
	}
	if e.hook != nil && e.hook != other.hook {
		_ = e.hook.Close() // whoever served it has closed it already
	}
	if e.site != nil && e.site != other.site {
		errs = append(errs, e.site.Close())
	}
	if e.figures != nil && e.figures != other.figures {
		e.figures.Close()
	}
	return errors.Join(errs...)
}

// closing closes c when the function ends, and keeps its error unless there is one already.
func closing(c io.Closer, err *error) {
	if closeErr := c.Close(); *err == nil {
		*err = closeErr
	}
}
