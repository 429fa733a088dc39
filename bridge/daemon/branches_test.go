package daemon_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/bridgetest"
	"github.com/orobridge/orobridge/bridge/inbound"
	"github.com/orobridge/orobridge/bridge/operate"
	"github.com/orobridge/orobridge/bridge/oro/orotest"
	"github.com/orobridge/orobridge/formats"
)

// named is a feed whose files say in their names for which shop they are.
const named = `feeds:
  - { name: products, shop: [b2b, outlet], entity: products, remote: disk, match: '/(?P<shop>b2b|outlet|old)_products_(?P<seq>\d+)\.csv/',
      ready: { stable: 0s }, gap: hold, format: { kind: csv } }
`

// TestANameSaysForWhichShopAFileIs: each shop has a line of its own, with its own numbers, and a name that is for none of them is a
// stranger.
func TestANameSaysForWhichShopAFileIs(t *testing.T) {
	w := bridgetest.NewShops(t, []string{"b2b", "outlet"}, named)
	w.Drop("b2b_products_1.csv", "sku,name,unit\nSKU9,Bolt,item\n")
	w.Drop("outlet_products_7.csv", "sku,name,unit\nSKU9,Bolt for the outlet,item\n")
	w.Drop("old_products_2.csv", "sku,name,unit\nSKU9,Old bolt,item\n")
	round(w)
	w.Drop("b2b_products_3.csv", "sku,name,unit\nSKU9,Late bolt,item\n")
	w.Drop("outlet_products_8.csv", "sku,name,unit\nSKU9,Newer bolt,item\n")
	round(w)
	want := []string{"products@b2b held number 2 is missing before it (gap: hold)", "products@b2b loaded", "products@outlet loaded",
		"products@outlet loaded"}
	if diff := cmp.Diff(want, w.Drops()); diff != "" {
		t.Error(diff)
	}
	notes, err := w.Ledger.Notes(t.Context())
	w.Must(err)
	var strangers []string
	for name, text := range notes {
		if feed, of, ok := inbound.StrangersOf(name, text); ok {
			for _, s := range of {
				strangers = append(strangers, feed+" "+s.File+" "+s.Why)
			}
		}
	}
	slices.Sort(strangers)
	want = []string{"products@b2b old_products_2.csv shop: it is for old, and feed products loads nothing into that"}
	if diff := cmp.Diff(want, strangers); diff != "" {
		t.Error(diff)
	}
}

// both is a feed whose files are for two shops.
const both = `feeds:
  - { name: products, shop: [b2b, outlet], entity: products, remote: disk, match: 'products_*.csv', receipts: [json, csv],
      ready: { stable: 0s }, guards: { min_rows: 1 }, format: { kind: csv } }
`

// names lists the files below a folder of the world.
func names(w *bridgetest.Shops, folder string) []string {
	w.T.Helper()
	entries, err := os.ReadDir(filepath.Join(w.Folder, folder))
	if os.IsNotExist(err) {
		return nil
	}
	w.Must(err)
	var all []string
	for _, e := range entries {
		if !e.IsDir() {
			all = append(all, e.Name())
		}
	}
	return all
}

