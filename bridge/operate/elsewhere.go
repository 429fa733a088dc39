package operate

import (
	"context"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/inbound"
)

// Looker is what a bridge shows to verbs: by the ledger of this machine ([Witness]), or from elsewhere (bridge/api/client). What is a
// person's stands in the audit before it is shown.
type Looker interface {
	Status(ctx context.Context) (*Status, error)
	Drops(ctx context.Context, f bridge.DropFilter) ([]Drop, error)
	DropDetails(ctx context.Context, drop int64, rows bool) (*DropDetails, error)
	Rejects(ctx context.Context, f bridge.RejectFilter) ([]KeptReject, error)
	Causes(ctx context.Context, f bridge.RejectFilter) ([]Cause, error)
	Parked(ctx context.Context, feed string, n int) (list []Parked, more bool, err error)
	Orders(ctx context.Context, f bridge.OutboxFilter) ([]Order, error)
	OrderDetails(ctx context.Context, word string) ([]OrderDetails, error)
	WouldResend(ctx context.Context, order, export string, from, to time.Time) ([]Order, error)
	Trace(ctx context.Context, entity, key string) (*Trace, error)
	TraceAll(ctx context.Context, word string) (all []*Trace, more bool, err error)
	Events(ctx context.Context, f bridge.EventFilter, each func(Event) error) error
	Follow(ctx context.Context, f bridge.EventFilter, each func(Event) error) error
}

// Planner says what a drop would change now: a [Desk], or a bridge elsewhere.
type Planner interface {
	PlanDrop(ctx context.Context, drop int64, o PlanOptions) (*Plan, error)
}

// Decider takes the decisions of verbs about drops and orders: a [Desk], or a bridge elsewhere.
type Decider interface {
	Approve(ctx context.Context, drop int64) (*Result, error)
	Discard(ctx context.Context, drop int64) (*Result, error)
	Rerun(ctx context.Context, drop int64, o inbound.RerunOptions) (*Result, error)
	RerunRange(ctx context.Context, r Range, o inbound.RerunOptions, each func(*Result) error) error
	UndoDrop(ctx context.Context, drop int64, agreed, dry bool) (*Undo, error)
	UndoRun(ctx context.Context, run int64, agreed, dry bool) (*Undo, error)
	AckDrop(ctx context.Context, drop int64) (*Acknowledgement, error)
	AckReject(ctx context.Context, id int64) (*Acknowledgement, error)
	ResendOrder(ctx context.Context, order, export string, render bool) ([]Order, error)
	ResendOrders(ctx context.Context, export string, from, to time.Time) ([]Order, error)
}

var (
	_ Looker  = Witness{}
	_ Planner = (*Desk)(nil)
	_ Decider = (*Desk)(nil)
)

// Witness is a view that enters in the audit what of it is a person's, before it is shown.
type Witness struct{ *View }

// DropDetails are [View.DropDetails].
func (w Witness) DropDetails(ctx context.Context, drop int64, rows bool) (*DropDetails, error) {
	v, err := w.View.DropDetails(ctx, drop, rows)
	if err != nil || !rows {
		return v, err
	}
	return v, Looks(w).Rows(ctx, drop, v.Feed, "rows")
}

// Parked are [View.Parked].
func (w Witness) Parked(ctx context.Context, feed string, n int) (list []Parked, more bool, err error) {
	if list, more, err = w.View.Parked(ctx, feed, n); err != nil {
		return nil, false, err
	}
	return list, more, Looks(w).Parked(ctx, list)
}

// Rejects are [View.Rejects].
func (w Witness) Rejects(ctx context.Context, f bridge.RejectFilter) ([]KeptReject, error) {
	all, err := w.View.Rejects(ctx, f)
	if err != nil {
		return nil, err
	}
	return all, Looks(w).Rejects(ctx, all)
}

// Causes are [View.Causes], each with a reject as its example.
func (w Witness) Causes(ctx context.Context, f bridge.RejectFilter) ([]Cause, error) {
	all, err := w.View.Causes(ctx, f)
	if err != nil {
		return nil, err
	}
	examples := make([]KeptReject, len(all))
	for i := range all {
		examples[i] = all[i].Example
	}
	return all, Looks(w).Rejects(ctx, examples)
}

// OrderDetails are [View.OrderDetails].
func (w Witness) OrderDetails(ctx context.Context, word string) ([]OrderDetails, error) {
	all, err := w.View.OrderDetails(ctx, word)
	if err != nil {
		return nil, err
	}
	for i := range all {
		if err := w.Saw(ctx, bridge.Event{Order: all[i].Order, Text: "its history"}); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// Trace is [View.Trace].
func (w Witness) Trace(ctx context.Context, entity, key string) (*Trace, error) {
	v, err := w.View.Trace(ctx, entity, key)
	if err != nil {
		return nil, err
	}
	return v, Looks(w).Traces(ctx, v)
}

// TraceAll is [View.TraceAll].
func (w Witness) TraceAll(ctx context.Context, word string) (all []*Trace, more bool, err error) {
	if all, more, err = w.View.TraceAll(ctx, word); err != nil {
		return nil, false, err
	}
	return all, more, Looks(w).Traces(ctx, all...)
}
