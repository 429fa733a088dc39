package state

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/formats"
)

// Orders is the entity under which the outbox keeps its history and its links.
const orders = "orders"

// Cursor implements bridge.Ledger.
func (l *Ledger) Cursor(ctx context.Context, export string) (bridge.Cursor, bool, error) {
	var c bridge.Cursor
	err := l.front.QueryRowContext(ctx, `SELECT at, floor FROM cursors WHERE export = ?`, export).Scan(stamp{&c.At}, stamp{&c.Floor})
	if errors.Is(err, sql.ErrNoRows) {
		return c, false, nil
	}
	if err != nil {
		return c, false, fmt.Errorf("read cursor of %s: %w", export, err)
	}
	return c, true, nil
}

// Unsettled implements bridge.Ledger.
func (l *Ledger) Unsettled(ctx context.Context, export string, seen []bridge.Sighting, before time.Time) ([]bridge.Sighting, error) {
	var open []bridge.Sighting
	for part := range slices.Chunk(seen, 1000) {
		byID := make(map[string]bridge.Sighting, len(part))
		ids := make([]string, len(part))
		for i, s := range part {
			byID[s.OroID], ids[i] = s, s.OroID
		}
		err := l.each(ctx, `SELECT s.oro_id, s.updated, s.again, s.ignored FROM json_each(?) j
			CROSS JOIN sightings s ON s.export = ? AND s.oro_id = j.value`, []any{list(ids), export}, func(rows *sql.Rows) error {
			var id string
			var updated, again time.Time
			var ignored bool
			if err := rows.Scan(&id, stamp{&updated}, stamp{&again}, &ignored); err != nil {
				return err
			}
			if ignored || updated.Equal(byID[id].Updated) && (again.IsZero() || again.After(before)) {
				delete(byID, id)
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("read sightings of %s: %w", export, err)
		}
		for _, s := range part {
			if _, ok := byID[s.OroID]; ok {
				open = append(open, s)
			}
		}
	}
	return open, nil
}

// Versions implements bridge.Ledger.
func (l *Ledger) Versions(ctx context.Context, export string, ids []string) (map[string]bridge.Version, error) {
	known := map[string]bridge.Version{}
	err := l.each(ctx, `SELECT o.oro_id, o.version, o.print FROM json_each(?) j
		CROSS JOIN outbox o ON o.export = ? AND o.oro_id = j.value ORDER BY o.version`, []any{list(ids), export}, func(rows *sql.Rows) error {
		var id string
		var v bridge.Version
		err := rows.Scan(&id, &v.Version, &v.Print)
		known[id] = v
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read outbox of %s: %w", export, err)
	}
	return known, nil
}

// list is a parameter of many texts, for json_each.
func list(texts []string) string {
	b, err := json.Marshal(texts)
	if err != nil {
		panic(err) // texts always marshal
	}
	return string(b)
}

// each runs a query and hands its rows on, one by one.
func (l *Ledger) each(ctx context.Context, query string, args []any, row func(*sql.Rows) error) error {
	rows, err := l.front.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := row(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// Owe implements bridge.Ledger.
func (l *Ledger) Owe(ctx context.Context, export string, in *bridge.Intake) (made []*bridge.Outfile, err error) {
	err = l.order(ctx, "owe orders of "+export, func(tx *sql.Tx) error {
		made = nil
		o := &owing{tx: tx, export: export, in: in, at: l.now()}
		if err := o.counters(ctx); err != nil {
			return err
		}
		if err := o.looks(ctx); err != nil {
			return err
		}
		for _, e := range in.Orders {
			if err := o.enter(ctx, e); err != nil {
				return fmt.Errorf("order %s: %w", e.Order.Identifier, err)
			}
		}
		for {
			f, err := o.file(ctx)
			if err != nil {
				return err
			}
			if f == nil {
				break
			}
			made = append(made, f)
		}
		_, err := tx.ExecContext(ctx, `UPDATE cursors SET number = ?, document = ? WHERE export = ?`, o.number, o.document, export)
		return err
	})
	return made, err
}

// owing is one transaction that brings orders into the outbox.
type owing struct {
	tx               *sql.Tx
	export           string
	in               *bridge.Intake
	at               time.Time
	number, document int64                    // last ones given
	fresh            map[int64]*formats.Order // entered in this very transaction, by outbox id
}

// counters advances the cursor and reads the last numbers.
func (o *owing) counters(ctx context.Context) error {
	return o.tx.QueryRowContext(ctx, `INSERT INTO cursors (export, at, floor) VALUES (?, ?, ?)
		ON CONFLICT (export) DO UPDATE SET at = max(at, excluded.at) RETURNING number, document`,
		o.export, millis(o.in.Cursor.At), millis(o.in.Cursor.Floor)).Scan(&o.number, &o.document)
}

// looks records what was looked at.
func (o *owing) looks(ctx context.Context) error {
	for _, look := range o.in.Looks {
		again := o.at
		if look.Settled {
			again = time.Time{}
		}
		// The second look at a time stamp is the last.
		_, err := o.tx.ExecContext(ctx, `INSERT INTO sightings VALUES (?, ?, ?, ?, ?) ON CONFLICT (export, oro_id) DO UPDATE SET
			again = iif(updated = excluded.updated, 0, excluded.again), updated = excluded.updated`,
			o.export, look.OroID, millis(look.Updated), millis(again), look.Ignored)
		if err != nil {
			return err
		}
	}
	if o.in.Forget.IsZero() {
		return nil
	}
	_, err := o.tx.ExecContext(ctx, `DELETE FROM sightings WHERE export = ? AND ignored = 0 AND updated < ?`, o.export, millis(o.in.Forget))
	return err
}

// enter puts an order into the outbox, without a file yet.
func (o *owing) enter(ctx context.Context, e *bridge.Entry) error {
	content := ""
	if e.Stuck == "" {
		b, err := json.Marshal(e.Order)
		if err != nil {
			return err
		}
		content = string(b)
	}
	alarm := bridge.Alarm("")
	if e.Stuck != "" {
		alarm = bridge.AlarmStuck
	}
	res, err := o.tx.ExecContext(ctx, `INSERT INTO outbox (export, identifier, oro_id, version, print, content, flags, stuck, alarm, submitted, noticed)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, o.export, e.Order.Identifier, e.Order.ID, e.Version, e.Print, content,
		strings.Join(e.Order.Flags, " "), e.Stuck, alarm, millis(e.Order.Submitted), millis(o.at))
	if err != nil {
		return err
	}
	id, err := res.LastInsertId()
	if err != nil {
		return err
	}
	if o.fresh == nil {
		o.fresh = map[int64]*formats.Order{}
	}
	o.fresh[id] = e.Order
	if e.Stuck != "" {
		return record(ctx, o.tx, e.Order.Identifier, "stuck", e.Stuck, o.at)
	}
	// An answer that came too early waits for this link.
	return accept(ctx, o.tx, &bridge.Run{}, &bridge.Drop{}, &bridge.Settlement{Entity: orders, Key: e.Order.Identifier, OroID: e.Order.ID}, o.at)
}

// waiting is an order without a file.
type waiting struct {
	id    int64
	order *formats.Order
}

// file makes one file of the orders that wait for one; nil when none is due.
func (o *owing) file(ctx context.Context) (*bridge.Outfile, error) {
	part, due, err := o.waiting(ctx)
	if err != nil || !due {
		return nil, err
	}
	batch, names := make([]*formats.Order, len(part)), make([]string, len(part))
	for i, w := range part {
		batch[i], names[i] = w.order, w.order.Identifier
	}
	name, body, err := o.in.Render(batch, o.number+1, o.document+1)
	if err != nil {
		return nil, err
	}
	o.number, o.document = o.number+1, o.document+int64(len(part))
	if name, err = o.freeName(ctx, name); err != nil {
		return nil, err
	}
	sum := sha256.Sum256(body)
	f := &bridge.Outfile{Export: o.export, Number: o.number, Name: name, SHA256: hex.EncodeToString(sum[:]), Size: int64(len(body)),
		State: bridge.OwedNow, Orders: names, OwedAt: o.at.UTC()}
	_, err = o.tx.ExecContext(ctx, `INSERT INTO outfiles (export, number, name, body, sha256, state, owed) VALUES (?, ?, ?, ?, ?, ?, ?)`,
		o.export, f.Number, f.Name, body, f.SHA256, f.State, millis(o.at))
	if err != nil {
		return nil, err
	}
	for _, w := range part {
		_, err := o.tx.ExecContext(ctx, `UPDATE outbox SET number = ?, content = '', flags = ? WHERE id = ?`, f.Number, strings.Join(w.order.Flags, " "), w.id)
		if err != nil {
			return nil, err
		}
		if err := record(ctx, o.tx, w.order.Identifier, bridge.RowFate(bridge.OwedNow), "file "+f.Name+", sha256 "+f.SHA256, o.at); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// waiting reads the orders that the next file would hold, and says whether it is due.
func (o *owing) waiting(ctx context.Context) (part []waiting, due bool, err error) {
	rows, err := o.tx.QueryContext(ctx, `SELECT id, content, noticed FROM outbox WHERE export = ? AND number = 0 AND stuck = '' ORDER BY id LIMIT ?`,
		o.export, max(o.in.PerFile, 1))
	if err != nil {
		return nil, false, err
	}
	defer rows.Close()
	var oldest time.Time
	for rows.Next() {
		var w waiting
		var content string
		var noticed time.Time
		if err := rows.Scan(&w.id, &content, stamp{&noticed}); err != nil {
			return nil, false, err
		}
		if w.order = o.fresh[w.id]; w.order == nil {
			w.order = &formats.Order{}
			if err := json.Unmarshal([]byte(content), w.order); err != nil {
				return nil, false, fmt.Errorf("read collected order %d: %w", w.id, err)
			}
		}
		if oldest.IsZero() {
			oldest = noticed
		}
		part = append(part, w)
	}
	return part, len(part) > 0 && (len(part) >= o.in.PerFile || oldest.Before(o.in.Flush)), rows.Err()
}

// freeName gives way when another file of the export has the name already.
func (o *owing) freeName(ctx context.Context, name string) (string, error) {
	free := name
	for n := 0; ; n++ {
		var taken bool
		err := o.tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM outfiles WHERE export = ? AND name = ?)`, o.export, free).Scan(&taken)
		if err != nil || !taken {
			return free, err
		}
		tag := fmt.Sprintf("_n%d", o.number)
		if n > 0 {
			tag = fmt.Sprintf("%s-%d", tag, n)
		}
		free = bridge.DerivedName(name, tag)
	}
}

// record enters a step in an order's history.
func record(ctx context.Context, tx statements, identifier string, step bridge.RowFate, detail string, at time.Time) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO history (entity, key, drop_id, run, line, fate, sent, detail, at) VALUES (?, ?, 0, 0, 0, ?, '{}', ?, ?)`,
		orders, identifier, step, detail, millis(at))
	return err
}

// orderState is where an order stands: its own state where it has one, else its file's.
const orderState = `CASE WHEN o.answered <> 0 THEN 'answered' WHEN o.stuck <> '' THEN 'stuck' WHEN o.number = 0 THEN 'collected' ELSE f.state END`

// Outbox implements bridge.Ledger.
func (l *Ledger) Outbox(ctx context.Context, f bridge.OutboxFilter) ([]*bridge.Owed, error) {
	var w where
	if f.Export != "" {
		w.add("o.export = ?", f.Export)
	}
	if len(f.States) == 1 && f.States[0] == bridge.Collected { // asked for in every round
		w.add("o.number = 0 AND o.stuck = '' AND o.answered = 0")
	} else if len(f.States) > 0 {
		c, args := in(orderState, f.States)
		w.add(c, args...)
	}
	if f.Order != "" {
		w.add("(o.identifier = ? OR o.number = CAST(? AS INTEGER) AND ? NOT GLOB '*[^0-9]*' AND o.number <> 0)", f.Order, f.Order, f.Order)
	}
	if !f.From.IsZero() {
		w.add("o.submitted >= ?", millis(f.From))
	}
	if !f.To.IsZero() {
		w.add("o.submitted < ?", millis(f.To))
	}
	if !f.Unanswered.IsZero() {
		w.add("o.answered = 0 AND o.alarm = '' AND f.written <> 0 AND f.written < ?", millis(f.Unanswered))
	}
	if f.Alarmed {
		w.add("(o.alarm <> '' OR f.alarm <> '')")
	}
	tail := w.String() + " ORDER BY o.export, o.id"
	if f.Last > 0 {
		tail = w.String() + fmt.Sprintf(" ORDER BY o.id DESC LIMIT %d", f.Last)
	}
	var all []*bridge.Owed
	err := l.each(ctx, `SELECT o.id, o.export, o.number, o.identifier, o.oro_id, o.version, coalesce(f.name, ''), coalesce(f.sha256, ''),
		coalesce(length(f.body), 0), `+orderState+`, iif(o.alarm <> '', o.alarm, coalesce(f.alarm, '')), iif(o.stuck <> '', o.stuck, coalesce(f.reason, '')),
		o.flags, o.answer, o.submitted, o.noticed, coalesce(f.owed, 0), coalesce(f.written, 0), coalesce(f.picked_up, 0), o.answered
		FROM outbox o LEFT JOIN outfiles f ON f.export = o.export AND f.number = o.number`+tail, w.args, func(rows *sql.Rows) error {
		o := &bridge.Owed{}
		var flags string
		err := rows.Scan(&o.ID, &o.Export, &o.Number, &o.Order, &o.OroID, &o.Version, &o.File, &o.SHA256, &o.Size, &o.State, &o.Alarm, &o.Reason,
			&flags, &o.Answer, stamp{&o.Submitted}, stamp{&o.Noticed}, stamp{&o.OwedAt}, stamp{&o.WrittenAt}, stamp{&o.PickedUp}, stamp{&o.Answered})
		o.Flags = strings.Fields(flags)
		all = append(all, o)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list outbox: %w", err)
	}
	if f.Last > 0 {
		slices.Reverse(all)
	}
	return all, nil
}

// Outfiles implements bridge.Ledger.
func (l *Ledger) Outfiles(ctx context.Context, f bridge.OutfileFilter) ([]*bridge.Outfile, error) {
	var w where
	if f.Export != "" {
		w.add("export = ?", f.Export)
	}
	if len(f.States) > 0 {
		c, args := in("state", f.States)
		w.add(c, args...)
	}
	if f.Alarm != "" {
		w.add("alarm = ?", f.Alarm)
	}
	if f.Names != nil {
		w.add("name IN (SELECT value FROM json_each(?))", list(f.Names))
	}
	if f.Pending {
		w.add("state IN ('owed', 'written') AND (state = 'owed' OR marked = 0)")
	}
	if f.Number != 0 {
		w.add("number = ?", f.Number)
	}
	var all []*bridge.Outfile
	err := l.each(ctx, `SELECT export, number, name, sha256, length(body), state, alarm, reason, staged, owed, written, marked, mtime, picked_up,
		(SELECT json_group_array(identifier) FROM (SELECT identifier FROM outbox o WHERE o.export = outfiles.export AND o.number = outfiles.number ORDER BY id))
		FROM outfiles`+w.String()+` ORDER BY export, number`, w.args, func(rows *sql.Rows) error {
		f := &bridge.Outfile{}
		var names string
		err := rows.Scan(&f.Export, &f.Number, &f.Name, &f.SHA256, &f.Size, &f.State, &f.Alarm, &f.Reason, &f.Staged, stamp{&f.OwedAt},
			stamp{&f.Written}, stamp{&f.Marked}, stamp{&f.MTime}, stamp{&f.PickedUp}, &names)
		if err != nil {
			return err
		}
		all = append(all, f)
		return json.Unmarshal([]byte(names), &f.Orders)
	})
	if err != nil {
		return nil, fmt.Errorf("list outbound files: %w", err)
	}
	return all, nil
}

// Body implements bridge.Ledger.
func (l *Ledger) Body(ctx context.Context, export string, number int64) ([]byte, error) {
	var body []byte
	if err := l.front.QueryRowContext(ctx, `SELECT body FROM outfiles WHERE export = ? AND number = ?`, export, number).Scan(&body); err != nil {
		return nil, fmt.Errorf("read bytes of order file %d of %s: %w", number, export, err)
	}
	return body, nil
}

// SaveOutfiles implements bridge.Ledger.
func (l *Ledger) SaveOutfiles(ctx context.Context, from bridge.OwedState, step bridge.RowFate, detail string, files ...*bridge.Outfile) error {
	if len(files) == 0 {
		return nil
	}
	return l.order(ctx, fmt.Sprintf("advance order file %d of %s", files[0].Number, files[0].Export), func(tx *sql.Tx) error {
		for _, f := range files {
			if err := saveOutfile(ctx, tx, f, from); err != nil {
				return err
			}
			if step == "" {
				continue
			}
			for _, order := range f.Orders {
				if err := record(ctx, tx, order, step, strings.TrimSpace("file "+f.Name+" "+detail), l.now()); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

func saveOutfile(ctx context.Context, tx *sql.Tx, f *bridge.Outfile, from bridge.OwedState) error {
	res, err := tx.ExecContext(ctx, `UPDATE outfiles SET state = ?, alarm = ?, reason = ?, staged = ?, written = ?, marked = ?, mtime = ?, picked_up = ?
		WHERE export = ? AND number = ? AND state = ?`, f.State, f.Alarm, f.Reason, f.Staged, millis(f.Written), millis(f.Marked), millis(f.MTime),
		millis(f.PickedUp), f.Export, f.Number, from)
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n == 1 {
		return err
	}
	return bridge.ErrMoved
}

// SaveOwed implements bridge.Ledger.
func (l *Ledger) SaveOwed(ctx context.Context, o *bridge.Owed, step bridge.RowFate, detail string) error {
	return l.order(ctx, "save order "+o.Order, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE outbox SET alarm = ?, answer = ?, answered = ? WHERE id = ?`, o.Alarm, o.Answer, millis(o.Answered), o.ID)
		if err != nil {
			return err
		}
		return record(ctx, tx, o.Order, step, detail, l.now())
	})
}

