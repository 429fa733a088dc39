package fleet

import (
	"maps"
	"slices"
	"time"

	"github.com/orobridge/orobridge/bridge"
)

// What is even. Each job weighs one, and ten once it takes long: a shop whose files have been loaded for ten seconds has more to do than
// one that waits for some. Bridges say which of theirs do, and each reckons for itself what its part is: of each kind of jobs, what all of
// them weigh by the number of bridges. It takes jobs while it has less, and gives one back, a second after the other, while it has more
// and the job would make another bridge's load no larger than its own was.

// How long, in seconds, and how much.
const (
	longAfter = 10 // of loading, less what was not
	longSaid  = 5  // what was said of a job holds while it is on its way from one bridge to another
	longMost  = 20 // of loading that count: a job that has none any more weighs less soon
	heavy     = 10
)

// long says that the job takes long.
func (h *held) long(second time.Duration) bool { return h.loads >= longAfter*second }

// weight is that of a job. Callers hold the lock.
func (c *crew) weight(name string) int {
	if _, long := c.long[name]; long {
		return heavy
	}
	return 1
}

// weigh is what the jobs of a kind weigh that this bridge has. Callers hold the lock.
func (c *crew) weigh(kind string) (sum int) {
	for name, h := range c.mine {
		if h.Kind == kind {
			sum += c.weight(name)
		}
	}
	return sum
}

// part finds out what this bridge's part of the work is beside some others, and gives notice to a job of each kind of which it has more,
// and to all when it is drained. Those that do not end are cut.
func (c *crew) part(drained bool, peers []*bridge.Member) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	c.hear(now, peers)
	total, least := map[string]int{}, map[string]int{}
	for name, j := range c.jobs {
		total[j.Kind] += c.weight(name)
	}
	for kind := range total {
		least[kind] = c.least(kind, peers)
		if c.share[kind] = 0; !drained {
			c.share[kind] = (total[kind] + len(peers)) / (len(peers) + 1)
		}
	}
	mine := map[string]int{} // of what has no notice
	for name, h := range c.mine {
		if h.over.IsZero() {
			mine[h.Kind] += c.weight(name)
		}
	}
	names := slices.Sorted(maps.Keys(c.mine))
	slices.SortStableFunc(names, func(x, y string) int { return c.weight(y) - c.weight(x) }) // the heaviest first
	for _, name := range names {
		h := c.mine[name]
		more := mine[h.Kind] > c.share[h.Kind] && least[h.Kind]+c.weight(name) < mine[h.Kind]
		switch {
		case !h.over.IsZero():
			if now.Sub(h.over) > lastBatch {
				h.cut()
			}
		case drained, more:
			h.over = now
			h.give()
			mine[h.Kind] = 0 // the next one a second later
		}
	}
}

// hear finds out which jobs take long, from what is being loaded here and from what others say. Callers hold the lock.
func (c *crew) hear(now time.Time, peers []*bridge.Member) {
	for _, m := range peers {
		for _, name := range m.Long {
			c.long[name] = now
		}
	}
	for name, h := range c.mine {
		passed := now.Sub(h.asked)
		if h.asked = now; h.Loads == nil || !h.Loads() {
			passed = -passed
		}
		h.loads = min(max(h.loads+passed, 0), longMost*c.second)
		if h.long(c.second) {
			c.long[name] = now
		}
	}
	maps.DeleteFunc(c.long, func(_ string, said time.Time) bool { return now.Sub(said) > longSaid*c.second })
}

// least is what the jobs of a kind weigh that the bridge has which has the least of them. Callers hold the lock.
func (c *crew) least(kind string, peers []*bridge.Member) (least int) {
	for i, m := range peers {
		sum := 0
		for _, name := range m.Doing {
			if c.jobs[name].Kind == kind {
				sum += c.weight(name)
			}
		}
		if i == 0 || sum < least {
			least = sum
		}
	}
	return least
}
