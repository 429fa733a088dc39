package sqlite

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/formats"
)

// sizeOfLedger is how many bytes of its file a ledger uses.
func sizeOfLedger(t *testing.T, l *Ledger) (bytes int64) {
	t.Helper()
	const pages = `SELECT page_count * page_size FROM pragma_page_count, pragma_page_size`
	must(t, l.file.read.QueryRowContext(t.Context(), pages).Scan(&bytes))
	return bytes
}

// What a new price takes, with a key of 33 bytes and an id of 38: 140 bytes of the ledger, half of it for what is looked up by its key, and
// 150 of the stage of its run.
func TestANewPriceTakesLittleRoom(t *testing.T) {
	const n = 5000
	dir := t.TempDir()
	l := openIn(t, dir)
	size := func() int64 { return sizeOfLedger(t, l) }
	staged, err := NewStage(t.Context(), dir, formats.Prices, 1)
	must(t, err)
	empty := size()
	var page []bridge.Settlement
	var changes []*bridge.Staged
	for i := range n {
		c, s := newPrice(i)
		if page, changes = append(page, s), append(changes, c); len(page) < 1000 {
			continue
		}
		_, err := staged.Put(t.Context(), changes)
		must(t, err)
		for _, c := range changes {
			c.Status, c.Op, c.Values = bridge.Decided, bridge.Create, c.Record.Values
		}
		must(t, staged.Save(t.Context(), changes))
		must(t, l.Settle(t.Context(), 0, page))
		page, changes = nil, nil
	}
	if each := (size() - empty) / n; each > 140 {
		t.Errorf("a new price takes %d bytes of the ledger", each)
	}
	file, err := os.Stat(staged.(*stage).path)
	must(t, err)
	if each := file.Size() / n; each > 150 {
		t.Errorf("a new price takes %d bytes of the stage", each)
	}
	must(t, staged.Close())
}

// newPrice is the change that creates a price, and what becomes of it.
func newPrice(i int) (*bridge.Staged, bridge.Settlement) {
	sku, at := fmt.Sprintf("SKU-%08d", i), time.Unix(1_800_000_000, 0)
	key := formats.JoinKey("Retail EUR", sku, "item", "1", "EUR")
	value := []formats.Value{{Field: "value", Text: "12.50"}}
	line := int64(i + 2)
	c := &bridge.Staged{Change: bridge.Change{Key: key, Line: line, Record: &formats.Record{Entity: formats.Prices, Key: key, Values: value,
		Pos: formats.Position{Line: line, Offset: 40 * line}}},
		Raw: bridge.Cells{{Field: "price_list", Text: "Retail EUR"}, {Field: "sku", Text: sku}, {Field: "unit", Text: "item"},
			{Field: "quantity", Text: "1"}, {Field: "currency", Text: "EUR"}, {Field: "value", Text: "12.50"}}}
	k := &bridge.Link{Entity: "prices", Key: key}
	s := bridge.Settlement{HistoryEntry: bridge.HistoryEntry{Entity: "prices", Key: key, Drop: 1, Run: 1, Line: line,
		Fate: bridge.FateCreated, Sent: value, At: at}, Link: k}
	id := fmt.Sprintf("c3d9b7df-a576-25a4-c630-%012d-2", i)
	s.Before = k.Lay(value, bridge.Link{OroID: id, Feed: "prices", Drop: 1, Run: 1, Line: line, At: at})
	return c, s
}

// What a new product takes beyond its texts, with a key of 12 bytes and an id of 5.
func TestANewProductTakesLittleMoreThanItsTexts(t *testing.T) {
	const n, texts = 5000, 260
	l := openIn(t, t.TempDir())
	empty := sizeOfLedger(t, l)
	var page []bridge.Settlement
	for i := range n {
		k := &bridge.Link{Entity: "products", Key: fmt.Sprintf("NEW-%08d", i)}
		s := bridge.Settlement{HistoryEntry: bridge.HistoryEntry{Entity: "products", Key: k.Key, Drop: 1, Run: 1, Line: int64(i + 2),
			Fate: bridge.FateCreated, At: time.Unix(int64(1_800_000_000+i/500), 0)}, Link: k}
		s.Sent = []formats.Value{{Field: "description", Text: strings.Repeat("x", texts-4)}, {Field: "unit", Text: "item"}}
		s.Before = k.Lay(s.Sent, bridge.Link{OroID: fmt.Sprint(20_000 + i), Feed: "products", Drop: 1, Run: 1, Line: s.Line, At: s.At})
		if page = append(page, s); len(page) == 500 {
			must(t, l.Settle(t.Context(), 0, page))
			page = nil
		}
	}
	if more := (sizeOfLedger(t, l)-empty)/n - texts; more > 110 {
		t.Errorf("a new product takes %d bytes more than its texts", more)
	}
}

// Nothing is left of what links had in common once the last one is gone: it may be of a person.
func TestWhatNoLinkHasIsSwept(t *testing.T) {
	l := openIn(t, t.TempDir())
	settings := func() (n int) {
		must(t, l.file.read.QueryRowContext(t.Context(), `SELECT count(*) FROM settings`).Scan(&n))
		return n
	}
	var page []bridge.Settlement
	for i := range 10 {
		_, s := newPrice(i)
		page = append(page, s)
	}
	must(t, l.Settle(t.Context(), 0, page))
	for i, s := range page {
		if n := settings(); n != 1 {
			t.Errorf("%d settings with %d links", n, len(page)-i)
		}
		_, err := l.Erase(t.Context(), "prices", s.Key, nil)
		must(t, err)
	}
	if n := settings(); n != 0 {
		t.Errorf("%d settings without a link", n)
	}
}
