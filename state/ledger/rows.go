package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"

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
		tx.shared.ends = endsOfLinks(settled)
		for rest := settled; len(rest) > 0; {
			links, made := entering(rest)
			n := max(len(links), 1)
			err := enterLinks(ctx, tx, links, made)
			if len(links) == 0 {
				err = settle(ctx, tx, &rest[0])
			}
			if err != nil {
				return fmt.Errorf("%s %s: %w", rest[0].Entity, rest[0].Key, err)
			}
			rest = rest[n:]
		}
		if batch != 0 {
			if _, err := tx.ExecContext(ctx, `DELETE FROM batches WHERE id = ?`, batch); err != nil {
				return err
			}
		}
		return keep(ctx, tx, events)
	})
}

// endsOfLinks are those of the keys of all links that are settled.
func endsOfLinks(settled []bridge.Settlement) ends {
	keys := make([]string, 0, len(settled))
	for i := range settled {
		if k := settled[i].Link; k != nil {
			keys = append(keys, k.Key)
		}
	}
	return endsOf(keys)
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
	made := bridge.RowFate("")
	if s.Link != nil {
		if s.Link.ID == 0 {
			made = madeBy(s)
		}
		errs = append(errs, saveLink(ctx, tx, s.Link, made))
	}
	for _, o := range s.Owed {
		errs = append(errs, saveOwed(ctx, tx, o))
	}
	for _, f := range s.Files {
		errs = append(errs, saveOutfile(ctx, tx, bridge.FileMove{Outfile: f, From: f.State}))
	}
	if made == "" {
		errs = append(errs, record(ctx, tx, &s.HistoryEntry, s.Link))
	}
	return errors.Join(errs...)
}

// record enters a step in a key's history. With a link, saved just now, it is kept under the link's number, and what was sent is not
// written down once more where it is all that the link says: see [fillHistory].
func record(ctx context.Context, tx statements, e *bridge.HistoryEntry, link *bridge.Link) error {
	entity, key, number := tx.of(e.Entity), e.Key, any(nil)
	if link == nil {
		if err := unfoldKey(ctx, tx, e.Entity, e.Key); err != nil {
			return err
		}
	}
	sent, before := "", ""
	if link != nil {
		entity, key, number = "", "", link.ID
	}
	if link == nil || len(e.Sent) == 0 || !slices.Equal(e.Sent, link.Content) {
		sent = content(e.Sent)
	}
	if isAdopted(e.Fate, e.Sent) || !isEmptied(e.Before, e.Sent) {
		before = Seal(content(e.Before))
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO history (entity, key, link, drop_id, run, line, fate, sent, before, detail, at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, entity, key, number, e.Drop, e.Run, e.Line, e.Fate, sent, before, e.Detail, millis(e.At))
	return err
}

// fillHistory writes down what a link says where its history leaves that to the link, before the link says something else. Only the last
// step can: each one before was filled in when the link was saved for the next. A price that changes every day has hundreds.
func fillHistory(ctx context.Context, tx statements, link int64) error {
	_, err := tx.ExecContext(ctx, `UPDATE history SET sent = (SELECT content FROM accepted WHERE link = ?1)
		WHERE id = (SELECT max(id) FROM history WHERE link = ?1) AND sent = ''`, link)
	return err
}

// leaveHistory writes down all that a link's history leaves to the link, before the link goes.
func leaveHistory(ctx context.Context, tx statements, link int64) error {
	_, err := tx.ExecContext(ctx, `UPDATE history SET link = NULL, entity = a.entity, key = a.key, sent = iif(sent = '', a.content, sent)
		FROM linked a WHERE a.link = ?1 AND history.link = ?1`, link)
	return err
}

// The step that made a link is not in the history as long as nothing else has happened to its key: the link itself tells it, by the
// fate that is kept with it. Most links stay like that.

// madeBy is the fate by which a settlement makes a link, if the link tells all that there is to tell of that; else "".
func madeBy(s *bridge.Settlement) bridge.RowFate {
	e, k := &s.HistoryEntry, s.Link
	told := k.Content // what was sent
	if e.Fate == bridge.FateAdopted {
		told = nil
	}
	if e.Detail != "" || e.Entity != k.Entity || e.Key != k.Key || e.Drop != k.Drop || e.Run != k.Run || e.Line != k.Line ||
		millis(e.At) != millis(k.At) || !slices.Equal(e.Sent, told) || !isEmptied(e.Before, k.Content) {
		return ""
	}
	return e.Fate
}

// madeStep stands for the number of the step that made a link: no other step of its key is later.
const madeStep = 1<<63 - 1

// unfold enters the step that made a link in the history, before the link goes or says something else and tells it no longer.
func unfold(ctx context.Context, tx statements, link int64) error {
	_, err := tx.ExecContext(ctx, enterMade+`link = ?1`, link)
	return err
}

// unfoldKey does so for the link of a key, if it has one, which stays as it is.
func unfoldKey(ctx context.Context, tx statements, entity, key string) error {
	const those = `link IN (SELECT id FROM links WHERE entity = ?1 AND key = ?2)`
	if err := tx.sure(key); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, enterMade+those, tx.of(entity), key)
	if err == nil {
		_, err = tx.ExecContext(ctx, `UPDATE accepted SET made = 0 WHERE made = 1 AND `+those, tx.of(entity), key)
	}
	return err
}

