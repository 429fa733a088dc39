// Package sqlitetest changes a ledger in a file behind the back of whoever works with it.
package sqlitetest

import (
	"database/sql"
	"errors"
	"testing"

	_ "github.com/mattn/go-sqlite3" // the driver
)

// Exec runs a script in a ledger that nobody has open.
func Exec(t testing.TB, path, script string) {
	t.Helper()
	db, err := sql.Open("sqlite3", path)
	if err != nil {
		t.Fatal(err)
	}
	_, err = db.Exec(script)
	if err = errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
}
