package inbound_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/bridgetest"
)

func TestAFileIsReadyOnceItHasStoodStillAcrossARestart(t *testing.T) {
	w := bridgetest.NewWorld(t, bridgetest.FeedOf("*.csv", ", ready: { stable: 20s }"))
	w.Stock("SKU1")
	w.Drop("prices", "a.csv", bridgetest.OnePrice("1"))
	w.Round()
	w.Stands("a.csv seen")
	w.Tick(15 * time.Second)
	w.Drop("prices", "a.csv", bridgetest.OnePrice("1")+bridgetest.Price("SKU2", "2")) // it grew
	w.Round()
	w.Restart()
	w.Later(15 * time.Second)
	w.Stands("a.csv seen")
	w.Restart()
	w.Later(10 * time.Second) // 25 s of the same size and time, in listings of three processes
	w.Stands("a.csv partial …")
}

func TestAServerWhoseClockIsWrongChangesNothing(t *testing.T) {
	w := bridgetest.NewWorld(t, bridgetest.FeedOf("*.csv", ", ready: { stable: 20s }"))
	w.Stock("SKU1")
	w.Drop("prices", "a.csv", bridgetest.OnePrice("1"))
	for _, wrong := range []time.Duration{-400 * 24 * time.Hour, 400 * 24 * time.Hour} {
		name := filepath.Join(w.Folder, "prices", "a.csv")
		at := w.Clock.Now().Add(wrong)
		if wrong > 0 {
			w.Drop("prices", "b.csv", bridgetest.OnePrice("2"))
			name = filepath.Join(w.Folder, "prices", "b.csv")
		}
		w.Must(os.Chtimes(name, at, at))
		w.Round()
		w.Later(19 * time.Second)
		if d, _ := w.Last("prices"); d.State != bridge.Seen {
			t.Fatalf("%s is %s after 19 s", d.Name, d.State)
		}
		w.Later(time.Second)
		if d, _ := w.Last("prices"); d.State != bridge.Loaded {
			t.Fatalf("%s is %s after 20 s", d.Name, d.State)
		}
	}
}

func TestTheSameNameWithNewContentIsANewDrop(t *testing.T) {
	w := bridgetest.NewWorld(t, bridgetest.FeedWith("prices", ""))
	w.Stock("SKU1")
	w.Drop("prices", "a.csv", bridgetest.OnePrice("1"))
	w.Round()
	w.Drop("prices", "a.csv", bridgetest.OnePrice("2"))
	w.Round()
	w.Drop("prices", "b.csv", bridgetest.OnePrice("2"))
	w.Round()
	w.Stands("a.csv loaded", "a.csv loaded", "b.csv duplicate the same content as drop 2: nothing was sent")
	if d, _ := w.Ledger.Drop(t.Context(), 2); d.Previous != 1 {
		t.Errorf("the second a.csv follows drop %d", d.Previous)
	}
	w.Stay("archive/a_r1.csv", "archive/a_r2.csv", "archive/b_d3.csv")
}

func TestAFileThatIsPutBackAsItWasIsANewDrop(t *testing.T) {
	w := bridgetest.NewWorld(t, bridgetest.FeedWith("prices", ""))
	w.Stock("SKU1")
	w.Drop("prices", "a.csv", bridgetest.OnePrice("1"))
	w.Round()
	w.Must(os.Rename(filepath.Join(w.Folder, "prices/archive/a_r1.csv"), filepath.Join(w.Folder, "prices/a.csv"))) // same size, same time
	w.Round()
	w.Stands("a.csv loaded", "a.csv duplicate …")
}

func TestAReadOnlyRemoteIsClaimedByTheLedgerAlone(t *testing.T) {
	w := bridgetest.NewWorld(t, bridgetest.FeedWith("prices", ", max_size: 1KB, receipts: [json]"))
	w.Config = strings.Replace(w.Config, "kind: dir,", "kind: dir, read_only: true,", 1)
	w.Restart()
	w.Stock("SKU1")
	w.Drop("prices", "a.csv", bridgetest.OnePrice("1")+bridgetest.Price("SKU1", "x"))
	w.Drop("prices", "huge.csv", bridgetest.OnePrice("1")+strings.Repeat("\n", 2000))
	w.Round()
	w.Round()
	w.Restart()
	w.Round()
	w.Stands("a.csv partial …", "huge.csv rejected …")
	w.Stay("a.csv", "huge.csv")
	if got := w.Rejects(&bridge.Drop{ID: 1}); len(got) != 1 {
		t.Errorf("rejects: %v", got)
	}
	w.Drop("prices", "a.csv", bridgetest.OnePrice("3"))
	w.Round()
	w.Round()
	w.Stands("a.csv partial …", "huge.csv rejected …", "a.csv loaded")
	w.Stay("a.csv", "huge.csv")
	w.Must(os.Remove(filepath.Join(w.Folder, "prices/a.csv")))
	w.Round()
	w.Stands("a.csv partial …", "huge.csv rejected …", "a.csv loaded")
}

