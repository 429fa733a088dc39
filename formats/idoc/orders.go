package idoc

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/orobridge/orobridge/formats"
	"github.com/orobridge/orobridge/formats/internal/charset"
)

// Envelope is the options of everything that is written as IDocs: the control record and the form. What the encoding
// lacks is replaced and flagged (see charset.Encoder).
type Envelope struct {
	Form     string  `yaml:"form" doc:"xml by default, or flat"`
	Encoding string  `yaml:"encoding" doc:"utf-8 by default; a character that it lacks is replaced by its nearest, and the order is flagged"`
	LineEnd  string  `yaml:"line_end" doc:"flat: lf by default, crlf or none"`
	Client   string  `yaml:"client" doc:"MANDT, three characters in quotes"`
	Sender   Partner `yaml:"sender" doc:"the bridge, as SAP's partner profiles know it: port and number"`
	Receiver Partner `yaml:"receiver" doc:"the SAP system: port and number"`
	Control  string  `yaml:"control" doc:"name of the control record: EDI_DC40 by default, or EDI_DC40_U, as Unicode systems name it"`
	Zone     string  `yaml:"zone" doc:"time zone of dates: Europe/Berlin; UTC by default"`
	Test     bool    `yaml:"test" doc:"mark the IDocs as a test"`
}

// Partner is one end of an IDoc.
type Partner struct {
	Port     string `yaml:"port" doc:"SNDPOR, RCVPOR"`
	Type     string `yaml:"type" doc:"SNDPRT, RCVPRT: LS by default, KU, LI"`
	Function string `yaml:"function" doc:"SNDPFC, RCVPFC"`
	Number   string `yaml:"number" doc:"SNDPRN, RCVPRN"`
}

func (e *Envelope) check() []error {
	var all []error
	add := func(key string, err error) {
		all = append(all, formats.AtKey(key, err))
	}
	add("form", oneOf(e.Form, "", FormXML, FormFlat))
	add("line_end", oneOf(e.LineEnd, "", "lf", "crlf", "none"))
	add("encoding", charset.Check(e.Encoding))
	add("control", oneOf(e.Control, "", "EDI_DC40", "EDI_DC40_U"))
	if len(e.Client) != 0 && len(e.Client) != 3 {
		add("client", errors.New("a client has three characters, in quotes"))
	}
	if _, err := time.LoadLocation(e.Zone); err != nil {
		add("zone", err)
	}
	for _, p := range [...]struct {
		key string
		Partner
	}{{"sender", e.Sender}, {"receiver", e.Receiver}} {
		if p.Number == "" || p.Port == "" {
			add(p.key, errors.New("number and port are needed: SAP finds its partner profile by them"))
		}
	}
	return all
}

// control makes the fields of a control record.
func (e *Envelope) control(basic, message string, number int64, at time.Time) []pair {
	test := ""
	if e.Test {
		test = "X"
	}
	kind := func(p Partner) string {
		if p.Type == "" {
			return "LS"
		}
		return p.Type
	}
	at = at.In(e.zone())
	table := e.Control
	if table == "" {
		table = "EDI_DC40"
	}
	return []pair{
		{"TABNAM", table}, {"MANDT", e.Client}, {"DOCNUM", fmt.Sprintf("%016d", number)}, {"DIRECT", "2"}, {"TEST", test},
		{"IDOCTYP", basic}, {"MESTYP", message},
		{"SNDPOR", e.Sender.Port}, {"SNDPRT", kind(e.Sender)}, {"SNDPFC", e.Sender.Function}, {"SNDPRN", e.Sender.Number},
		{"RCVPOR", e.Receiver.Port}, {"RCVPRT", kind(e.Receiver)}, {"RCVPFC", e.Receiver.Function}, {"RCVPRN", e.Receiver.Number},
		{"CREDAT", at.Format("20060102")}, {"CRETIM", at.Format("150405")},
	}
}

