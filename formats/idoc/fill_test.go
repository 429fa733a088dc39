package idoc

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/orobridge/orobridge/formats"
)

// shopFields is what a project sets beside the usual.
func shopFields() map[string]string {
	return map[string]string{
		"EDI_DC40-MESCOD":       "'B2B'",
		"E1EDK01-AUGRU":         "amount(total) >= 50 ? '001' : ''",
		"E1EDK01-LIFSK":         "payment_method startsWith 'prepay' ? '01' : ''",
		"E1EDK01-AUTLF":         "'X'",
		"E1EDK01-KUNDEUINR":     "email",
		"E1EDK14[010]-ORGID":    "'0001'",
		"E1EDK14[012]-ORGID":    "''", // not the usual order type
		"E1EDK02[001]-BELNR":    "po_number",
		"E1EDKA1[AG]-IHREZ":     "order",
		"E1EDKA1[WE]-PARTN":     "ship_label startsWith 'WE ' ? alpha(substr(ship_label, 3), 10) : customer_number",
		"E1EDKA1[RG]-PARTN":     "'0000004700'",
		"E1EDK17[001]-LKOND":    "'DAP'",
		"E1EDK36-CCINS":         "payment_method == 'card' ? 'VISA' : ''",
		"E1EDS01[002]-WAERQ":    "currency",
		"E1EDP01-WERKS":         "unit == 'set' ? '2000' : '1000'",
		"E1EDP19[003]-IDTNR":    "sku matches '^[0-9]{5}$' ? sku : ''",
		"E1EDP02[044]-BELNR":    "concat(order, '/', line)",
		"Z1SHOP-WEBTEXT":        "website",
		"Z1LINE-NOTE":           "upper(sku)",
		"E1EDKA1[AG]-BNAME":     "''",
		"E1EDK14[013]-ORGID":    "'DFUE'",
		"E1EDKT1[0001]-TSSPRAS": "'E'",
	}
}

// textsOf lists what a file holds of a spot, in its order.
func textsOf(t *testing.T, file []byte, segment, field string) (all []string) {
	t.Helper()
	docs, err := (&Options{}).open(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	d, err := docs.next()
	if err != nil || d.Fault != nil {
		t.Fatal(err, d.Fault)
	}
	if segment == "EDI_DC40" {
		text, _ := d.Value(&d.Control, field)
		return []string{text}
	}
	for i := range d.Children(-1, segment) {
		if text, _ := d.Value(&d.Segments[i], field); text != "" {
			all = append(all, text)
		}
	}
	return all
}

// ownSegments are a dictionary of an export.
const ownSegments = "Z1SHOP,Z2SHOP000,E1EDK01,2,WEBTEXT:40\nZ1LINE,Z2LINE000,E1EDP01,3,NOTE:80\n"

func withOwn(string) (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(ownSegments)), nil }

