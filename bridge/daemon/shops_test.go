package daemon_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/bridgetest"
	"github.com/orobridge/orobridge/bridge/oro/orotest"
	"github.com/orobridge/orobridge/formats"
)

// ofEach are the feeds of each shop; all files come to one folder.
const ofEach = `feeds:
  - { name: SHOP-products, shop: SHOP, entity: products, remote: disk, match: 'SHOP_products_*.csv',
      ready: { stable: 0s }, format: { kind: csv } }
  - { name: SHOP-inventory, shop: SHOP, entity: inventory, remote: disk, match: 'SHOP_inventory_*.csv',
      ready: { stable: 0s }, format: { kind: csv } }
exports:
  - { name: SHOP-orders, shop: SHOP, remote: disk, folder: orders-SHOP, file: 'ORD_{number}_{identifier}', format: { kind: csv }, since: all }
`

func round(w *bridgetest.Shops) {
	w.T.Helper()
	w.Must(w.B.Round(context.Background()))
}

// TestShopsHaveTheirOwn records under the same keys: what one accepted is nothing to the other.
func TestShopsHaveTheirOwn(t *testing.T) {
	w := bridgetest.NewShops(t, []string{"b2b", "outlet"}, ofEach)
	w.Drop("b2b_products_1.csv", "sku,name,unit\nSKU9,Bolt,item\n")
	round(w)
	w.Drop("outlet_products_1.csv", "sku,name,unit\nSKU9,Bolt for the outlet,item\n")
	round(w)
	w.Drop("b2b_products_2.csv", "sku,name,unit\nSKU9,Bolt,item\n")
	round(w)
	for shop, name := range map[string]string{"b2b": "Bolt", "outlet": "Bolt for the outlet"} {
		links, err := w.Ledger.Of(shop).Links(t.Context(), "products", []string{"SKU9"})
		w.Must(err)
		if k := links["SKU9"]; k == nil || k.Feed != shop+"-products" {
			t.Errorf("%s: %+v", shop, k)
		} else if i := slices.IndexFunc(k.Content, func(v formats.Value) bool { return v.Field == "name" }); k.Content[i].Text != name {
			t.Errorf("%s: %v", shop, k.Content)
		}
	}
	want := []string{"b2b-products duplicate the same content as drop 1: nothing was sent", "b2b-products loaded", "outlet-products loaded"}
	if diff := cmp.Diff(want, w.Drops()); diff != "" {
		t.Error(diff)
	}
}

// TestAFeedStaysWithItsShop: what the ledger knows by its name is about that one's records.
func TestAFeedStaysWithItsShop(t *testing.T) {
	w := bridgetest.NewShops(t, []string{"b2b", "outlet"}, ofEach)
	w.Drop("b2b_products_1.csv", "sku,name,unit\nSKU9,Bolt,item\n")
	round(w)
	w.Rewrite(func(text string) string {
		return strings.ReplaceAll(text, "name: b2b-products, shop: b2b", "name: b2b-products, shop: outlet")
	})
	w.Again()
	err := w.B.Round(t.Context())
	if err == nil || !strings.Contains(err.Error(), "it belongs to the shop b2b, and the config gives it to the shop outlet") {
		t.Error(err)
	}
	if err := w.B.Belong(t.Context()); err == nil {
		t.Error("a verb may use it all the same")
	}
}

// TestAShopThatIsAway is nothing to another: its files are loaded, and nothing of it waits.
func TestAShopThatIsAway(t *testing.T) {
	w := bridgetest.NewShops(t, []string{"b2b", "outlet"}, ofEach)
	w.Boxes["outlet"].Close()
	w.Drop("b2b_products_1.csv", "sku,name,unit\nSKU9,Bolt,item\n")
	w.Drop("outlet_products_1.csv", "sku,name,unit\nSKU9,Bolt,item\n")
	if err := w.B.Round(t.Context()); !errors.Is(err, bridge.ErrUnreachable) {
		t.Error(err)
	}
	if diff := cmp.Diff([]string{"b2b-products loaded", "outlet-products loading"}, w.Drops()); diff != "" {
		t.Error(diff)
	}
}

// run has the bridge at work by the machine's clock until the test ends; settled tells of drops that have come to their end.
func run(w *bridgetest.Shops) (settled chan string) {
	w.T.Helper()
	w.Clock = bridge.SystemClock{}
	w.Again()
	settled = make(chan string, 100)
	w.Events.Observe(func(e *bridge.Event) {
		if e.Kind == bridge.DropSettled {
			settled <- e.Feed
		}
	})
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.B.Run(ctx) }()
	w.T.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			w.T.Error(err)
		}
	})
	return settled
}

