// Package daemon says who works on what, when: every feed and every export on a schedule of its own, an entity's drops
// one after the other, what others depend on first. A [Daemon] does so for one shop, a [Bridge] for all of them: what is done once,
// however many there are, is the bridge's. No shop waits for another.
//
// Contract. Trouble at one end pauses what needs that end and nothing else; it stands in the ledger's notes while it
// lasts. It is tried again within seconds at first, then with growing distance. What is to be done is found out from the
// ledger again and again, so that a bridge which was killed goes on; a decision that another process took is seen within a
// second, and wakes whatever waits. Nothing is held while the ledger or an end is waited for.
package daemon

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/bridge/inbound"
	"github.com/orobridge/orobridge/bridge/outbound"
)

// Daemon runs the engines of one shop. Its fields are set once, before any method is called.
type Daemon struct {
	Name   string // the shop's
	In     *inbound.Engine
	Out    *outbound.Engine
	Ledger Ledger
	Clock  bridge.Clock
	Events *bridge.Events
	// Subscribe keeps the shop's webhooks in order and says what it did; nil when nobody listens for them.
	Subscribe func(ctx context.Context) (did []string, err error)
	// Shop tells what it offers; nil when nobody asks.
	Shop Shop

	losses   *losses
	listings *listings              // shared with the other shops' feeds; nil for none
	mark     config.Mark            // of the shop
	marks    map[string]config.Mark // of what its units go by, by their names
}

// A Ledger keeps notes of trouble while it lasts, and what was decided.
type Ledger interface {
	// Decided tells the number of the last event, and whether one after the given number is a decision that somebody took.
	Decided(ctx context.Context, after int64) (last int64, decided bool, err error)
	// Note keeps a small fact under a name, such as why an end is paused; an empty text removes it.
	Note(ctx context.Context, name, text string, events ...*bridge.Event) error
	// Keep enters events in the journal.
	Keep(ctx context.Context, events ...*bridge.Event) error
	Notes(ctx context.Context) (map[string]string, error)
}

// of names a piece of the shop's work.
func (d *Daemon) of(work string) string { return bridge.OfShop(work, d.Name) }

// Run works until ctx ends. It returns nil then, once the work at hand is recorded.
func (d *Daemon) Run(ctx context.Context) error { return alone(d).Run(ctx) }

// Round makes one round of the shop's work: see [Bridge.Round].
func (d *Daemon) Round(ctx context.Context) error { return alone(d).Round(ctx) }

// Rounds makes rounds until no file is settling any more: see [Bridge.Rounds].
func (d *Daemon) Rounds(ctx context.Context) error { return alone(d).Rounds(ctx) }

// Serve lets partners come: see [Bridge.Serve].
func (d *Daemon) Serve(ctx context.Context) error { return alone(d).Serve(ctx) }

func newSchedule(d *Daemon) *schedule {
	return &schedule{Daemon: d, turns: &turns{polled: map[string]bool{}, taken: map[string]chan struct{}{}, loading: map[string]bool{},
		changed: make(chan struct{}), asked: make(chan struct{})}}
}

// schedule is a running bridge's work for a shop.
type schedule struct {
	*Daemon
	*turns
	goesOn bool               // with the work of a schedule by an earlier config
	all    func() []*schedule // of all shops, and this one
	call   func(work string)  // all bridges that share the work: see [Share.Wake]; nil for one that does all of it
}

// turns are what the goroutines that work for a shop share, by whatever config they do.
type turns struct {
	underWay underWay
	told     sync.Map      // feeds of which it was told what a lost ledger has left behind
	asked    chan struct{} // closed once the shop was asked what it offers, or did not answer, where the work is shared

	mu      sync.Mutex
	polled  map[string]bool          // feeds whose folder was listed, or could not be, at least once
	taken   map[string]chan struct{} // entities that a feed has, each with the channel that is closed when it gives it back
	loading map[string]bool          // entities that are being loaded
	changed chan struct{}            // closed and replaced whenever something above or a drop has changed
}

