package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	sqlite3 "github.com/mattn/go-sqlite3"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/formats"
	"github.com/orobridge/orobridge/state/ledger"
)

// A bit that flips on the disk between planning and sending is found out: the run is planned again.
func TestAStagedChangeThatIsDamagedIsNotSent(t *testing.T) {
	for table, column := range map[string]string{"blocks": "rows", "states": "known"} {
		s, err := NewStage(t.Context(), t.TempDir(), formats.Products, 1)
		must(t, err)
		name := []formats.Value{{Field: "name", Text: "Bolt"}}
		_, err = s.Put(t.Context(), []*bridge.Staged{{Change: bridge.Change{Op: bridge.Update, Key: "SKU1", OroID: "7", Values: name,
			Record: &formats.Record{Entity: formats.Products, Key: "SKU1", Values: name}}, Status: bridge.Decided, Link: 1}})
		must(t, err)
		if _, err := s.Next(t.Context(), bridge.Decided, 0, 10); err != nil {
			t.Error(err)
		}
		_, err = s.(*stage).db.Exec(fmt.Sprintf(`UPDATE %s SET %[2]s = CAST(substr(%[2]s, 1, 3) || x'ff' || substr(%[2]s, 5) AS BLOB)`,
			table, column))
		must(t, err)
		s.(*stage).read, s.(*stage).recent = block{}, recent{} // of the disk
		if _, err := s.Next(t.Context(), bridge.Decided, 0, 10); err == nil || !strings.Contains(err.Error(), "it is not what was written") {
			t.Errorf("a bit of its %s: %v", column, err)
		}
		must(t, s.Close())
	}
}

func openIn(t testing.TB, dir string) *Ledger {
	t.Helper()
	l := openNew(t, filepath.Join(dir, "ledger.db"))
	t.Cleanup(func() { must(t, l.Close()) })
	return l
}

// openNew opens the ledger of a path, in an empty file where there is none.
func openNew(t testing.TB, path string) *Ledger {
	t.Helper()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o600)
	must(t, err)
	must(t, f.Close())
	l, err := Open(context.Background(), path, Options{New: true})
	must(t, err)
	return l
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestALedgerOfANewerOrOtherProgramIsRefused(t *testing.T) {
	for name, change := range map[string]string{
		"newer": `INSERT INTO migrations VALUES ('999_later.sql', 'x', 0)`,
		"other": `UPDATE migrations SET sha256 = 'x'`,
		"older": `DELETE FROM migrations`,
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "ledger.db")
			l := openNew(t, path)
			_, err := l.file.write.Exec(change)
			must(t, errors.Join(err, l.Close()))
			for _, o := range []Options{{}, {ReadOnly: true}} {
				l, err := Open(t.Context(), path, o)
				if err == nil && name == "other" && o.ReadOnly {
					must(t, l.Close()) // which files were applied is enough to read it
				} else if err == nil {
					t.Errorf("it was opened: %+v", o)
					l.Close()
				}
			}
		})
	}
}

func TestAFileThatIsNoLedgerIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	must(t, os.WriteFile(path, []byte("this is not a database, and long enough to be told from one"), 0o600))
	for _, o := range []Options{{}, {ReadOnly: true}} {
		if l, err := Open(t.Context(), path, o); err == nil {
			t.Errorf("it was opened: %+v", o)
			l.Close()
		}
	}
}

func TestAReaderTakesNoNotes(t *testing.T) {
	dir := t.TempDir()
	l := openIn(t, dir)
	must(t, l.Note(t.Context(), "a", "b"))
	reader, err := Open(t.Context(), l.file.path, Options{ReadOnly: true})
	must(t, err)
	if err := reader.Note(t.Context(), "a", "c"); !errors.Is(err, bridge.ErrReading) {
		t.Errorf("it took a note: %v", err)
	}
	notes, err := reader.Notes(t.Context())
	must(t, errors.Join(err, reader.Close()))
	if notes["a"] != "b" {
		t.Errorf("notes: %v", notes)
	}
}

// A disk that is full is trouble that passes; what the ledger itself refuses is not.
func TestTroubleOfTheDiskPauses(t *testing.T) {
	l := openIn(t, t.TempDir())
	var pages int
	must(t, l.file.write.QueryRow(`PRAGMA page_count`).Scan(&pages))
	_, err := l.file.write.Exec(fmt.Sprintf(`PRAGMA max_page_count = %d`, pages))
	must(t, err)
	event := &bridge.Event{Kind: bridge.Noted, Text: string(make([]byte, 1<<20))}
	err = l.Note(t.Context(), "a", "b", event)
	if bridge.FateOf(err) != bridge.Pause || bridge.HintOf(err) == "" || event.ID != 0 {
		t.Errorf("a full disk: %v, event %d", err, event.ID)
	}
	_, err = l.file.write.Exec(`PRAGMA max_page_count = 1000000`)
	must(t, err)
	must(t, l.Note(t.Context(), "a", "b", event))
	if err := trouble(sqlite3.Error{Code: sqlite3.ErrConstraint}); bridge.FateOf(err) != bridge.Stop {
		t.Errorf("a refusal: %v", err)
	}
}

