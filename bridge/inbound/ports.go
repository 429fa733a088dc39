package inbound

import (
	"context"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/inbound/answers"
	"github.com/orobridge/orobridge/bridge/inbound/apply"
	"github.com/orobridge/orobridge/bridge/inbound/order"
	"github.com/orobridge/orobridge/bridge/inbound/papers"
	"github.com/orobridge/orobridge/bridge/inbound/plan"
	"github.com/orobridge/orobridge/bridge/inbound/trouble"
	"github.com/orobridge/orobridge/formats"
)

// This file holds what a drop's life needs from outside. Adapters and the ledger implement it.

// A Shop is where records go. Methods are safe for concurrent use. Errors are *bridge.Error with a fate.
type Shop interface {
	apply.Shop
	answers.Shop
	// Incomplete tells what groups of fields that the shop takes only together lack (see [formats.Whole]), in the records'
	// order: nil for a record that lacks nothing. What a record does not carry counts as the shop has it.
	Incomplete(ctx context.Context, e *formats.Entity, records []*formats.Record) ([]*formats.Lack, error)
	// All walks every record of an entity in the shop, page by page, with the given fields. One that may be named by several keys
	// comes under each of them, one right after the other.
	All(ctx context.Context, e *formats.Entity, fields []string, each func(key string, found bridge.Found) error) error
	// Requests counts the HTTP requests made so far.
	Requests() int64
}

// A Ledger keeps what must outlast a crash. One bridge at a time holds it. Every method is one transaction, and an error
// leaves the ledger as it was. What it was told outlasts a loss of power, too; a run's start and counts, a batch's operation
// and settlement, what was written for a sender, and a run's end when its drop owes a last move may wait for the next thing that is
// said: all up to some moment is kept, OpenBatch is before anything is sent, and Confirm before a drop is put away. It
// stores and finds; what the states of a drop mean is decided here. Events that go with a change are kept in the same
// transaction; the ledger fills in numbers that it gives, once each, and takes them back when it fails: the same call may be
// made again. Lists are oldest first; whoever walks one may ask for more meanwhile. Times
// have milliseconds, texts are compared by their bytes. Package state/ledgertest says all of it in tests.
type Ledger interface {
	bridge.TermLedger
	trouble.Ledger
	order.Ledger
	plan.Ledger
	apply.Ledger
	answers.Ledger
	papers.Ledger
	Drops(ctx context.Context, f bridge.DropFilter) ([]*bridge.Drop, error)
	// Changes walks what the runs of a drop, or (run 0: all) one of them, have done to keys: by entity and key, and there oldest
	// first.
	Changes(ctx context.Context, drop, run int64, each func(bridge.HistoryEntry) error) error
	// Events walks the journal, oldest first; it keeps decisions for as long as it is kept itself.
	Events(ctx context.Context, f bridge.EventFilter, each func(*bridge.Event) error) error
	// Decided tells the number of the last event, and whether one after the given number is a decision that somebody took.
	Decided(ctx context.Context, after int64) (last int64, decided bool, err error)
	// Unclaimed walks the drops of a feed's folder that nobody has claimed yet, in short: their numbers, states, names, sizes, times
	// (MTime, SteadyAt, ListedAt), reasons, the drops before them, and whether they are manifests. The drop is the walker's own and
	// is used again; each must not ask the ledger.
	Unclaimed(ctx context.Context, feed, remote, folder string, each func(*bridge.Drop)) error
	// Places finds the drops of a feed's folder that were entered with exactly the names, sizes and times of some files,
	// and did not vanish.
	Places(ctx context.Context, feed, remote, folder string, files []bridge.File) ([]bridge.Place, error)
	// Signed keeps that a drop carries a signature, made at a time of the signer's clock, and tells the drop of the feed that
	// carried it first: this one, or an earlier one.
	Signed(ctx context.Context, feed, id string, made time.Time, drop int64) (first int64, err error)
	// Listed enters what a listing has brought, or a file that was handed over. Events without a drop's number get that of
	// the new drop of their file's name.
	Listed(ctx context.Context, l bridge.Listing, events ...*bridge.Event) error
	// Advance saves drops that are still in the states from which they are moved: all, or none with ErrMoved.
	Advance(ctx context.Context, moves []bridge.Move, events ...*bridge.Event) error
	// Expect saves a manifest that was claimed, with what it lists.
	Expect(ctx context.Context, manifest bridge.Move, entries []bridge.ManifestEntry, events ...*bridge.Event) error
	// Manifests lists the manifests of a feed that are fetched and not settled; what one lists by name.
	Manifests(ctx context.Context, feed string) ([]*bridge.ManifestList, error)
	// Reported records the paths of what was written of a drop for its sender, and, unless run is 0, that this is all of a
	// run. Papers lists them, each once, by their paths.
	Reported(ctx context.Context, drop, run int64, paths []string, events ...*bridge.Event) error
	Papers(ctx context.Context, drop int64) ([]string, error)
	// Old lists up to n drops after an id that were settled before a time, are put away, and still have bytes somewhere.
	Old(ctx context.Context, settled time.Time, after int64, n int) ([]*bridge.Drop, error)
	// Prune removes up to n entries, rejects and history, of runs that ended before a time, PruneEvents events that are no
	// decisions; more says that some may be left.
	Prune(ctx context.Context, ended time.Time, n int) (more bool, err error)
	PruneEvents(ctx context.Context, before time.Time, n int) (more bool, err error)

	// Refused lists up to n drops after an id that were refused unread before a time, ForgetDrops forgets drops of which nothing
	// was loaded. GiveBack returns room that is not needed any more to the disk; more says that there is still some.
	Refused(ctx context.Context, settled time.Time, after int64, n int) ([]*bridge.Drop, error)
	ForgetDrops(ctx context.Context, ids []int64) error
	GiveBack(ctx context.Context) (more bool, err error)

	// StartRun enters a run and moves its drop. SaveRun saves counts and state of a run, and moves its drop if it moves; the
	// batches of a run that is done or failed are forgotten. ErrMoved when the drop is no longer in the state from which it is moved.
	StartRun(ctx context.Context, r *bridge.Run, m bridge.Move, events ...*bridge.Event) error
	SaveRun(ctx context.Context, r *bridge.Run, moves []bridge.Move, events ...*bridge.Event) error
	// WroteRejects says whether a run is one of a feed's, and rejected rows.
	WroteRejects(ctx context.Context, feed string, run int64) (bool, error)
	// RowCounts are the rows of the last n first runs of a feed's drops of one scope that were loaded or shadowed, newest first.
	// Corrections do not count.
	RowCounts(ctx context.Context, feed, scope string, n int) ([]int64, error)
	// PlanAgain forgets the warnings of an interrupted run, and its rejects of rows that never got as far as a change.
	PlanAgain(ctx context.Context, run int64) error
	// EndRejects brings those of some rejects that are open to an end, and says how many these were.
	EndRejects(ctx context.Context, f bridge.RejectFilter, state bridge.RejectState, end bridge.RejectEnd,
		events ...*bridge.Event) (int64, error)

	// NewStage opens an empty stage for the changes of one run; run 0 is a plan that nobody carries out, and may be opened
	// on a ledger that was opened for reading.
	NewStage(ctx context.Context, e *formats.Entity, run int64) (bridge.Stage, error)

	Notes(ctx context.Context) (map[string]string, error)
}
