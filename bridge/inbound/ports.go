package inbound

import (
	"context"
	"time"

	"github.com/orobridge/orobridge/bridge"
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
	// Incomplete tells what groups of fields that the shop takes only together lack (see [formats.Whole]), in the records' order:
	// nil for a record that lacks nothing. What a record does not carry counts as the shop has it.
	Incomplete(ctx context.Context, e *formats.Entity, records []*formats.Record) ([]*formats.Lack, error)
	// All walks every record of an entity in the shop, page by page, with the given fields.
	All(ctx context.Context, e *formats.Entity, fields []string, each func(key string, found bridge.Found) error) error
	// Confirm says of ids, in bulk, whether they still are their keys', in their order: a thousand at once cost a few requests.
	Confirm(ctx context.Context, e *formats.Entity, links []bridge.Identity) ([]bridge.Misfit, error)
	// Submit sends a batch and returns what Await needs to follow it: usually the shop's operation id, at times more. A
	// change that can't be encoded comes back in refused, by its index; the others are sent. Prices to be removed are gone
	// when it returns. It fills in the OroID of updates and removals that lack it, and confirms those that have it: what does
	// not fit its key comes back in refused, Unknown and Stale. ErrUncertain when it is unknown whether
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

// A Ledger keeps what must outlast a crash. One bridge at a time holds it. Every method is one transaction, and an error
// leaves the ledger as it was. It stores and finds; what the states of a drop mean is decided here. Events that go with a
// change are kept in the same transaction; the ledger fills in numbers that it gives, once each, and takes them back when
// it fails: the same call may be made again. Lists are oldest first; whoever walks one may ask for more meanwhile. Times
// have milliseconds, texts are compared by their bytes. Package state/ledgertest says all of it in tests.
type Ledger interface {
	Drop(ctx context.Context, id int64) (*bridge.Drop, error)
	Drops(ctx context.Context, f bridge.DropFilter) ([]*bridge.Drop, error)
	// Ranked finds the drop of a feed whose rank is the highest below a bound ("": of all), in one of some states (none: in
	// any); nil if there is none.
	Ranked(ctx context.Context, feed, below string, states ...bridge.DropState) (*bridge.Drop, error)
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
	// Prune removes up to n entries, rejects and history, of runs that ended before a time, PruneEvents events; more says that
	// some may be left.
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
	Runs(ctx context.Context, drop int64) ([]*bridge.Run, error)
	// WroteRejects says whether a run is one of a feed's, and rejected rows.
	WroteRejects(ctx context.Context, feed string, run int64) (bool, error)
	// RowCounts are the rows of the last n first runs of a feed's drops of one scope that were loaded, newest first.
	// Corrections do not count.
	RowCounts(ctx context.Context, feed, scope string, n int) ([]int64, error)
	// PlanAgain forgets the warnings of an interrupted run, and its rejects of rows that never got as far as a change.
	PlanAgain(ctx context.Context, run int64) error
	// RejectRows records rows that planning refused, KeepWarnings what it left out of others.
	RejectRows(ctx context.Context, rows []bridge.RejectRow) error
	KeepWarnings(ctx context.Context, warnings []bridge.WarningRow) error
	// Settle commits what became of rows and changes, and forgets the batch (0: none) that carried them. A link whose number
	// is gone meanwhile is entered anew. ErrMoved when a file of the outbox is no longer in the state that it was read in.
	Settle(ctx context.Context, batch int64, settled []bridge.Settlement, events ...*bridge.Event) error
	// Settled tells the fate that a run has already given to some of the keys, Fates how often it has given each.
	Settled(ctx context.Context, run int64, keys []string) (map[string]bridge.RowFate, error)
	Fates(ctx context.Context, run int64) (map[bridge.RowFate]int64, error)
	// Rejects walks rejects by drop, run and part, and there in the order of the file: documents by their offsets, rows by
	// their lines. Warnings walks the warnings of a drop, by run and in the order of its file.
	Rejects(ctx context.Context, f bridge.RejectFilter, each func(bridge.RejectRow) error) error
	Warnings(ctx context.Context, drop int64, each func(bridge.WarningRow) error) error

	// Lookup answers for many keys at once, in their order. It is the hot path of planning.
	Lookup(ctx context.Context, entity string, keys []string, refs []bridge.LinkRef) error
	// Links reads the full links of some keys; what is unknown is left out.
	Links(ctx context.Context, entity string, keys []string) (map[string]*bridge.Link, error)
	// Unseen walks the links of an entity that are not removed, whose ids are not in seen, and which a drop of the feed set
	// last.
	Unseen(ctx context.Context, entity, feed string, seen func(id int64) bool, each func(*bridge.Link) error) error
	// RemovedBy tells the drops that removed some of the keys, where nothing has set them since.
	RemovedBy(ctx context.Context, entity string, keys []string) (map[string]int64, error)
	// Forget removes the links of some keys.
	Forget(ctx context.Context, entity string, keys []string) error

	// Parked walks records that wait for a parent, of one feed or of all. With a time, only those that are due: their
	// parent has a link now, or they have waited since before that time. Unpark cancels them.
	Parked(ctx context.Context, feed string, waitedSince time.Time, each func(bridge.ParkedRow) error) error
	Unpark(ctx context.Context, entity string, keys []string) (int64, error)

	// OpenBatch records a batch before it is sent, and numbers it. SetOperation records the shop's operation of it.
	// OpenBatches lists the batches of a run whose outcome is not known.
	OpenBatch(ctx context.Context, run int64, b *bridge.Batch, events ...*bridge.Event) error
	SetOperation(ctx context.Context, b *bridge.Batch, events ...*bridge.Event) error
	OpenBatches(ctx context.Context, run int64) ([]*bridge.Batch, error)
	// NewStage opens an empty stage for the changes of one run; run 0 is a plan that nobody carries out, and may be opened
	// on a ledger that was opened for reading.
	NewStage(ctx context.Context, e *formats.Entity, run int64) (bridge.Stage, error)

	// Outbox lists orders with the files that hold them: answers are written beside them.
	Outbox(ctx context.Context, f bridge.OutboxFilter) ([]*bridge.Owed, error)
	Outfiles(ctx context.Context, f bridge.OutfileFilter) ([]*bridge.Outfile, error)

	// Note keeps a small fact under a name, such as why an end is paused; an empty text removes it.
	Note(ctx context.Context, name, text string, events ...*bridge.Event) error
	Notes(ctx context.Context) (map[string]string, error)
	// Keep enters events in the journal that no other change goes with.
	Keep(ctx context.Context, events ...*bridge.Event) error
}
