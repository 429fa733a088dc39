package idoc

import (
	"fmt"
	"slices"
	"strings"

	"github.com/orobridge/orobridge/formats"
)

// ORDRSP, DESADV and INVOIC → order_feedback. The order is found by the customer's order number, into which an outbound
// ORDERS puts the shop's own identifier (E1EDK02, E1EDP02 and E1EDL41 with qualifier 001), else by the ERP's own number,
// which an earlier answer told.
var feedbackRules = entityRule{
	columns: func(*Options) []string {
		return []string{"order", "erp_order_number", "status", "shipping_status", "tracking_number", "message",
			"line", "sku", "quantity", "confirmed", "date", "reason"}
	},
	scope: []string{"E1EDK01", "E1EDL24", "E1EDL20"},
	rules: map[string]rule{"ORDRSP": response, "ORDCHG": response, "DESADV": shipment, "DELVRY": shipment, "SHPCON": shipment,
		"WHSCON": shipment, "INVOIC": invoices},
	sources: map[string]string{"order": "E1EDK02-BELNR E1EDL41-BSTNR", "erp_order_number": "E1EDL24-VGBEL E1EDK02-BELNR",
		"tracking_number": "E1EDL20-BOLNR", "message": "E1EDP01-ABGRT",
		"line": "E1EDP01-POSEX", "sku": "E1EDP19-IDTNR", "quantity": "E1EDP01-MENGE", "confirmed": "E1EDP20-WMENG",
		"date": "E1EDP20-EDATU", "reason": "E1EDP01-ABGRU"},
}

// qualified finds a field of the first segment of a type whose qualifier has the value; absent says that there is none.
func (b *rowBuilder) qualified(below int, typ, qualifier, value, field string) (text string, at int) {
	for i := range b.d.Children(below, typ) {
		if b.value(i, qualifier) == value {
			return b.value(i, field), i
		}
	}
	return "", -1
}

// header begins the row of a message that stands for one order.
func header(r *reader, d *Document) *rowBuilder {
	at := d.First(-1, "E1EDK01")
	b := r.push(d, at)
	order, _ := b.qualified(-1, "E1EDK02", "QUALF", "001", "BELNR")
	b.set("order", order)
	if number, i := b.qualified(-1, "E1EDK02", "QUALF", "002", "BELNR"); i >= 0 && number != "" {
		b.set("erp_order_number", b.number(number))
	}
	b.raws(at)
	return b
}

// maxRemarks bounds the message that is put together of items.
const maxRemarks = 20

// answered is what an ORDRSP says of one item.
type answered struct {
	item                     int
	line, sku, quantity, day string
	confirmed                string // empty: not told
	refused                  bool
	reason                   string
}

// response reads ORDRSP (and ORDCHG): a row for the order, then one for each of its items. The order is refused when every
// item is, accepted in part when one is refused or confirmed with less than was ordered, accepted otherwise. An item is
// refused when it has a reason for rejection (ABGRU) or the action 003, deleted. Of items without a number, which get no row,
// the order's message tells.
func response(r *reader, d *Document) error {
	b := header(r, d)
	items := r.answers[:0]
	var remarks []string
	refused, less := 0, false
	for i := range d.Children(-1, "E1EDP01") {
		a := b.answer(i)
		items = append(items, a)
		remark := ""
		switch {
		case a.refused:
			refused++
			remark = strings.TrimSuffix("an item is refused: "+a.reason, ": ")
		case below(a.confirmed, a.quantity):
			less = true
			remark = fmt.Sprintf("of an item %s of %s are confirmed", a.confirmed, a.quantity)
		}
		if remark != "" && a.line == "" {
			remarks = append(remarks, remark)
		}
	}
	status := "accepted"
	switch {
	case len(items) > 0 && refused == len(items):
		status = "refused"
	case refused > 0 || less:
		status = "accepted_in_part"
	}
	if n := len(remarks); n > maxRemarks {
		remarks = append(remarks[:maxRemarks], fmt.Sprintf("%d more items are refused or confirmed in part", n-maxRemarks))
	}
	b.set("status", status)
	if len(remarks) > 0 {
		b.set("message", strings.Join(remarks, "; "))
	}
	if b.err != nil {
		return b.err
	}
	r.answers = items
	return r.lines(d, items)
}

