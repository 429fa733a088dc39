package formats_test

import (
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orobridge/orobridge/formats"
)

// files opens texts by name.
func files(texts map[string]string) func(string) (io.ReadCloser, error) {
	return func(name string) (io.ReadCloser, error) {
		text, ok := texts[name]
		if !ok {
			return nil, &os.PathError{Op: "open", Path: name, Err: os.ErrNotExist}
		}
		return io.NopCloser(strings.NewReader(text)), nil
	}
}

func TestMappingCheck(t *testing.T) {
	tests := []struct {
		name    string
		entity  *formats.Entity
		mapping formats.Mapping
		want    []string // parts of the error, in order; none for a good mapping
	}{
		{"empty", formats.Products, formats.Mapping{}, nil},
		{"source columns", formats.Products, formats.Mapping{
			Columns: map[string]string{"MATNR": "sku", "MAKTX": "name", "MAKTX_DE": "name[de_DE]", "FARBE": "attr.color", "X": "-"},
		}, nil},
		{"expressions", formats.Prices, formats.Mapping{
			Columns: map[string]string{"sku": "trimZeros(MATNR)", "value": "amount(KBETR) / amount(KPEIN)", "KONWA": "currency", "price_list": `"List " + VKORG`},
		}, nil},
		{"columns whose names are no words", formats.Products, formats.Mapping{Columns: map[string]string{"sku": `col("Art.-Nr.") + "-" + col("Größe (cm)")`}}, nil},
		{"reversed", formats.Products, formats.Mapping{Columns: map[string]string{"sku": "MATNR"}}, nil},
		{"unknown field", formats.Products, formats.Mapping{Columns: map[string]string{"MATNR": "skuu"}},
			[]string{`columns: MATNR: neither MATNR nor "skuu" (did you mean sku?) is a field of products`, "sku, name,"}},
		{"unknown function", formats.Products, formats.Mapping{Columns: map[string]string{"sku": "frobnicate(MATNR)"}},
			[]string{"columns: sku: frobnicate(MATNR): there is no function frobnicate; there are trimZeros"}},
		{"the language's own functions are off", formats.Products, formats.Mapping{Columns: map[string]string{"name": "repeat(MAKTX, 1000000)"}}, []string{"there is no function repeat"}},
		{"syntax", formats.Products, formats.Mapping{Columns: map[string]string{"sku": "trim(MATNR"}}, []string{"columns: sku: trim(MATNR: at character"}},
		{"types", formats.Prices, formats.Mapping{Columns: map[string]string{"value": "KBETR / KPEIN"}}, []string{"columns: value: KBETR / KPEIN", "invalid operation"}},
		{"wrong argument", formats.Prices, formats.Mapping{Columns: map[string]string{"value": "trim(amount(KBETR))"}}, []string{"columns: value"}},
		{"no floats", formats.Prices, formats.Mapping{Columns: map[string]string{"value": "1 / 3"}}, []string{"gives float64"}},
		{"two types", formats.Prices, formats.Mapping{Columns: map[string]string{"value": `KBETR == "" ? "" : amount(KBETR)`}}, []string{"both sides"}},
		{"unknown list", formats.Products, formats.Mapping{Columns: map[string]string{"unit": `lookup("uom", MEINS)`}}, []string{`lists has no "uom"`}},
		{"bad date form", formats.Products, formats.Mapping{Columns: map[string]string{"attr.since": `date(ERSDA, "DDMM")`}}, []string{"is not a form of dates"}},
		{"values", formats.Products, formats.Mapping{Values: map[string]map[string]string{"status": {"A": "enabled", "B": "gone"}, "colour": {"1": "red"}}},
			[]string{"values: colour: colour is not a field", `values: status: B: "gone" is none of enabled, disabled`}},
		{"constants and defaults", formats.Prices, formats.Mapping{Constants: map[string]string{"value": "free"}, Defaults: map[string]string{"quantity": "1,5", "x": "1"}},
			[]string{`constants: value: "free" is not a number`, `defaults:`}},
		{"constant and column", formats.Prices, formats.Mapping{Columns: map[string]string{"WAERS": "currency"}, Constants: map[string]string{"currency": "EUR"}},
			[]string{"constants: currency: columns has WAERS for the same field"}},
		{"lists", formats.Products, formats.Mapping{Columns: map[string]string{"unit": `lookup("uom", MEINS)`}, Lists: map[string]string{"uom": "uom.csv"}}, nil},
		{"list that contradicts itself", formats.Products, formats.Mapping{Lists: map[string]string{"uom": "twice.csv"}}, []string{`lists: uom: read twice.csv: line 2: "ST" stands twice`}},
		{"list that is not there", formats.Products, formats.Mapping{Lists: map[string]string{"uom": "none.csv"}}, []string{"lists: uom: open none.csv"}},
		{"all problems at once", formats.Products, formats.Mapping{Columns: map[string]string{"A": "b", "C": "d", "sku": "foo(X)"}}, []string{"columns: A", "columns: C", "columns: sku"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.mapping.Open = files(map[string]string{"uom.csv": "\ufeffST,item\nKAR,set\n", "twice.csv": "ST,item\nST,set\n"})
			err := tt.mapping.Check(tt.entity)
			if len(tt.want) == 0 {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if err == nil {
				t.Fatal("no error")
			}
			rest := err.Error()
			for _, part := range tt.want {
				i := strings.Index(rest, part)
				if i < 0 {
					t.Fatalf("the error lacks %q: %v", part, err)
				}
				rest = rest[i+len(part):]
			}
		})
	}
}

func TestBindRefusesAFileThatCanNotFit(t *testing.T) {
	tests := []struct {
		name    string
		entity  *formats.Entity
		mapping formats.Mapping
		columns string
		want    string // part of message or hint; "" for a fit
	}{
		{"canonical", formats.Prices, formats.Mapping{}, "price_list,sku,unit,currency,value", ""},
		{"another order, and columns of no use", formats.Prices, formats.Mapping{}, "value,x,currency,unit,sku,,price_list,", ""},
		{"an empty file", formats.Prices, formats.Mapping{}, "", ""},
		{"a key from nowhere", formats.Prices, formats.Mapping{}, "price_list,sku,unit,value", "no column holds the field currency"},
		{"what is there is named", formats.Prices, formats.Mapping{}, "MATNR,KBETR", "the file has MATNR, KBETR"},
		{"a mapped column is missing", formats.Prices, formats.Mapping{Columns: map[string]string{"WAERS": "currency"}}, "price_list,sku,unit,value", "columns maps WAERS"},
		{"a constant instead", formats.Prices, formats.Mapping{Constants: map[string]string{"currency": "EUR", "price_list": "B2B", "unit": "item"}}, "sku,value", ""},
		{"removals need the key alone", formats.Prices, formats.Mapping{}, "price_list,sku,unit,currency,delete", ""},
		{"two columns, one field", formats.Prices, formats.Mapping{Columns: map[string]string{"A": "sku"}}, "A,sku,price_list,unit,currency,value", "feeds the field sku, and so does the column A"},
		{"one of them left out", formats.Prices, formats.Mapping{Columns: map[string]string{"A": "sku", "sku": "-"}}, "A,sku,price_list,unit,currency,value", ""},
		{"an expression's column is missing", formats.Prices, formats.Mapping{Columns: map[string]string{"value": "amount(KBETR)"}}, "price_list,sku,unit,currency,value", "the field value is computed from it: amount(KBETR)"},
		{"an expression over its own name", formats.Prices, formats.Mapping{Columns: map[string]string{"sku": "trimZeros(sku)"}}, "price_list,sku,unit,currency,value", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var columns []string
			if tt.columns != "" {
				columns = strings.Split(tt.columns, ",")
			}
			_, err := tt.mapping.Bind(tt.entity, columns, point)
			if tt.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			var f *formats.FileError
			if !errors.As(err, &f) {
				t.Fatalf("got %v, want a *FileError", err)
			}
			if !strings.Contains(f.Error()+f.Hint, tt.want) {
				t.Errorf("got %q, hint %q; want %q", f, f.Hint, tt.want)
			}
		})
	}
}

