package formats_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/orobridge/orobridge/formats"
)

// FuzzExpression: whatever stands in the place of an expression, and whatever in the cells that it reads, a mapping is refused by words, or
// makes of a row a record with a key, or a reject of the row.
func FuzzExpression(f *testing.F) {
	for _, source := range []string{`trimZeros(A)`, `text(amount(A) / amount(B))`, `col("C D") == "" ? A : B`, `lookup("list", A)`, `date(A, "YYYYMMDD")`,
		`A + "-" + B`, `let x = A; x + x`, `A matches "^(a+)+$" ? A : B`, `map(1..3, #)`, `"x" in [A, B]`, `A[0:2]`, `not A`} {
		f.Add(source, "0012,50", "3", "20261121")
	}
	f.Fuzz(func(t *testing.T, source, a, b, c string) {
		if len(source) > 1<<10 {
			return
		}
		columns := []string{"A", "B", "C D"}
		for _, field := range []string{"sku", "name", "attr.x"} {
			m := formats.Mapping{Columns: map[string]string{field: source}, Lists: map[string]string{"list": "l"},
				Open: func(string) (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("0012,x\n")), nil }}
			if field != "sku" {
				m.Constants = map[string]string{"sku": "S"}
			}
			if err := m.Check(formats.Products); err != nil {
				if err.Error() == "" {
					t.Errorf("%q is refused without a word", source)
				}
				continue
			}
			p, err := m.Bind(formats.Products, columns, formats.Conventions{})
			if err != nil {
				continue
			}
			var rec formats.Record
			err = p.Record(&formats.Row{Cells: []string{a, b, c}}, &rec)
			var bad *formats.Reject
			if err != nil && (!errors.As(err, &bad) || bad.Code == "" || bad.Message == "") || err == nil && rec.Key == "" {
				t.Errorf("%q of %q: %+v, %v", source, []string{a, b, c}, rec, err)
			}
		}
	})
}

// FuzzList: whatever stands in the file of a value list, it is refused by words, or each of its values has one result.
func FuzzList(f *testing.F) {
	f.Add("ST,item\nKAR,set\n")
	f.Add("\xef\xbb\xbfST,item\nST,item\n \"ST\" ,x")
	f.Add("ST,item\nST,set\n\"")
	f.Fuzz(func(t *testing.T, text string) {
		lists, err := formats.ReadLists(map[string]string{"uom": "uom.csv"}, func(string) (io.ReadCloser, error) {
			return io.NopCloser(strings.NewReader(text)), nil
		})
		if err != nil && err.Error() == "" {
			t.Error("it is refused without a word")
		}
		for value, result := range lists["uom"] {
			if strings.TrimSpace(result) != result || strings.TrimSpace(value) != value {
				t.Errorf("%q is %q", value, result)
			}
		}
	})
}
