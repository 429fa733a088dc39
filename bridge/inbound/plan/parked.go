package plan

import (
	"context"
	"slices"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/formats"
)

// FillParked stages the records of the drop that wait for a parent. What an interrupted attempt has settled is counted. Those that are
// damaged in the ledger are gathered in Lost.
func (p *Planner) FillParked(ctx context.Context) error {
	run := p.Run
	fates, err := p.Ledger.Fates(ctx, run.ID)
	if err != nil {
		return err
	}
	for fate, n := range fates {
		if fate != bridge.FateParked { // parked again: it is among the parked still
			run.Add(fate, n)
			run.Rows += n
		}
	}
	var page []*bridge.Staged
	put := func() error {
		_, err := p.Stage.Put(ctx, page)
		page = page[:0]
		return err
	}
	err = p.Ledger.Parked(ctx, p.Feed.Name, time.Time{}, func(r bridge.ParkedRow) error {
		if r.Drop != p.Drop.ID {
			return nil
		}
		if run.Rows++; r.Damaged {
			p.Lost = append(p.Lost, r)
			return nil
		}
		page = append(page, parkedChange(p.Feed, r))
		if len(page) < chunkRows {
			return nil
		}
		return put()
	})
	if err != nil {
		return err
	}
	return put()
}

func parkedChange(f *config.Feed, r bridge.ParkedRow) *bridge.Staged {
	rec := &formats.Record{Entity: f.Entity, Key: r.Key, Values: r.Record, Remove: r.Remove, Pos: r.Pos}
	return &bridge.Staged{Change: bridge.Change{Key: r.Key, Record: rec, Line: r.Line}, Remove: r.Remove, Raw: bridge.CellsOf(r.Raw),
		Parked: r.Since}
}

// CancelParked drops parked records of earlier drops whose keys come again, since the newer row counts, and those that a
// full drop lacks. It comes after the guards: a drop that is held cancels nothing.
func (p *Planner) CancelParked(ctx context.Context) error {
	if p.Run.Kind == bridge.ParkedRun {
		return nil
	}
	var parked []string
	var lacked []bool // unless the drop names it
	err := p.Ledger.Parked(ctx, "", time.Time{}, func(r bridge.ParkedRow) error {
		if r.Entity != p.Feed.Entity.Name || r.Drop == p.Drop.ID || p.later[r.Key] {
			return nil
		}
		parked, lacked = append(parked, r.Key), append(lacked, p.lacks(&r))
		return nil
	})
	if err != nil {
		return err
	}
	named, err := p.named(ctx, parked)
	if err != nil {
		return err
	}
	for part := range slices.Chunk(named, chunkRows) {
		if _, err := p.Ledger.Unpark(ctx, p.Feed.Entity.Name, part); err != nil {
			return err
		}
	}
	var gone []string
	for i, key := range parked {
		if len(named) > 0 && named[0] == key {
			named = named[1:]
		} else if lacked[i] {
			gone = append(gone, key)
		}
	}
	for part := range slices.Chunk(gone, chunkRows) {
		if _, err := p.Ledger.Unpark(ctx, p.Feed.Entity.Name, part, p.withdrawn(part)...); err != nil {
			return err
		}
		p.Run.Add(bridge.FateWithdrawn, int64(len(part)))
	}
	return nil
}

// lacks says that what waits is withdrawn unless the drop has a row of it, as what the shop has is: see [Planner.Withdraw].
func (p *Planner) lacks(r *bridge.ParkedRow) bool {
	return p.Withdraws() && r.Feed == p.Feed.Name && p.nameless == 0 && !p.refused[r.Key] && p.scopes.has(r.Entity, r.Key, r.Record)
}

// withdrawn tells that keys wait no longer, so that an older drop which runs again does not have them wait anew.
func (p *Planner) withdrawn(keys []string) []bridge.HistoryEntry {
	all := make([]bridge.HistoryEntry, len(keys))
	for i, key := range keys {
		all[i] = bridge.HistoryEntry{Entity: p.Feed.Entity.Name, Key: key, Drop: p.Drop.ID, Run: p.Run.ID, Fate: bridge.FateWithdrawn,
			Detail: "it waited for a parent, and a full file lacks it", At: p.Run.Started}
	}
	return all
}

// Linked keeps the keys that the drop has rows of and that had a link when these were read.
func (p *Planner) Linked(ctx context.Context, keys []string) (linked []string, err error) {
	refs := make([]bridge.LinkRef, len(keys))
	if err := p.Ledger.Lookup(ctx, p.Feed.Entity.Name, keys, refs); err != nil {
		return nil, err
	}
	for i, key := range keys {
		if refs[i].ID != 0 && p.seen.Has(refs[i].ID) {
			linked = append(linked, key)
		}
	}
	return linked, nil
}

// named keeps the keys that the drop has rows of, before any of them is sent.
func (p *Planner) named(ctx context.Context, keys []string) (named []string, err error) {
	linked, err := p.Linked(ctx, keys)
	if err != nil {
		return nil, err
	}
	for _, key := range keys {
		if len(linked) > 0 && linked[0] == key {
			named, linked = append(named, key), linked[1:]
			continue
		}
		c, err := p.Stage.Get(ctx, key)
		if err != nil {
			return nil, err
		}
		if c != nil {
			named = append(named, key)
		}
	}
	return named, nil
}
