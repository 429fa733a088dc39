package sftp

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/pkg/sftp"

	"github.com/orobridge/orobridge/bridge"
)

// place is a path of the remote, taken apart.
type place struct {
	border   string   // what is not looked at: the remote's root, "" for the folder where the login lands
	elements []string // below the border; none for the border itself
}

// locate takes a path apart. Without a root, an absolute path is the server's and a relative one starts in the folder where the
// login lands.
func (r *Remote) locate(op, p string) (place, error) {
	elements, err := bridge.SplitPath(p)
	if err != nil {
		return place{}, bridge.NameError(op, r.name, p, err)
	}
	border := r.root
	if border == "" && strings.HasPrefix(p, "/") {
		border = "/"
	}
	return place{border, elements}, nil
}

// upTo is the place of the first n elements.
func (at place) upTo(n int) place { return place{at.border, at.elements[:n]} }

// folder is the place that a file is in.
func (at place) folder() place { return at.upTo(max(len(at.elements)-1, 0)) }

// beside is the place of another name in the same folder.
func (at place) beside(name string) place {
	return at.folder().inside(name)
}

// inside is the place of a name in a folder.
func (at place) inside(name string) place {
	return place{at.border, append(at.elements[:len(at.elements):len(at.elements)], name)}
}

// named is how an error names a place.
func (at place) named() string {
	if p := path.Join(append([]string{at.border}, at.elements...)...); p != "" {
		return p
	}
	return "the folder of the login"
}

// resolveRoot asks once per connection what the remote's root is called: a link there is the operator's and is followed
// then, not at each operation. A server that does not tell leaves it as it is in the config.
func (c *conn) resolveRoot(root string) error {
	c.configured, c.root = root, root
	if root == "" {
		root = "."
	}
	real, err := c.files.RealPath(root)
	if _, odd := bridge.SplitPath(real); err == nil && odd == nil && path.IsAbs(real) {
		c.root = path.Clean(real)
	}
	return ignoreAnswer(err)
}

// full is the path as the server takes it.
func (c *conn) full(at place) string {
	border := at.border
	if border == c.configured {
		border = c.root
	}
	if p := path.Join(append([]string{border}, at.elements...)...); p != "" {
		return p
	}
	return "."
}

// sight is what stands in a place.
type sight struct {
	info fs.FileInfo // nil with an error
	link bool        // found out by another way than info's, which is then that of the target
	err  error
}

// look asks what stands in each of the places, and whether all folders on the way there are folders and no links, in one round
// trip. The sights are in the order of the places. An error is of a folder on the way: it is missing, or something else stands
// there. Between this look and what is done then, somebody may put a link in a folder's place: the protocol has no way to hold a
// folder.
//
// Lstat does not tell everywhere: ProFTPD's mod_sftp 1.3.8 answers it with what a link points to. So the server is asked for the
// real path, too, and where that is another one, each step for the target that it would have as a link.
func (c *conn) look(places ...place) ([]sight, error) {
	q := &questions{c: c, stats: map[string]*sight{}, real: map[string]*string{}}
	for _, at := range places {
		for n := 1; n <= len(at.elements); n++ {
			q.stat(at.upTo(n))
		}
		q.stat(at)
		q.path(at)
		q.path(at.folder())
	}
	q.work.Wait()
	for _, at := range places {
		if *q.real[c.full(at)] != c.full(at) || *q.real[c.full(at.folder())] != c.full(at.folder()) {
			for n := 1; n <= len(at.elements); n++ {
				q.link(at.upTo(n))
			}
		}
	}
	q.work.Wait()
	sights := make([]sight, len(places))
	for i, at := range places {
		for n := 1; n < len(at.elements); n++ {
			folder := at.upTo(n)
			if err := q.stats[c.full(folder)].folder(folder); err != nil {
				return nil, err
			}
		}
		sights[i] = *q.stats[c.full(at)]
	}
	return sights, nil
}

// questions are asked at once, each of a path one time.
type questions struct {
	c     *conn
	work  sync.WaitGroup
	stats map[string]*sight
	real  map[string]*string // the path itself where the server does not tell
	asked map[string]bool    // whether it is a link
}

func (q *questions) stat(at place) {
	full := q.c.full(at)
	if q.stats[full] == nil {
		s := &sight{}
		q.stats[full] = s
		q.work.Go(func() { s.info, s.err = q.c.lstat(full) })
	}
}