// TestAFileFeedsTwoShops: one drop, one part and one run for each, one receipt that names both, one place in the archive.
func TestAFileFeedsTwoShops(t *testing.T) {
	w := bridgetest.NewShops(t, []string{"b2b", "outlet"}, both)
	w.Drop("products_1.csv", "sku,name,unit\nSKU8,Nut,item\nSKU9,Bolt,none\n")
	round(w)
	want := []string{"products partial b2b: partial: 1 rows rejected, 0 parked; outlet: partial: 1 rows rejected, 0 parked",
		"products@b2b partial 1 rows rejected, 0 parked", "products@outlet partial 1 rows rejected, 0 parked"}
	if diff := cmp.Diff(want, w.Drops()); diff != "" {
		t.Error(diff)
	}
	for _, shop := range w.Names {
		links, err := w.Ledger.Of(shop).Links(t.Context(), "products", []string{"SKU8"})
		w.Must(err)
		if links["SKU8"] == nil {
			t.Errorf("%s has no SKU8", shop)
		}
	}
	for folder, want := range map[string][]string{
		"":         nil,
		".work":    nil,
		"archive":  {"products_1_r2.csv"},
		"rejected": {"products_1_r1_rejects.csv", "products_1_r2_rejects.csv"},
		"receipts": {"products_1.csv_r2_receipt.csv", "products_1.csv_r2_receipt.json"},
	} {
		if diff := cmp.Diff(want, names(w, folder)); diff != "" {
			t.Errorf("%s: %s", folder, diff)
		}
	}
	text, err := os.ReadFile(filepath.Join(w.Folder, "receipts", "products_1.csv_r2_receipt.json"))
	w.Must(err)
	var receipt struct {
		State string
		Shops []struct {
			Shop                    string
			Rows, Created, Rejected int
			Rejects                 []struct{ Key string }
		}
	}
	w.Must(json.Unmarshal(text, &receipt))
	if receipt.State != "partial" || len(receipt.Shops) != 2 {
		t.Fatalf("%s", text)
	}
	for i, shop := range w.Names {
		if s := receipt.Shops[i]; s.Shop != shop || s.Rows != 2 || s.Created != 1 || s.Rejected != 1 || len(s.Rejects) != 1 {
			t.Errorf("%+v", s)
		}
	}
	table, err := os.ReadFile(filepath.Join(w.Folder, "receipts", "products_1.csv_r2_receipt.csv"))
	w.Must(err)
	if head, _, _ := strings.Cut(string(table), "\n"); !strings.HasSuffix(head, ",shop") {
		t.Errorf("the table has no shops: %s", head)
	}
	round(w)
	if diff := cmp.Diff(want, w.Drops()); diff != "" {
		t.Errorf("a round more: %s", diff)
	}
}

// TestAShopThatIsAwayKeepsItsPart: the other one goes on, file after file; what waits is loaded in order once the shop is back.
func TestAShopThatIsAwayKeepsItsPart(t *testing.T) {
	w := bridgetest.NewShops(t, []string{"b2b", "outlet"}, both)
	away := w.Boxes["outlet"].Inject(orotest.Fault{Times: 1_000_000, Effect: orotest.BadGateway()})
	for i := range 3 {
		w.Drop(fmt.Sprintf("products_%d.csv", i), fmt.Sprintf("sku,name,unit\nSKU9,Bolt %d,item\n", i))
		if err := w.B.Round(t.Context()); bridge.FateOf(err) != bridge.Pause {
			t.Error(err)
		}
	}
	want := []string{"products loading b2b: loaded; outlet: fetched", "products loading b2b: loaded; outlet: fetched",
		"products loading b2b: loaded; outlet: loading", "products@b2b loaded", "products@b2b loaded", "products@b2b loaded",
		"products@outlet fetched", "products@outlet fetched", "products@outlet loading"}
	if diff := cmp.Diff(want, w.Drops()); diff != "" {
		t.Error(diff)
	}
	if got := names(w, "archive"); len(got) != 0 {
		t.Errorf("put away: %v", got)
	}
	away.Release()
	round(w)
	for _, told := range w.Drops() {
		if !strings.HasSuffix(told, " loaded") {
			t.Error(told)
		}
	}
	links, err := w.Ledger.Of("outlet").Links(t.Context(), "products", []string{"SKU9"})
	w.Must(err)
	if k := links["SKU9"]; k == nil || !slices.ContainsFunc(k.Content, func(v formats.Value) bool { return v.Text == "Bolt 2" }) {
		t.Errorf("%+v", k)
	}
	if got := names(w, "archive"); len(got) != 3 {
		t.Errorf("put away: %v", got)
	}
}

