package xml

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding/charmap"

	"github.com/orobridge/orobridge/formats"
	"github.com/orobridge/orobridge/formats/hostiletest"
)

// stock is a file as an integration tool makes it: own tag names, a decimal comma, fields around the records.
const stock = `<?xml version="1.0" encoding="UTF-8"?>
<s:Stock xmlns:s="urn:example:stock" at="2026-11-21">
  <s:Head><s:Sender>ERP</s:Sender></s:Head>
  <s:Plant id="1000">
    <s:Name>Köln</s:Name>
    <s:Item no="A-1"><s:Qty unit="ST">12,5</s:Qty><s:Note/></s:Item>
    <s:Item no="A&amp;2"><s:Qty unit="KAR">-3</s:Qty><s:Tag>a</s:Tag><s:Tag>b</s:Tag></s:Item>
  </s:Plant>
  <s:Plant id="2000">
    <s:Item no="A-1"><s:Qty>7</s:Qty><s:Other><s:Qty>99</s:Qty></s:Other></s:Item>
    <s:Name>too late</s:Name>
  </s:Plant>
</s:Stock>
`

func options() *Options {
	return &Options{Record: "/Stock/Plant/Item", Join: " ", Fields: map[string]string{
		"at": "../../@at", "sender": "/Stock/Head/Sender", "plant": "../@id", "name": "../Name",
		"sku": "@no", "qty": "Qty", "unit": "Qty/@unit", "note": "Note", "tags": "Tag"}}
}

func dump(o *Options, file string) string {
	rd, err := o.Open(strings.NewReader(file), formats.Inventory)
	if err != nil {
		return err.Error()
	}
	var b strings.Builder
	var row formats.Row
	for {
		err := rd.Next(&row)
		var bad *formats.Reject
		switch {
		case err == io.EOF:
			return b.String()
		case errors.As(err, &bad):
			fmt.Fprintf(&b, "REJECT %s %s ", bad.Code, bad.Field)
		case err != nil:
			return b.String() + "ERROR " + err.Error()
		}
		fmt.Fprintf(&b, "%d", row.Pos.Line)
		for i, c := range rd.Columns() {
			if !row.Absent[i] {
				fmt.Fprintf(&b, " %s=%q", c, row.Cells[i])
			}
		}
		b.WriteString("\n")
	}
}

const stockRows = `6 at="2026-11-21" name="Köln" note="" plant="1000" qty="12,5" sender="ERP" sku="A-1" unit="ST"
7 at="2026-11-21" name="Köln" plant="1000" qty="-3" sender="ERP" sku="A&2" tags="a b" unit="KAR"
10 at="2026-11-21" plant="2000" qty="7" sender="ERP" sku="A-1"
`

func TestReader(t *testing.T) {
	if err := options().Check(); err != nil {
		t.Fatal(err)
	}
	spaced := options()
	spaced.Namespaces = map[string]string{"x": "urn:example:stock"}
	spaced.Record = "/x:Stock/x:Plant/x:Item"
	for column, path := range map[string]string{"sender": "/x:Stock/x:Head/x:Sender", "name": "../x:Name", "qty": "x:Qty", "unit": "x:Qty/@unit", "note": "x:Note", "tags": "x:Tag"} {
		spaced.Fields[column] = path
	}
	latin1, err := charmap.ISO8859_1.NewEncoder().String(strings.Replace(stock, "UTF-8", "ISO-8859-1", 1))
	if err != nil {
		t.Fatal(err)
	}
	for name, got := range map[string]string{
		"plain":          dump(options(), stock),
		"namespaces":     dump(spaced, stock),
		"latin1":         dump(options(), latin1),
		"bom":            dump(options(), "\xef\xbb\xbf"+stock),
		"default spaces": dump(spaced, strings.NewReplacer("<s:", "<", "</s:", "</", "xmlns:s=", "xmlns=").Replace(stock)),
	} {
		if d := cmp.Diff(stockRows, got); d != "" {
			t.Errorf("%s:\n%s", name, d)
		}
	}
	if got := dump(spaced, strings.ReplaceAll(stock, "urn:example:stock", "urn:other")); !strings.HasPrefix(got, "ERROR the file has no element") {
		t.Errorf("another namespace: %s", got)
	}
}