func TestAStageLeavesNoFiles(t *testing.T) {
	dir := t.TempDir()
	s, err := NewStage(t.Context(), dir, formats.Prices, 7)
	must(t, err)
	rec := &formats.Record{Entity: formats.Prices, Key: "a"}
	_, err = s.Put(t.Context(), []*bridge.Staged{{Change: bridge.Change{Key: "a", Record: rec}}})
	must(t, errors.Join(err, s.Close()))
	if files, err := os.ReadDir(dir); err != nil || len(files) != 0 {
		t.Errorf("it left %v: %v", files, err)
	}
	if _, err := NewStage(t.Context(), filepath.Join(dir, "nowhere"), formats.Prices, 7); err == nil {
		t.Error("a stage stands in a folder that is not there")
	}
}

// What stands in a damaged ledger is told and not guessed.
func TestDamagedRowsAreErrors(t *testing.T) {
	ctx := t.Context()
	for name, c := range map[string]struct {
		damage string
		read   func(*Ledger) error
	}{
		"content": {`INSERT INTO links VALUES ('products', 'A', 1, 0); INSERT INTO settings VALUES (1, 'products', '', '', '', 0, 0, 0, '');
			INSERT INTO accepted (link, setting, key, oro_id, content) VALUES (1, 1, 'A', '', '{')`, func(l *Ledger) error { _, err := l.Links(ctx, "products", []string{"A"}); return err }},
		"origins": {`INSERT INTO links VALUES ('products', 'A', 1, 0); INSERT INTO settings VALUES (1, 'products', '', '', '', 0, 0, 0, '');
			INSERT INTO accepted (link, setting, key, oro_id, content, origins) VALUES (1, 1, 'A', '', '{}', '{')`, func(l *Ledger) error { _, err := l.Links(ctx, "products", []string{"A"}); return err }},
		"history": {`INSERT INTO history VALUES (1, NULL, 'products', 'A', 0, 0, 0, '', '{', '{}', '', 0)`,
			func(l *Ledger) error { _, err := l.History(ctx, "products", "A"); return err }},
		"a batch":   {`INSERT INTO batches VALUES (1, 1, 'products', '', '[', 0, 1)`, func(l *Ledger) error { _, err := l.OpenBatches(ctx, 1); return err }},
		"an entity": {`INSERT INTO batches VALUES (1, 1, 'spoons', '', '[]', 0, 1)`, func(l *Ledger) error { _, err := l.OpenBatches(ctx, 1); return err }},
		"an event": {`INSERT INTO events (at, kind, rest) VALUES (0, 'note', '{')`,
			func(l *Ledger) error {
				return l.Events(ctx, bridge.EventFilter{}, func(*bridge.Event) error { return nil })
			}},
		"a time": {`INSERT INTO events (at, kind) VALUES ('soon', 'note')`,
			func(l *Ledger) error {
				return l.Events(ctx, bridge.EventFilter{}, func(*bridge.Event) error { return nil })
			}},
		"a reject": {`INSERT INTO drops (id, feed, remote, folder, name, path, size, mtime, state) VALUES (1, '', '', '', '', '', 0, 0, 'held');
			INSERT INTO rejects (drop_id, run, planned, line, off, key, field, code, message, row) VALUES (1, 1, 1, 0, 0, '', '', '', '', '{')`,
			func(l *Ledger) error {
				return l.Rejects(ctx, bridge.RejectFilter{}, func(bridge.RejectRow) error { return nil })
			}},
	} {
		t.Run(name, func(t *testing.T) {
			l := openIn(t, t.TempDir())
			_, err := l.file.write.Exec(c.damage)
			must(t, err)
			if err := c.read(l); err == nil {
				t.Error("it was read")
			}
		})
	}
}

func TestAStatementThatIsWrongFailsTwice(t *testing.T) {
	l := openIn(t, t.TempDir())
	err := l.file.Write(t.Context(), false, func(tx ledger.Statements) error {
		if err := tx.QueryRowContext(t.Context(), `SELECT nothing`).Scan(new(int)); err == nil || errors.Is(err, sql.ErrNoRows) {
			t.Errorf("it was read: %v", err)
		}
		_, err := tx.ExecContext(t.Context(), `UPDATE nothing`)
		return err
	})
	if err == nil {
		t.Error("it was done")
	}
}

func BenchmarkSettle(b *testing.B) {
	l := openIn(b, b.TempDir())
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		done := make([]bridge.Settlement, 500)
		for i := range done {
			n++
			key, content := fmt.Sprintf("Retail|SKU-%08d|item|1|EUR", n), []formats.Value{{Field: "value", Text: "19.9"}}
			done[i] = bridge.Settlement{HistoryEntry: bridge.HistoryEntry{Entity: "prices", Key: key, Fate: bridge.FateCreated, Sent: content,
				Before: []formats.Value{{Field: "value"}}}, Link: &bridge.Link{Entity: "prices", Key: key, OroID: "1", Content: content}}
		}
		must(b, l.Settle(context.Background(), 0, done))
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "rows/s")
}

