package prompt

import (
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// await waits in the thread until something can be read, for so long at most.
func await(raw syscall.RawConn, most time.Duration) {
	_ = raw.Read(func(fd uintptr) bool {
		_, _ = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int(most.Milliseconds()))
		return true
	})
}
