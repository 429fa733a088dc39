package operate_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/bridgetest"
	"github.com/orobridge/orobridge/bridge/operate"
)

// What a held drop would do is seen before it is approved: removals and the prices that move furthest come first, however long
// the file is, and nothing is written.
func TestAHeldDropShowsWhatWeighsMost(t *testing.T) {
	const n = 2500
	w := bridgetest.NewWorld(t, bridgetest.FeedWith("prices", ", mode: full, on_missing: delete, guards: { max_removals: 0, max_price_change: { by: 50%, share: 0 } }"))
	skus := make([]string, n)
	var before, after strings.Builder
	for i := range skus {
		skus[i] = fmt.Sprintf("SKU%04d", i)
		before.WriteString(bridgetest.Price(skus[i], "100"))
		price := fmt.Sprintf("100.%02d", i%90+1)
		switch i {
		case 7:
			price = "10"
		case 1900:
			price = "1000"
		case 2400:
			price = "160"
		case 2300:
			continue
		}
		after.WriteString(bridgetest.Price(skus[i], price))
	}
	w.Stock(skus...)
	w.Drop("prices", "1.csv", bridgetest.PriceHead+before.String())
	w.Round()
	w.Drop("prices", "2.csv", bridgetest.PriceHead+after.String())
	w.Round()
	if d, _ := w.Last("prices"); d.State != bridge.Held {
		t.Fatalf("it is %s: %s", d.State, d.Reason)
	}
	w.Shop.JournalReset()
	v, err := desk(w, true).PlanDrop(t.Context(), 2, operate.PlanOptions{})
	w.Must(err)
	var got []string
	for _, c := range v.Changes[:5] {
		got = append(got, fmt.Sprintf("%s %s", c.Op, strings.Split(c.Key, "|")[1]))
	}
	if diff := cmp.Diff([]string{"remove SKU2300", "update SKU1900", "update SKU0007", "update SKU2400", "update SKU0089"}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if v.Update != n-1 || v.Withdraw != 1 || len(v.Changes) != 1000 || w.Writes() != 0 {
		t.Errorf("%d updates, %d withdrawals, %d changes, %d writes", v.Update, v.Withdraw, len(v.Changes), w.Writes())
	}
}
