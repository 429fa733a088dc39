package page_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"go.uber.org/goleak"
	"golang.org/x/net/html"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/admit"
	"github.com/orobridge/orobridge/bridge/bridgetest"
	"github.com/orobridge/orobridge/bridge/operate"
	"github.com/orobridge/orobridge/bridge/oro/orotest"
	"github.com/orobridge/orobridge/bridge/page"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// feeds of a shop that has something of everything: guards that hold, values that are not mapped, parents that are missing.
const feeds = `
feeds:
  - { name: customers, entity: customers, remote: disk, folder: customers, match: 'customers*.csv', ready: { stable: 0s }, format: { kind: csv } }
  - { name: users, entity: customer_users, remote: disk, folder: customers, match: 'users*.csv', ready: { stable: 0s }, format: { kind: csv } }
  - { name: products, entity: products, remote: disk, folder: products, match: '*.csv', ready: { stable: 0s },
      format: { kind: csv }, values: { unit: { ST: item } }, guards: { max_rejects: 40% } }
  - { name: prices, entity: prices, remote: disk, folder: prices, match: '*.csv', ready: { stable: 0s }, format: { kind: csv },
      mode: full, on_missing: delete, guards: { max_removals: 0, max_price_change: { by: 50%, share: 0 } } }
  - { name: inventory, entity: inventory, remote: disk, folder: inventory, match: '*.csv', ready: { stable: 0s }, format: { kind: csv } }
exports:
  - { name: orders, entity: orders, remote: disk, folder: orders, format: { kind: csv }, since: all, pickup_within: 30m }
`

// site is a world with its page, looked at by somebody.
type site struct {
	*bridgetest.World
	t      testing.TB
	page   *page.Server
	routes http.Handler
	who    *admit.Caller
}

var (
	viewer   = &admit.Caller{Name: "vera", Role: admit.Viewer, From: "192.0.2.1"}
	operator = &admit.Caller{Name: "olga", Role: admit.Operator, From: "192.0.2.2"}
	admins   = &admit.Caller{Name: "ada", Role: admit.Admin, From: "192.0.2.3"}
)

// newSite opens a page before a world whose bridge is at work.
func newSite(t testing.TB, w *bridgetest.World) *site {
	t.Helper()
	desk := &operate.Desk{View: operate.View{Feeds: w.B.In.Feeds, Exports: w.B.Out.Exports, Ledger: w.Ledger, Running: true},
		In: w.B.In, Out: w.B.Out}
	s := page.New(page.Options{Desk: desk, Pictures: fstest.MapFS{"pictures/a.png": &fstest.MapFile{Data: []byte("a picture")}}, Config: w.Settings, Version: "test", Log: slog.New(slog.DiscardHandler),
		Topics: []page.Topic{{Name: "start", Title: "Begin", Text: "# Begin\n\nRead *this*.\n\n| a | b |\n| --- | ---: |\n| 1 | 2 |\n<script>alert(1)</script>"}}})
	t.Cleanup(func() { w.Must(s.Close()) })
	return &site{World: w, t: t, page: s, routes: s.Handler(), who: operator}
}

// as is the site as somebody else sees it.
func (s site) as(who *admit.Caller) *site {
	s.who = who
	return &s
}

// ask sends a request.
func (s *site) ask(r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	s.routes.ServeHTTP(w, r.WithContext(admit.WithCaller(r.Context(), s.who)))
	return w
}

// get reads a page that there is. One that waits for a plan is looked at again, as a browser does.
func (s *site) get(path string) *document {
	s.t.Helper()
	for range 100 {
		w := s.ask(httptest.NewRequest("GET", path, nil))
		if w.Code != http.StatusOK {
			s.t.Fatalf("%s is %d: %s", path, w.Code, textOf(w.Body.String()))
		}
		if d := parse(s.t, w.Body.String()); len(d.all("meta", "http-equiv", "refresh")) == 0 {
			return d
		}
	}
	s.t.Fatalf("%s waits on and on", path)
	return nil
}

