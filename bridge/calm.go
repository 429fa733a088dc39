package bridge

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// Distances between two tellings of an outage that lasts: doubled from the first to the longest.
const (
	firstRemark   = time.Minute
	longestRemark = time.Hour
)

// Calm hands events on, but of an outage only its beginning, a remark at growing distance while it lasts, and its end: once for
// all the work that it keeps, since a shop or a server that is away keeps many feeds at once. The journal keeps each try.
func Calm(tell func(*Event)) func(*Event) {
	c := &calm{tell: tell, outages: map[string]*outage{}}
	return c.hear
}

type calm struct {
	mu      sync.Mutex
	tell    func(*Event)
	outages map[string]*outage // by cause
}

// outage is trouble with one cause.
type outage struct {
	since time.Time
	next  time.Time // when it is told again
	pause time.Duration
	works map[string]bool // that wait for its end
}

func (c *calm) hear(e *Event) {
	if e.Work == "" || e.Kind != WorkPaused && e.Kind != WorkResumed {
		c.tell(e)
		return
	}
	c.mu.Lock()
	told := c.told(e)
	c.mu.Unlock()
	if told != nil {
		c.tell(told)
	}
}

// told is what is told of an event of trouble; nil for nothing.
func (c *calm) told(e *Event) *Event {
	for cause, o := range c.outages { // whatever the work waited for before, it does not now
		if !o.works[e.Work] || cause == e.Cause {
			continue
		}
		if delete(o.works, e.Work); len(o.works) > 0 {
			continue
		}
		delete(c.outages, cause)
		if e.Kind == WorkResumed {
			return o.remark(e, "trouble has passed after "+o.lasted(e))
		}
	}
	if e.Kind == WorkResumed {
		return nil // other work still waits for the same end, or nobody was told of any trouble
	}
	o := c.outages[e.Cause]
	if o == nil {
		c.outages[e.Cause] = &outage{since: e.At, next: e.At.Add(firstRemark), pause: firstRemark, works: map[string]bool{e.Work: true}}
		return e
	}
	if o.works[e.Work] = true; e.At.Before(o.next) {
		return nil
	}
	o.pause = min(2*o.pause, longestRemark)
	o.next = e.At.Add(o.pause)
	works := slices.Sorted(maps.Keys(o.works))
	return o.remark(e, fmt.Sprintf("%s (for %s, keeps %s)", e.Text, o.lasted(e), strings.Join(works, ", ")))
}

func (o *outage) lasted(e *Event) string { return e.At.Sub(o.since).Round(time.Second).String() }

func (o *outage) remark(e *Event, text string) *Event {
	told := *e
	told.Text = text
	return &told
}

// causeOf is what trouble comes from in the end, the same for all that it keeps: the innermost error.
func causeOf(err error) string {
	for _, first := range Joined(err) {
		err = first
		break
	}
	for {
		next := errors.Unwrap(err)
		if list, ok := err.(interface{ Unwrap() []error }); ok && next == nil {
			if all := list.Unwrap(); len(all) > 0 {
				next = all[len(all)-1]
			}
		}
		if next == nil {
			return err.Error()
		}
		err = next
	}
}
