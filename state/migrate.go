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
	"slices"
	"strings"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/state/sqlite"
)

// A ledger of an older program is brought up to date when it is opened. A backup of it is made before, in the state folder: the older
// program can go on with that one.

// upgradePrefix begins the names of these backups. The last keptUpgrades of them are kept.
const (
	upgradePrefix = "before-"
	keptUpgrades  = 3
)

// BackupExtension ends the names of backups.
const BackupExtension = ".tar.zst"

// beforeMigration makes the backup.
func (s *State) beforeMigration(ctx context.Context, missing []string) error {
	now := time.Now().UTC()
	name := upgradePrefix + now.Format("20060102T150405.000Z") + "-" + strings.TrimSuffix(missing[0], ".sql") + BackupExtension
	if _, err := WriteBackup(ctx, s.dir, s.program, filepath.Join(s.dir, name), now); err != nil {
		return bridge.Within("before the ledger is brought up to date", err)
	}
	old, err := filepath.Glob(filepath.Join(s.dir, upgradePrefix+"*"+BackupExtension))
	if err != nil {
		return err
	}
	slices.Sort(old)
	for _, path := range old[:max(0, len(old)-keptUpgrades)] {
		if err := os.Remove(path); err != nil {
			return fmt.Errorf("remove an old backup: %w", err)
		}
	}
	return nil
}

// WriteBackup writes a backup of a state folder into a new file, and reads it back as a restore would. It comes whole or not at all.
func WriteBackup(ctx context.Context, dir, program, path string, at time.Time) (_ *Manifest, err error) {
	part := path + ".part"
	if _, err = os.Lstat(path); err == nil {
		err = fs.ErrExist
	} else if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	var f io.WriteCloser
	if err == nil {
		f, err = newFile(part)
	}
	if err != nil {
		return nil, &bridge.Error{Op: "write backup", Object: path, Err: err,
			Hint: "make sure that the folder is there and that nothing has the name"}
	}
	m, err := Backup(ctx, dir, program, f, at)
	err = errors.Join(err, f.Close())
	if err == nil {
		err = verifyFile(ctx, part, dir)
	}
	if err == nil {
		err = os.Rename(part, path)
	}
	if err != nil {
		return nil, &bridge.Error{Op: "write backup", Object: path, Err: errors.Join(err, os.Remove(part)), Hint: bridge.HintOf(err)}
	}
	return m, syncFolder(filepath.Dir(path))
}

func verifyFile(ctx context.Context, path, dir string) (err error) {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	_, err = VerifyBackup(ctx, f, dir)
	return errors.Join(err, f.Close())
}

// Migration is what bringing a ledger up to date does.
type Migration struct {
	Missing []string      // migrations, in their order
	Took    time.Duration // for all of them
}

// TryMigrations brings a copy of a folder's ledger up to date, checks it, and throws it away; of one at an address of PostgreSQL it only
// tells what it lacks. The bridge may be at work meanwhile.
func TryMigrations(ctx context.Context, dir, address, _ string) (m Migration, err error) {
	if address != "" {
		m.Missing, err = lackedByPostgres(ctx, address)
		return m, err
	}
	path := filepath.Join(dir, ledgerName)
	if m.Missing, err = sqlite.Pending(ctx, path); err != nil || len(m.Missing) == 0 {
		return m, err
	}
	trial := filepath.Join(dir, backupPart+strings.ToLower(rand.Text())+".db")
	defer func() { err = errors.Join(err, removeLedger(trial)) }()
	if err := sqlite.Copy(ctx, path, trial); err != nil {
		return m, err
	}
	began := time.Now()
	l, err := sqlite.Open(ctx, trial, sqlite.Options{})
	if err != nil {
		return m, err
	}
	m.Took = time.Since(began)
	return m, errors.Join(l.Check(ctx), l.Close())
}

// Migrate brings a folder's ledger up to date, after a backup, or the one at an address of PostgreSQL; it takes it for itself.
func Migrate(ctx context.Context, dir, address, program string) (m Migration, err error) {
	if address != "" {
		m.Missing, err = lackedByPostgres(ctx, address)
	} else {
		m.Missing, err = sqlite.Pending(ctx, filepath.Join(dir, ledgerName))
	}
	if err != nil {
		return m, err
	}
	began := time.Now()
	s, err := Open(ctx, dir, Options{Postgres: address, Program: program})
	if err != nil {
		return m, err
	}
	m.Took = time.Since(began)
	return m, s.Close()
}
