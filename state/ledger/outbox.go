package ledger

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/orobridge/orobridge/bridge"
)

// Book tells how far an export has come; false before its first start.
func (l outboxStore) Book(ctx context.Context, export string) (b bridge.Book, known bool, err error) {
	err = l.front.QueryRowContext(ctx, bookQuery, export).Scan(stamp{&b.At}, stamp{&b.Floor}, &b.Number, &b.Document)
	if errors.Is(err, sql.ErrNoRows) {
		return b, false, nil
	}
	return b, err == nil, wrap("read cursor of "+export, err)
}

const bookQuery = `SELECT at, floor, number, document FROM cursors WHERE export = ?`

// Looks tells, by the shop's ids, how an export has looked at some orders before.
func (l outboxStore) Looks(ctx context.Context, export string, ids []string) (map[string]bridge.Look, error) {
	looks := map[string]bridge.Look{}
	err := walk(ctx, l.front, `SELECT s.oro_id, s.updated, s.again, s.ignored FROM json_each(?) j
		CROSS JOIN sightings s ON s.export = ? AND s.oro_id = j.value`, []any{list(ids), export}, func(rows *sql.Rows) error {
		var k bridge.Look
		err := rows.Scan(&k.OroID, stamp{&k.Updated}, stamp{&k.At}, &k.Ignored)
		looks[k.OroID] = k
		return err
	})
	return looks, wrap("read sightings of "+export, err)
}

// Versions tells, by the shop's ids, what the outbox of an export holds of them, in the order in which it was entered.
func (l outboxStore) Versions(ctx context.Context, export string, ids []string) (map[string][]bridge.Version, error) {
	known := map[string][]bridge.Version{}
	err := walk(ctx, l.front, `SELECT o.oro_id, o.version, o.print, o.identifier, o.submitted FROM json_each(?) j
		CROSS JOIN outbox o ON o.export = ? AND o.oro_id = j.value ORDER BY o.id`, []any{list(ids), export}, func(rows *sql.Rows) error {
		var id string
		var v bridge.Version
		err := rows.Scan(&id, &v.Version, &v.Print, &v.Identifier, stamp{&v.Submitted})
		known[id] = append(known[id], v)
		return err
	})
	return known, wrap("read outbox of "+export, err)
}

// Collected lists the first n entries of an export that wait for their file, in the order in which they were entered. A damaged one comes
// without its content.
func (l outboxStore) Collected(ctx context.Context, export string, n int) ([]*bridge.Entry, error) {
	var all []*bridge.Entry
	err := walk(ctx, l.front, `SELECT id, kind, oro_id, identifier, version, print, content, flags, submitted, noticed FROM outbox
		WHERE export = ? AND number = 0 AND stuck = '' AND went = '' ORDER BY id LIMIT ?`, []any{export, n}, func(rows *sql.Rows) error {
		e := &bridge.Entry{Document: &bridge.Document{}}
		var flags, content string
		err := rows.Scan(&e.ID, &e.Kind, &e.Document.ID, &e.Identifier, &e.Version, &e.Print, &content, &flags,
			stamp{&e.Submitted}, stamp{&e.Noticed})
		if err != nil {
			return err
		}
		content, why := Unseal(content, "order "+e.Identifier+", which waits for its file")
		e.Content, e.Damaged = []byte(content), why != nil || content == ""
		e.Flags = strings.Fields(flags)
		all = append(all, e)
		return nil
	})
	return all, wrap("list collected orders of "+export, err)
}

// Taken tells which of some names files of an export have already.
func (l outboxStore) Taken(ctx context.Context, export string, names []string) (map[string]bool, error) {
	taken := map[string]bool{}
	err := walk(ctx, l.front, `SELECT f.name FROM json_each(?) j CROSS JOIN outfiles f ON f.export = ? AND f.name = j.value`,
		[]any{list(names), export}, func(rows *sql.Rows) error {
			var name string
			err := rows.Scan(&name)
			taken[name] = true
			return err
		})
	return taken, wrap("look for names of "+export, err)
}

