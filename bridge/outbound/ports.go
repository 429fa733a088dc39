package outbound

import (
	"context"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/formats"
)

// This file holds what an order's life needs from outside. Adapters and the ledger implement it.

// A Shop is where orders come from. Methods are safe for concurrent use. Errors are *bridge.Error with a fate.
type Shop interface {
	// Sightings returns a page, from 1, of the orders with updatedAt ≥ since, by id and times alone, ordered by updatedAt
	// and id; more says whether a further page follows.
	Sightings(ctx context.Context, since time.Time, page int) (seen []bridge.Sighting, more bool, err error)
	// Arrivals returns a page of the orders whose ids come after one, by rising id; "" for the first. It finds what the time of
	// the last update hides: an order that was created with an old date.
	Arrivals(ctx context.Context, after string) (seen []bridge.Sighting, more bool, err error)
	// Orders reads orders in full by the shop's ids, at most 50, in no order. Untold are those that the shop still lists and
	// does not tell in full; one that is left out of both was asked for twice, and is gone.
	Orders(ctx context.Context, ids []string) (told []*formats.Order, untold []string, err error)
	// Order reads one order by its identifier.
	Order(ctx context.Context, identifier string) (*formats.Order, error)
}

// A Ledger keeps what must outlast a crash. Every method is one transaction, and an error leaves the ledger as it was, and
// the numbers in what it was given: the same call may be made again. It stores and finds; numbers, names and alarms are
// decided here. Events that go with a change are kept in the same transaction. Lists are oldest first. Package
// state/ledgertest says all of it in tests.
type Ledger interface {
	bridge.TermLedger
	// Identity tells the ledger from every other: small letters and digits. Names of staged files carry it.
	Identity() string
	// Generation is which life of the ledger this is: it grows each time that an older state of it was put back.
	Generation() int64
	// Book tells how far an export has come; false before its first start.
	Book(ctx context.Context, export string) (bridge.Book, bool, error)
	// Looks tells, by the shop's ids, how an export has looked at some orders before.
	Looks(ctx context.Context, export string, ids []string) (map[string]bridge.Look, error)
	// Versions tells, by the shop's ids, what the outbox of an export holds of them, in the order in which it was entered.
	Versions(ctx context.Context, export string, ids []string) (map[string][]bridge.Version, error)
	// Collected lists the first n entries of an export that wait for their file, in the order in which they were entered.
	Collected(ctx context.Context, export string, n int) ([]*bridge.Entry, error)
	// Taken tells which of some names files of an export have already.
	Taken(ctx context.Context, export string, names []string) (map[string]bool, error)
	// Owe enters in the outbox what a look at the shop has brought. ErrMoved when the book is no longer as it was read, its
	// cursor included. A version of an order, a number and a name of an export are entered once: another try is an error.
	Owe(ctx context.Context, export string, in *bridge.Intake, events ...*bridge.Event) error
	// Outbox lists orders with the files that hold them, Outfiles files in the order of their numbers.
	Outbox(ctx context.Context, f bridge.OutboxFilter) ([]*bridge.Owed, error)
	Outfiles(ctx context.Context, f bridge.OutfileFilter) ([]*bridge.Outfile, error)
	// Body reads the exact bytes of an outbound file; ErrUnknown when there is none.
	Body(ctx context.Context, export string, number int64) ([]byte, error)
	// PruneOrders removes up to n files with their orders that are done with since before a time, answered where they have to
	// be; more says that some are left. The orders stay seen.
	PruneOrders(ctx context.Context, export string, before time.Time, answered bool, n int) (more bool, err error)
	// SaveOutbox saves what happened to files and orders: all of it, or nothing with ErrMoved.
	SaveOutbox(ctx context.Context, c bridge.OutboxChange, events ...*bridge.Event) error
	// Links reads the links of some orders.
	Links(ctx context.Context, entity string, keys []string) (map[string]*bridge.Link, error)
	// Alarms counts an export's alarms, each with the name of the oldest file or order that it is about.
	Alarms(ctx context.Context, export string) (map[bridge.Alarm]bridge.AlarmCount, error)
	// Note keeps a small fact under a name; an empty text removes it.
	Note(ctx context.Context, name, text string, events ...*bridge.Event) error
	Notes(ctx context.Context) (map[string]string, error)
}
