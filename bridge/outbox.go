package bridge

import (
	"time"

	"github.com/orobridge/orobridge/formats"
)

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
