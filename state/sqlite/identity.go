package sqlite

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"strings"
)

const (
	identityNote = "identity"
	identitySize = 12 // characters of five bits

	personsNote = "identity of persons" // the key of pseudonyms; who has the ledger has it, too: this is no encryption
)

// Identity tells this ledger from every other: small letters and digits, made with the ledger and kept in it. It is empty
// for a ledger of an earlier program that was opened for reading.
func (f *file) Identity() string { return f.identity }

// identify reads what makes this ledger another than all others, and makes up what it lacks.
func (f *file) identify(ctx context.Context) error {
	return errors.Join(f.own(ctx, identityNote, strings.ToLower(rand.Text()[:identitySize]), &f.identity),
		f.own(ctx, personsNote, rand.Text(), &f.persons))
}

// own reads a word of the ledger's own, which is the one that was made first.
func (f *file) own(ctx context.Context, note, made string, word *string) error {
	const query = `SELECT text FROM notes WHERE name = ?`
	err := f.read.QueryRowContext(ctx, query, note).Scan(word)
	if !errors.Is(err, sql.ErrNoRows) {
		return wrap("read the ledger's "+note, err)
	}
	if f.write == nil {
		return nil
	}
	return f.tx(ctx, "make the ledger's "+note, func(tx statements) error {
		if _, err := tx.ExecContext(ctx, `INSERT OR IGNORE INTO notes VALUES (?, ?)`, note, made); err != nil {
			return err
		}
		return tx.QueryRowContext(ctx, query, note).Scan(word)
	})
}
