package ledger

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/formats"
)

// StartRun enters a run and moves its drop.
func (l runStore) StartRun(ctx context.Context, r *bridge.Run, m bridge.Move, events ...*bridge.Event) error {
	return l.soon(ctx, fmt.Sprintf("start run of drop %d", m.ID), func(tx statements) error {
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
func (l runStore) SaveRun(ctx context.Context, r *bridge.Run, moves []bridge.Move, events ...*bridge.Event) error {
	save := l.soon
	if slices.ContainsFunc(moves, func(m bridge.Move) bool { return m.Finish == "" }) { // whoever makes a last move confirms it first
		save = l.tx
	}
	return save(ctx, fmt.Sprintf("save run %d", r.ID), func(tx statements) error {
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
			r.Collapsed, r.Rejected, r.Parked, r.Withdrawn, r.Warnings, r.Requests, words(r.Skipped), string(unmapped), r.Reason,
			millis(r.Ended), r.ID)
		if err == nil && (r.State == bridge.Done || r.State == bridge.Failed) {
			_, err = tx.ExecContext(ctx, `DELETE FROM batches WHERE run = ?`, r.ID)
		}
		return errors.Join(err, keep(ctx, tx, events))
	})
}

// Runs lists the runs of a drop, oldest first.
func (l runStore) Runs(ctx context.Context, drop int64) ([]*bridge.Run, error) {
	var runs []*bridge.Run
	err := walk(ctx, l.read, `SELECT id, drop_id, kind, state, forced, approved,
		rows, created, updated, unchanged, adopted, superseded, verified, scope,
		attempts, removed, collapsed, rejected, parked, withdrawn, warnings, requests,
		skipped, unmapped, reason, started, ended, told
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
func (l runStore) Reported(ctx context.Context, drop, run int64, paths []string, events ...*bridge.Event) error {
	return l.soon(ctx, fmt.Sprintf("record what was written of drop %d", drop), func(tx statements) error {
		for _, p := range paths {
			if _, err := tx.ExecContext(ctx, `INSERT INTO papers VALUES (?, ?) ON CONFLICT DO NOTHING`, drop, p); err != nil {
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
func (l runStore) WroteRejects(ctx context.Context, feed string, run int64) (wrote bool, err error) {
	err = l.read.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM runs r JOIN drops d ON d.id = r.drop_id
		WHERE r.id = ? AND d.feed = ? AND r.rejected > 0)`, run, feed).Scan(&wrote)
	return wrote, wrap(fmt.Sprintf("look for run %d", run), err)
}

// RowCounts are the rows of the last n first runs of a feed's drops of one scope that were loaded or shadowed, newest first.
// Corrected rejects do not count.
func (l runStore) RowCounts(ctx context.Context, feed, scope string, n int) ([]int64, error) {
	var counts []int64
	const query = `SELECT r.rows FROM runs r JOIN drops d ON d.id = r.drop_id
		WHERE d.feed = ? AND r.scope = ? AND d.corrects = 0 AND r.kind IN ('load', 'shadow')
		AND r.state = 'done' AND d.state IN ('loaded', 'partial', 'shadowed') ORDER BY r.id DESC LIMIT ?`
	err := walk(ctx, l.read, query, []any{feed, scope, n}, func(rows *sql.Rows) error {
		var c int64
		err := rows.Scan(&c)
		counts = append(counts, c)
		return err
	})
	return counts, wrap("read row counts of "+feed, err)
}

// PlanAgain forgets the warnings of an interrupted run, and its rejects of rows that never got as far as a change.
func (l runStore) PlanAgain(ctx context.Context, run int64) error {
	return l.tx(ctx, fmt.Sprintf("plan run %d again", run), func(tx statements) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM warnings WHERE run = ?`, run); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `DELETE FROM rejects WHERE run = ? AND planned = 1`, run)
		return err
	})
}
