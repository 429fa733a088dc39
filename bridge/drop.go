package bridge

import (
	"fmt"
	"time"
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

// ByHand is the remote of a drop that a person handed over.
const ByHand = "local"

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
	Correction bool
	// Lists says that it is a manifest: it lists files and holds no rows.
	Manifest bool

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

// DropFilter chooses drops; zero fields choose all.
type DropFilter struct {
	Feed     string
	Name     string
	States   []DropState
	From, To time.Time // seen
	Owed     bool      // only those whose last move is still owed
	Last     int       // only the last so many; the answer is oldest first all the same
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

// Add counts n rows of a fate.
func (c *Counts) Add(fate RowFate, n int64) {
	switch fate {
	case FateCreated:
		c.Created += n
	case FateUpdated:
		c.Updated += n
	case FateRemoved:
		c.Removed += n
	case FateAdopted:
		c.Adopted += n
		c.Unchanged += n
	case FateUnchanged:
		c.Unchanged += n
	case FateRejected:
		c.Rejected += n
	case FateParked:
		c.Parked += n
	case FateWithdrawn:
		c.Withdrawn += n
	default:
		panic(fmt.Sprintf("unknown fate %q", fate))
	}
}
