// Package sftp is a [bridge.Remote] over SFTP version 3 (draft-ietf-secsh-filexfer-02) on SSH.
//
// Contract beyond that of the interface:
//
//   - Connections are few (Options.Connections), dialled when they are needed, used by one operation at a time, kept
//     alive while idle and replaced when they break. Nothing is tried twice here: an operation that met trouble says so
//     with fate Pause, and whoever called it decides when to come back.
//
//   - Every wait is bounded: the TCP connect and the handshake by ConnectTimeout each, an operation by ReadTimeout
//     without a byte of SFTP from the server. A context that ends closes the operation's connection.
//
//   - The server's key is pinned in a known_hosts file, read anew for each connection. There is no way to switch that off.
//
//   - Each password is offered once per login, so that a wrong one does not lock the account.
//
//   - Memory: a fetch holds one chunk (2 MiB), a listing its entries.
//
//   - Put, Move and MoveAll look that the target is absent and then rename: by posix-rename@openssh.com where the server offers it,
//     because there the file has exactly one name at each moment (a plain rename of OpenSSH is a link and an unlink), by
//     the plain rename otherwise. SFTP has no rename that is atomic and exclusive at once, so writers of one target must
//     not be two processes; within this process they take turns. No target is ever deleted first.
//
//   - Put leaves no temporary file behind where it can: what a broken connection left is removed by the next Put, what a
//     killed process left by the first Put into the folder once it is a day old.
//
//   - Algorithms are those that x/crypto/ssh holds to be sound; broken ones only where legacy_algorithms names them.
//
//   - A listing has at most bridge.MaxListing names, 64 MiB and two minutes; more cuts the connection.
//
//   - No link below the remote's path is followed: all folders on the way and the file itself are looked at by lstat before each
//     operation, in one round trip. SFTP version 3 has no way to hold a folder or to open without following, so whoever may write
//     into a folder there can still put a link in the place of a file between the look and the opening; a fetch notices it, by
//     another lstat afterwards, unless it is taken back by then and the other file has exactly as many bytes.
//
//   - Names come as pkg/sftp would give them: of a name with a slash, which no server may send, what stands behind the last one.
//
// Not supported: GSSAPI, jump hosts, servers that send no sizes.
package sftp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
)

// Limits of memory.
const (
	chunkSize  = 2 << 20  // of a fetch: 64 requests of 32 KiB, as many as pkg/sftp keeps in flight
	packetSize = 32 << 10 // of one request
)

// Remote is a place with files on an SFTP server.
type Remote struct {
	name           string
	root           string
	address        string
	user           string
	knownHosts     string
	signer         ssh.Signer // nil without a key
	certificate    string     // file; empty without
	agent          string     // socket; empty without
	algorithms     ssh.Algorithms
	legacy         []string // broken ones that are allowed
	password       bridge.Secret
	connectTimeout time.Duration
	readTimeout    time.Duration
	keepAlive      time.Duration
	listingTime    time.Duration
	identity       string
	mode           fs.FileMode // of files; 0: what the server gives them
	dialTCP        func(ctx context.Context, network, address string) (net.Conn, error)

	life  context.Context // ends with Close
	end   context.CancelFunc
	slots chan struct{} // one token per operation under way
	turn  chan struct{} // held while a target is looked for and taken

	seen // of the server

	mu    sync.Mutex
	idle  []*conn
	stale map[string]struct{} // temporary files that could not be removed
	swept map[string]bool     // folders that were looked through for old ones
}

var _ bridge.Remote = (*Remote)(nil)

// An Option changes how a Remote works.
type Option func(*Remote)

// WithIdentity puts the ledger's identity into the names of temporary files, so that two bridges that write into one folder
// keep their hands off each other's.
func WithIdentity(identity string) Option { return func(r *Remote) { r.identity = identity } }