func TestIgnoredAndMissingColumns(t *testing.T) {
	m := formats.Mapping{Columns: map[string]string{"MATNR": "sku", "MAKTX": "name", "LANG": "name[de_DE]", "unit": "lower(MEINS)", "description": "-"}}
	p, err := m.Bind(formats.Products, []string{"MATNR", "MEINS", "ERSDA", "description", "", "LANG"}, point)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"ERSDA", "description"}, p.Ignored()); diff != "" {
		t.Error("ignored", diff)
	}
	if diff := cmp.Diff([]string{"MAKTX"}, p.Missing()); diff != "" {
		t.Error("missing", diff)
	}
	if diff := cmp.Diff([]string{"name[de_DE]", "unit"}, p.Carries()); diff != "" {
		t.Error("carries", diff)
	}
}

func TestSourceColumns(t *testing.T) {
	m := formats.Mapping{Columns: map[string]string{"MATNR": "sku", "name": `trim(MAKTX) + col("Art. Nr.") + MATNR`, "X": "-", "brand": "foo(BAD)"}}
	if diff := cmp.Diff([]string{"Art. Nr.", "MAKTX", "MATNR"}, m.SourceColumns(formats.Products)); diff != "" {
		t.Error(diff)
	}
}

// record maps one row, given as "column=cell" pairs.
func record(t *testing.T, e *formats.Entity, m formats.Mapping, c formats.Conventions, row ...string) (*formats.Record, *formats.Reject) {
	t.Helper()
	r := formats.Row{Pos: formats.Position{Line: 7, Offset: 99}}
	var columns []string
	for _, pair := range row {
		name, text, _ := strings.Cut(pair, "=")
		columns = append(columns, name)
		r.Cells = append(r.Cells, text)
	}
	p, err := m.Bind(e, columns, c)
	if err != nil {
		t.Fatal(err)
	}
	rec := new(formats.Record)
	if err := p.Record(&r, rec); err != nil {
		bad := new(formats.Reject)
		if !errors.As(err, &bad) {
			t.Fatalf("%v is no reject", err)
		}
		return nil, bad
	}
	return rec, nil
}

