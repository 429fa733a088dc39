package bridgetest

import (
	"fmt"
	"os"
	"testing"

	"github.com/orobridge/orobridge/state/postgres/postgrestest"
)

// OnPostgres says that the ledgers of worlds stand in PostgreSQL.
func OnPostgres() bool { return os.Getenv("OROBRIDGE_LEDGER") == "postgres" }

// postgresFor is the address of a ledger for a test; empty where ledgers are files.
func postgresFor(t testing.TB) string {
	t.Helper()
	switch kind := os.Getenv("OROBRIDGE_LEDGER"); kind {
	case "", "sqlite":
		return ""
	case "postgres":
		return postgrestest.Address(t)
	default:
		t.Fatalf("OROBRIDGE_LEDGER=%s: it is sqlite or postgres", kind)
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
