package csv

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/orobridge/orobridge/formats"
)

// trailer watches a file for its last row.
type trailer struct {
	*Trailer
	of      int // the summed column, -1 for none
	tally   formats.Tally
	here    bool // it has come
	waived  bool // a file of rejects that came back has what trailer its mender left in it
	numbers formats.Conventions
}

// expectTrailer begins to count for the trailer that the options tell of. An empty file needs one too.
func (r *reader) expectTrailer() error {
	if r.options.Trailer == nil {
		return nil
	}
	t, err := newTrailer(r.options, r.columns)
	if err != nil {
		return err
	}
	t.waived = r.Corrects()
	r.trailer = t
	return nil
}

func newTrailer(o *Options, columns []string) (*trailer, error) {
	t := &trailer{Trailer: o.Trailer, of: -1, numbers: o.Numbers}
	if t.Of == "" || len(columns) == 0 {
		return t, nil
	}
	if t.of = slices.Index(columns, t.Of); t.of < 0 {
		return nil, &formats.FileError{Pos: formats.Position{Line: 1}, Column: t.Of,
			Message: "is not in the file, and the trailer's sum is of it", Hint: "see format.trailer"}
	}
	return t, nil
}

// row looks at what was read: at a row, one that could not be read, or the end. It says whether that is the trailer; its
// error ends the file.
func (t *trailer) row(r *reader, cells []string, pos formats.Position, err error) (bool, error) {
	_, bad := err.(*badRow)
	switch {
	case err == io.EOF && !t.here && !t.waived:
		return false, formats.NoTrailer(pos)
	case err != nil && !bad:
		return false, nil
	case t.here:
		return false, formats.BehindTrailer(pos)
	}
	if cells = r.pick(cells); bad || len(cells) == 0 || strings.TrimSpace(cells[0]) != t.Begins {
		t.add(cells)
		return false, nil
	}
	t.here = true
	if t.waived {
		return true, nil
	}
	count, err := t.cell(cells, t.Count, pos)
	if err != nil {
		return true, err
	}
	sum, err := t.cell(cells, t.Sum, pos)
	if err != nil {
		return true, err
	}
	return true, t.tally.Compare(pos, count, sum, t.numbers)
}

// add counts a row.
func (t *trailer) add(cells []string) {
	t.tally.Rows++
	if t.of >= 0 && t.of < len(cells) {
		t.tally.Add(cells[t.of], t.numbers)
	}
}

// cell is a cell of the trailer by its number, nil for the number 0.
func (t *trailer) cell(cells []string, number int, pos formats.Position) (*string, error) {
	switch {
	case number == 0:
		return nil, nil
	case number > len(cells):
		return nil, &formats.FileError{Code: formats.CodeFileTrailer, Pos: pos,
			Message: fmt.Sprintf("the trailer has %d cells and no cell %d", len(cells), number),
			Hint:    "it may be cut off: have the file sent again, or correct format.trailer"}
	}
	return &cells[number-1], nil
}

// cells are the trailer of a file that holds the rows that were counted.
func (t *trailer) cells() []string {
	cells := make([]string, max(t.Count, t.Sum))
	cells[0] = t.Begins
	if t.Count > 0 {
		cells[t.Count-1] = fmt.Sprint(t.tally.Rows)
	}
	if t.Sum > 0 {
		cells[t.Sum-1] = t.tally.SumText(t.numbers)
	}
	return cells
}
