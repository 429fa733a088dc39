package csv_test

import (
	"bytes"
	stdcsv "encoding/csv"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orobridge/orobridge/formats"
	"github.com/orobridge/orobridge/formats/csv"
)

var update = flag.Bool("update", false, "write the golden files anew")

// awkward are orders as shops really have them: texts with everything that a CSV file gives a meaning, no addresses, a
// line that is no product, a kit and its parts, an order without lines.
func awkward() []*formats.Order {
	berlin := time.FixedZone("CET", 3600)
	return []*formats.Order{
		{
			ID: "17", Identifier: "1700", Submitted: time.Date(2026, 11, 21, 9, 30, 0, 0, berlin), PONumber: "=1+1",
			Customer: formats.Party{ID: "3", ExternalID: "0000100042", Name: `Müller "Rohr" & Söhne; GmbH, Köln`}, User: formats.Party{Email: "+ops@example.com"},
			Currency: "EUR", Subtotal: "1249.5", Discount: "-12.5", Shipping: "9.9", Tax: "237.405", Total: "1484.305",
			PaymentTerm: "net 30", PaymentMethod: "payment_term_1", ShippingMethod: "flat_rate_2", ShipUntil: "2026-12-01",
			Notes: "Tor 3\nbitte klingeln,\n\t\"zweimal\"",
			Bill:  formats.Address{Label: "HQ", Organization: "Müller", FirstName: "Jörg", LastName: "O'Neill", Street: "Am Markt 1", City: "Köln", PostalCode: "01067", Region: "DE-NW", Country: "DE", Phone: "+49 221 1"},
			Lines: []formats.OrderLine{
				{Number: 1, SKU: "0815", Product: `Rohr 3"; verzinkt`, Quantity: "100", Unit: "item", Price: "12.495", RowTotal: "1249.5", Notes: "@home"},
				{Number: 2, SKU: "-KIT-", Product: "Set", Quantity: "1", Unit: "set", Price: "-5", RowTotal: "-5"},
				{Number: 3, SKU: "0816", Product: "part of the set", Quantity: "2.5", Unit: "item", Price: "0", RowTotal: "0", KitParent: 2},
				{Number: 4, SKU: "free", Product: "what the customer typed\r\nover two lines ", FreeForm: true, Quantity: "1", Unit: "item", Price: "5"},
			},
		},
		{ID: "18", Identifier: "1701", Submitted: time.Date(2026, 11, 21, 8, 31, 0, 0, time.UTC), Customer: formats.Party{Name: "No lines"}, Currency: "USD", Total: "0"},
		{ID: "19", Identifier: "1702"},
	}
}

func TestWriteOrders(t *testing.T) {
	tests := map[string]csv.OrderOptions{
		"canonical":    {},
		"german":       {Delimiter: ";", Encoding: "iso-8859-1", Decimal: ",", CRLF: true},
		"spreadsheet":  {Delimiter: "tab", BOM: true, Formulas: "neutralise"},
		"header_lines": {Layout: "header_lines", Delimiter: "|"},
		"bare":         {Layout: "header_lines", Header: "none", Encoding: "utf-16le"},
	}
	for name, o := range tests {
		t.Run(name, func(t *testing.T) {
			if err := o.Check(); err != nil {
				t.Fatal(err)
			}
			var got bytes.Buffer
			if err := o.WriteOrders(&got, awkward()); err != nil {
				t.Fatal(err)
			}
			golden := filepath.Join("testdata/orders", name+o.Extension())
			if *update {
				if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got.String()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestAnotherReaderReadsOrders reads canonical orders with the standard library.
func TestAnotherReaderReadsOrders(t *testing.T) {
	var file bytes.Buffer
	if err := (&csv.OrderOptions{}).WriteOrders(&file, awkward()); err != nil {
		t.Fatal(err)
	}
	rows, err := stdcsv.NewReader(&file).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	const columns = "submitted,order,po_number,customer_number,customer,email,currency,subtotal,discount,shipping,tax,total,payment_term,payment_method,shipping_method,ship_until,notes," +
		"bill_label,bill_organization,bill_first_name,bill_last_name,bill_street,bill_street2,bill_city,bill_postal_code,bill_region,bill_country,bill_phone," +
		"ship_label,ship_organization,ship_first_name,ship_last_name,ship_street,ship_street2,ship_city,ship_postal_code,ship_region,ship_country,ship_phone,internal_status,version," +
		"line,sku,product,quantity,unit,price,row_total,line_notes,kit_parent"
	if got := strings.Join(rows[0], ","); got != columns {
		t.Errorf("columns %s", got)
	}
	if len(rows) != 7 {
		t.Fatalf("%d rows: a header, four lines, and one for each order without lines", len(rows))
	}
	at := map[string]int{}
	for i, name := range rows[0] {
		at[name] = i
	}
	for name, want := range map[string]string{
		"submitted": "2026-11-21T08:30:00Z", "customer_number": "0000100042", "notes": "Tor 3\nbitte klingeln,\n\t\"zweimal\"", "po_number": "=1+1",
		"customer": `Müller "Rohr" & Söhne; GmbH, Köln`, "discount": "-12.5", "line": "1", "bill_postal_code": "01067", "ship_city": "",
	} {
		if got := rows[1][at[name]]; got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if rows[3][at["kit_parent"]] != "2" || rows[5][at["order"]] != "1701" || rows[5][at["line"]] != "" || rows[6][at["submitted"]] != "" {
		t.Errorf("rows %q", rows[3:])
	}
}

func TestNoOrders(t *testing.T) {
	var file bytes.Buffer
	if err := (&csv.OrderOptions{}).WriteOrders(&file, nil); err != nil || strings.Count(file.String(), "\n") != 1 {
		t.Errorf("%q, %v: want the header alone", file.String(), err)
	}
}

func TestANameThatTheEncodingLacksIsAnError(t *testing.T) {
	order := &formats.Order{Identifier: "1", Customer: formats.Party{Name: "日本"}, Lines: []formats.OrderLine{{Number: 1, SKU: "A€"}}}
	var file bytes.Buffer
	err := (&csv.OrderOptions{Encoding: "iso-8859-1"}).WriteOrders(&file, []*formats.Order{order})
	var f *formats.FileError
	if !errors.As(err, &f) || f.Column != "sku" || file.Len() != 0 {
		t.Errorf("%v, %d bytes", err, file.Len())
	}
	order.Lines[0].SKU = "A"
	if err := (&csv.OrderOptions{Encoding: "iso-8859-1"}).WriteOrders(&file, []*formats.Order{order}); err != nil || !strings.Contains(file.String(), ",??,") {
		t.Errorf("%v, %q", err, file.String())
	}
}

func TestOrderOptionsCheck(t *testing.T) {
	err := (&csv.OrderOptions{Delimiter: ",,", Encoding: "x", Decimal: "x", Header: "x", Layout: "x", Formulas: "x"}).Check()
	for _, key := range []string{"delimiter:", "encoding", "decimal:", "header:", "layout:", "formulas:"} {
		if err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("%s is missing in %v", key, err)
		}
	}
}
