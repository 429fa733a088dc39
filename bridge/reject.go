package bridge

import (
	"time"

	"github.com/orobridge/orobridge/formats"
)

// RejectState is where a reject stands in its life.
type RejectState string

// The states of a reject. All but the first are ends.
const (
	RejectOpen         RejectState = "open"         // the row is in no shop, and somebody has to do something
	RejectMended       RejectState = "mended"       // a later run has loaded its key
	RejectRepeated     RejectState = "repeated"     // a later run has rejected it again: that reject stands for it
	RejectAcknowledged RejectState = "acknowledged" // a person knows of it and leaves it as it is
	RejectExpired      RejectState = "expired"      // a later full file of the feed does not say it any more
)

// RejectRow is a reject as the ledger keeps it.
type RejectRow struct {
	ID     int64
	Drop   int64
	Run    int64
	Entity string
	formats.Reject
	Row   map[string]string // the sender's columns
	State RejectState       // open when it is entered
	End   RejectEnd
}

// RejectEnd tells how a reject's life has ended: by a run, or by somebody's decision.
type RejectEnd struct {
	At   time.Time
	Run  int64 // 0: somebody decided it
	Drop int64 // the run's
	Decision
}

// RejectFilter chooses rejects; zero fields choose all.
type RejectFilter struct {
	IDs    []int64
	Drop   int64
	Run    int64
	Before int64 // of runs with a lower number
	Feed   string
	Feeds  []string // of one of these; nil: of any
	Entity string
	Keys   []string // in an entity
	Keyed  bool     // only those whose key could be read
	Open   bool     // only those that are open
	After  int64    // a higher id
	Last   int      // only the last so many, by id
	First  int      // only the first so many, by id; not beside Last
	Bare   bool     // they are told where they stand and no more, in no order: no row, no message, no end
}
