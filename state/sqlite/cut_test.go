package sqlite

import (
	"database/sql"
	"errors"
	"fmt"
	"sync/atomic"

	sqlite3 "github.com/mattn/go-sqlite3"
)

// cutIn counts down the rows that are written until one fails; at 0 none does.
var cutIn atomic.Int64

var errCut = errors.New("cut by the test")

// A driver whose connections ask before each row that they write.
func init() {
	ask := func() (int64, error) {
		if cutIn.Load() > 0 && cutIn.Add(-1) == 0 {
			return 0, errCut
		}
		return 0, nil
	}
	sql.Register("sqlite3_cut", &sqlite3.SQLiteDriver{ConnectHook: func(c *sqlite3.SQLiteConn) error {
		if err := c.RegisterFunc("cut", ask, false); err != nil {
			return err
		}
		for _, table := range []string{"drops", "papers", "manifest_files", "runs", "links", "accepted", "settings", "history", "rejects", "warnings", "parked", "batches", "cursors",
			"sightings", "outfiles", "outbox", "events", "notes", "sessions", "tokens", "audit", "alarms", "messages"} {
			for _, op := range []string{"INSERT", "UPDATE", "DELETE"} {
				if _, err := c.Exec(fmt.Sprintf(`CREATE TEMP TRIGGER cut_%s_%s BEFORE %s ON main.%s BEGIN SELECT cut(); END`, table, op, op, table), nil); err != nil {
					return err
				}
			}
		}
		return nil
	}})
}

// Cuttable has an open ledger write through connections that can be cut.
func Cuttable(l *Ledger) error {
	db, err := sql.Open("sqlite3_cut", source(l.file.path, writing))
	if err != nil {
		return err
	}
	db.SetMaxOpenConns(1)
	err, l.file.write = l.file.write.Close(), db
	return err
}

// Cut has the n-th row that is written from now on fail.
func (l *Ledger) Cut(n int) { cutIn.Store(int64(n)) }
