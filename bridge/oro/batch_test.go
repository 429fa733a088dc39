package oro

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/bridge/oro/orotest"
	"github.com/orobridge/orobridge/formats"
)

func TestLayoutIsReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		changes := rapid.IntRange(1, 60).Draw(t, "changes")
		p := new(part)
		for i := range changes {
			if rapid.Bool().Draw(t, "sent") {
				p.add(i, item{}, make([]item, rapid.IntRange(0, 3).Draw(t, "included"))...)
			}
		}
		if len(p.of) == 0 {
			return
		}
		id, got, err := parseOperation("29"+p.layout(changes), changes)
		if err != nil || id != "29" || !slices.Equal(got.of, p.of) || !slices.Equal(got.owner, p.owner) {
			t.Fatalf("%q: %v %v %v, want %v %v", p.layout(changes), got.of, got.owner, err, p.of, p.owner)
		}
		// Without the refused changes the rest moves up.
		if _, got, err = parseOperation("29"+p.layout(changes), len(p.of)); err != nil || len(p.of) < changes && got.of[len(p.of)-1] != len(p.of)-1 {
			t.Fatalf("%v, %v", got, err)
		}
	})
	for _, text := range []string{"29@", "29@3", "29@3:", "29@3:x", "29@3:0.0", "29@9:0-8.0", "29@2:5-6.0"} {
		if _, _, err := parseOperation(text, 2); err == nil {
			t.Errorf("%q is read", text)
		}
	}
}

func TestAttribute(t *testing.T) {
	p := new(part)
	p.add(0, item{}, item{}, item{})
	p.add(2, item{}, item{})
	at := func(pointer string) errorItem { return errorItem{Title: pointer, Source: &source{Pointer: pointer}} }
	wrong, loose := attribute([]errorItem{
		at("/data/0/attributes/name"), at("/data/1"), at("/included/1/attributes/street"), at("/included/2/attributes/city"),
		at("/data/9"), at("/included/9"), at("/data/x"), at("/meta"), at(""), {Title: "none"},
	}, p)
	titles := func(list []errorItem) (got []string) {
		for _, e := range list {
			got = append(got, e.Title)
		}
		return got
	}
	if diff := cmp.Diff([]string{"/data/0/attributes/name", "/included/1/attributes/street"}, titles(wrong[0])); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"/data/1", "/included/2/attributes/city"}, titles(wrong[1])); diff != "" {
		t.Error(diff)
	}
	if len(loose) != 6 {
		t.Errorf("%d errors are loose", len(loose))
	}
}

func TestErrorsDecideFates(t *testing.T) {
	price := func() *bridge.Change {
		rec := record(formats.Prices, "L|S|item|1|EUR", "value", "1")
		return &bridge.Change{Op: bridge.Create, Key: rec.Key, Values: rec.Values, Record: rec}
	}
	customer := func(op bridge.Op) *bridge.Change {
		rec := record(formats.Customers, "1", "parent_number", "2")
		return &bridge.Change{Op: op, Key: rec.Key, Values: rec.Values, Record: rec}
	}
	at := func(title, pointer, detail string) errorItem {
		return errorItem{Title: title, Detail: detail, Source: &source{Pointer: pointer}}
	}
	tests := []struct {
		name string
		ent  func(*Client) entity
		ch   *bridge.Change
		said []errorItem
		want string
	}{
		{"unknown sku", func(c *Client) entity { return prices{c} }, price(), []errorItem{
			at("not blank constraint", "/data/0", "This value should not be blank. Source: productSku."),
			at(titleForm, "/data/0/relationships/product/data", "The entity does not exist."),
		}, "missing products S"},
		{"unknown list", func(c *Client) entity { return prices{c} }, price(), []errorItem{at(titleForm, "/data/0/relationships/priceList/data", "x")}, "missing pricelists L"},
		{"unknown unit", func(c *Client) entity { return prices{c} }, price(), []errorItem{at(titleForm, "/data/0/relationships/unit/data", "The entity does not exist.")},
			"reject shop unit: the shop refused it: The entity does not exist."},
		{"no place", func(c *Client) entity { return prices{c} }, price(), []errorItem{at("driver exception", "/data/0", "")}, "reject shop : the shop refused it: driver exception"},
		{"unknown parent", func(c *Client) entity { return customers{c} }, customer(bridge.Create), []errorItem{at(titleForm, "/data/0/relationships/parent/data", "x")}, "missing customers 2"},
		{"gone", func(c *Client) entity { return customers{c} }, customer(bridge.Update), []errorItem{at(titleNotFound, "/data/0", "x")}, "unknown"},
		{"several", func(c *Client) entity { return customers{c} }, customer(bridge.Update), []errorItem{
			at("not blank constraint", "/data/0/attributes/name", "blank"), at("length constraint", "/included/0/attributes/postalCode", "long"),
			at("length constraint", "/included/0/attributes/postalCode", "long"), at("any", "/data/0", "all"),
		}, "reject shop name: the shop refused it: name: blank; postal_code: long; all"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, c := newShop(t)
			r := &reading{client: c.batches, entity: tt.ent(c), changes: []*bridge.Change{tt.ch}, outcomes: make([]bridge.Outcome, 1), clash: map[int][]errorItem{}}
			if r.blame(0, tt.said); show(r.outcomes[0]) != tt.want {
				t.Errorf("%s, want %s", show(r.outcomes[0]), tt.want)
			}
		})
	}
}

