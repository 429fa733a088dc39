package inbound

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/formats/envelope"
)

// FinishAll carries out the last moves that a feed still owes. Trouble with one does not keep the others.
func (b *Engine) FinishAll(ctx context.Context, f *config.Feed) error {
	drops, err := b.Ledger.Drops(ctx, bridge.DropFilter{Feed: f.Name, Owed: true})
	if err != nil {
		return err
	}
	var errs []error
	for _, d := range drops {
		err := b.Finish(ctx, f, d)
		errs = append(errs, err)
		if ctx.Err() != nil || errors.Is(err, bridge.ErrUnreachable) {
			break
		}
	}
	return errors.Join(errs...)
}

// Finish writes what the sender gets of a settled drop and moves its file away. Each part may be repeated: names carry
// the run, and what stands there already was written by an attempt that was cut short. It never loads anything. On a
// remote on which nothing is moved it only closes the drop in the ledger, which has all of it.
func (b *Engine) Finish(ctx context.Context, f *config.Feed, d *bridge.Drop) error {
	b.finishing.Lock()
	defer b.finishing.Unlock()
	now, err := b.Ledger.Drop(ctx, d.ID)
	if err != nil {
		return err
	}
	if *d = *now; d.Finish == "" || !d.State.Settled() {
		return nil // done meanwhile, or run again: its end comes later
	}
	if !b.ReadOnly[d.Remote] {
		r, err := b.remote(d)
		if err != nil {
			return err
		}
		runs, err := b.Ledger.Runs(ctx, d.ID)
		if err != nil {
			return err
		}
		if err := b.answer(ctx, r, f, d, runs); err != nil {
			return err
		}
		if err := b.putAway(ctx, r, f, d, runs); err != nil {
			return err
		}
	}
	d.Finish = ""
	b.step("finish recorded")
	err = b.Ledger.Advance(ctx, d, d.State)
	b.step("finished")
	return err
}

// answer writes for each run that has ended what the sender gets of it: a file with the rejects, and receipts. A drop that
// never had a run gets them once as well.
func (b *Engine) answer(ctx context.Context, r bridge.Remote, f *config.Feed, d *bridge.Drop, runs []*bridge.Run) error {
	if len(runs) == 0 {
		return b.answerRun(ctx, r, f, d, nil)
	}
	for _, run := range runs {
		if run.Reported || run.State != bridge.Done && run.State != bridge.Failed {
			continue
		}
		if err := b.answerRun(ctx, r, f, d, run); err != nil {
			return err
		}
		b.step("told")
		if err := b.Ledger.Told(ctx, run.ID); err != nil {
			return err
		}
	}
	return nil
}

func (b *Engine) answerRun(ctx context.Context, r bridge.Remote, f *config.Feed, d *bridge.Drop, run *bridge.Run) error {
	if err := b.writeRejects(ctx, r, f, d, run); err != nil {
		return err
	}
	return b.writeReceipts(ctx, r, f, d, run)
}

// tag is what the names of a run's files carry.
func tag(d *bridge.Drop, run *bridge.Run) string {
	if run == nil {
		return fmt.Sprintf("_d%d", d.ID)
	}
	return fmt.Sprintf("_r%d", run.ID)
}

// putAway moves a settled drop, with its marker, out of the way. A file that somebody has taken away meanwhile is not
// looked for forever.
func (b *Engine) putAway(ctx context.Context, r bridge.Remote, f *config.Feed, d *bridge.Drop, runs []*bridge.Run) error {
	folder := path.Join(d.Folder, d.Finish)
	if d.Path == "" || path.Dir(d.Path) == folder {
		return nil
	}
	var last *bridge.Run
	if len(runs) > 0 {
		last = runs[len(runs)-1]
	}
	name := bridge.DerivedName(d.Name, tag(d, last))
	b.step("finish")
	for n := 1; ; n++ {
		target := path.Join(folder, numbered(name, n))
		err := b.moveMarker(ctx, r, f, d.Path, target)
		if err == nil {
			b.step("move away")
			err = b.moveInto(ctx, r, d.Path, target)
		}
		switch {
		case err == nil:
			d.Path = target
			return nil
		case errors.Is(err, fs.ErrExist) && n < maxStrangers:
			if _, err := r.Stat(ctx, d.Path); err == nil {
				continue // another file has that name, of a ledger that is no more
			} else if !gone(err) {
				return err
			}
			d.Path = target // moved by an attempt that was cut short
			return nil
		case gone(err):
			return b.search(ctx, r, f, d, runs)
		default:
			return err
		}
	}
}