func BenchmarkLookup(b *testing.B) {
	l := openIn(b, b.TempDir())
	const n = 20_000
	keys, done := make([]string, n), make([]bridge.Settlement, n)
	for i := range keys {
		keys[i] = fmt.Sprintf("Retail|SKU-%08d|item|1|EUR", i)
		done[i] = bridge.Settlement{HistoryEntry: bridge.HistoryEntry{Entity: "prices", Key: keys[i]}, Link: &bridge.Link{Entity: "prices", Key: keys[i]}}
	}
	must(b, l.Settle(context.Background(), 0, done))
	refs := make([]bridge.LinkRef, 1000)
	rows := 0
	b.ReportAllocs()
	for i := 0; b.Loop(); i = (i + 1000) % n {
		must(b, l.Lookup(context.Background(), "prices", keys[i:i+1000], refs))
		rows += 1000
	}
	b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "rows/s")
}

// A ledger of an early program gives room back, too: its file is written anew once.
func TestALedgerThatGaveNoRoomBack(t *testing.T) {
	dir := t.TempDir()
	l := openIn(t, dir)
	for i := range 300 {
		must(t, l.Note(t.Context(), fmt.Sprint("n", i), strings.Repeat("x", 4000)))
	}
	must(t, l.Close())
	db, err := sql.Open("sqlite3", filepath.Join(dir, "ledger.db"))
	must(t, err)
	_, err = db.Exec(`PRAGMA auto_vacuum = none; VACUUM`)
	must(t, errors.Join(err, db.Close()))

	l = openIn(t, dir)
	for i := range 300 {
		must(t, l.Note(t.Context(), fmt.Sprint("n", i), ""))
	}
	for range 2 {
		more, err := l.GiveBack(t.Context())
		if err != nil || more {
			t.Errorf("%v, %v", more, err)
		}
	}
	info, err := os.Stat(filepath.Join(dir, "ledger.db"))
	if must(t, err); info.Size() > 500_000 {
		t.Errorf("it has %d bytes", info.Size())
	}
	must(t, l.Note(t.Context(), "one more", strings.Repeat("x", 900_000)))
	must(t, l.Note(t.Context(), "one more", ""))
	if _, err := l.GiveBack(t.Context()); err != nil {
		t.Error(err)
	}
	if info, err = os.Stat(filepath.Join(dir, "ledger.db")); err != nil || info.Size() > 500_000 {
		t.Errorf("it has %d bytes: %v", info.Size(), err)
	}
}

// What is acted on, or told to somebody, is on the disk first; the rest is there with it, since the log is one.
func TestWhatMustOutlastALossOfPowerIsSynced(t *testing.T) {
	const full, normal = 2, 1
	l, ctx := openIn(t, t.TempDir()), t.Context()
	drop := &bridge.Drop{Feed: "prices", Name: "a.csv", State: bridge.Fetched}
	run, batch := &bridge.Run{State: bridge.Running}, &bridge.Batch{Entity: "prices"}
	term, err := l.TakeUp(ctx, "put away prices", bridge.Term{})
	must(t, err)
	move := func() bridge.Move { return bridge.Move{Drop: drop, From: drop.State} }
	for _, c := range []struct {
		what string
		do   func() error
		want int
	}{
		{"a listing", func() error { return l.Listed(ctx, bridge.Listing{New: []*bridge.Drop{drop}}) }, full},
		{"a run's start", func() error { run.Drop = drop.ID; return l.StartRun(ctx, run, move()) }, normal},
		{"a run's counts", func() error { return l.SaveRun(ctx, run, nil) }, normal},
		{"a batch", func() error { return l.OpenBatch(ctx, run.ID, batch) }, full},
		{"a batch's operation", func() error { return l.SetOperation(ctx, batch) }, normal},
		{"a batch's settlement", func() error { return l.Settle(ctx, batch.ID, nil) }, normal},
		{"what no batch carries", func() error { return l.Settle(ctx, 0, nil) }, full},
		{"what was written", func() error { return l.Reported(ctx, drop.ID, run.ID, nil) }, normal},
		{"a drop's step", func() error { return l.Advance(ctx, []bridge.Move{move()}) }, full},
		{"a run's end", func() error { run.State = bridge.Done; return l.SaveRun(ctx, run, []bridge.Move{move()}) }, full},
		{"a run's end before a last move", func() error { drop.Finish = "archive"; return l.SaveRun(ctx, run, []bridge.Move{move()}) }, normal},
		{"what is confirmed", func() error { return l.Confirm(ctx, term) }, full},
	} {
		must(t, c.do())
		var level int
		if must(t, l.file.write.QueryRow(`PRAGMA synchronous`).Scan(&level)); level != c.want {
			t.Errorf("%s is committed with synchronous=%d", c.what, level)
		}
	}
}
