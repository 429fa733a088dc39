package inbound_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/bridgetest"
	"github.com/orobridge/orobridge/bridge/inbound"
)

// numbered makes a config whose files carry a date and a number.
func numbered(keys string) string {
	return bridgetest.FeedOf(`/p_(?P<date>\d{8})_(?P<seq>\d+)\.csv/`, ", ready: { stable: 0s }"+keys)
}

// serial makes a config whose files carry a number only.
func serial(keys string) string {
	return bridgetest.FeedOf(`/p_(?P<seq>\d+)\.csv/`, ", ready: { stable: 0s }"+keys)
}

func TestDropsAreLoadedInTheOrderOfTheirNames(t *testing.T) {
	w := bridgetest.NewWorld(t, numbered(""))
	w.Stock("SKU1")
	for i, name := range []string{"p_20261121_10.csv", "p_20261121_9.csv", "p_20261122_001.csv", "p_20261120_77.csv"} {
		w.Drop("prices", name, bridgetest.OnePrice(fmt.Sprint(i+1)))
	}
	w.Round()
	if got := w.Loaded(); got != "p_20261120_77.csv p_20261121_9.csv p_20261121_10.csv p_20261122_001.csv" {
		t.Errorf("loaded in the order %s\n%s", got, strings.Join(w.Lineup(), "\n"))
	}
}

func TestWithoutNumbersTheServersTimeThenTheNameDecides(t *testing.T) {
	w := bridgetest.NewWorld(t, bridgetest.FeedWith("prices", ""))
	w.Stock("SKU1")
	for i, name := range []string{"c.csv", "b.csv", "a.csv"} {
		w.Drop("prices", name, bridgetest.OnePrice(string(rune('1'+i))))
	}
	at := w.Clock.Now()
	for _, name := range []string{"b.csv", "a.csv"} {
		w.Must(os.Chtimes(filepath.Join(w.Folder, "prices", name), at, at))
	}
	w.Round()
	if got := w.Loaded(); got != "c.csv a.csv b.csv" {
		t.Errorf("loaded in the order %s", got)
	}
}

func TestAMissingNumberHoldsWhatComesAfterIt(t *testing.T) {
	w := bridgetest.NewWorld(t, serial(", gap: hold"))
	w.Stock("SKU1")
	w.Drop("prices", "p_07.csv", bridgetest.OnePrice("7")) // the first that the feed ever sees
	w.Round()
	w.Drop("prices", "p_09.csv", bridgetest.OnePrice("9"))
	w.Drop("prices", "p_10.csv", bridgetest.OnePrice("10"))
	w.Round()
	w.Stands("p_07.csv loaded", "p_09.csv held number 8 is missing before it (gap: hold)",
		"p_10.csv fetched waits behind drop 2 (p_09.csv), which waits for a number that is missing")
	w.Restart()
	w.Drop("prices", "p_08.csv", bridgetest.OnePrice("8"))
	w.Round()
	w.Stands("p_07.csv loaded", "p_09.csv loaded", "p_10.csv loaded", "p_08.csv loaded")
	if got := w.Loaded(); got != "p_07.csv p_08.csv p_09.csv p_10.csv" {
		t.Errorf("loaded in the order %s", got)
	}
}

func TestApprovingADropThatWaitsForANumberLetsTheLineGoOn(t *testing.T) {
	w := bridgetest.NewWorld(t, serial(", gap: hold, guards: { min_rows: 1 }"))
	w.Stock("SKU1")
	w.Drop("prices", "p_1.csv", bridgetest.OnePrice("1"))
	w.Round()
	w.Drop("prices", "p_4.csv", bridgetest.PriceHead)
	w.Drop("prices", "p_5.csv", bridgetest.OnePrice("5"))
	w.Round()
	w.Stands("p_1.csv loaded", "p_4.csv held numbers 2 to 3 are missing before it (gap: hold)", "p_5.csv fetched …")
	d, _ := w.Ledger.Drop(t.Context(), 2)
	w.Must(w.B.In.Approve(t.Context(), d, bridge.Decision{Who: "alice"}))
	w.Round()
	w.Stands("p_1.csv loaded", "p_4.csv held min_rows: 0 rows, the least is 1", "p_5.csv loaded") // approving a gap overrules no guard
	if d, _ := w.Ledger.Drop(t.Context(), 2); d.Gap == "" || d.DecidedBy != "alice" {
		t.Errorf("%+v", d)
	}
}

