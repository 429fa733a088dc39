package dir

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"syscall"

	"github.com/orobridge/orobridge/bridge"
)

// passing are errors of the system that go away by themselves or once somebody has made room.
var passing = []syscall.Errno{
	syscall.ENOSPC, syscall.EDQUOT, syscall.EIO, syscall.ESTALE, syscall.ETIMEDOUT, syscall.EMFILE, syscall.ENFILE,
	syscall.ENOMEM, syscall.EAGAIN, syscall.EINTR, syscall.EBUSY, syscall.ETXTBSY, syscall.EHOSTDOWN,
}

// explain makes an error that an operator can read.
func (r *Remote) explain(op, p string, err error) error {
	var done *bridge.Error
	if err == nil || errors.As(err, &done) {
		return err
	}
	e := &bridge.Error{Op: op, Object: bridge.FileObject(r.name, p), Fate: bridge.Stop, Err: err}
	var writer *writerError
	switch {
	case errors.As(err, &writer), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		e.Fate = bridge.Pause
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		e.Fate = bridge.Pause
		e.Hint = "the disk or quota is full: make room; it goes on by itself then"
	case slices.ContainsFunc(passing, func(n syscall.Errno) bool { return errors.Is(err, n) }):
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
	}
	return e
}

// explainRoot says that the whole folder is not there: a disk that is not mounted comes back by itself.
func (r *Remote) explainRoot(err error) error {
	e := &bridge.Error{Op: "open remote", Object: bridge.FileObject(r.name, r.path), Fate: bridge.Pause,
		Err: fmt.Errorf("%w: %w", bridge.ErrUnreachable, err), Hint: "make the folder, mount its disk, or correct path in the config"}
	if errors.Is(err, fs.ErrPermission) {
		e.Fate = bridge.Stop
		e.Err = err
		e.Hint = "give the user that runs the bridge the right to enter the folder"
	}
	return e
}
