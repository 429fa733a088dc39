package postgres

import (
	"context"
	"database/sql"
	"errors"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/state/ledger"
)

// lookingUp has the planner take keys through the index, whatever it thinks of the table: a table that was filled a moment ago counts
// as empty.
var lookingUp = []string{"SET enable_seqscan = off", "SET enable_hashjoin = off", "SET enable_mergejoin = off",
	"SET enable_bitmapscan = off", "SET jit = off"}

// Lookup implements ledger.Edition. Rows are read as they come over the wire, since there are a million of them.
func (d *database) Lookup(ctx context.Context, entity string, keys []string, refs []bridge.LinkRef) error {
	c, err := d.find.Conn(ctx)
	if err != nil {
		return broken(err)
	}
	plain := make([]string, len(keys))
	for i, k := range keys {
		plain[i] = storable(k)
	}
	err = c.Raw(func(dc any) error {
		find, err := finder{ctx, dc.(*conn).pgx(), storable(entity)}, error(nil)
		stretch := ledger.Stretch{Keys: plain, Refs: refs}
		if slices.IsSorted(plain) {
			err = find.stretch(&stretch)
		}
		if rest := stretch.Answered; err == nil && rest < len(plain) {
			err = find.each(plain[rest:], refs[rest:])
		}
		return dc.(*conn).trouble(ctx, err)
	})
	return errors.Join(broken(err), closed(c))
}

// EachRef implements ledger.Edition.
func (d *database) EachRef(ctx context.Context, entity string, each func(key []byte, ref bridge.LinkRef)) error {
	var key sql.RawBytes
	var r bridge.LinkRef
	return ledger.Walk(ctx, d.walks, `SELECT key, id, print FROM links WHERE entity = ?`, []any{entity}, func(rows *sql.Rows) error {
		if err := rows.Scan(&key, &r.ID, &r.Fingerprint); err != nil {
			return err
		}
		each(key, r)
		return nil
	})
}

// Contents implements ledger.Edition.
func (d *database) Contents(ctx context.Context, links []int64, each func(i int, content string) error) error {
	var i int64
	var content string
	return ledger.Walk(ctx, d.read, `SELECT j.key, a.content FROM json_each(?) j CROSS JOIN accepted a ON a.link = CAST(j.value AS BIGINT)`,
		[]any{ledger.Numbers(links)}, func(rows *sql.Rows) error {
			if err := rows.Scan(&i, &content); err != nil {
				return err
			}
			return each(int(i), content)
		})
}

// finder looks keys of an entity up.
type finder struct {
	ctx    context.Context
	conn   *pgx.Conn
	entity string
}

// stretch reads what stands between the first and the last of some keys.
func (f finder) stretch(s *ledger.Stretch) error {
	rows, err := f.conn.Query(f.ctx, `SELECT key, id, print FROM links WHERE entity = $1 AND key >= $2 AND key <= $3
		ORDER BY entity, key LIMIT $4`, f.entity, s.Keys[0], s.Keys[len(s.Keys)-1], s.Most())
	if err != nil {
		return err
	}
	var key pgtype.DriverBytes
	var r bridge.LinkRef
	_, err = pgx.ForEachRow(rows, []any{&key, &r.ID, &r.Fingerprint}, func() error {
		s.See(key, r)
		return nil
	})
	s.End()
	return err
}

// each looks for one key after the other.
func (f finder) each(keys []string, refs []bridge.LinkRef) error {
	rows, err := f.conn.Query(f.ctx, `SELECT k.n, l.id, l.print FROM unnest($1::text[]) WITH ORDINALITY k (key, n)
		JOIN links l ON l.entity = $2 AND l.key = k.key`, keys, f.entity)
	if err != nil {
		return err
	}
	var n int64
	var r bridge.LinkRef
	_, err = pgx.ForEachRow(rows, []any{&n, &r.ID, &r.Fingerprint}, func() error {
		refs[n-1] = r
		return nil
	})
	return err
}
