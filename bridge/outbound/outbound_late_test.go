package outbound_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/bridgetest"
	"github.com/orobridge/orobridge/bridge/oro/orotest"
	"github.com/orobridge/orobridge/formats/csv"
)

func setEncoding(w *bridgetest.World, encoding string) {
	w.Export().Format = &csv.OrderOptions{Encoding: encoding}
}

// noticeAll submits n orders, many of them within one second, and commits them up to nine minutes later in any order,
// while the export polls; some change meanwhile. It checks that each was noticed once, under numbers without gaps.
func noticeAll(w *bridgetest.World, n int) {
	w.T.Helper()
	chance := rand.New(rand.NewPCG(1, 2))
	type held struct {
		due    time.Time
		commit func() error
	}
	var open []held
	var ids []string
	commit := func(all bool) {
		open = slices.DeleteFunc(open, func(h held) bool {
			if !all && h.due.After(w.Clock.Now()) {
				return false
			}
			w.Must(h.commit())
			return true
		})
	}
	for i := range n {
		if chance.IntN(8) == 0 {
			w.Tick(time.Duration(chance.IntN(4000)) * time.Millisecond)
		}
		id, done, err := w.Shop.HoldOrder(orotest.Order{Identifier: fmt.Sprintf("O-%d", i), Customer: "1", CreatedAt: w.Clock.Now(),
			Lines: []orotest.Line{{SKU: "0RT28", Quantity: "1", Price: "1"}}})
		w.Must(err)
		wait := time.Duration(0)
		if chance.IntN(3) == 0 {
			wait = time.Duration(chance.IntN(540)) * time.Second
		}
		ids = append(ids, id)
		open = append(open, held{w.Clock.Now().Add(wait), done})
		chance.Shuffle(len(open), func(i, j int) { open[i], open[j] = open[j], open[i] })
		commit(false)
		if chance.IntN(40) == 0 {
			_ = w.Out() // the remote is down
		}
	}
	commit(true)
	_ = w.Out()
	list, err := w.Ledger.Outbox(w.T.Context(), bridge.OutboxFilter{})
	w.Must(err)
	seen := map[string]bool{}
	for i, o := range list {
		if seen[o.OroID] || o.Number != int64(i+1) {
			w.T.Fatalf("order %s has number %d at place %d, seen before: %v", o.Order, o.Number, i+1, seen[o.OroID])
		}
		seen[o.OroID] = true
	}
	for i, id := range ids {
		if !seen[id] {
			w.T.Errorf("missed order %d", i)
		}
	}
	if len(list) != n {
		w.T.Errorf("%s orders, want %d", strconv.Itoa(len(list)), n)
	}
}

func BenchmarkNotice(b *testing.B) {
	w := bridgetest.Exporting(b, "")
	w.Spoil().OnPut = func(string) error { return errDown }
	for i := range 200 {
		w.Submit(fmt.Sprintf("O-%d", i))
	}
	_ = w.Out()
	for b.Loop() {
		_ = w.Out()
	}
}

var errDown = &bridge.Error{Op: "put", Object: "orders", Fate: bridge.Pause, Err: fmt.Errorf("down")}
