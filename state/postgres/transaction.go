package postgres

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/state/ledger"
)

// ending is how long a transaction that has failed may take to be taken back. The database does it by itself when the connection ends.
const ending = 5 * time.Second

// Write implements ledger.Edition. Nothing is left to a later transaction: see the package.
func (d *database) Write(ctx context.Context, _ bool, do func(ledger.Statements) error) error {
	c, err := d.write.Conn(ctx)
	if err != nil {
		return broken(err)
	}
	number := d.commits.Add(1)
	err = d.begin(ctx, c, number)
	if err == nil {
		s := &statements{Conn: c, database: d, words: map[string]string{}}
		if err = do(s); err == nil {
			err = s.send(ctx)
		}
		if s.failed != nil { // what was said behind it only tells that
			err = s.failed
		}
	}
	if err == nil {
		if err = run(ctx, c, "COMMIT"); err == nil {
			return broken(c.Close())
		}
		if isBroken(c) {
			return errors.Join(d.becameOf(ctx, number, broken(err)), closed(c))
		}
	}
	back, cancel := context.WithTimeout(context.WithoutCancel(ctx), ending)
	defer cancel()
	if rollback := run(back, c, "ROLLBACK"); rollback != nil {
		_ = c.Raw(func(any) error { return driver.ErrBadConn }) // whatever is left of it: nobody gets it again
	}
	if cut := ctx.Err(); cut != nil && !errors.Is(err, cut) {
		err = fmt.Errorf("%w: %w", cut, err)
	}
	return errors.Join(broken(err), closed(c))
}

// closed gives a connection back; that it is broken was told already.
func closed(c *sql.Conn) error {
	if err := c.Close(); err != nil && !errors.Is(err, sql.ErrConnDone) && !errors.Is(err, driver.ErrBadConn) {
		return err
	}
	return nil
}

// broken says what a connection that is no more means.
func broken(err error) error {
	if errors.Is(err, driver.ErrBadConn) {
		return pause(errors.New("the connection was lost"), classes["08"])
	}
	return err
}

func isBroken(c *sql.Conn) (lost bool) {
	err := c.Raw(func(dc any) error {
		lost = dc.(*conn).pgx().IsClosed()
		return nil
	})
	return lost || err != nil
}

// begin begins a transaction with the number of its commit, and waits for its turn.
func (d *database) begin(ctx context.Context, c *sql.Conn, number int64) error {
	return run(ctx, c, fmt.Sprintf("BEGIN; SELECT turn(%d, '%s', '%s', %d)", d.lock, d.word, d.writer, number))
}

// run carries out a statement that is no more than a word.
func run(ctx context.Context, c *sql.Conn, word string) error {
	return c.Raw(func(dc any) error {
		tag, err := dc.(*conn).pgx().PgConn().Exec(ctx, word).ReadAll()
		if err == nil && word == "COMMIT" && tag[0].CommandTag.String() == "ROLLBACK" {
			err = errors.New("the transaction had failed before")
		}
		return dc.(*conn).trouble(ctx, err)
	})
}

// becameOf finds out what became of a transaction whose commit was not answered: nil when it was committed. Until the database
// answers nobody else of this process writes. Once it is somebody else's turn the transaction has ended; a database that only
// repeats another one gives no turns.
func (d *database) becameOf(ctx context.Context, number int64, unanswered error) error {
	for n := 1; ; n++ {
		var last int64
		_, err := d.read.ExecContext(ctx, fmt.Sprintf("SELECT turn(%d, '')", d.lock))
		if err == nil {
			err = d.read.QueryRowContext(ctx, "SELECT coalesce(max(number), 0) FROM commits WHERE writer = ?", d.writer).Scan(&last)
		}
		switch {
		case err == nil && last == number:
			return nil
		case err == nil:
			return unanswered
		case bridge.FateOf(err) != bridge.Pause:
			return errors.Join(unanswered, err)
		}
		wait := time.NewTimer(bridge.Backoff(n, err, 0.5))
		select {
		case <-ctx.Done():
			wait.Stop()
			return errors.Join(ctx.Err(), unanswered)
		case <-wait.C:
		}
	}
}
