package inbound_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/bridgetest"
	"github.com/orobridge/orobridge/bridge/inbound"
	"github.com/orobridge/orobridge/bridge/oro/orotest"
	"github.com/orobridge/orobridge/formats"
)

// A row that could not be read removes nothing: what it names stays, and where nobody can tell what it names, all stays.
func TestAFullDropKeepsWhatARejectedRowNames(t *testing.T) {
	w := bridgetest.NewWorld(t, bridgetest.FeedWith("prices", ", mode: full, on_missing: delete"))
	w.Stock("SKU1", "SKU2", "SKU3")
	w.Drop("prices", "a.csv", bridgetest.OnePrice("1")+bridgetest.Price("SKU2", "2")+bridgetest.Price("SKU3", "3"))
	w.Round()
	w.Drop("prices", "b.csv", bridgetest.OnePrice("1")+bridgetest.Price("SKU2", "2.6O")) // no number, and SKU3 is gone
	w.Round()
	w.Stands("a.csv loaded", "b.csv partial …")
	if got := [3]string{w.PriceOf("SKU1"), w.PriceOf("SKU2"), w.PriceOf("SKU3")}; got != [3]string{"1", "2", ""} {
		t.Errorf("prices are %q", got)
	}
	w.Drop("prices", "c.csv", bridgetest.OnePrice("1")+"Retail,SKU2,item,1,EUR,2,60,x\n") // cells are shifted: it could be any key
	w.Round()
	w.Stands("a.csv loaded", "b.csv partial …", "c.csv partial …")
	d, _ := w.Last("prices")
	if w.PriceOf("SKU2") != "2" || !strings.Contains(d.Reason, "nothing was withdrawn: the keys of 1 rejected rows can't be read") {
		t.Errorf("SKU2 costs %q; %s", w.PriceOf("SKU2"), d.Reason)
	}
}

// Withdrawals stay inside of the price lists that a file names.
func TestAFullDropOfOnePriceListLeavesTheOthersAlone(t *testing.T) {
	w := bridgetest.NewWorld(t, bridgetest.FeedWith("prices", ", mode: full, on_missing: delete"))
	w.Stock("SKU1", "SKU2")
	_, err := w.Shop.AddPriceList("Outlet", "EUR")
	w.Must(err)
	w.Drop("prices", "a.csv", bridgetest.OnePrice("1")+bridgetest.Price("SKU2", "2"))
	w.Round()
	w.Drop("prices", "b.csv", bridgetest.PriceHead+"Outlet,SKU1,item,1,EUR,5\n")
	w.Round()
	if n := w.Shop.Count("productprices"); n != 3 {
		t.Errorf("the shop has %d prices\n%s", n, strings.Join(w.Lineup(), "\n"))
	}
	w.Drop("prices", "c.csv", bridgetest.OnePrice("1"))
	w.Round()
	if n := w.Shop.Count("productprices"); n != 2 || w.PriceOf("SKU2") != "" {
		t.Errorf("the shop has %d prices, SKU2 costs %s", n, w.PriceOf("SKU2"))
	}
}

// A file that lacks half of what there was is held without any guard being configured; a small one is not.
func TestAFullDropThatWouldEmptyTheShopIsHeldByDefault(t *testing.T) {
	w := bridgetest.NewWorld(t, bridgetest.FeedWith("prices", ", mode: full, on_missing: delete"))
	skus := make([]string, 60)
	file := bridgetest.PriceHead
	for i := range skus {
		skus[i] = fmt.Sprintf("SKU%03d", i)
		file += bridgetest.Price(skus[i], "1")
	}
	w.Stock(skus...)
	w.Drop("prices", "a.csv", file)
	w.Round()
	w.Drop("prices", "b.csv", file[:len(file)/2][:strings.LastIndex(file[:len(file)/2], "\n")+1])
	w.Round()
	w.Stands("a.csv loaded", "b.csv held …")
	if n := w.Shop.Count("productprices"); n != 60 {
		t.Errorf("the shop has %d prices", n)
	}
}