func TestAMarkerSaysThatAFileIsWhole(t *testing.T) {
	w := bridgetest.NewWorld(t, bridgetest.FeedOf("*.csv", ", ready: { marker: .ok }"))
	w.Stock("SKU1")
	w.Drop("prices", "a.csv", bridgetest.OnePrice("1"))
	w.Round()
	w.Later(time.Hour)
	w.Stands("a.csv seen waits for its marker a.csv.ok")
	w.Drop("prices", "a.csv.ok", "")
	w.Round()
	w.Stands("a.csv loaded")
	w.Stay("archive/a_r1.csv", "archive/a_r1.csv.ok")

	// The marker comes again without its file: it must not make the next file look whole.
	w.Drop("prices", "a.csv.ok", "")
	w.Round()
	w.Stay("archive/a_r1.csv", "archive/a_r1.csv.ok")
	w.Drop("prices", "a.csv", bridgetest.OnePrice("2"))
	w.Round()
	w.Stands("a.csv loaded", "a.csv seen waits for its marker a.csv.ok")
	w.Drop("prices", "a.csv.ok", "")
	w.Round()
	w.Stands("a.csv loaded", "a.csv loaded")
	w.Stay("archive/a_r1.csv", "archive/a_r1.csv.ok", "archive/a_r2.csv", "archive/a_r2.csv.ok")

	// A marker of a file that nobody knows is somebody else's, or too early: it stays.
	w.Drop("prices", "z.csv.ok", "")
	w.Round()
	w.Stay("archive/a_r1.csv", "archive/a_r1.csv.ok", "archive/a_r2.csv", "archive/a_r2.csv.ok", "z.csv.ok")
}

func TestAFileOverItsLimitIsRejectedAndNeverFetched(t *testing.T) {
	w := bridgetest.NewWorld(t, bridgetest.FeedWith("prices", ", max_size: 1KB"))
	w.Stock("SKU1")
	w.Drop("prices", "a.csv", bridgetest.OnePrice("1")+strings.Repeat("\n", 2000))
	w.Round()
	w.Stands("a.csv rejected it has 2069 bytes, more than max_size allows (1KB)")
	w.Stay("rejected/a.csv_d1_error.txt", "rejected/a_d1.csv")
	if log := w.Log.String(); !strings.Contains(log, "raise max_size of the feed") || strings.Contains(log, "orobridge rejects") {
		t.Errorf("the hint leads nowhere:\n%s", log)
	}
	if d, _ := w.Last("prices"); d.SHA256 != "" || !d.FetchedAt.IsZero() {
		t.Errorf("it was fetched: %+v", d)
	}
	w.Round()
	w.Stands("a.csv rejected …")
}

func TestAnEmptyFileHasAnOutcome(t *testing.T) {
	for policy, want := range map[string]string{
		"archive": "loaded the file has no rows", "reject": "rejected the file has no rows", "hold": "held empty: the file has no rows",
	} {
		for kind, content := range map[string]string{"no bytes": "", "a header": bridgetest.PriceHead} {
			t.Run(policy+" "+kind, func(t *testing.T) {
				w := bridgetest.NewWorld(t, bridgetest.FeedWith("prices", ", mode: full, on_missing: delete, on_failure: continue, empty: "+policy))
				w.Stock("SKU1")
				w.Drop("prices", "a.csv", bridgetest.OnePrice("1"))
				w.Round()
				w.Drop("prices", "b.csv", content)
				w.Round()
				if content == "" {
					w.Stands("a.csv loaded", "b.csv seen it has 0 bytes: its sender has 10m0s to write into it")
					w.Later(10 * time.Minute)
				}
				w.Stands("a.csv loaded", "b.csv "+want)
				if n := w.Shop.Count("productprices"); n != 1 {
					t.Errorf("an empty file has removed prices: %d are left", n)
				}
			})
		}
	}
}

