// Package sqlite is the ledger as one SQLite file.
//
// Contract: what package ledger says, committed with synchronous=FULL. What stands here is how a file is opened, written to, brought
// up to date, copied, examined and salvaged, and the stages of runs, which are files, too.
//
// Limits: one writing connection of 4 MB page cache, two reading ones of 4 MB each, one of 1 MB for orders, so that these
// never stand in line behind an import, and one of 1 MB for each list that is being walked, so that whoever walks one may
// ask for more. Each keeps some dozens of compiled statements.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"

	_ "github.com/mattn/go-sqlite3" // the driver

	"github.com/orobridge/orobridge/state/ledger"
)

// The write-ahead log is carried over once it has so many pages, and keeps so many bytes on the disk then.
const (
	carriedOver = 125
	keptLog     = 512 << 10
)

// So many pages may a transaction change in memory. What it changes beyond goes to the log before its end, and each page of the log is
// read and marked anew then: 500 rows far apart, as those that differ in a daily file are, change some 1,100.
const changedAtOnce = 1500

// Ledger is an open ledger: one file.
type Ledger struct {
	*ledger.Ledger
	file *file
}

// Close ends all connections.
func (l *Ledger) Close() error { return l.file.Close() }

// Of is the ledger as a shop's engines see it: see [ledger.Ledger.Of].
func (l *Ledger) Of(shop string) *Ledger { return &Ledger{l.Ledger.Of(shop), l.file} }

// Check reads the ledger from end to end, beside whatever else is going on, and says whether SQLite finds it whole.
func (l *Ledger) Check(ctx context.Context) error { return l.file.Check(ctx) }

// file is the connections to a ledger's file.
type file struct {
	path  string
	write *sql.DB
	read  *sql.DB
	front *sql.DB
	walks *sql.DB
	loose bool // the connection that writes leaves it to a later transaction to sync the log; whose turn it is may change it
}

// Options change how a ledger is opened.
type Options struct {
	ReadOnly bool // take no notes, and need a ledger that is there
	New      bool // the file may be empty: a ledger is made in it
	Suspect  bool // its last process did not come to an orderly end: check it before anything is written
	// Program is the version that opens it, which the ledger keeps for those that are older. Before is called ahead of the first
	// migration that a ledger of an older program lacks; its error leaves the ledger as it was.
	Program string
	Before  func(ctx context.Context, missing []string) error
}

// Open opens the ledger in a file, making it if need be, and brings its schema up to date. It refuses a ledger of a newer
// program.
func Open(ctx context.Context, path string, o Options) (*Ledger, error) {
	f := &file{path: path}
	err := f.open(ctx, o)
	if err == nil {
		var l *ledger.Ledger
		if l, err = ledger.Open(ctx, f, ledger.Connections{Read: f.read, Front: f.front, Walks: f.walks}, f.write != nil, o.Program); err == nil {
			return &Ledger{l, f}, nil
		}
	}
	return nil, errors.Join(trouble(err), f.Close())
}

func (f *file) open(ctx context.Context, o Options) (err error) {
	if f.read, err = open(f.path, "_query_only=1&_busy_timeout=5000&_cache_size=-2000&_stmt_cache_size=64"); err != nil {
		return err
	}
	f.read.SetMaxOpenConns(2)
	f.read.SetMaxIdleConns(2)
	if err := f.recognise(ctx, o.New); err != nil {
		return err
	}
	if o.Suspect {
		if err := f.Check(ctx); err != nil {
			return err
		}
	}
	if !o.ReadOnly {
		f.write, err = open(f.path, writing)
		if err != nil {
			return err
		}
		f.write.SetMaxOpenConns(1)
		if _, err := f.write.ExecContext(ctx, fmt.Sprintf(`PRAGMA journal_size_limit = %d; PRAGMA wal_autocheckpoint = %d;
			PRAGMA cache_spill = %d`, keptLog, carriedOver, changedAtOnce)); err != nil {
			return wrap("open ledger "+f.path, trouble(err))
		}
		if err := f.migrate(ctx, o.Before); err != nil {
			return fmt.Errorf("migrate ledger %s: %w", f.path, trouble(err))
		}
	}
	if f.front, err = open(f.path, "_query_only=1&_busy_timeout=5000&_cache_size=-1000&_stmt_cache_size=16"); err != nil {
		return err
	}
	f.front.SetMaxOpenConns(1)
	if f.walks, err = open(f.path, "_query_only=1&_busy_timeout=5000&_cache_size=-1000&_stmt_cache_size=16"); err != nil {
		return err
	}
	return f.checkVersion(ctx)
}

// writing are the options of the one connection that writes. What is deleted is overwritten: it may be of a person.
const writing = "_auto_vacuum=incremental&_journal_mode=WAL&_synchronous=FULL&_secure_delete=on&_txlock=immediate&" +
	"_busy_timeout=5000&_foreign_keys=on&_cache_size=-4000&_stmt_cache_size=64"

func open(path, options string) (*sql.DB, error) {
	db, err := sql.Open("sqlite3", source(path, options))
	if err != nil {
		return nil, fmt.Errorf("open ledger %s: %w", path, err)
	}
	return db, nil
}

// source names a file in SQLite's URI form: never one that SQLite makes, with the rights of the umask. The path is escaped: a
// "?" or "#" in a folder's name would end it.
func source(path, options string) string {
	return "file:" + (&url.URL{Path: filepath.ToSlash(path)}).EscapedPath() + "?mode=rw&" + options
}

// Close ends all connections.
func (f *file) Close() error {
	var errs []error
	for _, db := range []*sql.DB{f.read, f.front, f.walks, f.write} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	return errors.Join(errs...)
}
