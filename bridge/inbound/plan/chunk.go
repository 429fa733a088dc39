package plan

import (
	"context"
	"errors"
	"slices"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/formats"
)

// chunk is a piece of the file on its way through the pipeline. Its slices are used again.
type chunk struct {
	rows   []planRow
	cells  []string
	absent []bool
	values []formats.Value
	keys   []string
	refs   []bridge.LinkRef
	asked  []string // of keys: those about which the ledger is asked
	places []int    // where what is asked about stands
	err    error    // of the reader, after the rows; or of the look-up
	done   chan struct{}
}

// planRow is one row of a chunk.
type planRow struct {
	rec    formats.Record
	reject *formats.Reject
	cells  [2]int // into chunk.cells
	print  int64  // fingerprint of the record
	ref    int    // into chunk.refs; -1 for a reject whose key can't be read
}

// reset empties a chunk. What it held stands there until it is written over: that is less than to clear it.
func (c *chunk) reset() {
	c.rows, c.cells, c.absent, c.values, c.keys, c.refs = c.rows[:0], c.cells[:0], c.absent[:0], c.values[:0], c.keys[:0], c.refs[:0]
	c.err, c.done = nil, make(chan struct{})
}

// parse fills chunks until the file ends. The reader's error travels in the last chunk, so that all rows before it are
// planned first.
func parse(ctx context.Context, reader formats.Reader, mapper *formats.Mapper, free <-chan *chunk, lookups, ordered chan<- *chunk) error {
	defer close(lookups)
	defer close(ordered)
	for before := (*chunk)(nil); ; {
		var c *chunk
		select {
		case c = <-free:
		case <-ctx.Done():
			return ctx.Err()
		}
		c.reset()
		c.makeRoom(before)
		c.fill(reader, mapper)
		before = c
		ended := c.err != nil
		// Both channels hold as many chunks as there are: sending never blocks.
		ordered <- c
		lookups <- c
		if ended {
			return nil
		}
	}
}

// makeRoom makes a chunk that was never filled as large as the one before it: to let it grow row by row would take several times that.
func (c *chunk) makeRoom(before *chunk) {
	if before == nil || cap(c.rows) > 0 {
		return
	}
	c.rows, c.cells = slices.Grow(c.rows, len(before.rows)), slices.Grow(c.cells, len(before.cells))
	c.values, c.keys = slices.Grow(c.values, len(before.values)), slices.Grow(c.keys, len(before.keys))
}

// fill reads up to chunkRows rows.
func (c *chunk) fill(reader formats.Reader, mapper *formats.Mapper) {
	var row formats.Row
	for size := 0; len(c.rows) < chunkRows && size < chunkBytes; size += row.Size() {
		row.Cells, row.Absent = nil, nil
		r := c.next()
		err := reader.Next(&row)
		if r.reject = rejectIn(err); r.reject != nil {
			mapper.Reject(&row, r.reject)
		} else if err == nil {
			err = mapper.Record(&row, &r.rec)
			r.reject = rejectIn(err)
		}
		if err != nil && r.reject == nil {
			c.err, c.rows = err, c.rows[:len(c.rows)-1]
			break
		}
		c.take(r, &row)
	}
	c.refs = slices.Grow(c.refs, len(c.keys))[:len(c.keys)]
}

// rejectIn is the reject that an error tells; nil for another error, and for none.
func rejectIn(err error) *formats.Reject {
	if err == nil {
		return nil
	}
	var reject *formats.Reject
	errors.As(err, &reject)
	return reject
}

// next makes room for a row, whose record is read into the chunk's values. What stood there before may still do so.
func (c *chunk) next() *planRow {
	n := len(c.rows)
	c.rows = slices.Grow(c.rows, 1)[:n+1]
	r := &c.rows[n]
	r.rec.Values = c.values[len(c.values):]
	return r
}

// take keeps what was read into a row that next has made.
func (c *chunk) take(r *planRow, row *formats.Row) {
	r.cells[0] = len(c.cells)
	c.cells = append(c.cells, row.Cells...)
	if row.Absent != nil {
		c.absent = append(append(c.absent, make([]bool, r.cells[0]-len(c.absent))...), row.Absent...)
	}
	r.cells[1] = len(c.cells)
	switch {
	case r.reject == nil:
		from := len(c.values)
		c.values = append(c.values, r.rec.Values...) // which stand there already, unless there was no room
		r.rec.Values = c.values[from:len(c.values):len(c.values)]
		r.ref, c.keys = len(c.keys), append(c.keys, r.rec.Key)
	case r.reject.Keyed:
		r.rec, r.ref, c.keys = formats.Record{}, len(c.keys), append(c.keys, r.reject.Key)
	default:
		r.rec, r.ref = formats.Record{}, -1
	}
}

// row gives back a row's cells.
func (c *chunk) row(r *planRow) *formats.Row {
	row := &formats.Row{Pos: r.rec.Pos, Cells: c.cells[r.cells[0]:r.cells[1]]}
	if len(c.absent) >= r.cells[1] {
		row.Absent = c.absent[r.cells[0]:r.cells[1]]
	}
	return row
}
