// Package sftpd is a [bridge.Remote] that is an SFTP server of our own: partners connect to the bridge, put their files
// and fetch their orders.
//
// The bridge sees the whole of a local folder, by the rules of package dir. A partner sees one folder of it as "/" and
// may do there what the config lists. [Remote.Serve] answers partners for as long as it runs; without it the remote is
// the folder alone, with what partners have left unfinished.
//
// Contract: a file is listed with [bridge.File.Writing], and is neither fetched nor moved, while a partner has it open
// for writing, when the upload broke off (which outlives the process), and for the window Stable after its last close or
// setstat. A file that was renamed is whole at once. While the bridge reads a file nobody can write to it. Names are as
// [bridge.SafeName] has them; links are neither made nor followed. Of the bridge's own folders (RemoteSetup.Own) partners see nothing.
//
// A partner finds it as OpenSSH's server, but for this: links are neither made nor followed; names that the bridge could
// not use are refused; owners, and the owner's own permission to read and write, can't be changed; fsync, lsetstat and
// copy-data are not offered; stat and setstat of an open handle go by the name that it was opened under; a listing lacks
// "." and ".."; a client that asks for the log-in service again before each try, as paramiko does, has one try in a connection,
// and so can't have both a key and a password (x/crypto 0.58); there is no shell, no scp of the old protocol (scp -O), no forwarding.
//
// Limits: SFTP version 3. Nothing is synced when a handle is closed, as with OpenSSH's server: what a partner put in the
// last seconds before a power cut may be lost or torn. Keys and hashes of users are read when serving begins.
//
//   - options.go, rights.go: the config, and who may do what
//   - listen.go: connections, and how many of them
//   - greeting.go, login.go, hostkeys.go, algorithms.go: who is who, and by which cipher
//   - session.go, packets.go: one connection
//   - tree.go, trail.go, transfer.go, coverage.go, quota.go: its requests
//   - arrivals.go, notes.go: which files are whole
//   - events.go: what is told of it all
package sftpd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"golang.org/x/crypto/ssh/knownhosts"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/dir"
)

// Remote is a place with files that partners come to.
type Remote struct {
	options  *Options
	name     string
	state    string   // folder of the host keys and the notes
	folders  []string // that feeds and exports name
	own      []string // folders that no partner sees, as arrivals have them
	log      *slog.Logger
	files    *dir.Remote
	arrivals *arrivals
	notes    *notes
	observe  func(*bridge.Event)
	life     context.Context // ends with Close
	end      context.CancelFunc
	work     sync.WaitGroup

	mu       sync.Mutex
	watchers map[string]map[chan struct{}]bool // by folder
	listener net.Listener
}

var (
	_ bridge.Remote = (*Remote)(nil)
	_ bridge.Server = (*Remote)(nil)
)