// Older never overwrites newer: a field that a later drop has set is left alone, the other fields are written.
func TestAnOlderDropLeavesAloneWhatALaterOneHasSet(t *testing.T) {
	feeds := bridgetest.FeedWith("products", ", guards: { max_rejects: 1 }")
	w := bridgetest.NewWorld(t, strings.Replace(feeds, "'*.csv'", `'/p_(?P<seq>\d+)\.csv/'`, 1))
	head := "sku,name,unit,short_description\n"
	w.Drop("products", "p_1.csv", head+"AAA,Bolt,item,\n")
	w.Round()
	w.Drop("products", "p_2.csv", head+"AAA,Old name,item,Old words\nBBB,B,item,\n,,,\n,,,\n") // two rejects: held
	w.Round()
	d, _ := w.Last("products")
	if d.State != bridge.Held {
		t.Fatalf("%s is %s", d.Name, d.State)
	}
	w.Drop("products", "p_3.csv", "sku,name\nAAA,New name\n")
	w.Round()
	w.Must(w.B.In.Approve(t.Context(), d, bridge.Decision{Who: "somebody"}))
	w.Round()
	link := w.Link("products", "AAA")
	if name, words := value(link, "name"), value(link, "short_description"); name != "New name" || words != "Old words" {
		t.Errorf("AAA is %q, %q", name, words)
	}
	if link := w.Link("products", "BBB"); link == nil {
		t.Error("the rest of the older drop was not loaded")
	}
	w.Drop("products", "p_4.csv", "sku,name\nAAA,Newest name\n")
	w.Round()
	w.Drop("products", "p_0.csv", "sku,name\nAAA,Oldest name\n")
	w.Round()
	if _, run := w.Last("products"); run.Superseded != 1 || run.Unchanged != 1 {
		t.Errorf("%+v", run.Counts)
	}
}

func value(k *bridge.Link, field string) string {
	for _, v := range k.Content {
		if v.Field == field {
			return v.Text
		}
	}
	return ""
}

// A drop in whose loading the bridge died three times is held: it would kill the next one, too.
func TestADropThatKillsTheBridgeIsHeld(t *testing.T) {
	w := bridgetest.NewWorld(t, bridgetest.FeedWith("prices", ""))
	w.Stock("SKU1")
	w.Drop("prices", "a.csv", bridgetest.OnePrice("1"))
	for range 3 {
		if !w.DieAt("planned", 1) {
			t.Fatal("the step was not reached")
		}
	}
	w.Round()
	w.Stands("a.csv held the bridge died 3 times while it loaded this drop…")
	d, _ := w.Last("prices")
	w.Must(w.B.In.Approve(t.Context(), d, bridge.Decision{Who: "somebody"}))
	w.Round()
	w.Stands("a.csv loaded")
}

// A drop that is run again has as many lives as a new one.
func TestADropThatIsRunAgainMayKillTheBridgeTwice(t *testing.T) {
	w := bridgetest.NewWorld(t, bridgetest.FeedWith("prices", ""))
	w.Stock("SKU1")
	w.Drop("prices", "a.csv", bridgetest.OnePrice("1"))
	w.Round()
	d, _ := w.Last("prices")
	_, err := w.B.In.Rerun(t.Context(), d, inbound.RerunOptions{}, bridge.Decision{Who: "somebody"})
	w.Must(err)
	for range 2 {
		if !w.DieAt("planned", 1) {
			t.Fatal("the step was not reached")
		}
	}
	w.Round()
	w.Stands("a.csv loaded")
}

// A bridge that is told to stop has not died, however often that comes and at whatever step of a load.
func TestADropIsNotHeldForStops(t *testing.T) {
	var steps []string
	world := func() *bridgetest.World {
		w := bridgetest.NewWorld(t, bridgetest.FeedWith("prices", ""))
		w.Stock("SKU1")
		w.Drop("prices", "a.csv", bridgetest.OnePrice("1"))
		return w
	}
	w := world()
	w.OnStep(func(name string) { steps = append(steps, name) })
	w.Round()
	if !slices.Contains(steps, "end") {
		t.Fatalf("nothing was loaded: %q", steps)
	}
	slices.Sort(steps)
	for _, step := range slices.Compact(steps) {
		w := world()
		for range 4 {
			cutAt(w, step)
		}
		w.Round()
		if d, _ := w.Last("prices"); d.State != bridge.Loaded {
			t.Errorf("stopped at %s: %s %s", step, d.State, d.Reason)
		}
	}
}

// Discarding works on a drop that is being loaded: nothing more of it is sent.
func TestADropIsDiscardedWhileItIsLoaded(t *testing.T) {
	w := bridgetest.NewWorld(t, bridgetest.FeedWith("prices", ""))
	var skus []string
	file := bridgetest.PriceHead
	for i := range 250 { // three batches of 100
		skus = append(skus, fmt.Sprintf("SKU%03d", i))
		file += bridgetest.Price(skus[i], "1")
	}
	w.Stock(skus...)
	w.B.In.InFlight = 1
	w.Drop("prices", "a.csv", file)
	done := false
	w.OnStep(func(name string) {
		if name != "settled" || done {
			return
		}
		if done = w.Shop.Count("productprices") > 0; !done {
			return
		}
		d, err := w.Ledger.Drop(t.Context(), 1)
		w.Must(err)
		f, _ := w.B.In.Feed("prices")
		w.Must(w.B.In.Discard(t.Context(), f, d, bridge.Decision{Who: "somebody"}))
	})
	w.Round()
	w.Stands("a.csv discarded …")
	if n := w.Shop.Count("productprices"); n == 0 || n >= 250 {
		t.Errorf("the shop has %d prices", n)
	}
	w.OnStep(nil)
	w.Round()
	w.Stands("a.csv discarded …")
}

