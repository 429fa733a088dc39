package operate

import (
	"cmp"
	"context"
	"errors"
	"maps"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/inbound"
	"github.com/orobridge/orobridge/formats"
)

// Plan is what loading a file would do.
type Plan struct {
	Feed      string           `json:"feed"`
	File      string           `json:"file"`
	Rows      int64            `json:"rows"`
	Create    int64            `json:"create"`
	Update    int64            `json:"update"`
	Remove    int64            `json:"remove"`
	Withdraw  int64            `json:"withdraw"` // keys that the file lacks: no rows
	Unchanged int64            `json:"unchanged"`
	Adopt     int64            `json:"adopt"` // of the unchanged
	Collapsed int64            `json:"collapsed"`
	Reject    int64            `json:"reject"`
	Expected  int64            `json:"expected"` // of create: new records that a stock shop refuses; a shop's settings may be wider
	Park      int64            `json:"park"`
	Warnings  int64            `json:"warnings"` // of rows that are counted above
	Skipped   map[string]int64 `json:"skipped"`  // what the reader left out, by word: no rows
	Ignored   []string         `json:"ignored_columns"`
	// Unmapped are those of the ignored columns that nobody left out, each with the field that may be meant.
	Unmapped []formats.Unmapped `json:"unmapped_columns"`
	Changes  []Change           `json:"changes"`
	Rejects  []Reject           `json:"rejects"`
	Warned   []Warning          `json:"warned"`
	Doubts   []Reject           `json:"doubts"` // the first of the expected ones, with what a stock shop has against them
}

// shownDoubts is how many of the records that a stock shop refuses a plan shows.
const shownDoubts = 20

// Change is what would be done for one key.
type Change struct {
	Line   int64         `json:"line"`
	Op     bridge.Op     `json:"op"`
	Key    string        `json:"key"`
	Fields []FieldChange `json:"fields"`
	Parked string        `json:"waits_for"` // the parent that is missing
	Where  string        `json:"where"`     // its place in the file, as rejects have it
}

// FieldChange is what would be done to one field.
type FieldChange struct {
	Field string  `json:"field"`
	Old   *string `json:"old"` // null: nothing is known
	New   string  `json:"new"`
}

func newChange(s *bridge.Staged) Change {
	c := Change{Line: s.Line, Op: s.Op, Key: s.Key, Fields: []FieldChange{}, Parked: waitsFor(s.Missing), Where: s.Record.Pos.String()}
	for i, value := range s.Values {
		f := FieldChange{Field: value.Field, New: value.Text}
		if i < len(s.Old) {
			f.Old = &s.Old[i].Text
		}
		c.Fields = append(c.Fields, f)
	}
	return c
}

// PlanOptions say what a plan is compared with and how it tells of single rows.
type PlanOptions struct {
	Live   bool // take old values from the shop as it is now
	Gather bool // put changes, rejects and warnings into the plan: memory follows the file then
	Weigh  bool // put those changes into the plan that weigh most, and the first rejects: memory does not follow the file
	// Change, Reject and Warning are told of each as it is found, in the order of the file; nil: nobody is told.
	Change  func(Change) error
	Reject  func(Reject) error
	Warning func(Warning) error
}

// preview tells v and whoever else wants to know. The first error of a teller is kept in failed.
func (o PlanOptions) preview(v *Plan, failed *error) inbound.PreviewOptions {
	p := inbound.PreviewOptions{Live: o.Live, Expected: func(row bridge.RejectRow) {
		if len(v.Doubts) < shownDoubts {
			v.Doubts = append(v.Doubts, newReject(row))
		}
	}}
	if o.Gather || o.Change != nil {
		p.Change = func(s *bridge.Staged) error {
			c := newChange(s)
			if o.Gather {
				v.Changes = append(v.Changes, c)
			}
			if o.Change == nil {
				return nil
			}
			return o.Change(c)
		}
	}
	if o.Gather || o.Reject != nil {
		p.Reject = func(row bridge.RejectRow) {
			r := newReject(row)
			if o.Gather {
				v.Rejects = append(v.Rejects, r)
			}
			if o.Reject != nil && *failed == nil {
				*failed = o.Reject(r)
			}
		}
	}
	if o.Gather || o.Warning != nil {
		p.Warning = func(row bridge.WarningRow) {
			w := newWarning(row)
			if o.Gather {
				v.Warned = append(v.Warned, w)
			}
			if o.Warning != nil && *failed == nil {
				*failed = o.Warning(w)
			}
		}
	}
	return p
}

