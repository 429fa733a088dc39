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
func (c *Client) keyed(ctx context.Context, path, filter, attribute string, keys []string) (map[string][]string, error) {
	found := make(map[string][]string, len(keys))
	var ask []string
	for _, k := range unique(keys) {
		if listable(k) {
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

// parents finds the ids of records that others name: from the cache, the caller's ledger, then the shop.
func (c *Client) parents(ctx context.Context, e *formats.Entity, keys []string) (map[string][]string, error) {
	found := make(map[string][]string, len(keys))
	rest := make([]string, 0, len(keys))
	for _, k := range unique(keys) {
		if e == formats.Products {
			if id, ok := c.skus.get(k); ok {
				found[k] = []string{id}
				continue
			}
		}
		rest = append(rest, k)
	}
	if c.known != nil && len(rest) > 0 {
		known, err := c.known(ctx, e.Name, rest)
		if err != nil {
			return nil, err
		}
		still := rest[:0]
		for _, k := range rest {
			if id := known[k]; id != "" {
				found[k] = []string{id}
				continue
			}
			still = append(still, k)
		}
		rest = still
	}
	if len(rest) == 0 {
		return found, nil
	}
	asked, err := c.entities[e.Name].ids(ctx, rest)
	if err != nil {
		return nil, err
	}
	for k, ids := range asked {
		found[k] = ids
		if e == formats.Products && len(ids) == 1 {
			c.skus.set(k, ids[0])
		}
	}
	return found, nil
}

// one picks the only id of a key; the outcome says that there is none or that there are several.
func only(ids []string, rec *formats.Record, field string, parent bridge.Missing) (string, *bridge.Outcome) {
	switch len(ids) {
	case 1:
		return ids[0], nil
	case 0:
		return "", &bridge.Outcome{Missing: &parent}
	}
	return "", &bridge.Outcome{Reject: reject(rec, field, formats.CodeAmbiguous,
		"the shop has %d %s with the key %q (ids %s): leave only one there", len(ids), parent.Entity, parent.Key, strings.Join(ids, ", "))}
}

// otherCase finds, for skus that the shop does not have, those it has in other case: its look-ups are case-sensitive, its
// rule that a sku is unique is not. It tries capitals and small letters.
func (c *Client) otherCase(ctx context.Context, skus []string) (map[string]string, error) {
	tried := make(map[string][]string)
	var ask []string
	for _, sku := range skus {
		for _, other := range []string{strings.ToUpper(sku), strings.ToLower(sku)} {
			if other != sku {
				tried[sku] = append(tried[sku], other)
				ask = append(ask, other)
			}
		}
	}
	found, err := c.keyed(ctx, "products", "sku", "sku", ask)
	if err != nil {
		return nil, err
	}
	twins := make(map[string]string)
	for sku, others := range tried {
		for _, other := range others {
			if len(found[other]) > 0 {
				twins[sku] = other
			}
		}
	}
	return twins, nil
}

// rejectCase explains a sku that differs from the shop's by case alone.
func rejectCase(rec *formats.Record, sku, twin string) *formats.Reject {
	return reject(rec, "sku", formats.CodeKey,
		"the shop has the product as %q: it takes a sku in any case as the same, but finds it only as it is written there; send it so", twin)
}

// unique leaves each key once, in order.
func unique(keys []string) []string {
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

// unlistable refuses a key that can't be looked up: without a look-up nothing keeps the shop from holding it twice.
func unlistable(rec *formats.Record, field, key string) *formats.Reject {
	if listable(key) {
		return nil
	}
	return reject(rec, field, formats.CodeKey, "%q: the shop can't look up a key with a comma, so it could not be kept from existing twice", key)
}
