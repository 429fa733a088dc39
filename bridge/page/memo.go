package page

import (
	"context"
	"sync"
	"time"
)

// memo keeps what many ask for at once, so that it is made once for all of them. The zero value is ready.
type memo[T any] struct {
	mu     sync.Mutex
	making chan struct{} // closed when whoever makes the value is done; nil: nobody does
	of     moment
	at     time.Time // when its making began; zero: there is no value
	value  T
}

// moment is how much had happened when something was made. A value of before a decision is shown to nobody: who has decided sees it.
type moment struct{ news, decisions int64 }

// shared is for how long a value is good enough although something has happened since that nobody decided. A page made of such a value
// is twice as old at most, which is what a browser waits after news (page.js): what it gets then has them.
const shared = 100 * time.Millisecond

// get is the value of a moment, which is made anew when it is older than age. Who asks while another makes it gets the one before, if
// nothing has happened since that was made and it is not twice as old as it may be; else it waits.
func (m *memo[T]) get(ctx context.Context, of moment, age time.Duration, make func() (T, error)) (T, error) {
	m.mu.Lock()
	for {
		old, there := time.Since(m.at), !m.at.IsZero() && m.of.decisions == of.decisions
		switch {
		case there && old < shared, there && m.of.news == of.news && (old < age || m.making != nil && old < 2*age):
			defer m.mu.Unlock()
			return m.value, nil
		case m.making == nil:
			return m.make(of, make)
		}
		making := m.making
		m.mu.Unlock()
		select {
		case <-making:
		case <-ctx.Done():
			return *new(T), ctx.Err()
		}
		m.mu.Lock()
	}
}

// make makes the value and lets go of the lock, which its caller has taken.
func (m *memo[T]) make(of moment, value func() (T, error)) (v T, err error) {
	done, at := make(chan struct{}), time.Now()
	m.making = done
	m.mu.Unlock()
	defer func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.making = nil
		if err == nil {
			m.value, m.of, m.at = v, of, at
		}
		close(done)
	}()
	return value()
}

// memos are those of several names; the zero value is ready.
type memos[T any] struct {
	mu  sync.Mutex
	all map[string]*memo[T]
}

const maxMemos = 32

// of is the memo of a name. With too many of them all begin anew.
func (m *memos[T]) of(name string) *memo[T] {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.all == nil || len(m.all) >= maxMemos && m.all[name] == nil {
		m.all = map[string]*memo[T]{}
	}
	if m.all[name] == nil {
		m.all[name] = &memo[T]{}
	}
	return m.all[name]
}
