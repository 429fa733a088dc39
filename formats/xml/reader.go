package xml

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"

	"github.com/orobridge/orobridge/formats"
	"github.com/orobridge/orobridge/formats/internal/charset"
	"github.com/orobridge/orobridge/formats/internal/xmltok"
)

// Limits of a row in bytes: the sum of its texts, and how far its element may reach in the file.
const (
	maxRow    = 4 << 20
	maxRecord = 64 << 20
)

// reader implements formats.Reader.
type reader struct {
	o     *Options
	plan  *plan
	s     *xmltok.Scanner // nil for an empty file
	stack []*element      // of the open elements; nil where no path leads
	text  [][]byte        // of the open elements with a column, by depth
	cells []string
	joins [][]byte // texts of the cells that have several
	seen  []bool
	gone  []bool // not seen
	size  []int  // of the cells
	total int    // of them all
	pos   formats.Position
	bad   *formats.Reject
	in    bool // inside of a record
	// heard, when it is set, hears after each token how far the file was read, and within which record, nil between two.
	heard func(offset int64, record *formats.Position) error
	rows  bool // a record has begun
	// Of a file without a record yet: whether the element around records was there, whether it held what no path names,
	// and what there was instead.
	around, strange bool
	outline         xmltok.Outline
}

// Open implements formats.Format.
func (o *Options) Open(r io.Reader, _ *formats.Entity) (formats.Reader, error) {
	raw := bufio.NewReaderSize(r, 4096)
	head, err := raw.Peek(512)
	if err != nil && err != io.EOF {
		return nil, err
	}
	name := o.Encoding
	if name == "" {
		name = xmltok.Declared(head)
	}
	text, err := charset.Decode(raw, name)
	if err != nil {
		return nil, &formats.FileError{Message: err.Error(), Hint: "set format.encoding"}
	}
	return o.reader(text)
}

func (o *Options) reader(text io.Reader) (*reader, error) {
	p, err := o.compile()
	if err != nil {
		return nil, fmt.Errorf("xml: %w", err)
	}
	n := len(p.columns)
	rd := &reader{o: o, plan: p, around: p.around == p.root, stack: []*element{p.root}, cells: make([]string, n), joins: make([][]byte, n),
		seen: make([]bool, n), gone: make([]bool, n), size: make([]int, n)}
	b := bufio.NewReaderSize(text, 64<<10)
	head, err := b.Peek(1)
	if err == io.EOF && len(head) == 0 {
		return rd, nil
	}
	rd.s = xmltok.New(b, xmltok.Limits{})
	return rd, nil
}

// Columns implements formats.Reader.
func (r *reader) Columns() []string { return r.plan.columns }

// Next implements formats.Reader.
func (r *reader) Next(row *formats.Row) error {
	if r.s == nil {
		return io.EOF
	}
	for {
		k, err := r.s.Next()
		if err == io.EOF && !r.rows && (!r.around || r.strange) {
			return r.noRows()
		}
		if err != nil {
			return fileError(err)
		}
		if !r.rows {
			r.outline.Add(k, r.s)
		}
		switch k {
		case xmltok.Start:
			r.start()
		case xmltok.Text:
			if e := r.top(); e != nil && e.text >= 0 {
				r.add(e.text, r.s.Text())
			}
		}
		if err := r.hear(); err != nil {
			return err
		}
		if k == xmltok.End && r.finish() {
			return r.row(row)
		}
	}
}

// hear tells how far the file was read.
func (r *reader) hear() error {
	end := r.s.EndOffset()
	if r.in && end-r.pos.Offset > maxRecord && r.bad == nil {
		r.bad = &formats.Reject{Pos: r.pos, Code: formats.CodeTooLong,
			Message: fmt.Sprintf("the record reaches over more than %d bytes", maxRecord)}
	}
	switch {
	case r.heard == nil:
		return nil
	case r.in:
		return r.heard(end, &r.pos)
	}
	return r.heard(end, nil)
}

// row gives back the record that has ended.
func (r *reader) row(row *formats.Row) error {
	for i := range r.seen {
		r.gone[i] = !r.seen[i]
		if len(r.joins[i]) > 0 {
			r.cells[i] = string(r.joins[i])
		}
	}
	row.Pos, row.Cells, row.Absent = r.pos, r.cells, r.gone
	if r.bad != nil {
		return r.bad
	}
	return nil
}

func fileError(err error) error {
	var e *xmltok.Error
	if !errors.As(err, &e) {
		return err
	}
	return &formats.FileError{Pos: formats.Position{Line: e.Line, Offset: e.Offset}, Message: e.Message,
		Hint: "the file is not well-formed XML from here on: have it sent again, or mend it"}
}

// prefixes are those of the parts of a path.
var prefixes = regexp.MustCompile(`/[^/:]*:`)

