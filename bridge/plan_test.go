package bridge_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/oro/orotest"
)

// feedWith makes a config with one feed of an entity and further keys.
func feedWith(entity, keys string) string {
	return fmt.Sprintf("feeds:\n  - { name: %s, entity: %s, remote: disk, folder: %s, match: '*.csv', ready: { stable: 0s }, format: { kind: csv }%s }\n", entity, entity, entity, keys)
}

// stock puts products and a price list into the shop before the bridge knows of them.
func (w *world) stock(skus ...string) (list string, products map[string]string) {
	w.t.Helper()
	products = map[string]string{}
	var err error
	for _, sku := range skus {
		if products[sku], err = w.shop.AddProduct(sku, "Product "+sku, orotest.Unit{Code: "item"}); err != nil {
			w.t.Fatal(err)
		}
	}
	if list, err = w.shop.AddPriceList("Retail", "EUR", "USD"); err != nil {
		w.t.Fatal(err)
	}
	return list, products
}

func (w *world) expect(feed string, state bridge.DropState, counts bridge.Counts) *bridge.Drop {
	w.t.Helper()
	d, run := w.last(feed)
	if d.State != state {
		w.t.Errorf("%s is %s (%s), want %s", d.Name, d.State, d.Reason, state)
	}
	if diff := cmp.Diff(counts, run.Counts); diff != "" {
		w.t.Errorf("%s (-want +got):\n%s\n%s", d.Name, diff, strings.Join(w.rejects(d), "\n"))
	}
	return d
}

// written lists the requests that may have changed the shop since the journal was reset.
func (w *world) written() []string {
	var list []string
	for _, r := range w.shop.Journal() {
		if r.Method != http.MethodGet && !strings.Contains(r.Path, "token") {
			list = append(list, r.Method+" "+r.Path)
		}
	}
	return list
}

const priceHead = "price_list,sku,unit,quantity,currency,value\n"

func price(sku, value string) string { return "Retail," + sku + ",item,1,EUR," + value + "\n" }

func (w *world) priceOf(sku string) string {
	w.t.Helper()
	links, err := w.ledger.Links(context.Background(), "prices", []string{"Retail|" + sku + "|item|1|EUR"})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, k := range links {
		return k.Content[0].Text
	}
	return ""
}

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
			w := newWorld(t, feedWith("prices", ", repeats: "+policy))
			w.stock("SKU1", "SKU2")
			w.drop("prices", "a.csv", priceHead+price("SKU1", "1")+price("SKU1", "2")+price("SKU2", "9")+price("SKU1", "3"))
			w.round()
			w.expect("prices", want.state, want.counts)
			if got := w.priceOf("SKU1"); got != want.value {
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
		"unchanged twice":        {price("SKU1", "1") + price("SKU1", "1"), bridge.Counts{Rows: 2, Unchanged: 1, Collapsed: 1}, "1"},
		"unchanged then changed": {price("SKU1", "1") + price("SKU1", "5"), bridge.Counts{Rows: 2, Updated: 1, Collapsed: 1}, "5"},
		"changed then unchanged": {price("SKU1", "5") + price("SKU1", "1"), bridge.Counts{Rows: 2, Unchanged: 1, Collapsed: 1}, "1"},
		"changed twice":          {price("SKU1", "5") + price("SKU1", "6"), bridge.Counts{Rows: 2, Updated: 1, Collapsed: 1}, "6"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, feedWith("prices", ""))
			w.stock("SKU1")
			w.drop("prices", "a.csv", priceHead+price("SKU1", "1"))
			w.round()
			w.drop("prices", "b.csv", priceHead+rows.second)
			w.round()
			w.expect("prices", bridge.Loaded, rows.counts)
			if got := w.priceOf("SKU1"); got != rows.value {
				t.Errorf("the shop has %s, want %s", got, rows.value)
			}
		})
	}
}

func TestAFirstDropOnALivingShopSendsOnlyWhatDiffers(t *testing.T) {
	w := newWorld(t, feedWith("prices", ""))
	list, products := w.stock("SKU1", "SKU2", "SKU3")
	for sku, value := range map[string]string{"SKU1": "10.5", "SKU2": "7"} {
		if _, err := w.shop.AddPrice(list, products[sku], "item", "1", "EUR", value); err != nil {
			t.Fatal(err)
		}
	}
	w.drop("prices", "a.csv", priceHead+price("SKU1", "10.50")+price("SKU2", "8")+price("SKU3", "1"))
	w.round()
	w.expect("prices", bridge.Loaded, bridge.Counts{Rows: 3, Created: 1, Updated: 1, Unchanged: 1, Adopted: 1})
}

