package inbound_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/bridgetest"
	"github.com/orobridge/orobridge/bridge/oro/orotest"
)

// TestAShopThatWasRestored gives the ids of what it lost to other records. An update by the ledger's ids hits none of them.
func TestAShopThatWasRestored(t *testing.T) {
	w := bridgetest.NewWorld(t, bridgetest.FiveFeeds)
	products := func(prefix, name string) string {
		text := "sku,name,unit,status\n"
		for i := range 3 {
			text += fmt.Sprintf("%s-%d,%s %d,item,enabled\n", prefix, i, name, i)
		}
		return text
	}
	const descriptions = "sku,short_description\nOLD-0,Fine\nOLD-1,Fine\nOLD-2,Fine\n"
	w.Drop("products", "p1.csv", products("OLD", "Old"))
	w.Round()
	w.Drop("products", "p1b.csv", descriptions)
	w.Round()
	w.Drop("inventory", "i1.csv", "sku,unit,quantity\nOLD-0,item,5\nOLD-1,item,6\n")
	w.Round()

	// The backup is from before both drops, and other products come first after it.
	address := strings.TrimPrefix(w.Shop.URL(), "http://")
	if err := w.Shop.Close(); err != nil {
		t.Fatal(err)
	}
	w.Shop = orotest.New(orotest.Clock(w.Clock.Now))
	if err := w.Shop.Start(address); err != nil {
		t.Fatal(err)
	}
	shop := w.Shop
	t.Cleanup(func() { shop.Close() })
	w.Drop("products", "p2.csv", products("NEW", "New"))
	w.Round()
	w.Drop("products", "p3.csv", products("OLD", "Older"))
	w.Round()
	w.Drop("inventory", "i2.csv", "sku,unit,quantity\nOLD-0,item,7\nOLD-1,item,8\n")
	w.Round()

	// What the lost products had is not believed of the new ones.
	w.Drop("products", "p4.csv", descriptions)
	w.Round()
	if _, run := w.Last("products"); run.Updated != 3 {
		t.Errorf("descriptions again: %+v", run.Counts)
	}
	for _, feed := range []string{"products", "inventory"} {
		if d, run := w.Last(feed); d.State != bridge.Loaded {
			t.Errorf("%s: %s %+v; rejects:\n%s", feed, d.State, run.Counts, strings.Join(w.Rejects(d), "\n"))
		}
	}
	held := strings.Join(shop.Snapshot()["products"], "\n")
	for i := range 3 {
		for _, sku := range []string{"NEW", "OLD"} {
			if n := strings.Count(held, fmt.Sprintf(`"%s-%d"`, sku, i)); n != 1 {
				t.Errorf("%s-%d stands %d times", sku, i, n)
			}
		}
	}
	names := strings.Join(shop.Snapshot()["productnames"], "\n")
	for i := range 3 {
		if !strings.Contains(names, fmt.Sprintf("New %d", i)) || !strings.Contains(names, fmt.Sprintf("Older %d", i)) {
			t.Errorf("names of %d:\n%s", i, names)
		}
	}
	for _, level := range shop.Snapshot()["inventorylevels"] {
		if strings.Contains(level, "NEW") && (strings.Contains(level, "7") || strings.Contains(level, "8")) {
			t.Errorf("somebody else's stock was set: %s", level)
		}
	}
}
