package inbound_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/bridgetest"
	"github.com/orobridge/orobridge/bridge/inbound"
	"github.com/orobridge/orobridge/bridge/oro/orotest"
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

// What was created after the backup, and a full file lacks that comes after the restore, is withdrawn by nobody: the bridge finds it once that
// file is loaded, tells, and a repair withdraws it. What people have in the shop from before is left alone.
func TestWhatWasCreatedSinceABackupAndIsWithdrawnIsFound(t *testing.T) {
	const head = "sku,name,unit\n"
	w := bridgetest.NewWorld(t, `
feeds:
  - { name: products, entity: products, remote: disk, folder: products, match: '*.csv', ready: { stable: 0s }, format: { kind: csv },
      mode: full, on_missing: disable }
`, orotest.Seed(orotest.Sample))
	w.Drop("products", "p1.csv", head+"SKU1,Bolt,item\n")
	w.Round()
	backup := bridgetest.Backup(w)
	w.Drop("products", "p2.csv", head+"SKU1,Bolt,item\nSKU2,Nut,item\nSKU3,Washer,item\n")
	w.Round()
	bridgetest.LoseDisk(w, backup)
	w.Drop("products", "p3.csv", head+"SKU1,Bolt,item\nSKU3,Washer,item\n")
	w.Round()
	alarm := bridge.AlarmNote("feed products", bridge.AlarmDrifted)
	notes, err := w.Ledger.Notes(t.Context())
	w.Must(err)
	if !strings.Contains(notes[alarm], "1 of these made since the backup") {
		t.Fatalf("nobody was told: %q", notes)
	}
	var strays []string
	v, err := w.B.In.Reconcile(t.Context(), w.B.In.Feeds[0], inbound.ReconcileOptions{Repair: true, Agreed: true, Each: func(d inbound.Difference) error {
		if d.Kind == inbound.StrayThere {
			strays = append(strays, d.Key)
		}
		return nil
	}}, bridge.Decision{Who: "olga"})
	w.Must(err)
	if v.Stray != 1 || v.Unknown <= 1 || len(strays) != 1 || strays[0] != "SKU2" {
		t.Errorf("%+v: %v", v, strays)
	}
	w.Round()
	if d, run := w.Last("products"); d.State != bridge.Loaded || run.Removed != 1 {
		t.Errorf("the repair is %s: %+v", d.State, run.Counts)
	}
	for _, line := range w.Shop.Snapshot()["products"] {
		if strings.Contains(line, `"SKU2"`) == strings.Contains(line, `"enabled"`) && strings.Contains(line, "SKU") {
			t.Errorf("in the shop: %s", line)
		}
	}
	v, err = w.B.In.Reconcile(t.Context(), w.B.In.Feeds[0], inbound.ReconcileOptions{}, bridge.Decision{Who: "olga"})
	w.Must(err)
	if notes, err = w.Ledger.Notes(t.Context()); err != nil || v.Stray != 0 || notes[alarm] != "" {
		t.Errorf("afterwards: %+v, %q %v", v, notes[alarm], err)
	}
	// It is looked for once. How often the shop is asked whether it has done a batch is up to the machine.
	w.Drop("products", "p4.csv", head+"SKU1,Bolt M8,item\nSKU3,Washer,item\n")
	w.Shop.JournalReset()
	w.Round()
	asked := slices.DeleteFunc(w.Shop.Journal(), func(r orotest.Request) bool { return strings.Contains(r.Path, "/asyncoperations/") })
	if len(asked) > 20 {
		t.Errorf("%d requests for one change: %v", len(asked), asked)
	}
}
