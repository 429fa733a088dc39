package daemon

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/inbound/spool"
)

// shared is the life of a bridge that shares its work.
type shared struct {
	next  *Bridge // which is to be the next one
	end   context.CancelFunc
	ended chan struct{}
}

// share has the relay's bridges do what falls to them, one after the other: the next one begins once all that the one before had was
// handed back, and what others have goes on.
func (r *Relay) share(ctx context.Context) error {
	for {
		b := r.now()
		if err := b.settle(ctx); err != nil {
			return err
		}
		life, end := context.WithCancel(ctx)
		s := &shared{end: end, ended: make(chan struct{})}
		r.turn.Lock()
		r.shared = s
		r.turn.Unlock()
		select {
		case <-r.begun:
		default:
			close(r.begun)
		}
		err := r.live(life, b)
		end()
		r.mu.Lock()
		if s.next != nil {
			r.bridge = s.next
		}
		r.mu.Unlock()
		close(s.ended)
		if err != nil || ctx.Err() != nil {
			r.turn.Lock()
			r.over = true
			r.turn.Unlock()
			return err
		}
	}
}

// shareNext has the next bridge begin, and returns once the one before has ended. Callers hold the turn.
func (r *Relay) shareNext(ctx context.Context, next *Bridge) error {
	if err := next.Belong(ctx); err != nil {
		return err
	}
	s := r.shared
	r.mu.Lock()
	s.next = next
	r.mu.Unlock()
	s.end()
	<-s.ended
	if r.doors != nil {
		r.doors.of(next)
	}
	return nil
}

// live does a bridge's part until ctx ends.
func (r *Relay) live(ctx context.Context, b *Bridge) error {
	g, ctx := errgroup.WithContext(ctx)
	var all []*schedule
	r.mu.Lock()
	r.schedules = map[string]*schedule{}
	for _, d := range b.daemons() {
		s := newSchedule(d)
		s.all, s.call = r.all, b.Share.Wake
		all, r.schedules[d.Name] = append(all, s), s
		g.Go(func() error { return s.keepAsking(ctx) })
	}
	r.mu.Unlock()
	g.Go(func() error { return keepAll(ctx, []*leg{{unit: b.tidy(), clock: b.Clock, report: b.report}}) })
	for _, do := range b.Own {
		g.Go(func() error { return do(ctx) })
	}
	g.Go(func() error { return b.Share.Do(ctx, b.jobs(all), r.called) })
	g.Go(func() error { return r.heed(ctx) })
	return ended(ctx, g.Wait())
}

// called is what the relay does when a bridge calls all of them: see [Share.Wake].
func (r *Relay) called(work string) {
	r.now().wake(work)
	if front, is := strings.CutPrefix(work, feedWork("")); is {
		for _, s := range r.all() {
			s.listed(front)
		}
	}
}

// tidy keeps the spool of this machine small: the house prunes that of its own alone.
func (b *Bridge) tidy() unit {
	return unit{name: "spool", least: time.Hour, do: func(ctx context.Context) (due, error) {
		return due{after: bridge.Day}, spool.Tidy(ctx, b.house().Ledger, b.house().Spool)
	}}
}

// jobs are the jobs of all shops, those of the fronts, and the house.
func (b *Bridge) jobs(schedules []*schedule) (all []Job) {
	known := map[string]bool{}
	add := func(s *schedule, kind, of string, works []string, units func() []unit) {
		for _, w := range works {
			known[w] = true
		}
		all = append(all, Job{Kind: kind, Of: of, Do: func(ctx context.Context) error {
			return ended(ctx, b.job(ctx, s, works, units()))
		}})
	}
	for _, s := range schedules {
		var works []string
		for _, u := range s.imports() {
			works = append(works, u.name)
		}
		if s.Daemon == b.Front {
			add(s, KindFronts, "", works, s.imports)
			continue
		}
		add(s, KindImports, s.Name, append(works, s.of(bridge.ShopWork)), s.imports)
		all[len(all)-1].Loads = s.loads
		for _, x := range s.Out.Exports {
			add(s, KindExport, x.Name, []string{exportWork(x.Name)}, func() []unit { return []unit{s.export(x)} })
		}
	}
	return append(all, Job{Kind: KindHouse, Do: func(ctx context.Context) error {
		ctx, end := bridge.UntilNotice(ctx)
		defer end()
		return ended(ctx, b.keepHouse(ctx, known))
	}})
}

// job does some units of a shop until ctx ends, or notice is given. What is remembered of them says nothing any more: another bridge has
// done them since.
func (b *Bridge) job(ctx context.Context, s *schedule, works []string, units []unit) error {
	if err := b.beginAnew(ctx, func(work string) bool { return slices.Contains(works, work) }); err != nil {
		return err
	}
	select {
	case <-s.asked:
	case <-ctx.Done():
		return ctx.Err()
	}
	for _, work := range works {
		s.forget(work)
	}
	for _, f := range s.In.Feeds {
		if f.Front != "" {
			s.listed(f.Front) // by whoever has the fronts, perhaps another bridge: nobody waits for it to do so once more
		}
	}
	s.In.Wake()
	return keepAll(ctx, s.legs(units))
}

// keepHouse does what is done once for all shops; others forget the trouble of the works that they know.
func (b *Bridge) keepHouse(ctx context.Context, known map[string]bool) error {
	b.housed.Store(true)
	defer b.housed.Store(false)
	if err := b.beginAnew(ctx, func(work string) bool { return !known[work] }); err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return keepAll(ctx, b.legs()) })
	for _, keep := range b.House {
		g.Go(func() error { return keep(ctx) })
	}
	return g.Wait()
}

// keepAll does units again and again until ctx ends, or notice is given.
func keepAll(ctx context.Context, legs []*leg) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, u := range legs {
		g.Go(func() error {
			l := &lane{}
			l.leg.Store(u)
			l.run(ctx, u, 0)
			return ctx.Err()
		})
	}
	return g.Wait()
}

// keepAsking asks the shop what it offers until ctx ends: each bridge does so for itself, whoever does the work.
func (s *schedule) keepAsking(ctx context.Context) error {
	first := s.firstOffers(ctx)
	close(s.asked)
	if s.Shop == nil {
		return nil
	}
	return keepAll(ctx, s.legs([]unit{s.offers(first)}))
}

// beginAnew forgets the trouble that works were in where they were done before, and waits for the ledger if need be.
func (b *Bridge) beginAnew(ctx context.Context, of func(work string) bool) error {
	for n := 1; ; n++ {
		err := b.forgetTrouble(ctx, of)
		if err == nil || bridge.FateOf(err) != bridge.Pause {
			return err
		}
		if err := b.Clock.Wait(ctx, bridge.Backoff(n, err, 0.5)); err != nil {
			return err
		}
	}
}

// ended is no error where the context is the reason.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}