// New makes the folder path, and in it those of users, feeds and exports, and reads which uploads are unfinished. It does
// not listen yet. Zero numbers of the options mean their defaults, but for Stable, which is what it is. Without a state
// folder there is one beside path. Errors are *bridge.Error with fate Stop.
func New(o *Options, s bridge.RemoteSetup) (*Remote, error) {
	wrong := func(err error, hint string) error {
		return &bridge.Error{Op: "open remote", Object: s.Name, Fate: bridge.Stop, Err: err, Hint: hint}
	}
	if err := o.Check(); err != nil {
		return nil, wrong(err, "orobridge config check says more")
	}
	o = o.filled()
	full, err := filepath.Abs(o.Path)
	if err != nil || o.Path == "" {
		return nil, wrong(errors.Join(errors.New("there is no path"), err), "set path for the remote")
	}
	o.Path = full
	state := full + ".state"
	if s.State != "" {
		state = filepath.Join(s.State, "sftpd", s.Name)
	}
	if err := errors.Join(os.MkdirAll(o.Path, 0o755), os.MkdirAll(state, 0o700)); err != nil {
		return nil, wrong(err, "give the user that runs the bridge the right to make the folder")
	}
	r := &Remote{options: o, name: s.Name, state: state, folders: s.Folders, log: cmp.Or(s.Log, slog.New(slog.DiscardHandler)),
		observe: func(*bridge.Event) {}, watchers: map[string]map[chan struct{}]bool{}}
	if r.notes, err = readNotes(filepath.Join(state, "uploads"), r.log); err != nil {
		return nil, wrong(err, "give the user that runs the bridge the right to read the file")
	}
	if r.files, err = dir.New(s.Name, &dir.Options{Path: full}); err != nil {
		return nil, err
	}
	for _, folder := range s.Own {
		r.own = append(r.own, inner(folder))
	}
	r.arrivals = newArrivals(o.Stable.D(), r.notes, r.wake)
	r.life, r.end = context.WithCancel(context.Background())
	if err := r.makeFolders(); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// Observe implements [bridge.Server].
func (r *Remote) Observe(tell func(*bridge.Event)) { r.observe = tell }

// inner is a path as arrivals have it: below the root, "." for the root.
func inner(p string) string {
	p = strings.TrimPrefix(path.Clean("/"+p), "/")
	if p == "" {
		return "."
	}
	return p
}

// List returns the entries of a folder; a file that is not whole is marked as such.
func (r *Remote) List(ctx context.Context, folder string) ([]bridge.File, error) {
	files, err := r.files.List(ctx, folder)
	at := inner(folder)
	for i := range files {
		f := &files[i]
		f.Writing = !f.Dir && r.arrivals.writing(path.Join(at, f.Name), f.MTime)
	}
	return files, err
}

// Stat asks for one file.
func (r *Remote) Stat(ctx context.Context, p string) (bridge.File, error) {
	file, err := r.files.Stat(ctx, p)
	file.Writing = err == nil && r.arrivals.check(inner(p)) != nil
	return file, err
}

// Fetch copies a file into w. One that is not whole is an error with fate Pause; nobody can write to it meanwhile.
func (r *Remote) Fetch(ctx context.Context, p string, w io.Writer) (int64, error) {
	done, err := r.arrivals.load(inner(p))
	if err != nil {
		return 0, notWhole("fetch", r.name, p, err)
	}
	defer done()
	return r.files.Fetch(ctx, p, w)
}

// Put writes a whole file, as [bridge.Remote] says.
func (r *Remote) Put(ctx context.Context, p string, body io.ReadSeeker) error {
	err := r.files.Put(ctx, p, body)
	if err == nil {
		r.arrivals.renamed(inner(p), inner(p), false)
	}
	return err
}

// Move renames a file. One that is not whole is an error with fate Pause. Nobody can open it for writing in between.
func (r *Remote) Move(ctx context.Context, from, to string) error {
	done, err := r.arrivals.load(inner(from))
	if err != nil {
		return notWhole("move", r.name, from, err)
	}
	defer done()
	err = r.files.Move(ctx, from, to)
	if err == nil {
		r.arrivals.renamed(inner(from), inner(to), false)
	}
	return err
}

// Remove deletes one file.
func (r *Remote) Remove(ctx context.Context, p string) error {
	err := r.files.Remove(ctx, p)
	if err == nil {
		r.arrivals.removed(inner(p))
	}
	return err
}

// MakeFolder makes a folder and its parents.
func (r *Remote) MakeFolder(ctx context.Context, folder string) error {
	return r.files.MakeFolder(ctx, folder)
}

// Watch wakes once at first, then when a partner has renamed a file into the folder, or one that was closed has become
// whole, or one is gone. What other programs do in the folder is not seen: polling finds it.
func (r *Remote) Watch(ctx context.Context, folder string) (<-chan struct{}, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.life.Err() != nil {
		return nil, &bridge.Error{Op: "watch", Object: bridge.FileObject(r.name, folder), Fate: bridge.Stop, Err: fs.ErrClosed}
	}
	at, wake := inner(folder), make(chan struct{}, 1)
	wake <- struct{}{}
	if r.watchers[at] == nil {
		r.watchers[at] = map[chan struct{}]bool{}
	}
	r.watchers[at][wake] = true
	context.AfterFunc(ctx, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.watchers[at], wake)
	})
	return wake, nil
}

