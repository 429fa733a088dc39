package operate

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/inbound"
	"github.com/orobridge/orobridge/formats"
)

// weighed is how many changes of a drop are kept, of those that weigh most: memory does not follow the file.
const weighed = 1000

// weighedRejects is how many rejects such a plan shows.
const weighedRejects = 100

// PlanDrop shows what a drop would change now, whether it is held, waits or is settled. Its changes are those that weigh most:
// removals first, then prices by how far they move, then the rest in the order of the file. Their counts are of all.
func (k *Desk) PlanDrop(ctx context.Context, drop int64, o PlanOptions) (*Plan, error) {
	o.Weigh = true
	return k.PlanRerun(ctx, drop, inbound.RerunOptions{}, o)
}

// foretold are the changes that the last run of a shadow's drop would have made, those that weigh most.
func (k *View) foretold(ctx context.Context, v *DropDetails) ([]Change, error) {
	var s scale
	if v.Kind != bridge.ShadowRun {
		return s.heaviest(), nil
	}
	err := k.Ledger.Changes(ctx, v.Drop, v.Run.Run, func(e bridge.HistoryEntry) error {
		op, changes := foretoldOps[e.Fate]
		if !changes {
			return nil
		}
		c := Change{Line: e.Line, Op: op, Key: e.Key, Fields: []FieldChange{}}
		if e.Line > 0 {
			c.Where = fmt.Sprintf("line %d", e.Line)
		}
		for i, value := range e.Sent {
			f := FieldChange{Field: value.Field, New: value.Text}
			if i < len(e.Before) {
				f.Old = &e.Before[i].Text
			}
			c.Fields = append(c.Fields, f)
		}
		return s.add(c)
	})
	return s.heaviest(), err
}

var foretoldOps = map[bridge.RowFate]bridge.Op{bridge.FateCreated: bridge.Create, bridge.FateUpdated: bridge.Update,
	bridge.FateRemoved: bridge.Remove, bridge.FateWithdrawn: bridge.Remove}

// scale keeps the changes that weigh most.
type scale struct{ changes []weight }

// weight is what a change weighs.
type weight struct {
	Change
	removes   bool
	move, was formats.Amount // of a price: by how much it moves, and from what
	moves     bool
}

func (s *scale) add(c Change) error {
	if s.changes = append(s.changes, weigh(c)); len(s.changes) >= 2*weighed {
		s.sort()
		s.changes = s.changes[:weighed]
	}
	return nil
}

func (s *scale) sort() { slices.SortStableFunc(s.changes, heavier) }

func (s *scale) heaviest() []Change {
	s.sort()
	list := []Change{}
	for _, w := range s.changes[:min(len(s.changes), weighed)] {
		list = append(list, w.Change)
	}
	return list
}

func weigh(c Change) weight {
	w := weight{Change: c, removes: c.Op == bridge.Remove}
	for _, f := range c.Fields {
		if f.Field != "value" || f.Old == nil {
			continue
		}
		was, err := formats.ParseAmount(*f.Old, formats.Conventions{})
		is, err2 := formats.ParseAmount(f.New, formats.Conventions{})
		if err != nil || err2 != nil {
			continue // one of them is empty: the price comes or goes
		}
		if w.was, w.move, w.moves = was, is.Sub(was), true; w.move.Cmp(formats.Amount{}) < 0 {
			w.move = was.Sub(is)
		}
	}
	return w
}

// heavier orders changes by what they weigh, those of one weight by their lines.
func heavier(x, y weight) int {
	if x.removes != y.removes {
		return first(x.removes)
	}
	if x.moves != y.moves {
		return first(x.moves)
	}
	if !x.moves {
		return cmp.Compare(x.Line, y.Line)
	}
	if x.was.IsZero() != y.was.IsZero() { // from nothing it moves without bound
		return first(x.was.IsZero())
	}
	return cmp.Or(y.move.Mul(x.was).Cmp(x.move.Mul(y.was)), cmp.Compare(x.Line, y.Line))
}

func first(x bool) int {
	if x {
		return -1
	}
	return 1
}
