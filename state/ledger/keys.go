package ledger

import (
	"context"
	"database/sql"
	"strconv"

	"github.com/orobridge/orobridge/bridge"
)

// KeysOf lists up to n keys of which a word is a part or the whole, by entity, shop and key: of links, of histories, and of rows that
// are parked or were rejected. It walks all keys.
func (l *Ledger) KeysOf(ctx context.Context, word string, n int) ([]bridge.EntityKey, error) {
	var keys []bridge.EntityKey
	w := where{args: []any{word, word, word, word}}
	l.linkStore.ours(&w, "entity", "")
	const has = ` WHERE instr('|' || key || '|', '|' || ? || '|') > 0`
	const all = `SELECT entity, key FROM links` + has + ` UNION SELECT entity, key FROM history` + has + ` AND link IS NULL` +
		` UNION SELECT entity, key FROM parked` + has + ` UNION SELECT entity, key FROM rejects` + has + ` AND entity <> ''`
	err := walk(ctx, l.walks, `SELECT entity, key FROM (`+all+`) known`+w.String()+` ORDER BY 1, 2 LIMIT `+strconv.Itoa(n),
		w.args, func(rows *sql.Rows) error {
			var k bridge.EntityKey
			err := rows.Scan(&k.Entity, &k.Key)
			k.Entity, k.Shop = bridge.SplitShop(k.Entity)
			keys = append(keys, k)
			return err
		})
	return keys, wrap("look for keys of "+word, err)
}
