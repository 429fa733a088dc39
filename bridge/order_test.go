package bridge_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/orobridge/orobridge/bridge"
)

// numbered makes a config whose files carry a date and a number.
func numbered(keys string) string {
	return feedOf(`/p_(?P<date>\d{8})_(?P<seq>\d+)\.csv/`, ", ready: { stable: 0s }"+keys)
}

// serial makes a config whose files carry a number only.
func serial(keys string) string {
	return feedOf(`/p_(?P<seq>\d+)\.csv/`, ", ready: { stable: 0s }"+keys)
}

// loaded are the names of the drops that were loaded, in the order in which that happened.
func (w *world) loaded() string {
	w.t.Helper()
	var names []string
	drops, err := w.ledger.Drops(w.t.Context(), bridge.DropFilter{Feed: "prices"})
	w.must(err)
	byRun := map[int64]string{}
	var last int64
	for _, d := range drops {
		runs, err := w.ledger.Runs(w.t.Context(), d.ID)
		w.must(err)
		for _, r := range runs {
			if r.State == bridge.Done {
				byRun[r.ID], last = d.Name, max(last, r.ID)
			}
		}
	}
	for id := range last {
		if name := byRun[id+1]; name != "" {
			names = append(names, name)
		}
	}
	return strings.Join(names, " ")
}

func TestDropsAreLoadedInTheOrderOfTheirNames(t *testing.T) {
	w := newWorld(t, numbered(""))
	w.stock("SKU1")
	for i, name := range []string{"p_20261121_10.csv", "p_20261121_9.csv", "p_20261122_001.csv", "p_20261120_77.csv"} {
		w.drop("prices", name, onePrice(fmt.Sprint(i+1)))
	}
	w.round()
	if got := w.loaded(); got != "p_20261120_77.csv p_20261121_9.csv p_20261121_10.csv p_20261122_001.csv" {
		t.Errorf("loaded in the order %s\n%s", got, strings.Join(w.lineup(), "\n"))
	}
}

func TestWithoutNumbersTheServersTimeThenTheNameDecides(t *testing.T) {
	w := newWorld(t, feedWith("prices", ""))
	w.stock("SKU1")
	for i, name := range []string{"c.csv", "b.csv", "a.csv"} {
		w.drop("prices", name, onePrice(string(rune('1'+i))))
	}
	at := w.clock.Now()
	for _, name := range []string{"b.csv", "a.csv"} {
		w.must(os.Chtimes(filepath.Join(w.folder, "prices", name), at, at))
	}
	w.round()
	if got := w.loaded(); got != "c.csv a.csv b.csv" {
		t.Errorf("loaded in the order %s", got)
	}
}

func TestAMissingNumberHoldsWhatComesAfterIt(t *testing.T) {
	w := newWorld(t, serial(", gap: hold"))
	w.stock("SKU1")
	w.drop("prices", "p_07.csv", onePrice("7")) // the first that the feed ever sees
	w.round()
	w.drop("prices", "p_09.csv", onePrice("9"))
	w.drop("prices", "p_10.csv", onePrice("10"))
	w.round()
	w.stands("p_07.csv loaded", "p_09.csv held number 8 is missing before it (gap: hold)", "p_10.csv fetched waits behind drop 2 (p_09.csv), which waits for a number that is missing")
	w.restart()
	w.drop("prices", "p_08.csv", onePrice("8"))
	w.round()
	w.stands("p_07.csv loaded", "p_09.csv loaded", "p_10.csv loaded", "p_08.csv loaded")
	if got := w.loaded(); got != "p_07.csv p_08.csv p_09.csv p_10.csv" {
		t.Errorf("loaded in the order %s", got)
	}
}

func TestApprovingADropThatWaitsForANumberLetsTheLineGoOn(t *testing.T) {
	w := newWorld(t, serial(", gap: hold, guards: { min_rows: 1 }"))
	w.stock("SKU1")
	w.drop("prices", "p_1.csv", onePrice("1"))
	w.round()
	w.drop("prices", "p_4.csv", priceHead)
	w.drop("prices", "p_5.csv", onePrice("5"))
	w.round()
	w.stands("p_1.csv loaded", "p_4.csv held numbers 2 to 3 are missing before it (gap: hold)", "p_5.csv fetched …")
	d, _ := w.ledger.Drop(t.Context(), 2)
	w.must(w.b.Approve(t.Context(), d, "alice"))
	w.round()
	w.stands("p_1.csv loaded", "p_4.csv held min_rows: 0 rows, the least is 1", "p_5.csv loaded") // approving a gap overrules no guard
	if d, _ := w.ledger.Drop(t.Context(), 2); d.Gap == "" || d.DecidedBy != "alice" {
		t.Errorf("%+v", d)
	}
}

