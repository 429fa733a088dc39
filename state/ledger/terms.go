package ledger

import (
	"context"
	"database/sql"
	"errors"

	"github.com/orobridge/orobridge/bridge"
)

// TakeUp begins a term of a work; last is given back, and nothing written, while it is the latest.
func (d *database) TakeUp(ctx context.Context, work string, last bridge.Term) (bridge.Term, error) {
	now, err := termOf(work, d.read.QueryRowContext(ctx, latestTerm, work))
	if err != nil || now == last && last.Number > 0 {
		return now, wrap("take up "+work, err)
	}
	err = d.soon(ctx, "take up "+work, func(tx statements) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO terms (work, number, worker) VALUES (?, 1, ?)
			ON CONFLICT (work) DO UPDATE SET number = terms.number + 1, worker = excluded.worker`, work, d.worker)
		if err != nil {
			return err
		}
		now, err = termOf(work, tx.QueryRowContext(ctx, latestTerm, work))
		return err
	})
	return now, err
}

// Holds is an error wrapping bridge.ErrTakenUp when a term is not the latest of its work.
func (d *database) Holds(ctx context.Context, t bridge.Term) error {
	return holds(t, d.read.QueryRowContext(ctx, latestTerm, t.Work))
}

// Confirm is Holds in a transaction of its own: whatever was said before is on the disk then.
func (d *database) Confirm(ctx context.Context, t bridge.Term) error {
	return d.tx(ctx, "confirm "+t.Work, func(tx statements) error {
		if _, err := tx.ExecContext(ctx, `UPDATE terms SET number = number WHERE work = ?`, t.Work); err != nil {
			return err
		}
		return holds(t, tx.QueryRowContext(ctx, latestTerm, t.Work))
	})
}

const latestTerm = `SELECT number, worker FROM terms WHERE work = ?`

// inTerm refuses a transaction of a term that is over. Writers come one after the other: nobody takes the work up until it is done.
func inTerm(ctx context.Context, s Statements) error {
	t, ok := bridge.TermOf(ctx)
	if !ok {
		return nil
	}
	return holds(t, s.QueryRowContext(ctx, latestTerm, t.Work))
}

func holds(t bridge.Term, row *sql.Row) error {
	now, err := termOf(t.Work, row)
	if err == nil && now != t {
		err = t.Over()
	}
	return wrap("look whose work it is", err)
}

// termOf reads the latest term of a work; none that was never taken up.
func termOf(work string, row *sql.Row) (bridge.Term, error) {
	t := bridge.Term{Work: work}
	err := row.Scan(&t.Number, &t.Worker)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return t, err
}
