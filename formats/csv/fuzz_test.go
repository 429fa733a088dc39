package csv_test

import (
	"bytes"
	"cmp"
	stdcsv "encoding/csv"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/orobridge/orobridge/formats"
	"github.com/orobridge/orobridge/formats/csv"
)

// dialects are what the fuzzers choose from.
var dialects = []csv.Options{
	{},
	{Delimiter: ";", Encoding: "iso-8859-1", Numbers: formats.Conventions{Decimal: ","}},
	{Delimiter: "tab", Quote: "none", Ragged: "pad"},
	{Delimiter: "|", Quote: "'", Skip: 1, MaxRow: 100},
	{Delimiter: "¦", Header: "none", Fields: []string{"sku", "name", ""}, Trim: true},
	{Encoding: "utf-16le"},
	{Encoding: "utf-16", Quote: "none"},
	{Delimiter: ";", Encoding: "windows-1252", Quote: "%"},
}

func FuzzReader(f *testing.F) {
	samples, _ := filepath.Glob("testdata/field/*")
	for i, name := range samples {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data, uint8(i))
		f.Add(data, uint8(0))
	}
	f.Add([]byte("a,b\n\"\n\"\"\n\"\"\"\n\r\n\r\",\r"), uint8(3))
	f.Fuzz(func(t *testing.T, data []byte, choice uint8) {
		o := dialects[int(choice)%len(dialects)]
		rd, err := o.Open(bytes.NewReader(data), formats.Products)
		if err != nil {
			return
		}
		last := formats.Position{Offset: -1}
		var row formats.Row
		for {
			err := rd.Next(&row)
			if err == io.EOF {
				return
			}
			bad := new(formats.Reject)
			switch {
			case err == nil && len(row.Cells) != len(rd.Columns()):
				t.Fatalf("%v: %d cells for %d columns", row.Pos, len(row.Cells), len(rd.Columns()))
			case err != nil && !errors.As(err, &bad):
				t.Fatalf("%v ends the file", err)
			case err != nil && bad.Pos != row.Pos:
				t.Fatalf("the row is at %v, its reject at %v", row.Pos, bad.Pos)
			case row.Pos.Offset <= last.Offset || row.Pos.Line <= last.Line:
				t.Fatalf("after %+v comes %+v", last, row.Pos)
			case o.Encoding == "" && atLine(data, row.Pos) != -1:
				t.Fatalf("%+v is not where line %d begins", row.Pos, atLine(data, row.Pos))
			}
			last = row.Pos
		}
	})
}

// FuzzCells compares cells with those that encoding/csv finds, wherever it finds no fault in a whole file.
func FuzzCells(f *testing.F) {
	f.Add([]byte("1,Pipe,x\r\n\n2,\"a\nb\",\"\"\n3,\r,\r\r\n4\n , \n5,\xff,ä"), uint8(0))
	f.Add([]byte("1;a;b\n\"2\";'c';d\n3;e;f\r"), uint8(1))
	f.Add([]byte("1¦ a¦b\n2¦ \"c\"¦d\n3¦e¦f\n"), uint8(2))
	f.Fuzz(func(t *testing.T, data []byte, choice uint8) {
		columns := []string{"sku", "name", ""}
		o := []csv.Options{{}, {Delimiter: ";"}, {Delimiter: "¦", Trim: true}}[int(choice)%3]
		o.Header, o.Fields = "none", columns
		rd, err := o.Open(bytes.NewReader(data), formats.Products)
		if err != nil {
			return
		}
		std := stdcsv.NewReader(bytes.NewReader(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))))
		std.Comma, _ = utf8.DecodeRuneInString(cmp.Or(o.Delimiter, ","))
		std.FieldsPerRecord, std.TrimLeadingSpace = -1, o.Trim
		all, err := std.ReadAll()
		if err != nil || bytes.HasPrefix(data, []byte("\xff\xfe")) || bytes.HasPrefix(data, []byte("\xfe\xff")) {
			return
		}
		for _, want := range all {
			if slices.Equal(want, columns) || slices.Contains(want, formats.RejectLine) || len(want) == 1 && strings.TrimSpace(want[0]) == "" {
				return // are no rows
			}
		}
		for _, want := range all {
			var row formats.Row
			if err := rd.Next(&row); err == io.EOF || len(want) <= len(columns) && !slices.Equal(row.Cells, want) {
				t.Fatalf("%q becomes %q, %v", want, row.Cells, err)
			}
		}
		if err := rd.Next(new(formats.Row)); err != io.EOF {
			t.Fatalf("after the last row: %v", err)
		}
	})
}

// atLine is -1 when the position's line begins at its offset, else the line that the offset is in.
func atLine(data []byte, pos formats.Position) int64 {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	if bytes.HasPrefix(data, []byte("\xff\xfe")) || bytes.HasPrefix(data, []byte("\xfe\xff")) {
		return -1 // decoded: offsets are those of the text
	}
	before := data[:pos.Offset]
	line := int64(bytes.Count(before, []byte("\n"))) + 1
	if line == pos.Line && (len(before) == 0 || before[len(before)-1] == '\n') {
		return -1
	}
	return line
}

func FuzzRoundTrip(f *testing.F) {
	f.Add("1", "Pipe", "x", uint8(0))
	f.Add(" ", "a\nb\"c", "", uint8(1))
	f.Add("it's", "'", "\t", uint8(3))
	f.Add("\"", "¦", "\ufeff", uint8(4))
	f.Add("%%", "Größe", "a,b;c", uint8(7))
	f.Fuzz(func(t *testing.T, a, b, c string, choice uint8) {
		o := dialects[int(choice)%len(dialects)]
		o.MaxRow = 0
		cells := []string{a, b, c}
		if !survives(cells, &o) {
			return
		}
		var file bytes.Buffer
		w, err := o.Rejects(&file, []string{"sku", "name", ""})
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := w.Write(cells, &formats.Reject{Pos: formats.Position{Line: 7}, Code: "x", Message: "no \"good\"; it's, | tab\t"}); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		rd, err := o.Open(&file, formats.Products)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			var row formats.Row
			if err := rd.Next(&row); err != nil || !slices.Equal(row.Cells, cells) {
				t.Fatalf("%q becomes %q, %v", cells, row.Cells, err)
			}
		}
		if err := rd.Next(new(formats.Row)); err != io.EOF {
			t.Fatalf("after the last row: %v", err)
		}
	})
}

// survives says whether a dialect can hold the cells: what a reader of that dialect could have found.
func survives(cells []string, o *csv.Options) bool {
	text := strings.Join(cells, "")
	delimiter := map[string]string{"": ",", "tab": "\t"}[o.Delimiter]
	if delimiter == "" {
		delimiter = o.Delimiter
	}
	if strings.Contains(text, "\r\n") || o.Quote == "none" && strings.ContainsAny(text, delimiter+"\r\n\xff\xfe") {
		return false
	}
	broken := slices.ContainsFunc(cells, func(c string) bool { return !utf8.ValidString(c) })
	if o.Encoding == "" {
		return !broken || o.Quote != "none" && delimiter != "¦"
	}
	most := rune(0x7f)
	switch o.Encoding {
	case "iso-8859-1":
		most = 0xff
	case "utf-16le", "utf-16":
		most = utf8.MaxRune
	}
	return !broken && !strings.ContainsFunc(text, func(r rune) bool { return r > most || r == utf8.RuneError })
}