// forget takes away what is remembered of a feed or export whose config has changed.
func (s *schedule) forget(work string) {
	if name, is := strings.CutPrefix(work, feedWork("")); is {
		s.In.Forget(name)
		s.told.Delete(name)
		s.announce(func() { delete(s.polled, name) })
	}
	if name, is := strings.CutPrefix(work, exportWork("")); is {
		s.Out.Memory.Forget(name)
	}
}

// announce wakes everybody who waits for a change.
func (s *schedule) announce(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
	close(s.changed)
	s.changed = make(chan struct{})
}

// poll lists a feed's folder, and carries out the last moves of its drops.
func (s *schedule) poll(f *config.Feed) unit {
	var seen <-chan struct{} // the folder has changed
	watched := false
	var last time.Time
	return unit{name: feedWork(f.Name), woken: true, do: func(ctx context.Context) (due, error) {
		now := s.Clock.Now()
		if s.listings != nil && now.Sub(last) < f.Every.D() { // woken: what is new may not stand in a listing of before
			s.listings.refresh(f, now)
		}
		last = now
		if !watched {
			seen, watched = s.watch(ctx, f), true
		}
		n, err := s.visit(ctx, f)
		s.announce(func() { s.polled[f.Name] = true })
		s.tellBranches(f, n > 0)
		return due{f.Every.D(), seen}, err
	}}
}

// watch tells when something has changed in a feed's folder, where its end can tell.
func (s *schedule) watch(ctx context.Context, f *config.Feed) <-chan struct{} {
	changed, err := s.In.Remotes[f.Remote].Watch(ctx, f.Folder)
	if err != nil && ctx.Err() == nil {
		s.Events.Tell(&bridge.Event{At: s.Clock.Now(), Kind: bridge.Noted, Feed: f.Name, Text: err.Error(), Hint: bridge.HintOf(err)})
	}
	return changed
}

// visit looks into a feed's folder once, unless somebody has paused the feed, and says how many of its drops are to be loaded, or are
// being. What a lost ledger has left behind is told once.
func (s *schedule) visit(ctx context.Context, f *config.Feed) (loadable int, err error) {
	if halt, err := s.halted(ctx, feedWork(f.Name)); err != nil || halt != nil {
		return 0, err
	}
	loadable, err = s.In.Poll(ctx, f)
	err = errors.Join(err, s.In.FinishAll(ctx, f))
	if _, told := s.told.Load(f.Name); err != nil || told {
		return loadable, err
	}
	if err = s.In.TellLeftovers(ctx, f); err == nil {
		s.told.Store(f.Name, true)
	}
	return loadable, err
}

// load loads the drops of a feed, one after the other, as soon as what it depends on has nothing left to load.
func (s *schedule) load(f *config.Feed) unit {
	return unit{name: feedWork(f.Name), woken: true, do: func(ctx context.Context) (due, error) {
		switch found, changed, err := s.turn(ctx, f); {
		case err != nil:
			return due{}, err
		case found:
			return due{}, nil
		default:
			return due{time.Hour, changed}, nil
		}
	}}
}

// turn takes the feed's entity and loads what is next of it; found says whether something was. With nothing to do, or
// something to wait for, changed tells when to ask again. No lock is held while the ledger or an end is waited for: the
// other feeds go on.
func (s *schedule) turn(ctx context.Context, f *config.Feed) (found bool, changed <-chan struct{}, err error) {
	changed, taken := s.take(f.Entity.Name)
	if !taken {
		return false, changed, nil
	}
	defer s.giveBack(f.Entity.Name)
	if err := s.lacks(f.Entity.Name); err != nil {
		return false, changed, err
	}
	works := append(feedWorks(f), s.of(bridge.ShopWork))
	work, done := s.underWay.begin(ctx, works...) // before it is asked, so that no pause slips through
	defer done()
	if halt, err := s.halted(ctx, works...); err != nil || halt != nil {
		return false, changed, err
	}
	work, laidDown, err := s.In.TakeUpLoads(work, f)
	if err != nil {
		return false, changed, err
	}
	defer laidDown()
	found, err = s.loadNext(work, f)
	if work.Err() != nil && ctx.Err() == nil {
		err = nil // somebody paused it
	}
	return found, changed, err
}

