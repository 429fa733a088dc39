package daemon_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/bridgetest"
	"github.com/orobridge/orobridge/bridge/oro/orotest"
)

// What goes before a file in a feed's line is the same for a file that is for several shops: it came to all of them or to none.

// numbered is a feed of two shops whose files have numbers.
const numbered = `feeds:
  - { name: products, shop: [b2b, outlet], entity: products, remote: disk, match: '/products_(?P<seq>\d+)\.csv/', ready: { stable: 0s },
      gap: hold, on_failure: block, max_size: 100B, format: { kind: csv } }
`

// product is a file of one product.
func product(name string) string { return "sku,name,unit\nSKU9," + name + ",item\n" }

// TestANumberThatIsMissingHoldsEachShopsPart until its file comes; then both load in their order.
func TestANumberThatIsMissingHoldsEachShopsPart(t *testing.T) {
	w := bridgetest.NewShops(t, []string{"b2b", "outlet"}, numbered)
	w.Drop("products_1.csv", product("First"))
	round(w)
	w.Drop("products_3.csv", product("Third"))
	round(w)
	const why = "held number 2 is missing before it (gap: hold)"
	want := []string{"products loaded", "products loading b2b: " + why[:4] + ":" + why[4:] + "; outlet: " + why[:4] + ":" + why[4:], "products@b2b " + why,
		"products@b2b loaded", "products@outlet " + why, "products@outlet loaded"}
	if diff := cmp.Diff(want, w.Drops()); diff != "" {
		t.Error(diff)
	}
	w.Drop("products_2.csv", product("Second"))
	round(w)
	round(w)
	for _, told := range w.Drops() {
		if !strings.HasSuffix(told, " loaded") {
			t.Error(told)
		}
	}
	for _, shop := range w.Names {
		links, err := w.Ledger.Of(shop).Links(t.Context(), "products", []string{"SKU9"})
		w.Must(err)
		if k := links["SKU9"]; k == nil || !strings.Contains(fmt.Sprint(k.Content), "Third") {
			t.Errorf("%s has %+v", shop, k)
		}
	}
}

