package state

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/state/sqlite"
)

// Restored is what a restore has done.
type Restored struct {
	Manifest
	Life     int64  // the generation that begins
	Replaced string // folder with the ledger that stood there; empty when there was none
}

// restorePrefix begins the name of the folder into which a backup is unpacked, replacedPrefix of the one that keeps what it replaces.
const (
	restorePrefix  = ".restore-"
	replacedPrefix = "replaced-"
)

// Restore puts a backup into a state folder that no bridge works with. Where a ledger is it is put aside, if over says so.
// The backup is unpacked and checked first: an error leaves the folder as it was. Spooled files that stand there stay.
func Restore(ctx context.Context, dir string, r io.Reader, over bool, at time.Time) (_ *Restored, err error) {
	spool := filepath.Join(dir, "spool")
	if _, err := makePrivate(dir, spool); err != nil {
		return nil, err
	}
	held, err := takeLock(filepath.Join(dir, "lock"))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, held.release()) }()
	_, err = os.Lstat(filepath.Join(dir, ledgerName))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("look for a ledger: %w", err)
	}
	if err == nil && !over {
		return nil, &bridge.Error{Op: "restore into", Object: dir, Err: errors.New("a ledger is there"),
			Hint: "add --yes: what stands there is put aside, beside what is restored"}
	}
	unpacked := filepath.Join(dir, restorePrefix+strings.ToLower(rand.Text()))
	if err := os.MkdirAll(filepath.Join(unpacked, "spool"), privateFolder); err != nil {
		return nil, fmt.Errorf("restore: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(unpacked)) }()
	m, err := unpack(ctx, r, func(name string) (io.WriteCloser, error) {
		return newFile(filepath.Join(unpacked, filepath.FromSlash(name)))
	})
	if err != nil {
		return nil, err
	}
	if err := checkUnpacked(ctx, filepath.Join(unpacked, ledgerName), m); err != nil {
		return nil, err
	}
	last, err := readLife(dir)
	if err != nil {
		return nil, err
	}
	done := &Restored{Manifest: *m, Life: max(last.generation, m.Generation) + 1}
	why := fmt.Sprintf("restored from the backup of %s: generation %d begins", m.Made.Format(time.RFC3339), done.Life)
	if err := renew(ctx, filepath.Join(unpacked, ledgerName), done.Life, at, why); err != nil {
		return nil, err
	}
	// From here on it is the folder of the new life: should this be cut short, the same call may be made again.
	if err := (life{m.Identity, done.Life}).write(dir); err != nil {
		return nil, err
	}
	if err := held.say("stopped"); err != nil {
		return nil, err
	}
	if done.Replaced, err = putAside(dir, at); err != nil {
		return nil, err
	}
	for _, f := range m.Members {
		if err := os.Rename(filepath.Join(unpacked, filepath.FromSlash(f.Name)), filepath.Join(dir, filepath.FromSlash(f.Name))); err != nil {
			return nil, fmt.Errorf("restore: %w", err)
		}
	}
	return done, errors.Join(syncFolder(spool), syncFolder(dir))
}

// renew makes an unpacked ledger one of a new life.
func renew(ctx context.Context, path string, generation int64, at time.Time, why string) (err error) {
	c, err := sqlite.OpenCopied(path)
	if err != nil {
		return err
	}
	return errors.Join(c.Renew(ctx, generation, at, why), c.Close())
}

// putAside moves the ledger of a folder, with its log, into a folder of its own beside it; there may be none.
func putAside(dir string, at time.Time) (folder string, err error) {
	for _, name := range []string{ledgerName, ledgerName + "-wal", ledgerName + "-shm"} {
		if _, err := os.Lstat(filepath.Join(dir, name)); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if folder == "" {
			folder = filepath.Join(dir, replacedPrefix+at.UTC().Format("20060102T150405.000Z"))
			if err := os.Mkdir(folder, privateFolder); err != nil {
				return "", fmt.Errorf("put the ledger aside: %w", err)
			}
		}
		if err := os.Rename(filepath.Join(dir, name), filepath.Join(folder, name)); err != nil {
			return "", fmt.Errorf("put the ledger aside: %w", err)
		}
	}
	return folder, nil
}
