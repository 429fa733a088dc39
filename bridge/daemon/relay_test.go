package daemon_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/bridgetest"
	"github.com/orobridge/orobridge/bridge/daemon"
	"github.com/orobridge/orobridge/bridge/oro/orotest"
)

// relayed is a bridge of two shops that hands over to others, until the test ends.
type relayed struct {
	*bridgetest.Shops
	relay *daemon.Relay

	mu      sync.Mutex
	all     []*bridge.Event
	news    chan struct{}
	holding atomic.Bool   // a load, at its first settled batch
	held    chan struct{} // closed once it is
	free    chan struct{} // lets it go on
}

const longFile = 600 // rows, of 100 in a batch

// relaying begins with a long file of b2b that is held in its middle.
func relaying(t *testing.T) *relayed {
	quick := strings.NewReplacer("ready:", "every: 50ms, ready:", "file: 'ORD_", "every: 50ms, file: 'ORD_")
	w := bridgetest.NewShops(t, []string{"b2b", "outlet"}, quick.Replace(ofEach))
	r := &relayed{Shops: w, news: make(chan struct{}, 1), held: make(chan struct{}), free: make(chan struct{})}
	w.Clock = bridge.SystemClock{}
	w.Again()
	w.Events.Observe(func(e *bridge.Event) {
		if e.Kind == bridge.StepReached && e.Text == "settled" {
			if r.holding.CompareAndSwap(false, true) {
				close(r.held)
				<-r.free
			}
		}
		r.mu.Lock()
		r.all = append(r.all, e)
		r.mu.Unlock()
		select {
		case r.news <- struct{}{}:
		default: // it is known that there are some
		}
	})
	rows := strings.Builder{}
	rows.WriteString("sku,name,unit\n")
	for i := range longFile {
		fmt.Fprintf(&rows, "L%04d,Pipe,item\n", i)
	}
	w.Drop("b2b_products_1.csv", rows.String())
	r.relay = daemon.NewRelay(w.B)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.relay.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	<-r.held
	return r
}

// reads hands over to the bridge of the config with something in it written in another way.
func (r *relayed) reads(old, other string) {
	r.T.Helper()
	r.Rewrite(func(text string) string {
		if !strings.Contains(text, old) {
			r.T.Fatalf("the config has no %q", old)
		}
		return strings.Replace(text, old, other, 1)
	})
	r.Must(r.relay.Next(context.Background(), r.Reread()))
}

// count is how many events of a kind there were of a feed or export.
func (r *relayed) count(kind bridge.EventKind, of string) (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.all {
		if e.Kind == kind && (e.Feed == of || e.Export == of) {
			n++
		}
	}
	return n
}

// until waits for so many events of a kind.
func (r *relayed) until(n int, kind bridge.EventKind, of string) {
	r.T.Helper()
	for limit := time.After(time.Minute); r.count(kind, of) < n; {
		select {
		case <-r.news:
		case <-limit:
			r.T.Fatalf("%s: %d times %s, and not %d", of, r.count(kind, of), kind, n)
		}
	}
}

// loadedAtOnce wants the long file to be loaded by one run, and each of its batches to have been sent once.
func (r *relayed) loadedAtOnce() {
	r.T.Helper()
	runs, batches := r.count(bridge.RunStarted, "b2b-products"), r.count(bridge.BatchSent, "b2b-products")
	if runs != 1 || batches != longFile/100 {
		r.T.Errorf("%d runs, %d batches", runs, batches)
	}
}

