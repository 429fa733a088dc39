package outbound_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/bridgetest"
	"github.com/orobridge/orobridge/bridge/outbound"
)

// mark is the mark in the orders' folder; "" for none.
func mark(w *bridgetest.World) string {
	w.T.Helper()
	found, err := filepath.Glob(filepath.Join(w.Folder, "orders", bridge.OwnPrefix+"*.mark"))
	w.Must(err)
	if len(found) > 1 {
		w.T.Errorf("several marks: %v", found)
	}
	if len(found) == 0 {
		return ""
	}
	return filepath.Base(found[0])
}

// written submits orders and has them written.
func written(w *bridgetest.World, identifiers ...string) {
	w.T.Helper()
	for _, id := range identifiers {
		w.Submit(id)
	}
	w.MustOut()
}

// take takes the file of an order away, as the ERP does; archived says that it leaves a copy in its archive.
func take(w *bridgetest.World, identifier string, archived bool) {
	w.T.Helper()
	for _, name := range w.There() {
		if !strings.Contains(name, "_"+identifier+".") {
			continue
		}
		if archived {
			w.Mkdir("orders/archive")
			w.Must(os.Rename(filepath.Join(w.Folder, "orders", name), filepath.Join(w.Folder, "orders/archive", name)))
			return
		}
		w.Take(name)
		return
	}
	w.T.Fatalf("there is no file of %s", identifier)
}

func TestAMarkSaysHowFarTheNumbersHaveCome(t *testing.T) {
	w := bridgetest.Exporting(t, "")
	w.MustOut()
	if got := mark(w); got != "" {
		t.Errorf("before the first number: %s", got)
	}
	w.OnStep(func(step string) {
		if step == "stage order" && !strings.Contains(mark(w), "-orders-g1-n3-d3-20261121T0700") {
			t.Errorf("before a file with the number 3 appears: %q", mark(w))
		}
	})
	written(w, "O-1", "O-2", "O-3")
	w.OnStep(nil)
	before := mark(w)
	w.MustOut()
	w.Close()
	w.Open()
	w.MustOut()
	if got := mark(w); got != before {
		t.Errorf("nothing has happened, and it is %s, and not %s", got, before)
	}
	// Somebody clears the folder: the ledger is not older for that.
	w.Must(os.Remove(filepath.Join(w.Folder, "orders", before)))
	w.Close()
	w.Open()
	written(w, "O-4")
	if !strings.Contains(mark(w), "-n4-") || strings.Contains(w.Outbox(), "unknown") {
		t.Errorf("%s\n%s", mark(w), w.Outbox())
	}
}

