package csv_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/orobridge/orobridge/formats"
	"github.com/orobridge/orobridge/formats/csv"
)

// transcript writes what became of each row of a file: cells, or the reject, and the error that ended the reading.
func transcript(t *testing.T, r io.Reader, o *csv.Options) []string {
	t.Helper()
	if err := o.Check(); err != nil {
		t.Fatal(err)
	}
	var out []string
	rd, err := o.Open(r, formats.Products)
	if err != nil {
		return append(out, describe(err))
	}
	if len(rd.Columns()) > 0 {
		out = append(out, strings.Join(rd.Columns(), "|"))
	}
	var row formats.Row
	for {
		err := rd.Next(&row)
		if err == io.EOF {
			return out
		}
		if err != nil {
			out = append(out, describe(err))
			if bad := new(formats.Reject); !errors.As(err, &bad) {
				return out
			}
			continue
		}
		line := fmt.Sprintf("%d@%d ", row.Pos.Line, row.Pos.Offset)
		for i, c := range row.Cells {
			if i > 0 {
				line += "|"
			}
			if row.Absent != nil && row.Absent[i] {
				c = "<absent>"
			}
			if len(c) > 100 {
				c = fmt.Sprintf("<%d bytes>", len(c))
			}
			line += c
		}
		out = append(out, line)
	}
}

func describe(err error) string {
	bad := new(formats.Reject)
	if errors.As(err, &bad) {
		return fmt.Sprintf("%d@%d reject %s", bad.Pos.Line, bad.Pos.Offset, bad.Code)
	}
	var f *formats.FileError
	if errors.As(err, &f) {
		return "file " + f.Error()
	}
	return "error " + err.Error()
}

func same(t *testing.T, got, want []string) {
	t.Helper()
	for i := range max(len(got), len(want)) {
		g, w := "nothing", "nothing"
		if i < len(got) {
			g = got[i]
		}
		if i < len(want) {
			w = want[i]
		}
		if w != g && !(strings.HasSuffix(w, "…") && strings.HasPrefix(g, strings.TrimSuffix(w, "…"))) {
			t.Errorf("%d: got  %q\n   want %q", i, g, w)
		}
	}
}

