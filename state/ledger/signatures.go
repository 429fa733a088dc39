package ledger

import (
	"context"
	"time"
)

// Signed keeps that a drop carries a signature, made at a time of the signer's clock, and tells the drop of the feed that
// carried it first: this one, or an earlier one.
func (l dropStore) Signed(ctx context.Context, feed, id string, made time.Time, drop int64) (first int64, err error) {
	err = l.tx(ctx, "keep signature", func(tx statements) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO signatures (feed, id, made, drop_id) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING`,
			feed, id, millis(made), drop)
		if err != nil {
			return err
		}
		return tx.QueryRowContext(ctx, `SELECT drop_id FROM signatures WHERE feed = ? AND id = ?`, feed, id).Scan(&first)
	})
	return first, err
}
