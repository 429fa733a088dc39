package oro

import (
	"net/http"
	"strings"
	"testing"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/oro/orotest"
	"github.com/orobridge/orobridge/formats"
)

func TestCustomers(t *testing.T) {
	shop, c := newShop(t)
	before := shop.Count("customers")
	load(t, c, record(formats.Customers, "100", "name", "Müller & Söhne \"GmbH\"", "group", "Partners", "payment_term", "net 30",
		"tax_code", "NON_EXEMPT", "rating", "2 of 5"),
		record(formats.Customers, "101", "name", "Plain"))
	if n := shop.Count("customers") - before; n != 2 {
		t.Fatalf("%d customers were created", n)
	}

	// Fields change one by one, and empty ones are cleared.
	load(t, c, record(formats.Customers, "100", "name", "Müller", "group", "", "parent_number", "101", "payment_term", "net 60"))
	load(t, c, record(formats.Customers, "100", "parent_number", "", "rating", "1_of_5"))

	// The one address comes, changes and goes.
	load(t, c, record(formats.Customers, "100", "name", "Müller", "address_label", "HQ", "street", "Main 1", "city", "Rochester",
		"postal_code", "14608", "region", "US-NY", "country", "US", "phone", "1"))
	load(t, c, record(formats.Customers, "100", "street", "Main 2", "phone", ""))
	count := shop.Count("customeraddresses")
	load(t, c, record(formats.Customers, "100", "street", "", "city", "", "postal_code", "", "country", "", "region", "", "phone", "", "address_label", ""))
	if n := shop.Count("customeraddresses"); n != count-1 {
		t.Errorf("%d addresses, want %d", n, count-1)
	}
	load(t, c, record(formats.Customers, "102", "name", "With address", "street", "Main 1", "city", "Rochester",
		"postal_code", "14608", "region", "US-NY", "country", "US"))
	if n := shop.Count("customers") - before; n != 3 {
		t.Fatalf("%d customers were created", n)
	}

	// A customer that came with its address alone takes the shop's name for it.
	load(t, c, record(formats.Customers, "101", "street", "Main 1", "city", "Rochester", "postal_code", "14608", "region", "US-NY", "country", "US"))

	for name, tt := range map[string]struct {
		rec  *formats.Record
		want string
	}{
		"unknown group":   {record(formats.Customers, "1", "name", "A", "group", "Nobody"), `reject reference group: the shop has no customer group "Nobody"`},
		"comma":           {record(formats.Customers, "1,2", "name", "A"), "reject key customer_number"},
		"missing parent":  {record(formats.Customers, "1", "name", "A", "parent_number", "99"), "missing customers 99"},
		"new, known name": {record(formats.Customers, "103", "name", "Plain"), "nothing"},
	} {
		got := "nothing"
		if l := find(t, c, tt.rec); l != (bridge.Lookup{}) {
			got = show(bridge.Outcome{Reject: l.Reject, Missing: l.Missing})
		}
		if !strings.HasPrefix(got, tt.want) {
			t.Errorf("%s: %s, want %s", name, got, tt.want)
		}
	}

	rec := record(formats.Customers, "100")
	outcomes := send(t, c, &bridge.Batch{Entity: "customers", Changes: []*bridge.Change{{Op: bridge.Remove, Key: "100", Record: rec}}})
	if outcomes[0].Reject == nil {
		t.Errorf("a customer was removed: %s", show(outcomes[0]))
	}
}