// TestWhatAConfigLeavesAloneGoesOn: a long load is neither cut nor planned again while other feeds come, change and go, an export gets
// another folder and another shop other settings; and those do what the new config says meanwhile.
func TestWhatAConfigLeavesAloneGoesOn(t *testing.T) {
	r := relaying(t)
	r.reads("match: 'outlet_products_*.csv'", "match: 'other_products_*.csv'")
	r.Drop("other_products_1.csv", "sku,name,unit\nSKU1,Nut,item\n")
	r.until(1, bridge.DropSettled, "outlet-products")

	r.reads("feeds:\n", "feeds:\n  - { name: b2b-customers, shop: b2b, entity: customers, remote: disk, match: 'c_*.csv', every: 50ms,\n"+
		"      ready: { stable: 0s }, format: { kind: csv } }\n")
	r.Drop("c_1.csv", "customer_number,name\nC1,Acme\n")
	r.until(1, bridge.DropSettled, "b2b-customers")

	const sampleOrders = 24 // that the shop has from the beginning
	r.until(sampleOrders, bridge.OrderWritten, "b2b-orders")
	r.Must(os.MkdirAll(filepath.Join(r.Folder, "elsewhere"), 0o755))
	r.reads("folder: orders-b2b", "folder: elsewhere")
	_, err := r.Boxes["b2b"].SubmitOrder(orotest.Order{Identifier: "A-1", Customer: "1",
		Lines: []orotest.Line{{SKU: "0RT28", Quantity: "1", Price: "1"}}})
	r.Must(err)
	r.until(sampleOrders+1, bridge.OrderWritten, "b2b-orders")
	if files, err := filepath.Glob(filepath.Join(r.Folder, "elsewhere", "ORD_*")); err != nil || len(files) != 1 {
		t.Errorf("%v %v", files, err)
	}

	r.reads("  - { name: outlet-inventory, shop: outlet, entity: inventory, remote: disk, match: 'outlet_inventory_*.csv',\n"+
		"      every: 50ms, ready: { stable: 0s }, format: { kind: csv } }\n", "")
	r.Drop("outlet_inventory_1.csv", "sku,quantity\nSKU1,1\n")
	r.reads(r.Boxes["outlet"].URL()+", client_id: demo, client_secret: demo, batch: 100",
		r.Boxes["outlet"].URL()+", client_id: demo, client_secret: demo, batch: 50")
	r.Drop("other_products_2.csv", "sku,name,unit\nSKU2,Bolt,item\n")
	r.until(2, bridge.DropSettled, "outlet-products")

	close(r.free)
	r.until(1, bridge.DropSettled, "b2b-products")
	r.loadedAtOnce()
	if n := r.count(bridge.DropSeen, "outlet-inventory"); n != 0 {
		t.Error("a feed that is gone looks for files")
	}
}

// TestWhatAConfigChangesIsCutAndGoesOnByIt: the load of a feed that is written in another way ends at its next safe point, before the
// next config's bridge begins, and its drop goes on from the ledger: every record is created once.
func TestWhatAConfigChangesIsCutAndGoesOnByIt(t *testing.T) {
	r := relaying(t)
	r.Events.Observe(func(e *bridge.Event) {
		if e.Kind == bridge.StepReached && e.Text == "cut" {
			close(r.free) // what is at hand is recorded
		}
	})
	r.reads("entity: products, remote: disk, match: 'b2b_products_*.csv'",
		"entity: products, remote: disk, max_size: 1GB, match: 'b2b_products_*.csv'")
	if n := r.count(bridge.DropSettled, "b2b-products"); n != 0 {
		t.Error("nothing was cut")
	}
	r.until(1, bridge.DropSettled, "b2b-products")
	if n, created := r.Boxes["b2b"].Count("products"), r.count(bridge.BatchSent, "b2b-products"); n < longFile || created > longFile/100+4 {
		t.Errorf("%d products, %d batches", n, created)
	}
}

// TestReadingAConfigAgainAndAgain cuts no load that it does not change: fifty times while it goes on, with the other shop's feed another
// one each time.
func TestReadingAConfigAgainAndAgain(t *testing.T) {
	r := relaying(t)
	close(r.free)
	for i := range 50 {
		r.reads(fmt.Sprintf("match: '%soutlet_products_*.csv'", strings.Repeat("x", i)),
			fmt.Sprintf("match: '%soutlet_products_*.csv'", strings.Repeat("x", i+1)))
	}
	r.Drop(strings.Repeat("x", 50)+"outlet_products_1.csv", "sku,name,unit\nSKU1,Nut,item\n")
	r.until(1, bridge.DropSettled, "outlet-products")
	r.until(1, bridge.DropSettled, "b2b-products")
	r.loadedAtOnce()
}