// loadNext loads what is next of a feed, unless something is left to load of what it depends on; found says whether something was.
func (s *schedule) loadNext(ctx context.Context, f *config.Feed) (found bool, err error) {
	free, err := s.parentsLoaded(ctx, f)
	if err != nil || !free {
		return false, err
	}
	d, err := s.In.NextDue(ctx, f)
	if err != nil {
		return false, err
	}
	if d == nil {
		if err := s.In.FinishAll(ctx, f); err != nil {
			return false, err
		}
		due, err := s.In.ParkedDue(ctx, f)
		if err != nil || !due {
			return false, err
		}
	}
	s.setLoading(f.Entity.Name, true)
	defer s.setLoading(f.Entity.Name, false)
	if d == nil {
		return true, s.In.RetryParked(ctx, f, 0)
	}
	return true, s.loadOne(ctx, f, d)
}

// take reserves an entity. It returns the channel that tells of changes from now on; for an entity that another feed has,
// the one that tells when that feed gives it back.
func (s *schedule) take(entity string) (changed <-chan struct{}, taken bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if freed, busy := s.taken[entity]; busy {
		return freed, false
	}
	s.taken[entity] = make(chan struct{})
	return s.changed, true
}

func (s *schedule) giveBack(entity string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.taken[entity])
	delete(s.taken, entity)
}

// setLoading tells those who depend on an entity whether it is being loaded.
func (s *schedule) setLoading(entity string, on bool) {
	s.announce(func() { s.loading[entity] = on })
}

// loads says whether anything is being loaded.
func (s *schedule) loads() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, on := range s.loading {
		if on {
			return true
		}
	}
	return false
}

// parentsLoaded says that nothing is left to load of the feeds that a feed's entity depends on.
func (s *schedule) parentsLoaded(ctx context.Context, f *config.Feed) (bool, error) {
	for _, g := range s.In.Feeds {
		if !slices.Contains(f.Entity.After, g.Entity.Name) {
			continue
		}
		s.mu.Lock()
		open := !s.polled[g.Name] || s.loading[g.Entity.Name]
		s.mu.Unlock()
		if open {
			return false, nil
		}
		if halt, err := s.halted(ctx, feedWorks(g)...); err != nil || halt != nil {
			if err != nil {
				return false, err
			}
			continue // what depends on a feed that is paused goes on: its rows find their parents, or are parked
		}
		waiting, err := s.In.NextDue(ctx, g)
		if err != nil || waiting != nil {
			return false, err
		}
	}
	return true, nil
}

// loadOne loads a drop. It is put away with others, once nothing is due or the folder is listed again.
func (s *schedule) loadOne(ctx context.Context, f *config.Feed, d *bridge.Drop) error {
	if _, err := s.In.Load(ctx, f, d); err != nil {
		return err
	}
	return s.In.RetryParked(ctx, f, d.ID)
}

// export makes the rounds of an export.
func (s *schedule) export(x *config.Export) unit {
	return unit{name: exportWork(x.Name), woken: true, do: func(ctx context.Context) (due, error) {
		return due{x.Every.D(), s.Out.Waker(x.Name)}, s.exportOnce(ctx, x)
	}}
}

// exportOnce makes one round of an export. While the shop lacks what orders rely on, only what is owed already goes out.
func (d *Daemon) exportOnce(ctx context.Context, x *config.Export) error {
	if halt, err := d.halted(ctx, exportWork(x.Name)); err != nil || halt != nil {
		return err
	}
	if halt, err := d.halted(ctx, d.of(bridge.ShopWork)); err != nil || halt != nil {
		return errors.Join(err, d.Out.Deliver(ctx, x))
	}
	if err := d.lacks(bridge.Orders); err != nil {
		return errors.Join(err, d.Out.Deliver(ctx, x))
	}
	_, err := d.Out.Export(ctx, x)
	return err
}

// subscribeEvery is how often the shop's subscription is looked at.
const subscribeEvery = 24 * time.Hour

// subscribe keeps the shop's subscription in order. Orders go out without it, only later.
func (s *schedule) subscribe() unit {
	return unit{name: s.of(bridge.WebhookWork), do: func(ctx context.Context) (due, error) {
		if err := s.lacks(bridge.WebhookWork); err != nil {
			return due{}, err
		}
		did, err := s.Subscribe(ctx)
		if len(did) > 0 {
			s.Events.Tell(&bridge.Event{At: s.Clock.Now(), Kind: bridge.Noted, Work: s.of(bridge.WebhookWork), Text: strings.Join(did, "; ")})
		}
		return due{after: subscribeEvery}, err
	}}
}

