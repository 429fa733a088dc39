package formats_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/orobridge/orobridge/formats"
)

func TestCheckTotals(t *testing.T) {
	line := func(price, quantity, row string) formats.OrderLine {
		return formats.OrderLine{Price: price, Quantity: quantity, RowTotal: row}
	}
	part := line("100", "1", "100")
	part.KitParent = 1
	tests := []struct {
		name                                     string
		lines                                    []formats.OrderLine
		subtotal, discount, shipping, tax, total string
		want                                     []string
	}{
		{"nothing", nil, "", "", "", "", "", nil},
		{"all is well", []formats.OrderLine{line("0.1", "3", "0.3"), line("9.95", "2", "19.9")}, "20.2", "0.2", "5", "0", "25", nil},
		{"tax on top", []formats.OrderLine{line("100", "1", "100")}, "100", "0", "0", "19", "119", nil},
		{"tax in the prices", []formats.OrderLine{line("119", "1", "119")}, "119", "0", "0", "19", "119", nil},
		{"the parts of a kit count for nothing", []formats.OrderLine{line("50", "2", "100"), part}, "100", "0", "0", "0", "100", nil},
		{"a cent off is rounding", []formats.OrderLine{line("0.333", "10", "3.34")}, "3.33", "", "", "", "3.32", nil},
		{"more than a cent", []formats.OrderLine{line("0.333", "10", "3.3412")}, "3.3412", "", "", "", "3.3412", []string{"line"}},
		{"lines are not the subtotal", []formats.OrderLine{line("1", "1", "1")}, "2", "", "", "", "2", []string{"lines"}},
		{"nor the total", []formats.OrderLine{line("1", "1", "1"), line("1", "2", "1")}, "2", "", "", "1", "4", []string{"line", "total"}},
		{"larger than any float holds", []formats.OrderLine{line("90071992547409.93", "1", "90071992547409.95")}, "90071992547409.97", "", "", "", "90071992547409.99", []string{"line", "lines", "total"}},
	}
	for _, test := range tests {
		o := &formats.Order{Lines: test.lines, Subtotal: test.subtotal, Discount: test.discount, Shipping: test.shipping, Tax: test.tax, Total: test.total}
		before := *o
		if got := o.CheckTotals(); !slices.Equal(got, test.want) {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
		if o.Total != before.Total || o.Subtotal != before.Subtotal {
			t.Errorf("%s: corrected", test.name)
		}
	}
}

func TestCondition(t *testing.T) {
	o := &formats.Order{Currency: "EUR", Total: "1000.5", CustomerGroup: "Partners", Customer: formats.Party{Name: "Müller"}}
	for source, want := range map[string]bool{
		"amount(total) >= 1000":                         true,
		"amount(total) > 1000.5":                        false,
		"currency == 'EUR' && customer_group != 'Test'": true,
		"customer startsWith 'Mü' && po_number == ''":   true,
	} {
		c, err := formats.NewCondition(source)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := c.Holds(o); got != want || err != nil || c.String() != source {
			t.Errorf("%s: %v %v", source, got, err)
		}
	}
	for source, want := range map[string]string{"total": "not a condition", "nothing == ''": "no column nothing", "total ==": "unexpected"} {
		if _, err := formats.NewCondition(source); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", source, err)
		}
	}
	c, err := formats.NewCondition("amount(notes) > 1")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Holds(o); err == nil {
		t.Error("computed an amount of nothing")
	}
}
