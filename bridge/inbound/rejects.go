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
	"github.com/orobridge/orobridge/bridge/inbound/rows"
	"github.com/orobridge/orobridge/formats"
	"github.com/orobridge/orobridge/formats/envelope"
)

// Reject files of formats whose rows are parts of larger things (an IDoc, an element below its parents) are copied from the
// drop's bytes; others are written from the ledger.

// rejectFile writes the rows that a run rejected, in the form and the wrappings in which they came. It returns
// [envelope.ErrNobody] when there is nobody whom they could be encrypted to.
func (e *Engine) rejectFile(ctx context.Context, f *config.Feed, d *bridge.Drop, run *bridge.Run, to io.Writer) error {
	file, err := rows.Open(e.Spool, f, e.spool(d), nil)
	if err != nil {
		return err
	}
	if !file.Wrapped() {
		err = e.partRejects(ctx, f, file.Columns(), run, file.Parts()[0], to)
	} else {
		err = e.wrappedRejects(ctx, f, file, run, to)
	}
	return errors.Join(err, file.Close())
}

// wrappedRejects writes a wrapped reject file. It is made in memory.
func (e *Engine) wrappedRejects(ctx context.Context, f *config.Feed, file *rows.File, run *bridge.Run, to io.Writer) error {
	guilty := map[string]bool{}
	err := e.Ledger.Rejects(ctx, bridge.RejectFilter{Run: run.ID}, func(r bridge.RejectRow) error {
		guilty[r.Pos.Part] = true
		return nil
	})
	if err != nil {
		return err
	}
	var files []envelope.File
	for _, p := range file.Parts() {
		if !guilty[p.Name] {
			continue
		}
		var buf bytes.Buffer
		if err := e.partRejects(ctx, f, file.Columns(), run, p, &buf); err != nil {
			return err
		}
		files = append(files, envelope.File{Name: p.Name, Body: buf.Bytes()})
	}
	body, err := f.Layers().Wrap(files)
	if err != nil {
		return err
	}
	_, err = to.Write(body)
	return err
}

// partRejects writes the rejects of one part.
func (e *Engine) partRejects(ctx context.Context, f *config.Feed, columns []string, run *bridge.Run, p rows.Part, to io.Writer) error {
	if copier, ok := f.Format.(formats.RejectCopier); ok {
		failed, err := rows.Spots(ctx, e.Ledger, run.ID)
		if err != nil {
			return err
		}
		file, err := os.Open(p.Path)
		if err != nil {
			return fmt.Errorf("open %s: %w", filepath.Base(p.Path), err)
		}
		defer file.Close()
		_, err = copier.CopyRejects(to, file, f.Entity, func(at formats.Position) bool {
			at.Part = p.Name
			return failed[rows.SpotOf(at)]
		})
		return err
	}
	w, err := f.Format.Rejects(to, columns)
	if err != nil {
		return err
	}
	err = e.Ledger.Rejects(ctx, bridge.RejectFilter{Run: run.ID}, func(r bridge.RejectRow) error {
		if r.Pos.Part != p.Name {
			return nil
		}
		return w.Write(rows.Cells(columns, r.Row), &r.Reject)
	})
	return errors.Join(err, w.Close())
}
