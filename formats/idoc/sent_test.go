package idoc

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orobridge/orobridge/formats"
	"github.com/orobridge/orobridge/formats/sniff"
)

// TestAsSent reads files in the shapes in which systems in the field send them, with invented contents: as XML and, where
// that can be, as the flat file of the same.
func TestAsSent(t *testing.T) {
	for _, c := range []struct {
		file   string
		entity *formats.Entity
		format *Options
		only   string // XML: it has no flat form of the same
	}{
		{"reduced_matmas", formats.Products, &Options{}, ""},
		{"reduced_debmas", formats.Customers, &Options{SalesOrg: "1000"}, ""},
		{"pi_message", formats.Products, &Options{}, FormXML},
		{"logic_apps", formats.Products, &Options{}, ""},
		{"bare_root", formats.Customers, &Options{}, ""},
		{"soap", formats.Customers, &Options{}, ""},
		{"header_only", formats.OrderFeedback, &Options{}, FormXML},
		{"deliveries", formats.OrderFeedback, &Options{}, ""},
		{"shpcon", formats.OrderFeedback, &Options{}, ""},
		{"cond_s4", formats.Prices, &Options{PriceList: "List prices"}, FormXML},
		{"pricat", formats.Prices, &Options{PriceList: "Catalogue"}, ""},
		{"ordrsp_lines", formats.OrderFeedback, &Options{}, ""},
		{"loistd", formats.Inventory, &Options{}, FormXML},
		{"clfmas", formats.Products, &Options{Classes: true, Characteristics: map[string]string{"COLOR": "color", "DEPTH": "depth"}}, FormXML},
		{"artmas", formats.Products, &Options{SalesOrg: "1000", Languages: map[string]string{"EN": "default", "DE": "de_DE", "D": "de_DE"},
			Characteristics: map[string]string{"COLOR": "color"}}, FormXML},
		{"contacts", formats.Customers, &Options{Names: []string{"NAME1", "NAME2", "NAME3", "NAME4"}}, ""},
		{"delvry", formats.OrderFeedback, &Options{}, ""},
		{"adrmas", formats.Customers, &Options{}, ""},
		{"ordrsp_config", formats.OrderFeedback, &Options{}, ""},
		{"own_message", formats.Customers, &Options{Messages: map[string]string{"ZUSDSRDEBM": "DEBMAS"}}, FormXML},
		{"namespaces", formats.Products, &Options{}, FormXML},
		{"invoic_items", formats.OrderFeedback, &Options{}, ""},
	} {
		t.Run(c.file, func(t *testing.T) {
			f := c.format
			f.SetClock(today)
			if err := errors.Join(f.Select(c.entity, &formats.Mapping{}), f.Check()); err != nil {
				t.Fatal(err)
			}
			xml := read(t, "sent/"+c.file+".xml")
			got := dumpOrError(f, xml, c.entity)
			golden := "testdata/sent/" + c.file + ".golden"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if d := cmp.Diff(string(read(t, "sent/"+c.file+".golden")), got); d != "" {
				t.Fatalf("XML:\n%s", d)
			}
			if c.only != "" {
				return
			}
			flat := convert(t, f, xml, FormFlat, "")
			if d := cmp.Diff(got, dumpOrError(f, flat, c.entity)); d != "" {
				t.Errorf("flat:\n%s", d)
			}
			var lines []string // Unicode, each line ended behind its last character
			for line := range strings.Lines(string(flat)) {
				lines = append(lines, strings.TrimRight(strings.Replace(line, "EDI_DC40  ", "EDI_DC40_U", 1), " \n"))
			}
			if d := cmp.Diff(got, dumpOrError(f, []byte(strings.Join(lines, "\r\n")), c.entity)); d != "" {
				t.Errorf("trimmed lines:\n%s", d)
			}
		})
	}
}

// TestInspectionAgrees: what is taken for an IDoc by its first bytes is what the reader reads.
func TestInspectionAgrees(t *testing.T) {
	files, err := filepath.Glob("testdata/sent/*.xml")
	if err != nil || len(files) < 10 {
		t.Fatal(files, err)
	}
	for _, name := range files {
		xml, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		f := &Options{Test: "accept"}
		f.SetClock(today)
		all := map[string][]byte{"XML": xml}
		var flat bytes.Buffer
		if f.Convert(&flat, bytes.NewReader(xml), FormFlat, "") == nil {
			all["flat"] = flat.Bytes()
			all["unframed"] = bytes.ReplaceAll(flat.Bytes(), []byte("\n"), nil)
			all["Unicode"] = bytes.ReplaceAll(flat.Bytes(), []byte("EDI_DC40  "), []byte("EDI_DC40_U"))
		}
		for form, file := range all {
			guess := sniff.File(file)
			docs, err := f.open(bytes.NewReader(file))
			if err != nil {
				t.Fatal(err)
			}
			d, err := docs.next()
			if is := guess.Kind == "idoc"; is != (err == nil) {
				t.Errorf("%s, %s: taken for %s, and read with %v", name, form, guess, err)
			} else if is && (len(d.Segments) > 0) != (guess.Segment != "") {
				t.Errorf("%s, %s: first segment %q", name, form, guess.Segment)
			}
		}
	}
}

