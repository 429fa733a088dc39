package ledger

import (
	"context"
	"sync"
)

// turns lets one writer at a time into the ledger. Orders go first: one waits for the transaction at hand at most, however
// many an import has in line. The zero value is ready.
type turns struct {
	mu     sync.Mutex
	taken  bool
	orders []chan struct{} // who waits, first come first
	others []chan struct{}
}

// take waits for the turn.
func (t *turns) take(ctx context.Context, order bool) error {
	t.mu.Lock()
	if !t.taken {
		t.taken = true
		t.mu.Unlock()
		return nil
	}
	mine, line := make(chan struct{}), &t.others
	if order {
		line = &t.orders
	}
	*line = append(*line, mine)
	t.mu.Unlock()
	select {
	case <-mine:
		return nil
	case <-ctx.Done():
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for i, c := range *line {
		if c == mine {
			*line = append((*line)[:i], (*line)[i+1:]...)
			return ctx.Err()
		}
	}
	t.next() // it was given in the same moment
	return ctx.Err()
}

// give hands the turn on.
func (t *turns) give() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.next()
}

func (t *turns) next() {
	for _, line := range []*[]chan struct{}{&t.orders, &t.others} {
		if len(*line) > 0 {
			close((*line)[0])
			*line = (*line)[1:]
			return
		}
	}
	t.taken = false
}
