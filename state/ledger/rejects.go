package ledger

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/orobridge/orobridge/bridge"
)

// RejectRows records rows that planning refused.
func (l rowStore) RejectRows(ctx context.Context, rows []bridge.RejectRow) error {
	return l.tx(ctx, "record rejects", func(tx statements) error {
		for i := range rows {
			if err := insertReject(ctx, tx, &rows[i], true); err != nil {
				return err
			}
		}
		return nil
	})
}

func insertReject(ctx context.Context, tx statements, x *bridge.RejectRow, planned bool) error {
	row, err := json.Marshal(x.Row)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO rejects
		(drop_id, run, planned, entity, line, off, segment, doc, part, key, field, code, message, row)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, x.Drop, x.Run, planned, tx.of(x.Entity), x.Pos.Line, x.Pos.Offset, x.Pos.Segment,
		x.Pos.Doc, x.Pos.Part, x.Key, x.Field, x.Code, x.Message, string(row))
	return err
}

// rejectsOf are the conditions of a filter, for rejects r of drops d.
func (p part) rejectsOf(f bridge.RejectFilter) (w where) {
	filter(&w, "r.drop_id = ?", f.Drop)
	filter(&w, "r.run = ?", f.Run)
	filter(&w, "r.run < ?", f.Before)
	filter(&w, "r.id > ?", f.After)
	if f.IDs != nil {
		w.add("r.id IN (SELECT CAST(value AS BIGINT) FROM json_each(?))", numbers(f.IDs))
	}
	filter(&w, "d.feed = ?", f.Feed)
	oneOf(&w, "d.feed", f.Feeds)
	if f.Entity != "" {
		p.ours(&w, "r.entity", f.Entity)
	}
	if f.Keys != nil {
		w.add("r.key IN (SELECT value FROM json_each(?))", list(f.Keys))
	}
	if f.Keyed {
		w.add("r.key <> ''")
	}
	if f.Open {
		w.add("r.state = 'open'") // in these words, for the index
	}
	return w
}

// Rejects walks rejects in the order of their files.
func (l rowStore) Rejects(ctx context.Context, f bridge.RejectFilter, each func(bridge.RejectRow) error) error {
	w := l.rejectsOf(f)
	if f.Bare {
		return l.bareRejects(ctx, f, each)
	}
	from := `rejects`
	if f.First+f.Last > 0 {
		from = `(SELECT r.* FROM rejects r JOIN drops d ON d.id = r.drop_id` + w.tail("r.id", f.First, f.Last) + `)`
		w.conditions = nil
	}
	err := walk(ctx, l.walks, `SELECT r.id, r.drop_id, r.run, r.entity, r.line, r.off, r.segment, r.doc, r.part,
		r.key, r.field, r.code, r.message, r.row, r.state, r.ended_at, r.ended_run, coalesce(e.drop_id, 0), r.who, r.why
		FROM `+from+` r JOIN drops d ON d.id = r.drop_id LEFT JOIN runs e ON e.id = r.ended_run`+w.String()+`
		ORDER BY r.drop_id, r.run, r.part, iif(r.doc = '', 0, r.off), r.line, r.id`,
		w.args, func(rows *sql.Rows) error {
			var x bridge.RejectRow
			var raw []byte
			err := rows.Scan(&x.ID, &x.Drop, &x.Run, &x.Entity, &x.Pos.Line, &x.Pos.Offset, &x.Pos.Segment, &x.Pos.Doc, &x.Pos.Part, &x.Key,
				&x.Field, &x.Code, &x.Message, &raw, &x.State, stamp{&x.End.At}, &x.End.Run, &x.End.Drop, &x.End.Who, &x.End.Why)
			if err != nil {
				return err
			}
			x.Entity = bare(x.Entity)
			if err := json.Unmarshal(raw, &x.Row); err != nil {
				return fmt.Errorf("reject %d: %w", x.ID, err)
			}
			return each(x)
		})
	return wrap("list rejects", err)
}

// bareRejects walks many rejects at little cost: nothing is sorted, and nothing is read that has no fixed place.
func (l rowStore) bareRejects(ctx context.Context, f bridge.RejectFilter, each func(bridge.RejectRow) error) error {
	var x bridge.RejectRow
	w, from := l.rejectsOf(f), "rejects r"
	if f.Feed != "" || f.Feeds != nil {
		from += " JOIN drops d ON d.id = r.drop_id"
	}
	err := walk(ctx, l.walks, `SELECT r.id, r.drop_id, r.run, r.entity, r.line, r.off, r.doc, r.part, r.key, r.state FROM `+from+w.String(),
		w.args, func(rows *sql.Rows) error {
			if err := rows.Scan(&x.ID, &x.Drop, &x.Run, &x.Entity, &x.Pos.Line, &x.Pos.Offset, &x.Pos.Doc, &x.Pos.Part, &x.Key,
				&x.State); err != nil {
				return err
			}
			x.Entity = bare(x.Entity)
			return each(x)
		})
	return wrap("list rejects", err)
}

// EndRejects brings those of some rejects that are open to an end.
func (l rowStore) EndRejects(ctx context.Context, f bridge.RejectFilter, state bridge.RejectState, end bridge.RejectEnd,
	events ...*bridge.Event) (n int64, err error) {
	err = l.tx(ctx, "end rejects", func(tx statements) error {
		if n, err = endRejects(ctx, tx, f, state, end); err != nil {
			return err
		}
		return keep(ctx, tx, events)
	})
	return n, err
}

func endRejects(ctx context.Context, tx statements, f bridge.RejectFilter, state bridge.RejectState, end bridge.RejectEnd) (int64, error) {
	f.Open = true
	w := part{shop: tx.shop}.rejectsOf(f)
	args := append([]any{string(state), millis(end.At), end.Run, end.Who, end.Why}, w.args...)
	res, err := tx.ExecContext(ctx, `UPDATE rejects SET state = ?, ended_at = ?, ended_run = ?, who = ?, why = ?
		WHERE id IN (SELECT r.id FROM rejects r JOIN drops d ON d.id = r.drop_id`+w.String()+`)`, args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// OpenRejects counts the rejects that are open, by feed.
func (l rowStore) OpenRejects(ctx context.Context) (map[string]int64, error) {
	counts := map[string]int64{}
	const query = `SELECT d.feed, count(*) FROM rejects r JOIN drops d ON d.id = r.drop_id WHERE r.state = 'open' GROUP BY d.feed`
	err := walk(ctx, l.read, query, nil,
		func(rows *sql.Rows) error {
			var feed string
			var n int64
			err := rows.Scan(&feed, &n)
			counts[feed] = n
			return err
		})
	return counts, wrap("count open rejects", err)
}

// numbers is a parameter of many numbers, for json_each.
func numbers(ids []int64) string {
	b := []byte{'['}
	for i, id := range ids {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, id, 10)
	}
	return string(append(b, ']'))
}
