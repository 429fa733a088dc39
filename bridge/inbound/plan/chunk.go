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
	values [2]int // into chunk.values
	print  int64  // fingerprint of the record
	ref    int    // into chunk.refs; -1 for a reject whose key can't be read
}

func (c *chunk) reset() {
	clear(c.rows)
	clear(c.cells)
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
	var rec formats.Record
	for size := 0; len(c.rows) < chunkRows && size < chunkBytes; size += row.Size() {
		row.Cells, row.Absent = nil, nil
		err := reader.Next(&row)
		reject := rejectIn(err)
		if reject != nil {
			mapper.Reject(&row, reject)
		} else if err == nil {
			rec.Values = rec.Values[:0]
			err = mapper.Record(&row, &rec)
			reject = rejectIn(err)
		}
		if err != nil && reject == nil {
			c.err = err
			break
		}
		c.add(&row, &rec, reject)
	}
	for i := range c.rows {
		r := &c.rows[i]
		r.rec.Values = c.values[r.values[0]:r.values[1]:r.values[1]]
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

func (c *chunk) add(row *formats.Row, rec *formats.Record, reject *formats.Reject) {
	c.rows = append(c.rows, planRow{reject: reject, ref: -1})
	r := &c.rows[len(c.rows)-1]
	r.cells[0], r.values[0] = len(c.cells), len(c.values)
	c.cells = append(c.cells, row.Cells...)
	if row.Absent != nil {
		c.absent = append(append(c.absent, make([]bool, r.cells[0]-len(c.absent))...), row.Absent...)
	}
	r.cells[1] = len(c.cells)
	if reject != nil && reject.Keyed {
		r.ref, c.keys = len(c.keys), append(c.keys, reject.Key)
	}
	if reject == nil {
		c.values = append(c.values, rec.Values...)
		r.ref, c.keys = len(c.keys), append(c.keys, rec.Key)
		r.rec = *rec // fill gives it the chunk's values
	}
	r.values[1] = len(c.values)
}

// row gives back a row's cells.
func (c *chunk) row(r *planRow) *formats.Row {
	row := &formats.Row{Pos: r.rec.Pos, Cells: c.cells[r.cells[0]:r.cells[1]]}
	if len(c.absent) >= r.cells[1] {
		row.Absent = c.absent[r.cells[0]:r.cells[1]]
	}
	return row
}
