// Package spool keeps files on the local disk: the copies of drops, which come whole or not at all.
//
// What may go in: how bytes come to the disk of state.dir, and what it means when they do not. What may not: what the bytes
// say (package rows), and whose they are.
package spool

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/singleflight"

	"github.com/orobridge/orobridge/bridge"
)

// Part is how the names of files end that are still being written. What ends so and is old belongs to a process that is no
// more.
const Part = ".part"

// A Source hands out files: a remote, or a part of one.
type Source interface {
	Fetch(ctx context.Context, path string, w io.Writer) (int64, error)
}

// A Copy is a file that was copied into a folder.
type Copy struct {
	Name   string // there
	Size   int64  // bytes that were copied
	SHA256 string // of these, in hexadecimal digits
}

// Fetch copies the file of a drop into a folder, to be read by [Open]: temporary name, rename. What another attempt has left under the
// temporary name goes, be it a link: the copy is a new file, which nobody else can read. It outlasts a loss of power once it is synced,
// see [Sync]; until then it may be gone, or [ErrDamaged].
func Fetch(ctx context.Context, r Source, from, folder string, drop int64) (Copy, error) {
	name := strconv.FormatInt(drop, 10)
	return fetch(ctx, r, from, folder, name, func(string) string { return name })
}

// fetch copies a file under a temporary name, and gives it the one that follows from its sha256.
func fetch(ctx context.Context, r Source, from, folder, part string, named func(sum string) string) (c Copy, err error) {
	part = filepath.Join(folder, part) + Part
	if err := os.Remove(part); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return c, Trouble(err)
	}
	file, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_EXCL|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return c, Trouble(err)
	}
	copied, hash := &writer{file: file}, sha256.New()
	size, err := r.Fetch(ctx, from, io.MultiWriter(copied, hash))
	if err == nil {
		err = Trouble(copied.end())
	}
	if err = errors.Join(err, Trouble(file.Close())); err != nil {
		return c, errors.Join(err, os.Remove(part))
	}
	sum := hex.EncodeToString(hash.Sum(nil))
	name := named(sum) + copied.suffix()
	if err := os.Rename(part, filepath.Join(folder, name)); err != nil {
		return c, Trouble(err)
	}
	return Copy{name, size, sum}, nil
}

// syncing is how many copies are brought to the disk at the same time: it writes many small ones in about the time of one.
const syncing = 16

// Sync keeps copies that were fetched into a folder, by their names there, whatever happens.
func Sync(folder string, copies ...string) error {
	var all errgroup.Group
	all.SetLimit(syncing)
	for _, name := range copies {
		all.Go(func() error { return syncAt(filepath.Join(folder, name)) })
	}
	if err := all.Wait(); err != nil {
		return Trouble(err)
	}
	return Trouble(syncAt(folder))
}

