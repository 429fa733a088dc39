package idoc

import (
	"fmt"
	"strings"

	"github.com/orobridge/orobridge/formats"
)

// ORDRSP, DESADV and INVOIC → order_feedback. The order is found by the customer's order number, into which an outbound
// ORDERS puts the shop's own identifier (E1EDK02 and E1EDL41 with qualifier 001).
var feedbackRules = entityRule{
	columns: func(*Options) []string {
		return []string{"order", "erp_order_number", "status", "shipping_status", "tracking_number", "message"}
	},
	scope: []string{"E1EDK01", "E1EDL24", "E1EDL20"},
	rules: map[string]rule{"ORDRSP": response, "DESADV": shipment, "INVOIC": invoice},
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

// response reads ORDRSP: the order is refused when every item is, accepted otherwise. An item is refused when it has a
// reason for rejection (ABGRU) or the action 003, deleted.
func response(r *reader, d *Document) error {
	b := header(r, d)
	items, refused := 0, 0
	var remarks []string
	for i := range d.Children(-1, "E1EDP01") {
		items++
		reason := b.value(i, "ABGRU")
		if reason == "" && b.value(i, "ACTION") != deleted {
			continue
		}
		refused++
		if text := b.value(i, "ABGRT"); text != "" {
			reason = text
		}
		remark := "line " + trimZeros(b.value(i, "POSEX")) + " refused"
		if reason != "" {
			remark += ": " + reason
		}
		remarks = append(remarks, remark)
	}
	status := "accepted"
	if items > 0 && refused == items {
		status = "refused"
	}
	if n := len(remarks); n > maxRemarks {
		remarks = append(remarks[:maxRemarks], fmt.Sprintf("%d more lines refused", n-maxRemarks))
	}
	b.set("status", status)
	if len(remarks) > 0 {
		b.set("message", strings.Join(remarks, "; "))
	}
	return b.err
}

// shipped collects what a delivery says of one order.
type shipped struct {
	number  string // SAP's order
	item    int    // its first item
	partial bool
}

// shipment reads DESADV: one row for each order that the delivery has items of. It is partial when an item ships less
// than was ordered (LFIMG below ORMNG); that other items of the order may still be due is not in the message.
func shipment(r *reader, d *Document) error {
	for head := range d.Children(-1, "E1EDL20") {
		probe := &rowBuilder{r: r, d: d}
		orders, by := probe.deliveries(head)
		if probe.err != nil {
			return probe.err
		}
		for _, name := range orders {
			s := by[name]
			b := r.push(d, s.item)
			b.set("order", name)
			if s.number != "" {
				b.set("erp_order_number", b.number(s.number))
			}
			state := "shipped"
			if s.partial {
				state = "partially_shipped"
			}
			b.set("shipping_status", state)
			b.tracking(head)
			b.set("message", "Delivery "+trimZeros(b.value(head, "VBELN")))
			b.raws(s.item, head)
			if b.err != nil {
				return b.err
			}
		}
	}
	return nil
}

// deliveries groups a delivery's items by order, in the order of their appearance.
func (b *rowBuilder) deliveries(head int) (orders []string, by map[string]*shipped) {
	by = map[string]*shipped{}
	for i := range b.d.Children(head, "E1EDL24") {
		name, _ := b.qualified(i, "E1EDL41", "QUALI", "001", "BSTNR")
		s := by[name]
		if s == nil {
			s = &shipped{item: i}
			by[name] = s
			orders = append(orders, name)
		}
		if s.number == "" {
			s.number = b.value(i, "VGBEL")
		}
		s.partial = s.partial || b.less(i, "LFIMG", "ORMNG")
	}
	if len(orders) == 0 { // without items there is no order: the row is rejected for its empty key
		by[""] = &shipped{item: head}
		orders = append(orders, "")
	}
	return orders, by
}

// less compares two quantities; one that is missing or no number is not compared.
func (b *rowBuilder) less(i int, small, large string) bool {
	x, err1 := formats.ParseAmount(b.value(i, small), formats.Conventions{})
	y, err2 := formats.ParseAmount(b.value(i, large), formats.Conventions{})
	return err1 == nil && err2 == nil && x.Cmp(y) < 0
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

// invoice reads INVOIC. Bank data in the message is not read.
func invoice(r *reader, d *Document) error {
	b := header(r, d)
	kind := b.value(d.First(-1, "E1EDK01"), "BSART")
	status, word := "invoiced", "Invoice"
	if kind == "CRME" {
		status, word = "credited", "Credit memo"
	}
	number, _ := b.qualified(-1, "E1EDK02", "QUALF", "009", "BELNR")
	message := word
	if number != "" {
		message += " " + trimZeros(number)
	}
	if day, _ := b.qualified(-1, "E1EDK03", "IDDAT", "026", "DATUM"); len(day) == 8 && strings.Trim(day, "0") != "" {
		message += " of " + day[:4] + "-" + day[4:6] + "-" + day[6:]
	}
	if sum, i := b.qualified(-1, "E1EDS01", "SUMID", "011", "SUMME"); sum != "" {
		currency := b.value(i, "WAERQ")
		if currency == "" {
			currency = b.value(d.First(-1, "E1EDK01"), "CURCY")
		}
		message += ": " + strings.TrimSpace(sum+" "+currency)
	}
	b.set("status", status)
	b.set("message", message)
	return b.err
}
