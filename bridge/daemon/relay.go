package daemon

import (
	"context"
	"errors"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
)

// A Relay runs bridges one after the other on one ledger, each by another config. What both configs say alike goes on: a unit whose
// feed or export, with its remote and its shop, is what it was is not cut, and the next bridge does it from the next time on that it is
// due. What has changed is cut at a safe point, as by a stop, and begun anew once all of it has ended; what is gone ends.
type Relay struct {
	turn   sync.Mutex // of who hands over
	over   bool       // nobody can any more
	doors  *doors     // while they are served
	begun  chan struct{}
	shared *shared // the life of a bridge that shares its work; nil for one that does not
	work   sync.WaitGroup
	first  sync.WaitGroup // shops that have not begun yet
	moved  atomic.Int64   // when the schedule last looked for decisions, in unix nanoseconds

	ctx   context.Context // of the work; ends with Run
	fail  context.CancelCauseFunc
	leave func() // ends what keeps the house, and waits for it

	mu        sync.Mutex
	bridge    *Bridge
	schedules map[string]*schedule // by shop
	lanes     map[lot]*lane
}

// NewRelay begins with a bridge, whose schedule counts as at work while it begins.
func NewRelay(first *Bridge) *Relay {
	r := &Relay{begun: make(chan struct{}), bridge: first, schedules: map[string]*schedule{}, lanes: map[lot]*lane{}}
	r.moved.Store(first.Clock.Now().UnixNano())
	return r
}

// A lot says which unit one is among those of a bridge. Several may share a name; those that do come in the same order each time.
type lot struct {
	name string
	n    int
}

// A lane is where one unit is done again and again, whichever bridge has it.
type lane struct {
	leg   atomic.Pointer[leg] // the one to be run next; nil: none
	cut   context.CancelFunc
	ended chan struct{}
}

// A leg is a unit as one bridge does it.
type leg struct {
	unit
	mark   config.Mark
	clock  bridge.Clock
	wakes  func() <-chan struct{}
	report func(ctx context.Context, work string, failed int, err error) int
}

// Run works until ctx ends. It returns nil then, once the work at hand is recorded.
func (r *Relay) Run(ctx context.Context) error {
	b := r.now()
	if b.Share != nil {
		return r.share(ctx)
	}
	b.housed.Store(true)
	if err := errors.Join(b.forgetTrouble(ctx, func(string) bool { return true }), b.settle(ctx)); err != nil {
		return err
	}
	ctx, r.fail = context.WithCancelCause(ctx)
	defer r.fail(nil)
	r.ctx = ctx
	r.keepHouse(ctx, b)
	r.begin(ctx, b.daemons())
	r.start(ctx, lotsOf(b.legs()))
	close(r.begun)
	err := r.heed(ctx)
	r.turn.Lock() // nobody hands over any more
	r.over = true
	r.turn.Unlock()
	r.first.Wait()
	r.work.Wait()
	r.leave()
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	return ended(ctx, err)
}

// keepHouse does what else is done once for all shops.
func (r *Relay) keepHouse(ctx context.Context, b *Bridge) {
	ctx, end := context.WithCancel(ctx)
	var house sync.WaitGroup
	for _, keep := range b.House {
		house.Go(func() {
			if err := keep(ctx); err != nil && ctx.Err() == nil {
				r.fail(err)
			}
		})
	}
	r.leave = func() { end(); house.Wait() }
}

func (r *Relay) now() *Bridge {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.bridge
}

// begin has shops asked what they offer, side by side, and their work begun.
func (r *Relay) begin(ctx context.Context, shops []*Daemon) {
	for _, d := range shops {
		s := newSchedule(d)
		s.all = r.all
		r.mu.Lock()
		r.schedules[d.Name] = s
		r.mu.Unlock()
		r.first.Go(func() {
			asked := s.firstOffers(ctx) // before any work begins
			r.start(ctx, lotsOf(s.legs(s.units(asked))))
		})
	}
}

