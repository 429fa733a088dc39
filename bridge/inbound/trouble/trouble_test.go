package trouble_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/inbound/trouble"
)

// clock goes on by itself when somebody waits; with stopped it stands until the context ends.
type clock struct {
	mu      sync.Mutex
	now     time.Time
	stopped bool
	waiting chan struct{} // told of each wait; nil tells nobody
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Wait(ctx context.Context, d time.Duration) error {
	if c.waiting != nil {
		c.waiting <- struct{}{}
	}
	if c.stopped {
		<-ctx.Done()
		return ctx.Err()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	return ctx.Err()
}

// notes is a ledger's.
type notes map[string]string

func (n notes) Note(_ context.Context, name, text string, _ ...*bridge.Event) error {
	if n[name] = text; text == "" {
		delete(n, name)
	}
	return nil
}

var errAway = &bridge.Error{Op: "reach", Object: "shop", Fate: bridge.Pause, Err: bridge.ErrUnreachable}

func TestTroubleIsWaitedOutAndStandsInTheNotes(t *testing.T) {
	kept, c, events := notes{}, &clock{now: time.Unix(0, 0)}, &bridge.Events{}
	var told []bridge.EventKind
	events.Observe(func(e *bridge.Event) { told = append(told, e.Kind) })
	w := trouble.Waiter{Ledger: kept, Clock: c, Events: events, Waker: &trouble.Waker{}}
	tries := 0
	err := w.Persist(t.Context(), "feed prices", func() error {
		if tries++; tries > 1 && kept[bridge.PausedNote("feed prices")] == "" {
			t.Error("nobody can see what it waits for")
		}
		if tries < 5 {
			return errAway
		}
		return nil
	})
	if err != nil || tries != 5 || len(kept) != 0 {
		t.Errorf("%d tries, %v, notes %v", tries, err, kept)
	}
	if len(told) != 5 || told[0] != bridge.WorkPaused || told[4] != bridge.WorkResumed {
		t.Errorf("told %v", told)
	}
}

func TestPatienceHasAnEndWhereItIsBounded(t *testing.T) {
	c := &clock{now: time.Unix(0, 0)}
	w := trouble.Waiter{Ledger: notes{}, Clock: c, Waker: &trouble.Waker{}, Patience: time.Minute}
	if err := w.Persist(t.Context(), "x", func() error { return errAway }); !errors.Is(err, bridge.ErrUnreachable) {
		t.Error(err)
	}
	if waited := c.Now().Sub(time.Unix(0, 0)); waited > time.Minute {
		t.Errorf("it waited %v", waited)
	}
	tries := 0
	stop := &bridge.Error{Op: "x", Fate: bridge.Stop, Err: errors.New("no")}
	if err := w.Persist(t.Context(), "x", func() error { tries++; return stop }); !errors.Is(err, stop) || tries != 1 {
		t.Errorf("%d tries at what waiting could not help, %v", tries, err)
	}
}

func TestWhoWaitsIsWoken(t *testing.T) {
	c := &clock{now: time.Unix(0, 0), stopped: true, waiting: make(chan struct{})}
	w := trouble.Waiter{Ledger: notes{}, Clock: c, Waker: &trouble.Waker{}}
	done, tries := make(chan error), 0
	go func() {
		done <- w.Persist(t.Context(), "x", func() error {
			if tries++; tries == 1 {
				return errAway
			}
			return nil
		})
	}()
	<-c.waiting
	w.Waker.Wake()
	if err := <-done; err != nil || tries != 2 {
		t.Errorf("%d tries, %v", tries, err)
	}
}

func TestASetbackRestsForLongerEachTime(t *testing.T) {
	var s trouble.Setbacks
	now := time.Unix(0, 0)
	rest := func() (d time.Duration) {
		for s.Rests("drop 7", now.Add(d)) {
			d += time.Second
		}
		return d
	}
	s.Failed("drop 7", now, errAway)
	first := rest()
	s.Failed("drop 7", now, errAway)
	second := rest()
	if first == 0 || second <= first || s.Rests("drop 8", now) {
		t.Errorf("it rests for %v, then for %v", first, second)
	}
	s.Failed("drop 7", now, nil)
	if s.Rests("drop 7", now) {
		t.Error("it rests after it went well")
	}
	s.Failed("drop 7", now, errAway)
	if s.Forget(); s.Rests("drop 7", now) {
		t.Error("it rests though all is forgotten")
	}
}
