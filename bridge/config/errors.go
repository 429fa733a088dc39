package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// A Problem is one problem of a config, in words for the person who wrote it.
type Problem struct {
	File    string // as it was given to [Load]
	Line    int    // 1-based; 0 when the file as a whole is meant
	Key     string // "feeds.prices.match"; empty for the file as a whole
	Message string
	Hint    string // what to do about it; may be empty
}

func (e Problem) Error() string {
	var b strings.Builder
	b.WriteString(e.File)
	if e.Line > 0 {
		fmt.Fprintf(&b, ":%d", e.Line)
	}
	if e.Key != "" {
		b.WriteString(": " + e.Key)
	}
	b.WriteString(": " + e.Message)
	return b.String()
}

// Problems are all problems of a config, sorted by line.
type Problems []Problem

func (e Problems) Error() string {
	lines := make([]string, len(e))
	for i, p := range e {
		lines[i] = p.Error()
		if p.Hint != "" {
			lines[i] += " (" + p.Hint + ")"
		}
	}
	return strings.Join(lines, "\n")
}

func (e Problems) sort() {
	slices.SortStableFunc(e, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Key, b.Key))
	})
}
