package postgres

import (
	"context"
	"database/sql"
	"errors"

	"github.com/jackc/pgx/v5"
)

// statements are carried out on the connection of a transaction. One that nobody has asked yet what it did waits, and travels with
// those behind it: a batch of the shop's answers is some thousand statements and a few round trips. What is wrong with one is told
// with the next that is asked, or before the commit.
type statements struct {
	*sql.Conn
	database *database
	words    map[string]string // statements as PostgreSQL understands them

	waiting pgx.Batch
	bytes   int       // of what waits
	results []*result // of what waits
	failed  error     // the first that went wrong: the transaction is over
}

// What waits at most.
const (
	mostWaiting  = 2000
	bytesWaiting = 1 << 20
)

// result is what a statement did, once it is asked.
type result struct {
	of   *statements
	ctx  context.Context // of the statement
	done bool
	rows int64
}

// RowsAffected implements sql.Result.
func (r *result) RowsAffected() (int64, error) {
	if !r.done {
		if err := r.of.send(r.ctx); err != nil {
			return 0, err
		}
	}
	return r.rows, nil
}

// LastInsertId implements sql.Result.
func (r *result) LastInsertId() (int64, error) {
	return 0, errors.New("PostgreSQL tells the number of a row only where it is entered")
}

// ExecContext implements ledger.Statements.
func (s *statements) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	values := make([]any, len(args))
	for i, arg := range args {
		v, err := parameter(arg)
		if err != nil {
			return nil, err
		}
		switch x := v.(type) {
		case string:
			s.bytes += len(x)
		case []byte:
			s.bytes += len(x)
		}
		values[i] = v
	}
	text, ok := s.words[query]
	if !ok {
		text = said(query)
		s.words[query] = text
	}
	s.waiting.Queue(text, values...)
	r := &result{of: s, ctx: ctx}
	s.results = append(s.results, r)
	if len(s.results) >= mostWaiting || s.bytes >= bytesWaiting {
		return r, s.send(ctx)
	}
	return r, ctx.Err()
}

// send sends what waits, and hears what became of it.
func (s *statements) send(ctx context.Context) error {
	if s.failed != nil || len(s.results) == 0 {
		return s.failed
	}
	err := s.Raw(func(dc any) error {
		c := dc.(*conn)
		answers := c.pgx().SendBatch(ctx, &s.waiting)
		for _, r := range s.results {
			tag, err := answers.Exec()
			if err != nil {
				return errors.Join(c.trouble(ctx, err), closedBatch(answers))
			}
			r.done, r.rows = true, tag.RowsAffected()
		}
		return c.trouble(ctx, answers.Close())
	})
	s.failed = broken(err)
	s.waiting, s.results, s.bytes = pgx.Batch{}, s.results[:0], 0
	return s.failed
}

// closedBatch ends a batch of which a statement went wrong, which says the same once more.
func closedBatch(answers pgx.BatchResults) error {
	_ = answers.Close()
	return nil
}

// QueryRowContext implements ledger.Statements.
func (s *statements) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	_ = s.send(ctx) // what is wrong with it is told in the end
	return s.Conn.QueryRowContext(ctx, query, args...)
}

// Insert implements ledger.Statements.
func (s *statements) Insert(ctx context.Context, query string, args ...any) (number int64, err error) {
	err = s.QueryRowContext(ctx, query+" RETURNING id", args...).Scan(&number)
	return number, err
}

// Numbers implements ledger.Statements.
func (s *statements) Numbers(ctx context.Context, n int) ([]int64, error) {
	return s.database.links.take(ctx, s, n)
}

// block is numbers that the database has given out and that nobody has used yet. Who writes has it.
type block struct{ numbers []int64 }

// blockSize is how many numbers are taken at once: as many as a batch has changes.
const blockSize = 500

func (b *block) take(ctx context.Context, s *statements, n int) ([]int64, error) {
	if len(b.numbers) < n {
		const next = `SELECT nextval(pg_get_serial_sequence('accepted', 'link')) FROM generate_series(1, ?)`
		rows, err := s.QueryContext(ctx, next, max(n, blockSize))
		if err != nil {
			return nil, err
		}
		defer rows.Close()
		b.numbers = nil
		for rows.Next() {
			var number int64
			if err := rows.Scan(&number); err != nil {
				return nil, err
			}
			b.numbers = append(b.numbers, number)
		}
		if err := rows.Err(); err != nil {
			b.numbers = nil
			return nil, err
		}
	}
	taken := b.numbers[:n:n]
	b.numbers = b.numbers[n:]
	return taken, nil
}
