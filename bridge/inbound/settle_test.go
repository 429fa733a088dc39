package inbound_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/bridgetest"
)

const german = ", format: { kind: csv, delimiter: ';', encoding: iso-8859-1, decimal: ',' }, " +
	"columns: { Liste: price_list, Artikel: sku, Einheit: unit, Währung: currency, Preis: value }"

func TestCorrectedRejectsAreAnOrdinaryDrop(t *testing.T) {
	w := bridgetest.NewWorld(t, "feeds:\n  - { name: prices, entity: prices, remote: disk, folder: prices, match: '*.csv', "+
		"ready: { stable: 0s }"+german+" }\n")
	w.Stock("SKU1", "SKU2", "SKU3")
	w.Drop("prices", "a.csv", "Liste;Artikel;Einheit;W\xe4hrung;Preis;Text\n"+
		"Retail;SKU1;item;EUR;1,50;\"Schraube; gro\xdf\"\nRetail;SKU2;item;EUR;zwei;Mutter f\xfcr M8\nRetail;SKU3;item;EUR\n")
	w.Round()
	w.Stands("a.csv partial …")
	rejects := w.Read("rejected/a_r1_rejects.csv")
	if lines := strings.Split(rejects, "\n"); len(lines) != 4 ||
		lines[0] != "_line;_code;_message;Liste;Artikel;Einheit;W\xe4hrung;Preis;Text" ||
		!strings.HasPrefix(lines[1], "3;amount;") || !strings.HasSuffix(lines[1], ";Retail;SKU2;item;EUR;zwei;Mutter f\xfcr M8") ||
		!strings.HasPrefix(lines[2], "4;ragged;") || !strings.HasSuffix(lines[2], ";Retail;SKU3;item;EUR") {
		t.Fatalf("the reject file is\n%s", rejects)
	}

	// Dropped again as it is, nothing is padded or guessed.
	w.Drop("prices", "b.csv", rejects)
	w.Round()
	w.Stands("a.csv partial …", "b.csv rejected every row was rejected")

	corrected := strings.Replace(strings.Replace(rejects, ";zwei;", ";2,00;", 1), ";SKU3;item;EUR", ";SKU3;item;EUR;3;neu", 1)
	w.Drop("prices", "c.csv", corrected)
	w.Round()
	w.Expect("prices", bridge.Loaded, bridge.Counts{Rows: 2, Created: 2})
	if got := []string{w.PriceOf("SKU1"), w.PriceOf("SKU2"), w.PriceOf("SKU3")}; !slices.Equal(got, []string{"1.5", "2", "3"}) {
		t.Errorf("prices are %v", got)
	}
}

func TestARowWithTooManyCellsStaysOneUntilItIsMended(t *testing.T) {
	w := bridgetest.NewWorld(t, bridgetest.FeedWith("prices", ""))
	w.Stock("SKU1")
	w.Drop("prices", "a.csv", bridgetest.PriceHead+"Retail,SKU1,item,1,EUR,1,99\n")
	w.Round()
	w.Stands("a.csv rejected every row was rejected")
	w.Drop("prices", "b.csv", w.Read("rejected/a_r1_rejects.csv"))
	w.Round()
	w.Stands("a.csv rejected …", "b.csv rejected every row was rejected")
	if n := w.Shop.Count("productprices"); n != 0 {
		t.Errorf("the shop has %d prices", n)
	}
}

