package ledger

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/orobridge/orobridge/bridge"
)

// Prune removes up to n entries, rejects, warnings and history, of runs that ended before a time; more says that some may be left.
// A run that has nothing left is not looked at again.
func (l runStore) Prune(ctx context.Context, ended time.Time, n int) (more bool, err error) {
	var runs []int64
	err = walk(ctx, l.read, `SELECT id FROM runs WHERE pruned = 0 AND ended > 0 AND ended < ? ORDER BY ended LIMIT ?`, []any{millis(ended), n},
		func(rows *sql.Rows) error {
			var id int64
			err := rows.Scan(&id)
			runs = append(runs, id)
			return err
		})
	if err != nil || len(runs) == 0 {
		return false, wrap("list old runs", err)
	}
	err = l.tx(ctx, "prune details", func(tx statements) error {
		left := int64(n)
		for _, run := range runs {
			for _, query := range []string{`DELETE FROM rejects WHERE id IN (SELECT id FROM rejects WHERE run = ? LIMIT ?)`,
				`DELETE FROM warnings WHERE id IN (SELECT id FROM warnings WHERE run = ? LIMIT ?)`,
				`DELETE FROM history WHERE id IN (SELECT id FROM history WHERE run = ? LIMIT ?)`,
				`UPDATE settings SET fate = '' WHERE id IN (SELECT id FROM settings WHERE run = ? AND fate <> '' LIMIT ?)`} {
				res, err := tx.ExecContext(ctx, query, run, left)
				if err != nil {
					return err
				}
				gone, err := res.RowsAffected()
				if left -= gone; err != nil || left <= 0 {
					more = true
					return err
				}
			}
			if _, err := tx.ExecContext(ctx, `UPDATE runs SET pruned = 1 WHERE id = ?`, run); err != nil {
				return err
			}
		}
		more = len(runs) == n
		_, err := tx.ExecContext(ctx, sweepSettings)
		return err
	})
	return more, err
}

// Refused lists up to n drops after an id that were refused before a time without being read: they have no content and no run,
// and nothing of them is owed.
func (l dropStore) Refused(ctx context.Context, settled time.Time, after int64, n int) ([]*bridge.Drop, error) {
	drops, err := l.queryDrops(ctx, ` WHERE id > ? AND state = 'rejected' AND sha256 = '' AND settled_at > 0 AND settled_at < ? AND finish = ''
		AND NOT EXISTS (SELECT 1 FROM runs WHERE runs.drop_id = drops.id) ORDER BY id LIMIT ?`, after, millis(settled), n)
	return drops, wrap("list refused drops", err)
}

// ForgetDrops removes drops of which nothing was loaded, with what the journal says of them.
func (l dropStore) ForgetDrops(ctx context.Context, ids []int64) error {
	if len(ids) == 0 {
		return nil
	}
	text, err := json.Marshal(ids)
	if err != nil {
		return fmt.Errorf("forget drops: %w", err)
	}
	return l.tx(ctx, "forget drops", func(tx statements) error {
		for _, query := range []string{`DELETE FROM papers WHERE drop_id IN (SELECT CAST(value AS BIGINT) FROM json_each(?))`,
			`DELETE FROM manifest_files WHERE manifest IN (SELECT CAST(value AS BIGINT) FROM json_each(?))`,
			`DELETE FROM events WHERE drop_id <> 0 AND drop_id IN (SELECT CAST(value AS BIGINT) FROM json_each(?))`,
			`DELETE FROM drops WHERE id IN (SELECT CAST(value AS BIGINT) FROM json_each(?))`} {
			if _, err := tx.ExecContext(ctx, query, string(text)); err != nil {
				return err
			}
		}
		return nil
	})
}

// finishedFiles are an export's files that were picked up before a time, with no alarm, whose orders have no alarm either and,
// where they have to be, were answered before that time.
const finishedFiles = `SELECT f.number FROM outfiles f WHERE f.export = ?1 AND f.state = 'picked_up' AND f.alarm = '' AND f.picked_up < ?2
	AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.export = f.export AND o.number = f.number
		AND (o.alarm <> '' OR o.answered >= ?2 OR o.answered = 0 AND ?3 <> 0)) ORDER BY f.number LIMIT ?4`

// PruneOrders removes up to n files of an export with their orders that are done with since before a time; more says that some
// are left. What stays is that the export has seen the orders: they are not written again.
func (l outboxStore) PruneOrders(ctx context.Context, export string, before time.Time, answered bool, n int) (more bool, err error) {
	var numbers []int64
	err = walk(ctx, l.read, finishedFiles, []any{export, millis(before), answered, n}, func(rows *sql.Rows) error {
		var number int64
		err := rows.Scan(&number)
		numbers = append(numbers, number)
		return err
	})
	if err != nil || len(numbers) == 0 {
		return false, wrap("list old orders of "+export, err)
	}
	text, err := json.Marshal(numbers)
	if err != nil {
		return false, fmt.Errorf("prune orders of %s: %w", export, err)
	}
	const gone = `o.export = ?1 AND o.number IN (SELECT CAST(value AS BIGINT) FROM json_each(?2))`
	const done = `WITH done AS (SELECT o.identifier AS key FROM outbox o WHERE ` + gone + ` EXCEPT
		SELECT p.identifier FROM outbox p WHERE p.export <> ?1 OR p.number NOT IN (SELECT CAST(value AS BIGINT) FROM json_each(?2))) `
	err = l.tx(ctx, "prune orders of "+export, func(tx statements) error {
		for _, query := range []string{
			`INSERT INTO sightings (export, oro_id, updated, again, ignored)
				SELECT o.export, o.oro_id, max(o.submitted), 0, 1 FROM outbox o
				WHERE ` + gone + ` AND NOT EXISTS (SELECT 1 FROM outbox p WHERE p.export = o.export AND p.oro_id = o.oro_id
				AND p.number NOT IN (SELECT CAST(value AS BIGINT) FROM json_each(?2))) GROUP BY o.export, o.oro_id
				ON CONFLICT (export, oro_id) DO UPDATE SET updated = excluded.updated, again = 0, ignored = 1`,
			done + `UPDATE accepted SET made = 0 WHERE made = 1 AND link IN (SELECT l.id FROM done d
				CROSS JOIN links l ON l.entity = '` + l.of(bridge.Orders) + `' AND l.key = d.key)`,
			done + `DELETE FROM history WHERE entity = '` + l.of(bridge.Orders) + `' AND link IS NULL AND key IN (SELECT key FROM done)
				OR link IN (SELECT l.id FROM done d CROSS JOIN links l ON l.entity = '` + l.of(bridge.Orders) + `' AND l.key = d.key)`,
			`DELETE FROM events WHERE doc <> '' AND doc IN (SELECT o.identifier FROM outbox o WHERE ` + gone + `) AND export = ?1`,
			`DELETE FROM outbox AS o WHERE ` + gone,
			`DELETE FROM outfiles AS o WHERE ` + gone,
		} {
			if _, err := tx.ExecContext(ctx, query, export, string(text)); err != nil {
				return err
			}
		}
		return nil
	})
	return len(numbers) == n, err
}
