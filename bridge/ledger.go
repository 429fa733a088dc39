package bridge

import (
	"context"
	"time"

	"github.com/orobridge/orobridge/formats"
)

// DropState is where a drop stands in its one life.
type DropState string

// The states of a drop, in the order of its journey.
const (
	Seen    DropState = "seen"    // listed; its size and time are being watched
	Ready   DropState = "ready"   // whole, waiting to be claimed
	Claimed DropState = "claimed" // moved to the work folder, or ours by the ledger alone
	Fetched DropState = "fetched" // in the spool, hashed, waiting for its turn
	Loading DropState = "loading" // a run is at work on it
	Held    DropState = "held"    // a guard stopped it; approve or discard decides

	Loaded     DropState = "loaded"     // every row is in the shop
	Partial    DropState = "partial"    // some rows were rejected or are parked
	Rejected   DropState = "rejected"   // unreadable, or no row could be loaded
	Duplicate  DropState = "duplicate"  // same content as an earlier drop of the feed; nothing was sent
	Superseded DropState = "superseded" // an older full drop than one that was loaded
	Discarded  DropState = "discarded"  // an admin threw it away
	Vanished   DropState = "vanished"   // the sender took it back before it was claimed
)

// Settled says that nothing is left to load.
func (s DropState) Settled() bool {
	switch s {
	case Loaded, Partial, Rejected, Duplicate, Superseded, Discarded, Vanished:
		return true
	}
	return false
}

// Drop is one inbound file as it was seen.
type Drop struct {
	ID     int64
	Feed   string
	Remote string
	Folder string // the feed's folder
	Name   string // as it was listed there
	Path   string // where the file stands now on the remote; empty once it is gone
	Size   int64
	MTime  time.Time // the server's clock
	SHA256 string
	State  DropState
	Reason string // why it is held, rejected, superseded, … in words
	Spool  string // local copy, relative to the spool; empty when pruned
	Date   string // group "date" of the feed's pattern
	Seq    string // group "seq"

	Previous int64 // an earlier drop of the same name
	Same     int64 // an earlier drop of the same content

	// Finish is the folder that the file still has to be moved to, relative to the feed's; empty when that is done.
	Finish string

	DecidedBy string // who approved or discarded it

	SeenAt    time.Time
	SteadyAt  time.Time // since when size and time have not changed
	ListedAt  time.Time // last listing that showed it
	ReadyAt   time.Time
	ClaimedAt time.Time
	FetchedAt time.Time
	SettledAt time.Time
	DecidedAt time.Time
}

// Counts are what became of the rows of one run. The first promise is that
// Rows = Created + Updated + Unchanged + Removed + Collapsed + Rejected + Parked.
type Counts struct {
	Rows      int64 `json:"rows"`
	Created   int64 `json:"created"`
	Updated   int64 `json:"updated"`
	Unchanged int64 `json:"unchanged"` // with Adopted
	Adopted   int64 `json:"adopted"`   // of Unchanged: the shop held them already, they were only linked
	Removed   int64 `json:"removed"`   // rows that mark a removal
	Collapsed int64 `json:"collapsed"` // rows whose key came again in the same file
	Rejected  int64 `json:"rejected"`
	Parked    int64 `json:"parked"`
	Withdrawn int64 `json:"withdrawn"` // keys that a full drop lacks and that were removed: no rows of the file
}

// Sum is the right side of the first promise.
func (c Counts) Sum() int64 {
	return c.Created + c.Updated + c.Unchanged + c.Removed + c.Collapsed + c.Rejected + c.Parked
}

// RunKind says why a run was made.
type RunKind string

// The kinds of runs.
const (
	FirstRun  RunKind = "load"     // the drop's first
	ReRun     RunKind = "rerun"    // all rows again
	RetryRun  RunKind = "rejected" // only rows that were rejected
	ParkedRun RunKind = "parked"   // only rows that were parked and whose parents have come
)

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
	Approved bool // guards were overruled
	Counts
	Requests int64 // HTTP requests to the shop
	Reason   string
	Started  time.Time
	Ended    time.Time // zero while it runs

	before int64 // the shop's count of requests less those of this run
}

