package sqlite_test

import (
	"context"
	"testing"

	"github.com/orobridge/orobridge/state"
	"github.com/orobridge/orobridge/state/ledgertest"
)

func TestLedger(t *testing.T) {
	ledgertest.Run(t, func(t *testing.T) ledgertest.Place {
		dir := t.TempDir()
		return func() (ledgertest.Ledger, error) {
			return state.Open(context.Background(), dir, state.Options{Beside: true})
		}
	})
}