func TestProducts(t *testing.T) {
	shop, c := newShop(t)
	before := shop.Count("products")
	load(t, c, record(formats.Products, "T-1", "name", "Lamp", "name[fr_FR]", "Lampe", "short_description", "short", "description", "<p>long</p>",
		"unit", "item", "precision", "1", "more_units", "kg:3:0.5 set:0:12", "status", "disabled", "inventory_status", "out_of_stock",
		"category", "Lighting Products", "tax_code", "TAXABLE_ITEMS", "family", "default_family"),
		record(formats.Products, "T-2", "name", "Lamp 2", "unit", "item"))
	if n := shop.Count("products") - before; n != 2 {
		t.Fatalf("%d products were created", n)
	}
	names := shop.Count("productnames")
	brand, err := c.shown(t.Context(), brands, "1")
	if err != nil || brand == "" || brand == "1" {
		t.Fatalf("brand %q, %v", brand, err)
	}
	for _, change := range [][]string{
		{"name", "Lamp, new"},
		{"name[fr_FR]", "Lampe, nouvelle", "name[en_CA]", "Lamp, eh"},
		{"name[fr_FR]", ""}, // falls back again
		{"description", "<p>other</p>", "description[en_CA]", "eh", "short_description", ""},
		{"status", "enabled", "inventory_status", "In Stock"},
		{"category", "All Products > Lighting Products > Architectural Floodlighting"},
		{"category", "", "tax_code", ""},
		{"precision", "2"},
		{"more_units", "set:0:24"},
		{"more_units", "each:0:2 set:0:24"},
		{"more_units", ""},
		{"unit", "set"},
		{"brand", brand},
		{"brand", ""},
		{"attr.featured", "1", "attr.category_sort_order", "5"},
		{"attr.featured", "0", "attr.category_sort_order", ""},
	} {
		load(t, c, record(formats.Products, "T-1", change...))
	}
	if n := shop.Count("productnames"); n != names {
		t.Errorf("%d names, want %d: a rename lost or added some", n, names)
	}
	if got := find(t, c, record(formats.Products, "T-1", "more_units", "each:0:2 item:2:1 kg:3:0.5")); got.Found.Values[0].Text != "each:0:2 item:2:1 kg:3:0.5" {
		t.Errorf("units are %v", got.Found.Values)
	}

	rec := record(formats.Products, "T-1")
	send(t, c, &bridge.Batch{Entity: "products", Changes: []*bridge.Change{{Op: bridge.Remove, Key: "T-1", Record: rec}}})
	if got := find(t, c, record(formats.Products, "T-1", "status", "")); got.Found.Values[0].Text != "disabled" {
		t.Errorf("a removed product is %v", got.Found.Values)
	}

	for name, tt := range map[string]struct {
		rec  *formats.Record
		want string
	}{
		"other case":       {record(formats.Products, "t-1", "name", "A"), `reject key sku: the shop has the product as "T-1"`},
		"unknown unit":     {record(formats.Products, "N", "unit", "KAR"), `reject reference unit: the shop has no unit "KAR"`},
		"unknown language": {record(formats.Products, "N", "name[xx_YY]", "A"), `reject reference name[xx_YY]`},
		"unknown category": {record(formats.Products, "N", "category", "No > Such"), `reject reference category`},
	} {
		l := find(t, c, tt.rec)
		if got := show(bridge.Outcome{Reject: l.Reject, Missing: l.Missing}); !strings.HasPrefix(got, tt.want) {
			t.Errorf("%s: %s, want %s", name, got, tt.want)
		}
	}
	rec = record(formats.Products, "N-1", "unit", "item")
	outcomes := send(t, c, &bridge.Batch{Entity: "products", Changes: []*bridge.Change{{Op: bridge.Create, Key: "N-1", Values: rec.Values, Record: rec}}})
	if outcomes[0].Reject == nil || outcomes[0].Reject.Field != "name" {
		t.Errorf("a product without a name: %s", show(outcomes[0]))
	}
}

