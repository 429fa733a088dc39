package inbound_test

import (
	"os"
	"strings"
	"testing"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/bridgetest"
)

// A bridge that was thought dead wakes up at a step while another one has done its work: nothing is doubled, nothing is lost.
func TestABridgeThatWakesUpChangesNothing(t *testing.T) {
	steps := []string{"", "listed", "move to work", "fetched", "planned", "submit", "submitted", "settle", "ended", "told", "move away"}
	if os.Getenv("OROBRIDGE_SOAK") != "" {
		steps = append(steps, "list", "ready", "claim", "claimed", "fetch", "start run", "await", "settled", "applied", "end", "write rejects",
			"write receipt", "finish", "finish recorded", "finished")
	}
	undisturbed := ""
	for _, step := range steps {
		t.Run("at "+step, func(t *testing.T) {
			for n := 1; ; n++ {
				w := bridgetest.NewWorld(t, bridgetest.FeedOf("*.csv", crashFeed+", max_size: 4KB"))
				w.Stock("SKU1")
				w.Errand()
				rival := bridgetest.Rival(w)
				slept := false
				if step != "" {
					slept = bridgetest.SleepAt(w, step, n, rival.Round)
				}
				rival.Round()
				sent := 0
				for _, r := range w.Shop.Journal() {
					if r.Method == "PATCH" && strings.Contains(r.Path, "productprices") && r.Size > len(`{"data":[]}`) { // which asks for the queue's end
						sent++
					}
				}
				if sent != 1 {
					t.Errorf("%d: %d batches of prices were sent", n, sent)
				}
				links := 0
				w.Must(w.Ledger.Unseen(t.Context(), "prices", "prices", func(int64) bool { return false }, func(*bridge.Link) error { links++; return nil }))
				if links != 1 {
					t.Errorf("%d: %d links", n, links)
				}
				got := w.End()
				if step == "" {
					undisturbed = got
					return
				}
				if got != undisturbed {
					t.Fatalf("sleep %d: the end is\n%s\nundisturbed it is\n%s\n%s\nits rival:\n%s", n, got, undisturbed, w.Log, rival.Log)
				}
				if !slept && n == 1 {
					t.Error("no drop comes to this step")
				}
				if !slept || os.Getenv("OROBRIDGE_SOAK") == "" {
					return
				}
			}
		})
	}
}
