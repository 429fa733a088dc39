package ledger

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/orobridge/orobridge/formats"
)

// millis and fromMillis keep times as unix milliseconds, with 0 for the zero time.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func fromMillis(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// moment is a time as the ledger keeps it.
func moment(t time.Time) time.Time { return fromMillis(millis(t)) }

// stamp scans milliseconds into a time.
type stamp struct{ t *time.Time }

func (s stamp) Scan(v any) error {
	ms, ok := v.(int64)
	if !ok {
		return fmt.Errorf("a time is stored as %T", v)
	}
	*s.t = fromMillis(ms)
	return nil
}

// where collects conditions and their arguments.
type where struct {
	conditions []string
	args       []any
}

func (w *where) add(condition string, args ...any) {
	w.conditions = append(w.conditions, condition)
	w.args = append(w.args, args...)
}

func (w *where) String() string {
	if len(w.conditions) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(w.conditions, " AND ")
}

// filter adds a condition on a value, if a filter names one.
func filter[T comparable](w *where, condition string, value T) {
	var none T
	if value != none {
		w.add(condition, value)
	}
}

// among adds that a column holds one of some texts, if a filter names any.
func among[T ~string](w *where, column string, texts []T) {
	if len(texts) == 0 {
		return
	}
	args := make([]any, len(texts))
	for i, t := range texts {
		args[i] = string(t)
	}
	w.add(column+" IN ("+strings.TrimSuffix(strings.Repeat("?,", len(texts)), ",")+")", args...)
}

// oneOf adds that a column holds one of some texts, if a filter says so.
func oneOf(w *where, column string, texts []string) {
	if texts != nil {
		w.add(column+" IN (SELECT value FROM json_each(?))", list(texts))
	}
}

// tail orders the rows of a query, oldest first, or the first so many of them; of the last so many it reads the newest first, for
// inOrder to turn. 0 is no bound.
func (w *where) tail(by string, first, last int) string {
	switch {
	case last > 0:
		return w.String() + fmt.Sprintf(" ORDER BY %s DESC LIMIT %d", by, last)
	case first > 0:
		return w.String() + fmt.Sprintf(" ORDER BY %s LIMIT %d", by, first)
	}
	return w.String() + " ORDER BY " + by
}

// inOrder is what a query with a tail has read, oldest first.
func inOrder[T any](all []T, last int) []T {
	if last > 0 {
		slices.Reverse(all)
	}
	return all
}

// list is a parameter of many texts, for json_each.
func list[S ~string](texts []S) string {
	size := 2
	for _, t := range texts {
		size += len(t) + len(`"",`)
	}
	b := append(make([]byte, 0, size), '[')
	for i, t := range texts {
		if i > 0 {
			b = append(b, ',')
		}
		b = formats.AppendText(b, string(t))
	}
	return string(append(b, ']'))
}

// content is a content as it is stored.
func content(values []formats.Value) string {
	return string(formats.AppendShort(make([]byte, 0, 128), values))
}

// walk runs a reading query and hands its rows on, one by one.
func walk(ctx context.Context, db *sql.DB, query string, args []any, row func(*sql.Rows) error) error {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := row(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}
