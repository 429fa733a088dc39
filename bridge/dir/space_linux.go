package dir

import "golang.org/x/sys/unix"

// freeSpace is the number of bytes that an ordinary user may still write.
func freeSpace(path string) (int64, bool) {
	var s unix.Statfs_t
	if err := unix.Statfs(path, &s); err != nil {
		return 0, false
	}
	return int64(s.Bavail) * s.Bsize, true
}