// strange are names that a server may list, each with whether it can be used.
var strange = map[string]bool{
	"*.csv": true, "?[x].csv": true, "-rf.csv": true, "$(id).csv": true, "a b'\".csv": true, "ü€价.csv": true, "…csv.csv": true,
	strings.Repeat("n", 251) + ".csv": true, strings.Repeat("ü", 125) + "x.csv": true,
	"a\nb.csv": false, "a\x07b.csv": false, "a\\b.csv": false, "\xff\xfe.csv": false, "\u202evsc.csv": false,
}

func TestStrangeNamesNeverLeaveTheirFolder(t *testing.T) {
	w := bridgetest.NewWorld(t, bridgetest.FeedWith("prices", ", receipts: [json, csv]"))
	w.Stock("SKU1")
	value := 1
	for _, name := range slices.Sorted(mapKeys(strange)) {
		value++
		w.Drop("prices", name, bridgetest.OnePrice(fmt.Sprint(value))+bridgetest.Price("SKU1", "x"))
	}
	w.Round()
	w.Round()
	drops, err := w.Ledger.Drops(t.Context(), bridge.DropFilter{})
	w.Must(err)
	if len(drops) != len(strange) {
		t.Fatalf("%d drops of %d files:\n%s", len(drops), len(strange), strings.Join(w.Lineup(), "\n"))
	}
	for _, d := range drops {
		good, known := strange[d.Name]
		switch {
		case known && good && d.State == bridge.Partial && strings.HasPrefix(d.Path, "prices/archive/"):
		case !known && d.State == bridge.Rejected && d.Path == "" && strings.Contains(d.Reason, "left alone"):
		default:
			t.Errorf("%q is %s (%s) at %q", d.Name, d.State, d.Reason, d.Path)
		}
	}
	for name, good := range strange {
		if _, err := os.Stat(filepath.Join(w.Folder, "prices", name)); (err != nil) != good {
			t.Errorf("%q: %v", name, err)
		}
	}
	above, err := os.ReadDir(w.Folder)
	w.Must(err)
	for _, e := range above {
		if !e.IsDir() {
			t.Errorf("%q has left the folder", e.Name())
		}
	}
	for _, p := range w.Files() {
		if folder := filepath.Dir(p); folder != "." && folder != "archive" && folder != "rejected" && folder != "receipts" ||
			len(filepath.Base(p)) > bridge.MaxName {
			t.Errorf("%q stands in %s", p, folder)
		}
	}
}

func mapKeys(m map[string]bool) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// listing is a server that lists what it likes.
type listing struct {
	bridge.Remote
	add []bridge.File
}

func (l *listing) List(ctx context.Context, folder string) ([]bridge.File, error) {
	files, err := l.Remote.List(ctx, folder)
	return append(files, l.add...), err
}

func TestAHostileListingIsKeptInBounds(t *testing.T) {
	w := bridgetest.NewWorld(t, bridgetest.FeedWith("prices", ""))
	l := &listing{Remote: w.B.In.Remotes["disk"]}
	for _, name := range []string{"../x.csv", "/etc/passwd.csv", "..", "a/../../b.csv", strings.Repeat("y", 70_000) + ".csv"} {
		l.add = append(l.add, bridge.File{Name: name, Size: 3, MTime: w.Clock.Now()})
	}
	for i := range 500 {
		l.add = append(l.add, bridge.File{Name: fmt.Sprintf("../%d.csv", i), Size: 3, MTime: w.Clock.Now()})
	}
	w.Replace(l)
	w.Round()
	once := len(w.Lineup())
	w.Round()
	drops, err := w.Ledger.Drops(t.Context(), bridge.DropFilter{})
	w.Must(err)
	if len(drops) != once || once > 100 {
		t.Errorf("%d drops, then %d", once, len(drops))
	}
	for _, d := range drops {
		if d.State != bridge.Rejected || d.Path != "" || len(d.Name) > 1200 {
			t.Errorf("%.100q is %s at %q", d.Name, d.State, d.Path)
		}
	}
	w.Stay()
}

