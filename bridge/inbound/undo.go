package inbound

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/formats"
)

// An undo is the way back of a drop, or of one of its runs: for each key that it set and nobody has set since, the values
// before it, out of the ledger's history. What it created is removed as the entity allows, what it removed is made again. What
// a later drop has set, what somebody has changed in the shop, and what nobody knows is left, and told.

// Undo is what an undo would do, or has made a drop of.
type Undo struct {
	Drop    *bridge.Drop // that it made; nil while it is only planned, or when there is nothing to do
	Restore int64        // keys that get back values that they had
	Remove  int64        // keys that were created
	Remake  int64        // keys that were removed
	Left    int64        // keys, or fields of them, that stay as they are
}

// Rows is how many keys it changes.
func (u *Undo) Rows() int64 { return u.Restore + u.Remove + u.Remake }

// UndoLeft is what an undo leaves as it is, and why.
type UndoLeft struct {
	Key   string
	Field string // empty: all of them
	Why   string
}

// UndoOptions say what is undone and how.
type UndoOptions struct {
	Run    int64 // 0: all runs of the drop
	Agreed bool  // it needs no further approval
	Dry    bool  // make no drop
	Left   func(UndoLeft) error
}

// Undo works out the way back of a drop and makes a drop of it, which is due then. With Dry it only counts.
func (e *Engine) Undo(ctx context.Context, f *config.Feed, d *bridge.Drop, o UndoOptions, by bridge.Decision) (*Undo, error) {
	object := fmt.Sprintf("drop %d", d.ID)
	if f.Entity.Answers {
		return nil, &bridge.Error{Op: "undo", Object: object, Err: errors.New("answers to orders can't be taken back"),
			Hint: "set the orders right in the shop"}
	}
	if !d.State.Settled() {
		return nil, &bridge.Error{Op: "undo", Object: object, Err: fmt.Errorf("it is %s", d.State),
			Hint: "only a drop that has come to its end can be undone; discard one that has not"}
	}
	m, err := e.make(f)
	if err != nil {
		return nil, err
	}
	u := &undoer{e: e, f: f, d: d, o: o, m: m, Undo: &Undo{}}
	if err := u.run(ctx); err != nil {
		return nil, errors.Join(err, m.Close())
	}
	if u.Rows() > 0 && !o.Dry {
		name, made := undoName(d.ID, o.Run)
		u.Drop, err = journal{e}.enter(ctx, f, m, name, made, by, o.Agreed)
	}
	return u.Undo, errors.Join(err, m.Close())
}

// undoRows is how many keys are looked up at once.
const undoRows = 1000

// undoer works out one undo, a page of keys at a time.
type undoer struct {
	e *Engine
	f *config.Feed
	d *bridge.Drop
	o UndoOptions
	m *making
	*Undo
	page []*wayBack
}

// wayBack is what a drop has done to one key, all in all.
type wayBack struct {
	key     string
	created bool              // it was not there before
	gone    bool              // it is not there after
	before  map[string]string // by field, before the drop; "" is not known
	sent    map[string]string // by field, as the drop has left it
}

func (u *undoer) run(ctx context.Context) error {
	var now *wayBack
	err := u.e.Ledger.Changes(ctx, u.d.ID, u.o.Run, func(h bridge.HistoryEntry) error {
		if h.Entity != u.f.Entity.Name || !sets(h.Fate) {
			return nil
		}
		if now == nil || now.key != h.Key {
			if len(u.page) == undoRows {
				if err := u.flush(ctx); err != nil {
					return err
				}
			}
			now = &wayBack{key: h.Key, created: h.Fate == bridge.FateCreated, before: map[string]string{}, sent: map[string]string{}}
			u.page = append(u.page, now)
		}
		now.add(h, u.f.Entity.Left == nil)
		return nil
	})
	if err != nil {
		return err
	}
	return u.flush(ctx)
}

// sets says that a fate has changed something in the shop.
func sets(fate bridge.RowFate) bool {
	switch fate {
	case bridge.FateCreated, bridge.FateUpdated, bridge.FateRemoved, bridge.FateWithdrawn:
		return true
	}
	return false
}

// add lays one more thing that happened to the key over the others. Deletes says that nothing is left of what is removed.
func (b *wayBack) add(h bridge.HistoryEntry, deletes bool) {
	for _, v := range h.Before {
		if _, known := b.before[v.Field]; !known && !b.created {
			b.before[v.Field] = v.Text
		}
	}
	for _, v := range h.Sent {
		b.sent[v.Field] = v.Text
	}
	b.gone = deletes && (h.Fate == bridge.FateRemoved || h.Fate == bridge.FateWithdrawn)
}

func (u *undoer) left(key, field, format string, args ...any) error {
	u.Left++
	if u.o.Left == nil {
		return nil
	}
	return u.o.Left(UndoLeft{key, field, fmt.Sprintf(format, args...)})
}

// back is one record of the way back, and the record as the ledger believes that the shop has it.
type back struct {
	key    string
	values []formats.Value // to be set; of a removal none
	remove bool
	known  *formats.Record // nil: the shop must not have it
}

