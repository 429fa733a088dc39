package state

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/formats"
)

// inFlight is a change of a batch on its way, as it is kept until its outcome is known.
type inFlight struct {
	Op     bridge.Op        `json:"op"`
	Key    string           `json:"key"`
	OroID  string           `json:"oro_id,omitempty"`
	Line   int64            `json:"line"`
	Pos    formats.Position `json:"pos"`
	Values json.RawMessage  `json:"values"`
	Record json.RawMessage  `json:"record"`
}

// OpenBatch implements bridge.Ledger.
func (l *Ledger) OpenBatch(ctx context.Context, run int64, b *bridge.Batch) error {
	list := make([]inFlight, len(b.Changes))
	for i, c := range b.Changes {
		list[i] = inFlight{Op: c.Op, Key: c.Key, OroID: c.OroID, Line: c.Line, Pos: c.Record.Pos,
			Values: json.RawMessage(encode(c.Values)), Record: json.RawMessage(encode(c.Record.Values))}
	}
	text, err := json.Marshal(list)
	if err != nil {
		return fmt.Errorf("encode batch: %w", err)
	}
	return l.tx(ctx, "open batch", func(tx *sql.Tx) error {
		b.Sent = l.now().UTC()
		res, err := tx.ExecContext(ctx, `INSERT INTO batches (run, entity, changes, sent) VALUES (?, ?, ?, ?)`, run, b.Entity, string(text), millis(b.Sent))
		if err != nil {
			return err
		}
		b.ID, err = res.LastInsertId()
		return err
	})
}

// SetOperation implements bridge.Ledger.
func (l *Ledger) SetOperation(ctx context.Context, b *bridge.Batch) error {
	return l.tx(ctx, fmt.Sprintf("record operation of batch %d", b.ID), func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE batches SET operation = ? WHERE id = ?`, b.Operation, b.ID)
		return err
	})
}

// OpenBatches implements bridge.Ledger.
func (l *Ledger) OpenBatches(ctx context.Context, run int64) ([]*bridge.Batch, error) {
	rows, err := l.read.QueryContext(ctx, `SELECT id, entity, operation, changes, sent FROM batches WHERE run = ? ORDER BY id`, run)
	if err != nil {
		return nil, fmt.Errorf("list batches of run %d: %w", run, err)
	}
	defer rows.Close()
	var batches []*bridge.Batch
	for rows.Next() {
		b := &bridge.Batch{}
		var text string
		if err := rows.Scan(&b.ID, &b.Entity, &b.Operation, &text, stamp{&b.Sent}); err != nil {
			return nil, fmt.Errorf("list batches of run %d: %w", run, err)
		}
		if b.Changes, err = decodeChanges(b.Entity, text); err != nil {
			return nil, fmt.Errorf("read batch %d: %w", b.ID, err)
		}
		batches = append(batches, b)
	}
	return batches, rows.Err()
}

func decodeChanges(entity, text string) ([]*bridge.Change, error) {
	e, ok := formats.EntityByName(entity)
	if !ok {
		return nil, fmt.Errorf("unknown entity %q", entity)
	}
	var list []inFlight
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		return nil, err
	}
	changes := make([]*bridge.Change, len(list))
	for i, f := range list {
		values, err := decode(string(f.Values))
		if err != nil {
			return nil, err
		}
		record, err := decode(string(f.Record))
		if err != nil {
			return nil, err
		}
		changes[i] = &bridge.Change{Op: f.Op, Key: f.Key, OroID: f.OroID, Line: f.Line, Values: values,
			Record: &formats.Record{Entity: e, Key: f.Key, Values: record, Pos: f.Pos}}
	}
	return changes, nil
}
