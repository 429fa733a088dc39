package inbound_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/bridgetest"
	"github.com/orobridge/orobridge/bridge/inbound"
	"github.com/orobridge/orobridge/formats"
)

// spoil changes the copy of a drop on the disk of the bridge as nobody does but a disk: the file keeps its size.
func spoil(w *bridgetest.World, d *bridge.Drop, harm func([]byte) []byte) {
	w.T.Helper()
	path := filepath.Join(w.B.In.Spool, d.Spool)
	whole, err := os.ReadFile(path)
	w.Must(err)
	w.Must(os.WriteFile(path, harm(bytes.Clone(whole)), 0o600))
}

// A copy that its disk has changed is found out before anything of it is sent, is fetched again from where the file stands, and told.
func TestACopyThatTheDiskHasChangedIsFetchedAgain(t *testing.T) {
	const file = "sku,name,unit\nSKU1,Bolt,item\nSKU2,Nut,item\n"
	flip := func(old, new string) func([]byte) []byte {
		return func(b []byte) []byte { return bytes.Replace(b, []byte(old), []byte(new), 1) }
	}
	for name, c := range map[string]struct {
		feed string
		file []byte
		harm func([]byte) []byte
	}{
		"in a value":                  {bridgetest.FeedWith("products", ""), []byte(file), flip("Bolt", "Colt")},
		"in the last row":             {bridgetest.FeedWith("products", ""), []byte(file), flip("Nut", "Net")},
		"so that a row is lost":       {bridgetest.FeedWith("products", ", mode: full, on_missing: disable"), []byte(file), flip("\nSKU2", ",SKU2")},
		"so that its head is no head": {bridgetest.FeedWith("products", ""), []byte(file), flip("sku,name", "sku\x00name")},
		"cut short":                   {bridgetest.FeedWith("products", ""), []byte(file), func(b []byte) []byte { return b[:len(b)-16] }},
		"emptied":                     {bridgetest.FeedWith("products", ", empty: no_rows"), []byte(file), func([]byte) []byte { return nil }},
		"in its wrapping": {bridgetest.FeedWith("products", ", unwrap: [gzip]"), gzipped(t, file),
			func(b []byte) []byte { b[9] ^= 1; return b }}, // a byte of the head, which no checksum of gzip covers
	} {
		t.Run(name, func(t *testing.T) {
			w := bridgetest.NewWorld(t, c.feed)
			w.Drop("products", "p1.csv", string(c.file))
			w.Round()
			d := w.Expect("products", bridge.Loaded, bridge.Counts{Rows: 2, Created: 2})
			w.Shop.JournalReset()
			spoil(w, d, c.harm)
			_, err := w.B.In.Rerun(t.Context(), d, inbound.RerunOptions{Force: true}, bridge.Decision{Who: "olga"})
			w.Must(err)
			w.Round()
			w.Expect("products", bridge.Loaded, bridge.Counts{Rows: 2, Updated: 2})
			if got := w.Link("products", "SKU1").Content; !slices.Contains(got, formats.Value{Field: "name", Text: "Bolt"}) {
				t.Errorf("the shop got %v", got)
			}
			if log := w.Log.String(); strings.Count(log, "not what was fetched") != 1 || !strings.Contains(log, "it was fetched again") {
				t.Errorf("what was told is:\n%s", log)
			}
		})
	}
}

// Where the bytes are nowhere else, the drop is held, again as often as somebody lets it go on, until they are good.
func TestADamagedCopyWithoutAnotherIsHeld(t *testing.T) {
	w := bridgetest.NewWorld(t, bridgetest.FeedWith("products", ""))
	path := filepath.Join(t.TempDir(), "p.csv")
	w.Must(bridgetest.WriteFile(path, "sku,name,unit\nSKU1,Bolt,item\n"))
	d, err := w.B.In.HandOver(t.Context(), w.Feed(), path)
	w.Must(err)
	spoil(w, d, func(b []byte) []byte { return bytes.Replace(b, []byte("Bolt"), []byte("Colt"), 1) })
	for range 2 {
		_, err := w.B.In.Load(t.Context(), w.Feed(), d)
		w.Must(err)
		d, _ = w.Last("products")
		if d.State != bridge.Held || !strings.Contains(d.Reason, "is not what was fetched") || !strings.Contains(d.Reason, "have its file sent again") {
			t.Fatalf("%s: %s", d.State, d.Reason)
		}
		if n := w.Writes(); n != 0 {
			t.Fatalf("%d writes", n)
		}
		w.Must(w.B.In.Approve(t.Context(), d, bridge.Decision{Who: "olga"}))
	}
	spoil(w, d, func(b []byte) []byte { return bytes.Replace(b, []byte("Colt"), []byte("Bolt"), 1) })
	_, err = w.B.In.Load(t.Context(), w.Feed(), d)
	w.Must(err)
	w.Expect("products", bridge.Loaded, bridge.Counts{Rows: 1, Created: 1})
}