// answer reads one item of an ORDRSP. What is confirmed is the sum of its schedule lines (E1EDP20), on the day of the last
// one that has a quantity.
func (b *rowBuilder) answer(item int) answered {
	a := answered{item: item, line: trimZeros(b.value(item, "POSEX")), quantity: b.value(item, "MENGE"), reason: b.value(item, "ABGRU")}
	if n, err := formats.CanonDecimal(a.quantity, formats.Conventions{}); err == nil {
		a.quantity = n
	}
	a.refused = a.reason != "" || b.value(item, "ACTION") == deleted
	if text := b.value(item, "ABGRT"); text != "" {
		a.reason = text
	}
	for _, qualifier := range [...]string{"002", "001", "003"} {
		if number, _ := b.qualified(item, "E1EDP19", "QUALF", qualifier, "IDTNR"); a.sku == "" && number != "" {
			a.sku = b.number(number)
		}
	}
	if a.sku == "" {
		a.sku = b.number(b.value(item, "MATNR"))
	}
	if a.refused {
		a.confirmed = "0"
		return a
	}
	for i := range b.d.Children(item, "E1EDP20") {
		n, err := formats.CanonDecimal(b.value(i, "WMENG"), formats.Conventions{})
		if err != nil {
			continue
		}
		a.confirmed = plus(a.confirmed, n)
		if day := b.value(i, "EDATU"); n != "0" && n[0] != '-' && strings.Trim(day, "0") != "" && day > a.day {
			a.day = day
		}
	}
	return a
}

// plus adds canonical numbers, of which the first may be none yet.
func plus(sum, n string) string {
	if sum == "" {
		return n
	}
	x, _ := formats.ParseAmount(sum, formats.Conventions{})
	y, _ := formats.ParseAmount(n, formats.Conventions{})
	return x.Add(y).String()
}

// below compares two quantities; one that is missing or no number is not compared.
func below(small, large string) bool {
	if small == large {
		return false
	}
	x, err1 := formats.ParseAmount(small, formats.Conventions{})
	y, err2 := formats.ParseAmount(large, formats.Conventions{})
	return err1 == nil && err2 == nil && x.Cmp(y) < 0
}

// lines adds the rows of an order's items, of which each has a number, behind that of the order.
func (r *reader) lines(d *Document, items []answered) error {
	for i := range items {
		a := &items[i]
		if a.line == "" {
			continue
		}
		b := r.push(d, a.item)
		order, _ := b.qualified(-1, "E1EDK02", "QUALF", "001", "BELNR")
		b.set("order", order)
		if number, _ := b.qualified(-1, "E1EDK02", "QUALF", "002", "BELNR"); order == "" && number != "" {
			b.set("erp_order_number", b.number(number))
		}
		for _, c := range [...]struct{ column, text string }{{"line", a.line}, {"sku", a.sku}, {"quantity", a.quantity},
			{"confirmed", a.confirmed}, {"date", a.day}, {"reason", a.reason}} {
			if c.text != "" {
				b.set(c.column, c.text)
			}
		}
		b.raws(a.item, d.First(-1, "E1EDK01"))
		if b.err != nil {
			return b.err
		}
	}
	return nil
}

// shipped collects what a delivery says of one order.
type shipped struct {
	order   string // the shop's, empty when it is not told
	number  string // SAP's
	item    int    // its first item
	partial bool
}

// shipment reads DESADV and its kin: one row for each order that the delivery has items of. An order is partially shipped
// when an item ships less than was ordered (LFIMG below ORMNG); that other items may still be due is not in the message.
// A delivery whose goods did not leave yet, and goods that come back, are no shipment: they are counted.
func shipment(r *reader, d *Document) error {
	for head := range d.Children(-1, "E1EDL20") {
		probe := &rowBuilder{r: r, d: d}
		if probe.returned(d.First(head, "E1EDL21"), "LFART") {
			r.count("return")
			continue
		}
		left, day, err := probe.left(head)
		if err != nil {
			return err
		}
		if !left {
			r.count("not_shipped_yet")
			continue
		}
		for _, s := range probe.deliveries(head) {
			b := r.push(d, s.item)
			b.set("order", s.order)
			if s.number != "" {
				b.set("erp_order_number", b.number(s.number))
			}
			state := "shipped"
			if s.partial {
				state = "partially_shipped"
			}
			b.set("shipping_status", state)
			b.tracking(head)
			message := "Delivery " + trimZeros(b.value(head, "VBELN"))
			if day != "" {
				message += " of " + day
			}
			b.set("message", message)
			b.raws(s.item, head)
			if b.err != nil {
				return b.err
			}
		}
		if probe.err != nil {
			return probe.err
		}
	}
	return nil
}

// defaultReturns are SAP's own delivery types and item categories of goods that a customer sends back.
var defaultReturns = []string{"LR", "LR2", "REN", "RENN"}

// returned says whether a field of a segment names a kind of goods that come back.
func (b *rowBuilder) returned(i int, field string) bool {
	kinds := b.r.f.ReturnKinds
	if kinds == nil {
		kinds = defaultReturns
	}
	kind := b.value(i, field)
	return kind != "" && slices.Contains(kinds, kind)
}

