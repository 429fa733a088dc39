package shadow_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/bridgetest"
	"github.com/orobridge/orobridge/bridge/oro/orotest"
)

// cast is a world whose bridge is a shadow.
func cast(t *testing.T, feeds string, options ...orotest.Option) *bridgetest.World {
	w := bridgetest.NewWorld(t, feeds, options...)
	become(w, true)
	return w
}

// become has a shadow, or the bridge itself, at work from now on.
func become(w *bridgetest.World, shadow bool) {
	w.Shadow = shadow
	w.Restart()
}

// standing is everything below the folder that plays the ERP's server: names, times and contents.
func standing(w *bridgetest.World) map[string]string {
	all := map[string]string{}
	w.Must(filepath.WalkDir(w.Folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			all[path] = "folder"
			return err
		}
		info, err := entry.Info()
		w.Must(err)
		body, err := os.ReadFile(path)
		all[path] = fmt.Sprint(info.ModTime(), " ", string(body))
		return err
	}))
	return all
}

// told is a line for each drop of a feed: its name, its state, its reason.
func told(w *bridgetest.World, feed string) []string {
	drops, err := w.Ledger.Drops(w.T.Context(), bridge.DropFilter{Feed: feed})
	w.Must(err)
	lines := []string{}
	for _, d := range drops {
		lines = append(lines, fmt.Sprintf("%s %s: %s", d.Name, d.State, d.Reason))
	}
	return lines
}

func wantTold(t *testing.T, w *bridgetest.World, feed string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, told(w, feed)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", feed, diff)
	}
}

// TestAShadowWritesNothing: while it plans drops of all entities, guards hold some of them, and orders come, no request changes
// the shop and no file of the remote changes, nor does another come; the bridge that comes after it loads all of it and gives
// its first order the first number.
func TestAShadowWritesNothing(t *testing.T) {
	w := cast(t, bridgetest.FiveFeeds, orotest.Seed(orotest.Sample))
	w.DropAll("1")
	w.Drop("prices", "bad.csv", bridgetest.PriceHead+"Retail,SKU1,item,1,EUR,much\n")
	w.Drop("products", "broken.csv", "sku,name\n\"4711,Bolt\n")
	w.Submit("A-1")
	before := standing(w)
	already := len(w.Written())
	for range 5 {
		w.Later(time.Hour)
	}
	if written := w.Written()[already:]; len(written) > 0 {
		t.Errorf("the shadow has written to the shop: %v", written)
	}
	if diff := cmp.Diff(before, standing(w)); diff != "" {
		t.Errorf("the remote has changed (-before +after):\n%s", diff)
	}
	wantTold(t, w, "customers", "c1.csv shadowed: it would be loaded; 3 created")
	wantTold(t, w, "products", "p1.csv shadowed: it would be loaded; 2 created",
		"broken.csv shadowed: it would be rejected; 1 rejected")
	wantTold(t, w, "inventory", "i1.csv shadowed: it would be partial; 2 parked")

	become(w, false)
	w.Round()
	if d, _ := w.Last("customers"); d.State != bridge.Loaded {
		t.Errorf("after the shadow the bridge has not loaded the customers: %s %s", d.State, d.Reason)
	}
	orders, err := w.Ledger.Outbox(t.Context(), bridge.OutboxFilter{Order: "A-1"})
	w.Must(err)
	if len(orders) == 0 || orders[0].Number == 0 || orders[0].State != bridge.Written {
		t.Errorf("the order was not written: %+v", orders)
	}
}

// shopPrices puts prices of products into the shop as another system would.
func shopPrices(w *bridgetest.World, prices ...string) {
	w.T.Helper()
	var skus []string
	for i := range prices {
		skus = append(skus, fmt.Sprintf("SKU%d", i+1))
	}
	w.Stock(skus...)
	for i, value := range prices {
		w.InShop(bridge.Create, skus[i], "EUR", value)
	}
}