// A feed that verifies sets right what somebody changed in the shop, even by the same file once more.
func TestAFeedThatVerifiesSetsTheShopRight(t *testing.T) {
	for keys, want := range map[string][2]bridge.Counts{
		"":                       {{}, {}}, // duplicates: they have no run
		", on_unchanged: verify": {{Rows: 2, Updated: 1, Unchanged: 1, Verified: 2}, {Rows: 2, Unchanged: 2, Verified: 2}},
	} {
		w := bridgetest.NewWorld(t, bridgetest.FeedWith("inventory", keys))
		w.Stock("SKU1", "SKU2")
		file := "sku,unit,quantity\nSKU1,item,10\nSKU2,item,20\n"
		w.Drop("inventory", "a.csv", file)
		w.Round()
		w.Must(w.Shop.SetStock("SKU1", "item", "99"))
		for i, name := range []string{"b.csv", "c.csv"} {
			w.Drop("inventory", name, file)
			w.Round()
			if _, run := w.Last("inventory"); run.Counts != want[i] {
				t.Errorf("%q, %s: %+v", keys, name, run.Counts)
			}
		}
	}
}

// A shop that was restored from last night's dump gives ids again: nothing is written over another record, and somebody is
// told. A person who deletes a few records is no restore.
func TestARestoredShopIsToldAndLosesNothing(t *testing.T) {
	w := bridgetest.NewWorld(t, bridgetest.FeedWith("products", ""))
	file := func(from, to int, name string) string {
		text := "sku,name,unit\n"
		for i := from; i < to; i++ {
			text += fmt.Sprintf("S-%03d,%s %d,item\n", i, name, i)
		}
		return text
	}
	w.Drop("products", "a.csv", file(0, 5, "Part"))
	w.Round()
	dump := w.Shop.Backup()
	w.Drop("products", "b.csv", file(5, 40, "Part"))
	w.Round()
	w.Shop.Restore(dump)
	if _, err := w.Shop.AddProduct("STRANGER", "Somebody else's", orotest.Unit{Code: "item"}); err != nil { // takes an id of S-005's
		t.Fatal(err)
	}
	w.Drop("products", "c.csv", file(0, 40, "Changed"))
	w.Round()
	if !strings.Contains(w.Log.String(), "alarm=restored") {
		t.Errorf("nobody was told:\n%s", w.Log)
	}
	if n := w.Shop.Count("products"); n != 41 {
		t.Errorf("the shop has %d products", n)
	}
	if text := string(w.Call("GET", "/products?filter[sku]=STRANGER&include=names")); !strings.Contains(text, "Somebody else's") {
		t.Error(text)
	}
}

// A withdrawal that the shop took before the bridge came to an end is no row of the file.
func TestAWithdrawalThatWasCutShortIsStillOne(t *testing.T) {
	for _, step := range []string{"planned", "submit", "submitted", "await", "settle", "settled", "applied"} {
		w := bridgetest.NewWorld(t, bridgetest.FeedWith("prices", ", mode: full, on_missing: delete, guards: { max_removals: 100% }"))
		w.Stock("SKU1", "SKU2", "SKU3")
		w.Drop("prices", "a.csv", bridgetest.PriceHead+bridgetest.Price("SKU1", "1")+bridgetest.Price("SKU2", "2")+bridgetest.Price("SKU3", "3"))
		w.Round()
		w.Drop("prices", "b.csv", bridgetest.PriceHead+bridgetest.Price("SKU1", "1"))
		cutAt(w, step)
		w.Round()
		d, run := w.Last("prices")
		if want := (bridge.Counts{Rows: 1, Unchanged: 1, Withdrawn: 2}); run.Counts != want || d.State != bridge.Loaded {
			t.Errorf("cut at %s: %s %+v, want %+v\n%s", step, d.State, run.Counts, want, w.Log)
		}
	}
}

