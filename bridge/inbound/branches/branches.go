// Package branches is about a file that several shops' feeds load: how each branch of a feed gets its part of the drop, and how the
// drop comes to its end when all have.
//
// The front of such a feed lists, takes, fetches and puts away a file as one drop. Once it is fetched each branch gets a drop of its
// own, the drop's part, with the same bytes: it is planned, guarded, held, loaded, run again and undone like any other drop of the
// branch's line, and nothing of it waits for another part. The drop is loading as long as one part is open, with where each stands as
// its reason, and is settled when all are (see [Together]); a part that runs again opens it again. All of it is found out from the
// ledger, so that it may be asked at any moment, by whoever has changed a part and after a crash.
//
// What may go in: parts, and what they make of their drop. What may not: what becomes of a part, and when files are moved (package
// inbound).
package branches

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/bridge/inbound/order"
)

// A Ledger keeps drops: see package inbound.
type Ledger interface {
	Drop(ctx context.Context, id int64) (*bridge.Drop, error)
	Drops(ctx context.Context, f bridge.DropFilter) ([]*bridge.Drop, error)
	Listed(ctx context.Context, l bridge.Listing, events ...*bridge.Event) error
	Advance(ctx context.Context, moves []bridge.Move, events ...*bridge.Event) error
}

// A Keeper keeps drops and their parts together.
type Keeper struct {
	Ledger Ledger
	Clock  bridge.Clock
	Events *bridge.Events
}

