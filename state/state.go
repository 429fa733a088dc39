// Package state is the ledger: one SQLite file that keeps cursors, what was seen, what was loaded and what is owed.
//
// Contract: nothing outside this package speaks SQL. Every method of [Ledger] is one transaction, committed with
// synchronous=FULL, so that what a caller was told is on the disk. One process at a time holds a ledger; a second one
// gets bridge.ErrLocked. The state folder belongs on a local disk: SQLite's locks and its write-ahead log do not work
// over network file systems (https://www.sqlite.org/wal.html).
//
// Limits: one writing connection of 4 MB page cache, two reading ones of 4 MB each, and one of 1 MB for orders, so that
// these never stand in line behind an import.
package state

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	sqlite3 "github.com/mattn/go-sqlite3"

	"github.com/orobridge/orobridge/bridge"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Ledger implements bridge.Ledger on SQLite.
type Ledger struct {
	dir   string
	write *sql.DB
	read  *sql.DB
	front *sql.DB // reads for orders, past an import's look-ups
	turns turns   // of writers
	lock  *os.File
	now   func() time.Time

	scratch bool // the folder goes when the ledger is closed
}

// Options change how a ledger is opened.
type Options struct {
	Now      func() time.Time // default time.Now
	ReadOnly bool             // for verbs that only look: takes no lock, changes nothing, and needs an existing ledger
	Beside   bool             // for verbs that change a word or two beside a running bridge: takes no lock
}

// Open opens the ledger in a folder, making both if need be, and brings its schema up to date. It returns an error
// wrapping bridge.ErrLocked when another process holds it, and refuses a ledger of a newer program.
func Open(ctx context.Context, dir string, o Options) (*Ledger, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	l := &Ledger{dir: dir, now: o.Now}
	if err := l.open(ctx, o); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

func (l *Ledger) open(ctx context.Context, o Options) error {
	path := filepath.Join(l.dir, "ledger.db")
	if o.ReadOnly {
		if _, err := os.Stat(path); err != nil {
			return &bridge.Error{Op: "open ledger", Object: path, Err: err,
				Hint: "nothing has run with this config yet; check state.dir, or start `orobridge run`"}
		}
	} else {
		if err := os.MkdirAll(filepath.Join(l.dir, "spool"), 0o700); err != nil {
			return fmt.Errorf("make state folder: %w", err)
		}
		var err error
		if !o.Beside {
			if l.lock, err = takeLock(filepath.Join(l.dir, "lock")); err != nil {
				return err
			}
		}
		if l.write, err = open(path, "_journal_mode=WAL&_synchronous=FULL&_txlock=immediate&_busy_timeout=5000&_foreign_keys=on&_cache_size=-4000"); err != nil {
			return err
		}
		l.write.SetMaxOpenConns(1)
		if err := migrate(ctx, l.write); err != nil {
			return fmt.Errorf("migrate ledger %s: %w", path, err)
		}
	}
	read, err := open(path, "_query_only=1&_busy_timeout=5000&_cache_size=-4000")
	if err != nil {
		return err
	}
	l.read = read
	l.read.SetMaxOpenConns(2)
	l.read.SetMaxIdleConns(2)
	if l.front, err = open(path, "_query_only=1&_busy_timeout=5000&_cache_size=-1000"); err != nil {
		return err
	}
	l.front.SetMaxOpenConns(1)
	return l.checkVersion(ctx)
}

func open(path, options string) (*sql.DB, error) {
	// The path is escaped for SQLite's URI form: a "?" or "#" in a folder's name would end it.
	u := (&url.URL{Path: filepath.ToSlash(path)}).EscapedPath()
	db, err := sql.Open("sqlite3", "file:"+u+"?"+options)
	if err != nil {
		return nil, fmt.Errorf("open ledger %s: %w", path, err)
	}
	return db, nil
}

// Close ends all connections and lets another bridge in.
func (l *Ledger) Close() error {
	var errs []error
	if l.read != nil {
		errs = append(errs, l.read.Close())
	}
	if l.front != nil {
		errs = append(errs, l.front.Close())
	}
	if l.write != nil {
		errs = append(errs, l.write.Close())
	}
	if l.lock != nil {
		errs = append(errs, l.lock.Close())
	}
	if l.scratch {
		errs = append(errs, os.RemoveAll(l.dir))
	}
	return errors.Join(errs...)
}

// Scratch opens an empty ledger in a temporary folder that goes with it.
func Scratch(ctx context.Context) (*Ledger, error) {
	dir, err := os.MkdirTemp("", "orobridge-")
	if err != nil {
		return nil, fmt.Errorf("make scratch ledger: %w", err)
	}
	l, err := Open(ctx, dir, Options{})
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	l.scratch = true
	return l, nil
}

// Locked says whether a process holds the ledger of a folder.
func Locked(dir string) bool {
	f, err := os.Open(filepath.Join(dir, "lock"))
	if err != nil {
		return false
	}
	defer f.Close()
	return syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB) != nil
}

