package bridge_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/sftp"
	"github.com/orobridge/orobridge/bridge/sftp/sftptest"
)

// The steps of a drop's way in and out; those of the load between them have tests of their own.
var journeySteps = []string{
	"list", "listed", "ready", "claim", "move to work", "claimed", "fetch", "fetched", "start run", "end", "ended",
	"write rejects", "write receipt", "told", "finish", "move away", "finish recorded", "finished", "prune file", "prune drop",
}

const crashFeed = ", receipts: [json], ready: { marker: .ok }"

// errand is what the crash test does: a drop with a reject, one that is a duplicate, one that is too large.
func (w *world) errand() {
	for _, f := range []struct{ name, content string }{
		{"a.csv", onePrice("1") + price("SKU1", "x")}, {"b.csv", onePrice("1") + price("SKU1", "x")}, {"c.csv", strings.Repeat("z", 5000)},
	} {
		w.drop("prices", f.name+".ok", "")
		w.drop("prices", f.name, f.content)
	}
}

// dieAt makes a round of the bridge that dies at the n-th time that it comes to a step, and says whether it came there.
func (w *world) dieAt(step string, n int) (died bool) {
	w.t.Helper()
	type crash struct{}
	w.b.Step = func(name string) {
		if name == step {
			if n--; n == 0 {
				panic(crash{})
			}
		}
	}
	defer func() {
		r := recover()
		if r != nil && r != any(crash{}) {
			panic(r)
		}
		died = r != nil
		w.restart()
	}()
	w.must(w.b.Round(context.Background()))
	return false
}

// end is what the world looks like in the end.
func (w *world) end() string {
	w.round()
	w.later(91 * 24 * time.Hour) // once what is old has gone, too
	names := w.files()
	drops, err := w.ledger.Drops(context.Background(), bridge.DropFilter{})
	w.must(err)
	var b strings.Builder
	for _, d := range drops {
		runs, err := w.ledger.Runs(context.Background(), d.ID)
		w.must(err)
		fmt.Fprintf(&b, "%s %s %s %q %q %q\n", d.Name, d.State, d.Reason, d.Path, d.Spool, d.Finish)
		for _, r := range runs {
			fmt.Fprintf(&b, "  %s %s %+v told %t\n", r.Kind, r.State, r.Counts, r.Told)
		}
	}
	spool, err := os.ReadDir(w.ledger.Spool())
	w.must(err)
	fmt.Fprintf(&b, "%v %d prices %d spooled", names, w.shop.Count("productprices"), len(spool))
	return b.String()
}

func TestTheJourneyGoesOnAfterACrashAtEachStep(t *testing.T) {
	undisturbed := ""
	for _, step := range append([]string{""}, journeySteps...) {
		t.Run("at "+step, func(t *testing.T) {
			for n := 1; ; n++ {
				w := newWorld(t, feedOf("*.csv", crashFeed+", max_size: 4KB"))
				w.stock("SKU1")
				w.errand()
				died := w.dieAt(step, n)
				if strings.HasPrefix(step, "prune") {
					w.round()
					w.tick(91 * 24 * time.Hour)
					died = w.dieAt(step, n)
				}
				w.round()
				creates := 0
				for _, r := range w.shop.Journal() {
					if r.Method == "PATCH" && strings.Contains(r.Path, "productprices") {
						creates++
					}
				}
				if creates != 1 {
					t.Errorf("crash %d: %d batches of prices were sent", n, creates)
				}
				if d, _ := w.ledger.Drop(t.Context(), 1); !strings.HasPrefix(step, "prune") {
					want := []string{"archive/a_r1.csv", "archive/a_r1.csv.ok", "archive/b_d2.csv", "archive/b_d2.csv.ok", "receipts/a.csv_r1_receipt.json",
						"receipts/b.csv_d2_receipt.json", "receipts/c.csv_d3_receipt.json", "rejected/a_r1_rejects.csv", "rejected/c.csv_d3_error.txt",
						"rejected/c_d3.csv", "rejected/c_d3.csv.ok"}
					if got := w.files(); !slices.Equal(got, want) {
						t.Errorf("crash %d: drop 1 is %s, the folder holds\n%s", n, d.State, strings.Join(got, "\n"))
					}
				}
				got := w.end()
				if step == "" {
					undisturbed = got
					return
				}
				if got != undisturbed {
					t.Fatalf("crash %d: the end is\n%s\nundisturbed it is\n%s\n%s", n, got, undisturbed, w.log)
				}
				if !died {
					if n == 1 {
						t.Error("no drop comes to this step")
					}
					return
				}
			}
		})
	}
}

