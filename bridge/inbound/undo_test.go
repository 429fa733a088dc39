package inbound_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/bridgetest"
	"github.com/orobridge/orobridge/bridge/inbound"
	"github.com/orobridge/orobridge/formats"
)

// undo undoes a drop and returns what it did, with what was left in a line each.
func undo(w *bridgetest.World, drop int64, o inbound.UndoOptions) (*inbound.Undo, []string) {
	w.T.Helper()
	d, err := w.Ledger.Drop(w.T.Context(), drop)
	w.Must(err)
	f, _ := w.B.In.Feed(d.Feed)
	left := []string{}
	o.Left = func(l inbound.UndoLeft) error {
		left = append(left, strings.TrimSpace(strings.Join([]string{l.Key, l.Field, l.Why}, " ")))
		return nil
	}
	u, err := w.B.In.Undo(w.T.Context(), f, d, o, bridge.Decision{Who: "olga"})
	w.Must(err)
	return u, left
}

// TestTenThousandPricesAreUndone: they were wrong by a decimal point, half of them were set again by a later drop and some by
// hand. The undo brings back the others and touches none of these; undone itself, it leaves the wrong prices again.
func TestTenThousandPricesAreUndone(t *testing.T) {
	n := 1_500 // more than a page of keys
	if os.Getenv("OROBRIDGE_SOAK") != "" {
		n = 10_000
	}
	w := bridgetest.NewWorld(t, bridgetest.FeedWith("prices", ""))
	skus := make([]string, n)
	var right, wrong, later strings.Builder
	for i := range skus {
		skus[i] = fmt.Sprintf("SKU%05d", i)
		fmt.Fprint(&right, bridgetest.Price(skus[i], fmt.Sprintf("%d.5", i+1)))
		fmt.Fprint(&wrong, bridgetest.Price(skus[i], fmt.Sprintf("%d5", i+1)))
		if i%2 == 0 {
			fmt.Fprint(&later, bridgetest.Price(skus[i], fmt.Sprintf("%d.75", i+1)))
		}
	}
	w.Stock(skus...)
	for _, file := range []string{right.String(), wrong.String(), later.String()} {
		w.Drop("prices", fmt.Sprintf("%d.csv", len(file)), bridgetest.PriceHead+file)
		w.Round()
	}
	byHand := []string{skus[1], skus[11], skus[101]}
	for _, sku := range byHand {
		setPrice(w, sku, "77")
	}
	u, left := undo(w, 2, inbound.UndoOptions{})
	want := int64(n/2 - len(byHand))
	if u.Restore != want || u.Remove != 0 || u.Remake != 0 || u.Left != int64(n/2+len(byHand)) {
		t.Fatalf("it restores %d, removes %d, makes %d again and leaves %d", u.Restore, u.Remove, u.Remake, u.Left)
	}
	for _, sku := range byHand {
		if !slices.Contains(left, "Retail|"+sku+`|item|1|EUR value changed in the shop since: it is "77" there`) {
			t.Errorf("%s: it is not told that it was changed by hand", sku)
		}
	}
	w.Round()
	d, _ := w.Last("prices")
	if d.State != bridge.Held || !strings.HasPrefix(d.Reason, "undo of drop 2: ") {
		t.Fatalf("its drop is %s: %s", d.State, d.Reason)
	}
	w.Must(w.B.In.Approve(t.Context(), d, bridge.Decision{Who: "olga"}))
	w.Round()
	w.Expect("prices", bridge.Loaded, bridge.Counts{Rows: want, Updated: want})
	prices := func(odd func(i int) string) {
		t.Helper()
		want := map[string]string{}
		for i, sku := range skus {
			switch {
			case slices.Contains(byHand, sku):
				want[sku] = "77"
			case i%2 == 0:
				want[sku] = fmt.Sprintf("%d.75", i+1)
			default:
				want[sku] = odd(i)
			}
		}
		if diff := cmp.Diff(want, shopPrices(w)); diff != "" {
			t.Errorf("the shop's prices: -want +got:\n%.2000s", diff)
		}
	}
	prices(func(i int) string { return fmt.Sprintf("%d.5", i+1) })
	again, _ := undo(w, d.ID, inbound.UndoOptions{Agreed: true})
	if again.Restore != want || again.Left != 0 {
		t.Fatalf("undone itself it restores %d and leaves %d", again.Restore, again.Left)
	}
	w.Round()
	w.Expect("prices", bridge.Loaded, bridge.Counts{Rows: want, Updated: want})
	prices(func(i int) string { return fmt.Sprintf("%d5", i+1) })
}

