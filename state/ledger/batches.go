package ledger

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"

	"github.com/klauspost/compress/s2"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/formats"
)

// inFlight is a change of a batch on its way, as it is kept until its outcome is known. A list of them is compressed: it stands
// there for seconds.
type inFlight struct {
	Op     bridge.Op        `json:"op"`
	Key    string           `json:"key"`
	OroID  string           `json:"oro_id,omitempty"`
	Line   int64            `json:"line"`
	Pos    formats.Position `json:"pos"`
	Values json.RawMessage  `json:"values"`
	Record json.RawMessage  `json:"record,omitempty"` // without it the values are all of the record
}

// What stands before the changes of a batch that are compressed, as no JSON has it.
const (
	packedChanges = 0 // by an earlier program
	sealedChanges = 1 // with a checksum behind
)

// encodeChanges writes what [decodeChanges] reads: by hand, since reflection would cost more than sending does.
func encodeChanges(changes []*bridge.Change) []byte {
	buffer := packing.Get().(*[]byte)
	defer packing.Put(buffer)
	text := append((*buffer)[:0], '[')
	for i, c := range changes {
		if i > 0 {
			text = append(text, ',')
		}
		text = formats.AppendText(append(text, `{"op":`...), string(c.Op))
		text = formats.AppendText(append(text, `,"key":`...), c.Key)
		text = formats.AppendText(append(text, `,"oro_id":`...), c.OroID)
		text = strconv.AppendInt(append(text, `,"line":`...), c.Line, 10)
		text = appendPosition(append(text, `,"pos":`...), c.Record.Pos)
		text = formats.AppendContent(append(text, `,"values":`...), c.Values)
		if !slices.Equal(c.Values, c.Record.Values) {
			text = formats.AppendContent(append(text, `,"record":`...), c.Record.Values)
		}
		text = append(text, '}')
	}
	text = append(text, ']')
	whole := len(text)
	text = slices.Grow(text, s2.MaxEncodedLen(whole))
	packed := s2.Encode(text[whole:cap(text)], text[:whole])
	*buffer = text[:0]
	return SealBytes(append(append(make([]byte, 0, 1+len(packed)+4), sealedChanges), packed...))
}

// packing are buffers in which changes are written and compressed.
var packing = sync.Pool{New: func() any { return new([]byte) }}

func appendPosition(b []byte, pos formats.Position) []byte {
	b = strconv.AppendInt(append(b, `{"Line":`...), pos.Line, 10)
	b = strconv.AppendInt(append(b, `,"Offset":`...), pos.Offset, 10)
	b = formats.AppendText(append(b, `,"Segment":`...), pos.Segment)
	b = formats.AppendText(append(b, `,"Doc":`...), pos.Doc)
	b = formats.AppendText(append(b, `,"Part":`...), pos.Part)
	return append(b, '}')
}

// OpenBatch records a batch before it is sent, and numbers it. A run that sends one has been let pass.
func (l runStore) OpenBatch(ctx context.Context, run int64, b *bridge.Batch, events ...*bridge.Event) error {
	changes := encodeChanges(b.Changes)
	return l.tx(ctx, "open batch", func(tx statements) error {
		err := tx.insert(ctx, &b.ID, `INSERT INTO batches (run, entity, changes, n, sent) VALUES (?, ?, ?, ?, ?)`,
			run, b.Entity, changes, len(b.Changes), millis(b.Sent))
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `UPDATE runs SET approved = 1 WHERE id = ? AND approved = 0`, run); err != nil {
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
		var packed []byte
		err := rows.Scan(&b.ID, &b.Entity, &b.Operation, &packed, stamp{&b.Sent})
		if err != nil {
			return err
		}
		b.Changes, err = decodeChanges(b.Entity, packed)
		b.Damaged = errors.Is(err, errFlipped)
		if batches = append(batches, b); b.Damaged {
			return nil
		}
		return err
	})
	return batches, wrap(fmt.Sprintf("list batches of run %d", run), err)
}

// CheckBatch says whether the changes of a batch are what was written.
func CheckBatch(packed []byte) error {
	if len(packed) == 0 || packed[0] != sealedChanges {
		return nil
	}
	_, err := UnsealBytes(packed, "batch")
	return err
}

func decodeChanges(entity string, packed []byte) ([]*bridge.Change, error) {
	e, ok := formats.EntityByName(entity)
	if !ok {
		return nil, fmt.Errorf("unknown entity %q", entity)
	}
	text, err := packed, error(nil)
	if len(packed) > 0 && packed[0] == sealedChanges {
		if packed, err = UnsealBytes(packed, "batch of "+entity); err != nil {
			return nil, err
		}
	}
	if len(packed) > 0 && (packed[0] == packedChanges || packed[0] == sealedChanges) {
		if text, err = s2.Decode(nil, packed[1:]); err != nil {
			return nil, fmt.Errorf("decode batch: %w", err)
		}
	}
	var list []inFlight
	if err := json.Unmarshal(text, &list); err != nil {
		return nil, err
	}
	changes := make([]*bridge.Change, len(list))
	for i, f := range list {
		values, err := formats.ParseContent(string(f.Values))
		if err != nil {
			return nil, err
		}
		record := values
		if f.Record != nil {
			if record, err = formats.ParseContent(string(f.Record)); err != nil {
				return nil, err
			}
		}
		changes[i] = &bridge.Change{Op: f.Op, Key: f.Key, OroID: f.OroID, Line: f.Line, Values: values,
			Record: &formats.Record{Entity: e, Key: f.Key, Values: record, Pos: f.Pos}}
	}
	return changes, nil
}
