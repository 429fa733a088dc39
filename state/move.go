package state

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/state/ledger"
	"github.com/orobridge/orobridge/state/postgres"
	"github.com/orobridge/orobridge/state/sqlite"
)

// Moved is what was carried over.
type Moved struct {
	Tables []MovedTable `json:"tables"`
	Aside  string       `json:"aside"` // where what was moved stands: a folder, or a schema
}

// MovedTable is what a table holds, here and there.
type MovedTable struct {
	Table  string `json:"table"`
	Rows   int64  `json:"rows"`
	SHA256 string `json:"sha256"` // the sum of those of its rows
}

// An end of a move is the ledger that is carried over, or the one that it becomes.
type moveEnd interface {
	edition
	Reader() *ledger.DB
	Clear(ctx context.Context) error
	Put(ctx context.Context, t ledger.Table, rows [][]any) error
	Numbers(ctx context.Context) (map[string]int64, error)
	GoOn(ctx context.Context, numbers map[string]int64) error
}

const (
	movedPrefix = "moved-"     // begins the name of the folder that keeps a ledger which was carried over
	movingName  = "ledger.new" // the file that a ledger is carried to, until all of it is there
)

// MoveToPostgres carries the ledger of a folder, with which no bridge works, over to a database, and compares table by table what
// has come there. What was carried over is put aside then. Cut short, the same call goes on where it stopped.
func MoveToPostgres(ctx context.Context, dir, address, program string, at time.Time) (_ *Moved, err error) {
	held, err := takeLock(filepath.Join(dir, "lock"))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, held.release()) }()
	path := filepath.Join(dir, ledgerName)
	if _, err := os.Stat(path); err != nil {
		return nil, &bridge.Error{Op: "move ledger", Object: path, Err: err, Hint: "check state.dir: no ledger stands there"}
	}
	from, err := sqlite.Open(ctx, path, sqlite.Options{Suspect: held.crashed(), Program: program})
	if err != nil {
		return nil, err
	}
	moved, err := moveInto(ctx, from, address, program)
	if err = errors.Join(err, from.Close()); err != nil {
		return nil, err
	}
	moved.Aside = filepath.Join(dir, movedPrefix+at.UTC().Format("20060102T150405.000Z"))
	return moved, errors.Join(putInto(moved.Aside, dir), held.say("stopped"))
}

func moveInto(ctx context.Context, from *sqlite.Ledger, address, program string) (_ *Moved, err error) {
	to, err := postgres.Open(ctx, address, postgres.Options{Program: program, Moving: true})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	m := move{from: from, to: to, tables: from}
	done, err := m.carry(ctx, from.Identity(), to.Ledger)
	if err != nil {
		return nil, err
	}
	return done, to.Stay(ctx)
}

// MoveToFile carries a ledger over from a database into a folder: see [MoveToPostgres].
func MoveToFile(ctx context.Context, dir, address, program string, at time.Time) (_ *Moved, err error) {
	if _, err := makePrivate(dir, filepath.Join(dir, "spool")); err != nil {
		return nil, err
	}
	held, err := takeLock(filepath.Join(dir, "lock"))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, held.release()) }()
	if Exists(dir) {
		return nil, &bridge.Error{Op: "move ledger into", Object: dir, Err: fs.ErrExist, Hint: "a ledger stands there: move it away first"}
	}
	from, err := postgres.Open(ctx, address, postgres.Options{Program: program})
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, movingName)
	moved, err := moveOut(ctx, from, path, program)
	if err = errors.Join(err, from.Close()); err != nil {
		return nil, err
	}
	if err := errors.Join(os.Rename(path, filepath.Join(dir, ledgerName)), syncFolder(dir), held.say("stopped")); err != nil {
		return nil, err
	}
	moved.Aside, err = postgres.PutAside(ctx, address, at)
	return moved, err
}

func moveOut(ctx context.Context, from *postgres.Ledger, path, program string) (_ *Moved, err error) {
	if err := makeLedgerFile(path); err != nil {
		return nil, err
	}
	to, err := sqlite.Open(ctx, path, sqlite.Options{New: true, Program: program})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	m := move{from: from, to: to, tables: to}
	return m.carry(ctx, from.Identity(), to.Ledger)
}

