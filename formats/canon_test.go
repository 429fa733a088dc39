package formats_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/orobridge/orobridge/formats"
)

// FuzzCanon: canonical text is canonical, whatever it was before; what is written and read again compares equal.
func FuzzCanon(f *testing.F) {
	for _, s := range []string{"", " a ", "1.234,50", "A > B>C", "set:0:12,0 box:2:1", "EUR,USD", "X", "a\r\nb\rc", "\u00a0x\u3000", "Enabled", "21.11.2026", "\xff", "a\x00", "O\u0308l\u200b", "a\u200bb", ",\u200b0"} {
		for kind := formats.Text; kind <= formats.Path; kind++ {
			f.Add(s, uint8(kind))
			f.Add(s, 128+uint8(kind))
		}
	}
	f.Fuzz(func(t *testing.T, text string, kind uint8) {
		field := formats.Field{Name: "f", Kind: formats.Kind(kind) % (formats.Path + 1), Max: 30, Key: kind >= 128, Values: []string{"enabled", "disabled"}}
		got, bad := field.Canon(text, formats.Conventions{Decimal: ",", Date: "DD.MM.YYYY"})
		if bad != nil {
			if bad.Code == "" || bad.Message == "" || !utf8.ValidString(bad.Message) || len(bad.Message) > 2000 {
				t.Fatalf("%q is refused with %+v", text, bad)
			}
			return
		}
		again, bad := field.Canon(got, formats.Conventions{})
		if bad != nil || again != got {
			t.Fatalf("%q of kind %d gives %q, which gives %q, %v", text, field.Kind, got, again, bad)
		}
		if strings.ContainsRune(got, 0) || !utf8.ValidString(got) || utf8.RuneCountInString(got) > 30 {
			t.Fatalf("%q gives %q", text, got)
		}
	})
}
