package idoc

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orobridge/orobridge/formats"
)

// rejects reads a file and writes down what was rejected, and how many rows were good.
func rejects(t *testing.T, f *Options, file []byte, e *formats.Entity) string {
	t.Helper()
	rd, err := f.Open(bytes.NewReader(file), e)
	if err != nil {
		return "open: " + err.Error()
	}
	var row formats.Row
	var out []string
	good := 0
	for {
		err := rd.Next(&row)
		var bad *formats.Reject
		var fault *formats.FileError
		switch {
		case err == io.EOF:
			return fmt.Sprintf("%d good; %s", good, strings.Join(out, "; "))
		case errors.As(err, &bad):
			out = append(out, fmt.Sprintf("%s %s %s %s", bad.Code, bad.Pos.Doc, bad.Pos.Segment, bad.Field))
		case errors.As(err, &fault):
			out = append(out, "file: "+fault.Message)
			return fmt.Sprintf("%d good; %s", good, strings.Join(out, "; "))
		case err != nil:
			t.Fatal(err)
		default:
			good++
		}
	}
}

// TestFaults breaks good files in one place each.
func TestFaults(t *testing.T) {
	f := &Options{Dictionary: "testdata/dictionary.csv", Clients: []string{"100"}}
	xml := string(read(t, "debmas.xml"))
	flat := string(convert(t, f, []byte(xml), FormFlat, "DEBMAS07"))
	lines := strings.SplitAfter(flat, "\n")
	replace := func(s, old, new string) string {
		if !strings.Contains(s, old) {
			t.Fatalf("no %q in the fixture", old)
		}
		return strings.Replace(s, old, new, 1)
	}
	cases := []struct{ name, file, want string }{
		{"good", flat, "2 good; "},
		{"empty", "", "0 good; "},
		{"blank", "  \r\n\n", "0 good; "},
		{"other client", strings.Replace(flat, "EDI_DC40  100", "EDI_DC40  300", 1), "1 good; client 0000000000001001 EDI_DC40 MANDT"},
		{"no client", replace(xml, "<MANDT>100</MANDT>", ""), "1 good; client 0000000000001001 EDI_DC40 MANDT"},
		{"test flag", replace(xml, "<DIRECT>1</DIRECT>", "<DIRECT>1</DIRECT><TEST>X</TEST>"), "1 good; test 0000000000001001 EDI_DC40 TEST"},
		{"other message", replace(xml, "<MESTYP>DEBMAS<", "<MESTYP>CREMAS<"), "1 good; message 0000000000001001 EDI_DC40 MESTYP"},
		{"message told by segments", strings.ReplaceAll(xml, "<MESTYP>DEBMAS</MESTYP>", ""), "2 good; "},
		{"no message, no sign", strings.ReplaceAll(strings.ReplaceAll(xml, "<MESTYP>DEBMAS</MESTYP>", ""), "E1KNA1M", "E1OTHER"), "0 good; message 0000000000001001 EDI_DC40 MESTYP; message 0000000000001002 EDI_DC40 MESTYP"},
		{"unknown segment", replace(xml, "<E1KNVKM SEGMENT=\"1\">", "<Z1NEW SEGMENT=\"1\"><A>b</A></Z1NEW><E1KNVKM SEGMENT=\"1\">"), "2 good; "},
		{"unknown segment without a mark", replace(xml, "<E1KNVKM SEGMENT=\"1\">", "<ZNEW><ZLINE><A>b</A></ZLINE></ZNEW><E1KNVKM SEGMENT=\"1\">"), "2 good; "},
		{"unknown flat segment", replace(flat, "E2KNVKM002", "Z2NEW00000"), "2 good; "},
		{"other release", replace(flat, "E2KNVKM002", "E2KNVKM   "), "2 good; "},
		{"out of hierarchy, XML", replace(replace(xml, "<E1KNVKM SEGMENT=\"1\">", "</E1KNA1M><E1KNVPM SEGMENT=\"1\">"), "</E1KNVKM>\n    </E1KNA1M>", "</E1KNVPM>"), "1 good; structure 0000000000001001 E1KNVPM "},
		{"out of hierarchy, flat", lines[0] + lines[1] + strings.Replace(lines[5], "E2KNVKM002", "E2KNVPM002", 1) + strings.Join(lines[6:], ""), "1 good; structure 0000000000001001 E1KNVPM "},
		{"a parent's number that can't be", replace(flat, "00000400000303", "00000400000203"), "2 good; "},
		{"no parent numbers", strings.NewReplacer("00000400000303", "00000400000003", "00000300000102", "00000300000002").Replace(flat), "2 good; "},
		{"record too long", lines[0] + strings.TrimSuffix(lines[1], "\n") + "x\n" + strings.Join(lines[2:], ""), "1 good; structure 0000000000001001 E1KNA1M "},
		{"blanks behind a record", lines[0] + strings.TrimSuffix(lines[1], "\n") + "   \n" + strings.Join(lines[2:], ""), "2 good; "},
		{"head too short", lines[0] + lines[1][:40] + "\n" + strings.Join(lines[2:], ""), "1 good; structure 0000000000001001 EDI_DD40 "},
		{"bad number", lines[0] + lines[1][:49] + "x00001" + lines[1][55:] + strings.Join(lines[2:], ""), "1 good; structure 0000000000001001 E1KNA1M SEGNUM"},
		{"control record lost", strings.Join(lines[:6], "") + strings.Join(lines[7:], ""), "0 good; structure 0000000000001001 E1KNA1M DOCNUM"},
		{"no control record", strings.Join(lines[1:], ""), "open: line 1: the file is neither a flat IDoc (EDI_DC40 …) nor XML"},
		{"truncated record", flat[:len(flat)-500], "1 good; structure 0000000000001002 E1KNA1M "},
		{"truncated, unframed", strings.ReplaceAll(flat, "\n", "")[:4000], "0 good; structure 0000000000001001 E1KNVPM "},
		{"truncated control, unframed", strings.ReplaceAll(flat, "\n", "")[:524+5*1063+100], "1 good; structure 0000000000001002 EDI_DC40 "},
		{"truncated XML", xml[:len(xml)-400], "1 good; file: the file ends inside of <EDI_DC40>: it was cut off"},
		{"bad byte", replace(flat, "Domstra", "Dom\xfftra"), "1 good; encoding 0000000000001001 E1KNA1M "},
		{"bad byte, XML", replace(xml, "Domstra", "Dom\xfftra"), "0 good; file: a byte that is no UTF-8: is the file's encoding declared?"},
		{"a line that never ends", lines[0] + lines[1][:1000] + strings.Repeat("x", 100000), "0 good; file: a line is longer than any IDoc record (1063 characters)"},
		{"text in a segment", replace(xml, "<KUNNR>", "x<KUNNR>"), "1 good; structure 0000000000001001 E1KNA1M "},
		{"not an IDoc", "a;b\n1;2\n", "open: line 1: the file is neither a flat IDoc (EDI_DC40 …) nor XML"},
		{"doctype", "<!DOCTYPE a [<!ENTITY b \"c\">]><a/>", "0 good; file: a document type declaration is not allowed"},
		{"deep", "<a><IDOC>" + strings.Repeat("<Z1X SEGMENT=\"1\">", 50), "0 good; file: elements are nested deeper than 40"},
	}
	for _, c := range cases {
		if got := rejects(t, f, []byte(c.file), formats.Customers); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.want)
		}
	}
}

