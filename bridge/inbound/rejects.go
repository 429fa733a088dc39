package inbound

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/formats"
	"github.com/orobridge/orobridge/formats/envelope"
)

// Rejected rows exist twice: the ledger has their cells and positions, the drop's bytes have them as they came. They run
// again from the bytes, at the positions that the ledger knows. Reject files of formats whose rows are parts of larger
// things (an IDoc, an element below its parents) are copied from the bytes, too; others are written from the ledger.

// spot is where a rejected row stands. Rows of one IDoc have one spot: it fails, is copied and runs again as a whole.
type spot struct {
	part, doc string
	offset    int64
}

func spotOf(p formats.Position) spot { return spot{p.Part, p.Doc, p.Offset} }

// rejectFile writes the rows that a run rejected, in the form and the wrappings in which they came. It returns
// [envelope.ErrNobody] when there is nobody whom they could be encrypted to.
func (e *Engine) rejectFile(ctx context.Context, f *config.Feed, d *bridge.Drop, run *bridge.Run, to io.Writer) error {
	rows, err := e.openRows(f, e.spool(d))
	if err != nil {
		return err
	}
	if rows.dir == "" {
		err = e.partRejects(ctx, rows, run, rows.parts[0], to)
	} else {
		err = e.wrappedRejects(ctx, rows, run, to)
	}
	return errors.Join(err, rows.Close())
}

// wrappedRejects writes a wrapped reject file. It is made in memory.
func (e *Engine) wrappedRejects(ctx context.Context, rows *fileRows, run *bridge.Run, to io.Writer) error {
	guilty := map[string]bool{}
	err := e.Ledger.Rejects(ctx, bridge.RejectFilter{Run: run.ID}, func(r bridge.RejectRow) error {
		guilty[r.Pos.Part] = true
		return nil
	})
	if err != nil {
		return err
	}
	var files []envelope.File
	for _, p := range rows.parts {
		if !guilty[p.name] {
			continue
		}
		var buf bytes.Buffer
		if err := e.partRejects(ctx, rows, run, p, &buf); err != nil {
			return err
		}
		files = append(files, envelope.File{Name: p.name, Body: buf.Bytes()})
	}
	body, err := rows.feed.Layers().Wrap(files)
	if err != nil {
		return err
	}
	_, err = to.Write(body)
	return err
}

// partRejects writes the rejects of one part.
func (e *Engine) partRejects(ctx context.Context, rows *fileRows, run *bridge.Run, p part, to io.Writer) error {
	if copier, ok := rows.feed.Format.(formats.RejectCopier); ok {
		failed, err := e.failed(ctx, run)
		if err != nil {
			return err
		}
		file, err := os.Open(p.path)
		if err != nil {
			return fmt.Errorf("open %s: %w", filepath.Base(p.path), err)
		}
		defer file.Close()
		_, err = copier.CopyRejects(to, file, rows.feed.Entity, func(at formats.Position) bool {
			at.Part = p.name
			return failed[spotOf(at)]
		})
		return err
	}
	w, err := rows.feed.Format.Rejects(to, rows.columns)
	if err != nil {
		return err
	}
	err = e.Ledger.Rejects(ctx, bridge.RejectFilter{Run: run.ID}, func(r bridge.RejectRow) error {
		if r.Pos.Part != p.name {
			return nil
		}
		return w.Write(cells(rows.columns, r.Row), &r.Reject)
	})
	return errors.Join(err, w.Close())
}

// cells puts a row's cells into the order of the columns, as many as the row has: fewer than the header or more.
func cells(columns []string, row map[string]string) []string {
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

// failed are the spots of the rows that a run rejected.
func (e *Engine) failed(ctx context.Context, run *bridge.Run) (map[spot]bool, error) {
	failed := map[spot]bool{}
	err := e.Ledger.Rejects(ctx, bridge.RejectFilter{Run: run.ID}, func(r bridge.RejectRow) error {
		failed[spotOf(r.Pos)] = true
		return nil
	})
	return failed, err
}

// rejectedRows opens the rows that a drop's last run before this one rejected.
func (e *Engine) rejectedRows(ctx context.Context, f *config.Feed, d *bridge.Drop, run *bridge.Run) (RowSource, error) {
	last, err := e.lastRejects(ctx, d, run.ID)
	if err != nil || last == nil {
		return nil, errors.Join(err, fmt.Errorf("drop %d: no run before %d rejected rows", d.ID, run.ID))
	}
	rows, err := e.openRows(f, e.spool(d))
	if err != nil {
		return nil, err
	}
	failed, err := e.failed(ctx, last)
	if err != nil {
		return nil, errors.Join(err, rows.Close())
	}
	return &failedRows{fileRows: rows, failed: failed}, nil
}

// failedRows reads a file's rows again, and only those that stand where one was rejected: a reader's own rules, such as
// the day from which a price is valid, judge them once more.
type failedRows struct {
	*fileRows
	failed map[spot]bool
}

// Next implements formats.Reader.
func (r *failedRows) Next(row *formats.Row) error {
	for {
		err := r.fileRows.Next(row)
		var reject *formats.Reject
		if err != nil && !errors.As(err, &reject) || r.failed[spotOf(row.Pos)] {
			return err
		}
	}
}