// Where the shop takes skus for ids, new prices are looked for by them: their products are not asked for again. A shop that does not take
// several of them at once is asked as others are.
func TestNewPricesAreFoundBySKU(t *testing.T) {
	several := func(r *http.Request, _ []byte) bool {
		return r.Header.Get(integrationType) != "" && strings.Contains(r.URL.Query().Get("filter[product]"), ",")
	}
	for name, c := range map[string]struct {
		effect orotest.Effect // of a request for the prices of several skus
		asked  int            // so often for products once prices are sent
	}{
		"at once":         {nil, 0},
		"each is one":     {orotest.Respond(http.StatusOK, "application/vnd.api+json", `{"data":[]}`), 1},
		"none is allowed": {orotest.Respond(http.StatusBadRequest, "application/vnd.api+json", `{"errors":[{"status":"400"}]}`), 1},
	} {
		t.Run(name, func(t *testing.T) {
			shop, client := newShop(t)
			load(t, client, record(formats.Products, "T-1", "name", "A", "unit", "item"), record(formats.Products, "T-2", "name", "B", "unit", "item"))
			if c.effect != nil {
				shop.Inject(orotest.Fault{Path: "/admin/api/productprices", Match: several, Times: 100, Effect: c.effect})
			}
			var prices []*formats.Record
			for _, sku := range []string{"T-1", "T-2", "0RT28"} {
				prices = append(prices, record(formats.Prices, formats.JoinKey("Default Price List", sku, "item", "7", "USD"), "value", "1"))
			}
			b := plan(t, client, prices...)
			for _, sku := range []string{"T-1", "T-2", "0RT28"} {
				client.skus.drop(sku) // there were too many to remember them
			}
			began := len(shop.Journal())
			for i, o := range send(t, client, b) {
				if o.OroID == "" {
					t.Errorf("%s: %s", prices[i].Key, show(o))
				}
			}
			asked := 0
			for _, r := range shop.Journal()[began:] {
				if r.Method == http.MethodGet && strings.Contains(r.Path, "/products?") && strings.Contains(r.Path, "filter") {
					asked++
				}
			}
			if asked != c.asked {
				t.Errorf("products were asked for %d times, want %d", asked, c.asked)
			}
			if left := plan(t, client, prices...); len(left.Changes) > 0 {
				t.Errorf("a price is not found: %+v", left.Changes[0])
			}
		})
	}
}

func TestPriceListsAndPrices(t *testing.T) {
	shop, c := newShop(t)
	load(t, c, record(formats.PriceLists, "ERP", "currencies", "USD EUR", "active", "1"))
	load(t, c, record(formats.PriceLists, "ERP", "currencies", "EUR USD CHF", "active", "0"))
	load(t, c, record(formats.Products, "T-1", "name", "Lamp", "unit", "item", "precision", "1"))

	key := func(parts ...string) string { return formats.JoinKey(parts...) }
	one, two := key("ERP", "T-1", "item", "1", "EUR"), key("ERP", "T-1", "item", "2.5", "EUR")
	before := shop.Count("productprices")
	load(t, c, record(formats.Prices, one, "value", "13.25"), record(formats.Prices, two, "value", "12"), record(formats.Prices, key("ERP", "0RT28", "item", "1", "USD"), "value", "1.1234"))
	load(t, c, record(formats.Prices, one, "value", "13.5"), record(formats.Prices, two, "value", "0"))
	if n := shop.Count("productprices") - before; n != 3 {
		t.Fatalf("%d prices were created", n)
	}

	// One batch creates, updates and removes.
	three := key("ERP", "T-1", "item", "10", "EUR")
	b := plan(t, c, record(formats.Prices, one, "value", "14"), record(formats.Prices, three, "value", "9"))
	b.Changes = append(b.Changes, &bridge.Change{Op: bridge.Remove, Key: two, Record: record(formats.Prices, two)})
	for i, o := range send(t, c, b) {
		if o.OroID == "" {
			t.Errorf("change %d: %s", i, show(o))
		}
	}
	if got := find(t, c, record(formats.Prices, two, "value", "")); got != (bridge.Lookup{}) {
		t.Errorf("a removed price is there: %+v", got)
	}
	if n := shop.Count("productprices") - before; n != 3 {
		t.Fatalf("%d prices are there", n)
	}

	for name, tt := range map[string]struct{ key, want string }{
		"unknown product": {key("ERP", "NONE", "item", "1", "EUR"), "missing products NONE"},
		"other case":      {key("ERP", "t-1", "item", "1", "EUR"), `reject key sku: the shop has the product as "T-1"`},
		"unknown list":    {key("None", "T-1", "item", "1", "EUR"), "missing pricelists None"},
		"unknown unit":    {key("ERP", "T-1", "KAR", "1", "EUR"), "reject reference unit"},
	} {
		l := find(t, c, record(formats.Prices, tt.key, "value", "1"))
		if got := show(bridge.Outcome{Reject: l.Reject, Missing: l.Missing}); !strings.HasPrefix(got, tt.want) {
			t.Errorf("%s: %s, want %s", name, got, tt.want)
		}
	}

	// A removal of what can't be there is nothing to do, not a reject.
	for _, k := range []string{key("ERP", "NONE", "item", "1", "EUR"), key("None", "T-1", "item", "1", "EUR"), key("ERP", "T-1", "KAR", "1", "EUR")} {
		rec := record(formats.Prices, k)
		rec.Remove = true
		if l := find(t, c, rec); l != (bridge.Lookup{}) {
			t.Errorf("removal of %s: %+v", k, l)
		}
	}

	// What only the shop can tell comes back to its change.
	var changes []*bridge.Change
	for _, k := range []string{key("ERP", "T-1", "kg", "1", "EUR"), key("ERP", "T-1", "item", "20", "EUR"), key("ERP", "T-1", "item", "1", "XXX"), one} {
		rec := record(formats.Prices, k, "value", "3")
		changes = append(changes, &bridge.Change{Op: bridge.Create, Key: k, Values: rec.Values, Record: rec})
	}
	outcomes := send(t, c, &bridge.Batch{Entity: "prices", Changes: changes})
	for i, want := range []string{"reject shop unit: ", "id ", "reject shop currency: ", "unknown"} {
		if got := show(outcomes[i]); !strings.HasPrefix(got, want) {
			t.Errorf("change %d: %s, want %s", i, got, want)
		}
	}
	if words := outcomes[2].Reject.Message; strings.Count(words, "currency") < 2 {
		t.Errorf("two errors of a record are one reject: %s", words)
	}
}