func TestCountsThatDoNotAddUp(t *testing.T) {
	shop, c := newShop(t)
	load(t, c, record(formats.Customers, "100", "name", "A"))
	read := func(op operation, errors string) ([]bridge.Outcome, error) {
		if errors != "" {
			shop.Inject(orotest.Fault{Path: "/admin/api/asyncoperations/7/errors", Effect: orotest.Respond(200, mediaType, errors)})
		}
		b := creates(100, 3)
		p := &part{of: []int{0, 1, 2}}
		b.Changes[2].Op, b.Changes[2].OroID = bridge.Update, "5"
		r := &reading{client: c.batches, entity: customers{c}, changes: b.Changes, outcomes: make([]bridge.Outcome, 3), clash: map[int][]errorItem{}, doubt: map[int]bool{}}
		if err := r.read(t.Context(), &op, p); err != nil {
			return nil, err
		}
		return r.outcomes, r.settle(t.Context())
	}
	is := func(outcomes []bridge.Outcome, want ...string) {
		t.Helper()
		for i := range outcomes {
			if !strings.HasPrefix(show(outcomes[i]), want[i]) {
				t.Errorf("change %d: %s, want %s", i, show(outcomes[i]), want[i])
			}
		}
	}
	// All written, says the shop, but one is not to be found: never created again by itself.
	outcomes, err := read(operation{id: "7", summary: summary{Read: 3, Written: 3}}, "")
	if err != nil {
		t.Fatal(err)
	}
	is(outcomes, "id ", "reject shop : the shop says that it took the record", "id 5")
	// One was not written and nobody says which: what can be looked up is.
	if outcomes, err = read(operation{id: "7", summary: summary{Read: 3, Written: 2}}, ""); err != nil {
		t.Fatal(err)
	}
	is(outcomes, "id ", "unknown", "unknown")
	// The same with an error that names no record: the batch is to be split.
	loose := `{"data":[{"type":"asyncoperationerrors","id":"7-1-1","attributes":{"status":500,"title":"driver exception","detail":null,"source":null}}]}`
	if _, err = read(operation{id: "7", summary: summary{Read: 3, Written: 2, Errors: 1}}, loose); !errors.Is(err, bridge.ErrOperationFailed) {
		t.Errorf("%v", err)
	}
	// A loose error beside counts that add up costs nothing.
	if outcomes, err = read(operation{id: "7", summary: summary{Read: 3, Written: 3, Errors: 1}}, loose); err != nil {
		t.Fatal(err)
	}
	is(outcomes, "id ", "reject", "id 5")
}

func TestRefusedBatchIsSplit(t *testing.T) {
	shop, c := newShop(t)
	for _, status := range []int{400, 413} {
		media := map[int]string{400: mediaType, 413: "text/html"}[status]
		shop.Inject(orotest.Fault{Method: http.MethodPatch, Effect: orotest.Respond(status, media, "")})
		if _, _, err := c.Submit(t.Context(), creates(1, 2)); !errors.Is(err, bridge.ErrOperationFailed) || errors.Is(err, bridge.ErrUncertain) {
			t.Errorf("%d: %v", status, err)
		}
	}
	if _, _, err := c.Submit(t.Context(), &bridge.Batch{Entity: "order_feedback"}); bridge.FateOf(err) != bridge.Stop {
		t.Errorf("feedback is no batch: %v", err)
	}
}

