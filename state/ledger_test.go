package state

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/formats"
)

var at = time.Date(2026, 11, 21, 7, 0, 0, 0, time.UTC)

func openIn(t testing.TB, dir string, o Options) *Ledger {
	t.Helper()
	o.Now = func() time.Time { return at }
	l, err := Open(context.Background(), dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func values(pairs ...string) []formats.Value {
	var v []formats.Value
	for i := 0; i < len(pairs); i += 2 {
		v = append(v, formats.Value{Field: pairs[i], Text: pairs[i+1]})
	}
	return v
}

// started enters a drop with a run.
func started(t testing.TB, l *Ledger) (*bridge.Drop, *bridge.Run) {
	t.Helper()
	d := &bridge.Drop{Feed: "products", Remote: "sap", Folder: "/out", Name: "p.csv", State: bridge.Fetched, SeenAt: at}
	must(t, l.AddDrop(t.Context(), d))
	r := &bridge.Run{Kind: bridge.FirstRun}
	must(t, l.StartRun(t.Context(), r, d))
	return d, r
}

func TestOneBridgeAtATimeHoldsALedger(t *testing.T) {
	dir := t.TempDir()
	l, err := Open(t.Context(), dir, Options{})
	must(t, err)
	if _, err := Open(t.Context(), dir, Options{}); !errors.Is(err, bridge.ErrLocked) || bridge.HintOf(err) == "" {
		t.Errorf("a second bridge: %v", err)
	}
	if !Locked(dir) {
		t.Error("the ledger does not look locked")
	}
	reader := openIn(t, dir, Options{ReadOnly: true})
	if err := reader.Note(t.Context(), "x", "y"); err == nil {
		t.Error("a reader wrote")
	}
	beside := openIn(t, dir, Options{Beside: true})
	must(t, beside.Note(t.Context(), "x", "y"))
	must(t, l.Close())
	if Locked(dir) {
		t.Error("the lock outlived its holder")
	}
	again, err := Open(t.Context(), dir, Options{})
	must(t, err)
	must(t, again.Close())
}

func TestALedgerOfANewerOrOtherProgramIsRefused(t *testing.T) {
	for name, change := range map[string]string{
		"newer": `INSERT INTO migrations VALUES ('999_later.sql', 'x', 0)`,
		"other": `UPDATE migrations SET sha256 = 'x'`,
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			l, err := Open(t.Context(), dir, Options{})
			must(t, err)
			_, err = l.write.Exec(change)
			must(t, errors.Join(err, l.Close()))
			if l, err := Open(t.Context(), dir, Options{}); err == nil {
				t.Error("it was opened")
				l.Close()
			}
		})
	}
}

func TestAFolderWithOddCharactersHoldsALedger(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a b?c#d%20e'é")
	must(t, os.MkdirAll(dir, 0o700))
	openIn(t, dir, Options{})
	if _, err := os.Stat(filepath.Join(dir, "ledger.db")); err != nil {
		t.Error(err)
	}
}

func TestReadingNeedsALedger(t *testing.T) {
	if _, err := Open(t.Context(), t.TempDir(), Options{ReadOnly: true}); !errors.Is(err, os.ErrNotExist) || bridge.HintOf(err) == "" {
		t.Errorf("reading nothing: %v", err)
	}
}

