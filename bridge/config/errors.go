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

// didYouMean finds the candidate that a mistyped word most likely stands for, as a hint; empty when none is near.
func didYouMean(word string, candidates []string) string {
	best, distance := "", 1+max(1, min(3, len(word)/3))
	for _, c := range candidates {
		if d := edits(strings.ToLower(word), strings.ToLower(c)); d < distance {
			best, distance = c, d
		}
	}
	if best == "" {
		return ""
	}
	return "did you mean " + best + "?"
}

// edits counts the letters to insert, remove, replace or swap with their neighbour to make b of a.
func edits(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return 64
	}
	var before, last, row [65]int
	for j := range len(b) + 1 {
		last[j] = j
	}
	for i := range len(a) {
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(last[j+1]+1, row[j]+1, last[j]+cost)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}
