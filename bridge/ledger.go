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
	Gap    string // what was missing before it, by its number, in words

	// Corrects says that it is a file of rejects that came back: some rows only, whatever the feed's mode.
	Corrects bool
	// Lists says that it is a manifest: it lists files and holds no rows.
	Lists bool

	ListedBy     int64  // the manifest that lists it; 0 if none does
	ListedRows   int64  // rows that the manifest promises; -1 when it does not say
	ListedSHA256 string // empty when the manifest does not say

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
	Approved bool // the guards have let it pass, or were overruled
	Counts
	Requests int64            // HTTP requests to the shop
	Skipped  map[string]int64 // what the reader left out on purpose, by word (see formats.Counter): no rows
	Reason   string
	Started  time.Time
	Ended    time.Time // zero while it runs

	Told bool // its reject file and receipts are written

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
	Pos     formats.Position // FateParked: where the row stands
	OroID   string           // of what was created, updated or adopted
	Record  []formats.Value  // all fields of the row's record: they are laid over the link's content
	Sent    []formats.Value  // the fields that were sent, for the history
	Reject  *formats.Reject  // FateRejected
	Missing *Missing         // FateParked
	Remove  bool             // the parked row marks a removal
	Raw     map[string]string
	Forget  bool // FateRemoved, FateWithdrawn: nothing is left in the shop, so the link goes too

	// Detail is more to say in the history.
	Detail string
	// Wait is the key under which the row waits when it is parked, where several rows of one key may; Key by default.
	Wait string
	// Answer is what the ERP says of the outbox's order Key; it counts as answered.
	Answer string
	// Alarm is what Answer means: AlarmRefused, or none.
	Alarm Alarm
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
	Pos     formats.Position
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
	Name     string
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

// A Listing is what a listing of a feed's folder has shown, sifted: files of the feed, and its manifests.
type Listing struct {
	Files   []File
	Refused []Refusal
	At      time.Time
	// Keep: on this remote nothing is moved, so a file that the ledger knows in this size and time is known for good.
	Keep bool
}

// A Refusal is a file whose name can't be used. It is left alone; the ledger keeps that it was there.
type Refusal struct {
	File        // Name is quoted and cut: it can be printed, and is no path
	Why  string //
}

// A ManifestEntry is what a manifest says of one file.
type ManifestEntry struct {
	Name   string
	Rows   int64  // -1: not said
	Size   int64  // -1: not said
	SHA256 string // empty: not said
}

// Awaited is an entry of a manifest whose file has not come yet, or is on its way.
type Awaited struct {
	ManifestEntry
	Manifest int64
	Drop     int64 // the file, while it is ready or claimed; 0: it has not come
}

// A RowLine is the fate of one row in one run, as `orobridge drop ID --rows` lists it.
type RowLine struct {
	Run    int64
	Line   int64
	Key    string
	Fate   RowFate
	Detail string
}

// A Ledger keeps everything that must outlast a crash. One bridge at a time holds it. Every method is one transaction;
// an error leaves the ledger as it was. Lists are oldest first.
type Ledger interface {
	// Listed records a listing of a feed's folder: unknown files become drops, changed ones start to be watched anew,
	// and those that are gone before they were claimed are vanished. A refused name becomes a rejected drop, once. It
	// returns the drops that stand in the folder and are not claimed yet.
	Listed(ctx context.Context, f *FeedConfig, l Listing) ([]*Drop, error)
	// Watched saves drops that were seen and have become ready, or wait for something else now.
	Watched(ctx context.Context, drops []*Drop) error
	// Expect saves a manifest that was claimed, with what it lists.
	Expect(ctx context.Context, manifest *Drop, entries []ManifestEntry) error
	// Awaited lists what a feed's manifests still wait for. An entry that a later manifest lists again is not awaited.
	Awaited(ctx context.Context, feed string) ([]Awaited, error)
	// Newest is the last drop of a feed, in the feed's order, that was loaded; nil if there is none. Files handed over
	// by a person and corrected rejects have no place in that order.
	Newest(ctx context.Context, feed string) (*Drop, error)
	// Numbered is the drop with the next lower date and number of the feed, whatever its state; nil if there is none.
	Numbered(ctx context.Context, d *Drop) (*Drop, error)
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
	// Told records that a run's reject file and receipts are written.
	Told(ctx context.Context, run int64) error
	// Old lists up to n drops after an id that were settled before a time, are put away, and still have bytes somewhere.
	Old(ctx context.Context, settled time.Time, after int64, n int) ([]*Drop, error)
	// Prune removes up to n rejects and events each of runs that ended before a time; more says that some are left.
	Prune(ctx context.Context, ended time.Time, n int) (more bool, err error)
	// RowLines walks what is known of single rows of a drop, by run and line.
	RowLines(ctx context.Context, drop int64, each func(RowLine) error) error
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

	// Parked walks records that wait for a parent, of one feed or of all. With a time, only those that are due: their
	// parent has a link now, or they have waited since before that time.
	Parked(ctx context.Context, feed string, waitedSince time.Time, each func(ParkedRow) error) error
	// Unpark cancels the parked rows of these keys.
	Unpark(ctx context.Context, entity string, keys []string) (int64, error)
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

	// Cursor tells how far an export has read the shop's orders; false before its first start.
	Cursor(ctx context.Context, export string) (Cursor, bool, error)
	// Unsettled keeps of the sightings those that the export has to look at: unknown ones, ones with another time
	// stamp, and ones that were looked at before the given time, last, while they could still change without another
	// time stamp.
	Unsettled(ctx context.Context, export string, seen []Sighting, before time.Time) ([]Sighting, error)
	// Versions tells the newest version of each of the shop's order ids that the outbox of an export holds.
	Versions(ctx context.Context, export string, ids []string) (map[string]Version, error)
	// Owe enters in the outbox what a look at the shop has brought, in one transaction: cursor, orders, and for each
	// file that is due its number, name, bytes and hash. Numbers have no gaps and are never given twice. It returns
	// the files that were made.
	Owe(ctx context.Context, export string, in *Intake) ([]*Outfile, error)
	// Outbox lists orders with the files that hold them.
	Outbox(ctx context.Context, f OutboxFilter) ([]*Owed, error)
	// Outfiles lists files in the order of their numbers.
	Outfiles(ctx context.Context, f OutfileFilter) ([]*Outfile, error)
	// Body reads the exact bytes of an outbound file.
	Body(ctx context.Context, export string, number int64) ([]byte, error)
	// SaveOutfiles advances files that are still in the state from, all or none (ErrMoved). A step other than "" is
	// entered in the history of each order of theirs, with the detail.
	SaveOutfiles(ctx context.Context, from OwedState, step RowFate, detail string, files ...*Outfile) error
	// SaveOwed saves alarm and answer of an order; the step is entered in its history.
	SaveOwed(ctx context.Context, o *Owed, step RowFate, detail string) error
	// SendAgain makes a file owed once more, as it is, whatever its state; its orders count as not answered.
	SendAgain(ctx context.Context, f *Outfile, detail string) error
	// Alarms counts an export's alarms, each with the name of the oldest file or order that it is about.
	Alarms(ctx context.Context, export string) (map[Alarm]AlarmCount, error)

	// Note keeps a small fact under a name, such as why an end is paused; an empty text removes it.
	Note(ctx context.Context, name, text string) error
	Notes(ctx context.Context) (map[string]string, error)
}

