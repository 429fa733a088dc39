package inbound_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/bridgetest"
)

const fullPrices = ", mode: full, on_missing: delete, on_unchanged: verify, guards: { max_removals: 100%, max_rejects: 100%, max_shrink: 100% }"

// What waits for its product is withdrawn by a full drop as what the shop has is: not what the drop names itself, nor what stands in other
// price lists, nor what only a rejected row names, and nothing where a rejected row could be anybody's.
func TestAFullDropWithdrawsOfWhatWaitsWhatItLacks(t *testing.T) {
	const outlet = "Outlet,SKU3,item,1,EUR,3\n"
	for name, c := range map[string]struct {
		second string
		want   bridge.Counts
		waits  string
	}{
		"the same":                 {bridgetest.Price("SKU1", "1") + bridgetest.Price("SKU2", "2") + outlet, bridge.Counts{Rows: 3, Parked: 3}, "SKU1 SKU2 SKU3"},
		"less":                     {bridgetest.Price("SKU1", "1") + outlet, bridge.Counts{Rows: 2, Parked: 2, Withdrawn: 1}, "SKU1 SKU3"},
		"one list":                 {bridgetest.Price("SKU1", "1"), bridge.Counts{Rows: 1, Parked: 1, Withdrawn: 1}, "SKU1 SKU3"},
		"a rejected row":           {bridgetest.Price("SKU1", "1") + bridgetest.Price("SKU2", "x"), bridge.Counts{Rows: 2, Parked: 1, Rejected: 1}, "SKU1 SKU2 SKU3"},
		"a rejected row of nobody": {bridgetest.Price("SKU1", "1") + bridgetest.Price("", "2"), bridge.Counts{Rows: 2, Parked: 1, Rejected: 1}, "SKU1 SKU2 SKU3"},
	} {
		t.Run(name, func(t *testing.T) {
			w := bridgetest.NewWorld(t, bridgetest.FeedWith("prices", fullPrices))
			w.Stock()
			_, err := w.Shop.AddPriceList("Outlet", "EUR")
			w.Must(err)
			w.Drop("prices", "a.csv", bridgetest.PriceHead+bridgetest.Price("SKU1", "1")+bridgetest.Price("SKU2", "2")+outlet)
			w.Round()
			w.Expect("prices", bridge.Partial, bridge.Counts{Rows: 3, Parked: 3})
			w.Drop("prices", "b.csv", bridgetest.PriceHead+c.second)
			w.Round()
			w.Expect("prices", bridge.Partial, c.want)
			if got := waiting(w); got != c.waits {
				t.Errorf("%s wait, want %s", got, c.waits)
			}
		})
	}
}

// A run that was cut short at any step accounts for each of its rows when it is taken up again.
func TestRowsThatWaitAreCountedOnceWhereverARunIsCutShort(t *testing.T) {
	for n := 1; ; n++ {
		if n > 200 {
			t.Fatal("the round has no end")
		}
		w := bridgetest.NewWorld(t, bridgetest.FeedWith("prices", fullPrices))
		w.Stock()
		w.Drop("prices", "a.csv", bridgetest.PriceHead+bridgetest.Price("SKU1", "1")+bridgetest.Price("SKU2", "2")+bridgetest.Price("SKU3", "3"))
		w.Drop("prices", "b.csv", bridgetest.PriceHead+bridgetest.Price("SKU1", "1")+bridgetest.Price("SKU2", "2"))
		if !w.DieAtAny(n) {
			return
		}
		w.Round()
		w.Round()
		if d, run := w.Last("prices"); d.State != bridge.Partial || run.Counts != (bridge.Counts{Rows: 2, Parked: 2, Withdrawn: 1}) {
			t.Fatalf("cut short at step %d: %s: %+v", n, d.State, run.Counts)
		}
		if got := waiting(w); got != "SKU1 SKU2" {
			t.Fatalf("cut short at step %d: %s wait", n, got)
		}
	}
}

// waiting names the products that prices wait for.
func waiting(w *bridgetest.World) string {
	w.T.Helper()
	var skus []string
	w.Must(w.Ledger.Parked(w.T.Context(), "prices", time.Time{}, func(r bridge.ParkedRow) error {
		skus = append(skus, r.Missing.Key)
		return nil
	}))
	slices.Sort(skus)
	return strings.Join(skus, " ")
}