// The clock of the bridge may be wrong by years.
func TestDrainWaitsForWhatRunsBesideTheBarrier(t *testing.T) {
	shop, c := newShop(t, orotest.Consumers(2), orotest.Chunk(10), orotest.Latency(orotest.Delays{Record: map[string]time.Duration{"": 2 * time.Millisecond}}))
	right := c.now
	for i, wrong := range []time.Duration{0, 87600 * time.Hour, -87600 * time.Hour} {
		c.now = func() time.Time { return right().Add(wrong) }
		before := shop.Count("customers")
		shop.Inject(orotest.Fault{Method: http.MethodPatch, Path: apiCustomers, Effect: orotest.After(orotest.ServerError())})
		if _, _, err := c.Submit(t.Context(), creates(100*(i+1), 100)); !errors.Is(err, bridge.ErrUncertain) {
			t.Fatalf("submit: %v", err)
		}
		if err := c.Drain(t.Context(), formats.Customers); err != nil {
			t.Fatal(err)
		}
		if n := shop.Count("customers") - before; n != 100 {
			t.Errorf("with a clock that is %v ahead %d customers are there after the drain", wrong, n)
		}
	}
	c.now = right
	shop.StallQueue()
	defer shop.ResumeQueue()
	c.settle = 20 * time.Millisecond
	if err := c.Drain(t.Context(), formats.Customers); bridge.FateOf(err) != bridge.Pause || bridge.HintOf(err) == "" {
		t.Errorf("a queue that stands still: %v", err)
	}
}

// TestParentsAreFoundWhenTheShopRefuses sends what was not looked up before.
func TestParentsAreFoundWhenTheShopRefuses(t *testing.T) {
	for name, opts := range map[string][]orotest.Option{"by sku": nil, "by id": {orotest.ExtIDEntities()}} {
		t.Run(name, func(t *testing.T) {
			_, c := newShop(t, opts...)
			c.skus.set("STALE", "999999")
			b := &bridge.Batch{Entity: "prices"}
			for _, sku := range []string{"STALE", "NONE", "0RT28", "0rt28"} {
				rec := record(formats.Prices, formats.JoinKey("Default Price List", sku, "item", "50", "USD"), "value", "1")
				b.Changes = append(b.Changes, &bridge.Change{Op: bridge.Create, Key: rec.Key, Values: rec.Values, Record: rec})
			}
			outcomes := send(t, c, b)
			for i, want := range []string{"missing products STALE", "missing products NONE", "id "} {
				if got := show(outcomes[i]); !strings.HasPrefix(got, want) {
					t.Errorf("change %d: %s, want %s", i, got, want)
				}
			}
			if outcomes[3].OroID != "" {
				t.Errorf("0rt28: %s", show(outcomes[3]))
			}
			if _, ok := c.skus.get("STALE"); ok {
				t.Error("the stale id is kept")
			}
		})
	}
	_, c := newShop(t)
	rec := record(formats.Products, "0rt28", "name", "A", "unit", "item")
	outcomes := send(t, c, &bridge.Batch{Entity: "products", Changes: []*bridge.Change{{Op: bridge.Create, Key: rec.Key, Values: rec.Values, Record: rec}}})
	if outcomes[0].Reject == nil || outcomes[0].Reject.Code != formats.CodeKey {
		t.Errorf("a sku in other case: %s", show(outcomes[0]))
	}
}

// TestRefusedChangesAreNotAccepted: what Submit refused is not told as accepted to a bridge that comes back after a crash.
func TestRefusedChangesAreNotAccepted(t *testing.T) {
	_, c := newShop(t)
	load(t, c, record(formats.Customers, "100", "name", "A"), record(formats.Customers, "101", "name", "B"))
	b := plan(t, c, record(formats.Customers, "100", "name", ""), record(formats.Customers, "101", "name", "C"))
	var err error
	if b.Operation, _, err = c.Submit(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	outcomes, err := c.Await(t.Context(), b)
	if err != nil || !outcomes[0].Unknown || outcomes[1].OroID == "" {
		t.Errorf("%v: %s, %s", err, show(outcomes[0]), show(outcomes[1]))
	}
}

func TestChunks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		keys := rapid.SliceOfN(rapid.StringMatching(`[a-zä ]{1,300}`), 0, 400).Draw(t, "keys")
		var got []string
		for part := range chunks(keys, keysPerLookup) {
			length := 0
			for _, k := range part {
				length += len(url.QueryEscape(k)) + 3
			}
			if len(part) == 0 || len(part) > keysPerLookup || (length > bytesPerLookup && len(part) > 1) {
				t.Fatalf("%d keys of %d bytes", len(part), length)
			}
			got = append(got, part...)
		}
		if !slices.Equal(got, keys) {
			t.Fatal("keys are lost")
		}
	})
}