func (e *Envelope) zone() *time.Location {
	z, err := time.LoadLocation(e.Zone)
	if err != nil {
		return time.UTC // Check has refused it
	}
	return z
}

// writer begins a file of a basic type.
func (e *Envelope) writer(dict *Dictionary, s *Structure) (*writer, error) {
	enc, err := charset.NewEncoder(e.Encoding)
	if err != nil {
		return nil, err
	}
	eol := map[string]string{"": "\n", "lf": "\n", "crlf": "\r\n", "none": ""}[e.LineEnd]
	return &writer{dict: dict, structure: s, enc: enc, eol: eol}, nil
}

func (e *Envelope) form() string {
	if e.Form == "" {
		return FormXML
	}
	return e.Form
}

// OrderOptions writes orders as ORDERS05, one IDoc per order. Its numbers come from outside: see [OrderOptions.Numbered].
//
// What does not fit into a field is an error that names it, not cut; names and streets go on in the next field of their
// kind, and texts wrap; only the name of a condition is shortened to its 80 characters. An order in which characters had to
// be replaced gets the flag "encoding". The tags doc of the fields are the reference.
type OrderOptions struct {
	Envelope `yaml:",inline"`

	SalesOrg     string `yaml:"sales_org" doc:"E1EDK14 008"`
	Channel      string `yaml:"channel" doc:"E1EDK14 007"`
	Division     string `yaml:"division" doc:"E1EDK14 006"`
	OrderType    string `yaml:"order_type" doc:"E1EDK14 012: TA, OR"`
	DocumentType string `yaml:"document_type" doc:"E1EDK01-BSART"`

	Zeros        string            `yaml:"zeros" doc:"customer and material numbers that are all digits: pad to 10 and 18 digits by default, or keep"`
	Guest        string            `yaml:"guest" doc:"sold-to number of orders whose customer has no number in the ERP; without it such an order is stuck"`
	Units        map[string]string `yaml:"units" doc:"the ERP's unit of each unit of the shop: { item: ST }; with a list, an order with another unit is stuck"`
	PaymentTerms map[string]string `yaml:"payment_terms" doc:"the ERP's term (ZTERM) of each label; without a list the term is left to the ERP"`
	Conditions   Conditions        `yaml:"conditions" doc:"condition types of the order"`
	Fields       map[string]string `yaml:"fields" doc:"further fields, and others than usual, by expressions over the order's columns, below E1EDP01 also the line's: { E1EDK01-AUGRU: \"'001'\", 'E1EDKA1[AG]-IHREZ': order, 'E1EDP19[003]-IDTNR': sku }; an empty text leaves the field out"`

	Lists map[string]string `yaml:"lists" doc:"files for lookup(list, value) in fields, read with the config: UTF-8, two columns set apart by a comma"`

	MaterialQualifier string `yaml:"material_qualifier" doc:"E1EDP19-QUALF of the SKU: 002, SAP's material number, by default; 001 the customer's, 003 an EAN"`
	TextID            string `yaml:"text_id" doc:"TDID of the order's notes; 0001 by default"`
	LineTextID        string `yaml:"line_text_id" doc:"TDID of a line's notes; text_id by default"`
	TextLanguage      string `yaml:"text_language" doc:"TSSPRAS_ISO of texts; none by default"`

	Release    string `yaml:"release" doc:"release of the SAP system: 46C, 620, 700, or 755 by default; it chooses the segments' definitions (E2EDP01005, 008 or 011)"`
	Dictionary string `yaml:"dictionary" doc:"CSV file with further segments for fields: segment, definition, parents, level, fields"`

	files func(name string) (io.ReadCloser, error)
	lists formats.Lists // once they are read
	first int64         // DOCNUM of the first order, 0: not given
}

// basicType is that of orders.
const basicType = "ORDERS05"

