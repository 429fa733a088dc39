package state

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/formats"
)

// StartRun implements bridge.Ledger.
func (l *Ledger) StartRun(ctx context.Context, r *bridge.Run, d *bridge.Drop) error {
	return l.tx(ctx, fmt.Sprintf("start run of drop %d", d.ID), func(tx *sql.Tx) error {
		r.Drop, r.State, r.Started = d.ID, bridge.Running, l.now().UTC()
		res, err := tx.ExecContext(ctx, `INSERT INTO runs (drop_id, kind, state, forced, approved, started) VALUES (?, ?, ?, ?, ?, ?)`,
			d.ID, r.Kind, r.State, r.Force, r.Approved, millis(r.Started))
		if err != nil {
			return err
		}
		if r.ID, err = res.LastInsertId(); err != nil {
			return err
		}
		d.State, d.Reason = bridge.Loading, ""
		return saveDrop(ctx, tx, d)
	})
}

// SaveRun implements bridge.Ledger.
func (l *Ledger) SaveRun(ctx context.Context, r *bridge.Run, d *bridge.Drop) error {
	return l.tx(ctx, fmt.Sprintf("save run %d", r.ID), func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE runs SET state = ?, approved = ?, rows = ?, created = ?, updated = ?, unchanged = ?, adopted = ?,
			removed = ?, collapsed = ?, rejected = ?, parked = ?, withdrawn = ?, requests = ?, skipped = ?, reason = ?, ended = ? WHERE id = ?`,
			r.State, r.Approved, r.Rows, r.Created, r.Updated, r.Unchanged, r.Adopted, r.Removed, r.Collapsed, r.Rejected, r.Parked,
			r.Withdrawn, r.Requests, words(r.Skipped), r.Reason, millis(r.Ended), r.ID)
		if err != nil {
			return err
		}
		if r.State == bridge.Done {
			if _, err := tx.ExecContext(ctx, `DELETE FROM batches WHERE run = ?`, r.ID); err != nil {
				return err
			}
		}
		if d == nil {
			return nil
		}
		return saveDrop(ctx, tx, d)
	})
}

// Runs implements bridge.Ledger.
func (l *Ledger) Runs(ctx context.Context, drop int64) ([]*bridge.Run, error) {
	rows, err := l.read.QueryContext(ctx, `SELECT id, drop_id, kind, state, forced, approved, rows, created, updated, unchanged, adopted, removed,
		collapsed, rejected, parked, withdrawn, requests, skipped, reason, started, ended, told FROM runs WHERE drop_id = ? ORDER BY id`, drop)
	if err != nil {
		return nil, fmt.Errorf("list runs of drop %d: %w", drop, err)
	}
	defer rows.Close()
	var runs []*bridge.Run
	for rows.Next() {
		r := &bridge.Run{}
		var skipped []byte
		if err := rows.Scan(&r.ID, &r.Drop, &r.Kind, &r.State, &r.Force, &r.Approved, &r.Rows, &r.Created, &r.Updated, &r.Unchanged, &r.Adopted,
			&r.Removed, &r.Collapsed, &r.Rejected, &r.Parked, &r.Withdrawn, &r.Requests, &skipped, &r.Reason, stamp{&r.Started}, stamp{&r.Ended}, &r.Reported); err != nil {
			return nil, fmt.Errorf("list runs of drop %d: %w", drop, err)
		}
		if err := json.Unmarshal(skipped, &r.Skipped); err != nil {
			return nil, fmt.Errorf("read run %d: %w", r.ID, err)
		}
		runs = append(runs, r)
	}
	return runs, rows.Err()
}

// words is a column that counts by word.
func words(counts map[string]int64) string {
	if len(counts) == 0 {
		return "{}"
	}
	b, err := json.Marshal(counts)
	if err != nil {
		panic(err) // texts and numbers always marshal
	}
	return string(b)
}

// Told implements bridge.Ledger.
func (l *Ledger) Told(ctx context.Context, run int64) error {
	return l.tx(ctx, fmt.Sprintf("record what run %d was answered", run), func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE runs SET told = 1 WHERE id = ?`, run)
		return err
	})
}