// Link is what Oro last accepted under a key.
type Link struct {
	ID      int64
	Entity  string
	Key     string
	OroID   string
	Content []formats.Value // sorted by field
	Removed bool            // the last change was a removal
	Drop    int64           // drop, run and line that set it; 0 when it was adopted without a file
	Run     int64
	Line    int64
	At      time.Time
}

// LinkRef is the short form of a link that planning reads for every row.
type LinkRef struct {
	ID          int64 // 0: the ledger does not know the key
	Fingerprint int64
}

// RowFate is the fate of a row that took part in a run and whose outcome must outlast a crash.
type RowFate string

// The fates of rows.
const (
	FateCreated   RowFate = "created"
	FateUpdated   RowFate = "updated"
	FateRemoved   RowFate = "removed"
	FateAdopted   RowFate = "adopted"
	FateUnchanged RowFate = "unchanged" // looked up and found to need nothing
	FateRejected  RowFate = "rejected"
	FateParked    RowFate = "parked"
	FateWithdrawn RowFate = "withdrawn" // removed because a full drop lacks it
)

// Settlement is the outcome of one change. The ledger makes its link, history, reject and parked entries of it.
type Settlement struct {
	Fate    RowFate
	Entity  string
	Key     string
	Line    int64
	OroID   string          // of what was created, updated or adopted
	Record  []formats.Value // all fields of the row's record: they are laid over the link's content
	Sent    []formats.Value // the fields that were sent, for the history
	Reject  *formats.Reject // FateRejected
	Missing *Missing        // FateParked
	Remove  bool            // the parked row marks a removal
	Raw     map[string]string
	Forget  bool // FateRemoved, FateWithdrawn: nothing is left in the shop, so the link goes too
}

// RejectRow is a reject as the ledger keeps it.
type RejectRow struct {
	ID   int64
	Drop int64
	Run  int64
	formats.Reject
	Row map[string]string // the sender's columns
}

// ParkedRow is a record that waits for a parent.
type ParkedRow struct {
	Entity  string
	Key     string
	Feed    string
	Drop    int64
	Run     int64
	Line    int64
	Missing Missing
	Record  []formats.Value
	Remove  bool
	Raw     map[string]string
	Since   time.Time
}

// Event is one entry of a key's history.
type Event struct {
	Entity string          `json:"entity"`
	Key    string          `json:"key"`
	Drop   int64           `json:"drop"`
	Run    int64           `json:"run"`
	Line   int64           `json:"line"`
	Fate   RowFate         `json:"fate"`
	Sent   []formats.Value `json:"sent"`
	Detail string          `json:"detail,omitempty"`
	At     time.Time       `json:"at"`
}

// DropFilter chooses drops; zero fields choose all.
type DropFilter struct {
	Feed     string
	States   []DropState
	From, To time.Time // seen
	Owed     bool      // only those whose last move is still owed
	Last     int       // only the last so many; the answer is oldest first all the same
}

// RejectFilter chooses rejects; zero fields choose all.
type RejectFilter struct {
	Drop int64
	Run  int64
	Feed string
	Last int
}