// start begins legs in lanes of their own.
func (r *Relay) start(ctx context.Context, legs map[lot]*leg) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for lot, g := range legs {
		own, cut := context.WithCancel(ctx)
		l := &lane{cut: cut, ended: make(chan struct{})}
		l.leg.Store(g)
		r.lanes[lot] = l
		r.work.Go(func() {
			defer close(l.ended)
			defer cut()
			failed := 0
			for g := l.leg.Load(); g != nil && own.Err() == nil; g = l.leg.Load() {
				failed = l.run(own, g, failed)
			}
		})
	}
}

// leftAlone is how long a unit rests that another bridge has taken up, so that the two do not take it from each other in turns.
const leftAlone = 30 * time.Second

// run does a leg's unit again and again until ctx ends or notice is given, or until the lane has another leg. A unit that fails is tried
// again within seconds at first, then with growing distance; how often it has failed is handed on.
func (l *lane) run(ctx context.Context, g *leg, failed int) int {
	until, end := bridge.UntilNotice(ctx)
	defer end()
	for until.Err() == nil && l.leg.Load() == g {
		var woken <-chan struct{}
		if g.woken {
			woken = g.wakes()
		}
		next, err := g.do(ctx)
		if until.Err() != nil {
			break
		}
		if errors.Is(err, bridge.ErrTakenUp) {
			next.after, next.or = leftAlone, nil
		}
		if failed = g.report(ctx, g.name, failed, err); failed > 0 {
			next.after = max(g.least, bridge.Backoff(failed, err, 0.5))
		}
		if next.after <= 0 {
			continue
		}
		if bridge.WaitOr(until, g.clock, next.after, woken, next.or) != nil {
			break
		}
	}
	return failed
}

// legs are a shop's units as its bridge does them.
func (s *schedule) legs(units []unit) (all []*leg) {
	for _, u := range units {
		all = append(all, &leg{u, s.marks[u.name], s.Clock, s.In.Woken, s.report})
	}
	return all
}

// legs are the units that are done once for all shops.
func (b *Bridge) legs() (all []*leg) {
	for _, u := range b.units() {
		all = append(all, &leg{u, b.marks[u.name], b.Clock, nil, b.report})
	}
	return all
}

func lotsOf(legs []*leg) map[lot]*leg {
	all, n := map[lot]*leg{}, map[string]int{}
	for _, g := range legs {
		all[lot{g.name, n[g.name]}] = g
		n[g.name]++
	}
	return all
}

// Next hands over to another bridge on the same ledger. It returns once what the next one does not go on with has ended, its files are
// closed, and what is new has begun; the ends of the one before that the next one does not have may be closed then. An error leaves
// everything as it is. No method of next may have been called that does any work.
func (r *Relay) Next(ctx context.Context, next *Bridge) error {
	select {
	case <-r.begun:
	case <-ctx.Done():
		return ctx.Err()
	}
	r.turn.Lock()
	defer r.turn.Unlock()
	if r.over {
		return context.Canceled
	}
	if r.shared != nil {
		return r.shareNext(ctx, next)
	}
	next.housed.Store(true)
	notes, err := next.Ledger.Notes(ctx)
	if err = errors.Join(err, next.settle(ctx)); err != nil {
		return err
	}
	r.first.Wait()
	legs, fresh := r.takeOver(next)
	for _, g := range r.handOver(legs) {
		r.forget(ctx, g, notes)
	}
	r.mu.Lock()
	r.bridge = next
	r.mu.Unlock()
	r.leave()
	r.keepHouse(r.ctx, next)
	if r.doors != nil {
		r.doors.of(next)
	}
	r.start(r.ctx, legs)
	r.begin(r.ctx, fresh)
	return nil
}

