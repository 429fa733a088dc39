package crashtest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/bridgetest"
	"github.com/orobridge/orobridge/bridge/inbound"
	"github.com/orobridge/orobridge/bridge/oro/orotest"
)

// A month in minutes: daily full files, hourly stock, orders, outages, a wrong price file that is undone, a disk that is lost after the
// ERP has fetched orders since the last hourly backup, and a shop that is restored from last night's dump. At its end the shop, the
// ERP's folder and the ledger agree, no order is doubled or missing, and whatever went another way was told to somebody.
func TestAMonth(t *testing.T) {
	m := &month{days: 4, orders: 5, hours: 4}
	if soak() {
		m = &month{days: 30, orders: 67, hours: 24}
	}
	m.World = bridgetest.NewWorld(t, monthFeeds, orotest.Seed(orotest.Sample))
	m.chance, m.erp, m.stock = chance(t), map[string]int{}, map[string]string{}
	m.Stock("SKU1", "SKU2", "SKU3")
	for m.day = 1; m.day <= m.days; m.day++ {
		m.play()
	}
	m.end()
}

const monthFeeds = `
feeds:
  - { name: products, entity: products, remote: disk, folder: products, match: '*.csv', mode: full, on_unchanged: verify, ready: { stable: 0s },
      format: { kind: csv } }
  - { name: prices, entity: prices, remote: disk, folder: prices, match: '*.csv', on_unchanged: verify, ready: { stable: 0s }, format: { kind: csv } }
  - { name: inventory, entity: inventory, remote: disk, folder: inventory, match: '*.csv', on_unchanged: verify, ready: { stable: 0s },
      format: { kind: csv } }
exports:
  - { name: orders, entity: orders, remote: disk, folder: orders, since: '2026-11-21', format: { kind: csv },
      file: 'ORD_{submitted}_{number}_{identifier}.csv' }
`

// month is the world with what its people know.
type month struct {
	*bridgetest.World
	days, hours, orders int // orders of a day
	day, submitted      int
	chance              *rand.Rand
	erp                 map[string]int    // how often the ERP has got an order
	stock               map[string]string // what the ERP said last
	price               string
	dump                *orotest.Backup
	backup              []byte
	lost                map[string]bool // orders that the restored shop has forgotten
	told                int             // unknown orders that somebody was told of
}

// play is one day.
func (m *month) play() {
	products := "sku,name,unit\n"
	for i := 1; i <= 3; i++ {
		products += fmt.Sprintf("SKU%d,Product of day %d,item\n", i, m.day)
	}
	m.price = fmt.Sprintf("%d.5", m.day)
	m.Drop("products", fmt.Sprintf("p%03d.csv", m.day), products)
	m.Drop("prices", fmt.Sprintf("x%03d.csv", m.day), m.prices(m.price))
	for hour := range m.hours {
		m.hour(hour)
		switch {
		case m.day%2 == 0 && hour == 1:
			m.outage()
		case m.day == 2 && hour == 2:
			m.wrongPrices()
		case m.day == m.days-1 && hour == 2:
			m.loseTheDisk()
		case m.day == m.days && hour == 1:
			m.restoreTheShop(products)
		}
	}
	m.dump = m.Shop.Backup()
}

func (m *month) prices(value string) string {
	return bridgetest.PriceHead + bridgetest.Price("SKU1", value) + bridgetest.Price("SKU2", value) + bridgetest.Price("SKU3", value)
}

// hour has stock, orders, a round, an ERP that fetches some of its orders, and a backup.
func (m *month) hour(hour int) {
	m.T.Helper()
	m.stockFile(hour)
	for range max(1, m.orders/m.hours) {
		m.submitted++
		m.Submit(fmt.Sprintf("O-%05d", m.submitted))
	}
	m.Round()
	m.fetch(0.7)
	m.backup = bridgetest.Backup(m.World)
	m.Tick(24 * time.Hour / time.Duration(m.hours))
}

func (m *month) stockFile(hour int) {
	text := "sku,unit,quantity\n"
	for i := 1; i <= 3; i++ {
		sku := fmt.Sprintf("SKU%d", i)
		m.stock[sku] = fmt.Sprint(m.chance.IntN(500))
		text += sku + ",item," + m.stock[sku] + "\n"
	}
	m.Drop("inventory", fmt.Sprintf("i%03d-%02d-%d.csv", m.day, hour, m.chance.IntN(1_000_000)), text)
}

// fetch has the ERP take some of the files that stand there.
func (m *month) fetch(share float64) {
	for _, name := range m.There() {
		if m.chance.Float64() < share {
			m.got(name)
			m.Take(name)
		}
	}
}

// got counts the order of a file.
func (m *month) got(name string) {
	m.erp[strings.TrimSuffix(name[strings.Index(name, "O-"):], ".csv")]++
}

// outage cuts the ERP's folder off for an hour in which orders and files come.
func (m *month) outage() {
	r := m.Spoil()
	down := &bridge.Error{Op: "connect", Object: "disk", Fate: bridge.Pause, Err: bridge.ErrUnreachable}
	r.OnPut = func(string) error { return down }
	m.submitted++
	m.Submit(fmt.Sprintf("O-%05d", m.submitted))
	if err := m.B.Round(m.T.Context()); !errors.Is(err, bridge.ErrUnreachable) {
		m.T.Errorf("nobody was told of the outage: %v", err)
	}
	r.OnPut = nil
	m.Round()
}

