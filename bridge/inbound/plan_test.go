package inbound_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/bridgetest"
	"github.com/orobridge/orobridge/bridge/inbound"
	"github.com/orobridge/orobridge/bridge/oro/orotest"
)

func TestAKeyThatRepeatsInAFileCollapses(t *testing.T) {
	for policy, want := range map[string]struct {
		value  string
		state  bridge.DropState
		counts bridge.Counts
	}{
		"last":   {"3", bridge.Loaded, bridge.Counts{Rows: 4, Created: 2, Collapsed: 2}},
		"first":  {"1", bridge.Loaded, bridge.Counts{Rows: 4, Created: 2, Collapsed: 2}},
		"reject": {"1", bridge.Partial, bridge.Counts{Rows: 4, Created: 2, Rejected: 2}},
	} {
		t.Run(policy, func(t *testing.T) {
			w := bridgetest.NewWorld(t, bridgetest.FeedWith("prices", ", repeats: "+policy))
			w.Stock("SKU1", "SKU2")
			w.Drop("prices", "a.csv", bridgetest.PriceHead+bridgetest.Price("SKU1", "1")+
				bridgetest.Price("SKU1", "2")+bridgetest.Price("SKU2", "9")+bridgetest.Price("SKU1", "3"))
			w.Round()
			w.Expect("prices", want.state, want.counts)
			if got := w.PriceOf("SKU1"); got != want.value {
				t.Errorf("the shop has %s, want %s", got, want.value)
			}
		})
	}
}

// The second drop finds the keys in the ledger, so that repeated rows meet a link and not only each other.
func TestAKnownKeyThatRepeatsCollapsesToTheLastRow(t *testing.T) {
	for name, rows := range map[string]struct {
		second string
		counts bridge.Counts
		value  string
	}{
		"unchanged twice": {bridgetest.Price("SKU1", "1") + bridgetest.Price("SKU1", "1"),
			bridge.Counts{Rows: 2, Unchanged: 1, Collapsed: 1}, "1"},
		"unchanged then changed": {bridgetest.Price("SKU1", "1") + bridgetest.Price("SKU1", "5"),
			bridge.Counts{Rows: 2, Updated: 1, Collapsed: 1}, "5"},
		"changed then unchanged": {bridgetest.Price("SKU1", "5") + bridgetest.Price("SKU1", "1"),
			bridge.Counts{Rows: 2, Unchanged: 1, Collapsed: 1}, "1"},
		"changed twice": {bridgetest.Price("SKU1", "5") + bridgetest.Price("SKU1", "6"),
			bridge.Counts{Rows: 2, Updated: 1, Collapsed: 1}, "6"},
	} {
		t.Run(name, func(t *testing.T) {
			w := bridgetest.NewWorld(t, bridgetest.FeedWith("prices", ""))
			w.Stock("SKU1")
			w.Drop("prices", "a.csv", bridgetest.PriceHead+bridgetest.Price("SKU1", "1"))
			w.Round()
			w.Drop("prices", "b.csv", bridgetest.PriceHead+rows.second)
			w.Round()
			w.Expect("prices", bridge.Loaded, rows.counts)
			if got := w.PriceOf("SKU1"); got != rows.value {
				t.Errorf("the shop has %s, want %s", got, rows.value)
			}
		})
	}
}

// A file in no order is compared with links that are kept in short; whatever is not unchanged comes to the same as in a file in order.
func TestRowsInNoOrderHaveTheirFatesAsThoseInOrder(t *testing.T) {
	skus := make([]string, 40)
	for i := range skus {
		skus[i] = fmt.Sprintf("SKU%02d", i)
	}
	file := func(rows []string) string { return bridgetest.PriceHead + strings.Join(rows, "") }
	for name, at := range map[string]func(i int) int{
		"in order":           func(i int) int { return i },
		"in no order":        func(i int) int { return i * 7 % len(skus) },
		"from last to first": func(i int) int { return len(skus) - 1 - i },
	} {
		t.Run(name, func(t *testing.T) {
			w := bridgetest.NewWorld(t, bridgetest.FeedWith("prices",
				", mode: full, on_missing: delete, guards: { max_shrink: 100%, max_rejects: 100% }"))
			w.Stock(skus...)
			first := make([]string, 30) // the other ten are new later
			for i := range first {
				first[i] = bridgetest.Price(skus[i], "1")
			}
			w.Drop("prices", "a.csv", file(first))
			w.Round()
			w.Expect("prices", bridge.Loaded, bridge.Counts{Rows: 30, Created: 30})

			rows, again := []string{}, []string{}
			for n := range skus {
				switch i := at(n); {
				case i < 3: // lacks: withdrawn
				case i < 6:
					rows = append(rows, bridgetest.Price(skus[i], "not a number"))
				case i < 10:
					rows = append(rows, bridgetest.Price(skus[i], "2"))
				case i < 12: // unchanged, and then another
					rows, again = append(rows, bridgetest.Price(skus[i], "1")), append(again, bridgetest.Price(skus[i], "3"))
				case i < 14: // another, and then unchanged
					rows, again = append(rows, bridgetest.Price(skus[i], "3")), append(again, bridgetest.Price(skus[i], "1"))
				case i < 16: // unchanged twice
					rows, again = append(rows, bridgetest.Price(skus[i], "1")), append(again, bridgetest.Price(skus[i], "1"))
				default:
					rows = append(rows, bridgetest.Price(skus[i], "1"))
				}
			}
			w.Drop("prices", "b.csv", file(append(rows, again...)))
			w.Round()
			w.Expect("prices", bridge.Partial, bridge.Counts{Rows: 43, Created: 10, Updated: 6, Unchanged: 18, Collapsed: 6, Rejected: 3,
				Withdrawn: 3})
			for sku, value := range map[string]string{"SKU07": "2", "SKU10": "3", "SKU12": "1", "SKU04": "1", "SKU35": "1"} {
				if got := w.PriceOf(sku); got != value {
					t.Errorf("the price of %s is %s, want %s", sku, got, value)
				}
			}
		})
	}
}