// wake those who watch a folder.
func (r *Remote) wake(folder string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for wake := range r.watchers[folder] {
		select {
		case wake <- struct{}{}:
		default: // it is awake already
		}
	}
}

// Close ends the server and all sessions, and waits for them. Operations after it return an error with fate Stop.
func (r *Remote) Close() error {
	r.mu.Lock()
	r.end()
	if r.listener != nil {
		_ = r.listener.Close()
	}
	r.mu.Unlock()
	r.work.Wait()
	r.arrivals.end()
	return errors.Join(r.files.Close(), r.notes.close())
}

// makeFolders makes those of users, feeds and exports.
func (r *Remote) makeFolders() error {
	folders := slices.Clone(r.folders)
	for _, u := range r.options.Users {
		folders = append(folders, u.Folder)
	}
	for _, f := range folders {
		if err := r.files.MakeFolder(r.life, f); err != nil {
			return err
		}
	}
	return nil
}

// accounts reads what users log in by.
func (r *Remote) accounts() (map[string]*account, error) {
	all := map[string]*account{}
	for _, u := range r.options.Users {
		a, err := readAccount(u)
		if err != nil {
			return nil, &bridge.Error{Op: "read user", Object: r.name + ":" + u.Name, Fate: bridge.Stop, Err: err,
				Hint: "correct the user's keys_file or password_hash_file"}
		}
		all[u.Name] = a
	}
	return all, nil
}

// Address is where the server listens; what the config says before it does.
func (r *Remote) Address() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.listener != nil {
		return r.listener.Addr().String()
	}
	return r.options.Listen
}

// Check looks at the folder, the users' files and the host keys, and whether the server answers. It listens to nothing
// and makes no key.
func (r *Remote) Check(ctx context.Context) []bridge.Finding {
	subject := "remote " + r.name
	findings := r.files.Check(ctx)
	tried := func(what, detail string, err error) {
		f := bridge.Finding{Subject: subject, What: what, OK: err == nil, Detail: detail}
		if err != nil {
			f.Detail, f.Hint = err.Error(), bridge.HintOf(err)
		}
		findings = append(findings, f)
	}
	accounts, err := r.accounts()
	tried("read the users", fmt.Sprintf("%d may log in", len(accounts)), err)
	keys, err := r.readHostKeys()
	if _, made := r.hostKeyFiles(); made && errors.Is(err, fs.ErrNotExist) {
		tried("read the host keys", "there is none yet: the first start makes them", nil)
		err = nil
	} else if err != nil {
		tried("read the host keys", "", err)
	}
	for _, k := range keys {
		tried("host key "+k.PublicKey().Type(), r.fingerprint(k), nil)
	}
	if r.options.LegacyAlgorithms {
		findings = append(findings, bridge.Finding{Subject: subject, What: "look at the algorithms", OK: true,
			Detail: "legacy_algorithms: weak ones are spoken too",
			Hint:   "take legacy_algorithms away as soon as no partner needs it"})
	}
	if len(keys) > 0 {
		findings = append(findings, r.checkAnswer(ctx, keys))
	}
	return findings
}

// KnownHosts are the lines by which clients pin the server's host keys at an address, in the form of OpenSSH's
// known_hosts. The keys are there once the server has listened.
func (r *Remote) KnownHosts(address string) (string, error) {
	keys, err := r.readHostKeys()
	var text strings.Builder
	for _, k := range keys {
		text.WriteString(knownhosts.Line([]string{knownhosts.Normalize(address)}, k.PublicKey()) + "\n")
	}
	return text.String(), err
}

// fingerprint is what a partner compares.
func (r *Remote) fingerprint(k hostKey) string {
	text := fingerprint(k.PublicKey()) + " (" + k.file + ")"
	if !k.shown {
		text += ", made known for the next rotation"
	}
	return text
}
