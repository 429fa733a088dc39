// Package moves moves files of drops, and their markers, on a remote: none is ever moved over another one.
//
// What may go in: how a file and its marker come to another place. What may not: which place, and when (package inbound).
package moves

import (
	"context"
	"errors"
	"io/fs"
	"path"

	"github.com/orobridge/orobridge/bridge"
)

// Into moves a file, making the target's folder when it is not there. Which of the two is missing is asked of the file: somebody else may
// make the same folder at the same time.
func Into(ctx context.Context, r bridge.Remote, from, to string) error {
	err := r.Move(ctx, from, to)
	if bridge.NotThere(err) {
		if _, gone := r.Stat(ctx, from); gone != nil {
			if bridge.NotThere(gone) {
				gone = &bridge.Error{Op: "move", Object: from, File: true, Err: fs.ErrNotExist}
			}
			return gone
		}
		if err := r.MakeFolder(ctx, path.Dir(to)); err != nil {
			return err
		}
		err = r.Move(ctx, from, to)
	}
	return err
}

// All moves files, each behind its marker, and says how many of them have come: the first, in their order. The next one could not be moved
// at first sight, and has to be looked at.
func All(ctx context.Context, r bridge.Remote, marker string, files []bridge.Rename) int {
	each := 1
	if marker != "" {
		var both []bridge.Rename
		for _, f := range files {
			both = append(both, bridge.Rename{From: Beside(f.From, marker), To: Beside(f.To, marker)}, f)
		}
		files, each = both, 2
	}
	n, err := bridge.MoveAll(ctx, r, files)
	if n == 0 && bridge.NotThere(err) && r.MakeFolder(ctx, path.Dir(files[0].To)) == nil {
		n, _ = bridge.MoveAll(ctx, r, files) // whoever looks at the next one finds out why
	}
	return n / each
}

// Marker moves the marker of a file along with it. One that came again is taken away.
func Marker(ctx context.Context, r bridge.Remote, marker, from, to string) error {
	if marker == "" {
		return nil
	}
	from, to = Beside(from, marker), Beside(to, marker)
	err := Into(ctx, r, from, to)
	if errors.Is(err, fs.ErrExist) {
		err = r.Remove(ctx, from)
	}
	if bridge.NotThere(err) {
		return nil
	}
	return err
}

// Beside is the path of a file's marker, wherever the file stands.
func Beside(p, marker string) string {
	return path.Join(path.Dir(p), bridge.DerivedName(path.Base(p)+marker, ""))
}
