package bridge_test

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
)

// feedOf makes a config with one feed of prices that matches a pattern, and further keys.
func feedOf(match, keys string) string {
	return fmt.Sprintf("feeds:\n  - { name: prices, entity: prices, remote: disk, folder: prices, match: '%s', format: { kind: csv }%s }\n", match, keys)
}

// lineup is a line for each drop of the prices: its name, its state, and the reason that it gives.
func (w *world) lineup() []string {
	w.t.Helper()
	drops, err := w.ledger.Drops(context.Background(), bridge.DropFilter{Feed: "prices"})
	w.must(err)
	lines := []string{}
	for _, d := range drops {
		lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s %s %s", d.Name, d.State, d.Reason)))
	}
	return lines
}

// stands checks that the drops stand as wanted; a wanted line that ends in … is the beginning of one.
func (w *world) stands(want ...string) {
	w.t.Helper()
	got := w.lineup()
	ok := len(got) == len(want)
	for i := 0; ok && i < len(got); i++ {
		begin, cut := strings.CutSuffix(want[i], "…")
		ok = got[i] == want[i] || cut && strings.HasPrefix(got[i], begin)
	}
	if !ok {
		w.t.Fatalf("the drops are\n  %s\nwant\n  %s\n%s", strings.Join(got, "\n  "), strings.Join(want, "\n  "), w.log)
	}
}

// files lists what stands below the feed's folder, without folders.
func (w *world) files() []string {
	w.t.Helper()
	root := filepath.Join(w.folder, "prices")
	list := []string{}
	w.must(filepath.WalkDir(root, func(p string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			rel, _ := filepath.Rel(root, p)
			list = append(list, rel)
		}
		return err
	}))
	return list
}