func TestPricesOfShopsWithoutExternalIDs(t *testing.T) {
	_, c := newShop(t, orotest.ExtIDEntities())
	load(t, c, record(formats.Prices, formats.JoinKey("Default Price List", "0RT28", "item", "77", "USD"), "value", "1"))
	if c.extID.yes || !c.extID.known {
		t.Errorf("probe: %+v", &c.extID)
	}
	_, c = newShop(t)
	load(t, c, record(formats.Prices, formats.JoinKey("Default Price List", "0RT28", "item", "77", "USD"), "value", "1"))
	if !c.extID.yes {
		t.Error("the probe did not find ext_id mode")
	}
}

func TestInventory(t *testing.T) {
	_, c := newShop(t)
	load(t, c, record(formats.Products, "T-1", "name", "Lamp", "unit", "item", "more_units", "set:1:12"))
	load(t, c, record(formats.Inventory, "T-1|", "quantity", "5"), record(formats.Inventory, "T-1|set", "quantity", "7.5", "inventory_status", "out_of_stock"))
	load(t, c, record(formats.Inventory, "T-1|set", "quantity", "8", "inventory_status", "In Stock"))
	if got := find(t, c, record(formats.Inventory, "T-1|item", "quantity", "")); got.Found.Values[0].Text != "5" {
		t.Errorf("the empty unit is not the primary one: %v", got.Found.Values)
	}
	send(t, c, &bridge.Batch{Entity: "inventory", Changes: []*bridge.Change{{Op: bridge.Remove, Key: "T-1|", Record: record(formats.Inventory, "T-1|")}}})
	if got := find(t, c, record(formats.Inventory, "T-1|item", "quantity", "")); got.Found.Values[0].Text != "0" {
		t.Errorf("a removed quantity is %v", got.Found.Values)
	}
	for key, want := range map[string]string{
		"NONE|":   "missing products NONE",
		"t-1|":    `reject key sku`,
		"T-1|kg":  `reject reference unit: the product T-1 has no unit "kg" in the shop, only `,
		"A,B|set": "reject key sku",
	} {
		l := find(t, c, record(formats.Inventory, key, "quantity", "1"))
		if got := show(bridge.Outcome{Reject: l.Reject, Missing: l.Missing}); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %s, want %s", key, got, want)
		}
	}
}

func TestAQuantityFinerThanItsUnitIsRejected(t *testing.T) {
	_, c := newShop(t)
	load(t, c, record(formats.Products, "T-1", "name", "Lamp", "unit", "item", "more_units", "kg:3:0.5"))
	for key, want := range map[string]string{"T-1| 2": "", "T-1| 2.5": "reject amount quantity", "T-1|kg 0.125": "", "T-1|kg 0.1255": "reject amount quantity"} {
		key, quantity, _ := strings.Cut(key, " ")
		l := find(t, c, record(formats.Inventory, key, "quantity", quantity))
		if got := show(bridge.Outcome{Reject: l.Reject}); l.Reject == nil && want != "" || l.Reject != nil && (want == "" || !strings.HasPrefix(got, want)) {
			t.Errorf("looked up, %s %s: %s, want %q", key, quantity, got, want)
		}
		at := find(t, c, record(formats.Inventory, key, "quantity", "1"))
		ch := &bridge.Change{Op: bridge.Update, Key: key, OroID: at.Found.OroID, Record: record(formats.Inventory, key, "quantity", quantity)}
		ch.Values = ch.Record.Values
		_, refused, err := c.Submit(t.Context(), &bridge.Batch{Entity: "inventory", Changes: []*bridge.Change{ch}})
		if err != nil {
			t.Fatal(err)
		}
		if bad := refused[0].Reject; (bad != nil) != (want != "") {
			t.Errorf("sent by its id, %s %s: %v, want %q", key, quantity, bad, want)
		}
	}
}

