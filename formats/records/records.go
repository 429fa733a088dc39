// Package records is the bridge's own form of records that it has to load itself: the way back of an undo, the repair after
// a comparison. A file is lines of JSON: the first names the columns, each other one is a row, an object of texts by column. A
// column that a row lacks is absent there, as against empty.
//
// Contract: canonical values in canonical columns; a row that marks a removal has "delete": "1". Limits: a line is at most
// 16 MiB. No config names this format: what is read with it was written by [Writer].
package records

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/orobridge/orobridge/formats"
)

// maxLine is the longest line in bytes.
const maxLine = 16 << 20

// Format reads and writes files of records.
type Format struct{}

// Check implements formats.Format.
func (Format) Check() error { return nil }

// Conventions implements formats.Format: values are canonical.
func (Format) Conventions() formats.Conventions { return formats.Conventions{} }

// head is the first line.
type head struct {
	Columns []string `json:"columns"`
}

// Open implements formats.Format.
func (Format) Open(r io.Reader, _ *formats.Entity) (formats.Reader, error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, 64<<10), maxLine)
	x := &reader{lines: lines}
	if !lines.Scan() {
		if err := lines.Err(); err != nil {
			return nil, &formats.FileError{Pos: formats.Position{Line: 1}, Message: "can't be read: " + err.Error()}
		}
		return x, nil
	}
	var h head
	if err := json.Unmarshal(lines.Bytes(), &h); err != nil {
		return nil, &formats.FileError{Pos: formats.Position{Line: 1}, Message: "is no file of records: " + err.Error()}
	}
	x.columns, x.line = h.Columns, 1
	return x, nil
}

type reader struct {
	lines   *bufio.Scanner
	columns []string
	line    int64
	cells   []string
	absent  []bool
}

// Columns implements formats.Reader.
func (r *reader) Columns() []string { return r.columns }

// Next implements formats.Reader.
func (r *reader) Next(row *formats.Row) error {
	if !r.lines.Scan() {
		if err := r.lines.Err(); err != nil {
			return &formats.FileError{Pos: formats.Position{Line: r.line + 1}, Message: "can't be read: " + err.Error()}
		}
		return io.EOF
	}
	r.line++
	row.Pos = formats.Position{Line: r.line, Offset: r.line}
	var cells map[string]string
	if err := json.Unmarshal(r.lines.Bytes(), &cells); err != nil {
		return &formats.FileError{Pos: row.Pos, Message: "is no row of records: " + err.Error()}
	}
	r.cells, r.absent = r.cells[:0], r.absent[:0]
	for _, c := range r.columns {
		text, ok := cells[c]
		r.cells, r.absent = append(r.cells, text), append(r.absent, !ok)
	}
	row.Cells, row.Absent = r.cells, r.absent
	return nil
}

// Rejects implements formats.Format.
func (Format) Rejects(w io.Writer, columns []string) (formats.RejectWriter, error) {
	rw := &rejects{w: json.NewEncoder(w), columns: columns}
	return rw, rw.w.Encode(head{columns})
}

type rejects struct {
	w       *json.Encoder
	columns []string
}

// Write implements formats.RejectWriter.
func (r *rejects) Write(cells []string, reject *formats.Reject) error {
	row := map[string]string{formats.RejectLine: fmt.Sprint(reject.Pos.Line), formats.RejectCode: reject.Code,
		formats.RejectMessage: reject.Message}
	for i, c := range cells {
		if i < len(r.columns) {
			row[r.columns[i]] = c
		}
	}
	return r.w.Encode(row)
}

// Close implements formats.RejectWriter.
func (r *rejects) Close() error { return nil }

// Writer writes a file of records. Its columns are known once all rows are, so rows are kept in a file of their own until
// then.
type Writer struct {
	Entity  *formats.Entity
	rows    io.ReadWriteSeeker
	out     *bufio.Writer
	columns []string
	has     map[string]bool
	n       int64
}

// NewWriter begins a file whose rows are kept in a temporary file meanwhile.
func NewWriter(e *formats.Entity, rows io.ReadWriteSeeker) *Writer {
	return &Writer{Entity: e, rows: rows, out: bufio.NewWriter(rows), has: map[string]bool{}}
}

// Rows is how many rows were written.
func (w *Writer) Rows() int64 { return w.n }

// Write adds a row: a record's key and values, or the mark of its removal.
func (w *Writer) Write(key string, values []formats.Value, remove bool) error {
	row := map[string]string{}
	put := func(column, text string) {
		row[column] = text
		if !w.has[column] {
			w.has[column] = true
			w.columns = append(w.columns, column)
		}
	}
	parts := formats.SplitKey(key)
	if !slices.ContainsFunc(w.Entity.Fields[1:], func(f formats.Field) bool { return f.Key }) {
		parts = []string{key} // it may hold what sets parts apart
	}
	for _, f := range w.Entity.Fields {
		if f.Key && len(parts) > 0 {
			put(f.Name, parts[0])
			parts = parts[1:]
		}
	}
	if len(parts) > 0 {
		return errors.New("the key " + key + " has too many parts")
	}
	for _, v := range values {
		put(v.Field, v.Text)
	}
	if remove {
		put(formats.RemoveField, "1")
	}
	b, err := json.Marshal(row)
	if err != nil {
		return err
	}
	w.n++
	_, err = w.out.Write(append(b, '\n'))
	return err
}

// WriteTo implements io.WriterTo: the whole file, after which no row is added.
func (w *Writer) WriteTo(to io.Writer) (int64, error) {
	if err := w.out.Flush(); err != nil {
		return 0, err
	}
	b, err := json.Marshal(head{w.columns})
	if err != nil {
		return 0, err
	}
	n, err := to.Write(append(b, '\n'))
	if err != nil {
		return int64(n), err
	}
	if _, err := w.rows.Seek(0, io.SeekStart); err != nil {
		return int64(n), err
	}
	rows, err := io.Copy(to, w.rows)
	return int64(n) + rows, err
}
