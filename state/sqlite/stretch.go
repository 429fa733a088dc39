package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/state/ledger"
)

// stretch reads the short forms of an entity's links from one key to another, in order, and says how many there were.
func stretch(ctx context.Context, db *sql.DB, entity, from string, to any, most int,
	each func(key []byte, ref bridge.LinkRef)) (n int, err error) {
	var before []byte
	err = packing{"key", []string{"id", "print"}}.each(ctx, db,
		`FROM (SELECT key, id, print FROM links WHERE entity = ? AND key >= ? AND key <= ? ORDER BY entity, key LIMIT ?)`,
		[]any{entity, from, to, most}, func(key []byte, of []int64) error {
			if n > 0 && bytes.Compare(before, key) >= 0 {
				return errPacked // SQLite would pack otherwise than in the order in which it finds
			}
			n, before = n+1, key
			each(key, bridge.LinkRef{ID: of[0], Fingerprint: of[1]})
			return nil
		})
	return n, err
}

// Contents implements ledger.Edition. Links that were made in the order of a file stand one behind the other; others are looked for by
// their numbers.
func (f *file) Contents(ctx context.Context, links []int64, each func(i int, content string) error) error {
	if from, to := links[0], links[len(links)-1]; slices.IsSorted(links) && to-from < int64(len(links)+len(links)/4) {
		return packing{"content", []string{"link"}}.each(ctx, f.read, `FROM accepted WHERE link BETWEEN ? AND ?`, []any{from, to},
			func(content []byte, of []int64) (err error) {
				for i, _ := slices.BinarySearch(links, of[0]); i < len(links) && links[i] == of[0] && err == nil; i++ {
					err = each(i, string(content))
				}
				return err
			})
	}
	return packing{"a.content", []string{"j.key"}}.each(ctx, f.read,
		`FROM json_each(?) j CROSS JOIN accepted a ON a.link = CAST(j.value AS BIGINT)`, []any{ledger.Numbers(links)},
		func(content []byte, of []int64) error { return each(int(of[0]), string(content)) })
}

// packing has SQLite pack a text and numbers of many rows into a few texts: to take each row over by itself would cost more than to find
// it.
type packing struct {
	text    string
	numbers []string
}

// each walks the rows of a query that says what stands behind the columns. Text and numbers are the query's own: they are gone afterwards.
func (k packing) each(ctx context.Context, db *sql.DB, from string, args []any, each func(text []byte, numbers []int64) error) error {
	query := fmt.Sprintf(`SELECT CAST(group_concat(%s, '') AS BLOB), CAST(group_concat(octet_length(%[1]s)) AS BLOB)`, k.text)
	for _, n := range k.numbers {
		query += `, CAST(group_concat(` + n + `) AS BLOB)`
	}
	return ledger.Walk(ctx, db, query+" "+from, args, func(rows *sql.Rows) error {
		p := packed{numbers: make([]sql.RawBytes, len(k.numbers))}
		into := []any{&p.texts, &p.sizes}
		for i := range p.numbers {
			into = append(into, &p.numbers[i])
		}
		if err := rows.Scan(into...); err != nil { // all are NULL where there is no row
			return err
		}
		return p.each(each)
	})
}

// packed is rows as SQLite packs them: texts one behind the other, numbers as digits with commas between them.
type packed struct {
	texts, sizes sql.RawBytes
	numbers      []sql.RawBytes
}

var errPacked = errors.New("rows are not packed as they are read")

func (p packed) each(each func(text []byte, numbers []int64) error) error {
	row := make([]int64, len(p.numbers))
	for len(p.sizes) > 0 {
		size := take(&p.sizes)
		if size < 0 || size > int64(len(p.texts)) {
			return errPacked
		}
		for i := range p.numbers {
			if len(p.numbers[i]) == 0 {
				return errPacked
			}
			row[i] = take(&p.numbers[i])
		}
		if err := each(p.texts[:size], row); err != nil {
			return err
		}
		p.texts = p.texts[size:]
	}
	left := len(p.texts)
	for _, n := range p.numbers {
		left += len(n)
	}
	if left > 0 {
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
