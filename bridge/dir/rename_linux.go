package dir

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

func renameNoReplace(fromFolder *os.File, from string, toFolder *os.File, to string) error {
	err := unix.Renameat2(int(fromFolder.Fd()), from, int(toFolder.Fd()), to, unix.RENAME_NOREPLACE)
	// EINVAL: the file system does not know the flag. ENOSYS: the kernel does not.
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) {
		return errNoReplace
	}
	if err != nil {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
	}
	return nil
}
