package operate

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/formats"
)

// Trace is all that the ledger knows about a key.
type Trace struct {
	Entity  string            `json:"entity"`
	Key     string            `json:"key"`
	OroID   string            `json:"oro_id"`
	Content map[string]string `json:"content"` // what the shop last accepted
	Removed bool              `json:"removed"`
	Drop    int64             `json:"drop"` // that set it; 0: adopted from the shop
	Run     int64             `json:"run"`
	Line    int64             `json:"line"`
	At      *time.Time        `json:"at"`
	Parked  *Parked           `json:"parked"`
	History []HistoryEntry    `json:"history"`
}

// HistoryEntry is one thing that happened to a key.
type HistoryEntry struct {
	At     *time.Time        `json:"at"`
	Fate   bridge.RowFate    `json:"fate"`
	Drop   int64             `json:"drop"`
	Run    int64             `json:"run"`
	Line   int64             `json:"line"`
	Sent   map[string]string `json:"sent"`
	Detail string            `json:"detail"`
}

func newHistoryEntry(e bridge.HistoryEntry) HistoryEntry {
	return HistoryEntry{moment(e.At), e.Fate, e.Drop, e.Run, e.Line, fields(e.Sent), e.Detail}
}

// fields are values by the names of their fields.
func fields(values []formats.Value) map[string]string {
	m := make(map[string]string, len(values))
	for _, v := range values {
		m[v.Field] = v.Text
	}
	return m
}

// Trace shows which drop, line and run set a key, and its history. The parts of a key are joined by "|", as rejects and
// plans show them. An entity that there is not is a [Mistake], a key that the ledger does not know [bridge.ErrUnknown].
func (k *Desk) Trace(ctx context.Context, entity, key string) (*Trace, error) {
	if _, ok := formats.EntityByName(entity); !ok && entity != outboxEntity {
		return nil, &Mistake{fmt.Sprintf("there is no entity %q", entity), "entities are " + entityNames()}
	}
	v := &Trace{Entity: entity, Key: key, Content: map[string]string{}, History: []HistoryEntry{}}
	links, err := k.Ledger.Links(ctx, entity, []string{key})
	if err != nil {
		return nil, err
	}
	if l := links[key]; l != nil {
		v.OroID, v.Content, v.Removed, v.Drop, v.Run, v.Line, v.At = l.OroID, fields(l.Content), l.Removed, l.Drop, l.Run, l.Line, moment(l.At)
	}
	entries, err := k.Ledger.History(ctx, entity, key)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		v.History = append(v.History, newHistoryEntry(e))
	}
	err = k.Ledger.Parked(ctx, "", time.Time{}, func(p bridge.ParkedRow) error {
		if p.Entity == entity && p.Key == key {
			parked := newParked(p)
			v.Parked = &parked
		}
		return nil
	})
	if err == nil && v.OroID == "" && v.Parked == nil && len(v.History) == 0 {
		err = &bridge.Error{Op: "trace", Object: entity + " " + key, Err: bridge.ErrUnknown,
			Hint: "write the key as the files have it, its parts with | between them; see orobridge trace --help"}
	}
	return v, err
}

// entityNames lists what can be traced.
func entityNames() string {
	var names []string
	for _, e := range formats.Entities {
		names = append(names, e.Name)
	}
	return strings.Join(append(names, outboxEntity), ", ")
}
