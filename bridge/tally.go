package bridge

import "time"

// A Tally is what a feed's runs did that began on one day.
type Tally struct {
	Day  time.Time // its beginning, UTC
	Feed string
	Runs int64
	Counts
	Busy time.Duration // that the runs took, all together
}

// A Passage is one thing that went through the bridge, and when it got how far; times that it has not reached are zero.
type Passage struct {
	Of   string    // the feed or export
	From time.Time // a drop was seen, an order submitted
	To   time.Time // a drop was settled with rows in the shop, an order's file written
	Gone time.Time // the file was picked up; always zero for drops
}

// DropCount is how many drops of a feed are in a state.
type DropCount struct {
	Feed   string
	State  DropState
	N      int64
	Oldest time.Time // when the oldest of them was seen; zero for states in which nothing is left to load
}

// OutboxCounts are the orders of an export by where they stand.
type OutboxCounts struct {
	Collected, Owed, Written, PickedUp, Answered, Conflict, Stuck, Unknown int64
	Same, Differs, Unwritten                                               int64 // a shadow's
	Alarmed                                                                int64 // with an alarm, or whose file has one
	LastWritten                                                            time.Time
}

// Total is how many orders there are.
func (c OutboxCounts) Total() int64 {
	return c.Collected + c.Owed + c.Written + c.PickedUp + c.Answered + c.Conflict + c.Stuck + c.Unknown + c.Same + c.Differs + c.Unwritten
}