func TestAMissingNumberIsToldAndPassed(t *testing.T) {
	w := newWorld(t, serial(", gap: warn"))
	w.stock("SKU1")
	w.drop("prices", "p_1.csv", onePrice("1"))
	w.drop("prices", "p_3.csv", onePrice("3"))
	w.round()
	w.stands("p_1.csv loaded", "p_3.csv loaded")
	if d, _ := w.ledger.Drop(t.Context(), 2); d.Gap != "number 2 is missing before it" || strings.Count(w.log.String(), "number 2 is missing") != 1 {
		t.Errorf("gap %q\n%s", d.Gap, w.log)
	}
	w.drop("prices", "p_2.csv", onePrice("2")) // late, and nothing is missing before it
	w.drop("prices", "p_4.csv", onePrice("4"))
	w.round()
	w.stands("p_1.csv loaded", "p_3.csv loaded", "p_2.csv loaded", "p_4.csv loaded")
}

func TestAMissingNumberIsWaitedForAndThenSkipped(t *testing.T) {
	w := newWorld(t, serial(", gap: skip after 2h"))
	w.stock("SKU1")
	w.drop("prices", "p_1.csv", onePrice("1"))
	w.drop("prices", "p_3.csv", onePrice("3"))
	w.drop("prices", "p_4.csv", onePrice("4"))
	w.round()
	w.stands("p_1.csv loaded", "p_3.csv fetched number 2 is missing before it: waits for it until 2026-11-21 09:00:03Z", "p_4.csv fetched waits behind drop 2…")
	w.restart()
	w.later(2*time.Hour - time.Second)
	w.stands("p_1.csv loaded", "p_3.csv fetched …", "p_4.csv fetched …")
	w.later(time.Second)
	w.stands("p_1.csv loaded", "p_3.csv loaded", "p_4.csv loaded")
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
			w := newWorld(t, numbered(", gap: hold"))
			w.stock("SKU1")
			for i, file := range c.files {
				w.drop("prices", file, onePrice(string(rune('1'+i))))
			}
			w.round()
			if d, _ := w.last("prices"); (d.State == bridge.Held) != c.held {
				t.Errorf("%s is %s %s", d.Name, d.State, d.Reason)
			}
		})
	}
}

func TestAFileThatCameInPartKeepsItsPlaceInTheLine(t *testing.T) {
	w := newWorld(t, feedOf(`/p_(?P<seq>\d+)\.csv/`, ", ready: { marker: .ok }"))
	w.stock("SKU1")
	w.drop("prices", "p_1.csv", onePrice("1"))
	w.drop("prices", "p_2.csv", onePrice("2"))
	w.drop("prices", "p_2.csv.ok", "")
	w.round()
	w.stands("p_1.csv seen waits for its marker p_1.csv.ok", "p_2.csv fetched waits behind drop 1 (p_1.csv), which has not come whole yet")
	w.drop("prices", "p_1.csv.ok", "")
	w.round()
	if got := w.loaded(); got != "p_1.csv p_2.csv" {
		t.Errorf("loaded in the order %s", got)
	}
}

func TestAFailedDropBlocksWhatStandsBehindIt(t *testing.T) {
	type worldly func(w *world, d *bridge.Drop)
	for name, unblock := range map[string]worldly{
		"discarded": func(w *world, d *bridge.Drop) { w.must(w.b.Discard(w.t.Context(), w.feed(), d, "alice")) },
		"sent again": func(w *world, d *bridge.Drop) {
			w.drop("prices", "b.csv", onePrice("2"))
		},
		"run again": func(w *world, d *bridge.Drop) {
			w.must(os.WriteFile(filepath.Join(w.state, "spool", "2"), []byte(onePrice("2")), 0o600)) // as if its format had been corrected
			_, err := w.b.Rerun(w.t.Context(), d, bridge.RerunOptions{})
			w.must(err)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, feedWith("prices", ", on_failure: block"))
			w.stock("SKU1")
			w.drop("prices", "a.csv", onePrice("1"))
			w.drop("prices", "b.csv", "price_list,sku\n\"\x00") // unreadable
			w.drop("prices", "c.csv", onePrice("3"))
			w.drop("prices", "d.csv", onePrice("4"))
			w.round()
			w.restart()
			w.round()
			w.stands("a.csv loaded", "b.csv rejected …", "c.csv fetched waits behind drop 2 (b.csv), which is rejected (on_failure: block): discard it, or run it again", "d.csv fetched …")
			d, err := w.ledger.Drop(t.Context(), 2)
			w.must(err)
			unblock(w, d)
			w.round()
			if got := w.loaded(); !strings.Contains(got, "c.csv d.csv") {
				t.Errorf("loaded: %s\n%s", got, strings.Join(w.lineup(), "\n"))
			}
		})
	}
}