const enterMade = `INSERT INTO history (entity, key, link, drop_id, run, line, fate, sent, before, detail, at)
	SELECT '', '', link, drop_id, run, line, made, content, '', '', at FROM linked WHERE made <> '' AND `

// isAdopted says whether the values that are kept with a step are those that were found: what was adopted was not sent.
func isAdopted(fate bridge.RowFate, kept []formats.Value) bool {
	return fate == bridge.FateAdopted && len(kept) > 0
}

// isEmptied says whether values are others without their texts.
func isEmptied(values, of []formats.Value) bool {
	return slices.EqualFunc(values, of, func(e, v formats.Value) bool { return e.Text == "" && e.Field == v.Field })
}

// emptied are values without their texts.
func emptied(values []formats.Value) []formats.Value {
	var all []formats.Value
	for _, v := range values {
		all = append(all, formats.Value{Field: v.Field})
	}
	return all
}

// The entries of the history of some keys (?1, a list) of an entity (?2): those that name them, those of their links, and those that the
// links themselves tell.
const (
	historyOfKeys = ` FROM json_each(?1) j CROSS JOIN history h ON h.key = j.value AND h.entity = ?2 AND h.link IS NULL `
	historyOfLink = ` FROM json_each(?1) j CROSS JOIN links l ON l.entity = ?2 AND l.key = j.value
		CROSS JOIN history h ON h.link = l.id `
	historyInLink = ` FROM json_each(?1) j CROSS JOIN links l ON l.entity = ?2 AND l.key = j.value
		CROSS JOIN linked a ON a.link = l.id AND a.made <> '' `
)

// madeInRun are the links that a run (?1) has made and that tell it themselves, in indexes alone.
const madeInRun = ` FROM settings s CROSS JOIN accepted a ON a.setting = s.id AND a.made = 1 WHERE s.run = ?1 AND s.fate <> ''`

