package ledger

import (
	"context"
	"database/sql"

	"github.com/orobridge/orobridge/bridge"
)

// KeysOf lists up to n keys of which a word is a part or the whole, by entity and key: of links, of histories, and of rows that
// are parked or were rejected. It walks all keys.
func (l *Ledger) KeysOf(ctx context.Context, word string, n int) ([]bridge.EntityKey, error) {
	var keys []bridge.EntityKey
	const has = ` WHERE instr('|' || key || '|', '|' || ?1 || '|') > 0`
	err := walk(ctx, l.walks, `SELECT entity, key FROM links`+has+` UNION SELECT entity, key FROM history`+has+` AND link IS NULL`+
		` UNION SELECT entity, key FROM parked`+has+` UNION SELECT entity, key FROM rejects`+has+` AND entity <> '' ORDER BY 1, 2 LIMIT ?2`,
		[]any{word, n}, func(rows *sql.Rows) error {
			var k bridge.EntityKey
			err := rows.Scan(&k.Entity, &k.Key)
			keys = append(keys, k)
			return err
		})
	return keys, wrap("look for keys of "+word, err)
}
