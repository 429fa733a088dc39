// Package sftp is a [bridge.Remote] over SFTP version 3 (draft-ietf-secsh-filexfer-02) on SSH.
//
// Contract beyond that of the interface:
//
//   - Connections are few (Options.Connections), dialled when they are needed, used by one operation at a time, kept
//     alive while idle and replaced when they break. Nothing is tried twice here: an operation that met trouble says so
//     with fate Pause, and whoever called it decides when to come back.
//   - Every wait is bounded: the TCP connect and the handshake by ConnectTimeout each, an operation by ReadTimeout
//     without a byte of SFTP from the server. A context that ends closes the operation's connection.
//   - The server's key is pinned in a known_hosts file, read anew for each connection. There is no way to switch that off.
//   - A password is offered once per login, so that a wrong one does not lock the account.
//   - Memory: a fetch holds one chunk (2 MiB), a listing its entries; a listing of more than 256 MiB is cut off.
//   - Put and Move look that the target is absent and then rename: by posix-rename@openssh.com where the server offers it,
//     because there the file has exactly one name at each moment (a plain rename of OpenSSH is a link and an unlink), by
//     the plain rename otherwise. SFTP has no rename that is atomic and exclusive at once, so writers of one target must
//     not be two processes; within this process they take turns. No target is ever deleted first.
//   - Put leaves no temporary file behind where it can: what a broken connection left is removed by the next Put, what a
//     killed process left by the first Put into the folder once it is a day old.
//
// Not supported: RSA keys that sign with SHA-1 only for the client's login, GSSAPI, agents, jump hosts.
package sftp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"net"
	"path"
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
	chunkSize  = 2 << 20   // of a fetch: 64 requests of 32 KiB, as many as pkg/sftp keeps in flight
	packetSize = 32 << 10  // of one request
	maxListing = 256 << 20 // bytes of one listing: about 1.5 million names
)

// Remote is a place with files on an SFTP server.
type Remote struct {
	name           string
	root           string
	address        string
	user           string
	knownHosts     string
	signer         ssh.Signer // nil without a key
	password       bridge.Secret
	connectTimeout time.Duration
	readTimeout    time.Duration
	keepAlive      time.Duration
	dialTCP        func(ctx context.Context, network, address string) (net.Conn, error)

	life  context.Context // ends with Close
	end   context.CancelFunc
	slots chan struct{} // one token per operation under way
	turn  chan struct{} // held while a target is looked for and taken

	mu    sync.Mutex
	idle  []*conn
	stale map[string]struct{} // temporary files that could not be removed
	swept map[string]bool     // folders that were looked through for old ones
}

var _ bridge.Remote = (*Remote)(nil)

// An Option changes how a Remote works.
type Option func(*Remote)

// WithDialer replaces the way to the server, for tests and proxies.
func WithDialer(dial func(ctx context.Context, network, address string) (net.Conn, error)) Option {
	return func(r *Remote) { r.dialTCP = dial }
}

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
	r := &Remote{
		name: name, root: cfg.Path, address: withPort(cfg.Address), user: cfg.User,
		knownHosts: cfg.KnownHostsFile, signer: signer, password: cfg.Password,
		connectTimeout: cfg.ConnectTimeout.D(),
		readTimeout:    cfg.ReadTimeout.D(),
		keepAlive:      cfg.KeepAlive.D(),
		dialTCP:        (&net.Dialer{}).DialContext,
		slots:          make(chan struct{}, cfg.Connections),
		turn:           make(chan struct{}, 1),
		stale:          map[string]struct{}{},
		swept:          map[string]bool{},
	}
	r.life, r.end = context.WithCancel(context.Background())
	for _, o := range options {
		o(r)
	}
	return r, nil
}

// withPort adds SSH's port where an address has none.
func withPort(address string) string {
	if _, _, err := net.SplitHostPort(address); err != nil {
		return net.JoinHostPort(strings.Trim(address, "[]"), "22")
	}
	return address
}

// resolve makes the server's path of one of the remote's: below the configured root. Without a root, an absolute path
// is the server's and a relative one starts in the folder where the login lands.
func (r *Remote) resolve(op, p string) (string, error) {
	elements, err := bridge.SplitPath(p)
	if err != nil {
		return "", bridge.NameError(op, r.name, p, err)
	}
	base := r.root
	if base == "" && strings.HasPrefix(p, "/") {
		base = "/"
	}
	if full := path.Join(append([]string{base}, elements...)...); full != "" {
		return full, nil
	}
	return ".", nil
}