// report is [report] of the shop's work.
func (d *Daemon) report(ctx context.Context, work string, failed int, err error) int {
	return report(ctx, d.Ledger, d.Clock, d.Events, work, failed, err)
}

// round makes one round of a shop's work: every feed is polled, what is ready is loaded in the order of dependency, every export is
// looked after. It goes on to the next piece of work when one fails, and returns all errors.
func (d *Daemon) round(ctx context.Context) error {
	var errs []error
	failed := func(what string, err error) { errs = append(errs, bridge.Within(what, err)) }
	failed(d.of(bridge.ShopWork), d.probe(ctx, false))
	feeds, loads, err := d.unhalted(ctx)
	failed("pauses", err)
	for _, f := range feeds {
		if f.Front == "" {
			_, err := d.In.Poll(ctx, f)
			failed("feed "+f.Name, err)
		}
	}
	lacks := map[string]error{}
	for _, f := range loads {
		if lacks[f.Name] = d.lacks(f.Entity.Name); lacks[f.Name] == nil {
			failed("feed "+f.Name, d.In.LoadDue(ctx, f))
		}
	}
	for _, f := range feeds {
		if failed("feed "+f.Name, lacks[f.Name]); lacks[f.Name] == nil && slices.Contains(loads, f) {
			failed("feed "+f.Name, d.In.RetryParked(ctx, f, 0))
		}
		if f.Front == "" {
			failed("feed "+f.Name, d.In.FinishAll(ctx, f))
			failed("feed "+f.Name, d.In.TellLeftovers(ctx, f))
		}
	}
	for _, f := range d.comparedFeeds() {
		if slices.Contains(loads, f) {
			_, err := d.In.ReconcileDue(ctx, f)
			failed("reconcile "+f.Name, err)
		}
	}
	for _, x := range d.Out.Exports {
		failed("export "+x.Name, d.exportOnce(ctx, x))
	}
	return errors.Join(errs...)
}

// settling is when the next file that is still settling may be whole; zero when there is none.
func (d *Daemon) settling(ctx context.Context) (first time.Time, err error) {
	feeds, _, err := d.unhalted(ctx)
	if err != nil {
		return first, err
	}
	for _, f := range feeds {
		if f.Ready.Stable == 0 && f.Ready.Manifest == "" {
			continue // its files wait for their markers alone
		}
		drops, err := d.In.Ledger.Drops(ctx, bridge.DropFilter{Feed: f.Name, States: []bridge.DropState{bridge.Seen}})
		if err != nil {
			return first, err
		}
		for _, x := range drops {
			stable := f.Ready.Stable
			if x.Manifest {
				stable = f.Ready.ManifestStable
			}
			if until := x.SteadyAt.Add(stable.D()); until.After(x.ListedAt) && (first.IsZero() || until.Before(first)) {
				first = until
			}
		}
	}
	return first, nil
}

// unhalted lists the feeds that nobody has paused, in the order of dependency, and those of them that may be loaded.
func (d *Daemon) unhalted(ctx context.Context) (feeds, loads []*config.Feed, err error) {
	notes, err := d.Ledger.Notes(ctx)
	if err != nil {
		return nil, nil, err
	}
	for _, f := range d.byDependency() {
		if bridge.HaltedNow(notes, d.Clock.Now(), feedWorks(f)...) != nil {
			continue
		}
		feeds = append(feeds, f)
		if bridge.HaltedNow(notes, d.Clock.Now(), d.of(bridge.ShopWork)) == nil {
			loads = append(loads, f)
		}
	}
	return feeds, loads, nil
}

// byDependency lists the feeds so that none stands before one that it depends on.
func (d *Daemon) byDependency() []*config.Feed {
	feeds := slices.Clone(d.In.Feeds)
	slices.SortStableFunc(feeds, func(x, y *config.Feed) int { return len(x.Entity.After) - len(y.Entity.After) })
	return feeds
}