// flush writes the way back of a page of keys.
func (u *undoer) flush(ctx context.Context) error {
	keys := make([]string, len(u.page))
	for i, b := range u.page {
		keys[i] = b.key
	}
	links, err := u.e.Ledger.Links(ctx, u.f.Entity.Name, keys)
	if err != nil {
		return err
	}
	var backs []*back
	for _, b := range u.page {
		x, err := u.wayBack(b, links[b.key])
		if err != nil {
			return err
		}
		if x != nil {
			backs = append(backs, x)
		}
	}
	u.page = u.page[:0]
	return u.write(ctx, backs)
}

// wayBack compares what a drop has done to a key with what the ledger holds now; nil when nothing is to be done.
func (u *undoer) wayBack(b *wayBack, link *bridge.Link) (*back, error) {
	switch {
	case b.created && b.gone: // it came and went
		return nil, nil
	case b.gone && link != nil:
		return nil, u.left(b.key, "", "drop %d has made it again since", link.Drop)
	case b.gone:
		x := &back{key: b.key}
		for _, field := range slices.Sorted(maps.Keys(b.before)) {
			if text := b.before[field]; text != "" {
				x.values = append(x.values, formats.Value{Field: field, Text: text})
			}
		}
		if len(x.values) == 0 {
			return nil, u.left(b.key, "", "what it was is not known")
		}
		return x, nil
	case link == nil:
		return nil, u.left(b.key, "", "it was removed since")
	case b.created:
		return u.uncreate(b, link)
	}
	return u.restore(b, link)
}

// uncreate removes what the drop has created, unless somebody else has set something of it.
func (u *undoer) uncreate(b *wayBack, link *bridge.Link) (*back, error) {
	if link.Removed {
		return nil, nil
	}
	if by := u.setSince(link); by != "" {
		return nil, u.left(b.key, "", "%s", by)
	}
	if !slices.ContainsFunc(u.f.Entity.OnMissing, func(way string) bool { return way != "keep" }) {
		return nil, u.left(b.key, "", "it was created, and the shop's %s can't be taken away", u.f.Entity.Name)
	}
	return &back{key: b.key, remove: true, known: u.record(b.key, link.Content)}, nil
}

// setSince says who has set something of a link after the drop; empty for nobody.
func (u *undoer) setSince(link *bridge.Link) string {
	switch {
	case link.Drop != u.d.ID:
		return fmt.Sprintf("drop %d has set it since", link.Drop)
	case u.o.Run != 0 && link.Run != u.o.Run:
		return fmt.Sprintf("run %d has set it since", link.Run)
	}
	return ""
}

// restore gives back the values that the drop has set and nobody since.
func (u *undoer) restore(b *wayBack, link *bridge.Link) (*back, error) {
	x := &back{key: b.key}
	var known []formats.Value
	for _, field := range slices.Sorted(maps.Keys(b.before)) {
		was, sent := b.before[field], b.sent[field]
		i, ok := slices.BinarySearchFunc(link.Content, formats.Value{Field: field}, bridge.ByField)
		var err error
		switch {
		case was == sent: // it came back by itself
		case !ok || link.Content[i].Text != sent || link.Origin(field) != u.d.ID:
			err = u.left(b.key, field, "drop %d has set it since", link.Origin(field))
		case was == "":
			err = u.left(b.key, field, "what it was is not known")
		default:
			x.values = append(x.values, formats.Value{Field: field, Text: was})
			known = append(known, link.Content[i])
		}
		if err != nil {
			return nil, err
		}
	}
	if len(x.values) == 0 {
		return nil, nil
	}
	x.known = u.record(b.key, known)
	return x, nil
}

func (u *undoer) record(key string, values []formats.Value) *formats.Record {
	return &formats.Record{Entity: u.f.Entity, Key: key, Values: values}
}

// write asks the shop whether it still holds what the drop has left there, and writes the records of those that do.
func (u *undoer) write(ctx context.Context, backs []*back) error {
	if len(backs) == 0 {
		return nil
	}
	records := make([]*formats.Record, len(backs))
	for i, x := range backs {
		if records[i] = x.known; x.known == nil {
			records[i] = u.record(x.key, x.values)
		}
	}
	lookups, err := u.e.Shop.Find(ctx, u.f.Entity, records)
	if err != nil {
		return err
	}
	for i, x := range backs {
		if err := u.writeOne(x, lookups[i]); err != nil {
			return err
		}
	}
	return nil
}

func (u *undoer) writeOne(x *back, l bridge.Lookup) error {
	switch {
	case x.known == nil && l.Found != nil:
		return u.left(x.key, "", "somebody has made it in the shop again")
	case x.known == nil:
		u.Remake++
		return u.m.Write(x.key, x.values, false)
	case l.Found == nil:
		return u.left(x.key, "", "it is gone from the shop")
	}
	kept := x.values[:0]
	for i, v := range x.known.Values {
		j, ok := slices.BinarySearchFunc(l.Found.Values, v, bridge.ByField)
		if ok && l.Found.Values[j].Text != v.Text {
			if err := u.left(x.key, v.Field, "changed in the shop since: it is %q there", l.Found.Values[j].Text); err != nil {
				return err
			}
			if x.remove {
				return nil
			}
			continue
		}
		if !x.remove {
			kept = append(kept, x.values[i])
		}
	}
	switch {
	case x.remove:
		u.Remove++
	case len(kept) == 0:
		return nil
	default:
		u.Restore++
	}
	return u.m.Write(x.key, kept, x.remove)
}
