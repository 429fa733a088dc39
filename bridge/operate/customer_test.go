package operate_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/bridgetest"
	"github.com/orobridge/orobridge/bridge/operate"
	"github.com/orobridge/orobridge/bridge/oro/orotest"
	"github.com/orobridge/orobridge/state/postgres/postgrestest"
)

const persons = `
feeds:
  - { name: customers, entity: customers, remote: disk, folder: customers, match: '*.csv', ready: { stable: 0s }, format: { kind: csv } }
  - { name: products, entity: products, remote: disk, folder: products, match: '*.csv', ready: { stable: 0s }, format: { kind: csv } }
exports:
  - { name: orders, remote: disk, folder: orders, format: { kind: csv }, since: all }
`

// stands says where in the ledger's files a text stands; of a database what a dump of it holds.
func stands(w *bridgetest.World, text string) []string {
	w.T.Helper()
	if w.Postgres != "" {
		if bytes.Contains(postgrestest.Dump(w.T, w.Postgres), []byte(text)) {
			return []string{"the database"}
		}
		return nil
	}
	var where []string
	for _, name := range []string{"ledger.db", "ledger.db-wal"} {
		body, err := os.ReadFile(filepath.Join(w.State, name))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			w.T.Fatal(err)
		}
		if bytes.Contains(body, []byte(text)) {
			where = append(where, name)
		}
	}
	return where
}

// A customer is shown with all that is held of it, and forgotten so that no byte of the ledger's files tells of it any more;
// what stays refers to it by a word that cannot be traced back, and still fits together.
func TestACustomerIsShownAndForgotten(t *testing.T) {
	w := bridgetest.NewWorld(t, persons, orotest.Seed(orotest.Sample))
	const number = "4711"
	id, err := w.Shop.AddCustomer("Before", number)
	w.Must(err)
	_, err = w.Shop.SubmitOrder(orotest.Order{Identifier: "A-1", Customer: id, Lines: []orotest.Line{{SKU: "0RT28", Quantity: "2", Price: "9.95"}}})
	w.Must(err)
	w.Round()
	w.Drop("products", "p.csv", "sku,name,unit\n"+number+",Product of that number,barrel\n")
	w.Drop("customers", "a.csv", "customer_number,name,street,city\n"+number+",Gisela Geheim,Heimlichgasse 7,\nC-8,Other Gmbh,,\n")
	w.Round()
	w.Drop("customers", "b.csv", "customer_number,name,rating\n"+number+",Gisela Geheim-Neu,\n")
	w.Drop("customers", "c.csv", "customer_number,name,phone,group\n"+number+",Gisela Geheim-Drei,Heimlichgasse,No such group\n")
	w.Round()
	k := desk(w, false)
	known, err := k.Customer(t.Context(), number)
	w.Must(err)
	if known.Content["name"] != "Gisela Geheim-Neu" || len(known.History) < 2 || len(known.Rejects) != 1 || len(known.Warnings) != 1 ||
		len(known.Orders) != 1 || known.Orders[0].Order != "A-1" || !slices.Equal(known.Feeds, []string{"customers"}) {
		t.Fatalf("it is known as %+v: %+v", known, known.Trace)
	}
	text, err := json.Marshal(known)
	w.Must(err)
	var fields map[string]any
	w.Must(json.Unmarshal(text, &fields))
	names := "person entity key oro_id content removed drop run line at parked history rejects warnings orders users feeds"
	if diff := cmp.Diff(slices.Sorted(strings.SplitSeq(names, " ")), slices.Sorted(maps.Keys(fields))); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if len(stands(w, "Gisela Geheim-Neu")) == 0 || len(stands(w, "Heimlichgasse")) == 0 {
		t.Fatal("the test looks in the wrong place")
	}

	gone, err := k.ForgetCustomer(t.Context(), number)
	w.Must(err)
	if gone.Links != 1 || gone.History < 2 || gone.Rejects != 1 || gone.Warnings != 1 || !slices.Equal(gone.Orders, []string{"A-1"}) {
		t.Errorf("%+v", gone)
	}
	for _, secret := range []string{"Gisela", "Heimlichgasse"} {
		if where := stands(w, secret); len(where) > 0 {
			t.Errorf("%s still stands in %v", secret, where)
		}
	}
	var told []string
	w.Must(w.Ledger.Events(t.Context(), bridge.EventFilter{}, func(e *bridge.Event) error {
		if e.Kind == bridge.DecisionTaken {
			told = append(told, e.Who+" "+e.Text)
		}
		return nil
	}))
	if diff := cmp.Diff([]string{"olga@desk " + gone.Person + " was forgotten"}, told); diff != "" || strings.Contains(gone.Person, number) {
		t.Errorf("-want +got:\n%s", diff)
	}

	// The order is still its own, the product of the same number is none of this, and others stay as they were.
	after, err := k.Customer(t.Context(), number)
	w.Must(err)
	if len(after.Orders) != 1 || len(after.History)+len(after.Rejects)+len(after.Warnings) != 0 || after.OroID != "" {
		t.Errorf("after: %+v %+v", after, after.Trace)
	}
	rejects, err := k.Rejects(t.Context(), bridge.RejectFilter{Feed: "products"})
	w.Must(err)
	if other, err := k.Trace(t.Context(), "customers", "C-8"); err != nil || other.Content["name"] != "Other Gmbh" || len(rejects) != 1 {
		t.Errorf("%+v, %v, %d rejects", other, err, len(rejects))
	}
	w.Must(w.Ledger.Check(t.Context()))
	if _, err := k.ForgetCustomer(t.Context(), "C-9"); !errors.Is(err, bridge.ErrUnknown) || bridge.HintOf(err) == "" {
		t.Errorf("one that nobody knows: %v", err)
	}

	// A file that names it brings it back, as what it is in the shop.
	w.Drop("customers", "d.csv", "customer_number,name\n"+number+",Gisela Geheim-Neu\n")
	w.Round()
	if back, err := k.Customer(t.Context(), number); err != nil || back.OroID != known.OroID {
		t.Errorf("%+v, %v", back, err)
	}
}

