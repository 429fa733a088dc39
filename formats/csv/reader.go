package csv

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/orobridge/orobridge/formats"
	"github.com/orobridge/orobridge/formats/internal/charset"
	"github.com/orobridge/orobridge/formats/internal/texts"
)

// rawInReject is how much of a row that can't be taken apart a reject keeps, in bytes.
const rawInReject = 4 << 10

// readOn is how many bytes encoding/csv reads at once: the fewest that it takes.
const readOn = 4 << 10

// reader implements formats.Reader.
type reader struct {
	options *Options
	dialect dialect
	tape    *tape
	buffer  *bufio.Reader
	csv     *csv.Reader
	base    int64 // offset at which csv would have begun to be where it is
	ahead   bool  // csv reads the tape, and has read on behind the last row
	quoted  bool  // the last row that csv has read holds quotes
	offset  int64 // of the next row
	line    int64 // of the next row, 1-based

	columns []string
	header  []string // the cells that name the columns, as they stand in the file
	again   int64    // headers that came again
	trailer *trailer // nil when the options tell of none
	width   int      // cells of a whole row in the file
	picked  []int    // the file's cells that are columns, in order; nil for all
	split   []string // cells of a row that is plain, reused
	texts   texts.Maker
	cells   []string // picked ones, reused
	absent  []bool   // reused
	held    *badRow  // the first row, which was bad where a header could have stood
	err     error    // why reading ended
}

func open(r io.Reader, o *Options) (*reader, error) {
	d, err := newDialect(o.Delimiter, o.Quote)
	if err != nil {
		return nil, err
	}
	if r, err = decode(r, o.Encoding); err != nil {
		return nil, err
	}
	t := &tape{source: r, dialect: d, limit: o.maxRow(), comma: []byte(string(d.comma))}
	rd := &reader{options: o, dialect: d, tape: t, buffer: bufio.NewReaderSize(t, readOn), line: 1}
	rd.csv = csv.NewReader(rd.buffer)
	rd.csv.Comma = d.comma
	rd.csv.FieldsPerRecord = -1
	rd.csv.ReuseRecord = true
	rd.csv.TrimLeadingSpace = o.Trim
	for range o.Skip {
		offset, whole := t.skipLine()
		rd.offset = offset
		if !whole {
			break
		}
		rd.line++
	}
	rd.begin(rd.offset, rd.line)
	head := rd.readHeader
	if o.headerless() {
		head = rd.readFields
	}
	if err := head(); err != nil {
		return nil, err
	}
	return rd, rd.expectTrailer()
}

// decode turns the file into UTF-8.
func decode(r io.Reader, encoding string) (io.Reader, error) {
	text, err := charset.Decode(r, encoding)
	switch {
	case errors.Is(err, charset.ErrNoMark):
		return nil, &formats.FileError{Pos: formats.Position{Line: 1},
			Message: "the file has no byte order mark, so utf-16 does not tell which byte comes first",
			Hint:    "set format.encoding to utf-16le or utf-16be"}
	case err != nil:
		return nil, fmt.Errorf("read the file's beginning: %w", err)
	}
	return text, nil
}

// begin starts encoding/csv at an offset that the tape still holds.
func (r *reader) begin(offset, line int64) {
	r.tape.rewind(offset)
	r.buffer.Reset(r.tape)
	r.base, r.offset, r.line = offset-r.csv.InputOffset(), offset, line
	r.ahead, r.quoted = true, false
}

// Columns are the names in the header, or the fields of the options, without those that a reject file adds.
func (r *reader) Columns() []string { return r.columns }

// Corrects says that the file has the columns that a reject file adds: it came back corrected.
func (r *reader) Corrects() bool { return r.picked != nil }

// Counts tells how often the header came again.
func (r *reader) Counts() map[string]int64 {
	if r.again == 0 {
		return map[string]int64{}
	}
	return map[string]int64{"repeated_header": r.again}
}

// Unfinished says that the last line has no line end.
func (r *reader) Unfinished() string {
	if r.line > 1 && r.tape.last != '\n' {
		return formats.UnfinishedLine
	}
	return ""
}

