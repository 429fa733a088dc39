package daemon_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orobridge/orobridge/bridge/bridgetest"
	"github.com/orobridge/orobridge/bridge/inbound"
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
