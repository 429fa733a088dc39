package csv_test

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/orobridge/orobridge/formats"
	"github.com/orobridge/orobridge/formats/csv"
	"github.com/orobridge/orobridge/formats/hostiletest"
)

func TestATrailerIsComparedWithWhatStandsBeforeIt(t *testing.T) {
	end := csv.Trailer{Begins: "END", Count: 2, Sum: 3, Of: "qty"}
	o := csv.Options{Delimiter: ";", Numbers: formats.Conventions{Decimal: ","}, Trailer: &end}
	rows := "sku;name;qty\n1;a;1,5\n2;b;1.002,25\n"
	short := o
	short.Trailer = &csv.Trailer{Begins: "END", Count: 2}
	none := o
	none.Header, none.Fields, none.Skip = "none", []string{"sku", "name", "qty"}, 1
	good := []string{"sku|name|qty", "2@13 1|a|1,5", "3@21 2|b|1.002,25"}
	for _, tt := range []struct {
		name, file string
		options    csv.Options
		want       []string
	}{
		{"it fits", rows + "END;2;1003,75\n", o, good},
		{"it fits, in a file without a header", rows + "END;2;1003,75\n", none, good},
		{"it fits, with a blank line behind it", rows + "END;2;1003,75\n\r\n", o, good},
		{"without a sum", rows + "END;2\n", short, good},
		{"rows are missing", rows + "END;3;1003,75\n", o, append(good, "file line 4: the trailer says 3 rows, the file has 2")},
		{"an amount is another", rows + "END;2;1003,76\n", o, append(good, "file line 4: the trailer says a control sum of 1003.76, the file has 1003.75")},
		{"it is not there", rows, o, append(good, "file line 4: the file ends without its trailer: it was cut off")},
		{"the file is empty", "", o, []string{"file line 1: the file ends without its trailer: it was cut off"}},
		{"it is cut off", rows + "END;2", o, append(good, "file line 4: the trailer has 2 cells and no cell 3")},
		{"rows stand behind it", rows + "END;2;1003,75\n3;c;1\n", o, append(good, "file line 5: a row stands behind the trailer")},
		{"it has no number", rows + "END;x;1003,75\n", o, append(good, `file line 4: the trailer has "x" for the number of rows, which is not a number`)},
		{"a row that can't be read counts", rows + "3;\"c\"d;1\nEND;3;1003,75\n", o, append(good, "4@34 reject quote")},
		{"an amount can't be read", rows + "3;c;x\nEND;3;1003,76\n", o,
			append(good, "4@34 3|c|x", "file line 5: the trailer says a control sum of 1003.76, the file has 1003.75, and 1 rows without a readable amount")},
		{"the summed column is not there", "sku\n1\n", o, []string{"file line 1: column qty: is not in the file, and the trailer's sum is of it"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.options.Fields != nil {
				tt.want = slices.Clone(tt.want)
			}
			same(t, transcript(t, strings.NewReader(tt.file), &tt.options), tt.want)
		})
	}
}

func TestARejectFileHasATrailerOfItsOwn(t *testing.T) {
	o := csv.Options{Delimiter: ";", Numbers: formats.Conventions{Decimal: ","}, Trailer: &csv.Trailer{Begins: "END", Count: 2, Sum: 4, Of: "qty"}}
	file := rejectAll(t, "sku;qty\n1;1,5\n2;2,25\nEND;2;;3,75\n", &o)
	if want := "_line;_code;_message;sku;qty\n2;amount;value: no;1;1,5\n3;amount;value: no;2;2,25\n;;;END;2;;3,75\n"; file != want {
		t.Errorf("got\n%s\nwant\n%s", file, want)
	}
	mended := strings.ReplaceAll(file, "2,25", "9")
	same(t, transcript(t, strings.NewReader(mended), &o), []string{"sku|qty", "2@29 1|1,5", "3@54 2|9"})
	without := "sku;qty\n1;1,5\n2;2,25\nEND;2;;3,75\n" // its columns taken off, as people do
	same(t, transcript(t, strings.NewReader(without), &o), []string{"sku|qty", "2@8 1|1,5", "3@14 2|2,25"})
}

