package sqlite

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/state/ledger"
)

//go:embed migrations/*.sql
var migrations embed.FS

// migrate applies the numbered files that the ledger does not have yet, with their checksums, all of them or none: a ledger is never
// half another program's. before is called ahead of them, unless the ledger is new.
func (f *file) migrate(ctx context.Context, before func(ctx context.Context, missing []string) error) error {
	_, err := f.write.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS migrations
		(name TEXT PRIMARY KEY, sha256 TEXT NOT NULL, at INTEGER NOT NULL)`)
	if err != nil {
		return err
	}
	s, err := f.schema(ctx)
	if err != nil {
		return err
	}
	if before != nil && len(s.applied) > 0 && len(s.missing) > 0 {
		if err := before(ctx, s.missing); err != nil {
			return err
		}
	}
	if len(s.missing) == 0 {
		return nil
	}
	return inTx(ctx, f.write, func(tx *sql.Tx) error {
		for _, name := range s.missing {
			text, err := migrations.ReadFile("migrations/" + name)
			if err == nil {
				_, err = tx.ExecContext(ctx, string(text))
			}
			if err == nil {
				_, err = tx.ExecContext(ctx, `INSERT INTO migrations VALUES (?, ?, ?)`, name, s.sums[name], time.Now().UnixMilli())
			}
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
		return nil
	})
}

// schema is which migrations a ledger has and lacks, in their order, and the checksums of all that this program knows.
type schema struct {
	applied, missing []string
	sums             map[string]string
}

// schema compares the ledger's migrations with those that this program knows. It refuses a ledger of a newer program, and one
// to which something else was applied under a name that is known.
func (f *file) schema(ctx context.Context) (s schema, err error) {
	applied, err := appliedMigrations(ctx, f.read)
	if err != nil {
		return s, fmt.Errorf("read ledger's schema: %w", trouble(err))
	}
	names, sums, err := knownMigrations()
	if err != nil {
		return s, err
	}
	s.sums = sums
	s.applied = slices.Sorted(maps.Keys(applied))
	for _, name := range s.applied {
		if sums[name] == "" {
			return s, f.newer(ctx, name)
		}
		if sums[name] != applied[name] {
			return s, fmt.Errorf("migration %s is not the one that was applied to this ledger", name)
		}
	}
	s.missing = slices.DeleteFunc(names, func(name string) bool { return applied[name] != "" })
	return s, nil
}

// newer is the error of a ledger that a newer program has written: it names that program.
func (f *file) newer(ctx context.Context, migration string) error {
	program := "a newer orobridge"
	var noted string
	err := f.read.QueryRowContext(ctx, `SELECT text FROM notes WHERE name = ?`, ledger.ProgramNote).Scan(&noted)
	if err == nil && noted != "" {
		program = "orobridge " + noted
	}
	return &bridge.Error{Op: "open ledger", Object: f.path,
		Err:  fmt.Errorf("%s has written it, which is newer than this program: it has migration %s", program, migration),
		Hint: "install " + program + " again, or restore the backup that was made before the upgrade"}
}

func appliedMigrations(ctx context.Context, db *sql.DB) (map[string]string, error) {
	rows, err := db.QueryContext(ctx, `SELECT name, sha256 FROM migrations`)
	if err != nil {
		return nil, err
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

func knownMigrations() (names []string, sums map[string]string, err error) {
	paths, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return nil, nil, err
	}
	slices.Sort(paths)
	sums = map[string]string{}
	for _, p := range paths {
		text, err := migrations.ReadFile(p)
		if err != nil {
			return nil, nil, err
		}
		sum := sha256.Sum256(text)
		name := filepath.Base(p)
		names, sums[name] = append(names, name), hex.EncodeToString(sum[:])
	}
	return names, sums, nil
}

// checkVersion refuses a ledger whose schema is not exactly this program's: a reader must not guess.
func (f *file) checkVersion(ctx context.Context) error {
	s, err := f.schema(ctx)
	if err == nil && len(s.missing) > 0 {
		err = &bridge.Error{Op: "open ledger", Object: f.path,
			Err:  errors.New("an older program has written it, and its schema is an earlier one"),
			Hint: "bring it up to date: `orobridge state migrate`, or start `orobridge run` once"}
	}
	return err
}

// Pending tells which migrations the ledger in a file lacks, and changes nothing.
func Pending(ctx context.Context, path string) (missing []string, err error) {
	db, err := open(path, "_query_only=1&_busy_timeout=5000&_cache_size=-1000")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	f := &file{path: path, read: db}
	if err := f.recognise(ctx, false); err != nil {
		return nil, err
	}
	s, err := f.schema(ctx)
	return s.missing, err
}