func TestKeysOfAnyTextAreFoundAgain(t *testing.T) {
	l := openIn(t, t.TempDir(), Options{})
	d, r := started(t, l)
	keys := []string{"plain", `quote"back\slash`, "tab\tline\nend", "größe ☃", "it's", "", "null", "1", "[]", "a|b"}
	var done []bridge.Settlement
	for _, k := range keys {
		done = append(done, bridge.Settlement{Fate: bridge.FateCreated, Entity: "products", Key: k, OroID: "id " + k, Record: values("name", k)})
	}
	must(t, l.Settle(t.Context(), r, d, 0, done))
	asked := append([]string{"unknown"}, keys...)
	refs := make([]bridge.LinkRef, len(asked))
	must(t, l.Lookup(t.Context(), "products", asked, refs))
	if refs[0].ID != 0 {
		t.Error("an unknown key has a link")
	}
	for i, k := range keys {
		if refs[i+1].ID == 0 || refs[i+1].Fingerprint != formats.Fingerprint(values("name", k)) {
			t.Errorf("%q is not found: %+v", k, refs[i+1])
		}
	}
	must(t, l.Lookup(t.Context(), "prices", keys, refs[:len(keys)]))
	if refs[0].ID != 0 {
		t.Error("a product's key is found among prices")
	}
	must(t, l.Lookup(t.Context(), "products", nil, nil))
	ids, err := l.OroIDs(t.Context(), "products", keys)
	must(t, err)
	if len(ids) != len(keys) || ids["it's"] != "id it's" {
		t.Errorf("ids: %v", ids)
	}
}

func TestALinkGathersFieldsOfAllFeeds(t *testing.T) {
	l := openIn(t, t.TempDir(), Options{})
	d, r := started(t, l)
	settle := func(fate bridge.RowFate, record []formats.Value) {
		t.Helper()
		must(t, l.Settle(t.Context(), r, d, 0, []bridge.Settlement{{Fate: fate, Entity: "products", Key: "A", OroID: "7", Line: 3, Record: record, Sent: record}}))
	}
	settle(bridge.FateCreated, values("name", "Bolt", "status", "enabled"))
	settle(bridge.FateUpdated, values("description", "long", "name", "Bolt M8"))
	settle(bridge.FateRemoved, values("status", "disabled"))
	links, err := l.Links(t.Context(), "products", []string{"A", "B"})
	must(t, err)
	want := map[string]*bridge.Link{"A": {ID: links["A"].ID, Entity: "products", Key: "A", OroID: "7", Removed: true, Drop: d.ID, Run: r.ID, Line: 3, At: at,
		Content: values("description", "long", "name", "Bolt M8", "status", "disabled")}}
	if diff := cmp.Diff(want, links); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	refs := make([]bridge.LinkRef, 1)
	must(t, l.Lookup(t.Context(), "products", []string{"A"}, refs))
	if refs[0].Fingerprint == formats.Fingerprint(links["A"].Content) {
		t.Error("a removed record looks unchanged at first sight")
	}
	events, err := l.History(t.Context(), "products", "A")
	must(t, err)
	if len(events) != 3 || events[2].Fate != bridge.FateRemoved {
		t.Errorf("history: %+v", events)
	}
	must(t, l.Settle(t.Context(), r, d, 0, []bridge.Settlement{{Fate: bridge.FateRemoved, Entity: "products", Key: "A", Forget: true}}))
	links, err = l.Links(t.Context(), "products", []string{"A"})
	must(t, err)
	if len(links) != 0 {
		t.Error("a link outlived its record")
	}
}

func TestABatchIsKnownUntilItIsSettled(t *testing.T) {
	l := openIn(t, t.TempDir(), Options{})
	d, r := started(t, l)
	rec := &formats.Record{Entity: formats.Products, Key: "A", Values: values("name", "x"), Pos: formats.Position{Line: 2}}
	b := &bridge.Batch{Entity: "products", Changes: []*bridge.Change{{Op: bridge.Create, Key: "A", Line: 2, Values: values("name", "x"), Record: rec}}}
	must(t, l.OpenBatch(t.Context(), r.ID, b))
	b.Operation = "29"
	must(t, l.SetOperation(t.Context(), b))
	open, err := l.OpenBatches(t.Context(), r.ID)
	must(t, err)
	if len(open) != 1 || open[0].Operation != "29" || len(open[0].Changes) != 1 {
		t.Fatalf("open batches: %+v", open)
	}
	if diff := cmp.Diff(b.Changes[0].Record.Values, open[0].Changes[0].Record.Values); diff != "" {
		t.Error(diff)
	}
	must(t, l.Settle(t.Context(), r, d, b.ID, []bridge.Settlement{{Fate: bridge.FateCreated, Entity: "products", Key: "A", OroID: "1", Record: rec.Values}}))
	open, err = l.OpenBatches(t.Context(), r.ID)
	must(t, err)
	if len(open) != 0 {
		t.Error("a settled batch is still open")
	}
	fates, err := l.Settled(t.Context(), r.ID, []string{"A", "B"})
	must(t, err)
	if len(fates) != 1 || fates["A"] != bridge.FateCreated {
		t.Errorf("fates: %v", fates)
	}
}