// TestFilesOfTheField says what becomes of the files that senders really send. The samples stand in testdata/field.
func TestFilesOfTheField(t *testing.T) {
	sap := csv.Options{Delimiter: ";", Encoding: "iso-8859-1"}
	tests := []struct {
		file    string
		options csv.Options
		want    []string
	}{
		{"bom.csv", csv.Options{}, []string{"sku|name", "2@9 1|Müller"}},
		{"crlf.csv", csv.Options{}, []string{"sku|name", "2@10 1|Pipe", "3@18 2|Valve"}},
		{"quoted_breaks.csv", csv.Options{}, []string{"sku|description", "2@16 1|first\nsecond\n\"third\"", "5@44 2|after"}},
		{"ragged.csv", csv.Options{}, []string{"sku|name|unit", "2@14 1|Pipe|item", "3@26 reject ragged", "4@34 reject ragged", "5@52 4|Tap|item"}},
		{"ragged.csv", csv.Options{Ragged: "pad"}, []string{"sku|name|unit", "2@14 1|Pipe|item", "3@26 2|Valve|<absent>", "4@34 reject ragged", "5@52 4|Tap|item"}},
		{"other_order.csv", csv.Options{}, []string{"unit|name|sku", "2@14 item|Pipe|1"}},
		{"empty.csv", csv.Options{}, nil},
		{"bom_only.csv", csv.Options{}, nil},
		{"header_only.csv", csv.Options{}, []string{"sku|name"}},
		{"header_unended.csv", csv.Options{}, []string{"sku|name"}},
		{"sap_latin1.csv", sap, []string{"MATNR|MAKTX|KBETR", "2@18 4711|Rohr Ø 20 für Öfen|1.234,50"}},
		{"sap_latin1.csv", csv.Options{Delimiter: ";"}, []string{"MATNR|MAKTX|KBETR", "2@18 4711|Rohr \xd8 20 f\xfcr \xd6fen|1.234,50"}}, // the mapper rejects the cell
		{"sap_latin1.csv", csv.Options{}, []string{`file line 1: column 1: the header is one column, "MATNR;MAKTX;KBETR"`}},
		{"latin1_header.csv", csv.Options{}, []string{`file line 1: column 2: the name "Gr\xf6\xdfe" holds a byte that the encoding does not have`}},
		{"utf16le_bom.csv", csv.Options{}, []string{"sku|name", "2@9 1|Größe"}},
		{"utf16le_bom.csv", csv.Options{Encoding: "utf-16"}, []string{"sku|name", "2@9 1|Größe"}},
		{"utf16be_bom.csv", csv.Options{Encoding: "utf-16be"}, []string{"sku|name", "2@9 1|Größe"}},
		{"utf16le.csv", csv.Options{Encoding: "utf-16le"}, []string{"sku|name", "2@9 1|Größe"}},
		{"utf16le.csv", csv.Options{Encoding: "utf-16"}, []string{"file line 1: the file has no byte order mark…"}},
		{"utf16le.csv", csv.Options{}, []string{"file line 1: column 1: the header holds NUL bytes"}},
		{"duplicate_header.csv", csv.Options{}, []string{"file line 1: column 3: the name sku stands twice in the header"}},
		{"nul.csv", csv.Options{}, []string{"sku|name", "2@9 1|a\x00b", "3@15 2|c"}}, // the mapper rejects the cell
		{"lone_cr.csv", csv.Options{}, []string{"file line 1: column 2: the header holds a carriage return without a line feed"}},
		{"lone_cr_rows.csv", csv.Options{}, []string{"sku|name", "2@9 reject ragged"}},
		{"blank_lines.csv", csv.Options{}, []string{"sku|name", "5@13 1|Pipe", "8@25 2|Valve"}},
		{"bare_quote.csv", csv.Options{}, []string{"sku|name", "2@9 reject quote", "3@19 2|Valve"}},
		{"bare_quote.csv", csv.Options{Quote: "none"}, []string{"sku|name", `2@9 1|3" pipe`, "3@19 2|Valve"}},
		{"open_quote.csv", csv.Options{}, []string{"sku|name", "2@9 1|Pipe", "3@16 reject quote", "4@25 3|Tap", "5@31 4|Bend"}},
		{"closed_too_late.csv", csv.Options{}, []string{"sku|name", "2@9 reject quote", "3@19 2|Valve", "4@27 3|Tap, chrome"}},
		{"single_quotes.csv", csv.Options{Quote: "'"}, []string{"sku|name", `2@9 1|it's 3", or so`}},
		{"tabs.txt", csv.Options{Delimiter: "tab"}, []string{"sku|name|unit", "2@14 1||item"}},
		{"skip.csv", csv.Options{Skip: 2}, []string{"sku|name", "4@43 1|Pipe"}},
		{"skip.csv", csv.Options{Skip: 99}, nil},
		{"no_header.csv", csv.Options{Delimiter: "|", Header: "none", Fields: []string{"sku", "", "name"}}, []string{"sku||name", "1@0 1|x|Pipe", "2@9 2||Valve"}},
		{"trailing_delimiter.csv", csv.Options{Delimiter: ";"}, []string{"sku|name|", "2@10 1|Pipe|"}},
		{"blank_before_quote.csv", csv.Options{Trim: true}, []string{"sku|name", "2@10 1|Pipe, long"}},
		{"blank_before_quote.csv", csv.Options{}, []string{"sku|name", "2@10 reject quote"}},
		{"rejects.csv", csv.Options{}, []string{"sku|name", "2@30 1|Pipe"}},
	}
	used := map[string]bool{}
	for _, tt := range tests {
		used[tt.file] = true
		t.Run(fmt.Sprintf("%s %+v", tt.file, tt.options), func(t *testing.T) {
			f, err := os.Open(filepath.Join("testdata/field", tt.file))
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			same(t, transcript(t, f, &tt.options), tt.want)
		})
	}
	all, _ := os.ReadDir("testdata/field")
	for _, f := range all {
		if !used[f.Name()] {
			t.Errorf("no test says what becomes of %s", f.Name())
		}
	}
}

func TestLongRows(t *testing.T) {
	long := strings.Repeat("x", 2<<20)
	tests := []struct {
		name, file string
		options    csv.Options
		want       []string
	}{
		{"a line of 2 MB", "sku,name\n1,a\n2," + long + "\n3,c\n", csv.Options{}, []string{"sku|name", "2@9 1|a", "3@13 reject too_long", fmt.Sprintf("4@%d 3|c", 16+2<<20)}},
		{"allowed", "sku,name\n1," + long + "\n", csv.Options{MaxRow: 3 << 20}, []string{"sku|name", "2@9 1|<2097152 bytes>"}},
		{"just over the limit", "sku,name\n1,1234567\n1,12345678\n2,b\n", csv.Options{MaxRow: 10}, []string{"sku|name", "2@9 1|1234567", "3@19 reject too_long", "4@30 2|b"}},
		{"at the end of the file", "sku,name\n1," + long, csv.Options{}, []string{"sku|name", "2@9 reject too_long"}},
		{"in quotes", "sku,name\n1,\"" + long + "\"\n2,b\n", csv.Options{}, []string{"sku|name", "2@9 reject too_long", "3@2097166 2|b"}},
		{"a quote that never closes costs its line", "sku,name\n1,\"a\n2,b\n" + strings.Repeat("3,c\n", 600_000), csv.Options{}, nil},
		{"2 MB of blank lines", "sku,name\n" + strings.Repeat("\n", 2<<20) + "1,a\n", csv.Options{}, []string{"sku|name", "2097154@2097161 1|a"}},
		{"2 MB of blank lines in CR LF, then nothing", "sku,name\n" + strings.Repeat("\r\n", 1<<20), csv.Options{}, []string{"sku|name"}},
		{"the header", long + ",name\n1,a\n", csv.Options{}, []string{"file line 1: the header can't be read: the row is longer than 1048576 bytes (format.max_row)"}},
		{"a skipped line", long + "\nsku,name\n1,a\n", csv.Options{Skip: 1}, []string{"sku|name", "3@2097162 1|a"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := transcript(t, strings.NewReader(tt.file), &tt.options)
			if tt.want == nil {
				if len(got) != 600_003 || got[1] != "2@9 reject too_long" || got[2] != "3@14 2|b" || got[600_002] != "600003@2400014 3|c" {
					t.Errorf("%d rows: %q … %q", len(got), got[:3], got[len(got)-1])
				}
				return
			}
			same(t, got, tt.want)
		})
	}
}