// TestUnconfirmed: a flat field whose place is not certain is refused with what to do, unless nothing stands there.
func TestUnconfirmed(t *testing.T) {
	with := &Options{Dictionary: "testdata/dictionary.csv"}
	flat := convert(t, with, read(t, "cond_a.xml"), FormFlat, "COND_A04")
	f := &Options{}
	f.SetClock(today)
	_, err := dump(f, bytes.NewReader(flat), formats.Prices)
	var fault *formats.FileError
	if !errors.As(err, &fault) || fault.Column != "KSTBM" && fault.Column != "LOEVM_KO" && fault.Column != "KBETR" {
		t.Fatalf("got %v", err)
	}
	if !strings.Contains(fault.Hint, "format.dictionary") || !strings.Contains(fault.Hint, "E1KONM,E2KONM,E1KONP,4,") {
		t.Errorf("hint: %s", fault.Hint)
	}
	var short []byte // without the scale and the deletion, nothing is uncertain
	for line := range bytes.Lines(flat) {
		if !bytes.HasPrefix(line, []byte("E2KONM")) && !bytes.Contains(line, []byte("302.35-")) {
			short = append(short, line...)
		}
	}
	if got := rejects(t, f, short, formats.Prices); got != "1 good; not_yet 0000000000003001 E1KONH DATAB; value 0000000000003002 E1KOMG CHARG" {
		t.Error(got)
	}
}