func TestTrailerCheck(t *testing.T) {
	for want, end := range map[string]csv.Trailer{
		"trailer: begins: ": {Count: 2},
		"trailer: count: ":  {Begins: "E"},
		"from 2 to":         {Begins: "E", Count: 1},
		"trailer: sum: ":    {Begins: "E", Sum: 2},
	} {
		if err := (&csv.Options{Trailer: &end}).Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

// readAll reads a file to its end and returns its reader.
func readAll(t *testing.T, file string, o csv.Options) (formats.Reader, int) {
	t.Helper()
	rd, err := o.Open(strings.NewReader(file), formats.Products)
	if err != nil {
		t.Fatal(err)
	}
	var row formats.Row
	for n := 0; ; n++ {
		switch err := rd.Next(&row); {
		case err == io.EOF:
			return rd, n
		case err != nil:
			t.Fatal(err)
		}
	}
}

func TestAHeaderThatComesAgainIsNoRow(t *testing.T) {
	part := "sku; name\n1;a\n2;b\n"
	for name, o := range map[string]csv.Options{
		"header":           {Delimiter: ";"},
		"fields":           {Delimiter: ";", Header: "none", Fields: []string{"sku", " name"}, Skip: 1},
		"a file of prices": {Delimiter: ";", Trailer: &csv.Trailer{Begins: "END", Count: 2}},
	} {
		file := part + part + part
		if o.Trailer != nil {
			file += "END;6\n"
		}
		rd, rows := readAll(t, file, o)
		if got := rd.(formats.Counter).Counts()["repeated_header"]; rows != 6 || got != 2 {
			t.Errorf("%s: %d rows, %d headers again", name, rows, got)
		}
	}
	if rd, rows := readAll(t, "sku\n1\n", csv.Options{}); rows != 1 || len(rd.(formats.Counter).Counts()) != 0 {
		t.Errorf("%d rows, counts %v", rows, rd.(formats.Counter).Counts())
	}
}

func TestAFileThatLooksCutOff(t *testing.T) {
	for file, cut := range map[string]bool{
		"": false, "sku,value": false, "sku,value\n": false, "sku,value\n1,2\n": false, "sku,value\r\n1,2\r\n": false, "sku,value\n1,2\n\n": false,
		"sku,value\n1,2": true, "sku,value\n1,2\n3,\"4\"": true, "sku,value\n1,2\n3,\"4": true, "sku,value\r\n1,2\r": true, "\n1": true,
	} {
		o := csv.Options{}
		rd, err := o.Open(strings.NewReader(file), formats.Products)
		if err != nil {
			t.Fatal(err)
		}
		var row formats.Row
		for err = nil; err != io.EOF; err = rd.Next(&row) {
		}
		if why := rd.(formats.Finisher).Unfinished(); (why != "") != cut {
			t.Errorf("%q: %q", file, why)
		}
	}
	o := csv.Options{Encoding: "utf-16le"}
	rd, err := o.Open(strings.NewReader("a\x00\n\x001\x00"), formats.Products)
	if err != nil {
		t.Fatal(err)
	}
	var row formats.Row
	for err = nil; err != io.EOF; err = rd.Next(&row) {
	}
	if rd.(formats.Finisher).Unfinished() == "" {
		t.Error("a cut file in UTF-16 looks whole")
	}
}

func TestAWideRowKeepsWhatTheHeaderHasAndALittleMore(t *testing.T) {
	o := csv.Options{}
	read := func(row string) (*formats.Row, error) {
		rd, err := o.Open(strings.NewReader("sku,name\n"+row+"\n"), formats.Products)
		if err != nil {
			t.Fatal(err)
		}
		var r formats.Row
		return &r, rd.Next(&r)
	}
	for commas, cells := range map[int]int{2: 3, 90: 91, 1000: 102, 60_000: 102, 900_000: 1, 1 << 20: 1} {
		row, err := read("S-1" + strings.Repeat(",", commas))
		if _, bad := err.(*formats.Reject); !bad || len(row.Cells) != cells || !strings.HasPrefix(row.Cells[0], "S-1") {
			t.Errorf("%d commas: %d cells, %v", commas, len(row.Cells), err)
		}
	}
	o = csv.Options{Ragged: "pad"}
	if row, err := read("S-1,a" + strings.Repeat(",", 100_000)); err != nil || !slices.Equal(row.Cells, []string{"S-1", "a"}) {
		t.Errorf("padded: %d cells, %v", len(row.Cells), err)
	}
	o = csv.Options{MaxRow: 4 << 20}
	if row, err := read(`S-1,"` + strings.Repeat("1,2,3 and so on, ", 100_000) + `"`); err == nil || len(row.Cells) != 1 {
		t.Errorf("400,000 commas in a cell: %v", err)
	}
	if row, err := read(`S-1,"` + strings.Repeat("a long text, with commas ", 50_000) + `"`); err != nil || len(row.Cells) != 2 {
		t.Errorf("50,000 commas in a cell: %v", err)
	}
}

// TestAFirstRowThatIsTooLongInAFileWithoutAHeader: reading went back to what was no longer held, and panicked.
func TestAFirstRowThatIsTooLongInAFileWithoutAHeader(t *testing.T) {
	o := csv.Options{Header: "none", Fields: []string{"sku", "name"}}
	same(t, transcript(t, strings.NewReader(strings.Repeat("x", 3<<20)+"\n2,b\n"), &o), []string{"sku|name", "1@0 reject too_long", "2@3145729 2|b"})
	same(t, transcript(t, strings.NewReader(strings.Repeat(",", 900_000)+"\n2,b\n"), &o), []string{"sku|name", "1@0 reject ragged", "2@900001 2|b"})
	same(t, transcript(t, strings.NewReader("1,\"a\"b\n2,b\n"), &o), []string{"sku|name", "1@0 reject quote", "2@7 2|b"})
}

// TestCommasDoNotCostMemory is the file of 1 MB, zipped, that took 12 GB: rows of a million commas, kept by the thousand.
func TestCommasDoNotCostMemory(t *testing.T) {
	g := &generator{lines: 51, line: func(n int) string {
		if n == 0 {
			return "sku,name\n"
		}
		return fmt.Sprintf("S-%d%s\n", n, strings.Repeat(",", 1_000_000))
	}}
	kept := 0
	o := csv.Options{}
	rd, err := o.Open(g, formats.Products)
	if err != nil {
		t.Fatal(err)
	}
	for n := 0; ; n++ {
		var row formats.Row
		err := rd.Next(&row)
		if err == io.EOF {
			break
		}
		if kept += row.Size(); kept > 2<<20 {
			t.Fatalf("%d rows hold %d bytes", n, kept)
		}
	}
}

func TestAHeaderHasAtMostTenThousandColumnsAndTakesLinearTime(t *testing.T) {
	header := func(n int) string {
		var b bytes.Buffer
		for i := range n {
			fmt.Fprintf(&b, "c%d,", i)
		}
		return b.String() + "sku\n"
	}
	for n, fits := range map[int]bool{9_999: true, 10_000: false, 150_000: false} {
		began := hostiletest.Spent()
		_, err := (&csv.Options{}).Open(strings.NewReader(header(n)), formats.Products)
		if (err == nil) != fits {
			t.Errorf("%d columns: %v", n+1, err)
		}
		if took := hostiletest.Spent() - began; took > 2*time.Second {
			t.Errorf("%d columns take %v of a processor", n+1, took)
		}
	}
}

func TestReasonsAreInertAndTheSendersCellsAreNot(t *testing.T) {
	var out bytes.Buffer
	o := csv.Options{}
	w, err := o.Rejects(&out, []string{"sku", "name"})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write([]string{"=1+1", "@x"}, &formats.Reject{Pos: formats.Position{Line: 2}, Code: "shop", Message: "=cmd|' /C calc'!A0"}); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if want := "_line,_code,_message,sku,name\n2,shop,'=cmd|' /C calc'!A0,=1+1,@x\n"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}

func TestBlankLinesBeforeTheFirstRowMayBeMany(t *testing.T) {
	for _, blank := range []string{"\n", "\r\n"} {
		for _, n := range []int{1, 100_000, 2 << 20} {
			for _, head := range []csv.Options{{}, {Header: "none", Fields: []string{"sku", "name"}}} {
				blanks := strings.Repeat(blank, n)
				at := fmt.Sprintf("%d@%d 1|a", n+1, len(blanks))
				file := blanks
				if head.Fields == nil {
					file += "sku,name\n"
					at = fmt.Sprintf("%d@%d 1|a", n+2, len(file))
				}
				same(t, transcript(t, strings.NewReader(file+"1,a\n"), &head), []string{"sku|name", at})
			}
		}
	}
}
