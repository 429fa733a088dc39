package fixed

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/orobridge/orobridge/formats"
)

// trailer watches a file for its last record.
type trailer struct {
	*Trailer
	numbers formats.Conventions
	fields  []string // of its record type that have a name
	texts   []string // of these fields
	of      int      // the summed column, -1 for none
	tally   formats.Tally
	here    bool
}

// bind finds the fields and the column that the trailer's options name. A nil trailer is one whose record type is missing.
func (t *trailer) bind(columns []string) error {
	if t == nil {
		return formats.AtKey("record", errors.New("the name of a record type is needed that is no row and has no parent"))
	}
	if t.Count == "" && t.Sum == "" || (t.Sum == "") != (t.Of == "") {
		return errors.New("count, or sum together with of, says what is compared")
	}
	for _, f := range []string{t.Count, t.Sum} {
		if f != "" && !slices.Contains(t.fields, f) {
			return fmt.Errorf("%s is not a field of record type %s", f, t.Record)
		}
	}
	if t.of = slices.Index(columns, t.Of); t.of < 0 && t.Of != "" {
		return formats.AtKey("of", fmt.Errorf("%s is not a column", t.Of))
	}
	return nil
}

// take keeps the texts of the trailer's fields.
func (t *trailer) take(k *kind, b []byte, wide bool) {
	t.texts = make([]string, len(t.fields))
	for _, f := range k.fields {
		text := string(bytes.TrimSpace(part(b, wide, f.from, f.to)))
		if f.decimals > 0 {
			text = point(text, f.decimals)
		}
		t.texts[f.column] = text
	}
}

// record looks at what was read: a record, or the end.
func (t *trailer) record(r *reader, k *kind, pos formats.Position, err error) error {
	_, bad := err.(*formats.Reject)
	switch {
	case err == io.EOF && !t.here:
		return formats.NoTrailer(pos)
	case err != nil && !bad, k == nil && !bad:
		return nil
	case t.here:
		return formats.BehindTrailer(pos)
	case k != nil && k.ends:
		t.here = true
		return t.tally.Compare(pos, t.text(t.Count), t.text(t.Sum), t.numbers)
	case bad || k.row:
		t.add(r.cells)
	}
	return nil
}

func (t *trailer) text(field string) *string {
	if i := slices.Index(t.fields, field); i >= 0 {
		return &t.texts[i]
	}
	return nil
}

// add counts a row. There may be no trailer to count for.
func (t *trailer) add(cells []string) {
	if t == nil {
		return
	}
	t.tally.Rows++
	if t.of >= 0 {
		t.tally.Add(cells[t.of], t.numbers)
	}
}

// rewrite puts what was counted into a trailer record. What does not fit into its field stays as it was.
func (t *trailer) rewrite(k *kind, record []byte) []byte {
	out := slices.Clone(record)
	for _, f := range k.fields {
		switch t.fields[f.column] {
		case t.Count:
			out = put(out, f, fmt.Sprint(t.tally.Rows))
		case t.Sum:
			text := t.tally.SumText(t.numbers)
			if f.decimals > 0 {
				text = strings.Replace(t.tally.Sum().Fixed(f.decimals), ".", "", 1)
			}
			out = put(out, f, text)
		}
	}
	return out
}

// put writes a text into a field: at its end, behind zeros when it is a number without a sign, else behind blanks.
func put(record []byte, f place, text string) []byte {
	from, to := index(record, f.from), index(record, f.to)
	length := f.to - f.from
	if len(text) > length || bytes.ContainsAny(record[from:to], "\r\n") {
		return record
	}
	fill := " "
	if strings.Trim(text, "0123456789") == "" {
		fill = "0"
	}
	return slices.Concat(record[:from], []byte(strings.Repeat(fill, length-len(text))+text), record[to:])
}
