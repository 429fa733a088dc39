package state

import (
	"context"
	"errors"

	"github.com/orobridge/orobridge/bridge"
)

// A Witness is a state opened for reading in which looks at persons' data are entered all the same. Where no bridge has run yet there is
// none.
type Witness struct {
	*State
	Address string // of the database that the ledger stands in, if it does
}

// Keep enters events beside whoever holds the ledger.
func (w Witness) Keep(ctx context.Context, events ...*bridge.Event) (err error) {
	if made, err := Made(ctx, w.dir, w.Address); err != nil || !made {
		return err
	}
	beside, err := Open(ctx, w.dir, Options{Beside: true, Postgres: w.Address})
	if err != nil {
		return bridge.Within("a look at persons' data has to stand in the audit", err)
	}
	return errors.Join(beside.Keep(ctx, events...), beside.Close())
}
