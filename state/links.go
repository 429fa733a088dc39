package state

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	sqlite3 "github.com/mattn/go-sqlite3"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/formats"
)

// encode writes a content as a JSON object in the order of its fields.
func encode(values []formats.Value) string {
	b := []byte{'{'}
	for i, v := range values {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendJSON(b, v.Field)
		b = append(b, ':')
		b = appendJSON(b, v.Text)
	}
	return string(append(b, '}'))
}

// appendJSON quotes a text; most need no escapes and cost no allocation.
func appendJSON(b []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < 0x20 || c == '"' || c == '\\' || c >= 0x7f {
			q, err := json.Marshal(s)
			if err != nil {
				panic(err) // a string always marshals
			}
			return append(b, q...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

func decode(text string) ([]formats.Value, error) {
	var m map[string]string
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		return nil, fmt.Errorf("read stored content: %w", err)
	}
	values := make([]formats.Value, 0, len(m))
	for f, t := range m {
		values = append(values, formats.Value{Field: f, Text: t})
	}
	slices.SortFunc(values, byField)
	return values, nil
}

func byField(a, b formats.Value) int { return strings.Compare(a.Field, b.Field) }

// Lookup implements bridge.Ledger: one query for all keys, which SQLite takes apart itself, since binding each key
// would cost more than finding it.
func (l *Ledger) Lookup(ctx context.Context, entity string, keys []string, refs []bridge.LinkRef) error {
	clear(refs)
	if len(keys) == 0 {
		return nil
	}
	list := make([]byte, 0, 32*len(keys))
	for i, k := range keys {
		if i == 0 {
			list = append(list, '[')
		} else {
			list = append(list, ',')
		}
		list = appendJSON(list, k)
	}
	list = append(list, ']')
	rows, err := l.read.QueryContext(ctx, `SELECT j.key, l.id, l.print FROM json_each(?) j CROSS JOIN links l ON l.entity = ? AND l.key = j.value`,
		string(list), entity)
	if err != nil {
		return fmt.Errorf("look up %d keys of %s: %w", len(keys), entity, err)
	}
	defer rows.Close()
	for rows.Next() {
		var i int
		var r bridge.LinkRef
		if err := rows.Scan(&i, &r.ID, &r.Fingerprint); err != nil {
			return fmt.Errorf("look up %s: %w", entity, err)
		}
		refs[i] = r
	}
	return rows.Err()
}

const linkColumns = `link, entity, key, oro_id, content, removed, drop_id, run, line, at`

func scanLink(row interface{ Scan(...any) error }) (*bridge.Link, error) {
	k := &bridge.Link{}
	var content string
	if err := row.Scan(&k.ID, &k.Entity, &k.Key, &k.OroID, &content, &k.Removed, &k.Drop, &k.Run, &k.Line, stamp{&k.At}); err != nil {
		return nil, err
	}
	var err error
	k.Content, err = decode(content)
	return k, err
}

// Links implements bridge.Ledger.
func (l *Ledger) Links(ctx context.Context, entity string, keys []string) (map[string]*bridge.Link, error) {
	list, err := json.Marshal(keys)
	if err != nil {
		return nil, err
	}
	rows, err := l.read.QueryContext(ctx, `SELECT a.link, a.entity, a.key, a.oro_id, a.content, a.removed, a.drop_id, a.run, a.line, a.at FROM json_each(?) j
		CROSS JOIN links l ON l.entity = ? AND l.key = j.value CROSS JOIN accepted a ON a.link = l.id`, string(list), entity)
	if err != nil {
		return nil, fmt.Errorf("read links of %s: %w", entity, err)
	}
	defer rows.Close()
	links := make(map[string]*bridge.Link, len(keys))
	for rows.Next() {
		k, err := scanLink(rows)
		if err != nil {
			return nil, fmt.Errorf("read links of %s: %w", entity, err)
		}
		links[k.Key] = k
	}
	return links, rows.Err()
}

// Unseen implements bridge.Ledger.
func (l *Ledger) Unseen(ctx context.Context, entity, feed string, seen func(int64) bool, each func(*bridge.Link) error) error {
	rows, err := l.read.QueryContext(ctx, `SELECT `+linkColumns+` FROM accepted WHERE entity = ? AND feed = ? AND removed = 0 ORDER BY link`, entity, feed)
	if err != nil {
		return fmt.Errorf("walk links of %s: %w", entity, err)
	}
	defer rows.Close()
	for rows.Next() {
		k, err := scanLink(rows)
		if err != nil {
			return fmt.Errorf("walk links of %s: %w", entity, err)
		}
		if seen(k.ID) {
			continue
		}
		if err := each(k); err != nil {
			return err
		}
	}
	return rows.Err()
}

// Forget implements bridge.Ledger.
func (l *Ledger) Forget(ctx context.Context, entity string, keys []string) error {
	return l.tx(ctx, "forget links of "+entity, func(tx *sql.Tx) error {
		for _, k := range keys {
			if err := forget(ctx, tx, entity, k); err != nil {
				return err
			}
		}
		return nil
	})
}

func forget(ctx context.Context, tx statements, entity, key string) error {
	if _, err := tx.ExecContext(ctx, `DELETE FROM accepted WHERE link = (SELECT id FROM links WHERE entity = ? AND key = ?)`, entity, key); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, `DELETE FROM links WHERE entity = ? AND key = ?`, entity, key)
	return err
}

// accept lays a record over the link of its key, making the link if need be.
func accept(ctx context.Context, tx statements, r *bridge.Run, d *bridge.Drop, s *bridge.Settlement, at time.Time) error {
	if s.Forget {
		return forget(ctx, tx, s.Entity, s.Key)
	}
	removed := s.Fate == bridge.FateRemoved || s.Fate == bridge.FateWithdrawn
	old, err := scanLink(tx.QueryRowContext(ctx, `SELECT a.link, a.entity, a.key, a.oro_id, a.content, a.removed, a.drop_id, a.run, a.line, a.at
		FROM links l JOIN accepted a ON a.link = l.id WHERE l.entity = ? AND l.key = ?`, s.Entity, s.Key))
	if errors.Is(err, sql.ErrNoRows) {
		res, err := tx.ExecContext(ctx, `INSERT INTO accepted (entity, key, oro_id, content, removed, feed, drop_id, run, line, at)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, s.Entity, s.Key, s.OroID, encode(s.Record), removed, d.Feed, d.ID, r.ID, s.Line, millis(at))
		if err != nil {
			return err
		}
		id, err := res.LastInsertId()
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO links (entity, key, id, print) VALUES (?, ?, ?, ?)`, s.Entity, s.Key, id, print(s.Record, removed))
		return err
	}
	if err != nil {
		return err
	}
	content := merge(old.Content, s.Record)
	id := old.OroID
	if s.OroID != "" {
		id = s.OroID
	}
	if _, err := tx.ExecContext(ctx, `UPDATE accepted SET oro_id = ?, content = ?, removed = ?, feed = ?, drop_id = ?, run = ?, line = ?, at = ? WHERE link = ?`,
		id, encode(content), removed, d.Feed, d.ID, r.ID, s.Line, millis(at), old.ID); err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `UPDATE links SET print = ? WHERE entity = ? AND key = ?`, print(content, removed), s.Entity, s.Key)
	return err
}

