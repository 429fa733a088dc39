package sftp

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/orobridge/orobridge/bridge"
)

// Most of the time of a small file is spent in waiting for answers. So several share an operation: its look at the folders on the way,
// and the time on the wire, for what need not be in order is asked at once.

var _ bridge.Bulk = (*Remote)(nil)

// errNotTried is of a file that an operation did not come to.
var errNotTried = errors.New("not tried")

// openAtOnce is how many files a connection has open at a time: servers bound that.
const openAtOnce = 8

// PutUnread implements [bridge.Bulk]: files are written side by side over one connection, without a temporary name. Where that is
// refused, they are written one after the other: a disk that has room for a few has it for the first.
func (r *Remote) PutUnread(ctx context.Context, folder string, files []bridge.Unread) []error {
	for _, f := range files {
		if err := bridge.SafeName(f.Name); err != nil {
			return slices.Repeat([]error{bridge.NameError("put", r.name, f.Name, err)}, len(files))
		}
	}
	errs := slices.Repeat([]error{errNotTried}, len(files))
	err := r.do(ctx, "put", folder, func(c *conn, at place) error {
		if err := c.folder(at); err != nil {
			return err
		}
		b := bulk{r, c, at}
		var work errgroup.Group
		work.SetLimit(openAtOnce)
		for i, f := range files {
			work.Go(func() error {
				errs[i] = b.write(f)
				return nil
			})
		}
		_ = work.Wait() // each error stands in its place
		if i := slices.IndexFunc(errs, refused); i >= 0 && !slices.ContainsFunc(errs, c.broken) {
			b.inOrder(files[i:], errs[i:])
		}
		for i, err := range errs {
			if err != nil && !c.broken(err) {
				errs[i] = r.explain("put", folder+"/"+files[i].Name, c, err)
			}
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

// refused says that a file could not be written, though nothing stands under its name.
func refused(err error) bool { return err != nil && !errors.Is(err, fs.ErrExist) }

// bulk writes files into a folder over one connection.
type bulk struct {
	*Remote
	c  *conn
	at place
}

// inOrder writes files one after the other, up to the first that is refused: that is the error of those behind it, too.
func (b bulk) inOrder(files []bridge.Unread, errs []error) {
	for i, f := range files {
		if errs[i] == nil {
			errs[i] = ignoreAnswer(b.c.files.Remove(b.c.full(b.at.inside(f.Name))))
		}
	}
	for i, f := range files {
		if errors.Is(errs[i], fs.ErrExist) {
			continue
		}
		if errs[i] = b.write(f); refused(errs[i]) {
			copy(errs[i:], slices.Repeat(errs[i:i+1], len(files)-i))
			return
		}
	}
}

// write writes a file under a name that nobody reads, or nothing. Of a name that something has already servers only say that they failed.
func (b bulk) write(file bridge.Unread) error {
	c, full, size, began := b.c, b.c.full(b.at.inside(file.Name)), int64(len(file.Body)), time.Now()
	f, err := c.open(full, createExclusive)
	if err != nil {
		if c.broken(err) {
			return err
		}
		if _, lerr := c.lstat(full); lerr == nil {
			return fs.ErrExist
		}
		return c.explainFull(c.full(b.at), size, err)
	}
	made, err := c.fill(f, full, size, bytes.NewReader(file.Body), b.mode)
	if err == nil {
		b.noteClock(made, began, time.Now())
		return nil
	}
	if c.broken(err) {
		return err
	}
	err = c.explainFull(c.full(b.at), size, err)
	if left := ignoreAnswer(c.files.Remove(full)); left != nil {
		return left
	}
	return err
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
