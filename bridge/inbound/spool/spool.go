// Package spool keeps files on the local disk: the copies of drops, which come whole or not at all.
//
// What may go in: how bytes come to the disk of state.dir, and what it means when they do not. What may not: what the bytes
// say (package rows), and whose they are.
package spool

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/orobridge/orobridge/bridge"
)

// Part is how the names of files end that are still being written. What ends so and is old belongs to a process that is no
// more.
const Part = ".part"

// A Source hands out files: a remote, or a part of one.
type Source interface {
	Fetch(ctx context.Context, path string, w io.Writer) (int64, error)
}

// Fetch copies a file to a local path, with its size in bytes and its sha256 in hexadecimal digits: temporary name, sync,
// rename, sync of the folder. What another attempt has left under the temporary name goes, be it a link: the copy is a new
// file, which nobody else can read.
func Fetch(ctx context.Context, r Source, from, to string) (size int64, sum string, err error) {
	if err := os.Remove(to + Part); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, "", Trouble(err)
	}
	tmp, err := os.OpenFile(to+Part, os.O_WRONLY|os.O_CREATE|os.O_EXCL|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return 0, "", Trouble(err)
	}
	hash := sha256.New()
	size, err = r.Fetch(ctx, from, io.MultiWriter(tmp, hash))
	if err == nil {
		err = Trouble(tmp.Sync())
	}
	if err = errors.Join(err, Trouble(tmp.Close())); err != nil {
		return 0, "", errors.Join(err, os.Remove(tmp.Name()))
	}
	if err := os.Rename(tmp.Name(), to); err != nil {
		return 0, "", Trouble(err)
	}
	return size, hex.EncodeToString(hash.Sum(nil)), Trouble(syncFolder(filepath.Dir(to)))
}

// Have brings a drop's bytes back into a folder that is a cache: they were pruned there, or another machine has fetched them. They are
// taken from the drop's remote, nil where nothing is known of it, and have to have the drop's sha256. op is what needs them.
func Have(ctx context.Context, r Source, d *bridge.Drop, folder, op string) error {
	if d.Spool != "" {
		if _, err := os.Stat(filepath.Join(folder, d.Spool)); err == nil {
			return nil
		}
	}
	if r == nil || d.Path == "" {
		return &bridge.Error{Op: op, Object: "drop " + strconv.FormatInt(d.ID, 10), Err: errors.New("its bytes are not kept on this machine"),
			Hint: "load the file again: orobridge load " + d.Feed + " FILE"}
	}
	d.Spool = strconv.FormatInt(d.ID, 10)
	_, sum, err := Fetch(ctx, r, d.Path, filepath.Join(folder, d.Spool))
	if err == nil && d.SHA256 != "" && sum != d.SHA256 {
		err = &bridge.Error{Op: op, Object: bridge.FileObject(d.Remote, d.Path),
			Err:  errors.New("the file there is not the one that was fetched"),
			Hint: "drop it into the feed's folder if it is to be loaded as it is now"}
	}
	return err
}

func syncFolder(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// Trouble is trouble of the local disk: it passes once somebody has made room. Without room a smaller file may go on. Nil
// stays nil.
func Trouble(err error) error {
	if err == nil {
		return nil
	}
	return &bridge.Error{Op: "write", Object: "spool", Fate: bridge.Pause, Err: err,
		File: errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT),
		Hint: "make room on the disk of state.dir; the bridge goes on by itself"}
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