// generator is a file of any length that is never held.
type generator struct {
	line  func(n int) string
	n     int
	lines int
	rest  string
}

func (g *generator) Read(p []byte) (int, error) {
	for g.rest == "" {
		if g.n == g.lines {
			return 0, io.EOF
		}
		g.rest = g.line(g.n)
		g.n++
	}
	n := copy(p, g.rest)
	g.rest = g.rest[n:]
	return n, nil
}

// peak reads a file to its end and returns the largest heap seen on the way, above the heap before.
func peak(t *testing.T, r io.Reader, o *csv.Options) (rows int, bytes int64) {
	t.Helper()
	heap := func() int64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := heap()
	rd, err := o.Open(r, formats.Products)
	if err != nil {
		t.Fatal(err)
	}
	var row formats.Row
	for {
		if err := rd.Next(&row); err == io.EOF {
			return rows, bytes
		}
		if rows++; rows%20_000 == 1 {
			bytes = max(bytes, heap()-before)
		}
	}
}

func TestMemoryFollowsTheRowAndNotTheFile(t *testing.T) {
	header := func(line func(n int) string) func(int) string {
		return func(n int) string {
			if n == 0 {
				return "sku,name\n"
			}
			return line(n)
		}
	}
	tests := []struct {
		name  string
		lines int
		line  func(n int) string
		rows  int
		limit int64
	}{
		{"100,000 rows", 100_001, func(n int) string { return fmt.Sprintf("%d,Pipe of %d mm\n", n, n) }, 100_000, 1 << 20},
		{"one line of 100 MB", 101, func(int) string { return strings.Repeat("x", 1<<20) }, 1, 8 << 20},
		{"a quote that never closes in 100 MB", 101, func(n int) string {
			if n == 1 {
				return "1,\"a\n"
			}
			return strings.Repeat("x", 1<<20-1) + "\n"
		}, 100, 8 << 20},
		{"every line opens a quote", 100_001, func(int) string { return "1,\"a\n" }, 100_000, 1 << 20},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rows, heap := peak(t, &generator{line: header(tt.line), lines: tt.lines}, &csv.Options{})
			if rows != tt.rows || heap > tt.limit {
				t.Errorf("%d rows in %d KB, want %d in at most %d KB", rows, heap>>10, tt.rows, tt.limit>>10)
			}
		})
	}
}

// broken fails after its text.
type broken struct{ r io.Reader }

var errCable = errors.New("cable pulled")

func (b broken) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if err == io.EOF {
		err = errCable
	}
	return n, err
}

func TestAnErrorOfTheFileIsNoReject(t *testing.T) {
	for _, text := range []string{"", "sku,na", "sku,name\n1,a\n", "sku,name\n1,a\n2,\"b", "sku,name\n1,a\n2,b"} {
		rd, err := (&csv.Options{}).Open(broken{strings.NewReader(text)}, formats.Products)
		var row formats.Row
		for n := 0; err == nil && n < 10; n++ {
			err = rd.Next(&row)
		}
		if !errors.Is(err, errCable) {
			t.Errorf("%q: got %v", text, err)
		}
	}
}

