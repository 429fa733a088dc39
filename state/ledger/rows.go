package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/formats"
)

// Settle commits what became of rows and changes, and forgets the batch (0: none) that carried them.
func (l rowStore) Settle(ctx context.Context, batch int64, settled []bridge.Settlement, events ...*bridge.Event) error {
	save := l.tx
	if batch != 0 {
		save = l.soon // a batch that stands in the ledger still is asked for again
	}
	return save(ctx, "settle changes", func(tx statements) error {
		if err := unpark(ctx, tx, settled); err != nil {
			return err
		}
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

// unpark takes away the parked rows that settlements name. There are none as a rule: then nothing is looked for.
func unpark(ctx context.Context, tx statements, settled []bridge.Settlement) error {
	var some bool
	if err := tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM parked)`).Scan(&some); err != nil || !some {
		return err
	}
	for _, s := range settled {
		if s.Unpark == "" {
			continue
		}
		_, err := tx.ExecContext(ctx, `DELETE FROM parked WHERE entity = ? AND key = ? AND drop_id = ?`, tx.of(s.Entity), s.Unpark, s.Drop)
		if err != nil {
			return fmt.Errorf("%s %s: %w", s.Entity, s.Unpark, err)
		}
	}
	return nil
}

// settle writes each other part that a settlement has.
func settle(ctx context.Context, tx statements, s *bridge.Settlement) error {
	var errs []error
	if s.Reject != nil {
		errs = append(errs, insertReject(ctx, tx, s.Reject, false))
	}
	if s.Park != nil {
		errs = append(errs, park(ctx, tx, s.Park))
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
	return errors.Join(append(errs, record(ctx, tx, &s.HistoryEntry, s.Link))...)
}

// record enters a step in a key's history. With a link, saved just now, it is kept under the link's number, and what was sent is not
// written down once more where it is all that the link says: see [fillHistory].
func record(ctx context.Context, tx statements, e *bridge.HistoryEntry, link *bridge.Link) error {
	entity, key, number := tx.of(e.Entity), e.Key, any(nil)
	sent, before := "", ""
	if link != nil {
		entity, key, number = "", "", link.ID
	}
	if link == nil || len(e.Sent) == 0 || !slices.Equal(e.Sent, link.Content) {
		sent = content(e.Sent)
	}
	if !slices.EqualFunc(e.Before, e.Sent, func(b, s formats.Value) bool { return b.Text == "" && b.Field == s.Field }) {
		before = Seal(content(e.Before))
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO history (entity, key, link, drop_id, run, line, fate, sent, before, detail, at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, entity, key, number, e.Drop, e.Run, e.Line, e.Fate, sent, before, e.Detail, millis(e.At))
	return err
}

// fillHistory writes down what a link says where its history leaves that to the link, before the link says something else.
func fillHistory(ctx context.Context, tx statements, link int64) error {
	_, err := tx.ExecContext(ctx, `UPDATE history SET sent = (SELECT content FROM accepted WHERE link = ?1)
		WHERE link = ?1 AND sent = ''`, link)
	return err
}

// leaveHistory writes down all that a link's history leaves to the link, before the link goes.
func leaveHistory(ctx context.Context, tx statements, link int64) error {
	_, err := tx.ExecContext(ctx, `UPDATE history SET link = NULL, entity = a.entity, key = a.key, sent = iif(sent = '', a.content, sent)
		FROM accepted a WHERE a.link = ?1 AND history.link = ?1`, link)
	return err
}

// emptied are values without their texts.
func emptied(values []formats.Value) []formats.Value {
	var all []formats.Value
	for _, v := range values {
		all = append(all, formats.Value{Field: v.Field})
	}
	return all
}

// The entries of the history of some keys (?1, a list) of an entity (?2): those that name them, and those of their links.
const (
	historyOfKeys = ` FROM json_each(?1) j CROSS JOIN history h ON h.key = j.value AND h.entity = ?2 AND h.link IS NULL `
	historyOfLink = ` FROM json_each(?1) j CROSS JOIN links l ON l.entity = ?2 AND l.key = j.value
		CROSS JOIN history h ON h.link = l.id `
)

// Settled tells the fate that a run has already given to some of the keys of its entity.
func (l rowStore) Settled(ctx context.Context, entity string, run int64, keys []string) (map[string]bridge.RowFate, error) {
	fates := map[string]bridge.RowFate{}
	const columns, ofRun = `SELECT j.value, h.fate, h.id`, `AND +h.run = ?3`
	err := walk(ctx, l.read, columns+historyOfKeys+ofRun+` UNION ALL `+columns+historyOfLink+ofRun+` ORDER BY 3`,
		[]any{list(keys), l.of(entity), run}, func(rows *sql.Rows) error {
			var key string
			var fate bridge.RowFate
			var id int64
			err := rows.Scan(&key, &fate, &id)
			fates[key] = fate
			return err
		})
	return fates, wrap(fmt.Sprintf("read fates of run %d", run), err)
}

// Fates counts the fates that a run has given.
func (l rowStore) Fates(ctx context.Context, run int64) (map[bridge.RowFate]int64, error) {
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

// Judged counts the fates that a run has given, in an index alone, and the changes in its batches whose outcome is not known.
func (l rowStore) Judged(ctx context.Context, run int64) (fates, open int64, err error) {
	err = l.read.QueryRowContext(ctx, `SELECT (SELECT count(*) FROM history WHERE run = ?1),
		(SELECT coalesce(sum(n), 0) FROM batches WHERE run = ?1)`, run).Scan(&fates, &open)
	return fates, open, wrap(fmt.Sprintf("count what run %d has done", run), err)
}

// RemovedBy tells the drops that removed some of the keys last, of those whose link is gone.
func (l rowStore) RemovedBy(ctx context.Context, entity string, keys []string) (map[string]int64, error) {
	drops := map[string]int64{}
	const columns = `SELECT j.value, h.drop_id, h.fate, h.id`
	const setting = `WHERE h.fate IN ('created', 'updated', 'adopted', 'removed', 'withdrawn')`
	err := walk(ctx, l.read, columns+historyOfKeys+setting+` UNION ALL `+columns+historyOfLink+setting+` ORDER BY 4`,
		[]any{list(keys), l.of(entity)}, func(rows *sql.Rows) error {
			var key string
			var drop, id int64
			var fate bridge.RowFate
			err := rows.Scan(&key, &drop, &fate, &id)
			if delete(drops, key); fate == bridge.FateRemoved || fate == bridge.FateWithdrawn {
				drops[key] = drop
			}
			return err
		})
	return drops, wrap("read removals of "+entity, err)
}

// History lists everything that happened to a key, oldest first.
func (l rowStore) History(ctx context.Context, entity, key string) ([]bridge.HistoryEntry, error) {
	var all []bridge.HistoryEntry
	err := walk(ctx, l.read, historyOf(`WHERE h.id IN (SELECT h.id`+historyOfKeys+`UNION ALL SELECT h.id`+historyOfLink+`) ORDER BY h.id`),
		[]any{list([]string{key}), l.of(entity)}, func(rows *sql.Rows) error {
			e, err := scanHistory(rows)
			all = append(all, e)
			return err
		})
	return all, wrap("read history of "+entity+" "+key, err)
}

// historyOf is a query of entries of history, chosen by what stands behind its tables. What is not kept with an entry stands
// in its link.
func historyOf(tail string) string {
	return `SELECT coalesce(a.entity, h.entity) AS entity, coalesce(a.key, h.key) AS key, h.drop_id, h.run, h.line, h.fate,
		iif(h.sent = '', coalesce(a.content, '{}'), h.sent), h.before, h.detail, h.at
		FROM history h LEFT JOIN accepted a ON a.link = h.link ` + tail
}

func scanHistory(rows *sql.Rows) (e bridge.HistoryEntry, err error) {
	var sent, before string
	err = rows.Scan(&e.Entity, &e.Key, &e.Drop, &e.Run, &e.Line, &e.Fate, &sent, &before, &e.Detail, stamp{&e.At})
	if err != nil {
		return e, err
	}
	e.Entity = bare(e.Entity)
	if e.Sent, err = formats.ParseContent(sent); err != nil {
		return e, err
	}
	e.Before = emptied(e.Sent)
	if before == "" {
		return e, nil
	}
	whole, flipped := Unseal(before, "history of "+e.Entity+" "+e.Key)
	if flipped != nil { // what it was is not known then
		return e, nil
	}
	e.Before, err = formats.ParseContent(whole)
	return e, err
}

// RowLines walks what is known of single rows of a drop, by run and line. What planning refused is among the rejects
// only, everything else in the history.
func (l rowStore) RowLines(ctx context.Context, drop int64, each func(bridge.RowLine) error) error {
	err := walk(ctx, l.walks, `SELECT h.run, h.line, coalesce(a.key, h.key), h.fate, h.detail
		FROM runs r JOIN history h ON h.run = r.id LEFT JOIN accepted a ON a.link = h.link WHERE r.drop_id = ?1
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
