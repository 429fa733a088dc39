package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"

	"github.com/orobridge/orobridge/bridge"
)

// stretch reads the short forms of an entity's links from one key to another, in order, and says how many there were. SQLite packs all
// of them into a few texts: to take each over by itself would cost more than to find it.
func stretch(ctx context.Context, db *sql.DB, entity, from string, to any, most int,
	each func(key []byte, ref bridge.LinkRef)) (n int, err error) {
	rows, err := db.QueryContext(ctx, `SELECT CAST(group_concat(key, '') AS BLOB), CAST(group_concat(octet_length(key)) AS BLOB),
			CAST(group_concat(id) AS BLOB), CAST(group_concat(print) AS BLOB)
		FROM (SELECT key, id, print FROM links WHERE entity = ? AND key >= ? AND key <= ? ORDER BY entity, key LIMIT ?)`,
		entity, from, to, most)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	for rows.Next() {
		var p packedRefs
		if err := rows.Scan(&p.keys, &p.sizes, &p.ids, &p.prints); err != nil { // all are NULL where there is no link
			return n, err
		}
		if n, err = p.each(each); err != nil {
			return n, err
		}
	}
	return n, rows.Err()
}

// packedRefs are the short forms of links as SQLite packs them: keys one behind the other, numbers as digits with commas between them.
type packedRefs struct{ keys, sizes, ids, prints sql.RawBytes }

// errPacked is no fault of a ledger's: SQLite would pack otherwise than in the order in which it finds links.
var errPacked = errors.New("links are not packed in their order")

func (p packedRefs) each(each func(key []byte, ref bridge.LinkRef)) (n int, err error) {
	var before []byte
	for ; len(p.sizes) > 0; n++ {
		var size int64
		var ref bridge.LinkRef
		if err := errors.Join(take(&p.sizes, &size), take(&p.ids, &ref.ID), take(&p.prints, &ref.Fingerprint)); err != nil {
			return n, fmt.Errorf("%w: %w", errPacked, err)
		}
		if size < 0 || size > int64(len(p.keys)) || n > 0 && bytes.Compare(before, p.keys[:size]) >= 0 {
			return n, errPacked
		}
		before, p.keys = p.keys[:size], p.keys[size:]
		each(before, ref)
	}
	return n, nil
}

// take takes the first number off.
func take(numbers *sql.RawBytes, to *int64) (err error) {
	digits, rest, _ := bytes.Cut(*numbers, []byte{','})
	*to, err = strconv.ParseInt(string(digits), 10, 64)
	*numbers = rest
	return err
}
