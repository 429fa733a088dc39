package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/formats"
)

// StartRun enters a run and moves its drop.
func (l *Ledger) StartRun(ctx context.Context, r *bridge.Run, m bridge.Move, events ...*bridge.Event) error {
	return l.tx(ctx, fmt.Sprintf("start run of drop %d", m.ID), func(tx statements) error {
		if err := moveDrops(ctx, tx, []bridge.Move{m}); err != nil {
			return err
		}
		err := tx.insert(ctx, &r.ID, `INSERT INTO runs (drop_id, kind, state, forced, approved, attempts, started) VALUES (?, ?, ?, ?, ?, ?, ?)`,
			r.Drop, r.Kind, r.State, r.Force, r.Approved, r.Attempts, millis(r.Started))
		if err != nil {
			return err
		}
		for _, e := range events {
			tx.give(&e.Run, r.ID)
		}
		return keep(ctx, tx, events)
	})
}

// SaveRun saves counts and state of a run and moves its drop, if there are moves; the batches of a run that is over are
// forgotten.
func (l *Ledger) SaveRun(ctx context.Context, r *bridge.Run, moves []bridge.Move, events ...*bridge.Event) error {
	return l.tx(ctx, fmt.Sprintf("save run %d", r.ID), func(tx statements) error {
		if err := moveDrops(ctx, tx, moves); err != nil {
			return err
		}
		unmapped, err := json.Marshal(append([]formats.Unmapped{}, r.Unmapped...))
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `UPDATE runs SET state = ?, approved = ?, rows = ?, created = ?, updated = ?, unchanged = ?, adopted = ?,
			superseded = ?, verified = ?, scope = ?, attempts = ?, removed = ?, collapsed = ?, rejected = ?, parked = ?, withdrawn = ?,
			warnings = ?, requests = ?, skipped = ?, unmapped = ?, reason = ?, ended = ? WHERE id = ?`,
			r.State, r.Approved, r.Rows, r.Created, r.Updated, r.Unchanged, r.Adopted, r.Superseded, r.Verified, r.Scope, r.Attempts, r.Removed,
			r.Collapsed, r.Rejected, r.Parked, r.Withdrawn, r.Warnings, r.Requests, words(r.Skipped), string(unmapped), r.Reason, millis(r.Ended), r.ID)
		if err == nil && (r.State == bridge.Done || r.State == bridge.Failed) {
			_, err = tx.ExecContext(ctx, `DELETE FROM batches WHERE run = ?`, r.ID)
		}
		return errors.Join(err, keep(ctx, tx, events))
	})
}

