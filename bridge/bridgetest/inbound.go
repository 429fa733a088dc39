package bridgetest

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
)

// FeedOf makes a config with one feed of prices that matches a pattern, and further keys.
func FeedOf(match, keys string) string {
	return fmt.Sprintf("feeds:\n"+
		"  - { name: prices, entity: prices, remote: disk, folder: prices, match: '%s', format: { kind: csv }%s }\n", match, keys)
}

// Lineup is a line for each drop of the prices: its name, its state, and the reason that it gives.
func (w *World) Lineup() []string {
	w.T.Helper()
	drops, err := w.Ledger.Drops(context.Background(), bridge.DropFilter{Feed: "prices"})
	w.Must(err)
	lines := []string{}
	for _, d := range drops {
		lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s %s %s", d.Name, d.State, d.Reason)))
	}
	return lines
}

// Stands checks that the drops stand as wanted; a wanted line that ends in … is the beginning of one.
func (w *World) Stands(want ...string) {
	w.T.Helper()
	got := w.Lineup()
	ok := len(got) == len(want)
	for i := 0; ok && i < len(got); i++ {
		begin, cut := strings.CutSuffix(want[i], "…")
		ok = got[i] == want[i] || cut && strings.HasPrefix(got[i], begin)
	}
	if !ok {
		w.T.Fatalf("the drops are\n  %s\nwant\n  %s\n%s", strings.Join(got, "\n  "), strings.Join(want, "\n  "), w.Log)
	}
}

// Later moves the clock and makes a round.
func (w *World) Later(d time.Duration) {
	w.T.Helper()
	w.Tick(d)
	w.Round()
}

// Restart ends the bridge and starts another one on the same state.
func (w *World) Restart() {
	w.T.Helper()
	w.Close()
	w.Open()
}

// Feed is the first feed.
func (w *World) Feed() *config.Feed { return w.B.In.Feeds[0] }

// OnePrice is a file of prices with one row.
func OnePrice(value string) string { return PriceHead + Price("SKU1", value) }

// Loaded are the names of the drops that were loaded, in the order in which that happened.
func (w *World) Loaded() string {
	w.T.Helper()
	var names []string
	drops, err := w.Ledger.Drops(w.T.Context(), bridge.DropFilter{Feed: "prices"})
	w.Must(err)
	byRun := map[int64]string{}
	var last int64
	for _, d := range drops {
		runs, err := w.Ledger.Runs(w.T.Context(), d.ID)
		w.Must(err)
		for _, r := range runs {
			if r.State == bridge.Done {
				byRun[r.ID], last = d.Name, max(last, r.ID)
			}
		}
	}
	for id := range last {
		if name := byRun[id+1]; name != "" {
			names = append(names, name)
		}
	}
	return strings.Join(names, " ")
}

// FeedWith makes a config with one feed of an entity and further keys.
func FeedWith(entity, keys string) string {
	return fmt.Sprintf("feeds:\n  - { name: %s, entity: %s, remote: disk, folder: %s, match: '*.csv', ready: { stable: 0s },\n"+
		"      format: { kind: csv }%s }\n", entity, entity, entity, keys)
}

// Expect checks how the last drop of a feed ended, and returns it.
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

// PriceHead is the first line of a file of prices.
const PriceHead = "price_list,sku,unit,quantity,currency,value\n"

// Price is a row of a file of prices.
func Price(sku, value string) string { return "Retail," + sku + ",item,1,EUR," + value + "\n" }

// PriceOf is the price of a product as the ledger has it; empty for none.
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

// NothingLeft wants nothing unwrapped in the spool any more.
func (w *World) NothingLeft() {
	w.T.Helper()
	if left, _ := filepath.Glob(filepath.Join(w.B.In.Spool, "unwrapped-*")); len(left) > 0 {
		w.T.Errorf("%v are left in the spool", left)
	}
}

// Key is the ledger's key of a product's only price.
func (w *World) Key(sku string) string {
	w.T.Helper()
	var key string
	w.Must(w.Ledger.RowLines(w.T.Context(), 1, func(r bridge.RowLine) error { key = r.Key; return nil }))
	drops, err := w.Ledger.Drops(w.T.Context(), bridge.DropFilter{})
	w.Must(err)
	for _, d := range drops {
		w.Must(w.Ledger.RowLines(w.T.Context(), d.ID, func(r bridge.RowLine) error {
			if strings.Contains(r.Key, sku) {
				key = r.Key
			}
			return nil
		}))
	}
	return key
}

// Last is the newest drop of a feed with its newest run.
func (w *World) Last(feed string) (*bridge.Drop, *bridge.Run) {
	w.T.Helper()
	drops, err := w.Ledger.Drops(context.Background(), bridge.DropFilter{Feed: feed})
	if err != nil {
		w.T.Fatal(err)
	}
	if len(drops) == 0 {
		w.T.Fatalf("no drop of %s; log:\n%s", feed, w.Log)
	}
	d := drops[len(drops)-1]
	runs, err := w.Ledger.Runs(context.Background(), d.ID)
	if err != nil {
		w.T.Fatal(err)
	}
	if len(runs) == 0 {
		return d, &bridge.Run{}
	}
	return d, runs[len(runs)-1]
}

// Rejects are the rejects of a drop, a line each.
func (w *World) Rejects(d *bridge.Drop) []string {
	w.T.Helper()
	var list []string
	err := w.Ledger.Rejects(context.Background(), bridge.RejectFilter{Drop: d.ID}, func(r bridge.RejectRow) error {
		list = append(list, fmt.Sprintf("%d %s %s %s: %s", r.Pos.Line, r.Key, r.Field, r.Code, r.Message))
		return nil
	})
	if err != nil {
		w.T.Fatal(err)
	}
	return list
}

// Link is what the ledger knows of a key.
func (w *World) Link(entity, key string) *bridge.Link {
	w.T.Helper()
	links, err := w.Ledger.Links(context.Background(), entity, []string{key})
	if err != nil || links[key] == nil {
		w.T.Fatalf("no link of %s %s: %v", entity, key, err)
	}
	return links[key]
}
