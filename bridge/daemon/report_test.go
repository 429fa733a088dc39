package daemon

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/orobridge/orobridge/bridge"
)

// stuck is a ledger that does not answer: it waits to hear what became of a commit.
type stuck struct{ Ledger }

func (stuck) Note(ctx context.Context, _, _ string, _ ...*bridge.Event) error {
	<-ctx.Done()
	return ctx.Err()
}

// Trouble is told within seconds though the ledger can't keep it, and that it has passed is tried again until the ledger knows.
func TestTroubleIsToldThoughTheLedgerDoesNotAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []*bridge.Event
		events := &bridge.Events{}
		events.Observe(func(e *bridge.Event) { told = append(told, e) })
		for _, err := range []error{errors.New("the server is away"), nil} {
			failed := report(t.Context(), stuck{}, bridge.SystemClock{}, events, "feed prices", 0, err)
			if err == nil {
				failed = report(t.Context(), stuck{}, bridge.SystemClock{}, events, "feed prices", 1, nil)
			}
			if failed != 1 {
				t.Errorf("%v: it counts as %d failures", err, failed)
			}
		}
		if len(told) != 2 || !strings.Contains(told[0].Text, "the server is away") || told[1].Kind != bridge.WorkPaused {
			t.Errorf("%+v", told)
		}
	})
}
