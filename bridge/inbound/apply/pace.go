package apply

import (
	"context"
	"sync"
	"time"
)

// Pace decides how many batches are on their way at once. The shop works its queue off one after the other, so that more
// of them help only until it is never idle: a shop that slows down, or that is in trouble, gets fewer at once, and one
// that recovers gets more again, up to the configured number.
type Pace struct {
	mu    sync.Mutex
	max   int
	limit float64       // 1 to max
	best  time.Duration // time of one record on an unhurried queue
	used  int
	freed chan struct{} // closed and replaced when a place becomes free
}

// NewPace is the pace of a shop that takes so many batches at once.
func NewPace(most int) *Pace {
	return &Pace{max: most, limit: float64(most), freed: make(chan struct{})}
}

// Most is how many batches may be on their way at once.
func (p *Pace) Most() int { return p.max }

// take waits for a place and returns how many are on their way with it.
func (p *Pace) take(ctx context.Context) (int, error) {
	for {
		p.mu.Lock()
		if p.used < max(1, int(p.limit)) {
			p.used++
			n := p.used
			p.mu.Unlock()
			return n, nil
		}
		freed := p.freed
		p.mu.Unlock()
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-freed:
		}
	}
}

// give gives a place back. took is how long a batch of so many records was on its way, behind others, with behind counting itself;
// trouble says that it met some.
//
// A batch may have waited for those before it, where the shop takes one after the other, or for those behind it as well, where it works at
// several at once. Neither is the shop being slow: the best time is counted in the first way, and a slow one in the second.
func (p *Pace) give(took time.Duration, records, behind int, trouble bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	beside := max(behind, p.used)
	p.used--
	each := took / time.Duration(max(1, records))
	p.limit, p.best = nextPace(p.limit, float64(p.max), p.best, each/time.Duration(behind), each/time.Duration(beside), trouble)
	close(p.freed)
	p.freed = make(chan struct{})
}

// slow is how many times the best time of a record is slow.
const slow = 3

// nextPace is the policy: half as many after trouble or when a record takes much longer than it can, else a little more. What a record
// took is told twice: as it may be the best, and as it is compared with that. The best time is forgotten slowly, so that a shop that has
// become slower for good is not taken for a slow one forever.
func nextPace(limit, most float64, best, good, cost time.Duration, trouble bool) (float64, time.Duration) {
	if trouble {
		return max(1, limit/2), best
	}
	if best == 0 || good < best {
		best = good
	} else {
		best += best / 20
	}
	if cost > slow*best {
		return max(1, limit/2), best
	}
	return min(most, limit+1/limit), best
}
