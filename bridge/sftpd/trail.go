package sftpd

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"syscall"
)

// The way to the folder of a client's last request stays open: the next request is most often for the same one, and costs a look
// at each folder on it then, where following the path anew opens each several times. pkg/sftp asks for paths from one goroutine.

// step is a folder that was entered, and what it was then.
type step struct {
	folder *os.Root
	info   fs.FileInfo
}

// maxTrail is how many folders stay open for a client at most.
const maxTrail = 8

// spot is where a path stands: a folder and a name in it, "." for the root. A path below more than maxTrail folders keeps
// the rest of them in its name.
type spot struct {
	folder *os.Root
	name   string
}

var errLink = errors.New("links are not followed")

// find goes to the folder in which a path stands. A link on the way is an error.
func (t *tree) find(p place) (spot, error) {
	s := spot{t.root, "."}
	for i, name := range p.elements {
		if s.name = name; i == len(p.elements)-1 {
			break
		}
		if i == maxTrail {
			s.name = path.Join(p.elements[i:]...)
			return s, plainPath(s.folder, path.Dir(s.name))
		}
		var err error
		if s.folder, err = t.enter(i, s); err != nil {
			return spot{}, err
		}
	}
	return s, nil
}

// enter goes into a folder, the i-th of the trail. A folder that has another's name by now is not the one that was entered.
func (t *tree) enter(i int, s spot) (*os.Root, error) {
	info, err := s.plain()
	if err == nil && i < len(t.trail) && os.SameFile(info, t.trail[i].info) {
		return t.trail[i].folder, nil
	}
	t.leave(i)
	switch {
	case err != nil:
		return nil, err
	case !info.IsDir():
		return nil, syscall.ENOTDIR
	}
	folder, err := s.folder.OpenRoot(s.name)
	if err != nil {
		return nil, err
	}
	if opened, err := folder.Stat("."); err != nil || !os.SameFile(info, opened) {
		return nil, errors.Join(errLink, err, folder.Close()) // it was replaced meanwhile
	}
	t.trail = append(t.trail, step{folder, info})
	return folder, nil
}

// leave closes the folders from the i-th on.
func (t *tree) leave(i int) {
	for _, s := range t.trail[min(i, len(t.trail)):] {
		_ = s.folder.Close()
	}
	t.trail = t.trail[:min(i, len(t.trail))]
}

// plain looks at what stands there. Links, and what is neither file nor folder, are not for partners.
func (s spot) plain() (fs.FileInfo, error) {
	info, err := s.folder.Lstat(s.name)
	if err == nil && !plainFile(info) {
		return nil, errLink
	}
	return info, err
}

func plainFile(info fs.FileInfo) bool { return info.Mode().IsRegular() || info.IsDir() }

// plainPath refuses a path with a link in it.
func plainPath(root *os.Root, local string) error {
	for i := 0; i <= len(local); i++ {
		if i < len(local) && local[i] != '/' {
			continue
		}
		info, err := root.Lstat(local[:i])
		if err != nil {
			return err
		}
		if info.Mode()&fs.ModeSymlink != 0 {
			return errLink
		}
	}
	return nil
}
