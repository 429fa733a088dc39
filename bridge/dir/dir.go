// Package dir is a [bridge.Remote] over a local folder.
//
// Nothing leaves the folder: all paths go through [os.Root], which refuses "..", and links that lead out. The folder is
// opened for each operation, so that a disk that is mounted anew is seen. Put and Move never overwrite, atomically, by
// renameat2(RENAME_NOREPLACE), or by link and unlink where the file system or the operating system has no such call.
// Files and folders are synced before an operation is reported as done.
//
// Limits: waiting for the disk can't be cancelled; a context is looked at between steps. Events (fsnotify) come from
// local file systems only, not from NFS, SMB or FUSE, and not from folders below the one that is watched.
package dir

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/orobridge/orobridge/bridge"
)

const chunkSize = 1 << 20 // of a fetch

// Remote is a place with files on this machine.
type Remote struct {
	name  string
	path  string
	life  context.Context // ends with Close
	end   context.CancelFunc
	mu    sync.Mutex
	swept map[string]bool // folders that were looked through for old temporary files
	work  sync.WaitGroup  // watchers
}

var _ bridge.Remote = (*Remote)(nil)

// New checks the options; it does not look whether the folder is there. Errors are *bridge.Error with fate Stop.
func New(name string, cfg *Options) (*Remote, error) {
	full, err := filepath.Abs(cfg.Path)
	if cfg.Path == "" {
		err = errors.New("there is no path")
	}
	if err != nil {
		return nil, &bridge.Error{Op: "open remote", Object: name, Fate: bridge.Stop, Err: err, Hint: "set path for the remote"}
	}
	r := &Remote{name: name, path: full, swept: map[string]bool{}}
	r.life, r.end = context.WithCancel(context.Background())
	return r, nil
}

// local makes the path below the root, "." for the root itself.
func (r *Remote) local(op, p string) (string, error) {
	elements, err := bridge.SplitPath(p)
	if err != nil {
		return "", bridge.NameError(op, r.name, p, err)
	}
	if len(elements) == 0 {
		return ".", nil
	}
	return path.Join(elements...), nil
}

// do runs an operation below the root and explains its error.
func (r *Remote) do(ctx context.Context, op, p string, f func(root *os.Root, local string) error) error {
	local, err := r.local(op, p)
	if err != nil {
		return err
	}
	if err := r.alive(ctx); err != nil {
		return r.explain(op, p, err)
	}
	root, err := os.OpenRoot(r.path)
	if err != nil {
		return r.explainRoot(err)
	}
	defer root.Close()
	return r.explain(op, p, f(root, local))
}

func (r *Remote) alive(ctx context.Context) error {
	if r.life.Err() != nil {
		return fs.ErrClosed
	}
	return ctx.Err()
}

