package fixed

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/orobridge/orobridge/formats"
	"github.com/orobridge/orobridge/formats/internal/charset"
)

// reader implements formats.Reader.
type reader struct {
	o       *Options
	records *records
	kinds   []*kind
	columns []string
	cells   []string
	absent  []bool
	trailer *trailer // nil when the options tell of none
	known   bool     // a record of a known type has come
	unknown int64    // records of none that were passed over
}

// Counts implements formats.Counter.
func (r *reader) Counts() map[string]int64 {
	if r.unknown == 0 {
		return map[string]int64{}
	}
	return map[string]int64{"unknown_record": r.unknown}
}

// Open implements formats.Format.
func (o *Options) Open(r io.Reader, _ *formats.Entity) (formats.Reader, error) {
	text, err := charset.Decode(r, o.Encoding)
	if errors.Is(err, charset.ErrNoMark) {
		return nil, &formats.FileError{Message: err.Error(), Hint: "set format.encoding"}
	}
	if err != nil {
		return nil, err
	}
	return o.reader(text)
}

func (o *Options) reader(text io.Reader) (*reader, error) {
	kinds, columns, end, err := o.layout()
	if err != nil {
		return nil, fmt.Errorf("fixed: %w", err)
	}
	rd := &reader{o: o, kinds: kinds, columns: columns, trailer: end,
		records: &records{r: bufio.NewReaderSize(text, maxRecord+2), length: o.RecordLength},
		cells:   make([]string, len(columns)), absent: make([]bool, len(columns))}
	for range o.Skip {
		if err := rd.records.next(); err == io.EOF {
			break
		} else if err != nil {
			return nil, err
		}
	}
	return rd, nil
}

// Columns implements formats.Reader.
func (r *reader) Columns() []string { return r.columns }

// Unfinished implements formats.Finisher.
func (r *reader) Unfinished() string {
	if r.records.open {
		return formats.UnfinishedLine
	}
	return ""
}

// Next implements formats.Reader.
func (r *reader) Next(row *formats.Row) error {
	for {
		k, err := r.step()
		if err == io.EOF && !r.known && r.unknown > 0 {
			return &formats.FileError{Code: formats.CodeNoRows,
				Message: fmt.Sprintf("no record type's prefix fits any of the file's %d records", r.unknown),
				Hint:    "check the prefixes of format.records, and format.encoding"}
		}
		r.known = r.known || k != nil
		pos := formats.Position{Line: r.records.line, Offset: r.records.at}
		if k != nil {
			pos.Segment = k.name
		}
		if r.trailer != nil {
			if unfit := r.trailer.record(r, k, pos, err); unfit != nil {
				return unfit
			}
		}
		if err == io.EOF {
			return io.EOF
		}
		row.Pos, row.Cells, row.Absent = pos, r.cells, r.absent
		if bad, ok := err.(*formats.Reject); ok {
			bad.Pos = pos
			return bad
		}
		if err != nil {
			return err
		}
		if k != nil && k.row {
			return nil
		}
	}
}

// step reads one record and takes its fields. The kind is nil for a blank or unknown one that is passed over.
func (r *reader) step() (*kind, error) {
	for i := range r.cells {
		r.cells[i], r.absent[i] = "", true
	}
	if err := r.records.next(); err != nil {
		return nil, err
	}
	b := r.records.text
	if len(bytes.TrimSpace(b)) == 0 {
		return nil, nil
	}
	wide := !ascii(b)
	k := r.kindOf(b, wide)
	if k == nil {
		if r.o.Unknown == "skip" {
			r.unknown++
			return nil, nil
		}
		return nil, &formats.Reject{Code: formats.CodeStructure, Message: fmt.Sprintf("no record type begins with %q", cut(b, 0, 12))}
	}
	if k.ends {
		r.trailer.take(k, b, wide)
		return k, nil
	}
	if r.records.short {
		return k, &formats.Reject{Code: formats.CodeRagged, Message: "the file ends inside of a record: it was cut off"}
	}
	return k, r.take(k, b, wide)
}

// kindOf finds the record type, nil when no prefix fits.
func (r *reader) kindOf(b []byte, wide bool) *kind {
	for _, k := range r.kinds {
		if string(part(b, wide, k.at, k.at+utf8.RuneCountInString(k.prefix))) == k.prefix {
			return k
		}
	}
	return nil
}

// take fills the cells from a record and from the parents that are open.
func (r *reader) take(k *kind, b []byte, wide bool) error {
	for p := k.parent; p != nil; p = p.parent {
		if !p.open {
			return &formats.Reject{Code: formats.CodeStructure,
				Message: fmt.Sprintf("a record %s stands before its parent, a record %s", k.name, p.name)}
		}
		for i, f := range p.fields {
			r.cells[f.column], r.absent[f.column] = p.cells[i], false
		}
	}
	k.cells = k.cells[:0]
	for _, f := range k.fields {
		text := string(bytes.TrimSpace(part(b, wide, f.from, f.to)))
		if f.decimals > 0 {
			text = point(text, f.decimals)
		}
		r.cells[f.column], r.absent[f.column] = text, false
		if k.isAbove {
			k.cells = append(k.cells, text)
		}
	}
	if k.isAbove {
		for _, other := range r.kinds {
			other.open = other.open && !other.under(k)
		}
		k.open = true
	}
	return nil
}