// Next reads one row.
func (r *reader) Next(row *formats.Row) error {
	row.Cells, row.Absent = nil, nil
	for r.err == nil {
		cells, pos, err := r.read()
		row.Pos = pos
		if err == nil {
			switch {
			case len(cells) == 1 && r.width > 1 && strings.TrimSpace(cells[0]) == "":
				continue // blanks only: a blank line
			case len(cells) == r.width && cells[0] == r.header[0] && slices.Equal(cells, r.header):
				r.again++
				continue
			}
		}
		if r.trailer != nil {
			if is, unfit := r.trailer.row(r, cells, pos, err); is || unfit != nil {
				r.err = unfit
				continue
			}
		}
		if err != nil {
			if bad, ok := err.(*badRow); ok {
				row.Cells = []string{bad.raw}
				return &bad.Reject
			}
			r.err = err
			break
		}
		if len(cells) != r.width {
			return r.ragged(cells, row)
		}
		row.Cells = r.pick(cells)
		return nil
	}
	return r.err
}

// badRow is a row that could not be taken apart.
type badRow struct {
	formats.Reject
	raw string // its first line
}

// read takes one row off the stream. A *badRow leaves the reader at the next line.
func (r *reader) read() ([]string, formats.Position, error) {
	if bad := r.held; bad != nil {
		r.held = nil
		return nil, bad.Pos, bad
	}
	for {
		if size := r.plain(); size > 0 {
			pos := formats.Position{Line: r.line, Offset: r.offset}
			r.offset, r.line = r.offset+int64(size), r.line+1
			return r.split, pos, nil
		}
		r.tape.row = r.offset
		cells, err := r.csv.Read()
		end := r.base + r.csv.InputOffset()
		raw, line := r.tape.since(r.offset)[:end-r.offset], r.line
		blank, lines := blankLines(raw)
		start := r.offset + int64(blank)
		line += lines
		pos := formats.Position{Line: line, Offset: start}
		raw = raw[blank:]
		switch {
		case err == nil:
			r.offset, r.line = end, line+int64(bytes.Count(raw, newline))
			r.quoted = bytes.IndexByte(raw, '"') >= 0
			if len(raw) > r.tape.limit {
				return nil, pos, &badRow{formats.Reject{Pos: pos, Code: formats.CodeTooLong, Message: r.tooLong()}, r.rawText(raw)}
			}
			return r.unswap(cells), pos, nil
		case err == io.EOF:
			return nil, pos, io.EOF
		case r.tape.err != nil && r.tape.err != io.EOF && errors.Is(err, r.tape.err):
			return nil, pos, fmt.Errorf("read line %d: %w", line, err)
		case (err == errRowTooLong || err == errRowTooWide) && blank > 0:
			r.begin(start, line)
			continue
		}
		return nil, pos, r.refuse(err, raw, pos)
	}
}

// plain splits a row on a line without quotes, and says how many bytes that has: there cells end at delimiters, and nowhere else, which
// takes a fraction of what encoding/csv does. 0 says that the next row is not so, or can't be told to be.
func (r *reader) plain() int {
	if r.quoted || len(r.tape.comma) > 1 || r.options.Trim {
		return 0
	}
	if r.ahead {
		r.tape.rewind(r.offset)
		r.ahead = false
	}
	for {
		r.tape.row = r.offset
		line := r.tape.line()
		size := len(line)
		if size == 0 || size > r.tape.limit || bytes.IndexByte(line, '"') >= 0 {
			r.begin(r.offset, r.line)
			return 0
		}
		if line = bytes.TrimSuffix(line[:size-1], carriageReturn); len(line) > 0 {
			r.split = r.unswap(splitAt(r.split[:0], r.texts.Text(line), r.tape.comma[0]))
			return size
		}
		r.offset, r.line = r.offset+int64(size), r.line+1
	}
}

// splitAt appends the parts of a text that a delimiter sets apart.
func splitAt(parts []string, text string, delimiter byte) []string {
	for {
		i := strings.IndexByte(text, delimiter)
		if i < 0 {
			return append(parts, text)
		}
		parts, text = append(parts, text[:i]), text[i+1:]
	}
}

// unswap gives cells the dialect's quotes back.
func (r *reader) unswap(cells []string) []string {
	if r.dialect.quote != '"' {
		for i := range cells {
			cells[i] = r.dialect.unswap(cells[i])
		}
	}
	return cells
}

var (
	newline        = []byte("\n")
	carriageReturn = []byte("\r")
)

// blankLines measures the blank lines before a row, in bytes and in lines.
func blankLines(raw []byte) (size int, lines int64) {
	for {
		switch {
		case len(raw) > size && raw[size] == '\n':
			size++
		case len(raw) > size+1 && raw[size] == '\r' && raw[size+1] == '\n':
			size += 2
		default:
			return size, lines
		}
		lines++
	}
}

