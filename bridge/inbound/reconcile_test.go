package inbound_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/bridgetest"
	"github.com/orobridge/orobridge/bridge/inbound"
)

// TestPlantedDifferencesAreFound: among many prices fifty differ in five ways: raised, lowered, taken away, taken away and made
// again under another id, and made by somebody else. All are found and none is invented, and the repair sets right what is ours.
func TestPlantedDifferencesAreFound(t *testing.T) {
	n := 1_500
	if os.Getenv("OROBRIDGE_SOAK") != "" {
		n = 100_000
	}
	w := bridgetest.NewWorld(t, bridgetest.FeedWith("prices", ""))
	skus := make([]string, n)
	var file strings.Builder
	for i := range skus {
		skus[i] = fmt.Sprintf("SKU%06d", i)
		fmt.Fprint(&file, bridgetest.Price(skus[i], fmt.Sprintf("%d.50", i+1)))
	}
	w.Stock(skus...)
	w.Drop("prices", "a.csv", bridgetest.PriceHead+file.String())
	w.Round()
	want := []string{}
	for i := range 50 {
		at := i * (n / 50)
		sku, key := skus[at], "Retail|"+skus[at]+"|item|1|EUR"
		differs := fmt.Sprintf("different %s value %d.5", key, at+1)
		switch i % 5 {
		case 0:
			w.InShop(bridge.Update, sku, "EUR", "999999")
			want = append(want, differs+" 999999")
		case 1:
			w.InShop(bridge.Update, sku, "EUR", "0.01")
			want = append(want, differs+" 0.01")
		case 2:
			w.InShop(bridge.Remove, sku, "EUR", "")
			want = append(want, "missing "+key)
		case 3:
			w.InShop(bridge.Remove, sku, "EUR", "")
			w.InShop(bridge.Create, sku, "EUR", "7")
			want = append(want, differs+" 7")
		case 4:
			w.InShop(bridge.Create, sku, "USD", "5")
			want = append(want, "unknown Retail|"+sku+"|item|1|USD")
		}
	}
	compare := func(o inbound.ReconcileOptions) (*inbound.Reconciliation, []string) {
		t.Helper()
		found := []string{}
		o.Each = func(d inbound.Difference) error {
			found = append(found, strings.TrimSpace(strings.Join([]string{string(d.Kind), d.Key, d.Field, d.Ours, d.Shops}, " ")))
			return nil
		}
		v, err := w.B.In.Reconcile(t.Context(), w.Feed(), o, bridge.Decision{Who: "olga"})
		w.Must(err)
		slices.Sort(found)
		return v, found
	}
	slices.Sort(want)
	w.Shop.JournalReset()
	v, found := compare(inbound.ReconcileOptions{})
	if diff := cmp.Diff(want, found); diff != "" {
		t.Fatalf("-want +got:\n%s", diff)
	}
	if v.Compared != int64(n) || v.Missing != 10 || v.Different != 30 || v.Unknown != 10 || v.Drop != nil || w.Writes() != 0 {
		t.Errorf("it says %+v, %d requests wrote", v, w.Writes())
	}
	if v, _ = compare(inbound.ReconcileOptions{Repair: true, Agreed: true}); v.Drop == nil {
		t.Fatal("no drop was made")
	}
	w.Round()
	if d, run := w.Last("prices"); d.State != bridge.Loaded || run.Rows != 40 || run.Created+run.Updated != 40 {
		t.Errorf("the repair is %s (%s): %+v", d.State, d.Reason, run.Counts)
	}
	if _, found = compare(inbound.ReconcileOptions{}); len(found) != 10 || !strings.HasPrefix(found[0], "unknown ") {
		t.Errorf("after the repair: %v", found)
	}
}

// compared are the differences that a comparison tells, a line each: kind, key, field, ours, the shop's.
func compared(w *bridgetest.World, feed string, o inbound.ReconcileOptions) []string {
	w.T.Helper()
	f, _ := w.B.In.Feed(feed)
	lines := []string{}
	o.Each = func(d inbound.Difference) error {
		lines = append(lines, strings.TrimSpace(strings.Join([]string{string(d.Kind), d.Key, d.Field, d.Ours, d.Shops}, " ")))
		return nil
	}
	_, err := w.B.In.Reconcile(w.T.Context(), f, o, bridge.Decision{Who: "olga"})
	w.Must(err)
	slices.Sort(lines)
	return lines
}

// ours are the differences about what the bridge has set; every shop has a price list of its own, and levels of its products.
func ours(differences []string) []string {
	return slices.DeleteFunc(differences, func(line string) bool {
		return line == "unknown Default Price List" || line == "unknown C|item" || line == "unknown SKU1|set"
	})
}