// New checks the options and the key; it does not connect. Zero numbers of the options mean their defaults. Errors are
// *bridge.Error with fate Stop.
func New(name string, cfg *Options, options ...Option) (*Remote, error) {
	filled := *cfg
	cfg = &filled
	config.Defaults(cfg)
	if err := cfg.Check(); err != nil {
		return nil, &bridge.Error{Op: "open remote", Object: name, Fate: bridge.Stop, Err: err, Hint: "orobridge config check says more"}
	}
	signer, err := parseKey(name, cfg)
	if err != nil {
		return nil, err
	}
	sound, err := algorithms(cfg.LegacyAlgorithms)
	if err != nil {
		return nil, &bridge.Error{Op: "open remote", Object: name, Fate: bridge.Stop, Err: err, Hint: "correct legacy_algorithms"}
	}
	r := &Remote{
		name: name, root: cfg.Path, address: withPort(cfg.Address), user: cfg.User,
		knownHosts: cfg.KnownHostsFile, signer: signer, password: cfg.Password,
		certificate: cfg.CertificateFile, agent: cfg.Agent, algorithms: sound, legacy: cfg.LegacyAlgorithms,
		connectTimeout: cfg.ConnectTimeout.D(),
		readTimeout:    cfg.ReadTimeout.D(),
		keepAlive:      cfg.KeepAlive.D(),
		listingTime:    listingTime,
		mode:           fs.FileMode(cfg.Mode),
		dialTCP:        (&net.Dialer{}).DialContext,
		slots:          make(chan struct{}, cfg.Connections),
		turn:           make(chan struct{}, 1),
		stale:          map[string]struct{}{},
		swept:          map[string]bool{},
		seen:           seen{remote: name, login: cfg.CertificateFile},
	}
	for _, o := range options {
		o(r)
	}
	if err := bridge.CheckIdentity(r.identity); err != nil {
		return nil, &bridge.Error{Op: "open remote", Object: name, Fate: bridge.Stop, Err: err, Hint: "report this"}
	}
	r.life, r.end = context.WithCancel(context.Background())
	return r, nil
}

// withPort adds SSH's port where an address has none.
func withPort(address string) string {
	if _, _, err := net.SplitHostPort(address); err != nil {
		return net.JoinHostPort(strings.Trim(address, "[]"), "22")
	}
	return address
}

// Stat asks for one file.
func (r *Remote) Stat(ctx context.Context, p string) (bridge.File, error) {
	var file bridge.File
	err := r.do(ctx, "stat", p, func(c *conn, at place) error {
		sights, err := c.look(at)
		if err != nil {
			return err
		}
		if sights[0].err == nil {
			file = asFile(sights[0].info)
			file.Special = file.Special || sights[0].link
			file.Dir = file.Dir && !file.Special
		}
		return sights[0].err
	})
	return file, err
}

// Fetch copies a file into w. What it is, its size and its time are asked for before it is opened and after it is closed, never
// while it is open: some servers (IBM Sterling) take a stat of an open file amiss. A file that has vanished by then was read
// whole, if its size was right: servers that hand out a file once delete it then.
func (r *Remote) Fetch(ctx context.Context, p string, w io.Writer) (int64, error) {
	var n int64
	err := r.do(ctx, "fetch", p, func(c *conn, at place) error {
		full := c.full(at)
		sights, err := c.look(at)
		if err != nil {
			return err
		}
		if err := c.file(full, sights[0]); err != nil {
			return err
		}
		before := sights[0].info
		if size := before.Size(); size < 0 || size == math.MaxInt64 {
			return fmt.Errorf("the server says that the file has %d bytes: %w", uint64(size), sftp.ErrInternalInconsistency)
		}
		if n, err = c.read(full, before.Size(), w); err != nil {
			return err
		}
		if sights, err = c.look(at); err != nil {
			return err
		}
		after := sights[0].info
		switch err := sights[0].err; {
		case errors.Is(err, fs.ErrNotExist) && n == before.Size():
			return nil
		case err != nil:
			return err
		case n != before.Size(), after.Size() != before.Size(), !after.ModTime().Equal(before.ModTime()),
			after.Mode().Type() != before.Mode().Type(), sights[0].link:
			return r.changed(p, before, after, n)
		}
		return nil
	})
	return n, err
}

func (r *Remote) changed(p string, before, after fs.FileInfo, read int64) error {
	return &bridge.Error{Op: "fetch", Object: bridge.FileObject(r.name, p), Fate: bridge.Pause, File: true,
		Err: fmt.Errorf("the file changed while it was read: %d bytes of %s before, %d bytes of %s after, %d bytes read",
			before.Size(), before.ModTime().UTC().Format(time.RFC3339), after.Size(), after.ModTime().UTC().Format(time.RFC3339), read),
		Hint: "it is fetched again; if this repeats, the sender writes into the file: have it written under a " +
			"temporary name and renamed, or set ready.stable higher"}
}

