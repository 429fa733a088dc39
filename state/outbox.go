package state

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/formats"
)

// Cursor implements bridge.Ledger.
func (l *Ledger) Cursor(ctx context.Context, export string) (time.Time, bool, error) {
	var ms int64
	err := l.read.QueryRowContext(ctx, `SELECT at FROM cursors WHERE export = ?`, export).Scan(&ms)
	if errors.Is(err, sql.ErrNoRows) {
		return time.Time{}, false, nil
	}
	if err != nil {
		return time.Time{}, false, fmt.Errorf("read cursor of %s: %w", export, err)
	}
	return fromMillis(ms), true, nil
}

// Owe implements bridge.Ledger.
func (l *Ledger) Owe(ctx context.Context, export string, cursor time.Time, orders []*formats.Order,
	render func(*formats.Order, int64) (string, []byte, error)) (n int, err error) {
	err = l.tx(ctx, "owe orders of "+export, func(tx *sql.Tx) error {
		n = 0
		var last int64
		err := tx.QueryRowContext(ctx, `INSERT INTO cursors (export, at) VALUES (?, ?)
			ON CONFLICT (export) DO UPDATE SET at = max(at, excluded.at) RETURNING number`, export, millis(cursor)).Scan(&last)
		if err != nil {
			return err
		}
		for _, o := range orders {
			var known int
			if err := tx.QueryRowContext(ctx, `SELECT count(*) FROM outbox WHERE export = ? AND oro_id = ?`, export, o.ID).Scan(&known); err != nil {
				return err
			}
			if known > 0 {
				continue
			}
			last++
			if err := owe(ctx, tx, export, last, o, render, l.now()); err != nil {
				return fmt.Errorf("order %s: %w", o.Identifier, err)
			}
			n++
		}
		_, err = tx.ExecContext(ctx, `UPDATE cursors SET number = ? WHERE export = ?`, last, export)
		return err
	})
	return n, err
}

func owe(ctx context.Context, tx *sql.Tx, export string, number int64, o *formats.Order,
	render func(*formats.Order, int64) (string, []byte, error), at time.Time) error {
	name, body, err := render(o, number)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(body)
	_, err = tx.ExecContext(ctx, `INSERT INTO outbox (export, number, identifier, oro_id, file, body, sha256, state, submitted, owed)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, export, number, o.Identifier, o.ID, name, body, hex.EncodeToString(sum[:]), bridge.OwedNow,
		millis(o.Submitted), millis(at))
	return err
}

// Known tells which of the shop's order ids the outbox of an export holds already.
func (l *Ledger) Known(ctx context.Context, export string, ids []string) (map[string]bool, error) {
	c, args := in("oro_id", ids)
	rows, err := l.read.QueryContext(ctx, `SELECT oro_id FROM outbox WHERE export = ? AND `+c, append([]any{export}, args...)...)
	if err != nil {
		return nil, fmt.Errorf("read outbox of %s: %w", export, err)
	}
	defer rows.Close()
	known := map[string]bool{}
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		known[id] = true
	}
	return known, rows.Err()
}

// Outbox implements bridge.Ledger.
func (l *Ledger) Outbox(ctx context.Context, f bridge.OutboxFilter) ([]*bridge.Owed, error) {
	var w where
	if f.Export != "" {
		w.add("export = ?", f.Export)
	}
	if len(f.States) > 0 {
		c, args := in("state", f.States)
		w.add(c, args...)
	}
	if f.Order != "" {
		w.add("(identifier = ? OR number = CAST(? AS INTEGER) AND ? GLOB '[0-9]*')", f.Order, f.Order, f.Order)
	}
	tail := w.String() + " ORDER BY export, number"
	if f.Last > 0 {
		tail += fmt.Sprintf(" DESC LIMIT %d", f.Last)
	}
	rows, err := l.read.QueryContext(ctx, `SELECT export, number, identifier, oro_id, file, sha256, length(body), state, reason, submitted, owed,
		written, picked_up, answered FROM outbox`+tail, w.args...)
	if err != nil {
		return nil, fmt.Errorf("list outbox: %w", err)
	}
	defer rows.Close()
	var list []*bridge.Owed
	for rows.Next() {
		o := &bridge.Owed{}
		if err := rows.Scan(&o.Export, &o.Number, &o.Order, &o.OroID, &o.File, &o.SHA256, &o.Size, &o.State, &o.Reason, stamp{&o.Submitted},
			stamp{&o.OwedAt}, stamp{&o.WrittenAt}, stamp{&o.PickedUp}, stamp{&o.Answered}); err != nil {
			return nil, fmt.Errorf("list outbox: %w", err)
		}
		list = append(list, o)
	}
	if f.Last > 0 {
		slices.Reverse(list)
	}
	return list, rows.Err()
}

// Body implements bridge.Ledger.
func (l *Ledger) Body(ctx context.Context, export string, number int64) ([]byte, error) {
	var body []byte
	if err := l.read.QueryRowContext(ctx, `SELECT body FROM outbox WHERE export = ? AND number = ?`, export, number).Scan(&body); err != nil {
		return nil, fmt.Errorf("read bytes of order file %d of %s: %w", number, export, err)
	}
	return body, nil
}

// SaveOwed implements bridge.Ledger.
func (l *Ledger) SaveOwed(ctx context.Context, o *bridge.Owed, from bridge.OwedState) error {
	return l.tx(ctx, fmt.Sprintf("advance order file %d of %s", o.Number, o.Export), func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, `UPDATE outbox SET state = ?, reason = ?, written = ?, picked_up = ?, answered = ?
			WHERE export = ? AND number = ? AND state = ?`,
			o.State, o.Reason, millis(o.WrittenAt), millis(o.PickedUp), millis(o.Answered), o.Export, o.Number, from)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 1 {
			return err
		}
		return bridge.ErrMoved
	})
}

// Note implements bridge.Ledger.
func (l *Ledger) Note(ctx context.Context, name, text string) error {
	return l.tx(ctx, "note "+name, func(tx *sql.Tx) error {
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
	rows, err := l.read.QueryContext(ctx, `SELECT name, text FROM notes`)
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