func TestAFileThatIsStillWrittenToAfterItsClaimIsWatchedAnew(t *testing.T) {
	w := bridgetest.NewWorld(t, bridgetest.FeedOf("*.csv", ", ready: { stable: 20s }"))
	w.Stock("SKU1", "SKU2")
	w.Drop("prices", "a.csv", bridgetest.OnePrice("1"))
	w.Round()
	w.Tick(20 * time.Second)
	w.OnStep(func(name string) {
		if name == "claimed" {
			other := bridgetest.OnePrice("1") + bridgetest.Price("SKU2", "2")
			w.Must(os.WriteFile(filepath.Join(w.Folder, "prices/.work/a_d1.csv"), []byte(other), 0o644))
		}
	})
	w.Round()
	w.Stands("a.csv claimed it had 69 bytes when it was claimed and has 94 now…")
	w.Later(19 * time.Second)
	w.Stands("a.csv claimed …")
	w.Later(time.Second)
	w.Stands("a.csv loaded")
	w.Expect("prices", bridge.Loaded, bridge.Counts{Rows: 2, Created: 2})
}

func TestAFileThatCannotBeFetchedDoesNotKeepTheOthers(t *testing.T) {
	w := bridgetest.NewWorld(t, bridgetest.FeedWith("prices", ""))
	w.Stock("SKU1")
	w.Drop("prices", "a.csv", bridgetest.OnePrice("1"))
	w.OnStep(func(name string) {
		if name == "claimed" {
			w.OnStep(nil)
			w.Must(os.Remove(filepath.Join(w.Folder, "prices/.work/a_d1.csv")))
		}
	})
	w.Drop("prices", "b.csv", bridgetest.OnePrice("2"))
	_ = w.B.Round(t.Context())
	w.Stands("a.csv claimed fetch disk:prices/.work/a_d1.csv…", "b.csv loaded")
	d, _ := w.Ledger.Drop(t.Context(), 1)
	w.Must(w.B.In.Discard(t.Context(), w.Feed(), d, bridge.Decision{Who: "alice"}))
	w.Round()
	w.Stands("a.csv discarded …", "b.csv loaded")
}

func TestAFolderThatIsNotMountedLosesNothing(t *testing.T) {
	w := bridgetest.NewWorld(t, bridgetest.FeedOf("*.csv", ", ready: { stable: 20s }"))
	w.Stock("SKU1")
	w.Drop("prices", "a.csv", bridgetest.OnePrice("1"))
	w.Round()
	aside := w.Folder + ".aside"
	w.Tick(30 * time.Second)
	w.OnStep(func(name string) {
		if name == "claim" { // between the listing and the claim
			w.OnStep(nil)
			w.Must(os.Rename(w.Folder, aside))
		}
	})
	for range 3 {
		if err := w.B.Round(t.Context()); err == nil {
			t.Error("no trouble")
		}
	}
	w.Stands("a.csv ready")
	w.Must(os.Rename(aside, w.Folder))
	w.Round()
	w.Stands("a.csv loaded")
}

func sum(content string) string {
	s := sha256.Sum256([]byte(content))
	return hex.EncodeToString(s[:])
}

func TestAManifestSaysWhichFilesAreWhole(t *testing.T) {
	w := bridgetest.NewWorld(t, bridgetest.FeedOf("*.csv", ", ready: { manifest: 'batch_*.txt', stable: 0s }"))
	w.Stock("SKU1", "SKU2")
	a, b, c := bridgetest.OnePrice("1"), bridgetest.PriceHead+bridgetest.Price("SKU2", "2"), bridgetest.OnePrice("3")
	w.Drop("prices", "a.csv", a)
	w.Drop("prices", "b.csv", "half of it")
	w.Round()
	w.Stands("a.csv seen waits for a manifest that lists it", "b.csv seen waits for a manifest that lists it")

	w.Drop("prices", "batch_1.txt", fmt.Sprintf("\ufeffFile;Rows;SHA256;Size\r\na.csv;1;%s;\r\nb.csv;1;%s;%d\r\nc.csv;;;\r\nother.xml;9;;\r\n",
		sum(a), strings.ToUpper(sum(b)), len(b)))
	w.Round()
	w.Stands("a.csv loaded", fmt.Sprintf("b.csv seen it has 10 bytes, manifest 3 says %d", len(b)),
		"batch_1.txt fetched waits for 2 of its files: b.csv, c.csv")
	w.Drop("prices", "b.csv", b)
	w.Round()
	w.Stands("a.csv loaded", "b.csv loaded", "batch_1.txt fetched waits for 1 of its files: c.csv")
	w.Drop("prices", "c.csv", c)
	w.Round()
	w.Stands("a.csv loaded", "b.csv loaded", "batch_1.txt loaded all files that it lists have come", "c.csv loaded")
	w.Stay("archive/a_r1.csv", "archive/b_r2.csv", "archive/batch_1_d3.txt", "archive/c_r3.csv")
}

