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
func (l *Ledger) Identity() string { return l.identity }

// identify reads the ledger's identity, and gives it one if it has none.
func (l *Ledger) identify(ctx context.Context) error {
	const query = `SELECT text FROM notes WHERE name = ?`
	err := l.read.QueryRowContext(ctx, query, identityNote).Scan(&l.identity)
	if !errors.Is(err, sql.ErrNoRows) {
		return wrap("read the ledger's identity", err)
	}
	if l.write == nil {
		return nil
	}
	return l.tx(ctx, "give the ledger an identity", func(tx statements) error {
		if _, err := tx.ExecContext(ctx, `INSERT OR IGNORE INTO notes VALUES (?, ?)`, identityNote, strings.ToLower(rand.Text()[:identitySize])); err != nil {
			return fmt.Errorf("write: %w", err)
		}
		return tx.QueryRowContext(ctx, query, identityNote).Scan(&l.identity)
	})
}