// Spool is the folder of fetched files.
func (l *Ledger) Spool() string { return filepath.Join(l.dir, "spool") }

// takeLock holds an flock on the file until it is closed; the kernel lets go of it when the process dies.
func takeLock(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open lock: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		holder := make([]byte, 32)
		n, _ := f.Read(holder)
		f.Close()
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		return nil, &bridge.Error{Op: "lock", Object: path, Err: bridge.ErrLocked,
			Hint: "process " + strings.TrimSpace(string(holder[:n])) + " works with this state folder: stop it, or use another state.dir"}
	}
	if err := errors.Join(f.Truncate(0), writeAt(f, strconv.Itoa(os.Getpid())+"\n")); err != nil {
		return nil, errors.Join(fmt.Errorf("write lock %s: %w", path, err), f.Close())
	}
	return f, nil
}

func writeAt(f *os.File, text string) error {
	_, err := f.WriteAt([]byte(text), 0)
	return err
}

// migrate applies the numbered files that the ledger does not have yet, each in a transaction with its checksum. A file
// that was applied with another content, or one that this program does not know, stops it.
func migrate(ctx context.Context, db *sql.DB) error {
	if _, err := db.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS migrations (name TEXT PRIMARY KEY, sha256 TEXT NOT NULL, at INTEGER NOT NULL)`); err != nil {
		return err
	}
	applied, err := appliedMigrations(ctx, db)
	if err != nil {
		return err
	}
	names, sums, err := knownMigrations()
	if err != nil {
		return err
	}
	for name, sum := range applied {
		if sums[name] == "" {
			return fmt.Errorf("the ledger has migration %s, which this program does not know: it was written by a newer orobridge", name)
		}
		if sums[name] != sum {
			return fmt.Errorf("migration %s is not the one that was applied to this ledger", name)
		}
	}
	for _, name := range names {
		if applied[name] != "" {
			continue
		}
		text, err := migrations.ReadFile("migrations/" + name)
		if err != nil {
			return err
		}
		err = inTx(ctx, db, func(tx *sql.Tx) error {
			if _, err := tx.ExecContext(ctx, string(text)); err != nil {
				return err
			}
			_, err := tx.ExecContext(ctx, `INSERT INTO migrations VALUES (?, ?, ?)`, name, sums[name], time.Now().UnixMilli())
			return err
		})
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func appliedMigrations(ctx context.Context, db *sql.DB) (map[string]string, error) {
	rows, err := db.QueryContext(ctx, `SELECT name, sha256 FROM migrations`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	applied := map[string]string{}
	for rows.Next() {
		var name, sum string
		if err := rows.Scan(&name, &sum); err != nil {
			return nil, err
		}
		applied[name] = sum
	}
	return applied, rows.Err()
}

func knownMigrations() (names []string, sums map[string]string, err error) {
	paths, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return nil, nil, err
	}
	slices.Sort(paths)
	sums = map[string]string{}
	for _, p := range paths {
		text, err := migrations.ReadFile(p)
		if err != nil {
			return nil, nil, err
		}
		sum := sha256.Sum256(text)
		name := filepath.Base(p)
		names, sums[name] = append(names, name), hex.EncodeToString(sum[:])
	}
	return names, sums, nil
}

// checkVersion refuses a ledger whose schema is not exactly this program's: a reader must not guess.
func (l *Ledger) checkVersion(ctx context.Context) error {
	applied, err := appliedMigrations(ctx, l.read)
	if err != nil {
		return fmt.Errorf("read ledger's schema: %w", err)
	}
	names, _, err := knownMigrations()
	if err != nil {
		return err
	}
	if len(applied) != len(names) {
		return &bridge.Error{Op: "open ledger", Object: l.dir, Err: errors.New("its schema is another program version's"),
			Hint: "start `orobridge run` of the newest version once"}
	}
	return nil
}

// tx runs f in one writing transaction.
func (l *Ledger) tx(ctx context.Context, what string, f func(*sql.Tx) error) error {
	return l.inTurn(ctx, false, what, f)
}

// order is tx for orders, which go before what else waits.
func (l *Ledger) order(ctx context.Context, what string, f func(*sql.Tx) error) error {
	return l.inTurn(ctx, true, what, f)
}

func (l *Ledger) inTurn(ctx context.Context, order bool, what string, f func(*sql.Tx) error) error {
	if l.write == nil {
		return fmt.Errorf("%s: %w", what, bridge.ErrReading)
	}
	if err := l.turns.take(ctx, order); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	defer l.turns.give()
	if err := inTx(ctx, l.write, f); err != nil {
		return fmt.Errorf("%s: %w", what, trouble(err))
	}
	return nil
}

// statements is what a transaction offers, so that one which repeats itself a thousand times can prepare its statements.
type statements interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// prepared is a transaction that compiles each statement once.
type prepared struct {
	tx    *sql.Tx
	cache map[string]*sql.Stmt
}

// many runs f in one writing transaction with prepared statements.
func (l *Ledger) many(ctx context.Context, what string, f func(statements) error) error {
	return l.tx(ctx, what, func(tx *sql.Tx) error { return f(&prepared{tx, map[string]*sql.Stmt{}}) })
}

// statement finds or compiles a statement. The transaction's end closes it.
func (p *prepared) statement(ctx context.Context, query string) (*sql.Stmt, error) {
	if st := p.cache[query]; st != nil {
		return st, nil
	}
	st, err := p.tx.PrepareContext(ctx, query)
	if err == nil {
		p.cache[query] = st
	}
	return st, err
}

func (p *prepared) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	st, err := p.statement(ctx, query)
	if err != nil {
		return nil, err
	}
	return st.ExecContext(ctx, args...)
}

func (p *prepared) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	st, err := p.statement(ctx, query)
	if err != nil {
		return p.tx.QueryRowContext(ctx, query, args...) // fails in the same way, with a Row to say so
	}
	return st.QueryRowContext(ctx, args...)
}

func inTx(ctx context.Context, db *sql.DB, f func(*sql.Tx) error) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := f(tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

// trouble gives SQLite's errors their fate: a full or failing disk passes once somebody has made room.
func trouble(err error) error {
	var e sqlite3.Error
	if !errors.As(err, &e) {
		return err
	}
	switch e.Code {
	case sqlite3.ErrFull, sqlite3.ErrIoErr, sqlite3.ErrBusy, sqlite3.ErrLocked, sqlite3.ErrNomem:
		return &bridge.Error{Op: "write", Object: "ledger", Fate: bridge.Pause, Err: err,
			Hint: "make room on the disk of state.dir; the bridge goes on by itself"}
	}
	return err
}

// millis and fromMillis keep times as unix milliseconds, with 0 for the zero time.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func fromMillis(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// stamp scans milliseconds into a time.
type stamp struct{ t *time.Time }

func (s stamp) Scan(v any) error {
	ms, ok := v.(int64)
	if !ok {
		return fmt.Errorf("a time is stored as %T", v)
	}
	*s.t = fromMillis(ms)
	return nil
}

// where collects conditions and their arguments.
type where struct {
	conditions []string
	args       []any
}

func (w *where) add(condition string, args ...any) {
	w.conditions = append(w.conditions, condition)
	w.args = append(w.args, args...)
}

func (w *where) String() string {
	if len(w.conditions) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(w.conditions, " AND ")
}

func in[T ~string](column string, values []T) (string, []any) {
	args := make([]any, len(values))
	for i, v := range values {
		args[i] = string(v)
	}
	return column + " IN (" + strings.TrimSuffix(strings.Repeat("?,", len(values)), ",") + ")", args
}
