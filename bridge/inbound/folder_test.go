package inbound_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

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
				told := w.Log.String() + d.Reason
				if err != nil {
					told += err.Error()
				}
				if !strings.Contains(told, "not a folder: prices/"+folder+" is a file") {
					t.Errorf("nobody was told: %v\n%s", err, told)
				}
			}
			w.Must(os.Remove(filepath.Join(w.Folder, "prices", folder)))
			w.Later(time.Hour) // trouble with a file is tried again after a while
			w.Later(time.Hour)
			w.Stands("a.csv loaded")
			if d, _ := w.Last("prices"); filepath.Dir(d.Path) != "prices/archive" {
				t.Errorf("it stands at %s", d.Path)
			}
		})
	}
}
