// Package dir is a [bridge.Remote] over a local folder.
//
// Nothing leaves the folder, and no link below it is followed: each folder on the way is opened by itself ([os.Root]) and must be
// the very one that lstat saw, and so must a file that is read. A link that somebody puts in the place of either between the two
// is noticed. The folder itself may be a link: its path is the operator's. It is opened for each operation, so that a disk that
// is mounted anew is seen. Put and Move never overwrite, atomically, by renameat2(RENAME_NOREPLACE), or by link and unlink where
// the file system or the operating system has no such call (there the folders on the way could be swapped, within the remote's
// path). Files and folders are synced before an operation is reported as done.
//
// Limits: waiting for the disk can't be cancelled; a context is looked at between steps. A listing has at most
// bridge.MaxListing entries and two minutes. Events (fsnotify) come from local file systems only, not from NFS, SMB or FUSE, and
// not from folders below the one that is watched.
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
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/orobridge/orobridge/bridge"
)

const (
	chunkSize   = 1 << 20         // of a fetch
	listingTime = 2 * time.Minute // of a whole listing
)

// Permissions of what is made, less what the process's umask takes away. With a mode in the config files get exactly that, and
// folders the same with the right to enter for who may read.
const (
	filePerm   fs.FileMode = 0o644
	folderPerm fs.FileMode = 0o755
)

// Remote is a place with files on this machine.
type Remote struct {
	name     string
	path     string
	mode     fs.FileMode // of files; 0: filePerm
	identity string
	life     context.Context // ends with Close
	end      context.CancelFunc
	mu       sync.Mutex
	swept    map[string]bool // folders that were looked through for old temporary files
	work     sync.WaitGroup  // watchers
}

var _ bridge.Remote = (*Remote)(nil)

// An Option changes how a Remote works.
type Option func(*Remote)

// WithIdentity puts the ledger's identity into the names of temporary files, so that two bridges that write into one folder
// keep their hands off each other's.
func WithIdentity(identity string) Option { return func(r *Remote) { r.identity = identity } }

// New checks the options; it does not look whether the folder is there. Errors are *bridge.Error with fate Stop.
func New(name string, cfg *Options, options ...Option) (*Remote, error) {
	full, err := filepath.Abs(cfg.Path)
	if cfg.Path == "" {
		err = errors.New("there is no path")
	}
	r := &Remote{name: name, path: full, mode: fs.FileMode(cfg.Mode), swept: map[string]bool{}}
	for _, o := range options {
		o(r)
	}
	if err != nil {
		return nil, &bridge.Error{Op: "open remote", Object: name, Fate: bridge.Stop, Err: err, Hint: "set path for the remote"}
	}
	if err := bridge.CheckIdentity(r.identity); err != nil {
		return nil, &bridge.Error{Op: "open remote", Object: name, Fate: bridge.Stop, Err: err, Hint: "report this"}
	}
	r.life, r.end = context.WithCancel(context.Background())
	return r, nil
}

// do runs an operation on a path, given by the elements below the root, and explains its error.
func (r *Remote) do(ctx context.Context, op, p string, f func(root *os.Root, elements []string) error) error {
	elements, err := bridge.SplitPath(p)
	if err != nil {
		return bridge.NameError(op, r.name, p, err)
	}
	if err := r.alive(ctx); err != nil {
		return r.explain(op, p, err)
	}
	root, err := os.OpenRoot(r.path)
	if err != nil {
		return r.explainRoot(err)
	}
	defer root.Close()
	return r.explain(op, p, f(root, elements))
}

// in runs an operation on a path, given as the folder that it is in and its base name there; "." for the root itself.
func (r *Remote) in(ctx context.Context, op, p string, f func(folder *os.Root, base string) error) error {
	return r.do(ctx, op, p, func(root *os.Root, elements []string) error {
		parents, base := split(elements)
		folder, err := enter(root, parents)
		if err != nil {
			return err
		}
		defer folder.Close()
		return f(folder, base)
	})
}

func split(elements []string) (parents []string, base string) {
	if len(elements) == 0 {
		return nil, "."
	}
	return elements[:len(elements)-1], elements[len(elements)-1]
}

// enter opens a folder, one step after the other.
func enter(root *os.Root, folders []string) (*os.Root, error) {
	at, err := root.OpenRoot(".")
	for i := 0; err == nil && i < len(folders); i++ {
		var next *os.Root
		next, err = step(at, folders[i], path.Join(folders[:i+1]...))
		_ = at.Close()
		at = next
	}
	return at, err
}

