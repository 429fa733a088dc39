package bridge

import (
	"context"
	"time"
)

// pruneMore is how long a pass that left something waits for the next one.
const pruneMore = time.Minute

// OnceADay makes a pass if the last one that left nothing was a day ago, and returns how long to wait before asking again: a
// pass says that more is left, and is followed by another one soon. When the last one was stands in the ledger under the
// name of a note, so that it is once a day over restarts, too.
func OnceADay(ctx context.Context, ledger interface {
	Notes(ctx context.Context) (map[string]string, error)
	Note(ctx context.Context, name, text string, events ...*Event) error
}, note string, now time.Time, pass func(ctx context.Context) (more bool, err error)) (wait time.Duration, err error) {
	notes, err := ledger.Notes(ctx)
	if err != nil {
		return Day, err
	}
	if last, err := time.Parse(time.RFC3339, notes[note]); err == nil && now.Sub(last) < Day && !last.After(now) {
		return Day - now.Sub(last), nil
	}
	more, err := pass(ctx)
	switch {
	case err != nil:
		return Day, err
	case more:
		return pruneMore, nil
	}
	return Day, ledger.Note(ctx, note, now.UTC().Format(time.RFC3339))
}