func TestAnAdoptedFeedSendsNothing(t *testing.T) {
	w := newWorld(t, feedWith("prices", ""))
	list, products := w.stock("SKU1", "SKU2")
	body := priceHead
	for _, sku := range []string{"SKU1", "SKU2"} {
		if _, err := w.shop.AddPrice(list, products[sku], "item", "1", "EUR", "4"); err != nil {
			t.Fatal(err)
		}
		body += price(sku, "4.00")
	}
	f, _ := w.b.Feed("prices")
	adopted, known, err := w.b.Adopt(context.Background(), f)
	if err != nil || adopted != 2 || known != 0 {
		t.Fatalf("adopted %d, known %d: %v", adopted, known, err)
	}
	w.shop.JournalReset()
	w.drop("prices", "a.csv", body)
	w.round()
	w.expect("prices", bridge.Loaded, bridge.Counts{Rows: 2, Unchanged: 2})
	if sent := w.written(); len(sent) > 0 {
		t.Errorf("sent %v", sent)
	}
}

func TestAFullDropWithdrawsWhatItLacks(t *testing.T) {
	w := newWorld(t, feedWith("prices", ", mode: full, on_missing: delete"))
	w.stock("SKU1", "SKU2")
	w.drop("prices", "a.csv", priceHead+price("SKU1", "1")+price("SKU2", "2"))
	w.round()
	w.drop("prices", "b.csv", priceHead+price("SKU2", "2"))
	w.round()
	w.expect("prices", bridge.Loaded, bridge.Counts{Rows: 1, Unchanged: 1, Withdrawn: 1})
	if n := w.shop.Count("productprices"); n != 1 {
		t.Errorf("the shop has %d prices, want 1", n)
	}
	w.drop("prices", "c.csv", priceHead+price("SKU1", "1")+price("SKU2", "2"))
	w.round()
	w.expect("prices", bridge.Loaded, bridge.Counts{Rows: 2, Created: 1, Unchanged: 1})
}

func TestADisabledProductComesBackWhenItIsListedAgain(t *testing.T) {
	w := newWorld(t, feedWith("products", ", mode: full, on_missing: disable"))
	w.drop("products", "a.csv", "sku,name,unit\nSKU1,Bolt,item\nSKU2,Nut,item\n")
	w.round()
	w.drop("products", "b.csv", "sku,name,unit\nSKU2,Nut,item\n")
	w.round()
	w.expect("products", bridge.Loaded, bridge.Counts{Rows: 1, Unchanged: 1, Withdrawn: 1})
	w.drop("products", "c.csv", "sku,name,unit\nSKU1,Bolt,item\nSKU2,Nut,item\n")
	w.round()
	w.expect("products", bridge.Loaded, bridge.Counts{Rows: 2, Updated: 1, Unchanged: 1})
	w.drop("products", "d.csv", "sku,name,unit\nSKU2,Nut,item\nSKU1,Bolt,item\n")
	w.round()
	w.expect("products", bridge.Loaded, bridge.Counts{Rows: 2, Unchanged: 2})
}

