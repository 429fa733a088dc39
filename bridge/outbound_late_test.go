package bridge_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/oro/orotest"
	"github.com/orobridge/orobridge/formats/csv"
)

func setEncoding(w *world, encoding string) {
	w.export().Format = &csv.OrderOptions{Encoding: encoding}
}

// noticeAll submits n orders, many of them within one second, and commits them up to nine minutes later in any order,
// while the export polls; some change meanwhile. It checks that each was noticed once, under numbers without gaps.
func noticeAll(w *world, n int) {
	w.t.Helper()
	chance := rand.New(rand.NewPCG(1, 2))
	type held struct {
		due    time.Time
		commit func() error
	}
	var open []held
	var ids []string
	commit := func(all bool) {
		open = slices.DeleteFunc(open, func(h held) bool {
			if !all && h.due.After(w.clock.Now()) {
				return false
			}
			w.must(h.commit())
			return true
		})
	}
	for i := range n {
		if chance.IntN(8) == 0 {
			w.tick(time.Duration(chance.IntN(4000)) * time.Millisecond)
		}
		id, done, err := w.shop.HoldOrder(orotest.Order{Identifier: fmt.Sprintf("O-%d", i), Customer: "1", CreatedAt: w.clock.Now(),
			Lines: []orotest.Line{{SKU: "0RT28", Quantity: "1", Price: "1"}}})
		w.must(err)
		wait := time.Duration(0)
		if chance.IntN(3) == 0 {
			wait = time.Duration(chance.IntN(540)) * time.Second
		}
		ids = append(ids, id)
		open = append(open, held{w.clock.Now().Add(wait), done})
		chance.Shuffle(len(open), func(i, j int) { open[i], open[j] = open[j], open[i] })
		commit(false)
		if chance.IntN(40) == 0 {
			_ = w.out() // the remote is down
		}
	}
	commit(true)
	_ = w.out()
	list, err := w.ledger.Outbox(w.t.Context(), bridge.OutboxFilter{})
	w.must(err)
	seen := map[string]bool{}
	for i, o := range list {
		if seen[o.OroID] || o.Number != int64(i+1) {
			w.t.Fatalf("order %s has number %d at place %d, seen before: %v", o.Order, o.Number, i+1, seen[o.OroID])
		}
		seen[o.OroID] = true
	}
	for i, id := range ids {
		if !seen[id] {
			w.t.Errorf("missed order %d", i)
		}
	}
	if len(list) != n {
		w.t.Errorf("%s orders, want %d", strconv.Itoa(len(list)), n)
	}
}

func BenchmarkNotice(b *testing.B) {
	w := exporting(b, "")
	w.spoil().put = func(string) error { return errDown }
	for i := range 200 {
		w.submit(fmt.Sprintf("O-%d", i))
	}
	_ = w.out()
	for b.Loop() {
		_ = w.out()
	}
}

var errDown = &bridge.Error{Op: "put", Object: "orders", Fate: bridge.Pause, Err: fmt.Errorf("down")}

func (w *world) mkdir(name string) { w.must(os.MkdirAll(filepath.Join(w.folder, name), 0o755)) }

// crashAt makes rounds until the bridge dies at the n-th time that it comes to a step, or does not, and starts it again.
func (w *world) crashAt(step string, n int) {
	w.t.Helper()
	type crash struct{}
	w.b.Step = func(name string) {
		if name == step {
			if n--; n == 0 {
				panic(crash{})
			}
		}
	}
	func() {
		defer func() {
			if r := recover(); r != nil && r != any(crash{}) {
				panic(r)
			}
		}()
		_ = w.b.Round(context.Background())
	}()
	w.close()
	w.open()
}