// step opens the folder of that name and no other that a link leads to. Once it is open nothing else has its number, as something made
// in the place of what was looked at before may have: so the name is looked at once more.
func step(at *os.Root, name, p string) (*os.Root, error) {
	seen, err := at.Lstat(name)
	if err != nil {
		return nil, err
	}
	if err := bridge.WantFolder(seen.Mode(), p); err != nil {
		return nil, err
	}
	looked(name)
	next, err := at.OpenRoot(name)
	if err != nil {
		return nil, err
	}
	opened, err := next.Stat(".")
	if err == nil {
		seen, err = at.Lstat(name)
	}
	if err == nil && !os.SameFile(seen, opened) {
		err = fmt.Errorf("%w: %s was replaced while it was opened", bridge.ErrNotFolder, p)
	}
	if err != nil {
		_ = next.Close()
		return nil, err
	}
	return next, nil
}

// looked is called between the look at a name and its opening; tests put links there.
var looked = func(name string) {}

func (r *Remote) alive(ctx context.Context) error {
	if r.life.Err() != nil {
		return fs.ErrClosed
	}
	return ctx.Err()
}

// List returns the entries of a folder; a file that vanishes meanwhile is left out.
func (r *Remote) List(ctx context.Context, folder string) ([]bridge.File, error) {
	var files []bridge.File
	err := r.do(ctx, "list", folder, func(root *os.Root, elements []string) error {
		at, err := enter(root, elements)
		if err != nil {
			return err
		}
		defer at.Close()
		files, err = r.list(ctx, at)
		return err
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(files, func(x, y bridge.File) int { return strings.Compare(x.Name, y.Name) })
	return files, nil
}

// list reads a folder piece by piece, so that what it holds in memory is what it returns.
func (r *Remote) list(ctx context.Context, folder *os.Root) (files []bridge.File, err error) {
	f, err := folder.Open(".")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	for until := time.Now().Add(listingTime); ; {
		infos, err := f.Readdir(1000)
		for _, info := range infos {
			files = append(files, asFile(info))
		}
		switch {
		case err == io.EOF:
			return files, nil
		case err != nil:
			return nil, err
		case len(files) > bridge.MaxListing:
			return nil, errCrowded
		case time.Now().After(until):
			return nil, errSlow
		}
		if err := r.alive(ctx); err != nil {
			return nil, err
		}
	}
}

func asFile(info fs.FileInfo) bridge.File {
	f := bridge.File{Name: info.Name(), Size: info.Size(), Dir: info.IsDir(), Special: !info.IsDir() && !info.Mode().IsRegular()}
	if at := info.ModTime(); at.Unix() != 0 { // a file system without times says 1970
		f.MTime = at.UTC()
	}
	return f
}

// Stat asks for one file.
func (r *Remote) Stat(ctx context.Context, p string) (bridge.File, error) {
	var file bridge.File
	err := r.in(ctx, "stat", p, func(folder *os.Root, base string) error {
		info, err := folder.Lstat(base)
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
	err := r.in(ctx, "fetch", p, func(folder *os.Root, base string) error {
		seen, err := folder.Lstat(base)
		if err != nil {
			return err
		}
		if err := bridge.WantFile(seen.Mode()); err != nil {
			return err
		}
		looked(base)
		// A pipe that took the file's place would keep the opening waiting for its writer.
		f, err := folder.OpenFile(base, os.O_RDONLY|syscall.O_NONBLOCK, 0)
		if err != nil {
			return err
		}
		defer f.Close()
		before, err := f.Stat()
		if err == nil {
			seen, err = folder.Lstat(base) // as in step
		}
		if err != nil {
			return err
		}
		if !os.SameFile(seen, before) {
			return r.changed(p, seen, before, 0)
		}
		if n, err = r.copy(ctx, w, f, before.Size()); err != nil {
			return err
		}
		after, err := folder.Lstat(base)
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
	return &bridge.Error{Op: "fetch", Object: bridge.FileObject(r.name, p), Fate: bridge.Pause, File: true,
		Err: fmt.Errorf("the file changed while it was read: %d bytes of %s before, %d bytes of %s after, %d bytes read",
			before.Size(), before.ModTime().UTC().Format(time.RFC3339Nano), after.Size(), after.ModTime().UTC().Format(time.RFC3339Nano), read),
		Hint: "it is fetched again; if this repeats, the sender writes into the file: have it written under a " +
			"temporary name and renamed, or set ready.stable higher"}
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
	return r.in(ctx, "put", p, func(folder *os.Root, base string) error {
		if _, err := folder.Lstat(base); err == nil {
			return fs.ErrExist
		}
		temp := bridge.TempName(r.identity)
		err := r.write(ctx, folder, temp, body)
		if err == nil {
			err = r.alive(ctx)
		}
		if err == nil {
			err = rename(folder, temp, folder, base)
		}
		if err != nil {
			_ = folder.Remove(temp) // not there where it could not be made
			return err
		}
		if err := syncFolder(folder); err != nil {
			return err
		}
		r.sweep(folder, path.Dir(path.Clean("/"+p)))
		return nil
	})
}

// write makes the file, which must not exist. A mode of the config holds from the file's first moment.
func (r *Remote) write(ctx context.Context, folder *os.Root, name string, body io.ReadSeeker) error {
	if _, err := body.Seek(0, io.SeekStart); err != nil {
		return &bodyError{err}
	}
	perm := filePerm
	if r.mode != 0 {
		perm = r.mode & 0o600
	}
	f, err := folder.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm)
	if err != nil {
		return err
	}
	n, err := io.Copy(f, &mindful{ctx: ctx, r: body})
	if err == nil && r.mode != 0 {
		err = f.Chmod(r.mode)
	}
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

// bodyError is an error of the caller's reader, not of the folder.
type bodyError struct{ err error }

func (e *bodyError) Error() string { return fmt.Sprintf("read what is to be written: %v", e.err) }
func (e *bodyError) Unwrap() error { return e.err }

// mindful stops reading when its context ends.
type mindful struct {
	ctx context.Context
	r   io.Reader
}

func (m *mindful) Read(p []byte) (int, error) {
	if err := m.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := m.r.Read(p)
	if err != nil && err != io.EOF {
		err = &bodyError{err}
	}
	return n, err
}

func syncFolder(folder *os.Root) error {
	f, err := folder.Open(".")
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

// sweep removes what killed processes of this bridge have left in a folder, once per folder, at best effort.
func (r *Remote) sweep(folder *os.Root, p string) {
	r.mu.Lock()
	done := r.swept[p]
	r.swept[p] = true
	r.mu.Unlock()
	if done {
		return
	}
	files, err := r.list(r.life, folder)
	if err != nil {
		return
	}
	for _, f := range files {
		if bridge.OwnTemp(r.identity, f.Name) && !f.Dir && !f.Special && !f.MTime.IsZero() && time.Since(f.MTime) > staleAfter {
			_ = folder.Remove(f.Name)
		}
	}
}

// Move renames a file.
func (r *Remote) Move(ctx context.Context, from, to string) error {
	_, err := r.moveSome(ctx, []bridge.Rename{{From: from, To: to}})
	return err
}

// Remove deletes one file, never a folder.
func (r *Remote) Remove(ctx context.Context, p string) error {
	return r.in(ctx, "remove", p, func(folder *os.Root, base string) error {
		info, err := folder.Lstat(base)
		if err != nil {
			return err
		}
		if info.IsDir() {
			return bridge.WantFile(info.Mode())
		}
		if err := folder.Remove(base); err != nil {
			return err
		}
		return syncFolder(folder)
	})
}

// MakeFolder makes a folder and its parents, below the remote's own, which is never made.
func (r *Remote) MakeFolder(ctx context.Context, p string) error {
	return r.do(ctx, "make folder", p, func(root *os.Root, elements []string) error {
		for i, name := range elements {
			parent, err := enter(root, elements[:i])
			if err != nil {
				return err
			}
			err = errors.Join(r.mkdir(parent, name, path.Join(elements[:i+1]...)), parent.Close())
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// mkdir makes a folder that is not there.
func (r *Remote) mkdir(parent *os.Root, name, p string) error {
	info, err := parent.Lstat(name)
	if err == nil {
		return bridge.WantFolder(info.Mode(), p)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	err = parent.Mkdir(name, folderPerm)
	if errors.Is(err, fs.ErrExist) {
		return r.mkdir(parent, name, p) // somebody else has made it meanwhile
	}
	if err == nil && r.mode != 0 {
		err = parent.Chmod(name, r.mode|r.mode&0o444>>2)
	}
	return errors.Join(err, syncFolder(parent))
}

// Close ends the watchers and waits for them. Operations after it return an error with fate Stop.
func (r *Remote) Close() error {
	r.mu.Lock()
	r.end()
	r.mu.Unlock()
	r.work.Wait()
	return nil
}
