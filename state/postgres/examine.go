package postgres

import (
	"context"
	"errors"
	"io/fs"
	"slices"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/state/ledger"
)

// Examined is what a ledger says of itself, and how large it is.
type Examined struct {
	Database   string // host, database and schema
	Identity   string
	Generation int64
	Schema     string   // the last migration that was applied
	Missing    []string // migrations that this program would apply
	Size       ledger.Size
}

// look opens a ledger of whatever schema, to look at it beside whoever works with it.
func look(ctx context.Context, address string) (*database, error) {
	d, err := connect(address)
	if err != nil {
		return nil, err
	}
	there, err := d.there(ctx)
	if err == nil && !there {
		err = &bridge.Error{Op: "open ledger", Object: d.place(), Err: fs.ErrNotExist, Hint: "check state.postgres, or start `orobridge run`"}
	}
	if err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

// Examine looks at the ledger at an address.
func Examine(ctx context.Context, address string) (x *Examined, err error) {
	d, err := look(ctx, address)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	x = &Examined{Database: d.place()}
	if x.Missing, err = d.missing(ctx); err != nil {
		return nil, err
	}
	for _, m := range slices.Backward(known()) {
		if !slices.Contains(x.Missing, m.name) {
			x.Schema = m.name
			break
		}
	}
	notes, err := ledger.ReadNotes(ctx, d.read)
	if err != nil {
		return nil, err
	}
	x.Identity, x.Size.Program = notes[ledger.IdentityNote], notes[ledger.ProgramNote]
	if x.Generation, err = ledger.ReadGeneration(ctx, d.read); err != nil {
		return nil, err
	}
	if x.Size.Rows, err = ledger.Count(ctx, d.read); err != nil {
		return nil, err
	}
	return x, d.read.QueryRowContext(ctx, `SELECT (SELECT CAST(coalesce(sum(pg_total_relation_size(c.oid)), 0) AS BIGINT) FROM pg_class c
			WHERE c.relkind = 'r' AND c.relnamespace = to_regnamespace(current_schema())),
		(SELECT min(at) FROM migrations), coalesce((SELECT min(at) FROM events), 0), coalesce((SELECT max(at) FROM events), 0)`).
		Scan(&x.Size.Bytes, ledger.Time(&x.Size.Made), ledger.Time(&x.Size.Oldest), ledger.Time(&x.Size.Newest))
}

// Faults looks at the ledger at an address from end to end and hands on what is wrong: what was looked at, and what was found.
func Faults(ctx context.Context, address string, each func(what string, faults []string) error) error {
	d, err := look(ctx, address)
	if err != nil {
		return err
	}
	return errors.Join(ledger.Faults(ctx, d.walks, each), d.Close())
}