// Owe enters in the outbox what a look at the shop has brought, in one transaction. ErrMoved when the book is no longer
// as it was read.
func (l outboxStore) Owe(ctx context.Context, export string, in *bridge.Intake, events ...*bridge.Event) error {
	return l.order(ctx, "owe orders of "+export, func(tx statements) error {
		if err := turnBook(ctx, tx, export, in); err != nil {
			return err
		}
		for _, k := range in.Looks {
			if _, err := tx.ExecContext(ctx, `INSERT INTO sightings (export, oro_id, updated, again, ignored)
				VALUES (?, ?, ?, ?, ?) ON CONFLICT (export, oro_id)
				DO UPDATE SET updated = excluded.updated, again = excluded.again, ignored = excluded.ignored`,
				export, k.OroID, millis(k.Updated), millis(k.At), k.Ignored); err != nil {
				return err
			}
		}
		if !in.Forget.IsZero() {
			_, err := tx.ExecContext(ctx, `DELETE FROM sightings WHERE export = ? AND ignored = 0 AND updated < ?`, export, millis(in.Forget))
			if err != nil {
				return err
			}
		}
		for _, e := range in.Orders {
			if err := l.enter(ctx, tx, export, e); err != nil {
				return fmt.Errorf("order %s: %w", e.Identifier, err)
			}
		}
		for _, f := range in.Files {
			if err := addFile(ctx, tx, f); err != nil {
				return fmt.Errorf("file %s: %w", f.Name, err)
			}
		}
		for _, k := range in.Links {
			if err := saveLink(ctx, tx, k, ""); err != nil {
				return err
			}
		}
		for i := range in.History {
			if err := record(ctx, tx, &in.History[i], nil); err != nil {
				return err
			}
		}
		return keep(ctx, tx, events)
	})
}

// turnBook advances cursor and numbers, if nobody else has meanwhile.
func turnBook(ctx context.Context, tx statements, export string, in *bridge.Intake) error {
	var now bridge.Book
	err := tx.QueryRowContext(ctx, bookQuery, export).Scan(stamp{&now.At}, stamp{&now.Floor}, &now.Number, &now.Document)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	if now.Number != in.Since.Number || now.Document != in.Since.Document ||
		now.At != moment(in.Since.At) || now.Floor != moment(in.Since.Floor) {
		return fmt.Errorf("book of %s: %w", export, bridge.ErrMoved)
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO cursors (export, at, floor, number, document) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (export) DO UPDATE SET at = excluded.at, floor = excluded.floor, number = excluded.number, document = excluded.document`,
		export, millis(in.Book.At), millis(in.Book.Floor), in.Book.Number, in.Book.Document)
	return err
}

// enter puts an order into the outbox, without a file yet.
func (l outboxStore) enter(ctx context.Context, tx statements, export string, e *bridge.Entry) error {
	content := ""
	if len(e.Content) > 0 {
		content = Seal(string(e.Content))
	}
	return tx.insert(ctx, &e.ID, `INSERT INTO outbox
		(export, kind, identifier, oro_id, version, print, content, flags, stuck, alarm, submitted, noticed, person, went)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, export, e.Kind, e.Identifier, e.Document.ID, e.Version, e.Print, content,
		strings.Join(e.Flags, " "), e.Stuck, e.Alarm, millis(e.Submitted), millis(e.Noticed), l.Pseudonym(e.Customer), e.Went)
}

// addFile puts a file into the outbox, and its members into the file.
func addFile(ctx context.Context, tx statements, f *bridge.NewFile) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO outfiles
		(export, number, name, body, sha256, state, owed, written, marked, picked_up) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		f.Export, f.Number, f.Name, f.Body, f.SHA256, f.State, millis(f.OwedAt), millis(f.Written), millis(f.Marked), millis(f.PickedUp))
	if err != nil {
		return err
	}
	for _, e := range f.Members {
		_, err := tx.ExecContext(ctx, `UPDATE outbox SET number = ?, content = '', flags = ? WHERE id = ?`,
			f.Number, strings.Join(e.Flags, " "), e.ID)
		if err != nil {
			return err
		}
	}
	return nil
}

// SaveOutbox saves what happened to files and orders: all of it, or nothing with ErrMoved.
func (l outboxStore) SaveOutbox(ctx context.Context, c bridge.OutboxChange, events ...*bridge.Event) error {
	if len(c.Files)+len(c.Fetched)+len(c.Owed)+len(c.Stuck)+len(c.History)+len(events) == 0 {
		return nil
	}
	return l.order(ctx, "save outbox", func(tx statements) error {
		for _, f := range c.Files {
			if err := saveOutfile(ctx, tx, f); err != nil {
				return fmt.Errorf("file %d of %s: %w", f.Number, f.Export, err)
			}
		}
		for _, f := range c.Fetched {
			if _, err := tx.ExecContext(ctx, `UPDATE outfiles SET fetched = ?, fetched_by = ?, fetched_from = ? WHERE export = ? AND number = ?`,
				millis(f.Fetched.At), f.Fetched.User, f.Fetched.From, f.Export, f.Number); err != nil {
				return fmt.Errorf("file %d of %s: %w", f.Number, f.Export, err)
			}
		}
		for _, o := range c.Owed {
			if err := saveOwed(ctx, tx, o); err != nil {
				return fmt.Errorf("order %s: %w", o.Order, err)
			}
		}
		for _, e := range c.Stuck {
			if _, err := tx.ExecContext(ctx, `UPDATE outbox SET content = '', stuck = ?, alarm = ? WHERE id = ? AND number = 0`,
				e.Stuck, e.Alarm, e.ID); err != nil {
				return fmt.Errorf("order %s: %w", e.Identifier, err)
			}
		}
		for i := range c.History {
			if err := record(ctx, tx, &c.History[i], nil); err != nil {
				return err
			}
		}
		return keep(ctx, tx, events)
	})
}