// refuse makes a reject of a row that encoding/csv could not read, and goes on behind the row's first line.
func (r *reader) refuse(err error, raw []byte, pos formats.Position) error {
	first, next, whole := raw, pos.Offset, false
	if i := bytes.IndexByte(raw, '\n'); i >= 0 {
		first, next, whole = raw[:i], pos.Offset+int64(i)+1, true
	}
	bad := &badRow{Reject: formats.Reject{Pos: pos, Code: formats.CodeTooLong}, raw: r.rawText(first)}
	var parse *csv.ParseError
	switch {
	case errors.As(err, &parse):
		bad.Code, bad.Message = formats.CodeQuote, r.quoteMessage(parse, pos.Line)
	case whole && err == errRowTooWide:
		bad.Message = fmt.Sprintf("the row goes on over several lines and has more than %d delimiters: a quote "+
			"on its first line never closes", maxDelimiters)
	case whole:
		bad.Message = fmt.Sprintf("the row goes on over several lines and is longer than %d bytes: a quote on its first line never "+
			"closes, or format.max_row is too small", r.tape.limit)
	case err == errRowTooWide:
		bad.Code = formats.CodeRagged
		bad.Message = fmt.Sprintf("the row has more than %d cells, the header has %d", maxDelimiters, r.width)
	default:
		bad.Message = r.tooLong()
	}
	r.tape.rewind(next)
	if !whole {
		next, _ = r.tape.skipLine()
	}
	r.begin(next, pos.Line+1)
	return bad
}

func (r *reader) tooLong() string {
	return fmt.Sprintf("the row is longer than %d bytes (format.max_row)", r.tape.limit)
}

// rawText is the beginning of a row that could not be taken apart.
func (r *reader) rawText(raw []byte) string {
	raw = bytes.TrimSuffix(raw[:min(len(raw), rawInReject)], []byte("\r"))
	for n := len(raw); n > 0 && n > len(raw)-utf8.UTFMax; n-- {
		if last, size := utf8.DecodeLastRune(raw[:n]); last != utf8.RuneError || size != 1 {
			raw = raw[:n]
			break
		}
	}
	return r.dialect.unswap(string(raw))
}

func (r *reader) quoteMessage(parse *csv.ParseError, line int64) string {
	where := fmt.Sprintf("at byte %d", parse.Column)
	if parse.Line != parse.StartLine {
		where = fmt.Sprintf("on line %d %s", line+int64(parse.Line-parse.StartLine), where)
	}
	if parse.Err == csv.ErrBareQuote {
		return fmt.Sprintf("the quote %c %s stands inside a cell that is not quoted; quote the cell and double the quote, "+
			"or set format.quote: none", r.dialect.quote, where)
	}
	return fmt.Sprintf("a cell is opened by the quote %c and is not closed before the end of the cell; reading it ended %s; "+
		"quotes inside a cell are doubled", r.dialect.quote, where)
}

// ragged decides about a row with more or fewer cells than the header.
func (r *reader) ragged(cells []string, row *formats.Row) error {
	if r.options.Ragged == "pad" && (len(cells) < r.width || blankCells(cells[r.width:])) {
		have := min(len(cells), r.width)
		if len(cells) > r.width+spareCells {
			cells = owned(cells[:have])
		}
		row.Cells = r.pick(append(cells[:have:have], make([]string, r.width-have)...))
		if have < r.width {
			row.Absent = r.markAbsent(have)
		}
		return nil
	}
	bad := &formats.Reject{Pos: row.Pos, Code: formats.CodeRagged,
		Message: fmt.Sprintf("the row has %d cells, the header has %d", len(cells), r.width)}
	if r.options.headerless() {
		bad.Message = fmt.Sprintf("the row has %d cells, format.fields has %d", len(cells), r.width)
	}
	if most := r.width + spareCells; len(cells) > most {
		cells = owned(cells[:most])
		bad.Message += fmt.Sprintf("; the first %d are kept", most)
	}
	row.Cells = r.pick(cells)
	if slices.ContainsFunc(cells, func(c string) bool { return strings.ContainsRune(c, '\r') }) {
		bad.Message += "; a carriage return stands in it without a line feed"
	}
	return bad
}

// owned are cells that hold nothing of their row's other cells in memory.
func owned(cells []string) []string {
	all := strings.Join(cells, "")
	out := make([]string, len(cells))
	for i, c := range cells {
		out[i], all = all[:len(c)], all[len(c):]
	}
	return out
}

func blankCells(cells []string) bool {
	return !slices.ContainsFunc(cells, func(c string) bool { return strings.TrimSpace(c) != "" })
}

