package ledger

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"github.com/orobridge/orobridge/bridge"
)

// What bridges say of themselves is their edition's: it goes by the database's clock.

// Bridges lists the bridges that share the work, the oldest first; none where the ledger is one bridge's alone.
func (s fleetStore) Bridges(ctx context.Context) (all []*bridge.Member, err error) {
	return Bridges(ctx, s.read)
}

// Bridges is [Ledger.Bridges] on some connections.
func Bridges(ctx context.Context, db *sql.DB) (all []*bridge.Member, err error) {
	err = walk(ctx, db, `SELECT id, name, version, config, began, seen, doing, long, drained FROM bridges ORDER BY began, id`, nil,
		func(rows *sql.Rows) error {
			m := &bridge.Member{}
			var doing, long []byte
			err := rows.Scan(&m.ID, &m.Name, &m.Version, &m.Config, stamp{&m.Began}, stamp{&m.Seen}, &doing, &long, &m.Drained)
			if err == nil {
				err = cmp.Or(json.Unmarshal(doing, &m.Doing), json.Unmarshal(long, &m.Long))
			}
			all = append(all, m)
			return err
		})
	return all, wrap("list bridges", err)
}

// JobCounts counts the jobs that they share, by kind and state.
func (s fleetStore) JobCounts(ctx context.Context) ([]bridge.JobCount, error) {
	all, err := s.edition.JobCounts(ctx)
	return all, wrap("count jobs", err)
}

// Drain has a bridge hand its work over, or take work again, and keeps who decided so. A bridge that is not there is
// [bridge.ErrUnknown].
func (s fleetStore) Drain(ctx context.Context, id string, drained bool, events ...*bridge.Event) error {
	return s.tx(ctx, "drain bridge", func(tx statements) error {
		res, err := tx.ExecContext(ctx, `UPDATE bridges SET drained = ? WHERE id = ?`, drained, id)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return cmp.Or(err, fmt.Errorf("bridge %s: %w", id, bridge.ErrUnknown))
		}
		return keep(ctx, tx, events)
	})
}
