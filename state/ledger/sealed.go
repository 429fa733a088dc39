package ledger

import (
	"context"
	"database/sql"
)

const unit = "\x1f" // between an entity and a key

// A Sealed is a column with checksums: see [Seal]. The query tells by what each row is known, what it is in words, and the column.
type Sealed struct {
	query string
	bytes bool   // of a batch
	Mend  string // what becomes of a row that can't be used: a statement with what it is known by
	Lost  string // what is lost then
}

var sealed = []Sealed{
	{query: `SELECT id, 'order ' || identifier || ' of ' || export || ', which waits for its file', content FROM outbox WHERE content <> ''`,
		Mend: `UPDATE outbox SET content = '', stuck = 'what was to be written is damaged', alarm = 'stuck' WHERE id = ?`,
		Lost: "orders that wait for their file"},
	{query: `SELECT entity || '` + unit + `' || key, 'a record of ' || entity || ' that is parked', record FROM parked`,
		Mend: `DELETE FROM parked WHERE entity || '` + unit + `' || key = ?`, Lost: "parked records"},
	{query: `SELECT id, 'what was before step ' || id || ' of run ' || run, before FROM history WHERE before <> ''`,
		Mend: `UPDATE history SET before = '' WHERE id = ?`, Lost: "values before a change, which an undo gives back"},
	{query: `SELECT id, 'batch ' || id || ' of run ' || run, changes FROM batches`, bytes: true,
		Mend: `DELETE FROM batches WHERE id = ?`, Lost: "batches on their way"},
}

// Broken tells of the rows whose checksum does not fit.
func Broken(ctx context.Context, db *sql.DB, each func(s Sealed, row any, what string)) error {
	for _, s := range sealed {
		err := walk(ctx, db, s.query, nil, func(rows *sql.Rows) error {
			var row any
			var what string
			var text sql.RawBytes
			err := rows.Scan(&row, &what, &text)
			switch {
			case err != nil:
				return err
			case s.bytes:
				err = CheckBatch(text)
			default:
				_, err = Unseal(string(text), what)
			}
			if err != nil {
				each(s, row, what+": it is not what was written")
			}
			return nil
		})
		if err != nil {
			return wrap("read checksums", err)
		}
	}
	return nil
}
