package sftpd

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/pkg/sftp"

	"github.com/orobridge/orobridge/bridge"
)

// upload is a file that is open for writing. pkg/sftp writes from several goroutines, in any order.
type upload struct {
	tree    *tree
	place   place
	file    *os.File
	arrival *arrival
	began   time.Time
	append  *appending // the client asked for writing at the end

	// A write that a client sends right behind the close can overtake it in pkg/sftp: it is refused, so that nothing
	// changes in a file that was taken for whole.
	open   sync.RWMutex
	closed bool

	refused sync.Once // a client that sends ahead is refused many times, and told of once
	written atomic.Int64
	touched atomic.Bool // made, emptied or written
	broken  atomic.Bool // a write failed, or the connection died
	size    sizeMark
	sum     *running // of a file that began empty
}

// sizeMark knows how far a file reaches.
type sizeMark struct {
	sync.Mutex
	size int64
}

// upload opens a file. The arrival is noted first, so that the bridge never sees the file as whole.
func (t *tree) upload(p place, s spot, fresh bool, want sftp.FileOpenFlags) (*upload, error) {
	files := 0
	if fresh {
		files = 1
	}
	if err := t.usage[t.account.Name].take(t.root, 0, files); err != nil {
		return nil, t.deny(p.full, sftp.ErrSSHFxFailure, err.Error())
	}
	arrival, err := t.arrivals.open(p.full)
	if err != nil {
		return nil, err
	}
	f, info, err := s.create(want)
	if err != nil {
		t.arrivals.close(arrival, untouched)
		return nil, err
	}
	u := &upload{tree: t, place: p, file: f, arrival: arrival, began: time.Now()}
	u.size.size = info.Size()
	u.touched.Store(fresh)
	if want.Trunc && info.Size() > 0 {
		if err := f.Truncate(0); err != nil {
			_ = f.Close()
			t.arrivals.close(arrival, untouched)
			return nil, err
		}
		t.usage[t.account.Name].take(t.root, -info.Size(), 0)
		u.size.size = 0
		u.touched.Store(true)
	}
	if want.Append {
		u.append = newAppending(u.size.size)
	}
	if u.size.size == 0 {
		u.sum = newRunning()
	}
	return u, nil
}

// create opens the file itself, for reading too, because its hash is taken at the end.
func (s spot) create(want sftp.FileOpenFlags) (*os.File, fs.FileInfo, error) {
	flags := os.O_RDWR | syscall.O_NONBLOCK
	if want.Creat {
		flags |= os.O_CREATE
	}
	if want.Excl && want.Creat {
		flags |= os.O_EXCL
	}
	f, err := s.folder.OpenFile(s.name, flags, 0o644)
	if err != nil {
		return nil, nil, err
	}
	return regular(f)
}

// regular looks at a file that was opened; what is no file is closed.
func regular(f *os.File) (*os.File, fs.FileInfo, error) {
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errLink
	}
	if err != nil {
		_ = f.Close()
		return nil, nil, err
	}
	return f, info, nil
}

// WriteAt writes what a client sends. After an error the file is not whole, however the handle is closed.
func (u *upload) WriteAt(p []byte, off int64) (int, error) {
	u.open.RLock()
	defer u.open.RUnlock()
	if u.closed {
		return 0, &status{sftp.ErrSSHFxFailure, u.place.String() + " is closed already"}
	}
	n, err := u.write(p, off)
	if err != nil {
		u.broken.Store(true)
		return n, u.tree.answer(u.place, err)
	}
	return n, nil
}

func (u *upload) write(p []byte, off int64) (int, error) {
	t := u.tree
	if u.append != nil {
		var err error
		if off, err = u.append.place(off, len(p)); err != nil {
			return 0, &status{sftp.ErrSSHFxFailure, u.place.String() + ": " + err.Error()}
		}
	}
	if off < 0 || off > int64(t.options.Limits.FileSize)-int64(len(p)) {
		return 0, u.deny(fmt.Sprintf("%s: files have at most %v here", u.place, t.options.Limits.FileSize))
	}
	if err := u.grow(off + int64(len(p))); err != nil {
		return 0, u.deny(err.Error())
	}
	t.pace[t.account.Name].wait(t.life, true, len(p))
	u.touched.Store(true)
	n, err := u.file.WriteAt(p, off)
	u.sum.add(p[:n], off)
	u.written.Add(int64(n))
	t.in.Add(int64(n))
	t.touch()
	return n, err
}

// deny refuses a write.
func (u *upload) deny(text string) error {
	u.refused.Do(func() { u.tree.refuse("/"+u.place.full, text) })
	return &status{sftp.ErrSSHFxFailure, text}
}

