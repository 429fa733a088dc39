package oro

import (
	"context"
	"strings"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/formats"
)

// This file finds ids by key: for parents that records name, and for records whose id is needed.

// keyed asks the shop for the ids behind keys of an attribute that its list can be filtered by. The shop does not keep
// every key unique, so a key may have several ids.
func (c *api) keyed(ctx context.Context, path, filter, attribute string, keys []string) (map[string][]string, error) {
	found := make(map[string][]string, len(keys))
	var ask []string
	for _, k := range unique(keys) {
		if listable(k) || c.keysAtOnce(path, filter) == 1 && k != "" {
			ask = append(ask, k)
		}
	}
	q := query{"fields[" + path + "]": attribute}
	err := c.lookup(ctx, path, filter, ask, q, 10, func(doc *document) error {
		for i := range doc.Data {
			key := doc.Data[i].text(attribute)
			found[key] = append(found[key], doc.Data[i].ID)
		}
		return nil
	})
	return found, err
}

// parents finds the ids of records that others name. The shop is always asked: what a link of the ledger or an earlier
// answer says may be another record's id by now.
func (c *batches) parents(ctx context.Context, e *formats.Entity, names []string) (map[string][]string, error) {
	if len(names) == 0 {
		return nil, nil
	}
	return c.entities[e.Name].ids(ctx, unique(names))
}

// fill looks up the ids that updates lack.
func (c *batches) fill(ctx context.Context, changes []*bridge.Change) error {
	var keys []string
	for _, ch := range changes {
		if ch.Op != bridge.Create && ch.OroID == "" {
			keys = append(keys, ch.Key)
		}
	}
	if len(keys) == 0 {
		return nil
	}
	ids, err := c.entities[changes[0].Record.Entity.Name].ids(ctx, keys)
	if err != nil {
		return err
	}
	for _, ch := range changes {
		if found := ids[ch.Key]; ch.Op != bridge.Create && ch.OroID == "" && len(found) == 1 {
			ch.OroID = found[0]
		}
	}
	return nil
}

// only picks the only id of a key; the outcome says that there is none or that there are several.
func only(ids []string, rec *formats.Record, field string, parent bridge.Missing) (string, *bridge.Outcome) {
	switch len(ids) {
	case 1:
		return ids[0], nil
	case 0:
		missing := parent
		return "", &bridge.Outcome{Missing: &missing}
	}
	return "", &bridge.Outcome{Reject: reject(rec, field, formats.CodeAmbiguous,
		"the shop has %d %s with the key %q (ids %s): leave only one there", len(ids), parent.Entity, parent.Key, strings.Join(ids, ", "))}
}

// rejectCase explains a sku that differs from the shop's by case alone.
func rejectCase(rec *formats.Record, sku, twin string) *formats.Reject {
	return reject(rec, "sku", formats.CodeKey,
		"the shop has the product as %q: it takes a sku in any case as the same, but finds it only as it is written there; send it so", twin)
}

// unique leaves each key once, in order.
func unique(keys []string) []string {
	if rising(keys) {
		return keys
	}
	seen := make(map[string]bool, len(keys))
	once := make([]string, 0, len(keys))
	for _, k := range keys {
		if !seen[k] {
			seen[k] = true
			once = append(once, k)
		}
	}
	return once
}

// rising says that each key is behind the one before, as those of most files are.
func rising(keys []string) bool {
	for i := 1; i < len(keys); i++ {
		if keys[i] <= keys[i-1] {
			return false
		}
	}
	return true
}

// unlistable refuses a key that can't be looked up: without a look-up nothing keeps the shop from holding it twice.
func unlistable(rec *formats.Record, field, key string) *formats.Reject {
	if listable(key) {
		return nil
	}
	return reject(rec, field, formats.CodeKey,
		"%q: the shop can't look up a key with a comma, so it could not be kept from existing twice", key)
}
