package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/state/ledger"
)

var errOrder = errors.New("links are not read in their order")

// stretch reads the short forms of an entity's links from one key to another, in order, and says how many there were.
func stretch(ctx context.Context, db *sql.DB, entity, from string, to any, most int,
	each func(key []byte, ref bridge.LinkRef)) (n int, err error) {
	var before []byte
	err = packing{"key", []string{"id", "print"}}.each(ctx, db,
		`FROM (SELECT key, id, print FROM links WHERE entity = ? AND key >= ? AND key <= ? ORDER BY entity, key LIMIT ?)`,
		[]any{entity, from, to, most}, func(key []byte, of []int64) error {
			if n > 0 && bytes.Compare(before, key) >= 0 {
				return errOrder // SQLite would pack otherwise than in the order in which it finds
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
// it. No text of the ledger has a NUL; where the disk has put one there, rows are taken over one by one.
type packing struct {
	text    string
	numbers []string
}

// each walks the rows of a query that says what stands behind the columns. Text and numbers are the query's own: they are gone afterwards.
func (k packing) each(ctx context.Context, db *sql.DB, from string, args []any, each func(text []byte, numbers []int64) error) error {
	query := `SELECT CAST(group_concat(` + k.text + `, char(0)) AS BLOB)`
	for _, n := range k.numbers {
		query += `, CAST(group_concat(` + n + `) AS BLOB)`
	}
	whole := true
	err := ledger.Walk(ctx, db, query+" "+from, args, func(rows *sql.Rows) error {
		p := packed{numbers: make([]sql.RawBytes, len(k.numbers))}
		into := []any{&p.texts}
		for i := range p.numbers {
			into = append(into, &p.numbers[i])
		}
		if err := rows.Scan(into...); err != nil { // all are NULL where there is no row
			return err
		}
		if whole = p.whole(); !whole {
			return nil
		}
		return p.each(each)
	})
	if err != nil || whole {
		return err
	}
	return k.one(ctx, db, from, args, each)
}

// one takes the rows over one by one.
func (k packing) one(ctx context.Context, db *sql.DB, from string, args []any, each func(text []byte, numbers []int64) error) error {
	var text sql.RawBytes
	numbers := make([]int64, len(k.numbers))
	into := []any{&text}
	for i := range numbers {
		into = append(into, &numbers[i])
	}
	query := `SELECT CAST(` + k.text + ` AS BLOB), ` + strings.Join(k.numbers, ", ")
	return ledger.Walk(ctx, db, query+" "+from, args, func(rows *sql.Rows) error {
		if err := rows.Scan(into...); err != nil {
			return err
		}
		return each(text, numbers)
	})
}

// packed is rows as SQLite packs them: texts with a NUL between them, numbers as digits with commas between them.
type packed struct {
	texts   sql.RawBytes
	numbers []sql.RawBytes
}

// whole says that there are as many texts as numbers of each kind.
func (p packed) whole() bool {
	texts := bytes.Count(p.texts, []byte{0})
	for _, n := range p.numbers {
		if bytes.Count(n, []byte{','}) != texts || len(n) == 0 && len(p.texts) > 0 {
			return false
		}
	}
	return true
}

func (p packed) each(each func(text []byte, numbers []int64) error) error {
	row := make([]int64, len(p.numbers))
	for rest := p.texts; len(p.numbers[0]) > 0; {
		var text []byte
		text, rest, _ = bytes.Cut(rest, []byte{0})
		for i := range p.numbers {
			row[i] = take(&p.numbers[i])
		}
		if err := each(text, row); err != nil {
			return err
		}
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