func TestGuardsHoldBeforeAnythingIsSent(t *testing.T) {
	for name, c := range map[string]struct {
		guards string
		second string
		reason string
	}{
		"max_rejects":      {"max_rejects: 20%", price("SKU1", "x") + price("SKU2", "1") + price("SKU3", "5"), "max_rejects: 1 of 3"},
		"max_shrink":       {"max_shrink: 30%", price("SKU1", "5"), "max_shrink: 2 of 3"},
		"max_removals":     {"max_removals: 1", price("SKU1", "5"), "max_removals: 2 of 3"},
		"min_rows":         {"min_rows: 3", price("SKU1", "5") + price("SKU2", "1"), "min_rows: 2 rows"},
		"max_price_change": {"max_price_change: { by: 50%, share: 1 }", price("SKU1", "5") + price("SKU2", "0.1") + price("SKU3", "1.4"), "max_price_change (by more than 50%): 2 of 3"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, feedWith("prices", ", mode: full, on_missing: delete, guards: { "+c.guards+" }"))
			w.stock("SKU1", "SKU2", "SKU3")
			w.drop("prices", "a.csv", priceHead+price("SKU1", "1")+price("SKU2", "1")+price("SKU3", "1"))
			w.round()
			w.expect("prices", bridge.Loaded, bridge.Counts{Rows: 3, Created: 3})
			w.shop.JournalReset()
			w.drop("prices", "b.csv", priceHead+c.second)
			w.round()
			d, _ := w.last("prices")
			if d.State != bridge.Held || !strings.Contains(d.Reason, c.reason) {
				t.Fatalf("the drop is %s: %s", d.State, d.Reason)
			}
			if sent := w.written(); len(sent) > 0 {
				t.Errorf("sent %v", sent)
			}
			if err := w.b.Approve(context.Background(), d, "alice"); err != nil {
				t.Fatal(err)
			}
			w.round()
			d, run := w.last("prices")
			if (d.State != bridge.Loaded && d.State != bridge.Partial) || d.DecidedBy != "alice" || run.Sum() != run.Rows {
				t.Errorf("after approval: %s %s by %q, %+v", d.State, d.Reason, d.DecidedBy, run.Counts)
			}
		})
	}
}

func TestADiscardedDropSendsNothing(t *testing.T) {
	w := newWorld(t, feedWith("prices", ", guards: { min_rows: 5 }"))
	w.stock("SKU1")
	w.shop.JournalReset()
	w.drop("prices", "a.csv", priceHead+price("SKU1", "1"))
	w.round()
	d, _ := w.last("prices")
	f, _ := w.b.Feed("prices")
	if err := w.b.Discard(context.Background(), f, d, "bob"); err != nil {
		t.Fatal(err)
	}
	w.round()
	d, _ = w.last("prices")
	if d.State != bridge.Discarded || d.DecidedBy != "bob" || !strings.Contains(d.Path, "rejected") {
		t.Errorf("%s by %s, at %s", d.State, d.DecidedBy, d.Path)
	}
	if sent := w.written(); len(sent) > 0 {
		t.Errorf("sent %v", sent)
	}
	if err := w.b.Discard(context.Background(), f, d, "bob"); err == nil {
		t.Error("discarded twice")
	}
}

const pricesAndProducts = `
feeds:
  - { name: products, entity: products, remote: disk, folder: products, match: '*.csv', ready: { stable: 0s }, format: { kind: csv } }
  - { name: prices, entity: prices, remote: disk, folder: prices, match: '*.csv', ready: { stable: 0s }, format: { kind: csv }, park_for: 48h }
`

func TestAPriceWithoutItsProductIsParkedUntilTheProductComes(t *testing.T) {
	w := newWorld(t, pricesAndProducts)
	w.stock("SKU1")
	w.drop("prices", "a.csv", priceHead+price("SKU1", "1")+price("SKU9", "9"))
	w.round()
	d := w.expect("prices", bridge.Partial, bridge.Counts{Rows: 2, Created: 1, Parked: 1})
	w.drop("products", "p.csv", "sku,name,unit\nSKU9,Late,item\n")
	w.round()
	again, run := w.last("prices")
	if again.ID != d.ID || again.State != bridge.Loaded || run.Kind != bridge.ParkedRun || run.Counts != (bridge.Counts{Rows: 1, Created: 1}) {
		t.Errorf("drop %d %s: %s run %+v", again.ID, again.State, run.Kind, run.Counts)
	}
	if got := w.priceOf("SKU9"); got != "9" {
		t.Errorf("price is %q", got)
	}
}

func TestAParkedRowIsRejectedWhenItsParentDoesNotCome(t *testing.T) {
	w := newWorld(t, pricesAndProducts)
	w.stock()
	w.drop("prices", "a.csv", priceHead+price("SKU9", "9"))
	w.round()
	w.clock.Wait(context.Background(), 47*time.Hour)
	w.round()
	d := w.expect("prices", bridge.Partial, bridge.Counts{Rows: 1, Parked: 1})
	w.clock.Wait(context.Background(), 2*time.Hour)
	w.round()
	w.expect("prices", bridge.Partial, bridge.Counts{Rows: 1, Rejected: 1})
	if r := w.rejects(d); len(r) != 1 || !strings.Contains(r[0], "parent: products SKU9 did not come within") {
		t.Errorf("rejects: %q", r)
	}
}

