package ledger

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/formats"
)

// Persons. What refers to a customer and stays (the journal, the outbox) does so by a pseudonym: a digest of the number that
// can't be made without the ledger's own key. So a customer can be forgotten, and what stays still fits together.

// Pseudonym is the word by which the ledger refers to a customer's number; empty for a ledger of an earlier program that was
// opened for reading.
func (d *database) Pseudonym(number string) string {
	if d.persons == "" || number == "" {
		return ""
	}
	mac := hmac.New(sha256.New, []byte(d.persons))
	mac.Write([]byte(number))
	return "customer:" + hex.EncodeToString(mac.Sum(nil)[:8])
}

// Naming lists the keys of an entity whose link, or whose record that waits for a parent, has a text in a field.
func (l rowStore) Naming(ctx context.Context, entity, field, text string) (keys []string, err error) {
	find := func(query string) error {
		return walk(ctx, l.walks, query, []any{l.of(entity)}, func(rows *sql.Rows) error {
			var key, record string
			if err := rows.Scan(&key, &record); err != nil {
				return err
			}
			record, err := Unseal(record, "record of "+entity)
			if err != nil {
				return err
			}
			values, err := formats.ParseContent(record)
			if slices.Contains(values, formats.Value{Field: field, Text: text}) {
				keys = append(keys, key)
			}
			return err
		})
	}
	err = errors.Join(find(`SELECT k.key, a.content FROM links k CROSS JOIN accepted a ON a.link = k.id WHERE k.entity = ?`),
		find(`SELECT key, record FROM parked WHERE entity = ?`))
	slices.Sort(keys)
	return slices.Compact(keys), wrap(fmt.Sprintf("find %s by their %s", entity, field), err)
}

// Erase removes all that the ledger holds of a key as a record: link, history, parked row, rejects, and what runs of the named
// feeds have warned of. Counts of runs, the outbox and the journal stay.
func (l rowStore) Erase(ctx context.Context, entity, key string, feeds []string, events ...*bridge.Event) (n bridge.Forgotten, err error) {
	named := l.of(entity)
	err = l.tx(ctx, "erase a key of "+entity, func(tx statements) error {
		if err := unfoldKey(ctx, tx, entity, key); err != nil { // so that it counts
			return err
		}
		for _, part := range []struct {
			n     *int64
			query string
			with  string
		}{
			{&n.History, `DELETE FROM history WHERE link IN (SELECT id FROM links WHERE key = ?1 AND entity = ?2)
				OR link IS NULL AND key = ?1 AND entity = ?2`, named},
			{&n.Links, `DELETE FROM accepted WHERE link IN (SELECT id FROM links WHERE key = ? AND entity = ?)`, named},
			{new(int64), `DELETE FROM links WHERE key = ? AND entity = ?`, named},
			{&n.Parked, `DELETE FROM parked WHERE key = ? AND entity = ?`, named},
			{&n.Rejects, `DELETE FROM rejects WHERE key = ? AND entity = ?`, named},
			{&n.Warnings, `DELETE FROM warnings WHERE key = ? AND drop_id IN (SELECT id FROM drops
				WHERE feed IN (SELECT value FROM json_each(?)))`, list(feeds)},
		} {
			res, err := tx.ExecContext(ctx, part.query, key, part.with)
			if err != nil {
				return err
			}
			if *part.n, err = res.RowsAffected(); err != nil {
				return err
			}
		}
		if _, err := tx.ExecContext(ctx, sweepSettings); err != nil { // one may hold parts of the key
			return err
		}
		return keep(ctx, tx, events)
	})
	return n, err
}