// TestFields: any field of the order's IDoc comes from an expression, in its place and order, in both forms.
func TestFields(t *testing.T) {
	tables := readExports(t)
	for _, form := range []string{FormXML, FormFlat} {
		o, or := encoder(), order()
		o.Form, o.Fields, o.Dictionary, o.Control = form, shopFields(), "own.csv", "EDI_DC40_U"
		o.SetOpen(withOwn)
		if err := o.Check(); err != nil {
			t.Fatal(err)
		}
		or.Total, or.PaymentMethod, or.Ship.Label, or.Website, or.User.Email = "61.63", "prepay_1", "WE 4790", "b2b", "ina@example.com"
		var out bytes.Buffer
		if err := o.Numbered(1).WriteOrders(&out, []*formats.Order{or}); err != nil {
			t.Fatal(err)
		}
		for spot, want := range map[string]string{
			"EDI_DC40 TABNAM": "[EDI_DC40_U]", "EDI_DC40 MESCOD": "[B2B]", "E1EDK01 AUGRU": "[001]", "E1EDK01 LIFSK": "[01]",
			"E1EDK01 KUNDEUINR": "[ina@example.com]", "E1EDK14 QUALF": "[008 007 006 010 013]", "E1EDK02 BELNR": "[PO/77]",
			"E1EDKA1 PARVW": "[AG WE RE RG]", "E1EDKA1 IHREZ": "[2026-00042]", "E1EDKA1 PARTN": "[0000004711 0000004790 0000004711 0000004700]",
			"E1EDKA1 BNAME": "[]", "E1EDK17 LKOND": "[DAP]", "E1EDK36 CCINS": "[]", "E1EDS01 WAERQ": "[EUR]", "E1EDP01 WERKS": "[1000 2000]",
			"E1EDP19 QUALF": "[002 003 002]", "E1EDP19 IDTNR": "[000000000000012345 12345 AB-100/X]", "E1EDP02 BELNR": "[2026-00042/1 2026-00042/2]",
		} {
			segment, field, _ := strings.Cut(spot, " ")
			if got := fmt.Sprint(textsOf(t, out.Bytes(), segment, field)); got != want {
				t.Errorf("%s, %s: %s, want %s", form, spot, got, want)
			}
		}
		for _, own := range []string{"Z1SHOP", "Z1LINE"} {
			if form == FormXML && !strings.Contains(out.String(), "<"+own+" SEGMENT") || form == FormFlat && !strings.Contains(out.String(), strings.Replace(own, "Z1", "Z2", 1)+"000") {
				t.Errorf("%s: no %s", form, own)
			}
		}
		for name := range o.Fields {
			if strings.HasPrefix(name, "Z1") {
				delete(o.Fields, name) // SAP's own tables do not have them
			}
		}
		out.Reset()
		if err := o.Numbered(1).WriteOrders(&out, []*formats.Order{or}); err != nil {
			t.Fatal(err)
		}
		tables.check(t, out.Bytes(), "755")
	}
}

// TestFieldsThatCannotBe are told when the config is read.
func TestFieldsThatCannotBe(t *testing.T) {
	for name, c := range map[string]struct{ expr, want string }{
		"E1EDK01":            {"'x'", "is not of the form"},
		"E1EDX99-A":          {"'x'", "the dictionary has no segment E1EDX99"},
		"E1EDK01-NOSUCH":     {"'x'", "E2EDK01005 has no field NOSUCH"},
		"E1EDK14-ORGID":      {"'x'", "Write E1EDK14[QUALF]-ORGID"},
		"E1EDK01[001]-BELNR": {"'x'", "E1EDK01 has no qualifier"},
		"E1EDK14[]-ORGID":    {"'x'", "the qualifier stands in [ ]"},
		"E1EDKT2-TDLINE":     {"'x'", "it stands below E1EDKT1, of which there are several"},
		"E1EDK01-BSART":      {"sku", "there is no column sku"},
		"E1EDP01-WERKS":      {"plant", "there is no column plant; there are bill_city"},
		"E1EDP01-LGORT":      {"upper(", "at character"},
		"E1EDP01-SGT_RCAT":   {"'x'", "E2EDP01008 has no field SGT_RCAT"},
	} {
		o := encoder()
		o.Release, o.Fields = "700", map[string]string{name: c.expr}
		if err := o.Check(); err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "fields: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
	o := encoder()
	o.Release, o.Control, o.Dictionary = "7.5", "EDI_DC", "testdata/none.csv"
	err := o.Check()
	for _, key := range []string{"release: ", "control: ", "dictionary: "} {
		if err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("no %s in %v", key, err)
		}
	}
	long := encoder()
	long.Fields = map[string]string{"E1EDK01-AUGRU": "po_number"}
	if err := long.Numbered(1).WriteOrders(io.Discard, []*formats.Order{order()}); err == nil || !strings.Contains(err.Error(), "E1EDK01-AUGRU") {
		t.Errorf("a text that is too long: %v", err)
	}
}

// TestReleases: each release has its own definitions, and what is written is what SAP's tables of it allow.
func TestReleases(t *testing.T) {
	tables := readExports(t)
	for release, want := range map[string]string{"": "E2EDP01011", "755": "E2EDP01011", "700": "E2EDP01008", "620": "E2EDP01005", "46C": "E2EDP01005"} {
		for _, form := range []string{FormXML, FormFlat} {
			o := encoder()
			o.Form, o.Release = form, release
			if err := o.Check(); err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			if err := o.Numbered(1).WriteOrders(&out, []*formats.Order{order()}); err != nil {
				t.Fatal(err)
			}
			if form == FormFlat && !strings.Contains(out.String(), "\n"+want+" ") {
				t.Errorf("%s: no %s", release, want)
			}
			if known := map[string]string{"": "755", "755": "755", "700": "700"}[release]; known != "" {
				tables.check(t, out.Bytes(), known)
			} else if form == FormFlat { // the table of this release is that of ORDERS01, which has all of an order's segments
				tables.check(t, bytes.ReplaceAll(out.Bytes(), []byte("ORDERS05"), []byte("ORDERS01")), "46C")
			}
		}
	}
}

