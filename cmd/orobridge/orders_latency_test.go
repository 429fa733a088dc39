package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/orobridge/orobridge/bridge/oro/orotest"
	"github.com/orobridge/orobridge/bridge/sftp/sftptest"
)

// TestLatency measures how long an order takes from its commit in the shop to its file under its name on a real sshd,
// with the real program: polling every 100 ms, the same during an import of 100,000 customers, and woken by webhooks
// alone. Orders go first: the
// import may add about one request's time.
func TestLatency(t *testing.T) {
	orders, rows := 40, 3000
	if soak {
		orders, rows = 1000, 100_000
	}
	const feed = `feeds:
  - { name: customers, entity: customers, remote: sap, folder: customers, match: '*.csv', every: 100ms, ready: { stable: 0s },
      format: { kind: csv } }
`
	t.Run("idle", func(t *testing.T) {
		w := newOrderWorld(t, "", feed)
		w.running()
		w.await("the first poll", func() bool { return w.shop.Requests() > 1 })
		w.report(w.measure(orders, 40*time.Millisecond))
	})
	t.Run("during an import", func(t *testing.T) {
		// So slow that the import lasts as long as the measurement.
		w := newOrderWorld(t, "", feed, orotest.Latency(orotest.Delays{Record: map[string]time.Duration{"customers": 400 * time.Microsecond}}))
		w.customers(rows)
		w.running()
		w.await("the import", func() bool { return w.shop.Count("customers") > 50 })
		before := w.shop.Count("customers")
		took := w.measure(orders, 40*time.Millisecond)
		t.Logf("the import went from customer %d to %d of %d meanwhile", before, w.shop.Count("customers"), rows)
		w.report(took)
	})
	t.Run("woken by webhooks alone", func(t *testing.T) {
		port, err := sftptest.FreePort()
		if err != nil {
			t.Fatal(err)
		}
		address := net.JoinHostPort("127.0.0.1", port)
		w := newOrderWorld(t, "", fmt.Sprintf("webhook: { listen: '%s', secret: 0123456789abcdef0123456789abcdef, url: 'http://%s/webhook' }\n", address, address))
		text, err := os.ReadFile(w.config)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(w.config, []byte(strings.Replace(string(text), "every: 100ms", "every: 5m", 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		w.running()
		w.await("the subscriptions", func() bool { return w.shop.Count("webhooks") == 2 })
		w.report(w.measure(min(orders, 200), 100*time.Millisecond))
	})
}

// running starts the program until the test's end.
func (w *orderWorld) running() {
	cmd := w.start("")
	w.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
}

// report tells the distribution of times. Beside other tests the machine may stand still for seconds; the soak has it for itself.
func (w *orderWorld) report(took []time.Duration) {
	w.t.Helper()
	slices.Sort(took)
	at := func(share float64) time.Duration {
		return took[min(len(took)-1, int(share*float64(len(took))))].Round(time.Millisecond)
	}
	w.t.Logf("%d orders: p50 %v, p90 %v, p99 %v, longest %v", len(took), at(0.5), at(0.9), at(0.99), at(1))
	most := 20 * time.Second
	if soak {
		most = 5 * time.Second
	}
	if at(0.99) > most {
		w.t.Errorf("p99 %v", at(0.99))
	}
}

// customers drops a file of so many customers.
func (w *orderWorld) customers(rows int) {
	w.t.Helper()
	var b strings.Builder
	b.WriteString("customer_number,name\n")
	for i := range rows {
		fmt.Fprintf(&b, "C%07d,Customer %d\n", i, i)
	}
	if err := os.WriteFile(filepath.Join(w.sshd.Root, "customers", "all.csv"), []byte(b.String()), 0o644); err != nil {
		w.t.Fatal(err)
	}
}

func (w *orderWorld) await(what string, done func() bool) {
	w.t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			log, _ := os.ReadFile(filepath.Join(w.dir, "log"))
			w.t.Fatalf("%s did not come\n%s", what, log)
		}
	}
}

// measure submits orders and tells for each how long it took until its file stood in the folder.
func (w *orderWorld) measure(orders int, every time.Duration) []time.Duration {
	w.t.Helper()
	watch, err := fsnotify.NewWatcher()
	if err != nil {
		w.t.Fatal(err)
	}
	defer watch.Close()
	if err := watch.Add(filepath.Join(w.sshd.Root, "orders")); err != nil {
		w.t.Fatal(err)
	}
	submitted := make([]time.Time, orders)
	took := make([]time.Duration, 0, orders)
	next, end := 0, time.After(5*time.Minute)
	tick := time.NewTicker(every)
	defer tick.Stop()
	for len(took) < orders {
		select {
		case <-tick.C:
			if next == orders {
				continue
			}
			submitted[next] = time.Now()
			if err := w.submit(next); err != nil {
				w.t.Fatal(err)
			}
			next++
		case e := <-watch.Events:
			name := filepath.Base(e.Name)
			if !e.Has(fsnotify.Create) || !strings.HasPrefix(name, "ORD_") {
				continue
			}
			var i int
			if _, err := fmt.Sscanf(name[strings.LastIndexByte(name, '_')+1:], "A%05d.csv", &i); err != nil {
				w.t.Fatal(err)
			}
			took = append(took, time.Since(submitted[i]))
			if err := os.Remove(e.Name); err != nil {
				w.t.Fatal(err)
			}
		case <-end:
			log, _ := os.ReadFile(filepath.Join(w.dir, "log"))
			w.t.Fatalf("%d of %d orders after five minutes\n%s", len(took), orders, log)
		}
	}
	return took
}
