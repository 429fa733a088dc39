package postgres

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// The stores speak SQL as SQLite understands it, through database/sql. Here it is put into PostgreSQL's: parameters get their
// numbers, a CROSS JOIN (by which SQLite is told the order) is a join, truths are 1 and 0, texts may hold any bytes, and what goes wrong
// gets its fate. What statements call that PostgreSQL does not have stands in the schema.

// connector opens connections that speak so.
type connector struct{ driver.Connector }

func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	opened, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, trouble(ctx, err, true)
	}
	return &conn{opened.(*stdlib.Conn)}, nil
}

// conn is a connection that speaks so.
type conn struct{ *stdlib.Conn }

// pgx is the connection itself.
func (c *conn) pgx() *pgx.Conn { return c.Conn.Conn() }

func (c *conn) trouble(ctx context.Context, err error) error {
	return trouble(ctx, err, c.pgx().IsClosed())
}

// CheckNamedValue implements driver.NamedValueChecker.
func (c *conn) CheckNamedValue(v *driver.NamedValue) (err error) {
	v.Value, err = parameter(v.Value)
	return err
}

// parameter is a parameter of a statement as PostgreSQL gets it.
func parameter(v any) (driver.Value, error) {
	value, err := driver.DefaultParameterConverter.ConvertValue(v)
	switch x := value.(type) {
	case bool:
		if x {
			return int64(1), err
		}
		return int64(0), err
	case string:
		return storable(x), err
	}
	return value, err
}

// ExecContext implements driver.ExecerContext.
func (c *conn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	res, err := c.Conn.ExecContext(ctx, said(query), args)
	return res, c.trouble(ctx, err)
}

// QueryContext implements driver.QueryerContext.
func (c *conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	found, err := c.Conn.QueryContext(ctx, said(query), args)
	if err != nil {
		return nil, c.trouble(ctx, err)
	}
	return &rows{found, ctx, c}, nil
}

// rows are what a query found.
type rows struct {
	driver.Rows
	ctx  context.Context // of the query
	conn *conn
}

// Next implements driver.Rows.
func (r *rows) Next(dest []driver.Value) error {
	if err := r.Rows.Next(dest); err != nil {
		if errors.Is(err, io.EOF) {
			return io.EOF
		}
		return r.conn.trouble(r.ctx, err)
	}
	for i, v := range dest {
		if text, ok := v.(string); ok {
			dest[i] = stored(text)
		}
	}
	return nil
}

// Close implements driver.Rows.
func (r *rows) Close() error { return r.conn.trouble(r.ctx, r.Rows.Close()) }

// said puts a statement as PostgreSQL understands it.
func said(query string) string { return numbered(strings.ReplaceAll(query, "CROSS JOIN", "JOIN")) }

// numbered gives the parameters of a statement PostgreSQL's form: ?2 is $2, and ? is the one behind the highest before it.
func numbered(query string) string {
	if strings.IndexByte(query, '?') < 0 {
		return query
	}
	var b strings.Builder
	b.Grow(len(query) + 16)
	highest := 0
	for i := 0; i < len(query); i++ {
		switch c := query[i]; c {
		case '\'', '"': // to its end; a doubled quote begins another one
			end := strings.IndexByte(query[i+1:], c)
			if end < 0 {
				return b.String() + query[i:]
			}
			b.WriteString(query[i : i+end+2])
			i += end + 1
		case '?':
			digits := i + 1
			for digits < len(query) && '0' <= query[digits] && query[digits] <= '9' {
				digits++
			}
			n, err := strconv.Atoi(query[i+1 : digits])
			if err != nil {
				n = highest + 1
			}
			highest = max(highest, n)
			b.WriteByte('$')
			b.WriteString(strconv.Itoa(n))
			i = digits - 1
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// PostgreSQL's texts are UTF-8 without NUL. A byte that can't stand there is kept as a character of its own, U+10FF00 and so many,
// and so are the bytes of these characters themselves: what is stored comes back as it was, and two texts are never one. Texts with
// such bytes sort behind all others.
const firstByte = '\U0010FF00'

func storable(s string) string {
	plain := utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 && !strings.Contains(s, "\U0010FF00"[:2])
	if plain {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		if r != 0 && r < firstByte && (r != utf8.RuneError || n > 1) {
			b.WriteString(s[i : i+n])
		} else {
			for _, c := range []byte(s[i : i+n]) {
				b.WriteRune(firstByte + rune(c))
			}
		}
		i += n
	}
	return b.String()
}

func stored(s string) string {
	if !strings.Contains(s, "\U0010FF00"[:2]) {
		return s
	}
	b := make([]byte, 0, len(s))
	for _, r := range s {
		if r >= firstByte {
			b = append(b, byte(r-firstByte))
		} else {
			b = utf8.AppendRune(b, r)
		}
	}
	return string(b)
}