// A remote that is away for the moment holds nothing: the drop waits for it.
func TestADamagedCopyWaitsForItsRemote(t *testing.T) {
	w := bridgetest.NewWorld(t, bridgetest.FeedWith("products", ""))
	w.Drop("products", "p1.csv", "sku,name,unit\nSKU1,Bolt,item\n")
	w.Round()
	d := w.Expect("products", bridge.Loaded, bridge.Counts{Rows: 1, Created: 1})
	spoil(w, d, func(b []byte) []byte { return bytes.Replace(b, []byte("Bolt"), []byte("Colt"), 1) })
	_, err := w.B.In.Rerun(t.Context(), d, inbound.RerunOptions{Force: true}, bridge.Decision{Who: "olga"})
	w.Must(err)
	w.Must(os.Rename(w.Folder, w.Folder+"-away"))
	_, err = w.B.In.Load(t.Context(), w.Feed(), d)
	if err == nil || bridge.FateOf(err) != bridge.Pause {
		t.Fatalf("the error is %v", err)
	}
	w.Must(os.Rename(w.Folder+"-away", w.Folder))
	w.Round()
	w.Expect("products", bridge.Loaded, bridge.Counts{Rows: 1, Updated: 1})
}

// A record that waits for its parent and is damaged in the ledger stops nobody but itself: it becomes a reject that says what to do.
func TestADamagedParkedRecordStopsOnlyItself(t *testing.T) {
	w := bridgetest.NewWorld(t, bridgetest.FiveFeeds)
	w.Stock()
	w.Drop("prices", "a.csv", bridgetest.PriceHead+bridgetest.Price("SKU1", "1")+bridgetest.Price("SKU2", "2")+bridgetest.Price("SKU3", "3"))
	w.Round()
	w.Expect("prices", bridge.Partial, bridge.Counts{Rows: 3, Parked: 3})
	bridgetest.Harm(w, `UPDATE parked SET record = replace(record, '2', '9') WHERE key LIKE '%SKU2%'; UPDATE parked SET pos = '{' WHERE key LIKE '%SKU3%'`)
	w.Drop("products", "p.csv", "sku,name,unit\nSKU1,Bolt,item\nSKU2,Nut,item\nSKU3,Washer,item\n")
	w.Round()
	d := w.Expect("prices", bridge.Partial, bridge.Counts{Rows: 3, Created: 1, Rejected: 2})
	if got := strings.Join(w.Rejects(d), "\n"); strings.Count(got, "damaged: while it waited for products SKU") != 2 || !strings.Contains(got, "`orobridge rerun 1`") {
		t.Errorf("rejects:\n%s", got)
	}
	if w.PriceOf("SKU1") != "1" || w.PriceOf("SKU2") != "" {
		t.Errorf("prices are %q and %q", w.PriceOf("SKU1"), w.PriceOf("SKU2"))
	}
	_, err := w.B.In.Rerun(t.Context(), d, inbound.RerunOptions{}, bridge.Decision{Who: "olga"})
	w.Must(err)
	w.Round()
	w.Expect("prices", bridge.Loaded, bridge.Counts{Rows: 3, Created: 2, Unchanged: 1})
	if w.PriceOf("SKU2") != "2" || w.PriceOf("SKU3") != "3" {
		t.Errorf("prices are %q and %q", w.PriceOf("SKU2"), w.PriceOf("SKU3"))
	}
}

// A batch that was on its way when the bridge died, and that is damaged in the ledger, is looked up: nothing is created twice.
func TestADamagedBatchIsLookedUp(t *testing.T) {
	w := bridgetest.NewWorld(t, bridgetest.FeedWith("products", ""))
	w.Drop("products", "p.csv", "sku,name,unit\nSKU1,Bolt,item\nSKU2,Nut,item\n")
	ctx, cut := context.WithCancel(t.Context())
	w.OnStep(func(name string) {
		if name == "await" {
			cut()
		}
	})
	if err := w.B.Round(ctx); err == nil {
		t.Fatal("the step was not reached")
	}
	bridgetest.Harm(w, `UPDATE batches SET changes = substr(changes, 1, length(changes) - 1)`)
	w.Round()
	w.Expect("products", bridge.Loaded, bridge.Counts{Rows: 2, Unchanged: 2, Adopted: 2})
	if n := w.Shop.Count("products"); n != 2 {
		t.Errorf("the shop has %d products", n)
	}
	if log := w.Log.String(); !strings.Contains(log, "what the ledger has of its records is not what was written") {
		t.Errorf("what was told is:\n%s", log)
	}
}
