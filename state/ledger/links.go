package ledger

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/formats"
)

// Lookup answers for many keys at once, in their order.
func (l linkStore) Lookup(ctx context.Context, entity string, keys []string, refs []bridge.LinkRef) error {
	clear(refs)
	if len(keys) == 0 {
		return nil
	}
	return wrap(fmt.Sprintf("look up %d keys of %s", len(keys), entity), l.edition.Lookup(ctx, l.of(entity), keys, refs))
}

// CountLinks counts the links of an entity, up to some number.
func (l linkStore) CountLinks(ctx context.Context, entity string, most int64) (n int64, err error) {
	err = l.read.QueryRowContext(ctx, `SELECT count(*) FROM (SELECT 1 FROM links WHERE entity = ? LIMIT ?) few`, l.of(entity), most).Scan(&n)
	return n, wrap("count links of "+entity, err)
}

// EachRef walks the short forms of all links of an entity, in no certain order; the key is the walker's own and is used again.
func (l linkStore) EachRef(ctx context.Context, entity string, each func(key []byte, ref bridge.LinkRef)) error {
	return wrap("walk links of "+entity, l.edition.EachRef(ctx, l.of(entity), each))
}

const linkColumns = `a.link, a.entity, a.key, a.oro_id, a.content, a.removed, a.feed, a.drop_id, a.run, a.line, a.origins, a.at`

func scanLink(row interface{ Scan(...any) error }, more ...any) (*bridge.Link, error) {
	k := &bridge.Link{}
	var content, origins string
	err := row.Scan(append([]any{&k.ID, &k.Entity, &k.Key, &k.OroID, &content, &k.Removed, &k.Feed, &k.Drop, &k.Run, &k.Line, &origins,
		stamp{&k.At}}, more...)...)
	if err != nil {
		return nil, err
	}
	k.Entity = bare(k.Entity)
	if origins != "" {
		if err := json.Unmarshal([]byte(origins), &k.Origins); err != nil {
			return nil, fmt.Errorf("read origins of %s: %w", k.Key, err)
		}
	}
	k.Content, err = formats.ParseContent(content)
	return k, err
}

// Links reads the full links of some keys; what is unknown is left out. A link that is not what its fingerprint says has no content.
func (l linkStore) Links(ctx context.Context, entity string, keys []string) (map[string]*bridge.Link, error) {
	links := make(map[string]*bridge.Link, len(keys))
	err := walk(ctx, l.read, `SELECT `+linkColumns+`, l.print FROM json_each(?) j CROSS JOIN links l ON l.entity = ? AND l.key = j.value
		CROSS JOIN accepted a ON a.link = l.id`, []any{list(keys), l.of(entity)}, func(rows *sql.Rows) error {
		var print int64
		k, err := scanLink(rows, &print)
		if err != nil {
			return err
		}
		if print != 0 && k.Fingerprint() != print { // the disk has changed it: nothing is known of what the shop accepted
			k.Content, k.Origins = nil, nil
		}
		links[k.Key] = k
		return nil
	})
	return links, wrap("read links of "+entity, err)
}

// Contents walks what Oro last accepted of some links, by their places among these; a link that is gone is left out.
func (l linkStore) Contents(ctx context.Context, links []int64, each func(i int, content []formats.Value)) error {
	if len(links) == 0 {
		return nil
	}
	err := l.edition.Contents(ctx, links, func(i int, text string) error {
		content, err := formats.ParseContent(text)
		if err == nil {
			each(i, content)
		}
		return err
	})
	return wrap(fmt.Sprintf("read contents of %d links", len(links)), err)
}

// Unseen walks the links of an entity that are not removed, whose ids are not in seen, and which a drop of the feed set
// last, in the order of their keys.
func (l linkStore) Unseen(ctx context.Context, entity, feed string, seen func(int64) bool, each func(*bridge.Link) error) error {
	err := walk(ctx, l.walks, `SELECT `+linkColumns+` FROM links l CROSS JOIN accepted a ON a.link = l.id
		WHERE l.entity = ? AND a.feed = ? AND a.removed = 0 ORDER BY l.entity, l.key`,
		[]any{l.of(entity), feed}, func(rows *sql.Rows) error {
			k, err := scanLink(rows)
			if err != nil || seen(k.ID) {
				return err
			}
			return each(k)
		})
	return wrap("walk links of "+entity, err)
}

