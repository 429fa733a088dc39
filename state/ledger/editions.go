package ledger

import (
	"context"
	"database/sql"
	"time"
)

// What editions say in their own statements as the ledger does.

// Walk runs a reading query and hands its rows on, one by one.
func Walk(ctx context.Context, db *sql.DB, query string, args []any, row func(*sql.Rows) error) error {
	return walk(ctx, db, query, args, row)
}

// List is a parameter of many texts, for json_each.
func List(texts []string) string { return list(texts) }

// Millis is a time as the ledger keeps it: unix milliseconds, with 0 for the zero time.
func Millis(t time.Time) int64 { return millis(t) }

// Time scans what [Millis] has made into a time.
func Time(t *time.Time) sql.Scanner { return stamp{t} }

// ReadNotes reads all notes.
func ReadNotes(ctx context.Context, db *sql.DB) (map[string]string, error) {
	return journal{&database{front: db}}.Notes(ctx)
}

// Numbers is a parameter of many numbers, for json_each.
func Numbers(ids []int64) string { return numbers(ids) }

// RowsOf are the values of n rows of a statement.
func RowsOf(n int, row string) string { return rowsOf(n, row) }
