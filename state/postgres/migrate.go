package postgres

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/state/ledger"
)

// Migrations have the names of those of state/sqlite, from 016 on, which holds all before.
//
//go:embed migrations/*.sql
var migrations embed.FS

// byBytes has texts be sorted by their bytes, whatever the database's collation is.
const byBytes = `DO $$ DECLARE c record; BEGIN
	FOR c IN SELECT t.relname, a.attname FROM pg_attribute a JOIN pg_class t ON t.oid = a.attrelid
		JOIN pg_namespace n ON n.oid = t.relnamespace JOIN pg_collation o ON o.oid = a.attcollation
		WHERE n.nspname = current_schema() AND t.relkind = 'r' AND a.attnum > 0 AND o.collname <> 'C'
			AND t.relname NOT LIKE 'river\_%'
	LOOP
		EXECUTE format('ALTER TABLE %I ALTER COLUMN %I TYPE text COLLATE "C"', c.relname, c.attname);
	END LOOP;
END $$`

// there says whether the schema holds a ledger: whether its tables can be named. A ledger that another bridge has made right now stands in
// pg_tables a moment before that: sessions hear of new names once the transaction can be seen.
func (d *database) there(ctx context.Context) (found bool, err error) {
	err = d.read.QueryRowContext(ctx, `SELECT to_regclass('migrations') IS NOT NULL`).Scan(&found)
	return found, err
}

// migrate makes the schema, and applies the numbered files that it does not have yet, in one transaction. A schema that holds
// something else is refused.
func (d *database) migrate(ctx context.Context) error {
	there, err := d.there(ctx)
	if err != nil {
		return err
	}
	if there {
		missing, err := d.missing(ctx)
		if err != nil || len(missing) == 0 {
			return err
		}
	}
	c, err := d.write.Conn(ctx)
	if err != nil {
		return broken(err)
	}
	defer c.Close()
	return inTx(ctx, c, func(exec func(query string, args ...any) error) error {
		if !there {
			if err := d.makeSchema(ctx, c, exec); err != nil {
				return err
			}
		}
		return d.apply(ctx, c, exec)
	})
}

// inTx makes a transaction of statements on a connection.
func inTx(ctx context.Context, c *sql.Conn, do func(exec func(query string, args ...any) error) error) error {
	if err := run(ctx, c, "BEGIN"); err != nil {
		return broken(err)
	}
	err := do(func(query string, args ...any) error {
		_, err := c.ExecContext(ctx, query, args...)
		return err
	})
	if err == nil {
		err = run(ctx, c, "COMMIT")
	}
	if err != nil {
		err = errors.Join(broken(err), broken(run(context.WithoutCancel(ctx), c, "ROLLBACK")))
	}
	return err
}

func (d *database) makeSchema(ctx context.Context, c *sql.Conn, exec func(string, ...any) error) error {
	var there bool
	var tables int
	if err := c.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM pg_namespace WHERE nspname = ?),
		(SELECT count(*) FROM pg_tables WHERE schemaname = ?)`, d.schema, d.schema).Scan(&there, &tables); err != nil {
		return err
	}
	if tables > 0 {
		return &bridge.Error{Op: "make ledger", Object: d.place(), Err: errors.New("it holds something else"),
			Hint: "name another schema in state.postgres: ?search_path=orobridge"}
	}
	if !there {
		if err := exec("CREATE SCHEMA " + d.schema); err != nil {
			return err
		}
	}
	return exec(`CREATE TABLE migrations (name TEXT PRIMARY KEY, sha256 TEXT NOT NULL, at BIGINT NOT NULL)`)
}

// apply applies what the ledger lacks.
func (d *database) apply(ctx context.Context, c *sql.Conn, exec func(string, ...any) error) error {
	applied, err := appliedMigrations(ctx, c)
	if err != nil {
		return err
	}
	for _, m := range d.known {
		if applied[m.name] != "" {
			continue
		}
		err := run(ctx, c, m.text)
		if err == nil {
			err = run(ctx, c, byBytes)
		}
		if err == nil {
			err = exec(`INSERT INTO migrations VALUES (?, ?, ?)`, m.name, m.sum, time.Now().UnixMilli())
		}
		if err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
	}
	return nil
}

// missing lists the migrations that the ledger lacks. It refuses a ledger of a newer program, and one to which something else was
// applied under a name that is known.
func (d *database) missing(ctx context.Context) (missing []string, err error) {
	applied, err := appliedMigrations(ctx, d.read)
	if err != nil {
		return nil, err
	}
	for _, m := range d.known {
		if applied[m.name] == "" {
			missing = append(missing, m.name)
		} else if applied[m.name] != m.sum {
			return nil, fmt.Errorf("migration %s is not the one that was applied to this ledger", m.name)
		}
		delete(applied, m.name)
	}
	for name := range applied {
		return nil, d.newer(ctx, name)
	}
	return missing, nil
}

// newer is the error of a ledger that a newer program has written: it names that program.
func (d *database) newer(ctx context.Context, migration string) error {
	program := "a newer orobridge"
	notes, err := ledger.ReadNotes(ctx, d.read)
	if noted := notes[ledger.ProgramNote]; err == nil && noted != "" {
		program = "orobridge " + noted
	}
	return &bridge.Error{Op: "open ledger", Object: d.place(),
		Err:  fmt.Errorf("%s has written it, which is newer than this program: it has migration %s", program, migration),
		Hint: "install " + program + " again, or restore the dump that was made before the upgrade"}
}

// upToDate refuses a ledger whose schema is not exactly this program's: who does not hold it must not change it, nor guess.
func (d *database) upToDate(ctx context.Context) error {
	missing, err := d.missing(ctx)
	if err == nil && len(missing) > 0 {
		err = &bridge.Error{Op: "open ledger", Object: d.place(),
			Err:  errors.New("an older program has written it, and its schema is an earlier one"),
			Hint: "bring it up to date: `orobridge state migrate`, or start `orobridge run` once"}
		if d.held(ctx) {
			err.(*bridge.Error).Hint = "look at it by that program while " + d.others(ctx) + " work with it; to bring it up to date, stop them " +
				"first: `orobridge help machines`"
		}
	}
	return err
}

func appliedMigrations(ctx context.Context, from interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}) (map[string]string, error) {
	rows, err := from.QueryContext(ctx, `SELECT name, sha256 FROM migrations`)
	if err != nil {
		return nil, fmt.Errorf("read ledger's schema: %w", err)
	}
	defer rows.Close()
	applied := map[string]string{}
	for rows.Next() {
		var name, sum string
		if err := rows.Scan(&name, &sum); err != nil {
			return nil, err
		}
		applied[name] = sum
	}
	return applied, rows.Err()
}

type migration struct{ name, text, sum string }

// known are the migrations of this program, in their order.
func known() []migration {
	paths, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		panic(err) // the pattern is right
	}
	slices.Sort(paths)
	all := make([]migration, len(paths))
	for i, p := range paths {
		text, err := migrations.ReadFile(p)
		if err != nil {
			panic(err) // they are embedded
		}
		sum := sha256.Sum256(text)
		all[i] = migration{path.Base(p), string(text), hex.EncodeToString(sum[:])}
	}
	return all
}
