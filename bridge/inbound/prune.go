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
	"github.com/orobridge/orobridge/bridge/inbound/rows"
	"github.com/orobridge/orobridge/bridge/inbound/spool"
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
func (e *Engine) PruneDue(ctx context.Context) (wait time.Duration, err error) {
	if e.Keep <= 0 && e.KeepRefused <= 0 {
		return pruneEvery, nil
	}
	notes, err := e.Ledger.Notes(ctx)
	if err != nil {
		return pruneEvery, err
	}
	now := e.Clock.Now()
	if last, err := time.Parse(time.RFC3339, notes[prunedNote]); err == nil && now.Sub(last) < pruneEvery && !last.After(now) {
		return pruneEvery - now.Sub(last), nil
	}
	more, refused := false, false
	if e.Keep > 0 {
		more, err = e.prune(ctx, now.Add(-e.Keep))
	}
	if err == nil && e.KeepRefused > 0 {
		refused, err = e.pruneRefused(ctx, now.Add(-e.KeepRefused))
	}
	if err != nil {
		return pruneEvery, err
	}
	free, err := e.Ledger.GiveBack(ctx)
	if err != nil {
		return pruneEvery, err
	}
	if more || refused || free {
		return pruneMore, nil
	}
	return pruneEvery, e.Ledger.Note(ctx, prunedNote, now.UTC().Format(time.RFC3339))
}

// prune makes one pass; more says that something old is left.
func (e *Engine) prune(ctx context.Context, before time.Time) (more bool, err error) {
	var errs []error
	left, after := pruneFiles, int64(0)
	for left > 0 {
		drops, err := e.Ledger.Old(ctx, before, after, left)
		if err != nil || len(drops) == 0 {
			errs = append(errs, err)
			break
		}
		for _, d := range drops {
			after = d.ID
			left--
			if err := e.pruneDrop(ctx, d); err != nil {
				errs = append(errs, err)
				if ctx.Err() != nil || errors.Is(err, bridge.ErrUnreachable) {
					return false, errors.Join(errs...)
				}
			}
		}
	}
	rows, err := e.Ledger.Prune(ctx, before, pruneRows)
	told, eventsErr := e.Ledger.PruneEvents(ctx, before, pruneRows)
	errs = append(errs, err, eventsErr, e.pruneSpool(ctx))
	return left == 0 || rows || told, errors.Join(errs...)
}

// pruneDrop removes the files of one drop: those that the ledger knows, and nothing else.
func (e *Engine) pruneDrop(ctx context.Context, d *bridge.Drop) error {
	r, known := e.Remotes[d.Remote]
	f, fed := e.Feed(d.Feed)
	// A file that still stands in the feed's folder may be another one by now.
	if known && fed && !e.ReadOnly[d.Remote] && d.Path != "" && path.Dir(d.Path) != path.Clean(d.Folder) {
		paths, err := e.Ledger.Papers(ctx, d.ID)
		if err != nil {
			return err
		}
		if f.Ready.Marker != "" {
			paths = append(paths, beside(d.Path, f.Ready.Marker))
		}
		for _, p := range append(paths, d.Path) {
			e.Events.Step("prune file")
			if err := r.Remove(ctx, p); err != nil && !bridge.NotThere(err) {
				return err
			}
		}
	}
	if d.Spool != "" {
		if err := os.Remove(e.spool(d)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return spool.Trouble(err)
		}
	}
	d.Path, d.Spool = "", ""
	e.Events.Step("prune drop")
	return moved(e.advance(ctx, d, d.State))
}

// pruneRefused forgets drops that were refused unread, with their files. One whose file still stands where it came is kept: the
// next listing would bring it again.
func (e *Engine) pruneRefused(ctx context.Context, before time.Time) (more bool, err error) {
	drops, err := e.Ledger.Refused(ctx, before, 0, pruneFiles)
	if err != nil {
		return false, err
	}
	var errs []error
	var done []int64
	for _, d := range drops {
		if path.Dir(d.Path) == path.Clean(d.Folder) {
			continue
		}
		if err := e.pruneDrop(ctx, d); err != nil {
			errs = append(errs, err)
			continue
		}
		done = append(done, d.ID)
	}
	errs = append(errs, e.Ledger.ForgetDrops(ctx, done))
	return len(done) > 0 && len(drops) == pruneFiles, errors.Join(errs...)
}

// pruneSpool removes what a process that was killed has left in the spool: parts of files, and copies of which the
// ledger does not know.
func (e *Engine) pruneSpool(ctx context.Context) error {
	entries, err := os.ReadDir(e.Spool)
	if err != nil {
		return spool.Trouble(err)
	}
	var errs []error
	for _, entry := range entries {
		info, err := entry.Info()
		if unwrapped, _ := filepath.Match(rows.LeftOver, entry.Name()); unwrapped && err == nil && info.IsDir() && time.Since(info.ModTime()) > leftoverTime {
			errs = append(errs, os.RemoveAll(filepath.Join(e.Spool, entry.Name())))
			continue
		}
		if err != nil || !info.Mode().IsRegular() || time.Since(info.ModTime()) < leftoverTime {
			continue
		}
		stale := strings.HasSuffix(entry.Name(), spool.Part)
		if id, err := strconv.ParseInt(entry.Name(), 10, 64); err == nil {
			d, err := e.Ledger.Drop(ctx, id)
			stale = errors.Is(err, bridge.ErrUnknown) || err == nil && d.State.Settled() && d.Spool != entry.Name()
		}
		if stale {
			errs = append(errs, os.Remove(filepath.Join(e.Spool, entry.Name())))
		}
	}
	return errors.Join(errs...)
}
