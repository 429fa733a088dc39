package formats_test

import (
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/orobridge/orobridge/formats"
)

func TestPrintable(t *testing.T) {
	for text, want := range map[string]string{
		"":                            "",
		"S-1 Größe 42 ✓ 日本":           "S-1 Größe 42 ✓ 日本",
		"\x1b[2Jowned":                `\x1b[2Jowned`,
		"a\nb\tc\r":                   `a\nb\tc\r`,
		"nul\x00del\x7f":              `nul\x00del\x7f`,
		"c1 \u0085\u009b31m":          `c1 \u0085\u009b31m`,
		"invoice\u202efdp.exe":        `invoice\u202efdp.exe`,
		"zero\u200bwidth\ufeff\u2066": `zero\u200bwidth\ufeff\u2066`,
		"bad \xff\xfe byte":           `bad \xff\xfe byte`,
		"damaged \ufffd":              "damaged \ufffd",
		`C:\new`:                      `C:\new`,
		"tag \U000e0041":              `tag \U000e0041`,
	} {
		if got := formats.Printable(text); got != want {
			t.Errorf("%q is printed as %q, want %q", text, got, want)
		}
	}
	if n := testing.AllocsPerRun(10, func() { formats.Printable("Größe 42, plain") }); n > 0 {
		t.Errorf("%v allocations for a plain text", n)
	}
}

func FuzzPrintable(f *testing.F) {
	f.Add("a\x1b\u202e\xff")
	f.Fuzz(func(t *testing.T, text string) {
		got := formats.Printable(text)
		if !utf8.ValidString(got) || strings.ContainsFunc(got, func(r rune) bool { return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) }) {
			t.Fatalf("%q is printed as %q", text, got)
		}
		if formats.Printable(got) != got {
			t.Fatalf("%q is printed anew as %q", got, formats.Printable(got))
		}
	})
}

func TestInert(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "plain": "plain", "1": "1", "a=1": "a=1", "=1+1": "'=1+1", "+49 30 1": "'+49 30 1", "-2+3": "'-2+3",
		"@SUM(A1)": "'@SUM(A1)", "\t=1": "'\t=1", "\r=1": "'\r=1", "＝1": "'＝1", "'=1": "'=1",
	} {
		if got := formats.Inert(text); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}

func TestCleanReplacesControlCharactersOfAnOrder(t *testing.T) {
	o := formats.Order{
		Identifier: "1001", Submitted: time.Now(), Notes: "ring\x07 twice\r\nthen wait\x1b[2J",
		Bill:     formats.Address{Street: "Main\u202e St \u0085"},
		Lines:    []formats.OrderLine{{SKU: "S-1", Notes: "bad \xff byte"}, {Notes: "Größe\t42"}},
		Customer: formats.Party{Name: "A\ufffeB"},
	}
	submitted := o.Submitted
	if n := o.Clean(); n != 6 {
		t.Errorf("%d characters are replaced, want 6", n)
	}
	for got, want := range map[string]string{
		o.Notes: "ring? twice\nthen wait?[2J", o.Bill.Street: "Main? St ?", o.Lines[0].Notes: "bad ? byte", o.Lines[1].Notes: "Größe\t42", o.Customer.Name: "A?B",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if len(o.Flags) != 1 || o.Flags[0] != formats.FlagControl || !o.Submitted.Equal(submitted) {
		t.Errorf("flags %v, submitted %v", o.Flags, o.Submitted)
	}
	if n := o.Clean(); n != 0 || len(o.Flags) != 1 {
		t.Errorf("a clean order has %d characters replaced, flags %v", n, o.Flags)
	}
}
