package outbound

import (
	"context"
	"errors"
	"time"

	"github.com/orobridge/orobridge/bridge"
)

const (
	prunedNote  = "pruned orders" // when the last pass was
	pruneOrders = 1000            // files of an export in one pass
)

// PruneDue lets go of orders that are done with and older than Keep, if the last pass was a day ago, and returns when to ask
// again. An order that somebody still waits for is never too old.
func (e *Engine) PruneDue(ctx context.Context) (wait time.Duration, err error) {
	if e.Keep <= 0 {
		return bridge.Day, nil
	}
	now := e.Clock.Now()
	return bridge.OnceADay(ctx, e.Ledger, bridge.OfShop(prunedNote, e.Name), now, func(ctx context.Context) (more bool, err error) {
		var errs []error
		for _, x := range e.Exports {
			left, err := e.Ledger.PruneOrders(ctx, x.Name, now.Add(-e.Keep), x.AnswerWithin > 0, pruneOrders)
			errs, more = append(errs, err), more || left
		}
		return more, errors.Join(errs...)
	})
}
