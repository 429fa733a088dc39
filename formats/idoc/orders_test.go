package idoc

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orobridge/orobridge/formats"
)

func order() *formats.Order {
	return &formats.Order{
		ID: "42", Identifier: "2026-00042", Submitted: time.Date(2026, 11, 20, 23, 30, 0, 0, time.UTC), PONumber: "PO/77",
		Customer: formats.Party{ExternalID: "4711", Name: "Möbelhaus Ähre & Söhne Einkaufsgemeinschaft Nord"}, User: formats.Party{Name: "Ina Beispiel"},
		Currency: "EUR", Subtotal: "61.725", Discount: "-5", Shipping: "4.90", PaymentTerm: "net 30", ShipUntil: "2026-12-01",
		Notes: "Please ring twice.\nThe gate in the yard is closed after six in the evening; the porter next door has the key “always”.",
		Bill:  formats.Address{Organization: "Möbelhaus Ähre & Söhne", Street: "Domstraße 1", City: "Köln", PostalCode: "50667", Country: "DE", Region: "DE-NW"},
		Ship:  formats.Address{FirstName: "Ina", LastName: "Beispiel", Street: "1 Sample Ave", Street2: "Dock 4", City: "Albany", PostalCode: "12207", Country: "US", Region: "US-NY", Phone: "555-0100"},
		Lines: []formats.OrderLine{
			{Number: 1, SKU: "12345", Product: "Office chair green", Quantity: "5", Unit: "item", Price: "12.345", RowTotal: "61.725", Notes: strings.Repeat("x", 150)},
			{Number: 2, SKU: "AB-100/X", Product: strings.Repeat("A long name ", 8), Quantity: "1", Unit: "set", Price: "0", RowTotal: "0", ShipBy: "2026-12-24", KitParent: 1},
		},
		Discounts: []formats.NamedAmount{{Name: "Autumn", Amount: "-5"}},
	}
}

func encoder() *OrderOptions {
	o := &OrderOptions{Envelope: Envelope{Client: "100", Zone: "Europe/Berlin",
		Sender: Partner{Port: "OROBRIDGE", Number: "SHOP"}, Receiver: Partner{Port: "SAPERP", Number: "ERPCLNT100"}},
		SalesOrg: "1000", Channel: "10", Division: "00", OrderType: "TA", Units: map[string]string{"item": "ST", "set": "KAR"},
		PaymentTerms: map[string]string{"net 30": "0002"}, TextLanguage: "EN"}
	o.Conditions.Shipping, o.Conditions.Discount, o.Conditions.Price = "HD00", "HA00", "EDI1"
	return o
}