// TestUnmappedUnits: units without a code of SAP's are told beforehand.
func TestUnmappedUnits(t *testing.T) {
	o := encoder()
	if got := o.Unmapped([]string{"item", "kg", "set", "piece"}); !slices.Equal(got, []string{"kg", "piece"}) {
		t.Error(got)
	}
	o.Units = nil
	if got := o.Unmapped([]string{"kg"}); got != nil {
		t.Error(got)
	}
}

// TestLookup: an expression of an export looks a value up in a list; one that the list does not have makes the order stuck.
func TestLookup(t *testing.T) {
	o := encoder()
	o.Lists = map[string]string{"plants": "plants.csv"}
	o.Fields = map[string]string{"E1EDP01-WERKS": "lookup('plants', unit)", "E1EDK01-AUGRU": "lookup('plants', website, '100')"}
	o.SetOpen(func(name string) (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader("item,1000\nset,2000\n")), nil
	})
	if err := o.Check(); err != nil {
		t.Fatal(err)
	}
	o.SetOpen(nil) // the list was read with the config
	var out bytes.Buffer
	or := order()
	if err := o.Numbered(1).WriteOrders(&out, []*formats.Order{or}); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(textsOf(t, out.Bytes(), "E1EDP01", "WERKS"), textsOf(t, out.Bytes(), "E1EDK01", "AUGRU")); got != "[1000 2000] [100]" {
		t.Error(got)
	}
	o.Units, or.Lines[1].Unit = nil, "pallet"
	if err := o.Numbered(1).WriteOrders(io.Discard, []*formats.Order{or}); err == nil || !strings.Contains(err.Error(), `"pallet"`) {
		t.Errorf("a unit that is not in the list: %v", err)
	}
	for list, want := range map[string]string{"plant": "lists has no", "plants": "lists: "} {
		bad := encoder()
		bad.Fields = map[string]string{"E1EDP01-WERKS": "lookup('" + list + "', unit)"}
		bad.Lists = map[string]string{"plants": "none.csv"}
		bad.SetOpen(func(name string) (io.ReadCloser, error) {
			if list == "plants" {
				return nil, fs.ErrNotExist
			}
			return io.NopCloser(strings.NewReader("item,1000\n")), nil
		})
		if err := bad.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", list, err)
		}
	}
}

// TestReleaseBetweenExports: no export of 620 is known. What 46C and 700 define alike is certain, of the rest the older
// definition is written; a system's own goes before both. A segment that only a later export has is refused, but as XML.
func TestReleaseBetweenExports(t *testing.T) {
	d := Builtin()
	older, newer := d.Release(basicType, "620"), d.Release(basicType, "700")
	var differ []string
	for _, p := range older.Places {
		if !p.Later && p.Definition != newer.at[p.Type].Definition {
			differ = append(differ, p.Definition)
		}
	}
	if !slices.Equal(differ, []string{"E2EDP01005", "E2EDP20", "E2EDP19001"}) {
		t.Error(differ)
	}
	o := encoder()
	o.Release, o.Form, o.Dictionary = "620", FormFlat, "own.csv"
	o.SetOpen(func(string) (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader("E1EDP20,E2EDP20001,E1EDP01,3,WMENG:15 AMENG:15 EDATU:8\n")), nil
	})
	if err := o.Check(); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := o.Numbered(1).WriteOrders(&out, []*formats.Order{order()}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"\nE2EDP01005 ", "\nE2EDP20001 ", "\nE2EDP19001 "} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q", want)
		}
	}
	for form, want := range map[string]string{FormXML: "", FormFlat: "no export of release 620 has E1EDK36, so its definition is not certain; those of E1EDK01, E1EDK14,"} {
		o := encoder()
		o.Release, o.Form, o.Fields = "620", form, map[string]string{"E1EDK36-CCINS": "'VISA'"}
		if err := o.Check(); want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v", form, err)
		}
	}
}