// grow asks the quota for what makes the file longer.
func (u *upload) grow(to int64) error {
	u.size.Lock()
	defer u.size.Unlock()
	if to <= u.size.size {
		return nil
	}
	if err := u.tree.usage[u.tree.account.Name].take(u.tree.root, to-u.size.size, 0); err != nil {
		return err
	}
	u.size.size = to
	return nil
}

// ReadAt reads what was written, where the user may read.
func (u *upload) ReadAt(p []byte, off int64) (int, error) {
	if !u.tree.account.rights.mayRead(u.place.elements) {
		return 0, u.tree.forbid(u.place, "read")
	}
	if off < 0 {
		return 0, sftp.ErrSSHFxFailure
	}
	u.tree.pace[u.tree.account.Name].wait(u.tree.life, false, len(p))
	n, err := u.file.ReadAt(p, off)
	u.tree.out.Add(int64(n))
	return n, err
}

// TransferError says that the connection died with the handle open.
func (u *upload) TransferError(error) { u.broken.Store(true) }

// Close ends the upload. The hash is taken afterwards, so that the partner does not wait for it.
func (u *upload) Close() error {
	u.open.Lock()
	u.closed = true
	u.open.Unlock()
	t, how := u.tree, untouched
	switch {
	case u.broken.Load():
		how = broken
	case u.touched.Load():
		how = whole
	}
	if alone := t.arrivals.close(u.arrival, how); !alone {
		u.sum = nil
	}
	t.handles.Add(-1)
	info, err := u.file.Stat()
	t.finish(u.file, info, err == nil && how == whole, u.sum,
		bridge.Event{Kind: bridge.FileUploaded, File: "/" + u.place.full, Bytes: u.written.Load()},
		bridge.Visit{Took: time.Since(u.began), Broken: how == broken})
	return nil
}

// touch says that something was asked for.
func (c *connection) touch() { c.active.Store(time.Now().UnixNano()) }

// appending finds where the writes of a client go that asked for writing at the end. OpenSSH's server forgets the
// offsets; here writes run side by side, so they are kept, and those of clients that count from nought (curl -a) are
// told from those that count from the file's beginning by the first one: it begins at nought or at the end.
type appending struct {
	base  int64 // the file's size at the beginning
	mu    sync.Mutex
	known *sync.Cond
	shift int64 // what is added to offsets; -1 while that is not known
}

// unknownWait bounds how long later writes wait for the first.
const unknownWait = 5 * time.Second

func newAppending(base int64) *appending {
	a := &appending{base: base, shift: -1}
	a.known = sync.NewCond(&a.mu)
	if base == 0 {
		a.shift = 0
	}
	return a
}

func (a *appending) place(off int64, _ int) (int64, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case a.shift >= 0:
	case off == a.base:
		a.shift = 0
	case off == 0:
		a.shift = a.base
	}
	a.known.Broadcast()
	if a.shift < 0 {
		late := time.AfterFunc(unknownWait, func() { a.known.Broadcast() })
		defer late.Stop()
		for until := time.Now().Add(unknownWait); a.shift < 0; a.known.Wait() {
			if !time.Now().Before(until) {
				return 0, errors.New("what is appended begins neither at nought nor at the file's end")
			}
		}
	}
	if off > 1<<62 {
		return 0, errors.New("the offset is too large")
	}
	return off + a.shift, nil
}

// download is a file that is open for reading.
type download struct {
	tree   *tree
	place  place
	file   *os.File
	size   int64 // when it was opened
	began  time.Time
	seen   *coverage
	sum    *running
	broken atomic.Bool
	bytes  atomic.Int64
}

// download opens a file.
func (t *tree) download(p place, s spot) (*download, error) {
	f, err := s.folder.OpenFile(s.name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	f, info, err := regular(f)
	if err != nil {
		return nil, err
	}
	return &download{tree: t, place: p, file: f, size: info.Size(), began: time.Now(),
		seen: t.coverage.of(t.account.Name, p.full, info), sum: newRunning()}, nil
}

// ReadAt reads what a client asks for. One that asks for more than there was when the file was opened asks once more, and hears then
// whether it has grown.
func (d *download) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, sftp.ErrSSHFxFailure
	}
	if off < d.size {
		p = p[:min(int64(len(p)), d.size-off)]
	}
	t := d.tree
	t.pace[t.account.Name].wait(t.life, false, len(p))
	n, err := d.file.ReadAt(p, off)
	d.sum.add(p[:n], off)
	d.bytes.Add(int64(n))
	t.out.Add(int64(n))
	t.touch()
	d.seen.add(off, off+int64(n))
	if err != nil && err != io.EOF {
		err = t.answer(d.place, err)
	}
	return n, err
}