func TestOrders(t *testing.T) {
	o := encoder()
	if err := o.Check(); err != nil {
		t.Fatal(err)
	}
	var xml bytes.Buffer
	second := order()
	second.Identifier, second.Notes = "2026-00043", ""
	if err := o.Numbered(9001).WriteOrders(&xml, []*formats.Order{order(), second}); err != nil {
		t.Fatal(err)
	}
	golden := "testdata/orders.golden.xml"
	if *update {
		if err := os.WriteFile(golden, xml.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if d := cmp.Diff(string(read(t, "orders.golden.xml")), xml.String()); d != "" {
		t.Errorf("XML:\n%s", d)
	}
	tables := readExports(t)
	tables.check(t, xml.Bytes(), "755")
	for _, end := range []string{"lf", "crlf", "none"} {
		o := encoder()
		o.Form, o.LineEnd = FormFlat, end
		var flat bytes.Buffer
		if err := o.Numbered(9001).WriteOrders(&flat, []*formats.Order{order(), second}); err != nil {
			t.Fatal(err)
		}
		if end == "lf" {
			tables.check(t, flat.Bytes(), "755")
		}
		back := convert(t, &Options{}, flat.Bytes(), FormXML, "ORDERS05")
		if d := cmp.Diff(xml.String(), string(back)); d != "" {
			t.Errorf("%s: flat and XML differ:\n%s", end, d)
		}
	}
}

// TestOrdersLatin1: what the encoding lacks is replaced, and the order is flagged.
func TestOrdersLatin1(t *testing.T) {
	o := encoder()
	o.Form, o.Encoding = FormFlat, "iso-8859-1"
	var flat bytes.Buffer
	or := order()
	if err := o.Numbered(1).WriteOrders(&flat, []*formats.Order{or}); err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(flat.Bytes(), []byte(`has the key "always".`)) || !bytes.Contains(flat.Bytes(), []byte("K\xf6ln")) {
		t.Error("texts are not as they should be")
	}
	if d := cmp.Diff([]string{"encoding"}, or.Flags); d != "" {
		t.Error(d)
	}
	for i, l := range bytes.Split(bytes.TrimSuffix(flat.Bytes(), []byte("\n")), []byte("\n")) {
		if want := recordLength; i > 0 && len(l) != want || i == 0 && len(l) != controlLength {
			t.Errorf("record %d has %d bytes", i, len(l))
		}
	}
}

func TestOrdersThatDoNotFit(t *testing.T) {
	for _, c := range []struct {
		segment, field string
		change         func(*formats.Order)
	}{
		{"E1EDKA1", "IHREZ", func(o *formats.Order) { o.PONumber = strings.Repeat("1", 31) }},
		{"E1EDK01", "BELNR", func(o *formats.Order) { o.Identifier = strings.Repeat("1", 36) }},
		{"E1EDKA1", "NAME1", func(o *formats.Order) { o.Customer.Name = strings.Repeat("name ", 40) }},
		{"E1EDKA1", "NAME", func(o *formats.Order) { o.Customer.Name = strings.Repeat("n", 40) }},
		{"E1EDKA1", "ORT01", func(o *formats.Order) { o.Ship.City = strings.Repeat("c", 36) }},
		{"E1EDP01", "MENGE", func(o *formats.Order) { o.Lines[0].Quantity = "1234567890.123456" }},
		{"E1EDP19", "IDTNR", func(o *formats.Order) { o.Lines[0].SKU = strings.Repeat("s", 36) }},
		{"E1EDP01", "MENEE", func(o *formats.Order) { o.Lines[0].Unit = "unknown" }},
		{"E1EDK01", "ZTERM", func(o *formats.Order) { o.PaymentTerm = "unknown" }},
		{"E1EDKA1", "PARTN", func(o *formats.Order) { o.Customer.ExternalID = "" }},
	} {
		for _, form := range []string{FormXML, FormFlat} {
			o, or := encoder(), order()
			o.Form = form
			c.change(or)
			var out bytes.Buffer
			err := o.Numbered(1).WriteOrders(&out, []*formats.Order{or})
			if err == nil || !strings.Contains(err.Error(), c.segment+"-"+c.field) {
				t.Errorf("%s-%s, %s: %v", c.segment, c.field, form, err)
			}
			var field *FieldError
			if errors.As(err, &field) && out.Len() > 200 {
				t.Errorf("%s-%s: %d bytes were written", c.segment, c.field, out.Len())
			}
		}
	}
	if err := encoder().WriteOrders(&bytes.Buffer{}, []*formats.Order{order()}); err == nil {
		t.Error("orders without a number were written")
	}
}

// TestMaterialNumbers: only SAP's own material numbers get leading zeros.
func TestMaterialNumbers(t *testing.T) {
	for qualifier, want := range map[string]string{"": "000004006381333931", "002": "000004006381333931", "001": "4006381333931", "003": "4006381333931"} {
		o, or := encoder(), order()
		o.MaterialQualifier, or.Lines[0].SKU = qualifier, "4006381333931"
		var out bytes.Buffer
		if err := o.Numbered(1).WriteOrders(&out, []*formats.Order{or}); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(out.String(), "<IDTNR>"+want+"</IDTNR>") {
			t.Errorf("%s: no %s", qualifier, want)
		}
	}
}

// TestReceiptNamesSAPsField: a receipt names the segment and field to mend, not the shop's field.
func TestReceiptNamesSAPsField(t *testing.T) {
	f := &Options{Receipt: &encoder().Envelope}
	m := &formats.Mapping{Columns: map[string]string{"ZTERM": "payment_term", "name": `NAME1 + " " + NAME2`}}
	if err := f.Select(formats.Customers, m); err != nil {
		t.Fatal(err)
	}
	for field, want := range map[string][2]string{"country": {"000001", "LAND1"}, "payment_term": {"000002", "ZTERM"}, "name": {"000001", "NAME1"}, "attr.x": {"000001", "attr.x"}} {
		at := formats.Position{Line: 1, Segment: "E1KNA1M", Doc: "0000000000001001"}
		var out bytes.Buffer
		_, err := f.WriteReceipt(&out, []io.Reader{bytes.NewReader(read(t, "debmas.xml"))}, formats.Receipt{First: 1, At: today(), Fate: func(_ int, p formats.Position) (*formats.Reject, bool) {
			if p.Doc != at.Doc {
				return nil, false
			}
			return &formats.Reject{Pos: at, Field: field, Message: "is bad"}, true
		}})
		if err != nil {
			t.Fatal(err)
		}
		for _, tag := range []string{"<SEGNUM>" + want[0] + "</SEGNUM>", "<SEGFLD>" + want[1] + "</SEGFLD>"} {
			if !strings.Contains(out.String(), tag) {
				t.Errorf("%s: no %s in\n%s", field, tag, out.String())
			}
		}
		readExports(t).check(t, out.Bytes(), "")
	}
}

func TestStatus(t *testing.T) {
	e := encoder().Envelope
	all := []Status{{DocNum: "0000000000001001", Client: "100", At: today(), Status: StatusBad, Segment: 3, Field: "KDGRP", Text: strings.Repeat("long ", 30)}}
	var xml, flat bytes.Buffer
	if err := e.WriteStatus(&xml, 7, all); err != nil {
		t.Fatal(err)
	}
	e.Form = FormFlat
	if err := e.WriteStatus(&flat, 7, all); err != nil {
		t.Fatal(err)
	}
	tables := readExports(t)
	tables.check(t, xml.Bytes(), "")
	tables.check(t, flat.Bytes(), "")
	if d := cmp.Diff(xml.String(), string(convert(t, &Options{}, flat.Bytes(), FormXML, "SYSTAT01"))); d != "" {
		t.Error(d)
	}
	for _, want := range []string{"<MESTYP>STATUS</MESTYP>", "<DOCNUM>0000000000001001</DOCNUM>", "<STATUS>17</STATUS>", "<SEGNUM>000003</SEGNUM>", "<SEGFLD>KDGRP</SEGFLD>", "<STAPA1>"} {
		if !strings.Contains(xml.String(), want) {
			t.Errorf("no %s in\n%s", want, xml.String())
		}
	}
}