func TestOptionsCheck(t *testing.T) {
	bad := map[string]csv.Options{
		"delimiter: \";;\"": {Delimiter: ";;"}, "delimiter: \"a\"": {Delimiter: "a"}, "delimiter: \"\\n\"": {Delimiter: "\n"},
		"quote: \"''\"": {Quote: "''"}, "quote: \";\"": {Quote: ";", Delimiter: ";"},
		"header: \"maybe\"": {Header: "maybe"}, "fields: a file without": {Header: "none"}, "fields: the header": {Fields: []string{"a"}},
		"fields: a stands twice": {Header: "none", Fields: []string{"a", "", "", "a"}},
		"encoding \"klingon\"":   {Encoding: "klingon"}, "decimal:": {Numbers: formats.Conventions{Decimal: "x"}},
		"skip:": {Skip: -1}, "ragged:": {Ragged: "maybe"}, "max_row:": {MaxRow: 1 << 40}, "trim:": {Trim: true, Delimiter: "tab"},
	}
	for want, o := range bad {
		if err := o.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: got %v, want %s", o, err, want)
		}
	}
	all := csv.Options{Delimiter: "aa", Quote: "bb", Header: "x", Ragged: "y", Skip: -1}
	if n := strings.Count(all.Check().Error(), "\n"); n != 4 {
		t.Errorf("%d line breaks in %v, want all problems at once", n, all.Check())
	}
}

func TestRejectFiles(t *testing.T) {
	file := "MATNR;MAKTX;KBETR\n1;\"Rohr; lang\";1,5\n2;Öse\n3;a;b;c\n4;3\" Rohr;1\n"
	tests := []struct {
		name    string
		options csv.Options
		head    string
		want    string
	}{
		{"as they came", csv.Options{Delimiter: ";"}, "", "_line;_code;_message;MATNR;MAKTX;KBETR\n" +
			"2;amount;value: no;1;\"Rohr; lang\";1,5\n3;ragged;the row has 2 cells, the header has 3;2;Öse\n4;ragged;the row has 4 cells, the header has 3;3;a;b;c\n" +
			"5;quote;\"the quote \"\" at byte 4 stands inside a cell that is not quoted; quote the cell and double the quote, or set format.quote: none\";\"4;3\"\" Rohr;1\"\n"},
		{"without quotes", csv.Options{Delimiter: ";", Quote: "none"}, "", "_line;_code;_message;MATNR;MAKTX;KBETR\n" +
			"2;ragged;the row has 4 cells, the header has 3;1;\"Rohr; lang\";1,5\n3;ragged;the row has 2 cells, the header has 3;2;Öse\n4;ragged;the row has 4 cells, the header has 3;3;a;b;c\n" +
			"5;amount;value: no;4;3\" Rohr;1\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rejected := rejectAll(t, file, &tt.options)
			if rejected != tt.want {
				t.Errorf("got\n%s\nwant\n%s", rejected, tt.want)
			}
			// Dropped again as it is, it is rejected again, and for the same reasons.
			again := strings.Split(rejectAll(t, rejected, &tt.options), "\n")
			for i, line := range strings.Split(rejected, "\n") {
				_, rest, _ := strings.Cut(line, ";")
				code, _, _ := strings.Cut(rest, ";")
				if !strings.Contains(again[i], code) && code != "quote" {
					t.Errorf("line %d becomes %s", i+1, again[i])
				}
			}
		})
	}
}

// rejectAll reads a file and writes every row of it to a reject file, good ones with a reason of our own.
func rejectAll(t *testing.T, file string, o *csv.Options) string {
	t.Helper()
	rd, err := o.Open(strings.NewReader(file), formats.Products)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	w, err := o.Rejects(&out, rd.Columns())
	if err != nil {
		t.Fatal(err)
	}
	var row formats.Row
	for {
		err := rd.Next(&row)
		if err == io.EOF {
			break
		}
		bad := &formats.Reject{Pos: row.Pos, Code: formats.CodeAmount, Field: "value", Message: "no"}
		if err != nil && !errors.As(err, &bad) {
			t.Fatal(err)
		}
		if err := w.Write(row.Cells, bad); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestARejectFileIsReadWhereItsFormHasNoHeader(t *testing.T) {
	o := csv.Options{Header: "none", Fields: []string{"sku", "", "name"}, Encoding: "utf-16", Skip: 1}
	var out bytes.Buffer
	w, err := o.Rejects(&out, o.Fields)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write([]string{"1", "", "Größe"}, &formats.Reject{Pos: formats.Position{Line: 9}, Code: "x", Message: "a\nb"}); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	same(t, transcript(t, &out, &o), []string{"sku||name", "3@32 1||Größe"})
}

func TestAMessageIsWrittenInAnyEncoding(t *testing.T) {
	o := csv.Options{Delimiter: ";", Encoding: "iso-8859-1"}
	var out bytes.Buffer
	w, _ := o.Rejects(&out, []string{"a"})
	_ = w.Write([]string{"\u00fc"}, &formats.Reject{Code: "x", Message: "日本 … ü"})
	if err := w.Close(); err != nil || out.String() != "_line;_code;_message;a\n0;x;?? ... \xfc;\xfc\n" {
		t.Errorf("%q, %v", out.String(), err)
	}
}
