//go:build !linux

package sftpd

import (
	"syscall"
	"time"
)

func await(syscall.RawConn, time.Duration) {}
