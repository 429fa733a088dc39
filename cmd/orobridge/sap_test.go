package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/operate"
	"github.com/orobridge/orobridge/bridge/oro/orotest"
	"github.com/orobridge/orobridge/bridge/sftp/sftptest"
	"github.com/orobridge/orobridge/formats/idoc"
)

// sapWorld is a shop in a box, a real sshd in SAP's place, and the real program between them.
type sapWorld struct {
	t      *testing.T
	shop   *orotest.Shop
	sshd   *sftptest.SSHD
	binary string
	config string
}

func newSAPWorld(t *testing.T, streams string, folders ...string) *sapWorld {
	t.Helper()
	w := &sapWorld{t: t, binary: program(t), sshd: sftptest.Sshd(t), shop: orotest.New(orotest.Into(&asked), orotest.Version(orotest.Wanted()))}
	if err := w.shop.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.shop.Close() })
	for _, folder := range folders {
		if err := os.MkdirAll(filepath.Join(w.sshd.Root, folder), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	w.config = filepath.Join(dir, "orobridge.yaml")
	text := fmt.Sprintf(`
state: { dir: var }
oro: { url: %s, client_id: demo, client_secret: demo }
remotes:
  sap: { kind: sftp, address: '%s', user: %s, private_key_file: %s, known_hosts_file: %s, path: %s }
%s`, w.shop.URL(), w.sshd.Address, w.sshd.User, w.sshd.KeyFile, w.sshd.KnownHostsFile, w.sshd.Folder, streams)
	if err := os.WriteFile(w.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return w
}

// run runs a verb and returns what it printed; the exit code must be the given one.
func (w *sapWorld) run(code int, args ...string) []byte {
	w.t.Helper()
	cmd := exec.Command(w.binary, append(args, "--config", w.config)...)
	var out, talk bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &talk
	err := cmd.Run()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		w.t.Fatal(err)
	}
	if got := cmd.ProcessState.ExitCode(); got != code {
		w.t.Fatalf("orobridge %s: exit code %d, want %d\n%s\n%s", strings.Join(args, " "), got, code, out.Bytes(), talk.Bytes())
	}
	return out.Bytes()
}

// read decodes what a verb prints as JSON.
func (w *sapWorld) read(into any, args ...string) {
	w.t.Helper()
	if err := json.Unmarshal(w.run(exitDone, append(args, "--json")...), into); err != nil {
		w.t.Fatalf("%v: %v", args, err)
	}
}

// drop puts a file where SAP would.
func (w *sapWorld) drop(name string, body []byte) {
	w.t.Helper()
	if err := os.WriteFile(filepath.Join(w.sshd.Root, name), body, 0o644); err != nil {
		w.t.Fatal(err)
	}
}

// loaded is the last run of a feed's last drop.
func (w *sapWorld) loaded(feed string) operate.Run {
	w.t.Helper()
	var drops []operate.Drop
	w.read(&drops, "drops", "--feed", feed)
	if len(drops) == 0 {
		w.t.Fatalf("feed %s has no drop", feed)
	}
	var v operate.Run
	w.read(&v, "drop", fmt.Sprint(drops[len(drops)-1].Drop))
	return v
}

// want compares what a run counts.
func (w *sapWorld) want(feed string, state bridge.DropState, want bridge.Counts, skipped map[string]int64) {
	w.t.Helper()
	got := w.loaded(feed)
	if got.State != state || got.Counts != want || fmt.Sprint(got.Skipped) != fmt.Sprint(skipped) {
		rejects := strings.SplitN(string(w.run(exitDone, "rejects", fmt.Sprint(got.Drop))), "\n", 6)
		w.t.Errorf("%s is %s (%s)\n got %+v %v\nwant %+v %v\n%s", feed, got.State, got.Reason, got.Counts, got.Skipped, want, skipped,
			strings.Join(rejects[:min(5, len(rejects))], "\n"))
	}
}

// A segment is one of an IDoc as XML: its name, its fields as NAME=text, and its children.
type segment struct {
	name     string
	fields   []string
	children []segment
}

func seg(name string, fields ...string) segment { return segment{name: name, fields: fields} }

func (s segment) with(children ...segment) segment {
	s.children = append(s.children, children...)
	return s
}

func (s segment) write(b *bytes.Buffer) {
	fmt.Fprintf(b, `<%s SEGMENT="1">`, s.name)
	for _, f := range s.fields {
		field, text, _ := strings.Cut(f, "=")
		fmt.Fprintf(b, "<%s>%s</%s>", field, text, field)
	}
	for _, c := range s.children {
		c.write(b)
	}
	fmt.Fprintf(b, "</%s>\n", s.name)
}

// sapFile is a file of IDocs.
type sapFile struct {
	basic, message string
	body           bytes.Buffer
	n              int
}

func newSAPFile(basic, message string) *sapFile { return &sapFile{basic: basic, message: message} }

// add appends an IDoc of a client.
func (f *sapFile) add(client string, segments ...segment) {
	f.n++
	f.body.WriteString("<IDOC BEGIN=\"1\">\n")
	seg("EDI_DC40", "TABNAM=EDI_DC40", "MANDT="+client, fmt.Sprintf("DOCNUM=%016d", f.n),
		"DIRECT=1", "IDOCTYP="+f.basic, "MESTYP="+f.message).write(&f.body)
	for _, s := range segments {
		s.write(&f.body)
	}
	f.body.WriteString("</IDOC>\n")
}

func (f *sapFile) xml() []byte {
	return fmt.Appendf(nil, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<%s>\n%s</%s>\n", f.basic, f.body.Bytes(), f.basic)
}

// flat is the file as a port writes it.
func (f *sapFile) flat(t *testing.T) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := (&idoc.Options{}).Convert(&out, bytes.NewReader(f.xml()), idoc.FormFlat, ""); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func packed(t *testing.T, body []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	_, err := z.Write(body)
	if err = errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

const landscapeFeeds = `
feeds:
  - name: customers
    entity: customers
    remote: sap
    folder: out/debmas
    match: '*.idoc'
    ready: { stable: 0s }
    format: { kind: idoc, clients: ['100'], sales_org: '1000', channel: '10' }
    columns: { ZTERM: payment_term }
    values: { payment_term: { ZB30: net 30, ZB60: net 60 }, region: { DE-05: DE-NW } }
  - name: products
    entity: products
    remote: sap
    folder: out/matmas
    match: '*.xml.gz'
    ready: { stable: 0s }
    unwrap: [gzip]
    format: { kind: idoc, clients: ['100'], languages: { EN: default } }
    values: { unit: &units { ST: each, KAR: set } }
  - name: pricelists
    entity: pricelists
    remote: sap
    folder: out/lists
    match: '*.xml'
    ready: { stable: 0s }
    format: { kind: idoc, clients: ['100'] }
    values: { name: &lists { '01': Retail, '02': Trade, customer 100001: Customer 100001,
      customer 100002: Customer 100002, customer 100003: Customer 100003 } }
  - name: prices
    entity: prices
    remote: sap
    folder: out/cond
    match: '*.xml'
    ready: { stable: 0s }
    format: { kind: idoc, clients: ['100'] }
    values: { unit: *units, price_list: *lists }
`

// landscape is the master data of an invented company: so many customers, four times as many products, five conditions
// for each of these.
type landscape struct{ customers, products int }

// customer is one customer's IDoc.
func (l landscape) customer(f *sapFile, client string, i int, gone string) {
	f.add(client, seg("E1KNA1M", "MSGFN=005", fmt.Sprintf("KUNNR=%010d", 100000+i), "LAND1=DE",
		fmt.Sprintf("NAME1=Möbelhaus Nr. %d &amp; Söhne", i),
		"ORT01=Musterstadt", "REGIO=05", fmt.Sprintf("PSTLZ=%05d", 10000+i), fmt.Sprintf("STRAS=Lange Straße %d", i), "LOEVM="+gone).
		with(seg("E1KNVVM", "MSGFN=005", "VKORG=2000", "VTWEG=10", "ZTERM=XXXX"), // another sales area
			seg("E1KNVVM", "MSGFN=005", "VKORG=1000", "VTWEG=10", "SPART=00", "ZTERM="+[]string{"ZB30", "ZB60"}[i%2])))
}

// sku of a product: every tenth has letters in it, the others are padded with zeros.
func (l landscape) sku(i int) string {
	if i%10 == 0 {
		return fmt.Sprintf("AB-%d_X", i)
	}
	return fmt.Sprintf("%018d", 50000+i)
}

func (l landscape) product(f *sapFile, i int, gone string) {
	f.add("100", seg("E1MARAM", "MSGFN=005", "MATNR="+l.sku(i), "LVORM="+gone, "MEINS=ST").with(
		seg("E1MAKTM", "MSGFN=005", "SPRAS=D", fmt.Sprintf("MAKTX=Stuhl grün %d", i), "SPRAS_ISO=DE"),
		seg("E1MAKTM", "MSGFN=005", "SPRAS=E", fmt.Sprintf("MAKTX=Green chair %d", i), "SPRAS_ISO=EN"),
		seg("E1MARMM", "MSGFN=005", "MEINH=KAR", "UMREZ=12", "UMREN=1"),
		seg("E1MARMM", "MSGFN=005", "MEINH=ST", "UMREZ=1", "UMREN=1"),
		seg("Z1OWN", "TEXT=a segment that no dictionary has")))
}

// conditions writes five conditions for each product: a scale of two lines, a price per hundred, one in another currency,
// one of a customer, and by turns one that is not valid yet, one that is not valid any more, and one that is deleted.
func (l landscape) conditions(f *sapFile) {
	year := time.Now().UTC().Year()
	for i := range l.products {
		terms := func(from, to int, konp segment) segment {
			return seg("E1KONH", fmt.Sprintf("DATAB=%d0101", from), fmt.Sprintf("DATBI=%d1231", to)).with(konp)
		}
		price := func(currency, rate, per string, more ...string) segment {
			return seg("E1KONP", append([]string{"KSCHL=PR00", "KRECH=C", "KBETR=" + rate,
				"KONWA=" + currency, "KPEIN=" + per, "KMEIN=ST"}, more...)...)
		}
		key := func(field, value string) segment {
			return seg("E1KOMG", "KVEWE=A", "KAPPL=V", "KSCHL=PR00", "VKORG=1000", "VTWEG=10", field+"="+value, "MATNR="+l.sku(i))
		}
		now := func(konp segment) segment { return terms(year-1, 9999, konp) }
		last := key("PLTYP", "02")
		switch i % 3 {
		case 0:
			last = last.with(terms(year+1, 9999, price("USD", "7.00", "1")))
		case 1:
			last = last.with(terms(year-3, year-2, price("USD", "8.00", "1")))
		case 2:
			last = last.with(now(price("USD", "9.00", "1", "LOEVM_KO=X")))
		}
		f.add("100",
			key("PLTYP", "01").with(now(price("EUR", fmt.Sprintf("%d.50", 10+i%90), "1", "STFKZ=A").with(
				seg("E1KONM", "KSTBM=0.000", fmt.Sprintf("KBETR=%d.50", 10+i%90)), seg("E1KONM", "KSTBM=10.000", fmt.Sprintf("KBETR=%d.25", 9+i%90))))),
			key("PLTYP", "02").with(now(price("EUR", "1234.50", "100"))),
			key("PLTYP", "01").with(now(price("USD", "12.00", "1"))),
			key("KUNNR", fmt.Sprintf("%010d", 100001+i%3)).with(now(price("EUR", "8.75", "1"))),
			last)
	}
}

// A whole landscape comes in: flat IDocs, packed XML, scales, deletions, what is not valid today and what is of another
// client.
func TestSAPLandscape(t *testing.T) {
	l := landscape{customers: 200, products: 600}
	c, p := int64(l.customers), int64(l.products)
	w := newSAPWorld(t, landscapeFeeds, "out/debmas", "out/matmas", "out/lists", "out/cond")
	customers, products, conditions := newSAPFile("DEBMAS07", "DEBMAS"), newSAPFile("MATMAS05", "MATMAS"), newSAPFile("COND_A04", "COND_A")
	for i := range l.customers {
		l.customer(customers, "100", i, "")
	}
	l.customer(customers, "200", 7, "") // a test system's
	for i := range l.products {
		l.product(products, i, "")
	}
	l.conditions(conditions)
	w.drop("out/debmas/D1.idoc", customers.flat(t))
	w.drop("out/matmas/M1.xml.gz", packed(t, products.xml()))
	w.drop("out/lists/L1.xml", conditions.xml())
	w.drop("out/cond/C1.xml", conditions.xml())
	began := time.Now()
	w.run(exitPartly, "run", "--once")
	t.Logf("%d customers, %d products and %d conditions in %.1f s", c, p, 5*p, time.Since(began).Seconds())

	w.want("customers", bridge.Partial, bridge.Counts{Rows: c + 1, Created: c, Rejected: 1}, nil)
	w.want("products", bridge.Loaded, bridge.Counts{Rows: p, Created: p}, map[string]int64{"unknown_segment Z1OWN": p})
	w.want("pricelists", bridge.Loaded, bridge.Counts{Rows: 5, Created: 5}, nil)
	later, over := (p+2)/3, (p+1)/3
	gone := p - later - over
	w.want("prices", bridge.Partial, bridge.Counts{Rows: 5*p + later + gone, Created: 5 * p, Unchanged: gone, Rejected: later},
		map[string]int64{"expired": over})
	if got := w.shop.Count("productprices"); int64(got) != 5*p {
		t.Errorf("the shop has %d prices, want %d", got, 5*p)
	}
	w.rejected(c, l)

	// The next day: five customers and five products are deleted, the same conditions come again under another name.
	customers, products = newSAPFile("DEBMAS07", "DEBMAS"), newSAPFile("MATMAS05", "MATMAS")
	for i := range 5 {
		l.customer(customers, "100", i, "X")
		l.product(products, i, "X")
	}
	w.drop("out/debmas/D2.idoc", customers.flat(t))
	w.drop("out/matmas/M2.xml.gz", packed(t, products.xml()))
	w.drop("out/cond/C2.xml", conditions.xml())
	w.run(exitPartly, "run", "--once")
	w.want("customers", bridge.Rejected, bridge.Counts{Rows: 5, Rejected: 5}, nil) // a customer keeps its orders: the shop deletes none
	w.want("products", bridge.Loaded, bridge.Counts{Rows: 5, Removed: 5}, map[string]int64{"unknown_segment Z1OWN": 5})
	// They were loaded in part, so they are no duplicate: the rejected ones are tried again.
	w.want("prices", bridge.Partial, bridge.Counts{Rows: 5*p + later + gone, Unchanged: 5*p + gone, Rejected: later}, map[string]int64{"expired": over})
}

// rejected looks at what the other client's IDoc and the later prices left behind.
func (w *sapWorld) rejected(customers int64, l landscape) {
	w.t.Helper()
	var rejects []operate.Reject
	w.read(&rejects, "rejects", "--feed", "customers")
	if len(rejects) != 1 || rejects[0].Code != "client" || rejects[0].Doc != fmt.Sprintf("%016d", customers+1) ||
		rejects[0].Segment != "EDI_DC40" || rejects[0].Field != "MANDT" {
		w.t.Errorf("%+v", rejects)
	}
	w.read(&rejects, "rejects", "--feed", "prices", "--last", "0")
	for _, r := range rejects {
		if r.Code != "not_yet" || r.Segment != "E1KONH" {
			w.t.Fatalf("%+v", r)
		}
	}
	for folder, want := range map[string]int{"debmas": 1, "cond": (l.products + 2) / 3} {
		form, begin := "xml", "<IDOC "
		if folder == "debmas" {
			form, begin = "flat", "EDI_DC40 "
		}
		files, err := filepath.Glob(filepath.Join(w.sshd.Root, "out", folder, "rejected", "*_rejects.*"))
		if err != nil || len(files) != 1 {
			w.t.Fatalf("reject files of %s: %v %v", folder, files, err)
		}
		var v operate.Inspection
		w.read(&v, "inspect", files[0])
		if v.Failure != nil || v.Is.Kind != "idoc" || v.Is.Form != form {
			w.t.Errorf("the reject file of %s is %+v", folder, v)
		}
		body, err := os.ReadFile(files[0])
		if err != nil || bytes.Count(body, []byte(begin)) != want {
			w.t.Errorf("the reject file of %s does not have %d IDocs: %v", folder, want, err)
		}
	}
}

const orderStreams = `
feeds:
  - name: answers
    entity: order_feedback
    remote: sap
    folder: out/answers
    match: '*.idoc'
    ready: { stable: 0s }
    format: { kind: idoc, clients: ['100'] }
exports:
  - name: orders
    remote: sap
    folder: in/orders
    since: all
    format:
      kind: idoc
      form: flat
      encoding: iso-8859-1
      client: '100'
      sender: { port: OROBRIDGE, number: SHOP }
      receiver: { port: SAPERP, number: ERPCLNT100 }
      sales_org: '1000'
      channel: '10'
      division: '00'
      order_type: TA
      units: { each: ST }
      conditions: { shipping: HD00, price: PR00 }
`

// sentOrder is what SAP reads of an order's file.
type sentOrder struct{ docnum, order, customer string }

// sent reads the outbound files, in the order of their names, as SAP does.
func (w *sapWorld) sent() []sentOrder {
	w.t.Helper()
	files, err := filepath.Glob(filepath.Join(w.sshd.Root, "in/orders/*.idoc"))
	if err != nil {
		w.t.Fatal(err)
	}
	slices.Sort(files)
	var all []sentOrder
	for _, name := range files {
		file, err := os.Open(name)
		if err != nil {
			w.t.Fatal(err)
		}
		var xml bytes.Buffer
		err = (&idoc.Options{Encoding: "iso-8859-1"}).Convert(&xml, file, idoc.FormXML, "ORDERS05")
		if err = errors.Join(err, file.Close()); err != nil {
			w.t.Fatalf("%s: %v", name, err)
		}
		field := func(pattern string) string {
			m := regexp.MustCompile(`(?s)` + pattern).FindStringSubmatch(xml.String())
			return strings.Join(m[min(1, len(m)):], "")
		}
		all = append(all, sentOrder{field(`<DOCNUM>(.*?)<`), field(`<E1EDK02.*?<QUALF>001</QUALF>\s*<BELNR>(.*?)<`),
			field(`<E1EDKA1.*?<PARVW>AG</PARVW>\s*<PARTN>(.*?)<`)})
	}
	return all
}

// Orders go out as flat ORDERS05 and come back as ORDRSP and DESADV.
func TestSAPOrders(t *testing.T) {
	const orders = 50
	w := newSAPWorld(t, orderStreams, "in/orders", "out/answers")
	customer, err := w.shop.AddCustomer("Möbelhaus Ähre", "4711")
	if err == nil {
		_, err = w.shop.AddProduct("12345", "Green chair", orotest.Unit{Code: "each"})
	}
	if err != nil {
		t.Fatal(err)
	}
	for i := range orders {
		name := fmt.Sprintf("2026-%05d", i)
		address := &orotest.Address{Organization: "Möbelhaus Ähre & Söhne", Street: "Domstraße 1", City: "Köln",
			PostalCode: "50667", Country: "DE"}
		_, err = w.shop.SubmitOrder(orotest.Order{Identifier: name, Customer: customer, Currency: "EUR", Billing: address, Shipping: address,
			ShippingCost: "9.90", PONumber: fmt.Sprintf("PO %d", i), Notes: "please ring twice",
			Lines: []orotest.Line{{SKU: "12345", Unit: "each", Quantity: fmt.Sprint(1 + i%7), Price: "19.9"}}})
		if err != nil {
			t.Fatal(err)
		}
	}
	w.run(exitDone, "run", "--once")
	sent := w.sent()
	if len(sent) != orders {
		t.Fatalf("%d orders were written, want %d\n%s", len(sent), orders, w.run(exitDone, "orders"))
	}
	for i, s := range sent {
		if want := (sentOrder{fmt.Sprintf("%016d", i+1), fmt.Sprintf("2026-%05d", i), "0000004711"}); s != want {
			t.Fatalf("file %d holds %+v, want %+v", i+1, s, want)
		}
	}

	responses, shipments := newSAPFile("ORDERS05", "ORDRSP"), newSAPFile("DELVRY03", "DESADV")
	for i, s := range sent {
		number := fmt.Sprintf("%010d", 12000+i)
		item := seg("E1EDP01", "POSEX=000001", "MENGE=1.000", "MENEE=PCE")
		if i == 0 {
			item = seg("E1EDP01", "POSEX=000001", "MENGE=1.000", "ABGRU=03", "ABGRT=Not made any more")
		}
		responses.add("100", seg("E1EDK01", "CURCY=EUR", "BELNR="+number), seg("E1EDK02", "QUALF=001", "BELNR="+s.order),
			seg("E1EDK02", "QUALF=002", "BELNR="+number), item)
		if i > 0 {
			shipments.add("100", seg("E1EDL20", fmt.Sprintf("VBELN=%010d", 80000000+i), fmt.Sprintf("BOLNR=1Z%06d", i)).with(
				seg("E1EDT13", "QUALF=006", "NTANF=20261121", "ISDD=20261121"),
				seg("E1EDL24", "POSNR=000010", "LFIMG=1.000", "VRKME=ST", "VGBEL="+number,
					"VGPOS=000010").with(seg("E1EDL41", "QUALI=001", "BSTNR="+s.order))))
		}
	}
	w.drop("out/answers/A1.idoc", responses.flat(t))
	w.drop("out/answers/A2.idoc", shipments.flat(t))
	w.run(exitPartly, "run", "--once") // somebody has to look at the order that was refused
	w.want("answers", bridge.Loaded, bridge.Counts{Rows: orders - 1, Updated: orders - 1}, nil)
	var views []operate.Order
	w.read(&views, "orders", "--last", "0")
	answered := slices.DeleteFunc(slices.Clone(views), func(o operate.Order) bool { return o.State != bridge.Answered })
	if len(answered) != orders {
		t.Errorf("%d of %d orders are answered", len(answered), len(views))
	}
	if o := views[slices.IndexFunc(views, func(o operate.Order) bool { return o.Order == "2026-00000" })]; o.Alarm != bridge.AlarmRefused || !strings.HasPrefix(o.Answer, "refused") {
		t.Errorf("the refused order has the alarm %q and the answer %q: the rows of its lines have the last word", o.Alarm, o.Answer)
	}
	if got := w.shop.Count("ordershippingtrackings"); got != orders-1 {
		t.Errorf("the shop has %d trackings, want %d", got, orders-1)
	}
	if !w.holds(`"2026-00007"`, `"12007"`, `"shipped"`) || !w.holds(`"2026-00000"`, `"12000"`, `"not_shipped"`) {
		t.Errorf("the orders say something else:\n%s", strings.Join(w.shop.Snapshot()["orders"][:2], "\n"))
	}
}

// holds says whether the shop has an order whose record has all the texts.
func (w *sapWorld) holds(texts ...string) bool {
	for _, o := range w.shop.Snapshot()["orders"] {
		if !slices.ContainsFunc(texts, func(text string) bool { return !strings.Contains(o, text) }) {
			return true
		}
	}
	return false
}