func TestShapes(t *testing.T) {
	body := func(text string) *answer {
		doc, err := parseDocument([]byte(`{"data":[` + text + `]}`))
		if err != nil {
			t.Fatal(err)
		}
		return &answer{doc: doc}
	}
	for name, tt := range map[string]struct {
		ans  *answer
		want shape
	}{
		"text":          {body(`{"attributes":{"x":"a"}}`), shape{known: true, first: '"'}},
		"number":        {body(`{"attributes":{"x":-1}}`), shape{known: true, first: '0'}},
		"flag":          {body(`{"attributes":{"x":false}}`), shape{known: true, first: 't'}},
		"nothing yet":   {body(`{"attributes":{"x":null}}`), shape{first: 'n'}},
		"choice":        {body(`{"relationships":{"x":{"data":{"type":"colors","id":"red"}}}}`), shape{known: true, link: true, kind: "colors"}},
		"choices":       {body(`{"relationships":{"x":{"data":[{"type":"colors","id":"red"}]}}}`), shape{known: true, link: true, many: true, kind: "colors"}},
		"empty choice":  {body(`{"relationships":{"x":{"data":null}}}`), shape{link: true}},
		"empty choices": {body(`{"relationships":{"x":{"data":[]}}}`), shape{link: true, many: true}},
		"no such field": {body(`{}`), shape{}},
		"no product":    {body(``), shape{}},
	} {
		if got := shapeOf(tt.ans, "x"); got != tt.want {
			t.Errorf("%s: %+v, want %+v", name, got, tt.want)
		}
	}
}

func TestOwnAttributes(t *testing.T) {
	_, c := newShop(t)
	c.shapes.of = map[string]shape{
		"color": {known: true, link: true, kind: "colors"}, "sizes": {known: true, link: true, many: true, kind: "sizes"},
		"odd": {link: true, asked: c.now()}, "text": {known: true, first: '"'}, "count": {known: true, first: '0'}, "flag": {known: true, first: 't'},
	}
	write := func(field, text string) string {
		rec := record(formats.Products, "S", field, text)
		w := &productWriter{products: products{c}, ctx: t.Context(), ch: &bridge.Change{Op: bridge.Update, OroID: "1", Values: rec.Values, Record: rec}}
		w.write()
		if w.bad != nil {
			return w.bad.Code
		}
		return string(w.it.append(nil))
	}
	for in, want := range map[[2]string]string{
		{"attr.text", "a \"b\""}: `"attributes":{"text":"a \"b\""}`, {"attr.text", ""}: `"text":null`, {"attr.count", "7"}: `"count":7`,
		{"attr.count", "many"}: `"count":"many"`, {"attr.flag", "yes"}: `"flag":true`, {"attr.flag", "0"}: `"flag":false`,
		{"attr.color", "red"}: `"relationships":{"color":{"data":{"type":"colors","id":"red"}}}`, {"attr.color", ""}: `"color":{"data":null}`,
		{"attr.sizes", "s m"}: `"sizes":{"data":[{"type":"sizes","id":"s"},{"type":"sizes","id":"m"}]}`, {"attr.sizes", ""}: `"sizes":{"data":[]}`,
		{"attr.odd", "red"}: formats.CodeReference,
	} {
		if got := write(in[0], in[1]); !strings.Contains(got, want) {
			t.Errorf("%v: %s, want %s", in, got, want)
		}
	}
}

// A column that the shop has no attribute for is asked for once and not in each row: a file of 10,000 rows with 200 of them took hours. What
// the shop says of all of them in each row is kept in part.
func TestUnknownAttributesAreAskedForOnce(t *testing.T) {
	const rows, columns = 50, 200
	plain := Options{Transport: newTransport(4)} // no recording asks for these columns
	shop, c := newShopWith(t, config.Shop{}, plain, orotest.Seed(orotest.Sample))
	now := time.Now()
	c.now = func() time.Time { return now }
	cells := []string{"name", "Pump", "unit", "item"}
	for i := range columns {
		cells = append(cells, fmt.Sprintf("attr.column_%d", i), "x")
	}
	var records []*formats.Record
	for i := range rows {
		records = append(records, record(formats.Products, fmt.Sprintf("WIDE-%d", i), cells...))
	}
	sent := func() int {
		before := shop.Requests()
		for _, o := range send(t, c, plan(t, c, records...)) {
			if said := show(o); !strings.Contains(said, `extra fields: "column_0", "column_1"`) || len(said) > maxMessage+100 {
				t.Fatalf("%d bytes: %.200s", len(said), said)
			}
		}
		return shop.Requests() - before
	}
	if n := sent(); n > 2*columns+20 {
		t.Errorf("%d requests for the first batch", n)
	}
	if n := sent(); n > 20 {
		t.Errorf("%d requests for the second batch", n)
	}
	now = now.Add(listRefresh)
	if n := sent(); n < columns {
		t.Errorf("%d requests for a batch after %v: an attribute that was made meanwhile is not seen", n, listRefresh)
	}
}
