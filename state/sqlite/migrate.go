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
	"path/filepath"
	"slices"
	"time"

	"github.com/orobridge/orobridge/bridge"
)

//go:embed migrations/*.sql
var migrations embed.FS

// migrate applies the numbered files that the ledger does not have yet, each in a transaction with its checksum. A file
// that was applied with another content, or one that this program does not know, stops it.
func migrate(ctx context.Context, db *sql.DB) error {
	_, err := db.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS migrations
		(name TEXT PRIMARY KEY, sha256 TEXT NOT NULL, at INTEGER NOT NULL)`)
	if err != nil {
		return err
	}
	applied, err := appliedMigrations(ctx, db)
	if err != nil {
		return err
	}
	names, sums, err := knownMigrations()
	if err != nil {
		return err
	}
	for name, sum := range applied {
		if sums[name] == "" {
			return fmt.Errorf("the ledger has migration %s, which this program does not know: it was written by a newer orobridge", name)
		}
		if sums[name] != sum {
			return fmt.Errorf("migration %s is not the one that was applied to this ledger", name)
		}
	}
	for _, name := range names {
		if applied[name] != "" {
			continue
		}
		text, err := migrations.ReadFile("migrations/" + name)
		if err != nil {
			return err
		}
		err = inTx(ctx, db, func(tx *sql.Tx) error {
			if _, err := tx.ExecContext(ctx, string(text)); err != nil {
				return err
			}
			_, err := tx.ExecContext(ctx, `INSERT INTO migrations VALUES (?, ?, ?)`, name, sums[name], time.Now().UnixMilli())
			return err
		})
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
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
	applied, err := appliedMigrations(ctx, f.read)
	if err != nil {
		return fmt.Errorf("read ledger's schema: %w", err)
	}
	names, _, err := knownMigrations()
	if err != nil {
		return err
	}
	if len(applied) != len(names) {
		return &bridge.Error{Op: "open ledger", Object: f.path, Err: errors.New("its schema is another program version's"),
			Hint: "start `orobridge run` of the newest version once"}
	}
	return nil
}
