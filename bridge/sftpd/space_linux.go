package sftpd

import (
	"os"

	"github.com/pkg/sftp"
	"golang.org/x/sys/unix"
)

// space asks the file system of a folder.
func space(root *os.Root) (*sftp.StatVFS, error) {
	f, err := root.Open(".")
	if err != nil {
		return nil, sftp.ErrSSHFxFailure
	}
	defer f.Close()
	var s unix.Statfs_t
	if err := unix.Fstatfs(int(f.Fd()), &s); err != nil {
		return nil, sftp.ErrSSHFxFailure
	}
	return &sftp.StatVFS{Bsize: uint64(s.Bsize), Frsize: uint64(s.Frsize), Blocks: s.Blocks, Bfree: s.Bfree, Bavail: s.Bavail,
		Files: s.Files, Ffree: s.Ffree, Favail: s.Ffree, Namemax: uint64(s.Namelen)}, nil
}