// A Ledger keeps everything that must outlast a crash. One bridge at a time holds it. Every method is one transaction;
// an error leaves the ledger as it was. Lists are oldest first.
type Ledger interface {
	// Listed records a listing of a feed's folder: unknown files become drops, changed ones start to be watched anew,
	// and those that are gone before they were claimed are vanished. It returns the drops that stand in the folder and
	// are not claimed yet. With keep, a file that some drop of the feed has in this size and time is known for good
	// (a remote on which nothing is moved).
	Listed(ctx context.Context, f *FeedConfig, files []File, at time.Time, keep bool) ([]*Drop, error)
	// AddDrop enters a file that was handed over by a person.
	AddDrop(ctx context.Context, d *Drop) error
	// Advance saves a drop if it is still in the state from; otherwise it returns ErrMoved.
	Advance(ctx context.Context, d *Drop, from DropState) error
	Drop(ctx context.Context, id int64) (*Drop, error)
	Drops(ctx context.Context, f DropFilter) ([]*Drop, error)
	// SameContent finds the last loaded drop of the feed that says the same as d, other than d itself; 0 if there is
	// none, or if the sender has said something else in between: a file that repeats an earlier state after a newer
	// one ("stock 0", "stock 5", "stock 0") is news, unless its own time stamp is older than the newer one's.
	SameContent(ctx context.Context, d *Drop) (int64, error)

	// StartRun enters a run and sets its drop to loading.
	StartRun(ctx context.Context, r *Run, d *Drop) error
	// SaveRun saves counts and state of a run; with a drop, both in one transaction.
	SaveRun(ctx context.Context, r *Run, d *Drop) error
	Runs(ctx context.Context, drop int64) ([]*Run, error)
	// FullRows returns the row counts of a feed's last n loaded drops, newest first.
	FullRows(ctx context.Context, feed string, n int) ([]int64, error)

	// PlanAgain drops what an interrupted run's planning recorded about rows that never got as far as a change.
	PlanAgain(ctx context.Context, run int64) error
	// RejectRows records rows that planning refused.
	RejectRows(ctx context.Context, r *Run, rows []RejectRow) error
	// Settle records what became of changes, and forgets the batch (0: none) that carried them.
	Settle(ctx context.Context, r *Run, d *Drop, batch int64, done []Settlement) error
	// Settled tells the fate that a run has already given to some of the keys.
	Settled(ctx context.Context, run int64, keys []string) (map[string]RowFate, error)
	// Fates counts the fates that a run has given.
	Fates(ctx context.Context, run int64) (map[RowFate]int64, error)
	Rejects(ctx context.Context, f RejectFilter, each func(RejectRow) error) error
	History(ctx context.Context, entity, key string) ([]Event, error)

	// Lookup answers for many keys at once, in their order. It is the hot path of planning.
	Lookup(ctx context.Context, entity string, keys []string, refs []LinkRef) error
	// Links reads the full links of some keys; what is unknown is left out.
	Links(ctx context.Context, entity string, keys []string) (map[string]*Link, error)
	// Unseen walks the links of an entity that are not removed, whose ids are not in seen, and which a drop of the feed set.
	Unseen(ctx context.Context, entity, feed string, seen func(id int64) bool, each func(*Link) error) error
	// Forget removes links whose records the shop no longer has.
	Forget(ctx context.Context, entity string, keys []string) error

	// Parked walks records that wait for a parent. With ready, only those whose parent has a link now.
	Parked(ctx context.Context, feed string, ready bool, each func(ParkedRow) error) error
	// Unpark cancels parked rows of these keys that came from drops before the given one.
	Unpark(ctx context.Context, entity string, keys []string, before int64) (int64, error)
	// CountParked counts what waits of an entity.
	CountParked(ctx context.Context, entity string) (int64, error)

	// OpenBatch records a batch before it is sent, and numbers it.
	OpenBatch(ctx context.Context, run int64, b *Batch) error
	// SetOperation records the shop's operation of a batch.
	SetOperation(ctx context.Context, b *Batch) error
	// OpenBatches lists the batches of a run whose outcome is not known.
	OpenBatches(ctx context.Context, run int64) ([]*Batch, error)

	// NewStage opens an empty stage for the changes of one run; run 0 is a plan that nobody carries out, and may be
	// opened on a ledger that was opened for reading.
	NewStage(ctx context.Context, e *formats.Entity, run int64) (Stage, error)

	// Cursor reads an export's cursor; zero time and false at first.
	Cursor(ctx context.Context, export string) (time.Time, bool, error)
	// Owe enters orders in the outbox, with the cursor, in one transaction. Render makes name and bytes once the
	// number is known. An order that is known already is left alone. It returns how many were new.
	Owe(ctx context.Context, export string, cursor time.Time, orders []*formats.Order, render func(*formats.Order, int64) (name string, body []byte, err error)) (int, error)
	// Known tells which of the shop's order ids the outbox of an export holds already.
	Known(ctx context.Context, export string, ids []string) (map[string]bool, error)
	// Outbox lists orders. SaveOwed advances one if it is still in the state from.
	Outbox(ctx context.Context, f OutboxFilter) ([]*Owed, error)
	// Body reads the exact bytes of an outbound file.
	Body(ctx context.Context, export string, number int64) ([]byte, error)
	SaveOwed(ctx context.Context, o *Owed, from OwedState) error

	// Note keeps a small fact under a name, such as why an end is paused; an empty text removes it.
	Note(ctx context.Context, name, text string) error
	Notes(ctx context.Context) (map[string]string, error)
}

