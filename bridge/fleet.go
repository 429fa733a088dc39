package bridge

import "time"

// A Member is one of the bridges that share the work on a ledger, in one life of it.
type Member struct {
	ID      string    // of this life
	Name    string    // of its machine and its process: "erp-1:4711"
	Version string    // of its program
	Config  string    // a hash of the work that it knows: bridges with the same one can stand in for each other
	Began   time.Time // by the database's clock, as Seen
	Seen    time.Time // when it last said that it is there
	Doing   []string  // the work that is its own now: "imports", "export orders"
	Long    []string  // of this, what takes long
	Drained bool      // somebody has it hand its work over
}

// A JobCount is how many of the jobs that bridges share are of a kind and in a state. States are River's: running, available for a bridge
// to take, scheduled for a second or two later, retryable, and cancelled, of those that no config knows any more.
type JobCount struct {
	Kind  string
	State string
	Count int
}
