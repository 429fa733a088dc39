package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	sqlite3 "github.com/mattn/go-sqlite3"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/state/ledger"
)

// Write implements ledger.Edition.
func (f *file) Write(ctx context.Context, soon bool, do func(ledger.Statements) error) error {
	err := f.sync(ctx, soon)
	if err == nil {
		err = inTx(ctx, f.write, func(tx *sql.Tx) error {
			return do(statements{tx, map[string]*sql.Stmt{}, context.WithoutCancel(ctx), new(int64)})
		})
	}
	return trouble(err)
}

// sync says whether the transactions that come are to be on the disk when they are committed.
func (f *file) sync(ctx context.Context, soon bool) error {
	if f.loose == soon {
		return nil
	}
	level := "FULL"
	if soon {
		level = "NORMAL"
	}
	_, err := f.write.ExecContext(ctx, "PRAGMA synchronous = "+level)
	if err == nil {
		f.loose = soon
	}
	return err
}

// statements is a transaction that compiles each statement once, since most repeat themselves for each row. One that it says once
// alone is the driver's, which keeps those of earlier transactions.
type statements struct {
	tx    *sql.Tx
	cache map[string]*sql.Stmt // nil: said once
	whole context.Context      // of the transaction, without its end
	last  *int64               // number that a link was given; 0 until one is asked for
}

// Insert implements ledger.Statements.
func (s statements) Insert(ctx context.Context, query string, args ...any) (int64, error) {
	res, err := s.ExecContext(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return res.LastInsertId()
}

// Numbers implements ledger.Statements: those behind the highest that a link ever had.
func (s statements) Numbers(ctx context.Context, n int) ([]int64, error) {
	if *s.last == 0 {
		err := s.QueryRowContext(ctx, `SELECT seq FROM sqlite_sequence WHERE name = 'accepted'`).Scan(s.last)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return nil, err
		}
	}
	numbers := make([]int64, n)
	for i := range numbers {
		*s.last++
		numbers[i] = *s.last
	}
	return numbers, nil
}

// statement finds a statement, or compiles it when it is said a second time. The transaction's end closes it.
func (s statements) statement(ctx context.Context, query string) (*sql.Stmt, error) {
	st, said := s.cache[query]
	if !said {
		s.cache[query] = nil
	}
	if !said || st != nil {
		return st, nil
	}
	st, err := s.tx.PrepareContext(ctx, query)
	if err == nil {
		s.cache[query] = st
	}
	return st, err
}

// ExecContext runs a statement that returns no rows. A context that ends keeps it from beginning, and does not cut it off: so that
// it could, the driver would have a goroutine for each statement, which costs more than the statement.
func (s statements) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	st, err := s.statement(ctx, query)
	if err = errors.Join(err, ctx.Err()); err != nil {
		return nil, err
	}
	if st == nil {
		return s.tx.ExecContext(s.whole, query, args...)
	}
	return st.ExecContext(s.whole, args...)
}

// QueryRowContext runs a statement that returns one row.
func (s statements) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	st, err := s.statement(ctx, query)
	if err != nil || st == nil { // an error comes again, with a Row to say so
		return s.tx.QueryRowContext(ctx, query, args...)
	}
	return st.QueryRowContext(ctx, args...)
}

func inTx(ctx context.Context, db *sql.DB, do func(*sql.Tx) error) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err = do(tx); err == nil {
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
			Hint: "make room on the disk of state.dir"}
	case sqlite3.ErrCorrupt, sqlite3.ErrNotADB:
		return &bridge.Error{Op: "read", Object: "ledger", Err: err, Hint: damagedHint}
	}
	return err
}

// Lookup implements ledger.Edition. A key alone, as that of a small file, is asked for by itself. Keys in their order are answered by a
// stretch of the index; others by one query for all of them, which SQLite takes apart itself, since binding each key would cost more than
// finding it.
func (f *file) Lookup(ctx context.Context, entity string, keys []string, refs []bridge.LinkRef) error {
	s := ledger.Stretch{Keys: keys, Refs: refs}
	if len(keys) == 1 {
		err := f.read.QueryRowContext(ctx, `SELECT id, print FROM links WHERE entity = ? AND key = ?`, entity, keys[0]).
			Scan(&refs[0].ID, &refs[0].Fingerprint)
		if errors.Is(err, sql.ErrNoRows) {
			err = nil
		}
		return err
	}
	if slices.IsSorted(keys) {
		if _, err := stretch(ctx, f.read, entity, keys[0], keys[len(keys)-1], s.Most(), s.See); err != nil {
			return err
		}
		s.End()
	}
	if s.Answered == len(keys) {
		return nil
	}
	return f.each(ctx, entity, keys[s.Answered:], refs[s.Answered:])
}

// EachRef implements ledger.Edition.
func (f *file) EachRef(ctx context.Context, entity string, each func(key []byte, ref bridge.LinkRef)) error {
	const most = 1000
	behind := []byte{} // a blob: behind all texts
	last, n, err := []byte(nil), most, error(nil)
	for from := ""; n == most && err == nil; from = string(last) + "\x00" {
		n, err = stretch(ctx, f.walks, entity, from, behind, most, func(key []byte, ref bridge.LinkRef) {
			last = append(last[:0], key...)
			each(key, ref)
		})
	}
	return err
}

// each looks for one key after the other.
func (f *file) each(ctx context.Context, entity string, keys []string, refs []bridge.LinkRef) error {
	rows, err := f.read.QueryContext(ctx, `SELECT j.key, l.id, l.print FROM json_each(?) j
		CROSS JOIN links l ON l.entity = ? AND l.key = j.value`, ledger.List(keys), entity)
	if err != nil {
		return err
	}
	defer rows.Close()
	var i int64 // as SQLite has it: into another kind of number it would be read by its digits
	var r bridge.LinkRef
	for rows.Next() {
		if err := rows.Scan(&i, &r.ID, &r.Fingerprint); err != nil {
			return err
		}
		refs[i] = r
	}
	return rows.Err()
}

// wrap says what was tried, when it failed.
func wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}

// JobCounts implements ledger.Edition: one bridge works alone with a file.
func (f *file) JobCounts(context.Context) ([]bridge.JobCount, error) { return nil, nil }
