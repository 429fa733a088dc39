package orotest

import (
	"cmp"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/shopspring/decimal"
)

// view says how records are to be written into an answer.
type view struct {
	shop   *Shop
	base   string // address of the API; "" leaves the links out
	extID  bool
	fields map[string]map[string]bool // fields to write by resource; none is all
	titles bool                       // meta.title
	linked bool                       // links have links of their own
	failed bool                       // something could not be answered
}

func (v *view) wants(t *table, name string) bool { return v.wantsOf(t.name, name) }

func (v *view) wantsOf(resource, name string) bool {
	chosen, ok := v.fields[resource]
	return !ok || chosen[name]
}

// id is the id of a record as this view writes it.
func (v *view) id(t *table, n int32) string {
	if v.extID && v.shop.byExtID(t) {
		if r := t.get(n); r != nil {
			return decodeText(r.attrs[t.byName[t.extKey].slot])
		}
	}
	return t.id(n)
}

// record appends a resource object. Tag is an entry of its meta, with the value beside it.
func (v *view) record(b []byte, t *table, r *record, tag, value string) []byte {
	id := v.id(t, r.serial)
	b = append(b, `{"type":"`...)
	b = append(b, t.name...)
	b = append(b, `","id":`...)
	b = append(b, encode(id)...)
	self := ""
	if v.base != "" {
		self = v.base + t.name + "/" + id
		b = append(b, `,"links":{"self":"`+self+`"}`...)
	}
	b = v.attributes(b, t, r)
	b = v.relations(b, t, r, self)
	if v.titles {
		title, ok := t.called(r)
		tag, value, v.failed = "title", title, v.failed || !ok
	}
	if tag != "" {
		b = append(b, `,"meta":{"`+tag+`":`+encode(value)+`}`...)
	}
	return append(b, '}')
}

// called is what people call a record; not ok when it has two names.
func (t *table) called(r *record) (string, bool) {
	names := t.title
	if names == nil {
		names = t.business
	}
	var parts []string
	for _, name := range names {
		f := t.byName[name]
		switch {
		case f == nil:
		case !f.kind.relation():
			if part := decodeText(r.attrs[f.slot]); part != "" {
				parts = append(parts, part)
			}
		case f.target.byName["localization"] != nil:
			l := t.defaultTexts(r, f)
			if len(l) > 1 {
				return "", false
			}
			parts = append(parts, l...)
		}
	}
	return strings.Join(parts, " "), true
}

// defaultTexts are the texts of a relation that have no localization.
func (t *table) defaultTexts(r *record, f *field) []string {
	var l []string
	for _, n := range t.related(r, f) {
		text := f.target.get(n)
		if text != nil && text.ones[f.target.byName["localization"].slot] == 0 {
			l = append(l, decodeText(text.attrs[0]))
		}
	}
	return l
}

func (v *view) attributes(b []byte, t *table, r *record) []byte {
	first := true
	put := func(name, value string) {
		if first {
			b = append(b, `,"attributes":{`...)
		} else {
			b = append(b, ',')
		}
		first = false
		if value == "" {
			value = "null"
		}
		b = append(b, '"')
		b = append(b, name...)
		b = append(b, `":`...)
		b = append(b, value...)
	}
	ext := v.extID && v.shop.byExtID(t)
	if ext && v.wants(t, "dbId") {
		put("dbId", strconv.Itoa(int(r.serial)))
	}
	for i := range t.fields {
		f := &t.fields[i]
		if f.kind.relation() || f.hidden || ext && f.name == t.extKey || !v.wants(t, f.name) {
			continue
		}
		value := r.attrs[f.slot]
		if f.kind == wysiwyg {
			value = rendered(value)
		}
		put(f.name, value)
	}
	if !first {
		b = append(b, '}')
	}
	return b
}

// rendered adds to a WYSIWYG value what the shop's editor would make of it.
func rendered(value string) string {
	var w struct {
		Value      *string `json:"value"`
		Style      any     `json:"style"`
		Properties any     `json:"properties"`
		Rendered   *string `json:"valueRendered"`
	}
	if value == "" || json.Unmarshal([]byte(value), &w) != nil {
		return value
	}
	w.Rendered = w.Value
	if style, ok := w.Style.(string); ok && style != "" && w.Value != nil {
		styled := `<style type="text/css">` + style + `</style>` + *w.Value
		w.Rendered = &styled
	}
	return encode(w)
}

