package inbound_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/bridgetest"
	"github.com/orobridge/orobridge/bridge/oro/orotest"
	"github.com/orobridge/orobridge/formats"
)

// A file of rejects of a full drop is known by its rows, whatever it is called and whichever columns are left of it: nothing that
// it lacks is withdrawn. A file that holds anything else, or as much as a full one, is a full one.
func TestMendedRejectsAreKnownByTheirRows(t *testing.T) {
	head := bridgetest.PriceHead
	rest := bridgetest.Price("SKU3", "3") + bridgetest.Price("SKU4", "4") + bridgetest.Price("SKU5", "5") + bridgetest.Price("SKU6", "6")
	for name, tt := range map[string]struct {
		file   string
		prices int // that the shop has then
		mended bool
	}{
		"mended":                            {head + bridgetest.Price("SKU1", "1") + bridgetest.Price("SKU2", "2"), 6, true},
		"one of them":                       {head + bridgetest.Price("SKU2", "2"), 5, true},
		"one as it was and one mended":      {head + bridgetest.Price("SKU1", "x") + bridgetest.Price("SKU2", "2"), 5, true},
		"with its columns in another order": {"value,currency,quantity,unit,sku,price_list\n1,EUR,1,item,SKU1,Retail\n", 5, true},
		"with a column more":                {"note," + head + "checked," + bridgetest.Price("SKU1", "1"), 5, true},
		"with a row that was loaded":        {head + bridgetest.Price("SKU1", "1") + bridgetest.Price("SKU3", "3"), 0, false},
		"with a row that nobody has seen":   {head + bridgetest.Price("SKU1", "1") + bridgetest.Price("SKU9", "3"), 0, false},
		"the next full file if it is short": {head + bridgetest.Price("SKU3", "3"), 0, false},
		"the next full file":                {head + bridgetest.Price("SKU1", "1") + bridgetest.Price("SKU2", "2") + rest, 6, false},
		"without a row":                     {head, 4, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := bridgetest.NewWorld(t, bridgetest.FeedWith("prices",
				", mode: full, on_missing: delete, guards: { max_removals: 0, max_rejects: 100% }"))
			w.Stock("SKU1", "SKU2", "SKU3", "SKU4", "SKU5", "SKU6", "SKU9")
			w.Drop("prices", "a.csv", head+bridgetest.Price("SKU1", "x")+bridgetest.Price("SKU2", "y")+rest)
			w.Round()
			if n := w.Shop.Count("productprices"); n != 4 {
				t.Fatalf("%d prices\n%s", n, w.Log)
			}
			w.Drop("prices", "mended in a hurry.csv", tt.file)
			w.Round()
			d, run := w.Last("prices")
			if d.Correction != tt.mended || run != nil && run.Withdrawn != 0 {
				t.Errorf("taken for rejects: %v; %d withdrawn", d.Correction, run.Withdrawn)
			}
			if n := w.Shop.Count("productprices"); d.State != bridge.Held && n != tt.prices {
				t.Errorf("it is %s (%s); the shop has %d prices, and not %d", d.State, d.Reason, n, tt.prices)
			}
			if held := d.State == bridge.Held; held != (tt.prices == 0) {
				t.Errorf("it is %s (%s)", d.State, d.Reason)
			}
		})
	}
}

// A reject file of IDocs has no columns that could tell it, and a unit that was mended is part of the key.
func TestMendedRejectsOfIDocsAreKnownByTheirRows(t *testing.T) {
	w := bridgetest.NewWorld(t, `
feeds:
  - { name: prices, entity: prices, remote: disk, folder: prices, match: '*.xml', ready: { stable: 0s }, mode: full, on_missing: delete,
      guards: { max_rejects: 100% }, values: { unit: { ST: item }, price_list: { '01': Retail } }, format: { kind: idoc } }
`)
	w.B.In.Feeds[0].Format.(formats.Clocked).SetClock(w.Clock.Now)
	for _, sku := range []string{"A-1", "A-2", "A-3"} {
		_, err := w.Shop.AddProduct(sku, "Chair", orotest.Unit{Code: "item"})
		w.Must(err)
	}
	_, err := w.Shop.AddPriceList("Retail", "EUR")
	w.Must(err)
	of := func(number int, sku, unit string) string {
		text := condition(number, "20260101", "9.00")
		return strings.NewReplacer("<MATNR>A-1", "<MATNR>"+sku, "<KMEIN>ST", "<KMEIN>"+unit).Replace(text)
	}
	w.Drop("prices", "c.xml", "<COND_A04>"+of(1, "A-1", "ST")+of(2, "A-2", "XX")+of(3, "A-3", "ST")+"</COND_A04>")
	w.Round()
	body := fileText(t, filepath.Join(w.Folder, "prices/rejected/c_r1_rejects.xml"))
	w.Must(os.WriteFile(filepath.Join(w.Folder, "prices", "again.xml"), []byte(strings.Replace(body, "XX", "ST", 1)), 0o600))
	w.Round()
	d, run := w.Last("prices")
	if n := w.Shop.Count("productprices"); n != 3 || !d.Correction || d.State != bridge.Loaded || run.Created != 1 {
		t.Errorf("the shop has %d prices; the file is %s (%s), taken for rejects: %v", n, d.State, d.Reason, d.Correction)
	}
}
