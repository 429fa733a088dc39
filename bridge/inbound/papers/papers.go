// Package papers writes what the sender of a drop gets of it: the reject file and the receipts.
//
// The reject file has the rows that a run rejected, in the sender's own columns and dialect and with the reasons: corrected
// and dropped again it is an ordinary drop. Receipts (JSON, CSV, or documents of the sender's format such as ALEAUD) tell the
// counts and the first rejects. Names carry the run, so that what was cut short is written again under the same name, and a
// file of the same size that stands there already is taken for ours.
//
// What may go in: what stands in these files, and how they come to their place. What may not: when they are written, and that
// they were (package inbound); nothing here changes a drop or a run.
package papers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"path/filepath"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/bridge/inbound/spool"
)

// A Ledger tells what became of rows.
type Ledger interface {
	// Rejects walks rejects by drop, run and part, and there in the order of the file: documents by their offsets, rows by
	// their lines. Warnings walks the warnings of a drop, by run and in the order of its file.
	Rejects(ctx context.Context, f bridge.RejectFilter, each func(bridge.RejectRow) error) error
	Warnings(ctx context.Context, drop int64, each func(bridge.WarningRow) error) error

	// Runs lists the runs of a drop.
	Runs(ctx context.Context, drop int64) ([]*bridge.Run, error)
	// Keep enters events in the journal that no other change goes with.
	Keep(ctx context.Context, events ...*bridge.Event) error
}

// A Writer writes the papers of one drop. Its fields are set before any method is called.
type Writer struct {
	Ledger Ledger
	Clock  bridge.Clock
	Events *bridge.Events
	Spool  string // the folder that has the drop's bytes, and takes what is being written
	Remote bridge.Remote
	Feed   *config.Feed
	Drop   *bridge.Drop
}

// Write writes what the sender gets of a run, or of a drop that never had one (nil), and returns the paths.
func (w *Writer) Write(ctx context.Context, run *bridge.Run) (paths []string, err error) {
	rejects, err := w.writeRejects(ctx, run)
	if err != nil {
		return nil, err
	}
	paths, err = w.writeReceipts(ctx, run)
	if err == nil && rejects != "" {
		paths = append(paths, rejects)
	}
	return paths, err
}

// WriteRejects writes the file with the rejects of a run alone, or why it failed.
func (w *Writer) WriteRejects(ctx context.Context, run *bridge.Run) (paths []string, err error) {
	at, err := w.writeRejects(ctx, run)
	if err != nil || at == "" {
		return nil, err
	}
	return []string{at}, nil
}

// bytes is the path of the drop's local copy.
func (w *Writer) bytes() string { return filepath.Join(w.Spool, w.Drop.Spool) }

// Tag is what the names of a run's files carry.
func Tag(d *bridge.Drop, run *bridge.Run) string {
	if run == nil {
		return fmt.Sprintf("_d%d", d.ID)
	}
	return fmt.Sprintf("_r%d", run.ID)
}

// put writes a file under a name that carries its run, and returns its path. One of the same size that stands there
// already was written by an attempt that was cut short; another one belongs to a ledger that is no more, and is left alone.
func (w *Writer) put(ctx context.Context, folder, name string, body io.ReadSeeker) (string, error) {
	size, err := body.Seek(0, io.SeekEnd)
	if err != nil {
		return "", spool.Trouble(err)
	}
	for n := 1; ; n++ {
		target := path.Join(folder, bridge.NumberedName(name, n))
		err := w.Remote.Put(ctx, target, body)
		if bridge.NotThere(err) {
			if err := w.Remote.MakeFolder(ctx, folder); err != nil {
				return "", err
			}
			err = w.Remote.Put(ctx, target, body)
		}
		if !errors.Is(err, fs.ErrExist) || n == bridge.MaxStrangers {
			return target, err
		}
		if there, err := w.Remote.Stat(ctx, target); err != nil || there.Size == size {
			return target, err
		}
	}
}
