package state

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/formats"
)

// worked is a folder with which a bridge has worked, and came to an orderly end.
func worked(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "var")
	s, err := Open(t.Context(), dir, Options{})
	must(t, err)
	must(t, s.Note(t.Context(), "x", "y"))
	must(t, s.Close())
	return dir
}

func TestWhatTheBridgeKeepsIsItsOwnWhateverTheUmask(t *testing.T) {
	for _, umask := range []int{0, 0o277} {
		old := syscall.Umask(umask)
		t.Cleanup(func() { syscall.Umask(old) })
		dir := filepath.Join(t.TempDir(), "var")
		if umask != 0 {
			must(t, os.Mkdir(dir, 0o700))
			must(t, os.Chmod(dir, 0o700))
			must(t, os.Mkdir(filepath.Join(dir, "spool"), 0o700))
			must(t, os.Chmod(filepath.Join(dir, "spool"), 0o700))
		}
		s := openIn(t, dir, Options{})
		must(t, s.Note(t.Context(), "x", "y"))
		e, _ := formats.EntityByName("products")
		stage := manyStaged(t, s, e)
		n := 0
		must(t, filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
			must(t, err)
			info, err := entry.Info()
			must(t, err)
			want := fs.FileMode(0o600)
			if entry.IsDir() {
				want = 0o700
			}
			if n++; info.Mode().Perm() != want {
				t.Errorf("umask %o: %s is %v", umask, path, info.Mode())
			}
			return nil
		}))
		if n < 6 {
			t.Errorf("only %d files", n)
		}
		must(t, stage.Close())
		syscall.Umask(old)
	}
}

// manyStaged is a stage of more changes than are kept in memory.
func manyStaged(t *testing.T, s *State, e *formats.Entity) bridge.Stage {
	t.Helper()
	stage, err := s.NewStage(t.Context(), e, 7)
	must(t, err)
	many := make([]*bridge.Staged, 2*fewChanges)
	for i := range many {
		key := strconv.Itoa(i)
		many[i] = &bridge.Staged{Change: bridge.Change{Key: key, Record: &formats.Record{Entity: e, Key: key}}}
	}
	_, err = stage.Put(t.Context(), many)
	must(t, err)
	return stage
}

func TestAFolderThatOthersCanWriteToIsRefused(t *testing.T) {
	for _, c := range []struct {
		mode    fs.FileMode
		refused bool
		doubts  int
	}{{0o700, false, 0}, {0o750, false, 0}, {0o755, false, 1}, {0o707, true, 0}, {0o777, true, 0}, {0o777 | fs.ModeSticky, true, 0},
		{0o770, false, 1}, {0o770 | fs.ModeSetgid, false, 0}} {
		dir := worked(t)
		must(t, os.Chmod(dir, c.mode))
		s, err := Open(t.Context(), dir, Options{})
		if (err != nil) != c.refused || err != nil && bridge.HintOf(err) == "" {
			t.Errorf("%v: %v", c.mode, err)
		}
		if err == nil && len(s.Doubts) != c.doubts {
			t.Errorf("%v: %v", c.mode, s.Doubts)
		}
		if err == nil {
			must(t, s.Close())
		}
	}
}

func TestAnOldLedgerIsTakenFromOthers(t *testing.T) {
	dir := worked(t)
	for _, name := range []string{"ledger.db", "lock"} {
		must(t, os.Chmod(filepath.Join(dir, name), 0o644))
	}
	openIn(t, dir, Options{})
	for _, name := range []string{"ledger.db", "lock"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm()&0o007 != 0 {
			t.Errorf("%s: %v %v", name, info.Mode(), err)
		}
	}
}

func TestNothingIsOpenedThroughALink(t *testing.T) {
	for _, name := range []string{"ledger.db", "lock"} {
		dir, elsewhere := worked(t), filepath.Join(t.TempDir(), "theirs")
		must(t, os.Rename(filepath.Join(dir, name), elsewhere))
		must(t, os.Symlink(elsewhere, filepath.Join(dir, name)))
		if s, err := Open(t.Context(), dir, Options{}); err == nil {
			t.Errorf("%s was followed", name)
			must(t, s.Close())
		}
	}
}

func TestALostLedgerIsNoFirstStart(t *testing.T) {
	other := func(path string) error {
		db, err := sql.Open("sqlite3", path)
		if err != nil {
			return err
		}
		defer db.Close()
		_, err = db.Exec(`CREATE TABLE cookies (name TEXT)`)
		return err
	}
	for name, harm := range map[string]func(path string) error{
		"gone":          os.Remove,
		"empty":         func(path string) error { return os.Truncate(path, 0) },
		"no database":   func(path string) error { return os.WriteFile(path, []byte(strings.Repeat("what? ", 1000)), 0o600) },
		"somebody's":    func(path string) error { return errors.Join(os.Remove(path), other(path)) },
		"page of zeros": func(path string) error { return os.WriteFile(path, make([]byte, 8192), 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			for _, trace := range []string{"lock", "spool"} {
				dir := worked(t)
				path := filepath.Join(dir, "ledger.db")
				must(t, harm(path))
				if trace == "spool" {
					must(t, os.WriteFile(filepath.Join(dir, "spool", "1"), []byte("a file"), 0o600))
					must(t, os.Remove(filepath.Join(dir, "lock")))
				}
				before, _ := os.ReadFile(path)
				for range 2 { // it does not pass by itself
					s, err := Open(t.Context(), dir, Options{})
					if err == nil {
						must(t, s.Close())
						t.Fatalf("%s: a new ledger was made", trace)
					}
					if bridge.HintOf(err) == "" {
						t.Errorf("no hint: %v", err)
					}
				}
				if after, _ := os.ReadFile(path); string(after) != string(before) {
					t.Errorf("%s: the file was changed", trace)
				}
			}
		})
	}
}