func saveOutfile(ctx context.Context, tx statements, f bridge.FileMove) error {
	res, err := tx.ExecContext(ctx, `UPDATE outfiles
		SET state = ?, alarm = ?, reason = ?, staged = ?, written = ?, marked = ?, mtime = ?, picked_up = ?
		WHERE export = ? AND number = ? AND state = ?`,
		f.State, f.Alarm, f.Reason, f.Staged, millis(f.Written), millis(f.Marked), millis(f.MTime), millis(f.PickedUp),
		f.Export, f.Number, f.From)
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n == 1 {
		return err
	}
	return &bridge.Error{Op: "move", Object: f.Name, Err: fmt.Errorf("it is not %s by now: %w", f.From, bridge.ErrMoved),
		Hint: "look at it again: `orobridge orders`"}
}

func saveOwed(ctx context.Context, tx statements, o *bridge.Owed) error {
	_, err := tx.ExecContext(ctx, `UPDATE outbox SET alarm = ?, answer = ?, answered = ?, went = ? WHERE id = ?`,
		o.OwnAlarm, o.Answer, millis(o.Answered), o.Went, o.ID)
	return err
}

// orderState is where an order stands: its own state where it has one, else its file's.
const orderState = `CASE WHEN o.answered <> 0 THEN 'answered' WHEN o.stuck <> '' THEN 'stuck'
	WHEN o.number = 0 THEN iif(o.went <> '', o.went, 'collected') ELSE f.state END`

// Outbox lists orders with the files that hold them.
func (l outboxStore) Outbox(ctx context.Context, f bridge.OutboxFilter) ([]*bridge.Owed, error) {
	var w where
	filter(&w, "o.export = ?", f.Export)
	oneOf(&w, "o.export", f.Exports)
	among(&w, orderState, f.States)
	if f.Order != "" {
		number, err := strconv.ParseInt(f.Order, 10, 64)
		if err != nil || number <= 0 {
			number = -1 // no file has it
		}
		w.add("(o.identifier = ? OR o.number = ?)", f.Order, number)
	}
	filter(&w, "o.identifier = ?", f.Identifier)
	if f.Customer != "" {
		w.add("o.person <> '' AND o.person = ?", l.Pseudonym(f.Customer))
	}
	filter(&w, "o.number = ?", f.Number)
	if f.Numbers != nil {
		w.add("o.number IN (SELECT CAST(value AS BIGINT) FROM json_each(?))", numbers(f.Numbers))
	}
	filter(&w, "o.id < ?", f.Before)
	filter(&w, "o.id > ?", f.After)
	filter(&w, "o.submitted >= ?", millis(f.From))
	filter(&w, "o.submitted < ?", millis(f.To))
	filter(&w, "o.answered = 0 AND o.alarm = '' AND f.written <> 0 AND f.written < ?", millis(f.Unanswered))
	if f.Alarmed {
		w.add("(o.alarm <> '' OR f.alarm <> '')")
	}
	var all []*bridge.Owed
	query := `SELECT o.id, o.export, o.number, o.identifier, o.oro_id, o.version,
		coalesce(f.name, ''), coalesce(f.sha256, ''), coalesce(length(f.body), 0), ` + orderState + `, o.alarm,
		coalesce(f.alarm, ''), iif(o.stuck <> '', o.stuck, coalesce(f.reason, '')),
		o.flags, o.answer, o.went, o.submitted, o.noticed, coalesce(f.owed, 0), coalesce(f.written, 0),
		coalesce(f.fetched, 0), coalesce(f.fetched_by, ''), coalesce(f.fetched_from, ''), coalesce(f.picked_up, 0), o.answered
		FROM outbox o LEFT JOIN outfiles f ON f.export = o.export AND f.number = o.number` + w.tail("o.id", f.First, f.Last)
	err := walk(ctx, l.front, query, w.args, func(rows *sql.Rows) error {
		o := &bridge.Owed{}
		var flags string
		err := rows.Scan(&o.ID, &o.Export, &o.Number, &o.Order, &o.OroID, &o.Version, &o.File, &o.SHA256, &o.Size, &o.State,
			&o.OwnAlarm, &o.FileAlarm, &o.Reason, &flags, &o.Answer, &o.Went, stamp{&o.Submitted}, stamp{&o.Noticed},
			stamp{&o.OwedAt}, stamp{&o.WrittenAt},
			stamp{&o.Fetched.At}, &o.Fetched.User, &o.Fetched.From, stamp{&o.PickedUp}, stamp{&o.Answered})
		o.Alarm, o.Flags = cmp.Or(o.OwnAlarm, o.FileAlarm), strings.Fields(flags)
		all = append(all, o)
		return err
	})
	return inOrder(all, f.Last), wrap("list outbox", err)
}

