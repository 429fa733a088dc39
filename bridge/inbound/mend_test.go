package inbound_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/bridgetest"
	"github.com/orobridge/orobridge/bridge/inbound"
)

// lives is a line for each reject of a world: its drop and key, its state, and the run and drop or the person that ended it.
func lives(w *bridgetest.World) []string {
	w.T.Helper()
	lines := []string{}
	w.Must(w.Ledger.Rejects(w.T.Context(), bridge.RejectFilter{}, func(r bridge.RejectRow) error {
		line := fmt.Sprintf("drop %d %s: %s", r.Drop, strings.Split(r.Key, "|")[1], r.State)
		if r.State != bridge.RejectOpen {
			line += strings.TrimRight(fmt.Sprintf(" by run %d of drop %d %s %s", r.End.Run, r.End.Drop, r.End.Who, r.End.Why), " ")
		}
		lines = append(lines, line)
		return nil
	}))
	return lines
}

// A row that was rejected is mended by whichever later run loads its key, also where the shop holds it already; a file that
// rejects it again takes its place, and what no later row is about stays open.
func TestARejectEndsWithTheRunThatSaysMoreOfItsRow(t *testing.T) {
	price, head := bridgetest.Price, bridgetest.PriceHead
	for name, c := range map[string]struct {
		keys  string
		later string // the second file
		want  []string
	}{
		"loaded": {"", head + price("SKU1", "7"), []string{"drop 1 SKU1: mended by run 2 of drop 2", "drop 1 SKU9: open"}},
		"rejected again": {"", head + price("SKU1", "y"),
			[]string{"drop 1 SKU1: repeated by run 2 of drop 2", "drop 1 SKU9: open", "drop 2 SKU1: open"}},
		"nothing said": {"", head + price("SKU3", "7"), []string{"drop 1 SKU1: open", "drop 1 SKU9: open"}},
		"not said any more": {", mode: full", head + price("SKU3", "7"),
			[]string{"drop 1 SKU1: expired by run 2 of drop 2", "drop 1 SKU9: expired by run 2 of drop 2"}},
		"a part of it full": {", mode: full, scope: [price_list]", head + price("SKU3", "7"), []string{"drop 1 SKU1: open", "drop 1 SKU9: open"}},
		"removed": {"", "price_list,sku,unit,quantity,currency,delete\nRetail,SKU1,item,1,EUR,1\n",
			[]string{"drop 1 SKU1: mended by run 2 of drop 2", "drop 1 SKU9: open"}},
		"nothing readable": {", mode: full", head + price("SKU3", "z"),
			[]string{"drop 1 SKU1: expired by run 2 of drop 2", "drop 1 SKU9: expired by run 2 of drop 2", "drop 2 SKU3: open"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := bridgetest.NewWorld(t, strings.Replace(bridgetest.FeedWith("prices", c.keys), "mode: full }", "mode: full, scope: [] }", 1))
			w.Stock("SKU1", "SKU3")
			w.Drop("prices", "a.csv", head+price("SKU1", "x")+price("SKU9", "x")+price("SKU3", "1"))
			w.Round()
			w.Drop("prices", "b.csv", c.later)
			w.Round()
			if diff := cmp.Diff(c.want, lives(w)); diff != "" {
				t.Errorf("-want +got:\n%s%s", diff, w.Log)
			}
		})
	}
}

