package apply

import (
	"context"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/formats"
)

// A shadow sends nothing. What a drop would change is held against the shop once more, and then told as if it had been done:
// in counts and in the history of keys. Links hold what the shop holds, and nothing that was only planned.

// Look holds what is decided against the shop as it is: what others have brought there already is no change any more.
func (a *Applier) Look(ctx context.Context) error {
	for after := int64(0); ; {
		page, err := a.Stage.Next(ctx, bridge.Decided, after, lookUpRows)
		if err != nil || len(page) == 0 {
			return err
		}
		after = page[len(page)-1].Seq
		if err := a.CompareLive(ctx, page); err != nil {
			return err
		}
		if page, err = a.leaveRemoved(ctx, page); err != nil {
			return err
		}
		var same []fate
		for _, c := range page {
			switch {
			case c.Status == bridge.Finished:
				same = append(same, fate{change: c, fate: bridge.FateUnchanged})
			case c.Op == bridge.Update && len(c.Values) == 0:
				c.Status = bridge.Finished
				same = append(same, fate{change: c, fate: bridge.FateAdopted})
			}
		}
		if err := a.settle(ctx, 0, same, page); err != nil {
			return err
		}
	}
}

// leaveRemoved finishes the removals of a page that somebody has made already. Those that no row asks for leave the stage.
func (a *Applier) leaveRemoved(ctx context.Context, page []*bridge.Staged) (left []*bridge.Staged, err error) {
	var asked []*bridge.Staged
	for _, c := range page {
		if c.Op == bridge.Remove {
			record := &formats.Record{Entity: c.Record.Entity, Key: c.Key, Values: c.Record.Entity.Left}
			asked = append(asked, &bridge.Staged{Change: bridge.Change{Key: c.Key, Record: record}})
		}
	}
	if len(asked) == 0 {
		return page, nil
	}
	lookups, err := a.find(ctx, asked)
	if err != nil {
		return nil, err
	}
	gone := map[string]bool{}
	var unknown []string
	for i, l := range lookups {
		key, as := asked[i].Key, asked[i].Record.Values
		switch {
		case l.Found == nil:
			gone[key], unknown = true, append(unknown, key)
		case len(as) > 0:
			differ, _ := bridge.Differing(as, l.Found.Values, false)
			gone[key] = len(differ) == 0
		}
	}
	for _, c := range page {
		switch {
		case !gone[c.Key]:
		case c.Implied:
			if err := a.Stage.Drop(ctx, c.Key); err != nil {
				return nil, err
			}
			continue
		default:
			c.Status = bridge.Finished
		}
		left = append(left, c)
	}
	return left, a.persist(ctx, func() error { return a.Ledger.Forget(ctx, a.Feed.Entity.Name, unknown) })
}

// Foretell gives every change that is left the fate that it would have. Records that wait for a parent which is not of this very
// file are parked.
func (a *Applier) Foretell(ctx context.Context) error {
	for _, status := range []bridge.StageStatus{bridge.Decided, bridge.Waiting} {
		for after := int64(0); ; {
			page, err := a.Stage.Next(ctx, status, after, settleRows)
			if err != nil {
				return err
			}
			if len(page) == 0 {
				break
			}
			after = page[len(page)-1].Seq
			if err := a.foretell(ctx, page); err != nil {
				return err
			}
		}
	}
	return nil
}

func (a *Applier) foretell(ctx context.Context, page []*bridge.Staged) error {
	keys := make([]string, len(page))
	for i, c := range page {
		if keys[i] = c.Key; c.Missing == nil || c.Missing.Entity != a.Feed.Entity.Name {
			continue
		}
		parent, err := a.Stage.Get(ctx, c.Missing.Key)
		if err != nil {
			return err
		}
		if parent != nil && parent.Missing == nil {
			c.Op, c.Values, c.Missing = bridge.Create, c.Record.Values, nil
		}
	}
	links, err := a.Ledger.Links(ctx, a.Feed.Entity.Name, keys)
	if err != nil {
		return err
	}
	settled := make([]bridge.Settlement, len(page))
	for i, c := range page {
		settled[i] = a.foretold(c, links[c.Key])
		c.Status = bridge.Finished
	}
	a.Events.Step("settle")
	if err := a.persist(ctx, func() error { return a.Ledger.Settle(ctx, 0, settled) }); err != nil {
		return err
	}
	a.Events.Step("settled")
	for _, s := range settled {
		a.Run.Add(s.Fate, 1)
	}
	return a.Stage.Save(ctx, page)
}

// foretold says what a change would be. Of what it would set the link gets what the shop has instead.
func (a *Applier) foretold(c *bridge.Staged, link *bridge.Link) bridge.Settlement {
	s := bridge.Settlement{HistoryEntry: bridge.HistoryEntry{Entity: a.Feed.Entity.Name, Key: c.Key, Drop: a.Drop.ID, Run: a.Run.ID,
		Line: c.Line, Sent: c.Values, Before: c.Old, Detail: "foretold: nothing was written", At: a.Clock.Now()}}
	switch {
	case c.Missing != nil:
		s.Fate, s.Detail = bridge.FateParked, "foretold: waits for "+c.Missing.Entity+" "+c.Missing.Key
	case c.Implied:
		s.Fate = bridge.FateWithdrawn
	case c.Op == bridge.Remove:
		s.Fate = bridge.FateRemoved
	case c.Op == bridge.Create:
		s.Fate, s.Forget = bridge.FateCreated, link != nil
	default:
		if s.Fate = bridge.FateUpdated; link == nil {
			link = &bridge.Link{Entity: a.Feed.Entity.Name, Key: c.Key}
		}
		link.Lay(bridge.Merge(c.Record.Values, c.Old),
			bridge.Link{OroID: c.OroID, Feed: a.Drop.Feed, Drop: a.Drop.ID, Run: a.Run.ID, Line: c.Line, At: s.At})
		s.Link = link
	}
	return s
}