func (v *view) relations(b []byte, t *table, r *record, self string) []byte {
	first := true
	for i := range t.fields {
		f := &t.fields[i]
		if !f.kind.relation() || !v.wants(t, f.name) {
			continue
		}
		if first {
			b = append(b, `,"relationships":{"`...)
		} else {
			b = append(b, `,"`...)
		}
		first = false
		b = append(b, f.name...)
		b = append(b, `":{`...)
		if self != "" && !f.bare {
			b = append(b, `"links":{"self":"`...)
			b = append(b, self...)
			b = append(b, `/relationships/`...)
			b = append(b, f.name...)
			b = append(b, `","related":"`...)
			b = append(b, self...)
			b = append(b, '/')
			b = append(b, f.name...)
			b = append(b, `"},`...)
		}
		b = append(b, `"data":`...)
		b = v.linkage(b, t, r, f)
		b = append(b, '}')
	}
	if !first {
		b = append(b, '}')
	}
	return b
}

func (v *view) linkage(b []byte, t *table, r *record, f *field) []byte {
	link := func(name, id string) {
		b = append(b, `{"type":"`...)
		b = append(b, name...)
		b = append(b, `","id":`...)
		b = append(b, encode(id)...)
		if v.linked && v.base != "" {
			b = append(b, `,"links":{"self":"`+v.base+name+"/"+id+`"}`...)
		}
		b = append(b, '}')
	}
	hidden := f.kind != computed && !v.shop.sees(f.target)
	if f.kind == one {
		if n := r.ones[f.slot]; n != 0 && !hidden {
			link(f.target.name, v.id(f.target, n))
			return b
		}
		return append(b, "null"...)
	}
	b = append(b, '[')
	if hidden {
		return append(b, ']')
	}
	if f.kind == computed {
		for i, s := range v.subtotals(t, r) {
			if i > 0 {
				b = append(b, ',')
			}
			link(f.to, s.id)
		}
		return append(b, ']')
	}
	for i, n := range t.related(r, f) {
		if i > 0 {
			b = append(b, ',')
		}
		link(f.target.name, v.id(f.target, n))
	}
	return append(b, ']')
}

// includes is a tree of relations to answer along.
type includes map[string]includes

func (in includes) add(path string) {
	name, rest, deeper := strings.Cut(path, ".")
	if in[name] == nil {
		in[name] = make(includes)
	}
	if deeper {
		in[name].add(rest)
	}
}

// inclusion collects the records that an answer includes: depth first, each once, in the order of the fields.
type inclusion struct {
	*view
	seen map[place]bool
	body []byte
}

func (in *inclusion) collect(t *table, r *record, tree includes) {
	for i := range t.fields {
		f := &t.fields[i]
		below, ok := tree[f.name]
		if !ok || !f.kind.relation() || !in.wants(t, f.name) || f.kind != computed && !in.shop.sees(f.target) {
			continue
		}
		if f.kind == computed {
			for _, s := range in.subtotals(t, r) {
				in.separate()
				in.body = append(in.body, s.body...)
			}
			continue
		}
		for _, n := range t.related(r, f) {
			child := f.target.get(n)
			if child == nil {
				continue
			}
			in.collect(f.target, child, below)
			if p := (place{f.target, n}); !in.seen[p] && in.shows(f.target) {
				in.seen[p] = true
				in.separate()
				in.body = in.record(in.body, f.target, child, "", "")
			}
		}
	}
}

// shows reports whether anything but the id of a resource is wanted: bare ids are not included.
func (v *view) shows(t *table) bool {
	chosen, ok := v.fields[t.name]
	if !ok {
		return true
	}
	keyed := v.extID && v.shop.byExtID(t)
	for name := range chosen {
		if f := t.byName[name]; f != nil && !f.hidden && !(keyed && name == t.extKey) || keyed && name == "dbId" {
			return true
		}
	}
	return false
}

func (in *inclusion) separate() {
	if len(in.body) > 0 {
		in.body = append(in.body, ',')
	}
}

// subtotal is a record that the shop works out from an order.
type subtotal struct{ id, body string }

