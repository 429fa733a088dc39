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
	// Orders reads orders in full by the shop's ids, at most 50, in no order. One that is gone is left out.
	Orders(ctx context.Context, ids []string) ([]*formats.Order, error)
	// Order reads one order by its identifier.
	Order(ctx context.Context, identifier string) (*formats.Order, error)
}

// A Ledger keeps what must outlast a crash. One bridge at a time holds it. Every method is one transaction; an error
// leaves the ledger as it was. Lists are oldest first.
type Ledger interface {
	// Cursor tells how far an export has read the shop's orders; false before its first start.
	Cursor(ctx context.Context, export string) (bridge.Cursor, bool, error)
	// Unsettled keeps of the sightings those that the export has to look at: unknown ones, ones with another time
	// stamp, and ones that were looked at before the given time, last, while they could still change without another
	// time stamp.
	Unsettled(ctx context.Context, export string, seen []bridge.Sighting, before time.Time) ([]bridge.Sighting, error)
	// Versions tells the newest version of each of the shop's order ids that the outbox of an export holds.
	Versions(ctx context.Context, export string, ids []string) (map[string]bridge.Version, error)
	// Owe enters in the outbox what a look at the shop has brought, in one transaction: cursor, orders, and for each
	// file that is due its number, name, bytes and hash. Numbers have no gaps and are never given twice. It returns
	// the files that were made.
	Owe(ctx context.Context, export string, in *bridge.Intake) ([]*bridge.Outfile, error)
	// Outbox lists orders with the files that hold them.
	Outbox(ctx context.Context, f bridge.OutboxFilter) ([]*bridge.Owed, error)
	// Outfiles lists files in the order of their numbers.
	Outfiles(ctx context.Context, f bridge.OutfileFilter) ([]*bridge.Outfile, error)
	// Body reads the exact bytes of an outbound file.
	Body(ctx context.Context, export string, number int64) ([]byte, error)
	// SaveOutfiles advances files that are still in the state from, all or none (ErrMoved). A step other than "" is
	// entered in the history of each order of theirs, with the detail.
	SaveOutfiles(ctx context.Context, from bridge.OwedState, step bridge.RowFate, detail string, files ...*bridge.Outfile) error
	// SaveOwed saves alarm and answer of an order; the step is entered in its history.
	SaveOwed(ctx context.Context, o *bridge.Owed, step bridge.RowFate, detail string) error
	// SendAgain makes a file owed once more, as it is, whatever its state; its orders count as not answered.
	SendAgain(ctx context.Context, f *bridge.Outfile, detail string) error
	// Alarms counts an export's alarms, each with the name of the oldest file or order that it is about.
	Alarms(ctx context.Context, export string) (map[bridge.Alarm]bridge.AlarmCount, error)
	// Note keeps a small fact under a name, such as why an end is paused; an empty text removes it.
	Note(ctx context.Context, name, text string) error
	Notes(ctx context.Context) (map[string]string, error)
}
