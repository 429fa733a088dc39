package fleet

import (
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/orobridge/orobridge/bridge"
)

// What is even. Of each kind of jobs every bridge has as many as the others, or one less, and as many of those that take long: a shop whose
// files have been loaded for ten seconds. Bridges say which of theirs do, and each reckons for itself what its part is. It takes a job
// while it has less than its part, and gives one back, a second after the other, while it has more and another bridge would still have
// fewer than it had. A job that takes long is taken by who has too few of these, whatever else he has: what is too much then costs nothing
// to give back.

// How long, in seconds.
const (
	longAfter = 10 // of loading, less what was not
	longMost  = 20 // of loading that count: a job that has none any more does not take long soon after
	longSaid  = 20 // what was said of a job holds while it is on its way from one bridge to another
)

// amount is how many jobs of a kind there are, and how many of them take long.
type amount struct{ all, long int }

// amounts counts jobs by their kinds. Callers hold the lock.
func (c *crew) amounts(names iter.Seq[string]) map[string]amount {
	sums := map[string]amount{}
	for name := range names {
		sum := sums[c.jobs[name].Kind]
		if sum.all++; c.takesLong(name) {
			sum.long++
		}
		sums[c.jobs[name].Kind] = sum
	}
	return sums
}

// takesLong says whether a job does, whoever has it. Callers hold the lock.
func (c *crew) takesLong(name string) bool {
	_, long := c.long[name]
	return long
}

// room says whether this bridge has less than its part of such jobs as one is. Callers hold the lock.
func (c *crew) room(name string) bool {
	kind := c.jobs[name].Kind
	has, share := c.amounts(maps.Keys(c.mine))[kind], c.share[kind]
	if c.takesLong(name) {
		return has.long < share.long
	}
	return has.all < share.all
}

// part finds out what this bridge's part of the work is beside some others, and gives notice to a job of each kind of which it has more,
// and to all when it is drained. Those that do not end are cut.
func (c *crew) part(drained bool, peers []*bridge.Member) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	c.hear(now, peers)
	for kind, total := range c.amounts(maps.Keys(c.jobs)) {
		if c.share[kind] = (amount{}); !drained {
			n := len(peers) + 1
			c.share[kind] = amount{(total.all + n - 1) / n, (total.long + n - 1) / n}
		}
	}
	mine, least := c.amounts(c.unnoticed()), c.least(peers)
	for name, h := range c.mine {
		has, share, other := mine[h.Kind], c.share[h.Kind], least[h.Kind]
		more := has.all > share.all && other.all+1 < has.all
		if c.takesLong(name) {
			more = has.long > share.long && other.long+1 < has.long
		}
		switch {
		case !h.over.IsZero():
			if now.Sub(h.over) > c.last {
				h.cut()
			}
		case drained, more:
			h.over = now
			h.give()
			mine[h.Kind] = amount{} // the next one a second later
		}
	}
}

// unnoticed are the jobs of this bridge to which no notice was given. Callers hold the lock.
func (c *crew) unnoticed() iter.Seq[string] {
	return func(yield func(string) bool) {
		for name, h := range c.mine {
			if h.over.IsZero() && !yield(name) {
				return
			}
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

// long says that the job takes long.
func (h *held) long(second time.Duration) bool { return h.loads >= longAfter*second }

// least is how many jobs of each kind some bridge has, and how many that take long, which has the fewest. Callers hold the lock.
func (c *crew) least(peers []*bridge.Member) (least map[string]amount) {
	for i, m := range peers {
		has := c.amounts(slices.Values(m.Doing))
		if i == 0 {
			least = has
			continue
		}
		for kind, l := range least {
			least[kind] = amount{min(l.all, has[kind].all), min(l.long, has[kind].long)}
		}
	}
	return least
}
