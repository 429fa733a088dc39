package postgres_test

import (
	"context"
	"errors"
	"testing"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/formats"
	"github.com/orobridge/orobridge/state/ledgertest"
	"github.com/orobridge/orobridge/state/postgres"
	"github.com/orobridge/orobridge/state/postgres/postgrestest"
	"github.com/orobridge/orobridge/state/sqlite"
)

// staged is a ledger with the stages of its machine.
type staged struct {
	*postgres.Ledger
	dir string
}

func (s staged) NewStage(ctx context.Context, e *formats.Entity, run int64) (bridge.Stage, error) {
	return sqlite.NewStage(ctx, s.dir, e, run)
}

func (s staged) Shop(name string) ledgertest.Ledger { return staged{s.Of(name), s.dir} }

func TestLedger(t *testing.T) {
	made := map[string]bool{}
	ledgertest.Run(t, func(t *testing.T) ledgertest.Place {
		address, dir := postgrestest.Address(t), t.TempDir()
		if !made[address] {
			first, err := postgres.Open(context.Background(), address, postgres.Options{}) // makes it
			if err == nil {
				err = errors.Join(postgres.Cuttable(first), first.Close())
			}
			if err != nil {
				t.Fatal(err)
			}
			made[address] = true
		}
		return func() (ledgertest.Ledger, error) {
			l, err := postgres.Open(context.Background(), address, postgres.Options{Beside: true})
			if err != nil {
				return nil, err
			}
			return staged{l, dir}, nil
		}
	})
}
