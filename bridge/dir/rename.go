package dir

import (
	"errors"
	"os"
)

// errNoReplace says that there is no exclusive rename here.
var errNoReplace = errors.New("no exclusive rename")

// rename gives a file a name that nothing has; fs.ErrExist when something has it.
func rename(fromFolder *os.Root, from string, toFolder *os.Root, to string) error {
	old, err := fromFolder.Open(".")
	if err != nil {
		return err
	}
	defer old.Close()
	next, err := toFolder.Open(".")
	if err != nil {
		return err
	}
	defer next.Close()
	err = renameNoReplace(old, from, next, to)
	if errors.Is(err, errNoReplace) && fromFolder == toFolder {
		return relink(fromFolder, from, to)
	}
	return err
}

// relink is the exclusive rename of a system that has none.
func relink(root *os.Root, from, to string) error {
	if err := root.Link(from, to); err != nil {
		return err
	}
	return root.Remove(from)
}
