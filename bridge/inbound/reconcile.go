package inbound

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/bridge/inbound/plan"
	"github.com/orobridge/orobridge/formats"
)

// A reconciliation reads all records of an entity from the shop, in bulk, and holds them against the ledger. What seems to
// differ is looked up once more, record by record, before it is told: the shop's words may differ where they mean the same,
// and a bridge may be at work meanwhile.

// DifferenceKind says how the shop and the ledger differ about a key.
type DifferenceKind string

// The kinds of differences.
const (
	MissingThere   DifferenceKind = "missing"   // the ledger has it, the shop does not
	DifferentThere DifferenceKind = "different" // a field has another value in the shop
	UnknownHere    DifferenceKind = "unknown"   // the shop has it, and no feed has ever set it
	StrayThere     DifferenceKind = "stray"     // so, and it was made after the ledger was that was put back
)

// A Difference is one thing in which the shop and the ledger differ.
type Difference struct {
	Kind  DifferenceKind
	Key   string
	Field string // of a different one
	Ours  string // what the shop last accepted from us
	Shops string // what it has now
	Drop  int64  // that set it last; 0 for an unknown one
}

// Reconciliation says how the shop stands.
type Reconciliation struct {
	Compared  int64 // records of the shop
	Missing   int64 // keys
	Different int64
	Unknown   int64
	Stray     int64        // of these, made after the ledger was that was put back: a repair withdraws them where full files do
	Drop      *bridge.Drop // that sets right what is missing, different or stray; nil while nothing is to be repaired
}

// ReconcileOptions say what to tell, and what to make of it.
type ReconcileOptions struct {
	Each   func(Difference) error
	Repair bool // make a drop of what is missing or different
	Agreed bool // it needs no further approval
}

// Reconcile compares all records of a feed's entity in the shop with the ledger. Of the ledger's those count that any of the
// bridge's feeds has set. With Repair it makes a drop of the feed, which is due then.
func (e *Engine) Reconcile(ctx context.Context, f *config.Feed, o ReconcileOptions, by bridge.Decision) (*Reconciliation, error) {
	if f.Entity.Answers {
		return nil, &bridge.Error{Op: "reconcile", Object: "feed " + f.Name, Err: errors.New("answers to orders are no records of the shop"),
			Hint: "see `orobridge orders`"}
	}
	m, err := e.make(f)
	if err != nil {
		return nil, err
	}
	c := &comparison{e: e, f: f, o: o, m: m, Reconciliation: &Reconciliation{}}
	if c.notes, err = e.Ledger.Notes(ctx); err == nil {
		err = c.run(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, m.Close())
	}
	if err := (journal{e}).reconciled(ctx, f, c.Reconciliation); err != nil {
		return nil, errors.Join(err, m.Close())
	}
	if o.Repair && m.Rows() > 0 {
		name := fmt.Sprintf("repair_%s_%s.jsonl", f.Name, e.Clock.Now().UTC().Format("20060102T150405Z"))
		c.Drop, err = journal{e}.enter(ctx, f, m, name, "repair of "+f.Entity.Name, by, o.Agreed)
	}
	return c.Reconciliation, errors.Join(err, m.Close())
}

// comparison is one reconciliation under way.
type comparison struct {
	e *Engine
	f *config.Feed
	o ReconcileOptions
	m *making
	*Reconciliation
	notes   map[string]string
	seen    plan.LinkSet
	keys    []string // of a page of the shop's records
	found   []bridge.Found
	suspect []*bridge.Link // that seem to be missing or different
}

func (c *comparison) run(ctx context.Context) error {
	err := c.e.Shop.All(ctx, c.f.Entity, ownFields(c.f.Entity), func(key string, found bridge.Found) error {
		last := len(c.found) - 1
		if last+1 >= pageRows && c.found[last].OroID != found.OroID {
			if err := c.page(ctx); err != nil {
				return err
			}
		}
		c.keys, c.found = append(c.keys, key), append(c.found, found)
		return nil
	})
	if err == nil {
		err = c.page(ctx)
	}
	if err != nil {
		return err
	}
	for _, f := range c.e.Feeds {
		if f.Entity != c.f.Entity {
			continue
		}
		err := c.e.Ledger.Unseen(ctx, f.Entity.Name, f.Name, c.seen.Has, func(k *bridge.Link) error { return c.suspicion(ctx, k) })
		if err != nil {
			return err
		}
	}
	return c.lookAgain(ctx)
}

