// Package ledger is what a bridge's ledger stores and finds, in SQL that SQLite and PostgreSQL both speak.
//
// Contract: every method of [Ledger] that writes is one transaction, and what a caller was told is on the disk when it returns;
// the few whose loss costs no more than a look-up may wait for the next one to take them there. It stores, finds, and saves what
// is still as the caller read it; what that means for a drop or an order is decided in the packages that declare its methods
// (bridge/inbound, bridge/outbound, bridge/daemon, bridge/operate). state/ledgertest says what they may rely on.
//
// What the databases do not have in common stands in their editions, state/sqlite and state/postgres: connections, how a
// transaction begins and ends, the schema, how many keys are looked up at once. The statements here are SQLite's, and keep to what
// state/postgres can say as well: it numbers their parameters, and its schema brings the functions of SQLite that they use
// (json_each, iif, instr and a few more). They say ON CONFLICT and not OR REPLACE, give each subquery a name, and quote "user".
package ledger

import (
	"context"
	"crypto/rand"
	"database/sql"

	"github.com/orobridge/orobridge/bridge"
)

// Ledger is an open ledger: what each of its parts keeps in one database. Its methods are those of its parts.
type Ledger struct {
	*database
	dropStore   // drops, their manifests and signatures
	runStore    // attempts to load them, and the batches under way
	rowStore    // what became of a run's rows: rejects, warnings, parked records, history
	linkStore   // what a shop accepted last of each key
	outboxStore // documents that are owed to the ERP, and their files
	journal     // events and notes, and the audit
	admission   // sessions and tokens
	alarmStore  // alarms with their lives, and what routes are told of them
	fleetStore  // the bridges that share the work
}

// The parts of a ledger share its database.
type (
	dropStore   struct{ *database }
	runStore    struct{ *database }
	rowStore    struct{ part }
	linkStore   struct{ part }
	outboxStore struct{ part }
	journal     struct{ *database }
	admission   struct{ *database }
	alarmStore  struct{ *database }
	fleetStore  struct{ *database }
)

// An Edition is the database that a ledger stands in. Its errors have their fates.
type Edition interface {
	// Write carries out a transaction: all that do does with it, or nothing. It is on the disk when Write returns; soon says that
	// it may get there with the next one that is not.
	Write(ctx context.Context, soon bool, do func(Statements) error) error
	// Lookup answers for many keys at once, in their order; refs are empty before. The entity is named as the ledger names it.
	Lookup(ctx context.Context, entity string, keys []string, refs []bridge.LinkRef) error
	// EachRef walks the short forms of an entity's links, in no certain order; the key is used again.
	EachRef(ctx context.Context, entity string, each func(key []byte, ref bridge.LinkRef)) error
	// Contents walks what is kept of what Oro last accepted of some links, by their places among these.
	Contents(ctx context.Context, links []int64, each func(i int, content string) error) error
	// JobCounts counts the jobs by which bridges share their work, by kind and state; none where one works alone.
	JobCounts(ctx context.Context) ([]bridge.JobCount, error)
}

// Statements are carried out within a transaction.
type Statements interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
	// Insert enters a row and gives its number.
	Insert(ctx context.Context, query string, args ...any) (int64, error)
	// Numbers gives n numbers that no link has had, for those that are entered before it is asked again.
	Numbers(ctx context.Context, n int) ([]int64, error)
}

// Connections read a ledger.
type Connections struct {
	Read  *sql.DB
	Front *sql.DB // reads for orders, past an import's look-ups
	Walks *sql.DB // lists that are handed on row by row: as many as there are at a time
}

// database is what the parts of a ledger share.
type database struct {
	edition  Edition
	writes   bool // it was not opened for reading alone
	read     *sql.DB
	front    *sql.DB
	walks    *sql.DB
	turns    turns // of writers
	identity string
	life     int64  // generation
	persons  string // key of the pseudonyms of customers
	worker   string // who has opened it
}

// Open opens a ledger whose schema is up to date, for reading alone unless it writes. A program that is named is kept in it as the
// one that opened it.
func Open(ctx context.Context, e Edition, c Connections, writes bool, program string) (*Ledger, error) {
	d := &database{edition: e, writes: writes, read: c.Read, front: c.Front, walks: c.Walks, worker: rand.Text()}
	if err := d.identify(ctx, program); err != nil {
		return nil, err
	}
	return ledgerOf(part{d, ""}), nil
}