// TransferError says that the connection died with the handle open: what was sent last may not have arrived.
func (d *download) TransferError(error) { d.broken.Store(true) }

// Close ends the download. A client that closes the handle has all that was sent.
func (d *download) Close() error {
	t := d.tree
	t.handles.Add(-1)
	info, err := d.file.Stat()
	all := !d.broken.Load() && err == nil && d.seen.whole(info)
	if all {
		t.coverage.forget(t.account.Name, d.place.full)
	}
	t.finish(d.file, info, all, d.sum, bridge.Event{Kind: bridge.FileDownloaded, File: "/" + d.place.full, Bytes: d.bytes.Load()},
		bridge.Visit{Took: time.Since(d.began), Broken: d.broken.Load(), Whole: all})
	return nil
}

// finish closes the file, of which info is what it is now (nil: unknown), and tells the transfer, a whole one once the file's hash
// is known. A download in part has none, nor has an upload that broke off or wrote nothing: a partner does not have all of a large
// file read for each byte of it. The hash of a small file that passed in one piece is known already.
func (t *tree) finish(f *os.File, info fs.FileInfo, whole bool, sum *running, e bridge.Event, v bridge.Visit) {
	e.At = time.Now()
	if info != nil {
		v.Size = info.Size()
	}
	if whole {
		if e.SHA256 = sum.of(v.Size); e.SHA256 == "" {
			t.hash(f, e, v)
			return
		}
	}
	_ = f.Close()
	t.tell(e, v)
}

// hash takes the hash of a whole file when its turn comes, closes the file and tells the transfer.
func (t *tree) hash(f *os.File, e bridge.Event, v bridge.Visit) {
	job := func(hash bool) {
		if hash {
			e.SHA256 = hashOf(f)
		}
		_ = f.Close()
		t.tell(e, v)
	}
	t.hasher.take(v.Size, func() { job(v.Size < largeHash || !t.stopping()) }, func() { job(false) })
}

// running is the hash of what has passed of a file, as long as that is one piece from its beginning, and small: then nobody has to
// read the file for it. nil has none.
type running struct {
	mu   sync.Mutex
	hash hash.Hash // nil: it is no such piece
	size int64
}

// maxRunning is what is hashed while the client waits: some 30 µs.
const maxRunning = 64 << 10

func newRunning() *running { return &running{hash: sha256.New()} }

// add takes what has passed at an offset.
func (r *running) add(p []byte, off int64) {
	if r == nil || len(p) == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.hash == nil || off != r.size || r.size+int64(len(p)) > maxRunning {
		r.hash = nil
		return
	}
	r.hash.Write(p)
	r.size += int64(len(p))
}

// of is the hash of a file of a size; empty when it is not known.
func (r *running) of(size int64) string {
	if r == nil {
		return ""
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.hash == nil || r.size != size {
		return ""
	}
	return hex.EncodeToString(r.hash.Sum(nil))
}

// hashOf reads the whole file; one that changes meanwhile has no hash.
func hashOf(f *os.File) string {
	before, err := f.Stat()
	if err != nil {
		return ""
	}
	h := sha256.New()
	n, err := io.Copy(h, io.NewSectionReader(f, 0, before.Size()))
	after, serr := f.Stat()
	if errors.Join(err, serr) != nil || n != before.Size() || after.Size() != n || !after.ModTime().Equal(before.ModTime()) {
		return ""
	}
	return hex.EncodeToString(h.Sum(nil))
}

// hasher takes hashes of files that were closed, one after the other, the large ones beside the small, which do not wait
// for them. When it is far behind, those who close a small one wait, and large ones go without: nobody waits for what others'
// large files cost.
type hasher struct{ small, large chan func() }

// largeHash is the size of a file that takes a moment: about 10 ms.
const largeHash = 16 << 20

func newHasher() *hasher { return &hasher{make(chan func(), 64), make(chan func(), 64)} }

// run does the jobs until the hasher is closed.
func (h *hasher) run() {
	var work sync.WaitGroup
	for _, jobs := range []chan func(){h.small, h.large} {
		work.Go(func() {
			for job := range jobs {
				job()
			}
		})
	}
	work.Wait()
}

// take has a job done, or at once the other in its place.
func (h *hasher) take(size int64, job, without func()) {
	if size < largeHash {
		h.small <- job
		return
	}
	select {
	case h.large <- job:
	default:
		without()
	}
}

// close ends it once all jobs are done. Nobody takes any more.
func (h *hasher) close() {
	close(h.small)
	close(h.large)
}