// TestAConfigThatTakesAFeedFromItsShopChangesNothing: the bridge before it goes on.
func TestAConfigThatTakesAFeedFromItsShopChangesNothing(t *testing.T) {
	r := relaying(t)
	close(r.free)
	r.until(1, bridge.DropSettled, "b2b-products")
	r.Rewrite(func(text string) string {
		return strings.Replace(text, "shop: b2b, entity: products", "shop: outlet, entity: products", 1)
	})
	if err := r.relay.Next(t.Context(), r.Reread()); err == nil {
		t.Fatal("it was taken")
	}
	r.Drop("b2b_products_2.csv", "sku,name,unit\nSKU1,Nut,item\n")
	r.until(2, bridge.DropSettled, "b2b-products")
}

// TestTroubleOfAFeedThatIsGoneIsForgotten, and nobody is told that it paused.
func TestTroubleOfAFeedThatIsGoneIsForgotten(t *testing.T) {
	w := bridgetest.NewShops(t, []string{"b2b"}, strings.ReplaceAll(ofEach, "entity: inventory, remote: disk,",
		"entity: inventory, remote: disk, folder: none,"))
	w.Clock = bridge.SystemClock{}
	w.Again()
	paused := make(chan struct{})
	var once sync.Once
	w.Events.Observe(func(e *bridge.Event) {
		if e.Kind == bridge.WorkPaused {
			once.Do(func() { close(paused) })
		}
	})
	relay := daemon.NewRelay(w.B)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- relay.Run(ctx) }()
	defer stop()
	<-paused
	w.Rewrite(func(text string) string { return strings.Replace(text, "folder: none,", "", 1) })
	w.Must(relay.Next(ctx, w.Reread()))
	notes, err := w.Ledger.Notes(ctx)
	w.Must(err)
	for name, text := range notes {
		if work, is := bridge.PausedWork(name); is {
			t.Errorf("%s: %s", work, text)
		}
	}
	stop()
	w.Must(<-done)
	if err := relay.Next(context.Background(), w.Reread()); !errors.Is(err, context.Canceled) {
		t.Errorf("after its end: %v", err)
	}
}

// TestADoorThatCantBeOpenedIsTriedAgain where it comes with a config that is read: the bridge goes on, tells of it, and opens it at last.
func TestADoorThatCantBeOpenedIsTriedAgain(t *testing.T) {
	w := bridgetest.NewShops(t, []string{"b2b"}, ofEach)
	w.Clock = bridge.SystemClock{}
	w.Again()
	var mu sync.Mutex
	var told []bridge.EventKind
	w.Events.Observe(func(e *bridge.Event) {
		if e.Work == "door 127.0.0.1:22" {
			mu.Lock()
			told = append(told, e.Kind)
			mu.Unlock()
		}
	})
	first := w.Reread()
	was, is := &porch{serving: make(chan struct{})}, &porch{serving: make(chan struct{})}
	was.Remote = first.Shops[0].In.Remotes["disk"]
	is.Remote = was.Remote
	is.taken.Store(1)
	first.Shops[0].In.Remotes = map[string]bridge.Remote{"disk": was}
	relay := daemon.NewRelay(first)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 2)
	go func() { done <- relay.Run(ctx) }()
	go func() { done <- relay.Serve(ctx) }()
	<-was.serving
	next := w.Reread()
	next.Shops[0].In.Remotes = map[string]bridge.Remote{"disk": is}
	w.Must(relay.Next(ctx, next))
	<-is.serving
	stop()
	if err := errors.Join(<-done, <-done); err != nil {
		t.Error(err)
	}
	mu.Lock()
	defer mu.Unlock()
	if diff := cmp.Diff([]bridge.EventKind{bridge.WorkPaused, bridge.WorkResumed}, told); diff != "" {
		t.Errorf("what was told (-want +got):\n%s", diff)
	}
}
