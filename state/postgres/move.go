package postgres

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/state/ledger"
)

// What a ledger that is carried over from one database to another is asked and told.

// Reader reads the ledger's tables.
func (l *Ledger) Reader() *sql.DB { return l.database.walks }

// Clear takes out the notes, but for the one that the ledger is being carried over.
func (l *Ledger) Clear(ctx context.Context) error {
	_, err := l.database.write.ExecContext(ctx, `DELETE FROM notes WHERE name <> ?`, ledger.MovingNote)
	return err
}

// Put enters rows, as they come over the wire at once: all of them or none.
func (l *Ledger) Put(ctx context.Context, t ledger.Table, rows [][]any) error {
	c, err := l.database.write.Conn(ctx)
	if err != nil {
		return broken(err)
	}
	binary, err := l.binary(ctx, t.Name)
	if err != nil {
		return errors.Join(err, closed(c))
	}
	for _, row := range rows {
		for i, v := range row {
			switch x := v.(type) {
			case string:
				row[i] = storable(x)
				if binary[t.Columns[i]] {
					row[i] = []byte(x)
				}
			case []byte:
				if !binary[t.Columns[i]] {
					row[i] = storable(string(x))
				}
			}
		}
	}
	err = c.Raw(func(dc any) error {
		_, err := dc.(*conn).pgx().CopyFrom(ctx, pgx.Identifier{l.database.schema, t.Name}, t.Columns, pgx.CopyFromRows(rows))
		return dc.(*conn).trouble(ctx, err)
	})
	return errors.Join(broken(err), closed(c))
}

// binary are the columns of a table that hold bytes.
func (l *Ledger) binary(ctx context.Context, table string) (map[string]bool, error) {
	columns := map[string]bool{}
	err := ledger.Walk(ctx, l.database.read, `SELECT column_name FROM information_schema.columns
		WHERE table_schema = current_schema() AND table_name = ? AND data_type = 'bytea'`, []any{table}, func(rows *sql.Rows) error {
		var name string
		err := rows.Scan(&name)
		columns[name] = true
		return err
	})
	return columns, err
}

// numbered are the tables that number their rows, with the sequences that do; but the audit, which does it itself.
const numberedTables = `SELECT t.relname, s.relname FROM pg_class s JOIN pg_depend d ON d.objid = s.oid AND d.deptype = 'i'
	JOIN pg_class t ON t.oid = d.refobjid WHERE s.relkind = 'S' AND s.relnamespace = to_regnamespace(current_schema())`

// Numbers are the highest that rows of tables ever had, by table.
func (l *Ledger) Numbers(ctx context.Context) (map[string]int64, error) {
	numbers := map[string]int64{}
	query := `SELECT n.relname, q.last_value FROM (` + numberedTables + `) n (relname, sequence)
		JOIN pg_sequences q ON q.schemaname = current_schema() AND q.sequencename = n.sequence WHERE q.last_value IS NOT NULL
		UNION ALL SELECT name, seq FROM sqlite_sequence`
	err := ledger.Walk(ctx, l.database.read, query, nil, func(rows *sql.Rows) error {
		var name string
		var n int64
		err := rows.Scan(&name, &n)
		numbers[name] = n
		return err
	})
	return numbers, err
}

// GoOn has tables number their rows from there on.
func (l *Ledger) GoOn(ctx context.Context, numbers map[string]int64) error {
	for table, n := range numbers {
		query := `SELECT setval(to_regclass(n.sequence), greatest(?, 1)) FROM (` + numberedTables + `) n (relname, sequence) WHERE n.relname = ?`
		args := []any{n, table}
		if table == "audit" {
			query, args = `INSERT INTO sqlite_sequence VALUES ('audit', ?) ON CONFLICT (name) DO UPDATE SET seq = excluded.seq`, args[:1]
		}
		if _, err := l.database.write.ExecContext(ctx, query, args...); err != nil {
			return err
		}
	}
	return nil
}

// PutAside gives the schema another name, under which it is found by whoever needs it still.
func PutAside(ctx context.Context, address string, at time.Time) (name string, err error) {
	d, err := connect(address)
	if err != nil {
		return "", err
	}
	name = d.schema + "_moved_" + at.UTC().Format("20060102t150405")
	_, err = d.write.ExecContext(ctx, `ALTER SCHEMA `+d.schema+` RENAME TO `+name)
	return name, errors.Join(err, d.Close())
}

// unmoved refuses a ledger that is being carried over still.
func (d *database) unmoved(ctx context.Context) error {
	notes, err := ledger.ReadNotes(ctx, d.front)
	if err == nil && notes[ledger.MovingNote] != "" {
		err = &bridge.Error{Op: "open ledger", Object: d.place(), Err: errors.New("it is being carried over from another ledger"),
			Hint: "let `orobridge state move` come to its end: the same command goes on where it stopped"}
	}
	return err
}
