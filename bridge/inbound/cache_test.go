package inbound_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/bridgetest"
)

// Another machine goes on with what this one has begun: it has none of the fetched bytes, and fetches them where the file stands.
func TestBytesThatAMachineLacksAreFetchedAgain(t *testing.T) {
	for _, step := range []string{"fetched", "planned", "write rejects"} {
		t.Run(step, func(t *testing.T) {
			w := bridgetest.NewWorld(t, bridgetest.FeedWith("prices", ""))
			w.Stock("SKU1")
			w.Drop("prices", "a.csv", bridgetest.OnePrice("1")+bridgetest.Price("SKU1", "x"))
			if !w.DieAt(step, 1) {
				t.Fatalf("it never came to %s", step)
			}
			forget(w)
			w.Round()
			if d, _ := w.Last("prices"); d.State != bridge.Partial || d.Finish != "" {
				t.Errorf("the drop is %s, %s", d.State, d.Reason)
			}
		})
	}
}

// What stands there must be what was fetched.
func TestOtherBytesThanThoseThatWereFetchedAreNotLoaded(t *testing.T) {
	w := bridgetest.NewWorld(t, bridgetest.FeedWith("prices", ""))
	w.Stock("SKU1")
	w.Drop("prices", "a.csv", bridgetest.OnePrice("1"))
	if !w.DieAt("planned", 1) {
		t.Fatal("it was never planned")
	}
	forget(w)
	d, _ := w.Last("prices")
	path := filepath.Join(w.Folder, filepath.FromSlash(d.Path))
	w.Must(os.WriteFile(path, []byte(bridgetest.OnePrice("2")), 0o600))
	if err := w.B.Round(t.Context()); err == nil || !strings.Contains(err.Error(), "not the one that was fetched") {
		t.Errorf("the round: %v", err)
	}
	if d, _ = w.Last("prices"); d.State != bridge.Loading {
		t.Errorf("the drop is %s", d.State)
	}
}

// forget takes the spool's bytes away.
func forget(w *bridgetest.World) {
	all, err := filepath.Glob(filepath.Join(w.Ledger.Spool(), "*"))
	w.Must(err)
	for _, path := range all {
		w.Must(os.Remove(path))
	}
}
