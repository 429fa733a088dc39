package csv_test

import (
	"bytes"
	stdcsv "encoding/csv"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"

	"github.com/gocarina/gocsv"

	"github.com/orobridge/orobridge/formats"
	"github.com/orobridge/orobridge/formats/csv"
)

const benchRows = 50_000

// priceFile is canonical prices, about 2 MB.
var priceFile = sync.OnceValue(func() []byte {
	var b bytes.Buffer
	b.WriteString("price_list,sku,unit,quantity,currency,value\n")
	for i := range benchRows {
		fmt.Fprintf(&b, "Wholesale EU,MAT-%07d,item,%d,EUR,%d.%02d\n", i/3, 1+9*(i%3), 1+i%900, 1+i%99)
	}
	return bytes.ReplaceAll(b.Bytes(), []byte("0\n"), []byte("5\n"))
})

// bench reports rows per second of a pass over the file.
func bench(b *testing.B, pass func(io.Reader) int) {
	file := priceFile()
	b.SetBytes(int64(len(file)))
	b.ReportAllocs()
	b.ResetTimer()
	for b.Loop() {
		if n := pass(bytes.NewReader(file)); n != benchRows {
			b.Fatalf("%d rows", n)
		}
	}
	b.ReportMetric(float64(benchRows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

// BenchmarkBare is what encoding/csv alone takes.
func BenchmarkBare(b *testing.B) {
	bench(b, func(r io.Reader) int {
		c := stdcsv.NewReader(r)
		c.ReuseRecord = true
		n := -1
		for {
			if _, err := c.Read(); err != nil {
				return n
			}
			n++
		}
	})
}

func rows(b *testing.B, r io.Reader, o *csv.Options, each func(formats.Reader, *formats.Row)) int {
	rd, err := o.Open(r, formats.Prices)
	if err != nil {
		b.Fatal(err)
	}
	var row formats.Row
	for n := 0; ; n++ {
		if err := rd.Next(&row); err == io.EOF {
			return n
		} else if err != nil {
			b.Fatal(err)
		}
		each(rd, &row)
	}
}

func BenchmarkReader(b *testing.B) {
	bench(b, func(r io.Reader) int {
		return rows(b, r, &csv.Options{}, func(formats.Reader, *formats.Row) {})
	})
}

func BenchmarkRecords(b *testing.B) {
	bench(b, func(r io.Reader) int { return records(b, r, &formats.Mapping{}) })
}

func BenchmarkRecordsMapped(b *testing.B) {
	m := &formats.Mapping{
		Values:  map[string]map[string]string{"unit": {"item": "each", "set": "set"}},
		Columns: map[string]string{"value": "amount(value) / 100"},
	}
	bench(b, func(r io.Reader) int { return records(b, r, m) })
}

func records(b *testing.B, r io.Reader, m *formats.Mapping) int {
	var mapper *formats.Mapper
	var rec formats.Record
	var sum int64
	n := rows(b, r, &csv.Options{}, func(rd formats.Reader, row *formats.Row) {
		if mapper == nil {
			var err error
			if mapper, err = m.Bind(formats.Prices, rd.Columns(), formats.Conventions{}); err != nil {
				b.Fatal(err)
			}
		}
		if err := mapper.Record(row, &rec); err != nil {
			b.Fatal(err)
		}
		sum ^= formats.Fingerprint(rec.Values)
	})
	if sum == 0 {
		b.Fatal("no fingerprints")
	}
	return n
}

// BenchmarkTyped is the same file by way of gocsv and struct tags.
func BenchmarkTyped(b *testing.B) {
	type price struct {
		List     string `csv:"price_list"`
		SKU      string `csv:"sku"`
		Unit     string `csv:"unit"`
		Quantity string `csv:"quantity"`
		Currency string `csv:"currency"`
		Value    string `csv:"value"`
	}
	bench(b, func(r io.Reader) int {
		u, err := gocsv.NewUnmarshaller(stdcsv.NewReader(r), price{})
		if err != nil {
			b.Fatal(err)
		}
		for n := 0; ; n++ {
			if _, err := u.Read(); errors.Is(err, io.EOF) {
				return n
			} else if err != nil {
				b.Fatal(err)
			}
		}
	})
}