func TestAFirstDropOnALivingShopSendsOnlyWhatDiffers(t *testing.T) {
	w := bridgetest.NewWorld(t, bridgetest.FeedWith("prices", ""))
	list, products := w.Stock("SKU1", "SKU2", "SKU3")
	for sku, value := range map[string]string{"SKU1": "10.5", "SKU2": "7"} {
		if _, err := w.Shop.AddPrice(list, products[sku], "item", "1", "EUR", value); err != nil {
			t.Fatal(err)
		}
	}
	w.Drop("prices", "a.csv", bridgetest.PriceHead+bridgetest.Price("SKU1", "10.50")+
		bridgetest.Price("SKU2", "8")+bridgetest.Price("SKU3", "1"))
	w.Round()
	w.Expect("prices", bridge.Loaded, bridge.Counts{Rows: 3, Created: 1, Updated: 1, Unchanged: 1, Adopted: 1})
}

func TestAnAdoptedFeedSendsNothing(t *testing.T) {
	w := bridgetest.NewWorld(t, bridgetest.FeedWith("prices", ""))
	list, products := w.Stock("SKU1", "SKU2")
	body := bridgetest.PriceHead
	for _, sku := range []string{"SKU1", "SKU2"} {
		if _, err := w.Shop.AddPrice(list, products[sku], "item", "1", "EUR", "4"); err != nil {
			t.Fatal(err)
		}
		body += bridgetest.Price(sku, "4.00")
	}
	f, _ := w.B.In.Feed("prices")
	adopted, known, err := w.B.In.Adopt(context.Background(), f)
	if err != nil || adopted != 2 || known != 0 {
		t.Fatalf("adopted %d, known %d: %v", adopted, known, err)
	}
	w.Shop.JournalReset()
	w.Drop("prices", "a.csv", body)
	w.Round()
	w.Expect("prices", bridge.Loaded, bridge.Counts{Rows: 2, Unchanged: 2})
	if sent := w.Written(); len(sent) > 0 {
		t.Errorf("sent %v", sent)
	}
}

func TestAFullDropWithdrawsWhatItLacks(t *testing.T) {
	w := bridgetest.NewWorld(t, bridgetest.FeedWith("prices", ", mode: full, on_missing: delete"))
	w.Stock("SKU1", "SKU2")
	w.Drop("prices", "a.csv", bridgetest.PriceHead+bridgetest.Price("SKU1", "1")+bridgetest.Price("SKU2", "2"))
	w.Round()
	w.Drop("prices", "b.csv", bridgetest.PriceHead+bridgetest.Price("SKU2", "2"))
	w.Round()
	w.Expect("prices", bridge.Loaded, bridge.Counts{Rows: 1, Unchanged: 1, Withdrawn: 1})
	if n := w.Shop.Count("productprices"); n != 1 {
		t.Errorf("the shop has %d prices, want 1", n)
	}
	w.Drop("prices", "c.csv", bridgetest.PriceHead+bridgetest.Price("SKU1", "1")+bridgetest.Price("SKU2", "2"))
	w.Round()
	w.Expect("prices", bridge.Loaded, bridge.Counts{Rows: 2, Created: 1, Unchanged: 1})
}

