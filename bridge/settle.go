package bridge

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
)

// FinishAll carries out the last moves that a feed still owes.
func (b *Bridge) FinishAll(ctx context.Context, f *FeedConfig) error {
	drops, err := b.Ledger.Drops(ctx, DropFilter{Feed: f.Name, Owed: true})
	if err != nil {
		return err
	}
	for _, d := range drops {
		if err := b.Finish(ctx, f, d); err != nil {
			return err
		}
	}
	return nil
}

// Finish writes what the sender gets of a settled drop and moves its file away. Each part may be repeated: names carry
// the run, and what stands there already was written by an attempt that was cut short. It never loads anything.
func (b *Bridge) Finish(ctx context.Context, f *FeedConfig, d *Drop) error {
	b.finishing.Lock()
	defer b.finishing.Unlock()
	if d.Finish == "" {
		return nil
	}
	runs, err := b.Ledger.Runs(ctx, d.ID)
	if err != nil {
		return err
	}
	readOnly := b.Config.Remotes[d.Remote].ReadOnly
	tag := fmt.Sprintf("_d%d", d.ID)
	if len(runs) > 0 {
		last := runs[len(runs)-1]
		tag = fmt.Sprintf("_r%d", last.ID)
		if !readOnly {
			if err := b.writeRejects(ctx, f, d, last, tag); err != nil {
				return err
			}
		}
	}
	if !readOnly && !b.putAway(f, d) {
		target := path.Join(f.Folder, d.Finish, DerivedName(d.Name, tag))
		if err := b.moveAway(ctx, f, d, target); err != nil {
			return err
		}
		d.Path = target
	}
	d.Finish = ""
	b.step("finished")
	return b.Ledger.Advance(ctx, d, d.State)
}

// putAway says that a drop's file was moved away by an earlier run already.
func (b *Bridge) putAway(f *FeedConfig, d *Drop) bool {
	folder := path.Dir(d.Path)
	return folder == path.Join(f.Folder, f.Folders.Archive) || folder == path.Join(f.Folder, f.Folders.Rejected)
}

// moveAway moves a settled drop, and its marker, out of the way.
func (b *Bridge) moveAway(ctx context.Context, f *FeedConfig, d *Drop, target string) error {
	r := b.Remotes[d.Remote]
	if f.Ready.Marker != "" {
		marker := path.Join(f.Folder, d.Name+f.Ready.Marker)
		if err := b.moveInto(ctx, r, marker, target+f.Ready.Marker); err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	b.step("finish")
	err := b.moveInto(ctx, r, d.Path, target)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrExist) {
		if _, statErr := r.Stat(ctx, target); statErr == nil {
			return nil // moved by an attempt that was cut short
		}
	}
	return err
}

// writeRejects writes the reject file of a run beside the rejected drops: the sender's own columns and dialect, and why.
func (b *Bridge) writeRejects(ctx context.Context, f *FeedConfig, d *Drop, run *Run, tag string) error {
	name, body, err := b.rejectFile(ctx, f, d, run, tag)
	if err != nil || body == nil {
		return err
	}
	b.step("write rejects")
	return b.putInto(ctx, b.Remotes[d.Remote], path.Join(f.Folder, f.Folders.Rejected, name), bytes.NewReader(body))
}

// rejectFile makes the reject file of a run; nil when nothing was rejected. A file that could not be read gets a note
// in plain text instead.
func (b *Bridge) rejectFile(ctx context.Context, f *FeedConfig, d *Drop, run *Run, tag string) (name string, body []byte, err error) {
	if run.State == Failed {
		return DerivedName(d.Name, tag+"_error") + ".txt", []byte(run.Reason + "\n"), nil
	}
	if run.Rejected == 0 {
		return "", nil, nil
	}
	file, err := os.Open(b.spool(d))
	if err != nil {
		return "", nil, fmt.Errorf("open spooled drop %d: %w", d.ID, err)
	}
	defer file.Close()
	reader, err := f.Format.Open(file, f.Entity)
	if err != nil {
		return "", nil, err
	}
	var buf bytes.Buffer
	columns := reader.Columns()
	w, err := f.Format.Rejects(&buf, columns)
	if err != nil {
		return "", nil, err
	}
	cells := make([]string, len(columns))
	err = b.Ledger.Rejects(ctx, RejectFilter{Run: run.ID}, func(r RejectRow) error {
		for i, c := range columns {
			cells[i] = r.Row[c]
		}
		return w.Write(cells, &r.Reject)
	})
	return DerivedName(d.Name, tag+"_rejects"), buf.Bytes(), errors.Join(err, w.Close())
}

// putInto writes a file of which it is known that nobody else writes one of its name: one that stands there already was
// written by an attempt that was cut short.
func (b *Bridge) putInto(ctx context.Context, r Remote, target string, body io.ReadSeeker) error {
	err := r.Put(ctx, target, body)
	if errors.Is(err, fs.ErrNotExist) {
		if err := r.MakeFolder(ctx, path.Dir(target)); err != nil {
			return err
		}
		err = r.Put(ctx, target, body)
	}
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
}
