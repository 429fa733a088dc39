package inbound_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/bridgetest"
	"github.com/orobridge/orobridge/bridge/inbound"
)

// reading counts the drops that are read of a ledger.
type reading struct {
	inbound.Ledger
	drops int
}

func (r *reading) Drops(ctx context.Context, f bridge.DropFilter) ([]*bridge.Drop, error) {
	drops, err := r.Ledger.Drops(ctx, f)
	r.drops += len(drops)
	return drops, err
}

// A long line is not read anew for each of its drops, and is kept in order all the same: what fails in its midst keeps those
// behind it.
func TestALongLineIsNotReadForEachOfItsDrops(t *testing.T) {
	const many, bad = 200, 150
	w := bridgetest.NewWorld(t, bridgetest.FeedOf(`/p_(?P<seq>\d+)\.csv/`, ", ready: { stable: 0s }, on_failure: block"))
	w.Stock("SKU1")
	for i := 1; i <= many; i++ {
		value := fmt.Sprint(i)
		if i == bad {
			value = "x"
		}
		w.Drop("prices", fmt.Sprintf("p_%d.csv", i), bridgetest.OnePrice(value))
	}
	f := w.B.In.Feeds[0]
	_, err := w.B.In.Poll(t.Context(), f)
	w.Must(err)
	count := &reading{Ledger: w.B.In.Ledger}
	w.B.In.Ledger = count
	w.Must(w.B.In.LoadDue(t.Context(), f))
	if count.drops > many*20 {
		t.Errorf("%d drops were read for %d in line", count.drops, many)
	}
	loaded, err := w.Ledger.Drops(t.Context(), bridge.DropFilter{States: []bridge.DropState{bridge.Loaded}})
	w.Must(err)
	if len(loaded) != bad-1 || w.PriceOf("SKU1") != fmt.Sprint(bad-1) {
		t.Errorf("%d were loaded, and the price is %s", len(loaded), w.PriceOf("SKU1"))
	}
	// Somebody decides, and the line goes on to its end.
	failed, err := w.Ledger.Drops(t.Context(), bridge.DropFilter{States: []bridge.DropState{bridge.Rejected}})
	w.Must(err)
	w.Must(w.B.In.Discard(t.Context(), f, failed[0], bridge.Decision{}))
	w.Must(w.B.In.LoadDue(t.Context(), f))
	if w.PriceOf("SKU1") != fmt.Sprint(many) {
		t.Errorf("the price is %s", w.PriceOf("SKU1"))
	}
}