func TestADisabledProductComesBackWhenItIsListedAgain(t *testing.T) {
	w := bridgetest.NewWorld(t, bridgetest.FeedWith("products", ", mode: full, on_missing: disable"))
	w.Drop("products", "a.csv", "sku,name,unit\nSKU1,Bolt,item\nSKU2,Nut,item\n")
	w.Round()
	w.Drop("products", "b.csv", "sku,name,unit\nSKU2,Nut,item\n")
	w.Round()
	w.Expect("products", bridge.Loaded, bridge.Counts{Rows: 1, Unchanged: 1, Withdrawn: 1})
	w.Drop("products", "c.csv", "sku,name,unit\nSKU1,Bolt,item\nSKU2,Nut,item\n")
	w.Round()
	w.Expect("products", bridge.Loaded, bridge.Counts{Rows: 2, Updated: 1, Unchanged: 1})
	w.Drop("products", "d.csv", "sku,name,unit\nSKU2,Nut,item\nSKU1,Bolt,item\n")
	w.Round()
	w.Expect("products", bridge.Loaded, bridge.Counts{Rows: 2, Unchanged: 2})
}

func TestGuardsHoldBeforeAnythingIsSent(t *testing.T) {
	for name, c := range map[string]struct {
		guards string
		second string
		reason string
	}{
		"max_rejects": {"max_rejects: 20%", bridgetest.Price("SKU1", "x") + bridgetest.Price("SKU2", "1") + bridgetest.Price("SKU3", "5"),
			"max_rejects: 1 of 3"},
		"max_shrink":   {"max_shrink: 30%", bridgetest.Price("SKU1", "5"), "max_shrink: 2 of 3"},
		"max_removals": {"max_removals: 1", bridgetest.Price("SKU1", "5"), "max_removals: 2 of 3"},
		"min_rows":     {"min_rows: 3", bridgetest.Price("SKU1", "5") + bridgetest.Price("SKU2", "1"), "min_rows: 2 rows"},
		"max_price_change": {"max_price_change: { by: 50%, share: 1 }",
			bridgetest.Price("SKU1", "5") + bridgetest.Price("SKU2", "0.1") + bridgetest.Price("SKU3", "1.4"),
			"max_price_change (by more than 50%): 2 of 3"},
	} {
		t.Run(name, func(t *testing.T) {
			w := bridgetest.NewWorld(t, bridgetest.FeedWith("prices", ", mode: full, on_missing: delete, guards: { "+c.guards+" }"))
			w.Stock("SKU1", "SKU2", "SKU3")
			w.Drop("prices", "a.csv", bridgetest.PriceHead+bridgetest.Price("SKU1", "1")+bridgetest.Price("SKU2", "1")+bridgetest.Price("SKU3", "1"))
			w.Round()
			w.Expect("prices", bridge.Loaded, bridge.Counts{Rows: 3, Created: 3})
			w.Shop.JournalReset()
			w.Drop("prices", "b.csv", bridgetest.PriceHead+c.second)
			w.Round()
			d, _ := w.Last("prices")
			if d.State != bridge.Held || !strings.Contains(d.Reason, c.reason) {
				t.Fatalf("the drop is %s: %s", d.State, d.Reason)
			}
			if sent := w.Written(); len(sent) > 0 {
				t.Errorf("sent %v", sent)
			}
			if err := w.B.In.Approve(context.Background(), d, bridge.Decision{Who: "alice"}); err != nil {
				t.Fatal(err)
			}
			w.Round()
			d, run := w.Last("prices")
			if (d.State != bridge.Loaded && d.State != bridge.Partial) || d.DecidedBy != "alice" || run.Sum() != run.Rows {
				t.Errorf("after approval: %s %s by %q, %+v", d.State, d.Reason, d.DecidedBy, run.Counts)
			}
		})
	}
}

func TestADiscardedDropSendsNothing(t *testing.T) {
	w := bridgetest.NewWorld(t, bridgetest.FeedWith("prices", ", guards: { min_rows: 5 }"))
	w.Stock("SKU1")
	w.Shop.JournalReset()
	w.Drop("prices", "a.csv", bridgetest.PriceHead+bridgetest.Price("SKU1", "1"))
	w.Round()
	d, _ := w.Last("prices")
	f, _ := w.B.In.Feed("prices")
	if err := w.B.In.Discard(context.Background(), f, d, bridge.Decision{Who: "bob"}); err != nil {
		t.Fatal(err)
	}
	w.Round()
	d, _ = w.Last("prices")
	if d.State != bridge.Discarded || d.DecidedBy != "bob" || !strings.Contains(d.Path, "rejected") {
		t.Errorf("%s by %s, at %s", d.State, d.DecidedBy, d.Path)
	}
	if sent := w.Written(); len(sent) > 0 {
		t.Errorf("sent %v", sent)
	}
	if err := w.B.In.Discard(context.Background(), f, d, bridge.Decision{Who: "bob"}); err == nil {
		t.Error("discarded twice")
	}
}

const pricesAndProducts = `
feeds:
  - { name: products, entity: products, remote: disk, folder: products, match: '*.csv', ready: { stable: 0s }, format: { kind: csv } }
  - { name: prices, entity: prices, remote: disk, folder: prices, match: '*.csv', ready: { stable: 0s },
      format: { kind: csv }, park_for: 48h }
`

