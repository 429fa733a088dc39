package inbound_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/bridgetest"
)

// TestASenderWhoGoesOnThroughItsOpenHandleIsHeard: it pauses for longer than the feed waits, and its handle follows the file.
func TestASenderWhoGoesOnThroughItsOpenHandleIsHeard(t *testing.T) {
	for _, step := range []string{"fetched", "move away", "finished"} {
		t.Run("after "+step, func(t *testing.T) {
			w := bridgetest.NewWorld(t, bridgetest.FeedOf("*.csv", ", ready: { stable: 20s }"))
			w.Stock("SKU1", "SKU2")
			w.Drop("prices", "a.csv", bridgetest.OnePrice("1"))
			sender, err := os.OpenFile(filepath.Join(w.Folder, "prices/a.csv"), os.O_WRONLY|os.O_APPEND, 0)
			w.Must(err)
			defer sender.Close()
			w.Round()
			w.OnStep(func(name string) {
				if name == step && step != "finished" {
					w.OnStep(nil)
					_, err := sender.WriteString(bridgetest.Price("SKU2", "2"))
					w.Must(err)
				}
			})
			w.Later(20 * time.Second)
			if step == "finished" {
				w.Stay("archive/a_r1.csv")
				w.Later(9 * time.Minute)
				_, err := sender.WriteString(bridgetest.Price("SKU2", "2"))
				w.Must(err)
			}
			w.Later(30 * time.Second)
			w.Later(30 * time.Second)
			w.Later(30 * time.Second)
			w.Stands("a.csv loaded its sender went on with the file, which is another drop now", "a.csv loaded")
			if n := w.Shop.Count("productprices"); n != 2 {
				t.Errorf("the shop has %d prices", n)
			}
			if n := strings.Count(w.Log.String(), "alarm=unfinished"); n != 2 || len(w.Alarms()) != 0 {
				t.Errorf("an alarm was raised and cleared: %d; left: %v\n%s", n, w.Alarms(), w.Log)
			}
		})
	}
}

// A guard that holds half a file for its few rows lets the whole of it pass.
func TestAHeldHalfOfAFileGivesWayToTheWhole(t *testing.T) {
	w := bridgetest.NewWorld(t, bridgetest.FeedWith("prices", ", guards: { min_rows: 2 }"))
	w.Stock("SKU1", "SKU2")
	w.Drop("prices", "a.csv", bridgetest.OnePrice("1"))
	sender, err := os.OpenFile(filepath.Join(w.Folder, "prices/a.csv"), os.O_WRONLY|os.O_APPEND, 0)
	w.Must(err)
	defer sender.Close()
	w.Round()
	w.Stands("a.csv held …")
	w.Later(24 * time.Hour)
	w.Stands("a.csv held …")
	_, err = sender.WriteString(bridgetest.Price("SKU2", "2"))
	w.Must(err)
	for range 3 {
		w.Later(30 * time.Second)
	}
	w.Stands("a.csv superseded min_rows: 1 rows, the least is 2; its sender went on with the file, which is another drop now", "a.csv loaded")
	w.Stay("archive/a_r2.csv")
}

func TestAFileThatNobodyTouchesIsLoadedOnce(t *testing.T) {
	w := bridgetest.NewWorld(t, bridgetest.FeedWith("prices", ""))
	w.Stock("SKU1")
	w.Drop("prices", "a.csv", bridgetest.OnePrice("1"))
	w.Round()
	at := w.Clock.Now().Add(-time.Hour) // some servers give a file that is moved another time
	w.Must(os.Chtimes(filepath.Join(w.Folder, "prices/archive/a_r1.csv"), at, at))
	for range 3 {
		w.Later(3 * time.Minute)
	}
	w.Stands("a.csv loaded")
	w.Must(os.WriteFile(filepath.Join(w.Folder, "prices/archive/a_r1.csv"), []byte("an archive is nobody's but its owner's"), 0o600))
	w.Later(3 * time.Minute) // twelve minutes after it was loaded
	w.Stands("a.csv loaded")
}

// changedRemote is a folder whose listings and answers a test changes.
type changedRemote struct {
	bridge.Remote
	file  func(*bridge.File)
	fetch func(path string) error
	move  func(to string) error
}

func (r *changedRemote) List(ctx context.Context, folder string) ([]bridge.File, error) {
	files, err := r.Remote.List(ctx, folder)
	for i := range files {
		r.change(&files[i])
	}
	return files, err
}

func (r *changedRemote) Stat(ctx context.Context, path string) (bridge.File, error) {
	file, err := r.Remote.Stat(ctx, path)
	r.change(&file)
	return file, err
}

func (r *changedRemote) change(file *bridge.File) {
	if r.file != nil {
		r.file(file)
	}
}