// under says whether a type has k among its parents.
func (o *kind) under(k *kind) bool {
	for p := o.parent; p != nil; p = p.parent {
		if p == k {
			return true
		}
	}
	return false
}

// point writes the decimal point that a field implies. What is no row of digits, but for a sign, stays as it is and
// is judged where numbers are.
func point(text string, decimals int) string {
	sign, digits, tail := "", text, ""
	if strings.HasPrefix(digits, "-") || strings.HasPrefix(digits, "+") {
		sign, digits = digits[:1], digits[1:]
	}
	if strings.HasSuffix(digits, "-") || strings.HasSuffix(digits, "+") {
		digits, tail = digits[:len(digits)-1], digits[len(digits)-1:]
	}
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		return text
	}
	if n := decimals + 1 - len(digits); n > 0 {
		digits = strings.Repeat("0", n) + digits
	}
	i := len(digits) - decimals
	return sign + digits[:i] + "." + digits[i:] + tail
}

// part is the characters from up to to, as far as the record has them.
func part(b []byte, wide bool, from, to int) []byte {
	if wide {
		from = index(b, from)
		to = index(b, to)
	}
	return b[min(from, len(b)):min(to, len(b))]
}

// index is where the nth character begins.
func index(b []byte, n int) int {
	i := 0
	for ; n > 0 && i < len(b); n-- {
		_, size := utf8.DecodeRune(b[i:])
		i += size
	}
	return i
}

func cut(b []byte, from, to int) []byte { return part(b, true, from, to) }

func ascii(b []byte) bool {
	for _, c := range b {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// records reads records, lines or blocks of a length.
type records struct {
	r      *bufio.Reader
	length int    // characters, 0 for lines
	text   []byte // of the record, valid until the next call of next
	line   int64  // number of the record
	at     int64  // where it begins
	end    int64  // where the next one does
	short  bool   // the file ended inside of the block
	open   bool   // the last line has no line end, and one before it has
}

// next reads the next record. It returns io.EOF at the end and a *Reject for a line over the limit.
func (s *records) next() error {
	s.at = s.end
	s.line++
	if s.length > 0 {
		return s.block()
	}
	b, err := s.r.ReadSlice('\n')
	s.end += int64(len(b))
	switch {
	case err == bufio.ErrBufferFull:
		return s.pass()
	case err == io.EOF && len(b) == 0:
		return io.EOF
	case err == io.EOF:
		s.open = s.line > 1
	case err != nil && err != io.EOF:
		return err
	}
	s.text = bytes.TrimSuffix(bytes.TrimSuffix(b, []byte("\n")), []byte("\r"))
	return nil
}

// pass reads over the rest of a line that is too long.
func (s *records) pass() error {
	for {
		b, err := s.r.ReadSlice('\n')
		s.end += int64(len(b))
		if err == nil || err == io.EOF {
			s.text = nil
			return &formats.Reject{Code: formats.CodeTooLong, Message: fmt.Sprintf("the line is longer than %d bytes", maxRecord)}
		}
		if err != bufio.ErrBufferFull {
			return err
		}
	}
}

// block reads a record of a given length. Line ends between blocks are passed over.
func (s *records) block() error {
	s.text = s.text[:0]
	for n := 0; n < s.length; {
		c, size, err := s.r.ReadRune()
		if err == io.EOF {
			if n == 0 {
				return io.EOF
			}
			s.short = true
			return nil
		}
		if err != nil {
			return err
		}
		s.end += int64(size)
		switch {
		case n == 0 && (c == '\r' || c == '\n'):
			s.at = s.end
			continue
		case c == utf8.RuneError && size == 1:
			s.text = append(s.text, 0xff) // stays a bad byte
		default:
			s.text = utf8.AppendRune(s.text, c)
		}
		n++
	}
	return nil
}

// CopyRejects implements formats.RejectCopier: it leaves out the records that are rows and did not fail. Records that
// have or can have children stay, so that what is left keeps its parents. The trailer says what is left.
func (o *Options) CopyRejects(w io.Writer, r io.Reader, _ *formats.Entity, failed func(formats.Position) bool) (int, error) {
	c, err := charset.NewCopier(w, r, o.Encoding, nil)
	if err != nil {
		return 0, err
	}
	rd, err := o.reader(c)
	if err != nil {
		return 0, err
	}
	kept := 0
	for {
		k, err := rd.step()
		if err == io.EOF {
			return kept, c.Copy(c.Rest())
		}
		_, bad := err.(*formats.Reject)
		if err != nil && !bad {
			return kept, err
		}
		row := bad || k != nil && k.row
		mine := row && failed(formats.Position{Line: rd.records.line, Offset: rd.records.at})
		if mine {
			kept++
			rd.trailer.add(rd.cells)
		}
		if err := c.Copy(rd.records.at); err != nil {
			return kept, err
		}
		if k != nil && k.ends {
			if err := c.Replace(rd.records.end, func(b []byte) []byte { return rd.trailer.rewrite(k, b) }); err != nil {
				return kept, err
			}
			continue
		}
		if row && !mine && (k == nil || !k.isAbove) {
			c.Drop(rd.records.end)
		} else if err := c.Copy(rd.records.end); err != nil {
			return kept, err
		}
	}
}
