package operate

import (
	"context"
	"fmt"
	"strings"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/bridge/inbound"
)

// A file for several shops is one drop, and each shop has a part of it, a drop of the feed's branch for it (see
// bridge/inbound/branches). Whoever sees all of the feed's shops sees the drop, with where each part stands; what is decided about it is
// decided about each part that it fits. Whoever sees some of them sees their parts alone.

// Part is what one shop has made of a drop for several.
type Part struct {
	Shop string `json:"shop"`
	Run         // the part's last; its drop is the part
}

// partsOf lists the parts of a drop for several shops; none of another.
func partsOf(ctx context.Context, k *View, d *bridge.Drop) ([]*bridge.Drop, error) {
	if !k.several {
		return nil, nil
	}
	return k.Ledger.Drops(ctx, bridge.DropFilter{Front: d.ID})
}

// partsTold makes the models of a drop's parts.
func partsTold(ctx context.Context, k *View, d *bridge.Drop) (told []Part, err error) {
	parts, err := partsOf(ctx, k, d)
	for _, part := range parts {
		runs, err := k.Ledger.Runs(ctx, part.ID)
		if err != nil {
			return nil, err
		}
		last := newRun(part, nil)
		if len(runs) > 0 {
			last = newRun(part, runs[len(runs)-1])
		}
		told = append(told, Part{k.ShopOf(part.Feed), last})
	}
	return told, err
}

// joined are the branches whose parts are told with their drops.
func joined(k *View) (names []string) {
	for _, f := range k.Feeds {
		for _, b := range f.Branches {
			names = append(names, b.Name)
		}
	}
	return names
}

// loading are the feeds that load what a feed of some name takes: itself ("": all of them), or its branches.
func loading(k *View, name string) []string {
	for _, f := range k.Feeds {
		if f.Name == name && len(f.Branches) > 0 {
			var names []string
			for _, b := range f.Branches {
				names = append(names, b.Name)
			}
			return names
		}
	}
	return []string{name}
}

// oneShop finds a feed by its name; that of one for several shops is a [Mistake].
func oneShop(k *View, name string) (*config.Feed, error) {
	f, err := FeedOf(k.Feeds, name)
	if err != nil || len(f.Branches) == 0 {
		return f, err
	}
	return nil, &Mistake{fmt.Sprintf("feed %s is of several shops", name), "name one of " + strings.Join(loading(k, name), ", ")}
}

// ofSeveral is the mistake of what makes sense for one part of a drop only.
func ofSeveral(k *View, d *bridge.Drop, parts []*bridge.Drop) error {
	var names []string
	for _, part := range parts {
		names = append(names, fmt.Sprintf("%d (%s)", part.ID, k.ShopOf(part.Feed)))
	}
	return &Mistake{fmt.Sprintf("drop %d is of several shops", d.ID), "name one of its parts: " + strings.Join(names, ", ")}
}

// frontOf is the engine and the feed of the front of a branch.
func frontOf(k *Desk, branch *config.Feed) (*inbound.Engine, *config.Feed) {
	e := inOf(k, branch.Front)
	f, _ := e.Feed(branch.Front)
	return e, f
}

// decideParts does with those parts of a drop what fits them, and carries it out. None is an error of the drop's own.
func decideParts(ctx context.Context, k *Desk, d *bridge.Drop, parts []*bridge.Drop, fits func(*bridge.Drop) bool,
	change func(*config.Feed, *bridge.Drop) error) (*Result, error) {
	var done []*bridge.Drop
	for _, part := range parts {
		if !fits(part) {
			continue
		}
		b, err := FeedOf(k.Feeds, part.Feed)
		if err != nil {
			return nil, err
		}
		if err := change(b, part); err != nil {
			return nil, err
		}
		done = append(done, part)
	}
	if len(done) == 0 {
		return nil, &bridge.Error{Op: "decide about", Object: fmt.Sprintf("drop %d", d.ID),
			Err: fmt.Errorf("it is %s, and this fits none of its parts", d.State), Hint: fmt.Sprintf("see `orobridge drop %d`", d.ID)}
	}
	return carryOutParts(ctx, k, d, done)
}

// carryOutParts loads parts of a drop, unless a running bridge does, and tells what the drop is then.
func carryOutParts(ctx context.Context, k *Desk, d *bridge.Drop, parts []*bridge.Drop) (*Result, error) {
	var last *Result
	for _, part := range parts {
		b, err := FeedOf(k.Feeds, part.Feed)
		if err != nil {
			return nil, err
		}
		v, err := k.carryOut(ctx, b, part)
		if err != nil {
			return nil, err
		}
		if last == nil || v.Paused != "" || v.Unmoved != nil {
			last = v
		}
	}
	now, err := k.Ledger.Drop(ctx, d.ID)
	if err != nil {
		return nil, err
	}
	v := newResult(now, nil)
	v.Handed, v.Paused, v.Unmoved = last.Handed, last.Paused, last.Unmoved
	if !v.Handed && v.State == bridge.Loading {
		v.Verdict = Waits
	}
	return v, nil
}

// waitForPerson says that nothing of some parts goes on before somebody decides.
func waitForPerson(parts []*bridge.Drop) bool {
	held := false
	for _, part := range parts {
		if !part.State.Settled() && part.State != bridge.Held {
			return false
		}
		held = held || part.State == bridge.Held
	}
	return held
}
