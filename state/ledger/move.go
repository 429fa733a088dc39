package ledger

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
)

// DB is connections to a ledger's database, for those who only hand them on.
type DB = sql.DB

// A Table is one of a ledger's, as it is carried from one database to another.
type Table struct {
	Name    string
	Columns []string
	Key     []string // the columns by which its rows are told apart
}

// MovingNote is the note of a ledger that is being carried over from another one: the identity of that one. Nobody works with it.
const MovingNote = "moving"

func quoted(columns []string) string { return `"` + strings.Join(columns, `", "`) + `"` }

// Statement inserts a row into a table.
func (t Table) Statement() string {
	return fmt.Sprintf(`INSERT INTO %s (%s) VALUES (?%s)`, t.Name, quoted(t.Columns), strings.Repeat(", ?", len(t.Columns)-1))
}

// Rows walks the rows of a table behind a key, in the order of their keys; without a key all of them. A row is only valid until the next
// one: texts are bytes.
func (t Table) Rows(ctx context.Context, db *sql.DB, after []any, each func(row []any) error) error {
	query := fmt.Sprintf(`SELECT %s FROM %s`, quoted(t.Columns), t.Name)
	if after != nil {
		query += fmt.Sprintf(` WHERE (%s) > (?%s)`, quoted(t.Key), strings.Repeat(", ?", len(t.Key)-1))
	}
	return walk(ctx, db, query+" ORDER BY "+quoted(t.Key), after, func(rows *sql.Rows) error {
		row, into := make([]any, len(t.Columns)), make([]any, len(t.Columns))
		for i := range row {
			into[i] = &row[i]
		}
		if err := rows.Scan(into...); err != nil {
			return err
		}
		return each(row)
	})
}

// Last is the key of a table's last row; nil for an empty table.
func (t Table) Last(ctx context.Context, db *sql.DB) (key []any, err error) {
	query := fmt.Sprintf(`SELECT %s FROM %s ORDER BY %s DESC LIMIT 1`, quoted(t.Key), t.Name, strings.Join(quotedEach(t.Key), " DESC, "))
	err = walk(ctx, db, query, nil, func(rows *sql.Rows) error {
		into := make([]any, len(t.Key))
		key = make([]any, len(t.Key))
		for i := range key {
			into[i] = &key[i]
		}
		return rows.Scan(into...)
	})
	return key, err
}

func quotedEach(columns []string) []string {
	all := make([]string, len(columns))
	for i, c := range columns {
		all[i] = `"` + c + `"`
	}
	return all
}

// Sum is what a table holds: how many rows, and a sum of their sha256, which does not depend on their order, nor on the database.
type Sum struct {
	Rows int64
	sum  [4]uint64
}

// String is the sum in hexadecimal digits.
func (s Sum) String() string {
	var b []byte
	for _, n := range s.sum {
		b = binary.BigEndian.AppendUint64(b, n)
	}
	return hex.EncodeToString(b)
}

// Sum reads a whole table.
func (t Table) Sum(ctx context.Context, db *sql.DB) (s Sum, err error) {
	var text []byte
	query := fmt.Sprintf(`SELECT %s FROM %s`, quoted(t.Columns), t.Name)
	raw, into := make([]sql.NullString, len(t.Columns)), make([]any, len(t.Columns))
	for i := range raw {
		into[i] = &raw[i]
	}
	err = walk(ctx, db, query, nil, func(rows *sql.Rows) error {
		if err := rows.Scan(into...); err != nil {
			return err
		}
		text = text[:0]
		for _, v := range raw {
			if !v.Valid {
				text = append(text, 0)
				continue
			}
			text = binary.AppendUvarint(append(text, 1), uint64(len(v.String)))
			text = append(text, v.String...)
		}
		sum := sha256.Sum256(text)
		for i := range s.sum {
			s.sum[i] += binary.BigEndian.Uint64(sum[8*i:])
		}
		s.Rows++
		return nil
	})
	return s, wrap("read table "+t.Name, err)
}
