package dir

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"

	"github.com/orobridge/orobridge/bridge"
)

// Most of what a small file costs is the way to its folder, and bringing that folder to the disk. So several share both.

var _ bridge.Bulk = (*Remote)(nil)

// PutUnread implements [bridge.Bulk]. The files are written in their order, up to the first that is refused: that is the error of those
// behind it, too.
func (r *Remote) PutUnread(ctx context.Context, folder string, files []bridge.Unread) []error {
	for _, f := range files {
		if err := bridge.SafeName(f.Name); err != nil {
			return slices.Repeat([]error{bridge.NameError("put", r.name, f.Name, err)}, len(files))
		}
	}
	errs := make([]error, len(files))
	err := r.do(ctx, "put", folder, func(root *os.Root, elements []string) error {
		at, err := enter(root, elements)
		if err != nil {
			return err
		}
		defer at.Close()
		for i, f := range files {
			err := r.putUnread(ctx, at, f)
			if errs[i] = r.explain("put", folder+"/"+f.Name, err); err != nil && !errors.Is(err, fs.ErrExist) {
				copy(errs[i:], slices.Repeat(errs[i:i+1], len(files)-i))
				break
			}
		}
		return syncFolder(at)
	})
	for i := range errs {
		if errs[i] == nil {
			errs[i] = err
		}
	}
	return errs
}

// putUnread writes a file under a name that nobody reads, or nothing.
func (r *Remote) putUnread(ctx context.Context, folder *os.Root, f bridge.Unread) error {
	if err := r.alive(ctx); err != nil {
		return err
	}
	err := r.write(ctx, folder, f.Name, bytes.NewReader(f.Body))
	if err != nil && !errors.Is(err, fs.ErrExist) {
		_ = folder.Remove(f.Name) // not there where it could not be made
	}
	return err
}

// MoveAll implements [bridge.Bulk].
func (r *Remote) MoveAll(ctx context.Context, renames []bridge.Rename) (n int, err error) {
	for len(renames) > 0 {
		part := renames[:1]
		for len(part) < len(renames) && sameFolders(renames[0], renames[len(part)]) {
			part = renames[:len(part)+1]
		}
		moved, err := r.moveSome(ctx, part)
		if n += moved; err != nil {
			return n, err
		}
		renames = renames[len(part):]
	}
	return n, nil
}

func sameFolders(x, y bridge.Rename) bool {
	return path.Dir(x.From) == path.Dir(y.From) && path.Dir(x.To) == path.Dir(y.To)
}

// moveSome is MoveAll of files that go from one folder to another.
func (r *Remote) moveSome(ctx context.Context, renames []bridge.Rename) (n int, err error) {
	var failed error
	err = r.do(ctx, "move", renames[0].From, func(root *os.Root, from []string) error {
		to, err := bridge.SplitPath(renames[0].To)
		if err != nil {
			return bridge.NameError("move", r.name, renames[0].To, err)
		}
		w := &way{r: r, root: root}
		if err := w.enter(from, to); err != nil {
			return err
		}
		defer w.close()
		for _, m := range renames {
			if failed = r.explain("move", m.From, w.move(ctx, m)); failed != nil {
				break
			}
			n++
		}
		if n == 0 {
			return nil
		}
		return errors.Join(syncFolder(w.to), syncFolder(w.from))
	})
	if err != nil {
		return 0, err // what was moved may be lost with the power
	}
	return n, failed
}

// way is one from a folder to another.
type way struct {
	r        *Remote
	root     *os.Root
	from, to *os.Root
}

func (w *way) enter(from, to []string) (err error) {
	parents, _ := split(from)
	if w.from, err = enter(w.root, parents); err != nil {
		return err
	}
	parents, _ = split(to)
	if w.to, err = enter(w.root, parents); err != nil {
		_ = w.from.Close()
		return fmt.Errorf("the folder %s: %w", path.Join(parents...), err)
	}
	return nil
}

func (w *way) close() {
	_, _ = w.from.Close(), w.to.Close()
}

// move renames a file on the way.
func (w *way) move(ctx context.Context, m bridge.Rename) error {
	if err := w.r.alive(ctx); err != nil {
		return err
	}
	from, err := bridge.SplitPath(m.From)
	if err != nil {
		return bridge.NameError("move", w.r.name, m.From, err)
	}
	to, err := bridge.SplitPath(m.To)
	if err != nil {
		return bridge.NameError("move", w.r.name, m.To, err)
	}
	_, base := split(from)
	_, newBase := split(to)
	info, err := w.from.Lstat(base)
	if err == nil {
		err = bridge.WantFile(info.Mode())
	}
	if err != nil {
		return err
	}
	err = rename(w.from, base, w.to, newBase)
	if errors.Is(err, errNoReplace) {
		err = relink(w.root, path.Join(from...), path.Join(to...))
	}
	return err
}
