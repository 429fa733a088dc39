// Package state is the folder in which a bridge keeps what must outlast it: the ledger, the spool of fetched files, the
// stages of runs, and the lock.
//
// Contract. One process at a time holds a folder; a second one gets bridge.ErrLocked. Others may look at the ledger, or
// change a word of it beside the one that holds it. The folder belongs on a local disk: SQLite's locks and its write-ahead
// log do not work over network file systems (https://www.sqlite.org/wal.html). Where the ledger stands in PostgreSQL instead, the
// folder holds what is this machine's alone, and one bridge at a time holds the ledger, on whatever machine. What a ledger knows
// stands in state/ledger; what any ledger must do, in state/ledgertest.
package state

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/state/ledger"
	"github.com/orobridge/orobridge/state/sqlite"
)

// State is an opened state folder.
type State struct {
	*ledger.Ledger
	kept    edition
	dir     string
	program string
	lock    *lock
	opened  []os.FileInfo // lock and ledger as they were then
	checked bool          // the ledger was checked from end to end before its first write
	scratch bool          // the folder goes when it is closed
	shares  bool          // other bridges work with the ledger, too

	// Doubts are what works but should not stay, such as a folder that everybody can look into.
	Doubts []string
}

// An edition is what the database of a ledger does besides.
type edition interface {
	Close() error
	Check(ctx context.Context) error
	GiveBack(ctx context.Context) (more bool, err error)
}

// Options change how a folder is opened.
type Options struct {
	Postgres string // address of the database that the ledger stands in; without one it is a file in the folder

	ReadOnly bool   // for verbs that only look: takes no lock, changes nothing, and needs an existing ledger
	Beside   bool   // for verbs that change a word or two beside a running bridge: takes no lock
	Shares   bool   // for bridges that share the work on a ledger in PostgreSQL: takes the folder's lock alone
	Program  string // version that opens it
}

// Open opens the ledger in a folder, making both if need be, and brings its schema up to date. It returns an error
// wrapping bridge.ErrLocked when another process holds it, and refuses a ledger of a newer program.
func Open(ctx context.Context, dir string, o Options) (*State, error) {
	s := &State{dir: dir, program: o.Program}
	open := s.open
	if o.Postgres != "" {
		open = s.openPostgres
	}
	if err := open(ctx, o); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *State) open(ctx context.Context, o Options) (err error) {
	path := filepath.Join(s.dir, "ledger.db")
	if o.ReadOnly {
		if _, err := os.Stat(path); err != nil {
			return &bridge.Error{Op: "open ledger", Object: path, Err: err,
				Hint: "check state.dir, or start `orobridge run`"}
		}
		return s.openFile(ctx, path, sqlite.Options{ReadOnly: true})
	}
	if s.Doubts, err = makePrivate(s.dir, s.Spool()); err != nil {
		return err
	}
	if o.Beside {
		return s.openFile(ctx, path, sqlite.Options{Program: o.Program})
	}
	if s.lock, err = takeLock(filepath.Join(s.dir, "lock")); err != nil {
		return err
	}
	return s.openHeld(ctx, path, o)
}

// openHeld opens the ledger of a folder that is ours alone. Where a bridge has worked before there must be one; after a crash it
// is checked before anything is written to it.
func (s *State) openHeld(ctx context.Context, path string, o Options) error {
	spooled, err := os.ReadDir(s.Spool())
	if err != nil {
		return fmt.Errorf("look into spool: %w", err)
	}
	first := !s.lock.used() && len(spooled) == 0
	if !first {
		if err := s.lock.say("running"); err != nil {
			return err
		}
	}
	if err := s.sweep(); err != nil {
		return err
	}
	if _, err := os.Lstat(path); err != nil && !first {
		return sqlite.Lost(path, err)
	}
	if err := makeLedgerFile(path); err != nil {
		return err
	}
	s.checked = s.lock.crashed()
	options := sqlite.Options{New: first, Suspect: s.checked, Program: o.Program, Before: s.beforeMigration}
	if err := s.openFile(ctx, path, options); err != nil {
		return err
	}
	if err := s.recognise(ctx, first); err != nil {
		return err
	}
	// Last: a first start that was cut short is a first start again.
	if first {
		if err := s.lock.say("running"); err != nil {
			return err
		}
	}
	return s.remember("lock", ledgerName)
}

func (s *State) openFile(ctx context.Context, path string, o sqlite.Options) error {
	l, err := sqlite.Open(ctx, path, o)
	if err == nil {
		s.Ledger, s.kept = l.Ledger, l
	}
	return err
}

// Of is the state as a shop's engines see it: the keys of its ledger are the shop's own. It is closed with the state itself.
func (s *State) Of(shop string) *State {
	return &State{Ledger: s.Ledger.Of(shop), kept: s.kept, dir: s.dir, program: s.program, lock: s.lock, opened: s.opened}
}

// Close ends all connections and lets another bridge in.
func (s *State) Close() error {
	var errs []error
	if s.kept != nil {
		errs = append(errs, s.kept.Close())
	}
	if s.lock != nil {
		if s.opened != nil && errors.Join(errs...) == nil {
			errs = append(errs, s.lock.say("stopped"))
		}
		errs = append(errs, s.lock.release())
	}
	if s.scratch {
		errs = append(errs, os.RemoveAll(s.dir))
	}
	return errors.Join(errs...)
}

// Check reads the ledger from end to end, as far as that is not its database's own business.
func (s *State) Check(ctx context.Context) error { return s.kept.Check(ctx) }

// GiveBack returns room that the ledger does not need any more to the disk; more says that there is still some.
func (s *State) GiveBack(ctx context.Context) (more bool, err error) { return s.kept.GiveBack(ctx) }

// Scratch opens an empty ledger in a temporary folder that goes with it.
func Scratch(ctx context.Context) (*State, error) {
	dir, err := os.MkdirTemp("", "orobridge-")
	if err != nil {
		return nil, fmt.Errorf("make scratch ledger: %w", err)
	}
	s, err := Open(ctx, dir, Options{})
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	s.scratch = true
	return s, nil
}

// Spool is the folder of fetched files.
func (s *State) Spool() string { return filepath.Join(s.dir, "spool") }

// Exists says whether a bridge has worked with a folder.
func Exists(dir string) bool {
	_, err := os.Lstat(filepath.Join(dir, "ledger.db"))
	return err == nil
}

// Locked says whether a process holds the folder.
func Locked(dir string) bool {
	f, err := os.Open(filepath.Join(dir, "lock"))
	if err != nil {
		return false
	}
	defer f.Close()
	return syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB) != nil
}
