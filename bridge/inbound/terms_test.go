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
	steps := []string{"", "listed", "move to work", "fetched", "submit", "submitted", "settle", "ended", "move away"}
	if os.Getenv("OROBRIDGE_SOAK") != "" {
		steps = append(steps, "list", "planned", "told", "ready", "claim", "claimed", "fetch", "start run", "await", "settled", "applied", "end", "write rejects",
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

// So does one that sleeps right before a file is written, or when it has just moved one: what it did is what the other one found.
func TestABridgeThatWakesUpInATransferChangesNothing(t *testing.T) {
	undisturbed := ""
	for n := 0; n < 4 || os.Getenv("OROBRIDGE_SOAK") != ""; n += 3 {
		w := bridgetest.NewWorld(t, bridgetest.FeedOf("*.csv", crashFeed+", max_size: 4KB"))
		w.Stock("SKU1")
		w.Errand()
		rival := bridgetest.Rival(w)
		slept := n > 0 && bridgetest.SleepIn(w, func(sleep func()) {
			left := n
			transfer := func() error {
				if left--; left == 0 {
					sleep()
				}
				return nil
			}
			r := w.Spoil()
			r.OnPut = func(string) error { return transfer() }
			r.OnMove = func(string, string) error { return transfer() }
		}, rival.Round)
		rival.Round()
		got := w.End()
		if n == 0 {
			undisturbed = got
			continue
		}
		if got != undisturbed {
			t.Fatalf("asleep in transfer %d: the end is\n%s\nundisturbed it is\n%s\n%s\nits rival:\n%s", n, got, undisturbed, w.Log, rival.Log)
		}
		if !slept {
			if n < 10 {
				t.Errorf("there were fewer than %d transfers", n)
			}
			return
		}
	}
}

// An answer reaches its order once, and is one comment there, whoever sleeps meanwhile.
func TestABridgeThatWakesUpAnswersNoOrderAgain(t *testing.T) {
	steps := []string{"answer", "applied answer"}
	if os.Getenv("OROBRIDGE_SOAK") != "" {
		steps = append(steps, "settle answer", "settled answer")
	}
	for _, step := range steps {
		t.Run("at "+step, func(t *testing.T) {
			w := answered(t, "")
			rival := bridgetest.Rival(w)
			w.Drop("answers", "a1.csv", lineAnswers)
			if !bridgetest.SleepAt(w, step, 2, rival.Round) {
				t.Fatal("no answer comes to this step")
			}
			w.Round()
			rival.Round()
			if _, run := w.Last("answers"); run.Rows != 6 || run.Sum() != 6 || run.Rejected != 0 || run.State != bridge.Done {
				t.Errorf("%s %+v", run.State, run.Counts)
			}
			for order, lines := range map[string]int{"O-0": 2, "O-1": 1, "O-2": 1} {
				if got := notesOf(w, order); len(got) != 1 || strings.Count(got[0], "<br>") != lines {
					t.Errorf("%s: %q", order, got)
				}
			}
			w.Want("O-0 v1 #1 answered\nO-1 v1 #2 answered\nO-2 v1 #3 answered")
		})
	}
}
