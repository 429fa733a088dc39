package csv

import (
	"bytes"
	"errors"
	"io"
)

// tape hands a stream out and keeps what was handed out since the current row began, so that the row can
// be measured, and reading begun again behind its first line. It holds at most the limit and one chunk.
type tape struct {
	source  io.Reader
	dialect dialect
	limit   int    // bytes of a row
	window  []byte // from offset start on
	start   int64  // of the window in the stream
	next    int    // first byte of the window that was not handed out yet
	row     int64  // offset at which the current row begins: what lies before it may be dropped
	err     error  // of the source
	last    byte   // that the source gave

	comma   []byte // the dialect's delimiter
	counted int64  // offset up to which the current row's delimiters are counted
	commas  int    // of the current row
}

const chunk = 64 << 10

// errRowTooLong is what the tape answers when a row does not end within the limit.
var errRowTooLong = errors.New("row too long")

// errRowTooWide is what the tape answers when a row has more delimiters than any file has columns: encoding/csv would
// hold a string for each cell.
var errRowTooWide = errors.New("row too wide")

// Read hands out bytes, not beyond the limits of the current row.
func (t *tape) Read(p []byte) (int, error) {
	if t.next == len(t.window) {
		size := t.start + int64(t.next) - t.row
		switch {
		case size > int64(t.limit):
			return 0, errRowTooLong
		case size > chunk && t.wide():
			return 0, errRowTooWide
		}
		if err := t.fill(); err != nil {
			return 0, err
		}
	}
	n := copy(p, t.window[t.next:])
	t.next += n
	return n, nil
}

// line hands out the next line, with its end; nil when it is longer than a chunk, or the last one and has no end.
func (t *tape) line() []byte {
	for {
		rest := t.window[t.next:]
		if i := bytes.IndexByte(rest, '\n'); i >= 0 && i < chunk {
			t.next += i + 1
			return rest[:i+1]
		}
		if len(rest) >= chunk || t.fill() != nil {
			return nil
		}
	}
}

// wide counts the current row's delimiters as far as it was handed out.
func (t *tape) wide() bool {
	if t.counted < t.row {
		t.counted, t.commas = t.row, 0
	}
	t.commas += bytes.Count(t.since(t.counted), t.comma)
	t.counted = t.start + int64(t.next)
	return t.commas > maxDelimiters
}

// fill adds a chunk to the window, after dropping what lies before the current row.
func (t *tape) fill() error {
	if t.err != nil {
		return t.err
	}
	if cap(t.window)-len(t.window) < chunk {
		drop := int(t.row - t.start)
		kept := t.window[drop:]
		if cap(t.window)-len(kept) < chunk {
			t.window = append(make([]byte, 0, 2*len(kept)+2*chunk), kept...)
		} else {
			t.window = t.window[:copy(t.window, kept)]
		}
		t.start += int64(drop)
		t.next -= drop
	}
	have := len(t.window)
	var n int
	for range 100 {
		n, t.err = t.source.Read(t.window[have : have+chunk])
		if n > 0 {
			t.window = t.window[:have+n]
			t.last = t.window[have+n-1]
			t.dialect.swap(t.window[have:])
			return nil
		}
		if t.err != nil {
			return t.err
		}
	}
	t.err = io.ErrNoProgress
	return t.err
}

// since is what was handed out from an offset of the current row on.
func (t *tape) since(offset int64) []byte {
	return t.window[offset-t.start : t.next]
}

// rewind goes back to an offset of the current row.
func (t *tape) rewind(offset int64) {
	t.row = offset
	t.next = int(offset - t.start)
	t.counted, t.commas = offset, 0
}

// skipLine goes behind the next line break, or to the end. It returns the offset reached, and whether there was a line
// break.
func (t *tape) skipLine() (int64, bool) {
	for {
		if i := bytes.IndexByte(t.window[t.next:], '\n'); i >= 0 {
			t.next += i + 1
			t.row = t.start + int64(t.next)
			return t.row, true
		}
		t.next = len(t.window)
		t.row = t.start + int64(t.next)
		if t.fill() != nil {
			return t.row, false
		}
	}
}