func TestANewerRowCancelsAParkedOne(t *testing.T) {
	w := newWorld(t, pricesAndProducts)
	w.stock()
	w.drop("prices", "a.csv", priceHead+price("SKU9", "9"))
	w.round()
	w.drop("prices", "b.csv", priceHead+price("SKU9", "10"))
	w.round()
	w.drop("products", "p.csv", "sku,name,unit\nSKU9,Late,item\n")
	w.round()
	if got := w.priceOf("SKU9"); got != "10" {
		t.Errorf("price is %q, want the newer row's 10", got)
	}
}

func TestASenderWhoRepeatsAnEarlierStateIsHeard(t *testing.T) {
	w := newWorld(t, feedWith("prices", ""))
	w.stock("SKU1")
	for i, value := range []string{"1", "5", "1"} {
		w.drop("prices", fmt.Sprintf("%d.csv", i), priceHead+price("SKU1", value))
		w.round()
		if got := w.priceOf("SKU1"); got != value {
			t.Errorf("after file %d the price is %s, want %s", i, got, value)
		}
	}
	w.drop("prices", "3.csv", priceHead+price("SKU1", "1"))
	w.round()
	if d, _ := w.last("prices"); d.State != bridge.Duplicate {
		t.Errorf("the same again is %s", d.State)
	}
}

func TestRunningAnOlderDropAgainLeavesNewerValues(t *testing.T) {
	w := newWorld(t, feedWith("prices", ""))
	w.stock("SKU1", "SKU2")
	w.drop("prices", "a.csv", priceHead+price("SKU1", "1")+price("SKU2", "1"))
	w.round()
	old, _ := w.last("prices")
	w.drop("prices", "b.csv", priceHead+price("SKU1", "5"))
	w.round()
	for _, force := range []bool{false, true} {
		old, err := w.ledger.Drop(context.Background(), old.ID)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.b.Rerun(context.Background(), old, bridge.RerunOptions{Force: force}); err != nil {
			t.Fatal(err)
		}
		w.round()
		want := map[bool]string{false: "5", true: "1"}[force]
		if got := w.priceOf("SKU1"); got != want {
			t.Errorf("force %v: price is %s, want %s", force, got, want)
		}
	}
}

func TestOnlyRejectedRowsRunAgain(t *testing.T) {
	w := newWorld(t, feedWith("products", ""))
	w.drop("products", "a.csv", "sku,name,unit,brand\nSKU1,Bolt,item,\nSKU2,Nut,item,Acme\n")
	w.round()
	d := w.expect("products", bridge.Partial, bridge.Counts{Rows: 2, Created: 1, Rejected: 1})
	if _, err := w.shop.Add("brands", map[string]any{"defaultTitle": "Acme"}, nil); err != nil {
		t.Skip("the box can't be given a brand:", err)
	}
	if _, err := w.b.Rerun(context.Background(), d, bridge.RerunOptions{Rejected: true}); err != nil {
		t.Fatal(err)
	}
	w.round()
	w.expect("products", bridge.Loaded, bridge.Counts{Rows: 1, Created: 1})
}

// A ragged row that runs again is judged as it stands in the file: it is not padded to a row that looks whole.
func TestARowThatCouldNotBeReadIsRejectedAgain(t *testing.T) {
	w := newWorld(t, feedWith("products", ""))
	w.drop("products", "a.csv", "sku,name,unit,description\nSKU1,Bolt,item,long\nSKU2,Nut,item\n")
	w.round()
	d := w.expect("products", bridge.Partial, bridge.Counts{Rows: 2, Created: 1, Rejected: 1})
	if _, err := w.b.Rerun(context.Background(), d, bridge.RerunOptions{Rejected: true}); err != nil {
		t.Fatal(err)
	}
	w.round()
	w.expect("products", bridge.Partial, bridge.Counts{Rows: 1, Rejected: 1})
}