func TestAPriceWithoutItsProductIsParkedUntilTheProductComes(t *testing.T) {
	w := bridgetest.NewWorld(t, pricesAndProducts)
	w.Stock("SKU1")
	w.Drop("prices", "a.csv", bridgetest.PriceHead+bridgetest.Price("SKU1", "1")+bridgetest.Price("SKU9", "9"))
	w.Round()
	d := w.Expect("prices", bridge.Partial, bridge.Counts{Rows: 2, Created: 1, Parked: 1})
	w.Drop("products", "p.csv", "sku,name,unit\nSKU9,Late,item\n")
	w.Round()
	again, run := w.Last("prices")
	if again.ID != d.ID || again.State != bridge.Loaded || run.Kind != bridge.ParkedRun || run.Counts != (bridge.Counts{Rows: 1, Created: 1}) {
		t.Errorf("drop %d %s: %s run %+v", again.ID, again.State, run.Kind, run.Counts)
	}
	if got := w.PriceOf("SKU9"); got != "9" {
		t.Errorf("price is %q", got)
	}
}

func TestAParkedRowIsRejectedWhenItsParentDoesNotCome(t *testing.T) {
	w := bridgetest.NewWorld(t, pricesAndProducts)
	w.Stock()
	w.Drop("prices", "a.csv", bridgetest.PriceHead+bridgetest.Price("SKU9", "9"))
	w.Round()
	w.Clock.Wait(context.Background(), 47*time.Hour)
	w.Round()
	d := w.Expect("prices", bridge.Partial, bridge.Counts{Rows: 1, Parked: 1})
	w.Clock.Wait(context.Background(), 2*time.Hour)
	w.Round()
	w.Expect("prices", bridge.Partial, bridge.Counts{Rows: 1, Rejected: 1})
	if r := w.Rejects(d); len(r) != 1 || !strings.Contains(r[0], "parent: products SKU9 did not come within") {
		t.Errorf("rejects: %q", r)
	}
}

func TestARowThatANewerFullDropLacksWaitsNoMoreWhenTheOlderRunsAgain(t *testing.T) {
	w := bridgetest.NewWorld(t, bridgetest.FeedWith("prices", ", mode: full, on_missing: delete"))
	w.Stock("SKU1")
	w.Drop("prices", "a.csv", bridgetest.PriceHead+bridgetest.Price("SKU1", "1")+bridgetest.Price("SKU9", "9"))
	w.Round()
	old := w.Expect("prices", bridge.Partial, bridge.Counts{Rows: 2, Created: 1, Parked: 1})
	w.Drop("prices", "b.csv", bridgetest.PriceHead+bridgetest.Price("SKU1", "2"))
	w.Round()
	w.Expect("prices", bridge.Loaded, bridge.Counts{Rows: 1, Updated: 1, Withdrawn: 1})
	old, err := w.Ledger.Drop(t.Context(), old.ID)
	w.Must(err)
	_, err = w.B.In.Rerun(t.Context(), old, inbound.RerunOptions{}, bridge.Decision{})
	w.Must(err)
	w.Round()
	runs, err := w.Ledger.Runs(t.Context(), old.ID)
	w.Must(err)
	if got := runs[len(runs)-1].Counts; got.Parked != 0 || got.Superseded != 2 {
		t.Errorf("the older drop's run again: %+v", got)
	}
}

func TestANewerRowCancelsAParkedOne(t *testing.T) {
	w := bridgetest.NewWorld(t, pricesAndProducts)
	w.Stock()
	w.Drop("prices", "a.csv", bridgetest.PriceHead+bridgetest.Price("SKU9", "9"))
	w.Round()
	w.Drop("prices", "b.csv", bridgetest.PriceHead+bridgetest.Price("SKU9", "10"))
	w.Round()
	w.Drop("products", "p.csv", "sku,name,unit\nSKU9,Late,item\n")
	w.Round()
	if got := w.PriceOf("SKU9"); got != "10" {
		t.Errorf("price is %q, want the newer row's 10", got)
	}
}

func TestASenderWhoRepeatsAnEarlierStateIsHeard(t *testing.T) {
	w := bridgetest.NewWorld(t, bridgetest.FeedWith("prices", ""))
	w.Stock("SKU1")
	for i, value := range []string{"1", "5", "1"} {
		w.Drop("prices", fmt.Sprintf("%d.csv", i), bridgetest.PriceHead+bridgetest.Price("SKU1", value))
		w.Round()
		if got := w.PriceOf("SKU1"); got != value {
			t.Errorf("after file %d the price is %s, want %s", i, got, value)
		}
	}
	w.Drop("prices", "3.csv", bridgetest.PriceHead+bridgetest.Price("SKU1", "1"))
	w.Round()
	if d, _ := w.Last("prices"); d.State != bridge.Duplicate {
		t.Errorf("the same again is %s", d.State)
	}
}