// TestAShopThatStallsOrIsRestored keeps another one waiting for nothing: its file is loaded while the first judges no batch, and again
// after that one went back in time; neither its keys nor its alarms know of it.
func TestAShopThatStallsOrIsRestored(t *testing.T) {
	quick := strings.ReplaceAll(ofEach, "ready:", "every: 50ms, ready:")
	w := bridgetest.NewShops(t, []string{"b2b", "outlet"}, quick)
	settled := run(w)
	loads := func(feed, file, rows string) time.Duration {
		t.Helper()
		began := time.Now()
		w.Drop(file, "sku,name,unit\n"+rows)
		for {
			select {
			case got := <-settled:
				if got == feed {
					return time.Since(began)
				}
			case <-time.After(2 * time.Minute):
				t.Fatalf("%s is not loaded", file)
			}
		}
	}
	alone := loads("b2b-products", "b2b_products_1.csv", "SKU8,Nut,item\n")
	backup := w.Boxes["outlet"].Backup()
	w.Boxes["outlet"].StallQueue()
	w.Drop("outlet_products_1.csv", "sku,name,unit\nSKU9,Bolt,item\n")
	beside := loads("b2b-products", "b2b_products_2.csv", "SKU9,Bolt,item\n")
	w.Boxes["outlet"].ResumeQueue()
	w.Boxes["outlet"].Restore(backup)
	after := loads("b2b-products", "b2b_products_3.csv", "SKU10,Washer,item\n")
	t.Logf("a file of b2b is loaded in %v alone, %v while outlet stalls, %v while it is restored", alone.Round(time.Millisecond),
		beside.Round(time.Millisecond), after.Round(time.Millisecond))
	links, err := w.Ledger.Of("b2b").Links(t.Context(), "products", []string{"SKU8", "SKU9", "SKU10"})
	w.Must(err)
	notes, err := w.Ledger.Notes(t.Context())
	w.Must(err)
	for name := range notes {
		if alarm, is := bridge.AlarmOf(name); is && strings.Contains(alarm, "b2b") {
			t.Errorf("an alarm of b2b: %s", notes[name])
		}
		if work, is := bridge.PausedWork(name); is && strings.Contains(work, "b2b") {
			t.Errorf("%s waits: %s", work, notes[name])
		}
	}
	if len(links) != 3 {
		t.Errorf("%d links", len(links))
	}
}

// TestShopsSurviveEveryCut: the bridge of two shops is cut at its first step, at its second, and so on, and opened again each time. Each
// shop has its records and each order its file, once, and no cut counts as a death.
func TestShopsSurviveEveryCut(t *testing.T) {
	w := bridgetest.NewShops(t, []string{"b2b", "outlet"}, ofEach)
	var want []string
	for _, shop := range w.Names {
		w.Drop(shop+"_products_1.csv", "sku,name,unit\nSKU8,Nut of "+shop+",item\nSKU9,Bolt of "+shop+",item\n")
		w.Drop(shop+"_inventory_1.csv", "sku,quantity\nSKU8,5\n")
		for i := range 3 {
			_, err := w.Boxes[shop].SubmitOrder(orotest.Order{Identifier: fmt.Sprintf("%s-%d", shop, i), Customer: "1",
				Lines: []orotest.Line{{SKU: "0RT28", Quantity: "1", Price: "1"}}})
			w.Must(err)
		}
		want = append(want, shop+"-inventory loaded", shop+"-products loaded")
	}
	slices.Sort(want)
	cuts := cutEverywhere(w)
	w.Must(w.B.Round(t.Context()))
	if diff := cmp.Diff(want, w.Drops()); diff != "" {
		t.Error(diff)
	}
	for _, shop := range w.Names {
		files, err := os.ReadDir(filepath.Join(w.Folder, "orders-"+shop))
		w.Must(err)
		of := map[string]int{}
		for _, f := range files {
			if parts := strings.SplitN(f.Name(), "_", 3); len(parts) == 3 {
				of[parts[2]]++
			}
		}
		for i := range 3 {
			if id := fmt.Sprintf("%s-%d", shop, i); of[id] != 1 {
				t.Errorf("order %s has %d files: %v", id, of[id], of)
			}
		}
		links, err := w.Ledger.Of(shop).Links(t.Context(), "products", []string{"SKU8", "SKU9"})
		w.Must(err)
		found, err := w.B.Daemon(shop).In.Shop.Find(t.Context(), formats.Products, []*formats.Record{{Entity: formats.Products, Key: "SKU8"}})
		w.Must(err)
		if len(links) != 2 || found[0].Found == nil || found[0].Found.OroID != links["SKU8"].OroID {
			t.Errorf("%s: %+v, %+v", shop, links, found[0])
		}
	}
	t.Logf("%d cuts", cuts)
}