// Conditions are the condition types (KSCHL) of what is added to or taken off an order.
type Conditions struct {
	Shipping string `yaml:"shipping" doc:"KSCHL of shipping costs"`
	Discount string `yaml:"discount" doc:"KSCHL of discounts"`
	Tax      string `yaml:"tax" doc:"KSCHL of the order's tax; without one tax is left to the ERP"`
	Price    string `yaml:"price" doc:"KSCHL of a line's price; without one the price stands in E1EDP01 alone"`
}

var (
	_ formats.NumberedFormat = (*OrderOptions)(nil)
	_ formats.FileReader     = (*OrderOptions)(nil)
	_ formats.UnitLister     = (*OrderOptions)(nil)
)

// SetOpen implements formats.FileReader: it opens the dictionary.
func (o *OrderOptions) SetOpen(open func(name string) (io.ReadCloser, error)) { o.files = open }

// dictionary is the built-in one, with the user's file when there is one.
func (o *OrderOptions) dictionary() (*Dictionary, error) { return extended(o.Dictionary, o.files) }

// Unmapped implements formats.UnitLister.
func (o *OrderOptions) Unmapped(units []string) []string {
	if len(o.Units) == 0 {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(units), func(u string) bool { _, ok := o.Units[u]; return ok })
}

// Check reports options that make no sense.
func (o *OrderOptions) Check() error {
	all := append(o.check(), formats.AtKey("zeros", oneOf(o.Zeros, "", "pad", "keep")),
		formats.AtKey("release", oneOf(o.Release, append([]string{""}, releases...)...)))
	if _, err := o.dictionary(); err != nil {
		all = append(all, formats.AtKey("dictionary", err))
	} else if o.lists, err = formats.ReadLists(o.Lists, o.files); err != nil {
		all = append(all, err)
	} else if _, err := o.fills(); err != nil {
		all = append(all, formats.AtKey("fields", err))
	}
	return errors.Join(all...)
}

// Extension is the usual ending of a file's name.
func (o *OrderOptions) Extension() string {
	if o.form() == FormXML {
		return ".xml"
	}
	return ".idoc"
}

// Numbered implements formats.NumberedFormat.
func (o *OrderOptions) Numbered(first int64) formats.OrderFormat {
	c := *o
	c.first = first
	return &c
}

// maxNumber is the largest DOCNUM: sixteen digits.
const maxNumber = 9_999_999_999_999_999

// WriteOrders implements formats.OrderFormat.
func (o *OrderOptions) WriteOrders(w io.Writer, orders []*formats.Order) error {
	if o.first <= 0 || o.first+int64(len(orders))-1 > maxNumber {
		return errors.New("idoc: document numbers are needed, from 1 to sixteen digits (see Numbered)")
	}
	dict, err := o.dictionary()
	if err != nil {
		return err
	}
	out, err := o.writer(dict, dict.Release(basicType, o.Release))
	if err != nil {
		return err
	}
	fills, err := o.fills()
	if err != nil {
		return err
	}
	all := make([]*message, len(orders))
	for i, order := range orders {
		if all[i], err = o.message(order, o.first+int64(i)); err == nil {
			err = fillIn(all[i], fills, order)
		}
		if err != nil {
			return fmt.Errorf("order %s: %w", order.Identifier, err)
		}
		all[i].sort(out.structure)
		o.flag(order, all[i])
	}
	return writeAll(w, out, o.form(), basicType, o.Encoding, all)
}

// fillIn sets the fields of the option fields in an order's IDoc.
func fillIn(m *message, fills []fill, order *formats.Order) error {
	head := order.Columns()
	for i := range fills {
		f := &fills[i]
		if !f.line {
			if err := f.apply(m, m, func(column string) string { return head[column] }); err != nil {
				return err
			}
			continue
		}
		n := 0
		for _, item := range m.children {
			if item.typ != itemSegment {
				continue
			}
			line := order.Lines[n].Columns()
			n++
			err := f.apply(m, item, func(column string) string {
				if text, ok := line[column]; ok {
					return text
				}
				return head[column]
			})
			if err != nil {
				return fmt.Errorf("line %d: %w", order.Lines[n-1].Number, err)
			}
		}
	}
	return nil
}

