package fixed

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding/charmap"

	"github.com/orobridge/orobridge/formats"
)

func at(n int) *int { return &n }

// prices is a file with headers: list, then its prices.
func prices() *Options {
	return &Options{Records: []Record{
		{Name: "list", Prefix: "H", Fields: []Field{{Name: "LIST", Offset: at(1), Length: 10}, {Name: "CUR", Length: 3}}},
		{Name: "price", Prefix: "P", Row: true, Parent: "list", Fields: []Field{
			{Name: "SKU", Offset: at(1), Length: 8}, {Length: 2}, {Name: "UNIT", Length: 3}, {Name: "VALUE", Length: 7, Decimals: 2}}},
	}}
}

const priceFile = "HGroßhandelEUR\nPA-1       ST 0001250\nPÄ-2       KAR000099-\n\nHEndkunden USD\nPA-1       ST \n"

func dump(o *Options, file string) string {
	rd, err := o.Open(strings.NewReader(file), formats.Prices)
	if err != nil {
		return err.Error()
	}
	var b strings.Builder
	var row formats.Row
	for {
		err := rd.Next(&row)
		if err == io.EOF {
			return b.String()
		}
		var bad *formats.Reject
		if err != nil && !errors.As(err, &bad) {
			return b.String() + err.Error()
		}
		fmt.Fprintf(&b, "%s @%d", row.Pos, row.Pos.Offset)
		if bad != nil {
			fmt.Fprintf(&b, " REJECT %s", bad.Code)
		}
		for i, c := range rd.Columns() {
			if !row.Absent[i] {
				fmt.Fprintf(&b, " %s=%q", c, row.Cells[i])
			}
		}
		b.WriteString("\n")
	}
}

const priceRows = `line 2 price @16 LIST="Großhandel" CUR="EUR" SKU="A-1" UNIT="ST" VALUE="00012.50"
line 3 price @38 LIST="Großhandel" CUR="EUR" SKU="Ä-2" UNIT="KAR" VALUE="0000.99-"
line 6 price @77 LIST="Endkunden" CUR="USD" SKU="A-1" UNIT="ST" VALUE=""
`

func TestReader(t *testing.T) {
	o := prices()
	if err := o.Check(); err != nil {
		t.Fatal(err)
	}
	latin1, err := charmap.ISO8859_1.NewEncoder().String(priceFile)
	if err != nil {
		t.Fatal(err)
	}
	l := prices()
	l.Encoding = "iso-8859-1"
	for name, got := range map[string]string{
		"utf-8":  dump(o, priceFile),
		"bom":    dump(o, "\xef\xbb\xbf"+priceFile),
		"latin1": dump(l, latin1),
	} {
		if d := cmp.Diff(priceRows, got); d != "" {
			t.Errorf("%s:\n%s", name, d)
		}
	}
	block := prices()
	block.RecordLength = 22
	var file strings.Builder
	for line := range strings.Lines(priceFile) {
		if line != "\n" {
			fmt.Fprintf(&file, "%-22s", strings.TrimSuffix(line, "\n"))
		}
	}
	if got := dump(block, file.String()); strings.Count(got, "\n") != 3 || !strings.Contains(got, `"0000.99-"`) {
		t.Errorf("blocks:\n%s", got)
	}
}

func TestFaults(t *testing.T) {
	for _, c := range []struct{ file, want string }{
		{"", ""},
		{"PA-1\n", "line 1 price @0 REJECT structure\n"},
		{"Hx\nXy\nPz\n", "line 2 @3 REJECT structure\nline 3 price @6 LIST=\"x\" CUR=\"\" SKU=\"z\" UNIT=\"\" VALUE=\"\"\n"},
		{"Hx\nP\xff\n", "line 2 price @3 LIST=\"x\" CUR=\"\" SKU=\"\\xff\" UNIT=\"\" VALUE=\"\"\n"}, // the mapper judges bytes
		{"Hx\n" + strings.Repeat("P", maxRecord+100) + "\nPz", "line 2 @3 REJECT too_long\nline 3 price @65640 LIST=\"x\" CUR=\"\" SKU=\"z\" UNIT=\"\" VALUE=\"\"\n"},
	} {
		if got := dump(prices(), c.file); got != c.want {
			t.Errorf("%.20q:\n got %s\nwant %s", c.file, got, c.want)
		}
	}
	o := prices()
	o.RecordLength = 22
	if got := dump(o, fmt.Sprintf("%-22s%-10s", "Hx", "Pz")); !strings.Contains(got, "REJECT ragged") {
		t.Error(got)
	}
}

