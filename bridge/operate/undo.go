package operate

import (
	"cmp"
	"context"
	"fmt"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/inbound"
)

// Undo is the way back of a drop or of one of its runs: what it would change, or what became of the drop that was made of it.
type Undo struct {
	Undoes  int64      `json:"undoes"` // the drop
	Run     int64      `json:"run"`    // one of its runs; 0: all of them
	Restore int64      `json:"restore"`
	Remove  int64      `json:"remove"`
	Remake  int64      `json:"remake"`
	Left    int64      `json:"left"`   // keys, or fields of them, that stay as they are
	Leaves  []UndoLeft `json:"leaves"` // the first of these
	Made    *Run       `json:"made"`   // the drop that takes the way back; null while it is only planned, and when there is none

	Result *Result `json:"-"` // of that drop
}

// UndoLeft is what an undo leaves as it is, and why.
type UndoLeft struct {
	Key   string `json:"key"`
	Field string `json:"field"`
	Why   string `json:"why"`
}

// leavesShown is how many of the things that an undo leaves are listed; the rest is counted.
const leavesShown = 1000

// UndoDrop takes back what a drop has set and nobody since, and makes a drop of it, which waits for an approval unless it is
// agreed to at once. With dry nothing is made.
func (k *Desk) UndoDrop(ctx context.Context, drop int64, agreed, dry bool) (*Undo, error) {
	return k.undo(ctx, drop, inbound.UndoOptions{Agreed: agreed, Dry: dry})
}

// UndoRun takes back what one run has set.
func (k *Desk) UndoRun(ctx context.Context, run int64, agreed, dry bool) (*Undo, error) {
	drop, err := k.Ledger.DropOf(ctx, run)
	if err != nil {
		return nil, err
	}
	return k.undo(ctx, drop, inbound.UndoOptions{Run: run, Agreed: agreed, Dry: dry})
}

func (k *Desk) undo(ctx context.Context, drop int64, o inbound.UndoOptions) (*Undo, error) {
	d, err := DropOf(ctx, &k.View, drop)
	if err != nil {
		return nil, err
	}
	if parts, err := partsOf(ctx, &k.View, d); err != nil || len(parts) > 0 {
		return nil, cmp.Or(err, ofSeveral(&k.View, d, parts))
	}
	f, err := FeedOf(k.Feeds, d.Feed)
	if err != nil {
		return nil, err
	}
	if o.Agreed && f.Approve > 1 {
		return nil, &Mistake{fmt.Sprintf("feed %s asks for %d people (approve_by)", f.Name, f.Approve),
			"leave --yes out, and have the drop approved"}
	}
	v := &Undo{Undoes: d.ID, Run: o.Run, Leaves: []UndoLeft{}}
	o.Left = func(l inbound.UndoLeft) error {
		if len(v.Leaves) < leavesShown {
			v.Leaves = append(v.Leaves, UndoLeft(l))
		}
		return nil
	}
	u, err := inOf(k, f.Name).Undo(ctx, f, d, o, k.By)
	if err != nil {
		return nil, err
	}
	v.Restore, v.Remove, v.Remake, v.Left = u.Restore, u.Remove, u.Remake, u.Left
	if u.Drop == nil {
		return v, nil
	}
	if v.Result, err = k.carryOut(ctx, f, u.Drop); err != nil {
		return nil, bridge.Within(fmt.Sprintf("drop %d, which takes the way back, goes on with the next `orobridge run`", u.Drop.ID), err)
	}
	v.Made = &v.Result.Run
	return v, nil
}