func contents(r *formats.Record) string {
	var b strings.Builder
	b.WriteString(r.Key)
	if r.Remove {
		b.WriteString(" removed")
	}
	for _, v := range r.Values {
		b.WriteString(" " + v.Field + "=" + v.Text)
	}
	return b.String()
}

func TestRecord(t *testing.T) {
	sap := formats.Mapping{
		Columns: map[string]string{"MATNR": "sku", "MEINS": "unit", "KONWA": "currency", "value": "amount(KBETR) / amount(KPEIN)"},
		Values:  map[string]map[string]string{"unit": {"ST": "item", "KAR": "set"}}, Constants: map[string]string{"price_list": "B2B"},
	}
	tests := []struct {
		name   string
		entity *formats.Entity
		m      formats.Mapping
		c      formats.Conventions
		row    []string
		want   string
	}{
		{"canonical", formats.Prices, formats.Mapping{}, point, []string{"price_list=B2B", "sku=4711", "unit=item", "quantity=10", "currency=EUR", "value=19.9"}, "B2B|4711|item|10|EUR value=19.9"},
		{"not canonical yet", formats.Prices, formats.Mapping{}, comma, []string{"price_list= B2B ", "sku=4711", "unit=item", "quantity=10,000", "currency=EUR", "value=1.019,90"}, "B2B|4711|item|10|EUR value=1019.9"},
		{"the key's default", formats.Prices, formats.Mapping{}, point, []string{"price_list=B2B", "sku=4711", "unit=item", "quantity=", "currency=EUR", "value=1"}, "B2B|4711|item|1|EUR value=1"},
		{"signs of the key in a key", formats.Prices, formats.Mapping{}, point, []string{`price_list=A|B\C`, "sku=1", "unit=u", "currency=EUR", "value=1"}, `A\|B\\C|1|u|1|EUR value=1`},
		{"rounded as the shop rounds", formats.Prices, formats.Mapping{}, point, []string{"price_list=L", "sku=1", "unit=u", "currency=EUR", "value=1.12345"}, "L|1|u|1|EUR value=1.1235"},
		{"rounded to nothing", formats.Prices, formats.Mapping{}, point, []string{"price_list=L", "sku=1", "unit=u", "currency=EUR", "value=0.00001"}, "L|1|u|1|EUR value=0"},
		{"as SAP sends it", formats.Prices, sap, comma, []string{"MATNR=0815", "MEINS=KAR", "KONWA=EUR", "KBETR=1.250,00", "KPEIN=100"}, "B2B|0815|set|1|EUR value=12.5"},
		{"a removal looks at the key alone", formats.Prices, formats.Mapping{}, point, []string{"price_list=L", "sku=1", "unit=u", "currency=EUR", "value=junk", "delete=X"}, "L|1|u|1|EUR removed"},
		{"no removal", formats.Prices, formats.Mapping{}, point, []string{"price_list=L", "sku=1", "unit=u", "currency=EUR", "value=1", "delete="}, "L|1|u|1|EUR value=1"},
		{"an empty cell clears", formats.Products, formats.Mapping{}, point, []string{"sku=1", "description=", "brand= "}, "1 brand= description="},
		{"an empty key part that may be", formats.Inventory, formats.Mapping{AllowNegative: true}, point, []string{"sku=1", "unit=", "quantity=-5"}, "1| quantity=-5"},
		{"sorted by field", formats.Products, formats.Mapping{}, point, []string{"unit=item", "sku=1", "name[de_DE]=Rohr", "name=Pipe", "attr.color=red"}, "1 attr.color=red name=Pipe name[de_DE]=Rohr unit=item"},
		{"kinds", formats.Products, formats.Mapping{}, point, []string{"sku=1", "status=Enabled", "category=A>B  > C", "more_units=set:0:12.0  box:2:1.50", "precision=0"},
			"1 category=A > B > C more_units=box:2:1.5 set:0:12 precision=0 status=enabled"},
		{"codes and flags", formats.PriceLists, formats.Mapping{}, point, []string{"name=L", "currencies=EUR, USD", "active=Yes"}, "L active=1 currencies=EUR USD"},
		{"an empty flag is 0", formats.PriceLists, formats.Mapping{}, point, []string{"name=L", "active="}, "L active=0"},
		{"text keeps its lines", formats.Products, formats.Mapping{}, point, []string{"sku=1", "description= a\r\nb\rc\td\n"}, "1 description=a\nb\nc\td"},
		{"defaults", formats.Products, formats.Mapping{Defaults: map[string]string{"unit": "item", "status": "Enabled"}}, point, []string{"sku=1", "unit= "}, "1 status=enabled unit=item"},
		{"constants win", formats.Products, formats.Mapping{Constants: map[string]string{"unit": "item"}}, point, []string{"sku=1", "unit=ST"}, "1 unit=item"},
		{"an unmapped empty value clears", formats.Products, formats.Mapping{Values: map[string]map[string]string{"brand": {"A": "Acme"}}}, point, []string{"sku=1", "brand="}, "1 brand="},
		{"a mapped empty value", formats.Products, formats.Mapping{Values: map[string]map[string]string{"status": {"": "enabled", "X": "disabled"}}}, point, []string{"sku=1", "status="}, "1 status=enabled"},
		{"characters are counted, not bytes", formats.Prices, formats.Mapping{}, point, []string{"price_list=" + strings.Repeat("ü", 50), "sku=1", "unit=u", "currency=EUR", "value=1"}, strings.Repeat("ü", 50) + "|1|u|1|EUR value=1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rec, bad := record(t, tt.entity, tt.m, tt.c, tt.row...)
			if bad != nil {
				t.Fatal(bad)
			}
			if got := contents(rec); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			if rec.Pos.Line != 7 {
				t.Errorf("position %v", rec.Pos)
			}
		})
	}
}

