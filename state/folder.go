package state

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/state/sqlite"
)

// The folder and its files belong to the bridge's account alone, whatever the umask: 0700 and 0600, and nothing is opened
// through a link. What a volume grants to a group (fsGroup of Kubernetes) stays.

const (
	privateFile   fs.FileMode = 0o600
	privateFolder fs.FileMode = 0o700
	others        fs.FileMode = 0o007
)

// makePrivate makes the folder and its spool, refuses a folder that others can write to, and takes from others what they may do
// with the files in it. Doubts are what works but should not stay.
func makePrivate(dir, spool string) (doubts []string, err error) {
	if err := os.MkdirAll(spool, privateFolder); err != nil {
		return nil, &bridge.Error{Op: "make state folder", Object: dir, Err: err,
			Hint: "correct state.dir, or let the bridge's account write there"}
	}
	info, err := os.Stat(dir)
	if err != nil {
		return nil, fmt.Errorf("look at state folder: %w", err)
	}
	mode := info.Mode()
	switch {
	case mode&0o002 != 0:
		return nil, &bridge.Error{Op: "open state", Object: dir, Err: errors.New("everybody on this machine can write there"),
			Hint: "chmod o-rwx " + dir}
	case mode&others != 0:
		doubts = append(doubts, fmt.Sprintf("everybody on this machine can look into %s: chmod o-rwx %s", dir, dir))
	case mode&0o020 != 0 && mode&fs.ModeSetgid == 0:
		doubts = append(doubts, fmt.Sprintf("a group can write to %s: chmod g-w %s", dir, dir))
	}
	for _, name := range []string{"ledger.db", "ledger.db-wal", "ledger.db-shm", "lock", "spool"} {
		path := filepath.Join(dir, name)
		info, err := os.Lstat(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return nil, fmt.Errorf("look at state folder: %w", err)
		case name != "spool" && !info.Mode().IsRegular():
			return nil, &bridge.Error{Op: "open state", Object: path, Err: errors.New("it is a link, or no file"),
				Hint: "put the file itself there, and point state.dir to where it is"}
		case info.Mode()&fs.ModeSymlink == 0 && info.Mode()&others != 0:
			if err := os.Chmod(path, info.Mode().Perm()&^others); err != nil {
				doubts = append(doubts, fmt.Sprintf("others may read %s: %v", path, err))
			}
		}
	}
	return doubts, nil
}

// makeLedgerFile makes an empty ledger where there is none yet. SQLite gives its other files the mode of this one.
func makeLedgerFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL|syscall.O_NOFOLLOW, privateFile)
	if errors.Is(err, fs.ErrExist) {
		return nil // not opened: closing it would take SQLite's locks away
	}
	if err != nil {
		return fmt.Errorf("make ledger: %w", err)
	}
	return errors.Join(f.Chmod(privateFile), f.Close())
}

// lock is an flock on a file until it is closed; the kernel lets go of it when the process dies. The file says who holds it and
// whether an earlier holder came to an orderly end: "4711 running", "4711 stopped". It is empty until a ledger was made beside it.
type lock struct {
	file *os.File
	said string // what stood there
}

func takeLock(path string) (*lock, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, privateFile)
	if err != nil {
		return nil, fmt.Errorf("open lock: %w", err)
	}
	flockErr := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	text := make([]byte, 64)
	n, _ := f.ReadAt(text, 0) // to the end
	l := &lock{file: f, said: string(bytes.TrimSpace(text[:n]))}
	if flockErr == nil {
		return l, f.Chmod(privateFile)
	}
	f.Close()
	if !errors.Is(flockErr, syscall.EWOULDBLOCK) {
		return nil, fmt.Errorf("lock %s: %w", path, flockErr)
	}
	holder := "another process"
	if words := strings.Fields(l.said); len(words) > 0 {
		holder = "process " + words[0]
	}
	return nil, &bridge.Error{Op: "lock", Object: path, Err: bridge.ErrLocked,
		Hint: holder + " works with this state folder: stop it, or use another state.dir"}
}

// used says that a bridge has worked here before, crashed that it came to no orderly end.
func (l *lock) used() bool    { return l.said != "" }
func (l *lock) crashed() bool { return l.used() && !strings.HasSuffix(l.said, " stopped") }