// TestSelect: a mapping's raw columns stand beside the computed ones and take their place.
func TestSelect(t *testing.T) {
	f := &Options{SalesOrg: "1000"}
	m := &formats.Mapping{
		Columns: map[string]string{"KDGRP": "group", "E1KNVVM_ZTERM": "payment_term", "name": `NAME1 + " " + NAME2`, "E1KNVKM_NAMEV": "address_label"},
		Values:  map[string]map[string]string{"region": {"DE-05": "DE-NW", "US-NY": "US-NY"}},
	}
	if err := f.Select(formats.Customers, m); err != nil {
		t.Fatal(err)
	}
	rd, err := f.Open(bytes.NewReader(read(t, "debmas.xml")), formats.Customers)
	if err != nil {
		t.Fatal(err)
	}
	mapper, err := m.Bind(formats.Customers, rd.Columns(), f.Conventions())
	if err != nil {
		t.Fatal(err)
	}
	var row formats.Row
	var rec formats.Record
	if err := rd.Next(&row); err != nil {
		t.Fatal(err)
	}
	if err := mapper.Record(&row, &rec); err != nil {
		t.Fatal(err)
	}
	want := []formats.Value{
		{Field: "address_label", Text: "Ina"}, {Field: "city", Text: "Köln"}, {Field: "country", Text: "DE"}, {Field: "group", Text: "02"},
		{Field: "name", Text: "Möbelhaus Ähre & Söhne Filiale Nord"}, {Field: "payment_term", Text: "0002"}, {Field: "phone", Text: "+49 221 5550100"},
		{Field: "postal_code", Text: "50667"}, {Field: "region", Text: "DE-NW"}, {Field: "street", Text: "Domstraße 1"},
	}
	if d := cmp.Diff(want, rec.Values); d != "" || rec.Key != "4711" {
		t.Errorf("key %s:\n%s", rec.Key, d)
	}
	for _, c := range []struct{ column, want string }{{"NOSUCH", "columns: NOSUCH: no such field"}, {"E1KNVVM_NOSUCH", "columns: E1KNVVM_NOSUCH"}} {
		err := (&Options{}).Select(formats.Customers, &formats.Mapping{Columns: map[string]string{c.column: "group"}})
		if err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s: %v", c.column, err)
		}
	}
}

// TestExpressionOfRawFields: the price as the issue writes it gives what the rule computes.
func TestExpressionOfRawFields(t *testing.T) {
	f := &Options{Dictionary: "testdata/dictionary.csv"}
	f.SetClock(today)
	m := &formats.Mapping{Columns: map[string]string{"sku": "trimZeros(MATNR)", "value": "amount(KBETR) / amount(KPEIN)"}}
	if err := f.Select(formats.Prices, m); err != nil {
		t.Fatal(err)
	}
	rd, err := f.Open(bytes.NewReader(read(t, "cond_a.xml")), formats.Prices)
	if err != nil {
		t.Fatal(err)
	}
	mapper, err := m.Bind(formats.Prices, rd.Columns(), f.Conventions())
	if err != nil {
		t.Fatal(err)
	}
	var row formats.Row
	var rec formats.Record
	for _, want := range []string{"01|12345|ST|1|EUR 12.345", "01|12345|ST|10|EUR 11.111"} {
		if err := rd.Next(&row); err != nil {
			t.Fatal(err)
		}
		if err := mapper.Record(&row, &rec); err != nil {
			t.Fatal(err)
		}
		if got, _ := rec.Get("value"); rec.Key+" "+got != want {
			t.Errorf("got %s %s, want %s", rec.Key, got, want)
		}
	}
}

