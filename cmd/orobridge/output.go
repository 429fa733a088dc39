package main

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"text/tabwriter"
)

// printJSON prints a value as JSON. A list without elements prints as [], never as null.
func (a *app) printJSON(v any) error {
	if r := reflect.ValueOf(v); r.Kind() == reflect.Slice && r.IsNil() {
		v = []any{}
	}
	e := json.NewEncoder(a.stdout)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// table prints rows in columns under a heading; none prints nothing but what there is to say about that.
func (a *app) table(heading []string, rows [][]string, none string) error {
	if len(rows) == 0 {
		_, err := a.stdout.Write([]byte(none + "\n"))
		return err
	}
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	for _, row := range append([][]string{heading}, rows...) {
		cells := make([]string, len(row))
		for i, c := range row {
			cells[i] = printable(c)
		}
		line := strings.TrimRight(strings.Join(cells, "\t"), "\t ")
		if _, err := w.Write([]byte(line + "\n")); err != nil {
			return err
		}
	}
	return w.Flush()
}

// sortBy sorts a list by a text, keeping the order of equal ones.
func sortBy[T any](list []T, key func(T) string) {
	slices.SortStableFunc(list, func(x, y T) int { return strings.Compare(key(x), key(y)) })
}

// printable replaces what would move the cursor: cells hold names and rows from outside.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r == '\u2028' || r == '\u2029' || r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069' {
			return '\ufffd'
		}
		return r
	}, s)
}