func (r *changedRemote) Fetch(ctx context.Context, path string, to io.Writer) (int64, error) {
	if r.fetch != nil {
		if err := r.fetch(path); err != nil {
			return 0, err
		}
	}
	return r.Remote.Fetch(ctx, path, to)
}

func (r *changedRemote) Move(ctx context.Context, from, to string) error {
	if r.move != nil {
		if err := r.move(to); err != nil {
			return err
		}
	}
	return r.Remote.Move(ctx, from, to)
}

func TestAServerThatTellsNoTimesWorks(t *testing.T) {
	for name, none := range map[string]time.Time{"none": {}, "1970": time.Unix(0, 0)} {
		t.Run(name, func(t *testing.T) {
			w := bridgetest.NewWorld(t, bridgetest.FeedOf("*.csv", ", ready: { stable: 20s }"))
			w.Stock("SKU1", "SKU2")
			w.Replace(&changedRemote{Remote: w.B.In.Remotes["disk"], file: func(f *bridge.File) { f.MTime = none }})
			w.Drop("prices", "a.csv", bridgetest.OnePrice("1"))
			w.Round()
			w.Later(30 * time.Second)
			w.Stands("a.csv seen") // only its size could tell
			w.Later(30 * time.Second)
			w.Stands("a.csv loaded")
			w.Later(time.Minute)
			w.Must(os.WriteFile(filepath.Join(w.Folder, "prices/archive/a_r1.csv"), []byte(bridgetest.OnePrice("2")), 0o600)) // of the same size
			w.Later(time.Minute)
			w.Later(time.Minute)
			w.Stands("a.csv loaded …", "a.csv loaded")
			if got := w.PriceOf("SKU1"); got != "2" {
				t.Errorf("the price is %s", got)
			}
		})
	}
}

func TestOnlyRegularFilesAreTaken(t *testing.T) {
	w := bridgetest.NewWorld(t, bridgetest.FeedWith("prices", ""))
	w.Stock("SKU1")
	in := func(name string) string { return filepath.Join(w.Folder, "prices", name) }
	w.Must(os.Symlink("/nowhere", in("dangling.csv")))
	w.Must(os.WriteFile(filepath.Join(w.Folder, "key.csv"), []byte(bridgetest.OnePrice("9")), 0o600))
	w.Must(os.Symlink("../key.csv", in("link.csv")))
	w.Must(syscall.Mkfifo(in("pipe.csv"), 0o600))
	w.Drop("prices", "z.csv", bridgetest.OnePrice("1"))
	w.Round()
	w.Round()
	const why = "it is a link, a pipe or a device; it was left alone: have the file itself put there"
	w.Stands("z.csv loaded", "dangling.csv rejected "+why, "link.csv rejected "+why, "pipe.csv rejected "+why)
	w.Must(os.Remove(in("link.csv")))
	w.Drop("prices", "link.csv", bridgetest.OnePrice("3"))
	w.Round()
	w.Stands("z.csv loaded", "dangling.csv rejected …", "link.csv rejected …", "pipe.csv rejected …", "link.csv loaded")
}

func TestTroubleWithOneFileIsItsOwn(t *testing.T) {
	w := bridgetest.NewWorld(t, bridgetest.FeedWith("prices", ""))
	w.Stock("SKU1", "SKU2", "SKU3")
	tries, readable := 0, false
	w.Replace(&changedRemote{Remote: w.B.In.Remotes["disk"], fetch: func(p string) error {
		if readable || !strings.Contains(p, "a_d1") {
			return nil
		}
		tries++
		return &bridge.Error{Op: "fetch", Object: p, File: true, Err: fs.ErrPermission, Hint: "let it be read"}
	}})
	w.Drop("prices", "a.csv", bridgetest.OnePrice("1"))
	w.Drop("prices", "b.csv", bridgetest.OnePrice("2"))
	w.Round()
	w.Drop("prices", "c.csv", bridgetest.OnePrice("3"))
	w.Round()
	w.Stands("a.csv claimed fetch prices/.work/a_d1.csv: permission denied — let it be read", "b.csv loaded", "c.csv loaded")
	for range 600 {
		w.Later(time.Second)
	}
	if tries < 8 || tries > 14 {
		t.Errorf("it was tried %d times in ten minutes", tries)
	}
	readable = true
	w.B.In.Wake() // as a decision does
	w.Round()
	w.Stands("a.csv loaded", "b.csv loaded", "c.csv loaded")
}

