package outbound_test

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
	"github.com/orobridge/orobridge/bridge/bridgetest"
	"github.com/orobridge/orobridge/bridge/oro/orotest"
	"github.com/orobridge/orobridge/bridge/outbound"
	"github.com/orobridge/orobridge/formats"
	"github.com/orobridge/orobridge/formats/csv"
)

// Orders that come, look or count otherwise than orders should.

func TestAnOrderWithAnOldDateIsFound(t *testing.T) {
	for _, since := range []string{"'2026-11-21'", "now", "all"} {
		t.Run(since, func(t *testing.T) {
			w := bridgetest.NewWorld(t, strings.Replace(fmt.Sprintf(bridgetest.AnExport, ""), "'2026-11-21'", since, 1), orotest.Seed(orotest.Sample))
			w.MustOut()
			w.Tick(time.Hour)
			w.Submit("new")
			w.MustOut()
			id := w.Submit("old") // a migration brings it in
			old := w.Clock.Now().Add(-60 * 24 * time.Hour)
			w.Must(w.Shop.StampOrder(id, old, old))
			w.Tick(2 * time.Minute)
			w.MustOut()
			w.MustOut()
			if got := w.Outbox(); strings.Count(got, "new v1") != 1 || strings.Count(got, "old v1") != 1 || !strings.HasSuffix(got, "written") {
				t.Errorf("the outbox is\n%s", got)
			}
			id = w.Submit("older")
			w.Must(w.Shop.StampOrder(id, old, old))
			w.Close()
			w.Open()
			w.MustOut()
			if !strings.Contains(w.Outbox(), "older v1") {
				t.Errorf("after a start it is not found:\n%s", w.Outbox())
			}
		})
	}
}

func TestAnOldDateCostsOneRequestAMinute(t *testing.T) {
	w := bridgetest.Exporting(t, "")
	w.Submit("O-1")
	w.MustOut()
	w.Tick(2 * time.Minute)
	w.MustOut()
	w.Shop.JournalReset()
	for range 120 {
		w.Tick(time.Second)
		w.MustOut()
	}
	if n := w.Shop.Requests(); n > 122 {
		t.Errorf("%d requests in 120 rounds in which nothing happened", n)
	}
}

func TestAnOrderThatIsListedAndNotToldIsLookedAtUntilItIs(t *testing.T) {
	w := bridgetest.Exporting(t, "")
	w.MustOut()
	bad := w.Submit("bad")
	w.Submit("good")
	w.B.Out.Shop = withholding{w.B.Out.Shop, bad}
	w.MustOut()
	w.Want("good v1 #1 written")
	if got := w.Alarms(); !slices.Equal(got, []string{"orders untold: bad"}) {
		t.Errorf("%q", got)
	}
	w.Close() // neither a start nor the time make it forgotten
	w.Open()
	whole := w.B.Out.Shop
	w.B.Out.Shop = withholding{whole, bad}
	for range 3 {
		w.Tick(25 * time.Hour)
		w.MustOut()
	}
	if n := w.Sounded(bridge.AlarmUntold); n != 1 {
		t.Errorf("the alarm sounded %d times", n)
	}
	w.B.Out.Shop = whole
	w.Tick(time.Minute)
	w.MustOut()
	w.Want("good v1 #1 written\nbad v1 #2 written")
	if got := w.Alarms(); len(got) != 0 {
		t.Errorf("%q", got)
	}
}

func TestAShopThatWasRestoredGivesOrdersKnownIDs(t *testing.T) {
	for _, since := range []string{"'2026-11-21'", "now"} {
		t.Run(since, func(t *testing.T) {
			w := bridgetest.NewWorld(t, strings.Replace(fmt.Sprintf(bridgetest.AnExport, ""), "'2026-11-21'", since, 1), orotest.Seed(orotest.Sample))
			backup := w.Shop.Backup()
			if since == "now" { // an id that is ignored for good
				w.Submit("ignored")
			}
			w.MustOut()
			w.Submit("A")
			w.Submit("B")
			w.MustOut()
			w.Want("A v1 #1 written\nB v1 #2 written")
			w.Shop.Restore(backup)
			w.Tick(time.Hour)
			w.MustOut()
			for _, name := range []string{"A", "C", "D"} { // one has a number that was given before, too
				w.Submit(name)
			}
			w.MustOut()
			w.Tick(time.Minute)
			w.MustOut()
			got := w.Outbox()
			if strings.Count(got, "A v1") != 2 || !strings.Contains(got, "C v1") || !strings.Contains(got, "D v1") || strings.Contains(got, "stuck") {
				t.Errorf("the outbox is\n%s", got)
			}
			if n := w.Sounded(bridge.AlarmReused); n != 2 {
				t.Errorf("%d alarms of ids that were given again, want 2\n%s", n, got)
			}
			if len(w.There()) != 5 {
				t.Errorf("%q", w.There())
			}
		})
	}
}

