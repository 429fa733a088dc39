package state

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/google/go-cmp/cmp"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/state/sqlite"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// kept is a state folder with a note, a drop that is under way, and one that is put away: both have their bytes in the spool.
func kept(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "var")
	s, err := Open(t.Context(), dir, Options{Program: "1.2.3"})
	must(t, err)
	must(t, s.Note(t.Context(), "x", "noon"))
	for i, state := range []bridge.DropState{bridge.Held, bridge.Loaded} {
		d := &bridge.Drop{Feed: "products", Remote: "sap", Folder: "/", Name: fmt.Sprintf("%d.csv", i), Path: "/archive/p.csv", State: state,
			Spool: fmt.Sprint(i + 1), SeenAt: noon, SHA256: sha([]byte(fmt.Sprintf("sku\n%d.csv", i)))}
		must(t, s.Listed(t.Context(), bridge.Listing{New: []*bridge.Drop{d}, At: noon}))
		must(t, s.Advance(t.Context(), []bridge.Move{{Drop: d, From: state}}))
		must(t, os.WriteFile(filepath.Join(s.Spool(), d.Spool), []byte("sku\n"+d.Name), 0o600))
	}
	must(t, s.Close())
	return dir
}

func backupOf(t *testing.T, dir string) []byte {
	t.Helper()
	var b bytes.Buffer
	_, err := Backup(t.Context(), dir, "1.2.3", &b, noon)
	must(t, err)
	return b.Bytes()
}

// note reads the note of kept in a folder that no bridge works with.
func note(t *testing.T, dir string) string {
	t.Helper()
	s, err := Open(t.Context(), dir, Options{ReadOnly: true})
	must(t, err)
	notes, err := s.Notes(t.Context())
	must(t, errors.Join(err, s.Close()))
	return notes["x"]
}

func TestWhatWasBackedUpIsPutBack(t *testing.T) {
	from, to := kept(t), filepath.Join(t.TempDir(), "var")
	done, err := Restore(t.Context(), to, bytes.NewReader(backupOf(t, from)), false, noon)
	must(t, err)
	if done.Life != 2 || done.Replaced != "" || done.Program != "1.2.3" || !done.Made.Equal(noon) {
		t.Errorf("%+v", done)
	}
	if got := note(t, to); got != "noon" {
		t.Errorf("the note says %q", got)
	}
	// Of the spool it has what is nowhere else, and the drop that was put away is fetched again from there.
	spool, err := os.ReadDir(filepath.Join(to, "spool"))
	must(t, err)
	if len(spool) != 1 || spool[0].Name() != "1" {
		t.Errorf("the spool holds %v", spool)
	}
	s := openIn(t, to, Options{})
	drops, err := s.Drops(t.Context(), bridge.DropFilter{})
	must(t, err)
	if drops[0].Spool != "1" || drops[1].Spool != "" {
		t.Errorf("the drops are in %q and %q", drops[0].Spool, drops[1].Spool)
	}
	if s.Generation() != 2 {
		t.Errorf("generation %d", s.Generation())
	}
	left, err := os.ReadDir(to)
	must(t, err)
	for _, entry := range left {
		if strings.HasPrefix(entry.Name(), ".") || strings.HasPrefix(entry.Name(), replacedPrefix) {
			t.Errorf("%s is left over", entry.Name())
		}
	}
}

func TestWhatStoodThereIsPutAside(t *testing.T) {
	dir := kept(t)
	backup := backupOf(t, dir)
	s, err := Open(t.Context(), dir, Options{})
	must(t, err)
	must(t, s.Note(t.Context(), "x", "one o'clock"))
	if _, err := Restore(t.Context(), dir, bytes.NewReader(backup), true, noon); !errors.Is(err, bridge.ErrLocked) {
		t.Errorf("under a bridge: %v", err)
	}
	must(t, s.Close())
	if _, err := Restore(t.Context(), dir, bytes.NewReader(backup), false, noon); err == nil || bridge.HintOf(err) == "" {
		t.Errorf("nobody has agreed: %v", err)
	}
	done, err := Restore(t.Context(), dir, bytes.NewReader(backup), true, noon)
	must(t, err)
	if was, is := note(t, done.Replaced), note(t, dir); was != "one o'clock" || is != "noon" {
		t.Errorf("aside %q, restored %q", was, is)
	}
	// Each time another generation begins, however often the same backup is put back.
	done, err = Restore(t.Context(), dir, bytes.NewReader(backup), true, noon.Add(time.Second))
	must(t, err)
	if done.Life != 3 {
		t.Errorf("generation %d", done.Life)
	}
}

