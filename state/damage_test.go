package state

import (
	"crypto/sha256"
	"encoding/hex"
	"path/filepath"
	"testing"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/formats"
	"github.com/orobridge/orobridge/state/sqlite/sqlitetest"
)

// damaged is a folder with a drop, a run of it, a link and an order, on which some SQL was let loose.
func damaged(t *testing.T, harm string) string {
	t.Helper()
	dir := kept(t)
	s, err := Open(t.Context(), dir, Options{})
	must(t, err)
	drops, err := s.Drops(t.Context(), bridge.DropFilter{})
	must(t, err)
	must(t, s.StartRun(t.Context(), &bridge.Run{Drop: drops[0].ID, Kind: bridge.FirstRun, State: bridge.Running, Started: noon},
		bridge.Move{Drop: drops[0], From: bridge.Held}))
	link := &bridge.Link{Entity: "products", Key: "SKU1", OroID: "1", Content: []formats.Value{{Field: "name", Text: "Bolt"}}, At: noon}
	must(t, s.Settle(t.Context(), 0, []bridge.Settlement{{HistoryEntry: bridge.HistoryEntry{Entity: "products", Key: "SKU1",
		Fate: bridge.FateCreated, At: noon}, Link: link}}))
	changed := &bridge.Link{ID: link.ID, Entity: "products", Key: "SKU1", OroID: "1", Content: []formats.Value{{Field: "name", Text: "Screw"}}, At: noon}
	waits := &bridge.ParkedRow{Entity: "products", Key: "SKU2", Feed: "products", Drop: drops[0].ID, Run: 1, Line: 2,
		Missing: bridge.Missing{Entity: "products", Key: "SKU0"}, Record: []formats.Value{{Field: "name", Text: "Nut"}}, Since: noon}
	must(t, s.Settle(t.Context(), 0, []bridge.Settlement{
		{HistoryEntry: bridge.HistoryEntry{Entity: "products", Key: "SKU1", Run: 1, Drop: drops[0].ID, Fate: bridge.FateUpdated, At: noon, Sent: changed.Content,
			Before: link.Content}, Link: changed},
		{HistoryEntry: bridge.HistoryEntry{Entity: "products", Key: "SKU2", Fate: bridge.FateParked, At: noon}, Park: waits}}))
	record := &formats.Record{Entity: formats.Products, Key: "SKU1", Values: changed.Content}
	must(t, s.OpenBatch(t.Context(), 1, &bridge.Batch{Entity: "products", Sent: noon,
		Changes: []*bridge.Change{{Op: bridge.Update, Key: "SKU1", Record: record, Values: changed.Content}}}))
	must(t, s.Owe(t.Context(), "orders", anOrder("O-1")))
	waiting := &bridge.Entry{Document: &bridge.Document{Kind: bridge.Orders, ID: "2", Identifier: "O-2", Version: 1, Submitted: noon}, Noticed: noon,
		Content: []byte(`{"identifier":"O-2"}`)}
	book, _, err := s.Book(t.Context(), "orders")
	must(t, err)
	must(t, s.Owe(t.Context(), "orders", &bridge.Intake{Since: book, Book: book, Orders: []*bridge.Entry{waiting}}))
	must(t, s.Close())
	sqlitetest.Exec(t, filepath.Join(dir, "ledger.db"), harm)
	return dir
}

// anOrder is an order on its way into the outbox, with its file.
func anOrder(identifier string) *bridge.Intake {
	body := []byte("order " + identifier)
	entry := &bridge.Entry{Document: &bridge.Document{Kind: bridge.Orders, ID: "1", Identifier: identifier, Version: 1, Submitted: noon}, Noticed: noon}
	f := &bridge.NewFile{Outfile: bridge.Outfile{Export: "orders", Number: 1, Name: identifier + ".csv", State: bridge.OwedNow, OwedAt: noon,
		Size: int64(len(body)), SHA256: sha(body)}, Body: body, Members: []*bridge.Entry{entry}}
	return &bridge.Intake{Book: bridge.Book{Number: 1, Document: 1}, Orders: []*bridge.Entry{entry}, Files: []*bridge.NewFile{f}}
}

func sha(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// A bit that flips on the disk is found out where it would be sent: to the shop by a batch, an undo, a repair or a record that has waited,
// to the ERP by an order that waits for its file.
func TestWhatIsDamagedIsNotSent(t *testing.T) {
	s := openIn(t, damaged(t, `UPDATE history SET before = replace(before, 'Bolt', 'Bolz');
		UPDATE parked SET record = replace(record, 'Nut', 'Nuz');
		UPDATE batches SET changes = substr(changes, 1, 12) || x'00' || substr(changes, 14);
		UPDATE outbox SET content = replace(content, 'O-2', 'O-3') WHERE number = 0;
		UPDATE accepted SET content = replace(content, 'Screw', 'Scrow')`), Options{})
	batches, err := s.OpenBatches(t.Context(), 1)
	if err != nil || len(batches) != 1 || !batches[0].Damaged || batches[0].Changes != nil {
		t.Errorf("a batch: %+v %v", batches, err)
	}
	must(t, s.Changes(t.Context(), 1, 0, func(e bridge.HistoryEntry) error {
		if len(e.Before) != 1 || e.Before[0].Text != "" {
			t.Errorf("of what was before a change this is believed: %+v", e.Before)
		}
		return nil
	}))
	must(t, s.Parked(t.Context(), "", time.Time{}, func(p bridge.ParkedRow) error {
		if !p.Damaged || p.Record != nil {
			t.Errorf("what is parked: %+v", p)
		}
		return nil
	}))
	collected, err := s.Collected(t.Context(), "orders", 10)
	if err != nil || len(collected) != 1 || !collected[0].Damaged || len(collected[0].Content) != 0 {
		t.Errorf("what waits for its file: %+v %v", collected, err)
	}
	links, err := s.Links(t.Context(), "products", []string{"SKU1"})
	if err != nil || links["SKU1"] == nil || links["SKU1"].Content != nil {
		t.Errorf("of a link that is damaged this is believed: %+v %v", links["SKU1"], err)
	}
}