// Runs lists the runs of a drop, oldest first.
func (l *Ledger) Runs(ctx context.Context, drop int64) ([]*bridge.Run, error) {
	var runs []*bridge.Run
	err := walk(ctx, l.read, `SELECT id, drop_id, kind, state, forced, approved, rows, created, updated, unchanged, adopted, superseded, verified,
		scope, attempts, removed, collapsed, rejected, parked, withdrawn, warnings, requests, skipped, unmapped, reason, started, ended, told
		FROM runs WHERE drop_id = ? ORDER BY id`,
		[]any{drop}, func(rows *sql.Rows) error {
			r := &bridge.Run{}
			var skipped, unmapped []byte
			err := rows.Scan(&r.ID, &r.Drop, &r.Kind, &r.State, &r.Force, &r.Approved, &r.Rows, &r.Created, &r.Updated, &r.Unchanged, &r.Adopted,
				&r.Superseded, &r.Verified, &r.Scope, &r.Attempts, &r.Removed, &r.Collapsed, &r.Rejected, &r.Parked, &r.Withdrawn, &r.Warnings,
				&r.Requests, &skipped, &unmapped, &r.Reason, stamp{&r.Started}, stamp{&r.Ended}, &r.Reported)
			if err != nil {
				return err
			}
			runs = append(runs, r)
			return errors.Join(json.Unmarshal(skipped, &r.Skipped), json.Unmarshal(unmapped, &r.Unmapped))
		})
	return runs, wrap(fmt.Sprintf("list runs of drop %d", drop), err)
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

// Reported records the paths of what was written of a drop for its sender, and, unless run is 0, that this is all of a
// run.
func (l *Ledger) Reported(ctx context.Context, drop, run int64, paths []string, events ...*bridge.Event) error {
	return l.tx(ctx, fmt.Sprintf("record what was written of drop %d", drop), func(tx statements) error {
		for _, p := range paths {
			if _, err := tx.ExecContext(ctx, `INSERT OR IGNORE INTO papers VALUES (?, ?)`, drop, p); err != nil {
				return err
			}
		}
		if _, err := tx.ExecContext(ctx, `UPDATE runs SET told = 1 WHERE id = ?`, run); err != nil {
			return err
		}
		return keep(ctx, tx, events)
	})
}

// WroteRejects says whether a run is one of a feed's, and rejected rows.
func (l *Ledger) WroteRejects(ctx context.Context, feed string, run int64) (wrote bool, err error) {
	err = l.read.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM runs r JOIN drops d ON d.id = r.drop_id WHERE r.id = ? AND d.feed = ? AND r.rejected > 0)`,
		run, feed).Scan(&wrote)
	return wrote, wrap(fmt.Sprintf("look for run %d", run), err)
}

// RowCounts are the rows of the last n first runs of a feed's drops of one scope that were loaded, newest first.
// Corrected rejects do not count.
func (l *Ledger) RowCounts(ctx context.Context, feed, scope string, n int) ([]int64, error) {
	var counts []int64
	err := walk(ctx, l.read, `SELECT r.rows FROM runs r JOIN drops d ON d.id = r.drop_id WHERE d.feed = ? AND r.scope = ? AND d.corrects = 0 AND r.kind = 'load'
		AND r.state = 'done' AND d.state IN ('loaded', 'partial') ORDER BY r.id DESC LIMIT ?`, []any{feed, scope, n}, func(rows *sql.Rows) error {
		var c int64
		err := rows.Scan(&c)
		counts = append(counts, c)
		return err
	})
	return counts, wrap("read row counts of "+feed, err)
}

// PlanAgain forgets the warnings of an interrupted run, and its rejects of rows that never got as far as a change.
func (l *Ledger) PlanAgain(ctx context.Context, run int64) error {
	return l.tx(ctx, fmt.Sprintf("plan run %d again", run), func(tx statements) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM warnings WHERE run = ?`, run); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `DELETE FROM rejects WHERE run = ? AND planned = 1`, run)
		return err
	})
}

// Settle commits what became of rows and changes, and forgets the batch (0: none) that carried them.
func (l *Ledger) Settle(ctx context.Context, batch int64, settled []bridge.Settlement, events ...*bridge.Event) error {
	return l.tx(ctx, "settle changes", func(tx statements) error {
		for i := range settled {
			if err := settle(ctx, tx, &settled[i]); err != nil {
				return fmt.Errorf("%s %s: %w", settled[i].Entity, settled[i].Key, err)
			}
		}
		if batch != 0 {
			if _, err := tx.ExecContext(ctx, `DELETE FROM batches WHERE id = ?`, batch); err != nil {
				return err
			}
		}
		return keep(ctx, tx, events)
	})
}

// settle writes each part that a settlement has.
func settle(ctx context.Context, tx statements, s *bridge.Settlement) error {
	var errs []error
	if s.Reject != nil {
		errs = append(errs, insertReject(ctx, tx, s.Reject, false))
	}
	if s.Park != nil {
		errs = append(errs, park(ctx, tx, s.Park))
	}
	if s.Unpark != "" {
		_, err := tx.ExecContext(ctx, `DELETE FROM parked WHERE entity = ? AND key = ? AND drop_id = ?`, s.Entity, s.Unpark, s.Drop)
		errs = append(errs, err)
	}
	if s.Forget {
		errs = append(errs, forget(ctx, tx, s.Entity, s.Key))
	}
	if s.Link != nil {
		errs = append(errs, saveLink(ctx, tx, s.Link))
	}
	for _, o := range s.Owed {
		errs = append(errs, saveOwed(ctx, tx, o))
	}
	for _, f := range s.Files {
		errs = append(errs, saveOutfile(ctx, tx, bridge.FileMove{Outfile: f, From: f.State}))
	}
	return errors.Join(append(errs, record(ctx, tx, &s.HistoryEntry))...)
}

