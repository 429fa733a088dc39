package inbound_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/bridgetest"
)

func TestFiveFeedsReachTheShopInOneRound(t *testing.T) {
	w := bridgetest.NewWorld(t, bridgetest.FiveFeeds)
	w.DropAll("1")
	w.Round()
	for feed, want := range map[string]bridge.Counts{
		"customers":  {Rows: 3, Created: 3},
		"products":   {Rows: 2, Created: 2},
		"pricelists": {Rows: 1, Created: 1},
		"prices":     {Rows: 3, Created: 3},
		"inventory":  {Rows: 2, Updated: 1, Unchanged: 1, Adopted: 1},
	} {
		d, run := w.Last(feed)
		if run.Counts != want || d.State != bridge.Loaded {
			t.Errorf("%s: %s %s %+v, want %+v; rejects:\n%s", feed, d.State, d.Reason, run.Counts, want, strings.Join(w.Rejects(d), "\n"))
		}
		if got := filepath.Join(w.Folder, d.Path); !strings.Contains(got, "archive") {
			t.Errorf("%s: the drop stands in %s", feed, got)
		} else if _, err := os.Stat(got); err != nil {
			t.Error(err)
		}
	}
	if t.Failed() {
		t.Log(w.Log)
	}
}

func TestTheSameFilesAgainSendNothing(t *testing.T) {
	w := bridgetest.NewWorld(t, bridgetest.FiveFeeds)
	w.DropAll("1")
	w.Round()
	before := w.Shop.Snapshot()
	w.Shop.JournalReset()
	w.DropAll("2")
	w.Round()
	for _, r := range w.Shop.Journal() {
		if r.Method != "GET" && !strings.Contains(r.Path, "token") {
			t.Errorf("sent again: %s %s", r.Method, r.Path)
		}
	}
	if diff := before.Diff(w.Shop.Snapshot()); diff != "" {
		t.Error(diff)
	}
	d, _ := w.Last("prices")
	if d.State != bridge.Duplicate {
		t.Errorf("the second drop is %s", d.State)
	}
}
