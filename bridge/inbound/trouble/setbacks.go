package trouble

import (
	"sync"
	"time"

	"github.com/orobridge/orobridge/bridge"
)

// Setbacks are pieces of work on single files that failed, by what they are about: "drop 7". A process begins with none.
// The zero value is ready.
type Setbacks struct {
	mu sync.Mutex
	of map[string]setback
}

type setback struct {
	n     int // in a row
	until time.Time
}

// Rests says that a piece of work is not tried again yet.
func (s *Setbacks) Rests(what string, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return now.Before(s.of[what].until)
}

// Failed puts the next try off; nil ends the row of failures.
func (s *Setbacks) Failed(what string, now time.Time, err error) {
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

// Forget has all of it tried at once.
func (s *Setbacks) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.of)
}