func TestRunningAnOlderDropAgainLeavesNewerValues(t *testing.T) {
	w := bridgetest.NewWorld(t, bridgetest.FeedWith("prices", ""))
	w.Stock("SKU1", "SKU2")
	w.Drop("prices", "a.csv", bridgetest.PriceHead+bridgetest.Price("SKU1", "1")+bridgetest.Price("SKU2", "1"))
	w.Round()
	old, _ := w.Last("prices")
	w.Drop("prices", "b.csv", bridgetest.PriceHead+bridgetest.Price("SKU1", "5"))
	w.Round()
	for _, force := range []bool{false, true} {
		old, err := w.Ledger.Drop(context.Background(), old.ID)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.B.In.Rerun(context.Background(), old, inbound.RerunOptions{Force: force}, bridge.Decision{}); err != nil {
			t.Fatal(err)
		}
		w.Round()
		want := map[bool]string{false: "5", true: "1"}[force]
		if got := w.PriceOf("SKU1"); got != want {
			t.Errorf("force %v: price is %s, want %s", force, got, want)
		}
	}
}

func TestOnlyRejectedRowsRunAgain(t *testing.T) {
	w := bridgetest.NewWorld(t, bridgetest.FeedWith("products", ""))
	w.Drop("products", "a.csv", "sku,name,unit,brand\nSKU1,Bolt,item,\nSKU2,Nut,item,Acme\n")
	w.Round()
	d := w.Expect("products", bridge.Partial, bridge.Counts{Rows: 2, Created: 1, Rejected: 1})
	name, err := w.Shop.Add("localizedfallbackvalues", map[string]any{"string": "Acme"}, nil)
	if err == nil {
		_, err = w.Shop.Add("brands", nil, map[string]any{"names": []string{name}})
	}
	if err != nil {
		t.Fatal(err)
	}
	w.Clock.Wait(t.Context(), time.Minute) // the shop's small lists are read again when a name is not in them, but not at once
	if _, err := w.B.In.Rerun(context.Background(), d, inbound.RerunOptions{Rejected: true}, bridge.Decision{}); err != nil {
		t.Fatal(err)
	}
	w.Round()
	w.Expect("products", bridge.Loaded, bridge.Counts{Rows: 1, Created: 1})
}

// TestRowsThatWaitedForTooLongRunAgain with the rejected ones: they are rejects then, whichever run has said so, and stay so until then.
func TestRowsThatWaitedForTooLongRunAgain(t *testing.T) {
	w := bridgetest.NewWorld(t, bridgetest.FeedWith("prices", ", park_for: 1h"))
	w.Stock("SKU1")
	w.Drop("prices", "a.csv", bridgetest.PriceHead+bridgetest.Price("SKU1", "1")+bridgetest.Price("SKU1", "x")+bridgetest.Price("SKU2", "2"))
	w.Round()
	w.Expect("prices", bridge.Partial, bridge.Counts{Rows: 3, Created: 1, Rejected: 1, Parked: 1})
	w.Clock.Wait(t.Context(), 2*time.Hour)
	w.Round()
	d := w.Expect("prices", bridge.Partial, bridge.Counts{Rows: 1, Rejected: 1})
	if _, err := w.Shop.AddProduct("SKU2", "Nut", orotest.Unit{Code: "item"}); err != nil { // and no second list of the same name
		t.Fatal(err)
	}
	if _, err := w.B.In.Rerun(t.Context(), d, inbound.RerunOptions{Rejected: true}, bridge.Decision{}); err != nil {
		t.Fatal(err)
	}
	w.Round()
	w.Expect("prices", bridge.Partial, bridge.Counts{Rows: 2, Created: 1, Rejected: 1})
}

// A ragged row that runs again is judged as it stands in the file: it is not padded to a row that looks whole.
func TestARowThatCouldNotBeReadIsRejectedAgain(t *testing.T) {
	w := bridgetest.NewWorld(t, bridgetest.FeedWith("products", ""))
	w.Drop("products", "a.csv", "sku,name,unit,description\nSKU1,Bolt,item,long\nSKU2,Nut,item\n")
	w.Round()
	d := w.Expect("products", bridge.Partial, bridge.Counts{Rows: 2, Created: 1, Rejected: 1})
	if _, err := w.B.In.Rerun(context.Background(), d, inbound.RerunOptions{Rejected: true}, bridge.Decision{}); err != nil {
		t.Fatal(err)
	}
	w.Round()
	w.Expect("products", bridge.Partial, bridge.Counts{Rows: 1, Rejected: 1})
}

