package plan

import "golang.org/x/sys/unix"

// takeRoom takes memory of which the garbage collector does not know: for what it knows of it allows as much garbage again.
func takeRoom(size int) ([]byte, error) {
	return unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
}

func giveRoom(room []byte) error { return unix.Munmap(room) }