func TestAMissingNumberIsToldAndPassed(t *testing.T) {
	w := bridgetest.NewWorld(t, serial(", gap: warn"))
	w.Stock("SKU1")
	w.Drop("prices", "p_1.csv", bridgetest.OnePrice("1"))
	w.Drop("prices", "p_3.csv", bridgetest.OnePrice("3"))
	w.Round()
	w.Stands("p_1.csv loaded", "p_3.csv loaded")
	if d, _ := w.Ledger.Drop(t.Context(), 2); d.Gap != "number 2 is missing before it" ||
		strings.Count(w.Log.String(), "number 2 is missing") != 1 {
		t.Errorf("gap %q\n%s", d.Gap, w.Log)
	}
	w.Drop("prices", "p_2.csv", bridgetest.OnePrice("2")) // late, and nothing is missing before it
	w.Drop("prices", "p_4.csv", bridgetest.OnePrice("4"))
	w.Round()
	w.Stands("p_1.csv loaded", "p_3.csv loaded", "p_2.csv loaded", "p_4.csv loaded")
}

func TestAMissingNumberIsWaitedForAndThenSkipped(t *testing.T) {
	w := bridgetest.NewWorld(t, serial(", gap: skip after 2h"))
	w.Stock("SKU1")
	w.Drop("prices", "p_1.csv", bridgetest.OnePrice("1"))
	w.Drop("prices", "p_3.csv", bridgetest.OnePrice("3"))
	w.Drop("prices", "p_4.csv", bridgetest.OnePrice("4"))
	w.Round()
	w.Stands("p_1.csv loaded", "p_3.csv fetched number 2 is missing before it: waits for it until 2026-11-21 09:00:03Z",
		"p_4.csv fetched waits behind drop 2…")
	w.Restart()
	w.Later(2*time.Hour - time.Second)
	w.Stands("p_1.csv loaded", "p_3.csv fetched …", "p_4.csv fetched …")
	w.Later(time.Second)
	w.Stands("p_1.csv loaded", "p_3.csv loaded", "p_4.csv loaded")
}

func TestNumbersCountWithinADate(t *testing.T) {
	for name, c := range map[string]struct {
		files []string
		held  bool
	}{
		"begins anew with 1": {[]string{"p_20261120_2.csv", "p_20261121_1.csv"}, false},
		"begins anew with 0": {[]string{"p_20261120_2.csv", "p_20261121_0.csv"}, false},
		"goes on":            {[]string{"p_20261120_2.csv", "p_20261121_3.csv"}, false},
		"lacks its first":    {[]string{"p_20261120_7.csv", "p_20261121_2.csv"}, true},
		"lacks one within":   {[]string{"p_20261120_7.csv", "p_20261121_1.csv", "p_20261121_3.csv"}, true},
		"the same again":     {[]string{"p_20261121_1.csv", "p_20261121_01.csv", "p_20261121_2.csv"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := bridgetest.NewWorld(t, numbered(", gap: hold"))
			w.Stock("SKU1")
			for i, file := range c.files {
				w.Drop("prices", file, bridgetest.OnePrice(string(rune('1'+i))))
			}
			w.Round()
			if d, _ := w.Last("prices"); (d.State == bridge.Held) != c.held {
				t.Errorf("%s is %s %s", d.Name, d.State, d.Reason)
			}
		})
	}
}

func TestAFileThatCameInPartKeepsItsPlaceInTheLine(t *testing.T) {
	w := bridgetest.NewWorld(t, bridgetest.FeedOf(`/p_(?P<seq>\d+)\.csv/`, ", ready: { marker: .ok }"))
	w.Stock("SKU1")
	w.Drop("prices", "p_1.csv", bridgetest.OnePrice("1"))
	w.Drop("prices", "p_2.csv", bridgetest.OnePrice("2"))
	w.Drop("prices", "p_2.csv.ok", "")
	w.Round()
	w.Stands("p_1.csv seen waits for its marker p_1.csv.ok", "p_2.csv fetched waits behind drop 1 (p_1.csv), which has not come whole yet")
	w.Drop("prices", "p_1.csv.ok", "")
	w.Round()
	if got := w.Loaded(); got != "p_1.csv p_2.csv" {
		t.Errorf("loaded in the order %s", got)
	}
}

