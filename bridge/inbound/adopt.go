package inbound

import (
	"context"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/formats"
)

// Adopt fills the ledger's links of a feed's entity from the shop, without a file: what the shop holds counts as accepted.
// Keys that have a link are left alone. It returns how many were adopted and how many had a link.
func (b *Engine) Adopt(ctx context.Context, f *config.Feed) (adopted, known int64, err error) {
	page := &adoption{b: b, f: f}
	err = b.Shop.All(ctx, f.Entity, ownFields(f.Entity), func(key string, found bridge.Found) error {
		page.keys = append(page.keys, key)
		page.found = append(page.found, found)
		if len(page.keys) < settleRows {
			return nil
		}
		return page.flush(ctx)
	})
	if err == nil {
		err = page.flush(ctx)
	}
	return page.adopted, page.known, err
}

// ownFields are the fields of an entity that need no file to be known.
func ownFields(e *formats.Entity) []string {
	var fields []string
	for i := range e.Fields {
		field := &e.Fields[i]
		if !field.Key && field.Family != formats.Prefixed && field.Name != formats.RemoveField {
			fields = append(fields, field.Name)
		}
	}
	return fields
}

// adoption is one page of records on their way into the ledger.
type adoption struct {
	b              *Engine
	f              *config.Feed
	keys           []string
	found          []bridge.Found
	adopted, known int64
}

func (p *adoption) flush(ctx context.Context) error {
	refs := make([]bridge.LinkRef, len(p.keys))
	if err := p.b.Ledger.Lookup(ctx, p.f.Entity.Name, p.keys, refs); err != nil {
		return err
	}
	var settled []bridge.Settlement
	for i, key := range p.keys {
		if refs[i].ID != 0 {
			p.known++
			continue
		}
		p.adopted++
		settled = append(settled, bridge.Settlement{Fate: bridge.FateAdopted, Entity: p.f.Entity.Name, Key: key, OroID: p.found[i].OroID, Record: p.found[i].Values})
	}
	p.keys, p.found = p.keys[:0], p.found[:0]
	p.b.progress(Progress{Feed: p.f.Name, Phase: "adopting", Done: p.adopted})
	return p.b.Ledger.Settle(ctx, &bridge.Run{}, &bridge.Drop{Feed: p.f.Name}, 0, settled)
}
