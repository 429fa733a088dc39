package csv

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/gocarina/gocsv"

	"github.com/orobridge/orobridge/formats"
	"github.com/orobridge/orobridge/formats/internal/charset"
)

// OrderOptions describe the files of outbound orders. The zero value writes canonical CSV: UTF-8, commas, a decimal
// point, one header, one row per line item.
//
// A character that the encoding lacks is written as its plain Latin form or "?" in texts; in the order's number, the
// customer's number, a SKU or a unit it is an error, because the ERP looks those up.
type OrderOptions struct {
	Delimiter string `yaml:"delimiter" doc:"one character, or tab; a comma by default"`
	Encoding  string `yaml:"encoding" doc:"utf-8 by default"`
	Decimal   string `yaml:"decimal" doc:"decimal sign, . by default"`
	Header    string `yaml:"header" doc:"true by default, or none"`
	Layout    string `yaml:"layout" doc:"lines by default: one row per line item; header_lines: a row H per order and a row L per line item"`
	CRLF      bool   `yaml:"crlf" doc:"end lines with CR LF"`
	BOM       bool   `yaml:"bom" doc:"begin with a byte order mark, as spreadsheets like it"`
	Formulas  string `yaml:"formulas" doc:"keep by default, or neutralise: a ' before what a spreadsheet would compute"`
}

var _ formats.OrderFormat = (*OrderOptions)(nil)

// Check reports options that make no sense, all of them at once, as OptionErrors.
func (o *OrderOptions) Check() error {
	_, problem := newDialect(o.Delimiter, "")
	return errors.Join(problem, formats.AtKey("encoding", charset.Check(o.Encoding)),
		oneOf("decimal", o.Decimal, "", ".", ","),
		oneOf("header", strings.ToLower(o.Header), "", "true", "yes", "none", "false", "no"),
		oneOf("layout", o.Layout, "", "lines", "header_lines"),
		oneOf("formulas", o.Formulas, "", "keep", "neutralise"))
}

func oneOf(key, value string, allowed ...string) error {
	for _, a := range allowed {
		if a == value {
			return nil
		}
	}
	return formats.AtKey(key, fmt.Errorf("%q is none of %s", value, strings.Join(allowed[1:], ", ")))
}

// Extension is ".csv".
func (o *OrderOptions) Extension() string { return ".csv" }

// OrderHead is the columns of a whole order.
type OrderHead struct {
	Submitted        string `csv:"submitted"`
	Order            string `csv:"order"`
	PONumber         string `csv:"po_number"`
	CustomerNumber   string `csv:"customer_number"`
	Customer         string `csv:"customer"`
	Email            string `csv:"email"`
	Currency         string `csv:"currency"`
	Subtotal         string `csv:"subtotal"`
	Discount         string `csv:"discount"`
	Shipping         string `csv:"shipping"`
	Tax              string `csv:"tax"`
	Total            string `csv:"total"`
	PaymentTerm      string `csv:"payment_term"`
	PaymentMethod    string `csv:"payment_method"`
	ShippingMethod   string `csv:"shipping_method"`
	ShipUntil        string `csv:"ship_until"`
	Notes            string `csv:"notes"`
	BillLabel        string `csv:"bill_label"`
	BillOrganization string `csv:"bill_organization"`
	BillFirstName    string `csv:"bill_first_name"`
	BillLastName     string `csv:"bill_last_name"`
	BillStreet       string `csv:"bill_street"`
	BillStreet2      string `csv:"bill_street2"`
	BillCity         string `csv:"bill_city"`
	BillPostalCode   string `csv:"bill_postal_code"`
	BillRegion       string `csv:"bill_region"`
	BillCountry      string `csv:"bill_country"`
	BillPhone        string `csv:"bill_phone"`
	ShipLabel        string `csv:"ship_label"`
	ShipOrganization string `csv:"ship_organization"`
	ShipFirstName    string `csv:"ship_first_name"`
	ShipLastName     string `csv:"ship_last_name"`
	ShipStreet       string `csv:"ship_street"`
	ShipStreet2      string `csv:"ship_street2"`
	ShipCity         string `csv:"ship_city"`
	ShipPostalCode   string `csv:"ship_postal_code"`
	ShipRegion       string `csv:"ship_region"`
	ShipCountry      string `csv:"ship_country"`
	ShipPhone        string `csv:"ship_phone"`
	InternalStatus   string `csv:"internal_status"` // open, cancelled, …
	Version          string `csv:"version"`         // 1; 2 and more for an order that changed after it was written
}

