package prompt

import (
	"errors"
	"os"
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

// waiting is the same connection once more, for which reads and writes wait in their threads; nil where that can't be had. The old one is
// good for nothing but to be closed then.
func waiting(raw syscall.RawConn, name string) (own *os.File) {
	_ = raw.Control(func(fd uintptr) {
		again, err := unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			return
		}
		if unix.SetNonblock(again, false) != nil {
			_ = unix.Close(again)
			return
		}
		own = os.NewFile(uintptr(again), name)
	})
	return own
}

// shutdown wakes whoever waits. One whose other end has gone needs none.
func shutdown(own *os.File) error {
	raw, err := own.SyscallConn()
	if err != nil {
		return err
	}
	down := raw.Control(func(fd uintptr) { err = unix.Shutdown(int(fd), unix.SHUT_RDWR) })
	if errors.Is(err, unix.ENOTCONN) {
		err = nil
	}
	return errors.Join(down, err)
}
