package sftpd

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"

	"github.com/pkg/sftp"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/dir"
)

// tree answers the requests of one connection out of the user's folder.
type tree struct {
	*connection
	trail []step
}

// place is one path of a request.
type place struct {
	elements []string // as the user sees it
	local    string   // below the user's folder; "." for the folder itself
	full     string   // below the remote's root, as arrivals and events have it
}

func (p place) String() string { return "/" + strings.Join(p.elements, "/") }

// at takes a path apart. A path that can't be is refused, whatever is asked of it, and where the bridge has files while it loads
// them there is nothing for a partner.
func (t *tree) at(p string) (place, error) {
	elements, err := split(p)
	if err != nil {
		return place{}, t.deny("", sftp.ErrSSHFxBadMessage, err.Error())
	}
	local := path.Join(elements...)
	if local == "" {
		local = "."
	}
	full := inner(path.Join(t.account.folder, local))
	if t.owns(full) {
		return place{}, sftp.ErrSSHFxNoSuchFile
	}
	return place{elements, local, full}, nil
}

// owns says whether a path is one of the bridge's own folders, or stands below one.
func (r *Remote) owns(full string) bool {
	return slices.ContainsFunc(r.own, func(folder string) bool { return strings.HasPrefix(full+"/", folder+"/") })
}

// status is an answer with a code of the protocol and a text for the partner.
type status struct {
	code error
	text string
}

func (s *status) Error() string { return s.text }
func (s *status) Unwrap() error { return s.code }

// deny is a refusal: the partner is told, and so is the journal.
func (t *tree) deny(full string, code error, text string) error {
	if full != "" {
		full = "/" + full
	}
	t.refuse(full, text)
	return &status{code, text}
}

// forbid refuses what the user has no right to.
func (t *tree) forbid(p place, what string) error {
	return t.deny(p.full, sftp.ErrSSHFxPermissionDenied, "you may not "+what+" "+p.String())
}

// look finds what stands under a path.
func (t *tree) look(p place) (spot, fs.FileInfo, error) {
	s, err := t.find(p)
	if err != nil {
		return s, nil, err
	}
	info, err := s.plain()
	return s, info, err
}

// answer gives an error of the system its code. What it says of local paths stays here.
func (t *tree) answer(p place, err error) error {
	var done *status
	switch {
	case err == nil, err == io.EOF, errors.As(err, &done):
		return err
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return sftp.ErrSSHFxNoSuchFile
	case errors.Is(err, errLink):
		return t.deny(p.full, sftp.ErrSSHFxPermissionDenied, p.String()+": "+errLink.Error())
	case errors.Is(err, errBeingLoaded):
		return t.deny(p.full, sftp.ErrSSHFxFailure, p.String()+": "+errBeingLoaded.Error())
	case errors.Is(err, syscall.ENOTEMPTY): // which is fs.ErrExist, too
		return &status{sftp.ErrSSHFxFailure, p.String() + ": the folder is not empty"}
	case errors.Is(err, fs.ErrExist):
		return &status{sftp.ErrSSHFxFailure, p.String() + ": something has that name already"}
	}
	text := "trouble of the server"
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		text = "the server's disk is full"
	case errors.Is(err, syscall.EISDIR):
		return &status{sftp.ErrSSHFxFailure, p.String() + " is a folder"}
	}
	t.log.Warn("a partner's request failed", "remote", t.name, "user", t.account.Name, "file", p.full, "error", err)
	return &status{sftp.ErrSSHFxFailure, p.String() + ": " + text}
}

// ownTemp is how the names begin that bridges write under.
const ownTemp = ".orobridge-"

// hides says whether a file is one that the bridge is writing, of which a partner who only fetches sees nothing. One who
// writes there may be a bridge too, and use such names.
func (t *tree) hides(p place) bool {
	return len(p.elements) > 0 && strings.HasPrefix(p.elements[len(p.elements)-1], ownTemp) && !t.account.rights.mayWrite(p.elements)
}

// Fileread opens for reading.
func (t *tree) Fileread(r *sftp.Request) (io.ReaderAt, error) {
	p, err := t.at(r.Filepath)
	if err != nil {
		return nil, err
	}
	if !t.account.rights.mayRead(p.elements) || t.hides(p) {
		return nil, t.forbid(p, "read")
	}
	s, info, err := t.look(p)
	if err != nil {
		return nil, t.answer(p, err)
	}
	if info.IsDir() {
		return nil, &status{sftp.ErrSSHFxFailure, p.String() + " is a folder"}
	}
	if err := t.hold(); err != nil {
		return nil, err
	}
	d, err := t.download(p, s)
	if err != nil {
		t.handles.Add(-1)
		return nil, t.answer(p, err)
	}
	return d, nil
}

