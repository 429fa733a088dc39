package formats

import "strings"

// DidYouMean finds the candidate that a mistyped word most likely stands for, as a hint; empty when none is near.
func DidYouMean(word string, candidates []string) string {
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
