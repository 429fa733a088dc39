package fleet

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/bridgetest"
	"github.com/orobridge/orobridge/bridge/daemon"
	"github.com/orobridge/orobridge/bridge/oro/orotest"
)

// streams are those of each shop; all files come to one folder.
const streams = `feeds:
  - { name: SHOP-products, shop: SHOP, entity: products, remote: disk, match: 'SHOP_products_*.csv', every: 50ms,
      ready: { stable: 0s }, format: { kind: csv } }
exports:
  - { name: SHOP-orders, shop: SHOP, remote: disk, folder: orders-SHOP, every: 50ms, file: 'ORD_{number}_{identifier}', format: { kind: csv },
      since: all }
`

// A journey is of two bridges that share two shops.
type journey struct {
	*testing.T
	bridges []*bridgetest.Shops
	// settle is called in a bridge once the shop has told what became of a batch, which is not in the ledger yet.
	settle func(by int)
	// pulsed is called before a bridge says that it is there.
	pulsed func(by int)

	mu    sync.Mutex
	count map[string]int // of events, by kind, feed or export, and bridge: "drop settled b2b-products 0", and by whichever bridge
	news  chan struct{}
}

// newJourney makes one in which no bridge has begun.
func newJourney(t *testing.T) *journey {
	return &journey{T: t, bridges: bridgetest.NewFleet(t, 2, []string{"b2b", "outlet"}, streams), settle: func(int) {}, pulsed: func(int) {},
		count: map[string]int{}, news: make(chan struct{}, 1)}
}

// pulsing is a bridge's ledger.
type pulsing struct {
	Ledger
	before func()
}

// Pulse implements Ledger.
func (p pulsing) Pulse(ctx context.Context, config string, doing, long []string) ([]*bridge.Member, error) {
	p.before()
	return p.Ledger.Pulse(ctx, config, doing, long)
}

// begin has a bridge work until stop is called, or something ends it.
func (j *journey) begin(i int) (stop func(), ended chan error) {
	w := j.bridges[i]
	w.Events.Observe(func(e *bridge.Event) {
		of := e.Feed + e.Export
		if e.Kind == bridge.StepReached {
			if of = e.Text; of == "settle" {
				j.settle(i)
			}
		}
		j.mu.Lock()
		j.count[fmt.Sprint(e.Kind, " ", of)]++
		j.count[fmt.Sprint(e.Kind, " ", of, " ", i)]++
		j.mu.Unlock()
		select {
		case j.news <- struct{}{}:
		default: // it is known that there are some
		}
	})
	f := New(pulsing{w.Ledger.Shared(), func() { j.pulsed(i) }}, slog.New(slog.DiscardHandler))
	f.second, f.last = f.second/20, time.Hour
	w.B.Share = f
	ctx, stop := context.WithCancel(context.Background())
	ended = make(chan error, 1)
	go func() { ended <- daemon.NewRelay(w.B).Run(ctx) }()
	return stop, ended
}

// until waits for so many events: "drop settled b2b-products", and by which bridge if it says so.
func (j *journey) until(n int, what string) {
	j.Helper()
	for limit := time.After(5 * time.Minute); ; {
		j.mu.Lock()
		got, told := j.count[what], fmt.Sprint(j.count)
		j.mu.Unlock()
		if got >= n {
			return
		}
		select {
		case <-j.news:
		case <-limit:
			j.Fatalf("%d times %s, and not %d: %s", got, what, n, told)
		}
	}
}

// products drops a file of so many.
func (j *journey) products(name string, n int) {
	var rows strings.Builder
	rows.WriteString("sku,name,unit\n")
	for i := range n {
		fmt.Fprintf(&rows, "%s%04d,Pipe,item\n", name[:1], i)
	}
	j.bridges[0].Drop(name, rows.String())
}

// end ends a bridge in order.
func (j *journey) end(stop func(), ended chan error) {
	j.Helper()
	stop()
	j.bridges[0].Must(<-ended)
}

// counted is how many events there were.
func (j *journey) counted(what string) int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.count[what]
}