// A first start that is cut short at any point is a first start again.
func TestAFirstStartThatWasCutShortIsMadeAgain(t *testing.T) {
	for _, there := range [][]string{{}, {"spool/"}, {"spool/", "lock"}, {"spool/", "lock", "ledger.db"}, {"spool/", "ledger.db"}} {
		dir := t.TempDir()
		must(t, os.Chmod(dir, 0o700))
		for _, name := range there {
			if strings.HasSuffix(name, "/") {
				must(t, os.Mkdir(filepath.Join(dir, name), 0o700))
			} else {
				must(t, os.WriteFile(filepath.Join(dir, name), nil, 0o600))
			}
		}
		openIn(t, dir, Options{})
	}
}

func TestAFolderThatIsTakenAwayIsNoticed(t *testing.T) {
	for name, harm := range map[string]func(dir string) error{
		"removed":    os.RemoveAll,
		"moved away": func(dir string) error { return os.Rename(dir, dir+".old") },
		"replaced": func(dir string) error {
			return errors.Join(os.Rename(dir, dir+".old"), os.CopyFS(dir, os.DirFS(dir+".old")))
		},
		"another ledger":   func(dir string) error { return replaceFile(filepath.Join(dir, "ledger.db")) },
		"another lock":     func(dir string) error { return replaceFile(filepath.Join(dir, "lock")) },
		"the ledger alone": func(dir string) error { return os.Remove(filepath.Join(dir, "ledger.db")) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := worked(t)
			s, err := Open(t.Context(), dir, Options{})
			must(t, err)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			ended := make(chan error, 1)
			go func() { ended <- s.watch(ctx, time.Millisecond) }()
			time.Sleep(20 * time.Millisecond)
			select {
			case err := <-ended:
				t.Fatalf("before: %v", err)
			default:
			}
			must(t, harm(dir))
			if err := <-ended; err == nil || bridge.HintOf(err) == "" || bridge.FateOf(err) != bridge.Stop {
				t.Errorf("%v", err)
			}
			_ = s.Close() // says what it says
		})
	}
}

func replaceFile(path string) error {
	body, err := os.ReadFile(path)
	return errors.Join(err, os.WriteFile(path+".new", body, 0o600), os.Rename(path+".new", path))
}

// harm breaks a ledger in the middle, so that it opens and reads well at first.
func breakLedger(t *testing.T, dir string) {
	t.Helper()
	s, err := Open(t.Context(), dir, Options{})
	must(t, err)
	for i := range 200 {
		must(t, s.Note(t.Context(), strings.Repeat("n", 500)+string(rune('a'+i%26))+time.Duration(i).String(), strings.Repeat("x", 1000)))
	}
	must(t, s.Close())
	path := filepath.Join(dir, "ledger.db")
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	must(t, err)
	info, err := f.Stat()
	must(t, err)
	_, err = f.WriteAt([]byte(strings.Repeat("\x00", 4096*20)), info.Size()-4096*40)
	must(t, errors.Join(err, f.Close()))
}

func TestADamagedLedgerIsNotWrittenToAfterACrash(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "var")
	breakLedger(t, dir)
	// An orderly end: the check goes on beside the work.
	s, err := Open(t.Context(), dir, Options{})
	must(t, err)
	if err := s.Watch(t.Context()); err == nil || bridge.HintOf(err) == "" {
		t.Errorf("the check in the background: %v", err)
	}
	must(t, s.Close())
	// A crash: nothing before the check.
	must(t, os.WriteFile(filepath.Join(dir, "lock"), []byte("4711 running\n"), 0o600))
	for range 2 {
		s, err = Open(t.Context(), dir, Options{})
		if err == nil {
			must(t, s.Close())
			t.Fatal("it was opened")
		}
		if bridge.HintOf(err) == "" || !strings.Contains(err.Error(), "damaged") {
			t.Errorf("%v", err)
		}
	}
}

// What killed processes leave of their stages goes with the next start.
func TestOldStagesAreSwept(t *testing.T) {
	dir := worked(t)
	s, err := Open(t.Context(), dir, Options{})
	must(t, err)
	e, _ := formats.EntityByName("products")
	stage := manyStaged(t, s, e)
	if there, err := os.ReadDir(s.Spool()); err != nil || len(there) == 0 {
		t.Fatalf("a stage of many changes has no file: %v", err)
	}
	t.Cleanup(func() { _ = stage.Close() }) // of the process that was killed
	must(t, s.Close())
	s = openIn(t, dir, Options{})
	left, err := os.ReadDir(s.Spool())
	if err != nil || len(left) != 0 {
		t.Errorf("%v %v", left, err)
	}
}

// A shop's view is taken while the bridge works, and the folder is looked after.
func TestAShopsViewIsTakenBesideTheWatch(t *testing.T) {
	s, err := Open(t.Context(), t.TempDir(), Options{})
	must(t, err)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.watch(ctx, time.Millisecond) }()
	for range 200 {
		if of := s.Of("b2b"); of.Spool() != s.Spool() {
			t.Fatal("it has another folder")
		}
	}
	stop()
	must(t, <-ended)
	must(t, s.Close())
}
