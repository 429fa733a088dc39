package ledger

import (
	"context"
	"database/sql"
	"errors"

	"github.com/orobridge/orobridge/bridge"
)

// audit enters an event behind the last entry, in the transaction of what it tells of.
func audit(ctx context.Context, tx statements, e *bridge.Event) error {
	var last int64
	var before string
	err := tx.QueryRowContext(ctx, `SELECT n, hash FROM audit ORDER BY n DESC LIMIT 1`).Scan(&last, &before)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	a := bridge.NewAuditEntry(e, last, before)
	_, err = tx.ExecContext(ctx, `INSERT INTO audit (n, at, kind, who, origin, what, about, why, before, hash)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		a.N, millis(a.At), string(a.Kind), a.Who, a.From, a.What, a.About, a.Why, a.Before, a.Hash)
	return err
}

// Audit walks the audit, oldest first. It verifies nothing.
func (l journal) Audit(ctx context.Context, f bridge.AuditFilter, each func(*bridge.AuditEntry) error) error {
	var w where
	filter(&w, "at >= ?", millis(f.Since))
	filter(&w, "who = ?", f.Who)
	query := `SELECT n, at, kind, who, origin, what, about, why, before, hash FROM audit` + w.tail("n", 0, f.Last)
	if f.Last > 0 {
		query = `SELECT * FROM (` + query + `) chosen ORDER BY n`
	}
	err := walk(ctx, l.walks, query, w.args, func(rows *sql.Rows) error {
		var a bridge.AuditEntry
		if err := rows.Scan(&a.N, stamp{&a.At}, &a.Kind, &a.Who, &a.From, &a.What, &a.About, &a.Why, &a.Before, &a.Hash); err != nil {
			return err
		}
		return each(&a)
	})
	return wrap("read audit", err)
}

// AuditEnd is the highest number that an entry of the audit ever had.
func (l journal) AuditEnd(ctx context.Context) (n int64, err error) {
	err = l.read.QueryRowContext(ctx, `SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'audit'), 0)`).Scan(&n)
	return n, wrap("read audit", err)
}
