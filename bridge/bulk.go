package bridge

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"slices"
)

// A Bulk is a [Remote] that does with several files what each needs in less time than with one after the other. In a term (see
// [StillMine]) all of them are one change.
type Bulk interface {
	// PutUnread writes files of one folder under names that nobody reads, in no order. The errors are in the files' order: nil for one that
	// stands there whole. One that wraps fs.ErrExist says that something stands under its name: another file, which was left alone, or a
	// part of this one.
	PutUnread(ctx context.Context, folder string, files []Unread) []error
	// MoveAll does what Move does, with files in their order up to the first that can't be moved, and says how many were.
	MoveAll(ctx context.Context, renames []Rename) (n int, err error)
}

// Unread is a file under a name that nobody reads.
type Unread struct {
	Name string // in its folder
	Body []byte
}

// Rename is a file's way from one path to another.
type Rename struct{ From, To string }

// PutUnread is [Bulk.PutUnread] of any remote. One that is no Bulk writes the files in their order, up to the first that meets trouble:
// that is the error of those behind it, too.
func PutUnread(ctx context.Context, r Remote, folder string, files []Unread) []error {
	if b, ok := bulk(r); ok {
		if err := mine(ctx, r); err != nil {
			return slices.Repeat([]error{err}, len(files))
		}
		return b.PutUnread(ctx, folder, files)
	}
	errs := make([]error, len(files))
	for i, f := range files {
		err := r.Put(ctx, folder+"/"+f.Name, bytes.NewReader(f.Body))
		if errs[i] = err; err != nil && !errors.Is(err, fs.ErrExist) {
			copy(errs[i:], slices.Repeat([]error{err}, len(files)-i))
			break
		}
	}
	return errs
}

// MoveAll is [Bulk.MoveAll] of any remote.
func MoveAll(ctx context.Context, r Remote, renames []Rename) (n int, err error) {
	if b, ok := bulk(r); ok {
		if err := mine(ctx, r); err != nil {
			return 0, err
		}
		return b.MoveAll(ctx, renames)
	}
	for n, m := range renames {
		if err := r.Move(ctx, m.From, m.To); err != nil {
			return n, err
		}
	}
	return len(renames), nil
}

// bulk is what a remote does with several files, or what the guarded one does.
func bulk(r Remote) (Bulk, bool) {
	if g, ok := r.(guarded); ok {
		r = g.Remote
	}
	b, ok := r.(Bulk)
	return b, ok
}

// mine is [StillMine] for a remote that is guarded.
func mine(ctx context.Context, r Remote) error {
	if _, ok := r.(guarded); ok {
		return StillMine(ctx)
	}
	return nil
}