func TestABatchThatFailsAsAWholeIsSplitUntilTheGuiltyRowIsFound(t *testing.T) {
	w := newWorld(t, feedWith("prices", ""))
	w.stock("SKU1")
	body := priceHead
	for i := range 50 {
		body += fmt.Sprintf("Retail,SKU1,item,%d,EUR,%d\n", i+1, i+1)
	}
	// Whatever holds the price of 33 makes the shop fail.
	w.shop.Inject(orotest.Fault{Method: http.MethodPatch, Times: 1000, Match: func(r *http.Request, b []byte) bool {
		return strings.Contains(string(b), `"33"`)
	}, Effect: orotest.ServerError()})
	w.drop("prices", "a.csv", body)
	w.round()
	d := w.expect("prices", bridge.Partial, bridge.Counts{Rows: 50, Created: 49, Rejected: 1})
	if r := w.rejects(d); len(r) != 1 || !strings.HasPrefix(r[0], "34 ") {
		t.Errorf("rejects: %q", r)
	}
	if n := w.shop.Count("productprices"); n != 49 {
		t.Errorf("the shop has %d prices", n)
	}
}

func TestNothingIsCreatedTwiceWhenTheAnswerIsLost(t *testing.T) {
	w := newWorld(t, feedWith("customers", ""))
	before := w.shop.Count("customers")
	in := w.shop.Inject(orotest.Fault{Method: http.MethodPatch, Times: 2, Effect: orotest.CutAfter(10)})
	body := "customer_number,name\n"
	for i := range 250 {
		body += fmt.Sprintf("C%03d,Company %d\n", i, i)
	}
	w.drop("customers", "a.csv", body)
	w.round()
	w.expect("customers", bridge.Loaded, bridge.Counts{Rows: 250, Created: 250})
	if n := w.shop.Count("customers") - before; n != 250 {
		t.Errorf("the shop has %d new customers, want 250", n)
	}
	if in.Hits() != 2 {
		t.Errorf("the fault hit %d times", in.Hits())
	}
}

func TestAnOutagePausesAndLosesNothing(t *testing.T) {
	w := newWorld(t, feedWith("prices", ""))
	w.stock("SKU1", "SKU2")
	w.drop("prices", "a.csv", priceHead+price("SKU1", "1")+price("SKU2", "2"))
	in := w.shop.Inject(orotest.Fault{Times: 1000000, Effect: orotest.BadGateway()})
	err := w.b.Round(context.Background())
	if err == nil || bridge.FateOf(err) != bridge.Pause {
		t.Fatalf("a round during an outage: %v", err)
	}
	d, run := w.last("prices")
	if d.State != bridge.Loading || run.Rejected != 0 {
		t.Errorf("the drop is %s, %+v", d.State, run.Counts)
	}
	in.Release()
	w.round()
	w.expect("prices", bridge.Loaded, bridge.Counts{Rows: 2, Created: 2})
}

func TestAnUnreadableFileIsRejectedWhole(t *testing.T) {
	w := newWorld(t, feedWith("prices", ""))
	w.shop.JournalReset()
	w.drop("prices", "a.csv", "price_list,sku,sku,unit,currency,value\nRetail,A,B,item,EUR,1\n")
	w.round()
	d, run := w.last("prices")
	if d.State != bridge.Rejected || run.State != bridge.Failed || d.Reason == "" {
		t.Errorf("%s %s, run %s", d.State, d.Reason, run.State)
	}
	if sent := w.written(); len(sent) > 0 {
		t.Errorf("sent %v", sent)
	}
}

