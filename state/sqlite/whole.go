package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	sqlite3 "github.com/mattn/go-sqlite3"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/state/ledger"
)

const (
	damagedHint = "stop the bridge and put the last backup back: `orobridge state restore FILE --yes`; without one, " +
		"`orobridge state salvage FILE` reads what can be read into a new ledger"
	lostHint = "put the last backup back: `orobridge state restore FILE`; without one, move what is left of state.dir away: " +
		"`orobridge help operation` says how a new ledger is filled from both ends"
)

// Lost is the error of a place where a ledger was, and is no more.
func Lost(path string, why error) error {
	return &bridge.Error{Op: "open ledger", Object: path, Hint: lostHint,
		Err: fmt.Errorf("a bridge has worked with this state folder, and its ledger is gone: %w", why)}
}

var errEmpty = errors.New("the file is empty")

// recognise refuses a file that is not a ledger. Nothing is written to it.
func (f *file) recognise(ctx context.Context, mayBeNew bool) error {
	var tables, ours int
	err := f.read.QueryRowContext(ctx, `SELECT count(*), count(CASE name WHEN 'migrations' THEN 1 END) 
		FROM sqlite_master WHERE type = 'table'`).Scan(&tables, &ours)
	var e sqlite3.Error
	switch {
	case errors.As(err, &e) && e.Code == sqlite3.ErrNotADB, err == nil && tables > 0 && ours == 0:
		return &bridge.Error{Op: "open ledger", Object: f.path, Err: foreign(err), Hint: lostHint}
	case err != nil:
		return wrap("read ledger "+f.path, trouble(err))
	case tables == 0 && !mayBeNew:
		return Lost(f.path, errEmpty)
	}
	return nil
}

func foreign(why error) error {
	const what = "it is somebody else's file, or damaged"
	if why == nil {
		return errors.New(what)
	}
	return fmt.Errorf(what+": %w", why)
}

// shownFaults is how many faults a check names.
const shownFaults = 5

// Check reads the ledger on a connection of its own.
func (f *file) Check(ctx context.Context) (err error) {
	db, err := open(f.path, "_query_only=1&_busy_timeout=5000&_cache_size=-1000")
	if err != nil {
		return err
	}
	return errors.Join(checkWhole(ctx, db, f.path), db.Close())
}

func checkWhole(ctx context.Context, db *sql.DB, path string) error {
	var faults []string
	err := ledger.Walk(ctx, db, fmt.Sprintf(`PRAGMA quick_check(%d)`, shownFaults), nil, func(rows *sql.Rows) error {
		var fault string
		err := rows.Scan(&fault)
		if fault != "ok" {
			faults = append(faults, fault)
		}
		return err
	})
	if err == nil && len(faults) > 0 {
		err = &bridge.Error{Op: "check ledger", Object: path, Hint: damagedHint,
			Err: errors.New("it is damaged: " + strings.Join(faults, "; "))}
	}
	return wrap("check ledger", trouble(err))
}
