package inbound

import (
	"context"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/formats"
)

// This file holds what a drop's life needs from outside. Adapters and the ledger implement it.

// A Shop is where records go. Methods are safe for concurrent use. Errors are *bridge.Error with a fate.
type Shop interface {
	// Find looks records up by their keys, in bulk, and returns one answer per record, in their order. Found.Values
	// holds the fields that the record itself carries, so that the caller can compare: the shop's value in the record's
	// own words where they mean the same (a rating by id or name, a category with or without the root). It cuts and
	// parallels its requests itself: a thousand records at once cost least.
	Find(ctx context.Context, e *formats.Entity, records []*formats.Record) ([]bridge.Lookup, error)
	// All walks every record of an entity in the shop, page by page, with the given fields.
	All(ctx context.Context, e *formats.Entity, fields []string, each func(key string, found bridge.Found) error) error
	// Submit sends a batch and returns what Await needs to follow it: usually the shop's operation id, at times more. A
	// change that can't be encoded comes back in refused, by its index; the others are sent. Prices to be removed are gone
	// when it returns. It fills in the OroID of updates and removals that lack it. ErrUncertain when it is unknown whether
	// the shop took the batch; ErrOperationFailed when the shop refused it as a whole for what it holds.
	Submit(ctx context.Context, b *bridge.Batch) (operation string, refused map[int]bridge.Outcome, err error)
	// Await polls an operation until it has ended and says what became of each change of the batch; those that Submit
	// refused come back as Unknown. Changes may be without their records. Wrapped [bridge.ErrOperationLost] when the shop no longer
	// knows the operation or it did not end in time; ErrOperationFailed when the batch failed as a whole, of which some
	// may have been written all the same.
	Await(ctx context.Context, b *bridge.Batch) ([]bridge.Outcome, error)
	// Drain returns once no batch of the entity that this client sent before can still be under way in the shop, whether
	// or not the client knows its operation. After it, a key that is not found will not appear by itself any more.
	Drain(ctx context.Context, e *formats.Entity) error
	// ApplyFeedback writes an ERP's answer into its order: number, shipping status, a tracking, and the status where the
	// shop lets it be set. What holds already is not written again. An order that the shop does not have is Missing; an
	// error wrapping ErrUncertain means that the tracking may have been added: apply it again, it is looked for first.
	ApplyFeedback(ctx context.Context, answer *formats.Record) (bridge.Answer, error)
	// Requests counts the HTTP requests made so far.
	Requests() int64
}