// FullRows implements bridge.Ledger.
func (l *Ledger) FullRows(ctx context.Context, feed string, n int) ([]int64, error) {
	rows, err := l.read.QueryContext(ctx, `SELECT r.rows FROM runs r JOIN drops d ON d.id = r.drop_id
		WHERE d.feed = ? AND d.corrects = 0 AND r.kind = 'load' AND r.state = 'done' AND d.state IN ('loaded', 'partial') ORDER BY r.id DESC LIMIT ?`, feed, n)
	if err != nil {
		return nil, fmt.Errorf("read row counts of %s: %w", feed, err)
	}
	defer rows.Close()
	var counts []int64
	for rows.Next() {
		var c int64
		if err := rows.Scan(&c); err != nil {
			return nil, err
		}
		counts = append(counts, c)
	}
	return counts, rows.Err()
}

// PlanAgain implements bridge.Ledger.
func (l *Ledger) PlanAgain(ctx context.Context, run int64) error {
	return l.tx(ctx, fmt.Sprintf("plan run %d again", run), func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM rejects WHERE run = ? AND planned = 1`, run)
		return err
	})
}

// RejectRows implements bridge.Ledger.
func (l *Ledger) RejectRows(ctx context.Context, r *bridge.Run, rows []bridge.RejectRow) error {
	return l.many(ctx, fmt.Sprintf("record rejects of run %d", r.ID), func(tx statements) error {
		for i := range rows {
			if err := insertReject(ctx, tx, r, &rows[i].Reject, rows[i].Row, true); err != nil {
				return err
			}
		}
		return nil
	})
}

func insertReject(ctx context.Context, tx statements, r *bridge.Run, x *formats.Reject, raw map[string]string, planned bool) error {
	row, err := json.Marshal(raw)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO rejects (drop_id, run, planned, line, off, segment, doc, part, key, field, code, message, row)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		r.Drop, r.ID, planned, x.Pos.Line, x.Pos.Offset, x.Pos.Segment, x.Pos.Doc, x.Pos.Part, x.Key, x.Field, x.Code, x.Message, string(row))
	return err
}

// Rejects implements bridge.Ledger, in the order of the file.
func (l *Ledger) Rejects(ctx context.Context, f bridge.RejectFilter, each func(bridge.RejectRow) error) error {
	var w where
	if f.Drop != 0 {
		w.add("r.drop_id = ?", f.Drop)
	}
	if f.Run != 0 {
		w.add("r.run = ?", f.Run)
	}
	if f.Feed != "" {
		w.add("d.feed = ?", f.Feed)
	}
	newest := ""
	if f.Last > 0 {
		newest = fmt.Sprintf(" ORDER BY r.id DESC LIMIT %d", f.Last)
	}
	rows, err := l.read.QueryContext(ctx, `SELECT id, drop_id, run, line, off, segment, doc, part, key, field, code, message, row
		FROM (SELECT r.* FROM rejects r JOIN drops d ON d.id = r.drop_id`+w.String()+newest+`)
		ORDER BY drop_id, run, part, iif(doc = '', 0, off), line, id`, w.args...)
	if err != nil {
		return fmt.Errorf("list rejects: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var x bridge.RejectRow
		var raw string
		if err := rows.Scan(&x.ID, &x.Drop, &x.Run, &x.Pos.Line, &x.Pos.Offset, &x.Pos.Segment, &x.Pos.Doc, &x.Pos.Part, &x.Key, &x.Field, &x.Code,
			&x.Message, &raw); err != nil {
			return fmt.Errorf("list rejects: %w", err)
		}
		if err := json.Unmarshal([]byte(raw), &x.Row); err != nil {
			return fmt.Errorf("read reject %d: %w", x.ID, err)
		}
		if err := each(x); err != nil {
			return err
		}
	}
	return rows.Err()
}

// Settle implements bridge.Ledger.
func (l *Ledger) Settle(ctx context.Context, r *bridge.Run, d *bridge.Drop, batch int64, done []bridge.Settlement) error {
	return l.many(ctx, fmt.Sprintf("settle changes of run %d", r.ID), func(tx statements) error {
		at := l.now()
		for i := range done {
			if err := settle(ctx, tx, r, d, &done[i], at); err != nil {
				return fmt.Errorf("%s %s: %w", done[i].Entity, done[i].Key, err)
			}
		}
		if batch == 0 {
			return nil
		}
		_, err := tx.ExecContext(ctx, `DELETE FROM batches WHERE id = ?`, batch)
		return err
	})
}

func settle(ctx context.Context, tx statements, r *bridge.Run, d *bridge.Drop, s *bridge.Settlement, at time.Time) error {
	detail := s.Detail
	var err error
	switch s.Fate {
	case bridge.FateRejected:
		detail = s.Reject.Code + ": " + s.Reject.Message
		err = insertReject(ctx, tx, r, s.Reject, s.Raw, false)
	case bridge.FateParked:
		detail = strings.TrimPrefix(s.Detail+"; waits for "+s.Missing.Entity+" "+s.Missing.Key, "; ")
		err = park(ctx, tx, r, d, s, at)
	default:
		err = accept(ctx, tx, r, d, s, at)
	}
	if err != nil {
		return err
	}
	if s.Fate != bridge.FateParked {
		if err := endWait(ctx, tx, d, s); err != nil {
			return err
		}
	}
	if s.Answer != "" {
		if err := answered(ctx, tx, s, at); err != nil {
			return err
		}
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO history (entity, key, drop_id, run, line, fate, sent, detail, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		s.Entity, s.Key, d.ID, r.ID, s.Line, s.Fate, encode(s.Sent), detail, millis(at))
	return err
}

// endWait forgets that a row is parked. What other drops have parked under its key is the bridge's to cancel, once no guard
// can hold the drop any more; answers have no guards.
func endWait(ctx context.Context, tx statements, d *bridge.Drop, s *bridge.Settlement) error {
	query := `DELETE FROM parked WHERE entity = ? AND key = ? AND drop_id = ?`
	if s.Wait != "" {
		query = `DELETE FROM parked WHERE entity = ? AND key = ? AND drop_id <= ?`
	}
	_, err := tx.ExecContext(ctx, query, s.Entity, waitKey(s), d.ID)
	return err
}

func park(ctx context.Context, tx statements, r *bridge.Run, d *bridge.Drop, s *bridge.Settlement, at time.Time) error {
	raw, err := json.Marshal(s.Raw)
	if err != nil {
		return err
	}
	pos, err := json.Marshal(s.Pos)
	if err != nil {
		return err
	}
	// A record that is parked again keeps the time since when it waits.
	_, err = tx.ExecContext(ctx, `INSERT INTO parked (entity, key, feed, drop_id, run, line, pos, missing_entity, missing_key, record, remove, row, since)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (entity, key) DO UPDATE SET feed = excluded.feed, run = excluded.run, line = excluded.line, pos = excluded.pos,
			missing_entity = excluded.missing_entity, missing_key = excluded.missing_key, record = excluded.record, remove = excluded.remove,
			row = excluded.row, since = iif(parked.drop_id = excluded.drop_id, parked.since, excluded.since), drop_id = excluded.drop_id`,
		s.Entity, waitKey(s), d.Feed, d.ID, r.ID, s.Line, string(pos), s.Missing.Entity, s.Missing.Key, encode(s.Record), s.Remove, string(raw), millis(at))
	return err
}

// waitKey is the key under which a row is parked.
func waitKey(s *bridge.Settlement) string {
	if s.Wait != "" {
		return s.Wait
	}
	return s.Key
}

// Settled implements bridge.Ledger.
func (l *Ledger) Settled(ctx context.Context, run int64, keys []string) (map[string]bridge.RowFate, error) {
	list, err := json.Marshal(keys)
	if err != nil {
		return nil, err
	}
	rows, err := l.read.QueryContext(ctx, `SELECT h.key, h.fate FROM json_each(?) j CROSS JOIN history h ON h.run = ? AND h.key = j.value ORDER BY h.id`,
		string(list), run)
	if err != nil {
		return nil, fmt.Errorf("read fates of run %d: %w", run, err)
	}
	defer rows.Close()
	fates := map[string]bridge.RowFate{}
	for rows.Next() {
		var key string
		var fate bridge.RowFate
		if err := rows.Scan(&key, &fate); err != nil {
			return nil, err
		}
		fates[key] = fate
	}
	return fates, rows.Err()
}

// Fates implements bridge.Ledger.
func (l *Ledger) Fates(ctx context.Context, run int64) (map[bridge.RowFate]int64, error) {
	rows, err := l.read.QueryContext(ctx, `SELECT fate, count(*) FROM history WHERE run = ? GROUP BY fate`, run)
	if err != nil {
		return nil, fmt.Errorf("count fates of run %d: %w", run, err)
	}
	defer rows.Close()
	fates := map[bridge.RowFate]int64{}
	for rows.Next() {
		var fate bridge.RowFate
		var n int64
		if err := rows.Scan(&fate, &n); err != nil {
			return nil, err
		}
		fates[fate] = n
	}
	return fates, rows.Err()
}

// History implements bridge.Ledger.
func (l *Ledger) History(ctx context.Context, entity, key string) ([]bridge.HistoryEntry, error) {
	rows, err := l.read.QueryContext(ctx, `SELECT entity, key, drop_id, run, line, fate, sent, detail, at FROM history
		WHERE entity = ? AND key = ? ORDER BY id`, entity, key)
	if err != nil {
		return nil, fmt.Errorf("read history of %s %s: %w", entity, key, err)
	}
	defer rows.Close()
	var events []bridge.HistoryEntry
	for rows.Next() {
		var e bridge.HistoryEntry
		var sent string
		if err := rows.Scan(&e.Entity, &e.Key, &e.Drop, &e.Run, &e.Line, &e.Fate, &sent, &e.Detail, stamp{&e.At}); err != nil {
			return nil, err
		}
		if e.Sent, err = decode(sent); err != nil {
			return nil, err
		}
		events = append(events, e)
	}
	return events, rows.Err()
}

// Parked implements bridge.Ledger.
func (l *Ledger) Parked(ctx context.Context, feed string, waitedSince time.Time, each func(bridge.ParkedRow) error) error {
	var w where
	query := `SELECT p.entity, p.key, p.feed, p.drop_id, p.run, p.line, p.pos, p.missing_entity, p.missing_key, p.record, p.remove, p.row, p.since FROM parked p`
	if !waitedSince.IsZero() {
		w.add(`(EXISTS (SELECT 1 FROM links l WHERE l.entity = p.missing_entity AND l.key = p.missing_key) OR p.since < ?)`, millis(waitedSince))
	}
	if feed != "" {
		w.add("p.feed = ?", feed)
	}
	rows, err := l.read.QueryContext(ctx, query+w.String()+` ORDER BY p.drop_id, p.line, p.key`, w.args...)
	if err != nil {
		return fmt.Errorf("list parked records: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var p bridge.ParkedRow
		var record, raw string
		var pos []byte
		if err := rows.Scan(&p.Entity, &p.Key, &p.Feed, &p.Drop, &p.Run, &p.Line, &pos, &p.Missing.Entity, &p.Missing.Key, &record, &p.Remove, &raw,
			stamp{&p.Since}); err != nil {
			return fmt.Errorf("list parked records: %w", err)
		}
		if p.Record, err = decode(record); err != nil {
			return err
		}
		if err := errors.Join(json.Unmarshal(pos, &p.Pos), json.Unmarshal([]byte(raw), &p.Raw)); err != nil {
			return err
		}
		if err := each(p); err != nil {
			return err
		}
	}
	return rows.Err()
}

// Unpark implements bridge.Ledger.
func (l *Ledger) Unpark(ctx context.Context, entity string, keys []string) (n int64, err error) {
	list, err := json.Marshal(keys)
	if err != nil {
		return 0, err
	}
	err = l.tx(ctx, "cancel parked records", func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, `DELETE FROM parked WHERE entity = ? AND key IN (SELECT value FROM json_each(?))`, entity, string(list))
		if err != nil {
			return err
		}
		n, err = res.RowsAffected()
		return err
	})
	return n, err
}

// CountParked implements bridge.Ledger.
func (l *Ledger) CountParked(ctx context.Context, entity string) (n int64, err error) {
	if err := l.read.QueryRowContext(ctx, `SELECT count(*) FROM parked WHERE entity = ?`, entity).Scan(&n); err != nil {
		return 0, fmt.Errorf("count parked %s: %w", entity, err)
	}
	return n, nil
}
