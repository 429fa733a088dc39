package inbound

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/orobridge/orobridge/bridge"
)

// Trouble with one file is that file's own: the others go on, and it is tried again with growing distance. Trouble of an end
// keeps what needs that end. Both are tried at once when somebody has decided something, or has looked whether the ends work.

// setbacks are pieces of work on single files that failed, by what they are about: "drop 7". A process begins with none.
// The zero value is ready.
type setbacks struct {
	mu sync.Mutex
	of map[string]setback
}

type setback struct {
	n     int // in a row
	until time.Time
}

// ofDrop is what a drop's trouble is kept under.
func ofDrop(d *bridge.Drop) string { return fmt.Sprintf("drop %d", d.ID) }

// rests says that a piece of work is not tried again yet.
func (s *setbacks) rests(what string, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return now.Before(s.of[what].until)
}

// failed puts the next try off; nil ends the row of failures.
func (s *setbacks) failed(what string, now time.Time, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		delete(s.of, what)
		return
	}
	if s.of == nil {
		s.of = map[string]setback{}
	}
	n := s.of[what].n + 1
	s.of[what] = setback{n, now.Add(bridge.Backoff(n, err, 0.5))}
}

func (s *setbacks) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.of)
}

// times keeps with which time of the server a drop's content was compared. The zero value is ready.
type times struct {
	mu sync.Mutex
	of map[int64]time.Time
}

func (t *times) at(drop int64) time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.of[drop]
}

// maxTimes bounds what is kept; without it contents are compared once more.
const maxTimes = 10_000

func (t *times) keep(drop int64, at time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.of == nil || len(t.of) > maxTimes {
		t.of = map[int64]time.Time{}
	}
	t.of[drop] = at
}

// waker ends the waiting of everybody who waits. The zero value is ready.
type waker struct {
	mu    sync.Mutex
	woken chan struct{} // closed and replaced
}

func (w *waker) channel() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.woken == nil {
		w.woken = make(chan struct{})
	}
	return w.woken
}

func (w *waker) wake() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.woken != nil {
		close(w.woken)
	}
	w.woken = nil
}

// Wake has everything tried again at once that waits for trouble to pass.
func (e *Engine) Wake() {
	e.setbacks.forget()
	e.waker.wake()
}

// Woken is closed by the next [Engine.Wake].
func (e *Engine) Woken() <-chan struct{} { return e.waker.channel() }

// wait waits for a time, or until somebody wakes it.
func (e *Engine) wait(ctx context.Context, d time.Duration) error {
	return bridge.WaitOr(ctx, e.Clock, d, e.Woken(), nil)
}