// List returns the entries of a folder. A symbolic link is listed as the link; a file that vanishes meanwhile is left out.
func (r *Remote) List(ctx context.Context, folder string) ([]bridge.File, error) {
	var files []bridge.File
	err := r.do(ctx, "list", folder, func(root *os.Root, local string) error {
		f, err := root.Open(local)
		if err != nil {
			return err
		}
		defer f.Close()
		infos, err := f.Readdir(-1)
		for _, info := range infos {
			files = append(files, asFile(info))
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return files, nil
}

func asFile(info fs.FileInfo) bridge.File {
	return bridge.File{Name: info.Name(), Size: info.Size(), MTime: info.ModTime().UTC(), Dir: info.IsDir()}
}

// Stat asks for one file; a symbolic link is followed.
func (r *Remote) Stat(ctx context.Context, p string) (bridge.File, error) {
	var file bridge.File
	err := r.do(ctx, "stat", p, func(root *os.Root, local string) error {
		info, err := root.Stat(local)
		if err == nil {
			file = asFile(info)
		}
		return err
	})
	return file, err
}

// Fetch copies a file into w.
func (r *Remote) Fetch(ctx context.Context, p string, w io.Writer) (int64, error) {
	var n int64
	err := r.do(ctx, "fetch", p, func(root *os.Root, local string) error {
		// A pipe would keep the opening waiting for its writer.
		f, err := root.OpenFile(local, os.O_RDONLY|syscall.O_NONBLOCK, 0)
		if err != nil {
			return err
		}
		defer f.Close()
		before, err := f.Stat()
		if err != nil {
			return err
		}
		if !before.Mode().IsRegular() {
			return &bridge.Error{Op: "fetch", Object: bridge.FileObject(r.name, p), Fate: bridge.Stop,
				Err: fmt.Errorf("not a regular file (%s)", before.Mode().Type()), Hint: "only regular files can be fetched: move it out of the folder"}
		}
		if n, err = r.copy(ctx, w, f, before.Size()); err != nil {
			return err
		}
		after, err := root.Stat(local)
		if err != nil {
			return err
		}
		if n != before.Size() || after.Size() != n || !after.ModTime().Equal(before.ModTime()) || !os.SameFile(before, after) {
			return r.changed(p, before, after, n)
		}
		return nil
	})
	return n, err
}

func (r *Remote) changed(p string, before, after fs.FileInfo, read int64) error {
	return &bridge.Error{Op: "fetch", Object: bridge.FileObject(r.name, p), Fate: bridge.Pause,
		Err: fmt.Errorf("the file changed while it was read: %d bytes of %s before, %d bytes of %s after, %d bytes read",
			before.Size(), before.ModTime().UTC().Format(time.RFC3339Nano), after.Size(), after.ModTime().UTC().Format(time.RFC3339Nano), read),
		Hint: "it is fetched again; if this repeats, the sender writes into the file: have it written under a temporary name and renamed, or set ready.stable higher"}
}

// writerError is an error of the caller's writer, not of the folder.
type writerError struct{ err error }

func (e *writerError) Error() string { return fmt.Sprintf("write what was fetched: %v", e.err) }
func (e *writerError) Unwrap() error { return e.err }

// copy at most one byte more than size, so that a file that grows without end does not hold it.
func (r *Remote) copy(ctx context.Context, w io.Writer, f io.Reader, size int64) (int64, error) {
	f = io.LimitReader(f, size+1)
	chunk := make([]byte, min(size+1, chunkSize))
	var n int64
	for {
		if err := r.alive(ctx); err != nil {
			return n, err
		}
		got, err := f.Read(chunk)
		if got > 0 {
			if _, werr := w.Write(chunk[:got]); werr != nil {
				return n, &writerError{werr}
			}
			n += int64(got)
		}
		if err == io.EOF {
			return n, nil
		}
		if err != nil {
			return n, err
		}
	}
}

// Put writes a whole file, as [bridge.Remote] says.
func (r *Remote) Put(ctx context.Context, p string, body io.ReadSeeker) error {
	return r.do(ctx, "put", p, func(root *os.Root, local string) error {
		if _, err := root.Lstat(local); err == nil {
			return fs.ErrExist
		}
		folder := path.Dir(local)
		temp := path.Join(folder, bridge.TempName())
		err := write(ctx, root, temp, body)
		if err == nil {
			err = r.alive(ctx)
		}
		if err == nil {
			err = rename(root, temp, local)
		}
		if err != nil {
			_ = root.Remove(temp) // not there where it could not be made
			return err
		}
		if err := syncFolder(root, folder); err != nil {
			return err
		}
		r.sweep(root, folder)
		return nil
	})
}

// write makes the file, which must not exist.
func write(ctx context.Context, root *os.Root, local string, body io.ReadSeeker) error {
	if _, err := body.Seek(0, io.SeekStart); err != nil {
		return err
	}
	f, err := root.OpenFile(local, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	n, err := io.Copy(f, &mindful{ctx: ctx, r: body})
	if err == nil {
		err = f.Sync()
	}
	info, serr := f.Stat()
	if err = errors.Join(err, serr, f.Close()); err != nil {
		return err
	}
	if info.Size() != n {
		return fmt.Errorf("the file has %d bytes of %d that were written: %w", info.Size(), n, io.ErrShortWrite)
	}
	return nil
}

// mindful stops reading when its context ends.
type mindful struct {
	ctx context.Context
	r   io.Reader
}

func (m *mindful) Read(p []byte) (int, error) {
	if err := m.ctx.Err(); err != nil {
		return 0, err
	}
	return m.r.Read(p)
}

func syncFolder(root *os.Root, folder string) error {
	f, err := root.Open(folder)
	if err != nil {
		return err
	}
	err = f.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOTSUP) {
		err = nil // a file system that can't sync folders
	}
	return errors.Join(err, f.Close())
}

// staleAfter is the age at which a temporary file of the bridge belongs to nobody any more.
const staleAfter = 24 * time.Hour

// sweep removes what killed processes have left in a folder, once per folder, at best effort.
func (r *Remote) sweep(root *os.Root, folder string) {
	r.mu.Lock()
	done := r.swept[folder]
	r.swept[folder] = true
	r.mu.Unlock()
	if done {
		return
	}
	f, err := root.Open(folder)
	if err != nil {
		return
	}
	defer f.Close()
	infos, _ := f.Readdir(-1)
	for _, info := range infos {
		if bridge.OwnTemp(info.Name()) && info.Mode().IsRegular() && time.Since(info.ModTime()) > staleAfter {
			_ = root.Remove(path.Join(folder, info.Name()))
		}
	}
}

// Move renames a file.
func (r *Remote) Move(ctx context.Context, from, to string) error {
	target, err := r.local("move", to)
	if err != nil {
		return err
	}
	return r.do(ctx, "move", from, func(root *os.Root, local string) error {
		err := rename(root, local, target)
		if errors.Is(err, fs.ErrNotExist) {
			if _, lerr := root.Lstat(local); lerr == nil {
				err = fmt.Errorf("the folder %s: %w", path.Dir(to), err)
			}
		}
		if err != nil {
			return err
		}
		if err := syncFolder(root, path.Dir(target)); err != nil {
			return err
		}
		return syncFolder(root, path.Dir(local))
	})
}

// Remove deletes one file, never a folder.
func (r *Remote) Remove(ctx context.Context, p string) error {
	return r.do(ctx, "remove", p, func(root *os.Root, local string) error {
		info, err := root.Lstat(local)
		if err != nil {
			return err
		}
		if info.IsDir() {
			return &bridge.Error{Op: "remove", Object: bridge.FileObject(r.name, p), Fate: bridge.Stop,
				Err: errors.New("it is a folder"), Hint: "remove folders by hand"}
		}
		if err := root.Remove(local); err != nil {
			return err
		}
		return syncFolder(root, path.Dir(local))
	})
}

// MakeFolder makes a folder and its parents, below the remote's own, which is never made.
func (r *Remote) MakeFolder(ctx context.Context, folder string) error {
	return r.do(ctx, "make folder", folder, func(root *os.Root, local string) error {
		if err := root.MkdirAll(local, 0o755); err != nil {
			return err
		}
		return syncFolder(root, path.Dir(local))
	})
}

// Close ends the watchers and waits for them. Operations after it return an error with fate Stop.
func (r *Remote) Close() error {
	r.mu.Lock()
	r.end()
	r.mu.Unlock()
	r.work.Wait()
	return nil
}