// flag marks an order whose texts the encoding can't hold.
func (o *OrderOptions) flag(order *formats.Order, m *message) {
	enc, err := charset.NewEncoder(o.Encoding)
	if err != nil {
		return
	}
	var walk func(n *node)
	walk = func(n *node) {
		for _, f := range n.fields {
			enc.Text(f.text)
		}
		for _, c := range n.children {
			walk(c)
		}
	}
	walk(m)
	if enc.Replaced > 0 && !slices.Contains(order.Flags, "encoding") {
		order.Flags = append(order.Flags, "encoding")
	}
}

// message builds the IDoc of one order.
func (o *OrderOptions) message(order *formats.Order, number int64) (*message, error) {
	m := &message{typ: "EDI_DC40", fields: o.control(basicType, "ORDERS", number, order.Submitted)}
	if err := o.header(m, order); err != nil {
		return nil, err
	}
	o.conditions(m, order)
	if err := o.partners(m, order); err != nil {
		return nil, err
	}
	day := order.Submitted.In(o.zone()).Format("20060102")
	m.add("E1EDK02", pair{"QUALF", "001"}, pair{"BELNR", order.Identifier}, pair{"DATUM", day})
	o.text(m, "E1EDKT1", "E1EDKT2", o.TextID, order.Notes)
	for i := range order.Lines {
		if err := o.line(m, order, &order.Lines[i]); err != nil {
			return nil, fmt.Errorf("line %d: %w", order.Lines[i].Number, err)
		}
	}
	m.add("E1EDS01", pair{"SUMID", "001"}, pair{"SUMME", fmt.Sprint(len(order.Lines))})
	m.add("E1EDS01", pair{"SUMID", "002"}, pair{"SUMME", sapNumber(order.Subtotal)}, pair{"SUNIT", order.Currency})
	return m, nil
}

func (o *OrderOptions) header(m *message, order *formats.Order) error {
	term := ""
	if len(o.PaymentTerms) > 0 && order.PaymentTerm != "" {
		var ok bool
		if term, ok = o.PaymentTerms[order.PaymentTerm]; !ok {
			return fmt.Errorf("E1EDK01-ZTERM: payment term %q is not in format.payment_terms", order.PaymentTerm)
		}
	}
	m.add("E1EDK01", pair{"CURCY", order.Currency}, pair{"ZTERM", term}, pair{"BSART", o.DocumentType}, pair{"BELNR", order.Identifier})
	for _, org := range [...]pair{{"008", o.SalesOrg}, {"007", o.Channel}, {"006", o.Division}, {"012", o.OrderType}} {
		if org.text != "" {
			m.add("E1EDK14", pair{"QUALF", org.name}, pair{"ORGID", org.text})
		}
	}
	at := order.Submitted.In(o.zone())
	for _, qualifier := range [...]string{"012", "022"} {
		m.add("E1EDK03", pair{"IDDAT", qualifier}, pair{"DATUM", at.Format("20060102")}, pair{"UZEIT", at.Format("150405")})
	}
	if day := sapDate(order.ShipUntil); day != "" {
		m.add("E1EDK03", pair{"IDDAT", "002"}, pair{"DATUM", day})
	}
	return nil
}

// conditions writes what is added to or taken off the whole order.
func (o *OrderOptions) conditions(m *message, order *formats.Order) {
	add := func(sign, typ, name, amount string) {
		if strings.Trim(amount, "0.-") == "" {
			return
		}
		m.add("E1EDK05", pair{"ALCKZ", sign}, pair{"KSCHL", typ}, pair{"KOTXT", first(wrap(name, 80))},
			pair{"BETRG", strings.TrimPrefix(amount, "-")}, pair{"KOEIN", order.Currency})
	}
	add("+", o.Conditions.Shipping, "Shipping", order.Shipping)
	if len(order.Discounts) == 0 {
		add("-", o.Conditions.Discount, "Discount", order.Discount)
	}
	for _, d := range order.Discounts {
		add("-", o.Conditions.Discount, d.Name, d.Amount)
	}
	if o.Conditions.Tax != "" {
		add("+", o.Conditions.Tax, "Tax", order.Tax)
	}
}

