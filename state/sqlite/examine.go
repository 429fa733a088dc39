package sqlite

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/formats"
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

// Size is how large a ledger is and what it holds.
type Size struct {
	Bytes   int64            // of its pages
	Free    int64            // of them, bytes that hold nothing
	Rows    map[string]int64 // by table
	Made    time.Time        // when its first migration was applied
	Oldest  time.Time        // event of the journal; zero for none
	Newest  time.Time
	Program string // version that opened it last to write; empty where it is not known
}

// counted are the tables of which a ledger's size is told.
var counted = []string{"drops", "runs", "links", "history", "rejects", "parked", "outfiles", "outbox", "events"}

// Size measures the ledger. It walks the tables' shortest indexes.
func (x *Examined) Size(ctx context.Context) (s Size, err error) {
	s.Rows = map[string]int64{}
	err = x.read.QueryRowContext(ctx, `SELECT p.page_count * s.page_size, f.freelist_count * s.page_size,
		(SELECT min(at) FROM migrations), coalesce((SELECT min(at) FROM events), 0), coalesce((SELECT max(at) FROM events), 0),
		coalesce((SELECT text FROM notes WHERE name = ?), '')
		FROM pragma_page_count p, pragma_page_size s, pragma_freelist_count f`, ledger.ProgramNote).
		Scan(&s.Bytes, &s.Free, ledger.Time(&s.Made), ledger.Time(&s.Oldest), ledger.Time(&s.Newest), &s.Program)
	for _, table := range counted {
		if err == nil {
			var n int64
			err = x.read.QueryRowContext(ctx, `SELECT count(*) FROM `+table).Scan(&n)
			s.Rows[table] = n
		}
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

// A fault is something that no ledger holds: the query lists what is wrong, in words.
type faultQuery struct{ what, query string }

// Orphans: what refers to something that is not there, beyond what SQLite's own references say.
var orphans = []faultQuery{
	{"orders have their files", `SELECT 'order ' || identifier || ' of ' || export || ' is in file ' || number || ', which is not there'
		FROM outbox o WHERE number <> 0 AND NOT EXISTS (SELECT 1 FROM outfiles f WHERE f.export = o.export AND f.number = o.number)`},
	{"files have their orders", `SELECT 'file ' || name || ' of ' || export || ' holds no order' FROM outfiles f
		WHERE NOT EXISTS (SELECT 1 FROM outbox o WHERE o.export = f.export AND o.number = f.number)`},
	{"numbers go on behind the highest", `SELECT 'file ' || f.number || ' of ' || f.export || ' is beyond the last number, ' || c.number
		FROM outfiles f JOIN cursors c ON c.export = f.export WHERE f.number > c.number`},
	{"links are whole", `SELECT 'link ' || l.entity || ' ' || l.key || ' has lost what the shop accepted' FROM links l
		WHERE NOT EXISTS (SELECT 1 FROM accepted a WHERE a.link = l.id AND a.entity = l.entity AND a.key = l.key)
		UNION ALL SELECT 'what the shop accepted of ' || a.entity || ' ' || a.key || ' has lost its link' FROM accepted a
		WHERE NOT EXISTS (SELECT 1 FROM links l WHERE l.entity = a.entity AND l.key = a.key AND l.id = a.link)`},
	{"batches have their runs", `SELECT 'batch ' || id || ' is of run ' || run || ', which is not there' FROM batches b
		WHERE NOT EXISTS (SELECT 1 FROM runs r WHERE r.id = b.run)`},
	{"drops under way have their states", `SELECT 'drop ' || id || ' is ' || state || ', which is no state' FROM drops
		WHERE state NOT IN ('seen', 'ready', 'claimed', 'fetched', 'loading', 'held', 'loaded', 'partial', 'rejected', 'duplicate',
		'superseded', 'discarded', 'vanished')`},
}

// Faults looks at the ledger from end to end and hands on what is wrong: what was looked at, and what was found, in words.
func (x *Examined) Faults(ctx context.Context, each func(what string, faults []string) error) error {
	queries := append([]faultQuery{
		{"pages and indexes", `SELECT integrity_check FROM pragma_integrity_check WHERE integrity_check <> 'ok'`},
		{"references", `SELECT "table" || ' row ' || coalesce(rowid, '?') || ' refers to ' || parent || ', where it is not'
			FROM pragma_foreign_key_check`},
	}, orphans...)
	for _, q := range queries {
		var faults []string
		err := ledger.Walk(ctx, x.read, q.query, nil, func(rows *sql.Rows) error {
			var fault string
			err := rows.Scan(&fault)
			faults = append(faults, fault)
			return err
		})
		if err != nil {
			faults = append(faults, err.Error())
		}
		if err := each(q.what, faults); err != nil {
			return err
		}
	}
	bodies, err := x.bodies(ctx)
	if err := each("hashes of order files", withError(bodies, err)); err != nil {
		return err
	}
	links, err := x.links(ctx)
	if err := each("fingerprints of links", withError(links, err)); err != nil {
		return err
	}
	var broken []string
	err = x.broken(ctx, func(_ seal, _ any, what string) { broken = append(broken, what) })
	return each("checksums of what is sent", withError(broken, err))
}

// A seal is a column with checksums: see [ledger.Seal]. The query tells by what each row is known, what it is in words, and the
// column.
type seal struct {
	query string
	bytes bool   // of a batch
	mend  string // what becomes of a row that can't be used
	lost  string
}

var seals = []seal{
	{query: `SELECT id, 'order ' || identifier || ' of ' || export || ', which waits for its file', content FROM outbox WHERE content <> ''`,
		mend: `UPDATE outbox SET content = '', stuck = 'what was to be written is damaged', alarm = 'stuck' WHERE id = ?`,
		lost: "orders that wait for their file"},
	{query: `SELECT entity || char(31) || key, 'a record of ' || entity || ' that is parked', record FROM parked`,
		mend: `DELETE FROM parked WHERE entity || char(31) || key = ?`, lost: "parked records"},
	{query: `SELECT id, 'what was before step ' || id || ' of run ' || run, before FROM history WHERE before <> ''`,
		mend: `UPDATE history SET before = '' WHERE id = ?`, lost: "values before a change, which an undo gives back"},
	{query: `SELECT id, 'batch ' || id || ' of run ' || run, changes FROM batches`, bytes: true,
		mend: `DELETE FROM batches WHERE id = ?`, lost: "batches on their way"},
}

// broken tells of the rows whose checksum does not fit.
func (x *Examined) broken(ctx context.Context, each func(s seal, row any, what string)) error {
	for _, s := range seals {
		err := ledger.Walk(ctx, x.read, s.query, nil, func(rows *sql.Rows) error {
			var row any
			var what string
			var text sql.RawBytes
			err := rows.Scan(&row, &what, &text)
			switch {
			case err != nil:
				return err
			case s.bytes:
				err = ledger.CheckBatch(text)
			default:
				_, err = ledger.Unseal(string(text), what)
			}
			if err != nil {
				each(s, row, what+": it is not what was written")
			}
			return nil
		})
		if err != nil {
			return wrap("read checksums", trouble(err))
		}
	}
	return nil
}

func withError(faults []string, err error) []string {
	if err != nil {
		return append(faults, err.Error())
	}
	return faults
}

// bodies compares the bytes of order files with their hashes.
func (x *Examined) bodies(ctx context.Context) (faults []string, err error) {
	err = ledger.Walk(ctx, x.read, `SELECT export, number, name, sha256, body FROM outfiles`, nil, func(rows *sql.Rows) error {
		var f bridge.Outfile
		var body sql.RawBytes
		if err := rows.Scan(&f.Export, &f.Number, &f.Name, &f.SHA256, &body); err != nil {
			return err
		}
		if sum := sha256.Sum256(body); hex.EncodeToString(sum[:]) != f.SHA256 {
			faults = append(faults, fmt.Sprintf("file %d of %s, %s: its bytes are not those that were made", f.Number, f.Export, f.Name))
		}
		return nil
	})
	return faults, wrap("read order files", trouble(err))
}

// links compares what the shop accepted with the fingerprints by which rows count as unchanged. A link that is doubtful has none.
func (x *Examined) links(ctx context.Context) (faults []string, err error) {
	err = ledger.Walk(ctx, x.read, `SELECT a.entity, a.key, a.content, a.removed, l.print FROM accepted a
		JOIN links l ON l.entity = a.entity AND l.key = a.key WHERE l.print <> 0`, nil, func(rows *sql.Rows) error {
		var entity, key, content string
		var print int64
		var link bridge.Link
		if err := rows.Scan(&entity, &key, &content, &link.Removed, &print); err != nil {
			return err
		}
		var err error
		link.Content, err = formats.ParseContent(content)
		if err != nil || link.Fingerprint() != print {
			faults = append(faults, fmt.Sprintf("link %s %s: what the shop accepted is not what its fingerprint says", entity, key))
		}
		return nil
	})
	return faults, wrap("read links", trouble(err))
}
