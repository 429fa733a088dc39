package sqlite

import (
	"context"
	"database/sql"
	"slices"

	"github.com/orobridge/orobridge/state/ledger"
)

// What a ledger that is carried over from one database to another is asked and told.

// Reader reads the ledger's tables.
func (l *Ledger) Reader() *sql.DB { return l.file.walks }

// Tables are those of the ledger but for that of its migrations; what others refer to comes first.
func (l *Ledger) Tables(ctx context.Context) (all []ledger.Table, err error) {
	names, err := tablesOf(ctx, l.file.read)
	if err != nil {
		return nil, wrap("list tables", trouble(err))
	}
	first := []string{"drops", "runs"}
	names = append(first, slices.DeleteFunc(names, func(name string) bool { return slices.Contains(first, name) })...)
	for _, name := range names {
		t := ledger.Table{Name: name}
		keys := map[int]string{}
		err := ledger.Walk(ctx, l.file.read, `SELECT name, pk FROM pragma_table_info(?)`, []any{name}, func(rows *sql.Rows) error {
			var column string
			var place int
			err := rows.Scan(&column, &place)
			if t.Columns = append(t.Columns, column); place > 0 {
				keys[place] = column
			}
			return err
		})
		if err != nil {
			return nil, wrap("list columns of "+name, trouble(err))
		}
		for place := 1; keys[place] != ""; place++ {
			t.Key = append(t.Key, keys[place])
		}
		all = append(all, t)
	}
	return all, nil
}

// Clear takes out the notes, but for the one that the ledger is being carried over.
func (l *Ledger) Clear(ctx context.Context) error {
	_, err := l.file.write.ExecContext(ctx, `DELETE FROM notes WHERE name <> ?`, ledger.MovingNote)
	return wrap("clear notes", trouble(err))
}

// Put enters rows: all of them or none.
func (l *Ledger) Put(ctx context.Context, t ledger.Table, rows [][]any) error {
	err := inTx(ctx, l.file.write, func(tx *sql.Tx) error {
		put, err := tx.PrepareContext(ctx, t.Statement())
		if err != nil {
			return err
		}
		defer put.Close()
		for _, row := range rows {
			if _, err := put.ExecContext(ctx, row...); err != nil {
				return err
			}
		}
		return nil
	})
	return wrap("write "+t.Name, trouble(err))
}

// Numbers are the highest that rows of tables ever had, by table.
func (l *Ledger) Numbers(ctx context.Context) (map[string]int64, error) {
	numbers := map[string]int64{}
	err := ledger.Walk(ctx, l.file.read, `SELECT name, seq FROM sqlite_sequence`, nil, func(rows *sql.Rows) error {
		var name string
		var n int64
		err := rows.Scan(&name, &n)
		numbers[name] = n
		return err
	})
	return numbers, wrap("read numbers", trouble(err))
}

// GoOn has tables number their rows from there on.
func (l *Ledger) GoOn(ctx context.Context, numbers map[string]int64) error {
	err := inTx(ctx, l.file.write, func(tx *sql.Tx) error {
		for table, n := range numbers {
			if _, err := tx.ExecContext(ctx, `DELETE FROM sqlite_sequence WHERE name = ?`, table); err != nil {
				return err
			}
			if _, err := tx.ExecContext(ctx, `INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)`, table, n); err != nil {
				return err
			}
		}
		return nil
	})
	return wrap("write numbers", trouble(err))
}