// partners writes sold-to, ship-to and bill-to. The customer's own order number is the sold-to's reference.
func (o *OrderOptions) partners(m *message, order *formats.Order) error {
	number := order.Customer.ExternalID
	if number == "" {
		number = o.Guest
	}
	if number == "" {
		return fmt.Errorf("E1EDKA1-PARTN: customer %q has no number in the ERP (format.guest would be used)", order.Customer.Name)
	}
	number = o.padded(number, 10)
	sold := m.add("E1EDKA1", pair{"PARVW", "AG"}, pair{"PARTN", number}, pair{"IHREZ", order.PONumber})
	if utf8.RuneCountInString(order.User.Name) <= 35 { // who it was is not needed to deliver: a longer name is left out
		sold.fields = append(sold.fields, pair{"BNAME", order.User.Name})
	}
	if err := sold.spread("NAME", order.Customer.Name, "NAME1", "NAME2", "NAME3", "NAME4"); err != nil {
		return err
	}
	for _, p := range [...]struct {
		role string
		a    *formats.Address
	}{{"WE", &order.Ship}, {"RE", &order.Bill}} {
		if err := address(m.add("E1EDKA1", pair{"PARVW", p.role}, pair{"PARTN", number}), p.a); err != nil {
			return err
		}
	}
	return nil
}

func address(n *node, a *formats.Address) error {
	person := strings.TrimSpace(a.FirstName + " " + a.LastName)
	names := a.Organization
	if names == "" {
		names, person = person, ""
	}
	if err := n.spread("NAME", join(wrap(names, 35), wrap(person, 35)), "NAME1", "NAME2", "NAME3", "NAME4"); err != nil {
		return err
	}
	if err := n.spread("STRAS", join(wrap(a.Street, 35), wrap(a.Street2, 35)), "STRAS", "STRS2"); err != nil {
		return err
	}
	_, region, _ := strings.Cut(a.Region, "-")
	n.fields = append(n.fields, pair{"ORT01", a.City}, pair{"PSTLZ", a.PostalCode}, pair{"LAND1", a.Country}, pair{"TELF1", a.Phone},
		pair{"REGIO", region})
	return nil
}

// join puts wrapped texts together so that each line stays a line.
func join(lines ...[]string) string { return strings.Join(slices.Concat(lines...), "\n") }

// spread puts a text into several fields of 35 characters.
func (n *node) spread(what, text string, fields ...string) error {
	lines := wrap(text, 35)
	if len(lines) > len(fields) {
		return &FieldError{Segment: n.typ, Field: fields[0], Text: text, Length: 35 * len(fields)}
	}
	for i, l := range lines {
		if utf8.RuneCountInString(l) > 35 {
			return &FieldError{Segment: n.typ, Field: what, Text: l, Length: 35}
		}
		n.fields = append(n.fields, pair{fields[i], l})
	}
	return nil
}

