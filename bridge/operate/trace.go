package operate

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/formats"
)

// Trace is all that the ledger knows about a key.
type Trace struct {
	Shop    string            `json:"shop,omitempty"` // where there are several
	Entity  string            `json:"entity"`
	Key     string            `json:"key"`
	OroID   string            `json:"oro_id"`
	Content map[string]string `json:"content"` // what the shop last accepted
	Removed bool              `json:"removed"`
	Drop    int64             `json:"drop"` // that set it; 0: adopted from the shop
	Run     int64             `json:"run"`
	Line    int64             `json:"line"`
	At      *time.Time        `json:"at"`
	Parked  *Parked           `json:"parked"`
	History []HistoryEntry    `json:"history"`

	shop string
}

// HistoryEntry is one thing that happened to a key.
type HistoryEntry struct {
	At     *time.Time        `json:"at"`
	Fate   bridge.RowFate    `json:"fate"`
	Drop   int64             `json:"drop"`
	Run    int64             `json:"run"`
	Line   int64             `json:"line"`
	Sent   map[string]string `json:"sent"`
	Detail string            `json:"detail"`
}

func newHistoryEntry(e bridge.HistoryEntry) HistoryEntry {
	return HistoryEntry{moment(e.At), e.Fate, e.Drop, e.Run, e.Line, fields(e.Sent), e.Detail}
}

// fields are values by the names of their fields.
func fields(values []formats.Value) map[string]string {
	m := make(map[string]string, len(values))
	for _, v := range values {
		m[v.Field] = v.Text
	}
	return m
}

// Trace shows which drop, line and run set a key, and its history. The parts of a key are joined by "|", as rejects and
// plans show them. An entity that there is not is a [Mistake], and so is a key of several shops; one that the ledger does not know
// [bridge.ErrUnknown].
func (k *View) Trace(ctx context.Context, entity, key string) (*Trace, error) {
	if _, ok := formats.EntityByName(entity); !ok && entity != outboxEntity {
		return nil, &Mistake{fmt.Sprintf("there is no entity %q", entity), "entities are " + entityNames()}
	}
	all, err := traces(ctx, k, entity, key)
	switch {
	case err != nil:
		return nil, err
	case len(all) > 1:
		return nil, &Mistake{fmt.Sprintf("%s %s is a key of %s and of %s", entity, key, all[0].Shop, all[1].Shop), "name the shop"}
	case len(all) == 1:
		return all[0], nil
	}
	return nil, &bridge.Error{Op: "trace", Object: entity + " " + key, Err: bridge.ErrUnknown,
		Hint: "write the key as the files have it, its parts with | between them; see orobridge trace --help"}
}

// traces are those of a key in each shop that knows it.
func traces(ctx context.Context, k *View, entity, key string) (all []*Trace, err error) {
	for _, shop := range k.keyed() {
		for _, word := range append([]string{key}, k.ownWords(shop, entity, key)...) {
			v, err := k.trace(ctx, shop, entity, word)
			if err != nil {
				return nil, err
			}
			if v != nil {
				all = append(all, v)
				break
			}
		}
	}
	return all, nil
}

func newTrace(entity, key string) *Trace {
	return &Trace{Entity: entity, Key: key, Content: map[string]string{}, History: []HistoryEntry{}}
}

// trace gathers all that is known of a shop's key; nil when nothing is.
func (k *View) trace(ctx context.Context, shop, entity, key string) (*Trace, error) {
	v, ledger := newTrace(entity, key), keysOf(k, shop)
	v.Shop, v.shop = k.told(shop), shop
	links, err := ledger.Links(ctx, entity, []string{key})
	if err != nil {
		return nil, err
	}
	if l := links[key]; l != nil {
		v.OroID, v.Content, v.Removed, v.Drop, v.Run, v.Line, v.At = l.OroID, fields(l.Content), l.Removed, l.Drop, l.Run, l.Line, moment(l.At)
	}
	entries, err := ledger.History(ctx, entity, key)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		v.History = append(v.History, newHistoryEntry(e))
	}
	p, err := ledger.ParkedAs(ctx, entity, key)
	if err != nil {
		return nil, err
	}
	if p != nil {
		parked := newParked(*p)
		v.Parked = &parked
	}
	if v.OroID == "" && v.Parked == nil && len(v.History) == 0 {
		return nil, nil
	}
	return v, nil
}

// ownWords are keys that a key of the files' own words may mean: units, lists and numbers as a feed of the entity maps them.
func (k *View) ownWords(shop, entity, key string) (keys []string) {
	for _, f := range k.Feeds {
		if f.Entity.Name != entity || k.ShopOf(f.Name) != shop {
			continue
		}
		parts := strings.Split(key, "|")
		i := 0
		for _, field := range f.Entity.Fields {
			if !field.Key || i >= len(parts) {
				continue
			}
			if shops, ok := f.Mapping.Values[field.Name][parts[i]]; ok {
				parts[i] = shops
			}
			if parts[i] == "" {
				parts[i] = cmp.Or(f.Mapping.Constants[field.Name], f.Mapping.Defaults[field.Name], field.Default)
			}
			if text, err := formats.CanonDecimal(parts[i], f.Format.Conventions()); err == nil && field.Kind == formats.Quantity {
				parts[i] = text
			}
			i++
		}
		if own := strings.Join(parts, "|"); own != key && !slices.Contains(keys, own) {
			keys = append(keys, own)
		}
	}
	return keys
}

// tracedAtMost is how many keys of a word are traced.
const tracedAtMost = 200

// TraceAll traces all keys of which a word is a part or the whole: a SKU in its product, its prices and its stock, a customer
// number, an order. More tells that there are others. A word that no key has is [bridge.ErrUnknown].
func (k *View) TraceAll(ctx context.Context, word string) (all []*Trace, more bool, err error) {
	var keys []bridge.EntityKey
	for _, shop := range k.keyed() {
		own, err := keysOf(k, shop).KeysOf(ctx, word, tracedAtMost+1)
		if err != nil {
			return nil, false, err
		}
		keys = append(keys, own...)
	}
	if len(keys) == 0 {
		return nil, false, &bridge.Error{Op: "trace", Object: word, Err: bridge.ErrUnknown,
			Hint: "write a SKU, a customer number, an order, or the name of a list, as the shop has it; or ENTITY KEY"}
	}
	if more = len(keys) > tracedAtMost; more {
		keys = keys[:tracedAtMost]
	}
	for _, key := range keys {
		v, err := k.trace(ctx, key.Shop, key.Entity, key.Key)
		if err != nil {
			return nil, false, err
		}
		if v == nil { // it was only ever rejected
			v = newTrace(key.Entity, key.Key)
			v.Shop, v.shop = k.told(key.Shop), key.Shop
		}
		all = append(all, v)
	}
	return all, more, nil
}

// entityNames lists what can be traced.
func entityNames() string {
	var names []string
	for _, e := range formats.Entities {
		names = append(names, e.Name)
	}
	return strings.Join(append(names, outboxEntity), ", ")
}
