package inbound

import (
	"context"
	"errors"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
)

// Records that wait for a parent run again as runs of the drops that they came in.

// ParkedDue says that a record of a feed is parked whose parent has come, or that has waited for too long.
func (e *Engine) ParkedDue(ctx context.Context, f *config.Feed) (due bool, err error) {
	err = e.Ledger.Parked(ctx, f.Name, e.Clock.Now().Add(-f.ParkFor.D()), func(bridge.ParkedRow) error { due = true; return errEnough })
	if errors.Is(err, errEnough) {
		err = nil
	}
	return due, err
}

// errEnough ends a walk early.
var errEnough = errors.New("seen enough")

// RetryParked runs parked records of a feed again: those of drops before the given one, which has just been loaded, and
// with 0 those of drops of which a parent has come, or a record has waited for too long.
func (e *Engine) RetryParked(ctx context.Context, f *config.Feed, before int64) error {
	ctx, done, err := e.TakeUpLoads(ctx, f)
	if err != nil {
		return err
	}
	defer done()
	var drops []int64
	var due time.Time
	if before == 0 {
		due = e.Clock.Now().Add(-f.ParkFor.D())
	}
	err = e.Ledger.Parked(ctx, f.Name, due, func(p bridge.ParkedRow) error {
		if before != 0 && p.Drop >= before {
			return nil
		}
		if len(drops) == 0 || drops[len(drops)-1] != p.Drop {
			drops = append(drops, p.Drop)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, id := range drops {
		d, err := e.Ledger.Drop(ctx, id)
		if err != nil {
			return err
		}
		if !d.State.Settled() {
			continue
		}
		if err := (journal{e}).startRun(ctx, &bridge.Run{Kind: bridge.ParkedRun}, d); err != nil {
			return err
		}
		if _, err := e.Load(ctx, f, d); err != nil {
			return err
		}
	}
	return nil
}
