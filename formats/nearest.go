package formats

import (
	"strings"
	"unicode/utf8"
)

// Nearest finds the field whose name is most like a column's, for people who may have mistyped it: the same but for case
// and signs, or but for few letters. It is empty when none is.
func (e *Entity) Nearest(column string) string {
	const longest = 64 // no field's name is that long
	column = plainName(column)
	if column == "" || utf8.RuneCountInString(column) > longest {
		return ""
	}
	best, least := "", 1+utf8.RuneCountInString(column)/3
	for i := range e.Fields {
		f := &e.Fields[i]
		if f.Family == Prefixed {
			continue
		}
		if d := distance(column, plainName(f.Name)); d < least {
			best, least = f.Name, d
		}
	}
	return best
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

// distance is how many letters have to be added, taken away, replaced, or changed with their neighbour to make one text of
// the other (optimal string alignment).
func distance(a, b string) int {
	from, to := []rune(a), []rune(b)
	d := make([][]int, len(from)+1)
	for i := range d {
		d[i] = make([]int, len(to)+1)
		for j := range d[i] {
			switch {
			case i == 0:
				d[i][j] = j
				continue
			case j == 0:
				d[i][j] = i
				continue
			}
			cost := 1
			if from[i-1] == to[j-1] {
				cost = 0
			}
			d[i][j] = min(d[i-1][j]+1, d[i][j-1]+1, d[i-1][j-1]+cost)
			if i > 1 && j > 1 && from[i-1] == to[j-2] && from[i-2] == to[j-1] {
				d[i][j] = min(d[i][j], d[i-2][j-2]+1)
			}
		}
	}
	return d[len(from)][len(to)]
}
