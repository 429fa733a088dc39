package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	sqlite3 "github.com/mattn/go-sqlite3"

	"github.com/orobridge/orobridge/bridge"
)

// manner is how a writing transaction is carried out.
type manner struct {
	first bool // before what else waits: it is about orders
	soon  bool // it is on the disk no later than the next one that is not
}

// tx does something in one writing transaction, which is on the disk when it returns.
func (f *file) tx(ctx context.Context, what string, do func(statements) error) error {
	return f.inTurn(ctx, manner{}, what, do)
}

// order is tx for orders, which go before what else waits.
func (f *file) order(ctx context.Context, what string, do func(statements) error) error {
	return f.inTurn(ctx, manner{first: true}, what, do)
}

// soon is tx for what a crash may undo as long as nothing that was said later stays: the log is synced from its beginning, with
// the next transaction that has to be on the disk. A loss of power then leaves the ledger as a kill at an earlier moment does.
// Whoever acts on what was said needs tx.
func (f *file) soon(ctx context.Context, what string, do func(statements) error) error {
	return f.inTurn(ctx, manner{soon: true}, what, do)
}

// sync says whether the transactions that come are to be on the disk when they are committed.
func (f *file) sync(ctx context.Context, m manner) error {
	if f.loose == m.soon {
		return nil
	}
	level := "FULL"
	if m.soon {
		level = "NORMAL"
	}
	_, err := f.write.ExecContext(ctx, "PRAGMA synchronous = "+level)
	if err == nil {
		f.loose = m.soon
	}
	return err
}

func (f *file) inTurn(ctx context.Context, m manner, what string, do func(statements) error) error {
	if f.write == nil {
		return fmt.Errorf("%s: %w", what, bridge.ErrReading)
	}
	if err := f.turns.take(ctx, m.first); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	defer f.turns.give()
	if err := f.sync(ctx, m); err != nil {
		return wrap(what, trouble(err))
	}
	var numbers []given
	err := inTx(ctx, f.write, func(tx *sql.Tx) error { return do(statements{tx, map[string]*sql.Stmt{}, &numbers}) })
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

// count runs a statement that returns no rows, and counts those that it changed.
func (s statements) count(ctx context.Context, query string, args ...any) (int64, error) {
	res, err := s.ExecContext(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// QueryRowContext runs a statement that returns one row.
func (s statements) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	st, err := s.statement(ctx, query)
	if err != nil {
		return s.tx.QueryRowContext(ctx, query, args...) // fails in the same way, with a Row to say so
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
			Hint: "make room on the disk of state.dir; the bridge goes on by itself"}
	case sqlite3.ErrCorrupt, sqlite3.ErrNotADB:
		return &bridge.Error{Op: "read", Object: "ledger", Err: err, Hint: damagedHint}
	}
	return err
}