func syncAt(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// Keep is [Fetch] of a file that is to outlast a loss of power at once.
func Keep(ctx context.Context, r Source, from, folder string, drop int64) (Copy, error) {
	c, err := Fetch(ctx, r, from, folder, drop)
	if err == nil {
		err = Sync(folder, c.Name)
	}
	return c, err
}

// given is how the names of copies begin that were made before their drop had a number.
const given = "given-"

// Take is [Keep] of a file that becomes a drop once all of it is there.
func Take(ctx context.Context, r Source, from, folder string) (Copy, error) {
	mark := strings.ToLower(rand.Text())
	c, err := fetch(ctx, r, from, folder, given+mark, func(sum string) string { return given + sum + "-" + mark })
	if err == nil {
		err = Sync(folder, c.Name)
	}
	return c, err
}

// Taken is the sha256 of a copy that [Take] has made, by its name; false for others.
func Taken(name string) (sum string, ok bool) {
	sum, _, dashed := strings.Cut(strings.TrimPrefix(name, given), "-")
	return sum, dashed && strings.HasPrefix(name, given)
}

// Have brings a drop's bytes back into a folder that is a cache: they were pruned there, or another machine has fetched them. They are
// taken from the drop's remote, nil where nothing is known of it, and have to have the drop's sha256. op is what needs them.
func Have(ctx context.Context, r Source, d *bridge.Drop, folder, op string) error {
	if d.Spool != "" {
		if _, err := os.Stat(filepath.Join(folder, d.Spool)); err == nil {
			return nil
		}
	}
	return Again(ctx, r, d, folder, op)
}

// Bring is what [Have] and [Again] do.
type Bring func(ctx context.Context, r Source, d *bridge.Drop, folder, op string) error

// fetching are the copies that are brought back just now: whoever wants the same one meanwhile, as shops do that have parts of one drop,
// gets it, too.
var fetching singleflight.Group

// Again brings a drop's bytes back, whatever stands in the folder: there they may be [ErrDamaged].
func Again(ctx context.Context, r Source, d *bridge.Drop, folder, op string) error {
	if r == nil || d.Path == "" {
		return &bridge.Error{Op: op, Object: "drop " + strconv.FormatInt(d.ID, 10), Err: errors.New("its bytes are not kept on this machine"),
			Hint: "load the file again: orobridge load " + d.Feed + " FILE"}
	}
	to := filepath.Join(folder, strconv.FormatInt(d.ID, 10))
	fetched, err, shared := fetching.Do(to, func() (any, error) { return Fetch(ctx, r, d.Path, folder, d.ID) })
	if shared && errors.Is(err, context.Canceled) && ctx.Err() == nil { // it was another one's that was cut
		return Again(ctx, r, d, folder, op)
	}
	c := fetched.(Copy)
	d.Spool = cmp.Or(c.Name, d.Spool)
	if err == nil && d.SHA256 != "" && c.SHA256 != d.SHA256 {
		err = &bridge.Error{Op: op, Object: bridge.FileObject(d.Remote, d.Path),
			Err:  errors.New("the file there is not the one that was fetched"),
			Hint: "drop it into the feed's folder if it is to be loaded as it is now"}
	}
	return err
}

// ErrDamaged: a copy has not the sha256 that was taken of it when it came, or can't be read: its disk has changed it.
var ErrDamaged = errors.New("the copy on this machine is not what was fetched")

// HintDamaged is what to do about a copy that is [ErrDamaged].
const HintDamaged = "look after the disk of state.dir: `orobridge state check` says what else it has changed"

// Check reads a copy and compares it with its sha256 in hexadecimal digits; without one any copy is good.
func Check(path, sum string) error {
	file, err := Open(path)
	if err != nil {
		return Trouble(err)
	}
	defer file.Close() // it was only read
	p := NewProof(file, sum)
	return p.End()
}

// A Proof is a copy that is compared with its sha256 while it is read.
type Proof struct {
	from   io.Reader
	sum    string
	hash   hash.Hash
	failed error // of a read
}

// NewProof reads a copy that has a sha256, in hexadecimal digits; with an empty one any copy is good.
func NewProof(from io.Reader, sum string) *Proof {
	return &Proof{from: from, sum: sum, hash: sha256.New()}
}

// Read implements io.Reader.
func (p *Proof) Read(b []byte) (int, error) {
	n, err := p.from.Read(b)
	if p.sum != "" {
		p.hash.Write(b[:n])
	}
	if err != nil && !errors.Is(err, io.EOF) {
		p.failed = err
	}
	return n, err
}

// End reads what nobody has read and says whether all of it was what it has to be: [ErrDamaged] when it was not.
func (p *Proof) End() error {
	if p.sum == "" {
		return nil
	}
	if _, err := io.Copy(io.Discard, p); err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, p.failed)
	}
	if sum := hex.EncodeToString(p.hash.Sum(nil)); sum != p.sum {
		return fmt.Errorf("%w: its sha256 is %s, and was %s", ErrDamaged, sum, p.sum)
	}
	return nil
}

// Trouble is trouble of the local disk: it passes once somebody has made room. Without room a smaller file may go on. Nil
// stays nil.
func Trouble(err error) error {
	if err == nil {
		return nil
	}
	return &bridge.Error{Op: "write", Object: "spool", Fate: bridge.Pause, Err: err,
		File: errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT),
		Hint: "make room on the disk of state.dir"}
}

// HintNeverFits is what to do about a file that [NeverFits].
const HintNeverFits = "give state.dir a larger disk, or have the sender send less at once"

// NeverFits says that so many bytes are more than the disk of a folder could ever hold. A disk that can't be asked holds all.
func NeverFits(folder string, size int64) bool {
	var disk syscall.Statfs_t
	if syscall.Statfs(folder, &disk) != nil || disk.Blocks == 0 {
		return false
	}
	return uint64(size)/uint64(disk.Bsize) >= disk.Blocks
}
