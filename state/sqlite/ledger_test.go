package sqlite_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/formats"
	"github.com/orobridge/orobridge/state"
	"github.com/orobridge/orobridge/state/ledgertest"
	"github.com/orobridge/orobridge/state/sqlite"
)

// staged is a ledger with its stages.
type staged struct {
	*sqlite.Ledger
	spool string
}

func (s staged) NewStage(ctx context.Context, e *formats.Entity, run int64) (bridge.Stage, error) {
	return sqlite.NewStage(ctx, s.spool, e, run)
}

func (s staged) Shop(name string) ledgertest.Ledger { return staged{s.Of(name), s.spool} }

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
			l, err := sqlite.Open(context.Background(), filepath.Join(dir, "ledger.db"), sqlite.Options{})
			if err != nil {
				return nil, err
			}
			if err := sqlite.Cuttable(l); err != nil {
				return nil, errors.Join(err, l.Close())
			}
			return staged{l, filepath.Join(dir, "spool")}, nil
		}
	})
}
