package dir

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"syscall"

	"github.com/orobridge/orobridge/bridge"
)

// passing are errors of the system that go away by themselves or once somebody has made room.
var passing = []syscall.Errno{
	syscall.ENOSPC, syscall.EDQUOT, syscall.EIO, syscall.ESTALE, syscall.ETIMEDOUT, syscall.EMFILE, syscall.ENFILE,
	syscall.ENOMEM, syscall.EAGAIN, syscall.EINTR, syscall.EBUSY, syscall.ETXTBSY, syscall.EHOSTDOWN,
}

// general are errors that every file of the disk or of the process meets.
var general = []syscall.Errno{
	syscall.ENOSPC, syscall.EDQUOT, syscall.EROFS, syscall.ESTALE, syscall.ETIMEDOUT, syscall.EMFILE, syscall.ENFILE,
	syscall.ENOMEM, syscall.EHOSTDOWN, syscall.ENODEV, syscall.ENOTCONN,
}

func isOne(err error, of []syscall.Errno) bool {
	return slices.ContainsFunc(of, func(n syscall.Errno) bool { return errors.Is(err, n) })
}

// What ends a listing.
var (
	errCrowded = fmt.Errorf("the folder holds more than %d entries", bridge.MaxListing)
	errSlow    = fmt.Errorf("the listing took longer than %s", listingTime)
)

// explain makes an error that an operator can read. Trouble is the file's own unless all others would meet it, too, or it is
// that of a folder as a whole.
func (r *Remote) explain(op, p string, err error) error {
	var done *bridge.Error
	if err == nil || errors.As(err, &done) {
		return err
	}
	whole := op == "list" || op == "watch" || op == "make folder"
	e := &bridge.Error{Op: op, Object: bridge.FileObject(r.name, p), Fate: bridge.Stop, File: !whole && !isOne(err, general), Err: err}
	var writer *writerError
	var body *bodyError
	switch {
	case errors.As(err, &writer), errors.As(err, &body), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		e.Fate, e.File = bridge.Pause, false
	case errors.Is(err, fs.ErrClosed):
		e.File = false
	case errors.Is(err, errCrowded):
		e.Hint = "move old files out of the folder"
	case errors.Is(err, errSlow):
		e.Fate = bridge.Pause
		e.Hint = "the disk is slow, or the folder too full: move old files out of it"
	case bridge.HintOfKind(err) != "":
		e.Hint = bridge.HintOfKind(err)
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		e.Fate = bridge.Pause
		e.Hint = "the disk or quota is full: make room; it goes on by itself then"
	case isOne(err, passing):
		e.Fate = bridge.Pause
	case errors.Is(err, fs.ErrNotExist):
		e.Hint = "look whether the file and its folder are there; folders are named in the config"
	case errors.Is(err, fs.ErrExist):
		e.Hint = "the bridge never overwrites: move the other file away, or find out who wrote it"
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		if !errors.Is(err, fs.ErrPermission) {
			e.Err = fmt.Errorf("%w: %w", fs.ErrPermission, err)
		}
		e.Hint = "give the user that runs the bridge the right to do this"
		if op != "list" && op != "stat" && op != "fetch" && op != "watch" {
			e.Hint += "; if nothing may be written or moved there, set read_only for the remote"
		}
	}
	return e
}

// explainRoot says that the whole folder is not there: a disk that is not mounted comes back by itself. A file in its place
// does not.
func (r *Remote) explainRoot(err error) error {
	e := &bridge.Error{Op: "open remote", Object: bridge.FileObject(r.name, r.path), Fate: bridge.Pause,
		Err: fmt.Errorf("%w: %w", bridge.ErrUnreachable, err), Hint: "make the folder, mount its disk, or correct path in the config"}
	info, serr := os.Stat(r.path)
	switch {
	case errors.Is(err, fs.ErrPermission):
		e.Fate = bridge.Stop
		e.Err = err
		e.Hint = "give the user that runs the bridge the right to enter the folder"
	case serr == nil && !info.IsDir():
		e.Fate = bridge.Stop
		e.Err = bridge.WantFolder(info.Mode(), r.path)
		e.Hint = "correct path in the config: it wants a folder"
	}
	return e
}
