package ledger

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/formats"
)

// Parked walks records that wait for a parent, of one feed or of all. With a time, only those that are due: their parent
// has a link now, or they have waited since before that time. A damaged one comes without its record.
func (l rowStore) Parked(ctx context.Context, feed string, waitedSince time.Time, each func(bridge.ParkedRow) error) error {
	var w where
	if !waitedSince.IsZero() {
		w.add(`(EXISTS (SELECT 1 FROM links l WHERE l.entity = p.missing_entity AND l.key = p.missing_key) OR p.since < ?)`, millis(waitedSince))
	}
	filter(&w, "p.feed = ?", feed)
	if feed == "" {
		l.ours(&w, "p.entity", "")
	}
	err := l.walkParked(ctx, w, each)
	return wrap("list parked records", err)
}

// ParkedAs finds the record of a key that waits for its parent; nil when none does.
func (l rowStore) ParkedAs(ctx context.Context, entity, key string) (found *bridge.ParkedRow, err error) {
	var w where
	w.add("p.entity = ? AND p.key = ?", l.of(entity), key)
	err = l.walkParked(ctx, w, func(p bridge.ParkedRow) error {
		found = &p
		return nil
	})
	return found, wrap("find what waits as "+key, err)
}

func (l rowStore) walkParked(ctx context.Context, w where, each func(bridge.ParkedRow) error) error {
	query := `SELECT p.entity, p.key, p.feed, p.drop_id, p.run, p.line, p.pos,
		p.missing_entity, p.missing_key, p.record, p.remove, p.row, p.since FROM parked p` + w.String() + ` ORDER BY p.drop_id, p.line, p.key`
	return walk(ctx, l.walks, query, w.args, func(rows *sql.Rows) error {
		var p bridge.ParkedRow
		var record string
		var pos, raw []byte
		err := rows.Scan(&p.Entity, &p.Key, &p.Feed, &p.Drop, &p.Run, &p.Line, &pos, &p.Missing.Entity, &p.Missing.Key, &record, &p.Remove, &raw,
			stamp{&p.Since})
		if err != nil {
			return err
		}
		if record, err = Unseal(record, "record of "+p.Entity+" that is parked"); err == nil {
			p.Record, err = formats.ParseContent(record)
		}
		if err = errors.Join(err, json.Unmarshal(pos, &p.Pos), json.Unmarshal(raw, &p.Raw)); err != nil {
			p.Damaged, p.Record = true, nil
		}
		p.Entity, p.Missing.Entity = bare(p.Entity), bare(p.Missing.Entity)
		return each(p)
	})
}

// Unpark cancels the parked rows of these keys, with what becomes of them by that.
func (l rowStore) Unpark(ctx context.Context, entity string, keys []string, history ...bridge.HistoryEntry) (n int64, err error) {
	err = l.tx(ctx, "cancel parked records", func(tx statements) error {
		for i := range history {
			if err := record(ctx, tx, &history[i], nil); err != nil {
				return err
			}
		}
		n, err = tx.count(ctx, `DELETE FROM parked WHERE entity = ? AND key IN (SELECT value FROM json_each(?))`, tx.of(entity), list(keys))
		return err
	})
	return n, err
}

// CountParked counts what waits of an entity.
func (l rowStore) CountParked(ctx context.Context, entity string) (n int64, err error) {
	var w where
	l.ours(&w, "entity", entity)
	err = l.read.QueryRowContext(ctx, `SELECT count(*) FROM parked`+w.String(), w.args...).Scan(&n)
	return n, wrap("count parked "+entity, err)
}

// park keeps a row that waits; it replaces one that waits under the same key.
func park(ctx context.Context, tx statements, p *bridge.ParkedRow) error {
	raw, err := json.Marshal(p.Raw)
	if err != nil {
		return err
	}
	pos, err := json.Marshal(p.Pos)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO parked
		(entity, key, feed, drop_id, run, line, pos, missing_entity, missing_key, record, remove, row, since)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (entity, key) DO UPDATE SET feed = excluded.feed, drop_id = excluded.drop_id, run = excluded.run, line = excluded.line,
			pos = excluded.pos, missing_entity = excluded.missing_entity, missing_key = excluded.missing_key, record = excluded.record,
			remove = excluded.remove, "row" = excluded."row", since = excluded.since`,
		tx.of(p.Entity), p.Key, p.Feed, p.Drop, p.Run, p.Line, string(pos), tx.of(p.Missing.Entity), p.Missing.Key, Seal(content(p.Record)),
		p.Remove, string(raw), millis(p.Since))
	return err
}