// TestAFileForTwoShopsSurvivesEveryCut: at whichever step the bridge is cut, each shop loads the file once, and the sender has one archived
// file, one receipt of both and the rejects of each.
func TestAFileForTwoShopsSurvivesEveryCut(t *testing.T) {
	w := bridgetest.NewShops(t, []string{"b2b", "outlet"}, both)
	w.Drop("products_1.csv", "sku,name,unit\nSKU8,Nut,item\nSKU9,Bolt,none\n")
	cuts := cutEverywhere(w)
	round(w)
	want := []string{"products partial b2b: partial: 1 rows rejected, 0 parked; outlet: partial: 1 rows rejected, 0 parked",
		"products@b2b partial 1 rows rejected, 0 parked", "products@outlet partial 1 rows rejected, 0 parked"}
	if diff := cmp.Diff(want, w.Drops()); diff != "" {
		t.Error(diff)
	}
	for folder, n := range map[string]int{"": 0, ".work": 0, "archive": 1, "rejected": 2, "receipts": 2} {
		if got := names(w, folder); len(got) != n {
			t.Errorf("%s has %v", folder, got)
		}
	}
	for _, shop := range w.Names {
		runs := 0
		drops, err := w.Ledger.Drops(t.Context(), bridge.DropFilter{Feed: "products@" + shop})
		w.Must(err)
		for _, d := range drops {
			all, err := w.Ledger.Runs(t.Context(), d.ID)
			w.Must(err)
			runs += len(all)
		}
		if len(drops) != 1 || runs != 1 {
			t.Errorf("%s has %d parts and %d runs", shop, len(drops), runs)
		}
	}
	t.Logf("%d cuts", cuts)
}

// TestAnAlarmOfAFileForTwoShopsIsSeenByWhoeverSeesOne: only who sees both decides about it.
func TestAnAlarmOfAFileForTwoShopsIsSeenByWhoeverSeesOne(t *testing.T) {
	w := bridgetest.NewShops(t, []string{"b2b", "outlet", "third"}, both+`  - { name: other, shop: third, entity: products, remote: disk, match: 'o*.csv', format: { kind: csv } }
`)
	late := &bridge.LiveAlarm{Alarm: bridge.AlarmMissing, Of: "feed products", N: 1, Text: "nothing came by 06:30", Begun: w.Clock.Now(),
		Raised: w.Clock.Now()}
	w.Must(w.Ledger.SaveAlarms(t.Context(), bridge.AlarmRound{Alarms: []*bridge.LiveAlarm{late}}))
	for of, want := range map[string]string{"": "b2b, outlet", "outlet": "outlet", "third": "not seen"} {
		k := *w.Desk()
		if of != "" {
			k.View = k.SeenBy([]string{of})
		}
		k.By = bridge.Decision{Who: "olga", Why: "it comes at nine"}
		alarms, err := operate.Alarms(t.Context(), &k.View, bridge.AlarmFilter{Open: true})
		w.Must(err)
		got := "not seen"
		for _, a := range alarms {
			got = strings.Join(a.Shops, ", ")
		}
		if got != want {
			t.Errorf("who sees %q sees it as of %s", of, got)
		}
		if _, err := (operate.Watch{Desk: &k}).Ack(t.Context(), late.ID, time.Time{}); (err == nil) != (of == "") {
			t.Errorf("who sees %q decides: %v", of, err)
		}
	}
}

