package xmlorders_test

import (
	"bytes"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orobridge/orobridge/formats"
	"github.com/orobridge/orobridge/formats/xmlorders"
)

var update = flag.Bool("update", false, "write the golden files anew")

// awkward are orders with everything to which XML gives a meaning, a kit, a free line, no addresses, and no lines.
func awkward() []*formats.Order {
	return []*formats.Order{
		{
			ID: "17", Identifier: "1700 & <1>", Submitted: time.Date(2026, 11, 21, 9, 30, 0, 0, time.FixedZone("CET", 3600)), InternalStatus: "open",
			PONumber: `"7"`, Customer: formats.Party{ID: "3", ExternalID: "0000100042", Name: "Müller & <Söhne>"}, User: formats.Party{Email: "o'neill@example.com"},
			Currency: "EUR", Subtotal: "100", Discount: "0.5", Shipping: "9.9", Tax: "19", Total: "109.4", Notes: "line 1\r\nline 2\x00]]>",
			Bill: formats.Address{Street: "Am Markt 1", City: "Köln", PostalCode: "01067", Country: "DE"},
			Lines: []formats.OrderLine{
				{Number: 1, SKU: "KIT", Product: `3" <set>`, Quantity: "1", Unit: "set", Price: "95", RowTotal: "95"},
				{Number: 2, SKU: "PART", Quantity: "2.5", Unit: "item", Price: "0", RowTotal: "0", KitParent: 1},
				{Number: 3, Product: "as we talked\nabout", FreeForm: true, Quantity: "1", Unit: "item", Price: "5", RowTotal: "5", Notes: "\u00a0日本"},
			},
			Version: 2, Flags: []string{"total"},
		},
		{ID: "18", Identifier: "1701"},
	}
}

func TestWriteOrders(t *testing.T) {
	own, err := os.ReadFile("testdata/own.tmpl")
	if err != nil {
		t.Fatal(err)
	}
	for name, o := range map[string]*xmlorders.Options{"standard": {}, "own": {Template: string(own)}} {
		t.Run(name, func(t *testing.T) {
			if err := o.Check(); err != nil {
				t.Fatal(err)
			}
			var got bytes.Buffer
			if err := o.WriteOrders(&got, awkward()); err != nil {
				t.Fatal(err)
			}
			golden := filepath.Join("testdata", name+".xml")
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

func TestCheck(t *testing.T) {
	bad := map[string]string{
		"{{.Nothing}}": "can't evaluate field Nothing",
		"<a>{{range .Orders}}{{.Price}}{{end}}</a>": "can't evaluate field Price",
		"<a>":                             "not XML",
		"no element":                      "no element",
		"<a>{{raw \"<b>\"}}</a>":          "not XML",
		"{{if}}":                          "missing value",
		"<a>{{fixed 2 \"x\"}}</a>":        "is not a number",
		"<a>{{range .Orders}}</a>":        "unexpected EOF",
		"<a>{{template \"other\" .}}</a>": "not defined",
	}
	for text, want := range bad {
		if err := (&xmlorders.Options{Template: text}).Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}

func TestTemplateFile(t *testing.T) {
	o := &xmlorders.Options{File: "t"}
	if err := o.Check(); err == nil {
		t.Error("a file without a way to open it")
	}
	o.SetOpen(func(name string) (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader("<" + name + "/>")), nil
	})
	var got bytes.Buffer
	if err := o.Check(); err != nil {
		t.Fatal(err)
	}
	if err := o.WriteOrders(&got, nil); err != nil || got.String() != "<t/>" {
		t.Errorf("%q %v", &got, err)
	}
	if err := (&xmlorders.Options{File: "t", Template: "<a/>"}).Check(); err == nil {
		t.Error("a file and a text")
	}
}