func TestRecordRejects(t *testing.T) {
	price := func(pairs ...string) []string {
		row := []string{"price_list=L", "sku=1", "unit=u", "currency=EUR", "value=1"}
		for _, p := range pairs {
			name, _, _ := strings.Cut(p, "=")
			for i, cell := range row {
				if strings.HasPrefix(cell, name+"=") {
					row[i], p = p, ""
				}
			}
			if p != "" {
				row = append(row, p)
			}
		}
		return row
	}
	product := func(pairs ...string) []string { return append([]string{"sku=1"}, pairs...) }
	values := formats.Mapping{Values: map[string]map[string]string{"unit": {"ST": "item", "KAR": "set"}}}
	tests := []struct {
		name             string
		entity           *formats.Entity
		m                formats.Mapping
		row              []string
		code, field, key string
		message          string // part of it
	}{
		{"empty key", formats.Prices, formats.Mapping{}, price("sku= "), formats.CodeKey, "sku", "L||u|1|EUR", "sku is empty"},
		{"bad part of a key", formats.Prices, formats.Mapping{}, price("quantity=ten"), formats.CodeAmount, "quantity", "L|1|u|ten|EUR", `"ten" is not a number`},
		{"the first problem counts", formats.Prices, formats.Mapping{}, price("sku=", "quantity=ten", "value=x"), formats.CodeKey, "sku", "L||u|ten|EUR", "empty"},
		{"missing", formats.Prices, formats.Mapping{}, price("value="), formats.CodeMissing, "value", "L|1|u|1|EUR", "value is empty"},
		{"no number", formats.Prices, formats.Mapping{}, price("value=on request"), formats.CodeAmount, "value", "L|1|u|1|EUR", `"on request" is not a number`},
		{"negative price", formats.Prices, formats.Mapping{}, price("value=5.00-"), formats.CodeAmount, "value", "L|1|u|1|EUR", "is negative"},
		{"more than the shop holds", formats.Prices, formats.Mapping{}, price("value=1234567890123456"), formats.CodeAmount, "value", "L|1|u|1|EUR", "more than 15 digits"},
		{"rounded beyond what it holds", formats.Prices, formats.Mapping{}, price("value=999999999999999.99999"), formats.CodeAmount, "value", "L|1|u|1|EUR", "more than 15 digits"},
		{"ambiguous", formats.Prices, formats.Mapping{}, price("value=1,234"), formats.CodeAmount, "value", "L|1|u|1|EUR", "could mean two numbers"},
		{"too fine a quantity", formats.Prices, formats.Mapping{}, price("quantity=0.00000000001"), formats.CodeAmount, "quantity", "L|1|u|0.00000000001|EUR", "more than 10 decimals"},
		{"too long", formats.Prices, formats.Mapping{}, price("currency=EURO"), formats.CodeTooLong, "currency", "L|1|u|1|EURO", `"EURO" has 4 characters, 3 are allowed`},
		{"unmapped value", formats.Prices, values, price("unit=PAL"), formats.CodeValue, "unit", "L|1|PAL|1|EUR", `"PAL" is not in values: unit, which has KAR, ST`},
		{"choice", formats.Products, formats.Mapping{}, product("status=active"), formats.CodeValue, "status", "1", `"active" is none of enabled, disabled`},
		{"flag", formats.Products, formats.Mapping{}, product("delete=maybe"), formats.CodeFlag, "delete", "1", `"maybe"`},
		{"NUL", formats.Products, formats.Mapping{}, product("name=a\x00b"), formats.CodeControl, "name", "1", "NUL"},
		{"escape", formats.Products, formats.Mapping{}, product("name=\x1b[31m"), formats.CodeControl, "name", "1", "U+001B"},
		{"what latin-1 makes of windows-1252", formats.Products, formats.Mapping{}, product("name=\u0093x\u0094"), formats.CodeControl, "name", "1", "windows-1252"},
		{"line break in a name", formats.Products, formats.Mapping{}, product("name=a\nb"), formats.CodeControl, "name", "1", "line break"},
		{"not UTF-8", formats.Products, formats.Mapping{}, product("name=M\xfcller"), formats.CodeEncoding, "name", "1", "byte 0xfc at position 2"},
		{"where the row is", formats.Products, formats.Mapping{}, product("name=M\xfcller"), formats.CodeEncoding, "name", "1", "begins at byte 99"},
		{"not in the declared encoding", formats.Products, formats.Mapping{}, product("name=M\ufffdller"), formats.CodeEncoding, "name", "1", "U+FFFD"},
		{"units", formats.Products, formats.Mapping{}, product("more_units=set:12"), formats.CodeValue, "more_units", "1", "code:precision:rate"},
		{"unit twice", formats.Products, formats.Mapping{}, product("more_units=set:0:1 set:0:2"), formats.CodeValue, "more_units", "1", "twice"},
		{"unit of nothing", formats.Products, formats.Mapping{}, product("more_units=set:0:0"), formats.CodeAmount, "more_units", "1", "not above 0"},
		{"path", formats.Products, formats.Mapping{}, product("category=A > > B"), formats.CodeValue, "category", "1", "empty title"},
		{"long text is cut in the message", formats.Products, formats.Mapping{}, product("status=" + strings.Repeat("x", 5000)), formats.CodeValue, "status", "1", `x"… is none of`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, bad := record(t, tt.entity, tt.m, point, tt.row...)
			if bad == nil {
				t.Fatal("accepted")
			}
			if bad.Code != tt.code || bad.Field != tt.field || bad.Key != tt.key || bad.Pos.Line != 7 {
				t.Errorf("got %#v", bad)
			}
			if !strings.Contains(bad.Message, tt.message) || len(bad.Message) > 300 {
				t.Errorf("message %q lacks %q, or is long", bad.Message, tt.message)
			}
		})
	}
}

