package sftp

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"syscall"

	"github.com/pkg/sftp"

	"github.com/orobridge/orobridge/bridge"
)

const createExclusive = os.O_WRONLY | os.O_CREATE | os.O_EXCL

// Status codes of later drafts that servers send although version 3 does not have them (draft-ietf-secsh-filexfer-13,
// section 9.1).
const (
	codeNoSuchPath    = 10
	codeAlreadyExists = 11
	codeWriteProtect  = 12
	codeNoSpace       = 14
	codeQuota         = 15
	codeLockConflict  = 17
)

// code is the code of a status answer; 0 when err is none.
func code(err error) uint32 {
	var status *sftp.StatusError
	if errors.As(err, &status) {
		return status.Code
	}
	return 0
}

// serverSaid says whether err is an answer of the server, after which the connection is good. pkg/sftp turns two
// codes into errors of package os; everything else that is not a status is trouble of the connection, io.EOF included:
// it is what a write to a closed channel returns.
func serverSaid(err error) bool {
	var status *sftp.StatusError
	return errors.As(err, &status) || errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) || errors.Is(err, fs.ErrExist)
}

// explain makes an error that an operator can read of what went wrong on a connection. What the server says of a file is that
// file's own trouble, unless all others would meet it, too, or it is that of a folder as a whole.
func (r *Remote) explain(op, p string, c *conn, err error) *bridge.Error {
	e := &bridge.Error{Op: op, Object: bridge.FileObject(r.name, p), Fate: bridge.Pause, Err: err}
	var done *bridge.Error
	var size *sizeError
	var writer *writerError
	var body *bodyError
	var mode *modeError
	whole := op == "list" || op == "make folder"
	switch {
	case errors.As(err, &done):
		return done
	case errors.As(err, &writer), errors.As(err, &size), errors.As(err, &body):
	case c.whyCut() == errCrowded:
		e.Fate = bridge.Stop
		e.Err = fmt.Errorf("%w: more than %d, or more than %d MiB of names", errCrowded, bridge.MaxListing, maxListing>>20)
		e.Hint = "move old files out of the folder"
	case c.whyCut() == errSlow:
		e.Err = fmt.Errorf("%w: %w: more than %s", bridge.ErrUnreachable, errSlow, c.listingTime)
		e.Hint = "the server is slow, or the folder too full: move old files out of it"
	case c.whyCut() == errGarbled:
		e.Err = fmt.Errorf("%w: %w", bridge.ErrUnreachable, errGarbled)
		e.Hint = "ask the server's operator what answers there"
	case c.dog.bit():
		e.Err = fmt.Errorf("%w: no answer for %s: %w", bridge.ErrUnreachable, r.readTimeout, os.ErrDeadlineExceeded)
		e.Hint = "the server or the network is stuck; it is tried again"
	case errors.As(err, &mode):
		e.Fate = bridge.Stop
		e.Hint = "the server sets no permissions: remove mode from the remote, and have its operator set what new files get"
	case errors.Is(err, bridge.ErrNotRegular), errors.Is(err, bridge.ErrNotFolder):
		e.Fate, e.File, e.Hint = bridge.Stop, !whole, bridge.HintOfKind(err)
	case serverSaid(err):
		e.File = !whole
		r.explainAnswer(e, op)
	default:
		e.Err = fmt.Errorf("%w: connection lost: %w", bridge.ErrUnreachable, err)
	}
	return e
}

// explainAnswer finds fate and hint of what the server said.
func (r *Remote) explainAnswer(e *bridge.Error, op string) {
	code := code(e.Err)
	e.Fate = bridge.Stop
	switch {
	case errors.Is(e.Err, fs.ErrNotExist) || code == codeNoSuchPath:
		e.Err = also(e.Err, fs.ErrNotExist)
		e.Hint = "look whether the file and its folder are there; folders are named in the config"
	case errors.Is(e.Err, fs.ErrExist) || code == codeAlreadyExists:
		e.Err = also(e.Err, fs.ErrExist)
		e.Hint = "the bridge never overwrites: move the other file away, or find out who wrote it"
	case errors.Is(e.Err, fs.ErrPermission) || code == codeWriteProtect:
		e.Err = also(e.Err, fs.ErrPermission)
		e.Hint = fmt.Sprintf("give user %s the right to do this on the server", r.user)
		if op != "list" && op != "stat" && op != "fetch" {
			e.Hint += "; if nothing may be written or moved there, set read_only for the remote"
		}
	case errors.Is(e.Err, syscall.ENOSPC), code == codeNoSpace, code == codeQuota:
		e.Fate, e.File = bridge.Pause, false
		e.Err = also(e.Err, syscall.ENOSPC)
		e.Hint = "the server's disk or quota is full: make room; it goes on by itself then"
	case code == codeLockConflict:
		e.Fate = bridge.Pause
	case code == uint32(sftp.ErrSSHFxNoConnection), code == uint32(sftp.ErrSSHFxConnectionLost):
		e.Fate, e.File = bridge.Pause, false
		e.Err = also(e.Err, bridge.ErrUnreachable)
	case code == uint32(sftp.ErrSSHFxFailure):
		// The code for everything that has none: a full disk, a busy file, another file system.
		e.Fate = bridge.Pause
		e.Hint = "the server gives no reason; if it stays: is its disk full, is the file in use, are both folders on one disk?"
	case code == uint32(sftp.ErrSSHFxOpUnsupported):
		e.File = false
		e.Hint = "the server does not offer this; set read_only for the remote if it may not be written to"
	default:
		e.Hint = "ask the server's operator what it means"
	}
}

// also makes err wrap target, too.
func also(err, target error) error {
	if errors.Is(err, target) {
		return err
	}
	return fmt.Errorf("%w: %w", target, err)
}

// explainFull finds out whether an unexplained failure is a full disk.
func (c *conn) explainFull(folder string, need int64, err error) error {
	if code(err) != uint32(sftp.ErrSSHFxFailure) {
		return err
	}
	if _, ok := c.files.HasExtension("statvfs@openssh.com"); !ok {
		return err
	}
	if vfs, verr := c.files.StatVFS(path.Clean(folder)); verr == nil && vfs != nil && vfs.Bavail*vfs.Frsize < uint64(need) {
		return fmt.Errorf("%w: %w", syscall.ENOSPC, err)
	}
	return err
}
