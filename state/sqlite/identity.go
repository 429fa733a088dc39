package sqlite

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

const (
	identityNote = "identity"
	identitySize = 12 // characters of five bits

	generationNote = "generation"
	programNote    = "program"

	personsNote = "identity of persons" // the key of pseudonyms; who has the ledger has it, too: this is no encryption
)

// Identity tells this ledger from every other: small letters and digits, made with the ledger and kept in it. It is empty
// for a ledger of an earlier program that was opened for reading.
func (f *file) Identity() string { return f.identity }

// Generation is which life of the ledger this is: 1 for its first, and one more each time that an older state of it was put back.
func (f *file) Generation() int64 { return f.life }

// identify reads what makes this ledger another than all others, and makes up what it lacks. The ledger keeps which program has
// opened it to write.
func (f *file) identify(ctx context.Context, program string) (err error) {
	err = errors.Join(f.own(ctx, identityNote, strings.ToLower(rand.Text()[:identitySize]), &f.identity),
		f.own(ctx, personsNote, rand.Text(), &f.persons))
	if err != nil {
		return err
	}
	if f.life, err = f.readGeneration(ctx); err != nil || f.write == nil || program == "" {
		return err
	}
	var noted string
	if err := f.own(ctx, programNote, program, &noted); err != nil || noted == program {
		return err
	}
	return journal{f}.Note(ctx, programNote, program)
}

// readGeneration is 1 where the ledger says nothing of it.
func (f *file) readGeneration(ctx context.Context) (int64, error) {
	var text string
	err := f.read.QueryRowContext(ctx, `SELECT text FROM notes WHERE name = ?`, generationNote).Scan(&text)
	if errors.Is(err, sql.ErrNoRows) {
		return 1, nil
	}
	if err != nil {
		return 0, wrap("read the ledger's generation", trouble(err))
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 1 {
		return 0, fmt.Errorf("read the ledger's generation: %q is none", text)
	}
	return n, nil
}

// Renew begins another life of the ledger, because it was put back: see [Copied.Renew].
func (f *file) Renew(ctx context.Context, generation int64, at time.Time, why string) error {
	err := (&Copied{f.path, f.write}).Renew(ctx, generation, at, why)
	if err == nil {
		f.life = generation
	}
	return err
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
