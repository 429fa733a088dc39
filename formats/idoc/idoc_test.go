package idoc

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"

	"github.com/orobridge/orobridge/formats"
)

var update = flag.Bool("update", false, "write golden files")

// today is the day of the tests.
func today() time.Time { return time.Date(2026, 11, 21, 7, 0, 0, 0, time.UTC) }

// fixture is one message with what feeds on it.
type fixture struct {
	file   string
	root   string
	entity *formats.Entity
	format Options
}

func fixtures() []*fixture {
	return []*fixture{
		{"debmas", "DEBMAS07", formats.Customers, Options{SalesOrg: "1000", Channel: "10"}},
		{"matmas", "MATMAS05", formats.Products, Options{Languages: map[string]string{"EN": "default", "DE": "de_DE"}, SalesOrg: "1000"}},
		{"cond_a", "COND_A04", formats.Prices, Options{}},
		{"cond_a", "COND_A04", formats.PriceLists, Options{}},
		{"ordrsp", "ORDERS05", formats.OrderFeedback, Options{}},
		{"desadv", "DELVRY03", formats.OrderFeedback, Options{}},
		{"invoic", "INVOIC02", formats.OrderFeedback, Options{}},
	}
}

func (x *fixture) open() *Options {
	f := &x.format
	f.Dictionary = "testdata/dictionary.csv"
	f.SetClock(today)
	return f
}

func read(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// dump reads a whole file and writes its rows as lines, without offsets.
func dump(f *Options, r io.Reader, e *formats.Entity) (string, error) {
	rd, err := f.Open(r, e)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	var row formats.Row
	for {
		err := rd.Next(&row)
		var bad *formats.Reject
		if err == io.EOF {
			break
		}
		if err != nil && !errors.As(err, &bad) {
			return b.String(), err
		}
		fmt.Fprintf(&b, "%s", row.Pos)
		for i, c := range rd.Columns() {
			if !row.Absent[i] {
				fmt.Fprintf(&b, " %s=%q", c, row.Cells[i])
			}
		}
		if bad != nil {
			fmt.Fprintf(&b, " REJECT %s %s: %s", bad.Code, bad.Field, bad.Message)
		}
		b.WriteString("\n")
	}
	counts, err := json.Marshal(rd.(formats.Counter).Counts())
	fmt.Fprintf(&b, "%s\n", counts)
	return b.String(), err
}

// TestMessages reads each message in each form and encoding: the rows are the same.
func TestMessages(t *testing.T) {
	for _, x := range fixtures() {
		name := x.file + "_" + x.entity.Name
		t.Run(name, func(t *testing.T) {
			f := x.open()
			if err := f.Check(); err != nil {
				t.Fatal(err)
			}
			xml := read(t, x.file+".xml")
			got, err := dump(f, bytes.NewReader(xml), x.entity)
			if err != nil {
				t.Fatal(err)
			}
			golden := "testdata/" + name + ".golden"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want := string(read(t, name+".golden"))
			if d := cmp.Diff(want, got); d != "" {
				t.Fatalf("XML:\n%s", d)
			}
			for form, file := range forms(t, f, xml, x.root) {
				f.Encoding = ""
				if strings.HasPrefix(form, "latin1") {
					f.Encoding = "iso-8859-1"
				}
				got, err := dump(f, iotest.HalfReader(bytes.NewReader(file)), x.entity)
				if err != nil {
					t.Errorf("%s: %v", form, err)
				} else if d := cmp.Diff(want, got); d != "" {
					t.Errorf("%s:\n%s", form, d)
				}
			}
		})
	}
}

// forms are the same file in all the forms in which it may come.
func forms(t testing.TB, f *Options, xml []byte, root string) map[string][]byte {
	t.Helper()
	flat := convert(t, f, xml, FormFlat, root)
	lines := bytes.Split(bytes.TrimSuffix(flat, []byte("\n")), []byte("\n"))
	var stripped [][]byte
	for _, l := range lines {
		stripped = append(stripped, bytes.TrimRight(l, " "))
	}
	encode := func(b []byte, err error) []byte {
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	latin1 := charmap.ISO8859_1.NewEncoder()
	utf16 := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder()
	return map[string][]byte{
		"lf":           flat,
		"no last lf":   bytes.TrimSuffix(flat, []byte("\n")),
		"crlf":         bytes.ReplaceAll(flat, []byte("\n"), []byte("\r\n")),
		"unframed":     bytes.ReplaceAll(flat, []byte("\n"), nil),
		"stripped":     bytes.Join(stripped, []byte("\n")),
		"utf-8 bom":    append([]byte("\xef\xbb\xbf"), flat...),
		"utf-16":       encode(utf16.Bytes(flat)),
		"latin1 flat":  encode(latin1.Bytes(flat)),
		"latin1 plain": encode(latin1.Bytes(bytes.ReplaceAll(flat, []byte("\n"), nil))),
		"xml bom":      append([]byte("\xef\xbb\xbf"), xml...),
		"xml declared": encode(latin1.Bytes(bytes.Replace(xml, []byte("UTF-8"), []byte("ISO-8859-1"), 1))),
		"xml spaces":   bytes.Replace(bytes.ReplaceAll(bytes.ReplaceAll(xml, []byte("<"+root+">"), []byte("<p:"+root+` xmlns:p="urn:pi">`)), []byte("</"+root), []byte("</p:"+root)), []byte("<!--"), nil, 1),
	}
}

func convert(t testing.TB, f *Options, in []byte, form, root string) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := f.Convert(&out, bytes.NewReader(in), form, root); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestRoundTrip: XML → flat → XML is identical, for every message.
func TestRoundTrip(t *testing.T) {
	for _, x := range fixtures() {
		f := x.open()
		xml := read(t, x.file+".xml")
		back := convert(t, f, convert(t, f, xml, FormFlat, x.root), FormXML, x.root)
		if d := cmp.Diff(string(xml), string(back)); d != "" {
			t.Errorf("%s:\n%s", x.file, d)
		}
	}
}
