package dir

import (
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/orobridge/orobridge/bridge"
)

// more appends the next entries of a folder that is open, and returns io.EOF behind the last. One that is gone by then is left out. Of very
// many files that wait, each poll asks for all: they are asked for by their names alone, with no more memory than they are told in.
func more(f *os.File, files []bridge.File) ([]bridge.File, error) {
	names, err := f.Readdirnames(entriesAtOnce)
	if err != nil {
		return files, err
	}
	folder, err := f.SyscallConn()
	if err != nil {
		return files, err
	}
	var told unix.Stat_t
	var failed error
	err = folder.Control(func(fd uintptr) {
		for _, name := range names {
			for failed = unix.EINTR; failed == unix.EINTR; {
				failed = unix.Fstatat(int(fd), name, &told, unix.AT_SYMLINK_NOFOLLOW)
			}
			switch {
			case failed == nil:
				files = append(files, entry(name, &told))
			case failed != unix.ENOENT:
				failed = &os.PathError{Op: "lstat", Path: name, Err: failed}
				return
			}
		}
		failed = nil
	})
	return files, errors.Join(err, failed)
}

// entry is [asFile] of what the system tells.
func entry(name string, told *unix.Stat_t) bridge.File {
	kind := told.Mode & unix.S_IFMT
	f := bridge.File{Name: name, Size: told.Size, Dir: kind == unix.S_IFDIR, Special: kind != unix.S_IFDIR && kind != unix.S_IFREG}
	if at := time.Unix(told.Mtim.Unix()); at.Unix() != 0 {
		f.MTime = at.UTC()
	}
	return f
}
