package inbound_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/bridgetest"
	"github.com/orobridge/orobridge/bridge/inbound"
	"github.com/orobridge/orobridge/bridge/sftp"
	"github.com/orobridge/orobridge/bridge/sftp/sftptest"
)

// The steps of a drop's way in and out; those of the load between them have tests of their own.
var journeySteps = []string{
	"list", "listed", "ready", "claim", "move to work", "claimed", "fetch", "fetched", "start run", "end", "ended",
	"write rejects", "write receipt", "told", "finish", "move away", "finish recorded", "finished", "prune file", "prune drop",
}

const crashFeed = ", receipts: [json], ready: { marker: .ok }"

func TestTheJourneyGoesOnAfterACrashAtEachStep(t *testing.T) {
	undisturbed := ""
	for _, step := range append([]string{""}, journeySteps...) {
		t.Run("at "+step, func(t *testing.T) {
			for n := 1; ; n++ {
				w := bridgetest.NewWorld(t, bridgetest.FeedOf("*.csv", crashFeed+", max_size: 4KB"))
				w.Stock("SKU1")
				w.Errand()
				died := w.DieAt(step, n)
				if strings.HasPrefix(step, "prune") {
					w.Round()
					w.Tick(91 * 24 * time.Hour)
					died = w.DieAt(step, n)
				}
				w.Round()
				creates := 0
				for _, r := range w.Shop.Journal() {
					if r.Method == "PATCH" && strings.Contains(r.Path, "productprices") {
						creates++
					}
				}
				if creates != 1 {
					t.Errorf("crash %d: %d batches of prices were sent", n, creates)
				}
				if d, _ := w.Ledger.Drop(t.Context(), 1); !strings.HasPrefix(step, "prune") {
					want := []string{"archive/a_r1.csv", "archive/a_r1.csv.ok", "archive/b_r2.csv", "archive/b_r2.csv.ok",
						"receipts/a.csv_r1_receipt.json", "receipts/b.csv_r2_receipt.json", "receipts/c.csv_d3_receipt.json",
						"rejected/a_r1_rejects.csv", "rejected/b_r2_rejects.csv", "rejected/c.csv_d3_error.txt",
						"rejected/c_d3.csv", "rejected/c_d3.csv.ok"}
					if got := w.Files(); !slices.Equal(got, want) {
						t.Errorf("crash %d: drop 1 is %s, the folder holds\n%s", n, d.State, strings.Join(got, "\n"))
					}
				}
				got := w.End()
				if step == "" {
					undisturbed = got
					return
				}
				if got != undisturbed {
					t.Fatalf("crash %d: the end is\n%s\nundisturbed it is\n%s\n%s", n, got, undisturbed, w.Log)
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
			w := bridgetest.NewWorld(t, bridgetest.FeedWith("prices", ""))
			w.Stock("SKU1", "SKU2")
			w.Drop("prices", "a.csv", bridgetest.OnePrice("1"))
			if !w.DieAt(step, 1) {
				t.Fatal("the step was not reached")
			}
			_, err := os.Stat(filepath.Join(w.Folder, "prices/a.csv"))
			moved := err != nil
			w.Drop("prices", "a.csv", bridgetest.OnePrice("2")+bridgetest.Price("SKU2", "5"))
			w.Round()
			w.Round()
			want := []string{"a.csv loaded", "a.csv loaded"}
			if !moved {
				want = want[:1] // the sender has replaced a file that nobody had taken
			}
			w.Stands(want...)
			if w.PriceOf("SKU1") != "2" || w.PriceOf("SKU2") != "5" {
				t.Errorf("prices are %s and %s", w.PriceOf("SKU1"), w.PriceOf("SKU2"))
			}
		})
	}
}

func TestAFileIsHandedOverBesideABridgeThatIsAtWork(t *testing.T) {
	w := bridgetest.NewWorld(t, bridgetest.FeedWith("prices", ""))
	w.Stock("SKU1")
	beside := bridgetest.Rival(w)
	beside.B.In.Spool = w.B.In.Spool // on the same machine
	rounds := 0
	w.OnStep(func(string) {
		rounds++
		beside.Round()
	})
	file := filepath.Join(t.TempDir(), "a.csv")
	w.Must(os.WriteFile(file, []byte(bridgetest.OnePrice("1")), 0o600))
	if _, err := w.B.In.HandOver(t.Context(), w.Feed(), file); err != nil {
		t.Fatal(err)
	}
	w.OnStep(nil)
	w.Round()
	w.Stands("a.csv loaded")
	if rounds < 2 {
		t.Errorf("the bridge beside was at work %d times", rounds)
	}
}

func TestARunAgainBeforeTheLastMoveIsRecordedFindsItsFile(t *testing.T) {
	w := bridgetest.NewWorld(t, bridgetest.FeedWith("prices", ""))
	w.Stock("SKU1")
	w.Drop("prices", "a.csv", bridgetest.OnePrice("1"))
	if !w.DieAt("finish recorded", 1) {
		t.Fatal("the step was not reached")
	}
	d, _ := w.Ledger.Drop(t.Context(), 1)
	_, err := w.B.In.Rerun(t.Context(), d, inbound.RerunOptions{}, bridge.Decision{})
	w.Must(err)
	w.Round()
	w.Stands("a.csv loaded")
	w.Stay("archive/a_r1.csv")
	if d, _ := w.Ledger.Drop(t.Context(), 1); d.Path != "prices/archive/a_r1.csv" || d.Finish != "" {
		t.Errorf("%+v", d)
	}
}

func TestTheJourneyOverARealServer(t *testing.T) {
	sshd := sftptest.Sshd(t)
	w := bridgetest.NewWorld(t, bridgetest.FeedOf("*.csv", crashFeed+", max_size: 4KB"))
	w.Folder = sshd.Root
	w.Must(os.Mkdir(filepath.Join(w.Folder, "prices"), 0o755))
	key, err := os.ReadFile(sshd.KeyFile)
	w.Must(err)
	connect := func() {
		r, err := sftp.New("disk", &sftp.Options{Path: sshd.Folder, Address: sshd.Address, User: sshd.User,
			PrivateKey: bridge.Secret(key), KnownHostsFile: sshd.KnownHostsFile})
		w.Must(err)
		w.Must(w.B.In.Remotes["disk"].Close())
		w.Replace(r)
	}
	connect()
	w.Stock("SKU1")
	w.Errand()
	for _, step := range []string{"move to work", "claimed", "fetched", "ended", "told", "move away", "finish recorded"} {
		w.DieAt(step, 1)
		connect()
	}
	w.Round()
	w.Stands("a.csv partial …", "b.csv partial …", "c.csv rejected …")
	w.Stay("archive/a_r1.csv", "archive/a_r1.csv.ok", "archive/b_r2.csv", "archive/b_r2.csv.ok", "receipts/a.csv_r1_receipt.json",
		"receipts/b.csv_r2_receipt.json", "receipts/c.csv_d3_receipt.json",
		"rejected/a_r1_rejects.csv", "rejected/b_r2_rejects.csv", "rejected/c.csv_d3_error.txt",
		"rejected/c_d3.csv", "rejected/c_d3.csv.ok")
	w.Later(91 * 24 * time.Hour)
	w.Stay()
}