// TestAShadowTellsWhatADropWouldDo, against the shop as it is: what another system has brought there meanwhile is no change any
// more, and what a full drop lacks is told as withdrawn for as long as the shop has it.
func TestAShadowTellsWhatADropWouldDo(t *testing.T) {
	full := bridgetest.FeedWith("prices", ", mode: full, on_missing: delete, guards: { max_price_change: { by: 50%, share: 10% } }")
	w := cast(t, full)
	shopPrices(w, "10.00", "20.00", "30.00", "40.00")
	all := bridgetest.PriceHead + bridgetest.Price("SKU1", "10") + bridgetest.Price("SKU2", "20") + bridgetest.Price("SKU3", "30") +
		bridgetest.Price("SKU4", "40")
	w.Drop("prices", "a.csv", all)
	w.Round()
	wantTold(t, w, "prices", "a.csv shadowed: it would be loaded; 4 unchanged, 4 adopted")

	w.Drop("prices", "b.csv", bridgetest.PriceHead+bridgetest.Price("SKU1", "11")+bridgetest.Price("SKU2", "200")+
		bridgetest.Price("SKU3", "30")+bridgetest.Price("SKU9", "1"))
	w.Round()
	b := "b.csv shadowed: it would be held: max_price_change (by more than 50%): 1 of 4, the limit is 10%; " +
		"2 updated, 1 unchanged, 1 parked, 1 withdrawn; Retail|SKU2|item|1|EUR moves furthest, from 20 to 200"
	wantTold(t, w, "prices", "a.csv shadowed: it would be loaded; 4 unchanged, 4 adopted", b)
	if _, run := w.Last("prices"); run.Kind != bridge.ShadowRun || run.State != bridge.Done || run.Updated != 2 || run.Withdrawn != 1 {
		t.Errorf("the run is %+v", run)
	}

	// The other system loads the same file.
	w.InShop(bridge.Update, "SKU1", "EUR", "11")
	w.InShop(bridge.Update, "SKU2", "EUR", "200")
	w.InShop(bridge.Remove, "SKU4", "EUR", "")
	w.Drop("prices", "c.csv", bridgetest.PriceHead+bridgetest.Price("SKU1", "11")+bridgetest.Price("SKU2", "200")+bridgetest.Price("SKU3", "30"))
	w.Round()
	if got := told(w, "prices")[2]; got != "c.csv shadowed: it would be loaded; 3 unchanged, 2 adopted" {
		t.Errorf("after the other system has loaded it: %s\n%s", got, w.Log)
	}
}

// TestARowThatCanNotBeReadIsTold, with its row, as it would be by a bridge that loads it.
func TestARowThatCanNotBeReadIsTold(t *testing.T) {
	w := cast(t, bridgetest.FeedWith("prices", ", guards: { max_rejects: 100% }"))
	shopPrices(w, "10.00")
	w.Drop("prices", "a.csv", bridgetest.PriceHead+bridgetest.Price("SKU1", "much")+bridgetest.Price("SKU1", "12"))
	w.Round()
	wantTold(t, w, "prices", "a.csv shadowed: it would be partial; 1 updated, 1 rejected; Retail|SKU1|item|1|EUR moves furthest, from 10 to 12")
	d, _ := w.Last("prices")
	if got := strings.Join(w.Rejects(d), "\n"); !strings.Contains(got, "much") {
		t.Errorf("the rejects are %q", got)
	}
}

// TestAShadowThatWasKilledGoesOn: wherever it dies, the next one tells of the drop what it would have told.
func TestAShadowThatWasKilledGoesOn(t *testing.T) {
	const want = "a.csv shadowed: it would be loaded; 1 updated, 1 unchanged, 1 adopted; Retail|SKU1|item|1|EUR moves furthest, from 10 to 11"
	file := bridgetest.PriceHead + bridgetest.Price("SKU1", "11") + bridgetest.Price("SKU2", "20")
	for _, step := range []string{"planned", "settle", "settled", "end"} {
		for n := 1; ; n++ {
			w := cast(t, bridgetest.FeedWith("prices", ""))
			shopPrices(w, "10.00", "20.00")
			w.Drop("prices", "a.csv", file)
			died := w.DieAt(step, n)
			w.Round()
			if got := told(w, "prices"); len(got) != 1 || got[0] != want {
				t.Errorf("killed at %s, %d: %q", step, n, got)
			}
			if !died {
				if n == 1 {
					t.Errorf("a shadow never comes to the step %s", step)
				}
				break
			}
		}
	}
}
