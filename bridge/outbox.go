package bridge

import (
	"time"
)

// Cursor is how far an export has read the shop's orders.
type Cursor struct {
	At    time.Time // newest updatedAt that was seen, by the shop's clock
	Floor time.Time // orders submitted before are none of the export's business
}

// Sighting is an order as a listing of the shop shows it.
type Sighting struct {
	OroID      string
	Identifier string // with the id and Submitted it says which order is meant: a restored shop gives ids again
	Submitted  time.Time
	Updated    time.Time
}

// Look is a sighting that was looked at. At is when, while the order may still change without another time stamp, which
// has whole seconds; zero once that is over. An Ignored one is never looked at again.
type Look struct {
	Sighting
	At      time.Time
	Ignored bool
}

// Version is an order as the outbox has it.
type Version struct {
	Version    int
	Print      int64 // fingerprint of what the ERP cares about
	Identifier string
	Submitted  time.Time
}

// Book is how far an export has come: its cursor, and the last numbers that it gave.
type Book struct {
	Cursor
	Number   int64 // of files
	Document int64 // of documents inside the files
}

// Document is what goes out: one version of a record of the shop, of a kind that package outbound knows.
type Document struct {
	Kind       string // "orders"
	ID         string // the shop's id
	Identifier string // what people call it by
	Customer   string // number of the customer; the ledger keeps a pseudonym of it
	Version    int
	Submitted  time.Time
	Flags      []string // what was noticed and not corrected
	Record     any      // *formats.Order
}

// Entry is a document on its way into the outbox.
type Entry struct {
	ID int64 // of the outbox; 0 before it is entered
	*Document
	Content []byte // the record as it is kept while it waits for its file; empty when it is stuck
	Print   int64
	Stuck   string // why it can't be written at all; empty otherwise
	Alarm   Alarm  // AlarmStuck then; other ones are of orders that are written all the same
	Why     string // of the alarm, or of Went
	// Went says of an order without a file what a ledger that was lost has made of it: Unknown, or PickedUp. Empty for all others.
	Went    OwedState
	Noticed time.Time
	// Damaged: what the ledger has of its content is not what was written, and is not handed on.
	Damaged bool
	// Replaced counts the characters that no document may hold and that were replaced.
	Replaced int
}

// NewFile is a file that was made of orders, on its way into the outbox.
type NewFile struct {
	Outfile
	Body    []byte
	Members []*Entry // entered before, or in the same Intake
}

// Intake is what one look at the shop brings to the outbox of an export.
type Intake struct {
	Since  Book // as it was read: another one's work in between makes it ErrMoved
	Book   Book // as it stands from now on
	Looks  []Look
	Orders []*Entry
	Files  []*NewFile
	Found  []*NewFile // of these, the ones that a ledger which was lost has made
	Forget time.Time  // looks at what was updated before are forgotten; zero forgets none
	// Links and History are those of the orders that were entered.
	Links   []*Link
	History []HistoryEntry
}

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
	Unknown   OwedState = "unknown"   // the ledger was put back, and nobody knows whether it went out; later ones go on

	// Of a shadow, which writes no file and looks for the one that another system wrote.
	Same      OwedState = "same"    // what it wrote has the same content
	Differs   OwedState = "differs" // it wrote another content
	Unwritten OwedState = "missing" // it wrote none within an hour
)

// BesideFeed is the name of the feed under which a shadow's ledger keeps what another system writes for an export. No config has
// a feed of such a name.
func BesideFeed(export string) string { return "beside/" + export }

// Outfile is one file of the outbox. Name and bytes never change.
type Outfile struct {
	Export   string
	Number   int64
	Name     string
	SHA256   string
	Size     int64
	State    OwedState // owed, written, picked_up, conflict or unknown
	Alarm    Alarm
	Reason   string
	Staged   string   // the temporary file beside its place that holds the bytes already
	Orders   []string // identifiers
	OwedAt   time.Time
	Written  time.Time
	Marked   time.Time // when it was whole for the ERP: with its marker, if it has one
	MTime    time.Time // the server's time of the file as it was first listed
	Fetched  Fetch
	PickedUp time.Time
}

// Fetch says that a partner has read a file to its end, at a server of the bridge's own: when, who and from which address.
// The zero value says that none has.
type Fetch struct {
	At   time.Time
	User string
	From string
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
	Alarm     Alarm // its own, or that of its file
	OwnAlarm  Alarm
	FileAlarm Alarm
	Reason    string
	Flags     []string // what was noticed and not corrected
	Answer    string   // what the ERP said last
	Submitted time.Time
	Noticed   time.Time
	Went      OwedState // see [Entry]
	OwedAt    time.Time
	WrittenAt time.Time
	Fetched   Fetch
	PickedUp  time.Time
	Answered  time.Time // first answer
}

// FileMove is a file of the outbox on its way: it is saved if the ledger still has it in the state From.
type FileMove struct {
	*Outfile
	From OwedState
}

// OutboxChange is what happened to some files and orders of the outbox: all of it is saved, or nothing (ErrMoved).
type OutboxChange struct {
	Files   []FileMove
	Fetched []*Outfile // who has fetched these, whatever their state
	Owed    []*Owed    // alarm and answer
	Stuck   []*Entry   // that waited for their file and can't be written after all: why, and the alarm
	History []HistoryEntry
}

// OutboxFilter chooses orders; zero fields choose all.
type OutboxFilter struct {
	Export     string
	Exports    []string // of one of these; nil: of any
	States     []OwedState
	Order      string    // identifier, or number of the file: what people type
	Identifier string    //
	Customer   string    // number
	Number     int64     // of the file
	Numbers    []int64   // of one of these files; nil: of any
	From, To   time.Time // submitted
	Unanswered time.Time // written before, not answered, and without an alarm of their own
	Before     int64     // entered before the one of this id
	After      int64     // entered after the one of this id
	Alarmed    bool      // only those with an alarm, or whose file has one
	Last       int       // only the last so many; the answer is oldest first all the same
	First      int       // only the first so many; not beside Last
}

// OutfileFilter chooses files; zero fields choose all.
type OutfileFilter struct {
	Export  string
	States  []OwedState
	Alarm   Alarm
	Names   []string
	SHA256  string // of the bytes
	Pending bool   // owed, or written and waiting for their marker
	Number  int64
}

// Orders is the kind of documents that orders are, and the entity under which the ledger keeps their history and links.
const Orders = "orders"
