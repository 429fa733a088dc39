package ledger

import (
	"context"
	"database/sql"
	"strconv"
	"strings"

	"github.com/orobridge/orobridge/bridge"
)

// A word is looked for in keys by their places in indexes, so that it costs the same however many keys there are. The entities of a table
// and the price lists in its keys are found by stepping from the first of one to the first of the next; "}" is the byte behind "|".

// steps finds the entities of a table, and a key of each price list. The last one of both is NULL.
const steps = `$T_kinds(entity) AS (SELECT min(entity) FROM $T UNION ALL
	SELECT (SELECT min(t.entity) FROM $T t WHERE t.entity > k.entity) FROM $T_kinds k WHERE k.entity IS NOT NULL),
$T_lists(entity, key) AS (
	SELECT k.entity, (SELECT min(t.key) FROM $T t WHERE t.entity = k.entity) FROM $T_kinds k WHERE ` + ofPrices + ` UNION ALL
	SELECT l.entity, (SELECT min(t.key) FROM $T t WHERE t.entity = l.entity AND t.key >= ` + firstPart + ` || '}')
	FROM $T_lists l WHERE l.key IS NOT NULL), `

const (
	ofPrices = `(k.entity = 'prices' OR instr(k.entity, 'prices@') = 1)`
	// firstPart is that of a key of several parts as it stands there, with what is escaped in it.
	firstPart = `substr(l.key || '|', 1, instr(replace(replace(l.key || '|', '\\', '^^'), '\|', '^^'), '|') - 1)`
	// listed are the beginnings of keys of prices: a list's name and "|".
	listed = ` UNION SELECT ` + firstPart + ` || '|' FROM $T_lists l WHERE l.key IS NOT NULL`
)

// keyed are the tables in which keys stand in an index behind their entity. In history they stand before it.
var keyed = []string{"links", "parked", "rejects"}

// KeysOf lists up to n keys of which a word is the whole, the first part, or the part behind the name of a price list, by entity and
// key; of more than n just any.
func (l *Ledger) KeysOf(ctx context.Context, word string, n int) ([]bridge.EntityKey, error) {
	with, places, limit := "WITH RECURSIVE ", "SELECT ''", " LIMIT "+strconv.Itoa(n)
	for _, table := range keyed {
		with += strings.ReplaceAll(steps, "$T", table)
		places += strings.ReplaceAll(listed, "$T", table)
	}
	var legs []string
	var args []any
	leg := func(from string, w where) {
		l.linkStore.ours(&w, "t.entity", "")
		legs = append(legs, "SELECT * FROM (SELECT t.entity, t.key FROM "+from+w.String()+limit+") leg")
		args = append(args, w.args...)
	}
	whole, begins := where{}, where{}
	whole.add("t.key = p.before || ?", word)
	begins.add("t.key >= p.before || ? || '|' AND t.key < p.before || ? || '}'", word, word)
	for _, w := range []where{whole, begins} {
		leg("places p CROSS JOIN history t ON t.link IS NULL", w)
		for _, table := range keyed {
			leg(table+"_kinds k CROSS JOIN places p ON p.before = '' OR "+ofPrices+
				" CROSS JOIN "+table+" t ON t.entity = k.entity AND t.entity <> ''", w)
		}
	}
	query := with + "places(before) AS (" + places + ") " + strings.Join(legs, " UNION ") + " ORDER BY 1, 2" + limit
	var keys []bridge.EntityKey
	err := walk(ctx, l.walks, query, args, func(rows *sql.Rows) error {
		var k bridge.EntityKey
		err := rows.Scan(&k.Entity, &k.Key)
		k.Entity, k.Shop = bridge.SplitShop(k.Entity)
		keys = append(keys, k)
		return err
	})
	return keys, wrap("look for keys of "+word, err)
}