func dumpOrError(f *Options, file []byte, e *formats.Entity) string {
	got, err := dump(f, bytes.NewReader(file), e)
	var fault *formats.FileError
	if errors.As(err, &fault) {
		return got + fmt.Sprintf("FILE %s: %s\nHINT %s\n", fault.Code, fault.Message, fault.Hint)
	}
	if err != nil {
		return got + err.Error()
	}
	return got
}

// TestShippedWhen: a feed may say itself when a delivery's goods have left.
func TestShippedWhen(t *testing.T) {
	for _, c := range []struct {
		condition string
		returns   []string
		rows      int
		counts    string
	}{
		{"", nil, 3, "map[not_shipped_yet:2 return:2]"},
		{"true", nil, 5, "map[return:2]"},
		{"E1EDL21_LFART == 'LF' && BOLNR != ''", []string{}, 6, "map[not_shipped_yet:1]"},
		{"E1EDT13_NTANF == '20261122'", nil, 1, "map[not_shipped_yet:3 return:1]"},
	} {
		f := &Options{Shipped: c.condition, ReturnKinds: c.returns}
		if err := errors.Join(f.Select(formats.OrderFeedback, &formats.Mapping{}), f.Check()); err != nil {
			t.Fatal(err)
		}
		rd, err := f.Open(bytes.NewReader(read(t, "sent/deliveries.xml")), formats.OrderFeedback)
		if err != nil {
			t.Fatal(err)
		}
		var row formats.Row
		rows := 0
		for rd.Next(&row) == nil {
			rows++
		}
		if got := fmt.Sprint(rd.(formats.Counter).Counts()); rows != c.rows || got != c.counts {
			t.Errorf("%s: %d rows, %s; want %d, %s", c.condition, rows, got, c.rows, c.counts)
		}
	}
	for condition, want := range map[string]string{"NOSUCH == '1'": "format: shipped: NOSUCH", "BOLNR": "format: shipped: BOLNR: gives"} {
		if err := (&Options{Shipped: condition}).Select(formats.OrderFeedback, &formats.Mapping{}); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v", condition, err)
		}
	}
}

// TestAnswerByNumber: an answer that names only the ERP's number gets a key that says so.
func TestAnswerByNumber(t *testing.T) {
	f := &Options{}
	rd, err := f.Open(bytes.NewReader(read(t, "sent/deliveries.xml")), formats.OrderFeedback)
	if err != nil {
		t.Fatal(err)
	}
	mapper, err := (&formats.Mapping{}).Bind(formats.OrderFeedback, rd.Columns(), f.Conventions())
	if err != nil {
		t.Fatal(err)
	}
	var row formats.Row
	var rec formats.Record
	var keys []string
	for rd.Next(&row) == nil {
		if err := mapper.Record(&row, &rec); err != nil {
			t.Fatal(err)
		}
		key := rec.Key
		if field, text, ok := formats.IsElseKey(key); ok {
			key = field + " is " + text
		}
		keys = append(keys, key)
	}
	if d := cmp.Diff([]string{"2026-00053", "erp_order_number is 12054", "2026-00055"}, keys); d != "" {
		t.Error(d)
	}
}

// TestNamespacedField: a mapping names a field of a namespace as SAP does.
func TestNamespacedField(t *testing.T) {
	f := &Options{}
	if err := f.Select(formats.Products, &formats.Mapping{Columns: map[string]string{"/CWM/TOLGR": "attr.tolerance"}}); err != nil {
		t.Fatal(err)
	}
	xml := read(t, "sent/namespaces.xml")
	for form, file := range map[string][]byte{"XML": xml, "flat": convert(t, f, []byte(strings.Replace(string(xml), "<_-ACME_-E1EXT SEGMENT=\"1\"><NOTE>own</NOTE></_-ACME_-E1EXT>", "", 1)), FormFlat, "")} {
		if got, err := dump(f, bytes.NewReader(file), formats.Products); err != nil || !strings.Contains(got, `/CWM/TOLGR="TG1"`) {
			t.Errorf("%s: %v %s", form, err, got)
		}
	}
}