// takeOver gives the shops that are what they were what is remembered of them, and lists the units of these; the others are fresh.
func (r *Relay) takeOver(next *Bridge) (legs map[lot]*leg, fresh []*Daemon) {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := next.legs()
	before := r.schedules
	r.schedules = map[string]*schedule{}
	for _, d := range next.daemons() {
		s, was := newSchedule(d), before[d.Name]
		s.all = r.all
		if was == nil || was.mark != d.mark {
			fresh = append(fresh, d)
			continue
		}
		d.In.Memory, d.Out.Memory, d.losses = was.In.Memory, was.Out.Memory, was.losses
		s.turns, s.goesOn = was.turns, true
		r.schedules[d.Name] = s
		all = append(all, s.legs(s.units(nil))...)
	}
	return lotsOf(all), fresh
}

// handOver gives each lane its next leg, and cuts those whose unit has changed or is gone. It returns what was cut, once all of it has
// ended; in legs are left those that have no lane yet.
func (r *Relay) handOver(legs map[lot]*leg) (ended []*leg) {
	var cut []*lane
	r.mu.Lock()
	for lot, l := range r.lanes {
		was := l.leg.Load()
		if next := legs[lot]; next != nil && next.mark == was.mark {
			l.leg.Store(next)
			delete(legs, lot)
			continue
		}
		l.leg.Store(nil)
		l.cut()
		delete(r.lanes, lot)
		cut, ended = append(cut, l), append(ended, was)
	}
	events := r.bridge.Events
	r.mu.Unlock()
	events.Step("cut")
	for _, l := range cut {
		<-l.ended
	}
	return ended
}

// forget takes away what is remembered of work that has ended, and what the ledger notes of the trouble that it was in: whether it
// lasts is found out by who begins it anew.
func (r *Relay) forget(ctx context.Context, ended *leg, notes map[string]string) {
	for _, s := range r.all() {
		s.forget(ended.name)
	}
	if note := bridge.PausedNote(ended.name); notes[note] != "" {
		b := r.now()
		if err := b.Ledger.Note(ctx, note, ""); err != nil {
			b.Events.Tell(bridge.Trouble(b.Clock.Now(), ended.name, err))
		}
	}
}

// Wake has the exports of a shop ask at once for what is new: see [Bridge.Wake].
func (r *Relay) Wake(shop string) bool { return r.now().Wake(shop) }

// aliveWithin is how long a schedule may not move before it counts as dead: longer than one transaction of an import takes.
const aliveWithin = 30 * time.Second

// Alive says whether the schedule is at work: it looks into the ledger each second, and the ledger answers.
func (r *Relay) Alive() bool {
	return r.now().Clock.Now().Sub(time.Unix(0, r.moved.Load())) < aliveWithin
}

// heedEvery is how often a running bridge looks whether somebody has decided something beside it.
const heedEvery = time.Second

// heed wakes what waits once somebody has decided something, in this process or in another one.
func (r *Relay) heed(ctx context.Context) error {
	b := r.now()
	last, _, err := b.Ledger.Decided(ctx, math.MaxInt64)
	var halted []string
	for n := 0; ctx.Err() == nil; {
		if n = b.report(ctx, "decisions", n, err); n == 0 {
			r.moved.Store(b.Clock.Now().UnixNano())
		}
		wait := heedEvery
		if n > 0 {
			wait = max(wait, bridge.Backoff(n, err, 0.5))
		}
		if err := b.Clock.Wait(ctx, wait); err != nil {
			return err
		}
		b = r.now()
		var decided bool
		var now int64
		if now, decided, err = b.Ledger.Decided(ctx, last); err == nil {
			last = now
		}
		if decided && err == nil {
			for _, s := range r.all() {
				err = errors.Join(err, s.cutHalted(ctx))
			}
			b.Events.Step("heeded")
		}
		still, ended, haltErr := b.endHalts(ctx, halted)
		halted = still
		if err = errors.Join(err, haltErr); decided || ended {
			for _, s := range r.all() {
				s.In.Wake()
				s.announce(func() {})
			}
		}
		if decided && b.Heed != nil {
			err = b.Heed(ctx)
		}
	}
	return ctx.Err()
}

// all are the schedules of all shops.
func (r *Relay) all() (all []*schedule) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.schedules {
		all = append(all, s)
	}
	return all
}