func TestAReceiptTellsTheSenderWhatBecameOfAFile(t *testing.T) {
	w := bridgetest.NewWorld(t, bridgetest.FeedWith("prices", ", receipts: [json, csv]"))
	w.Stock("SKU1")
	content := bridgetest.OnePrice("1")
	for i := range 150 {
		content += bridgetest.Price(fmt.Sprintf("=SKU%d", i), "=1+1")
	}
	w.Drop("prices", "a.csv", content)
	w.Round()
	for _, name := range []string{"b.csv", "c.csv"} { // what was loaded in part is no reason for a duplicate
		w.Drop("prices", name, bridgetest.OnePrice("1"))
		w.Round()
	}
	w.Stands("a.csv partial …", "b.csv loaded", "c.csv duplicate …")

	var got struct {
		Drop, Run, Rows, Created, Rejected int64
		File, SHA256, State                string
		Seen, Started, Ended               *time.Time
		Rejects                            []struct {
			Line       int64
			Code, Key  string
			Field, Row any
		}
	}
	w.Must(json.Unmarshal([]byte(w.Read("receipts/a.csv_r1_receipt.json")), &got))
	if got.Drop != 1 || got.Run != 1 || got.File != "a.csv" || got.SHA256 != sum(content) || got.State != "partial" || got.Rows != 151 ||
		got.Created != 1 || got.Rejected != 150 || len(got.Rejects) != 100 || got.Rejects[0].Line != 3 || got.Rejects[0].Code != "amount" ||
		got.Seen == nil || got.Ended == nil {
		t.Errorf("the receipt is %+v", got)
	}
	rows, err := csv.NewReader(strings.NewReader(w.Read("receipts/a.csv_r1_receipt.csv"))).ReadAll()
	w.Must(err)
	if len(rows) != 102 || rows[0][0] != "\ufeffkind" || rows[1][0] != "file" || rows[1][6] != "151" || rows[2][0] != "reject" ||
		rows[2][6] != "" {
		t.Errorf("%d rows: %q", len(rows), rows[:3])
	}
	for _, row := range rows {
		for _, cell := range row {
			if strings.HasPrefix(cell, "=") {
				t.Fatalf("a spreadsheet would compute %q", cell)
			}
		}
	}
	w.Must(json.Unmarshal([]byte(w.Read("receipts/c.csv_d3_receipt.json")), &got))
	if got.State != "duplicate" || got.Drop != 3 {
		t.Errorf("the receipt of the duplicate is %+v", got)
	}
	if left := slices.DeleteFunc(w.Files(), func(f string) bool { return !strings.Contains(f, "tmp") }); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// broken is a remote on which some moves fail.
type broken struct {
	bridge.Remote
	fails func(op, p string) error
}

func (r *broken) Move(ctx context.Context, from, to string) error {
	if err := r.fails("move", to); err != nil {
		return err
	}
	return r.Remote.Move(ctx, from, to)
}

func TestTheLastMoveIsTriedForAsLongAsItTakesAndNeverLoadsAgain(t *testing.T) {
	w := bridgetest.NewWorld(t, bridgetest.FeedWith("prices", ""))
	w.Stock("SKU1")
	down := func(op, p string) error {
		if strings.Contains(p, "/archive/a_") {
			return &bridge.Error{Op: op, Object: p, Fate: bridge.Stop, Err: fs.ErrPermission}
		}
		return nil
	}
	w.Replace(&broken{w.B.In.Remotes["disk"], down})
	w.Drop("prices", "a.csv", bridgetest.OnePrice("1")+bridgetest.Price("SKU1", "x"))
	w.Drop("prices", "b.csv", bridgetest.OnePrice("2"))
	for range 5 {
		if err := w.B.Round(t.Context()); !errors.Is(err, fs.ErrPermission) {
			t.Errorf("round: %v", err)
		}
		w.Tick(time.Hour)
	}
	w.Stands("a.csv partial …", "b.csv loaded") // trouble with one last move does not keep another
	w.Stay(".work/a_d1.csv", "archive/b_r2.csv", "rejected/a_r1_rejects.csv")
	w.Restart()
	w.Shop.JournalReset()
	w.Must(os.Remove(filepath.Join(w.Folder, "prices/rejected/a_r1_rejects.csv"))) // the sender has taken it
	w.Round()
	w.Stay("archive/a_r1.csv", "archive/b_r2.csv")
	if sent := w.Written(); len(sent) > 0 {
		t.Errorf("sent again: %v", sent)
	}
}

func TestAFileOfAnotherLedgersLifeIsNeverOverwritten(t *testing.T) {
	w := bridgetest.NewWorld(t, bridgetest.FeedWith("prices", ", receipts: [json]"))
	w.Stock("SKU1")
	for _, name := range []string{".work/a_d1.csv", "archive/a_r1.csv", "rejected/a_r1_rejects.csv", "receipts/a.csv_r1_receipt.json"} {
		w.Must(os.MkdirAll(filepath.Dir(filepath.Join(w.Folder, "prices", name)), 0o755))
		w.Must(os.WriteFile(filepath.Join(w.Folder, "prices", name), []byte("old"), 0o644))
	}
	w.Drop("prices", "a.csv", bridgetest.OnePrice("1")+bridgetest.Price("SKU1", "x"))
	w.Round()
	w.Stay(".work/a_d1.csv", "archive/a_r1.csv", "archive/a_r1_2.csv", "receipts/a.csv_r1_receipt.json", "receipts/a.csv_r1_receipt_2.json",
		"rejected/a_r1_rejects.csv", "rejected/a_r1_rejects_2.csv")
	for _, name := range []string{".work/a_d1.csv", "archive/a_r1.csv", "rejected/a_r1_rejects.csv", "receipts/a.csv_r1_receipt.json"} {
		if got := w.Read(name); got != "old" {
			t.Errorf("%s holds %q", name, got)
		}
	}
}

func TestAFileThatSomebodyTookAwayIsNotLookedForForever(t *testing.T) {
	w := bridgetest.NewWorld(t, bridgetest.FeedWith("prices", ""))
	w.Stock("SKU1")
	w.Drop("prices", "a.csv", bridgetest.OnePrice("1"))
	w.OnStep(func(name string) {
		if name == "ended" {
			w.Must(os.Remove(filepath.Join(w.Folder, "prices/.work/a_d1.csv")))
		}
	})
	w.Round()
	w.Stands("a.csv loaded its file was taken away from prices/.work/a_d1.csv")
	if d, _ := w.Last("prices"); d.Path != "" || d.Finish != "" {
		t.Errorf("%+v", d)
	}
}

func TestWhatIsOldIsPrunedAndLinksStay(t *testing.T) {
	w := bridgetest.NewWorld(t, bridgetest.FeedOf("*.csv", ", ready: { marker: .ok }, receipts: [json]"))
	w.Stock("SKU1")
	w.Drop("prices", "a.csv.ok", "")
	w.Drop("prices", "a.csv", bridgetest.OnePrice("1")+bridgetest.Price("SKU1", "x"))
	w.Round()
	w.Must(os.WriteFile(filepath.Join(w.Folder, "prices/archive/theirs.csv"), []byte("not ours"), 0o644))
	w.Later(60 * 24 * time.Hour)
	w.Drop("prices", "b.csv.ok", "")
	w.Drop("prices", "b.csv", bridgetest.OnePrice("2"))
	w.Round()
	w.Stay("archive/a_r1.csv", "archive/a_r1.csv.ok", "archive/b_r2.csv", "archive/b_r2.csv.ok", "archive/theirs.csv",
		"receipts/a.csv_r1_receipt.json", "receipts/b.csv_r2_receipt.json", "rejected/a_r1_rejects.csv")
	w.Later(31 * 24 * time.Hour)
	w.Stay("archive/b_r2.csv", "archive/b_r2.csv.ok", "archive/theirs.csv", "receipts/b.csv_r2_receipt.json")

	d, _ := w.Ledger.Drop(t.Context(), 1)
	if d.Path != "" || d.Spool != "" || d.State != bridge.Partial || len(w.Rejects(d)) != 0 {
		t.Errorf("%+v, rejects %v", d, w.Rejects(d))
	}
	spool, err := os.ReadDir(w.Ledger.Spool())
	w.Must(err)
	if len(spool) != 1 || spool[0].Name() != "2" {
		t.Errorf("the spool holds %v", spool)
	}
	if events, _ := w.Ledger.History(t.Context(), "prices", w.Key("SKU1")); len(events) != 1 || events[0].Drop != 2 {
		t.Errorf("history: %+v", events)
	}
	if runs, _ := w.Ledger.Runs(t.Context(), 1); len(runs) != 1 || runs[0].Rows != 2 {
		t.Errorf("runs: %+v", runs)
	}
	w.Shop.JournalReset()
	w.Drop("prices", "c.csv.ok", "")
	w.Drop("prices", "c.csv", bridgetest.OnePrice("2")+"\n")
	w.Round()
	w.Expect("prices", bridge.Loaded, bridge.Counts{Rows: 1, Unchanged: 1})
	if sent := w.Written(); len(sent) > 0 {
		t.Errorf("sent %v", sent)
	}
}

func TestPruningTakesManySmallPasses(t *testing.T) {
	w := bridgetest.NewWorld(t, bridgetest.FeedWith("prices", ""))
	w.Stock("SKU1")
	const files = 450
	for i := range files {
		name := filepath.Join(w.Folder, "prices", fmt.Sprintf("%03d.csv", i))
		w.Must(os.WriteFile(name, []byte(fmt.Sprintf("price_list\n%d\n", i)), 0o644))
	}
	w.Round()
	w.Tick(91 * 24 * time.Hour)
	for passes, want := range []int{files - 200, files - 400, 0} {
		wait, err := w.B.In.PruneDue(t.Context())
		w.Must(err)
		left := 0
		for _, f := range w.Files() {
			if strings.HasPrefix(f, "rejected/") && !strings.HasSuffix(f, ".txt") {
				left++
			}
		}
		if left != want || (wait == time.Minute) != (want > 0) {
			t.Fatalf("after pass %d: %d files are left, the next one comes after %s", passes+1, left, wait)
		}
	}
}

func TestEveryRowsFateCanBeAsked(t *testing.T) {
	w := bridgetest.NewWorld(t, bridgetest.FeedWith("prices", ""))
	w.Stock("SKU1", "SKU2")
	w.Drop("prices", "a.csv", bridgetest.OnePrice("1")+bridgetest.Price("SKU2", "x")+bridgetest.Price("SKU9", "9"))
	w.Round()
	var got []string
	w.Must(w.Ledger.RowLines(t.Context(), 1, func(r bridge.RowLine) error {
		detail, _, _ := strings.Cut(r.Detail, ":")
		got = append(got, strings.TrimSpace(fmt.Sprintf("%d %d %s %s", r.Run, r.Line, r.Fate, detail)))
		return nil
	}))
	if want := []string{"1 2 created", "1 3 rejected amount", "1 4 parked waits for products SKU9"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestVeryManyRejectsAreStreamed(t *testing.T) {
	w := bridgetest.NewWorld(t, bridgetest.FeedWith("prices", ""))
	w.Stock("SKU1")
	var content bytes.Buffer
	content.WriteString(bridgetest.PriceHead)
	const rows = 6_000
	for range rows {
		content.WriteString(bridgetest.Price("SKU1", "x"+strings.Repeat("y", 200)))
	}
	w.Drop("prices", "a.csv", content.String())
	w.Round()
	if n := strings.Count(w.Read("rejected/a_r1_rejects.csv"), "\n"); n != rows+1 {
		t.Errorf("%d lines", n)
	}
	left, err := filepath.Glob(filepath.Join(w.Ledger.Spool(), "*.part"))
	w.Must(err)
	if len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
