package ledger

import (
	"context"
	"database/sql"
	"encoding/json"

	"github.com/orobridge/orobridge/bridge"
)

// KeepWarnings records what planning left out of rows.
func (l rowStore) KeepWarnings(ctx context.Context, warnings []bridge.WarningRow) error {
	return l.tx(ctx, "record warnings", func(tx statements) error {
		for i := range warnings {
			x := &warnings[i]
			pos, err := json.Marshal(x.Pos)
			if err != nil {
				return err
			}
			_, err = tx.ExecContext(ctx, `INSERT INTO warnings (drop_id, run, pos, key, field, code, message) VALUES (?, ?, ?, ?, ?, ?, ?)`,
				x.Drop, x.Run, string(pos), x.Key, x.Field, x.Code, x.Message)
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// Warnings walks the warnings of a drop, by run and in the order of its file.
func (l rowStore) Warnings(ctx context.Context, drop int64, each func(bridge.WarningRow) error) error {
	err := walk(ctx, l.walks, `SELECT drop_id, run, pos, key, field, code, message FROM warnings WHERE drop_id = ? ORDER BY run, id`,
		[]any{drop}, func(rows *sql.Rows) error {
			var x bridge.WarningRow
			var pos []byte
			if err := rows.Scan(&x.Drop, &x.Run, &pos, &x.Key, &x.Field, &x.Code, &x.Message); err != nil {
				return err
			}
			if err := json.Unmarshal(pos, &x.Pos); err != nil {
				return err
			}
			return each(x)
		})
	return wrap("list warnings", err)
}
