package inbound_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/bridgetest"
)

const customersHead = "customer_number,name,street,city,postal_code,region,country\n"

// incomplete is a customer whose address lacks its city.
func incomplete(n int) string { return fmt.Sprintf("C-%d,Name,Main 1,,14608,US-NY,US\n", n) }

func warnings(w *bridgetest.World, drop int64) (all []bridge.WarningRow) {
	w.T.Helper()
	w.Must(w.Ledger.Warnings(w.T.Context(), drop, func(x bridge.WarningRow) error { all = append(all, x); return nil }))
	return all
}

// A warning makes no row disappear: the rows are created, and the warnings are counted beside them, once, wherever the
// bridge dies meanwhile. The sender is told of them.
func TestWarningsAreCountedOnceAndToldToTheSender(t *testing.T) {
	for _, step := range []string{"", "planned", "applied", "end"} {
		t.Run("dying at "+step, func(t *testing.T) {
			w := bridgetest.NewWorld(t, bridgetest.FeedWith("customers", ", receipts: [json, csv]"))
			w.Drop("customers", "a.csv", customersHead+incomplete(1)+"C-2,Whole,Main 2,Rochester,14608,US-NY,US\n"+incomplete(3))
			if step != "" && !w.DieAt(step, 1) {
				t.Fatalf("it never came to %q", step)
			}
			w.Round()
			d := w.Expect("customers", bridge.Loaded, bridge.Counts{Rows: 3, Created: 3, Warnings: 2})
			got := warnings(w, d.ID)
			if len(got) != 2 || got[0].Key != "C-1" || got[0].Pos.Line != 2 || got[0].Field != "city" || got[1].Key != "C-3" {
				t.Errorf("warnings are %+v", got)
			}
			text, err := os.ReadFile(filepath.Join(w.Folder, "customers/receipts/a.csv_r1_receipt.json"))
			w.Must(err)
			var receipt struct {
				Warnings int
				Warned   []struct{ Key, Code, Message string }
			}
			w.Must(json.Unmarshal(text, &receipt))
			if receipt.Warnings != 2 || len(receipt.Warned) != 2 || receipt.Warned[1].Key != "C-3" || receipt.Warned[1].Code != "incomplete" {
				t.Errorf("the receipt is\n%s", text)
			}
			text, err = os.ReadFile(filepath.Join(w.Folder, "customers/receipts/a.csv_r1_receipt.csv"))
			w.Must(err)
			if lines := strings.Split(string(text), "\n"); len(lines) != 5 || !strings.HasPrefix(lines[2], "warning,a.csv") ||
				!strings.Contains(lines[3], "C-3") {
				t.Errorf("the receipt for spreadsheets is\n%s", text)
			}
		})
	}
}

// All warnings are counted, and the first thousand are kept; they go with the run's other details.
func TestKeptWarningsAreBounded(t *testing.T) {
	w := bridgetest.NewWorld(t, bridgetest.FeedWith("customers", ""))
	var file strings.Builder
	file.WriteString(customersHead)
	for n := range 1100 {
		file.WriteString(incomplete(n))
	}
	w.Drop("customers", "a.csv", file.String())
	w.Round()
	d := w.Expect("customers", bridge.Loaded, bridge.Counts{Rows: 1100, Created: 1100, Warnings: 1100})
	if n := len(warnings(w, d.ID)); n != 1000 {
		t.Errorf("%d warnings are kept", n)
	}
	w.Later(91 * bridge.Day)
	if n := len(warnings(w, d.ID)); n != 0 {
		t.Errorf("%d warnings are older than what is kept", n)
	}
}

// An address that the shop does not take for lack of a region is left out like one that the file does not have in full,
// wherever the bridge dies meanwhile; the same file again changes nothing, and is warned of again.
func TestAnAddressThatTheShopWouldRefuseIsLeftOut(t *testing.T) {
	for _, step := range []string{"", "planned", "applied", "end"} {
		t.Run("dying at "+step, func(t *testing.T) {
			w := bridgetest.NewWorld(t, bridgetest.FeedWith("customers", ""))
			base := w.Shop.Count("customers")
			file := customersHead + "C-1,Name,Main 1,Rochester,14608,,US\nC-2,Whole,Main 2,Rochester,14608,US-NY,US\n"
			w.Drop("customers", "a.csv", file)
			if step != "" && !w.DieAt(step, 1) {
				t.Fatalf("it never came to %q", step)
			}
			w.Round()
			d := w.Expect("customers", bridge.Loaded, bridge.Counts{Rows: 2, Created: 2, Warnings: 1})
			got := warnings(w, d.ID)
			if len(got) != 1 || got[0].Key != "C-1" || got[0].Field != "region" || got[0].Code != "incomplete" ||
				!strings.HasPrefix(got[0].Message, "loaded without its address: the shop demands a region for an address in US") {
				t.Fatalf("warnings are %+v", got)
			}
			if n := w.Shop.Count("customers"); n != base+2 {
				t.Errorf("the shop has %d customers", n)
			}
			if _, run := w.Last("customers"); run.Skipped["without_address"] != 1 {
				t.Errorf("counted are %v", run.Skipped)
			}
			before := len(w.Written())
			w.Drop("customers", "b.csv", file+"\n")
			w.Round()
			w.Expect("customers", bridge.Loaded, bridge.Counts{Rows: 2, Unchanged: 2, Warnings: 1})
			if n := len(w.Written()) - before; n != 0 {
				t.Errorf("%d requests wrote what was there already", n)
			}
		})
	}
}

// What the file does not carry may stand in the shop: the address is whole with it. A feed may want such rows rejected.
func TestAnIncompleteAddressMayBeWholeInTheShop(t *testing.T) {
	w := bridgetest.NewWorld(t, bridgetest.FeedWith("customers", ""))
	w.Drop("customers", "a.csv", customersHead+"C-1,Name,Main 1,Rochester,14608,US-NY,US\n")
	w.Round()
	w.Drop("customers", "b.csv", "customer_number,name,street,city,postal_code,country\n"+
		"C-1,Name,Main 9,Rochester,14608,US\nC-2,Name,Main 9,Rochester,14608,US\n")
	w.Round()
	w.Expect("customers", bridge.Loaded, bridge.Counts{Rows: 2, Updated: 1, Created: 1, Warnings: 1})
	w.Drop("customers", "c.csv", "customer_number,name,street\nC-1,Name,Main 10\nC-2,Name,Main 10\n")
	w.Round()
	w.Expect("customers", bridge.Loaded, bridge.Counts{Rows: 2, Updated: 1, Unchanged: 1, Warnings: 1})

	w = bridgetest.NewWorld(t, bridgetest.FeedWith("customers", ", on_incomplete: reject"))
	w.Drop("customers", "a.csv", customersHead+"C-1,Name,Main 1,Rochester,14608,,US\nC-2,Whole,Main 2,Rochester,14608,US-NY,US\n")
	w.Round()
	w.Expect("customers", bridge.Partial, bridge.Counts{Rows: 2, Created: 1, Rejected: 1})
}
