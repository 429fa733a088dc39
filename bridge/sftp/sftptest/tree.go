package sftptest

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"sync/atomic"

	"github.com/pkg/sftp"
)

// tree answers requests out of a folder that nothing leaves: os.Root refuses "..", and links that lead out of it.
// It answers as OpenSSH does: a rename onto an existing file is a failure, posix-rename replaces.
type tree struct{ server *Server }

// local is the path below the root.
func local(p string) string {
	p = strings.TrimPrefix(path.Clean("/"+p), "/")
	if p == "" {
		return "."
	}
	return p
}

// answer maps what has no code of its own.
func answer(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return sftp.ErrSSHFxNoSuchFile
	case errors.Is(err, fs.ErrPermission):
		return sftp.ErrSSHFxPermissionDenied
	}
	return sftp.ErrSSHFxFailure
}

// file is an open file; the server closes it with its handle.
type file struct {
	*os.File
	tree *tree
	once string      // path to delete after reading
	end  atomic.Bool // the end was seen
}

// ReadAt answers with fewer bytes than asked for where the server is like that.
func (f *file) ReadAt(p []byte, off int64) (int, error) {
	if most := f.tree.server.options.ShortReads; most > 0 && len(p) > most {
		p = p[:most]
		n, err := f.File.ReadAt(p, off)
		if n > 0 {
			err = nil
		}
		return n, err
	}
	n, err := f.File.ReadAt(p, off)
	if err == io.EOF {
		f.end.Store(true)
	}
	return n, err
}

// WriteAt fails once the disk is full.
func (f *file) WriteAt(p []byte, off int64) (int, error) {
	s := f.tree.server
	s.mu.Lock()
	full := s.options.Space > 0 && s.space < int64(len(p))
	if s.options.Space > 0 && !full {
		s.space -= int64(len(p))
	}
	s.mu.Unlock()
	if full {
		return 0, sftp.ErrSSHFxFailure // as OpenSSH has it
	}
	return f.File.WriteAt(p, off)
}

func (f *file) Close() error {
	err := f.File.Close()
	if f.once != "" && f.end.Load() {
		_ = f.tree.server.root.Remove(f.once)
	}
	return err
}

// Fileread opens for reading.
func (t *tree) Fileread(r *sftp.Request) (io.ReaderAt, error) {
	f, err := t.server.root.Open(local(r.Filepath))
	if err != nil {
		return nil, answer(err)
	}
	open := &file{File: f, tree: t}
	if t.server.options.ReadOnce {
		open.once = local(r.Filepath)
	}
	return open, nil
}

// Filewrite opens for writing.
func (t *tree) Filewrite(r *sftp.Request) (io.WriterAt, error) {
	if t.server.readOnly() {
		return nil, sftp.ErrSSHFxPermissionDenied
	}
	want := r.Pflags()
	flags := os.O_WRONLY
	if want.Read {
		flags = os.O_RDWR
	}
	for _, f := range []struct {
		on   bool
		flag int
	}{{want.Creat, os.O_CREATE}, {want.Trunc, os.O_TRUNC}, {want.Excl, os.O_EXCL}} {
		if f.on {
			flags |= f.flag
		}
	}
	f, err := t.server.root.OpenFile(local(r.Filepath), flags, 0o644)
	if err != nil {
		return nil, answer(err)
	}
	return &file{File: f, tree: t}, nil
}

// Filecmd does what is neither reading, writing nor listing.
func (t *tree) Filecmd(r *sftp.Request) error {
	if t.server.readOnly() {
		return sftp.ErrSSHFxPermissionDenied
	}
	root, p := t.server.root, local(r.Filepath)
	switch r.Method {
	case "Rename":
		if _, err := root.Lstat(local(r.Target)); err == nil {
			return sftp.ErrSSHFxFailure
		}
		return answer(root.Rename(p, local(r.Target)))
	case "Link":
		return answer(root.Link(p, local(r.Target)))
	case "Remove":
		info, err := root.Lstat(p)
		switch {
		case err != nil:
			return answer(err)
		case info.IsDir():
			return sftp.ErrSSHFxFailure
		}
		if err = root.Remove(p); err == nil {
			t.server.giveBack(info.Size())
		}
		return answer(err)
	case "Rmdir":
		if info, err := root.Lstat(p); err == nil && !info.IsDir() {
			return sftp.ErrSSHFxFailure
		}
		return answer(root.Remove(p))
	case "Mkdir":
		return answer(root.Mkdir(p, 0o755))
	case "Setstat":
		return t.setstat(p, r)
	}
	return sftp.ErrSSHFxOpUnsupported
}

// PosixRename replaces the target.
func (t *tree) PosixRename(r *sftp.Request) error {
	switch {
	case t.server.options.NoPosixRename, t.server.options.NoExtensions:
		return sftp.ErrSSHFxOpUnsupported
	case t.server.readOnly():
		return sftp.ErrSSHFxPermissionDenied
	}
	return answer(t.server.root.Rename(local(r.Filepath), local(r.Target)))
}

// setstat sets size, permissions and times; owners stay.
func (t *tree) setstat(p string, r *sftp.Request) error {
	flags, attrs, root := r.AttrFlags(), r.Attributes(), t.server.root
	var err error
	if flags.Size {
		f, oerr := root.OpenFile(p, os.O_WRONLY, 0)
		if oerr != nil {
			return answer(oerr)
		}
		err = errors.Join(f.Truncate(int64(attrs.Size)), f.Close())
	}
	if flags.Permissions {
		err = errors.Join(err, root.Chmod(p, attrs.FileMode().Perm()))
	}
	if flags.Acmodtime {
		err = errors.Join(err, root.Chtimes(p, attrs.AccessTime(), attrs.ModTime()))
	}
	return answer(err)
}

// Filelist lists a folder or asks for one file.
func (t *tree) Filelist(r *sftp.Request) (sftp.ListerAt, error) {
	root, p := t.server.root, local(r.Filepath)
	switch r.Method {
	case "List":
		return t.list(p)
	case "Stat":
		info, err := root.Stat(p)
		return infos{info}, answer(err)
	}
	return nil, sftp.ErrSSHFxOpUnsupported
}

// Lstat does not follow a link.
func (t *tree) Lstat(r *sftp.Request) (sftp.ListerAt, error) {
	info, err := t.server.root.Lstat(local(r.Filepath))
	return infos{info}, answer(err)
}

func (t *tree) list(p string) (sftp.ListerAt, error) {
	f, err := t.server.root.Open(p)
	if err != nil {
		return nil, answer(err)
	}
	defer f.Close()
	list, err := f.Readdir(-1)
	return infos(list), answer(err)
}

// infos is a listing that is handed out in pieces.
type infos []os.FileInfo

func (l infos) ListAt(into []os.FileInfo, off int64) (int, error) {
	if off >= int64(len(l)) {
		return 0, io.EOF
	}
	n := copy(into, l[off:])
	if int(off)+n == len(l) {
		return n, io.EOF
	}
	return n, nil
}
