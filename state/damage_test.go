package state

import (
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"path/filepath"
	"testing"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/formats"
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
	must(t, s.Owe(t.Context(), "orders", anOrder("O-1")))
	must(t, s.Close())
	db, err := sql.Open("sqlite3", filepath.Join(dir, "ledger.db"))
	must(t, err)
	_, err = db.Exec(harm)
	must(t, err)
	must(t, db.Close())
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
