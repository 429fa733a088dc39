package dir

import (
	"context"
	"os"
)

// At is a folder of this machine, by its absolute path, under a name that errors call it by.
func At(name, path string) *Remote {
	r := &Remote{name: name, path: path, swept: map[string]bool{}}
	r.life, r.end = context.WithCancel(context.Background())
	return r
}

// Rename gives a file or folder a name that nothing has; fs.ErrExist when something has it. It is atomic where the
// system can do that, as [Remote.Move] is.
func Rename(root *os.Root, from, to string) error { return rename(root, from, to) }