// A customer is not forgotten while a drop that may name it is being loaded.
func TestACustomerOfADropThatIsLoadedIsNotForgotten(t *testing.T) {
	w := bridgetest.NewWorld(t, persons)
	w.Drop("customers", "a.csv", "customer_number,name\nC-1,Head\n")
	w.Round()
	d, _ := w.Last("customers")
	d.State = bridge.Loading
	w.Must(w.Ledger.Advance(t.Context(), []bridge.Move{{Drop: d, From: bridge.Loaded}}))
	if _, err := desk(w, true).ForgetCustomer(t.Context(), "C-1"); err == nil || bridge.HintOf(err) == "" {
		t.Errorf("%v", err)
	}
	if _, err := (&operate.View{Feeds: w.B.In.Feeds, Ledger: w.Ledger}).Customer(t.Context(), "C-1"); err != nil {
		t.Error(err)
	}
}

// A customer whom one file has brought to several shops is shown once for each, and forgotten in all of them.
func TestACustomerOfSeveralShopsIsForgottenInAll(t *testing.T) {
	w := bridgetest.NewShops(t, []string{"b2b", "outlet"}, `feeds:
  - { name: customers, shop: [b2b, outlet], entity: customers, remote: disk, match: 'customers_*.csv', ready: { stable: 0s }, format: { kind: csv } }
`)
	w.Drop("customers_1.csv", "customer_number,name\n4711,Gisela Geheim\n4712,\nC-8,Other Gmbh\n")
	w.Must(w.B.Round(t.Context()))
	k := w.Desk()
	known, err := k.Customer(t.Context(), "4711")
	w.Must(err)
	if len(known.Others) != 1 || known.Shop != "b2b" || known.Others[0].Shop != "outlet" || known.Others[0].Content["name"] != "Gisela Geheim" {
		t.Errorf("it is known as %+v: %+v", known, known.Trace)
	}
	if want := []string{"customers", "customers@b2b", "customers@outlet"}; !slices.Equal(known.Feeds, want) {
		t.Errorf("its feeds are %v", known.Feeds)
	}
	refused, err := k.Customer(t.Context(), "4712")
	w.Must(err)
	if len(refused.Rejects) != 2 {
		t.Errorf("%d rejects of a customer whom both shops have refused", len(refused.Rejects))
	}
	for _, number := range []string{"4711", "4712"} {
		gone, err := k.ForgetCustomer(t.Context(), number)
		w.Must(err)
		t.Logf("%+v", gone.Forgotten)
		if _, err := k.Customer(t.Context(), number); !errors.Is(err, bridge.ErrUnknown) {
			t.Errorf("%s is known still: %v", number, err)
		}
	}
	for _, shop := range w.Names {
		links, err := w.Ledger.Of(shop).Links(t.Context(), "customers", []string{"4711", "C-8"})
		w.Must(err)
		if links["4711"] != nil || links["C-8"] == nil {
			t.Errorf("%s knows %v", shop, links)
		}
	}
}