// OrderItem is the columns of a line item. KitParent is the line of the kit that this one is a part of: its price is in
// the kit's already.
type OrderItem struct {
	Line      string `csv:"line"`
	SKU       string `csv:"sku"`
	Product   string `csv:"product"`
	Quantity  string `csv:"quantity"`
	Unit      string `csv:"unit"`
	Price     string `csv:"price"`
	RowTotal  string `csv:"row_total"`
	LineNotes string `csv:"line_notes"`
	KitParent string `csv:"kit_parent"`
}

// The rows of the layouts.
type (
	orderRow struct {
		OrderHead
		OrderItem
	}
	headRow struct {
		Record string `csv:"record"` // H
		OrderHead
	}
	itemRow struct {
		Record string `csv:"record"` // L
		Order  string `csv:"order"`
		OrderItem
	}
)

// WriteOrders writes a file that holds the orders. An order without line items has one row (layout lines), whose columns
// of the line item are empty.
func (o *OrderOptions) WriteOrders(w io.Writer, orders []*formats.Order) error {
	d, err := newDialect(o.Delimiter, "")
	if err != nil {
		return err
	}
	out, err := newWriter(w, d, o.Encoding, o.CRLF)
	if err != nil {
		return err
	}
	if o.BOM && !strings.EqualFold(o.Encoding, "utf-16") {
		if err := out.put([]byte("\ufeff")); err != nil {
			return err
		}
	}
	for _, order := range orders {
		if err := checkNames(order, out.encoder, o.Encoding); err != nil {
			return err
		}
	}
	if o.Layout == "header_lines" {
		return o.writeHeadersAndLines(out, orders)
	}
	return o.writeLines(out, orders)
}

func (o *OrderOptions) writeLines(out *writer, orders []*formats.Order) error {
	rows := []orderRow{}
	for _, order := range orders {
		head := o.head(order)
		for i := range order.Lines {
			rows = append(rows, orderRow{head, o.item(&order.Lines[i])})
		}
		if len(order.Lines) == 0 {
			rows = append(rows, orderRow{OrderHead: head})
		}
	}
	if o.hasHeader() {
		return gocsv.MarshalCSV(rows, out)
	}
	return gocsv.MarshalCSVWithoutHeaders(rows, out)
}

