package sftp

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"slices"
	"sync"
	"time"

	"github.com/orobridge/orobridge/bridge"
)

// Most of the time of a small file is spent in waiting for answers. So several share an operation: its look at the folders on the way,
// and the time on the wire, for what need not be in order is asked at once.

var _ bridge.Bulk = (*Remote)(nil)

// errNotTried is of a file that an operation did not come to.
var errNotTried = errors.New("not tried")

// PutUnread implements [bridge.Bulk]: all files are written at once, over one connection, without a temporary name.
func (r *Remote) PutUnread(ctx context.Context, folder string, files []bridge.Unread) []error {
	errs := slices.Repeat([]error{errNotTried}, len(files))
	err := r.do(ctx, "put", folder, func(c *conn, at place) error {
		if err := c.folder(at); err != nil {
			return err
		}
		var work sync.WaitGroup
		for i, f := range files {
			if err := bridge.SafeName(f.Name); err != nil {
				errs[i] = bridge.NameError("put", r.name, f.Name, err)
				continue
			}
			work.Go(func() { errs[i] = r.writeUnread(c, at.inside(f.Name), f.Body) })
		}
		work.Wait()
		for i, err := range errs {
			if err == nil || c.broken(err) {
				continue
			}
			errs[i] = r.explain("put", folder+"/"+files[i].Name, c, err)
		}
		if i := slices.IndexFunc(errs, c.broken); i >= 0 {
			return errs[i]
		}
		return nil
	})
	for i := range errs {
		var known *bridge.Error
		if err != nil && errs[i] != nil && !errors.As(errs[i], &known) {
			errs[i] = err
		}
	}
	return errs
}

// writeUnread writes a file under a name that nobody reads. Of a name that something has already servers only say that they failed.
func (r *Remote) writeUnread(c *conn, at place, body []byte) error {
	began := time.Now()
	size, made, err := c.write(c.full(at), bytes.NewReader(body), r.mode)
	if err == nil {
		r.noteClock(made, began, time.Now())
		return nil
	}
	if c.broken(err) {
		return err
	}
	if _, lerr := c.lstat(c.full(at)); lerr == nil {
		return fs.ErrExist
	}
	return c.explainFull(c.full(at.folder()), size, err)
}

// renamedAtOnce is how many files are looked at together before they are renamed.
const renamedAtOnce = 10

// MoveAll implements [bridge.Bulk].
func (r *Remote) MoveAll(ctx context.Context, renames []bridge.Rename) (n int, err error) {
	for part := range slices.Chunk(renames, renamedAtOnce) {
		moved, err := r.moveSome(ctx, part)
		if n += moved; err != nil {
			return n, err
		}
	}
	return n, nil
}

// moveSome is MoveAll of a few files in one operation.
func (r *Remote) moveSome(ctx context.Context, renames []bridge.Rename) (n int, err error) {
	pairs := make([][2]place, len(renames))
	for i, m := range renames {
		for end, p := range []string{m.From, m.To} {
			if pairs[i][end], err = r.locate("move", p); err == nil {
				continue
			}
			if i == 0 {
				return 0, err
			}
			if n, earlier := r.moveSome(ctx, renames[:i]); earlier != nil {
				return n, earlier
			}
			return i, err
		}
	}
	err = r.do(ctx, "move", renames[0].From, func(c *conn, _ place) (err error) {
		if n, err = r.rename(ctx, c, pairs...); err != nil {
			return r.explain("move", renames[n].From+" to "+renames[n].To, c, err)
		}
		return nil
	})
	return n, err
}