func TestALedgerThatWasPutBackByHandBeginsAnotherGeneration(t *testing.T) {
	dir := kept(t)
	path := filepath.Join(dir, "ledger.db")
	old, err := os.ReadFile(path)
	must(t, err)
	_, err = Restore(t.Context(), dir, bytes.NewReader(backupOf(t, dir)), true, noon)
	must(t, err)
	must(t, os.WriteFile(path, old, 0o600))
	s := openIn(t, dir, Options{})
	if s.Generation() != 3 {
		t.Errorf("generation %d", s.Generation())
	}
	must(t, s.Keep(t.Context(), &bridge.Event{At: noon, Kind: bridge.Noted}))
	// Into an empty folder, as litestream or a copy of the file brings it.
	elsewhere := filepath.Join(t.TempDir(), "var")
	must(t, os.Mkdir(elsewhere, 0o700))
	must(t, sqlite.Copy(t.Context(), path, filepath.Join(elsewhere, "ledger.db")))
	if s := openIn(t, elsewhere, Options{}); s.Generation() != 4 {
		t.Errorf("in an empty folder generation %d", s.Generation())
	}
}

func TestABackupIsOfOneMomentWhateverIsWrittenMeanwhile(t *testing.T) {
	dir := kept(t)
	s := openIn(t, dir, Options{})
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { // always both or none
		for i := 0; ; i++ {
			text := fmt.Sprint(i, strings.Repeat("x", 2000))
			e := &bridge.Event{At: noon, Kind: bridge.Noted, Text: text}
			if err := s.Note(ctx, "x", text, e); err != nil {
				ended <- err
				return
			}
		}
	}()
	for range 3 {
		to := filepath.Join(t.TempDir(), "var")
		_, err := Restore(t.Context(), to, bytes.NewReader(backupOf(t, dir)), false, noon)
		must(t, err)
		r, err := Open(t.Context(), to, Options{ReadOnly: true})
		must(t, err)
		last := ""
		must(t, r.Events(t.Context(), bridge.EventFilter{}, func(e *bridge.Event) error {
			if e.Text[0] != 'r' { // restored
				last = e.Text
			}
			return nil
		}))
		if got := note(t, to); last != "" && got != last {
			t.Errorf("the note says %.10s, the journal %.10s", got, last)
		}
		must(t, r.Close())
	}
	stop()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestABackupThatIsNotWholeIsRefusedAndChangesNothing(t *testing.T) {
	backup := backupOf(t, kept(t))
	dir := kept(t)
	before := note(t, dir)
	whole, err := VerifyBackup(t.Context(), reader(backup), dir)
	must(t, err)
	try := func(what string, bytes []byte) {
		t.Helper()
		if _, err := Restore(t.Context(), dir, reader(bytes), true, noon); err == nil || bridge.HintOf(err) == "" {
			t.Fatalf("%s: %v", what, err)
		}
		if _, err := VerifyBackup(t.Context(), reader(bytes), dir); err == nil {
			t.Fatalf("%s: it passes for whole", what)
		}
	}
	for cut := 0; cut < len(backup); cut += len(backup)/9 + 1 {
		try(fmt.Sprintf("cut at byte %d", cut), backup[:cut])
	}
	places := []int{len(backup) - 1, len(backup) - 5, len(backup) - 12, len(backup) - 40} // what follows the manifest, and its end
	for at := 16; at < len(backup); at += len(backup)/11 + 1 {
		places = append(places, at)
	}
	for _, at := range places {
		flipped := slices.Clone(backup)
		flipped[at] ^= 0x10
		// One that changes nothing that is packed, such as how far back the same bytes are taken from, does no harm.
		if m, err := VerifyBackup(t.Context(), reader(flipped), dir); err != nil || !cmp.Equal(m, whole) {
			try(fmt.Sprintf("a bit of byte %d", at), flipped)
		}
	}
	for name, members := range map[string][]tar.Header{
		"no ledger":      {{Name: manifestName}},
		"a way out":      {{Name: "spool/../../x"}},
		"a way up":       {{Name: "../ledger.db"}},
		"an absolute":    {{Name: "/etc/passwd"}},
		"a link":         {{Name: ledgerName, Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"}},
		"a folder":       {{Name: "spool/1", Typeflag: tar.TypeDir}},
		"a folder below": {{Name: "spool/a/b"}},
		"hidden":         {{Name: "spool/.x"}},
		"twice":          {{Name: ledgerName}, {Name: ledgerName}},
	} {
		try(name, tarOf(t, members))
	}
	try("holes of a terabyte", compressed(t, sparse()))
	if got := note(t, dir); got != before {
		t.Errorf("the note says %q", got)
	}
	left, err := filepath.Glob(filepath.Join(dir, ".*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left over: %v %v", left, err)
	}
}

func reader(b []byte) io.Reader { return bytes.NewReader(b) }

// tarOf is a compressed tar of empty members.
func tarOf(t *testing.T, members []tar.Header) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range members {
		must(t, w.WriteHeader(&h))
	}
	must(t, w.Close())
	return compressed(t, b.Bytes())
}

func compressed(t testing.TB, text []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z, err := zstd.NewWriter(&b)
	must(t, err)
	_, err = z.Write(text)
	must(t, errors.Join(err, z.Close()))
	return b.Bytes()
}

// sparse is a tar in which a few bytes say that the ledger has a terabyte of holes.
func sparse() []byte {
	block := func(name string, kind byte, size int) []byte {
		b := make([]byte, 512)
		copy(b, name)
		copy(b[100:], "0000600\x000000000\x000000000\x00")
		copy(b[124:], fmt.Sprintf("%011o\x0000000000000\x00        ", size))
		b[156] = kind
		copy(b[257:], "ustar\x0000")
		sum := 0
		for _, c := range b {
			sum += int(c)
		}
		copy(b[148:], fmt.Sprintf("%06o\x00 ", sum))
		return b
	}
	var records string
	for _, r := range []string{"GNU.sparse.major=0", "GNU.sparse.minor=1", "GNU.sparse.name=ledger.db", "GNU.sparse.size=1099511627776",
		"GNU.sparse.numblocks=1", "GNU.sparse.map=0,0"} {
		records += fmt.Sprintf("%d %s\n", len(r)+4, r)
	}
	extended := make([]byte, 512)
	copy(extended, records)
	return bytes.Join([][]byte{block("x", 'x', len(records)), extended, block(ledgerName, '0', 0), make([]byte, 1024)}, nil)
}

// FuzzRestore: whatever is read in the place of a backup, nothing is written outside, no more than was packed, and the folder stays as it
// was.
func FuzzRestore(f *testing.F) {
	var whole bytes.Buffer
	p := &packer{ctx: f.Context(), out: tar.NewWriter(&whole), m: &Manifest{Format: backupFormat}}
	file := filepath.Join(f.TempDir(), "x")
	must(f, os.WriteFile(file, []byte("not much of a ledger"), 0o600))
	must(f, p.add(ledgerName, file))
	must(f, p.add(spoolPrefix+"1", file))
	must(f, p.end())
	f.Add([]byte("no backup"))
	f.Add(whole.Bytes())
	f.Add(sparse())
	f.Fuzz(func(t *testing.T, b []byte) {
		for i, in := range [][]byte{b, compressed(t, b)} {
			var written counted
			_, err := unpack(t.Context(), bytes.NewReader(in), func(name string) (io.WriteCloser, error) {
				if !fs.ValidPath(name) || name != ledgerName && !strings.HasPrefix(name, spoolPrefix) {
					t.Errorf("it asked for %q", name)
				}
				written.files++
				return &written, nil
			})
			if err == nil && written.files == 0 {
				t.Error("nothing passed for a backup")
			}
			if i == 1 && written.bytes > len(b) {
				t.Errorf("of %d bytes %d became", len(b), written.bytes)
			}
		}
	})
}

// counted is a place for files that only counts them.
type counted struct{ files, bytes int }

func (c *counted) Write(b []byte) (int, error) {
	c.bytes += len(b)
	return len(b), nil
}
func (c *counted) Close() error { return nil }

func TestWhatIsDamagedIsFound(t *testing.T) {
	for name, harm := range map[string]struct {
		what string
		sql  string
	}{
		"a bit of an order":       {"hashes of order files", `UPDATE outfiles SET body = x'00'`},
		"a bit of a link":         {"fingerprints of links", `UPDATE accepted SET content = '{"name":"Bolz"}'`},
		"an order's file":         {"orders have their files", `DELETE FROM outfiles`},
		"a bit of a setting":      {"links are whole", `UPDATE settings SET tail = 'x'`},
		"half a link":             {"links are whole", `DELETE FROM accepted`},
		"a number":                {"numbers go on behind the highest", `UPDATE cursors SET number = 0`},
		"a drop":                  {"references", `PRAGMA foreign_keys = off; DELETE FROM drops`},
		"what drops can't be":     {"drops under way have their states", `UPDATE drops SET state = 'lost'`},
		"a file of the spool":     {"files that drops refer to", ``},
		"a bit of what is undone": {"checksums of what is sent", `UPDATE history SET before = replace(before, 'Bolt', 'Bolz')`},
		"a bit of what is parked": {"checksums of what is sent", `UPDATE parked SET record = replace(record, 'Nut', 'Nuz')`},
		"a bit of a batch":        {"checksums of what is sent", `UPDATE batches SET changes = substr(changes, 1, 12) || x'00' || substr(changes, 14)`},
		"a bit of what waits":     {"checksums of what is sent", `UPDATE outbox SET content = replace(content, 'O-2', 'O-3') WHERE number = 0`},
		"nothing: all is well":    {"", ``},
	} {
		t.Run(name, func(t *testing.T) {
			dir := damaged(t, harm.sql)
			if strings.Contains(name, "spool") {
				must(t, os.WriteFile(filepath.Join(dir, "spool", "1"), []byte("other bytes"), 0o600))
			}
			all, err := Examine(t.Context(), dir, "")
			must(t, err)
			for _, f := range all {
				if f.OK != (f.What != harm.what) || !f.OK && (f.Detail == "" || f.Hint == "") {
					t.Errorf("%+v", f)
				}
			}
		})
	}
}
