package sftpd

import (
	"io/fs"
	"syscall"
	"time"
)

// changed is when a file was last written, renamed or given attributes: nobody can set this time back.
func changed(info fs.FileInfo) time.Time {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return time.Unix(s.Ctim.Unix())
	}
	return info.ModTime()
}