// read copies the file to w by ReadAt, at most one byte more than size: io.Copy and File.WriteTo of pkg/sftp can lose
// data after a short reply (pkg/sftp issue 658). ReadAt reports a short reply as the end of the file; so the end is
// where nothing at all comes back, and once a short reply was seen chunks shrink to one request each.
func (c *conn) read(full string, size int64, w io.Writer) (int64, error) {
	f, err := c.open(full, os.O_RDONLY)
	if err != nil {
		return 0, err
	}
	chunk := make([]byte, min(size+1, chunkSize))
	var n int64
	for n <= size {
		got, err := f.ReadAt(chunk[:min(int64(len(chunk)), size+1-n)], n)
		if got > 0 {
			c.dog.stop() // the writer may take its time
			_, werr := w.Write(chunk[:got])
			c.dog.start()
			if werr != nil {
				_ = f.Close()
				return n, &writerError{werr}
			}
			n += int64(got)
		}
		if err == io.EOF && got > 0 {
			chunk = chunk[:min(len(chunk), packetSize)]
			continue
		}
		if err == io.EOF {
			break
		}
		if err == nil && got == 0 {
			err = errNoAnswer
		}
		if err != nil {
			if serverSaid(err) {
				_ = f.Close()
			}
			return n, err
		}
	}
	return n, f.Close()
}

// writerError is an error of the caller's writer: neither the server's nor the connection's.
type writerError struct{ err error }

func (e *writerError) Error() string { return fmt.Sprintf("write what was fetched: %v", e.err) }
func (e *writerError) Unwrap() error { return e.err }

// Put writes a whole file, as [bridge.Remote] says.
func (r *Remote) Put(ctx context.Context, p string, body io.ReadSeeker) error {
	return r.do(ctx, "put", p, func(c *conn, at place) error {
		r.removeStale(c)
		sights, err := c.look(at)
		if err == nil {
			err = sights[0].absent()
		}
		if err != nil {
			return err
		}
		temp := at.beside(bridge.TempName(r.identity))
		began := time.Now()
		size, made, err := c.write(c.full(temp), body, r.mode)
		if err == nil {
			r.noteClock(made, began, time.Now())
			_, err = r.rename(ctx, c, [2]place{temp, at})
		}
		folder := c.full(at.folder())
		if err != nil {
			r.discard(c, c.full(temp), err)
			return c.explainFull(folder, size, err)
		}
		r.sweep(c, folder)
		return nil
	})
}

// write makes the file, which must not exist, compares its size with the body's, and returns that, and when the server says it was made. A
// mode that is not 0 is set while the file is still empty.
func (c *conn) write(full string, body io.ReadSeeker, mode fs.FileMode) (size int64, made time.Time, err error) {
	if size, err = body.Seek(0, io.SeekEnd); err == nil {
		_, err = body.Seek(0, io.SeekStart)
	}
	if err != nil {
		return 0, made, &bodyError{err}
	}
	// Write only: some servers refuse to open for reading and writing at once, as Create does.
	f, err := c.open(full, createExclusive)
	if err == nil {
		made, err = c.fill(f, full, size, body, mode)
	}
	return size, made, err
}

// fill writes a file that was made.
func (c *conn) fill(f *sftp.File, full string, size int64, body io.Reader, mode fs.FileMode) (made time.Time, err error) {
	if mode != 0 {
		if err = f.Chmod(mode); serverSaid(err) {
			err = &modeError{mode, err}
		}
	}
	if err == nil {
		_, err = f.ReadFromWithConcurrency(&bodyReader{body}, 0)
	}
	if err == nil {
		if _, ok := c.files.HasExtension("fsync@openssh.com"); ok {
			err = ignoreAnswer(f.Sync()) // best effort
		}
	}
	if err != nil {
		var local *bodyError
		if serverSaid(err) || errors.As(err, &local) {
			_ = f.Close()
		}
		return made, err
	}
	if err := f.Close(); err != nil {
		return made, err
	}
	info, err := c.lstat(full)
	if err != nil {
		return made, err
	}
	if info.Size() != size {
		return made, &sizeError{want: size, got: info.Size()}
	}
	return asFile(info).MTime, nil
}

// modeError says that the server does not give a file the permissions that the config wants.
type modeError struct {
	mode fs.FileMode
	err  error
}

func (e *modeError) Error() string { return fmt.Sprintf("set permissions %04o: %v", e.mode, e.err) }
func (e *modeError) Unwrap() error { return e.err }

// bodyError is an error of the caller's reader: neither the server's nor the connection's.
type bodyError struct{ err error }

func (e *bodyError) Error() string { return fmt.Sprintf("read what is to be written: %v", e.err) }
func (e *bodyError) Unwrap() error { return e.err }

// bodyReader tells the caller's errors from all others.
type bodyReader struct{ r io.Reader }

func (b *bodyReader) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if err != nil && err != io.EOF {
		err = &bodyError{err}
	}
	return n, err
}

// ignoreAnswer forgives what the server said, but not a broken connection.
func ignoreAnswer(err error) error {
	if serverSaid(err) {
		return nil
	}
	return err
}

// sizeError says that a file has another size after it was written.
type sizeError struct{ want, got int64 }