func (w *world) stay(want ...string) {
	w.t.Helper()
	if got := w.files(); !slices.Equal(got, want) {
		w.t.Errorf("the folder holds\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

// later moves the clock and makes a round.
func (w *world) later(d time.Duration) {
	w.t.Helper()
	w.tick(d)
	w.round()
}

// restart ends the bridge and starts another one on the same state.
func (w *world) restart() {
	w.t.Helper()
	w.close()
	w.open()
}

func (w *world) feed() *bridge.FeedConfig { return w.b.Config.Feeds[0] }

func onePrice(value string) string { return priceHead + price("SKU1", value) }

func TestAFileIsReadyOnceItHasStoodStillAcrossARestart(t *testing.T) {
	w := newWorld(t, feedOf("*.csv", ", ready: { stable: 20s }"))
	w.stock("SKU1")
	w.drop("prices", "a.csv", onePrice("1"))
	w.round()
	w.stands("a.csv seen")
	w.tick(15 * time.Second)
	w.drop("prices", "a.csv", onePrice("1")+price("SKU2", "2")) // it grew
	w.round()
	w.restart()
	w.later(15 * time.Second)
	w.stands("a.csv seen")
	w.restart()
	w.later(10 * time.Second) // 25 s of the same size and time, in listings of three processes
	w.stands("a.csv partial …")
}

func TestAServerWhoseClockIsWrongChangesNothing(t *testing.T) {
	w := newWorld(t, feedOf("*.csv", ", ready: { stable: 20s }"))
	w.stock("SKU1")
	w.drop("prices", "a.csv", onePrice("1"))
	for _, wrong := range []time.Duration{-400 * 24 * time.Hour, 400 * 24 * time.Hour} {
		name := filepath.Join(w.folder, "prices", "a.csv")
		at := w.clock.Now().Add(wrong)
		if wrong > 0 {
			w.drop("prices", "b.csv", onePrice("2"))
			name = filepath.Join(w.folder, "prices", "b.csv")
		}
		w.must(os.Chtimes(name, at, at))
		w.round()
		w.later(19 * time.Second)
		if d, _ := w.last("prices"); d.State != bridge.Seen {
			t.Fatalf("%s is %s after 19 s", d.Name, d.State)
		}
		w.later(time.Second)
		if d, _ := w.last("prices"); d.State != bridge.Loaded {
			t.Fatalf("%s is %s after 20 s", d.Name, d.State)
		}
	}
}

func TestTheSameNameWithNewContentIsANewDrop(t *testing.T) {
	w := newWorld(t, feedWith("prices", ""))
	w.stock("SKU1")
	w.drop("prices", "a.csv", onePrice("1"))
	w.round()
	w.drop("prices", "a.csv", onePrice("2"))
	w.round()
	w.drop("prices", "b.csv", onePrice("2"))
	w.round()
	w.stands("a.csv loaded", "a.csv loaded", "b.csv duplicate the same content as drop 2: nothing was sent")
	if d, _ := w.ledger.Drop(t.Context(), 2); d.Previous != 1 {
		t.Errorf("the second a.csv follows drop %d", d.Previous)
	}
	w.stay("archive/a_r1.csv", "archive/a_r2.csv", "archive/b_d3.csv")
}

func TestAFileThatIsPutBackAsItWasIsANewDrop(t *testing.T) {
	w := newWorld(t, feedWith("prices", ""))
	w.stock("SKU1")
	w.drop("prices", "a.csv", onePrice("1"))
	w.round()
	w.must(os.Rename(filepath.Join(w.folder, "prices/archive/a_r1.csv"), filepath.Join(w.folder, "prices/a.csv"))) // same size, same time
	w.round()
	w.stands("a.csv loaded", "a.csv duplicate …")
}

func TestAReadOnlyRemoteIsClaimedByTheLedgerAlone(t *testing.T) {
	w := newWorld(t, feedWith("prices", ", max_size: 1KB, receipts: [json]"))
	w.config = strings.Replace(w.config, "kind: dir,", "kind: dir, read_only: true,", 1)
	w.restart()
	w.stock("SKU1")
	w.drop("prices", "a.csv", onePrice("1")+price("SKU1", "x"))
	w.drop("prices", "huge.csv", onePrice("1")+strings.Repeat("\n", 2000))
	w.round()
	w.round()
	w.restart()
	w.round()
	w.stands("a.csv partial …", "huge.csv rejected …")
	w.stay("a.csv", "huge.csv")
	if got := w.rejects(&bridge.Drop{ID: 1}); len(got) != 1 {
		t.Errorf("rejects: %v", got)
	}
	w.drop("prices", "a.csv", onePrice("3"))
	w.round()
	w.round()
	w.stands("a.csv partial …", "huge.csv rejected …", "a.csv loaded")
	w.stay("a.csv", "huge.csv")
	w.must(os.Remove(filepath.Join(w.folder, "prices/a.csv")))
	w.round()
	w.stands("a.csv partial …", "huge.csv rejected …", "a.csv loaded")
}

func TestAMarkerSaysThatAFileIsWhole(t *testing.T) {
	w := newWorld(t, feedOf("*.csv", ", ready: { marker: .ok }"))
	w.stock("SKU1")
	w.drop("prices", "a.csv", onePrice("1"))
	w.round()
	w.later(time.Hour)
	w.stands("a.csv seen waits for its marker a.csv.ok")
	w.drop("prices", "a.csv.ok", "")
	w.round()
	w.stands("a.csv loaded")
	w.stay("archive/a_r1.csv", "archive/a_r1.csv.ok")

	// The marker comes again without its file: it must not make the next file look whole.
	w.drop("prices", "a.csv.ok", "")
	w.round()
	w.stay("archive/a_r1.csv", "archive/a_r1.csv.ok")
	w.drop("prices", "a.csv", onePrice("2"))
	w.round()
	w.stands("a.csv loaded", "a.csv seen waits for its marker a.csv.ok")
	w.drop("prices", "a.csv.ok", "")
	w.round()
	w.stands("a.csv loaded", "a.csv loaded")
	w.stay("archive/a_r1.csv", "archive/a_r1.csv.ok", "archive/a_r2.csv", "archive/a_r2.csv.ok")

	// A marker of a file that nobody knows is somebody else's, or too early: it stays.
	w.drop("prices", "z.csv.ok", "")
	w.round()
	w.stay("archive/a_r1.csv", "archive/a_r1.csv.ok", "archive/a_r2.csv", "archive/a_r2.csv.ok", "z.csv.ok")
}

func TestAFileOverItsLimitIsRejectedAndNeverFetched(t *testing.T) {
	w := newWorld(t, feedWith("prices", ", max_size: 1KB"))
	w.stock("SKU1")
	w.drop("prices", "a.csv", onePrice("1")+strings.Repeat("\n", 2000))
	w.round()
	w.stands("a.csv rejected it has 2069 bytes, more than max_size allows (1KB)")
	w.stay("rejected/a.csv_d1_error.txt", "rejected/a_d1.csv")
	if d, _ := w.last("prices"); d.SHA256 != "" || !d.FetchedAt.IsZero() {
		t.Errorf("it was fetched: %+v", d)
	}
	w.round()
	w.stands("a.csv rejected …")
}

func TestAnEmptyFileHasAnOutcome(t *testing.T) {
	for policy, want := range map[string]string{
		"archive": "loaded the file has no rows", "reject": "rejected the file has no rows", "hold": "held empty: the file has no rows",
	} {
		for kind, content := range map[string]string{"no bytes": "", "a header": priceHead} {
			t.Run(policy+" "+kind, func(t *testing.T) {
				w := newWorld(t, feedWith("prices", ", mode: full, on_missing: delete, on_failure: continue, empty: "+policy))
				w.stock("SKU1")
				w.drop("prices", "a.csv", onePrice("1"))
				w.round()
				w.drop("prices", "b.csv", content)
				w.round()
				w.stands("a.csv loaded", "b.csv "+want)
				if n := w.shop.Count("productprices"); n != 1 {
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
	w := newWorld(t, feedWith("prices", ", receipts: [json, csv]"))
	w.stock("SKU1")
	value := 1
	for _, name := range slices.Sorted(mapKeys(strange)) {
		value++
		w.drop("prices", name, onePrice(fmt.Sprint(value))+price("SKU1", "x"))
	}
	w.round()
	w.round()
	drops, err := w.ledger.Drops(t.Context(), bridge.DropFilter{})
	w.must(err)
	if len(drops) != len(strange) {
		t.Fatalf("%d drops of %d files:\n%s", len(drops), len(strange), strings.Join(w.lineup(), "\n"))
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
		if _, err := os.Stat(filepath.Join(w.folder, "prices", name)); (err != nil) != good {
			t.Errorf("%q: %v", name, err)
		}
	}
	above, err := os.ReadDir(w.folder)
	w.must(err)
	for _, e := range above {
		if !e.IsDir() {
			t.Errorf("%q has left the folder", e.Name())
		}
	}
	for _, p := range w.files() {
		if folder := filepath.Dir(p); folder != "." && folder != "archive" && folder != "rejected" && folder != "receipts" || len(filepath.Base(p)) > bridge.MaxName {
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
	w := newWorld(t, feedWith("prices", ""))
	l := &listing{Remote: w.b.Remotes["disk"]}
	for _, name := range []string{"../x.csv", "/etc/passwd.csv", "..", "a/../../b.csv", strings.Repeat("y", 70_000) + ".csv"} {
		l.add = append(l.add, bridge.File{Name: name, Size: 3, MTime: w.clock.Now()})
	}
	for i := range 500 {
		l.add = append(l.add, bridge.File{Name: fmt.Sprintf("../%d.csv", i), Size: 3, MTime: w.clock.Now()})
	}
	w.b.Remotes["disk"] = l
	w.round()
	once := len(w.lineup())
	w.round()
	drops, err := w.ledger.Drops(t.Context(), bridge.DropFilter{})
	w.must(err)
	if len(drops) != once || once > 100 {
		t.Errorf("%d drops, then %d", once, len(drops))
	}
	for _, d := range drops {
		if d.State != bridge.Rejected || d.Path != "" || len(d.Name) > 1200 {
			t.Errorf("%.100q is %s at %q", d.Name, d.State, d.Path)
		}
	}
	w.stay()
}

func TestAFileThatIsStillWrittenToAfterItsClaimIsWatchedAnew(t *testing.T) {
	w := newWorld(t, feedOf("*.csv", ", ready: { stable: 20s }"))
	w.stock("SKU1", "SKU2")
	w.drop("prices", "a.csv", onePrice("1"))
	w.round()
	w.tick(20 * time.Second)
	w.b.Step = func(name string) {
		if name == "claimed" {
			w.must(os.WriteFile(filepath.Join(w.folder, "prices/.work/a_d1.csv"), []byte(onePrice("1")+price("SKU2", "2")), 0o644))
		}
	}
	w.round()
	w.stands("a.csv claimed it had 69 bytes when it was claimed and has 94 now…")
	w.later(19 * time.Second)
	w.stands("a.csv claimed …")
	w.later(time.Second)
	w.stands("a.csv loaded")
	w.expect("prices", bridge.Loaded, bridge.Counts{Rows: 2, Created: 2})
}

func TestAFileThatCannotBeFetchedDoesNotKeepTheOthers(t *testing.T) {
	w := newWorld(t, feedWith("prices", ""))
	w.stock("SKU1")
	w.drop("prices", "a.csv", onePrice("1"))
	w.b.Step = func(name string) {
		if name == "claimed" {
			w.b.Step = nil
			w.must(os.Remove(filepath.Join(w.folder, "prices/.work/a_d1.csv")))
		}
	}
	w.drop("prices", "b.csv", onePrice("2"))
	_ = w.b.Round(t.Context())
	w.stands("a.csv claimed fetch disk:prices/.work/a_d1.csv…", "b.csv loaded")
	d, _ := w.ledger.Drop(t.Context(), 1)
	w.must(w.b.Discard(t.Context(), w.feed(), d, "alice"))
	w.round()
	w.stands("a.csv discarded …", "b.csv loaded")
}

func TestAFolderThatIsNotMountedLosesNothing(t *testing.T) {
	w := newWorld(t, feedOf("*.csv", ", ready: { stable: 20s }"))
	w.stock("SKU1")
	w.drop("prices", "a.csv", onePrice("1"))
	w.round()
	aside := w.folder + ".aside"
	w.tick(30 * time.Second)
	w.b.Step = func(name string) {
		if name == "claim" { // between the listing and the claim
			w.b.Step = nil
			w.must(os.Rename(w.folder, aside))
		}
	}
	for range 3 {
		if err := w.b.Round(t.Context()); err == nil {
			t.Error("no trouble")
		}
	}
	w.stands("a.csv ready")
	w.must(os.Rename(aside, w.folder))
	w.round()
	w.stands("a.csv loaded")
}

func sum(content string) string {
	s := sha256.Sum256([]byte(content))
	return hex.EncodeToString(s[:])
}

func TestAManifestSaysWhichFilesAreWhole(t *testing.T) {
	w := newWorld(t, feedOf("*.csv", ", ready: { manifest: 'batch_*.txt', stable: 0s }"))
	w.stock("SKU1", "SKU2")
	a, b, c := onePrice("1"), priceHead+price("SKU2", "2"), onePrice("3")
	w.drop("prices", "a.csv", a)
	w.drop("prices", "b.csv", "half of it")
	w.round()
	w.stands("a.csv seen waits for a manifest that lists it", "b.csv seen waits for a manifest that lists it")

	w.drop("prices", "batch_1.txt", fmt.Sprintf("\ufeffFile;Rows;SHA256;Size\r\na.csv;1;%s;\r\nb.csv;1;%s;%d\r\nc.csv;;;\r\nother.xml;9;;\r\n", sum(a), strings.ToUpper(sum(b)), len(b)))
	w.round()
	w.stands("a.csv loaded", fmt.Sprintf("b.csv seen it has 10 bytes, manifest 3 says %d", len(b)), "batch_1.txt fetched waits for 2 of its files: b.csv, c.csv")
	w.drop("prices", "b.csv", b)
	w.round()
	w.stands("a.csv loaded", "b.csv loaded", "batch_1.txt fetched waits for 1 of its files: c.csv")
	w.drop("prices", "c.csv", c)
	w.round()
	w.stands("a.csv loaded", "b.csv loaded", "batch_1.txt loaded all files that it lists have come", "c.csv loaded")
	w.stay("archive/a_r1.csv", "archive/b_r2.csv", "archive/batch_1_d3.txt", "archive/c_r3.csv")
}

func TestAFileThatIsNotWhatItsManifestSaysIsRejected(t *testing.T) {
	w := newWorld(t, feedOf("*.csv", ", ready: { manifest: '*.lst', stable: 0s }"))
	w.stock("SKU1")
	w.drop("prices", "a.csv", onePrice("1"))
	w.drop("prices", "b.csv", onePrice("4"))
	w.drop("prices", "m.lst", fmt.Sprintf("file,rows,sha256\na.csv,,%s\nb.csv,2,%s\n", sum(onePrice("2")), sum(onePrice("4"))))
	w.round()
	w.stands("a.csv rejected its sha256 is …", "b.csv held manifest: 1 rows, manifest 3 says 2", "m.lst fetched waits for 1 of its files: a.csv")
	w.stay(".work/b_d2.csv", ".work/m_d3.lst", "rejected/a.csv_d1_error.txt", "rejected/a_d1.csv")
	w.drop("prices", "a.csv", onePrice("2"))
	w.round()
	w.stands("a.csv rejected …", "b.csv held …", "m.lst loaded all files that it lists have come", "a.csv loaded")

	// A later manifest takes over what an earlier one still waits for.
	w.drop("prices", "m1.lst", "file\nx.csv\n")
	w.round()
	w.drop("prices", "m2.lst", "file\nx.csv\n")
	w.round()
	drops := w.lineup()
	if got := drops[len(drops)-2:]; got[0] != "m1.lst loaded all files that it lists have come" || got[1] != "m2.lst fetched waits for 1 of its files: x.csv" {
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
			w := newWorld(t, feedOf("*.csv", ", ready: { manifest: '*.lst', stable: 0s }"))
			w.drop("prices", "m.lst", c.content)
			w.round()
			w.stands("m.lst rejected " + c.reason + "…")
			w.stay("rejected/m.lst_d1_error.txt", "rejected/m_d1.lst")
		})
	}
}

func TestAManifestHasToStandStillItself(t *testing.T) {
	w := newWorld(t, feedOf("*.csv", ", ready: { manifest: '*.lst' }"))
	w.stock("SKU1")
	w.drop("prices", "a.csv", onePrice("1"))
	w.drop("prices", "m.lst", "file\na.csv\n")
	w.round()
	w.later(19 * time.Second)
	w.stands("a.csv seen …", "m.lst seen")
	w.later(time.Second)
	w.stands("a.csv loaded", "m.lst loaded …")
}