// record enters a step in a key's history.
func record(ctx context.Context, tx statements, e *bridge.HistoryEntry) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO history (entity, key, drop_id, run, line, fate, sent, before, detail, at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		e.Entity, e.Key, e.Drop, e.Run, e.Line, e.Fate, content(e.Sent), content(e.Before), e.Detail, millis(e.At))
	return err
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
	_, err = tx.ExecContext(ctx, `INSERT OR REPLACE INTO parked (entity, key, feed, drop_id, run, line, pos, missing_entity, missing_key, record, remove,
		row, since) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		p.Entity, p.Key, p.Feed, p.Drop, p.Run, p.Line, string(pos), p.Missing.Entity, p.Missing.Key, content(p.Record), p.Remove, string(raw),
		millis(p.Since))
	return err
}

// Settled tells the fate that a run has already given to some of the keys.
func (l *Ledger) Settled(ctx context.Context, run int64, keys []string) (map[string]bridge.RowFate, error) {
	fates := map[string]bridge.RowFate{}
	err := walk(ctx, l.read, `SELECT h.key, h.fate FROM json_each(?) j CROSS JOIN history h ON h.run = ? AND h.key = j.value ORDER BY h.id`,
		[]any{list(keys), run}, func(rows *sql.Rows) error {
			var key string
			var fate bridge.RowFate
			err := rows.Scan(&key, &fate)
			fates[key] = fate
			return err
		})
	return fates, wrap(fmt.Sprintf("read fates of run %d", run), err)
}

// Fates counts the fates that a run has given.
func (l *Ledger) Fates(ctx context.Context, run int64) (map[bridge.RowFate]int64, error) {
	fates := map[bridge.RowFate]int64{}
	err := walk(ctx, l.read, `SELECT fate, count(*) FROM history WHERE run = ? GROUP BY fate`, []any{run}, func(rows *sql.Rows) error {
		var fate bridge.RowFate
		var n int64
		err := rows.Scan(&fate, &n)
		fates[fate] = n
		return err
	})
	return fates, wrap(fmt.Sprintf("count fates of run %d", run), err)
}

// RemovedBy tells the drops that removed some of the keys last, of those whose link is gone.
func (l *Ledger) RemovedBy(ctx context.Context, entity string, keys []string) (map[string]int64, error) {
	drops := map[string]int64{}
	err := walk(ctx, l.read, `SELECT h.key, h.drop_id, h.fate FROM json_each(?) j CROSS JOIN history h ON h.entity = ? AND h.key = j.value
		WHERE h.fate IN ('created', 'updated', 'adopted', 'removed', 'withdrawn') ORDER BY h.id`, []any{list(keys), entity}, func(rows *sql.Rows) error {
		var key string
		var drop int64
		var fate bridge.RowFate
		err := rows.Scan(&key, &drop, &fate)
		if delete(drops, key); fate == bridge.FateRemoved || fate == bridge.FateWithdrawn {
			drops[key] = drop
		}
		return err
	})
	return drops, wrap("read removals of "+entity, err)
}

// History lists everything that happened to a key, oldest first.
func (l *Ledger) History(ctx context.Context, entity, key string) ([]bridge.HistoryEntry, error) {
	var all []bridge.HistoryEntry
	err := walk(ctx, l.read, `SELECT entity, key, drop_id, run, line, fate, sent, before, detail, at FROM history
		WHERE entity = ? AND key = ? ORDER BY id`, []any{entity, key}, func(rows *sql.Rows) error {
		var e bridge.HistoryEntry
		var sent, before string
		err := rows.Scan(&e.Entity, &e.Key, &e.Drop, &e.Run, &e.Line, &e.Fate, &sent, &before, &e.Detail, stamp{&e.At})
		if err != nil {
			return err
		}
		if e.Sent, err = formats.ParseContent(sent); err != nil {
			return err
		}
		e.Before, err = formats.ParseContent(before)
		all = append(all, e)
		return err
	})
	return all, wrap("read history of "+entity+" "+key, err)
}

// Parked walks records that wait for a parent, of one feed or of all. With a time, only those that are due: their parent
// has a link now, or they have waited since before that time.
func (l *Ledger) Parked(ctx context.Context, feed string, waitedSince time.Time, each func(bridge.ParkedRow) error) error {
	var w where
	if !waitedSince.IsZero() {
		w.add(`(EXISTS (SELECT 1 FROM links l WHERE l.entity = p.missing_entity AND l.key = p.missing_key) OR p.since < ?)`, millis(waitedSince))
	}
	if feed != "" {
		w.add("p.feed = ?", feed)
	}
	err := walk(ctx, l.walks, `SELECT p.entity, p.key, p.feed, p.drop_id, p.run, p.line, p.pos, p.missing_entity, p.missing_key, p.record, p.remove,
		p.row, p.since FROM parked p`+w.String()+` ORDER BY p.drop_id, p.line, p.key`, w.args, func(rows *sql.Rows) error {
		var p bridge.ParkedRow
		var record string
		var pos, raw []byte
		err := rows.Scan(&p.Entity, &p.Key, &p.Feed, &p.Drop, &p.Run, &p.Line, &pos, &p.Missing.Entity, &p.Missing.Key, &record, &p.Remove, &raw,
			stamp{&p.Since})
		if err != nil {
			return err
		}
		if p.Record, err = formats.ParseContent(record); err != nil {
			return err
		}
		if err := errors.Join(json.Unmarshal(pos, &p.Pos), json.Unmarshal(raw, &p.Raw)); err != nil {
			return err
		}
		return each(p)
	})
	return wrap("list parked records", err)
}

// Unpark cancels the parked rows of these keys.
func (l *Ledger) Unpark(ctx context.Context, entity string, keys []string) (n int64, err error) {
	err = l.tx(ctx, "cancel parked records", func(tx statements) error {
		res, err := tx.ExecContext(ctx, `DELETE FROM parked WHERE entity = ? AND key IN (SELECT value FROM json_each(?))`, entity, list(keys))
		if err != nil {
			return err
		}
		n, err = res.RowsAffected()
		return err
	})
	return n, err
}

// CountParked counts what waits of an entity.
func (l *Ledger) CountParked(ctx context.Context, entity string) (n int64, err error) {
	err = l.read.QueryRowContext(ctx, `SELECT count(*) FROM parked WHERE entity = ?`, entity).Scan(&n)
	return n, wrap("count parked "+entity, err)
}

// Prune removes up to n entries, rejects, warnings and history, of runs that ended before a time; more says that some may be left.
// A run that has nothing left is not looked at again.
func (l *Ledger) Prune(ctx context.Context, ended time.Time, n int) (more bool, err error) {
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
				`DELETE FROM history WHERE id IN (SELECT id FROM history WHERE run = ? LIMIT ?)`} {
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
		return nil
	})
	return more, err
}

// RowLines walks what is known of single rows of a drop, by run and line. What planning refused is among the rejects
// only, everything else in the history.
func (l *Ledger) RowLines(ctx context.Context, drop int64, each func(bridge.RowLine) error) error {
	err := walk(ctx, l.walks, `SELECT h.run, h.line, h.key, h.fate, h.detail FROM runs r JOIN history h ON h.run = r.id WHERE r.drop_id = ?1
		UNION ALL SELECT run, line, key, 'rejected', code || ': ' || message FROM rejects WHERE drop_id = ?1 AND planned = 1
		ORDER BY 1, 2, 3`, []any{drop}, func(rows *sql.Rows) error {
		var x bridge.RowLine
		if err := rows.Scan(&x.Run, &x.Line, &x.Key, &x.Fate, &x.Detail); err != nil {
			return err
		}
		return each(x)
	})
	return wrap(fmt.Sprintf("list rows of drop %d", drop), err)
}
