package apply

import (
	"context"
	"testing"
	"time"
)

func TestPaceFollowsTheShop(t *testing.T) {
	const ms = time.Millisecond
	for _, c := range []struct {
		name       string
		limit      float64
		best, cost time.Duration
		trouble    bool
		want       float64
	}{
		{"a first batch sets the best time", 4, 0, 10 * ms, false, 4},
		{"a good batch opens a little", 2, 10 * ms, 10 * ms, false, 2.5},
		{"never above what is configured", 4, 10 * ms, 10 * ms, false, 4},
		{"a slow record halves", 4, 10 * ms, 40 * ms, false, 2},
		{"a little slower is no reason", 2, 10 * ms, 25 * ms, false, 2.5},
		{"trouble halves", 4, 10 * ms, 10 * ms, true, 2},
		{"one batch always goes", 1, 10 * ms, 400 * ms, true, 1},
	} {
		if got, _ := nextPace(c.limit, 4, c.best, c.cost, c.cost, c.trouble); got != c.want {
			t.Errorf("%s: %v at once, want %v", c.name, got, c.want)
		}
	}
}

func TestAShopThatIsSlowForGoodGetsItsFullPaceBack(t *testing.T) {
	limit, best := 4.0, 10*time.Millisecond
	lowest := limit
	for range 200 {
		limit, best = nextPace(limit, 4, best, 60*time.Millisecond, 60*time.Millisecond, false)
		lowest = min(lowest, limit)
	}
	if lowest > 1 || limit < 3.9 {
		t.Errorf("from %v at the lowest back to %v, want from 1 to 4", lowest, limit)
	}
}

// Batches that are begun at once end one after the other, or all at the same time: that depends on how many the shop works at.
func TestAShopThatWorksAtSeveralBatchesAtOnceIsNotSlow(t *testing.T) {
	const ms = time.Millisecond
	for name, took := range map[string][]time.Duration{
		"one after the other": {20 * ms, 40 * ms, 60 * ms, 80 * ms},
		"all at once":         {80 * ms, 80 * ms, 80 * ms, 80 * ms},
		"two at once":         {40 * ms, 40 * ms, 80 * ms, 80 * ms},
	} {
		p := NewPace(len(took))
		for round := range 5 {
			var behind []int
			for range took {
				n, err := p.take(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				behind = append(behind, n)
			}
			for i, n := range behind {
				p.give(took[i], 500, n, false)
			}
			if p.limit < float64(len(took)) {
				t.Fatalf("%s: after %d rounds %v at once, want %d", name, round+1, p.limit, len(took))
			}
		}
	}
}

func TestPaceHoldsBatchesBack(t *testing.T) {
	p := NewPace(2)
	for range 2 {
		if _, err := p.take(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	p.give(time.Second, 10, 1, true)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.take(ctx); err == nil {
		t.Error("a third batch went although trouble has halved the pace to one")
	}
	p.give(time.Second, 10, 1, false)
	if _, err := p.take(t.Context()); err != nil {
		t.Error(err)
	}
}