func TestWhatARowDoesNotCarryIsNoContent(t *testing.T) {
	m := formats.Mapping{Columns: map[string]string{"brand": "upper(B)"}}
	p, err := m.Bind(formats.Products, []string{"sku", "name", "B", "unit"}, point)
	if err != nil {
		t.Fatal(err)
	}
	row := formats.Row{Cells: []string{"1", "", "", ""}, Absent: []bool{false, true, true, false}}
	var rec formats.Record
	if err := p.Record(&row, &rec); err != nil {
		t.Fatal(err)
	}
	if got := contents(&rec); got != "1 unit=" {
		t.Errorf("got %s", got)
	}
	short := formats.Row{Cells: []string{"2"}}
	if err := p.Record(&short, &rec); err != nil || contents(&rec) != "2" {
		t.Errorf("got %s, %v", contents(&rec), err)
	}
}

func TestExpressions(t *testing.T) {
	lists := map[string]string{"uom": "uom.csv"}
	tests := []struct{ expr, want string }{
		{`A`, "0042"},
		{`trimZeros(A)`, "42"},
		{`trimZeros("000")`, "0"},
		{`trimZeros("00A")`, "00A"},
		{`alpha(trimZeros(A), 6)`, "000042"},
		{`alpha("AB", 6)`, "AB"},
		{`A + "-" + B`, "0042-ab"},
		{`concat(A, "/", B)`, "0042/ab"},
		{`coalesce("", " ", B)`, "ab"},
		{`upper(B)`, "AB"}, {`lower("ÄB")`, "äb"}, {`trim("  x ")`, "x"},
		{`substr(A, 2)`, "42"}, {`substr(A, 1, 2)`, "04"}, {`substr("grün", 2, 9)`, "ün"}, {`substr(A, 9)`, ""},
		{`replace(B, "a", "ü")`, "üb"},
		{`amount(N) / amount("3")`, "411.5"},
		{`amount(N) * 1.19`, "1469.055"},
		{`amount(N) + 1`, "1235.5"}, {`2 * amount(N) - amount(N)`, "1234.5"},
		{`100 / amount("3")`, "33.3333333333"},
		{`round(amount(N) / 7, 2)`, "176.36"},
		{`amount(N) > 1000 ? "dear" : "cheap"`, "dear"},
		{`amount("1,50") == amount("1,5") ? "same" : "other"`, "same"},
		{`N == "" ? "" : text(amount(N) * 2)`, "2469"},
		{`B startsWith "a" and not (B contains "z") ? "yes" : "no"`, "yes"},
		{`B matches "^[a-c]+$" ? "yes" : "no"`, "yes"},
		{`lookup("uom", "ST")`, "item"}, {`lookup("uom", "?", "item")`, "item"},
		{`date(D, "YYYYMMDD")`, "2026-11-21"}, {`date("21.11.2026")`, "2026-11-21"}, {`date("00000000", "YYYYMMDD")`, ""},
		{`col("Art. Nr.")`, "x1"},
		{`let n = trimZeros(A); n + n`, "4242"},
		{`A == "0042"`, "1"},
		{`40 + 2`, "42"},
	}
	for _, tt := range tests {
		t.Run(tt.expr, func(t *testing.T) {
			field := "attr.x"
			m := formats.Mapping{Columns: map[string]string{field: tt.expr}, Lists: lists, Open: files(map[string]string{"uom.csv": "ST,item\n"})}
			rec, bad := record(t, formats.Products, m, formats.Conventions{Decimal: ",", Date: "DD.MM.YYYY"}, "sku=1", "A=0042", "B=ab", "N=1.234,50", "D=20261121", "Art. Nr.=x1")
			if bad != nil {
				t.Fatal(bad)
			}
			got, _ := rec.Get(field)
			if got = strings.Replace(got, ",", ".", 1); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestExpressionsThatFailRejectTheRow(t *testing.T) {
	tests := []struct{ expr, code, message string }{
		{`amount(A) / amount(Z)`, formats.CodeExpr, `division by zero; A is "12", Z is "0"`},
		{`amount(B)`, formats.CodeAmount, `"ab" is not a number; B is "ab"`},
		{`amount("")`, formats.CodeAmount, "is empty"},
		{`date(B)`, formats.CodeDate, `"ab" is not a date`},
		{`lookup("uom", B)`, formats.CodeValue, `"ab" is not in the list uom`},
		{`substr(A, -1)`, formats.CodeExpr, "not negative"},
		{`alpha(A, 1000000)`, formats.CodeExpr, "between 1 and 255"},
		{`A[9:][5]`, formats.CodeExpr, ""},
	}
	for _, tt := range tests {
		t.Run(tt.expr, func(t *testing.T) {
			m := formats.Mapping{Columns: map[string]string{"attr.x": tt.expr}, Lists: map[string]string{"uom": "uom.csv"}, Open: files(map[string]string{"uom.csv": "ST,item\n"})}
			if err := m.Check(formats.Products); err != nil {
				t.Skipf("refused when the config is loaded: %v", err)
			}
			_, bad := record(t, formats.Products, m, point, "sku=1", "A=12", "B=ab", "Z=0")
			if bad == nil || bad.Code != tt.code || bad.Field != "attr.x" || bad.Key != "1" || !strings.Contains(bad.Message, tt.message) {
				t.Errorf("got %+v, want %s %q", bad, tt.code, tt.message)
			}
		})
	}
}

func TestARowOfCanonicalTextCostsOneAllocation(t *testing.T) {
	var m formats.Mapping
	p, err := m.Bind(formats.Prices, []string{"price_list", "sku", "unit", "quantity", "currency", "value"}, point)
	if err != nil {
		t.Fatal(err)
	}
	row := formats.Row{Cells: []string{"B2B", "4711", "item", "10", "EUR", "19.9"}}
	var rec formats.Record
	n := testing.AllocsPerRun(100, func() {
		if err := p.Record(&row, &rec); err != nil {
			t.Fatal(err)
		}
		formats.Fingerprint(rec.Values)
	})
	if n > 1 {
		t.Errorf("%v allocations, want the key alone", n)
	}
}