func TestANewFileOfTheSameNameDuringACrashIsADropOfItsOwn(t *testing.T) {
	for _, step := range []string{"claim", "move to work", "claimed", "fetch", "fetched"} {
		t.Run(step, func(t *testing.T) {
			w := newWorld(t, feedWith("prices", ""))
			w.stock("SKU1", "SKU2")
			w.drop("prices", "a.csv", onePrice("1"))
			if !w.dieAt(step, 1) {
				t.Fatal("the step was not reached")
			}
			_, err := os.Stat(filepath.Join(w.folder, "prices/a.csv"))
			moved := err != nil
			w.drop("prices", "a.csv", onePrice("2")+price("SKU2", "5"))
			w.round()
			w.round()
			want := []string{"a.csv loaded", "a.csv loaded"}
			if !moved {
				want = want[:1] // the sender has replaced a file that nobody had taken
			}
			w.stands(want...)
			if w.priceOf("SKU1") != "2" || w.priceOf("SKU2") != "5" {
				t.Errorf("prices are %s and %s", w.priceOf("SKU1"), w.priceOf("SKU2"))
			}
		})
	}
}

func TestAnInterruptedHandOverIsTold(t *testing.T) {
	w := newWorld(t, feedWith("prices", ""))
	d := &bridge.Drop{Feed: "prices", Remote: bridge.ByHand, Name: "a.csv", State: bridge.Claimed, ListedRows: -1, SeenAt: w.clock.Now()}
	w.must(w.ledger.AddDrop(t.Context(), d))
	w.round()
	w.stands("a.csv vanished the copying of the file was cut short: load it again")
}

func TestARunAgainBeforeTheLastMoveIsRecordedFindsItsFile(t *testing.T) {
	w := newWorld(t, feedWith("prices", ""))
	w.stock("SKU1")
	w.drop("prices", "a.csv", onePrice("1"))
	if !w.dieAt("finish recorded", 1) {
		t.Fatal("the step was not reached")
	}
	d, _ := w.ledger.Drop(t.Context(), 1)
	_, err := w.b.Rerun(t.Context(), d, bridge.RerunOptions{})
	w.must(err)
	w.round()
	w.stands("a.csv loaded")
	w.stay("archive/a_r1.csv")
	if d, _ := w.ledger.Drop(t.Context(), 1); d.Path != "prices/archive/a_r1.csv" || d.Finish != "" {
		t.Errorf("%+v", d)
	}
}

func TestTheJourneyOverARealServer(t *testing.T) {
	sshd := sftptest.Sshd(t)
	w := newWorld(t, feedOf("*.csv", crashFeed+", max_size: 4KB"))
	w.folder = sshd.Root
	w.must(os.Mkdir(filepath.Join(w.folder, "prices"), 0o755))
	key, err := os.ReadFile(sshd.KeyFile)
	w.must(err)
	connect := func() {
		r, err := sftp.New(&bridge.RemoteConfig{Name: "disk", Path: sshd.Folder, Address: sshd.Address, User: sshd.User,
			PrivateKey: bridge.Secret(key), KnownHostsFile: sshd.KnownHostsFile})
		w.must(err)
		w.must(w.b.Remotes["disk"].Close())
		w.b.Remotes["disk"] = r
	}
	connect()
	w.stock("SKU1")
	w.errand()
	for _, step := range []string{"move to work", "claimed", "fetched", "ended", "told", "move away", "finish recorded"} {
		w.dieAt(step, 1)
		connect()
	}
	w.round()
	w.stands("a.csv partial …", "b.csv duplicate …", "c.csv rejected …")
	w.stay("archive/a_r1.csv", "archive/a_r1.csv.ok", "archive/b_d2.csv", "archive/b_d2.csv.ok", "receipts/a.csv_r1_receipt.json",
		"receipts/b.csv_d2_receipt.json", "receipts/c.csv_d3_receipt.json", "rejected/a_r1_rejects.csv", "rejected/c.csv_d3_error.txt",
		"rejected/c_d3.csv", "rejected/c_d3.csv.ok")
	w.later(91 * 24 * time.Hour)
	w.stay()
}