// cutEverywhere makes a round that is cut at its first step, at its second, and so on, with a new bridge after each, until one comes to its
// end; it says how many were cut.
func cutEverywhere(w *bridgetest.Shops) (cuts int) {
	w.T.Helper()
	const most = 2000
	for at := int64(1); at < most; at++ {
		ctx, cut := context.WithCancel(w.T.Context())
		var n atomic.Int64
		stop := w.Events.Observe(func(e *bridge.Event) {
			if e.Kind == bridge.StepReached && n.Add(1) == at {
				cut()
			}
		})
		err := w.B.Round(ctx)
		stop()
		done := ctx.Err() == nil
		cut()
		if done {
			w.Must(err)
			return int(at)
		}
		w.Again()
		hasNotDied(w)
	}
	w.T.Fatal("it comes to no end")
	return 0
}

// hasNotDied says that no run counts a death of the bridge, which was only told to stop: after three of them its drop is held.
func hasNotDied(w *bridgetest.Shops) {
	w.T.Helper()
	drops, err := w.Ledger.Drops(w.T.Context(), bridge.DropFilter{States: []bridge.DropState{bridge.Loading}})
	w.Must(err)
	for _, d := range drops {
		runs, err := w.Ledger.Runs(w.T.Context(), d.ID)
		w.Must(err)
		for _, r := range runs {
			if r.Attempts != 0 {
				w.T.Errorf("drop %d of %s: %d deaths in its run %d", d.ID, d.Feed, r.Attempts, r.ID)
			}
		}
	}
}

// counting counts how often the feeds' folder is listed.
type counting struct {
	bridge.Remote
	lists atomic.Int64
}

func (c *counting) List(ctx context.Context, folder string) ([]bridge.File, error) {
	if folder == "/" {
		c.lists.Add(1)
	}
	return c.Remote.List(ctx, folder)
}

// TestThirtyShops of five feeds each look into one folder: what that costs while nothing happens. The boxes are in this process, and
// their part is counted, too. Without OROBRIDGE_SOAK=1 there are three, and one looks for a moment.
func TestThirtyShops(t *testing.T) {
	n, settle, look := 3, 300*time.Millisecond, 300*time.Millisecond
	if os.Getenv("OROBRIDGE_SOAK") != "" {
		n, settle, look = 30, 10*time.Second, time.Minute
	}
	var names []string
	for i := range n {
		names = append(names, fmt.Sprintf("s%02d", i))
	}
	feeds := "feeds:\n"
	for _, entity := range []string{"customers", "products", "pricelists", "prices", "inventory"} {
		feeds += fmt.Sprintf("  - { name: SHOP-%s, shop: SHOP, entity: %s, remote: disk, match: 'SHOP_%s_*.csv', format: { kind: csv } }\n",
			entity, entity, entity)
	}
	feeds += "exports:\n  - { name: SHOP-orders, shop: SHOP, remote: disk, folder: orders-SHOP, format: { kind: csv } }\n"
	w := bridgetest.NewShops(t, names, feeds)
	var requests atomic.Int64
	w.Watch = func(string) func(int) { requests.Add(1); return func(int) {} }
	var before runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	goroutines := runtime.NumGoroutine()
	disk := &counting{}
	w.Prepare = func() { w.Replace(func(r bridge.Remote) bridge.Remote { disk.Remote = r; return disk }) }
	run(w)
	wait := func(d time.Duration) { w.Must(bridge.SystemClock{}.Wait(t.Context(), d)) }
	wait(settle)
	cpu, asked, listed := used(), requests.Load(), disk.lists.Load()
	wait(look)
	spent := used() - cpu
	var after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&after)
	t.Logf("%d shops with five feeds each: %d KB of heap more, %d goroutines more, %d listings of the folder at the start, %d in %v, "+
		"%.1f requests/s, %.1f%% of a core",
		n, (int64(after.HeapInuse)-int64(before.HeapInuse))>>10, runtime.NumGoroutine()-goroutines, listed, disk.lists.Load()-listed, look,
		float64(requests.Load()-asked)/look.Seconds(), 100*spent.Seconds()/look.Seconds())
	if more := disk.lists.Load() - listed; look == time.Minute && more > 10 { // each of 150 feeds looks twice
		t.Errorf("%d listings of one folder in a minute", more)
	}
}

// used is the processor time that the process has taken.
func used() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // it can't fail for oneself
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