// A shop whose orders are told otherwise.
type telling struct {
	outbound.Shop
	tell func(*formats.Order)
}

func (s telling) Orders(ctx context.Context, ids []string) ([]*formats.Order, []string, error) {
	told, untold, err := s.Shop.Orders(ctx, ids)
	for _, o := range told {
		s.tell(o)
	}
	return told, untold, err
}

// A shop that lists an order and does not tell it in full.
type withholding struct {
	outbound.Shop
	id string
}

func (s withholding) Orders(ctx context.Context, ids []string) (told []*formats.Order, untold []string, err error) {
	all, untold, err := s.Shop.Orders(ctx, ids)
	for _, o := range all {
		if o.ID == s.id {
			untold = append(untold, o.ID)
		} else {
			told = append(told, o)
		}
	}
	return told, untold, err
}

func TestSumsThatDoNotAddUpAreWrittenWithAnAlarm(t *testing.T) {
	w := bridgetest.Exporting(t, "")
	w.B.Out.Shop = telling{w.B.Out.Shop, func(o *formats.Order) {
		o.Total = "1.00"
		o.Flags = o.CheckTotals()
	}}
	w.Submit("O-1")
	w.MustOut()
	w.Want("O-1 v1 #1 written sums")
	if got := w.Alarms(); !slices.Equal(got, []string{"orders sums: O-1"}) || w.Sounded(bridge.AlarmSums) != 1 {
		t.Errorf("%q", got)
	}
	if !strings.Contains(w.Log.String(), "subtotal, shipping, tax and discount are not the total") {
		t.Errorf("the log does not say which sums:\n%s", w.Log)
	}
}

func TestControlCharactersOfOrdersAreReplacedAndCounted(t *testing.T) {
	w := bridgetest.Exporting(t, "")
	w.B.Out.Shop = telling{w.B.Out.Shop, func(o *formats.Order) { o.Notes, o.Ship.City = "a\x00b\u202ec", "X\u009b" }}
	w.Submit("O-1")
	w.MustOut()
	body, err := os.ReadFile(filepath.Join(w.Folder, "orders", w.There()[0]))
	w.Must(err)
	if text := string(body); !strings.Contains(text, "a?b?c") || strings.ContainsAny(text, "\x00\u202e\u009b") {
		t.Errorf("%q", text)
	}
	orders, err := w.Ledger.Outbox(t.Context(), bridge.OutboxFilter{})
	w.Must(err)
	if !slices.Contains(orders[0].Flags, formats.FlagControl) {
		t.Errorf("flags %q", orders[0].Flags)
	}
	if !strings.Contains(w.Log.String(), "3 characters that no order may hold were replaced") {
		t.Errorf("they are not counted:\n%s", w.Log)
	}
}

// An order without lines is stuck, whatever the layout of the file: written, it would be one that nobody misses.
func TestAnOrderWithoutLinesIsStuck(t *testing.T) {
	for _, layout := range []string{"lines", "header_lines"} {
		t.Run(layout, func(t *testing.T) {
			w := bridgetest.Exporting(t, "")
			w.Export().Format.(*csv.OrderOptions).Layout = layout
			w.MustOut()
			if _, err := w.Shop.SubmitOrder(orotest.Order{Identifier: "empty", Customer: "1"}); err != nil {
				t.Fatal(err)
			}
			w.Submit("whole")
			w.Tick(time.Minute)
			w.MustOut()
			got := w.Outbox()
			if !strings.Contains(got, "empty") || !strings.Contains(got, "stuck") || !strings.Contains(got, "whole v1 #1 written") {
				t.Errorf("the outbox is\n%s", got)
			}
			if !strings.Contains(w.Log.String(), "the order has no lines") {
				t.Errorf("no reason is told:\n%s", w.Log)
			}
		})
	}
}
