package formats

import (
	"io"
	"slices"
	"strings"
	"testing"
)

// TestFunctions: each example gives what the list says, and the list has every function.
func TestFunctions(t *testing.T) {
	m := &Mapping{Lists: map[string]string{"units": "units.csv"}, Open: func(string) (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader("ST,item\nKAR,set\n")), nil
	}}
	for _, f := range Functions {
		x, err := m.Expression(f.Example, Conventions{})
		if err != nil {
			t.Errorf("%s: %v", f.Use, err)
			continue
		}
		if got, err := x.Text(func(column string) string { return f.Row[column] }); err != nil || got != f.Result {
			t.Errorf("%s: %s gives %q, not %q (%v)", f.Use, f.Example, got, f.Result, err)
		}
		for _, column := range x.Columns() {
			if _, ok := f.Row[column]; !ok {
				t.Errorf("%s: the example has no column %s", f.Use, column)
			}
		}
	}
	env := &exprEnv{cells: map[string]any{}}
	for _, name := range functionNames() {
		if _, err := compile(name+"()", env); err != nil && strings.Contains(err.Error(), "there is no function") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if !slices.Contains(functionNames(), "coalesce") {
		t.Error("coalesce is not in the list")
	}
}

// TestSuggestions: an unknown name is answered with the nearest.
func TestSuggestions(t *testing.T) {
	for source, want := range map[string]string{
		"trimzero(MATNR)":      "there is no function trimzero: did you mean trimZeros?",
		"concta('a', 'b')":     "there is no function concta: did you mean concat?",
		"frobnicate('a')":      "there is no function frobnicate; there are trimZeros, alpha, amount",
		"amount(totl) >= 1000": "there is no column totl: did you mean total?",
	} {
		if _, err := NewCondition(source); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", source, err)
		}
	}
	for _, c := range []struct{ word, want string }{{"KNUNR", "did you mean KUNNR?"}, {"KUNR", "did you mean KUNNR?"}, {"zzzzz", ""}, {strings.Repeat("x", 90), ""}} {
		if got := DidYouMean(c.word, []string{"MATNR", "KUNNR", strings.Repeat("y", 80)}); got != c.want {
			t.Errorf("%s: %q", c.word, got)
		}
	}
}