// SendAgain implements bridge.Ledger.
func (l *Ledger) SendAgain(ctx context.Context, f *bridge.Outfile, detail string) error {
	return l.order(ctx, fmt.Sprintf("send order file %d of %s again", f.Number, f.Export), func(tx *sql.Tx) error {
		from := f.State
		f.State, f.Alarm, f.Reason, f.Staged = bridge.OwedNow, "", "", ""
		f.Written, f.Marked, f.MTime, f.PickedUp = time.Time{}, time.Time{}, time.Time{}, time.Time{}
		if err := saveOutfile(ctx, tx, f, from); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `UPDATE outbox SET alarm = '', answered = 0, answer = '' WHERE export = ? AND number = ?`, f.Export, f.Number); err != nil {
			return err
		}
		for _, order := range f.Orders {
			if err := record(ctx, tx, order, "rerun", strings.TrimSpace("file "+f.Name+" "+detail), l.now()); err != nil {
				return err
			}
		}
		return nil
	})
}

// answered marks an order as answered, in the transaction that settles the answer. What it says already is no news.
func answered(ctx context.Context, tx statements, s *bridge.Settlement, at time.Time) error {
	res, err := tx.ExecContext(ctx, `UPDATE outbox SET answered = iif(answered = 0, ?1, answered), answer = ?2, alarm = ?3
		WHERE identifier = ?4 AND stuck = '' AND (answered = 0 OR answer <> ?2 OR alarm <> ?3)`, millis(at), s.Answer, s.Alarm, s.Key)
	if err != nil {
		return err
	}
	n, err := res.RowsAffected()
	if err != nil || n == 0 && s.Fate == bridge.FateUnchanged {
		return err
	}
	detail := s.Answer
	if s.Detail != "" {
		detail += "; " + s.Detail
	}
	if err := record(ctx, tx, s.Key, bridge.RowFate(bridge.Answered), detail, at); err != nil {
		return err
	}
	// An answer proves that the file arrived.
	_, err = tx.ExecContext(ctx, `UPDATE outfiles SET alarm = '' WHERE alarm = ? AND (export, number) IN (SELECT export, number FROM outbox WHERE identifier = ?)`,
		bridge.AlarmUnseen, s.Key)
	return err
}

