package sqlite

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/formats"
	"github.com/orobridge/orobridge/state/ledger"
)

// Salvaged is what was read of a damaged table, and what is lost of it.
type Salvaged struct {
	Table string
	Read  int64
	Lost  string // in words; empty when all of it could be read
}

// Salvage reads what can be read of a damaged ledger into a new one, row by row, forwards and then backwards, so that a damaged page
// costs what stands on it. What is read and does not fit its hash is lost, too: such a link is found out again from the shop, and the bytes
// of an order are never sent. Nobody else may have the damaged file open.
func Salvage(ctx context.Context, damaged string, into *Ledger) (all []Salvaged, err error) {
	from, err := open(damaged, "_query_only=1&_busy_timeout=5000&_cache_size=-4000")
	if err != nil {
		return nil, err
	}
	from.SetMaxOpenConns(1)
	defer func() { err = errors.Join(err, from.Close()) }()
	if _, err := into.file.write.ExecContext(ctx, `PRAGMA foreign_keys = off`); err != nil {
		return nil, wrap("salvage", err)
	}
	tables, err := tablesOf(ctx, into.file.write)
	if err != nil {
		return nil, wrap("salvage", err)
	}
	for _, table := range tables {
		s, err := salvageTable(ctx, from, into, table)
		if err != nil {
			return all, fmt.Errorf("salvage %s: %w", table, trouble(err))
		}
		all = append(all, s)
	}
	if err := keepNumbers(ctx, from, into); err != nil {
		return all, wrap("salvage", trouble(err))
	}
	mended, err := mendSalvaged(ctx, into)
	return append(all, mended...), wrap("salvage", trouble(err))
}

// salvageTable copies the rows of a table that can be read. An error is the new ledger's.
func salvageTable(ctx context.Context, from *sql.DB, into *Ledger, table string) (s Salvaged, err error) {
	s.Table = table
	columns, key, err := sharedColumns(ctx, from, into, table)
	if err != nil {
		return s, err
	}
	if len(columns) == 0 {
		s.Lost = "it can't be found"
		return s, nil
	}
	names := strings.Join(columns, ", ")
	insert := fmt.Sprintf(`INSERT OR IGNORE INTO %s (%s) VALUES (?%s)`, table, names, strings.Repeat(", ?", len(columns)-1))
	if table == "notes" {
		insert = strings.Replace(insert, "OR IGNORE", "OR REPLACE", 1)
	}
	var lost []string
	for _, order := range []string{"", " DESC"} {
		query := fmt.Sprintf(`SELECT %s FROM %s`, names, table)
		if order != "" {
			query += ` ORDER BY ` + strings.Join(key, order+", ") + order
		}
		readErr, writeErr := copyRows(ctx, from, into, query, insert, len(columns))
		if writeErr != nil {
			return s, writeErr
		}
		if readErr == nil {
			lost = nil
			break
		}
		lost = append(lost, readErr.Error())
	}
	if err := into.file.write.QueryRowContext(ctx, `SELECT count(*) FROM `+table).Scan(&s.Read); err != nil {
		return s, err
	}
	if len(lost) > 0 {
		s.Lost = "what stands on damaged pages: " + lost[0]
	}
	return s, nil
}

// keepNumbers has numbers go on behind the highest that was ever given, also of what is lost or long gone.
func keepNumbers(ctx context.Context, from *sql.DB, into *Ledger) error {
	given := map[string]int64{}
	_ = ledger.Walk(ctx, from, `SELECT name, seq FROM sqlite_sequence`, nil, func(rows *sql.Rows) error { // what can't be read is lost
		var name string
		var seq int64
		err := rows.Scan(&name, &seq)
		given[name] = seq
		return err
	})
	return inTx(ctx, into.file.write, func(tx *sql.Tx) error {
		for name, seq := range given {
			if _, err := tx.ExecContext(ctx, `INSERT INTO sqlite_sequence (name, seq) SELECT ?1, 0
				WHERE EXISTS (SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?1)
				AND NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = ?1)`, name); err != nil {
				return err
			}
			if _, err := tx.ExecContext(ctx, `UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = ?`, seq, name); err != nil {
				return err
			}
		}
		return nil
	})
}

