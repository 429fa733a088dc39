package formats

import (
	"fmt"
	"strings"
)

// Tally counts what a file's trailer promises: its rows, and the sum of one of their columns. The zero value begins a file.
type Tally struct {
	Rows  int64
	sum   Amount
	blind int64 // rows without a readable amount
}

// Add counts an amount of a row that stands in the summed column.
func (t *Tally) Add(text string, c Conventions) {
	a, err := ParseAmount(text, c)
	if err != nil {
		if strings.TrimSpace(text) != "" {
			t.blind++
		}
		return
	}
	t.sum = t.sum.Add(a)
}

// Sum is the sum of the amounts.
func (t *Tally) Sum() Amount { return t.sum }

// SumText is the sum as the conventions write it.
func (t *Tally) SumText(c Conventions) string { return writeAmount(t.sum, c) }

// Compare holds a trailer against what was counted: the texts of its number of rows and of its sum, nil for one that it
// does not have. The error is a *FileError: a file whose trailer does not fit is not whole, or is not what was sent.
func (t *Tally) Compare(pos Position, rows, sum *string, c Conventions) error {
	const hint = "nothing of the file was loaded; have it sent again, or correct format.trailer if it says something else than the trailer"
	unfit := func(format string, args ...any) error {
		return &FileError{Code: CodeFileTrailer, Pos: pos, Message: "the trailer " + fmt.Sprintf(format, args...), Hint: hint}
	}
	if rows != nil {
		said, err := ParseAmount(*rows, c)
		if err != nil {
			return unfit("has %s for the number of rows, which %s", quote(*rows), err)
		}
		if said.Cmp(AmountOf(t.Rows)) != 0 {
			return unfit("says %s rows, the file has %d", said, t.Rows)
		}
	}
	if sum != nil {
		said, err := ParseAmount(*sum, c)
		if err != nil {
			return unfit("has %s for the control sum, which %s", quote(*sum), err)
		}
		if said.Cmp(t.sum) != 0 && t.blind > 0 {
			return unfit("says a control sum of %s, the file has %s, and %d rows without a readable amount", said, t.sum, t.blind)
		}
		if said.Cmp(t.sum) != 0 {
			return unfit("says a control sum of %s, the file has %s", said, t.sum)
		}
	}
	return nil
}

// NoTrailer is the error for a file that ends without the trailer that it must have.
func NoTrailer(pos Position) error {
	return &FileError{Code: CodeFileTrailer, Pos: pos, Message: "the file ends without its trailer: it was cut off",
		Hint: "nothing of the file was loaded; have it sent again"}
}

// BehindTrailer is the error for a row that stands behind the trailer.
func BehindTrailer(pos Position) error {
	return &FileError{Code: CodeFileTrailer, Pos: pos, Message: "a row stands behind the trailer",
		Hint: "files may have been joined: have them sent one by one, or correct format.trailer"}
}