// TestALoadIsHandedOver between two of its batches: a second bridge comes while the first one loads the files of both shops, and takes one
// of them up. It plans that anew; what stays is planned once. Nothing was under way, so that nothing is asked or sent twice.
func TestALoadIsHandedOver(t *testing.T) {
	t.Parallel()
	j := newJourney(t)
	const batches = 10
	settle := make(chan struct{}, 2) // so many batches of the first bridge at once; none while it waits for the second one
	j.settle = func(by int) {
		if by == 0 {
			<-settle
		}
	}
	var both atomic.Bool
	j.pulsed = func(by int) {
		if by == 1 {
			both.Store(true)
		}
		for by == 0 && both.Load() && len(settle) < cap(settle) {
			settle <- struct{}{}
		}
	}
	before := map[string]int{}
	for shop, box := range j.bridges[0].Boxes {
		before[shop] = box.Count("products")
		j.products(shop+"_products_1.csv", 100*batches)
	}
	stop, ended := j.begin(0)
	for shop := range before {
		j.until(1, "batch sent "+shop+"-products 0")
	}
	stopOther, endedOther := j.begin(1)
	handed, stayed := "b2b", "outlet"
	for shop := range before {
		if j.until(1, "drop settled "+shop+"-products"); j.counted("drop settled "+shop+"-products 0") > 0 {
			handed, stayed = others[shop], shop
		}
	}
	j.end(stop, ended)
	j.end(stopOther, endedOther)
	for what, n := range map[string]int{
		"drop settled " + handed + "-products 1": 1, "drop settled " + stayed + "-products 0": 1,
		"batch judged " + stayed + "-products 0": batches, "batch judged " + handed + "-products": batches,
		"batch sent " + handed + "-products 0": j.counted("batch judged " + handed + "-products 0"),
		"batch sent " + handed + "-products":   batches, "step planned 0": 2, "step planned 1": 1,
	} {
		if got := j.counted(what); got != n {
			t.Errorf("%d times %s, and not %d", got, what, n)
		}
	}
	for shop, box := range j.bridges[0].Boxes {
		if n := box.Count("products") - before[shop]; n != 100*batches {
			t.Errorf("%s: %d products were created", shop, n)
		}
	}
}

// others says which shop is the other one.
var others = map[string]string{"b2b": "outlet", "outlet": "b2b"}

// TestAJourneyOnRiver: the bridge that loads a file is thought dead in the midst of it. The other one goes on, and writes the orders; the
// first one can't settle what it had at hand, ends, begins anew, and takes its part of what comes. Every record was created once and every
// order written once.
func TestAJourneyOnRiver(t *testing.T) {
	t.Parallel()
	j := newJourney(t)
	world, held, free := j.bridges[0], make(chan int, 1), make(chan struct{})
	var holding atomic.Bool
	j.settle = func(by int) {
		if holding.CompareAndSwap(false, true) {
			held <- by
			<-free
		}
	}
	before := map[string]int{}
	for name, box := range world.Boxes {
		before[name] = box.Count("products")
	}
	j.products("b2b_products_1.csv", 100)
	stops, ends := make([]func(), 2), make([]chan error, 2)
	for i := range 2 {
		stops[i], ends[i] = j.begin(i)
	}
	dead := <-held
	other := 1 - dead
	on(t, world.Settings.State.Postgres.Reveal(), func(c *pgx.Conn) error {
		_, err := c.Exec(t.Context(), "DELETE FROM bridges WHERE id = $1", j.bridges[dead].Ledger.Shared().ID())
		return err
	})
	j.until(1, fmt.Sprint("drop settled b2b-products ", other))
	close(free)
	if err := <-ends[dead]; !errors.Is(err, bridge.ErrThoughtDead) {
		t.Errorf("the bridge that was thought dead ends with %v", err)
	}

	j.bridges[dead].Again()
	stops[dead], ends[dead] = j.begin(dead)
	j.products("outlet_products_1.csv", 300)
	j.until(1, "drop settled outlet-products")
	const sampleOrders = 24 // that each shop has from the beginning
	for shop, box := range world.Boxes {
		_, err := box.SubmitOrder(orotest.Order{Identifier: "A-1", Customer: "1", Lines: []orotest.Line{{SKU: "0RT28", Quantity: "1", Price: "1"}}})
		world.Must(err)
		j.until(sampleOrders+1, "order written "+shop+"-orders")
	}
	for i := range 2 {
		j.end(stops[i], ends[i])
	}
	if diff := cmp.Diff([]string{"b2b-products loaded", "outlet-products loaded"}, world.Drops()); diff != "" {
		t.Error(diff)
	}
	for shop, more := range map[string]int{"b2b": 100, "outlet": 300} {
		if n := world.Boxes[shop].Count("products") - before[shop]; n != more {
			t.Errorf("%s: %d products were created", shop, n)
		}
		files, err := filepath.Glob(filepath.Join(world.Folder, "orders-"+shop, "ORD_*"))
		if world.Must(err); len(files) != sampleOrders+1 {
			t.Errorf("%s: %d order files: %v", shop, len(files), files)
		}
	}
}