func TestADropAdvancesOnlyFromTheStateItWasReadIn(t *testing.T) {
	l := openIn(t, t.TempDir(), Options{})
	d := &bridge.Drop{Feed: "f", Remote: "r", Name: "n", State: bridge.Seen}
	must(t, l.AddDrop(t.Context(), d))
	d.State = bridge.Ready
	must(t, l.Advance(t.Context(), d, bridge.Seen))
	d.State = bridge.Claimed
	if err := l.Advance(t.Context(), d, bridge.Seen); !errors.Is(err, bridge.ErrMoved) {
		t.Errorf("advanced from a state that has passed: %v", err)
	}
	if _, err := l.Drop(t.Context(), 99); !errors.Is(err, bridge.ErrUnknown) {
		t.Errorf("an unknown drop: %v", err)
	}
}

func TestAStageHoldsOneChangePerKey(t *testing.T) {
	l := openIn(t, t.TempDir(), Options{})
	s, err := l.NewStage(t.Context(), formats.Prices, 1)
	must(t, err)
	change := func(key, value string) *bridge.Staged {
		rec := &formats.Record{Entity: formats.Prices, Key: key, Values: values("value", value), Pos: formats.Position{Line: 5, Offset: 100}}
		return &bridge.Staged{Change: bridge.Change{Key: key, Record: rec, Line: 5, Values: rec.Values}, Raw: map[string]string{"PREIS": value}}
	}
	repeats, err := s.Put(t.Context(), []*bridge.Staged{change("a", "1"), change("b", "2")})
	must(t, err)
	if len(repeats) != 0 {
		t.Errorf("repeats: %v", repeats)
	}
	again := change("a", "3")
	repeats, err = s.Put(t.Context(), []*bridge.Staged{again, change("c", "4")})
	must(t, err)
	if len(repeats) != 1 || repeats[0] != again {
		t.Errorf("repeats: %v", repeats)
	}
	again.Status, again.Missing, again.Tries = bridge.Waiting, &bridge.Missing{Entity: "products", Key: "X"}, 2
	must(t, s.Save(t.Context(), []*bridge.Staged{again}))
	got, err := s.Get(t.Context(), "a")
	must(t, err)
	again.Seq = got.Seq
	if diff := cmp.Diff(again, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	page, err := s.Next(t.Context(), bridge.Undecided, 0, 10)
	must(t, err)
	if len(page) != 2 || page[0].Key != "b" || page[1].Key != "c" {
		t.Errorf("page: %v", page)
	}
	must(t, s.Drop(t.Context(), "b"))
	counts, err := s.Count(t.Context())
	must(t, err)
	if diff := cmp.Diff(map[bridge.StageStatus]map[bridge.Op]int64{bridge.Undecided: {"": 1}, bridge.Waiting: {"": 1}}, counts); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	must(t, s.Close())
	if left, err := filepath.Glob(filepath.Join(l.Spool(), "*")); err != nil || len(left) != 0 {
		t.Errorf("the stage left %v: %v", left, err)
	}
}

// Two processes may hold the ledger's file for a moment: a running bridge and a verb beside it.
func TestAVerbBesideABridgeWaitsForItsTurn(t *testing.T) {
	dir := t.TempDir()
	l := openIn(t, dir, Options{})
	beside := openIn(t, dir, Options{Beside: true})
	done := make(chan error, 2)
	for _, who := range []*Ledger{l, beside} {
		go func() {
			var err error
			for i := range 50 {
				err = errors.Join(err, who.Note(context.Background(), fmt.Sprint("note ", i), "text"))
			}
			done <- err
		}()
	}
	must(t, errors.Join(<-done, <-done))
}

func FuzzContentComesBackAsItWas(f *testing.F) {
	f.Add("name", "Bolt", "attr.x", "")
	f.Add("a\"b", "c\\d\x01", "é", "☃\u2028")
	f.Fuzz(func(t *testing.T, f1, t1, f2, t2 string) {
		if f1 >= f2 {
			return
		}
		text := encode(values(f1, t1, f2, t2))
		if !json.Valid([]byte(text)) {
			t.Fatalf("not JSON: %q", text)
		}
		got, err := decode(text)
		if err != nil {
			t.Fatal(err)
		}
		want := values(clean(f1), clean(t1), clean(f2), clean(t2))
		if clean(f1) == clean(f2) {
			return
		}
		if diff := cmp.Diff(map[string]string{want[0].Field: want[0].Text, want[1].Field: want[1].Text},
			map[string]string{got[0].Field: got[0].Text, got[1].Field: got[1].Text}); diff != "" {
			t.Error(diff)
		}
	})
}

// clean is what JSON makes of bytes that are no UTF-8; the mapper refuses them before they come here.
func clean(s string) string { return string([]rune(s)) }

func BenchmarkSettle(b *testing.B) {
	l := openIn(b, b.TempDir(), Options{})
	d, r := &bridge.Drop{ID: 1, Feed: "prices"}, &bridge.Run{ID: 1, Drop: 1}
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		var done []bridge.Settlement
		for range 500 {
			n++
			done = append(done, bridge.Settlement{Fate: bridge.FateCreated, Entity: "prices", Key: fmt.Sprintf("Retail|SKU-%08d|item|1|EUR", n), OroID: "1",
				Record: values("value", "19.9"), Sent: values("value", "19.9")})
		}
		must(b, l.Settle(context.Background(), r, d, 0, done))
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "rows/s")
}

