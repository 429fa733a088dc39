package bridgetest

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/google/go-cmp/cmp"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/oro/orotest"
)

// feedWith makes a config with one feed of an entity and further keys.
func FeedWith(entity, keys string) string {
	return fmt.Sprintf("feeds:\n  - { name: %s, entity: %s, remote: disk, folder: %s, match: '*.csv', ready: { stable: 0s },\n"+
		"      format: { kind: csv }%s }\n", entity, entity, entity, keys)
}

// stock puts products and a price list into the shop before the bridge knows of them.
func (w *World) Stock(skus ...string) (list string, products map[string]string) {
	w.T.Helper()
	products = map[string]string{}
	var err error
	for _, sku := range skus {
		if products[sku], err = w.Shop.AddProduct(sku, "Product "+sku, orotest.Unit{Code: "item"}); err != nil {
			w.T.Fatal(err)
		}
	}
	if list, err = w.Shop.AddPriceList("Retail", "EUR", "USD"); err != nil {
		w.T.Fatal(err)
	}
	return list, products
}

func (w *World) Expect(feed string, state bridge.DropState, counts bridge.Counts) *bridge.Drop {
	w.T.Helper()
	d, run := w.Last(feed)
	if d.State != state {
		w.T.Errorf("%s is %s (%s), want %s", d.Name, d.State, d.Reason, state)
	}
	if diff := cmp.Diff(counts, run.Counts); diff != "" {
		w.T.Errorf("%s (-want +got):\n%s\n%s", d.Name, diff, strings.Join(w.Rejects(d), "\n"))
	}
	return d
}

// written lists the requests that may have changed the shop since the journal was reset.
func (w *World) Written() []string {
	var list []string
	for _, r := range w.Shop.Journal() {
		if r.Method != http.MethodGet && !strings.Contains(r.Path, "token") {
			list = append(list, r.Method+" "+r.Path)
		}
	}
	return list
}

const PriceHead = "price_list,sku,unit,quantity,currency,value\n"

func Price(sku, value string) string { return "Retail," + sku + ",item,1,EUR," + value + "\n" }

func (w *World) PriceOf(sku string) string {
	w.T.Helper()
	links, err := w.Ledger.Links(context.Background(), "prices", []string{"Retail|" + sku + "|item|1|EUR"})
	if err != nil {
		w.T.Fatal(err)
	}
	for _, k := range links {
		return k.Content[0].Text
	}
	return ""
}