// TestQualifiedField: a mapping may name the segment among several of a kind, and of an order what stands beside its head.
func TestQualifiedField(t *testing.T) {
	f := &Options{}
	m := &formats.Mapping{Columns: map[string]string{"E1EDK02[002]-BELNR": "message", "E1EDK02-BELNR": "tracking_method", "E1EDS01[011]-SUNIT": "tracking_number"}}
	if err := f.Select(formats.OrderFeedback, m); err != nil {
		t.Fatal(err)
	}
	xml := []byte(strings.Replace(string(read(t, "invoic.xml")), "<WAERQ>", "<SUNIT>CHF</SUNIT><WAERQ>", 1))
	for form, file := range map[string][]byte{"XML": xml, "flat": convert(t, f, xml, FormFlat, "")} {
		got, err := dump(f, bytes.NewReader(file), formats.OrderFeedback)
		for _, want := range []string{`E1EDK02[002]-BELNR="0000012001"`, `E1EDK02-BELNR="0090000777"`, `E1EDS01[011]-SUNIT="CHF"`} {
			if err != nil || !strings.Contains(got, want) {
				t.Errorf("%s: no %s: %v %s", form, want, err, got)
			}
		}
	}
	for _, bad := range []string{"E1EDK02[]-BELNR", "E1EDK01[1]-BELNR", "E1EDK02[001]-NOSUCH"} {
		if err := f.Select(formats.OrderFeedback, &formats.Mapping{Columns: map[string]string{bad: "message"}}); err == nil || !strings.Contains(err.Error(), bad) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

// TestContacts: a mapping takes fields of a contact person, of the first one or by function.
func TestContacts(t *testing.T) {
	f := &Options{Names: []string{"NAME1", "NAME2"}}
	m := &formats.Mapping{Columns: map[string]string{"phone": "coalesce(col('E1KNVKM[02]-TELF1'), TELF1)",
		"address_label": "trim(concat(col('E1KNVKM[02]-NAMEV'), ' ', col('E1KNVKM[02]-NAME1')))", "E1KNVKM-PARAU": "street2"}}
	if err := f.Select(formats.Customers, m); err != nil {
		t.Fatal(err)
	}
	xml := read(t, "sent/contacts.xml")
	for form, file := range map[string][]byte{"XML": xml, "flat": convert(t, f, xml, FormFlat, "")} {
		got, err := dump(f, bytes.NewReader(file), formats.Customers)
		for _, want := range []string{`E1KNVKM[02]-TELF1="+43 1 555 02"`, `E1KNVKM[02]-NAMEV="Vera"`, `E1KNVKM-PARAU="Gate 3"`,
			`name="Holz & Heim Handel GmbH & Co."`, `name="Solo Works"`} {
			if err != nil || !strings.Contains(got, want) {
				t.Errorf("%s: no %s: %v %s", form, want, err, got)
			}
		}
	}
	if err := (&Options{Names: []string{"NAME5"}}).Check(); err == nil || !strings.Contains(err.Error(), "NAME5") {
		t.Error(err)
	}
}

// TestStockOfSome: a feed may take the stock of one plant, that which meets a condition, and other fields than what is free to
// use. What is left out can be no fault of a row.
func TestStockOfSome(t *testing.T) {
	for _, c := range []struct {
		format *Options
		want   string
	}{
		{&Options{StockOf: "WERKS in ['1000', '2000'] && LGORT != '0002'"}, "70001 8, AB-100/X -1.5, 70002 bad, 70003 bad; map[]"},
		{&Options{StockOf: "LGORT == '0002'"}, "70001 7; map[other_plant:3]"},
		{&Options{StockOf: "E1MARCM_WERKS == '1000' && LGORT == ''"}, "70003 bad; map[other_plant:3]"},
		{&Options{StockOf: "LGORT == '0002'", Plant: "2000"}, "; map[other_plant:4]"},
		{&Options{StockOf: "amount(LGORT) < 2 && MEINS == 'ST'", Plant: "1000", Stock: []string{"UMLME"}}, "70001 1, 70002 bad, 70003 bad; map[other_plant:1]"},
		{&Options{Plant: "2000"}, "70001 3, AB-100/X -1.5; map[other_plant:2]"},
		{&Options{Plant: "1000", Stock: []string{"LABST", "UMLME"}}, "70001 13, 70002 bad, 70003 bad; map[other_plant:1]"},
	} {
		if err := c.format.Select(formats.Inventory, &formats.Mapping{}); err != nil {
			t.Fatal(err)
		}
		rd, err := c.format.Open(bytes.NewReader(read(t, "sent/loistd.xml")), formats.Inventory)
		if err != nil {
			t.Fatal(err)
		}
		var row formats.Row
		var all []string
		for {
			err := rd.Next(&row)
			if err == io.EOF {
				break
			}
			quantity := row.Cells[2]
			if err != nil {
				quantity = "bad"
			}
			all = append(all, row.Cells[0]+" "+quantity)
		}
		if got := strings.Join(all, ", ") + "; " + fmt.Sprint(rd.(formats.Counter).Counts()); got != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
}

// TestStockConditionIsChecked: a field that no segment has, and what is no condition, are told before a file comes.
func TestStockConditionIsChecked(t *testing.T) {
	for source, want := range map[string]string{"LGORTT == '1'": "format: stock_of: LGORTT: no such field", "LGORT": "not a condition", "LGORT ==": "stock_of"} {
		f := &Options{StockOf: source}
		if err := f.Select(formats.Inventory, &formats.Mapping{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", source, err)
		}
	}
}
