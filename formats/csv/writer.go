package csv

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/orobridge/orobridge/formats"
	"github.com/orobridge/orobridge/formats/internal/charset"
)

// writer writes rows in a dialect and an encoding. It is a gocsv.CSVWriter.
type writer struct {
	out     *bufio.Writer
	encoder *charset.Encoder
	comma   string
	quote   byte
	end     string
	row     []byte
	err     error
}

func newWriter(w io.Writer, d dialect, encoding string, crlf bool) (*writer, error) {
	mark := ""
	if strings.EqualFold(encoding, "utf-16") {
		encoding, mark = "utf-16le", "\ufeff"
	}
	encoder, err := charset.NewEncoder(encoding)
	if err != nil {
		return nil, err
	}
	out := &writer{out: bufio.NewWriter(w), encoder: encoder, comma: string(d.comma), quote: d.quote, end: "\n"}
	if crlf {
		out.end = "\r\n"
	}
	return out, out.put([]byte(mark))
}

// Write writes one row. A cell is quoted where it must be.
func (w *writer) Write(cells []string) error {
	w.row = w.row[:0]
	for i, c := range cells {
		if i > 0 {
			w.row = append(w.row, w.comma...)
		}
		switch {
		case w.quote == 0:
			w.row = append(w.row, w.plain(c)...)
		case c == "" && len(cells) == 1 || w.mustQuote(c):
			w.row = w.quoted(w.row, c)
		default:
			w.row = append(w.row, c...)
		}
	}
	return w.put(append(w.row, w.end...))
}

func (w *writer) mustQuote(c string) bool {
	if c == "" {
		return false
	}
	first, _ := utf8.DecodeRuneInString(c)
	last, _ := utf8.DecodeLastRuneInString(c)
	return unicode.IsSpace(first) || unicode.IsSpace(last) || strings.HasPrefix(c, "\ufeff") ||
		strings.IndexByte(c, w.quote) >= 0 || strings.ContainsAny(c, "\r\n") || strings.Contains(c, w.comma)
}

func (w *writer) quoted(row []byte, c string) []byte {
	row = append(row, w.quote)
	for i := range len(c) {
		if c[i] == w.quote {
			row = append(row, w.quote)
		}
		row = append(row, c[i])
	}
	return append(row, w.quote)
}

// plain is a cell of a dialect without quotes, which has no way to write the delimiter or a line break.
func (w *writer) plain(c string) string {
	return strings.NewReplacer(w.comma, " ", "\r\n", " ", "\n", " ", "\r", " ").Replace(c)
}

func (w *writer) put(text []byte) error {
	if w.err != nil {
		return w.err
	}
	b, err := w.encoder.Bytes(text)
	if err == nil {
		_, err = w.out.Write(b)
	}
	w.err = err
	return err
}

// Flush writes what is buffered.
func (w *writer) Flush() {
	if err := w.out.Flush(); w.err == nil {
		w.err = err
	}
}

// Error is the first error.
func (w *writer) Error() error { return w.err }

// rejects implements formats.RejectWriter. The reasons stand before the sender's columns, so that a row with too few or
// too many cells stays as it was: dropped again before it was mended, it is rejected again and not padded.
//
// What a spreadsheet would run in the reasons is made inert; the sender's own cells stay as they came. A trailer that the
// options tell of is written for the rows that the file holds.
type rejects struct {
	w       *writer
	cells   []string
	trailer *trailer // nil for none
}

func newRejects(w io.Writer, columns []string, o *Options) (*rejects, error) {
	d, err := newDialect(o.Delimiter, o.Quote)
	if err != nil {
		return nil, err
	}
	out, err := newWriter(w, d, o.Encoding, false)
	if err != nil {
		return nil, err
	}
	for range o.Skip {
		if err := out.put([]byte("\n")); err != nil {
			return nil, err
		}
	}
	r := &rejects{w: out}
	if o.Trailer != nil {
		if r.trailer, err = newTrailer(o, columns); err != nil {
			return nil, err
		}
	}
	header := append([]string{formats.RejectLine, formats.RejectCode, formats.RejectMessage}, columns...)
	return r, out.Write(header)
}

func (r *rejects) Write(cells []string, reject *formats.Reject) error {
	message := reject.Message
	if reject.Field != "" {
		message = fmt.Sprintf("%s: %s", reject.Field, message)
	}
	r.cells = append(r.cells[:0], strconv.FormatInt(reject.Pos.Line, 10), formats.Inert(reject.Code), formats.Inert(message))
	r.cells = append(r.cells, cells...)
	if r.trailer != nil {
		r.trailer.add(cells)
	}
	return r.w.Write(r.cells)
}

func (r *rejects) Close() error {
	if r.trailer != nil {
		if err := r.w.Write(append([]string{"", "", ""}, r.trailer.cells()...)); err != nil {
			return err
		}
	}
	r.w.Flush()
	return r.w.Error()
}
