package ledger

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/orobridge/orobridge/bridge"
)

// What a ledger says of itself.
const (
	IdentityNote = "identity"
	ProgramNote  = "program" // version that opened it last to write

	identitySize = 12 // characters of five bits

	generationNote = "generation"

	personsNote = "identity of persons" // the key of pseudonyms; who has the ledger has it, too: this is no encryption
)

// Identity tells this ledger from every other: small letters and digits, made with the ledger and kept in it. It is empty
// for a ledger of an earlier program that was opened for reading.
func (d *database) Identity() string { return d.identity }

// Generation is which life of the ledger this is: 1 for its first, and one more each time that an older state of it was put back.
func (d *database) Generation() int64 { return d.life }

// identify reads what makes this ledger another than all others, and makes up what it lacks. The ledger keeps which program has
// opened it to write.
func (d *database) identify(ctx context.Context, program string) (err error) {
	err = errors.Join(d.own(ctx, IdentityNote, strings.ToLower(rand.Text()[:identitySize]), &d.identity),
		d.own(ctx, personsNote, rand.Text(), &d.persons))
	if err != nil {
		return err
	}
	if d.life, err = ReadGeneration(ctx, d.read); err != nil || !d.writes || program == "" {
		return err
	}
	var noted string
	if err := d.own(ctx, ProgramNote, program, &noted); err != nil || noted == program {
		return err
	}
	return journal{d}.Note(ctx, ProgramNote, program)
}

// ReadGeneration reads a ledger's generation: 1 where it says nothing of it.
func ReadGeneration(ctx context.Context, db *sql.DB) (int64, error) {
	var text string
	err := db.QueryRowContext(ctx, `SELECT text FROM notes WHERE name = ?`, generationNote).Scan(&text)
	if errors.Is(err, sql.ErrNoRows) {
		return 1, nil
	}
	if err != nil {
		return 0, wrap("read the ledger's generation", err)
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 1 {
		return 0, fmt.Errorf("read the ledger's generation: %q is none", text)
	}
	return n, nil
}

// Renew begins another life of the ledger, because it was put back: whatever it knows may be older than the world. Its links count as
// doubtful: what a row says is compared with the shop, and not with what the ledger believes. The journal says why.
func (d *database) Renew(ctx context.Context, generation int64, at time.Time, why string) error {
	err := d.tx(ctx, "renew ledger", func(tx statements) error { return Renew(ctx, tx, generation, at, why) })
	if err == nil {
		d.life = generation
	}
	return err
}

// Renew begins another life of a ledger within a transaction. The schema may be an older one.
func Renew(ctx context.Context, tx interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}, generation int64, at time.Time, why string) error {
	rest, err := json.Marshal(eventRest{Text: why})
	if err != nil {
		return err
	}
	const note = `INSERT INTO notes VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET text = excluded.text`
	for _, step := range []struct {
		query string
		args  []any
	}{
		{note, []any{generationNote, strconv.FormatInt(generation, 10)}},
		{note, []any{bridge.RenewedNote, at.UTC().Format(time.RFC3339Nano)}},
		{`DELETE FROM notes WHERE name = ?`, []any{bridge.AliveNote}}, // whoever was at work then is not now
		{DoubtLinks, nil},
		{`DELETE FROM notes WHERE name LIKE ?`, []any{bridge.RenewedTopPrefix + "%"}},
		{`INSERT INTO notes SELECT '` + bridge.RenewedTopPrefix + `' || l.entity, CAST(max(CAST(a.oro_id AS BIGINT)) AS TEXT)
			FROM links l CROSS JOIN accepted a ON a.link = l.id
			WHERE a.oro_id <> '' AND trim(a.oro_id, '0123456789') = '' GROUP BY l.entity`, nil},
		{`INSERT INTO events (at, kind, rest) VALUES (?, ?, ?)`, []any{millis(at), string(bridge.Noted), string(rest)}},
	} {
		if _, err := tx.ExecContext(ctx, step.query, step.args...); err != nil {
			return err
		}
	}
	return nil
}

// DoubtLinks takes away the fingerprints by which rows count as unchanged: see [bridge.LinkRef].
const DoubtLinks = `UPDATE links SET print = 0`

// own reads a word of the ledger's own, which is the one that was made first.
func (d *database) own(ctx context.Context, note, made string, word *string) error {
	const query = `SELECT text FROM notes WHERE name = ?`
	err := d.read.QueryRowContext(ctx, query, note).Scan(word)
	if !errors.Is(err, sql.ErrNoRows) {
		return wrap("read the ledger's "+note, err)
	}
	if !d.writes {
		return nil
	}
	return d.tx(ctx, "make the ledger's "+note, func(tx statements) error {
		if _, err := tx.ExecContext(ctx, `INSERT INTO notes VALUES (?, ?) ON CONFLICT DO NOTHING`, note, made); err != nil {
			return err
		}
		return tx.QueryRowContext(ctx, query, note).Scan(word)
	})
}
