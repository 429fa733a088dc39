package crashtest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/bridgetest"
	"github.com/orobridge/orobridge/bridge/oro/orotest"
)

// wrong is the clock of a machine that is ahead, or behind.
type wrong struct {
	bridge.Clock
	by time.Duration
}

func (w wrong) Now() time.Time { return w.Clock.Now().Add(w.by) }

// startedWrong stops the bridge and starts it with a clock that is wrong.
func startedWrong(w *bridgetest.World, by time.Duration) {
	w.Close()
	w.Open()
	w.B.Clock, w.B.In.Clock, w.B.Out.Clock = wrong{w.Clock, by}, wrong{w.Clock, by}, wrong{w.Clock, by}
}

// A machine's clock is wrong for a day, by years or by hours, and set right while the bridge is stopped: the page "A clock that is
// wrong", played. Nothing is sent twice, nothing is lost, and what comes afterwards is the newer.
func TestAWrongClock(t *testing.T) {
	for _, by := range []time.Duration{10 * 365 * bridge.Day, -10 * 365 * bridge.Day, 3 * time.Hour, -3 * time.Hour} {
		t.Run(by.String(), func(t *testing.T) {
			w := bridgetest.NewWorld(t, monthFeeds, orotest.Seed(orotest.Sample))
			got := map[string]int{}
			day := 0
			defer func() {
				if t.Failed() {
					t.Logf("%s\n%s", strings.Join(w.Lineup(), "\n"), w.Log)
				}
			}()
			play := func() {
				t.Helper()
				day++
				w.Tick(bridge.Day)
				w.Drop("products", fmt.Sprintf("p%d.csv", day), fmt.Sprintf("sku,name,unit\nSKU1,Bolt of day %d,item\n", day))
				w.Drop("inventory", fmt.Sprintf("i%d.csv", day), fmt.Sprintf("sku,unit,quantity\nSKU1,item,%d\n", day))
				w.Submit(fmt.Sprintf("O-%d", day))
				w.Round()
				for _, name := range w.There() {
					got[strings.TrimSuffix(name[strings.Index(name, "O-"):], ".csv")]++
					w.Take(name)
				}
				w.Round()
				if link := w.Link("products", "SKU1"); link == nil || !strings.Contains(fmt.Sprint(link.Content), fmt.Sprintf("Bolt of day %d", day)) {
					t.Errorf("on day %d the product is %+v", day, link)
				}
				if link := w.Link("inventory", "SKU1|item"); link == nil || link.Content[0].Text != fmt.Sprint(day) {
					t.Errorf("on day %d the stock is %+v", day, link)
				}
			}
			play()
			play()
			startedWrong(w, by)
			play()
			play()
			startedWrong(w, 0)
			w.Shop.JournalReset()
			w.Round()
			if n := w.Writes(); n > 0 {
				t.Errorf("with the clock set right %d requests write something once more", n)
			}
			play()
			play()
			for i := 1; i <= day; i++ {
				if order := fmt.Sprintf("O-%d", i); got[order] != 1 {
					t.Errorf("the ERP has got %s %d times", order, got[order])
				}
			}
			if owed, err := w.Ledger.Outbox(t.Context(), bridge.OutboxFilter{Alarmed: true}); err != nil || len(owed) > 0 {
				t.Errorf("alarms: %+v %v", owed, err)
			}
		})
	}
}

// A file that is being written while the clock is set right is watched anew, and not until the clock has come to where it was.
func TestAFileOfTheTimeOfAWrongClock(t *testing.T) {
	w := bridgetest.NewWorld(t, `
feeds:
  - { name: products, entity: products, remote: disk, folder: products, match: '*.csv', ready: { stable: 20s }, format: { kind: csv } }
`, orotest.Seed(orotest.Sample))
	startedWrong(w, 10*365*bridge.Day)
	w.Drop("products", "p.csv", "sku,name,unit\nSKU1,Bolt,item\n")
	w.Round()
	startedWrong(w, 0)
	for range 3 {
		w.Round()
		w.Tick(20 * time.Second)
	}
	if d, _ := w.Last("products"); d.State != bridge.Loaded {
		t.Errorf("it is %s: %s", d.State, d.Reason)
	}
}
