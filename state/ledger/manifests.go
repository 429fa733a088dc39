package ledger

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/orobridge/orobridge/bridge"
)

// Expect saves a manifest that was claimed, with what it lists.
func (l dropStore) Expect(ctx context.Context, m bridge.Move, entries []bridge.ManifestEntry, events ...*bridge.Event) error {
	return l.tx(ctx, fmt.Sprintf("record manifest %d", m.ID), func(tx statements) error {
		if err := moveDrops(ctx, tx, []bridge.Move{m}); err != nil {
			return err
		}
		for _, e := range entries {
			if _, err := tx.ExecContext(ctx, `INSERT INTO manifest_files (manifest, feed, name, rows, size, sha256) VALUES (?, ?, ?, ?, ?, ?)`,
				m.ID, m.Feed, e.Name, e.Rows, e.Size, e.SHA256); err != nil {
				return err
			}
		}
		return keep(ctx, tx, events)
	})
}

// Manifests lists the manifests of a feed that are fetched and not settled, with what they list and the drops that name
// them, oldest first.
func (l dropStore) Manifests(ctx context.Context, feed string) ([]*bridge.ManifestList, error) {
	drops, err := l.queryDrops(ctx, ` WHERE feed = ? AND state = 'fetched' AND lists = 1 ORDER BY id`, feed)
	if err != nil || len(drops) == 0 {
		return nil, wrap("list manifests of "+feed, err)
	}
	byID := map[int64]*bridge.ManifestList{}
	ids := make([]int64, len(drops))
	lists := make([]*bridge.ManifestList, len(drops))
	for i, d := range drops {
		lists[i], ids[i] = &bridge.ManifestList{Drop: d}, d.ID
		byID[d.ID] = lists[i]
	}
	in, err := json.Marshal(ids)
	if err != nil {
		return nil, err
	}
	rows, err := l.read.QueryContext(ctx, `SELECT m.manifest, m.name, m.rows, m.size, m.sha256,
		EXISTS (SELECT 1 FROM manifest_files n JOIN drops y ON y.id = n.manifest
			WHERE n.feed = m.feed AND n.name = m.name AND n.manifest > m.manifest AND y.state IN ('fetched', 'loaded'))
		FROM manifest_files m WHERE m.manifest IN (SELECT CAST(value AS BIGINT) FROM json_each(?)) ORDER BY m.manifest, m.name`, string(in))
	if err != nil {
		return nil, fmt.Errorf("list what manifests of %s list: %w", feed, err)
	}
	defer rows.Close()
	for rows.Next() {
		var id int64
		var e bridge.ListedEntry
		if err := rows.Scan(&id, &e.Name, &e.Rows, &e.Size, &e.SHA256, &e.Again); err != nil {
			return nil, err
		}
		byID[id].Entries = append(byID[id].Entries, e)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	came, err := l.queryDrops(ctx, ` WHERE listed_by IN (SELECT CAST(value AS BIGINT) FROM json_each(?)) ORDER BY id`, string(in))
	for _, d := range came {
		byID[d.ListedBy].Came = append(byID[d.ListedBy].Came, d)
	}
	return lists, wrap("list what came for manifests of "+feed, err)
}
