package csv

import (
	"bytes"
	"errors"
	"io"
)

// tape hands a stream to encoding/csv and keeps what was handed out since the current row began, so that the row can
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
}

const chunk = 64 << 10

// errRowTooLong is what the tape answers when a row does not end within the limit.
var errRowTooLong = errors.New("row too long")

// Read hands out bytes, not beyond the limit of the current row.
func (t *tape) Read(p []byte) (int, error) {
	if t.next == len(t.window) {
		if t.start+int64(t.next)-t.row > int64(t.limit) {
			return 0, errRowTooLong
		}
		if err := t.fill(); err != nil {
			return 0, err
		}
	}
	n := copy(p, t.window[t.next:])
	t.next += n
	return n, nil
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