// post sends a form, as a browser does from a page of the site.
func (s *site) post(path string, form url.Values) *httptest.ResponseRecorder {
	s.t.Helper()
	r := httptest.NewRequest("POST", path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	return s.ask(r)
}

// decide takes a decision with a reason, and returns where the browser is led.
func (s *site) decide(path string) string {
	s.t.Helper()
	w := s.post(path, url.Values{"why": {"the sender says so"}})
	if w.Code != http.StatusSeeOther {
		s.t.Fatalf("%s is %d: %s", path, w.Code, textOf(w.Body.String()))
	}
	return w.Header().Get("Location")
}

// document is a page as a browser has it.
type document struct {
	t    testing.TB
	root *html.Node
	raw  string
}

func parse(t testing.TB, text string) *document {
	t.Helper()
	root, err := html.Parse(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return &document{t, root, text}
}

// all are the elements of a name that have an attribute ("": any element of the name) with a value.
func (d *document) all(name, key, value string) (found []*html.Node) {
	for n := range d.root.Descendants() {
		if n.Type == html.ElementNode && (name == "" || n.Data == name) && (key == "" || attr(n, key) == value) {
			found = append(found, n)
		}
	}
	return found
}

// attr is an attribute of an element.
func attr(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

// said is the text of a node, its blanks drawn together.
func said(n *html.Node) string {
	var b strings.Builder
	for c := range n.Descendants() {
		if c.Type == html.TextNode && c.Parent.Data != "script" && c.Parent.Data != "style" {
			b.WriteString(c.Data)
			b.WriteByte(' ')
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

func textOf(page string) string {
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		return page
	}
	return said(root)
}

// part is the text of the element with an id.
func (d *document) part(id string) string {
	d.t.Helper()
	found := d.all("", "id", id)
	if len(found) != 1 {
		d.t.Fatalf("%d elements have the id %q in %s", len(found), id, said(d.root))
	}
	return said(found[0])
}

// says wants some texts in a part of the page ("": in all of it).
func (d *document) says(id string, texts ...string) {
	d.t.Helper()
	all := said(d.root)
	if id != "" {
		all = d.part(id)
	}
	for _, text := range texts {
		if !strings.Contains(all, text) {
			d.t.Errorf("%q is not in %q: %s", text, id, all)
		}
	}
}

// lacks wants some texts nowhere in the page.
func (d *document) lacks(texts ...string) {
	d.t.Helper()
	for _, text := range texts {
		if strings.Contains(said(d.root), text) {
			d.t.Errorf("%q is in %s", text, said(d.root))
		}
	}
}

// links wants links to some paths.
func (d *document) links(paths ...string) {
	d.t.Helper()
	for _, path := range paths {
		if len(d.all("a", "href", path)) == 0 {
			d.t.Errorf("nothing links to %s", path)
		}
	}
}

// busy is a world in which everything is to be seen: a drop that is loaded in part, one that is held for its prices, rows that wait,
// orders on their way.
func busy(t testing.TB) *bridgetest.World { return busyWith(t, feeds) }

func busyWith(t testing.TB, feeds string) *bridgetest.World {
	t.Helper()
	w := bridgetest.NewWorld(t, feeds, orotest.Seed(orotest.Sample))
	w.Stock("SKU1", "SKU2", "SKU3")
	w.Drop("customers", "customers_1.csv", "customer_number,name\nC-100,Öztürk & Söhne GmbH\nC-101,Anna Nováková\n")
	w.Drop("products", "products_1.csv", "sku,name,unit\nSKU1,Pipe,ST\nSKU2,Valve,ST\nSKU3,Tap,ST\nSKU4,Bend,PAL\n")
	w.Round()
	var before, after strings.Builder
	for i := range 3 {
		before.WriteString(bridgetest.Price(fmt.Sprintf("SKU%d", i+1), "100"))
	}
	after.WriteString(bridgetest.Price("SKU1", "10") + bridgetest.Price("SKU2", "101"))
	w.Drop("prices", "prices_1.csv", bridgetest.PriceHead+before.String())
	w.Round()
	w.Drop("prices", "prices_2.csv", bridgetest.PriceHead+after.String())
	w.Drop("inventory", "stock_1.csv", "sku,unit,quantity\nSKU1,item,5\nSKU9,item,7\n")
	w.Submit("A-1001")
	w.Submit("A-1002")
	w.Round()
	if d, _ := w.Last("prices"); d.State != bridge.Held {
		t.Fatalf("%s is %s: %s", d.Name, d.State, d.Reason)
	}
	return w
}

func number(n int64) string { return fmt.Sprint(n) }

// known is a request of whoever looks at the site.
func (s *site) known(r *http.Request) *http.Request {
	return r.WithContext(admit.WithCaller(r.Context(), s.who))
}

// readOrder reads a file of the orders' folder.
func readOrder(s *site, name string) string {
	s.t.Helper()
	text, err := os.ReadFile(filepath.Join(s.Folder, "orders", name))
	s.Must(err)
	return string(text)
}
