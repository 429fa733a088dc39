package ledger

import (
	"context"
	"database/sql"
	"time"

	"github.com/orobridge/orobridge/bridge"
)

// Tallies walks what the runs did that began at a time or later, by day and feed.
func (l runStore) Tallies(ctx context.Context, since time.Time, each func(bridge.Tally) error) error {
	const day = 86_400_000
	err := walk(ctx, l.walks, `SELECT r.started / ?1 * ?1, d.feed, count(*), sum(r.rows), sum(r.created), sum(r.updated),
		sum(r.unchanged), sum(r.adopted), sum(r.superseded), sum(r.removed), sum(r.collapsed), sum(r.rejected), sum(r.parked),
		sum(r.verified), sum(r.withdrawn), sum(iif(r.ended > r.started, r.ended - r.started, 0))
		FROM runs r JOIN drops d ON d.id = r.drop_id WHERE r.started >= ?2 GROUP BY 1, 2 ORDER BY 1, 2`,
		[]any{day, millis(since)}, func(rows *sql.Rows) error {
			var t bridge.Tally
			var busy int64
			c := &t.Counts
			err := rows.Scan(stamp{&t.Day}, &t.Feed, &t.Runs, &c.Rows, &c.Created, &c.Updated, &c.Unchanged, &c.Adopted, &c.Superseded,
				&c.Removed, &c.Collapsed, &c.Rejected, &c.Parked, &c.Verified, &c.Withdrawn, &busy)
			if err != nil {
				return err
			}
			t.Busy = time.Duration(busy) * time.Millisecond
			return each(t)
		})
	return wrap("count what runs did", err)
}

// DropCounts counts the drops by feed and state. Those that are done with are counted in an index alone.
func (l dropStore) DropCounts(ctx context.Context) (all []bridge.DropCount, err error) {
	err = walk(ctx, l.walks, `SELECT feed, state, count(*), 0 FROM drops WHERE state IN (SELECT value FROM json_each(?1)) GROUP BY state, feed
		UNION ALL SELECT feed, state, count(*), min(seen_at) FROM drops WHERE state IN (SELECT value FROM json_each(?2)) GROUP BY state, feed`,
		[]any{list(names(bridge.SettledStates)), list(names(bridge.OpenStates()))}, func(rows *sql.Rows) error {
			var c bridge.DropCount
			if err := rows.Scan(&c.Feed, &c.State, &c.N, stamp{&c.Oldest}); err != nil {
				return err
			}
			all = append(all, c)
			return nil
		})
	return all, wrap("count drops", err)
}

// names are texts of a kind of their own as texts.
func names[T ~string](all []T) []string {
	texts := make([]string, len(all))
	for i, t := range all {
		texts[i] = string(t)
	}
	return texts
}

// Arrivals walks the drops that were loaded, in full or in part, at a time or later, in the order of that.
func (l dropStore) Arrivals(ctx context.Context, since time.Time, each func(bridge.Passage) error) error {
	err := walk(ctx, l.walks, `SELECT feed, seen_at, settled_at FROM drops WHERE settled_at > 0 AND settled_at >= ?
		AND state || '' IN ('loaded', 'partial') AND seen_at > 0 ORDER BY settled_at`, []any{millis(since)}, func(rows *sql.Rows) error {
		var p bridge.Passage
		if err := rows.Scan(&p.Of, stamp{&p.From}, stamp{&p.To}); err != nil {
			return err
		}
		return each(p)
	})
	return wrap("list arrivals", err)
}

// Departures walks the orders whose file was written at a time or later, in the order of that.
func (l outboxStore) Departures(ctx context.Context, since time.Time, each func(bridge.Passage) error) error {
	err := walk(ctx, l.walks, `SELECT f.export, o.submitted, f.written, f.picked_up FROM outfiles f
		CROSS JOIN outbox o ON o.export = f.export AND o.number = f.number
		WHERE f.written > 0 AND f.written >= ? ORDER BY f.written`, []any{millis(since)}, func(rows *sql.Rows) error {
		var p bridge.Passage
		if err := rows.Scan(&p.Of, stamp{&p.From}, stamp{&p.To}, stamp{&p.Gone}); err != nil {
			return err
		}
		return each(p)
	})
	return wrap("list departures", err)
}

// OutboxCounts counts the orders of an export by where they stand. What is done with is counted in indexes alone: the bytes of
// files stand beside their states.
func (l outboxStore) OutboxCounts(ctx context.Context, export string) (c bridge.OutboxCounts, err error) {
	var open int64
	err = l.read.QueryRowContext(ctx, `SELECT
		(SELECT count(*) FROM outbox WHERE export = ?1 AND answered = 0),
		(SELECT count(*) FROM outbox WHERE export = ?1) - (SELECT count(*) FROM outbox WHERE export = ?1 AND answered = 0),
		(SELECT count(*) FROM outbox WHERE export = ?1 AND number = 0 AND stuck <> '' AND answered = 0),
		(SELECT count(*) FROM outbox WHERE export = ?1 AND number = 0 AND stuck = '' AND went = '' AND answered = 0),
		(SELECT count(*) FROM outbox WHERE export = ?1 AND number = 0 AND stuck = '' AND went = 'unknown' AND answered = 0),
		(SELECT count(*) FROM (SELECT id FROM outbox WHERE export = ?1 AND alarm <> ''
			UNION SELECT o.id FROM outfiles f CROSS JOIN outbox o ON o.export = f.export AND o.number = f.number
			WHERE f.export = ?1 AND f.alarm <> '') alarmed),
		coalesce((SELECT written FROM outfiles WHERE export = ?1 AND written > 0 ORDER BY number DESC LIMIT 1), 0)`, export).
		Scan(&open, &c.Answered, &c.Stuck, &c.Collected, &c.Unknown, &c.Alarmed, stamp{&c.LastWritten})
	if err != nil {
		return c, wrap("count orders of "+export, err)
	}
	err = walk(ctx, l.walks, `SELECT f.state, count(*) FROM outfiles f CROSS JOIN outbox o ON o.export = f.export AND o.number = f.number
		WHERE f.export = ? AND f.state IN ('owed', 'written', 'conflict', 'unknown', 'same', 'differs', 'missing')
		AND o.answered = 0 AND o.stuck = '' GROUP BY 1`,
		[]any{export}, func(rows *sql.Rows) error {
			var state bridge.OwedState
			var n int64
			err := rows.Scan(&state, &n)
			switch state {
			case bridge.OwedNow:
				c.Owed = n
			case bridge.Written:
				c.Written = n
			case bridge.Conflict:
				c.Conflict = n
			case bridge.Unknown:
				c.Unknown += n
			case bridge.Same:
				c.Same = n
			case bridge.Differs:
				c.Differs = n
			case bridge.Unwritten:
				c.Unwritten = n
			}
			return err
		})
	c.PickedUp += open - c.Total() + c.Answered
	return c, wrap("count orders of "+export, err)
}
