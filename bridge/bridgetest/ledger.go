package bridgetest

import (
	"fmt"
	"os"

	"github.com/orobridge/orobridge/state/postgres/postgrestest"
)

// OnPostgres says that the ledgers of worlds stand in PostgreSQL.
func OnPostgres() bool { return os.Getenv("OROBRIDGE_LEDGER") == "postgres" }

// Database is the address of the database in which a ledger for a test stands; empty where ledgers are files.
func Database(t postgrestest.Test) string {
	t.Helper()
	switch kind := os.Getenv("OROBRIDGE_LEDGER"); kind {
	case "", "sqlite":
		return ""
	case "postgres":
		return postgrestest.Address(t)
	default:
		t.Fatal("OROBRIDGE_LEDGER=" + kind + ": it is sqlite or postgres")
		return ""
	}
}

// StateKey is what a config says behind state.dir of a ledger's address.
func StateKey(postgres string) string {
	if postgres == "" {
		return ""
	}
	return fmt.Sprintf(", postgres: '%s'", postgres)
}
