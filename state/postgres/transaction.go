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
	number, err := d.begin(ctx, c)
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

// begin begins a transaction, waits for its turn, and tells its number.
func (d *database) begin(ctx context.Context, c *sql.Conn) (number string, err error) {
	err = c.Raw(func(dc any) error {
		results, err := dc.(*conn).pgx().PgConn().Exec(ctx, fmt.Sprintf("BEGIN; SELECT turn(%d, '%s')", d.lock, d.word)).ReadAll()
		if err != nil {
			return dc.(*conn).trouble(ctx, err)
		}
		number = string(results[1].Rows[0][0])
		return nil
	})
	return number, err
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
// answers nobody else of this process writes.
func (d *database) becameOf(ctx context.Context, number string, unanswered error) error {
	for n := 1; ; n++ {
		var status sql.NullString
		err := d.read.QueryRowContext(ctx, "SELECT pg_xact_status(CAST(CAST(? AS TEXT) AS XID8))", number).Scan(&status)
		switch {
		case err == nil && status.String == "committed":
			return nil
		case err == nil && status.String != "in progress": // aborted
			return unanswered
		case stateOf(err) == unknownNumber: // a replica that took over has never heard of it
			return unanswered
		case err != nil && bridge.FateOf(err) != bridge.Pause:
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
