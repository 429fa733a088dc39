package oro

import (
	"context"
	"slices"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/formats"
)

// This file is about ids. A shop that was restored from a backup gives ids again, so an id says which record is meant only
// together with its key.

// Confirm looks ids up in bulk and says for each whether it still is its key's. See inbound.Shop.
func (c *batches) Confirm(ctx context.Context, e *formats.Entity, links []bridge.Identity) ([]bridge.Misfit, error) {
	ent, err := c.entity(e.Name)
	if err != nil || len(links) == 0 {
		return nil, err
	}
	keys, err := ent.names(ctx, links)
	if err != nil {
		return nil, err
	}
	misfits := make([]bridge.Misfit, len(links))
	for i, l := range links {
		switch now := keys[l.OroID]; {
		case len(now) == 0:
			misfits[i] = bridge.Gone
		case !slices.Contains(now, l.Key):
			misfits[i] = bridge.Another
		}
	}
	return misfits, nil
}

// distrust refuses the updates and removals of a batch whose ids are not their keys' any more.
func (c *batches) distrust(ctx context.Context, b *bridge.Batch) (map[int]bridge.Outcome, error) {
	var links []bridge.Identity
	var of []int
	for i, ch := range b.Changes {
		if ch.Op != bridge.Create && ch.OroID != "" {
			links, of = append(links, bridge.Identity{Key: ch.Key, OroID: ch.OroID}), append(of, i)
		}
	}
	if len(links) == 0 {
		return nil, nil
	}
	e, _ := formats.EntityByName(b.Entity)
	misfits, err := c.Confirm(ctx, e, links)
	if err != nil {
		return nil, err
	}
	refused := make(map[int]bridge.Outcome)
	for j, m := range misfits {
		if m != bridge.Fits {
			refused[of[j]] = bridge.Outcome{Unknown: true, Stale: m}
		}
	}
	return refused, nil
}

// keysByID reads the one attribute that is the key of the records behind ids.
func (c *api) keysByID(ctx context.Context, path, attribute string, links []bridge.Identity) (map[string][]string, error) {
	found := make(map[string][]string, len(links))
	err := c.lookup(ctx, path, "id", numbers(idsOf(links)), query{"fields[" + path + "]": attribute}, 1, func(doc *document) error {
		for i := range doc.Data {
			found[doc.Data[i].ID] = []string{doc.Data[i].text(attribute)}
		}
		return nil
	})
	return found, err
}

func idsOf(links []bridge.Identity) []string {
	ids := make([]string, len(links))
	for i, l := range links {
		ids[i] = l.OroID
	}
	return unique(ids)
}

// numbers keeps what can be an id: the shop refuses a filter on anything else.
func numbers(ids []string) []string {
	return slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return !digits(id) })
}
