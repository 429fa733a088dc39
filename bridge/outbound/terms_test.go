package outbound_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/orobridge/orobridge/bridge/bridgetest"
)

// errand has orders go out from two bridges of which the first sleeps meanwhile, and tells what the ERP got, in the order in which it
// did, and what stands in the folder in the end.
func errand(t *testing.T, sleep func(w *bridgetest.World, meanwhile func())) (got, left []string) {
	t.Helper()
	w := bridgetest.Exporting(t, ", marker: .ok")
	folder := filepath.Join(w.Folder, "orders")
	take := func() {
		files, err := os.ReadDir(folder)
		w.Must(err)
		for _, f := range files {
			if strings.HasPrefix(f.Name(), "ORD_") {
				body, err := os.ReadFile(filepath.Join(folder, f.Name()))
				w.Must(err)
				got = append(got, f.Name()+"\n"+string(body))
				w.Must(os.Remove(filepath.Join(folder, f.Name())))
			}
		}
	}
	w.Submit("O-0")
	w.Submit("O-1")
	rival := bridgetest.Rival(w)
	sleep(w, func() {
		rival.Round()
		take()
		w.Submit("O-2")
		rival.Round()
	})
	for _, b := range []*bridgetest.World{rival, w, w, rival} {
		w.Tick(2 * time.Minute)
		b.Round()
		take()
	}
	w.Want("O-0 v1 #1 picked_up\nO-1 v1 #2 picked_up\nO-2 v1 #3 picked_up")
	if alarms := w.Alarms(); len(alarms) > 0 {
		t.Errorf("alarms: %v", alarms)
	}
	files, err := os.ReadDir(folder)
	w.Must(err)
	for _, f := range files {
		left = append(left, strings.TrimPrefix(f.Name(), ".orobridge-"+w.Ledger.Identity()))
	}
	if t.Failed() {
		t.Logf("%s\nits rival:\n%s", w.Log, rival.Log)
	}
	return got, left
}

// A bridge that was thought dead wakes up at a step while another one has written its orders, and the ERP has taken them.
func TestABridgeThatWakesUpWritesNoOrder(t *testing.T) {
	wantGot, wantLeft := errand(t, func(_ *bridgetest.World, meanwhile func()) { meanwhile() })
	steps := []string{"owe", "stage order", "write order", "written order", "write marker"}
	if os.Getenv("OROBRIDGE_SOAK") != "" {
		steps = append(steps, "poll orders", "owed", "mark", "staged order", "marked order", "pick up order")
	}
	for _, step := range steps {
		for n := 1; n == 1 || os.Getenv("OROBRIDGE_SOAK") != ""; n++ {
			slept := false
			t.Run("at "+step, func(t *testing.T) {
				got, left := errand(t, func(w *bridgetest.World, meanwhile func()) {
					if slept = bridgetest.SleepAt(w, step, n, meanwhile); !slept {
						meanwhile()
					}
				})
				if !slept && n == 1 {
					t.Error("no order comes to this step")
				}
				if !slices.Equal(got, wantGot) || !slices.Equal(left, wantLeft) {
					t.Errorf("the ERP got\n%s\nand the folder holds %v, undisturbed it got\n%s\nand it holds %v",
						strings.Join(got, "\n"), left, strings.Join(wantGot, "\n"), wantLeft)
				}
			})
			if !slept {
				break
			}
		}
	}
}

// So does one that sleeps in the midst of a transfer: what it writes then under its temporary name is taken away.
func TestABridgeThatWakesUpInATransferLeavesNothing(t *testing.T) {
	wantGot, wantLeft := errand(t, func(_ *bridgetest.World, meanwhile func()) { meanwhile() })
	got, left := errand(t, func(w *bridgetest.World, meanwhile func()) {
		written := false
		slept := bridgetest.SleepIn(w, func(sleep func()) {
			w.Spoil().OnPut = func(path string) error {
				if strings.HasSuffix(path, ".part") && !written {
					written = true
					sleep()
				}
				return nil
			}
		}, meanwhile)
		if files, err := filepath.Glob(filepath.Join(w.Folder, "orders", ".*.part")); err != nil || !slept || len(files) != 1 {
			t.Errorf("it slept: %v, and wrote %v (%v)", slept, files, err)
		}
	})
	if !slices.Equal(got, wantGot) || !slices.Equal(left, wantLeft) {
		t.Errorf("the ERP got\n%s\nand the folder holds %v, undisturbed it got\n%s\nand it holds %v",
			strings.Join(got, "\n"), left, strings.Join(wantGot, "\n"), wantLeft)
	}
}