// say writes how the holder is doing. It needs no room on the disk once something stands there.
func (l *lock) say(word string) error {
	text := strconv.Itoa(os.Getpid()) + " " + word + "\n"
	_, err := l.file.WriteAt([]byte(text), 0)
	if err == nil {
		err = l.file.Truncate(int64(len(text)))
	}
	if err == nil {
		err = l.file.Sync()
	}
	if err != nil {
		return fmt.Errorf("write lock: %w", err)
	}
	return nil
}

// release lets others in at once. Closing alone would leave the lock to a child that is between fork and exec.
func (l *lock) release() error {
	return errors.Join(syscall.Flock(int(l.file.Fd()), syscall.LOCK_UN), l.file.Close())
}

// lookEvery is how often a running bridge looks whether its folder is still there.
const lookEvery = 2 * time.Second

// Watch looks after the folder while a bridge works on it, until ctx ends: the ledger is checked from end to end once, and the
// folder must stay the one that was opened. An error says that the bridge must not go on.
func (s *State) Watch(ctx context.Context) error { return s.watch(ctx, lookEvery) }

func (s *State) watch(ctx context.Context, every time.Duration) error {
	g, ctx := errgroup.WithContext(ctx)
	if !s.checked {
		g.Go(func() error {
			err := s.Check(ctx)
			s.checked = err == nil
			return err
		})
	}
	if held, ok := s.kept.(interface{ Watch(context.Context) error }); ok {
		g.Go(func() error { return held.Watch(ctx) })
	}
	g.Go(func() error {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			if err := s.Whole(); err != nil {
				return err
			}
			select {
			case <-ctx.Done():
				return nil
			case <-tick.C:
			}
		}
	})
	if err := g.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// Whole says whether lock and ledger are still the files that were opened. A folder that was removed, moved away or put back
// under a running bridge takes nothing in any more: what is written goes nowhere.
func (s *State) Whole() error {
	for _, f := range s.opened {
		path := filepath.Join(s.dir, f.Name())
		now, err := os.Lstat(path)
		if err == nil && !os.SameFile(f, now) {
			err = errors.New("another file stands in its place")
		}
		if err != nil {
			return &bridge.Error{Op: "look after state", Object: path,
				Err: fmt.Errorf("the state folder was taken away under the running bridge: %w", err),
				Hint: "put the folder back as it was, with the bridge stopped, and start it again; what was noted since is lost, and is " +
					"found out again from both ends"}
		}
	}
	return nil
}

// remember keeps which files were opened.
func (s *State) remember(names ...string) error {
	for _, name := range names {
		info, err := os.Lstat(filepath.Join(s.dir, name))
		if err != nil {
			return fmt.Errorf("look at state folder: %w", err)
		}
		s.opened = append(s.opened, info)
	}
	return nil
}

// sweep removes what killed processes have left: stages in the spool, copies of backups beside the ledger.
func (s *State) sweep() error {
	left, err := os.ReadDir(s.dir)
	if err != nil {
		return fmt.Errorf("look for what is left over: %w", err)
	}
	for _, entry := range left {
		info, err := entry.Info()
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("look for what is left over: %w", err)
		}
		// Nobody restores beside us, but somebody may be making a backup.
		old := err == nil && time.Since(info.ModTime()) > bridge.Day
		if !strings.HasPrefix(entry.Name(), restorePrefix) && !(old && strings.HasPrefix(entry.Name(), backupPart)) {
			continue
		}
		if err := os.RemoveAll(filepath.Join(s.dir, entry.Name())); err != nil {
			return fmt.Errorf("remove what is left over: %w", err)
		}
	}
	return s.sweepStages()
}

// sweepStages removes the stages that killed processes have left in the spool.
func (s *State) sweepStages() error {
	left, err := os.ReadDir(s.Spool())
	if err != nil {
		return fmt.Errorf("look for old stages: %w", err)
	}
	for _, entry := range left {
		if !strings.HasPrefix(entry.Name(), sqlite.StagePrefix) {
			continue
		}
		if err := os.Remove(filepath.Join(s.Spool(), entry.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove old stage: %w", err)
		}
	}
	return nil
}
