package outbound

import (
	"context"
	"errors"
	"time"

	"github.com/orobridge/orobridge/bridge"
)

const (
	prunedNote  = "pruned orders" // when the last pass was
	pruneEvery  = bridge.Day
	pruneMore   = time.Minute // until the next pass when one was not enough
	pruneOrders = 1000        // files of an export in one pass
)

// PruneDue lets go of orders that are done with and older than Keep, if the last pass was a day ago, and returns when to ask
// again. An order that somebody still waits for is never too old.
func (e *Engine) PruneDue(ctx context.Context) (wait time.Duration, err error) {
	if e.Keep <= 0 {
		return pruneEvery, nil
	}
	notes, err := e.Ledger.Notes(ctx)
	if err != nil {
		return pruneEvery, err
	}
	now := e.Clock.Now()
	if last, err := time.Parse(time.RFC3339, notes[prunedNote]); err == nil && now.Sub(last) < pruneEvery && !last.After(now) {
		return pruneEvery - now.Sub(last), nil
	}
	var errs []error
	left := false
	for _, x := range e.Exports {
		more, err := e.Ledger.PruneOrders(ctx, x.Name, now.Add(-e.Keep), x.AnswerWithin > 0, pruneOrders)
		errs, left = append(errs, err), left || more
	}
	if err := errors.Join(errs...); err != nil {
		return pruneEvery, err
	}
	if left {
		return pruneMore, nil
	}
	return pruneEvery, e.Ledger.Note(ctx, prunedNote, now.UTC().Format(time.RFC3339))
}