func TestAHeldDropBlocksUntilItIsDecided(t *testing.T) {
	w := newWorld(t, feedWith("prices", ", on_failure: block, guards: { min_rows: 2 }"))
	w.stock("SKU1", "SKU2")
	w.drop("prices", "a.csv", onePrice("1"))
	w.drop("prices", "b.csv", onePrice("2")+price("SKU2", "2"))
	w.round()
	w.stands("a.csv held …", "b.csv fetched waits behind drop 1 (a.csv), which is held (on_failure: block)…")
	d, _ := w.ledger.Drop(t.Context(), 1)
	w.must(w.b.Approve(t.Context(), d, "alice"))
	w.round()
	if got := w.loaded(); got != "a.csv b.csv" {
		t.Errorf("loaded: %s", got)
	}
}

func TestWithoutBlockingAFailedDropKeepsNobody(t *testing.T) {
	w := newWorld(t, feedWith("prices", ""))
	w.stock("SKU1")
	w.drop("prices", "a.csv", "price_list,sku\n\"\x00")
	w.drop("prices", "b.csv", onePrice("2"))
	w.round()
	w.stands("a.csv rejected …", "b.csv loaded")
}

func TestANewerFullDropSupersedesTheOlderOnes(t *testing.T) {
	w := newWorld(t, numbered(", mode: full, on_missing: delete"))
	w.stock("SKU1", "SKU2")
	w.drop("prices", "p_20261120_1.csv", onePrice("1"))
	w.drop("prices", "p_20261122_1.csv", onePrice("3")+price("SKU2", "3"))
	w.drop("prices", "p_20261121_1.csv", onePrice("2"))
	w.round()
	w.stands("p_20261120_1.csv superseded drop 2 (p_20261122_1.csv) is newer and holds everything", "p_20261122_1.csv loaded", "p_20261121_1.csv superseded drop 2…")
	w.drop("prices", "p_20261119_1.csv", onePrice("9")) // comes late
	w.round()
	w.stands("p_20261120_1.csv superseded …", "p_20261122_1.csv loaded", "p_20261121_1.csv superseded …", "p_20261119_1.csv superseded drop 2…")
	if got := w.loaded(); got != "p_20261122_1.csv" {
		t.Errorf("loaded: %s", got)
	}
	w.stay("archive/p_20261119_1_d4.csv", "archive/p_20261120_1_d1.csv", "archive/p_20261121_1_d3.csv", "archive/p_20261122_1_r1.csv")
}

func TestAFailedFullDropBlocksByDefaultUntilItIsSentAgain(t *testing.T) {
	w := newWorld(t, numbered(", mode: full, guards: { min_rows: 2 }"))
	w.stock("SKU1", "SKU2")
	w.drop("prices", "p_20261120_1.csv", onePrice("1"))
	w.round()
	w.drop("prices", "p_20261121_1.csv", onePrice("2")+price("SKU2", "2"))
	w.round()
	w.stands("p_20261120_1.csv held …", "p_20261121_1.csv fetched waits behind drop 1…")
	w.drop("prices", "p_20261120_1.csv", onePrice("1")+price("SKU2", "1"))
	w.round()
	w.stands("p_20261120_1.csv superseded …", "p_20261121_1.csv loaded", "p_20261120_1.csv superseded …")
}

func TestCorrectedRejectsOfAFullDropRemoveNothing(t *testing.T) {
	w := newWorld(t, feedWith("prices", ", mode: full, on_missing: delete, guards: { max_shrink: 10%, min_rows: 2 }"))
	w.stock("SKU1", "SKU2", "SKU3")
	w.drop("prices", "a.csv", onePrice("1")+price("SKU2", "2")+price("SKU3", "x"))
	w.round()
	w.stands("a.csv partial …")
	rejects, err := os.ReadFile(filepath.Join(w.folder, "prices/rejected/a_r1_rejects.csv"))
	w.must(err)
	w.drop("prices", "a_r1_rejects.csv", strings.Replace(string(rejects), ",x", ",3", 1))
	w.round()
	if n := w.shop.Count("productprices"); n != 3 || w.priceOf("SKU3") != "3" {
		t.Errorf("the shop has %d prices, SKU3 costs %s\n%s", n, w.priceOf("SKU3"), strings.Join(w.lineup(), "\n"))
	}
}
