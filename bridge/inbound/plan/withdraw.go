package plan

import (
	"context"
	"fmt"
	"slices"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/formats"
)

// Withdraws says that what the drop lacks is removed. An empty file says nothing, and corrected rejects are only some rows.
func (p *Planner) Withdraws() bool {
	return p.Feed.Mode == "full" && p.Feed.Missing != "keep" && p.Run.Kind.Whole() && p.Run.Rows > 0 && !p.Drop.Correction
}

// Withdraw stages the removal of every key that earlier drops of this full feed have set and that this one lacks.
func (p *Planner) Withdraw(ctx context.Context) error {
	if !p.Withdraws() {
		return nil
	}
	if err := p.countWithdrawn(ctx); err != nil {
		return err
	}
	if p.nameless > 0 {
		p.Spares = fmt.Sprintf("nothing was withdrawn: the keys of %d rejected rows can't be read", p.nameless)
		return nil
	}
	var page []*bridge.Staged
	flush := func() error {
		refused, err := p.countRefused(ctx, page)
		if err != nil {
			return err
		}
		_, err = p.Stage.Put(ctx, slices.DeleteFunc(page, func(c *bridge.Staged) bool { return refused[c.Key] }))
		page = page[:0]
		return err
	}
	named := func(id int64) bool { return p.seen.Has(id) || p.spared.Has(id) }
	err := p.Ledger.Unseen(ctx, p.Feed.Entity.Name, p.Feed.Name, named, func(k *bridge.Link) error {
		if !p.scopes.has(k.Entity, k.Key, k.Content) {
			return nil
		}
		if later, err := p.order.Later(ctx, k.Drop); err != nil || later {
			return err
		}
		rec := &formats.Record{Entity: p.Feed.Entity, Key: k.Key, Remove: true}
		page = append(page, &bridge.Staged{Change: bridge.Change{Op: bridge.Remove, Key: k.Key, OroID: k.OroID, Record: rec}, Link: k.ID,
			Remove: true, Implied: true, Status: bridge.Decided})
		if len(page) < chunkRows {
			return nil
		}
		return flush()
	})
	if err != nil {
		return err
	}
	return flush()
}

// countRefused counts the withdrawals of a page that the shop refused in an interrupted attempt, and names their keys.
func (p *Planner) countRefused(ctx context.Context, page []*bridge.Staged) (map[string]bool, error) {
	keys := make([]string, len(page))
	for i, c := range page {
		keys[i] = c.Key
	}
	fates, err := p.fates(ctx, keys)
	refused := map[string]bool{}
	for key, fate := range fates {
		if refused[key] = fate == bridge.FateRejected; refused[key] {
			p.Run.Refused()
		}
	}
	return refused, err
}

// countWithdrawn counts what an interrupted attempt has withdrawn: no row of the file tells of it.
func (p *Planner) countWithdrawn(ctx context.Context) error {
	if !p.Resumed {
		return nil
	}
	fates, err := p.Ledger.Fates(ctx, p.Run.ID)
	p.Run.Add(bridge.FateWithdrawn, fates[bridge.FateWithdrawn])
	return err
}