func (e *sizeError) Error() string {
	return fmt.Sprintf("the server holds %d bytes of %d that were written", e.got, e.want)
}

// rename gives regular files names that nothing has, in their order, and says how many have theirs. All are looked at before the first
// is renamed.
func (r *Remote) rename(ctx context.Context, c *conn, pairs ...[2]place) (n int, err error) {
	c.dog.stop() // waiting for the turn is no silence of the server
	select {
	case r.turn <- struct{}{}:
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	defer func() { <-r.turn }()
	c.dog.start()
	places := make([]place, 0, 2*len(pairs))
	for _, p := range pairs {
		places = append(places, p[0], p[1])
	}
	sights, err := c.look(places...)
	if err != nil {
		return 0, err
	}
	taken := map[string]bool{}
	for n, p := range pairs {
		from, to := c.full(p[0]), c.full(p[1])
		err := c.file(from, sights[2*n])
		if err == nil {
			err = sights[2*n+1].absent()
		}
		if err == nil && taken[to] {
			err = fs.ErrExist
		}
		if err == nil {
			err = c.renameTo(from, to)
		}
		if err != nil {
			return n, err
		}
		taken[to] = true
	}
	return len(pairs), nil
}

// renameTo renames a file to a name that nothing had when it was looked for.
func (c *conn) renameTo(from, to string) error {
	rename := c.files.Rename
	if _, ok := c.files.HasExtension("posix-rename@openssh.com"); ok {
		rename = c.files.PosixRename
	}
	err := rename(from, to)
	if code(err) == uint32(sftp.ErrSSHFxFailure) {
		// OpenSSH has no code for a target that came between the look and the rename.
		if _, lerr := c.lstat(to); lerr == nil {
			return fs.ErrExist
		}
	}
	return err
}

// Move renames a file. A target folder that is missing and a file that is missing both wrap fs.ErrNotExist.
func (r *Remote) Move(ctx context.Context, from, to string) error {
	target, err := r.locate("move", to)
	if err != nil {
		return err
	}
	return r.do(ctx, "move", from, func(c *conn, at place) error {
		if _, err := r.rename(ctx, c, [2]place{at, target}); err != nil {
			return r.explain("move", from+" to "+to, c, err)
		}
		return nil
	})
}

// Remove deletes one file or link, never a folder.
func (r *Remote) Remove(ctx context.Context, p string) error {
	return r.do(ctx, "remove", p, func(c *conn, at place) error {
		// Client.Remove falls back to removing a folder, so it must not see one.
		sights, err := c.look(at)
		if err == nil {
			err = sights[0].err
		}
		if err != nil {
			return err
		}
		if sights[0].info.IsDir() && !sights[0].link {
			return bridge.WantFile(fs.ModeDir)
		}
		return c.files.Remove(c.full(at))
	})
}

// MakeFolder makes a folder and its parents, below the remote's own, which is never made.
func (r *Remote) MakeFolder(ctx context.Context, folder string) error {
	return r.do(ctx, "make folder", folder, func(c *conn, at place) error {
		if len(at.elements) == 0 {
			return nil
		}
		sights, err := c.look(at)
		if err == nil && sights[0].err == nil { // most are there
			return sights[0].folder(at)
		}
		for i := range at.elements {
			if err := c.makeFolder(at.upTo(i+1), r.mode); err != nil {
				return err
			}
		}
		return nil
	})
}

// makeFolder makes a folder that is missing, in one that is there.
func (c *conn) makeFolder(at place, mode fs.FileMode) error {
	sights, err := c.look(at)
	if err != nil {
		return err
	}
	if sights[0].absent() != nil {
		return sights[0].folder(at)
	}
	full := c.full(at)
	err = c.files.Mkdir(full)
	if serverSaid(err) {
		// Somebody else may have made it meanwhile.
		if sights, lerr := c.look(at); lerr == nil && sights[0].err == nil {
			return sights[0].folder(at)
		}
	}
	if err == nil && mode != 0 {
		if err = c.files.Chmod(full, mode|mode&0o444>>2); serverSaid(err) {
			return &modeError{mode, err}
		}
	}
	return err
}

// Watch can't tell: SFTP has no events.
func (r *Remote) Watch(context.Context, string) (<-chan struct{}, error) { return nil, nil }

// Close ends all operations and connections and waits for them. Operations after it return an error with fate Stop.
func (r *Remote) Close() error {
	r.end()
	for range cap(r.slots) {
		r.slots <- struct{}{}
	}
	defer func() {
		for range cap(r.slots) {
			<-r.slots
		}
	}()
	r.mu.Lock()
	idle := r.idle
	r.idle = nil
	r.mu.Unlock()
	for _, c := range idle {
		c.close()
	}
	return nil
}