// List returns the entries of a folder. Special files are listed as files; Fetch refuses them.
func (r *Remote) List(ctx context.Context, folder string) ([]bridge.File, error) {
	var files []bridge.File
	err := r.do(ctx, "list", folder, func(c *conn, full string) error {
		c.limitInput(maxListing)
		defer c.limitInput(0)
		entries, err := c.files.ReadDir(full)
		if err != nil {
			return err
		}
		files = make([]bridge.File, len(entries))
		for i, e := range entries {
			files[i] = asFile(e)
		}
		return nil
	})
	return files, err
}

func asFile(info fs.FileInfo) bridge.File {
	return bridge.File{Name: info.Name(), Size: info.Size(), MTime: info.ModTime().UTC(), Dir: info.IsDir()}
}

// Stat asks for one file; a symbolic link is followed.
func (r *Remote) Stat(ctx context.Context, p string) (bridge.File, error) {
	var file bridge.File
	err := r.do(ctx, "stat", p, func(c *conn, full string) error {
		info, err := c.files.Stat(full)
		if err != nil {
			return err
		}
		file = asFile(info)
		return nil
	})
	return file, err
}

// Fetch copies a file into w. The size and time of the file are asked for before it is opened and after it is closed,
// never while it is open: some servers (IBM Sterling) take a stat of an open file amiss. A file that has vanished by then
// was read whole, if its size was right: servers that hand out a file once delete it then.
func (r *Remote) Fetch(ctx context.Context, p string, w io.Writer) (int64, error) {
	var n int64
	err := r.do(ctx, "fetch", p, func(c *conn, full string) error {
		before, err := c.files.Stat(full)
		if err != nil {
			return err
		}
		if size := before.Size(); size < 0 || size == math.MaxInt64 {
			return fmt.Errorf("the server says that the file has %d bytes: %w", size, sftp.ErrInternalInconsistency)
		}
		if !before.Mode().IsRegular() {
			return &bridge.Error{Op: "fetch", Object: bridge.FileObject(r.name, p), Fate: bridge.Stop,
				Err: fmt.Errorf("not a regular file (%s)", before.Mode().Type()), Hint: "only regular files can be fetched: move it out of the folder"}
		}
		if n, err = c.read(full, before.Size(), w); err != nil {
			return err
		}
		after, err := c.files.Stat(full)
		if errors.Is(err, fs.ErrNotExist) && n == before.Size() {
			return nil
		}
		if err != nil {
			return err
		}
		if n != before.Size() || after.Size() != before.Size() || !after.ModTime().Equal(before.ModTime()) {
			return r.changed(p, before, after, n)
		}
		return nil
	})
	return n, err
}

func (r *Remote) changed(p string, before, after fs.FileInfo, read int64) error {
	return &bridge.Error{Op: "fetch", Object: bridge.FileObject(r.name, p), Fate: bridge.Pause,
		Err: fmt.Errorf("the file changed while it was read: %d bytes of %s before, %d bytes of %s after, %d bytes read",
			before.Size(), before.ModTime().UTC().Format(time.RFC3339), after.Size(), after.ModTime().UTC().Format(time.RFC3339), read),
		Hint: "it is fetched again; if this repeats, the sender writes into the file: have it written under a temporary name and renamed, or set ready.stable higher"}
}

// read copies the file to w by ReadAt, at most one byte more than size: io.Copy and File.WriteTo of pkg/sftp can lose
// data after a short reply (pkg/sftp issue 658). ReadAt reports a short reply as the end of the file; so the end is
// where nothing at all comes back, and once a short reply was seen chunks shrink to one request each.
func (c *conn) read(full string, size int64, w io.Writer) (int64, error) {
	f, err := c.files.Open(full)
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
	return r.do(ctx, "put", p, func(c *conn, full string) error {
		r.removeStale(c)
		if err := c.absent(full); err != nil {
			return err
		}
		folder := path.Dir(full)
		temp := path.Join(folder, bridge.TempName())
		size, err := c.write(temp, body)
		if err == nil {
			err = r.rename(ctx, c, temp, full)
		}
		if err != nil {
			r.discard(c, temp, err)
			return c.explainFull(folder, size, err)
		}
		r.sweep(c, folder)
		return nil
	})
}