// TestAFileThatNobodyGotBlocksEachShop: it was too large to be taken, so that no shop has a part of it, and what comes behind it waits in
// each line until somebody decides; its number is not missing.
func TestAFileThatNobodyGotBlocksEachShop(t *testing.T) {
	w := bridgetest.NewShops(t, []string{"b2b", "outlet"}, numbered)
	w.Drop("products_1.csv", product(strings.Repeat("x", 100)))
	w.Drop("products_2.csv", product("Second"))
	round(w)
	for _, told := range w.Drops() {
		if strings.HasPrefix(told, "products@") && !strings.Contains(told, "fetched waits behind drop 1") {
			t.Error(told)
		}
	}
	if _, err := w.Desk().Discard(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	round(w)
	if told := w.Drops(); !slices.Equal(told[1:], []string{"products loaded", "products@b2b loaded", "products@outlet loaded"}) {
		t.Error(told)
	}
}

// TestAPartThatWentWrongBlocksItsShopAlone: what comes behind it is loaded by the other.
func TestAPartThatWentWrongBlocksItsShopAlone(t *testing.T) {
	w := bridgetest.NewShops(t, []string{"b2b", "outlet"}, numbered)
	w.Boxes["outlet"].Inject(orotest.Fault{Method: "PATCH", Path: "/admin/api/products", Times: 100,
		Effect: orotest.Respond(400, "application/vnd.api+json", `{"errors":[{"status":"400","title":"no","detail":"not today"}]}`)})
	w.Drop("products_1.csv", product("First"))
	round(w)
	w.Drop("products_2.csv", product("Second"))
	round(w)
	told := strings.Join(w.Drops(), "\n")
	for _, want := range []string{"products@b2b loaded\nproducts@b2b loaded\n", "products@outlet fetched waits behind drop 3", "products partial b2b: loaded; outlet: rejected: "} {
		if !strings.Contains(told, want) {
			t.Errorf("not told: %s\n%s", want, told)
		}
	}
}

// idocs is a feed of two shops whose sender gets a STATUS of each IDoc.
const idocs = `feeds:
  - { name: prices, shop: [b2b, outlet], entity: prices, remote: disk, match: 'prices_*.xml', ready: { stable: 0s }, receipts: [idoc],
      values: { unit: { ST: item }, price_list: { '01': Retail } },
      format: { kind: idoc, receipt: { client: '100', sender: { port: OROBRIDGE, number: SHOP_OF_ALL }, receiver: { port: SAPERP, number: ERPCLNT100 } } } }
`

// price is an IDoc with one price.
func price(number int, sku, value, currency string) string {
	return fmt.Sprintf(`<IDOC BEGIN="1"><EDI_DC40 SEGMENT="1"><MANDT>100</MANDT><DOCNUM>%016d</DOCNUM><MESTYP>COND_A</MESTYP></EDI_DC40>
<E1KOMG SEGMENT="1"><PLTYP>01</PLTYP><MATNR>%s</MATNR><E1KONH SEGMENT="1"><DATAB>20260101</DATAB><DATBI>99991231</DATBI>
<E1KONP SEGMENT="1"><KBETR>%s</KBETR><KONWA>%s</KONWA><KMEIN>ST</KMEIN></E1KONP></E1KONH></E1KOMG></IDOC>
`, number, sku, value, currency)
}

// TestAnIDocForTwoShopsGetsOneStatus: it is posted once both have it, and otherwise the status names the shop that does not.
func TestAnIDocForTwoShopsGetsOneStatus(t *testing.T) {
	w := bridgetest.NewShops(t, []string{"b2b", "outlet"}, strings.ReplaceAll(idocs, "SHOP_OF_ALL", "ORO"))
	for shop, currencies := range map[string][]string{"b2b": {"EUR", "USD"}, "outlet": {"EUR"}} {
		for _, sku := range []string{"A-1", "A-2"} {
			_, err := w.Boxes[shop].AddProduct(sku, "Chair", orotest.Unit{Code: "item"})
			w.Must(err)
		}
		_, err := w.Boxes[shop].AddPriceList("Retail", currencies...)
		w.Must(err)
	}
	w.Drop("prices_1.xml", "<COND_A04>"+price(1, "A-1", "9.00", "EUR")+price(2, "A-2", "8.00", "USD")+"</COND_A04>")
	round(w)
	papers := names(w, "receipts")
	if len(papers) != 1 {
		t.Fatalf("%v", papers)
	}
	text, err := os.ReadFile(filepath.Join(w.Folder, "receipts", papers[0]))
	w.Must(err)
	var told []string
	for _, m := range regexp.MustCompile(`(?s)<E1STATS.*?<DOCNUM>0+(\d+)</DOCNUM>.*?<STATUS>(\d+)</STATUS>`).FindAllSubmatch(text, -1) {
		told = append(told, fmt.Sprintf("%s %s", m[1], m[2]))
	}
	if !slices.Equal(told, []string{"1 16", "2 17"}) || !strings.Contains(string(text), "outlet: ") || strings.Contains(string(text), "b2b: ") {
		t.Errorf("%v\n%s", told, text)
	}
}

// TestASenderWhoWritesOnIsHeardByBothShops: a file that grew after it was archived is found there, and the rest of it goes to each shop.
func TestASenderWhoWritesOnIsHeardByBothShops(t *testing.T) {
	w := bridgetest.NewShops(t, []string{"b2b", "outlet"}, strings.ReplaceAll(both, "stable: 0s", "stable: 1s"))
	w.Drop("products_1.csv", product("Half"))
	open, err := os.OpenFile(filepath.Join(w.Folder, "products_1.csv"), os.O_APPEND|os.O_WRONLY, 0)
	w.Must(err)
	defer open.Close()
	later := func(d time.Duration) { w.Must(w.Clock.Wait(t.Context(), d)) }
	for range 3 {
		round(w)
		later(2 * time.Second)
	}
	_, err = open.WriteString("SKU8,Nut,item\n")
	w.Must(err)
	later(3 * time.Minute)
	now := w.Clock.Now()
	archived := names(w, "archive")
	if len(archived) != 1 {
		t.Fatalf("%v", archived)
	}
	w.Must(os.Chtimes(filepath.Join(w.Folder, "archive", archived[0]), now, now))
	for range 6 {
		round(w)
		later(time.Minute)
	}
	for _, shop := range w.Names {
		links, err := w.Ledger.Of(shop).Links(t.Context(), "products", []string{"SKU8", "SKU9"})
		w.Must(err)
		if len(links) != 2 {
			t.Errorf("%s has %d of two products", shop, len(links))
		}
	}
	drops, err := w.Ledger.Drops(t.Context(), bridge.DropFilter{Feed: "products"})
	w.Must(err)
	if len(drops) != 2 || drops[1].State != bridge.Loaded {
		t.Errorf("%d drops, the last is %s", len(drops), drops[len(drops)-1].State)
	}
}