func TestFaults(t *testing.T) {
	strict := options()
	strict.Join = ""
	if got := dump(strict, stock); !strings.Contains(got, "REJECT structure tags 7") || strings.Count(got, "\n") != 3 {
		t.Error(got)
	}
	for _, c := range []struct{ file, want string }{
		{"", ""},
		{"<Other/>", "ERROR the file has no element /Stock/Plant/Item: it is Other with nothing in it"},
		{stock[:450], "ERROR "},
		{"<!DOCTYPE x><Stock/>", "ERROR "},
		{"<Stock><Plant><Item no='" + strings.Repeat("x", 2<<20) + "'/></Plant></Stock>", "ERROR "},
		{"<Stock><Plant><Item><Qty>" + strings.Repeat(strings.Repeat("x", 1<<19)+"<!-- -->", 9) + "</Qty></Item><Item/></Plant></Stock>", "REJECT too_long qty "},
	} {
		if got := dump(options(), c.file); c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%.30s: %.200s", c.file, got)
		}
	}
}

func TestCopyRejects(t *testing.T) {
	var out bytes.Buffer
	n, err := options().CopyRejects(&out, strings.NewReader(stock), formats.Inventory, func(p formats.Position) bool { return p.Line == 7 })
	if err != nil || n != 1 {
		t.Fatal(n, err)
	}
	if got, want := dump(options(), out.String()), strings.SplitAfter(stockRows, "\n")[1]; got != want {
		t.Errorf("got %s\nwant %s\nin %s", got, want, out.String())
	}
}

