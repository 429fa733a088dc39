package oro

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/bridge/oro/orotest"
	"github.com/orobridge/orobridge/formats"
)

// priceBatch is n new prices for the sample's products.
func priceRecords(n int) []*formats.Record {
	records := make([]*formats.Record, n)
	for i := range records {
		key := formats.JoinKey("Default Price List", "0RT28", "item", fmt.Sprint(1000+i), "USD")
		records[i] = record(formats.Prices, key, "value", "13.25")
	}
	return records
}

func BenchmarkEncode500Prices(b *testing.B) {
	_, c := newShop(b)
	var changes []*bridge.Change
	for _, rec := range priceRecords(500) {
		changes = append(changes, &bridge.Change{Op: bridge.Create, Key: rec.Key, Values: rec.Values, Record: rec})
	}
	b.ReportAllocs()
	for b.Loop() {
		out, err := prices{c}.encode(context.Background(), changes)
		if err != nil {
			b.Fatal(err)
		}
		p := out.parts[0]
		b.SetBytes(int64(len(appendDocument(make([]byte, 0, 320*len(p.data)), p.data, p.included))))
	}
}

func BenchmarkFindPrices(b *testing.B) {
	const n, skus = 2_000, 100
	_, c := newShopWith(b, config.Shop{}, Options{
		Sleep: func(ctx context.Context, d time.Duration) error { return sleep(ctx, min(d, time.Millisecond)) },
	}, orotest.Seed(orotest.Sample))
	var products, records []*formats.Record
	for i := range skus {
		products = append(products, record(formats.Products, fmt.Sprintf("B-%d", i), "name", "Lamp", "unit", "item"))
	}
	load(b, c, products...)
	for i := range n {
		key := formats.JoinKey("Default Price List", fmt.Sprintf("B-%d", i%skus), "item", fmt.Sprint(1+i/skus), "USD")
		records = append(records, record(formats.Prices, key, "value", "13.25"))
	}
	send(b, c, plan(b, c, records...))
	b.ReportAllocs()
	before, rounds := c.Requests(), 0
	for b.Loop() {
		rounds++
		answers, err := c.Find(b.Context(), formats.Prices, records)
		if err != nil || answers[n-1].Found == nil {
			b.Fatal(answers[n-1], err)
		}
	}
	b.ReportMetric(float64(c.Requests()-before)/float64(rounds), "requests/op")
	b.ReportMetric(n*float64(rounds)/b.Elapsed().Seconds(), "records/s")
}

// BenchmarkConfirmPrices is what it costs to trust no id of a link.
func BenchmarkConfirmPrices(b *testing.B) {
	const n = 2_000
	_, c := newShopWith(b, config.Shop{}, Options{
		Sleep: func(ctx context.Context, d time.Duration) error { return sleep(ctx, min(d, time.Millisecond)) },
	}, orotest.Seed(orotest.Sample))
	records := priceRecords(n)
	send(b, c, plan(b, c, records...))
	answers, err := c.Find(b.Context(), formats.Prices, records)
	if err != nil {
		b.Fatal(err)
	}
	links := make([]bridge.Identity, len(records))
	for i, rec := range records {
		links[i] = bridge.Identity{Key: rec.Key, OroID: answers[i].Found.OroID}
	}
	before, rounds := c.Requests(), 0
	for b.Loop() {
		rounds++
		misfits, err := c.Confirm(b.Context(), formats.Prices, links)
		if err != nil || misfits[n-1] != bridge.Fits {
			b.Fatal(misfits[n-1], err)
		}
	}
	b.ReportMetric(float64(c.Requests()-before)/float64(rounds), "requests/op")
	b.ReportMetric(n*float64(rounds)/b.Elapsed().Seconds(), "records/s")
}

// BenchmarkVerify is what it costs to look at rows that the ledger takes for unchanged, as `on_unchanged: verify` does.
func BenchmarkVerify(b *testing.B) {
	const n = 500
	_, c := newShopWith(b, config.Shop{}, Options{
		Sleep: func(ctx context.Context, d time.Duration) error { return sleep(ctx, min(d, time.Millisecond)) },
	}, orotest.Seed(orotest.Sample))
	var products, customers, levels []*formats.Record
	for i := range n {
		products = append(products, record(formats.Products, fmt.Sprintf("B-%d", i), "name", "Lamp", "unit", "item", "status", "enabled"))
		customers = append(customers, record(formats.Customers, fmt.Sprint(i), "name", "Company", "street", "Main 1", "city", "Rochester",
			"postal_code", "14608", "country", "US", "region", "US-NY", "group", "Partners"))
		levels = append(levels, record(formats.Inventory, fmt.Sprintf("B-%d|item", i), "quantity", "5"))
	}
	for _, records := range [][]*formats.Record{products, customers, levels, priceRecords(n)} {
		send(b, c, plan(b, c, records...))
		b.Run(records[0].Entity.Name, func(b *testing.B) {
			before, rounds := c.Requests(), 0
			for b.Loop() {
				rounds++
				if _, err := c.Find(b.Context(), records[0].Entity, records); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(c.Requests()-before)/float64(rounds), "requests/op")
			b.ReportMetric(n*float64(rounds)/b.Elapsed().Seconds(), "records/s")
		})
	}
}