// What the shop holds already leaves no trace in a key's history, and is loaded all the same.
func TestARowThatNeedsNothingMendsToo(t *testing.T) {
	price, head := bridgetest.Price, bridgetest.PriceHead
	w := bridgetest.NewWorld(t, bridgetest.FeedWith("prices", ""))
	w.Stock("SKU1")
	w.Drop("prices", "a.csv", head+price("SKU1", "1"))
	w.Round()
	w.Drop("prices", "b.csv", head+price("SKU1", "x"))
	w.Round()
	w.Drop("prices", "c.csv", head+price("SKU1", "1")+price("SKU1", "1"))
	w.Round()
	if diff := cmp.Diff([]string{"drop 2 SKU1: mended by run 3 of drop 3"}, lives(w)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// A drop that runs again speaks for all of its rows, whose keys another mapping may have changed; an older one says nothing
// of what a newer drop's rows are about.
func TestADropThatRunsAgainEndsItsOwnRejects(t *testing.T) {
	price, head := bridgetest.Price, bridgetest.PriceHead
	w := bridgetest.NewWorld(t, bridgetest.FeedWith("prices", ""))
	w.Stock("SKU1", "SKU2")
	w.Drop("prices", "a.csv", head+price("SKU1", "1")+price("SKU2", "x")+price("SKU1", "x"))
	w.Round()
	w.Drop("prices", "b.csv", head+price("SKU1", "y"))
	w.Round()
	d, err := w.Ledger.Drop(t.Context(), 1)
	w.Must(err)
	_, err = w.B.In.Rerun(t.Context(), d, inbound.RerunOptions{}, bridge.Decision{Who: "olga"})
	w.Must(err)
	w.Round()
	want := []string{"drop 1 SKU2: repeated by run 3 of drop 1", "drop 1 SKU1: repeated by run 2 of drop 2", "drop 1 SKU2: open",
		"drop 1 SKU1: open", "drop 2 SKU1: open"}
	if diff := cmp.Diff(want, lives(w)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// A run that is killed between the ends that it has for rejects and its own end has the same ends for them afterwards.
func TestARunThatWasKilledMendsTheSame(t *testing.T) {
	price, head := bridgetest.Price, bridgetest.PriceHead
	for _, step := range []string{"planned", "applied", "end", "ended"} {
		w := bridgetest.NewWorld(t, bridgetest.FeedWith("prices", ""))
		w.Stock("SKU1", "SKU2")
		w.Drop("prices", "a.csv", head+price("SKU1", "x")+price("SKU2", "x"))
		w.Round()
		w.Drop("prices", "b.csv", head+price("SKU1", "7")+price("SKU2", "x"))
		w.CrashAt(step, 1)
		w.Round()
		want := []string{"drop 1 SKU1: mended by run 2 of drop 2", "drop 1 SKU2: repeated by run 2 of drop 2", "drop 2 SKU2: open"}
		if diff := cmp.Diff(want, lives(w)); diff != "" {
			t.Errorf("killed at %s: -want +got:\n%s", step, diff)
		}
	}
}

// Somebody who takes note of rejects, or throws their drop away, ends those that are open, and the journal tells who and why.
func TestSomebodyTakesNoteOfRejects(t *testing.T) {
	price, head := bridgetest.Price, bridgetest.PriceHead
	w := bridgetest.NewWorld(t, bridgetest.FeedWith("prices", ""))
	w.Stock("SKU1", "SKU2")
	w.Drop("prices", "a.csv", head+price("SKU1", "x")+price("SKU2", "x"))
	w.Round()
	d, _ := w.Last("prices")
	by := bridge.Decision{Who: "olga", Why: "the sender knows"}
	n, err := w.B.In.AckRejects(t.Context(), bridge.RejectFilter{IDs: []int64{1}}, d, by)
	w.Must(err)
	if n != 1 {
		t.Errorf("%d rejects", n)
	}
	w.Must(w.B.In.Discard(t.Context(), w.Feed(), d, bridge.Decision{Who: "bob"}))
	want := []string{"drop 1 SKU1: acknowledged by run 0 of drop 0 olga the sender knows", "drop 1 SKU2: acknowledged by run 0 of drop 0 bob"}
	if diff := cmp.Diff(want, lives(w)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	var told []string
	w.Must(w.Ledger.Events(t.Context(), bridge.EventFilter{Drop: 1}, func(e *bridge.Event) error {
		if e.Kind == bridge.DecisionTaken {
			told = append(told, strings.TrimSpace(e.Text+" by "+e.Who+" "+e.Why))
		}
		return nil
	}))
	if diff := cmp.Diff([]string{"reject 1 acknowledged by olga the sender knows", "discarded by bob"}, told); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