// putInto moves the file of a ledger, with its log, into a folder that is made for it.
func putInto(folder, dir string) error {
	if err := os.Mkdir(folder, privateFolder); err != nil {
		return fmt.Errorf("put the ledger aside: %w", err)
	}
	for _, suffix := range []string{"-wal", "-shm", ""} {
		err := os.Rename(filepath.Join(dir, ledgerName+suffix), filepath.Join(folder, ledgerName+suffix))
		if err != nil && (suffix == "" || !errors.Is(err, fs.ErrNotExist)) {
			return fmt.Errorf("put the ledger aside: %w", err)
		}
	}
	return errors.Join(syncFolder(folder), syncFolder(dir))
}

// move carries a ledger over.
type move struct {
	from, to moveEnd
	tables   *sqlite.Ledger // of the two the one that knows what the tables are
}

// carry copies what is not there yet, the notes last: until then a note says what is going on.
func (m move) carry(ctx context.Context, identity string, to *ledger.Ledger) (*Moved, error) {
	tables, err := m.tables.Tables(ctx)
	if err != nil {
		return nil, err
	}
	notes, err := to.Notes(ctx)
	if err != nil {
		return nil, err
	}
	if notes[ledger.MovingNote] != identity && notes[ledger.IdentityNote] != identity {
		if err := m.begin(ctx, tables, identity, to); err != nil {
			return nil, err
		}
	}
	for _, t := range tables {
		if t.Name == "notes" {
			continue
		}
		if err := m.copy(ctx, t); err != nil {
			return nil, bridge.Within("carry over "+t.Name, err)
		}
	}
	numbers, err := m.from.Numbers(ctx)
	if err != nil {
		return nil, err
	}
	if err := m.to.GoOn(ctx, numbers); err != nil {
		return nil, err
	}
	return m.end(ctx, tables, to)
}

// begin marks an empty ledger as one that is carried over.
func (m move) begin(ctx context.Context, tables []ledger.Table, identity string, to *ledger.Ledger) error {
	for _, t := range tables {
		if last, err := t.Last(ctx, m.to.Reader()); err != nil || last != nil && t.Name != "notes" {
			return errors.Join(err, &bridge.Error{Op: "move ledger", Object: "table " + t.Name, Err: errors.New("the ledger there is not empty"),
				Hint: "name another schema in state.postgres (?search_path=…), or another state.dir"})
		}
	}
	return to.Note(ctx, ledger.MovingNote, identity)
}

// copiedAtOnce is how many rows are in memory, and written in one transaction.
const copiedAtOnce = 2000

// copy copies the rows of a table that are not there yet.
func (m move) copy(ctx context.Context, t ledger.Table) error {
	last, err := t.Last(ctx, m.to.Reader())
	if err != nil {
		return err
	}
	return m.copyBehind(ctx, t, last)
}

// copyBehind copies the rows behind a key.
func (m move) copyBehind(ctx context.Context, t ledger.Table, last []any) error {
	var page [][]any
	put := func() error {
		if len(page) == 0 {
			return nil
		}
		err := m.to.Put(ctx, t, page)
		page = page[:0]
		return err
	}
	err := t.Rows(ctx, m.from.Reader(), last, func(row []any) error {
		if page = append(page, row); len(page) < copiedAtOnce {
			return nil
		}
		return put()
	})
	return errors.Join(err, put())
}

// end compares what is here and there, and carries the notes over, by which the ledger becomes one to work with.
func (m move) end(ctx context.Context, tables []ledger.Table, to *ledger.Ledger) (*Moved, error) {
	done := &Moved{}
	var notes ledger.Table
	for _, t := range tables {
		if t.Name == "notes" {
			notes = t
			continue
		}
		if err := m.compare(ctx, t, done); err != nil {
			return nil, err
		}
	}
	if err := m.to.Clear(ctx); err != nil {
		return nil, err
	}
	if err := m.copyBehind(ctx, notes, nil); err != nil {
		return nil, err
	}
	if err := to.Note(ctx, ledger.MovingNote, ""); err != nil {
		return nil, err
	}
	return done, m.compare(ctx, notes, done)
}

func (m move) compare(ctx context.Context, t ledger.Table, done *Moved) error {
	here, err := t.Sum(ctx, m.from.Reader())
	if err != nil {
		return err
	}
	there, err := t.Sum(ctx, m.to.Reader())
	if err != nil {
		return err
	}
	if here != there {
		return &bridge.Error{Op: "compare", Object: "table " + t.Name,
			Err:  fmt.Errorf("%d rows (%s) here, %d rows (%s) there", here.Rows, here, there.Rows, there),
			Hint: "nothing was put aside, and the ledger is as it was; empty what it was carried to, and move it again"}
	}
	done.Tables = append(done.Tables, MovedTable{t.Name, here.Rows, here.String()})
	return nil
}
