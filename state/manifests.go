package state

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/orobridge/orobridge/bridge"
)

// Expect implements bridge.Ledger.
func (l *Ledger) Expect(ctx context.Context, m *bridge.Drop, entries []bridge.ManifestEntry) error {
	return l.tx(ctx, fmt.Sprintf("record manifest %d", m.ID), func(tx *sql.Tx) error {
		if err := stillIn(ctx, tx, m.ID, bridge.Claimed); err != nil {
			return err
		}
		for _, e := range entries {
			if _, err := tx.ExecContext(ctx, `INSERT INTO manifest_files (manifest, feed, name, rows, size, sha256) VALUES (?, ?, ?, ?, ?, ?)`,
				m.ID, m.Feed, e.Name, e.Rows, e.Size, e.SHA256); err != nil {
				return err
			}
		}
		return saveDrop(ctx, tx, m)
	})
}

// Awaited implements bridge.Ledger. A file has come once a drop of it was fetched that is what the manifest says; one
// that was other bytes leaves the manifest waiting for the right ones.
func (l *Ledger) Awaited(ctx context.Context, feed string) ([]bridge.Awaited, error) {
	rows, err := l.read.QueryContext(ctx, `
		SELECT m.manifest, m.name, m.rows, m.size, m.sha256,
			coalesce((SELECT max(d.id) FROM drops d WHERE d.listed_by = m.manifest AND d.name = m.name AND d.state IN ('ready', 'claimed')), 0)
		FROM drops x JOIN manifest_files m ON m.manifest = x.id
		WHERE x.feed = ?1 AND x.state = 'fetched' AND x.lists = 1
		AND NOT EXISTS (SELECT 1 FROM manifest_files n JOIN drops y ON y.id = n.manifest
			WHERE n.feed = m.feed AND n.name = m.name AND n.manifest > m.manifest AND y.state IN ('fetched', 'loaded'))
		AND NOT EXISTS (SELECT 1 FROM drops d WHERE d.listed_by = m.manifest AND d.name = m.name
			AND d.state NOT IN ('seen', 'ready', 'claimed', 'vanished') AND (m.sha256 = '' OR d.sha256 IN ('', m.sha256)))
		ORDER BY m.manifest, m.name`, feed)
	if err != nil {
		return nil, fmt.Errorf("list what manifests of %s wait for: %w", feed, err)
	}
	defer rows.Close()
	var list []bridge.Awaited
	for rows.Next() {
		var a bridge.Awaited
		if err := rows.Scan(&a.Manifest, &a.Name, &a.Rows, &a.Size, &a.SHA256, &a.Drop); err != nil {
			return nil, fmt.Errorf("list what manifests of %s wait for: %w", feed, err)
		}
		list = append(list, a)
	}
	return list, rows.Err()
}
