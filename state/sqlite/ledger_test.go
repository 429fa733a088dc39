package sqlite_test

import (
	"context"
	"errors"
	"testing"

	"github.com/orobridge/orobridge/state"
	"github.com/orobridge/orobridge/state/ledgertest"
	"github.com/orobridge/orobridge/state/sqlite"
)

func TestLedger(t *testing.T) {
	ledgertest.Run(t, func(t *testing.T) ledgertest.Place {
		dir := t.TempDir()
		first, err := state.Open(context.Background(), dir, state.Options{}) // makes the folder and the ledger
		if err == nil {
			err = first.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
		return func() (ledgertest.Ledger, error) {
			s, err := state.Open(context.Background(), dir, state.Options{Beside: true})
			if err != nil {
				return nil, err
			}
			if err := sqlite.Cuttable(s.Ledger); err != nil {
				return nil, errors.Join(err, s.Close())
			}
			return kept{s}, nil
		}
	})
}

// kept is a state as the suite knows it.
type kept struct{ *state.State }

func (k kept) Shop(name string) ledgertest.Ledger { return kept{k.Of(name)} }
