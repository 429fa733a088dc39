package spool

import (
	"sync"
	"time"
)

// Compared keeps with which time of the server a drop's file was compared with its copy, by content. The zero value is ready.
type Compared struct {
	mu sync.Mutex
	of map[int64]time.Time
}

// At is the time with which the file of a drop was compared last; zero for none.
func (c *Compared) At(drop int64) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.of[drop]
}

// maxCompared bounds what is kept; without it contents are compared once more.
const maxCompared = 10_000

// Keep notes that the file of a drop has the content of its copy while the server says that it is of this time.
func (c *Compared) Keep(drop int64, at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.of == nil || len(c.of) > maxCompared {
		c.of = map[int64]time.Time{}
	}
	c.of[drop] = at
}
