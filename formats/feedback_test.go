package formats

import (
	"strings"
	"testing"
)

func TestLineNote(t *testing.T) {
	for _, c := range []struct {
		want  string
		cells []Value
	}{
		{"", []Value{{"status", "accepted"}}},
		{"Line 1: accepted", []Value{{"line", "1"}}},
		{"Line 1 (CHAIR-5): 3 of 5 confirmed, for 2026-12-01", []Value{{"confirmed", "3"}, {"date", "2026-12-01"}, {"line", "1"}, {"quantity", "5"}, {"sku", "CHAIR-5"}}},
		{"Line 2: refused: not made any more", []Value{{"confirmed", "0"}, {"line", "2"}, {"reason", "not made any more"}}},
		{"Line 3: refused", []Value{{"confirmed", "0"}, {"line", "3"}, {"quantity", "1"}}},
		{"Line 4: 2 confirmed", []Value{{"confirmed", "2"}, {"line", "4"}}},
	} {
		if got := LineNote(&Record{Entity: OrderFeedback, Key: "42", Values: c.cells}); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

// TestComment: a message, and what is said of lines, are a comment; an answer without either is none.
func TestComment(t *testing.T) {
	rec := func(values ...Value) *Record { return &Record{Entity: OrderFeedback, Key: "42", Values: values} }
	line := rec(Value{"confirmed", "3"}, Value{"line", "1"}, Value{"quantity", "5"})
	var many []*Record
	for range maxCommentLines + 3 {
		many = append(many, line)
	}
	for _, c := range []struct {
		whole *Record
		lines []*Record
		want  string
	}{
		{rec(Value{"erp_order_number", "12001"}, Value{"status", "accepted"}), nil, ""},
		{nil, nil, ""},
		{nil, []*Record{line}, "Answer of the ERP\nLine 1: 3 of 5 confirmed"},
		{rec(Value{"message", "no credit"}, Value{"status", "refused"}), nil, "Answer of the ERP: refused\nno credit"},
		{rec(Value{"erp_order_number", "12001"}, Value{"message", "by ship"}, Value{"shipping_status", "partially_shipped"}), []*Record{line},
			"Answer of the ERP: partially shipped, 12001\nby ship\nLine 1: 3 of 5 confirmed"},
	} {
		if got := Comment(c.whole, c.lines); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
	if got := Comment(nil, many); strings.Count(got, "\n") != maxCommentLines+1 || !strings.HasSuffix(got, "\n3 more lines") {
		t.Errorf("%d lines, ending in %q", strings.Count(got, "\n"), got[len(got)-20:])
	}
	for _, c := range []struct {
		confirmed, quantity string
		want                bool
	}{{"0", "", true}, {"3", "5", true}, {"5", "5", false}, {"5", "", false}, {"", "5", false}} {
		if got := Exceptional(rec(Value{"confirmed", c.confirmed}, Value{"quantity", c.quantity})); got != c.want {
			t.Errorf("%q of %q: %v", c.confirmed, c.quantity, got)
		}
	}
}