// A Ledger keeps what must outlast a crash. One bridge at a time holds it. Every method is one transaction; an error
// leaves the ledger as it was. Lists are oldest first.
type Ledger interface {
	// Listed records a listing of a feed's folder: unknown files become drops, changed ones start to be watched anew,
	// and those that are gone before they were claimed are vanished. A refused name becomes a rejected drop, once. It
	// returns the drops that stand in the folder and are not claimed yet.
	Listed(ctx context.Context, f *config.Feed, l bridge.Listing) ([]*bridge.Drop, error)
	// Watched saves drops that were seen and have become ready, or wait for something else now.
	Watched(ctx context.Context, drops []*bridge.Drop) error
	// Expect saves a manifest that was claimed, with what it lists.
	Expect(ctx context.Context, manifest *bridge.Drop, entries []bridge.ManifestEntry) error
	// Awaited lists what a feed's manifests still wait for. An entry that a later manifest lists again is not awaited.
	Awaited(ctx context.Context, feed string) ([]bridge.Awaited, error)
	// Newest is the last drop of a feed, in the feed's order, that was loaded; nil if there is none. Files handed over
	// by a person and corrected rejects have no place in that order.
	Newest(ctx context.Context, feed string) (*bridge.Drop, error)
	// Numbered is the drop with the next lower date and number of the feed, whatever its state; nil if there is none.
	Numbered(ctx context.Context, d *bridge.Drop) (*bridge.Drop, error)
	// AddDrop enters a file that was handed over by a person.
	AddDrop(ctx context.Context, d *bridge.Drop) error
	// Advance saves a drop if it is still in the state from; otherwise it returns ErrMoved.
	Advance(ctx context.Context, d *bridge.Drop, from bridge.DropState) error
	Drop(ctx context.Context, id int64) (*bridge.Drop, error)
	Drops(ctx context.Context, f bridge.DropFilter) ([]*bridge.Drop, error)
	// SameContent finds the last loaded drop of the feed that says the same as d, other than d itself; 0 if there is
	// none, or if the sender has said something else in between: a file that repeats an earlier state after a newer
	// one ("stock 0", "stock 5", "stock 0") is news, unless its own time stamp is older than the newer one's.
	SameContent(ctx context.Context, d *bridge.Drop) (int64, error)
	// StartRun enters a run and sets its drop to loading.
	StartRun(ctx context.Context, r *bridge.Run, d *bridge.Drop) error
	// SaveRun saves counts and state of a run; with a drop, both in one transaction.
	SaveRun(ctx context.Context, r *bridge.Run, d *bridge.Drop) error
	Runs(ctx context.Context, drop int64) ([]*bridge.Run, error)
	// Told records that a run's reject file and receipts are written.
	Told(ctx context.Context, run int64) error
	// Old lists up to n drops after an id that were settled before a time, are put away, and still have bytes somewhere.
	Old(ctx context.Context, settled time.Time, after int64, n int) ([]*bridge.Drop, error)
	// Prune removes up to n rejects and events each of runs that ended before a time; more says that some are left.
	Prune(ctx context.Context, ended time.Time, n int) (more bool, err error)
	// FullRows returns the row counts of a feed's last n loaded drops, newest first.
	FullRows(ctx context.Context, feed string, n int) ([]int64, error)
	// PlanAgain drops what an interrupted run's planning recorded about rows that never got as far as a change.
	PlanAgain(ctx context.Context, run int64) error
	// RejectRows records rows that planning refused.
	RejectRows(ctx context.Context, r *bridge.Run, rows []bridge.RejectRow) error
	// Settle records what became of changes, and forgets the batch (0: none) that carried them.
	Settle(ctx context.Context, r *bridge.Run, d *bridge.Drop, batch int64, done []bridge.Settlement) error
	// Settled tells the fate that a run has already given to some of the keys.
	Settled(ctx context.Context, run int64, keys []string) (map[string]bridge.RowFate, error)
	// Fates counts the fates that a run has given.
	Fates(ctx context.Context, run int64) (map[bridge.RowFate]int64, error)
	Rejects(ctx context.Context, f bridge.RejectFilter, each func(bridge.RejectRow) error) error
	// Lookup answers for many keys at once, in their order. It is the hot path of planning.
	Lookup(ctx context.Context, entity string, keys []string, refs []bridge.LinkRef) error
	// Links reads the full links of some keys; what is unknown is left out.
	Links(ctx context.Context, entity string, keys []string) (map[string]*bridge.Link, error)
	// Unseen walks the links of an entity that are not removed, whose ids are not in seen, and which a drop of the feed set.
	Unseen(ctx context.Context, entity, feed string, seen func(id int64) bool, each func(*bridge.Link) error) error
	// Forget removes links whose records the shop no longer has.
	Forget(ctx context.Context, entity string, keys []string) error
	// Parked walks records that wait for a parent, of one feed or of all. With a time, only those that are due: their
	// parent has a link now, or they have waited since before that time.
	Parked(ctx context.Context, feed string, waitedSince time.Time, each func(bridge.ParkedRow) error) error
	// Unpark cancels the parked rows of these keys.
	Unpark(ctx context.Context, entity string, keys []string) (int64, error)
	// OpenBatch records a batch before it is sent, and numbers it.
	OpenBatch(ctx context.Context, run int64, b *bridge.Batch) error
	// SetOperation records the shop's operation of a batch.
	SetOperation(ctx context.Context, b *bridge.Batch) error
	// OpenBatches lists the batches of a run whose outcome is not known.
	OpenBatches(ctx context.Context, run int64) ([]*bridge.Batch, error)
	// NewStage opens an empty stage for the changes of one run; run 0 is a plan that nobody carries out, and may be
	// opened on a ledger that was opened for reading.
	NewStage(ctx context.Context, e *formats.Entity, run int64) (bridge.Stage, error)
	// Note keeps a small fact under a name, such as why an end is paused; an empty text removes it.
	Note(ctx context.Context, name, text string) error
	Notes(ctx context.Context) (map[string]string, error)
}