// wrongPrices is a file with prices that are wrong, which somebody takes back.
func (m *month) wrongPrices() {
	m.Drop("prices", fmt.Sprintf("x%03d-wrong.csv", m.day), m.prices("0.01"))
	m.Round()
	if got := m.PriceOf("SKU1"); got != "0.01" {
		m.T.Fatalf("the wrong price is %s", got)
	}
	d, _ := m.Last("prices")
	_, err := m.B.In.Undo(m.T.Context(), m.B.In.Feeds[1], d, inbound.UndoOptions{Agreed: true}, bridge.Decision{Who: "olga", Why: "wrong file"})
	m.Must(err)
	m.Round()
	if got := m.PriceOf("SKU1"); got != m.price {
		m.T.Errorf("after the undo the price is %s, not %s", got, m.price)
	}
}

// loseTheDisk loses it after orders were written and fetched since the last backup. A person looks the unknown ones up in the ERP.
func (m *month) loseTheDisk() {
	backup := m.backup
	for range 4 {
		m.submitted++
		m.Submit(fmt.Sprintf("O-%05d", m.submitted))
	}
	m.stockFile(90)
	m.Round()
	since := fmt.Sprintf("O-%05d", m.submitted)
	for _, name := range m.There() { // at least this one, of which the backup knows nothing
		if strings.Contains(name, since) {
			m.got(name)
			m.Take(name)
		}
	}
	m.fetch(0.5)
	m.submitted++
	m.Submit(fmt.Sprintf("O-%05d", m.submitted)) // while nothing runs
	bridgetest.LoseDisk(m.World, backup)
	m.Round()
	unknown, err := m.Ledger.Outbox(m.T.Context(), bridge.OutboxFilter{States: []bridge.OwedState{bridge.Unknown}})
	m.Must(err)
	for _, o := range unknown {
		if o.Alarm != bridge.AlarmUnknown {
			m.T.Errorf("nobody was told of %s", o.Order)
		}
		m.told++
		if m.erp[o.Order] > 0 {
			_, err = m.B.Out.TakeAsWritten(m.T.Context(), o.Order, "")
		} else {
			_, err = m.B.Out.SendOrderAgain(m.T.Context(), o.Order, "", false)
		}
		m.Must(err)
	}
	m.Round()
}

// restoreTheShop puts last night's dump back. The ERP sends its newest files once more, as the alarm says.
func (m *month) restoreTheShop(products string) {
	m.lost = map[string]bool{}
	held := m.identifiers()
	m.Shop.Restore(m.dump)
	for _, o := range held {
		m.lost[o] = true
	}
	for _, o := range m.identifiers() {
		delete(m.lost, o)
	}
	m.Tick(time.Hour)
	m.Drop("products", fmt.Sprintf("p%03d-again.csv", m.day), products)
	m.Round()
	m.Drop("prices", fmt.Sprintf("x%03d-again.csv", m.day), m.prices(m.price))
	m.stockFile(91)
	m.Round()
}

// identifiers are the orders that the shop holds.
func (m *month) identifiers() (all []string) {
	for _, line := range m.Shop.Snapshot()["orders"] {
		if i := strings.Index(line, "O-0"); i >= 0 {
			all = append(all, line[i:i+len("O-00000")])
		}
	}
	return all
}

// end compares the three.
func (m *month) end() {
	m.Tick(time.Hour)
	m.Round()
	m.fetch(1)
	m.Round()
	there := map[string]bool{}
	for _, order := range m.identifiers() {
		there[order] = true
	}
	for i := 1; i <= m.submitted; i++ {
		if order := fmt.Sprintf("O-%05d", i); there[order] == m.lost[order] {
			m.T.Errorf("the shop has %s: %t, it was lost with the restore: %t", order, there[order], m.lost[order])
		}
		if order := fmt.Sprintf("O-%05d", i); m.erp[order] != 1 {
			m.T.Errorf("the ERP has %s %d times", order, m.erp[order])
		}
	}
	owed, err := m.Ledger.Outbox(m.T.Context(), bridge.OutboxFilter{})
	m.Must(err)
	if len(owed) != m.submitted {
		m.T.Errorf("%d orders were submitted, the ledger knows %d", m.submitted, len(owed))
	}
	for _, o := range owed {
		if o.State != bridge.PickedUp {
			m.T.Errorf("%s is %s", o.Order, o.State)
		}
	}
	if m.told == 0 {
		m.T.Error("a disk was lost, and nothing was unknown: the game is too easy")
	}
	for sku, quantity := range m.stock {
		if link := m.Link("inventory", sku+"|item"); link == nil || link.Content[0].Text != quantity {
			m.T.Errorf("the ledger says of %s: %+v, the ERP %s", sku, link, quantity)
		}
	}
	names := strings.Join(m.Shop.Snapshot()["productnames"], "\n")
	if n := strings.Count(names, fmt.Sprintf("Product of day %d", m.days)); n != 3 {
		m.T.Errorf("%d products of the shop are of the last day", n)
	}
	for _, f := range m.B.In.Feeds {
		v, err := m.B.In.Reconcile(m.T.Context(), f, inbound.ReconcileOptions{}, bridge.Decision{Who: "olga"})
		m.Must(err)
		if v.Missing+v.Different > 0 || v.Compared == 0 {
			m.T.Errorf("%s: shop and ledger differ: %+v", f.Name, v)
		}
	}
	for _, feed := range m.B.In.Feeds {
		left, err := os.ReadDir(filepath.Join(m.Folder, feed.Folder, ".work"))
		if err == nil && len(left) > 0 {
			m.T.Errorf("%s has %d leftovers in its work folder", feed.Name, len(left))
		}
	}
}
