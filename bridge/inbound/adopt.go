package inbound

import (
	"context"
	"fmt"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/formats"
)

// Adopt fills the ledger's links of a feed's entity from the shop, without a file: what the shop holds counts as accepted.
// Keys that have a link are left alone. It returns how many were adopted and how many had a link.
func (e *Engine) Adopt(ctx context.Context, f *config.Feed) (adopted, known int64, err error) {
	page := &adoption{e: e, f: f}
	err = e.Shop.All(ctx, f.Entity, ownFields(f.Entity), func(key string, found bridge.Found) error {
		page.keys = append(page.keys, key)
		page.found = append(page.found, found)
		if len(page.keys) < pageRows {
			return nil
		}
		return page.flush(ctx)
	})
	if err == nil {
		err = page.flush(ctx)
	}
	if err == nil {
		err = journal{e}.keep(ctx, &bridge.Event{At: e.Clock.Now(), Kind: bridge.LinksAdopted, Feed: f.Name, Text: fmt.Sprintf("%d from the shop",
			page.adopted)})
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
	e              *Engine
	f              *config.Feed
	keys           []string
	found          []bridge.Found
	adopted, known int64
}

func (p *adoption) flush(ctx context.Context) error {
	refs := make([]bridge.LinkRef, len(p.keys))
	if err := p.e.Ledger.Lookup(ctx, p.f.Entity.Name, p.keys, refs); err != nil {
		return err
	}
	var settled []bridge.Settlement
	for i, key := range p.keys {
		if refs[i].ID != 0 {
			p.known++
			continue
		}
		p.adopted++
		now := p.e.Clock.Now()
		settled = append(settled, bridge.Settlement{
			HistoryEntry: bridge.HistoryEntry{Entity: p.f.Entity.Name, Key: key, Fate: bridge.FateAdopted, At: now},
			Link: &bridge.Link{Entity: p.f.Entity.Name, Key: key, OroID: p.found[i].OroID, Content: p.found[i].Values, Feed: p.f.Name,
				At: now},
		})
	}
	p.keys, p.found = p.keys[:0], p.found[:0]
	p.e.Events.Tell(&bridge.Event{Kind: bridge.Progressed, Feed: p.f.Name, Phase: "adopting", Done: p.adopted})
	return p.e.Ledger.Settle(ctx, 0, settled)
}