// TestEachEntityIsReconciled: the shop was set back behind a drop, so that a record of each entity is missing there and one has an
// older value; the repair brings back both.
func TestEachEntityIsReconciled(t *testing.T) {
	for _, x := range []struct {
		entity, before, after string
		want                  []string
	}{
		{"customers", "customer_number,name,city,country,street,postal_code\nC-1,Head,Ulm,DE,A 1,89073\nC-2,Branch,,,,\n",
			"customer_number,name\nC-1,Head Office\nC-3,New\n",
			[]string{"different C-1 name Head Office Head", "missing C-3"}},
		{"products", "sku,name,unit\nSKU1,Bolt,item\nSKU2,Nut,item\n", "sku,name,unit\nSKU1,Bolt M8,item\nSKU3,Pipe,item\n",
			[]string{"different SKU1 name Bolt M8 Bolt", "missing SKU3"}},
		{"pricelists", "name,currencies,active\nRetail,EUR,1\n", "name,currencies,active\nRetail,EUR USD,1\nSale,EUR,1\n",
			[]string{"different Retail currencies EUR USD EUR", "missing Sale"}},
		{"inventory", "sku,unit,quantity\nA,item,1\nB,item,2\n", "sku,unit,quantity\nA,item,10\nC,item,3\n",
			[]string{"different A|item quantity 10 1", "different C|item quantity 3 0"}},
	} {
		t.Run(x.entity, func(t *testing.T) {
			w := bridgetest.NewWorld(t, bridgetest.FeedWith(x.entity, ""))
			if x.entity == "inventory" {
				w.Stock("A", "B", "C")
			}
			w.Drop(x.entity, "1.csv", x.before)
			w.Round()
			backup := w.Shop.Backup()
			w.Drop(x.entity, "2.csv", x.after)
			w.Round()
			if got := ours(compared(w, x.entity, inbound.ReconcileOptions{})); len(got) != 0 {
				t.Fatalf("before the shop is set back: %v\n%s", got, w.Log)
			}
			w.Shop.Restore(backup)
			if diff := cmp.Diff(x.want, ours(compared(w, x.entity, inbound.ReconcileOptions{Repair: true, Agreed: true}))); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			w.Round()
			if d, _ := w.Last(x.entity); d.State != bridge.Loaded {
				t.Errorf("the repair is %s (%s)", d.State, d.Reason)
			}
			if got := ours(compared(w, x.entity, inbound.ReconcileOptions{})); len(got) != 0 {
				t.Errorf("after the repair: %v", got)
			}
		})
	}
}

// TestAScheduledComparison raises an alarm beyond the feed's limit, which the next good one ends. One that was missed is made up for,
// and one that a person asks for ends the alarm as well.
func TestAScheduledComparison(t *testing.T) {
	w := bridgetest.NewWorld(t, bridgetest.FeedWith("prices", ", reconcile: 'sun 03:00', reconcile_alarm: 1"))
	w.Stock("SKU1", "SKU2", "SKU3") // it is Saturday, 7 o'clock
	w.Drop("prices", "a.csv", bridgetest.PriceHead+bridgetest.Price("SKU1", "1")+bridgetest.Price("SKU2", "2")+bridgetest.Price("SKU3", "3"))
	w.Round()
	w.InShop(bridge.Update, "SKU1", "EUR", "10")
	w.InShop(bridge.Remove, "SKU2", "EUR", "")
	w.Later(19 * time.Hour)
	alarmed := func(want ...string) {
		t.Helper()
		if got := w.Alarms(); !slices.Equal(got, want) {
			t.Errorf("alarms: %q\nwant %q", got, want)
		}
	}
	alarmed()
	w.Later(time.Hour)
	drifted := "feed prices drifted: 2 compared: 1 missing, 1 different, 0 unknown here: more than 1 (reconcile_alarm)"
	alarmed(drifted)
	w.Later(time.Hour)
	w.InShop(bridge.Update, "SKU1", "EUR", "1")
	w.Later(24 * time.Hour)
	alarmed(drifted)
	w.Restart()
	w.Later(14 * 24 * time.Hour) // one was missed
	alarmed()
	w.InShop(bridge.Update, "SKU1", "EUR", "10")
	w.Later(7 * 24 * time.Hour)
	alarmed(drifted)
	compared(w, "prices", inbound.ReconcileOptions{Repair: true, Agreed: true})
	w.Round()
	alarmed(drifted)
	compared(w, "prices", inbound.ReconcileOptions{})
	alarmed()
}

// TestTheAlarmOfARestoredShop ends once each entity was compared and nothing differed; what was compared before it began says
// nothing.
func TestTheAlarmOfARestoredShop(t *testing.T) {
	w := bridgetest.NewWorld(t, bridgetest.FiveFeeds)
	w.DropAll("1")
	w.Round()
	raised := func() bool { return len(w.Alarms()) == 1 && strings.HasPrefix(w.Alarms()[0], "shop restored") }
	raise := func() {
		w.Must(w.Ledger.Note(t.Context(), bridge.AlarmNote("shop", bridge.AlarmRestored), "it went back"))
	}
	entities := []string{"customers", "products", "pricelists", "prices", "inventory"}
	for _, entity := range entities {
		compared(w, entity, inbound.ReconcileOptions{})
	}
	raise()
	for i, entity := range entities {
		if !raised() {
			t.Fatalf("it ended before %s were compared: %v", entity, w.Alarms())
		}
		if got := ours(compared(w, entity, inbound.ReconcileOptions{})); len(got) > 0 {
			t.Errorf("%s: %v", entity, got)
		}
		if i == 3 { // the shop differs: that is no end
			w.InShop(bridge.Update, "SKU1", "EUR", "7")
			compared(w, entity, inbound.ReconcileOptions{})
		}
	}
	if len(w.Alarms()) != 0 {
		t.Errorf("it has not ended: %v", w.Alarms())
	}
}