// Outfiles lists files in the order of their numbers.
func (l outboxStore) Outfiles(ctx context.Context, f bridge.OutfileFilter) ([]*bridge.Outfile, error) {
	var w where
	filter(&w, "export = ?", f.Export)
	among(&w, "state", f.States)
	filter(&w, "alarm = ?", f.Alarm)
	if f.Names != nil {
		w.add("name IN (SELECT value FROM json_each(?))", list(f.Names))
	}
	if f.SHA256 != "" {
		w.add("sha256 = ?", f.SHA256)
	}
	if f.Pending {
		w.add("(state = 'owed' OR state = 'written' AND marked = 0)") // in these words, for the index
	}
	filter(&w, "number = ?", f.Number)
	var all []*bridge.Outfile
	err := walk(ctx, l.front, `SELECT export, number, name, sha256, length(body), state, alarm, reason, staged, owed, written, marked,
		mtime, fetched, fetched_by, fetched_from, picked_up, (SELECT json_group_array(identifier) FROM (SELECT identifier FROM outbox o
			WHERE o.export = outfiles.export AND o.number = outfiles.number ORDER BY id) held)
		FROM outfiles`+w.String()+` ORDER BY export, number`, w.args, func(rows *sql.Rows) error {
		f := &bridge.Outfile{}
		var names []byte
		err := rows.Scan(&f.Export, &f.Number, &f.Name, &f.SHA256, &f.Size, &f.State, &f.Alarm, &f.Reason, &f.Staged, stamp{&f.OwedAt},
			stamp{&f.Written}, stamp{&f.Marked}, stamp{&f.MTime}, stamp{&f.Fetched.At}, &f.Fetched.User, &f.Fetched.From, stamp{&f.PickedUp}, &names)
		if err != nil {
			return err
		}
		all = append(all, f)
		return json.Unmarshal(names, &f.Orders)
	})
	return all, wrap("list outbound files", err)
}

// Body reads the exact bytes of an outbound file.
func (l outboxStore) Body(ctx context.Context, export string, number int64) (body []byte, err error) {
	err = l.front.QueryRowContext(ctx, `SELECT body FROM outfiles WHERE export = ? AND number = ?`, export, number).Scan(&body)
	if errors.Is(err, sql.ErrNoRows) {
		err = bridge.ErrUnknown
	}
	return body, wrap(fmt.Sprintf("read bytes of order file %d of %s", number, export), err)
}

// Alarms counts an export's alarms, each with the name of the oldest file or order that it is about.
func (l outboxStore) Alarms(ctx context.Context, export string) (map[bridge.Alarm]bridge.AlarmCount, error) {
	counts := map[bridge.Alarm]bridge.AlarmCount{}
	err := walk(ctx, l.front, `SELECT a.alarm, a.n, f.name FROM (SELECT alarm, count(*) AS n, min(number) AS first FROM outfiles
			WHERE export = ?1 AND alarm <> '' GROUP BY alarm) a JOIN outfiles f ON f.export = ?1 AND f.number = a.first
		UNION ALL SELECT a.alarm, a.n, o.identifier FROM (SELECT alarm, count(*) AS n, min(id) AS first FROM outbox
			WHERE export = ?1 AND alarm <> '' GROUP BY alarm) a JOIN outbox o ON o.id = a.first`, []any{export}, func(rows *sql.Rows) error {
		var a bridge.Alarm
		var c bridge.AlarmCount
		err := rows.Scan(&a, &c.N, &c.First)
		counts[a] = c
		return err
	})
	return counts, wrap("count alarms of "+export, err)
}