// page holds a page of the shop's records against the ledger. One that has several keys is known by any of them.
func (c *comparison) page(ctx context.Context) error {
	defer func() { c.keys, c.found = c.keys[:0], c.found[:0] }()
	links, err := c.e.Ledger.Links(ctx, c.f.Entity.Name, c.keys)
	if err != nil {
		return err
	}
	for first := 0; first < len(c.keys); {
		next, known := first, false
		for ; next < len(c.keys) && c.found[next].OroID == c.found[first].OroID; next++ {
			link := links[c.keys[next]]
			if link == nil {
				continue
			}
			known = true
			c.seen.Add(link.ID)
			if len(unlike(link.Content, c.found[next].Values)) > 0 {
				if err := c.suspicion(ctx, link); err != nil {
					return err
				}
			}
		}
		if c.Compared++; !known {
			if err := c.unknown(c.keys[first], c.found[first].OroID); err != nil {
				return err
			}
		}
		first = next
	}
	c.e.Events.Tell(&bridge.Event{Kind: bridge.Progressed, Feed: c.f.Name, Phase: "comparing", Done: c.Compared})
	return nil
}

// unknown tells of a key that no feed has set. One that was made since a backup, by a bridge that was lost or in the shop, is withdrawn
// by a repair where the feed's full files withdraw what they lack: such a file has come since, and lacked it.
func (c *comparison) unknown(key, id string) error {
	d := Difference{Kind: UnknownHere, Key: key}
	c.Unknown++
	if c.f.Mode == "full" && c.f.Missing != "keep" && bridge.MadeSince(c.notes, bridge.InShop(c.f.Entity.Name, c.e.Name), id) {
		d.Kind = StrayThere
		c.Stray++
		if err := c.m.Write(key, nil, true); err != nil {
			return err
		}
	}
	return c.tell(d)
}

func (c *comparison) tell(d Difference) error {
	if c.o.Each == nil {
		return nil
	}
	return c.o.Each(d)
}

// unlike are the fields of ours that the shop tells otherwise, with the shop's values. What it does not tell is not compared.
func unlike(ours, shops []formats.Value) (theirs []formats.Value) {
	for _, v := range ours {
		if i, ok := slices.BinarySearchFunc(shops, v, bridge.ByField); ok && shops[i].Text != v.Text {
			theirs = append(theirs, shops[i])
		}
	}
	return theirs
}

func (c *comparison) suspicion(ctx context.Context, k *bridge.Link) error {
	if c.suspect = append(c.suspect, k); len(c.suspect) < pageRows {
		return nil
	}
	return c.lookAgain(ctx)
}

// lookAgain looks up what seems to be missing or different, and holds it against the ledger as it stands now.
func (c *comparison) lookAgain(ctx context.Context) error {
	keys := make([]string, len(c.suspect))
	for i, k := range c.suspect {
		keys[i] = k.Key
	}
	c.suspect = c.suspect[:0]
	links, err := c.e.Ledger.Links(ctx, c.f.Entity.Name, keys)
	if err != nil {
		return err
	}
	var records []*formats.Record
	for _, key := range keys {
		if k := links[key]; k != nil {
			records = append(records, &formats.Record{Entity: c.f.Entity, Key: key, Values: k.Content})
		}
	}
	if len(records) == 0 {
		return nil
	}
	lookups, err := c.e.Shop.Find(ctx, c.f.Entity, records)
	if err != nil {
		return err
	}
	for i, r := range records {
		if err := c.judge(links[r.Key], lookups[i].Found); err != nil {
			return err
		}
	}
	return nil
}

// judge tells in what a link and the shop's record differ, and writes the repair.
func (c *comparison) judge(k *bridge.Link, found *bridge.Found) error {
	if found == nil {
		c.Missing++
		if err := c.tell(Difference{Kind: MissingThere, Key: k.Key, Drop: k.Drop}); err != nil {
			return err
		}
		return c.m.Write(k.Key, k.Content, false)
	}
	theirs := unlike(k.Content, found.Values)
	if len(theirs) == 0 {
		return nil
	}
	c.Different++
	var ours []formats.Value
	for _, t := range theirs {
		i, _ := slices.BinarySearchFunc(k.Content, t, bridge.ByField)
		ours = append(ours, k.Content[i])
		d := Difference{Kind: DifferentThere, Key: k.Key, Field: t.Field, Ours: k.Content[i].Text, Shops: t.Text, Drop: k.Origin(t.Field)}
		if err := c.tell(d); err != nil {
			return err
		}
	}
	return c.m.Write(k.Key, ours, false)
}
