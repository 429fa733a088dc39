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

// A journey is of two bridges that share two shops. The first load stands still once the shop has told what became of its batch, which
// is not in the ledger yet.
type journey struct {
	*testing.T
	bridges []*bridgetest.Shops
	held    chan int      // the bridge that loads, once it stands still
	free    chan struct{} // closed to let it go on
	holding atomic.Bool

	mu    sync.Mutex
	count map[string]int // of events, by kind, feed or export, and bridge: "drop settled b2b-products 0", and by whichever bridge
	news  chan struct{}
}

// begin has a bridge work until stop is called, or something ends it.
func (j *journey) begin(i int) (stop func(), ended chan error) {
	w := j.bridges[i]
	w.Events.Observe(func(e *bridge.Event) {
		if e.Kind == bridge.StepReached && e.Text == "settle" && j.holding.CompareAndSwap(false, true) {
			j.held <- i
			<-j.free
		}
		j.mu.Lock()
		j.count[fmt.Sprint(e.Kind, " ", e.Feed+e.Export)]++
		j.count[fmt.Sprint(e.Kind, " ", e.Feed+e.Export, " ", i)]++
		j.mu.Unlock()
		select {
		case j.news <- struct{}{}:
		default: // it is known that there are some
		}
	})
	f := New(w.Ledger.Shared(), slog.New(slog.DiscardHandler))
	f.second /= 20
	w.B.Share = f
	ctx, stop := context.WithCancel(context.Background())
	ended = make(chan error, 1)
	go func() { ended <- daemon.NewRelay(w.B).Run(ctx) }()
	return stop, ended
}

// until waits for so many events: "drop settled b2b-products", and by which bridge if it says so.
func (j *journey) until(n int, what string) {
	j.Helper()
	for limit := time.After(time.Minute); ; {
		j.mu.Lock()
		got := j.count[what]
		j.mu.Unlock()
		if got >= n {
			return
		}
		select {
		case <-j.news:
		case <-limit:
			j.Fatalf("%d times %s, and not %d", got, what, n)
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

// TestAJourneyOnRiver: the bridge that loads a file is thought dead in the midst of it. The other one goes on, and writes the orders; the
// first one can't settle what it had at hand, ends, begins anew, and takes its part of what comes. Every record was created once and every
// order written once.
func TestAJourneyOnRiver(t *testing.T) {
	t.Parallel()
	j := &journey{T: t, bridges: bridgetest.NewFleet(t, 2, []string{"b2b", "outlet"}, streams), held: make(chan int, 1),
		free: make(chan struct{}), count: map[string]int{}, news: make(chan struct{}, 1)}
	world := j.bridges[0]
	before := map[string]int{}
	for name, box := range world.Boxes {
		before[name] = box.Count("products")
	}
	j.products("b2b_products_1.csv", 100)
	stops, ends := make([]func(), 2), make([]chan error, 2)
	for i := range 2 {
		stops[i], ends[i] = j.begin(i)
	}
	dead := <-j.held
	other := 1 - dead
	on(t, world.Settings.State.Postgres.Reveal(), func(c *pgx.Conn) error {
		_, err := c.Exec(t.Context(), "DELETE FROM bridges WHERE id = $1", j.bridges[dead].Ledger.Shared().ID())
		return err
	})
	j.until(1, fmt.Sprint("drop settled b2b-products ", other))
	close(j.free)
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
		stops[i]()
		world.Must(<-ends[i])
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