// hold counts a handle.
func (t *tree) hold() error {
	if n := t.handles.Add(1); n > int64(t.options.Limits.Handles) {
		t.handles.Add(-1)
		return t.deny("", sftp.ErrSSHFxFailure, fmt.Sprintf("more than %d open files", t.options.Limits.Handles))
	}
	return nil
}

// Filewrite opens for writing.
func (t *tree) Filewrite(r *sftp.Request) (io.WriterAt, error) { return t.openForWriting(r) }

// OpenFile opens for reading and writing.
func (t *tree) OpenFile(r *sftp.Request) (sftp.WriterAtReaderAt, error) { return t.openForWriting(r) }

func (t *tree) openForWriting(r *sftp.Request) (*upload, error) {
	p, err := t.at(r.Filepath)
	if err != nil {
		return nil, err
	}
	if !t.account.rights.mayWrite(p.elements) {
		return nil, t.forbid(p, "write")
	}
	s, err := t.find(p)
	if err != nil {
		return nil, t.answer(p, err)
	}
	want := r.Pflags()
	info, err := s.folder.Lstat(s.name)
	fresh := errors.Is(err, fs.ErrNotExist)
	switch {
	case fresh && !want.Creat:
		return nil, sftp.ErrSSHFxNoSuchFile
	case fresh:
	case err != nil:
		return nil, t.answer(p, err)
	case want.Creat && want.Excl:
		return nil, t.answer(p, fs.ErrExist)
	case info.IsDir():
		return nil, &status{sftp.ErrSSHFxFailure, p.String() + " is a folder"}
	case !plainFile(info):
		return nil, t.answer(p, errLink)
	}
	if err := t.hold(); err != nil {
		return nil, err
	}
	u, err := t.upload(p, s, fresh, want)
	if err != nil {
		t.handles.Add(-1)
		return nil, t.answer(p, err)
	}
	return u, nil
}

// Filecmd does what is neither reading, writing nor listing.
func (t *tree) Filecmd(r *sftp.Request) error {
	p, err := t.at(r.Filepath)
	if err != nil {
		return err
	}
	switch r.Method {
	case "Rename":
		return t.rename(p, r.Target, dir.Rename)
	case "Remove":
		return t.answer(p, t.removeFile(p))
	case "Rmdir":
		return t.answer(p, t.removeFolder(p))
	case "Mkdir":
		return t.answer(p, t.makeFolder(p))
	case "Setstat":
		return t.answer(p, t.setstat(p, r))
	case "Link", "Symlink":
		return t.deny(p.full, sftp.ErrSSHFxPermissionDenied, "links can't be made here")
	}
	return sftp.ErrSSHFxOpUnsupported
}

// PosixRename replaces what has the name.
func (t *tree) PosixRename(r *sftp.Request) error {
	p, err := t.at(r.Filepath)
	if err != nil {
		return err
	}
	return t.rename(p, r.Target, (*os.Root).Rename)
}

// rename takes away there and puts here.
func (t *tree) rename(from place, target string, do func(root *os.Root, from, to string) error) error {
	to, err := t.at(target)
	if err != nil {
		return err
	}
	if !t.account.rights.mayRename(from.elements, to.elements) {
		return t.deny(from.full, sftp.ErrSSHFxPermissionDenied, "you may not rename "+from.String()+" to "+to.String())
	}
	for _, p := range []place{from, to} {
		if t.hides(p) || p.local == "." {
			return t.forbid(p, "rename")
		}
		if t.kept(p) {
			return t.deny(p.full, sftp.ErrSSHFxPermissionDenied, p.String()+" is a folder of the bridge's config: it stays")
		}
	}
	_, info, err := t.look(from)
	if err != nil {
		return t.answer(from, err)
	}
	there, err := t.find(to)
	if err != nil {
		return t.answer(to, err)
	}
	if _, err := there.plain(); err == errLink {
		return t.answer(to, err)
	}
	if info.IsDir() {
		t.leave(0)
	}
	if err := do(t.root, from.local, to.local); err != nil {
		return t.answer(to, err)
	}
	t.arrivals.renamed(from.full, to.full, info.IsDir())
	t.tell(bridge.Event{Kind: bridge.FileRenamed, File: "/" + from.full}, bridge.Visit{Target: "/" + to.full, Size: size(info)})
	return nil
}