// The last so many rejects of a drop, a run or a feed are counted among its own.
func TestTheLastRejectsAreCountedAmongThoseThatWereAskedFor(t *testing.T) {
	l := openIn(t, t.TempDir(), Options{})
	older, first := started(t, l)
	reject := func(r *bridge.Run, keys ...string) {
		var rows []bridge.RejectRow
		for i, key := range keys {
			rows = append(rows, bridge.RejectRow{Reject: formats.Reject{Pos: formats.Position{Line: int64(i + 2)}, Key: key, Code: "required"}})
		}
		must(t, l.RejectRows(t.Context(), r, rows))
	}
	reject(first, "A", "B", "C")
	newer := &bridge.Drop{Feed: "prices", Remote: "sap", Folder: "/out", Name: "k.csv", State: bridge.Fetched, SeenAt: at}
	must(t, l.AddDrop(t.Context(), newer))
	second := &bridge.Run{Kind: bridge.FirstRun}
	must(t, l.StartRun(t.Context(), second, newer))
	reject(second, "D", "E", "F")
	for name, c := range map[string]struct {
		filter bridge.RejectFilter
		want   []string
	}{
		"of a drop":       {bridge.RejectFilter{Drop: older.ID, Last: 2}, []string{"B", "C"}},
		"of a run":        {bridge.RejectFilter{Run: first.ID, Last: 3}, []string{"A", "B", "C"}},
		"of a feed":       {bridge.RejectFilter{Feed: "products", Last: 1}, []string{"C"}},
		"of the ledger":   {bridge.RejectFilter{Last: 4}, []string{"C", "D", "E", "F"}},
		"without a limit": {bridge.RejectFilter{Drop: older.ID}, []string{"A", "B", "C"}},
	} {
		t.Run(name, func(t *testing.T) {
			var keys []string
			must(t, l.Rejects(t.Context(), c.filter, func(r bridge.RejectRow) error {
				keys = append(keys, r.Key)
				return nil
			}))
			if diff := cmp.Diff(c.want, keys); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
