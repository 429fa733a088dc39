package ledger

import (
	"context"
	"database/sql"
	"errors"

	"github.com/orobridge/orobridge/bridge"
)

// Promise enters a decision's key, unless it is there already: that one is returned then. Those that are older than
// [bridge.PromiseKept] are forgotten.
func (l journal) Promise(ctx context.Context, p bridge.Promise) (was *bridge.Promise, err error) {
	err = l.tx(ctx, "promise a decision", func(tx statements) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM promises WHERE at < ?`, millis(p.At.Add(-bridge.PromiseKept))); err != nil {
			return err
		}
		found := bridge.Promise{Caller: p.Caller, Key: p.Key}
		err := tx.QueryRowContext(ctx, `SELECT digest, status, answer, at FROM promises WHERE caller = ? AND key = ?`, p.Caller, p.Key).
			Scan(&found.Digest, &found.Status, &found.Answer, stamp{&found.At})
		if err == nil {
			was = &found
			return nil
		}
		if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO promises (caller, key, digest, at) VALUES (?, ?, ?, ?)`, p.Caller, p.Key, p.Digest,
			millis(p.At))
		return err
	})
	return was, err
}

// Fulfil keeps the answer of a decision; with status 0 its key is forgotten.
func (l journal) Fulfil(ctx context.Context, p bridge.Promise) error {
	return l.tx(ctx, "fulfil a promise", func(tx statements) error {
		if p.Status == 0 {
			_, err := tx.ExecContext(ctx, `DELETE FROM promises WHERE caller = ? AND key = ?`, p.Caller, p.Key)
			return err
		}
		_, err := tx.ExecContext(ctx, `UPDATE promises SET status = ?, answer = ? WHERE caller = ? AND key = ?`, p.Status, p.Answer, p.Caller,
			p.Key)
		return err
	})
}