func (q *questions) path(at place) {
	full := q.c.full(at)
	if q.real[full] == nil {
		answer := full
		q.real[full] = &answer
		q.work.Go(func() {
			if real, err := q.c.files.RealPath(full); err == nil && path.IsAbs(full) {
				answer = real
			}
		})
	}
}

func (q *questions) link(at place) {
	full := q.c.full(at)
	if q.asked[full] {
		return
	}
	if q.asked == nil {
		q.asked = map[string]bool{}
	}
	q.asked[full] = true
	s := q.stats[full]
	q.work.Go(func() { s.link = q.c.isLink(full) })
}

// errNoAnswer says that the server said yes to a request that wants more than that. pkg/sftp returns neither an answer nor an
// error then.
var errNoAnswer = errors.New("the server says that all is well, and nothing else")

// lstat asks what stands under a path.
func (c *conn) lstat(full string) (fs.FileInfo, error) {
	info, err := c.files.Lstat(full)
	if err == nil && info == nil {
		err = errNoAnswer
	}
	return info, err
}

// open opens a file.
func (c *conn) open(full string, flags int) (*sftp.File, error) {
	f, err := c.files.OpenFile(full, flags)
	if err == nil && f == nil {
		err = errNoAnswer
	}
	return f, err
}

// isLink asks for a link's target. Some servers name the file itself when it is none.
func (c *conn) isLink(full string) bool {
	target, err := c.files.ReadLink(full)
	return err == nil && target != "" && target != full && target != path.Base(full)
}

// mode says what stands there; not known where the server does not tell.
func (s sight) mode() (mode fs.FileMode, known bool) {
	if s.link {
		return fs.ModeSymlink, true
	}
	return modeOf(s.info)
}

// folder returns an error unless a folder stands in the place, or something of which the server does not say what it is.
func (s sight) folder(at place) error {
	if s.err != nil {
		return fmt.Errorf("%s: %w", at.named(), s.err)
	}
	if mode, known := s.mode(); known {
		return bridge.WantFolder(mode, at.named())
	}
	return nil
}

// file returns an error unless a regular file stands in the place. A server that does not say what it is, is asked whether it
// is a link.
func (c *conn) file(full string, s sight) error {
	if s.err != nil {
		return s.err
	}
	mode, known := s.mode()
	if !known && c.isLink(full) {
		mode, known = fs.ModeSymlink, true
	}
	if !known {
		return nil
	}
	return bridge.WantFile(mode)
}

// folder returns an error unless a folder stands in the place. What the config names as the remote's own is taken as it is.
func (c *conn) folder(at place) error {
	if len(at.elements) == 0 {
		return nil
	}
	sights, err := c.look(at)
	if err != nil {
		return err
	}
	return sights[0].folder(at)
}

// absent returns fs.ErrExist when something stands in the place.
func (s sight) absent() error {
	switch {
	case s.err == nil:
		return fs.ErrExist
	case errors.Is(s.err, fs.ErrNotExist), code(s.err) == codeNoSuchPath:
		return nil
	}
	return s.err
}

// The bits of a mode that say what a file is (draft-ietf-secsh-filexfer-02 takes them over from POSIX).
const (
	typeBits = 0xF000
	typeFile = 0x8000
)

// statOf is what the server told of it.
func statOf(info fs.FileInfo) *sftp.FileStat { return info.Sys().(*sftp.FileStat) }

// modeOf is the mode of what stands there; not known where the server sends no permissions, or no type with them.
func modeOf(info fs.FileInfo) (mode fs.FileMode, known bool) {
	if info == nil {
		return 0, false
	}
	return modeIn(statOf(info))
}

func modeIn(stat *sftp.FileStat) (mode fs.FileMode, known bool) {
	mode = stat.FileMode()
	if mode.IsRegular() && stat.Mode&typeBits != typeFile {
		mode |= fs.ModeIrregular // a type of which pkg/sftp knows nothing
	}
	return mode, stat.Mode&typeBits != 0
}

func asFile(info fs.FileInfo) bridge.File { return fileOf(info.Name(), statOf(info)) }

// fileOf is a file of which the server tells these attributes.
func fileOf(name string, stat *sftp.FileStat) bridge.File {
	f := bridge.File{Name: name, Size: int64(min(stat.Size, math.MaxInt64))} // more than an int64 holds is too large for whoever asks
	if mode, known := modeIn(stat); known {
		f.Dir, f.Special = mode.IsDir(), !mode.IsDir() && !mode.IsRegular()
	}
	// 0 is what servers without times send, and what a missing time looks like.
	if stat.Mtime != 0 {
		f.MTime = time.Unix(int64(stat.Mtime), 0).UTC()
	}
	return f
}
