package bridge_test

import (
	"errors"
	"fmt"
	"path"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/orobridge/orobridge/bridge"
)

func TestSafeName(t *testing.T) {
	good := []string{"a", "prices.csv", ".hidden", "...", "*?[].csv", "-rf", "ü€价.csv", "with blank", strings.Repeat("n", 255)}
	bad := []string{"", ".", "..", "a/b", "/", `a\b`, "a\x00b", "a\nb", "a\x7fb", "a\u0085b", "a\u2028b", "\u202eexe.csv", "\xff", strings.Repeat("n", 256), strings.Repeat("ü", 128)}
	for _, name := range good {
		if err := bridge.SafeName(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, name := range bad {
		err := bridge.SafeName(name)
		if !errors.Is(err, bridge.ErrName) {
			t.Errorf("%q: %v", name, err)
			continue
		}
		if strings.ContainsFunc(err.Error(), func(r rune) bool { return r < ' ' || r == '\u202e' || r == utf8.RuneError }) {
			t.Errorf("the error about %q prints it raw", name)
		}
	}
}

func TestTemporary(t *testing.T) {
	for name, want := range map[string]bool{
		"prices.csv": false, "tmp.csv": false, "part": false, "a.tmp.csv": false, ".csv": true, ".orobridge-x.tmp": true, "a.tmp": true, "A.TMP": true,
		"a.part": true, "a.filepart": true, "a.csv.writing": true, "a.inprogress": true, "A.INPROGRESS": false, "~a": true, "": false,
	} {
		if got := bridge.Temporary(name, []string{"*.inprogress", "~*", "[bad"}); got != want {
			t.Errorf("%q: %t, want %t", name, got, want)
		}
	}
	if bridge.Temporary("a.inprogress", nil) {
		t.Error("a pattern that was not given")
	}
	temp := bridge.TempName("")
	if !bridge.OwnTemp("", temp) || !bridge.Temporary(temp, nil) || bridge.SafeName(temp) != nil || temp == bridge.TempName("") {
		t.Errorf("temporary name %q", temp)
	}
	if bridge.OwnTemp("", ".other.tmp") || bridge.OwnTemp("", ".orobridge-x") {
		t.Error("another's temporary name is the bridge's")
	}
}

func TestDerivedName(t *testing.T) {
	long := strings.Repeat("n", 300)
	for name, want := range map[string]string{
		"prices.csv": "prices_r17.csv", "prices": "prices_r17", "prices.csv.gz": "prices_r17.csv.gz", "a.b.csv": "a.b_r17.csv", ".csv": "_r17.csv",
		"prices.": "prices_r17.", "prices.gz": "prices_r17.gz", "p.a long sentence with a dot": "p.a long sentence with a dot_r17", "p.csv.PGP": "p_r17.csv.PGP",
		"prices_r17.csv": "prices_r17_r17.csv",
	} {
		if got := bridge.DerivedName(name, "_r17"); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
	a, b := bridge.DerivedName(long[:251]+".csv", "_r17"), bridge.DerivedName(long[:250]+"x.csv", "_r17")
	if a == b || len(a) > bridge.MaxName || !strings.HasSuffix(a, "_r17.csv") {
		t.Errorf("%q, %q", a, b)
	}
}

// names draws base names that are likely to get into each other's way.
func names() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		parts := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "_r1", "_r11", ".", ".csv", ".gz", ".zip", "ü", "€", "~", strings.Repeat("n", 120), strings.Repeat("ü", 60)}), 1, 6).Draw(t, "parts")
		return strings.Join(parts, "")
	}).Filter(func(s string) bool { return bridge.SafeName(s) == nil })
}

// ofRun is the name that a file gets when a run has settled it.
func ofRun(name string, run int64) string { return bridge.DerivedName(name, fmt.Sprintf("_r%d", run)) }

func TestDerivedNamesStayApart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := names().Draw(t, "a"), names().Draw(t, "b")
		runA, runB := rapid.Int64Range(1, 12).Draw(t, "run a"), rapid.Int64Range(1, 12).Draw(t, "run b")
		x, y := ofRun(a, runA), ofRun(b, runB)
		if (x == y) != (a == b && runA == runB) {
			t.Errorf("%q of run %d: %q; %q of run %d: %q", a, runA, x, b, runB, y)
		}
		if err := bridge.SafeName(x); err != nil {
			t.Errorf("archive name of %q: %v", a, err)
		}
	})
}

func FuzzSplitPath(f *testing.F) {
	for _, name := range []string{"a.csv", "..", "../x", "a/../../b", "\x00", "./", `..\x`, "…"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if p := path.Join("/in/drops", name); bridge.SafeName(name) == nil && (path.Dir(p) != "/in/drops" || path.Base(p) != name) {
			t.Errorf("%q becomes %q", name, p)
		}
		elements, err := bridge.SplitPath(name)
		if err == nil && !strings.HasPrefix(path.Join(append([]string{"/root"}, elements...)...)+"/", "/root/") {
			t.Errorf("%q leaves the root", name)
		}
		if d := bridge.DerivedName(name, "_r3"); len(d) > bridge.MaxName {
			t.Errorf("%q becomes %d bytes", name, len(d))
		}
	})
}