// tablesOf lists a ledger's tables, but for what is of its place alone: its migrations, and who works with it.
func tablesOf(ctx context.Context, db *sql.DB) (names []string, err error) {
	err = ledger.Walk(ctx, db, `SELECT name FROM sqlite_master
		WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT IN ('migrations', 'bridges') ORDER BY name`,
		nil, func(rows *sql.Rows) error {
			var name string
			err := rows.Scan(&name)
			names = append(names, name)
			return err
		})
	return names, err
}

// sharedColumns are those that a table has in both ledgers, since the damaged one may be of an older program, and those by which its
// rows are told apart. None are shared with a ledger whose schema can't be read.
func sharedColumns(ctx context.Context, from *sql.DB, into *Ledger, table string) (shared, key []string, err error) {
	columns := func(db *sql.DB, condition string) (names []string, err error) {
		err = ledger.Walk(ctx, db, `SELECT name FROM pragma_table_info(?)`+condition, []any{table}, func(rows *sql.Rows) error {
			var name string
			err := rows.Scan(&name)
			names = append(names, name)
			return err
		})
		return names, err
	}
	if shared, err = columns(into.file.write, ``); err != nil {
		return nil, nil, err
	}
	if key, err = columns(into.file.write, ` WHERE pk > 0 ORDER BY pk`); err != nil {
		return nil, nil, err
	}
	if len(key) == 0 {
		key = []string{"rowid"}
	}
	theirs, _ := columns(from, ``) // what can't be read is lost, and told so
	return slices.DeleteFunc(shared, func(name string) bool { return !slices.Contains(theirs, name) }), key, nil
}

// copiedRows is how many rows go into one transaction.
const copiedRows = 1000

