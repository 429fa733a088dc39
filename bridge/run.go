package bridge

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// Run is the daemon: every feed and every export on its own schedule, until ctx ends. Trouble at one end pauses what
// needs that end and nothing else. It returns nil when ctx ends, once the work at hand is recorded.
func (b *Bridge) Run(ctx context.Context) error {
	if err := b.forgetTrouble(ctx); err != nil {
		return err
	}
	s := &schedule{b: b, polled: map[string]bool{}, busy: map[string]bool{}, changed: make(chan struct{})}
	g, ctx := errgroup.WithContext(ctx)
	for _, f := range b.Config.Feeds {
		g.Go(func() error { return s.poll(ctx, f) })
		g.Go(func() error { return s.load(ctx, f) })
	}
	for _, e := range b.Config.Exports {
		g.Go(func() error { return s.export(ctx, e) })
	}
	if len(b.Config.Exports) > 0 && b.Config.Admin.WebhookURL != "" {
		g.Go(func() error { return s.subscribe(ctx) })
	}
	g.Go(func() error { return b.pruneLoop(ctx) })
	err := g.Wait()
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// schedule is what the goroutines of a running bridge share.
type schedule struct {
	b *Bridge

	mu      sync.Mutex
	polled  map[string]bool // feeds whose folder was listed, or could not be, at least once
	busy    map[string]bool // entities that are being loaded
	changed chan struct{}   // closed and replaced whenever something above or a drop has changed
}

func (s *schedule) announce(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
	close(s.changed)
	s.changed = make(chan struct{})
}

// poll lists a feed's folder again and again, and carries out the last moves of its drops.
func (s *schedule) poll(ctx context.Context, f *FeedConfig) error {
	wake, err := s.b.Remotes[f.Remote].Watch(ctx, f.Folder)
	if err != nil {
		s.b.Log.Warn("watch", "feed", f.Name, "error", err, "hint", HintOf(err))
	}
	for n := 0; ctx.Err() == nil; {
		_, err := s.b.Poll(ctx, f)
		err = errors.Join(err, s.b.FinishAll(ctx, f))
		s.announce(func() { s.polled[f.Name] = true })
		wait := f.Every.D()
		n = s.b.report(ctx, "feed "+f.Name, n, err)
		if n > 0 {
			wait = max(wait, pause(n, err, 0.5))
		}
		if err := s.b.waitOr(ctx, wait, wake); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// load takes the drops of a feed, one after the other, as soon as what it depends on has nothing left to load.
func (s *schedule) load(ctx context.Context, f *FeedConfig) error {
	for n := 0; ctx.Err() == nil; {
		changed, d, err := s.next(ctx, f)
		if err == nil && d != nil {
			_, err = s.b.Load(ctx, f, d)
			if err == nil {
				err = s.b.Finish(ctx, f, d)
			}
			if err == nil {
				err = s.b.RetryParked(ctx, f, d.ID)
			}
		} else if err == nil && changed == nil {
			err = s.b.RetryParked(ctx, f, 0)
		}
		if changed == nil {
			s.announce(func() { s.busy[f.Entity.Name] = false })
		}
		if ctx.Err() != nil {
			break
		}
		n = s.b.report(ctx, "feed "+f.Name, n, err)
		switch {
		case n > 0:
			err = s.b.Clock.Wait(ctx, pause(n, err, 0.5))
		case changed != nil:
			err = s.b.waitOr(ctx, time.Hour, changed)
		}
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}

// next finds the feed's next drop and takes its entity; with nothing to do, or something to wait for, it returns the
// channel that tells of changes.
func (s *schedule) next(ctx context.Context, f *FeedConfig) (changed <-chan struct{}, d *Drop, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.busy[f.Entity.Name] {
		return s.changed, nil, nil
	}
	for _, g := range s.b.Config.Feeds {
		if !slices.Contains(f.Entity.After, g.Entity.Name) {
			continue
		}
		waiting, err := s.b.nextDue(ctx, g)
		if err != nil {
			return nil, nil, err
		}
		if !s.polled[g.Name] || waiting != nil || s.busy[g.Entity.Name] {
			return s.changed, nil, nil
		}
	}
	d, err = s.b.nextDue(ctx, f)
	if err != nil {
		return nil, nil, err
	}
	if d == nil {
		ready := false
		err := s.b.Ledger.Parked(ctx, f.Name, s.b.waitedSince(f), func(ParkedRow) error { ready = true; return errEnough })
		if err != nil && !errors.Is(err, errEnough) {
			return nil, nil, err
		}
		if !ready {
			return s.changed, nil, nil
		}
	}
	s.busy[f.Entity.Name] = true
	return nil, d, nil
}

var errEnough = errors.New("seen enough")

// export makes round after round of an export.
func (s *schedule) export(ctx context.Context, e *ExportConfig) error {
	for n := 0; ctx.Err() == nil; {
		_, err := s.b.Export(ctx, e)
		wait := e.Every.D()
		if n = s.b.report(ctx, "export "+e.Name, n, err); n > 0 {
			wait = max(wait, pause(n, err, 0.5))
		}
		if err := s.b.waitOr(ctx, wait, s.b.outbound.waker(e.Name)); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// A Subscriber is a shop that tells of new orders.
type Subscriber interface {
	// Subscribe makes sure that the shop tells the address of new and changed orders, signed with the secret, and mends
	// what is wrong with that. It returns what it did, in words; empty when all was well.
	Subscribe(ctx context.Context, address string, secret Secret) (did []string, err error)
}

// subscribeEvery is how often the shop's subscription is looked at.
const subscribeEvery = 24 * time.Hour

// subscribe keeps the shop's subscription in order. Orders go out without it, only later.
func (s *schedule) subscribe(ctx context.Context) error {
	shop, ok := s.b.Shop.(Subscriber)
	if !ok {
		return nil
	}
	admin := s.b.Config.Admin
	for n := 0; ctx.Err() == nil; {
		did, err := shop.Subscribe(ctx, admin.WebhookURL, admin.WebhookSecret)
		if len(did) > 0 {
			s.b.Log.Info("webhook", "address", admin.WebhookURL, "did", did)
		}
		wait := subscribeEvery
		if n = s.b.report(ctx, "webhook", n, err); n > 0 {
			wait = pause(n, err, 0.5)
		}
		if err := s.b.Clock.Wait(ctx, wait); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// report keeps an admin informed of trouble: a note in the ledger while it lasts, and log lines when it begins, at every
// further try, and when it has passed. It returns how often in a row the work has failed.
func (b *Bridge) report(ctx context.Context, work string, failed int, err error) int {
	if ctx.Err() != nil {
		return failed
	}
	text := ""
	if err != nil {
		failed++
		text = err.Error()
		b.Log.Warn("paused", "work", work, "error", err, "hint", HintOf(err), "failed", failed)
	} else if failed == 0 {
		return 0
	} else {
		failed = 0
		b.Log.Info("trouble has passed", "work", work)
	}
	if err := b.Ledger.Note(ctx, pausedNote(work), text); err != nil {
		b.Log.Error("note", "work", work, "error", err)
	}
	return failed
}

// forgetTrouble takes away what the ledger notes about trouble that an earlier process was in: whether it lasts is found
// out now.
func (b *Bridge) forgetTrouble(ctx context.Context) error {
	notes, err := b.Ledger.Notes(ctx)
	if err != nil {
		return err
	}
	for name := range notes {
		if _, ok := PausedNote(name); !ok {
			continue
		}
		if err := b.Ledger.Note(ctx, name, ""); err != nil {
			return err
		}
	}
	return nil
}

// waitOr waits for a time, or less when the channel says that there is something to do.
func (b *Bridge) waitOr(ctx context.Context, d time.Duration, wake <-chan struct{}) error {
	ctx2, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- b.Clock.Wait(ctx2, d) }()
	select {
	case err := <-done:
		return err
	case <-wake:
	}
	cancel()
	<-done
	return ctx.Err()
}

// Round makes one round: every feed is polled, what is ready is loaded in the order of dependency, every export is
// looked after. It goes on to the next piece of work when one fails, and returns all errors.
func (b *Bridge) Round(ctx context.Context) error {
	if err := b.forgetTrouble(ctx); err != nil {
		return err
	}
	var errs []error
	failed := func(what string, err error) bool {
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", what, err))
		}
		return err != nil
	}
	feeds := b.byDependency()
	for _, f := range feeds {
		_, err := b.Poll(ctx, f)
		failed("feed "+f.Name, err)
	}
	for _, f := range feeds {
		failed("feed "+f.Name, b.loadDue(ctx, f))
	}
	for _, f := range feeds {
		failed("feed "+f.Name, b.RetryParked(ctx, f, 0))
		failed("feed "+f.Name, b.FinishAll(ctx, f))
	}
	for _, e := range b.Config.Exports {
		_, err := b.Export(ctx, e)
		failed("export "+e.Name, err)
	}
	_, err := b.PruneDue(ctx)
	failed("prune", err)
	return errors.Join(errs...)
}

// loadDue loads all drops of a feed that are due.
func (b *Bridge) loadDue(ctx context.Context, f *FeedConfig) error {
	for {
		d, err := b.nextDue(ctx, f)
		if err != nil {
			return err
		}
		if d == nil {
			return nil
		}
		if _, err := b.Load(ctx, f, d); err != nil {
			return err
		}
		if err := b.RetryParked(ctx, f, d.ID); err != nil {
			return err
		}
	}
}

// byDependency lists the feeds so that none stands before one that it depends on.
func (b *Bridge) byDependency() []*FeedConfig {
	feeds := slices.Clone(b.Config.Feeds)
	rank := func(f *FeedConfig) int { return len(f.Entity.After) }
	slices.SortStableFunc(feeds, func(x, y *FeedConfig) int { return rank(x) - rank(y) })
	return feeds
}