// cutAt has a round end at a step, starts the bridge again, and has the shop forget its operations.
func cutAt(w *bridgetest.World, step string) {
	ctx, end := context.WithCancel(w.T.Context())
	defer end()
	w.OnStep(func(name string) {
		if name == step {
			end()
		}
	})
	if err := w.B.Round(ctx); !errors.Is(err, context.Canceled) {
		w.T.Logf("the round that was cut at %s: %v", step, err)
	}
	w.Restart()
	w.Shop.DrainQueue()
	w.Shop.PurgeOperations()
}

// The first cut leaves a removal that the shop has done and the ledger has not heard of; the second comes when its id was
// found to be nobody's, and nothing is settled yet.
func TestAWithdrawalThatWasCutShortTwiceIsStillOne(t *testing.T) {
	for _, second := range []string{"planned", "submit", "settle", "settled"} {
		w := bridgetest.NewWorld(t, bridgetest.FeedWith("prices", ", mode: full, on_missing: delete, guards: { max_removals: 100% }"))
		w.Stock("SKU1", "SKU2", "SKU3")
		w.Drop("prices", "a.csv", bridgetest.PriceHead+bridgetest.Price("SKU1", "1")+bridgetest.Price("SKU2", "2")+bridgetest.Price("SKU3", "3"))
		w.Round()
		w.Drop("prices", "b.csv", bridgetest.PriceHead+bridgetest.Price("SKU1", "1"))
		cutAt(w, "submitted")
		cutAt(w, second)
		w.Round()
		d, run := w.Last("prices")
		if want := (bridge.Counts{Rows: 1, Unchanged: 1, Withdrawn: 2}); run.Counts != want || d.State != bridge.Loaded {
			t.Errorf("cut at %s: %s %+v, want %+v\n%s", second, d.State, run.Counts, want, w.Log)
		}
	}
}

// unwilling is a shop that lets nobody take a product out.
type unwilling struct{ inbound.Shop }

func (s unwilling) Submit(ctx context.Context, b *bridge.Batch) (string, map[int]bridge.Outcome, error) {
	kept, refused := *b, map[int]bridge.Outcome{}
	kept.Changes = nil
	for i, c := range b.Changes {
		if c.Op == bridge.Remove {
			refused[i] = bridge.Outcome{Reject: &formats.Reject{Key: c.Key, Code: formats.CodeShop, Message: "it is in an order"}}
		} else {
			kept.Changes = append(kept.Changes, c)
		}
	}
	if len(kept.Changes) == 0 {
		return "", refused, nil
	}
	return s.Shop.Submit(ctx, b)
}

func (s unwilling) Await(ctx context.Context, b *bridge.Batch) ([]bridge.Outcome, error) {
	if b.Operation == "" { // nothing of it was sent
		return slices.Repeat([]bridge.Outcome{{Unknown: true}}, len(b.Changes)), nil
	}
	return s.Shop.Await(ctx, b)
}

// A withdrawal that the shop refuses is told like a row, once, however often the bridge begins anew.
func TestAWithdrawalThatTheShopRefusesIsAReject(t *testing.T) {
	for _, step := range []string{"never", "settled", "applied", "end"} {
		w := bridgetest.NewWorld(t, bridgetest.FeedOf("*.csv", "")+
			"  - { name: products, entity: products, remote: disk, folder: products, match: '*.csv', ready: { stable: 0s }, "+
			"format: { kind: csv }, mode: full, on_missing: disable, guards: { max_removals: 100% } }\n")
		w.Mkdir("products")
		w.Drop("products", "a.csv", "sku,name,unit\nP-1,One,item\nP-2,Two,item\n")
		w.Round()
		w.Drop("products", "b.csv", "sku,name,unit\nP-1,One,item\n")
		ctx, end := context.WithCancel(t.Context())
		w.OnStep(func(name string) {
			if name == step {
				end()
			}
		})
		w.B.In.Shop = unwilling{w.B.In.Shop}
		if err := w.B.Round(ctx); (err == nil) != (step == "never") {
			t.Logf("the round that was cut at %s: %v", step, err)
		}
		end()
		w.Restart()
		w.B.In.Shop = unwilling{w.B.In.Shop}
		w.Round()
		d, run := w.Last("products")
		if want := (bridge.Counts{Rows: 2, Unchanged: 1, Rejected: 1}); run.Counts != want || d.State != bridge.Partial {
			t.Errorf("cut at %s: %s %+v, want %+v\n%s", step, d.State, run.Counts, want, w.Log)
		}
		if got := w.Rejects(d); len(got) != 1 || !strings.Contains(got[0], "P-2") {
			t.Errorf("cut at %s: the rejects are %q", step, got)
		}
	}
}
