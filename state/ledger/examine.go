package ledger

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/formats"
)

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

// Count counts the rows of the tables of which a ledger's size is told. It walks their shortest indexes.
func Count(ctx context.Context, db *sql.DB) (map[string]int64, error) {
	rows := map[string]int64{}
	for _, table := range []string{"drops", "runs", "links", "history", "rejects", "parked", "outfiles", "outbox", "events"} {
		var n int64
		if err := db.QueryRowContext(ctx, `SELECT count(*) FROM `+table).Scan(&n); err != nil {
			return nil, err
		}
		rows[table] = n
	}
	return rows, nil
}

// A Fault is something that no ledger holds: what is looked at, and the query that lists what is wrong, in words.
type Fault struct{ What, Query string }

// orphans refer to something that is not there, beyond what a database's own references say.
var orphans = []Fault{
	{"orders have their files", `SELECT 'order ' || identifier || ' of ' || export || ' is in file ' || number || ', which is not there'
		FROM outbox o WHERE number <> 0 AND NOT EXISTS (SELECT 1 FROM outfiles f WHERE f.export = o.export AND f.number = o.number)`},
	{"files have their orders", `SELECT 'file ' || name || ' of ' || export || ' holds no order' FROM outfiles f
		WHERE NOT EXISTS (SELECT 1 FROM outbox o WHERE o.export = f.export AND o.number = f.number)`},
	{"numbers go on behind the highest", `SELECT 'file ' || f.number || ' of ' || f.export || ' is beyond the last number, ' || c.number
		FROM outfiles f JOIN cursors c ON c.export = f.export WHERE f.number > c.number`},
	{"links are whole", `SELECT 'link ' || l.entity || ' ' || l.key || ' has lost what the shop accepted' FROM links l
		WHERE NOT EXISTS (SELECT 1 FROM linked a WHERE a.link = l.id AND a.entity = l.entity AND a.key = l.key)
		UNION ALL SELECT 'what the shop accepted of ' || a.entity || ' ' || a.key || ' has lost its link' FROM linked a
		WHERE NOT EXISTS (SELECT 1 FROM links l WHERE l.entity = a.entity AND l.key = a.key AND l.id = a.link)`},
	{"batches have their runs", `SELECT 'batch ' || id || ' is of run ' || run || ', which is not there' FROM batches b
		WHERE NOT EXISTS (SELECT 1 FROM runs r WHERE r.id = b.run)`},
	{"drops under way have their states", `SELECT 'drop ' || id || ' is ' || state || ', which is no state' FROM drops
		WHERE state NOT IN ('seen', 'ready', 'claimed', 'fetched', 'loading', 'held', 'loaded', 'partial', 'rejected', 'duplicate',
		'superseded', 'discarded', 'vanished')`},
}

// Faults looks at a ledger from end to end and hands on what is wrong: what was looked at, and what was found, in words.
func Faults(ctx context.Context, db *sql.DB, each func(what string, faults []string) error) error {
	if err := Find(ctx, db, orphans, each); err != nil {
		return err
	}
	faults, err := bodies(ctx, db)
	if err := each("hashes of order files", withError(faults, err)); err != nil {
		return err
	}
	faults, err = links(ctx, db)
	if err := each("fingerprints of links", withError(faults, err)); err != nil {
		return err
	}
	faults = nil
	err = Broken(ctx, db, func(_ Sealed, _ any, what string) { faults = append(faults, what) })
	return each("checksums of what is sent", withError(faults, err))
}

// Find looks for some faults.
func Find(ctx context.Context, db *sql.DB, all []Fault, each func(what string, faults []string) error) error {
	for _, f := range all {
		var faults []string
		err := walk(ctx, db, f.Query, nil, func(rows *sql.Rows) error {
			var fault string
			err := rows.Scan(&fault)
			faults = append(faults, fault)
			return err
		})
		if err := each(f.What, withError(faults, err)); err != nil {
			return err
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
func bodies(ctx context.Context, db *sql.DB) (faults []string, err error) {
	err = walk(ctx, db, `SELECT export, number, name, sha256, body FROM outfiles`, nil, func(rows *sql.Rows) error {
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
	return faults, wrap("read order files", err)
}

// links compares what the shop accepted with the fingerprints by which rows count as unchanged. A link that is doubtful has none.
func links(ctx context.Context, db *sql.DB) (faults []string, err error) {
	err = walk(ctx, db, `SELECT a.entity, a.key, a.content, a.removed, l.print FROM linked a
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
	return faults, wrap("read links", err)
}
