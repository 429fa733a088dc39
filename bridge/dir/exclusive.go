package dir

import (
	"errors"
	"os"
	"path"
)

// Rename gives a file or folder below root a name that nothing has; fs.ErrExist when something has it. It is atomic
// where the system can do that, as [Remote.Move] is. Callers have looked for links.
func Rename(root *os.Root, from, to string) error {
	old, err := root.Open(path.Dir(from))
	if err != nil {
		return err
	}
	defer old.Close()
	next, err := root.Open(path.Dir(to))
	if err != nil {
		return err
	}
	defer next.Close()
	err = renameNoReplace(old, path.Base(from), next, path.Base(to))
	if !errors.Is(err, errNoReplace) {
		return err
	}
	if err := root.Link(from, to); err != nil {
		return err
	}
	return root.Remove(from)
}
