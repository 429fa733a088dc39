package apply

import (
	"context"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/formats"
)

// DecideAll looks up what is undecided, page by page.
func (a *Applier) DecideAll(ctx context.Context) error {
	for after := int64(0); ; {
		if err := bridge.Noticed(ctx); err != nil {
			return err
		}
		page, err := a.Stage.Next(ctx, bridge.Undecided, after, lookUpRows)
		if err != nil || len(page) == 0 {
			return err
		}
		after = page[len(page)-1].Seq
		lookups, err := a.find(ctx, page)
		if err != nil {
			return err
		}
		var ended []fate
		for i, c := range page {
			if f, ok := a.decide(c, lookups[i]); ok {
				ended = append(ended, f)
			}
		}
		if err := a.forgetParents(ctx, page); err != nil {
			return err
		}
		if err := a.settle(ctx, 0, ended, page); err != nil {
			return err
		}
		a.Events.Tell(&bridge.Event{Kind: bridge.Progressed, Feed: a.Feed.Name, File: a.Drop.Name, Phase: "looking up", Done: after})
	}
}

// find asks the shop for a page of changes. The shop's client cuts it into requests.
func (a *Applier) find(ctx context.Context, page []*bridge.Staged) (lookups []bridge.Lookup, err error) {
	records := make([]*formats.Record, len(page))
	for i, c := range page {
		records[i] = c.Record
	}
	err = a.persist(ctx, func() (err error) {
		lookups, err = a.Shop.Find(ctx, a.Feed.Entity, records)
		return err
	})
	return lookups, err
}

// decide turns a look-up into a change, or into a settlement when nothing is left to do.
func (a *Applier) decide(c *bridge.Staged, l bridge.Lookup) (fate, bool) {
	sent := a.sent[c.Key]
	switch {
	case l.Reject != nil:
		return rejected(c, l.Reject), true
	case l.Missing != nil:
		c.Status, c.Missing = bridge.Waiting, l.Missing
	case l.Found == nil && c.Remove:
		c.Status = bridge.Finished
		if sent == bridge.Remove || c.Implied { // whoever removed what the file lacks, it is gone
			return removed(c), true
		}
		return fate{change: c, fate: bridge.FateUnchanged}, true
	case l.Found == nil:
		if bad := a.Feed.Entity.Refusal(c.Record, true); bad != nil && bad.Code == formats.CodeMissing {
			return rejected(c, bad), true
		} else if bad != nil {
			a.expect(c, bad)
		}
		c.Status, c.Op, c.OroID = bridge.Decided, bridge.Create, ""
		c.Values, c.Old = c.Record.Values, nil
	case c.Remove:
		c.Status, c.Op, c.OroID = bridge.Decided, bridge.Remove, l.Found.OroID
	default:
		c.OroID = l.Found.OroID
		c.Values, c.Old = bridge.Differing(c.Record.Values, l.Found.Values, a.Run.Force)
		if c.Verify {
			a.Run.Verified++
		}
		if len(c.Values) > 0 {
			c.Status, c.Op = bridge.Decided, bridge.Update
			return fate{}, false
		}
		c.Status = bridge.Finished
		switch {
		case c.Verify && sent == "" && !c.Again:
			a.Run.Add(bridge.FateUnchanged, 1) // as the ledger has it: there is nothing to commit
			return fate{}, false
		case c.Again || sent == bridge.Create:
			return fate{change: c, fate: bridge.FateCreated}, true
		case c.Op == bridge.Update || sent == bridge.Update: // sent before, and found to have arrived
			return fate{change: c, fate: bridge.FateUpdated}, true
		}
		return fate{change: c, fate: bridge.FateAdopted}, true
	}
	return fate{}, false
}

// expect counts what a stock shop would refuse, and tells a plan of it. What the shop itself says counts in the end.
func (a *Applier) expect(c *bridge.Staged, why *formats.Reject) {
	a.Expected++
	if a.OnExpected != nil {
		a.OnExpected(a.rejectRow(fate{change: c, reject: why}))
	}
}

// CompareLive sets the old values of updates to what the shop holds at this moment.
func (a *Applier) CompareLive(ctx context.Context, page []*bridge.Staged) error {
	var updates []*bridge.Staged
	for _, c := range page {
		if c.Op == bridge.Update && c.Link != 0 {
			updates = append(updates, c)
		}
	}
	lookups, err := a.find(ctx, updates)
	if err != nil {
		return err
	}
	for i, c := range updates {
		if found := lookups[i].Found; found != nil {
			c.Values, c.Old = bridge.Differing(c.Record.Values, found.Values, false)
		} else {
			c.Op, c.Values, c.Old = bridge.Create, c.Record.Values, nil
		}
	}
	return nil
}