func TestCopyRejects(t *testing.T) {
	var out bytes.Buffer
	n, err := prices().CopyRejects(&out, strings.NewReader("\xef\xbb\xbf"+priceFile), formats.Prices, func(p formats.Position) bool { return p.Line == 3 })
	if err != nil || n != 1 {
		t.Fatal(n, err)
	}
	if d := cmp.Diff("\xef\xbb\xbfHGroßhandelEUR\nPÄ-2       KAR000099-\n\nHEndkunden USD\n", out.String()); d != "" {
		t.Error(d)
	}
}

func TestCheck(t *testing.T) {
	for want, o := range map[string]*Options{
		"fields: the layout":       {},
		"encoding: ":               {Encoding: "x", Fields: []Field{{Name: "A", Length: 1}}},
		"unknown: ":                {Unknown: "x", Fields: []Field{{Name: "A", Length: 1}}},
		"record_length: ":          {RecordLength: -1, Fields: []Field{{Name: "A", Length: 1}}},
		"decimal: ":                {Numbers: formats.Conventions{Decimal: "x"}, Fields: []Field{{Name: "A", Length: 1}}},
		"field A: a length":        {Fields: []Field{{Name: "A"}}},
		"field A stands twice":     {Fields: []Field{{Name: "A", Length: 1}, {Name: "A", Length: 1}}},
		"records: none has row":    {Records: []Record{{Prefix: "H", Fields: []Field{{Name: "A", Length: 1}}}}},
		"parent X is not a record": {Records: []Record{{Prefix: "H", Row: true, Parent: "X", Fields: []Field{{Name: "A", Length: 1}}}}},
	} {
		if err := o.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

func FuzzReader(f *testing.F) {
	f.Add([]byte(priceFile), 0)
	f.Add([]byte(strings.ReplaceAll(priceFile, "\n", "\r\n")), 22)
	f.Fuzz(func(t *testing.T, file []byte, length int) {
		o := prices()
		o.RecordLength = max(0, length%100)
		rd, err := o.Open(bytes.NewReader(file), formats.Prices)
		if err != nil {
			return
		}
		var row formats.Row
		var failed []int64
		for n := 0; n <= len(file)+1; n++ {
			err := rd.Next(&row)
			var bad *formats.Reject
			if err == io.EOF {
				copied(t, o, file, failed)
				return
			}
			if err != nil && !errors.As(err, &bad) {
				t.Fatal(err)
			}
			if bad != nil {
				failed = append(failed, row.Pos.Offset)
			}
		}
		t.Fatal("more rows than bytes")
	})
}

// copied: the copy of what failed fails as a whole, and holds all of it.
func copied(t *testing.T, o *Options, file []byte, failed []int64) {
	var out bytes.Buffer
	n, err := o.CopyRejects(&out, bytes.NewReader(file), formats.Prices, func(p formats.Position) bool {
		for _, at := range failed {
			if at == p.Offset {
				return true
			}
		}
		return false
	})
	if err != nil || n < len(failed) {
		t.Fatalf("%d of %d copied: %v", n, len(failed), err)
	}
}

func BenchmarkReader(b *testing.B) {
	file := []byte(strings.Repeat(priceFile, 20000))
	o := prices()
	b.SetBytes(int64(len(file)))
	b.ReportAllocs()
	for b.Loop() {
		rd, err := o.Open(bytes.NewReader(file), formats.Prices)
		if err != nil {
			b.Fatal(err)
		}
		var row formats.Row
		for rd.Next(&row) == nil {
		}
	}
}

// withTrailer is prices with a last record: the number of prices and the sum of their values.
func withTrailer() *Options {
	o := prices()
	o.Records = append(o.Records, Record{Name: "end", Prefix: "T", Fields: []Field{{Name: "N", Offset: at(1), Length: 5}, {Name: "SUM", Length: 9, Decimals: 2}}})
	o.Trailer = &Trailer{Record: "end", Count: "N", Sum: "SUM", Of: "VALUE"}
	return o
}

func TestTrailer(t *testing.T) {
	if err := withTrailer().Check(); err != nil {
		t.Fatal(err)
	}
	for end, want := range map[string]string{
		"T00003000001151\n":            "",
		"T    3     1151\n\n":          "",
		"T00004000001151\n":            "line 7 end: the trailer says 4 rows, the file has 3",
		"T00003000001152\n":            "line 7 end: the trailer says a control sum of 11.52, the file has 11.51",
		"T00003":                       "line 7 end: the trailer has \"\" for the control sum, which is empty where a number is needed",
		"":                             "line 7: the file ends without its trailer: it was cut off",
		"T00003000001151\nPA-1       ": "line 8 price: a row stands behind the trailer",
	} {
		if got := dump(withTrailer(), priceFile+end); got != priceRows+want {
			t.Errorf("%q:\n got %s\nwant %s", end, got, priceRows+want)
		}
	}
	for want, end := range map[string]Trailer{
		"trailer: record":        {Record: "price", Count: "N"},
		"trailer: X is not":      {Record: "end", Count: "X"},
		"trailer: count, or sum": {Record: "end", Sum: "SUM"},
		"trailer: of: X":         {Record: "end", Sum: "SUM", Of: "X"},
	} {
		o := withTrailer()
		o.Trailer = &end
		if err := o.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

func TestARejectFilesTrailerFitsIt(t *testing.T) {
	var out bytes.Buffer
	o := withTrailer()
	n, err := o.CopyRejects(&out, strings.NewReader(priceFile+"T00003000001151\r\n"), formats.Prices, func(p formats.Position) bool { return p.Line == 3 })
	if err != nil || n != 1 {
		t.Fatal(n, err)
	}
	if d := cmp.Diff("HGroßhandelEUR\nPÄ-2       KAR000099-\n\nHEndkunden USD\nT00001     -099\r\n", out.String()); d != "" {
		t.Error(d)
	}
	if got := dump(o, out.String()); strings.Contains(got, "trailer") || strings.Count(got, "\n") != 1 {
		t.Error(got)
	}
}

func TestAFileThatLooksCutOff(t *testing.T) {
	for file, cut := range map[string]bool{"": false, "Hx": false, "Hx\n": false, "Hx\nPy\n": false, "Hx\nPy": true, "Hx\nP": true} {
		rd, err := prices().Open(strings.NewReader(file), formats.Prices)
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
}

// TestNoRows: a layout that fits no record of a file is told as such; records that are skipped beside others are counted.
func TestNoRows(t *testing.T) {
	o := &Options{Unknown: "skip", Records: []Record{{Prefix: "P", Row: true, Fields: []Field{{Name: "sku", Length: 4}}}}}
	for file, want := range map[string]string{"": "0 rows, 0 unknown", "PA-1\nQB-2\n": "1 rows, 1 unknown", "Q\nR\n": "0 rows, 2 unknown, no_rows"} {
		rd, err := o.Open(strings.NewReader(file), formats.Inventory)
		if err != nil {
			t.Fatal(err)
		}
		rows := 0
		var row formats.Row
		for err = rd.Next(&row); err == nil; err = rd.Next(&row) {
			rows++
		}
		got := fmt.Sprintf("%d rows, %d unknown", rows, rd.(formats.Counter).Counts()["unknown_record"])
		var fault *formats.FileError
		if errors.As(err, &fault) {
			got += ", " + fault.Code
		}
		if got != want {
			t.Errorf("%q: %s, want %s", file, got, want)
		}
	}
}