func TestAFileThatIsNotWhatItsManifestSaysIsRejected(t *testing.T) {
	w := bridgetest.NewWorld(t, bridgetest.FeedOf("*.csv", ", ready: { manifest: '*.lst', stable: 0s }"))
	w.Stock("SKU1")
	w.Drop("prices", "a.csv", bridgetest.OnePrice("1"))
	w.Drop("prices", "b.csv", bridgetest.OnePrice("4"))
	w.Drop("prices", "m.lst", fmt.Sprintf("file,rows,sha256\na.csv,,%s\nb.csv,2,%s\n",
		sum(bridgetest.OnePrice("2")), sum(bridgetest.OnePrice("4"))))
	w.Round()
	w.Stands("a.csv rejected its sha256 is …", "b.csv held manifest: 1 rows, manifest 3 says 2",
		"m.lst fetched waits for 1 of its files: a.csv")
	w.Stay(".work/b_d2.csv", ".work/m_d3.lst", "rejected/a.csv_d1_error.txt", "rejected/a_d1.csv")
	if log := w.Log.String(); !strings.Contains(log, "have the sender put the file there again") ||
		strings.Contains(log, "orobridge rejects") {
		t.Errorf("the hint leads nowhere:\n%s", log)
	}
	w.Drop("prices", "a.csv", bridgetest.OnePrice("2"))
	w.Round()
	w.Stands("a.csv rejected …", "b.csv held …", "m.lst loaded all files that it lists have come", "a.csv loaded")

	// A later manifest takes over what an earlier one still waits for.
	w.Drop("prices", "m1.lst", "file\nx.csv\n")
	w.Round()
	w.Drop("prices", "m2.lst", "file\nx.csv\n")
	w.Round()
	drops := w.Lineup()
	if got := drops[len(drops)-2:]; got[0] != "m1.lst loaded all files that it lists have come" ||
		got[1] != "m2.lst fetched waits for 1 of its files: x.csv" {
		t.Errorf("%v", got)
	}
}

func TestAManifestIsNotBelieved(t *testing.T) {
	for name, c := range map[string]struct{ content, reason string }{
		"no header":      {"a.csv,1,\n", "not a manifest: its header has no column file"},
		"nothing":        {"", "it lists no file that this feed takes"},
		"leaves":         {"file\n../../a.csv\n", "not a manifest: entry 1: name can't be used"},
		"twice":          {"file\na.csv\na.csv\n", `not a manifest: entry 2: "a.csv" stands in it twice`},
		"rows":           {"file,rows\na.csv,-1\n", "not a manifest: entry 1: rows"},
		"sum":            {"file,sha256\na.csv,12\n", "not a manifest: entry 1: \"12\" is not a sha256"},
		"quotes":         {"file\n\"a.csv\n", "not a manifest: "},
		"too many":       {"file\n" + strings.Repeat("a.csv\n", 20_001), "not a manifest: it lists more than 20000 files"},
		"too large":      {"file\n" + strings.Repeat("x", 5<<20) + "\n", "a manifest of 5242886 bytes"},
		"others' only":   {"file\na.xml\n", "it lists no file that this feed takes"},
		"binary rubbish": {"\x00\xff\xfe\n\x00", "not a manifest: its header"},
	} {
		t.Run(name, func(t *testing.T) {
			w := bridgetest.NewWorld(t, bridgetest.FeedOf("*.csv", ", ready: { manifest: '*.lst', stable: 0s }"))
			w.Drop("prices", "m.lst", c.content)
			w.Round()
			w.Later(10 * time.Minute) // 0 bytes are no manifest before
			w.Stands("m.lst rejected " + c.reason + "…")
			w.Stay("rejected/m.lst_d1_error.txt", "rejected/m_d1.lst")
		})
	}
}

func TestAManifestHasToStandStillItself(t *testing.T) {
	w := bridgetest.NewWorld(t, bridgetest.FeedOf("*.csv", ", ready: { manifest: '*.lst' }"))
	w.Stock("SKU1")
	w.Drop("prices", "a.csv", bridgetest.OnePrice("1"))
	w.Drop("prices", "m.lst", "file\na.csv\n")
	w.Round()
	w.Later(19 * time.Second)
	w.Stands("a.csv seen …", "m.lst seen")
	w.Later(time.Second)
	w.Stands("a.csv loaded", "m.lst loaded …")
}
