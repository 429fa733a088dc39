package inbound

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/orobridge/orobridge/bridge"
)

// What is old goes: archived files, reject files, receipts, spooled bytes, and the ledger's rejects and events of single
// rows. Drops, runs with their counts, and links stay.

// Bounds of one pass, so that it never keeps the bridge from its work for long.
const (
	pruneFiles = 200
	pruneRows  = 20_000
)

const (
	prunedNote   = "pruned" // when the last pass was
	pruneEvery   = bridge.Day
	pruneMore    = time.Minute // until the next pass when one was not enough
	leftoverTime = bridge.Day  // after which a temporary file of the spool belongs to nobody
)

// PruneDue makes a pass if the last one was a day ago, and returns when to ask again.
func (b *Engine) PruneDue(ctx context.Context) (wait time.Duration, err error) {
	if b.Keep <= 0 {
		return pruneEvery, nil
	}
	notes, err := b.Ledger.Notes(ctx)
	if err != nil {
		return pruneEvery, err
	}
	now := b.Clock.Now()
	if last, err := time.Parse(time.RFC3339, notes[prunedNote]); err == nil && now.Sub(last) < pruneEvery && !last.After(now) {
		return pruneEvery - now.Sub(last), nil
	}
	more, err := b.prune(ctx, now.Add(-b.Keep))
	if err != nil {
		return pruneEvery, err
	}
	if more {
		return pruneMore, nil
	}
	return pruneEvery, b.Ledger.Note(ctx, prunedNote, now.UTC().Format(time.RFC3339))
}

// prune makes one pass; more says that something old is left.
func (b *Engine) prune(ctx context.Context, before time.Time) (more bool, err error) {
	var errs []error
	left, after := pruneFiles, int64(0)
	for left > 0 {
		drops, err := b.Ledger.Old(ctx, before, after, left)
		if err != nil || len(drops) == 0 {
			errs = append(errs, err)
			break
		}
		for _, d := range drops {
			after = d.ID
			left--
			if err := b.pruneDrop(ctx, d); err != nil {
				errs = append(errs, err)
				if ctx.Err() != nil || errors.Is(err, bridge.ErrUnreachable) {
					return false, errors.Join(errs...)
				}
			}
		}
	}
	rows, err := b.Ledger.Prune(ctx, before, pruneRows)
	errs = append(errs, err, b.pruneSpool(ctx))
	return left == 0 || rows, errors.Join(errs...)
}

// pruneDrop removes the files of one drop: those that the ledger knows, and nothing else.
func (b *Engine) pruneDrop(ctx context.Context, d *bridge.Drop) error {
	r, known := b.Remotes[d.Remote]
	f, fed := b.Feed(d.Feed)
	// A file that still stands in the feed's folder may be another one by now.
	if known && fed && !b.ReadOnly[d.Remote] && d.Path != "" && path.Dir(d.Path) != path.Clean(d.Folder) {
		runs, err := b.Ledger.Runs(ctx, d.ID)
		if err != nil {
			return err
		}
		paths := []string{d.Path}
		if f.Ready.Marker != "" {
			paths = append(paths, beside(d.Path, f.Ready.Marker))
		}
		if len(runs) == 0 {
			paths = append(paths, written(f, d, nil)...)
		}
		for _, run := range runs {
			paths = append(paths, written(f, d, run)...)
		}
		for _, p := range paths {
			b.step("prune file")
			if err := r.Remove(ctx, p); err != nil && !gone(err) {
				return err
			}
		}
	}
	if d.Spool != "" {
		if err := os.Remove(b.spool(d)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return spoolTrouble(err)
		}
	}
	d.Path, d.Spool = "", ""
	b.step("prune drop")
	return moved(b.Ledger.Advance(ctx, d, d.State))
}

// pruneSpool removes what a process that was killed has left in the spool: parts of files, and copies of which the
// ledger does not know.
func (b *Engine) pruneSpool(ctx context.Context) error {
	entries, err := os.ReadDir(b.Spool)
	if err != nil {
		return spoolTrouble(err)
	}
	var errs []error
	for _, e := range entries {
		info, err := e.Info()
		if unwrapped, _ := filepath.Match(leftOver, e.Name()); unwrapped && err == nil && info.IsDir() && time.Since(info.ModTime()) > leftoverTime {
			errs = append(errs, os.RemoveAll(filepath.Join(b.Spool, e.Name())))
			continue
		}
		if err != nil || !info.Mode().IsRegular() || time.Since(info.ModTime()) < leftoverTime {
			continue
		}
		stale := strings.HasSuffix(e.Name(), ".part")
		if id, err := strconv.ParseInt(e.Name(), 10, 64); err == nil {
			d, err := b.Ledger.Drop(ctx, id)
			stale = errors.Is(err, bridge.ErrUnknown) || err == nil && d.State.Settled() && d.Spool != e.Name()
		}
		if stale {
			errs = append(errs, os.Remove(filepath.Join(b.Spool, e.Name())))
		}
	}
	return errors.Join(errs...)
}