// Settled tells the fate that a run has already given to some of the keys of its entity.
func (l rowStore) Settled(ctx context.Context, entity string, run int64, keys []string) (map[string]bridge.RowFate, error) {
	fates := map[string]bridge.RowFate{}
	const columns, ofRun = `SELECT j.value, h.fate, h.id`, `AND +h.run = ?3`
	err := walk(ctx, l.read, columns+historyOfKeys+ofRun+` UNION ALL `+columns+historyOfLink+ofRun+
		` UNION ALL SELECT j.value, a.made, ?4`+historyInLink+`AND +a.run = ?3 ORDER BY 3`,
		[]any{list(keys), l.of(entity), run, int64(madeStep)}, func(rows *sql.Rows) error {
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
	err := walk(ctx, l.read, `SELECT fate, count(*) FROM (SELECT fate FROM history WHERE run = ?1
		UNION ALL SELECT s.fate`+madeInRun+`) steps GROUP BY fate`, []any{run}, func(rows *sql.Rows) error {
		var fate bridge.RowFate
		var n int64
		err := rows.Scan(&fate, &n)
		fates[fate] = n
		return err
	})
	return fates, wrap(fmt.Sprintf("count fates of run %d", run), err)
}

// Judged counts the fates that a run has given, in indexes alone, and the changes in its batches whose outcome is not known.
func (l rowStore) Judged(ctx context.Context, run int64) (fates, open int64, err error) {
	err = l.read.QueryRowContext(ctx, `SELECT (SELECT count(*) FROM history WHERE run = ?1)
		+ (SELECT count(*)`+madeInRun+`),
		(SELECT coalesce(sum(n), 0) FROM batches WHERE run = ?1)`, run).Scan(&fates, &open)
	return fates, open, wrap(fmt.Sprintf("count what run %d has done", run), err)
}

// RemovedBy tells the drops that removed some of the keys last, of those whose link is gone.
func (l rowStore) RemovedBy(ctx context.Context, entity string, keys []string) (map[string]int64, error) {
	drops := map[string]int64{}
	const columns = `SELECT j.value, h.drop_id, h.fate, h.id`
	const setting = `WHERE %s IN ('created', 'updated', 'adopted', 'removed', 'withdrawn')`
	ofHistory, ofLink := fmt.Sprintf(setting, "h.fate"), fmt.Sprintf(setting, "a.made")
	err := walk(ctx, l.read, columns+historyOfKeys+ofHistory+` UNION ALL `+columns+historyOfLink+ofHistory+
		` UNION ALL SELECT j.value, a.drop_id, a.made, ?3`+historyInLink+ofLink+` ORDER BY 4`,
		[]any{list(keys), l.of(entity), int64(madeStep)}, func(rows *sql.Rows) error {
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
	err := walk(ctx, l.read, historyOf(`WHERE h.id IN (SELECT h.id`+historyOfKeys+`UNION ALL SELECT h.id`+historyOfLink+`)`,
		`WHERE a.link IN (SELECT a.link`+historyInLink+`)`), []any{list([]string{key}), l.of(entity)}, func(rows *sql.Rows) error {
		e, err := scanHistory(rows)
		all = append(all, e)
		return err
	})
	return all, wrap("read history of "+entity+" "+key, err)
}

// historyOf is a query of entries of history, key by key and oldest first, chosen by what stands behind its tables: those of history
// itself, and those that links tell. What is not kept with an entry stands in its link.
func historyOf(stored, told string) string {
	return `SELECT coalesce(s.entity, h.entity) AS entity, coalesce(s.head || a.key || s.tail, h.key) AS key, h.drop_id, h.run, h.line, h.fate,
		iif(h.sent = '', coalesce(a.content, '{}'), h.sent), h.before, h.detail, h.at, h.id AS step
		FROM history h` + linkOfStep + ` ` + stored + `
		UNION ALL SELECT a.entity, a.key, a.drop_id, a.run, a.line, a.made, a.content, '', '', a.at, ` + strconv.Itoa(madeStep) + `
		FROM linked a ` + told + ` AND a.made <> '' ORDER BY entity, key, step`
}

// linkOfStep is the link of an entry of history (h), and its setting: an outer join of "linked" would be made for all links.
const linkOfStep = ` LEFT JOIN accepted a ON a.link = h.link LEFT JOIN settings s ON s.id = a.setting`

func scanHistory(rows *sql.Rows) (e bridge.HistoryEntry, err error) {
	var sent, before string
	err = rows.Scan(&e.Entity, &e.Key, &e.Drop, &e.Run, &e.Line, &e.Fate, &sent, &before, &e.Detail, stamp{&e.At}, new(int64))
	if err != nil {
		return e, err
	}
	e.Entity = bare(e.Entity)
	if e.Sent, err = formats.ParseContent(sent); err != nil {
		return e, err
	}
	e.Before = emptied(e.Sent)
	if before == "" {
		if isAdopted(e.Fate, e.Sent) {
			e.Sent = e.Sent[:0]
		}
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
	err := walk(ctx, l.walks, `SELECT h.run, h.line, coalesce(s.head || a.key || s.tail, h.key), h.fate, h.detail
		FROM runs r JOIN history h ON h.run = r.id`+linkOfStep+` WHERE r.drop_id = ?1
		UNION ALL SELECT a.run, a.line, a.key, a.made, '' FROM runs r JOIN linked a ON a.run = r.id AND a.made <> '' WHERE r.drop_id = ?1
		UNION ALL SELECT run, line, key, 'rejected', code || ': ' || message FROM rejects WHERE drop_id = ?1 AND planned = 1
		ORDER BY 1, 2, 3, 4, 5`, []any{drop}, func(rows *sql.Rows) error {
		var x bridge.RowLine
		if err := rows.Scan(&x.Run, &x.Line, &x.Key, &x.Fate, &x.Detail); err != nil {
			return err
		}
		return each(x)
	})
	return wrap(fmt.Sprintf("list rows of drop %d", drop), err)
}
