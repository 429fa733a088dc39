// Package sqlite is the ledger as one SQLite file.
//
// Contract: nothing outside this package speaks SQL. Every method of [Ledger] is one transaction, committed with
// synchronous=FULL, so that what a caller was told is on the disk. It stores, finds, and saves what is still as the caller
// read it; what that means for a drop or an order is decided in the packages that declare its methods (bridge/inbound,
// bridge/outbound, bridge/daemon, bridge/operate). state/ledgertest says what they may rely on.
//
// Limits: one writing connection of 4 MB page cache, two reading ones of 4 MB each, one of 1 MB for orders, so that these
// never stand in line behind an import, and one of 1 MB for each list that is being walked, so that whoever walks one may
// ask for more.
package sqlite

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
	"path/filepath"
	"slices"
	"strings"
	"time"

	sqlite3 "github.com/mattn/go-sqlite3"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/formats"
)

//go:embed migrations/*.sql
var migrations embed.FS

// keptLog is how many bytes of the write-ahead log stay on the disk once it was carried over.
const keptLog = 8 << 20

// Ledger is an open ledger.
type Ledger struct {
	path     string
	write    *sql.DB
	read     *sql.DB
	front    *sql.DB // reads for orders, past an import's look-ups
	walks    *sql.DB // lists that are handed on row by row: as many as there are at a time
	turns    turns   // of writers
	identity string
}

// Options change how a ledger is opened.
type Options struct {
	ReadOnly bool // take no notes, and need a ledger that is there
	New      bool // the file may be empty: a ledger is made in it
	Suspect  bool // its last process did not come to an orderly end: check it before anything is written
}

// Open opens the ledger in a file, making it if need be, and brings its schema up to date. It refuses a ledger of a newer
// program.
func Open(ctx context.Context, path string, o Options) (*Ledger, error) {
	l := &Ledger{path: path}
	if err := l.open(ctx, o); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

func (l *Ledger) open(ctx context.Context, o Options) (err error) {
	if l.read, err = open(l.path, "_query_only=1&_busy_timeout=5000&_cache_size=-4000"); err != nil {
		return err
	}
	l.read.SetMaxOpenConns(2)
	l.read.SetMaxIdleConns(2)
	if err := l.recognise(ctx, o.New); err != nil {
		return err
	}
	if o.Suspect {
		if err := l.Check(ctx); err != nil {
			return err
		}
	}
	if !o.ReadOnly {
		l.write, err = open(l.path, writing)
		if err != nil {
			return err
		}
		l.write.SetMaxOpenConns(1)
		if _, err := l.write.ExecContext(ctx, fmt.Sprintf(`PRAGMA journal_size_limit = %d`, keptLog)); err != nil {
			return wrap("open ledger "+l.path, trouble(err))
		}
		if err := migrate(ctx, l.write); err != nil {
			return fmt.Errorf("migrate ledger %s: %w", l.path, trouble(err))
		}
	}
	if l.front, err = open(l.path, "_query_only=1&_busy_timeout=5000&_cache_size=-1000"); err != nil {
		return err
	}
	l.front.SetMaxOpenConns(1)
	if l.walks, err = open(l.path, "_query_only=1&_busy_timeout=5000&_cache_size=-1000"); err != nil {
		return err
	}
	if err := l.checkVersion(ctx); err != nil {
		return err
	}
	return l.identify(ctx)
}

// writing are the options of the one connection that writes.
const writing = "_auto_vacuum=incremental&_journal_mode=WAL&_synchronous=FULL&_txlock=immediate&_busy_timeout=5000&_foreign_keys=on&_cache_size=-4000"

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
func (l *Ledger) Close() error {
	var errs []error
	for _, db := range []*sql.DB{l.read, l.front, l.walks, l.write} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	return errors.Join(errs...)
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
		return &bridge.Error{Op: "open ledger", Object: l.path, Err: errors.New("its schema is another program version's"),
			Hint: "start `orobridge run` of the newest version once"}
	}
	return nil
}

// tx runs f in one writing transaction.
func (l *Ledger) tx(ctx context.Context, what string, f func(statements) error) error {
	return l.inTurn(ctx, false, what, f)
}

