package rows

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/formats"
)

// What of a file is not loaded though none of its rows disappears: what its reader skipped, and columns that feed no field.

// LeftOut says in one line what of a file went nowhere: what its reader skipped, and columns that feed no field.
func LeftOut(run *bridge.Run) string {
	line := SkippedLine(run.Skipped)
	if columns := UnmappedLine(run.Unmapped); columns != "" {
		line = strings.TrimPrefix(line+"; no field takes "+columns, "; ")
	}
	return line
}

// AddCounts adds what a reader, or a mapper, has left out, if it tells.
func AddCounts(sum map[string]int64, r any) map[string]int64 {
	if c, ok := r.(formats.Counter); ok {
		for word, n := range c.Counts() {
			sum[word] += n
		}
	}
	return sum
}

// SkippedLine says in one line what a reader has left out, by word; empty for nothing.
func SkippedLine(counts map[string]int64) string {
	var words []string
	for _, word := range slices.Sorted(maps.Keys(counts)) {
		words = append(words, fmt.Sprintf("%s %d", word, counts[word]))
	}
	return strings.Join(words, ", ")
}

// UnmappedLine names columns that feed no field, each with the field that may be meant: "colour, naem (name?)".
func UnmappedLine(columns []formats.Unmapped) string {
	var words []string
	for _, u := range columns {
		word := u.Column
		if u.Nearest != "" {
			word += " (" + u.Nearest + "?)"
		}
		words = append(words, word)
	}
	return strings.Join(words, ", ")
}