// left says whether a delivery's goods left, and on which day when that is told: by the actual date of the goods issue
// (E1EDT13 with qualifier 006), or by the feed's own condition.
func (b *rowBuilder) left(head int) (left bool, day string, err error) {
	for i := range b.d.Children(head, "E1EDT13") {
		if b.value(i, "QUALF") != "006" {
			continue
		}
		for _, field := range [...]string{"ISDD", "IEDD"} {
			if text := b.value(i, field); day == "" && len(text) == 8 && strings.Trim(text, "0") != "" {
				day = text[:4] + "-" + text[4:6] + "-" + text[6:]
			}
		}
	}
	if b.r.f.shipped == nil {
		return day != "", day, b.err
	}
	left, bad := b.holds(b.r.f.shipped, head)
	if bad != nil {
		bad.Pos, bad.Field = b.d.position(&b.d.Segments[head]), "shipping_status"
		b.r.reject(b.d, bad)
	}
	return left && bad == nil, day, b.err
}

// deliveries groups a delivery's items by order, in the order of their appearance.
func (b *rowBuilder) deliveries(head int) (orders []*shipped) {
	by := map[string]*shipped{}
	for i := range b.d.Children(head, "E1EDL24") {
		if b.returned(b.d.First(i, "E1EDL26"), "PSTYV") {
			b.r.count("return")
			continue
		}
		order, _ := b.qualified(i, "E1EDL41", "QUALI", "001", "BSTNR")
		number := b.value(i, "VGBEL")
		key := order
		if order == "" {
			key = " " + number
		}
		s := by[key]
		if s == nil {
			s = &shipped{order: order, number: number, item: i}
			by[key] = s
			orders = append(orders, s)
		}
		s.partial = s.partial || below(b.value(i, "LFIMG"), b.value(i, "ORMNG"))
	}
	return orders
}

// tracking takes the bill of lading, where tracking numbers usually stand, else the means of transport.
func (b *rowBuilder) tracking(head int) {
	number := b.value(head, "BOLNR")
	if number == "" {
		number = b.value(head, "TRAID")
	}
	if number != "" {
		b.set("tracking_number", number)
	}
}

// invoices reads INVOIC: one row for each order of its items (E1EDP02), or one for the order of its head. Bank data in the
// message is not read.
func invoices(r *reader, d *Document) error {
	probe := &rowBuilder{r: r, d: d}
	status, message := probe.invoice()
	var done []string
	for item := range d.Children(-1, "E1EDP01") {
		order, _ := probe.qualified(item, "E1EDP02", "QUALF", "001", "BELNR")
		number, _ := probe.qualified(item, "E1EDP02", "QUALF", "002", "BELNR")
		if key := order + "|" + number; order == "" && number == "" || slices.Contains(done, key) {
			continue
		} else {
			done = append(done, key)
		}
		b := r.push(d, item)
		b.set("order", order)
		if number != "" {
			b.set("erp_order_number", b.number(number))
		}
		b.set("status", status)
		b.set("message", message)
		b.raws(item, d.First(-1, "E1EDK01"))
		if b.err != nil {
			return b.err
		}
	}
	if probe.err != nil || len(done) > 0 || len(d.Segments) == 0 {
		return probe.err
	}
	b := header(r, d)
	b.set("status", status)
	b.set("message", message)
	return b.err
}

// invoice is what an invoice says as a whole.
func (b *rowBuilder) invoice() (status, message string) {
	head := b.d.First(-1, "E1EDK01")
	status, message = "invoiced", "Invoice"
	if b.value(head, "BSART") == "CRME" {
		status, message = "credited", "Credit memo"
	}
	if number, _ := b.qualified(-1, "E1EDK02", "QUALF", "009", "BELNR"); number != "" {
		message += " " + trimZeros(number)
	}
	if day, _ := b.qualified(-1, "E1EDK03", "IDDAT", "026", "DATUM"); len(day) == 8 && strings.Trim(day, "0") != "" {
		message += " of " + day[:4] + "-" + day[4:6] + "-" + day[6:]
	}
	if sum, i := b.qualified(-1, "E1EDS01", "SUMID", "011", "SUMME"); sum != "" {
		currency := ""
		for _, place := range [...]struct {
			at    int
			field string
		}{{i, "SUNIT"}, {i, "WAERQ"}, {head, "CURCY"}} {
			if currency == "" {
				currency = b.value(place.at, place.field)
			}
		}
		message += ": " + strings.TrimSpace(strings.TrimSpace(sum)+" "+currency)
	}
	return status, message
}