// print is the fingerprint that planning compares. That of a removed record matches no row, so that a sender who lists it
// again is always looked at closely.
func print(content []formats.Value, removed bool) int64 {
	if removed {
		return ^formats.Fingerprint(content)
	}
	return formats.Fingerprint(content)
}

// merge lays newer fields over older ones. Both are sorted by field, and so is the result.
func merge(older, newer []formats.Value) []formats.Value {
	merged := make([]formats.Value, 0, len(older)+len(newer))
	for len(older) > 0 && len(newer) > 0 {
		switch c := byField(older[0], newer[0]); {
		case c < 0:
			merged, older = append(merged, older[0]), older[1:]
		case c > 0:
			merged, newer = append(merged, newer[0]), newer[1:]
		default:
			merged, older, newer = append(merged, newer[0]), older[1:], newer[1:]
		}
	}
	return append(append(merged, older...), newer...)
}

// OroIDs tells the shop's ids of the keys that have a link.
func (l *Ledger) OroIDs(ctx context.Context, entity string, keys []string) (map[string]string, error) {
	list, err := json.Marshal(keys)
	if err != nil {
		return nil, err
	}
	rows, err := l.read.QueryContext(ctx, `SELECT l.key, a.oro_id FROM json_each(?) j
		CROSS JOIN links l ON l.entity = ? AND l.key = j.value CROSS JOIN accepted a ON a.link = l.id`, string(list), entity)
	if err != nil {
		return nil, fmt.Errorf("read ids of %s: %w", entity, err)
	}
	defer rows.Close()
	ids := make(map[string]string, len(keys))
	for rows.Next() {
		var key, id string
		if err := rows.Scan(&key, &id); err != nil {
			return nil, err
		}
		ids[key] = id
	}
	return ids, rows.Err()
}

// Version is the SQLite that the program carries.
func Version() string {
	v, _, _ := sqlite3.Version()
	return v
}