// markAbsent says which columns a row lacks that has only some cells.
func (r *reader) markAbsent(have int) []bool {
	r.absent = r.absent[:0]
	for i := range r.columns {
		at := i
		if r.picked != nil {
			at = r.picked[i]
		}
		r.absent = append(r.absent, at >= have)
	}
	return r.absent
}

// pick leaves out the cells that a reject file adds. Cells beyond the header stay at the end.
func (r *reader) pick(cells []string) []string {
	if r.picked == nil {
		return cells
	}
	r.cells = r.cells[:0]
	for _, i := range r.picked {
		if i < len(cells) {
			r.cells = append(r.cells, cells[i])
		}
	}
	if len(cells) > r.width {
		r.cells = append(r.cells, cells[r.width:]...)
	}
	return r.cells
}

// readHeader takes the first row as the names of the columns.
func (r *reader) readHeader() error {
	names, pos, err := r.read()
	if err == io.EOF {
		return nil
	}
	if bad, ok := err.(*badRow); ok {
		return &formats.FileError{Pos: pos, Message: "the header can't be read: " + bad.Message,
			Hint: "see format.delimiter, format.quote and format.skip"}
	}
	if err != nil {
		return err
	}
	return r.setHeader(names, pos)
}

// readFields takes the names from the options. A file of rejects begins with a header all the same: it is recognised by
// the columns that it adds.
func (r *reader) readFields() error {
	names, pos, err := r.read()
	if bad, ok := err.(*badRow); ok {
		r.held = bad // reading is behind it already, and what was passed over is gone
	} else if err != nil && err != io.EOF {
		return err
	}
	if err == nil && slices.Contains(names, formats.RejectLine) && slices.Contains(names, formats.RejectCode) &&
		slices.Contains(names, formats.RejectMessage) {
		return r.setHeader(names, pos)
	}
	if err == nil {
		r.begin(pos.Offset, pos.Line) // to read it again, as a row
	}
	r.columns, r.header, r.width = r.options.Fields, r.options.Fields, len(r.options.Fields)
	return nil
}

func (r *reader) setHeader(names []string, pos formats.Position) error {
	if r.width = len(names); r.width > maxColumns {
		return &formats.FileError{Pos: pos, Message: fmt.Sprintf("the header has %d columns, at most %d are allowed", r.width, maxColumns),
			Hint: "is it a file of this feed? see format.delimiter and format.skip"}
	}
	r.header = owned(names)
	seen := make(map[string]bool, len(names))
	for i, name := range r.header {
		name = strings.TrimSpace(name)
		if err := r.checkName(name, i, seen[name], pos); err != nil {
			return err
		}
		seen[name] = true
		if name == formats.RejectLine || name == formats.RejectCode || name == formats.RejectMessage {
			continue
		}
		r.columns = append(r.columns, name)
		r.picked = append(r.picked, i)
	}
	if len(r.picked) == 0 {
		return &formats.FileError{Pos: pos, Message: "the header has no column but those that a reject file adds",
			Hint: "send the whole file again"}
	}
	if len(r.picked) == len(names) {
		r.picked = nil
	}
	return nil
}

// checkName refuses a name of a column that shows that the file is not what the options say.
func (r *reader) checkName(name string, i int, twice bool, pos formats.Position) error {
	fail := func(message, hint string) error {
		return &formats.FileError{Pos: pos, Column: fmt.Sprintf("%d", i+1), Message: message, Hint: hint}
	}
	switch {
	case strings.ContainsRune(name, 0):
		return fail("the header holds NUL bytes", "a file in UTF-16 without a byte order mark needs format.encoding: utf-16le or utf-16be")
	case strings.ContainsRune(name, '\r'):
		return fail("the header holds a carriage return without a line feed", "lines must end in LF or CR LF")
	case charset.Bad([]byte(name)):
		return fail(fmt.Sprintf("the name %q holds a byte that the encoding does not have", name),
			"set format.encoding to the sender's, such as iso-8859-1 or windows-1252")
	case strings.ContainsFunc(name, unicode.IsControl):
		return fail(fmt.Sprintf("the name %q holds a control character", name), "see format.encoding and format.skip")
	case name != "" && twice:
		return fail(fmt.Sprintf("the name %s stands twice in the header", name), "each column needs a name of its own")
	case r.width == 1 && strings.ContainsAny(name, ";,|\t"):
		return fail(fmt.Sprintf("the header is one column, %q", name), fmt.Sprintf("set format.delimiter: the file's is not %q", r.dialect.comma))
	}
	return nil
}
