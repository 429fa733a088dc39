package inbound

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/inbound/moves"
	"github.com/orobridge/orobridge/bridge/inbound/spool"
)

// What is old goes: archived files, reject files, receipts, spooled bytes, and the ledger's rejects and events of single
// rows. Drops, runs with their counts, and links stay.

// Bounds of one pass, so that it never keeps the bridge from its work for long.
const (
	pruneFiles = 200
	pruneRows  = 20_000
)

const prunedNote = "pruned" // when the last pass was

// PruneDue makes a pass if the last one was a day ago, and returns when to ask again.
func (e *Engine) PruneDue(ctx context.Context) (wait time.Duration, err error) {
	if e.Keep <= 0 && e.KeepRefused <= 0 {
		return bridge.Day, nil
	}
	now := e.Clock.Now()
	return bridge.OnceADay(ctx, e.Ledger, prunedNote, now, func(ctx context.Context) (more bool, err error) {
		refused := false
		if e.Keep > 0 {
			more, err = (&pruner{journal{e}, now.Add(-e.Keep)}).prune(ctx)
		}
		if err == nil && e.KeepRefused > 0 {
			refused, err = (&pruner{journal{e}, now.Add(-e.KeepRefused)}).pruneRefused(ctx)
		}
		if err != nil {
			return false, err
		}
		free, err := e.Ledger.GiveBack(ctx)
		return more || refused || free, err
	})
}

// pruner makes one pass over what is older than a time.
type pruner struct {
	journal
	before time.Time
}

// prune makes one pass; more says that something old is left.
func (p *pruner) prune(ctx context.Context) (more bool, err error) {
	var errs []error
	left, after := pruneFiles, int64(0)
	for left > 0 {
		drops, err := p.e.Ledger.Old(ctx, p.before, after, left)
		if err != nil || len(drops) == 0 {
			errs = append(errs, err)
			break
		}
		for _, d := range drops {
			after = d.ID
			left--
			if err := p.pruneDrop(ctx, d); err != nil {
				errs = append(errs, err)
				if ctx.Err() != nil || errors.Is(err, bridge.ErrUnreachable) {
					return false, errors.Join(errs...)
				}
			}
		}
	}
	rows, err := p.e.Ledger.Prune(ctx, p.before, pruneRows)
	told, eventsErr := p.e.Ledger.PruneEvents(ctx, p.before, pruneRows)
	errs = append(errs, err, eventsErr, spool.Tidy(ctx, p.e.Ledger, p.e.Spool))
	return left == 0 || rows || told, errors.Join(errs...)
}

// pruneDrop removes the files of one drop: those that the ledger knows, and nothing else.
func (p *pruner) pruneDrop(ctx context.Context, d *bridge.Drop) error {
	r, known := p.e.Remotes[d.Remote]
	f, fed := p.e.Feed(d.Feed)
	// A file that still stands in the feed's folder may be another one by now.
	if known && fed && !p.e.ReadOnly[d.Remote] && d.Path != "" && path.Dir(d.Path) != path.Clean(d.Folder) {
		paths, err := p.e.Ledger.Papers(ctx, d.ID)
		if err != nil {
			return err
		}
		if f.Ready.Marker != "" {
			paths = append(paths, moves.Beside(d.Path, f.Ready.Marker))
		}
		for _, file := range append(paths, d.Path) {
			p.e.Events.Step("prune file")
			if err := r.Remove(ctx, file); err != nil && !bridge.NotThere(err) {
				return err
			}
		}
	}
	if d.Spool != "" && d.Front == 0 {
		if err := os.Remove(p.e.spool(d)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return spool.Trouble(err)
		}
	}
	d.Path, d.Spool = "", ""
	p.e.Events.Step("prune drop")
	return moved(p.advance(ctx, d, d.State))
}

// pruneRefused forgets drops that were refused unread, with their files. One whose file still stands where it came is kept: the
// next listing would bring it again.
func (p *pruner) pruneRefused(ctx context.Context) (more bool, err error) {
	drops, err := p.e.Ledger.Refused(ctx, p.before, 0, pruneFiles)
	if err != nil {
		return false, err
	}
	var errs []error
	var done []int64
	for _, d := range drops {
		if path.Dir(d.Path) == path.Clean(d.Folder) {
			continue
		}
		if err := p.pruneDrop(ctx, d); err != nil {
			errs = append(errs, err)
			continue
		}
		done = append(done, d.ID)
	}
	errs = append(errs, p.e.Ledger.ForgetDrops(ctx, done))
	return len(done) > 0 && len(drops) == pruneFiles, errors.Join(errs...)
}