func TestAll(t *testing.T) {
	shop, c := newShop(t)
	load(t, c, record(formats.Customers, "100", "name", "Müller", "group", "Partners"))
	for e, fields := range map[*formats.Entity][]string{
		formats.Customers: {"group", "name", "street"}, formats.CustomerUsers: {"customer_number", "enabled", "first_name", "role"}, formats.Products: {"category", "more_units", "name", "unit"},
		formats.Prices: {"value"}, formats.PriceLists: {"active", "currencies"}, formats.Inventory: {"inventory_status", "quantity"},
	} {
		n := 0
		err := c.All(t.Context(), e, fields, func(key string, found bridge.Found) error {
			if n++; n > 3 {
				return nil // the first few are looked up again
			}
			rec := record(e, key)
			rec.Values = found.Values
			l := find(t, c, rec)
			if l.Found == nil || l.Found.OroID != found.OroID {
				t.Errorf("%s %s: %+v", e.Name, key, l)
				return nil
			}
			for i, v := range l.Found.Values {
				if v != found.Values[i] {
					t.Errorf("%s %s: all has %v, find %v", e.Name, key, found.Values[i], v)
				}
			}
			return nil
		})
		if err != nil {
			t.Errorf("%s: %v", e.Name, err)
		}
		if want := shop.Count(map[string]string{"prices": "productprices", "inventory": "inventorylevels", "customer_users": "customerusers"}[e.Name]); n < want || n == 0 {
			t.Errorf("%s: %d records, the shop has %d", e.Name, n, want)
		}
	}
}

// TestKeysReachTheShopUnescaped: "|" and "\" are escaped in keys of several parts alone.
func TestKeysReachTheShopUnescaped(t *testing.T) {
	_, c := newShop(t)
	load(t, c, record(formats.Customers, formats.JoinKey("A|B"), "name", "One"), record(formats.Customers, formats.JoinKey(`C\D`), "name", "Two"))
	load(t, c, record(formats.Customers, formats.JoinKey(`C\D`), "parent_number", "A|B", "name", "Three"))
	load(t, c, record(formats.PriceLists, formats.JoinKey("L|1"), "currencies", "USD"))
	price := formats.JoinKey("L|1", "0RT28", "item", "1", "USD")
	load(t, c, record(formats.Prices, price, "value", "1"))
	load(t, c, record(formats.Prices, price, "value", "2"))

	held, err := c.keyed(t.Context(), "customers", "externalId", "externalId", []string{"A|B", `C\D`, `A\|B`})
	if err != nil || len(held["A|B"]) != 1 || len(held[`C\D`]) != 1 || len(held) != 2 {
		t.Errorf("%v, %v", held, err)
	}
	if ids, err := c.named(t.Context(), priceListNames, "L|1"); err != nil || len(ids) != 1 {
		t.Errorf("%v, %v", ids, err)
	}
	want := map[string]*formats.Entity{formats.JoinKey("A|B"): formats.Customers, formats.JoinKey("L|1"): formats.PriceLists, price: formats.Prices}
	for _, e := range []*formats.Entity{formats.Customers, formats.PriceLists, formats.Prices} {
		if err := c.All(t.Context(), e, nil, func(key string, _ bridge.Found) error { delete(want, key); return nil }); err != nil {
			t.Fatal(err)
		}
	}
	if len(want) > 0 {
		t.Errorf("not told by all: %v", want)
	}
	l := find(t, c, record(formats.Customers, "E", "name", "Four", "parent_number", "X|Y"))
	if l.Missing == nil || l.Missing.Key != formats.JoinKey("X|Y") {
		t.Errorf("a parent that is not there: %+v", l)
	}
}

