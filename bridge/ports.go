package bridge

import (
	"context"
	"io"
	"time"

	"github.com/orobridge/orobridge/formats"
)

// This file holds what the journeys need from outside, in the words that they share: places with files, and what is asked
// of a shop and answered. Adapters implement it; each journey declares the methods of the shop and of the ledger that it
// calls.

// File is one entry of a listing, in the server's own words.
type File struct {
	Name    string    // base name, as listed: hostile until [SafeName] has seen it
	Size    int64     // bytes, never negative
	MTime   time.Time // the server's clock, whole seconds where the protocol has no more; zero when the server tells no time
	Dir     bool
	Special bool // a link, a pipe, a device: neither a file nor a folder, never followed and never read
	// Writing says that the remote itself knows the file not to be whole: somebody writes it, or left off in the middle.
	Writing bool
}

// MaxListing is how many entries a listing may have. A folder with more can't be listed until somebody has moved old files out
// of it: the first ones of so many say nothing about order, nor about what has left.
const MaxListing = 200_000

// A Remote is a place with files. Paths are slash-separated and relative to the remote's root or absolute on it; they
// are never built from unchecked names. Every method may be called from several goroutines. Errors are *Error with a
// fate: Pause for trouble that passes, Stop for what a person must change. Errors wrap fs.ErrNotExist, fs.ErrExist
// and fs.ErrPermission where they mean that. An error that is of one file ([OfFile]) says nothing about the others.
//
// No link is followed: below the remote's root a folder on the way that is a link is an error, and so is a link in the
// place of a file.
type Remote interface {
	// List returns the entries of one folder with their attributes, sorted by name and each name once, in one listing
	// and no request per file. More than [MaxListing] entries are an error with fate Stop.
	List(ctx context.Context, folder string) ([]File, error)
	// Stat asks for one file. A rename changes neither its size nor, on most servers, its time; where the time is zero or
	// another one, only the content tells whether it is the same file.
	Stat(ctx context.Context, path string) (File, error)
	// Fetch copies a regular file into w, and returns the number of bytes once it has compared the file's size and time
	// before and after: a file that changed meanwhile, or a copy cut short, is an error with fate Pause.
	Fetch(ctx context.Context, path string, w io.Writer) (int64, error)
	// Put writes a whole file: a unique temporary name in the same folder, the bytes, size compared, synced where that
	// is offered, renamed to path. It never overwrites: an existing path is an error wrapping fs.ErrExist. A missing
	// folder is an error wrapping fs.ErrNotExist. After an error no part of the file stands under path. The body is read
	// from its beginning, so that one body serves several tries, and never held in memory as a whole.
	Put(ctx context.Context, path string, body io.ReadSeeker) error
	// Move renames a regular file; who has it open writes on into the moved one. It never overwrites: an existing target
	// is an error wrapping fs.ErrExist.
	Move(ctx context.Context, from, to string) error
	// Remove deletes one file, or a link itself.
	Remove(ctx context.Context, path string) error
	// MakeFolder makes a folder and its parents below the remote's root; one that is there already is no error.
	MakeFolder(ctx context.Context, folder string) error
	// Watch sends on the channel when something may have changed in the folder, until ctx ends. Events are a hint and
	// may be lost; nil, nil when the remote can't tell.
	Watch(ctx context.Context, folder string) (<-chan struct{}, error)
	// Check connects and reports, step by step, what works, for `orobridge check`.
	Check(ctx context.Context) []Finding
	// Close ends all connections and waits for them.
	Close() error
}

// Finding is one thing that `orobridge check` tried.
type Finding struct {
	Subject string `json:"subject"`        // "remote sap", "feed prices", "shop"
	What    string `json:"what"`           // what was tried, in plain words
	OK      bool   `json:"ok"`             //
	Detail  string `json:"detail"`         // what was found
	Hint    string `json:"hint,omitempty"` // what to do about it
	// Unreachable says that the end could not be reached at all (exit code 4).
	Unreachable bool `json:"-"`
}

// Op is what a change does to a record of the shop.
type Op string

// The operations of a change.
const (
	Create Op = "create"
	Update Op = "update"
	Remove Op = "remove"
)

// Change is what a run has to do for one key.
type Change struct {
	Op     Op
	Key    string
	OroID  string          // the shop's id; empty for a create
	Values []formats.Value // fields to set, sorted by field; for an update only those that differ
	Old    []formats.Value // what these fields hold now as far as it is known, same order, for the plan
	Record *formats.Record // the whole record as the file has it
	Line   int64
}

// Found is what the shop holds under a key.
type Found struct {
	OroID string
	// Values are the fields that were asked for and that the shop can tell, canonical, sorted by field.
	Values []formats.Value
}

// A Missing parent keeps a record from being loaded until it is there.
type Missing struct {
	Entity string // "products"
	Key    string // "4711"
}

// Lookup is the answer for one record: exactly one of Found, Missing, Reject is set, or none when the shop does not
// have the key.
type Lookup struct {
	Found   *Found
	Missing *Missing
	Reject  *formats.Reject // the key is ambiguous, or a field names something that the shop does not have
}

// Identity is what a link says: the shop's record with this id has this key.
type Identity struct {
	Key   string // in the ledger's form
	OroID string
}

// A Misfit says why an id is not trusted with its key.
type Misfit int

// The misfits. Single ones of either kind are the work of a person in the shop; many are a shop that was restored from a
// backup: there ids vanish, and are then given again to other records.
const (
	Fits    Misfit = iota
	Gone           // no record has the id, as far as was asked
	Another        // the record with the id has another key
)

// Outcome is what became of one change of a batch. Exactly one of OroID, Reject, Missing, Unknown is set.
type Outcome struct {
	OroID   string // accepted
	Reject  *formats.Reject
	Missing *Missing // a parent is gone: park it
	Unknown bool     // neither accepted nor refused: look the key up, then plan it again
	// Stale, beside Unknown: nothing was sent, because the id of the change is not its key's any more. What the ledger
	// believes of that link is worth nothing: forget it before the key is looked up.
	Stale Misfit
}

// A Batch is a set of changes on its way. Two changes of one key, or a record and its parent, never share one.
type Batch struct {
	ID        int64  // ledger's number
	Entity    string //
	Changes   []*Change
	Operation string // the shop's operation id, once it is known
	Sent      time.Time
	Damaged   bool // what the ledger has of its changes is not what was written: there are none
}

// Answer is what became of an ERP's answer to an order.
type Answer struct {
	Outcome                 // the order's id; Missing when the shop has no such order; Reject when it refused
	Set            []string // fields that were written now
	Same           []string // fields that held it already
	Left           []Left   // fields that the shop keeps to itself, told and not pretended
	InternalStatus string   // the shop's own status of the order, which nobody can set from outside
}

// Left is a field that was not written, with the reason.
type Left struct {
	Field string
	Why   string
}

// Needs lists what a config expects of the shop.
type Needs struct {
	Entities   []string // that feeds load
	Units      []string // that value lists and constants name
	PriceLists []string
	Orders     bool
	Feedback   bool
}
