package formats

import "testing"

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