func TestCheck(t *testing.T) {
	field := map[string]string{"a": "A"}
	for want, o := range map[string]*Options{
		"record: ":                      {Fields: field},
		"fields: the paths":             {Record: "/A/B"},
		"encoding: ":                    {Record: "/A/B", Fields: field, Encoding: "x"},
		"decimal: ":                     {Record: "/A/B", Fields: field, Numbers: formats.Conventions{Decimal: "x"}},
		"leads above the root":          {Record: "/A/B", Fields: map[string]string{"a": "../../X"}},
		"goes on behind an attribute":   {Record: "/A/B", Fields: map[string]string{"a": "@x/y"}},
		"no name":                       {Record: "/A/B", Fields: map[string]string{"a": "x[1]"}},
		"another root":                  {Record: "/A/B", Fields: map[string]string{"a": "/C/D"}},
		"same path":                     {Record: "/A/B", Fields: map[string]string{"a": "C", "b": "/A/B/C"}},
		"prefix x is not one of":        {Record: "/A/B", Fields: map[string]string{"a": "x:C"}, Namespaces: map[string]string{"y": "urn"}},
		"the path of an element, from ": {Record: "/A/@b", Fields: field},
	} {
		if err := o.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

func FuzzReader(f *testing.F) {
	f.Add([]byte(stock))
	f.Add([]byte("<Stock><Plant><Item><Item/></Item></Plant></Stock>"))
	f.Fuzz(func(t *testing.T, file []byte) {
		o := options()
		rd, err := o.Open(bytes.NewReader(file), formats.Inventory)
		if err != nil {
			return
		}
		var row formats.Row
		for n := 0; ; n++ {
			err := rd.Next(&row)
			var bad *formats.Reject
			if err == io.EOF {
				var out bytes.Buffer
				if kept, err := o.CopyRejects(&out, bytes.NewReader(file), formats.Inventory, func(formats.Position) bool { return true }); err != nil || kept != n {
					t.Fatalf("%d of %d rows copied: %v", kept, n, err)
				}
				return
			}
			if err != nil && !errors.As(err, &bad) {
				return
			}
		}
	})
}

func BenchmarkReader(b *testing.B) {
	from, to := strings.Index(stock, "  <s:Plant"), strings.Index(stock, "</s:Stock>")
	file := []byte(stock[:from] + strings.Repeat(stock[from:to], 10000) + stock[to:])
	o := options()
	b.SetBytes(int64(len(file)))
	b.ReportAllocs()
	for b.Loop() {
		rd, err := o.Open(bytes.NewReader(file), formats.Inventory)
		if err != nil {
			b.Fatal(err)
		}
		var row formats.Row
		for rd.Next(&row) == nil {
		}
	}
}

// TestManyTextsOfOneElementAreJoinedInLinearTime: each was appended to a new string of all before it.
func TestManyTextsOfOneElementAreJoinedInLinearTime(t *testing.T) {
	began := hostiletest.Spent()
	got := dump(options(), "<Stock><Plant><Item>"+strings.Repeat("<Tag>a</Tag>", 300_000)+"</Item></Plant></Stock>")
	if want := "1 tags=\"" + strings.Repeat("a ", 299_999) + "a\"\n"; got != want {
		t.Errorf("%.60s", got)
	}
	if took := hostiletest.Spent() - began; took > 3*time.Second {
		t.Errorf("it took %v of a processor", took)
	}
	if got := dump(options(), "<Stock><Plant><Item>"+strings.Repeat("<Tag>"+strings.Repeat("a", 999)+"</Tag>", 5000)+"</Item><Item no='2'/></Plant></Stock>"); !strings.HasPrefix(got, "REJECT too_long tags 1") || !strings.HasSuffix(got, "1 sku=\"2\"\n") {
		t.Errorf("%.60s … %s", got, got[len(got)-40:])
	}
}

// TestARowIsBoundedOverAllItsTexts and not each text for itself.
func TestARowIsBoundedOverAllItsTexts(t *testing.T) {
	long := strings.Repeat("x", 1_000_000)
	got := dump(options(), "<Stock><Plant><Item no='"+long+"'><Qty unit='"+long+"'>"+long+"</Qty><Note>"+long+"</Note><Tag>"+long+"</Tag></Item></Plant></Stock>")
	if !strings.HasPrefix(got, "REJECT too_long tags 1") {
		t.Errorf("%.60s", got)
	}
}

// TestARecordOfAnyLengthIsCopiedWithoutBeingHeld: what no path leads to is no part of the row.
func TestARecordOfAnyLengthIsCopiedWithoutBeingHeld(t *testing.T) {
	other := "<Other>" + strings.Repeat("text\n", 10_000) + "</Other>\n"
	file := io.MultiReader(strings.NewReader("<Stock><Plant><Item no='1'/><Item no='2'>"), &repeated{text: other, left: 20 << 20},
		strings.NewReader("</Item><Item no='3'/></Plant></Stock>"))
	var out counted
	n, err := options().CopyRejects(&out, file, formats.Inventory, func(p formats.Position) bool { return p.Offset == 28 })
	if err != nil || n != 1 || out.n < 20<<20 || out.most > 1<<20 {
		t.Errorf("%d records in %d bytes, %d of them at once, %v", n, out.n, out.most, err)
	}
	rd, err := options().Open(io.MultiReader(strings.NewReader("<Stock><Plant><Item no='2'>"), &repeated{text: other, left: 65 << 20}, strings.NewReader("</Item></Plant></Stock>")), formats.Inventory)
	if err != nil {
		t.Fatal(err)
	}
	var bad *formats.Reject
	if err := rd.Next(new(formats.Row)); !errors.As(err, &bad) || bad.Code != formats.CodeTooLong {
		t.Error(err)
	}
}

// repeated is a text over and over.
type repeated struct {
	text string
	left int
	rest string
}

func (r *repeated) Read(p []byte) (int, error) {
	if r.rest == "" {
		if r.left <= 0 {
			return 0, io.EOF
		}
		r.rest = r.text
		r.left -= len(r.text)
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// counted counts what is written.
type counted struct{ n, most int }

func (c *counted) Write(p []byte) (int, error) {
	c.n, c.most = c.n+len(p), max(c.most, len(p))
	return len(p), nil
}

// TestNoRows: a file in which no element is a record is told as such, with what there is instead, unless it is an empty
// list.
func TestNoRows(t *testing.T) {
	for _, c := range []struct{ file, want string }{
		{"", ""},
		{`<Stock at="1"/>`, "ERROR the file has no element /Stock/Plant/Item: it is Stock with nothing in it"},
		{`<Stock><Head><Sender>ERP</Sender></Head><Plant id="1"/></Stock>`, ""},
		{`<Stock><Plant id="1"><Name>K</Name></Plant></Stock>`, ""},
		{`<Stock><Plant id="1"><Name>K</Name><Position no="1"/></Plant></Stock>`, "ERROR the file has no element /Stock/Plant/Item: it is Stock with Plant"},
		{`<Envelope><Body><Item><No>1</No></Item><Item><No>2</No></Item></Body></Envelope>`, "ERROR the file has no element /Stock/Plant/Item: it is Envelope with Body"},
	} {
		if got := dump(options(), c.file); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.file, got, c.want)
		}
	}
	rd, err := options().Open(strings.NewReader(`<E><B><Item><No>1</No></Item><Item><No>2</No></Item></B></E>`), formats.Inventory)
	if err != nil {
		t.Fatal(err)
	}
	var fault *formats.FileError
	if err := rd.Next(&formats.Row{}); !errors.As(err, &fault) || fault.Code != formats.CodeNoRows || !strings.Contains(fault.Hint, "/E/B/Item") {
		t.Errorf("%v", err)
	}
	o := options()
	o.Namespaces = map[string]string{"": "urn:example:other"}
	rd, err = o.Open(strings.NewReader(stock), formats.Inventory)
	if err != nil {
		t.Fatal(err)
	}
	if err := rd.Next(&formats.Row{}); !errors.As(err, &fault) || !strings.Contains(fault.Hint, "format.namespaces") {
		t.Errorf("%v %+v", err, fault)
	}
}