// writeHeadersAndLines begins with the names of both kinds of rows, "#H" and "#L" in place of H and L.
func (o *OrderOptions) writeHeadersAndLines(out *writer, orders []*formats.Order) error {
	if o.hasHeader() {
		if err := gocsv.MarshalCSV([]headRow{}, named{out, "#H"}); err != nil {
			return err
		}
		if err := gocsv.MarshalCSV([]itemRow{}, named{out, "#L"}); err != nil {
			return err
		}
	}
	for _, order := range orders {
		head := headRow{Record: "H", OrderHead: o.head(order)}
		if err := gocsv.MarshalCSVWithoutHeaders([]headRow{head}, out); err != nil {
			return err
		}
		items := []itemRow{}
		for i := range order.Lines {
			items = append(items, itemRow{"L", head.Order, o.item(&order.Lines[i])})
		}
		if err := gocsv.MarshalCSVWithoutHeaders(items, out); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

// named writes a header whose first name is the mark of its kind of rows.
type named struct {
	*writer
	mark string
}

func (n named) Write(cells []string) error {
	return n.writer.Write(append([]string{n.mark}, cells[1:]...))
}

func (o *OrderOptions) hasHeader() bool {
	switch strings.ToLower(o.Header) {
	case "none", "false", "no":
		return false
	}
	return true
}

func (o *OrderOptions) head(order *formats.Order) OrderHead {
	text, number := o.text, o.number
	bill, ship := &order.Bill, &order.Ship
	h := OrderHead{
		Order: text(order.Identifier), PONumber: text(order.PONumber),
		CustomerNumber: text(order.Customer.ExternalID), Customer: text(order.Customer.Name), Email: text(order.User.Email),
		Currency: text(order.Currency), Subtotal: number(order.Subtotal), Discount: number(order.Discount),
		Shipping: number(order.Shipping), Tax: number(order.Tax), Total: number(order.Total),
		PaymentTerm: text(order.PaymentTerm), PaymentMethod: text(order.PaymentMethod),
		ShippingMethod: text(order.ShippingMethod), ShipUntil: text(order.ShipUntil), Notes: text(order.Notes),
		BillLabel: text(bill.Label), BillOrganization: text(bill.Organization), BillFirstName: text(bill.FirstName),
		BillLastName: text(bill.LastName), BillStreet: text(bill.Street), BillStreet2: text(bill.Street2),
		BillCity: text(bill.City), BillPostalCode: text(bill.PostalCode), BillRegion: text(bill.Region),
		BillCountry: text(bill.Country), BillPhone: text(bill.Phone),
		ShipLabel: text(ship.Label), ShipOrganization: text(ship.Organization), ShipFirstName: text(ship.FirstName),
		ShipLastName: text(ship.LastName), ShipStreet: text(ship.Street), ShipStreet2: text(ship.Street2),
		ShipCity: text(ship.City), ShipPostalCode: text(ship.PostalCode), ShipRegion: text(ship.Region),
		ShipCountry: text(ship.Country), ShipPhone: text(ship.Phone),
		InternalStatus: text(order.InternalStatus), Version: fmt.Sprint(max(order.Version, 1)),
	}
	if !order.Submitted.IsZero() {
		h.Submitted = order.Submitted.UTC().Format(time.RFC3339)
	}
	return h
}

func (o *OrderOptions) item(line *formats.OrderLine) OrderItem {
	item := OrderItem{
		Line: fmt.Sprint(line.Number), SKU: o.text(line.SKU), Product: o.text(line.Product),
		Quantity: o.number(line.Quantity), Unit: o.text(line.Unit), Price: o.number(line.Price),
		RowTotal: o.number(line.RowTotal), LineNotes: o.text(line.Notes),
	}
	if line.KitParent > 0 {
		item.KitParent = fmt.Sprint(line.KitParent)
	}
	return item
}

// text is a cell of text: what a spreadsheet would take for a formula gets a leading ' if asked.
func (o *OrderOptions) text(s string) string {
	if o.Formulas == "neutralise" {
		return formats.Inert(s)
	}
	return s
}

// number is a cell that holds a canonical decimal. What is no number is treated as text.
func (o *OrderOptions) number(s string) string {
	if _, err := formats.CanonDecimal(s, formats.Conventions{}); err != nil {
		return o.text(s)
	}
	if o.Decimal == "," {
		return strings.Replace(s, ".", ",", 1)
	}
	return s
}

// checkNames refuses an order whose names of things can't be written in the encoding.
func checkNames(order *formats.Order, encoder *charset.Encoder, encoding string) error {
	check := func(column, name string) error {
		if encoder.Text(name) == name {
			return nil
		}
		return &formats.FileError{Column: column, Message: fmt.Sprintf("%q of order %s can't be written in %s", name, order.Identifier, encoding),
			Hint: "set the export's format.encoding to utf-8"}
	}
	err := errors.Join(check("order", order.Identifier), check("customer_number", order.Customer.ExternalID))
	for _, line := range order.Lines {
		err = errors.Join(err, check("sku", line.SKU), check("unit", line.Unit))
	}
	return err
}