func TestAfterARestoreNothingDoublesAndNothingIsMissed(t *testing.T) {
	for name, c := range map[string]struct {
		since func(w *bridgetest.World) // after the backup
		want  string
		there []string // files that the ERP finds at the end, by their orders
		next  string   // number
	}{
		"nothing went out since": {func(w *bridgetest.World) { w.Submit("O-2") },
			"O-1 v1 #1 written\nO-2 v1 #2 written", []string{"O-1", "O-2"}, "#3"},
		"what stands in the folder is entered": {func(w *bridgetest.World) { written(w, "O-2", "O-3"); w.Submit("O-4") },
			"O-1 v1 #1 written\nO-2 v1 #2 written\nO-3 v1 #3 written\nO-4 v1 #4 written", []string{"O-1", "O-2", "O-3", "O-4"}, "#5"},
		"what stands in the archive is entered": {func(w *bridgetest.World) {
			written(w, "O-2", "O-3")
			take(w, "O-2", true)
			w.Submit("O-4")
		}, "O-1 v1 #1 written\nO-2 v1 #2 picked_up\nO-3 v1 #3 written\nO-4 v1 #4 written", []string{"O-1", "O-3", "O-4"}, "#5"},
		"what the ERP has answered went out": {func(w *bridgetest.World) {
			w.Submit("O-2")
			w.Must(w.Shop.SetOrderNumber(w.OrderID("O-2"), "4711"))
			w.MustOut()
			take(w, "O-2", false)
			w.Submit("O-3")
		}, "O-1 v1 #1 written\nO-2 v1 #0 picked_up\nO-3 v1 #3 written", []string{"O-1", "O-3"}, "#4"},
		"what nobody knows is held, and what came later goes out": {func(w *bridgetest.World) {
			written(w, "O-2", "O-3")
			take(w, "O-2", false)
			w.Submit("O-4")
		}, "O-1 v1 #1 written\nO-2 v1 #0 unknown unknown\nO-3 v1 #3 written\nO-4 v1 #4 written", []string{"O-1", "O-3", "O-4"}, "#5"},
		"without a mark all are held that are not found": {func(w *bridgetest.World) {
			written(w, "O-2", "O-3")
			take(w, "O-2", false)
			w.Submit("O-4")
			w.Must(os.Remove(filepath.Join(w.Folder, "orders", mark(w))))
		}, "O-1 v1 #1 written\nO-2 v1 #0 unknown unknown\nO-3 v1 #3 written\nO-4 v1 #0 unknown unknown", []string{"O-1", "O-3"}, "#5"},
	} {
		t.Run(name, func(t *testing.T) {
			w := bridgetest.Exporting(t, "")
			written(w, "O-1")
			backup := bridgetest.Backup(w)
			c.since(w)
			bridgetest.LoseDisk(w, backup)
			w.Tick(time.Minute)
			w.MustOut()
			w.Want(c.want)
			same := func(when string) {
				t.Helper()
				var there []string
				for _, name := range w.There() {
					if i := strings.Index(name, "_O-"); i > 0 {
						there = append(there, strings.TrimSuffix(name[i+1:], ".csv"))
					}
				}
				slices.Sort(there)
				if !slices.Equal(there, c.there) {
					t.Errorf("%s the ERP finds %v, want %v", when, there, c.there)
				}
			}
			same("then")
			w.MustOut()
			w.Close()
			w.Open()
			w.MustOut()
			w.Want(c.want)
			same("later")
			if alarmed := strings.Contains(strings.Join(w.Alarms(), "\n"), "orders unknown"); alarmed != strings.Contains(c.want, "unknown") {
				t.Errorf("alarms: %v", w.Alarms())
			}
			// Numbers go on behind the highest that was ever given.
			written(w, "O-9")
			if got := w.Outbox(); !strings.HasSuffix(got, "\nO-9 v1 "+c.next+" written") {
				t.Errorf("the next number is not %s:\n%s", c.next, got)
			}
		})
	}
}

// What the restored ledger owes itself may have been written after the backup.
func TestWhatIsOwedInABackupMayHaveGoneOut(t *testing.T) {
	for name, c := range map[string]struct {
		since func(w *bridgetest.World)
		want  string
	}{
		"it never left":              {func(*bridgetest.World) {}, "O-0 v1 #1 written\nO-1 v1 #2 written"},
		"its bytes wait":             {func(w *bridgetest.World) { w.DieAt("write order", 1) }, "O-0 v1 #1 written\nO-1 v1 #2 written"},
		"it stands there":            {func(w *bridgetest.World) { w.MustOut() }, "O-0 v1 #1 written\nO-1 v1 #2 written"},
		"it was taken":               {func(w *bridgetest.World) { w.MustOut(); take(w, "O-1", false) }, "O-0 v1 #1 written\nO-1 v1 #2 unknown unknown"},
		"it was taken to an archive": {func(w *bridgetest.World) { w.MustOut(); take(w, "O-1", true) }, "O-0 v1 #1 written\nO-1 v1 #2 picked_up"},
	} {
		t.Run(name, func(t *testing.T) {
			w := bridgetest.Exporting(t, "")
			written(w, "O-0")
			w.Submit("O-1")
			if !w.DieAt("mark", 1) {
				t.Fatal("it never came to mark")
			}
			w.Want("O-0 v1 #1 written\nO-1 v1 #2 owed")
			backup := bridgetest.Backup(w)
			c.since(w)
			bridgetest.LoseDisk(w, backup)
			w.MustOut()
			w.Want(c.want)
			w.MustOut()
			w.Want(c.want)
		})
	}
}

func TestALostLedgerIsAskedFor(t *testing.T) {
	w := bridgetest.Exporting(t, "")
	written(w, "O-1", "O-2", "O-3")
	take(w, "O-1", false)
	take(w, "O-2", true)
	w.Submit("O-4")
	bridgetest.LoseDisk(w, nil)
	w.MustOut()
	w.Want("O-1 v1 #0 unknown unknown\nO-2 v1 #2 picked_up\nO-3 v1 #3 written\nO-4 v1 #4 written")
}