func size(info fs.FileInfo) int64 {
	if info.IsDir() {
		return 0
	}
	return info.Size()
}

// kept says whether a folder is one that the config names, or stands above one.
func (t *tree) kept(p place) bool {
	return slices.ContainsFunc(t.folders, func(folder string) bool {
		return strings.HasPrefix(inner(folder)+"/", p.full+"/")
	})
}

func (t *tree) removeFile(p place) error {
	if !t.account.rights.mayRemove(p.elements) || t.hides(p) {
		return t.forbid(p, "delete")
	}
	s, err := t.find(p)
	if err != nil {
		return err
	}
	info, err := s.folder.Lstat(s.name) // of a link the link itself goes
	if err != nil {
		return err
	}
	if info.IsDir() {
		return syscall.EISDIR
	}
	if err := s.folder.Remove(s.name); err != nil {
		return err
	}
	t.arrivals.removed(p.full)
	t.usage[t.account.Name].removed(info.Size())
	t.tell(bridge.Event{Kind: bridge.FileDeleted, File: "/" + p.full}, bridge.Visit{Size: info.Size()})
	return nil
}

func (t *tree) removeFolder(p place) error {
	if !t.account.rights.mayRemove(p.elements) || p.local == "." {
		return t.forbid(p, "delete")
	}
	if t.kept(p) {
		return t.deny(p.full, sftp.ErrSSHFxPermissionDenied, p.String()+" is a folder of the bridge's config: it stays")
	}
	s, info, err := t.look(p)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return &status{sftp.ErrSSHFxFailure, p.String() + " is a file"}
	}
	if err := s.folder.Remove(s.name); err != nil {
		return err
	}
	t.tell(bridge.Event{Kind: bridge.FileDeleted, File: "/" + p.full}, bridge.Visit{})
	return nil
}

func (t *tree) makeFolder(p place) error {
	if !t.account.rights.mayWrite(p.elements) {
		return t.forbid(p, "make")
	}
	s, err := t.find(p)
	if err != nil {
		return err
	}
	if err := t.usage[t.account.Name].take(t.root, 0, 1); err != nil {
		return t.deny(p.full, sftp.ErrSSHFxFailure, err.Error())
	}
	if err := s.folder.Mkdir(s.name, 0o755); err != nil {
		return err
	}
	t.tell(bridge.Event{Kind: bridge.FolderMade, File: "/" + p.full}, bridge.Visit{})
	return nil
}

// setstat sets size, permissions and times; owners stay. The bridge keeps its own access to a file.
func (t *tree) setstat(p place, r *sftp.Request) error {
	if !t.account.rights.mayWrite(p.elements) {
		return t.forbid(p, "change")
	}
	s, info, err := t.look(p)
	if err != nil {
		return err
	}
	flags, attrs := r.AttrFlags(), r.Attributes()
	if attrs == nil {
		return sftp.ErrSSHFxBadMessage
	}
	if flags.Size {
		if err := t.resize(p, s, info, attrs.Size); err != nil {
			return err
		}
	}
	if flags.Permissions {
		own := fs.FileMode(0o600)
		if info.IsDir() {
			own = 0o700
		}
		if err := s.folder.Chmod(s.name, attrs.FileMode().Perm()|own); err != nil {
			return err
		}
	}
	if flags.Acmodtime {
		if err := s.folder.Chtimes(s.name, attrs.AccessTime(), attrs.ModTime()); err != nil {
			return err
		}
	}
	if !info.IsDir() {
		t.arrivals.touched(p.full)
	}
	if flags.UidGid {
		return &status{sftp.ErrSSHFxPermissionDenied, "owners can't be changed"}
	}
	return nil
}

// resize cuts a file short or makes it longer.
func (t *tree) resize(p place, s spot, info fs.FileInfo, to uint64) error {
	switch {
	case info.IsDir():
		return syscall.EISDIR
	case to > uint64(t.options.Limits.FileSize):
		return t.deny(p.full, sftp.ErrSSHFxFailure, fmt.Sprintf("%s: files have at most %v here", p, t.options.Limits.FileSize))
	}
	if err := t.usage[t.account.Name].take(t.root, int64(to)-info.Size(), 0); err != nil {
		return t.deny(p.full, sftp.ErrSSHFxFailure, err.Error())
	}
	return t.arrivals.cut(p.full, func() error {
		f, err := s.folder.OpenFile(s.name, os.O_RDWR|syscall.O_NONBLOCK, 0)
		if err != nil {
			return err
		}
		if err := f.Truncate(int64(to)); err != nil {
			return errors.Join(err, f.Close())
		}
		info, err := f.Stat()
		t.finish(f, info, err == nil, nil, bridge.Event{Kind: bridge.FileUploaded, File: "/" + p.full}, bridge.Visit{})
		return nil
	})
}