// copyRows copies rows until one can't be read, and tells that apart from trouble with the new ledger.
func copyRows(ctx context.Context, from *sql.DB, into *Ledger, query, insert string, n int) (readErr, writeErr error) {
	rows, err := from.QueryContext(ctx, query)
	if err != nil {
		return err, nil
	}
	defer rows.Close()
	for more := true; more && writeErr == nil; {
		writeErr = inTx(ctx, into.file.write, func(tx *sql.Tx) error {
			for range copiedRows {
				if more = rows.Next(); !more {
					return nil
				}
				values, into := make([]any, n), make([]any, n)
				for i := range values {
					into[i] = &values[i]
				}
				if readErr = rows.Scan(into...); readErr != nil {
					more = false
					return nil
				}
				if _, err := tx.ExecContext(ctx, insert, values...); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if readErr == nil {
		readErr = rows.Err()
	}
	return readErr, writeErr
}

// mendSalvaged takes out what does not belong together, or does not fit its hash, so that what is left can be worked with.
func mendSalvaged(ctx context.Context, into *Ledger) (all []Salvaged, err error) {
	x := &Examined{file{path: into.file.path, read: into.file.write}}
	var bad []string
	const owed = `SELECT export, number, sha256, body FROM outfiles WHERE state = 'owed'`
	err = ledger.Walk(ctx, into.file.write, owed, nil, func(rows *sql.Rows) error {
		var export, sum string
		var number int64
		var body sql.RawBytes
		if err := rows.Scan(&export, &number, &sum, &body); err != nil {
			return err
		}
		if found := sha256.Sum256(body); hex.EncodeToString(found[:]) != sum {
			bad = append(bad, fmt.Sprintf("%s %d", export, number))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(bad) > 0 {
		all = append(all, Salvaged{Table: "outfiles", Lost: "the bytes of owed files: " + strings.Join(bad, ", ")})
	}
	links, err := badLinks(ctx, x)
	if err != nil {
		return all, err
	}
	var kinds []string
	broken, rows := map[string]int{}, map[string][]any{}
	err = ledger.Broken(ctx, x.read, func(s ledger.Sealed, row any, _ string) {
		if broken[s.Lost]++; broken[s.Lost] == 1 {
			kinds = append(kinds, s.Lost)
		}
		rows[s.Mend] = append(rows[s.Mend], row)
	})
	if err != nil {
		return all, err
	}
	for _, lost := range kinds {
		all = append(all, Salvaged{Table: "checksums", Lost: fmt.Sprintf("%d %s", broken[lost], lost)})
	}
	err = inTx(ctx, into.file.write, func(tx *sql.Tx) error {
		for mend, numbers := range rows {
			for _, row := range numbers {
				if _, err := tx.ExecContext(ctx, mend, row); err != nil {
					return err
				}
			}
		}
		for _, link := range links {
			if _, err := tx.ExecContext(ctx, `DELETE FROM accepted WHERE link = ?`, link); err != nil {
				return err
			}
		}
		for _, query := range []string{
			`DELETE FROM links WHERE NOT EXISTS (SELECT 1 FROM linked a
				WHERE a.link = links.id AND a.entity = links.entity AND a.key = links.key)`,
			`DELETE FROM accepted WHERE NOT EXISTS (SELECT 1 FROM links l WHERE l.id = accepted.link)`,
			`DELETE FROM batches WHERE NOT EXISTS (SELECT 1 FROM runs r WHERE r.id = batches.run)`,
			`DELETE FROM runs WHERE NOT EXISTS (SELECT 1 FROM drops d WHERE d.id = runs.drop_id)`,
			`DELETE FROM papers WHERE NOT EXISTS (SELECT 1 FROM drops d WHERE d.id = papers.drop_id)`,
			`DELETE FROM manifest_files WHERE NOT EXISTS (SELECT 1 FROM drops d WHERE d.id = manifest_files.manifest)`,
			// An order whose file is lost may have gone out: somebody has to look.
			`UPDATE outbox SET went = 'unknown', alarm = 'unknown', number = 0 WHERE number <> 0 AND answered = 0
				AND NOT EXISTS (SELECT 1 FROM outfiles f WHERE f.export = outbox.export AND f.number = outbox.number)`,
			`UPDATE outbox SET number = 0 WHERE number <> 0
				AND NOT EXISTS (SELECT 1 FROM outfiles f WHERE f.export = outbox.export AND f.number = outbox.number)`,
			`DELETE FROM outfiles WHERE NOT EXISTS (SELECT 1 FROM outbox o WHERE o.export = outfiles.export AND o.number = outfiles.number)`,
			`UPDATE cursors SET number = max(number, coalesce((SELECT max(number) FROM outfiles f WHERE f.export = cursors.export), 0))`,
			`INSERT OR IGNORE INTO cursors (export, at, number) SELECT export, 0, max(number) FROM outfiles GROUP BY export`,
			ledger.DoubtLinks,
		} {
			if _, err := tx.ExecContext(ctx, query); err != nil {
				return err
			}
		}
		return nil
	})
	if len(links) > 0 {
		all = append(all, Salvaged{Table: "accepted", Lost: fmt.Sprintf("%d links that do not fit their fingerprints", len(links))})
	}
	return all, err
}

// badLinks are the links whose content does not fit their fingerprint.
func badLinks(ctx context.Context, x *Examined) (bad []int64, err error) {
	err = ledger.Walk(ctx, x.read, `SELECT a.link, a.content, a.removed, l.print FROM accepted a
		JOIN links l ON l.id = a.link WHERE l.print <> 0`, nil,
		func(rows *sql.Rows) error {
			var id, print int64
			var content string
			link := bridge.Link{}
			if err := rows.Scan(&id, &content, &link.Removed, &print); err != nil {
				return err
			}
			var err error
			if link.Content, err = formats.ParseContent(content); err != nil || link.Fingerprint() != print {
				bad = append(bad, id)
			}
			return nil
		})
	return bad, err
}
