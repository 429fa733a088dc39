package formats_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"github.com/shopspring/decimal"

	"github.com/orobridge/orobridge/formats"
)

var (
	point      = formats.Conventions{}
	comma      = formats.Conventions{Decimal: ","}
	commaPoint = formats.Conventions{Decimal: ",", Group: "."}
	noGroups   = formats.Conventions{Group: "none"}
)

func TestCanonDecimal(t *testing.T) {
	tests := []struct {
		text string
		c    formats.Conventions
		want string // "" for refused
	}{
		{"19.9", point, "19.9"},
		{"0", point, "0"},
		{"-0", point, "0"},
		{"-0.00", point, "0"},
		{"007", point, "7"},
		{"+5", point, "5"},
		{"19.90", point, "19.9"},
		{"20.00", point, "20"},
		{"100", point, "100"},
		{".5", point, "0.5"},
		{"5.", point, "5"},
		{" 12.5 ", point, "12.5"},
		{"302.35-", point, "-302.35"},
		{"302.35 -", point, "-302.35"},
		{"0.00-", point, "0"},
		{"19,9", comma, "19.9"},
		{"1.234,50", comma, "1234.5"},
		{"1.234.567", comma, "1234567"},
		{"1,234.50", point, "1234.5"},
		{"1'234.50", point, "1234.5"},
		{"1’234.50", point, "1234.5"},
		{"1 234,5", comma, "1234.5"},
		{"1\u00a0234,5", comma, "1234.5"},
		{"1\u202f234", comma, "1234"},
		{"12 345 678", point, "12345678"},
		{"1.234", commaPoint, "1234"},
		{"1.234,5", commaPoint, "1234.5"},
		{"-1.234,5", commaPoint, "-1234.5"},

		{"", point, ""},
		{"-", point, ""},
		{".", point, ""},
		{"- 5", point, ""},
		{"-5-", point, ""},
		{"--5", point, ""},
		{"1e5", point, ""},
		{"1E400000000", point, ""},
		{"1.5e3", point, ""},
		{"0x10", point, ""},
		{"1_000", point, ""},
		{"Inf", point, ""},
		{"NaN", point, ""},
		{"٣", point, ""},
		{"1.2.3", point, ""},
		{"1,5", point, ""},
		{"1,234", point, ""}, // 1234 or 1.234?
		{"1.234", comma, ""}, // the same
		{"1.23", comma, ""},  // groups are three long
		{"12.34,5", comma, ""},
		{"1234.567,8", comma, ""},
		{"1.234 567", comma, ""}, // two signs
		{"1,234.50", noGroups, ""},
		{"1 234", noGroups, ""},
		{"1,234.50", formats.Conventions{Group: "'"}, ""},
		{"12 €", point, ""},
		{strings.Repeat("9", 65), point, ""},
	}
	for _, tt := range tests {
		got, err := formats.CanonDecimal(tt.text, tt.c)
		if got != tt.want || (err == nil) == (tt.want == "") {
			t.Errorf("CanonDecimal(%q, %+v) = %q, %v; want %q", tt.text, tt.c, got, err, tt.want)
		}
	}
}

func TestCanonicalNumbersCostNothing(t *testing.T) {
	for _, text := range []string{"0", "19.9", "-302.35", "1000000"} {
		if n := testing.AllocsPerRun(100, func() { _, _ = formats.CanonDecimal(text, point) }); n != 0 {
			t.Errorf("%s: %v allocations", text, n)
		}
	}
}

