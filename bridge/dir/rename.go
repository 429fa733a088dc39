package dir

import (
	"errors"
	"os"
	"path"
)

// errNoReplace says that there is no exclusive rename here.
var errNoReplace = errors.New("no exclusive rename")

// rename gives a file a name that nothing has; fs.ErrExist when something has it.
func rename(root *os.Root, from, to string) error {
	fromFolder, err := root.Open(path.Dir(from))
	if err != nil {
		return err
	}
	defer fromFolder.Close()
	toFolder, err := root.Open(path.Dir(to))
	if err != nil {
		return err
	}
	defer toFolder.Close()
	err = renameNoReplace(fromFolder, path.Base(from), toFolder, path.Base(to))
	if !errors.Is(err, errNoReplace) {
		return err
	}
	if err := root.Link(from, to); err != nil {
		return err
	}
	return root.Remove(from)
}