// TestUnits: the value list of unit also holds for more_units.
func TestUnits(t *testing.T) {
	for _, c := range []struct {
		list map[string]string
		want string
	}{
		{map[string]string{"ST": "item", "KAR": "set", "KG": "kg"}, "set:0:12 kg:3:0.8"},
		{map[string]string{"ST": "item", "KAR": "set", "KG": ""}, "set:0:12"},
		{map[string]string{"ST": "item", "KAR": "set"}, "reject value"},
	} {
		f := &Options{Precisions: map[string]int{"kg": 3}}
		if err := f.Select(formats.Products, &formats.Mapping{Values: map[string]map[string]string{"unit": c.list}}); err != nil {
			t.Fatal(err)
		}
		rd, err := f.Open(bytes.NewReader(read(t, "matmas.xml")), formats.Products)
		if err != nil {
			t.Fatal(err)
		}
		var row formats.Row
		var bad *formats.Reject
		got := ""
		if err := rd.Next(&row); errors.As(err, &bad) {
			got = "reject " + bad.Code
		} else if err == nil {
			got = row.Cells[2]
		}
		if got != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
}

// TestCopyRejects: the reject file has the same form and only the failed IDocs, and reads as those rows did.
func TestCopyRejects(t *testing.T) {
	f := &Options{}
	xml := read(t, "debmas.xml")
	for form, file := range forms(t, f, xml, "DEBMAS07") {
		f := &Options{}
		if strings.HasPrefix(form, "latin1") {
			f.Encoding = "iso-8859-1"
		}
		for _, keep := range []string{"1001", "1002", "none", "100"} {
			var out bytes.Buffer
			n, err := f.CopyRejects(&out, bytes.NewReader(file), formats.Customers, func(p formats.Position) bool { return strings.Contains(p.Doc, keep) && p.Line == 1 })
			if err != nil {
				t.Fatalf("%s: %v", form, err)
			}
			if want := strings.Count("1001 1002", keep); n != want {
				t.Errorf("%s: kept %d of %s", form, n, keep)
			}
			if keep == "100" && !bytes.Equal(out.Bytes(), file) {
				t.Errorf("%s: not the same bytes", form)
			}
			if keep == "none" {
				continue
			}
			got, err := dump(f, bytes.NewReader(out.Bytes()), formats.Customers)
			if err != nil || strings.Contains(got, "REJECT") || strings.Count(got, "customer_number") != n || !strings.Contains(got, keep) {
				t.Errorf("%s: %v\n%s", form, err, got)
			}
		}
	}
}

func TestCheck(t *testing.T) {
	f := &Options{Encoding: "klingon", Test: "maybe", Zeros: "some", Clients: []string{"1"}, Messages: map[string]string{"ZX": "ABSEN1"},
		Languages: map[string]string{"DE": "default", "EN": "default"}, Texts: map[string]string{"name": "GRUN"}, Precisions: map[string]int{"kg": 12}, Dictionary: "testdata/none.csv"}
	err := f.Check()
	for _, key := range []string{"encoding", "test", "zeros", "clients", "messages", "languages", "texts", "precisions", "dictionary"} {
		if !strings.Contains(fmt.Sprint(err), key+": ") {
			t.Errorf("%s is not reported: %v", key, err)
		}
	}
	if err := (&Options{}).Check(); err != nil {
		t.Error(err)
	}
}

func TestMessagesOfEntities(t *testing.T) {
	for _, e := range formats.Entities {
		for _, m := range Messages(e) {
			if !slices.Contains(messages[m], e) {
				t.Errorf("%s does not list %s", m, e.Name)
			}
		}
	}
	if got := fmt.Sprint(Messages(formats.OrderFeedback), Messages(formats.Inventory)); got != "[DELVRY DESADV INVOIC ORDCHG ORDRSP SHPCON WHSCON] [LOISTD]" {
		t.Error(got)
	}
}

// TestPriceCatalogue: of several kinds of prices none is guessed, and neither is the material of a price that stands nowhere.
func TestPriceCatalogue(t *testing.T) {
	xml := string(read(t, "sent/pricat.xml"))
	gross := strings.Replace(xml, "</E1KONP>", "</E1KONP>\n<E1KONP SEGMENT=\"1\"><KSCHL>PB00</KSCHL><KBETR>60.00</KBETR><KONWA>EUR</KONWA></E1KONP>", 1)
	scale := strings.Replace(xml, "</E1KONP>", "<E1KONM SEGMENT=\"1\"><KSTBM>12.000</KSTBM><KBETR>45.00</KBETR></E1KONM></E1KONP>", 1)
	flat := string(convert(t, &Options{}, []byte(xml), FormFlat, ""))
	below := func(number func(own int) int) string { // the file with other numbers of parents
		var out strings.Builder
		own := 0
		for line := range strings.Lines(flat) {
			own++
			if strings.HasPrefix(line, "E2") {
				line = fmt.Sprintf("%s%06d%s", line[:55], number(own-1), line[61:])
			} else {
				own = 0
			}
			out.WriteString(line)
		}
		return out.String()
	}
	marm := strings.Replace(xml, "<E1KONP SEGMENT=\"1\"><KSCHL>PN00", "<E1PMARM SEGMENT=\"1\"><EAN11>4006381333931</EAN11></E1PMARM><E1KONP SEGMENT=\"1\"><KSCHL>PN00", 1)
	for name, c := range map[string]struct {
		file   string
		format *Options
		want   []string
	}{
		"two kinds": {gross, &Options{PriceList: "L"}, []string{"REJECT value KSCHL: the catalogue has prices of several condition types, PN00, PB00 " +
			"(its profile names gross PB00, net PN00): format.condition_types"}},
		"one of two": {gross, &Options{PriceList: "L", ConditionTypes: []string{"PB00"}}, []string{`value="60"`, `"other_condition PN00":4`}},
		"a scale":    {scale, &Options{PriceList: "L"}, []string{`quantity="12" currency="EUR" value="45"`}},
		"no list":    {xml, &Options{}, []string{"REJECT missing price_list", "format.price_list would name its list", `price_list="customer 4711"`}},
		"no parents": {below(func(int) int { return 0 }), &Options{PriceList: "L"},
			[]string{"REJECT structure : no price stands below the E1KONH; for a flat file format.dictionary", "no price stands below the E1KOMG"}},
		"one parent": {below(func(int) int { return 1 }), &Options{PriceList: "L"},
			[]string{"no price stands below the E1KONH", "no price stands below the E1KOMG"}},
		"another's material": {strings.Replace(xml, "<KUNNR>0000004711</KUNNR><MATNR>000000000000070002", "<KUNNR>0000004711</KUNNR><MATNR>000000000000070009", 1),
			&Options{PriceList: "L"}, []string{"REJECT structure sku: the E1KOMG around the price is of the material 000000000000070009, and the E1MARAM is 000000000000070002"}},
		"several beside it": {strings.Replace(xml, "</IDOC>\n</PRICAT03>", "<E1MARAM SEGMENT=\"1\"><MATNR>70003</MATNR></E1MARAM></IDOC>\n</PRICAT03>", 1),
			&Options{PriceList: "L"}, []string{"REJECT structure sku: which material the price is of can't be told: no E1MARAM stands around it, and it is not beside a single one"}},
		"a unit's number": {marm, &Options{PriceList: "L", raw: []rawColumn{{name: "EAN", field: "EAN11", segment: "E1PMARM"}}},
			[]string{`EAN="4006381333931"`}},
	} {
		t.Run(name, func(t *testing.T) {
			f := c.format
			f.SetClock(today)
			got, err := dump(f, strings.NewReader(c.file), formats.Prices)
			for _, want := range c.want {
				if err != nil || !strings.Contains(got, want) {
					t.Errorf("no %s: %v\n%s", want, err, got)
				}
			}
		})
	}
}

// TestPlacesOfOneType: what stands anywhere in a catalogue still has its place in other types.
func TestPlacesOfOneType(t *testing.T) {
	f := &Options{}
	f.SetClock(today)
	file := `<COND_A04><IDOC BEGIN="1"><EDI_DC40 SEGMENT="1"><DOCNUM>1</DOCNUM><IDOCTYP>COND_A04</IDOCTYP><MESTYP>COND_A</MESTYP></EDI_DC40>` +
		`<E1KOMG SEGMENT="1"><E1KONP SEGMENT="1"><KBETR>1.00</KBETR></E1KONP></E1KOMG></IDOC></COND_A04>`
	got, err := dump(f, strings.NewReader(file), formats.Prices)
	if err != nil || !strings.Contains(got, "REJECT structure : E1KONP stands below E1KOMG; it belongs below E1KONH") {
		t.Errorf("%v %s", err, got)
	}
}

// TestPlacesOfAUser: what the message about a catalogue without places asks for mends it.
func TestPlacesOfAUser(t *testing.T) {
	item := func(sku, price string) string {
		return `<E1MARAM SEGMENT="1"><MATNR>` + sku + `</MATNR><MEINS>ST</MEINS><E1KONH SEGMENT="1"><DATAB>20260101</DATAB>` +
			`<E1KONP SEGMENT="1"><KSCHL>PR00</KSCHL><KBETR>` + price + `</KBETR><KONWA>EUR</KONWA></E1KONP></E1KONH></E1MARAM>`
	}
	xml := `<PRICAT03><IDOC BEGIN="1"><EDI_DC40 SEGMENT="1"><TABNAM>EDI_DC40</TABNAM><DOCNUM>1</DOCNUM><IDOCTYP>PRICAT03</IDOCTYP><MESTYP>PRICAT</MESTYP></EDI_DC40>` +
		`<E1PRIHEAD SEGMENT="1"><SYNTAX_VERSION>3</SYNTAX_VERSION></E1PRIHEAD>` + item("A-1", "1.50") + item("A-2", "2.50") + `</IDOC></PRICAT03>`
	var flat strings.Builder // no line says what it stands below
	for line := range strings.Lines(string(convert(t, &Options{}, []byte(xml), FormFlat, ""))) {
		if strings.HasPrefix(line, "E2") {
			line = line[:55] + "000000" + line[61:]
		}
		flat.WriteString(line)
	}
	f := &Options{PriceList: "L", Dictionary: "own.csv"}
	f.SetOpen(func(string) (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader(`E1MARAM,E2MARAM009,-,1,MSGFN:3 MATNR:18 ERSDA:8 ERNAM:12 LAEDA:8 AENAM:12 PSTAT:15 LVORM:1 MTART:4 MBRSH:1 MATKL:9 BISMT:18 MEINS:3
E1KONH,E2KONH,E1MARAM,2,KNUMH:10 DATAB:8 DATBI:8
E1KONP,E2KONP,E1KONH,3,KSCHL:4 KNUMT:10 STFKZ:1 KZBZG:1 KSTBM:19 KONMS:3 KSTBW:20 KONWS:5 KRECH:1 KBETR:16 KONWA:5 KPEIN:5 KMEIN:3
`)), nil
	})
	f.SetClock(today)
	got, err := dump(f, strings.NewReader(flat.String()), formats.Prices)
	for _, want := range []string{`sku="A-1" unit="ST" quantity="1" currency="EUR" value="1.5"`, `sku="A-2" unit="ST" quantity="1" currency="EUR" value="2.5"`} {
		if err != nil || !strings.Contains(got, want) || strings.Contains(got, "REJECT") {
			t.Errorf("no %s: %v\n%s", want, err, got)
		}
	}
}
