package ledger

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

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

const linkColumns = `a.link, l.entity, l.key, a.oro_id, a.content, a.removed, a.feed, a.drop_id, a.run, a.line, a.origins, a.at`

func scanLink(row interface{ Scan(...any) error }, more ...any) (*bridge.Link, error) {
	k := &bridge.Link{}
	var content, origins string
	err := row.Scan(append([]any{&k.ID, &k.Entity, &k.Key, &k.OroID, &content, &k.Removed, &k.Feed, &k.Drop, &k.Run, &k.Line, &origins,
		stamp{&k.At}}, more...)...)
	if err != nil {
		return nil, err
	}
	k.Entity, k.OroID = bare(k.Entity), longID(k.OroID)
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
		CROSS JOIN linked a ON a.link = l.id`, []any{list(keys), l.of(entity)}, func(rows *sql.Rows) error {
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
	err := walk(ctx, l.walks, `SELECT `+linkColumns+` FROM links l CROSS JOIN linked a ON a.link = l.id
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
		ids[key] = longID(id)
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
	if k.ID == 0 {
		return enterLinks(ctx, tx, []*bridge.Link{k}, made)
	}
	origins, err := originsOf(k)
	if err == nil {
		err = errors.Join(tx.sure(k.Key), unfold(ctx, tx, k.ID), fillHistory(ctx, tx, k.ID))
	}
	if err != nil {
		return err
	}
	of, key, err := tx.setting(ctx, k, "")
	if err != nil {
		return err
	}
	res, err := tx.ExecContext(ctx, `UPDATE accepted SET
		setting = ?, key = ?, oro_id = ?, content = ?, removed = ?, made = 0, line = ?, origins = ? WHERE link = ?`,
		of, key, shortID(k.OroID), content(k.Content), k.Removed, k.Line, origins, k.ID)
	if err != nil {
		return err
	}
	gone := k.ID
	tx.doubt(func() error {
		if n, err := res.RowsAffected(); err != nil || n == 1 {
			return err
		}
		if err := enterLinks(ctx, tx, []*bridge.Link{k}, ""); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `UPDATE history SET link = ? WHERE link = ?`, k.ID, gone)
		return err
	}, k.Key)
	_, err = tx.ExecContext(ctx, `UPDATE links SET print = ? WHERE entity = ? AND key = ?`, k.Fingerprint(), tx.of(k.Entity), k.Key)
	return err
}

// A first load is nothing but links that are entered, which costs a statement most of what it does: one statement enters linksAtOnce of
// them, and as few texts of statements as that are kept compiled.
const linksAtOnce = 25

// entering are the links of the first of some settlements, as many as do no more than enter one by the same fate, alike in all but what
// each is of, and none under one key with another.
func entering(settled []bridge.Settlement) (links []*bridge.Link, made bridge.RowFate) {
	var keys map[string]bool
	for i := range settled {
		s, fate := &settled[i], bridge.RowFate("")
		if s.Link != nil && s.Link.ID == 0 && s.Reject == nil && s.Park == nil && !s.Forget && len(s.Owed) == 0 && len(s.Files) == 0 {
			fate = madeBy(s)
		}
		if fate == "" || keys[s.Key] || len(links) > 0 && (fate != made || !alike(s.Link, links[0])) {
			break
		}
		if links == nil {
			links, keys = make([]*bridge.Link, 0, len(settled)), make(map[string]bool, len(settled))
		}
		links, made, keys[s.Key] = append(links, s.Link), fate, true
	}
	return links, made
}

func alike(a, b *bridge.Link) bool {
	return a.Entity == b.Entity && a.Removed == b.Removed && a.Feed == b.Feed && a.Drop == b.Drop && a.Run == b.Run &&
		millis(a.At) == millis(b.At) && len(a.Origins) == 0 && len(b.Origins) == 0
}

// enterLinks enters links that have no numbers yet and are alike, in the places of what stands under their keys.
func enterLinks(ctx context.Context, tx statements, links []*bridge.Link, made bridge.RowFate) error {
	for len(links) > 0 {
		n := linksAtOnce
		if len(links) < n {
			n = 1
		}
		if err := enterSome(ctx, tx, links[:n], made); err != nil {
			return err
		}
		links = links[n:]
	}
	return nil
}

// entry is a statement that enters a row, and the one that enters linksAtOnce of them.
type entry [2]string

func newEntry(before, row, behind string) entry {
	return entry{before + row + behind, before + rowsOf(linksAtOnce, row) + behind}
}

func (e entry) of(rows int) string { return e[rows/linksAtOnce] }

var (
	enterAccepted = newEntry(`INSERT INTO accepted (removed, made, origins, link, setting, key, oro_id, content, line) VALUES `,
		`(?1, ?2, ?3, ?, ?, ?, ?, ?, ?)`, ``)
	enterPlaces = newEntry(`INSERT INTO links (entity, key, id, print) VALUES `, `(?1, ?, ?, ?)`, ` ON CONFLICT DO NOTHING`)
)

func enterSome(ctx context.Context, tx statements, links []*bridge.Link, made bridge.RowFate) error {
	of := links[0]
	origins, err := originsOf(of)
	for _, k := range links {
		err = errors.Join(err, tx.sure(k.Key))
	}
	if err != nil {
		return err
	}
	numbers, err := tx.Numbers(ctx, len(links))
	if err != nil {
		return err
	}
	entity := tx.of(of.Entity)
	accepted := append(make([]any, 0, 3+6*len(links)), of.Removed, made != "", origins)
	places, keys := append(make([]any, 0, 1+3*len(links)), entity), make([]string, len(links))
	for i, k := range links {
		set, rest, err := tx.setting(ctx, k, made)
		if err != nil {
			return err
		}
		tx.give(&k.ID, numbers[i])
		id := any(k.ID)
		accepted = append(accepted, id, set, rest, shortID(k.OroID), content(k.Content), k.Line)
		places, keys[i] = append(places, k.Key, id, k.Fingerprint()), k.Key
	}
	if _, err = tx.ExecContext(ctx, enterAccepted.of(len(links)), accepted...); err != nil {
		return err
	}
	enter := func(places ...any) (sql.Result, error) {
		return tx.ExecContext(ctx, enterPlaces.of(len(places)/3), places...)
	}
	res, err := enter(places...)
	if err != nil {
		return err
	}
	tx.doubt(func() error {
		if n, err := res.RowsAffected(); err != nil || n == int64(len(keys)) {
			return err
		}
		for i, key := range keys {
			var stands int64
			err := tx.QueryRowContext(ctx, `SELECT id FROM links WHERE entity = ? AND key = ?`, entity, key).Scan(&stands)
			if err != nil {
				return err
			}
			if stands == numbers[i] {
				continue
			}
			if err := unlink(ctx, tx, of.Entity, key); err != nil {
				return err
			}
			if _, err := enter(append([]any{entity}, places[1+3*i:4+3*i]...)...); err != nil {
				return err
			}
		}
		return nil
	}, keys...)
	return nil
}

// rowsOf are the values of n rows.
func rowsOf(n int, row string) string { return strings.Repeat(row+", ", n-1) + row }

// originsOf are the origins of a link as they are stored.
func originsOf(k *bridge.Link) (string, error) {
	if len(k.Origins) == 0 {
		return "", nil
	}
	text, err := json.Marshal(k.Origins)
	return string(text), err
}
