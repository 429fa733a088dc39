package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"os"
	"syscall"
	"time"

	sqlite3 "github.com/mattn/go-sqlite3"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/state/ledger"
)

// copiedAtOnce is how many pages are copied between two looks at the context: 4 MB.
const copiedAtOnce = 1024

// Copy writes the ledger in a file as it is at one moment into a new file, while others go on writing, by SQLite's own way of making
// backups (https://www.sqlite.org/backup.html). The copy is one file, without a log beside it.
func Copy(ctx context.Context, ledger, path string) (err error) {
	made, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL|syscall.O_NOFOLLOW, 0o600)
	if err == nil {
		err = made.Close()
	}
	if err != nil {
		return wrap("copy ledger", err)
	}
	from, err := open(ledger, "_query_only=1&_busy_timeout=5000&_cache_size=-1000")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	to, err := open(path, "_busy_timeout=5000&_synchronous=OFF&_cache_size=-1000")
	if err != nil {
		return err
	}
	err = errors.Join(copyPages(ctx, to, from), to.Close())
	return wrap("copy ledger", trouble(err))
}

// copyPages copies within one reading transaction, so that it sees one moment, and nobody's writing has it begin anew.
func copyPages(ctx context.Context, to, from *sql.DB) (err error) {
	source, err := from.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	target, err := to.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, target.Close()) }()
	if _, err := source.ExecContext(ctx, `BEGIN; SELECT count(*) FROM sqlite_master`); err != nil {
		return err
	}
	defer func() {
		_, endErr := source.ExecContext(context.WithoutCancel(ctx), `ROLLBACK`)
		err = errors.Join(err, endErr)
	}()
	return target.Raw(func(dst any) error {
		return source.Raw(func(src any) error {
			b, err := dst.(*sqlite3.SQLiteConn).Backup("main", src.(*sqlite3.SQLiteConn), "main")
			if err != nil {
				return err
			}
			for done := false; !done && err == nil; {
				if done, err = b.Step(copiedAtOnce); err == nil {
					err = ctx.Err()
				}
			}
			return errors.Join(err, b.Finish())
		})
	})
}

// A Head is what a ledger says of itself.
type Head struct {
	Identity   string
	Generation int64
	Migrations []string // names of those that were applied, sorted
}

// Schema is the last migration that was applied.
func (h Head) Schema() string {
	if len(h.Migrations) == 0 {
		return ""
	}
	return h.Migrations[len(h.Migrations)-1]
}

// A Copied ledger is a file that nobody else works with: the copy in a backup. Its schema may be an older one.
type Copied struct {
	path string
	db   *sql.DB
}

// OpenCopied opens a copy to look at it and to prepare it.
func OpenCopied(path string) (*Copied, error) {
	db, err := open(path, "_journal_mode=DELETE&_synchronous=FULL&_secure_delete=on&_busy_timeout=5000&_foreign_keys=off&_cache_size=-4000")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	return &Copied{path, db}, nil
}

// Close ends the connection.
func (c *Copied) Close() error { return c.db.Close() }

// Head reads what the copy says of itself. A file that is no ledger is refused, and so is one of a newer program.
func (c *Copied) Head(ctx context.Context) (h Head, err error) {
	f := &file{path: c.path, read: c.db}
	if err := f.recognise(ctx, false); err != nil {
		return h, err
	}
	schema, err := f.schema(ctx)
	if err != nil {
		return h, err
	}
	h.Migrations = schema.applied
	const note = `SELECT text FROM notes WHERE name = ?`
	if err := c.db.QueryRowContext(ctx, note, ledger.IdentityNote).Scan(&h.Identity); err != nil && !errors.Is(err, sql.ErrNoRows) {
		return h, wrap("read ledger "+c.path, trouble(err))
	}
	h.Generation, err = ledger.ReadGeneration(ctx, c.db)
	return h, trouble(err)
}

// Check reads the copy from end to end.
func (c *Copied) Check(ctx context.Context) error { return checkWhole(ctx, c.db, c.path) }

// Renew makes the copy the ledger of another life: see [ledger.Renew].
func (c *Copied) Renew(ctx context.Context, generation int64, at time.Time, why string) error {
	err := inTx(ctx, c.db, func(tx *sql.Tx) error { return ledger.Renew(ctx, tx, generation, at, why) })
	return wrap("renew ledger", trouble(err))
}

// Needed lists the spooled files that nobody but the spool has any more, by their names with the sha256 of each, "" where it is
// not known; the copy forgets the others: they are fetched again from where they were put away.
func (c *Copied) Needed(ctx context.Context) (map[string]string, error) {
	needed := map[string]string{}
	var forgotten []int64
	made := `made`
	var known bool // by an early program no drops were made
	err := c.db.QueryRowContext(ctx, `SELECT count(*) > 0 FROM pragma_table_info('drops') WHERE name = 'made'`).Scan(&known)
	if !known {
		made = `''`
	}
	if err != nil {
		return nil, wrap("list spooled files", trouble(err))
	}
	query := `SELECT id, remote, path, state, finish, ` + made + `, spool, sha256 FROM drops WHERE spool <> ''`
	err = ledger.Walk(ctx, c.db, query, nil, func(rows *sql.Rows) error {
		var d bridge.Drop
		if err := rows.Scan(&d.ID, &d.Remote, &d.Path, &d.State, &d.Finish, &d.Made, &d.Spool, &d.SHA256); err != nil {
			return err
		}
		if d.State.Settled() && d.Finish == "" && d.Made == "" && d.Remote != bridge.ByHand && d.Path != "" {
			forgotten = append(forgotten, d.ID)
		} else {
			needed[d.Spool] = d.SHA256
		}
		return nil
	})
	if err != nil {
		return nil, wrap("list spooled files", trouble(err))
	}
	text, err := json.Marshal(forgotten)
	if err == nil && len(forgotten) > 0 {
		_, err = c.db.ExecContext(ctx, `UPDATE drops SET spool = '' WHERE id IN (SELECT value FROM json_each(?))`, string(text))
	}
	return needed, wrap("list spooled files", trouble(err))
}