// What was created goes, what was removed comes back whole, and what can't be taken back is told.
func TestWhatWasCreatedOrRemovedIsUndone(t *testing.T) {
	w := bridgetest.NewWorld(t, bridgetest.FeedWith("prices", ", mode: full, on_missing: delete, guards: { max_removals: 9, max_shrink: 99% }"))
	w.Stock("SKU1", "SKU2", "SKU3", "SKU4")
	price := bridgetest.Price
	w.Drop("prices", "1.csv", bridgetest.PriceHead+price("SKU1", "1")+price("SKU2", "2")+price("SKU3", "3"))
	w.Round()
	w.Drop("prices", "2.csv", bridgetest.PriceHead+price("SKU1", "1")+price("SKU4", "4")+price("SKU3", "30"))
	w.Round()
	w.Expect("prices", bridge.Loaded, bridge.Counts{Rows: 3, Created: 1, Updated: 1, Unchanged: 1, Withdrawn: 1})
	dry, _ := undo(w, 2, inbound.UndoOptions{Dry: true})
	if dry.Drop != nil || dry.Restore != 1 || dry.Remove != 1 || dry.Remake != 1 {
		t.Fatalf("it would do %+v", dry)
	}
	u, left := undo(w, 2, inbound.UndoOptions{Agreed: true})
	if u.Restore != 1 || u.Remove != 1 || u.Remake != 1 || len(left) != 0 {
		t.Fatalf("it does %+v and leaves %v", u, left)
	}
	w.Round()
	w.Expect("prices", bridge.Loaded, bridge.Counts{Rows: 3, Created: 1, Updated: 1, Removed: 1})
	if diff := cmp.Diff(map[string]string{"SKU1": "1", "SKU2": "2", "SKU3": "3"}, shopPrices(w)); diff != "" {
		t.Errorf("the shop's prices: -want +got:\n%s", diff)
	}
	// The same once more finds that all of it was set since.
	u, left = undo(w, 2, inbound.UndoOptions{Agreed: true})
	if u.Rows() != 0 || u.Drop != nil || u.Left != 3 {
		t.Errorf("undone twice it does %+v: %v", u, left)
	}
	if _, err := w.B.In.Undo(t.Context(), w.Feed(), &bridge.Drop{ID: 9, State: bridge.Held}, inbound.UndoOptions{}, bridge.Decision{}); bridge.HintOf(err) == "" {
		t.Errorf("a drop that is held: %v", err)
	}
	if diff := cmp.Diff([]string{"1.csv loaded", "2.csv loaded", "undo_drop_2.jsonl loaded"}, w.Lineup()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// setPrice sets a price in the shop behind the bridge's back.
func setPrice(w *bridgetest.World, sku, value string) {
	w.T.Helper()
	link := w.Link("prices", "Retail|"+sku+"|item|1|EUR")
	values := []formats.Value{{Field: "value", Text: value}}
	b := &bridge.Batch{Entity: "prices", Changes: []*bridge.Change{{Op: bridge.Update, Key: link.Key, OroID: link.OroID, Values: values,
		Record: &formats.Record{Entity: formats.Prices, Key: link.Key, Values: values}}}}
	var err error
	b.Operation, _, err = w.Client.Submit(w.T.Context(), b)
	w.Must(err)
	_, err = w.Client.Await(w.T.Context(), b)
	w.Must(err)
}

// shopPrices are all prices of the shop, by SKU.
func shopPrices(w *bridgetest.World) map[string]string {
	w.T.Helper()
	prices := map[string]string{}
	w.Must(w.Client.All(w.T.Context(), formats.Prices, []string{"value"}, func(key string, found bridge.Found) error {
		prices[formats.SplitKey(key)[1]] = found.Values[0].Text
		return nil
	}))
	return prices
}

// inShop is what the shop has of an entity, a line for each record with some of its fields.
func inShop(w *bridgetest.World, e *formats.Entity, fields ...string) []string {
	w.T.Helper()
	lines := []string{}
	w.Must(w.Client.All(w.T.Context(), e, fields, func(key string, found bridge.Found) error {
		line := key
		for _, v := range found.Values {
			line += " " + v.Field + "=" + v.Text
		}
		lines = append(lines, line)
		return nil
	}))
	slices.Sort(lines)
	return lines
}

// TestEachEntityIsUndone: what a drop has changed gets its values back, and what it has created goes as far as the entity lets it.
func TestEachEntityIsUndone(t *testing.T) {
	for _, x := range []struct {
		entity        *formats.Entity
		before, after string
		fields        []string
		left, want    []string
	}{
		{formats.Customers, "customer_number,name\nC-1,Head\nC-2,Branch\n", "customer_number,name\nC-1,Wrong\nC-2,Branch\nC-3,New\n",
			[]string{"name"},
			[]string{"C-3  it was created, and the shop's customers can't be taken away"},
			[]string{"C-1 name=Head", "C-2 name=Branch", "C-3 name=New"}},
		{formats.Products, "sku,name,unit,status\nSKU1,Bolt,item,enabled\nSKU2,Nut,item,enabled\n",
			"sku,name,unit,status\nSKU1,Wrong,item,disabled\nSKU2,Nut,item,enabled\nSKU3,Pipe,item,enabled\n",
			[]string{"name", "status"}, nil,
			[]string{"SKU1 name=Bolt status=enabled", "SKU2 name=Nut status=enabled", "SKU3 name=Pipe status=disabled"}},
		{formats.Inventory, "sku,quantity\nA,1\nB,2\n", "sku,quantity\nA,10\nB,2\nC,30\n",
			[]string{"quantity"}, nil,
			[]string{"A| quantity=1", "A|item quantity=1", "B| quantity=2", "B|item quantity=2", "C| quantity=0", "C|item quantity=0"}},
		{formats.PriceLists, "name,currencies,active\nRetail,EUR,1\n", "name,currencies,active\nRetail,EUR USD,0\nSale,EUR,1\n",
			[]string{"active", "currencies"},
			nil,
			[]string{"Default Price List active=1 currencies=USD", "Retail active=1 currencies=EUR", "Sale active=0 currencies=EUR"}},
	} {
		t.Run(x.entity.Name, func(t *testing.T) {
			w := bridgetest.NewWorld(t, bridgetest.FeedWith(x.entity.Name, ""))
			if x.entity == formats.Inventory {
				w.Stock("A", "B", "C")
			}
			w.Drop(x.entity.Name, "1.csv", x.before)
			w.Round()
			w.Drop(x.entity.Name, "2.csv", x.after)
			w.Round()
			u, left := undo(w, 2, inbound.UndoOptions{Agreed: true})
			if diff := cmp.Diff(append([]string{}, x.left...), left); diff != "" {
				t.Errorf("it leaves (-want +got):\n%s", diff)
			}
			if u.Drop == nil {
				t.Fatalf("it does nothing: %+v", u)
			}
			w.Round()
			if d, _ := w.Last(x.entity.Name); d.State != bridge.Loaded {
				t.Errorf("the way back is %s (%s): %v", d.State, d.Reason, w.Rejects(d))
			}
			if diff := cmp.Diff(x.want, inShop(w, x.entity, x.fields...)); diff != "" {
				t.Errorf("the shop has (-want +got):\n%s", diff)
			}
		})
	}
}

// Before all of its rows are there, nobody knows of an undo.
func TestAnUndoThatWasCutShort(t *testing.T) {
	w := bridgetest.NewWorld(t, bridgetest.FeedWith("prices", ""))
	w.Stock("SKU1")
	w.Drop("prices", "a.csv", bridgetest.OnePrice("1"))
	w.Round()
	w.OnStep(func(name string) {
		if name == "take in" {
			panic("killed")
		}
	})
	func() {
		defer func() { _ = recover() }()
		undo(w, 1, inbound.UndoOptions{Agreed: true})
	}()
	w.Restart()
	w.Round()
	w.Stands("a.csv loaded")
	undo(w, 1, inbound.UndoOptions{Agreed: true})
	w.Round()
	w.Stands("a.csv loaded", "undo_drop_1.jsonl loaded")
	if got := len(shopPrices(w)); got != 0 {
		t.Errorf("%d prices are left", got)
	}
}
