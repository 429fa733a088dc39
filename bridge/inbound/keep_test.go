package inbound_test

import (
	"testing"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/bridgetest"
)

// A ledger that was put back believes what the shop held when it was backed up. What the shop holds now is what counts.
func TestAfterARestoreRowsAreComparedWithTheShop(t *testing.T) {
	const head = "sku,name,unit\n"
	const before, after = head + "SKU1,Bolt,item\nSKU2,Nut,item\n", head + "SKU1,Bolt M8,item\nSKU2,Nut M8,item\nSKU3,Washer,item\n"
	for name, c := range map[string]struct {
		file   string
		writes bool
		want   bridge.Counts
	}{
		"what was loaded since is unchanged":    {after, false, bridge.Counts{Rows: 3, Unchanged: 3, Adopted: 3}},
		"what was set back since is sent":       {before, true, bridge.Counts{Rows: 2, Updated: 2}},
		"what changes now is sent, and no more": {head + "SKU1,Bolt M8,item\nSKU2,Nut M9,item\n", true, bridge.Counts{Rows: 2, Unchanged: 1, Adopted: 1, Updated: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			w := bridgetest.NewWorld(t, bridgetest.FiveFeeds)
			w.Drop("products", "p1.csv", before)
			w.Round()
			backup := bridgetest.Backup(w)
			w.Drop("products", "p2.csv", after)
			w.Round()
			bridgetest.LoseDisk(w, backup)
			w.Shop.JournalReset()
			w.Drop("products", "p3.csv", c.file)
			w.Round()
			d := w.Expect("products", bridge.Loaded, c.want)
			if n := w.Writes(); (n > 0) != c.writes {
				t.Errorf("%d writes", n)
			}
			if n := w.Shop.Count("products"); n != 3 {
				t.Errorf("the shop has %d products", n)
			}
			// From then on the ledger knows again, and asks nobody.
			w.Drop("products", "p4.csv", c.file+"SKU1,Bolt,item\n")
			w.Round()
			if _, run := w.Last("products"); run.Drop == d.ID || run.Adopted != 0 {
				t.Errorf("once more: %+v", run.Counts)
			}
		})
	}
}
