//go:build !linux

package prompt

import (
	"os"
	"syscall"
	"time"
)

func await(syscall.RawConn, time.Duration) {}

func waiting(syscall.RawConn, string) *os.File { return nil }

func shutdown(*os.File) error { return nil }