// line writes an item.
func (o *OrderOptions) line(m *message, order *formats.Order, l *formats.OrderLine) error {
	unit := l.Unit
	if len(o.Units) > 0 {
		var ok bool
		if unit, ok = o.Units[l.Unit]; !ok {
			return fmt.Errorf("E1EDP01-MENEE: unit %q is not in format.units", l.Unit)
		}
	}
	currency := l.Currency
	if currency == "" {
		currency = order.Currency
	}
	parent := ""
	if l.KitParent > 0 {
		parent = fmt.Sprintf("%06d", l.KitParent)
	}
	p := m.add("E1EDP01", pair{"POSEX", fmt.Sprintf("%06d", l.Number)}, pair{"MENGE", sapNumber(l.Quantity)}, pair{"MENEE", unit},
		pair{"VPREI", sapNumber(l.Price)}, pair{"PEINH", "1"}, pair{"NETWR", sapNumber(l.RowTotal)}, pair{"CURCY", currency},
		pair{"UEPOS", parent})
	if o.Conditions.Price != "" {
		p.add("E1EDP05", pair{"ALCKZ", "+"}, pair{"KSCHL", o.Conditions.Price}, pair{"KRATE", sapNumber(l.Price)}, pair{"UPRBS", "1"},
			pair{"MEAUN", unit}, pair{"KOEIN", currency})
	}
	day := sapDate(l.ShipBy)
	if day == "" {
		day = sapDate(order.ShipUntil)
	}
	p.add("E1EDP20", pair{"WMENG", sapNumber(l.Quantity)}, pair{"EDATU", day})
	qualifier := o.MaterialQualifier
	if qualifier == "" {
		qualifier = "002"
	}
	name := wrap(l.Product, 70)
	p.add("E1EDP19", pair{"QUALF", qualifier}, pair{"IDTNR", o.material(qualifier, l.SKU)}, pair{"KTEXT", first(name)})
	notes := l.Notes
	if len(name) > 1 { // too long for its field: whole in the text
		notes = strings.TrimSpace(l.Product + "\n" + notes)
	}
	o.text(p, "E1EDPT1", "E1EDPT2", cmp.Or(o.LineTextID, o.TextID), notes)
	return nil
}

// text writes a text with its lines; nothing for an empty one.
func (o *OrderOptions) text(n *node, head, line, id, text string) {
	if strings.TrimSpace(text) == "" {
		return
	}
	id = cmp.Or(id, "0001")
	h := n.add(head, pair{"TDID", id}, pair{"TSSPRAS_ISO", o.TextLanguage})
	for paragraph := range strings.SplitSeq(strings.ReplaceAll(text, "\r\n", "\n"), "\n") {
		format := "*"
		for _, l := range wrap(paragraph, 70) {
			for part, begin := range chunks(l, 70) {
				if !begin {
					format = "="
				}
				h.add(line, pair{"TDLINE", part}, pair{"TDFORMAT", format})
				format = ""
			}
		}
	}
}

// material is a SKU as SAP writes it: its own numbers with leading zeros, the customer's and GTINs as they are.
func (o *OrderOptions) material(qualifier, sku string) string {
	if qualifier != "002" {
		return sku
	}
	return o.padded(sku, 18)
}

// padded puts leading zeros before a number that is all digits.
func (o *OrderOptions) padded(s string, length int) string {
	if o.Zeros == "keep" || s == "" || strings.Trim(s, "0123456789") != "" || len(s) >= length {
		return s
	}
	return strings.Repeat("0", length-len(s)) + s
}

// sapNumber puts the minus sign last.
func sapNumber(s string) string {
	if digits, ok := strings.CutPrefix(s, "-"); ok {
		return digits + "-"
	}
	return s
}

// sapDate turns YYYY-MM-DD into YYYYMMDD; empty for anything else.
func sapDate(s string) string {
	if len(s) != 10 {
		return ""
	}
	return strings.ReplaceAll(s, "-", "")
}

func first(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	return lines[0]
}

// wrap breaks a text into lines of at most length characters, at blanks. A word that is longer is a line of its own.
func wrap(text string, length int) []string {
	var lines []string
	for paragraph := range strings.SplitSeq(text, "\n") {
		line := ""
		for _, word := range strings.Fields(paragraph) {
			switch {
			case line == "":
				line = word
			case utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) <= length:
				line += " " + word
			default:
				lines = append(lines, line)
				line = word
			}
		}
		if line != "" {
			lines = append(lines, line)
		}
	}
	return lines
}

// chunks yields a line in parts of at most length characters; begin marks the first.
func chunks(line string, length int) func(yield func(part string, begin bool) bool) {
	return func(yield func(string, bool) bool) {
		for begin := true; line != ""; begin = false {
			n := runeOffset(line, length)
			if !yield(line[:n], begin) {
				return
			}
			line = line[n:]
		}
	}
}
