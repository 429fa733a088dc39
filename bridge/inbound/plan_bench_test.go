package inbound_test

import (
	"bufio"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/bridgetest"
	"github.com/orobridge/orobridge/bridge/inbound"
	"github.com/orobridge/orobridge/formats"
)

// priceFile writes n canonical prices, the rows in the order that at says, and enters them in the ledger as if the shop had accepted them.
func priceFile(b testing.TB, w *bridgetest.World, n int, at func(row int) int) string {
	path := filepath.Join(b.TempDir(), "prices.csv")
	f, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	out := bufio.NewWriter(f)
	fmt.Fprintln(out, "price_list,sku,unit,quantity,currency,value")
	var page []bridge.Settlement
	for row := range n {
		i := at(row)
		value := fmt.Sprintf("%d.%d", i%900+1, i%9+1)
		fmt.Fprintf(out, "Retail EUR,SKU-%07d,item,1,EUR,%s\n", i, value)
		key := fmt.Sprintf("Retail EUR|SKU-%07d|item|1|EUR", i)
		link := &bridge.Link{Entity: "prices", Key: key, OroID: "1", Feed: "prices", Drop: 1, Run: 1,
			Content: []formats.Value{{Field: "value", Text: value}}}
		page = append(page, bridge.Settlement{Link: link,
			HistoryEntry: bridge.HistoryEntry{Fate: bridge.FateCreated, Entity: "prices", Key: key, Drop: 1, Run: 1}})
		if len(page) == 5000 || row == n-1 {
			if err := w.Ledger.Settle(context.Background(), 0, page); err != nil {
				b.Fatal(err)
			}
			page = page[:0]
		}
	}
	if err := errors.Join(out.Flush(), f.Close()); err != nil {
		b.Fatal(err)
	}
	return path
}

// BenchmarkPlanUnchangedPrices plans a re-drop of prices that the shop has all accepted, and reads the same file with
// nothing but encoding/csv for comparison.
func BenchmarkPlanUnchangedPrices(b *testing.B) {
	const n = 20_000
	b.Run("in order", func(b *testing.B) { planUnchanged(b, n, func(row int) int { return row }) })
	b.Run("in no order", func(b *testing.B) { planUnchanged(b, n, func(row int) int { return row * 7919 % n }) })
}

func planUnchanged(b *testing.B, n int, at func(row int) int) {
	w := bridgetest.NewWorld(b, bridgetest.FiveFeeds)
	path := priceFile(b, w, n, at)
	feed, _ := w.B.In.Feed("prices")
	b.ReportAllocs()
	var planning, reading time.Duration
	for b.Loop() {
		began := time.Now()
		v, err := w.B.In.Plan(context.Background(), feed, path, inbound.PreviewOptions{})
		if err != nil {
			b.Fatal(err)
		}
		if v.Run.Unchanged != int64(n) {
			b.Fatalf("%+v", v)
		}
		planning += time.Since(began)
		began = time.Now()
		bareCSV(b, path)
		reading += time.Since(began)
	}
	b.ReportMetric(float64(n)*float64(b.N)/planning.Seconds(), "rows/s")
	b.ReportMetric(float64(planning)/float64(reading), "times-bare-csv")
}

func bareCSV(b testing.TB, path string) {
	f, err := os.Open(path)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	r := csv.NewReader(bufio.NewReaderSize(f, 256<<10))
	r.ReuseRecord = true
	for {
		if _, err := r.Read(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			b.Fatal(err)
		}
	}
}