func TestAmount(t *testing.T) {
	a := func(s string) formats.Amount {
		t.Helper()
		v, err := formats.ParseAmount(s, point)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	third, err := a("100").Div(a("3"), 10)
	if err != nil || third.String() != "33.3333333333" {
		t.Errorf("100 / 3 = %s, %v", third, err)
	}
	if _, err := a("1").Div(a("0"), 2); err == nil {
		t.Error("1 / 0 is no error")
	}
	for _, tt := range []struct{ got, want string }{
		{a("0.1").Add(a("0.2")).String(), "0.3"},
		{a("1").Sub(a("1.00")).String(), "0"},
		{a("19.99").Mul(a("3")).String(), "59.97"},
		{a("1.10").String(), "1.1"},
		{a("2.345").Round(2).String(), "2.35"},
		{a("-2.345").Round(2).String(), "-2.35"},
		{a("2.5").Fixed(2), "2.50"},
		{a("2.5").Neg().String(), "-2.5"},
		{formats.Amount{}.String(), "0"},
	} {
		if tt.got != tt.want {
			t.Errorf("got %s, want %s", tt.got, tt.want)
		}
	}
	if a("1.0").Cmp(a("1")) != 0 || !a("0.000").IsZero() {
		t.Error("equal amounts differ")
	}
}

func TestCanonDate(t *testing.T) {
	tests := []struct{ text, form, want string }{
		{"2026-11-21", "", "2026-11-21"},
		{"20261121", "YYYYMMDD", "2026-11-21"},
		{"21.11.2026", "DD.MM.YYYY", "2026-11-21"},
		{"11/21/2026", "MM/DD/YYYY", "2026-11-21"},
		{"21 Nov 26", "02 Jan 06", "2026-11-21"},
		{"00000000", "YYYYMMDD", ""},
		{"", "YYYYMMDD", ""},
		{"   ", "", ""},
		{"00.00.0000", "DD.MM.YYYY", ""},
		{"0000-00-00", "", ""},
		{"20240229", "YYYYMMDD", "2024-02-29"},
		{"20230229", "YYYYMMDD", "refused"},
		{"20261321", "YYYYMMDD", "refused"},
		{"2026-11-21", "YYYYMMDD", "refused"},
		{"21.11.26", "DD.MM.YYYY", "refused"},
		{"heute", "", "refused"},
	}
	for _, tt := range tests {
		got, err := formats.CanonDate(tt.text, formats.Conventions{Date: tt.form})
		if err != nil {
			got = "refused"
		}
		if got != tt.want {
			t.Errorf("%q as %q = %q (%v), want %q", tt.text, tt.form, got, err, tt.want)
		}
	}
}

func TestConventionsCheck(t *testing.T) {
	good := []formats.Conventions{{}, {Decimal: ",", Group: ".", Date: "YYYYMMDD"}, {Date: "2 January 2006"}, {Group: "none"}}
	for _, c := range good {
		if err := c.Check(); err != nil {
			t.Errorf("%+v: %v", c, err)
		}
	}
	bad := []formats.Conventions{{Decimal: ";"}, {Group: "x"}, {Group: "."}, {Decimal: ",", Group: ","}, {Date: "DDMMYY"}, {Date: "01.2006"}}
	for _, c := range bad {
		if c.Check() == nil {
			t.Errorf("%+v is accepted", c)
		}
	}
}

var canonical = regexp.MustCompile(`^(0|-?[1-9][0-9]*|-?(0|[1-9][0-9]*)\.[0-9]*[1-9])$`)

func FuzzCanonDecimal(f *testing.F) {
	for _, s := range []string{"0", "19.90", "1.234,50", "302.35-", "1e9", "-0", "1’234", "\xff", "+.5"} {
		f.Add(s, true)
		f.Add(s, false)
	}
	f.Fuzz(func(t *testing.T, text string, decimalComma bool) {
		c := point
		if decimalComma {
			c = comma
		}
		got, err := formats.CanonDecimal(text, c)
		if err != nil {
			return
		}
		if !canonical.MatchString(got) {
			t.Fatalf("%q gives %q, which is not canonical", text, got)
		}
		if again, err := formats.CanonDecimal(got, point); err != nil || again != got {
			t.Fatalf("%q is canonical, but gives %q, %v", got, again, err)
		}
		a, err := formats.ParseAmount(text, c)
		if err != nil || a.String() != got {
			t.Fatalf("%q: an amount writes %s (%v), want %s", text, a, err, got)
		}
	})
}

func FuzzCanonDate(f *testing.F) {
	f.Add("20261121", "YYYYMMDD")
	f.Add("21.11.2026", "DD.MM.YYYY")
	f.Add("2026-11-21", "")
	f.Add("21 Nov 26", "02 Jan 06")
	f.Fuzz(func(t *testing.T, text, form string) {
		c := formats.Conventions{Date: form}
		if c.Check() != nil {
			return
		}
		got, err := formats.CanonDate(text, c)
		if err != nil || got == "" {
			return
		}
		if again, err := formats.CanonDate(got, formats.Conventions{}); err != nil || again != got {
			t.Fatalf("%q as %q gives %q, which gives %q, %v", text, form, got, again, err)
		}
	})
}

func FuzzKey(f *testing.F) {
	f.Add("a", "b")
	f.Add("a|b", `c\`)
	f.Add("", `\|`)
	f.Fuzz(func(t *testing.T, a, b string) {
		if got := formats.JoinKey(a); got != a {
			t.Fatalf("the key %q becomes %q", a, got)
		}
		for _, parts := range [][]string{{a, b}, {a, b, a}} {
			got := formats.SplitKey(formats.JoinKey(parts...))
			if len(got) != len(parts) {
				t.Fatalf("%q becomes %q", parts, got)
			}
			for i := range parts {
				if got[i] != parts[i] {
					t.Fatalf("%q becomes %q", parts, got)
				}
			}
		}
	})
}

// TestDivisionByTens: moving the point gives what dividing gives.
func TestDivisionByTens(t *testing.T) {
	r := rand.New(rand.NewPCG(10, 10))
	for range 2000 {
		text := fmt.Sprintf("%d.%0*d", r.Int64N(1e15)-5e14, 1+r.IntN(12), r.IntN(10))
		for _, by := range []string{"1", "10", "1000", "100000", "0.1", "0.001", "-10", "20", "11"} {
			dividend, err1 := formats.ParseAmount(text, point)
			divisor, err2 := formats.ParseAmount(by, point)
			if err := errors.Join(err1, err2); err != nil {
				t.Fatal(err)
			}
			places := r.IntN(11)
			got, err := dividend.Div(divisor, places)
			want := decimal.RequireFromString(text).DivRound(decimal.RequireFromString(by), int32(places)).String()
			if err != nil || got.String() != want {
				t.Fatalf("%s / %s to %d places is %s, not %s (%v)", text, by, places, want, got, err)
			}
		}
	}
}