// A person, an archive, the ERP's answer: each ends that an order is unknown.
func TestWhatIsUnknownComesToAnEnd(t *testing.T) {
	lost := func(t *testing.T) *bridgetest.World {
		w := bridgetest.Exporting(t, "")
		w.MustOut()
		w.Submit("O-1")
		w.DieAt("mark", 1)
		backup := bridgetest.Backup(w)
		written(w, "O-2")
		take(w, "O-1", false)
		take(w, "O-2", false)
		bridgetest.LoseDisk(w, backup)
		w.MustOut()
		w.Want("O-1 v1 #1 unknown unknown\nO-2 v1 #0 unknown unknown")
		return w
	}
	adopt := func(w *bridgetest.World, by outbound.Evidence) (int, int) {
		w.T.Helper()
		taken, left, err := w.B.Out.AdoptOrders(w.T.Context(), w.Export(), by)
		w.Must(err)
		return len(taken), len(left)
	}
	t.Run("acknowledged", func(t *testing.T) {
		w := lost(t)
		for _, order := range []string{"O-1", "O-2"} {
			_, err := w.B.Out.TakeAsWritten(t.Context(), order, "")
			w.Must(err)
		}
		if _, err := w.B.Out.TakeAsWritten(t.Context(), "O-1", ""); err == nil || bridge.HintOf(err) == "" {
			t.Errorf("once more: %v", err)
		}
		w.MustOut()
		w.Want("O-1 v1 #1 picked_up\nO-2 v1 #0 picked_up")
		if len(w.There())+len(w.Alarms()) > 0 {
			t.Errorf("%v %v", w.There(), w.Alarms())
		}
	})
	t.Run("run again", func(t *testing.T) {
		w := lost(t)
		for _, order := range []string{"O-2", "O-1"} {
			files, err := w.B.Out.SendOrderAgain(t.Context(), order, "", false)
			if err != nil || len(files) != 1 {
				t.Fatalf("%v %v", files, err)
			}
		}
		w.MustOut()
		w.Want("O-1 v1 #1 written\nO-2 v1 #3 written")
		if len(w.There()) != 2 || len(w.Alarms()) > 0 {
			t.Errorf("%v %v", w.There(), w.Alarms())
		}
	})
	t.Run("submitted since", func(t *testing.T) {
		w := lost(t)
		if taken, left := adopt(w, outbound.Evidence{Since: w.Clock.Now().Add(time.Hour)}); taken != 0 || left != 2 {
			t.Errorf("%d %d", taken, left)
		}
		if taken, left := adopt(w, outbound.Evidence{Since: w.Clock.Now().Add(-time.Hour)}); taken != 2 || left != 0 {
			t.Errorf("%d %d", taken, left)
		}
		w.Want("O-1 v1 #1 picked_up\nO-2 v1 #0 picked_up")
	})
	t.Run("in an archive", func(t *testing.T) {
		w := lost(t)
		w.Mkdir("done")
		files, err := w.Ledger.Outfiles(t.Context(), bridge.OutfileFilter{})
		w.Must(err)
		for _, name := range []string{files[0].Name, strings.NewReplacer("0000000001", "0000000002", "O-1", "O-2", "070001Z", "070002Z").Replace(files[0].Name)} {
			w.Must(os.WriteFile(filepath.Join(w.Folder, "done", name), nil, 0o600))
		}
		if taken, left := adopt(w, outbound.Evidence{Archive: "done"}); taken != 2 || left != 0 {
			t.Errorf("%d %d", taken, left)
		}
	})
	t.Run("answered", func(t *testing.T) {
		w := lost(t)
		w.Must(w.Shop.SetOrderNumber(w.OrderID("O-1"), "4711"))
		if taken, left := adopt(w, outbound.Evidence{Answered: true}); taken != 1 || left != 1 {
			t.Errorf("%d %d", taken, left)
		}
		w.Want("O-1 v1 #1 picked_up\nO-2 v1 #0 unknown unknown")
	})
}