// Alarms implements bridge.Ledger.
func (l *Ledger) Alarms(ctx context.Context, export string) (map[bridge.Alarm]bridge.AlarmCount, error) {
	counts := map[bridge.Alarm]bridge.AlarmCount{}
	err := l.each(ctx, `SELECT a.alarm, a.n, f.name FROM (SELECT alarm, count(*) n, min(number) first FROM outfiles WHERE export = ? AND alarm <> '' GROUP BY alarm) a
		JOIN outfiles f ON f.export = ? AND f.number = a.first
		UNION ALL SELECT a.alarm, a.n, o.identifier FROM (SELECT alarm, count(*) n, min(id) first FROM outbox WHERE export = ? AND alarm <> '' GROUP BY alarm) a
		JOIN outbox o ON o.id = a.first`,
		[]any{export, export, export}, func(rows *sql.Rows) error {
			var a bridge.Alarm
			var c bridge.AlarmCount
			err := rows.Scan(&a, &c.N, &c.First)
			counts[a] = c
			return err
		})
	if err != nil {
		return nil, fmt.Errorf("count alarms of %s: %w", export, err)
	}
	return counts, nil
}

// Note implements bridge.Ledger.
func (l *Ledger) Note(ctx context.Context, name, text string) error {
	return l.order(ctx, "note "+name, func(tx *sql.Tx) error {
		if text == "" {
			_, err := tx.ExecContext(ctx, `DELETE FROM notes WHERE name = ?`, name)
			return err
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO notes VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET text = excluded.text`, name, text)
		return err
	})
}

// Notes implements bridge.Ledger.
func (l *Ledger) Notes(ctx context.Context) (map[string]string, error) {
	rows, err := l.front.QueryContext(ctx, `SELECT name, text FROM notes`)
	if err != nil {
		return nil, fmt.Errorf("read notes: %w", err)
	}
	defer rows.Close()
	notes := map[string]string{}
	for rows.Next() {
		var name, text string
		if err := rows.Scan(&name, &text); err != nil {
			return nil, err
		}
		notes[name] = text
	}
	return notes, rows.Err()
}
