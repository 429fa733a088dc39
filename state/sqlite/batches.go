package sqlite

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

// OpenBatch records a batch before it is sent, and numbers it.
func (l runStore) OpenBatch(ctx context.Context, run int64, b *bridge.Batch, events ...*bridge.Event) error {
	list := make([]inFlight, len(b.Changes))
	for i, c := range b.Changes {
		list[i] = inFlight{Op: c.Op, Key: c.Key, OroID: c.OroID, Line: c.Line, Pos: c.Record.Pos,
			Values: formats.AppendContent(nil, c.Values), Record: formats.AppendContent(nil, c.Record.Values)}
	}
	text, err := json.Marshal(list)
	if err != nil {
		return fmt.Errorf("encode batch: %w", err)
	}
	return l.tx(ctx, "open batch", func(tx statements) error {
		err := tx.insert(ctx, &b.ID, `INSERT INTO batches (run, entity, changes, sent) VALUES (?, ?, ?, ?)`,
			run, b.Entity, string(text), millis(b.Sent))
		if err != nil {
			return err
		}
		for _, e := range events {
			tx.give(&e.Batch, b.ID)
		}
		return keep(ctx, tx, events)
	})
}

// SetOperation records the shop's operation of a batch.
func (l runStore) SetOperation(ctx context.Context, b *bridge.Batch, events ...*bridge.Event) error {
	return l.soon(ctx, fmt.Sprintf("record operation of batch %d", b.ID), func(tx statements) error {
		if _, err := tx.ExecContext(ctx, `UPDATE batches SET operation = ? WHERE id = ?`, b.Operation, b.ID); err != nil {
			return err
		}
		return keep(ctx, tx, events)
	})
}

// OpenBatches lists the batches of a run whose outcome is not known.
func (l runStore) OpenBatches(ctx context.Context, run int64) ([]*bridge.Batch, error) {
	var batches []*bridge.Batch
	const query = `SELECT id, entity, operation, changes, sent FROM batches WHERE run = ? ORDER BY id`
	err := walk(ctx, l.read, query, []any{run}, func(rows *sql.Rows) error {
		b := &bridge.Batch{}
		var text string
		err := rows.Scan(&b.ID, &b.Entity, &b.Operation, &text, stamp{&b.Sent})
		if err != nil {
			return err
		}
		b.Changes, err = decodeChanges(b.Entity, text)
		batches = append(batches, b)
		return err
	})
	return batches, wrap(fmt.Sprintf("list batches of run %d", run), err)
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
		values, err := formats.ParseContent(string(f.Values))
		if err != nil {
			return nil, err
		}
		record, err := formats.ParseContent(string(f.Record))
		if err != nil {
			return nil, err
		}
		changes[i] = &bridge.Change{Op: f.Op, Key: f.Key, OroID: f.OroID, Line: f.Line, Values: values,
			Record: &formats.Record{Entity: e, Key: f.Key, Values: record, Pos: f.Pos}}
	}
	return changes, nil
}
