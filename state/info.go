package state

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/state/sqlite"
)

// Info is what a state folder is and holds. Its JSON is a contract.
type Info struct {
	Folder     string           `json:"folder"`
	Database   string           `json:"database,omitempty"` // of a ledger in PostgreSQL: host, database and schema
	Held       bool             `json:"held"`               // a bridge works with it
	Identity   string           `json:"identity"`
	Generation int64            `json:"generation"`
	Schema     string           `json:"schema"`  // the last migration that was applied
	Missing    []string         `json:"missing"` // migrations that this program would apply
	Program    string           `json:"program"` // version that opened it last; empty where it is not known
	Made       time.Time        `json:"made"`
	Oldest     *time.Time       `json:"oldest_event"`
	Newest     *time.Time       `json:"newest_event"`
	Ledger     int64            `json:"ledger_bytes"`
	Free       int64            `json:"ledger_free_bytes"` // of these, what holds nothing
	Log        int64            `json:"log_bytes"`
	Rows       map[string]int64 `json:"rows"` // by table
	Spool      Files            `json:"spool"`
	Backup     *Kept            `json:"last_backup"` // of the schedule; null for none
	Aside      []string         `json:"aside"`       // folders and backups that restores and upgrades have put aside
}

// Files counts files.
type Files struct {
	Files int   `json:"files"`
	Bytes int64 `json:"bytes"`
}

// Look tells what a state folder is and holds, and the ledger at an address of PostgreSQL if there is one, beside whoever works with
// them.
func Look(ctx context.Context, dir, address string) (i *Info, err error) {
	if address != "" {
		return lookAtPostgres(ctx, dir, address)
	}
	x, err := examine(ctx, dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, x.Close()) }()
	head, err := x.Head(ctx)
	if err != nil {
		return nil, err
	}
	size, err := x.Size(ctx)
	if err != nil {
		return nil, err
	}
	missing, err := sqlite.Pending(ctx, filepath.Join(dir, ledgerName))
	if err != nil {
		return nil, err
	}
	i = &Info{Folder: dir, Held: Locked(dir), Identity: head.Identity, Generation: head.Generation, Schema: head.Schema(),
		Missing: append([]string{}, missing...), Program: size.Program, Made: size.Made, Oldest: when(size.Oldest), Newest: when(size.Newest),
		Ledger: size.Bytes, Free: size.Free, Rows: size.Rows, Aside: []string{}}
	if log, err := os.Stat(filepath.Join(dir, ledgerName+"-wal")); err == nil {
		i.Log = log.Size()
	}
	notes, err := x.Notes(ctx)
	if err != nil {
		return nil, err
	}
	i.Backup = lastKept(notes)
	return i, i.lookAround()
}

// lookAround counts what else is in the folder.
func (i *Info) lookAround() error {
	spooled, err := spooledFiles(i.Folder)
	if err != nil {
		return err
	}
	for _, f := range spooled {
		i.Spool.Files++
		i.Spool.Bytes += f.Size()
	}
	entries, err := os.ReadDir(i.Folder)
	if errors.Is(err, fs.ErrNotExist) { // no bridge has run on this machine
		return nil
	}
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), replacedPrefix) || strings.HasPrefix(entry.Name(), upgradePrefix) ||
			strings.HasPrefix(entry.Name(), movedPrefix) {
			i.Aside = append(i.Aside, entry.Name())
		}
	}
	return err
}

func when(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// examine opens the ledger of a folder to look at it.
func examine(ctx context.Context, dir string) (*sqlite.Examined, error) {
	path := filepath.Join(dir, ledgerName)
	if _, err := os.Stat(path); err != nil {
		return nil, &bridge.Error{Op: "open ledger", Object: path, Err: err, Hint: "check state.dir, or start `orobridge run`"}
	}
	return sqlite.Examine(ctx, path)
}

// spooledFiles lists the files of the spool, without those that are still being written and the stages.
func spooledFiles(dir string) ([]fs.FileInfo, error) {
	entries, err := os.ReadDir(filepath.Join(dir, "spool"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("look into spool: %w", err)
	}
	var all []fs.FileInfo
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), sqlite.StagePrefix) || strings.HasSuffix(entry.Name(), ".part") {
			continue
		}
		info, err := entry.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("look into spool: %w", err)
		}
		all = append(all, info)
	}
	return all, nil
}

// shownFaults is how many faults of a kind are told.
const shownFaults = 5

// Examine reads a state folder from end to end and says what is whole and what is not, beside whoever works with it: pages, indexes
// and references of the ledger, what has lost what it belongs to, and the hashes of what would be sent somewhere. Of one at an address of
// PostgreSQL, pages and indexes are its own to check, and the spool is a cache.
func Examine(ctx context.Context, dir, address string) (all []bridge.Finding, err error) {
	if address != "" {
		return examinePostgres(ctx, address)
	}
	x, err := examine(ctx, dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, x.Close()) }()
	err = x.Faults(ctx, func(what string, faults []string) error {
		all = append(all, finding(what, faults, "put the last backup back: `orobridge state restore FILE --yes`; without one, see "+
			"`orobridge state salvage`"))
		return ctx.Err()
	})
	if err != nil {
		return nil, err
	}
	spool, err := examineSpool(ctx, dir, x)
	return append(all, spool), err
}

// finding says what was found of the ledger.
func finding(what string, faults []string, hint string) bridge.Finding {
	f := bridge.Finding{Subject: "ledger", What: what, OK: len(faults) == 0, Detail: "whole"}
	if !f.OK {
		f.Detail, f.Hint = faultText(faults), hint
	}
	return f
}

func faultText(faults []string) string {
	text := strings.Join(faults[:min(len(faults), shownFaults)], "; ")
	if more := len(faults) - shownFaults; more > 0 {
		text += fmt.Sprintf("; and %d more", more)
	}
	return text
}

// examineSpool compares the spooled files with their hashes in the ledger.
func examineSpool(ctx context.Context, dir string, x *sqlite.Examined) (bridge.Finding, error) {
	f := bridge.Finding{Subject: "spool", What: "files that drops refer to", Detail: "whole"}
	named, err := x.Spooled(ctx)
	if err != nil {
		return f, err
	}
	var faults []string
	for name, sum := range named {
		found, err := hashOf(ctx, filepath.Join(dir, "spool", name))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			faults = append(faults, name+" is not there")
		case err != nil:
			faults = append(faults, err.Error())
		case sum != "" && found != sum:
			faults = append(faults, name+" does not hold the bytes that were fetched")
		}
	}
	slices.Sort(faults)
	if f.OK = len(faults) == 0; !f.OK {
		f.Detail = faultText(faults)
		f.Hint = "what a drop needs is fetched again, from where its file stands, when it is loaded or run again; " +
			"where it stands nowhere, have the sender send it once more"
	}
	return f, ctx.Err()
}

// packedFile is how the names of spooled files end that are compressed: their hashes are of what was fetched.
const packedFile = ".zst"

func hashOf(ctx context.Context, path string) (sum string, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	var bytes io.Reader = &patient{ctx, f}
	if strings.HasSuffix(path, packedFile) {
		zip, err := zstd.NewReader(bytes, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return "", err
		}
		defer zip.Close()
		bytes = zip
	}
	hash := sha256.New()
	_, err = io.Copy(hash, bytes)
	return hex.EncodeToString(hash.Sum(nil)), err
}