// OroIDs tells the shop's ids of the keys that have a link.
func (l linkStore) OroIDs(ctx context.Context, entity string, keys []string) (map[string]string, error) {
	ids := make(map[string]string, len(keys))
	err := walk(ctx, l.read, `SELECT l.key, a.oro_id FROM json_each(?) j CROSS JOIN links l ON l.entity = ? AND l.key = j.value
		CROSS JOIN accepted a ON a.link = l.id`, []any{list(keys), l.of(entity)}, func(rows *sql.Rows) error {
		var key, id string
		err := rows.Scan(&key, &id)
		ids[key] = id
		return err
	})
	return ids, wrap("read ids of "+entity, err)
}

// Forget removes the links of some keys.
func (l linkStore) Forget(ctx context.Context, entity string, keys []string) error {
	return l.tx(ctx, "forget links of "+entity, func(tx statements) error {
		for _, k := range keys {
			if err := forget(ctx, tx, entity, k); err != nil {
				return err
			}
		}
		return nil
	})
}

// forget removes the link of a key, if it has one.
func forget(ctx context.Context, tx statements, entity, key string) error {
	if err := tx.sure(key); err != nil {
		return err
	}
	return unlink(ctx, tx, entity, key)
}

// unlink removes what stands under a key.
func unlink(ctx context.Context, tx statements, entity, key string) error {
	var id int64
	err := tx.QueryRowContext(ctx, `SELECT id FROM links WHERE entity = ? AND key = ?`, tx.of(entity), key).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err == nil {
		err = errors.Join(unfold(ctx, tx, id), leaveHistory(ctx, tx, id))
	}
	if err == nil {
		_, err = tx.ExecContext(ctx, `DELETE FROM accepted WHERE link = ?`, id)
	}
	if err == nil {
		_, err = tx.ExecContext(ctx, `DELETE FROM links WHERE entity = ? AND key = ?`, tx.of(entity), key)
	}
	return err
}

// saveLink writes a link as it stands. One without a number is entered, with the fate that makes it where it tells that itself, and
// replaces what stands under its key. One whose number is gone meanwhile is entered anew.
func saveLink(ctx context.Context, tx statements, k *bridge.Link, made bridge.RowFate) error {
	if err := tx.sure(k.Key); err != nil {
		return err
	}
	if k.ID == 0 {
		return enterLink(ctx, tx, k, made)
	}
	origins, err := originsOf(k)
	if err == nil {
		err = errors.Join(unfold(ctx, tx, k.ID), fillHistory(ctx, tx, k.ID))
	}
	if err != nil {
		return err
	}
	res, err := tx.ExecContext(ctx, `UPDATE accepted SET
		oro_id = ?, content = ?, removed = ?, feed = ?, drop_id = ?, run = ?, line = ?, origins = ?, at = ?, made = '' WHERE link = ?`,
		k.OroID, content(k.Content), k.Removed, k.Feed, k.Drop, k.Run, k.Line, origins, millis(k.At), k.ID)
	if err != nil {
		return err
	}
	gone := k.ID
	tx.doubt(k.Key, func() error {
		if n, err := res.RowsAffected(); err != nil || n == 1 {
			return err
		}
		if err := enterLink(ctx, tx, k, ""); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `UPDATE history SET link = ? WHERE link = ?`, k.ID, gone)
		return err
	})
	_, err = tx.ExecContext(ctx, `UPDATE links SET print = ? WHERE entity = ? AND key = ?`, k.Fingerprint(), tx.of(k.Entity), k.Key)
	return err
}

// enterLink enters a link that has no number yet, in the place of what stands under its key.
func enterLink(ctx context.Context, tx statements, k *bridge.Link, made bridge.RowFate) error {
	origins, err := originsOf(k)
	if err != nil {
		return err
	}
	err = tx.insert(ctx, &k.ID, `INSERT INTO accepted (entity, key, oro_id, content, removed, feed, drop_id, run, line, origins, at, made)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		tx.of(k.Entity), k.Key, k.OroID, content(k.Content), k.Removed, k.Feed, k.Drop, k.Run, k.Line, origins, millis(k.At), made)
	if err != nil {
		return err
	}
	const enter = `INSERT INTO links (entity, key, id, print) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING`
	key, id, print := k.Key, k.ID, k.Fingerprint()
	res, err := tx.ExecContext(ctx, enter, tx.of(k.Entity), key, id, print)
	if err != nil {
		return err
	}
	tx.doubt(k.Key, func() error {
		if n, err := res.RowsAffected(); err != nil || n == 1 {
			return err
		}
		if err := unlink(ctx, tx, k.Entity, key); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, enter, tx.of(k.Entity), key, id, print)
		return err
	})
	return nil
}

// originsOf are the origins of a link as they are stored.
func originsOf(k *bridge.Link) (string, error) {
	if len(k.Origins) == 0 {
		return "", nil
	}
	text, err := json.Marshal(k.Origins)
	return string(text), err
}