// TestAGuardOfOneShopIsNothingToTheOther: what is held for one is loaded by the other, and decided about by itself.
func TestAGuardOfOneShopIsNothingToTheOther(t *testing.T) {
	w := bridgetest.NewShops(t, []string{"b2b", "outlet"}, strings.ReplaceAll(both, "min_rows: 1", "max_removals: 0"))
	w.Drop("products_1.csv", "sku,name,unit,delete\nSKU8,Nut,item,\nSKU9,Bolt,item,\n")
	round(w)
	k := w.Desk()
	outlet, err := k.Only("outlet")
	w.Must(err)
	of := *k
	of.View = outlet
	if _, err := of.UndoDrop(t.Context(), 1, true, false); err != nil { // its part of drop 1
		t.Fatal(err)
	}
	w.Drop("products_2.csv", "sku,name,unit,delete\nSKU8,Nut,item,X\nSKU7,Pin,item,\n") // b2b has SKU8, outlet has it no more
	round(w)
	want := []string{"products loaded", "products loading b2b: held: max_removals: 1 of 3, the limit is 0; outlet: loaded",
		"products@b2b held max_removals: 1 of 3, the limit is 0", "products@b2b loaded", "products@outlet loaded", "products@outlet loaded",
		"products@outlet loaded"}
	if diff := cmp.Diff(want, w.Drops()); diff != "" {
		t.Error(diff)
	}
	if got := names(w, "archive"); len(got) != 1 {
		t.Errorf("put away before all have settled: %v", got)
	}
	list, err := k.Drops(t.Context(), bridge.DropFilter{})
	w.Must(err)
	var told []string
	for _, d := range list {
		told = append(told, fmt.Sprintf("%d %s %s %s", d.Drop, d.Feed, d.Shop, d.State))
	}
	want = []string{"1 products b2b, outlet loaded", "4 products@outlet outlet loaded", "5 products b2b, outlet loading", "6 products@b2b b2b held"}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Error(diff)
	}
	if _, err := of.Approve(t.Context(), 5); err == nil {
		t.Error("outlet's desk approved what is held for b2b")
	}
	v, err := k.Approve(t.Context(), 5)
	w.Must(err)
	if v.State != bridge.Loaded || len(names(w, "archive")) != 2 || len(names(w, "receipts")) != 4 {
		t.Errorf("%+v, archive %v, receipts %v", v, names(w, "archive"), names(w, "receipts"))
	}
	for _, id := range []int64{5, 7} { // the drop by its parts, and a part of it
		if _, err := k.Rerun(t.Context(), id, inbound.RerunOptions{Force: true}); err != nil {
			t.Fatal(err)
		}
	}
	d, err := k.DropDetails(t.Context(), 5, false)
	w.Must(err)
	if len(d.Parts) != 2 || d.Parts[0].Shop != "b2b" || d.Parts[1].Drop != 7 || d.State != bridge.Loaded || !d.Details.Moved {
		t.Errorf("%+v", d)
	}
	if got := names(w, "receipts"); len(got) != 8 { // one pair for each time that the drop was settled
		t.Errorf("%v", got)
	}
}

// TestADamagedCopyOfSeveralShopsIsFetchedAgain: the disk has changed it before either shop has read it, and both load what was sent.
func TestADamagedCopyOfSeveralShopsIsFetchedAgain(t *testing.T) {
	w := bridgetest.NewShops(t, []string{"b2b", "outlet"}, both)
	w.Drop("products_1.csv", "sku,name,unit\nSKU8,Nut,item\nSKU9,Bolt,item\n")
	stop := w.Events.Observe(func(e *bridge.Event) {
		if e.Kind == bridge.StepReached && e.Text == "parted" {
			w.Must(os.WriteFile(filepath.Join(w.Ledger.Spool(), "1"), []byte("sku,name,unit\nSKU8,Nut,item\nSKU9,Colt,item\n"), 0o600))
		}
	})
	defer stop()
	round(w)
	want := []string{"products loaded", "products@b2b loaded", "products@outlet loaded"}
	if diff := cmp.Diff(want, w.Drops()); diff != "" {
		t.Error(diff)
	}
	for _, shop := range w.Names {
		links, err := w.Ledger.Of(shop).Links(t.Context(), "products", []string{"SKU9"})
		w.Must(err)
		if k := links["SKU9"]; k == nil || !slices.ContainsFunc(k.Content, func(v formats.Value) bool { return v.Text == "Bolt" }) {
			t.Errorf("%s has %+v", shop, k)
		}
	}
}
