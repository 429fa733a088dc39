package inbound_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

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