// noRows is the error of a file in which no element is a record, though it holds something else than an empty list.
func (r *reader) noRows() error {
	hint := "set format.record to the path of the element that repeats"
	if r.outline.Has(prefixes.ReplaceAllString(r.o.Record, "/")) {
		hint = "the names are right and the namespaces are not: check format.namespaces"
	} else if row := r.outline.Row(); row != "" {
		hint = "set format.record to the path of the element that repeats, it may be " + row
	}
	return &formats.FileError{Code: formats.CodeNoRows, Message: fmt.Sprintf("the file has no element %s: it is %s", r.o.Record,
		&r.outline), Hint: hint}
}

func (r *reader) top() *element { return r.stack[len(r.stack)-1] }

// start enters an element.
func (r *reader) start() {
	above := r.top()
	e := above.match(r.s, len(r.o.Namespaces) > 0)
	r.stack = append(r.stack, e)
	r.around = r.around || e != nil && e == r.plan.around
	r.strange = r.strange || e == nil && above != nil && above == r.plan.around
	var text []byte
	if n := len(r.text); n < cap(r.text) {
		text = r.text[:n+1][n][:0] // use the buffer again
	}
	r.text = append(r.text, text)
	if e == nil {
		return
	}
	for _, i := range e.resets {
		r.total -= r.size[i]
		r.cells[i], r.joins[i], r.seen[i], r.size[i] = "", r.joins[i][:0], false, 0
	}
	if e.record {
		r.bad, r.in, r.rows = nil, true, true
		r.pos = formats.Position{Line: r.s.Line(), Offset: r.s.Offset(), Segment: r.o.Record}
	}
	for _, have := range r.s.Attrs() {
		for _, want := range e.attrs {
			if string(have.Name) == want.name {
				r.set(want.column, have.Value)
			}
		}
	}
}

// add collects the text of the open element.
func (r *reader) add(column int, text []byte) {
	n := len(r.text) - 1
	if r.total+len(r.text[n])+len(text) > maxRow {
		r.fail(column, formats.CodeTooLong, "the record is longer than %d bytes", maxRow)
		return
	}
	r.text[n] = append(r.text[n], text...)
}

// set fills a cell; a second text is joined, or is a fault of the record.
func (r *reader) set(column int, text []byte) {
	text = bytes.TrimSpace(text)
	size := len(text)
	if r.seen[column] {
		size += len(r.o.Join)
	}
	switch {
	case r.total+size > maxRow:
		r.fail(column, formats.CodeTooLong, "the record is longer than %d bytes", maxRow)
		return
	case !r.seen[column]:
		r.cells[column], r.seen[column] = string(text), true
	case r.o.Join == "":
		r.fail(column, formats.CodeStructure, "%s stands several times in one record (format.join would join its texts)",
			r.o.Fields[r.plan.columns[column]])
		return
	default:
		if len(r.joins[column]) == 0 {
			r.joins[column] = append(r.joins[column], r.cells[column]...)
		}
		r.joins[column] = append(append(r.joins[column], r.o.Join...), text...)
	}
	r.size[column] += size
	r.total += size
}

func (r *reader) fail(column int, code, format string, args ...any) {
	if r.bad == nil {
		r.bad = &formats.Reject{Pos: r.pos, Field: r.plan.columns[column], Code: code, Message: fmt.Sprintf(format, args...)}
	}
}

// finish leaves an element; true when it was a record.
func (r *reader) finish() bool {
	e := r.top()
	n := len(r.text) - 1
	if e != nil && e.text >= 0 {
		r.set(e.text, r.text[n])
	}
	r.stack, r.text = r.stack[:len(r.stack)-1], r.text[:n]
	if e == nil || !e.record {
		return false
	}
	r.in = false
	if r.bad != nil {
		r.bad.Pos = r.pos
	}
	return true
}

// CopyRejects implements formats.RejectCopier: it leaves out the records that did not fail, and keeps all else.
func (o *Options) CopyRejects(w io.Writer, r io.Reader, _ *formats.Entity, failed func(formats.Position) bool) (int, error) {
	c, err := charset.NewCopier(w, r, o.Encoding, xmltok.Declared)
	if err != nil {
		return 0, err
	}
	rd, err := o.reader(c)
	if err != nil {
		return 0, err
	}
	kept, within, mine := 0, int64(-1), false
	rd.heard = func(offset int64, record *formats.Position) error {
		if record == nil {
			return c.Copy(offset)
		}
		if record.Offset != within { // it has just begun
			if err := c.Copy(record.Offset); err != nil {
				return err
			}
			if within, mine = record.Offset, failed(*record); mine {
				kept++
			}
		}
		if mine {
			return c.Copy(offset)
		}
		c.Drop(offset)
		return nil
	}
	var row formats.Row
	for {
		err := rd.Next(&row)
		var bad *formats.Reject
		switch {
		case err == io.EOF:
			return kept, c.Copy(c.Rest())
		case err != nil && !errors.As(err, &bad):
			return kept, err
		}
	}
}
