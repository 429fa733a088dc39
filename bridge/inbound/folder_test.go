package inbound_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/bridgetest"
)

// Where a folder should be and a file is, nothing is recorded as moved: the drop tells what stands in its way, and goes on
// once that is gone.
func TestAFolderThatIsAFileIsToldAndNothingIsRecordedAsMoved(t *testing.T) {
	for _, folder := range []string{".work", "archive"} {
		t.Run(folder, func(t *testing.T) {
			w := bridgetest.NewWorld(t, bridgetest.FeedWith("prices", ""))
			w.Stock("SKU1")
			w.Drop("prices", folder, "not a folder")
			w.Drop("prices", "a.csv", bridgetest.OnePrice("1"))
			for range 2 {
				err := w.B.Round(t.Context())
				d, _ := w.Last("prices")
				if d.State == bridge.Vanished || !d.State.Settled() && d.Reason == "" {
					t.Fatalf("the drop is %s (%q)", d.State, d.Reason)
				}
				if _, err := os.Stat(filepath.Join(w.Folder, d.Path)); err != nil {
					t.Fatalf("the ledger has it at a place where it is not: %v", err)
				}
				if err == nil || !strings.Contains(err.Error(), "not a folder: prices/"+folder+" is a file") || bridge.HintOf(err) == "" {
					t.Errorf("nobody was told what to do: %v", err)
				}
			}
			w.Must(os.Remove(filepath.Join(w.Folder, "prices", folder)))
			w.Round()
			w.Round()
			w.Stands("a.csv loaded")
			if d, _ := w.Last("prices"); filepath.Dir(d.Path) != "prices/archive" {
				t.Errorf("it stands at %s", d.Path)
			}
		})
	}
}