// StatVFS tells how much room there is.
func (t *tree) StatVFS(r *sftp.Request) (*sftp.StatVFS, error) {
	p, err := t.at(r.Filepath)
	if err != nil {
		return nil, err
	}
	if !t.account.rights.maySee(p.elements) {
		return nil, t.forbid(p, "see")
	}
	if _, _, err := t.look(p); err != nil {
		return nil, t.answer(p, err)
	}
	return space(t.root)
}

// Filelist lists a folder or asks for one file.
func (t *tree) Filelist(r *sftp.Request) (sftp.ListerAt, error) {
	switch r.Method {
	case "List":
		return t.list(r)
	case "Stat":
		return t.stat(r, spot.plain)
	}
	return nil, sftp.ErrSSHFxOpUnsupported
}

// Lstat asks for one file, or a link.
func (t *tree) Lstat(r *sftp.Request) (sftp.ListerAt, error) {
	return t.stat(r, func(s spot) (fs.FileInfo, error) { return s.folder.Lstat(s.name) })
}

func (t *tree) stat(r *sftp.Request, look func(spot) (fs.FileInfo, error)) (sftp.ListerAt, error) {
	p, err := t.at(r.Filepath)
	if err != nil {
		return nil, err
	}
	if !t.account.rights.maySee(p.elements) || t.hides(p) {
		return nil, sftp.ErrSSHFxNoSuchFile // clients ask for much that is not there
	}
	s, err := t.find(p)
	if err != nil {
		return nil, t.answer(p, err)
	}
	info, err := look(s)
	if err != nil {
		return nil, t.answer(p, err)
	}
	return single{info}, nil
}

// single is a listing of one.
type single struct{ fs.FileInfo }

func (s single) ListAt(into []os.FileInfo, off int64) (int, error) {
	if off > 0 || len(into) == 0 {
		return 0, io.EOF
	}
	into[0] = s.FileInfo
	return 1, io.EOF
}

func (t *tree) list(r *sftp.Request) (sftp.ListerAt, error) {
	p, err := t.at(r.Filepath)
	if err != nil {
		return nil, err
	}
	if !t.account.rights.maySee(p.elements) {
		return nil, t.forbid(p, "list")
	}
	s, info, err := t.look(p)
	if err != nil {
		return nil, t.answer(p, err)
	}
	if !info.IsDir() {
		return nil, sftp.ErrSSHFxNoSuchFile // as OpenSSH has it
	}
	if err := t.hold(); err != nil {
		return nil, err
	}
	f, err := s.folder.Open(s.name)
	if err != nil {
		t.handles.Add(-1)
		return nil, t.answer(p, err)
	}
	return &listing{tree: t, place: p, folder: f}, nil
}

// listing hands a folder out in pieces, so that its size costs no memory.
type listing struct {
	tree   *tree
	place  place
	folder *os.File
	given  int
}

// ListAt is asked for one piece after the other; an empty one would be taken for the end.
func (l *listing) ListAt(into []os.FileInfo, _ int64) (int, error) {
	n := 0
	for n == 0 {
		infos, err := l.folder.Readdir(len(into))
		for _, info := range infos {
			if l.shows(info) {
				into[n] = info
				n++
			}
		}
		if n == 0 && err != nil {
			return 0, l.tree.answer(l.place, err)
		}
	}
	if l.given += n; l.given > l.tree.options.Limits.Listing {
		return 0, l.tree.deny(l.place.full, sftp.ErrSSHFxFailure,
			fmt.Sprintf("%s has more than %d entries", l.place, l.tree.options.Limits.Listing))
	}
	return n, nil
}

func (l *listing) shows(info fs.FileInfo) bool {
	at := place{elements: append(slices.Clone(l.place.elements), info.Name())}
	return l.tree.account.rights.maySee(at.elements) && !l.tree.hides(at) && !l.tree.owns(inner(path.Join(l.place.full, info.Name())))
}

func (l *listing) Close() error {
	l.tree.handles.Add(-1)
	return l.folder.Close()
}
