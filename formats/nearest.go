package formats

import (
	"slices"
	"strings"
)

// Nearest finds the field whose name is most like a column's, for people who may have mistyped it: the same but for case
// and signs, or but for few letters. It is empty when none is.
func (e *Entity) Nearest(column string) string {
	var names, plain []string
	for i := range e.Fields {
		if f := &e.Fields[i]; f.Family != Prefixed {
			names, plain = append(names, f.Name), append(plain, plainName(f.Name))
		}
	}
	column = plainName(column)
	if near := nearest(column, plain, 1+len(column)/3); near != "" {
		return names[slices.Index(plain, near)]
	}
	return ""
}

// plainName is a name without case and signs.
func plainName(name string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune("_-. /", r) {
			return -1
		}
		return r
	}, strings.ToLower(strings.TrimSpace(name)))
}

// DidYouMean finds the candidate that a mistyped word most likely stands for, as a hint; empty when none is near.
func DidYouMean(word string, candidates []string) string {
	if best := nearest(word, candidates, 1+max(1, min(3, len(word)/3))); best != "" {
		return "did you mean " + best + "?"
	}
	return ""
}

// nearest finds the candidate that fewer than so many edits make of a word, in any case; empty when none is near.
func nearest(word string, candidates []string, distance int) string {
	best := ""
	if word == "" || len(word) > 64 {
		return ""
	}
	for _, c := range candidates {
		if d := edits(strings.ToLower(word), strings.ToLower(c)); d < distance {
			best, distance = c, d
		}
	}
	return best
}

// edits counts the letters to insert, remove, replace or swap with their neighbour to make b of a; more than 64 for words
// that are too long to be compared.
func edits(a, b string) int {
	const longest = 64
	if len(a) > longest || len(b) > longest {
		return longest + 1
	}
	var rows [3][longest + 1]int // the row of i-2, i-1 and i letters of a
	for j := range len(b) + 1 {
		rows[1][j] = j
	}
	for i := 1; i <= len(a); i++ {
		rows[2][0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			n := min(rows[2][j-1]+1, rows[1][j]+1, rows[1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				n = min(n, rows[0][j-2]+1)
			}
			rows[2][j] = n
		}
		rows[0], rows[1] = rows[1], rows[2]
	}
	return rows[1][len(b)]
}
