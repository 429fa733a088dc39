// Package trouble waits until trouble passes. Trouble pauses the work on a drop, it rejects nothing.
//
// Trouble of an end (the shop, the ledger, a remote) keeps what needs that end: a [Waiter] tries again with growing distance
// and notes in the ledger what it waits for. Trouble with one file is that file's own: [Setbacks] put its next try off while
// the others go on. A [Waker] ends all waiting at once, when somebody has decided something or has looked whether the ends
// work.
//
// What may go in: when a piece of work is tried again. What may not: what the work is, and whether an error is trouble at
// all; that is its fate (bridge.FateOf), decided where it is born.
package trouble

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/orobridge/orobridge/bridge"
)

// A Ledger keeps what the work waits for, where an admin can see it.
type Ledger interface {
	// Note keeps a small fact under a name, such as why an end is paused; an empty text removes it.
	Note(ctx context.Context, name, text string, events ...*bridge.Event) error
}

// A Waiter does work until it succeeds.
type Waiter struct {
	Ledger Ledger
	Clock  bridge.Clock
	Events *bridge.Events
	Waker  *Waker
	// Patience bounds how long one piece of work waits for trouble to pass; 0 waits for as long as it takes.
	Patience time.Duration
}

// Persist does f until it succeeds. What it waits for stands in the ledger's notes under the name of the work. It gives up
// with f's last error when ctx ends, when the work has become another worker's, and, where patience is bounded, when that is used
// up or when waiting could not help.
func (w Waiter) Persist(ctx context.Context, work string, f func() error) error {
	began := w.Clock.Now()
	for n := 1; ; n++ {
		err := f()
		if err == nil {
			if n > 1 {
				return w.note(ctx, work, nil)
			}
			return nil
		}
		if ctx.Err() != nil || errors.Is(err, bridge.ErrTakenUp) {
			return err
		}
		wait := bridge.Backoff(n, err, rand.Float64())
		if w.Patience > 0 && (bridge.FateOf(err) != bridge.Pause || w.Clock.Now().Add(wait).Sub(began) > w.Patience) {
			return err
		}
		// The ledger itself may be what is in trouble: the work goes on waiting, and the observers hear of both.
		if noteErr := w.note(ctx, work, err); noteErr != nil && !errors.Is(noteErr, bridge.ErrReading) {
			w.Events.Tell(bridge.Trouble(w.Clock.Now(), work, errors.Join(err, noteErr)))
		}
		if bridge.WaitOr(ctx, w.Clock, wait, w.Waker.Woken(), nil) != nil {
			return err
		}
	}
}

// note keeps what a piece of work waits for, or that nothing keeps it any more.
func (w Waiter) note(ctx context.Context, work string, why error) error {
	event, text := bridge.Trouble(w.Clock.Now(), work, why), ""
	if why != nil {
		text = event.Text
	}
	err := w.Ledger.Note(ctx, bridge.PausedNote(work), text, event)
	if err == nil {
		w.Events.Tell(event)
	}
	return err
}

// A Waker ends the waiting of everybody who waits. The zero value is ready.
type Waker struct {
	mu    sync.Mutex
	woken chan struct{} // closed and replaced
}

// Woken is closed by the next [Waker.Wake].
func (w *Waker) Woken() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.woken == nil {
		w.woken = make(chan struct{})
	}
	return w.woken
}

// Wake has everybody try again at once.
func (w *Waker) Wake() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.woken != nil {
		close(w.woken)
	}
	w.woken = nil
}