func TestWhatAPlanShowsIsWhatALoadDoes(t *testing.T) {
	w := newWorld(t, feedWith("prices", ""))
	w.stock("SKU1", "SKU2")
	w.drop("prices", "a.csv", priceHead+price("SKU1", "1"))
	w.round()
	before := w.shop.Snapshot()
	f, _ := w.b.Feed("prices")
	path := w.t.TempDir() + "/b.csv"
	if err := writeFile(path, priceHead+price("SKU1", "2")+price("SKU2", "3")+price("SKU3", "4")+price("SKU1", "x")); err != nil {
		t.Fatal(err)
	}
	var told []string
	v, err := w.b.Plan(context.Background(), f, path, bridge.PreviewOptions{Change: func(s *bridge.Staged) error {
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
	want := []string{"2 update Retail|SKU1|item|1|EUR [{value 2}]←[{value 1}]", "3 create Retail|SKU2|item|1|EUR [{value 3}]←[]", "4 waits for SKU3"}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if v.Updates != 1 || v.Creates != 1 || v.Waits != 1 || v.Run.Rejected != 1 {
		t.Errorf("%+v", v)
	}
	if diff := before.Diff(w.shop.Snapshot()); diff != "" {
		t.Errorf("planning changed the shop: %s", diff)
	}
	drops, err := w.ledger.Drops(context.Background(), bridge.DropFilter{})
	if err != nil || len(drops) != 1 {
		t.Errorf("planning left %d drops: %v", len(drops), err)
	}
}

func TestWhatAnAdminDeletedInTheShopIsMadeAgain(t *testing.T) {
	w := newWorld(t, feedWith("prices", ""))
	w.stock("SKU1")
	w.drop("prices", "a.csv", priceHead+price("SKU1", "1"))
	w.round()
	w.call("DELETE", "/productprices?filter[priceList]="+w.listID("Retail"))
	w.drop("prices", "b.csv", priceHead+price("SKU1", "2"))
	w.round()
	d, run := w.last("prices")
	if d.State != bridge.Loaded || w.shop.Count("productprices") != 1 {
		t.Errorf("%s %s %+v; %d prices\n%v", d.State, d.Reason, run.Counts, w.shop.Count("productprices"), w.rejects(d))
	}
}

func TestAPriceOfAProductThatAnAdminDeletedIsParkedAndComesBack(t *testing.T) {
	w := newWorld(t, pricesAndProducts)
	w.stock()
	w.drop("products", "p.csv", "sku,name,unit\nSKU1,Bolt,item\n")
	w.round()
	w.call("DELETE", "/products/"+w.link("products", "SKU1").OroID)
	w.drop("prices", "a.csv", priceHead+price("SKU1", "1"))
	w.round()
	w.expect("prices", bridge.Partial, bridge.Counts{Rows: 1, Parked: 1})
	w.drop("products", "p2.csv", "sku,name,unit\nSKU1,Bolt M8,item\n")
	w.round()
	d, run := w.last("prices")
	if d.State != bridge.Loaded {
		t.Errorf("%s %s %+v", d.State, d.Reason, run.Counts)
	}
}

func TestALivePlanComparesWithTheShopAsItIs(t *testing.T) {
	w := newWorld(t, feedWith("prices", ""))
	list, products := w.stock("SKU1")
	if _, err := w.shop.AddPrice(list, products["SKU1"], "item", "1", "EUR", "7"); err != nil {
		t.Fatal(err)
	}
	w.drop("prices", "a.csv", priceHead+price("SKU1", "7"))
	w.round()
	w.call("DELETE", "/productprices?filter[priceList]="+list)
	if _, err := w.shop.AddPrice(list, products["SKU1"], "item", "1", "EUR", "9"); err != nil {
		t.Fatal(err)
	}
	f, _ := w.b.Feed("prices")
	path := t.TempDir() + "/b.csv"
	if err := writeFile(path, priceHead+price("SKU1", "8")); err != nil {
		t.Fatal(err)
	}
	for live, old := range map[bool]string{false: "7", true: "9"} {
		_, err := w.b.Plan(context.Background(), f, path, bridge.PreviewOptions{Live: live, Change: func(s *bridge.Staged) error {
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
	w := newWorld(t, feedWith("prices", ""))
	const tiers = 20
	skus := make([]string, n/tiers)
	for i := range skus {
		skus[i] = fmt.Sprintf("SKU%06d", i)
	}
	list, products := w.stock(skus...)
	body := strings.Builder{}
	body.WriteString(priceHead)
	for i := range n {
		sku, quantity, value := skus[i/tiers], strconv.Itoa(i%tiers+1), strconv.Itoa(i%900+1)
		if _, err := w.shop.AddPrice(list, products[sku], "item", quantity, "EUR", value); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&body, "Retail,%s,item,%s,EUR,%s\n", sku, quantity, value)
	}
	w.drop("prices", "a.csv", body.String())
	w.round()
	w.expect("prices", bridge.Loaded, bridge.Counts{Rows: int64(n), Unchanged: int64(n), Adopted: int64(n)})
	if sent := w.written(); len(sent) > 0 {
		t.Errorf("sent %v", sent[:1])
	}
}

func TestASecondBridgeIsRefused(t *testing.T) {
	w := newWorld(t, fiveFeeds)
	_, err := openLedger(w)
	if !errors.Is(err, bridge.ErrLocked) {
		t.Errorf("a second bridge: %v", err)
	}
}