// search looks for a file that does not stand where the ledger says: an attempt that was cut short may have moved it
// under the name of an earlier run.
func (b *Engine) search(ctx context.Context, r bridge.Remote, f *config.Feed, d *bridge.Drop, runs []*bridge.Run) error {
	for _, run := range append([]*bridge.Run{nil}, runs...) {
		for _, folder := range []string{f.Folders.Archive, f.Folders.Rejected} {
			at := path.Join(d.Folder, folder, bridge.DerivedName(d.Name, tag(d, run)))
			if _, err := r.Stat(ctx, at); err == nil {
				d.Path = at
				return nil
			} else if !gone(err) {
				return err
			}
		}
	}
	b.Log.Warn("the file of a settled drop is gone", "feed", f.Name, "drop", d.ID, "path", d.Path)
	d.Reason = strings.TrimPrefix(d.Reason+"; its file was taken away from "+d.Path, "; ")
	d.Path = ""
	return nil
}

// writeRejects writes, beside the rejected drops, the rows that a run rejected, in the sender's own columns and dialect
// and with the reasons: corrected and dropped again it is an ordinary drop. A file that could not be read, or was never
// loaded, gets a note in plain text instead.
func (b *Engine) writeRejects(ctx context.Context, r bridge.Remote, f *config.Feed, d *bridge.Drop, run *bridge.Run) error {
	folder := path.Join(d.Folder, f.Folders.Rejected)
	b.step("write rejects")
	switch {
	case run == nil && d.State == bridge.Rejected:
		return b.putInto(ctx, r, folder, bridge.DerivedName(d.Name+".txt", tag(d, run)+"_error"), strings.NewReader(d.Reason+"\n"))
	case run != nil && run.State == bridge.Failed:
		return b.putInto(ctx, r, folder, bridge.DerivedName(d.Name+".txt", tag(d, run)+"_error"), strings.NewReader(run.Reason+"\n"))
	case run == nil || run.Rejected == 0:
		return nil
	}
	file, err := os.CreateTemp(b.Spool, "rejects-*.part")
	if err != nil {
		return spoolTrouble(err)
	}
	switch err = b.rejectFile(ctx, f, d, run, file); {
	case errors.Is(err, envelope.ErrNobody):
		b.Log.Warn("no reject file: the feed's files are encrypted, and no signer is known to encrypt to", "feed", f.Name, "drop", d.ID,
			"hint", "name the sender's public key in signers, below unwrap")
		err = nil
	case err == nil:
		err = b.putInto(ctx, r, folder, bridge.DerivedName(d.Name, tag(d, run)+"_rejects"), file)
	}
	return errors.Join(err, file.Close(), os.Remove(file.Name()))
}

// putInto writes a file under a name that carries its run. One of the same size that stands there already was written by
// an attempt that was cut short; another one belongs to a ledger that is no more, and is left alone.
func (b *Engine) putInto(ctx context.Context, r bridge.Remote, folder, name string, body io.ReadSeeker) error {
	size, err := body.Seek(0, io.SeekEnd)
	if err != nil {
		return spoolTrouble(err)
	}
	for n := 1; ; n++ {
		target := path.Join(folder, numbered(name, n))
		err := r.Put(ctx, target, body)
		if gone(err) {
			if err := r.MakeFolder(ctx, folder); err != nil {
				return err
			}
			err = r.Put(ctx, target, body)
		}
		if !errors.Is(err, fs.ErrExist) || n == maxStrangers {
			return err
		}
		if there, err := r.Stat(ctx, target); err != nil || there.Size == size {
			return err
		}
	}
}

// written are the paths of what answer has written of a run, or of a drop without runs.
func written(f *config.Feed, d *bridge.Drop, run *bridge.Run) []string {
	rejected, receipts := path.Join(d.Folder, f.Folders.Rejected), path.Join(d.Folder, f.Folders.Receipts)
	var paths []string
	switch {
	case run == nil && d.State == bridge.Rejected, run != nil && run.State == bridge.Failed:
		paths = append(paths, path.Join(rejected, bridge.DerivedName(d.Name+".txt", tag(d, run)+"_error")))
	case run != nil && run.Rejected > 0:
		paths = append(paths, path.Join(rejected, bridge.DerivedName(d.Name, tag(d, run)+"_rejects")))
	}
	for _, kind := range slices.Sorted(slices.Values(f.Receipts)) {
		paths = append(paths, path.Join(receipts, receiptName(d, run, kind)))
	}
	return paths
}
