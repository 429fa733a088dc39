package sqlite

import (
	"context"
	"database/sql"
	"errors"

	"github.com/orobridge/orobridge/state/ledger"
)

// An Examined ledger is open to be looked at from end to end, beside whatever else is going on.
type Examined struct{ file }

// Examine opens a ledger for that.
func Examine(ctx context.Context, path string) (*Examined, error) {
	db, err := open(path, "_query_only=1&_busy_timeout=5000&_cache_size=-4000")
	if err != nil {
		return nil, err
	}
	x := &Examined{file{path: path, read: db}}
	if err := x.recognise(ctx, false); err != nil {
		return nil, errors.Join(err, x.Close())
	}
	return x, nil
}

// Size measures the ledger. It walks the tables' shortest indexes.
func (x *Examined) Size(ctx context.Context) (s ledger.Size, err error) {
	err = x.read.QueryRowContext(ctx, `SELECT p.page_count * s.page_size, f.freelist_count * s.page_size,
		(SELECT min(at) FROM migrations), coalesce((SELECT min(at) FROM events), 0), coalesce((SELECT max(at) FROM events), 0),
		coalesce((SELECT text FROM notes WHERE name = ?), '')
		FROM pragma_page_count p, pragma_page_size s, pragma_freelist_count f`, ledger.ProgramNote).
		Scan(&s.Bytes, &s.Free, ledger.Time(&s.Made), ledger.Time(&s.Oldest), ledger.Time(&s.Newest), &s.Program)
	if err == nil {
		s.Rows, err = ledger.Count(ctx, x.read)
	}
	return s, wrap("measure ledger", trouble(err))
}

// Notes reads all notes.
func (x *Examined) Notes(ctx context.Context) (map[string]string, error) {
	return ledger.ReadNotes(ctx, x.read)
}

// Head is what the ledger says of itself.
func (x *Examined) Head(ctx context.Context) (Head, error) {
	return (&Copied{x.path, x.read}).Head(ctx)
}

// Spooled lists the names of spooled files that drops refer to, with the sha256 of each.
func (x *Examined) Spooled(ctx context.Context) (map[string]string, error) {
	named := map[string]string{}
	err := ledger.Walk(ctx, x.read, `SELECT spool, sha256 FROM drops WHERE spool <> ''`, nil, func(rows *sql.Rows) error {
		var name, sum string
		err := rows.Scan(&name, &sum)
		named[name] = sum
		return err
	})
	return named, wrap("list spooled files", trouble(err))
}

// Faults looks at the ledger from end to end and hands on what is wrong: what was looked at, and what was found, in words.
func (x *Examined) Faults(ctx context.Context, each func(what string, faults []string) error) error {
	err := ledger.Find(ctx, x.read, []ledger.Fault{
		{What: "pages and indexes", Query: `SELECT integrity_check FROM pragma_integrity_check WHERE integrity_check <> 'ok'`},
		{What: "references", Query: `SELECT "table" || ' row ' || coalesce(rowid, '?') || ' refers to ' || parent || ', where it is not'
			FROM pragma_foreign_key_check`},
	}, each)
	if err != nil {
		return err
	}
	return ledger.Faults(ctx, x.read, each)
}