// Plan shows what loading a local file through a feed would change. Nothing is written, neither to the shop nor to the
// ledger.
func (k *Desk) Plan(ctx context.Context, feed, path string, o PlanOptions) (*Plan, error) {
	f, err := oneShop(&k.View, feed)
	if err != nil {
		return nil, err
	}
	return plan(f.Name, path, o, func(p inbound.PreviewOptions) (*inbound.Preview, error) { return inOf(k, f.Name).Plan(ctx, f, path, p) })
}

// PlanRerun shows what [Desk.Rerun] would change.
func (k *Desk) PlanRerun(ctx context.Context, drop int64, r inbound.RerunOptions, o PlanOptions) (*Plan, error) {
	d, err := DropOf(ctx, &k.View, drop)
	if err != nil {
		return nil, err
	}
	if parts, err := partsOf(ctx, &k.View, d); err != nil || len(parts) > 0 {
		return nil, cmp.Or(err, ofSeveral(&k.View, d, parts))
	}
	return k.planDrop(ctx, d, r, o)
}

// PlanRange shows what [Desk.RerunRange] would change. Each is told of each drop's plan as it comes.
func (k *Desk) PlanRange(ctx context.Context, in Range, r inbound.RerunOptions, o PlanOptions, each func(*Plan) error) error {
	f, err := oneShop(&k.View, in.Feed)
	if err != nil {
		return err
	}
	in.Feed = f.Name
	drops, err := k.within(ctx, in)
	if err != nil {
		return err
	}
	for _, d := range drops {
		v, err := k.planDrop(ctx, d, r, o)
		if err != nil {
			return err
		}
		if err := each(v); err != nil {
			return err
		}
	}
	return nil
}

// planDrop finds the feed of a drop and plans it.
func (k *Desk) planDrop(ctx context.Context, d *bridge.Drop, r inbound.RerunOptions, o PlanOptions) (*Plan, error) {
	f, err := FeedOf(k.Feeds, d.Feed)
	if err != nil {
		return nil, err
	}
	return plan(f.Name, d.Name, o, func(p inbound.PreviewOptions) (*inbound.Preview, error) {
		return inOf(k, f.Name).PlanDrop(ctx, f, d, r, p)
	})
}

// plan makes the model of what work finds.
func plan(feed, file string, o PlanOptions, work func(inbound.PreviewOptions) (*inbound.Preview, error)) (*Plan, error) {
	var s scale
	rejects := []Reject{}
	if o.Weigh {
		o.Gather, o.Change = false, s.add
		told := o.Reject
		o.Reject = func(r Reject) error {
			if len(rejects) < weighedRejects {
				rejects = append(rejects, r)
			}
			if told == nil {
				return nil
			}
			return told(r)
		}
	}
	v := &Plan{Feed: feed, File: file, Skipped: map[string]int64{}, Ignored: []string{}, Unmapped: []formats.Unmapped{}, Changes: []Change{},
		Rejects: []Reject{}, Warned: []Warning{}, Doubts: []Reject{}}
	var failed error
	p, err := work(o.preview(v, &failed))
	if err := cmp.Or(err, failed); err != nil {
		return nil, readable(err)
	}
	v.Rows, v.Unchanged, v.Adopt, v.Collapsed, v.Reject = p.Run.Rows, p.Run.Unchanged, p.Run.Adopted, p.Run.Collapsed, p.Run.Rejected
	v.Expected = p.Expected
	v.Create, v.Update, v.Remove, v.Withdraw, v.Park = p.Creates, p.Updates, p.Removes, p.Withdraws, p.Waits
	v.Warnings, v.Ignored, v.Unmapped = p.Run.Warnings, append(v.Ignored, p.Ignored...), append(v.Unmapped, p.Run.Unmapped...)
	maps.Copy(v.Skipped, p.Run.Skipped)
	if o.Weigh {
		v.Changes, v.Rejects = s.heaviest(), rejects
	}
	return v, nil
}

// readable gives the error of an unreadable file the hint that it carries.
func readable(err error) error {
	var unreadable *formats.FileError
	if errors.As(err, &unreadable) {
		return &bridge.Error{Op: "read", Object: "the file", Err: unreadable, Hint: unreadable.Hint}
	}
	return err
}