// write makes the file, which must not exist, compares its size with the body's, and returns that.
func (c *conn) write(full string, body io.ReadSeeker) (size int64, err error) {
	if size, err = body.Seek(0, io.SeekEnd); err == nil {
		_, err = body.Seek(0, io.SeekStart)
	}
	if err != nil {
		return 0, &bodyError{err}
	}
	// Write only: some servers refuse to open for reading and writing at once, as Create does.
	f, err := c.files.OpenFile(full, createExclusive)
	if err != nil {
		return size, err
	}
	if _, err = f.ReadFromWithConcurrency(&bodyReader{body}, 0); err == nil {
		if _, ok := c.files.HasExtension("fsync@openssh.com"); ok {
			err = ignoreAnswer(f.Sync()) // best effort
		}
	}
	if err != nil {
		var local *bodyError
		if serverSaid(err) || errors.As(err, &local) {
			_ = f.Close()
		}
		return size, err
	}
	if err := f.Close(); err != nil {
		return size, err
	}
	info, err := c.files.Lstat(full)
	if err != nil {
		return size, err
	}
	if info.Size() != size {
		return size, &sizeError{want: size, got: info.Size()}
	}
	return size, nil
}

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

// absent returns fs.ErrExist when something stands under the path.
func (c *conn) absent(full string) error {
	_, err := c.files.Lstat(full)
	if err == nil {
		return fs.ErrExist
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// rename gives a file a name that nothing has.
func (r *Remote) rename(ctx context.Context, c *conn, from, to string) error {
	c.dog.stop() // waiting for the turn is no silence of the server
	select {
	case r.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-r.turn }()
	c.dog.start()
	if err := c.absent(to); err != nil {
		return err
	}
	rename := c.files.Rename
	if _, ok := c.files.HasExtension("posix-rename@openssh.com"); ok {
		rename = c.files.PosixRename
	}
	err := rename(from, to)
	if statusCode(err) == sftp.ErrSSHFxFailure {
		// OpenSSH has no code for a target that came between the look and the rename.
		if errors.Is(c.absent(to), fs.ErrExist) {
			return fs.ErrExist
		}
	}
	return err
}

// Move renames a file. A target folder that is missing and a file that is missing both wrap fs.ErrNotExist.
func (r *Remote) Move(ctx context.Context, from, to string) error {
	target, err := r.resolve("move", to)
	if err != nil {
		return err
	}
	return r.do(ctx, "move", from, func(c *conn, full string) error {
		err := r.rename(ctx, c, full, target)
		if err == nil {
			return nil
		}
		e := r.explain("move", from+" to "+to, c, err)
		if errors.Is(err, fs.ErrNotExist) {
			if _, lerr := c.files.Lstat(full); lerr == nil {
				e.Hint = "the folder " + path.Dir(to) + " is missing: make it on the server"
			}
		}
		return e
	})
}

// Remove deletes one file, never a folder.
func (r *Remote) Remove(ctx context.Context, p string) error {
	return r.do(ctx, "remove", p, func(c *conn, full string) error {
		// Client.Remove falls back to removing a folder, so it must not see one.
		info, err := c.files.Lstat(full)
		if err != nil {
			return err
		}
		if info.IsDir() {
			return &bridge.Error{Op: "remove", Object: bridge.FileObject(r.name, p), Fate: bridge.Stop,
				Err: errors.New("it is a folder"), Hint: "remove folders by hand"}
		}
		return c.files.Remove(full)
	})
}

// MakeFolder makes a folder and its parents.
func (r *Remote) MakeFolder(ctx context.Context, folder string) error {
	return r.do(ctx, "make folder", folder, func(c *conn, full string) error {
		return c.makeFolder(full)
	})
}

func (c *conn) makeFolder(full string) error {
	info, err := c.files.Stat(full)
	if err == nil && info.IsDir() {
		return nil
	}
	if err == nil {
		return fs.ErrExist
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if parent := path.Dir(full); parent != full {
		if err := c.makeFolder(parent); err != nil {
			return err
		}
	}
	err = c.files.Mkdir(full)
	if serverSaid(err) {
		// Somebody else may have made it meanwhile.
		if info, serr := c.files.Stat(full); serr == nil && info.IsDir() {
			return nil
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