// TestFindShowsDrift: a look-up in bulk tells what was changed by hand, so that rows the ledger takes for unchanged can be
// verified; every entity.
func TestFindShowsDrift(t *testing.T) {
	_, c := newShop(t)
	load(t, c, record(formats.Products, "T-1", "name", "Lamp", "unit", "item", "status", "enabled", "inventory_status", "in_stock"))
	load(t, c, record(formats.PriceLists, "ERP", "currencies", "USD", "active", "1"))
	price := formats.JoinKey("ERP", "T-1", "item", "1", "USD")
	for _, tt := range []struct {
		rec          *formats.Record
		kind         string // of what is changed by hand
		attribute    string
		json         string
		field, drift string
	}{
		{record(formats.Customers, "100", "name", "A", "group", "Partners"), "customers", "name", `"Z"`, "name", "Z"},
		{record(formats.CustomerUsers, "ina@example.com", "customer_number", "100", "enabled", "1", "first_name", "Ina", "last_name", "B"),
			"customerusers", "enabled", `false`, "enabled", "0"},
		{record(formats.Products, "T-1", "name", "Lamp", "status", "enabled"), "products", "status", `"disabled"`, "status", "disabled"},
		{record(formats.PriceLists, "ERP", "currencies", "USD", "active", "1"), "pricelists", "active", `false`, "active", "0"},
		{record(formats.Prices, price, "value", "2.5"), "productprices", "value", `"9.99"`, "value", "9.99"},
		{record(formats.Inventory, "T-1|", "quantity", "5"), "inventorylevels", "quantity", `"3"`, "quantity", "3"},
	} {
		e := tt.rec.Entity
		load(t, c, tt.rec)
		it := item{kind: tt.kind, id: find(t, c, tt.rec).Found.OroID}
		it.raw(tt.attribute, tt.json)
		if err := c.byHand(t, http.MethodPatch, tt.kind+"/"+it.id, single(&it)); err != nil {
			t.Fatalf("%s: %v", e.Name, err)
		}
		got := find(t, c, tt.rec).Found
		for i, v := range tt.rec.Values {
			want := v.Text
			if v.Field == tt.field {
				want = tt.drift
			}
			if got.Values[i].Text != want {
				t.Errorf("%s: %s is %q, want %q", e.Name, v.Field, got.Values[i].Text, want)
			}
		}
	}
}

// TestUnitsAreFoundByTheirCode: 7.0 tells a product's units in another order than they were sent; the primary one is flagged.
func TestUnitsAreFoundByTheirCode(t *testing.T) {
	for _, order := range []string{`{"type":"productunitprecisions","id":"1"},{"type":"productunitprecisions","id":"2"}`, `{"type":"productunitprecisions","id":"2"},{"type":"productunitprecisions","id":"1"}`} {
		doc := parsed(t, []byte(`{"data":{"type":"products","id":"9","relationships":{"unitPrecisions":{"data":[`+order+`]},
		 "primaryUnitPrecision":{"data":{"type":"productunitprecisions","id":"2"}}}},
		 "included":[{"type":"productunitprecisions","id":"1","attributes":{"precision":0,"conversionRate":12},"relationships":{"unit":{"data":{"type":"productunits","id":"set"}}}},
		 {"type":"productunitprecisions","id":"2","attributes":{"precision":3,"conversionRate":1},"relationships":{"unit":{"data":{"type":"productunits","id":"kg"}}}}]}`))
		h := newHeld(&doc.Data[0], index(doc.Included))
		primary, ok := h.primaryUnit()
		if !ok || primary.code != "kg" || primary.precision != "3" || h.moreUnits("set:0:12") != "set:0:12" {
			t.Errorf("%s: primary %v, more %q", order, primary, h.moreUnits("set:0:12"))
		}
	}
}

// TestEveryEntityIsDescribed: a new entity is a file and a line of the table.
func TestEveryEntityIsDescribed(t *testing.T) {
	_, c := newShop(t)
	for _, e := range formats.Entities {
		d := described(e.Name)
		if d.entity != e || len(d.reads) == 0 || e.Answers == (len(d.writes) > 0) || e.Answers == (c.entities[e.Name] != nil) {
			t.Errorf("%s: %+v", e.Name, d)
		}
	}
}