// OwedState is where an outbound order stands.
type OwedState string

// The states of an outbound order.
const (
	OwedNow  OwedState = "owed"      // in the outbox, not on the remote yet
	Written  OwedState = "written"   // the file stands on the remote
	PickedUp OwedState = "picked_up" // the file left the folder
	Answered OwedState = "answered"  // the ERP answered
	Conflict OwedState = "conflict"  // another file of that name is in the way
)

// Owed is one order of the outbox.
type Owed struct {
	Export    string
	Number    int64
	Order     string // identifier
	OroID     string
	File      string
	SHA256    string
	Size      int64
	State     OwedState
	Reason    string
	Submitted time.Time
	OwedAt    time.Time
	WrittenAt time.Time
	PickedUp  time.Time
	Answered  time.Time
}

// OutboxFilter chooses orders; zero fields choose all.
type OutboxFilter struct {
	Export string
	States []OwedState
	Order  string // identifier or number
	Last   int
}

// StageStatus is how far a staged change is.
type StageStatus int

// The statuses of staged changes.
const (
	Undecided StageStatus = iota // the ledger does not know the key: the shop has to be asked
	Decided                      // Op, Values and Old are set
	Waiting                      // its parent is not there yet
	Sent                         // in a batch on its way
	Finished                     // has its fate
)

// Staged is one change of a run's plan, with all that is needed to send and to settle it.
type Staged struct {
	Seq int64 // order of the file; 0 until it is put
	Change
	Link    int64 // 0: the ledger does not know the key
	Remove  bool  // the row marks a removal
	Implied bool  // not a row of the file: a full drop lacks the key
	Status  StageStatus
	Cap     int  // largest batch it may travel in; 0: no bound of its own
	Tries   int  // how often it was on its way in a batch of which nobody knows what became
	Again   bool // a create of it may have been accepted: when it is found in the shop, it counts as created
	Missing *Missing
	Raw     map[string]string
}

// A Stage holds the changes of one run between planning and sending, on disk, one per key. It does not outlast its run:
// after a crash the run is planned again. Not safe for concurrent use.
type Stage interface {
	// Put adds changes, and returns those whose keys the stage holds already: they were not added.
	Put(ctx context.Context, changes []*Staged) (repeats []*Staged, err error)
	// Get finds a change by key; nil if there is none.
	Get(ctx context.Context, key string) (*Staged, error)
	// Save writes changes back; Drop takes one away.
	Save(ctx context.Context, changes []*Staged) error
	Drop(ctx context.Context, key string) error
	// Next returns up to n changes of a status after a sequence number, in order.
	Next(ctx context.Context, status StageStatus, after int64, n int) ([]*Staged, error)
	// Count counts changes by status and operation.
	Count(ctx context.Context) (map[StageStatus]map[Op]int64, error)
	// Close removes the stage.
	Close() error
}