// Cursor is how far an export has read the shop's orders.
type Cursor struct {
	At    time.Time // newest updatedAt that was seen, by the shop's clock
	Floor time.Time // orders submitted before are none of the export's business
}

// Sighting is an order as a listing of the shop shows it.
type Sighting struct {
	OroID     string
	Submitted time.Time
	Updated   time.Time
}

// Look is a sighting that was looked at. Its order may still change without another time stamp, which has whole
// seconds, unless it is Settled. An Ignored one is never looked at again.
type Look struct {
	Sighting
	Settled bool
	Ignored bool
}

// Version is an order as the outbox has it.
type Version struct {
	Version int
	Print   int64 // see [OrderFingerprint]
}

// Entry is an order on its way into the outbox.
type Entry struct {
	Order   *formats.Order
	Version int
	Print   int64
	Stuck   string // why it can't be written at all; empty otherwise
}

// Intake is what one look at the shop brings to the outbox of an export.
type Intake struct {
	Cursor  Cursor // the later At counts; the zero Cursor changes nothing
	Looks   []Look
	Orders  []*Entry
	Forget  time.Time // looks at what was updated before are forgotten
	PerFile int       // orders of a file, at least 1
	Flush   time.Time // what was noticed before goes into a file, full or not
	Render  Render
}

// Render makes a file of orders once its number is known; document is the number of the first document in it.
type Render func(orders []*formats.Order, number, document int64) (name string, body []byte, err error)

// OwedState is where an outbound order stands.
type OwedState string

// The states of an outbound order, in the order of its journey.
const (
	Collected OwedState = "collected" // waits for more orders to share its file
	OwedNow   OwedState = "owed"      // has its file in the outbox, not on the remote yet
	Written   OwedState = "written"   // the file stands on the remote
	PickedUp  OwedState = "picked_up" // the file left the folder
	Answered  OwedState = "answered"  // the ERP answered
	Conflict  OwedState = "conflict"  // another file of that name is in the way; later ones go on
	Stuck     OwedState = "stuck"     // it can't be written in the export's format; later ones go on
)

// Outfile is one file of the outbox. Name and bytes never change.
type Outfile struct {
	Export   string
	Number   int64
	Name     string
	SHA256   string
	Size     int64
	State    OwedState // owed, written, picked_up or conflict
	Alarm    Alarm
	Reason   string
	Staged   string   // the temporary file beside its place that holds the bytes already
	Orders   []string // identifiers
	OwedAt   time.Time
	Written  time.Time
	Marked   time.Time // when it was whole for the ERP: with its marker, if it has one
	MTime    time.Time // the server's time of the file as it was first listed
	PickedUp time.Time
}

// Owed is one order of the outbox, in one version.
type Owed struct {
	ID        int64
	Export    string
	Number    int64  // of its file; 0 while it has none
	Order     string // identifier
	OroID     string
	Version   int
	File      string
	SHA256    string
	Size      int64
	State     OwedState
	Alarm     Alarm // its own, or its file's
	Reason    string
	Flags     []string // what was noticed and not corrected
	Answer    string   // what the ERP said last
	Submitted time.Time
	Noticed   time.Time
	OwedAt    time.Time
	WrittenAt time.Time
	PickedUp  time.Time
	Answered  time.Time // first answer
}

// OutboxFilter chooses orders; zero fields choose all.
type OutboxFilter struct {
	Export     string
	States     []OwedState
	Order      string    // identifier, or number of the file
	From, To   time.Time // submitted
	Unanswered time.Time // written before, not answered, and without an alarm of their own
	Alarmed    bool      // only those with an alarm
	Last       int       // only the last so many; the answer is oldest first all the same
}

// OutfileFilter chooses files; zero fields choose all.
type OutfileFilter struct {
	Export  string
	States  []OwedState
	Alarm   Alarm
	Names   []string
	Pending bool // owed, or written and waiting for their marker
	Number  int64
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
	Parked  time.Time // since when the record has been parked; zero for a row of the file
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
