package idoc

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/orobridge/orobridge/formats"
)

// landscape is a file of n IDocs of one message, made of its fixture.
func landscape(b *testing.B, f *Options, file, root, form string, n int) []byte {
	xml := string(read(b, file+".xml"))
	from, to := strings.Index(xml, "  <IDOC "), strings.Index(xml, "</IDOC>\n")+len("</IDOC>\n")
	var out strings.Builder
	out.WriteString(xml[:from])
	for range n {
		out.WriteString(xml[from:to])
	}
	out.WriteString(xml[strings.LastIndex(xml, "</"):])
	if form == FormXML {
		return []byte(out.String())
	}
	return convert(b, f, []byte(out.String()), form, root)
}

// BenchmarkReader reads whole files into rows: MB/s of the file, allocations per row.
func BenchmarkReader(b *testing.B) {
	for _, x := range fixtures() {
		if x.entity == formats.PriceLists {
			continue
		}
		f := x.open()
		for _, form := range []string{FormFlat, "latin1", FormXML} {
			file := landscape(b, f, x.file, x.root, strings.Replace(form, "latin1", FormFlat, 1), 500)
			f.Encoding = ""
			if form == "latin1" {
				f.Encoding = "iso-8859-1"
			}
			b.Run(x.file+"/"+form, func(b *testing.B) {
				b.SetBytes(int64(len(file)))
				b.ReportAllocs()
				rows := 0
				for b.Loop() {
					rows += readAll(b, f, file, x.entity)
				}
				b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "rows/s")
			})
		}
	}
}

func readAll(b *testing.B, f *Options, file []byte, e *formats.Entity) (rows int) {
	rd, err := f.Open(bytes.NewReader(file), e)
	if err != nil {
		b.Fatal(err)
	}
	var row formats.Row
	for {
		if err := rd.Next(&row); err == io.EOF {
			return rows
		} else if err != nil {
			if bad := (*formats.Reject)(nil); !errors.As(err, &bad) {
				b.Fatal(err)
			}
		}
		rows++
	}
}

// BenchmarkOrders writes orders.
func BenchmarkOrders(b *testing.B) {
	for _, form := range []string{FormFlat, FormXML} {
		b.Run(form, func(b *testing.B) {
			o := encoder()
			o.Form = form
			all := []*formats.Order{order()}
			b.ReportAllocs()
			for b.Loop() {
				if err := o.Numbered(1).WriteOrders(io.Discard, all); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// FuzzReader reads anything: no panic, no endless loop, and every row of it stays within its bounds. What is good
// converts into the other form and back without a difference.
func FuzzReader(f *testing.F) {
	format := &Options{Dictionary: "testdata/dictionary.csv"}
	format.SetClock(today)
	for i, x := range fixtures() {
		xml := read(f, x.file+".xml")
		for _, file := range forms(f, format, xml, x.root) {
			f.Add(file, i)
		}
	}
	entities := fixtures()
	f.Fuzz(func(t *testing.T, file []byte, which int) {
		x := entities[uint(which)%uint(len(entities))]
		rd, err := format.Open(bytes.NewReader(file), x.entity)
		if err != nil {
			return
		}
		var row formats.Row
		for n := 0; ; n++ {
			err := rd.Next(&row)
			var bad *formats.Reject
			if err != nil && !errors.As(err, &bad) {
				break
			}
			if len(row.Cells) != len(rd.Columns()) {
				t.Fatalf("%d cells of %d columns", len(row.Cells), len(rd.Columns()))
			}
			if n > len(file)+10 {
				t.Fatal("more rows than bytes")
			}
		}
		roundTrip(t, format, file)
	})
}

func roundTrip(t *testing.T, format *Options, file []byte) {
	var flat, xml, again bytes.Buffer
	if format.Convert(&flat, bytes.NewReader(file), FormFlat, "R") != nil {
		return
	}
	if err := format.Convert(&xml, bytes.NewReader(flat.Bytes()), FormXML, "R"); err != nil {
		t.Skip(err) // a flat file may hold names that are none in XML
	}
	if err := format.Convert(&again, bytes.NewReader(flat.Bytes()), FormFlat, "R"); err != nil {
		t.Fatalf("what was written can't be read: %v", err)
	}
	if !bytes.Equal(flat.Bytes(), again.Bytes()) {
		t.Fatalf("flat → flat differs:\n%s\n%s", flat.Bytes(), again.Bytes())
	}
}
