package daemon_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/bridgetest"
	"github.com/orobridge/orobridge/formats"
)

// ofEach are the feeds of each shop; all files come to one folder.
const ofEach = `feeds:
  - { name: SHOP-products, shop: SHOP, entity: products, remote: disk, match: 'SHOP_products_*.csv',
      ready: { stable: 0s }, format: { kind: csv } }
  - { name: SHOP-inventory, shop: SHOP, entity: inventory, remote: disk, match: 'SHOP_inventory_*.csv',
      ready: { stable: 0s }, format: { kind: csv } }
exports:
  - { name: SHOP-orders, shop: SHOP, remote: disk, folder: orders-SHOP, file: 'ORD_{number}_{identifier}', format: { kind: csv }, since: all }
`

func round(w *bridgetest.Shops) {
	w.T.Helper()
	w.Must(w.B.Round(context.Background()))
}

// TestShopsHaveTheirOwn records under the same keys: what one accepted is nothing to the other.
func TestShopsHaveTheirOwn(t *testing.T) {
	w := bridgetest.NewShops(t, []string{"b2b", "outlet"}, ofEach)
	w.Drop("b2b_products_1.csv", "sku,name,unit\nSKU9,Bolt,item\n")
	round(w)
	w.Drop("outlet_products_1.csv", "sku,name,unit\nSKU9,Bolt for the outlet,item\n")
	round(w)
	w.Drop("b2b_products_2.csv", "sku,name,unit\nSKU9,Bolt,item\n")
	round(w)
	for shop, name := range map[string]string{"b2b": "Bolt", "outlet": "Bolt for the outlet"} {
		links, err := w.Ledger.Of(shop).Links(t.Context(), "products", []string{"SKU9"})
		w.Must(err)
		if k := links["SKU9"]; k == nil || k.Feed != shop+"-products" {
			t.Errorf("%s: %+v", shop, k)
		} else if i := slices.IndexFunc(k.Content, func(v formats.Value) bool { return v.Field == "name" }); k.Content[i].Text != name {
			t.Errorf("%s: %v", shop, k.Content)
		}
	}
	want := []string{"b2b-products duplicate the same content as drop 1: nothing was sent", "b2b-products loaded", "outlet-products loaded"}
	if diff := cmp.Diff(want, w.Drops()); diff != "" {
		t.Error(diff)
	}
}

// TestAFeedStaysWithItsShop: what the ledger knows by its name is about that one's records.
func TestAFeedStaysWithItsShop(t *testing.T) {
	w := bridgetest.NewShops(t, []string{"b2b", "outlet"}, ofEach)
	w.Drop("b2b_products_1.csv", "sku,name,unit\nSKU9,Bolt,item\n")
	round(w)
	w.Rewrite(func(text string) string {
		return strings.ReplaceAll(text, "name: b2b-products, shop: b2b", "name: b2b-products, shop: outlet")
	})
	w.Again()
	err := w.B.Round(t.Context())
	if err == nil || !strings.Contains(err.Error(), "it belongs to the shop b2b, and the config gives it to outlet") {
		t.Error(err)
	}
	if err := w.B.Belong(t.Context()); err == nil {
		t.Error("a verb may use it all the same")
	}
}

// TestAShopThatIsAway is nothing to another: its files are loaded, and nothing of it waits.
func TestAShopThatIsAway(t *testing.T) {
	w := bridgetest.NewShops(t, []string{"b2b", "outlet"}, ofEach)
	w.Boxes["outlet"].Close()
	w.Drop("b2b_products_1.csv", "sku,name,unit\nSKU9,Bolt,item\n")
	w.Drop("outlet_products_1.csv", "sku,name,unit\nSKU9,Bolt,item\n")
	if err := w.B.Round(t.Context()); !errors.Is(err, bridge.ErrUnreachable) {
		t.Error(err)
	}
	if diff := cmp.Diff([]string{"b2b-products loaded", "outlet-products loading"}, w.Drops()); diff != "" {
		t.Error(diff)
	}
}
