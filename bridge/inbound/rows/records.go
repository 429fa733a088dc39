package rows

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/formats"
)

// EachRecord maps the rows of a reader to records, in the order of the file, and says which columns no field takes. each is
// given either a record or the reject of its row; raw makes the row as the sender calls its cells. What each is given
// holds until it returns. The error is a *formats.FileError when the file is at fault.
func EachRecord(ctx context.Context, f *config.Feed, reader formats.Reader,
	each func(rec *formats.Record, reject *formats.Reject, raw func() map[string]string) error) (ignored []string, err error) {
	columns := reader.Columns()
	mapper, err := f.Mapping.Bind(f.Entity, columns, f.Format.Conventions())
	if err != nil {
		return nil, err
	}
	var row formats.Row
	var rec formats.Record
	cells := func() map[string]string { return CellsOf(columns, &row).Row() }
	for ctx.Err() == nil {
		row.Cells, row.Absent = nil, nil
		rec.Values = rec.Values[:0]
		err := reader.Next(&row)
		if errors.Is(err, io.EOF) {
			return mapper.Ignored(), nil
		}
		if err == nil {
			err = mapper.Record(&row, &rec)
		}
		var reject *formats.Reject
		if err != nil && !errors.As(err, &reject) {
			return mapper.Ignored(), err
		}
		if err := each(&rec, reject, cells); err != nil {
			return mapper.Ignored(), err
		}
	}
	return mapper.Ignored(), ctx.Err()
}

// CellsOf joins the sender's columns and cells.
func CellsOf(columns []string, row *formats.Row) bridge.Cells {
	cells := make(bridge.Cells, 0, len(row.Cells))
	for i, c := range row.Cells {
		switch {
		case i >= len(columns):
			cells = append(cells, formats.Value{Field: extraCell(i), Text: c})
		case row.Absent == nil || !row.Absent[i]:
			cells = append(cells, formats.Value{Field: columns[i], Text: c})
		}
	}
	return cells
}

// Cells puts a row's cells back into the order of the columns, as many as the row has: fewer than the header or more.
func Cells(columns []string, row map[string]string) []string {
	all := make([]string, len(columns), max(len(columns), len(row)+1))
	last := 0
	for i, c := range columns {
		text, ok := row[c]
		if all[i] = text; ok {
			last = i + 1
		}
	}
	if _, longer := row[extraCell(len(columns))]; !longer {
		return all[:last]
	}
	for {
		text, ok := row[extraCell(len(all))]
		if !ok {
			return all
		}
		all = append(all, text)
	}
}

// extraCell is the name under which a cell that no column names is kept.
func extraCell(i int) string { return fmt.Sprintf("_%d", i+1) }
