package bridge

import (
	"fmt"
	"time"

	"github.com/orobridge/orobridge/formats"
)

// RunKind says why a run was made.
type RunKind string

// The kinds of runs.
const (
	FirstRun  RunKind = "load"     // the drop's first
	ReRun     RunKind = "rerun"    // all rows again
	RetryRun  RunKind = "rejected" // only rows that were rejected
	ParkedRun RunKind = "parked"   // only rows that were parked and whose parents have come
	ShadowRun RunKind = "shadow"   // the first of a drop that a shadow plans and nobody carries out
)

// First says that a run is the first of its drop.
func (k RunKind) First() bool { return k == FirstRun || k == ShadowRun }

// Whole says that a run is about all rows of its drop.
func (k RunKind) Whole() bool { return k.First() || k == ReRun }

// RunState is how far a run is.
type RunState string

// The states of a run.
const (
	Running RunState = "running" // at work, or interrupted and due again
	RunHeld RunState = "held"    // planned, stopped by a guard
	Done    RunState = "done"    // every row has its fate
	Failed  RunState = "failed"  // the file could not be read, or a person has to change something
)

// Run is one attempt to load a drop.
type Run struct {
	ID       int64
	Drop     int64
	Kind     RunKind
	State    RunState
	Force    bool // unchanged rows are sent too, newer values are overwritten
	Approved bool // the guards have let it pass, or were overruled
	Counts
	Requests int64              // HTTP requests to the shop
	Skipped  map[string]int64   // what the reader left out on purpose, by word (see formats.Counter): no rows
	Unmapped []formats.Unmapped // columns of the file that feed no field though nobody left them out
	Reason   string
	Scope    string // what a full drop holds everything of; empty: of all. Runs of one scope are comparable
	Attempts int    // that have begun and did not come to an end in an orderly way
	Started  time.Time
	Ended    time.Time // zero while it runs

	Reported bool // its reject file and receipts are written
}

// RowFate is the fate of a row that took part in a run and whose outcome must outlast a crash.
type RowFate string

// The fates of rows.
const (
	FateCreated    RowFate = "created"
	FateUpdated    RowFate = "updated"
	FateRemoved    RowFate = "removed"
	FateAdopted    RowFate = "adopted"
	FateUnchanged  RowFate = "unchanged"  // looked up and found to need nothing
	FateSuperseded RowFate = "superseded" // a later drop has set all that it says
	FateRejected   RowFate = "rejected"
	FateParked     RowFate = "parked"
	FateWithdrawn  RowFate = "withdrawn" // removed because a full drop lacks it
)

// Settlement is the outcome of one row or change, as it is committed: what stands in the key's history, and what it makes
// of the ledger's link, rejects, parked rows and outbox.
type Settlement struct {
	HistoryEntry
	Link   *Link      // the key's link as it stands from now on; nil leaves it as it is
	Forget bool       // nothing is left in the shop: the link goes
	Reject *RejectRow // FateRejected
	Park   *ParkedRow // FateParked
	Unpark string     // key of a parked row of this drop whose wait is over; empty for none
	Owed   []*Owed    // orders of the outbox, as an answer leaves them
	Files  []*Outfile // and their files
}

// WarningRow is a warning as the ledger keeps it.
type WarningRow struct {
	Drop int64
	Run  int64
	formats.Warning
}

// ParkedRow is a record that waits for a parent.
type ParkedRow struct {
	Entity  string
	Key     string
	Feed    string
	Drop    int64
	Run     int64
	Line    int64
	Pos     formats.Position
	Missing Missing
	Record  []formats.Value
	Remove  bool
	Raw     map[string]string
	Since   time.Time
	// Damaged: what the ledger has of it is not what was written, and is not handed on: there is no record.
	Damaged bool
}

// Lost is the reject of a row that is damaged in the ledger: the file of its drop still has it.
func (p *ParkedRow) Lost() *formats.Reject {
	return &formats.Reject{Pos: p.Pos, Key: p.Key, Code: formats.CodeDamaged,
		Message: fmt.Sprintf("while it waited for %s %s, the disk has changed what was kept of it: `orobridge rerun %d` reads its row again",
			p.Missing.Entity, p.Missing.Key, p.Drop)}
}

// A RowLine is the fate of one row in one run, as `orobridge drop ID --rows` lists it.
type RowLine struct {
	Run    int64
	Line   int64
	Key    string
	Fate   RowFate
	Detail string
}
