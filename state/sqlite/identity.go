package sqlite

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"strings"
)

const (
	identityNote = "identity"
	identitySize = 12 // characters of five bits
)

// Identity tells this ledger from every other: small letters and digits, made with the ledger and kept in it. It is empty
// for a ledger of an earlier program that was opened for reading.
func (f *file) Identity() string { return f.identity }

// identify reads the ledger's identity, and gives it one if it has none.
func (f *file) identify(ctx context.Context) error {
	const query = `SELECT text FROM notes WHERE name = ?`
	err := f.read.QueryRowContext(ctx, query, identityNote).Scan(&f.identity)
	if !errors.Is(err, sql.ErrNoRows) {
		return wrap("read the ledger's identity", err)
	}
	if f.write == nil {
		return nil
	}
	return f.tx(ctx, "give the ledger an identity", func(tx statements) error {
		made := strings.ToLower(rand.Text()[:identitySize])
		if _, err := tx.ExecContext(ctx, `INSERT OR IGNORE INTO notes VALUES (?, ?)`, identityNote, made); err != nil {
			return fmt.Errorf("write: %w", err)
		}
		return tx.QueryRowContext(ctx, query, identityNote).Scan(&f.identity)
	})
}