func TestAFailedDropBlocksWhatStandsBehindIt(t *testing.T) {
	type worldly func(w *bridgetest.World, d *bridge.Drop)
	for name, unblock := range map[string]worldly{
		"discarded": func(w *bridgetest.World, d *bridge.Drop) {
			w.Must(w.B.In.Discard(w.T.Context(), w.Feed(), d, bridge.Decision{Who: "alice"}))
		},
		"sent again": func(w *bridgetest.World, d *bridge.Drop) {
			w.Drop("prices", "b.csv", bridgetest.OnePrice("2"))
		},
		"run again": func(w *bridgetest.World, d *bridge.Drop) {
			w.Config = strings.Replace(w.Config, "on_failure: block", "on_failure: block, defaults: { unit: item }", 1)
			w.Restart()
			_, err := w.B.In.Rerun(w.T.Context(), d, inbound.RerunOptions{}, bridge.Decision{})
			w.Must(err)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := bridgetest.NewWorld(t, bridgetest.FeedWith("prices", ", on_failure: block"))
			w.Stock("SKU1")
			w.Drop("prices", "a.csv", bridgetest.OnePrice("1"))
			w.Drop("prices", "b.csv", "price_list,sku,quantity,currency,value\nRetail,SKU1,1,EUR,2\n") // it lacks the unit
			w.Drop("prices", "c.csv", bridgetest.OnePrice("3"))
			w.Drop("prices", "d.csv", bridgetest.OnePrice("4"))
			w.Round()
			w.Restart()
			w.Round()
			w.Stands("a.csv loaded", "b.csv rejected …",
				"c.csv fetched waits behind drop 2 (b.csv), which is rejected (on_failure: block): discard it, or run it again", "d.csv fetched …")
			d, err := w.Ledger.Drop(t.Context(), 2)
			w.Must(err)
			unblock(w, d)
			w.Round()
			if got := w.Loaded(); !strings.Contains(got, "c.csv d.csv") {
				t.Errorf("loaded: %s\n%s", got, strings.Join(w.Lineup(), "\n"))
			}
		})
	}
}

func TestAHeldDropBlocksUntilItIsDecided(t *testing.T) {
	w := bridgetest.NewWorld(t, bridgetest.FeedWith("prices", ", on_failure: block, guards: { min_rows: 2 }"))
	w.Stock("SKU1", "SKU2")
	w.Drop("prices", "a.csv", bridgetest.OnePrice("1"))
	w.Drop("prices", "b.csv", bridgetest.OnePrice("2")+bridgetest.Price("SKU2", "2"))
	w.Round()
	w.Stands("a.csv held …", "b.csv fetched waits behind drop 1 (a.csv), which is held (on_failure: block)…")
	d, _ := w.Ledger.Drop(t.Context(), 1)
	w.Must(w.B.In.Approve(t.Context(), d, bridge.Decision{Who: "alice"}))
	w.Round()
	if got := w.Loaded(); got != "a.csv b.csv" {
		t.Errorf("loaded: %s", got)
	}
}

func TestWithoutBlockingAFailedDropKeepsNobody(t *testing.T) {
	w := bridgetest.NewWorld(t, bridgetest.FeedWith("prices", ""))
	w.Stock("SKU1")
	w.Drop("prices", "a.csv", "price_list,sku\n\"\x00")
	w.Drop("prices", "b.csv", bridgetest.OnePrice("2"))
	w.Round()
	w.Stands("a.csv rejected …", "b.csv loaded")
}