func TestABatchThatFailsAsAWholeIsSplitUntilTheGuiltyRowIsFound(t *testing.T) {
	w := bridgetest.NewWorld(t, bridgetest.FeedWith("prices", ""))
	w.Stock("SKU1")
	body := bridgetest.PriceHead
	for i := range 50 {
		body += fmt.Sprintf("Retail,SKU1,item,%d,EUR,%d\n", i+1, i+1)
	}
	// Whatever holds the price of 33 makes the shop fail.
	w.Shop.Inject(orotest.Fault{Method: http.MethodPatch, Times: 1000, Match: func(r *http.Request, b []byte) bool {
		return strings.Contains(string(b), `"33"`)
	}, Effect: orotest.ServerError()})
	w.Drop("prices", "a.csv", body)
	w.Round()
	d := w.Expect("prices", bridge.Partial, bridge.Counts{Rows: 50, Created: 49, Rejected: 1})
	if r := w.Rejects(d); len(r) != 1 || !strings.HasPrefix(r[0], "34 ") {
		t.Errorf("rejects: %q", r)
	}
	if n := w.Shop.Count("productprices"); n != 49 {
		t.Errorf("the shop has %d prices", n)
	}
}

func TestNothingIsCreatedTwiceWhenTheAnswerIsLost(t *testing.T) {
	w := bridgetest.NewWorld(t, bridgetest.FeedWith("customers", ""))
	before := w.Shop.Count("customers")
	in := w.Shop.Inject(orotest.Fault{Method: http.MethodPatch, Times: 2, Effect: orotest.CutAfter(10)})
	body := "customer_number,name\n"
	for i := range 250 {
		body += fmt.Sprintf("C%03d,Company %d\n", i, i)
	}
	w.Drop("customers", "a.csv", body)
	w.Round()
	w.Expect("customers", bridge.Loaded, bridge.Counts{Rows: 250, Created: 250})
	if n := w.Shop.Count("customers") - before; n != 250 {
		t.Errorf("the shop has %d new customers, want 250", n)
	}
	if in.Hits() != 2 {
		t.Errorf("the fault hit %d times", in.Hits())
	}
}

func TestAnOutagePausesAndLosesNothing(t *testing.T) {
	w := bridgetest.NewWorld(t, bridgetest.FeedWith("prices", ""))
	w.Stock("SKU1", "SKU2")
	w.Drop("prices", "a.csv", bridgetest.PriceHead+bridgetest.Price("SKU1", "1")+bridgetest.Price("SKU2", "2"))
	in := w.Shop.Inject(orotest.Fault{Times: 1000000, Effect: orotest.BadGateway()})
	err := w.B.Round(context.Background())
	if err == nil || bridge.FateOf(err) != bridge.Pause {
		t.Fatalf("a round during an outage: %v", err)
	}
	d, run := w.Last("prices")
	if d.State != bridge.Loading || run.Rejected != 0 {
		t.Errorf("the drop is %s, %+v", d.State, run.Counts)
	}
	in.Release()
	w.Round()
	w.Expect("prices", bridge.Loaded, bridge.Counts{Rows: 2, Created: 2})
}

func TestAnUnreadableFileIsRejectedWhole(t *testing.T) {
	w := bridgetest.NewWorld(t, bridgetest.FeedWith("prices", ""))
	w.Shop.JournalReset()
	w.Drop("prices", "a.csv", "price_list,sku,sku,unit,currency,value\nRetail,A,B,item,EUR,1\n")
	w.Round()
	d, run := w.Last("prices")
	if d.State != bridge.Rejected || run.State != bridge.Failed || d.Reason == "" {
		t.Errorf("%s %s, run %s", d.State, d.Reason, run.State)
	}
	if sent := w.Written(); len(sent) > 0 {
		t.Errorf("sent %v", sent)
	}
}

