package outbound_test

import (
	"testing"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/bridgetest"
)

// Orders that are done with go after their time; what somebody waits for stays, and nothing that went is written again.
func TestOrdersThatAreDoneWithGoAfterTheirTime(t *testing.T) {
	w := bridgetest.Exporting(t, "")
	w.B.Out.Keep = 30 * bridge.Day
	for _, id := range []string{"O-taken", "O-waits"} {
		w.Submit(id)
	}
	w.MustOut()
	w.Take(w.There()[0])
	w.MustOut()
	prune := func() {
		t.Helper()
		_, err := w.B.Out.PruneDue(t.Context())
		w.Must(err)
	}
	w.Tick(29 * bridge.Day)
	prune()
	w.Want("O-taken v1 #1 picked_up\nO-waits v1 #2 written")
	w.Tick(3 * bridge.Day)
	prune()
	w.Want("O-waits v1 #2 written")
	if files, err := w.Ledger.Outfiles(t.Context(), bridge.OutfileFilter{}); err != nil || len(files) != 1 {
		t.Errorf("%d files: %v", len(files), err)
	}
	if history, err := w.Ledger.History(t.Context(), bridge.Orders, "O-taken"); err != nil || len(history) != 0 {
		t.Errorf("%v %v", history, err)
	}
	for range 3 {
		w.MustOut()
		w.Tick(time.Hour)
	}
	w.Want("O-waits v1 #2 written")
}

func TestAnOrderThatHasToBeAnsweredIsKeptUntilItIs(t *testing.T) {
	w := bridgetest.Exporting(t, ", answer_within: 24h")
	w.B.Out.Keep = bridge.Day
	w.Submit("O-1")
	w.MustOut()
	w.Take(w.There()[0])
	w.MustOut()
	w.Tick(400 * bridge.Day)
	_, err := w.B.Out.PruneDue(t.Context())
	w.Must(err)
	w.Want("O-1 v1 #1 picked_up")
}
