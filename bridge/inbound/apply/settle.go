package apply

import (
	"context"
	"slices"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/formats"
)

// fate is what became of a change.
type fate struct {
	change *bridge.Staged
	fate   bridge.RowFate
	reject *formats.Reject // FateRejected
}

func rejected(c *bridge.Staged, why *formats.Reject) fate {
	c.Status = bridge.Finished
	r := *why
	r.Pos = c.Record.Pos
	if r.Key == "" {
		r.Key = c.Key
	}
	return fate{change: c, fate: bridge.FateRejected, reject: &r}
}

// RejectLost rejects records that waited for a parent and are damaged in the ledger.
func (a *Applier) RejectLost(ctx context.Context, lost []bridge.ParkedRow) error {
	for part := range slices.Chunk(lost, settleRows) {
		ended := make([]fate, len(part))
		for i, p := range part {
			record := &formats.Record{Entity: a.Feed.Entity, Key: p.Key, Pos: p.Pos}
			change := bridge.Change{Key: p.Key, Record: record, Line: p.Line}
			ended[i] = rejected(&bridge.Staged{Change: change, Raw: bridge.CellsOf(p.Raw)}, p.Lost())
		}
		if err := a.settle(ctx, 0, ended, nil); err != nil {
			return err
		}
	}
	return nil
}

// settle commits fates, saves the stage and counts. A crash after the commit finds the fates in the ledger.
func (a *Applier) settle(ctx context.Context, batch int64, ended []fate, changed []*bridge.Staged, events ...*bridge.Event) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.Dry && (len(ended) > 0 || batch != 0) {
		if err := a.commit(ctx, batch, ended, events...); err != nil {
			return err
		}
	}
	for _, f := range ended {
		if f.reject != nil && a.OnReject != nil {
			a.OnReject(a.rejectRow(f))
		}
		if f.fate == bridge.FateRejected && f.change.Implied {
			a.Run.Refused()
		} else {
			a.Run.Add(f.fate, 1)
		}
		if f.change.OroID != "" {
			a.accepted++
		}
	}
	return a.Stage.Save(ctx, changed)
}

// commit writes fates into the ledger, and forgets the batch (0: none) that carried their changes.
func (a *Applier) commit(ctx context.Context, batch int64, ended []fate, events ...*bridge.Event) error {
	a.Events.Step("settle")
	err := a.persist(ctx, func() error {
		settled, err := a.settlements(ctx, ended)
		if err != nil {
			return err
		}
		return a.Ledger.Settle(ctx, batch, settled, events...)
	})
	if err != nil {
		return err
	}
	a.Events.Tell(events...)
	a.Events.Step("settled")
	return nil
}

// settlements says what fates make of the ledger. The links are read first: what a record says is laid over what its link
// holds.
func (a *Applier) settlements(ctx context.Context, ended []fate) ([]bridge.Settlement, error) {
	var keys []string
	for _, f := range ended {
		if f.fate != bridge.FateRejected && f.fate != bridge.FateParked {
			keys = append(keys, f.change.Key)
		}
	}
	links, err := linksOf(ctx, a.Ledger, a.Feed.Entity.Name, keys)
	if err != nil {
		return nil, err
	}
	settled, now := make([]bridge.Settlement, len(ended)), a.Clock.Now()
	for i, f := range ended {
		settled[i] = a.settlement(f, links[f.change.Key], now)
	}
	return settled, nil
}

// linksOf reads the links of some keys. Of most that are created there are none, which the short way tells.
func linksOf(ctx context.Context, ledger Ledger, entity string, keys []string) (map[string]*bridge.Link, error) {
	refs := make([]bridge.LinkRef, len(keys))
	if err := ledger.Lookup(ctx, entity, keys, refs); err != nil {
		return nil, err
	}
	var known []string
	for i, key := range keys {
		if refs[i].ID != 0 {
			known = append(known, key)
		}
	}
	if len(known) == 0 {
		return nil, nil
	}
	return ledger.Links(ctx, entity, known)
}

func (a *Applier) settlement(f fate, link *bridge.Link, now time.Time) bridge.Settlement {
	c := f.change
	s := bridge.Settlement{HistoryEntry: bridge.HistoryEntry{Entity: a.Feed.Entity.Name, Key: c.Key, Drop: a.Drop.ID, Run: a.Run.ID,
		Line: c.Line, Fate: f.fate, At: now}, Unpark: c.Key}
	setter := bridge.Link{OroID: c.OroID, Feed: a.Drop.Feed, Drop: a.Drop.ID, Run: a.Run.ID, Line: c.Line, At: now}
	fields := c.Record.Values
	switch f.fate {
	case bridge.FateRejected:
		reject := a.rejectRow(f)
		s.Reject, s.Detail = &reject, f.reject.Code+": "+f.reject.Message
		return s
	case bridge.FateParked:
		s.Park, s.Unpark = a.parkedRow(c, now), ""
		s.Detail = "waits for " + c.Missing.Entity + " " + c.Missing.Key
		return s
	case bridge.FateUnchanged: // a removal of what the shop does not have
		s.Forget = c.Remove
		return s
	case bridge.FateRemoved, bridge.FateWithdrawn:
		if a.Feed.Entity.Left == nil {
			if s.Forget = true; link != nil {
				s.Before = link.Content
			}
			return s
		}
		fields, setter.Removed = a.Feed.Entity.Left, true
		s.Sent = fields
	case bridge.FateCreated, bridge.FateUpdated:
		s.Sent = c.Values
	}
	if link == nil {
		link = &bridge.Link{Entity: a.Feed.Entity.Name, Key: c.Key}
	}
	s.Before, s.Link = link.Lay(fields, setter), link
	if f.fate == bridge.FateUpdated {
		s.Before = fromShop(s.Before, c.Old)
	}
	return s
}

// fromShop fills in what fields were, of those that the ledger did not know, as the shop told it before they were set.
func fromShop(before, old []formats.Value) []formats.Value {
	for i, v := range before {
		if v.Text != "" {
			continue
		}
		if j, ok := slices.BinarySearchFunc(old, v, bridge.ByField); ok {
			before[i].Text = old[j].Text
		}
	}
	return before
}

func (a *Applier) rejectRow(f fate) bridge.RejectRow {
	return bridge.RejectRow{Drop: a.Drop.ID, Run: a.Run.ID, Entity: a.Feed.Entity.Name, Reject: *f.reject, Row: f.change.Raw.Row()}
}

// parkedRow is a change that waits for a parent. One that is parked again keeps the time since when it waits.
func (a *Applier) parkedRow(c *bridge.Staged, now time.Time) *bridge.ParkedRow {
	since := now
	if !c.Parked.IsZero() {
		since = c.Parked
	}
	return &bridge.ParkedRow{Entity: a.Feed.Entity.Name, Key: c.Key, Feed: a.Drop.Feed, Drop: a.Drop.ID, Run: a.Run.ID, Line: c.Line,
		Pos: c.Record.Pos, Missing: *c.Missing, Record: c.Record.Values, Remove: c.Remove, Raw: c.Raw.Row(), Since: since}
}
