package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/state/ledger"
)

// stretch reads the short forms of an entity's links from one key to another, in order, and says how many there were.
func stretch(ctx context.Context, db *sql.DB, entity, from string, to any, most int,
	each func(key []byte, ref bridge.LinkRef)) (n int, err error) {
	var before []byte
	err = eachPacked(ctx, db, `SELECT `+pack("key", "id", "print")+`
		FROM (SELECT key, id, print FROM links WHERE entity = ? AND key >= ? AND key <= ? ORDER BY entity, key LIMIT ?)`,
		[]any{entity, from, to, most}, func(key []byte, id, print int64) error {
			if n > 0 && bytes.Compare(before, key) >= 0 {
				return errPacked // SQLite would pack otherwise than in the order in which it finds
			}
			n, before = n+1, key
			each(key, bridge.LinkRef{ID: id, Fingerprint: print})
			return nil
		})
	return n, err
}

// Contents implements ledger.Edition.
func (f *file) Contents(ctx context.Context, links []int64, each func(i int, content string) error) error {
	return eachPacked(ctx, f.read, `SELECT `+pack("a.content", "j.key", "j.key")+`
		FROM json_each(?) j CROSS JOIN accepted a ON a.link = CAST(j.value AS BIGINT)`, []any{ledger.Numbers(links)},
		func(content []byte, i, _ int64) error { return each(int(i), string(content)) })
}

// pack has SQLite pack a text and two numbers of many rows into a few texts: to take each row over by itself would cost more than to
// find it.
func pack(text, number, other string) string {
	return fmt.Sprintf(`CAST(group_concat(%s, '') AS BLOB), CAST(group_concat(octet_length(%[1]s)) AS BLOB),
		CAST(group_concat(%s) AS BLOB), CAST(group_concat(%s) AS BLOB)`, text, number, other)
}

// eachPacked walks what a query packs. A text is the query's own: it is gone afterwards.
func eachPacked(ctx context.Context, db *sql.DB, query string, args []any, each func(text []byte, number, other int64) error) error {
	return ledger.Walk(ctx, db, query, args, func(rows *sql.Rows) error {
		var p packed
		if err := rows.Scan(&p.texts, &p.sizes, &p.numbers, &p.others); err != nil { // all are NULL where there is no row
			return err
		}
		return p.each(each)
	})
}

// packed is rows as SQLite packs them: texts one behind the other, numbers as digits with commas between them.
type packed struct{ texts, sizes, numbers, others sql.RawBytes }

var errPacked = errors.New("rows are not packed as they are read")

func (p packed) each(each func(text []byte, number, other int64) error) error {
	for len(p.sizes) > 0 {
		size := take(&p.sizes)
		if size < 0 || size > int64(len(p.texts)) || len(p.numbers) == 0 || len(p.others) == 0 {
			return errPacked
		}
		if err := each(p.texts[:size], take(&p.numbers), take(&p.others)); err != nil {
			return err
		}
		p.texts = p.texts[size:]
	}
	if len(p.texts)+len(p.numbers)+len(p.others) > 0 {
		return errPacked
	}
	return nil
}

// take takes the first number off, as SQLite writes numbers.
func take(numbers *sql.RawBytes) (n int64) {
	digits := *numbers
	minus := len(digits) > 0 && digits[0] == '-'
	i := 0
	if minus {
		i = 1
	}
	for ; i < len(digits) && digits[i] != ','; i++ {
		n = n*10 + int64(digits[i]-'0')
	}
	*numbers = digits[min(i+1, len(digits)):]
	if minus {
		return -n
	}
	return n
}