func TestALastMoveThatFailsIsToldInItsDrop(t *testing.T) {
	w := bridgetest.NewWorld(t, bridgetest.FeedWith("prices", ""))
	w.Stock("SKU1")
	full := true
	w.Replace(&changedRemote{Remote: w.B.In.Remotes["disk"], move: func(to string) error {
		if full && strings.Contains(to, "archive/a") {
			return &bridge.Error{Op: "move", Object: to, File: true, Err: fs.ErrPermission}
		}
		return nil
	}})
	w.Drop("prices", "a.csv", bridgetest.OnePrice("1"))
	w.Drop("prices", "b.csv", bridgetest.OnePrice("2"))
	w.Round()
	w.Stands("a.csv loaded its last move is owed: move prices/archive/a_r1.csv: permission denied", "b.csv loaded")
	full = false
	w.Later(time.Minute)
	w.Stands("a.csv loaded", "b.csv loaded")
	w.Stay("archive/a_r1.csv", "archive/b_r2.csv")
}

func TestAFileThatLooksCutOff(t *testing.T) {
	cut := strings.TrimSuffix(bridgetest.OnePrice("1")+bridgetest.Price("SKU2", "129.00"), "29.00\n")
	for _, c := range []struct{ name, keys, want string }{
		{"delta", "", "loaded"},
		{"hold", ", truncated: hold", "held truncated: the last line has no line end, and the lines before it have one: the file may be cut off"},
		{"accept", ", truncated: accept", "loaded"},
		{"full", ", mode: full, on_missing: delete", "held truncated: …"},
		{"full accept", ", mode: full, on_missing: delete, truncated: accept", "loaded"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := bridgetest.NewWorld(t, bridgetest.FeedWith("prices", c.keys))
			w.Stock("SKU1", "SKU2")
			w.Drop("prices", "a.csv", cut)
			w.Round()
			w.Stands("a.csv " + c.want)
			if told := strings.Contains(w.Log.String(), `msg=note`); told != (c.keys == "") {
				t.Errorf("a note: %t", told)
			}
			if strings.HasPrefix(c.want, "held") {
				d, _ := w.Last("prices")
				w.Must(w.B.In.Approve(t.Context(), d, bridge.Decision{Who: "me"}))
				w.Round()
				w.Stands("a.csv loaded")
			}
		})
	}
}

func TestAFullDiskPausesOneDrop(t *testing.T) {
	w := bridgetest.NewWorld(t, bridgetest.FeedWith("prices", ""))
	w.Stock("SKU1")
	full := true
	w.Replace(&changedRemote{Remote: w.B.In.Remotes["disk"], fetch: func(p string) error {
		if full && strings.Contains(p, "a_d1") {
			return fmt.Errorf("write spool: %w", &bridge.Error{Op: "write", Object: "spool", Fate: bridge.Pause, File: true,
				Err: errors.New("no space left")})
		}
		return nil
	}})
	w.Drop("prices", "a.csv", bridgetest.OnePrice("1"))
	w.Drop("prices", "b.csv", bridgetest.OnePrice("2"))
	w.Round()
	w.Stands("a.csv claimed …", "b.csv loaded")
	full = false
	w.Later(time.Minute)
	w.Stands("a.csv loaded", "b.csv loaded")
}

func TestADropThatCanNeverFitIsRejected(t *testing.T) {
	w := bridgetest.NewWorld(t, bridgetest.FeedWith("prices", ", max_size: 1000000TB"))
	w.Replace(&changedRemote{Remote: w.B.In.Remotes["disk"], file: func(f *bridge.File) {
		if strings.HasPrefix(f.Name, "a") {
			f.Size = 1 << 59
		}
	}})
	w.Drop("prices", "a.csv", bridgetest.OnePrice("1"))
	w.Round()
	w.Stands("a.csv rejected never_fits: it has 576460752303423488 bytes, more than the disk of state.dir could ever hold")
}

// TestManySmallFilesAreAllLookedAfter: more of them than one listing looks at.
func TestManySmallFilesAreAllLookedAfter(t *testing.T) {
	w := bridgetest.NewWorld(t, bridgetest.FeedWith("prices", ""))
	w.Stock("SKU1")
	const many = 70
	for i := range many {
		w.Drop("prices", fmt.Sprintf("p%03d.csv", i), bridgetest.OnePrice(fmt.Sprint(i+1)))
	}
	w.Round()
	for _, i := range []int{1, many - 1} {
		name := filepath.Join(w.Folder, "prices/archive", fmt.Sprintf("p%03d_r%d.csv", i, i+1))
		w.Must(os.WriteFile(name, []byte(bridgetest.OnePrice("777.5")), 0o600))
	}
	for range 3 {
		w.Later(30 * time.Second)
	}
	if n := strings.Count(w.Log.String(), `msg="alarm raised"`); n != 2 {
		t.Errorf("%d alarms", n)
	}
	for _, line := range strings.Split(w.Log.String(), "\n") {
		if strings.Contains(line, `msg="alarm raised"`) && !strings.Contains(line, "alarm=unfinished") {
			t.Errorf("an alarm without its word: %s", line)
		}
	}
}