func TestWhatAPlanShowsIsWhatALoadDoes(t *testing.T) {
	w := bridgetest.NewWorld(t, bridgetest.FeedWith("prices", ""))
	w.Stock("SKU1", "SKU2")
	w.Drop("prices", "a.csv", bridgetest.PriceHead+bridgetest.Price("SKU1", "1"))
	w.Round()
	before := w.Shop.Snapshot()
	f, _ := w.B.In.Feed("prices")
	path := w.T.TempDir() + "/b.csv"
	if err := bridgetest.WriteFile(path, bridgetest.PriceHead+bridgetest.Price("SKU1", "2")+
		bridgetest.Price("SKU2", "3")+bridgetest.Price("SKU3", "4")+bridgetest.Price("SKU1", "x")); err != nil {
		t.Fatal(err)
	}
	var told []string
	v, err := w.B.In.Plan(context.Background(), f, path, inbound.PreviewOptions{Change: func(s *bridge.Staged) error {
		line := fmt.Sprintf("%d %s %s %v←%v", s.Line, s.Op, s.Key, s.Values, s.Old)
		if s.Missing != nil {
			line = fmt.Sprintf("%d waits for %s", s.Line, s.Missing.Key)
		}
		told = append(told, line)
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"2 update Retail|SKU1|item|1|EUR [{value 2}]←[{value 1}]", "3 create Retail|SKU2|item|1|EUR [{value 3}]←[]",
		"4 waits for SKU3"}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if v.Updates != 1 || v.Creates != 1 || v.Waits != 1 || v.Run.Rejected != 1 {
		t.Errorf("%+v", v)
	}
	if diff := before.Diff(w.Shop.Snapshot()); diff != "" {
		t.Errorf("planning changed the shop: %s", diff)
	}
	drops, err := w.Ledger.Drops(context.Background(), bridge.DropFilter{})
	if err != nil || len(drops) != 1 {
		t.Errorf("planning left %d drops: %v", len(drops), err)
	}
}

func TestWhatAnAdminDeletedInTheShopIsMadeAgain(t *testing.T) {
	w := bridgetest.NewWorld(t, bridgetest.FeedWith("prices", ""))
	w.Stock("SKU1")
	w.Drop("prices", "a.csv", bridgetest.PriceHead+bridgetest.Price("SKU1", "1"))
	w.Round()
	w.Call("DELETE", "/productprices?filter[priceList]="+w.ListID("Retail"))
	w.Drop("prices", "b.csv", bridgetest.PriceHead+bridgetest.Price("SKU1", "2"))
	w.Round()
	d, run := w.Last("prices")
	if d.State != bridge.Loaded || w.Shop.Count("productprices") != 1 {
		t.Errorf("%s %s %+v; %d prices\n%v", d.State, d.Reason, run.Counts, w.Shop.Count("productprices"), w.Rejects(d))
	}
}

func TestAPriceOfAProductThatAnAdminDeletedIsParkedAndComesBack(t *testing.T) {
	w := bridgetest.NewWorld(t, pricesAndProducts)
	w.Stock()
	w.Drop("products", "p.csv", "sku,name,unit\nSKU1,Bolt,item\n")
	w.Round()
	w.Call("DELETE", "/products/"+w.Link("products", "SKU1").OroID)
	w.Drop("prices", "a.csv", bridgetest.PriceHead+bridgetest.Price("SKU1", "1"))
	w.Round()
	w.Expect("prices", bridge.Partial, bridge.Counts{Rows: 1, Parked: 1})
	w.Drop("products", "p2.csv", "sku,name,unit\nSKU1,Bolt M8,item\n")
	w.Round()
	d, run := w.Last("prices")
	if d.State != bridge.Loaded {
		t.Errorf("%s %s %+v", d.State, d.Reason, run.Counts)
	}
}

func TestALivePlanComparesWithTheShopAsItIs(t *testing.T) {
	w := bridgetest.NewWorld(t, bridgetest.FeedWith("prices", ""))
	list, products := w.Stock("SKU1")
	if _, err := w.Shop.AddPrice(list, products["SKU1"], "item", "1", "EUR", "7"); err != nil {
		t.Fatal(err)
	}
	w.Drop("prices", "a.csv", bridgetest.PriceHead+bridgetest.Price("SKU1", "7"))
	w.Round()
	w.Call("DELETE", "/productprices?filter[priceList]="+list)
	if _, err := w.Shop.AddPrice(list, products["SKU1"], "item", "1", "EUR", "9"); err != nil {
		t.Fatal(err)
	}
	f, _ := w.B.In.Feed("prices")
	path := t.TempDir() + "/b.csv"
	if err := bridgetest.WriteFile(path, bridgetest.PriceHead+bridgetest.Price("SKU1", "8")); err != nil {
		t.Fatal(err)
	}
	for live, old := range map[bool]string{false: "7", true: "9"} {
		_, err := w.B.In.Plan(context.Background(), f, path, inbound.PreviewOptions{Live: live, Change: func(s *bridge.Staged) error {
			if s.Old[0].Text != old {
				t.Errorf("live %v: the old value is %s, want %s", live, s.Old[0].Text, old)
			}
			return nil
		}})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestAFirstDropOfPricesThatTheShopHoldsSendsNothing(t *testing.T) {
	n := 5_000
	if os.Getenv("OROBRIDGE_SOAK") != "" {
		n = 100_000
	}
	w := bridgetest.NewWorld(t, bridgetest.FeedWith("prices", ""))
	const tiers = 20
	skus := make([]string, n/tiers)
	for i := range skus {
		skus[i] = fmt.Sprintf("SKU%06d", i)
	}
	list, products := w.Stock(skus...)
	body := strings.Builder{}
	body.WriteString(bridgetest.PriceHead)
	for i := range n {
		sku, quantity, value := skus[i/tiers], strconv.Itoa(i%tiers+1), strconv.Itoa(i%900+1)
		if _, err := w.Shop.AddPrice(list, products[sku], "item", quantity, "EUR", value); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&body, "Retail,%s,item,%s,EUR,%s\n", sku, quantity, value)
	}
	w.Drop("prices", "a.csv", body.String())
	w.Round()
	w.Expect("prices", bridge.Loaded, bridge.Counts{Rows: int64(n), Unchanged: int64(n), Adopted: int64(n)})
	if sent := w.Written(); len(sent) > 0 {
		t.Errorf("sent %v", sent[:1])
	}
}

func TestASecondBridgeIsRefused(t *testing.T) {
	w := bridgetest.NewWorld(t, bridgetest.FiveFeeds)
	_, err := bridgetest.OpenLedger(w)
	if !errors.Is(err, bridge.ErrLocked) {
		t.Errorf("a second bridge: %v", err)
	}
}

// A row of a reduced message that repeats a key leaves what an earlier row of the file has set and it does not carry, known or
// new, near or far.
func TestAReducedRowLeavesWhatEarlierRowsOfItsFileSet(t *testing.T) {
	customer := func(n int, fields string) string {
		return fmt.Sprintf(`<IDOC BEGIN="1"><EDI_DC40 SEGMENT="1"><DOCNUM>%d</DOCNUM><MESTYP>DEBMAS</MESTYP></EDI_DC40>`+
			`<E1KNA1M SEGMENT="1">%s</E1KNA1M></IDOC>`, n, fields)
	}
	const none = "<NAME1>/</NAME1><STRAS>/</STRAS><ORT01>/</ORT01><PSTLZ>/</PSTLZ><LAND1>/</LAND1><REGIO>/</REGIO><LOEVM>/</LOEVM>"
	for _, between := range []int{0, 1100} { // chunks have a thousand rows
		w := bridgetest.NewWorld(t, strings.Replace(strings.Replace(bridgetest.FeedWith("customers", ""), "*.csv", "*.xml", 1),
			"{ kind: csv }", "{ kind: idoc }", 1))
		for round := range 2 {
			var file strings.Builder
			file.WriteString("<DEBMAS07>")
			file.WriteString(customer(1, fmt.Sprintf("<KUNNR>1</KUNNR><NAME1>Name %d</NAME1><TELF1>0</TELF1>", round)))
			for n := range between {
				file.WriteString(customer(n, fmt.Sprintf("<KUNNR>%d</KUNNR><NAME1>Other</NAME1>", 100+n)))
			}
			file.WriteString(customer(2, fmt.Sprintf("<KUNNR>1</KUNNR>%s<TELF1>555-%d</TELF1>", none, round)))
			file.WriteString(customer(3, "<KUNNR>1</KUNNR>"+none+"<TELF1>/</TELF1>") + "</DEBMAS07>")
			w.Drop("customers", fmt.Sprintf("%d.xml", round), file.String())
			w.Round()
			_, run := w.Last("customers")
			if run.Rejected != 0 || run.Collapsed != 2 || run.Created+run.Updated != int64(1+between*(1-round)) {
				t.Errorf("%d between, round %d: %+v\n%s", between, round, run.Counts, w.Log)
			}
			link := w.Link("customers", "1")
			if got := fmt.Sprint(link.Content); !strings.Contains(got, fmt.Sprintf("{name Name %d}", round)) ||
				!strings.Contains(got, fmt.Sprintf("{phone 555-%d}", round)) {
				t.Errorf("%d between, round %d: %s", between, round, got)
			}
		}
	}
}

// silent is a ledger that does not answer the first look-up.
type silent struct {
	inbound.Ledger
	asked atomic.Bool
}

func (s *silent) Lookup(ctx context.Context, entity string, keys []string, refs []bridge.LinkRef) error {
	if s.asked.Swap(true) {
		return s.Ledger.Lookup(ctx, entity, keys, refs)
	}
	return &bridge.Error{Op: "look up", Object: "links", Fate: bridge.Pause, Err: errors.New("the ledger does not answer"), Hint: "wait"}
}

// A ledger that does not answer when the end of the file has been read, too, is no ledger without links: nothing is taken for new, and
// nothing is withdrawn.
func TestALookUpThatFailsAtAFilesEndIsTriedAgain(t *testing.T) {
	w := bridgetest.NewWorld(t, bridgetest.FeedWith("prices", ", mode: full, on_missing: delete, guards: { max_shrink: 100%, max_removals: 100% }"))
	w.Stock("SKU1", "SKU2")
	w.Drop("prices", "a.csv", bridgetest.PriceHead+bridgetest.Price("SKU1", "1")+bridgetest.Price("SKU2", "1"))
	w.Round()
	ledger := &silent{Ledger: w.B.In.Ledger}
	w.B.In.Ledger = ledger
	w.Drop("prices", "b.csv", bridgetest.PriceHead+bridgetest.Price("SKU1", "1")+bridgetest.Price("SKU2", "2"))
	if err := w.B.Round(t.Context()); bridge.FateOf(err) != bridge.Pause || !ledger.asked.Load() {
		t.Errorf("the round ends with %v", err)
	}
	w.Round()
	w.Expect("prices", bridge.Loaded, bridge.Counts{Rows: 2, Updated: 1, Unchanged: 1})
}