// order is tx for orders, which go before what else waits.
func (l *Ledger) order(ctx context.Context, what string, f func(statements) error) error {
	return l.inTurn(ctx, true, what, f)
}

func (l *Ledger) inTurn(ctx context.Context, order bool, what string, f func(statements) error) error {
	if l.write == nil {
		return fmt.Errorf("%s: %w", what, bridge.ErrReading)
	}
	if err := l.turns.take(ctx, order); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	defer l.turns.give()
	var numbers []given
	err := inTx(ctx, l.write, func(tx *sql.Tx) error { return f(statements{tx, map[string]*sql.Stmt{}, &numbers}) })
	if err != nil {
		for _, n := range slices.Backward(numbers) {
			*n.to = n.was
		}
	}
	return wrap(what, trouble(err))
}

// statements is a transaction that compiles each statement once, since most repeat themselves for each row.
type statements struct {
	tx      *sql.Tx
	cache   map[string]*sql.Stmt
	numbers *[]given
}

// given is a number that a transaction gave to a caller's value, and what stood there before.
type given struct {
	to  *int64
	was int64
}

// give puts a number into a caller's value. A transaction that fails takes it back, for the caller may try again with the
// same value while the number becomes another one's.
func (s statements) give(to *int64, number int64) {
	*s.numbers = append(*s.numbers, given{to, *to})
	*to = number
}

// insert enters a row and gives its number.
func (s statements) insert(ctx context.Context, number *int64, query string, args ...any) error {
	res, err := s.ExecContext(ctx, query, args...)
	if err != nil {
		return err
	}
	id, err := res.LastInsertId()
	if err == nil {
		s.give(number, id)
	}
	return err
}

// statement finds or compiles a statement. The transaction's end closes it.
func (s statements) statement(ctx context.Context, query string) (*sql.Stmt, error) {
	if st := s.cache[query]; st != nil {
		return st, nil
	}
	st, err := s.tx.PrepareContext(ctx, query)
	if err == nil {
		s.cache[query] = st
	}
	return st, err
}

// ExecContext runs a statement that returns no rows.
func (s statements) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	st, err := s.statement(ctx, query)
	if err != nil {
		return nil, err
	}
	return st.ExecContext(ctx, args...)
}

// QueryRowContext runs a statement that returns one row.
func (s statements) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	st, err := s.statement(ctx, query)
	if err != nil {
		return s.tx.QueryRowContext(ctx, query, args...) // fails in the same way, with a Row to say so
	}
	return st.QueryRowContext(ctx, args...)
}

func inTx(ctx context.Context, db *sql.DB, f func(*sql.Tx) error) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err = f(tx); err == nil {
		err = tx.Commit()
	}
	if err == nil {
		return nil
	}
	if back := tx.Rollback(); !errors.Is(back, sql.ErrTxDone) { // its commit or its context has ended it already
		err = errors.Join(err, back)
	}
	if cut := ctx.Err(); cut != nil && !errors.Is(err, cut) {
		err = fmt.Errorf("%w: %w", cut, err)
	}
	return err
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
	case sqlite3.ErrCorrupt, sqlite3.ErrNotADB:
		return &bridge.Error{Op: "read", Object: "ledger", Err: err, Hint: damagedHint}
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

// moment is a time as the ledger keeps it.
func moment(t time.Time) time.Time { return fromMillis(millis(t)) }

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

// list is a parameter of many texts, for json_each.
func list(texts []string) string {
	b := make([]byte, 0, 32*len(texts)+2)
	b = append(b, '[')
	for i, t := range texts {
		if i > 0 {
			b = append(b, ',')
		}
		b = formats.AppendText(b, t)
	}
	return string(append(b, ']'))
}

// content is a content as it is stored.
func content(values []formats.Value) string { return string(formats.AppendContent(nil, values)) }

// walk runs a reading query and hands its rows on, one by one.
func walk(ctx context.Context, db *sql.DB, query string, args []any, row func(*sql.Rows) error) error {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := row(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}
