package bridge

import (
	"fmt"
	"slices"
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
	Superseded DropState = "superseded" // an older full drop than one that was loaded, or a held part of a file that came whole
	Discarded  DropState = "discarded"  // an admin threw it away
	Vanished   DropState = "vanished"   // the sender took it back before it was claimed

	Shadowed DropState = "shadowed" // a shadow has told what it would have done with it; nothing was written
	Extra    DropState = "extra"    // a shadow's: another system wrote it into an export's folder, and the bridge would not have
)

// DropStates lists the states in the order of a drop's journey.
func DropStates() []DropState {
	return []DropState{Seen, Ready, Claimed, Fetched, Loading, Held, Loaded, Partial, Rejected, Duplicate, Superseded, Discarded, Vanished,
		Shadowed, Extra}
}

// SettledStates are those in which nothing is left to load.
var SettledStates = []DropState{Loaded, Partial, Rejected, Duplicate, Superseded, Discarded, Vanished, Shadowed, Extra}

// OpenStates are those in which something is left to load.
func OpenStates() []DropState {
	return slices.DeleteFunc(DropStates(), DropState.Settled)
}

// Settled says that nothing is left to load.
func (s DropState) Settled() bool { return slices.Contains(SettledStates, s) }

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
	Spool  string // local copy, relative to the spool, compressed by zstd if it ends so; empty when pruned
	Date   string // group "date" of the feed's pattern
	Seq    string // group "seq"
	// Rank is the drop's place in the feed's order, compared as text; empty for one that has no place in it. See
	// package inbound/order for what it is made of.
	Rank string
	Gap  string // what was missing before it, by its number, in words

	// Made says what the bridge itself has made the file of, in words: "undo of drop 7". Such a drop needs an approval like one
	// that a guard holds. Empty for files of senders.
	Made string
	// Correction says that it is a file of rejects that came back: some rows only, whatever the feed's mode.
	Correction bool
	// Manifest says that it lists files and holds no rows.
	Manifest bool

	ListedBy     int64  // the manifest that lists it; 0 if none does
	ListedRows   int64  // rows that the manifest promises; -1 when it does not say
	ListedSHA256 string // empty when the manifest does not say

	// Front is the drop whose part this one is: the file is for several shops, and this is what one of them makes of it. 0 for a drop
	// of its own. See package inbound/branches.
	Front int64

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
	// Superseded are those of Unchanged that a drop which is later in the feed's order has set: they were left alone.
	Superseded int64 `json:"superseded"`
	Removed    int64 `json:"removed"`   // rows that mark a removal
	Collapsed  int64 `json:"collapsed"` // rows whose key came again in the same file
	Rejected   int64 `json:"rejected"`
	Parked     int64 `json:"parked"`
	// Verified are those that were looked up in the shop and compared, not only believed: no fate of their own.
	Verified  int64 `json:"verified"`
	Withdrawn int64 `json:"withdrawn"` // keys that a full drop lacks and that were removed, or wait no longer: no rows of the file
	Warnings  int64 `json:"warnings"`  // what was left out of rows that have one of the fates above
}

// NamedCount is one of the counts of a run under the name that it has in JSON.
type NamedCount struct {
	Name string
	N    int64
}

// Each lists the counts in their order.
func (c Counts) Each() []NamedCount {
	return []NamedCount{{"rows", c.Rows}, {"created", c.Created}, {"updated", c.Updated}, {"unchanged", c.Unchanged}, {"adopted", c.Adopted},
		{"superseded", c.Superseded}, {"removed", c.Removed}, {"collapsed", c.Collapsed}, {"rejected", c.Rejected}, {"parked", c.Parked},
		{"withdrawn", c.Withdrawn}, {"verified", c.Verified}, {"warnings", c.Warnings}}
}

// Sum is the right side of the first promise.
func (c Counts) Sum() int64 {
	return c.Created + c.Updated + c.Unchanged + c.Removed + c.Collapsed + c.Rejected + c.Parked
}

// DropFilter chooses drops; zero fields choose all.
type DropFilter struct {
	IDs      []int64 // one of these; nil: any
	Feed     string
	Feeds    []string // of one of these; nil: of any
	Front    int64    // the parts of this drop
	Joined   []string // parts that are of these feeds only while they are held: they are told with their drop otherwise
	Remote   string
	Folder   string
	Name     string
	SHA256   string
	Other    string // another sha256 than this one
	After    int64  // a higher id
	Before   int64  // a lower id
	Word     string // a part of the name
	Begins   string // the name begins so
	States   []DropState
	From, To time.Time // seen
	Settled  time.Time // settled since
	Owed     bool      // only those whose last move is still owed
	Last     int       // only the last so many; the answer is oldest first all the same
	First    int       // only the first so many; not beside Last
}

// A Move is a drop on its way: it is saved if the ledger still has it in the state From.
type Move struct {
	*Drop
	From DropState
	// Acknowledge ends the rejects of the drop that are open, with the move; nil leaves them as they are.
	Acknowledge *RejectEnd
	// Told are runs of which all is written that the sender gets.
	Told []int64
}

// A Listing is what a listing of a feed's folder has brought.
type Listing struct {
	New   []*Drop // not known before; they get their numbers, and the drop before them of the same place
	Moves []Move  // changed, or gone
	Same  []int64 // listed again as they were
	At    time.Time
}

// A Place is where a drop of a listed name, size and time was entered.
type Place struct {
	Name string
	Path string // where it stands now; empty once it is gone
}

// A ManifestEntry is what a manifest says of one file.
type ManifestEntry struct {
	Name   string
	Rows   int64  // -1: not said
	Size   int64  // -1: not said
	SHA256 string // empty: not said
}

// A ListedEntry is an entry of a manifest that was kept.
type ListedEntry struct {
	ManifestEntry
	Again bool // a later manifest of the feed lists it, too
}

// A ManifestList is a manifest that is fetched and not settled: what it lists, and which drops came for it.
type ManifestList struct {
	*Drop
	Entries []ListedEntry
	Came    []*Drop // listed by it, in any state
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
	case FateSuperseded:
		c.Superseded += n
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

// Refused counts a withdrawal that the shop refuses. It is told like a row: the drop is partial, and its rejects list it.
func (c *Counts) Refused() {
	c.Rows++
	c.Rejected++
}