// A careful start that is cut short anywhere comes to the same end.
func TestACarefulStartThatIsCutShortIsMadeAgain(t *testing.T) {
	for n := 1; ; n++ {
		w := bridgetest.Exporting(t, "")
		written(w, "O-1")
		backup := bridgetest.Backup(w)
		written(w, "O-2", "O-3", "O-4")
		take(w, "O-3", true)
		for _, id := range []string{"O-5", "O-6"} {
			w.Submit(id)
		}
		bridgetest.LoseDisk(w, backup)
		died := w.DieAtAny(n)
		w.MustOut()
		w.Want("O-1 v1 #1 written\nO-2 v1 #2 written\nO-3 v1 #3 picked_up\nO-4 v1 #4 written\nO-5 v1 #5 written\nO-6 v1 #6 written")
		if !died {
			if n < 5 {
				t.Errorf("only %d steps", n)
			}
			return
		}
	}
}

func TestWithoutTheFolderACarefulExportWaits(t *testing.T) {
	w := bridgetest.Exporting(t, "")
	written(w, "O-1")
	backup := bridgetest.Backup(w)
	w.Submit("O-2")
	bridgetest.LoseDisk(w, backup)
	gone := errors.New("gone")
	w.Replace(unlisted{w.B.Out.Remotes["disk"], gone})
	if err := w.Out(); !errors.Is(err, gone) {
		t.Errorf("%v", err)
	}
	w.Want("O-1 v1 #1 written")
}

// unlisted is a remote that can't be looked into.
type unlisted struct {
	bridge.Remote
	err error
}

func (r unlisted) List(context.Context, string) ([]bridge.File, error) { return nil, r.err }

// An order that waits in a backup for others to share its file may have gone out with them since.
func TestWhatWaitsForItsFileInABackupMayHaveGoneOut(t *testing.T) {
	for name, c := range map[string]struct {
		since func(w *bridgetest.World)
		want  string
	}{
		"no file was made": {func(*bridgetest.World) {},
			"O-1 v1 #1 written\nO-2 v1 #1 written\nO-3 v1 #2 written\nO-4 v1 #2 written"},
		"its file stands there": {func(w *bridgetest.World) { written(w, "O-4") },
			"O-1 v1 #1 written\nO-2 v1 #1 written\nO-3 v1 #2 written\nO-4 v1 #0 picked_up"},
		"its file stands in the archive": {func(w *bridgetest.World) { written(w, "O-4"); take(w, "O-3", true) },
			"O-1 v1 #1 written\nO-2 v1 #1 written\nO-3 v1 #2 picked_up\nO-4 v1 #0 picked_up"},
		"its file was taken": {func(w *bridgetest.World) { written(w, "O-4"); take(w, "O-3", false) },
			"O-1 v1 #1 written\nO-2 v1 #1 written\nO-3 v1 #0 unknown unknown\nO-4 v1 #0 unknown unknown"},
		"its file was taken, and the ERP has answered": {func(w *bridgetest.World) {
			written(w, "O-4")
			take(w, "O-3", false)
			w.Must(w.Shop.SetOrderNumber(w.OrderID("O-3"), "4711"))
		}, "O-1 v1 #1 written\nO-2 v1 #1 written\nO-3 v1 #0 picked_up\nO-4 v1 #0 unknown unknown"},
	} {
		t.Run(name, func(t *testing.T) {
			w := bridgetest.Exporting(t, ", collect: 2 orders or 1h")
			written(w, "O-1", "O-2", "O-3")
			w.Want("O-1 v1 #1 written\nO-2 v1 #1 written\nO-3 v1 #0 collected")
			backup := bridgetest.Backup(w)
			c.since(w)
			bridgetest.LoseDisk(w, backup)
			if !strings.Contains(c.want, "O-4 v1 #0") {
				w.Submit("O-4")
			}
			w.MustOut()
			w.Want(c.want)
			w.Tick(2 * time.Hour)
			w.MustOut()
			w.Close()
			w.Open()
			w.MustOut()
			w.Want(c.want)
			copies := 0
			w.Must(filepath.WalkDir(filepath.Join(w.Folder, "orders"), func(path string, d fs.DirEntry, err error) error {
				if err != nil || d.IsDir() {
					return err
				}
				body, err := os.ReadFile(path)
				if strings.Contains(string(body), "O-3") {
					copies++
				}
				return err
			}))
			if copies > 1 {
				t.Errorf("O-3 stands in %d files", copies)
			}
		})
	}
}
