package bridgetest

import (
	"bytes"
	"os"
	"path/filepath"

	"github.com/orobridge/orobridge/state"
	"github.com/orobridge/orobridge/state/postgres/postgrestest"
	"github.com/orobridge/orobridge/state/sqlite/sqlitetest"
)

// Backup is a backup of the world's state, as a bridge makes it while it works; of a ledger in PostgreSQL a dump.
func Backup(w *World) []byte {
	w.T.Helper()
	if w.Postgres != "" {
		return postgrestest.Dump(w.T, w.Postgres)
	}
	var b bytes.Buffer
	_, err := state.Backup(w.T.Context(), w.State, "test", &b, w.Clock.Now())
	w.Must(err)
	return b.Bytes()
}

// Harm changes the ledger by SQL while no bridge is at work, as a disk may.
func Harm(w *World, script string) {
	w.T.Helper()
	w.Close()
	if w.Postgres != "" {
		postgrestest.Exec(w.T, w.Postgres, script)
	} else {
		sqlitetest.Exec(w.T, filepath.Join(w.State, "ledger.db"), script)
	}
	w.Open()
}

// LoseDisk takes the state away, puts a backup into its place and starts the bridge again; without one it begins anew.
func LoseDisk(w *World, backup []byte) {
	w.T.Helper()
	w.Close()
	w.Must(os.RemoveAll(w.State))
	if w.Postgres != "" {
		postgrestest.Restore(w.T, w.Postgres, backup)
	} else if backup != nil {
		_, err := state.Restore(w.T.Context(), w.State, bytes.NewReader(backup), false, w.Clock.Now())
		w.Must(err)
	}
	w.Open()
}