// Tend brings every drop of a front as far as it can come without being loaded: one that is fetched gets its parts, and one whose
// parts have come to their ends is settled.
func (k Keeper) Tend(ctx context.Context, f *config.Feed) error {
	drops, err := k.Ledger.Drops(ctx, bridge.DropFilter{Feed: f.Name, States: []bridge.DropState{bridge.Fetched, bridge.Loading}})
	if err != nil {
		return err
	}
	order.Sort(drops)
	for _, d := range drops {
		switch {
		case d.Manifest:
		case d.State == bridge.Fetched:
			err = k.Part(ctx, f, d)
		default:
			err = errors.Join(k.letGo(ctx, f, d), k.Join(ctx, f, d.ID))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Part gives each branch of a front its part of a drop that is fetched. From then on the drop is loading.
func (k Keeper) Part(ctx context.Context, f *config.Feed, d *bridge.Drop) error {
	if d.State != bridge.Fetched {
		return nil
	}
	now := k.Clock.Now()
	listing := bridge.Listing{At: now, Moves: []bridge.Move{{Drop: d, From: bridge.Fetched}}}
	var shops []string
	for _, b := range f.Branches {
		part := *d
		part.ID, part.Feed, part.Front = 0, b.Name, d.ID
		part.Path, part.Finish, part.Reason, part.Same, part.ListedBy = "", "", "", 0, 0
		listing.New = append(listing.New, &part)
		shops = append(shops, shopOf(&part))
	}
	d.State, d.Reason = bridge.Loading, ""
	event := d.Event(bridge.Noted, now, "it goes to "+strings.Join(shops, " and "))
	k.Events.Step("part")
	err := k.Ledger.Listed(ctx, listing, event)
	if errors.Is(err, bridge.ErrMoved) { // somebody was quicker
		return nil
	}
	if err == nil {
		k.Events.Tell(event)
		k.Events.Step("parted")
	}
	return err
}

// AddUnparted adds to the rejected drops of a branch those that were rejected before the branch got a part of them: too large, or not
// what a manifest says.
func (k Keeper) AddUnparted(ctx context.Context, front string, failed []*bridge.Drop) ([]*bridge.Drop, error) {
	drops, err := k.Ledger.Drops(ctx, bridge.DropFilter{Feed: front, States: []bridge.DropState{bridge.Rejected}})
	for _, d := range drops {
		parts, err := k.Ledger.Drops(ctx, bridge.DropFilter{Front: d.ID, First: 1})
		if err != nil {
			return nil, err
		}
		if len(parts) == 0 {
			failed = append(failed, d)
		}
	}
	return failed, err
}

// Held lists the drops of a front of which a part is held.
func (k Keeper) Held(ctx context.Context, f *config.Feed) (held []*bridge.Drop, err error) {
	open, err := k.Ledger.Drops(ctx, bridge.DropFilter{Feed: f.Name, Remote: f.Remote, States: []bridge.DropState{bridge.Loading}})
	for _, d := range open {
		parts, err := k.HeldParts(ctx, d.ID)
		if err != nil {
			return nil, err
		}
		if len(parts) > 0 {
			held = append(held, d)
		}
	}
	return held, err
}

// HeldParts lists the parts of a drop that are held.
func (k Keeper) HeldParts(ctx context.Context, drop int64) ([]*bridge.Drop, error) {
	return k.Ledger.Drops(ctx, bridge.DropFilter{Front: drop, States: []bridge.DropState{bridge.Held}})
}

// letGo ends the open parts of a drop that are for shops which the feed has no more.
func (k Keeper) letGo(ctx context.Context, f *config.Feed, d *bridge.Drop) error {
	parts, err := k.Ledger.Drops(ctx, bridge.DropFilter{Front: d.ID, States: bridge.OpenStates()})
	for _, part := range parts {
		if slices.ContainsFunc(f.Branches, func(b *config.Feed) bool { return b.Name == part.Feed }) {
			continue
		}
		from := part.State
		part.State, part.SettledAt = bridge.Discarded, k.Clock.Now()
		part.Reason = fmt.Sprintf("feed %s has no shop %s any more", f.Name, shopOf(part))
		event := part.Event(bridge.DropSettled, part.SettledAt, string(part.State)+": "+part.Reason)
		if err := k.advance(ctx, part, from, event); err != nil {
			return err
		}
	}
	return err
}

// Join makes of a drop what its parts are: open while one of them is, and settled when all are. Of a drop without parts there is nothing
// to make. The feed is the front or any of its branches.
func (k Keeper) Join(ctx context.Context, f *config.Feed, id int64) error {
	if id == 0 {
		return nil
	}
	d, err := k.Ledger.Drop(ctx, id)
	if err != nil || d.State != bridge.Loading && !d.State.Settled() {
		return err
	}
	parts, err := k.Ledger.Drops(ctx, bridge.DropFilter{Front: id})
	if err != nil || len(parts) == 0 {
		return err
	}
	from, state := d.State, Together(parts)
	switch reason := reasonOf(parts); {
	case !state.Settled() && (from != state || d.Reason != reason):
		d.State, d.Reason = state, reason
		return k.advance(ctx, d, from)
	case !state.Settled(), from.Settled():
		return nil
	default:
		d.State, d.Reason, d.SettledAt, d.Finish = state, reason, k.Clock.Now(), f.Folders.Archive
	}
	if state == bridge.Rejected || state == bridge.Discarded {
		d.Finish = f.Folders.Rejected
	}
	if d.Path == "" {
		d.Finish = "" // handed over by a person, or taken away: there is nothing to move
	}
	event := d.Event(bridge.DropSettled, d.SettledAt, strings.TrimSuffix(string(d.State)+": "+d.Reason, ": "))
	event.Took = d.SettledAt.Sub(d.SeenAt)
	if state == bridge.Rejected {
		event.Hint = fmt.Sprintf("see `orobridge rejects %d`", d.ID)
	}
	k.Events.Step("join")
	err = k.advance(ctx, d, from, event)
	k.Events.Step("joined")
	return err
}

// advance saves a drop, unless somebody else has moved it meanwhile: then it is known already what it is.
func (k Keeper) advance(ctx context.Context, d *bridge.Drop, from bridge.DropState, events ...*bridge.Event) error {
	err := k.Ledger.Advance(ctx, []bridge.Move{{Drop: d, From: from}}, events...)
	if errors.Is(err, bridge.ErrMoved) {
		return nil
	}
	if err == nil {
		k.Events.Tell(events...)
	}
	return err
}

// Together is the state that parts make together: loading while one is open. When all are settled it is the worst of theirs; but where
// one shop has rows of the file and another has none, for it was rejected or discarded there, the drop is partial.
func Together(parts []*bridge.Drop) bridge.DropState {
	is := map[bridge.DropState]int{}
	for _, part := range parts {
		if !part.State.Settled() {
			return bridge.Loading
		}
		is[part.State]++
	}
	if len(is) == 1 {
		return parts[0].State
	}
	switch none := is[bridge.Rejected] + is[bridge.Discarded]; {
	case none == len(parts):
		return bridge.Rejected
	case none+is[bridge.Partial] > 0:
		return bridge.Partial
	}
	return bridge.Loaded // the others were duplicates, or superseded
}

// reasonOf says where each part stands; nothing when all are loaded.
func reasonOf(parts []*bridge.Drop) string {
	var texts []string
	plain := true
	for _, part := range parts {
		plain = plain && part.State == bridge.Loaded && part.Reason == ""
		texts = append(texts, strings.TrimSuffix(fmt.Sprintf("%s: %s: %s", shopOf(part), part.State, part.Reason), ": "))
	}
	if plain {
		return ""
	}
	return strings.Join(texts, "; ")
}

// shopOf is the shop for which a part is.
func shopOf(part *bridge.Drop) string {
	_, shop := bridge.SplitShop(part.Feed)
	return shop
}