func TestANewerFullDropSupersedesTheOlderOnes(t *testing.T) {
	w := bridgetest.NewWorld(t, numbered(", mode: full, scope: [], on_missing: delete"))
	w.Stock("SKU1", "SKU2")
	w.Drop("prices", "p_20261120_1.csv", bridgetest.OnePrice("1"))
	w.Drop("prices", "p_20261122_1.csv", bridgetest.OnePrice("3")+bridgetest.Price("SKU2", "3"))
	w.Drop("prices", "p_20261121_1.csv", bridgetest.OnePrice("2"))
	w.Round()
	w.Stands("p_20261120_1.csv superseded drop 2 (p_20261122_1.csv) is newer and holds everything", "p_20261122_1.csv loaded",
		"p_20261121_1.csv superseded drop 2…")
	w.Drop("prices", "p_20261119_1.csv", bridgetest.OnePrice("9")) // comes late
	w.Round()
	w.Stands("p_20261120_1.csv superseded …", "p_20261122_1.csv loaded", "p_20261121_1.csv superseded …",
		"p_20261119_1.csv superseded drop 2…")
	if got := w.Loaded(); got != "p_20261122_1.csv" {
		t.Errorf("loaded: %s", got)
	}
	w.Stay("archive/p_20261119_1_d4.csv", "archive/p_20261120_1_d1.csv", "archive/p_20261121_1_d3.csv", "archive/p_20261122_1_r1.csv")
}

func TestAHeldFullDropIsSupersededByTheNextGoodOne(t *testing.T) {
	w := bridgetest.NewWorld(t, numbered(", mode: full, scope: [], guards: { min_rows: 2 }"))
	w.Stock("SKU1", "SKU2")
	w.Drop("prices", "p_20261120_1.csv", bridgetest.OnePrice("1"))
	w.Round()
	w.Drop("prices", "p_20261121_1.csv", bridgetest.OnePrice("2")+bridgetest.Price("SKU2", "2"))
	w.Round()
	w.Round()
	w.Stands("p_20261120_1.csv superseded drop 2…", "p_20261121_1.csv loaded")
	w.Drop("prices", "p_20261120_1.csv", bridgetest.OnePrice("1")+bridgetest.Price("SKU2", "1")) // seen later, and older by its name
	w.Round()
	w.Stands("p_20261120_1.csv superseded …", "p_20261121_1.csv loaded", "p_20261120_1.csv superseded …")
	if got := w.Alarms(); len(got) != 1 ||
		!strings.HasPrefix(got[0], "feed prices out of order: drop 3 (p_20261120_1.csv): it was seen after drop 2 ") {
		t.Errorf("status counts %q\n%s", got, w.Log)
	}
	w.Drop("prices", "p_20261122_1.csv", bridgetest.OnePrice("3")+bridgetest.Price("SKU2", "3"))
	w.Round()
	if got := w.Alarms(); len(got) != 0 {
		t.Errorf("a later file was loaded, and status still counts %q", got)
	}
	if !strings.Contains(w.Log.String(), `msg="alarm cleared" feed=prices drop=4 file=p_20261122_1.csv alarm="out of order"`) {
		t.Errorf("nobody was told that it is over:\n%s", w.Log)
	}
}

func TestCorrectedRejectsOfAFullDropRemoveNothing(t *testing.T) {
	w := bridgetest.NewWorld(t, bridgetest.FeedWith("prices", ", mode: full, on_missing: delete, guards: { max_shrink: 10%, min_rows: 2 }"))
	w.Stock("SKU1", "SKU2", "SKU3")
	w.Drop("prices", "a.csv", bridgetest.OnePrice("1")+bridgetest.Price("SKU2", "2")+bridgetest.Price("SKU3", "x"))
	w.Round()
	w.Stands("a.csv partial …")
	rejects, err := os.ReadFile(filepath.Join(w.Folder, "prices/rejected/a_r1_rejects.csv"))
	w.Must(err)
	w.Drop("prices", "a_r1_rejects.csv", strings.Replace(string(rejects), ",x", ",3", 1))
	w.Round()
	if n := w.Shop.Count("productprices"); n != 3 || w.PriceOf("SKU3") != "3" {
		t.Errorf("the shop has %d prices, SKU3 costs %s\n%s", n, w.PriceOf("SKU3"), strings.Join(w.Lineup(), "\n"))
	}
}
