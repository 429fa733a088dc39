package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/orobridge/orobridge/bridge"
)

// Changes walks what the runs of a drop, or one of them, have done to keys: key by key, and there oldest first.
func (l *Ledger) Changes(ctx context.Context, drop, run int64, each func(bridge.HistoryEntry) error) error {
	err := walk(ctx, l.walks, historyOf(`JOIN runs r ON r.id = h.run WHERE r.drop_id = ?1 AND (?2 = 0 OR r.id = ?2)`,
		`JOIN runs r ON r.id = a.run WHERE r.drop_id = ?1 AND (?2 = 0 OR r.id = ?2)`), []any{drop, run}, func(rows *sql.Rows) error {
		e, err := scanHistory(rows)
		if err != nil {
			return err
		}
		return each(e)
	})
	return wrap(fmt.Sprintf("read changes of drop %d", drop), err)
}

// DropOf tells the drop of a run. An unknown run is an error wrapping bridge.ErrUnknown.
func (l *Ledger) DropOf(ctx context.Context, run int64) (drop int64, err error) {
	err = l.read.QueryRowContext(ctx, `SELECT drop_id FROM runs WHERE id = ?`, run).Scan(&drop)
	if errors.Is(err, sql.ErrNoRows) {
		err = bridge.ErrUnknown
	}
	return drop, wrap(fmt.Sprintf("read run %d", run), err)
}