// subtotals are the parts of an order's total, in the order of the storefront's summary.
func (v *view) subtotals(t *table, order *record) []subtotal {
	e := &entity{draft: v.shop.draft(false), table: t, record: order}
	currency := order.attrs[t.byName["currency"].slot]
	var l []subtotal
	add := func(kind, label string, value decimal.Decimal, minus bool, currency, data string) {
		signed := value
		if minus {
			signed = value.Neg()
		}
		id := t.id(order.serial) + "-" + kind + "-" + strconv.Itoa(len(l))
		body := `{"type":"ordersubtotals","id":"` + id + `"`
		section := func(name string, members ...string) { // names and values in turn
			first := true
			for i := 0; i < len(members); i += 2 {
				if !v.wantsOf("ordersubtotals", members[i]) {
					continue
				}
				if first {
					body += `,"` + name + `":{`
				} else {
					body += ","
				}
				first = false
				body += `"` + members[i] + `":` + members[i+1]
			}
			if !first {
				body += "}"
			}
		}
		section("attributes", "orderSubtotalType", `"`+kind+`"`, "label", encode(label), "amount", asMoney(value),
			"signedAmount", asMoney(signed), "currency", cmp.Or(currency, "null"), "visible",
			strconv.FormatBool(kind == "subtotal" || !value.IsZero()), "data", data)
		section("relationships", "order", `{"data":{"type":"orders","id":"`+t.id(order.serial)+`"}}`, "priceList", `{"data":null}`)
		l = append(l, subtotal{id, body + "}"})
	}
	lines := e.members("lineItems")
	add("subtotal", "Subtotal", decimalOf(e.raw("subtotalValue")), false, currency, "[]")
	for _, d := range e.members("discounts") {
		add("discount", d.text("description")+" (Discount)", decimalOf(d.raw("amount")), true, currency, "[]")
	}
	add("discount", "Discount", decimal.Zero, true, currency, "[]")
	add("shipping_cost", "Shipping", shippingCost(e), false, currency, "[]")
	add("discount", "Shipping Discount", decimal.Zero, true, currency, "[]")
	taxes := taxData(e, lines, currency)
	add("tax", "Subtotal Tax", decimal.Zero, false, currency, `{`+taxes+`,"items":[`+taxItems(e, lines, currency)+`]}`)
	add("tax", "Shipping Tax", decimal.Zero, false, "null", `{`+taxes+`}`)
	add("tax", "Tax", decimal.Zero, false, currency, `{`+taxes+`}`)
	return l
}

// taxResult is one amount of the tax calculation; the sample rules tax nothing.
func taxResult(name string, value decimal.Decimal, currency string) string {
	v := value.String()
	return `"` + name + `":{"includingTax":"` + v + `","excludingTax":"` + v +
		`","taxAmount":"0","adjustment":"0","currency":` + currency + `}`
}

func taxData(order *entity, lines []*entity, currency string) string {
	total := decimal.Zero
	if taxed(order) {
		for _, line := range lines {
			total = total.Add(taxRow(line))
		}
	}
	return taxResult("items_total", total, currency) + "," + taxResult("total", total, currency) + `,"taxes":[]`
}

func taxItems(order *entity, lines []*entity, currency string) string {
	var items []string
	for _, line := range lines {
		if taxed(order) {
			items = append(items, `{`+taxResult("unit", decimalOf(line.raw("value")).Round(2), line.raw("currency"))+`,`+
				taxResult("row", taxRow(line), line.raw("currency"))+`,"taxes":[]}`)
			continue
		}
		items = append(items, `{`+taxResult("items_total", decimal.Zero, currency)+`,`+
			taxResult("total", decimal.Zero, currency)+`,"taxes":[]}`)
	}
	return strings.Join(items, ",")
}

// subtotalsOf answers the list of an order's subtotals: they are worked out, and found by their order alone.
func (c *call) subtotalsOf() {
	s := c.shop
	s.mu.RLock()
	defer s.mu.RUnlock()
	orders := s.tables["orders"]
	q := s.parseQuery(s.tables["ordersubtotals"], forList, c.query, c.extID)
	switch {
	case len(q.problems) > 0:
		c.fail(q.problems...)
		return
	case len(q.filters) == 0:
		c.fail(problem{status: 400, title: "filter constraint", detail: `The "order" filter is required.`})
		return
	case !s.sees(orders):
		c.forbidden(noAccess)
		return
	}
	var l []string
	for _, n := range q.filters[0].serials {
		if order := orders.get(n); order != nil {
			for _, sub := range c.view(q).subtotals(orders, order) {
				l = append(l, sub.body)
			}
		}
	}
	b := `{"data":[` + strings.Join(l, ",") + `]`
	if !c.asks["noHateoas"] {
		b += `,"links":` + c.links("ordersubtotals", false, 1)
	}
	c.answer.body = []byte(b + "}")
}
