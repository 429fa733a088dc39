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

// Salvaged is what a salvage has read, and what is lost.
type Salvaged struct {
	Tables   []sqlite.Salvaged
	Life     int64  // the generation that begins
	Replaced string // folder with the ledger that stood there; empty when there was none
}

// Salvage reads what can be read of a damaged ledger into a new one, which takes the place of the one in a state folder that no bridge
// works with; that one, which may be the damaged one itself, is put aside. What was read may be old or in part: a new generation begins,
// as after a restore.
func Salvage(ctx context.Context, dir, damaged string, over bool, at time.Time) (_ *Salvaged, err error) {
	if _, err := os.Stat(damaged); err != nil {
		return nil, &bridge.Error{Op: "salvage", Object: damaged, Err: err, Hint: "name the damaged ledger.db, with its -wal beside it if there is one"}
	}
	if _, err := makePrivate(dir, filepath.Join(dir, "spool")); err != nil {
		return nil, err
	}
	held, err := takeLock(filepath.Join(dir, "lock"))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, held.release()) }()
	if _, err := os.Lstat(filepath.Join(dir, ledgerName)); err == nil && !over {
		return nil, &bridge.Error{Op: "salvage into", Object: dir, Err: errors.New("a ledger is there"),
			Hint: "add --yes: it is put aside, beside what is salvaged"}
	}
	work := filepath.Join(dir, restorePrefix+strings.ToLower(rand.Text()))
	if err := os.Mkdir(work, privateFolder); err != nil {
		return nil, fmt.Errorf("salvage: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	copied, fresh := filepath.Join(work, "damaged.db"), filepath.Join(work, ledgerName)
	for _, suffix := range []string{"", "-wal"} {
		if err := copyFile(damaged+suffix, copied+suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("salvage: %w", err)
		}
	}
	done := &Salvaged{}
	if done.Tables, err = salvageInto(ctx, copied, fresh); err != nil {
		return nil, err
	}
	c, err := sqlite.OpenCopied(fresh)
	if err != nil {
		return nil, err
	}
	head, err := c.Head(ctx)
	if err = errors.Join(err, c.Close()); err != nil {
		return nil, err
	}
	last, err := readLife(dir)
	if err != nil {
		return nil, err
	}
	done.Life = max(last.generation, head.Generation) + 1
	if err := renew(ctx, fresh, done.Life, at, fmt.Sprintf("salvaged from %s: generation %d begins", damaged, done.Life)); err != nil {
		return nil, err
	}
	if err := (life{head.Identity, done.Life}).write(dir); err != nil {
		return nil, err
	}
	if err := held.say("stopped"); err != nil {
		return nil, err
	}
	if done.Replaced, err = putAside(dir, at); err != nil {
		return nil, err
	}
	if err := os.Rename(fresh, filepath.Join(dir, ledgerName)); err != nil {
		return nil, fmt.Errorf("salvage: %w", err)
	}
	return done, syncFolder(dir)
}

// salvageInto makes a new ledger of what can be read of a damaged one.
func salvageInto(ctx context.Context, damaged, fresh string) (_ []sqlite.Salvaged, err error) {
	if err := makeLedgerFile(fresh); err != nil {
		return nil, err
	}
	l, err := sqlite.Open(ctx, fresh, sqlite.Options{New: true})
	if err != nil {
		return nil, err
	}
	tables, err := sqlite.Salvage(ctx, damaged, l)
	return tables, errors.Join(err, l.Close())
}

func copyFile(from, to string) (err error) {
	r, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	w, err := newFile(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(w, r)
	return errors.Join(err, w.Close())
}
