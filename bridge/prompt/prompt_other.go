//go:build !linux

package prompt

import (
	"syscall"
	"time"
)

func await(syscall.RawConn, time.Duration) {}
