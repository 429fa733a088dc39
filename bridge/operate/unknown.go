package operate

import (
	"context"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/outbound"
)

// AckOrder says of an order of which nobody knew that it went out before the ledger was put back. It is named by its identifier or by
// the number of its file; with an export ("": with each that has it) in that one's outbox alone.
func (k *Desk) AckOrder(ctx context.Context, order, export string) ([]Order, error) {
	if err := k.knownExport(ctx, export); err != nil {
		return nil, err
	}
	out, err := outOfOrder(ctx, k, order, export)
	if err != nil {
		return nil, err
	}
	owed, err := out.TakeAsWritten(ctx, order, export)
	if err != nil {
		return nil, err
	}
	return ordersOf(owed), k.decidedOrders(ctx, owed, "it went out")
}

// AdoptedOrders are the orders of which it was unknown whether they went out, after evidence was looked for.
type AdoptedOrders struct {
	Written []Order `json:"written"` // they did
	Unknown []Order `json:"unknown"` // still
}

// AdoptOrders takes unknown orders of an export ("": of every export) as written: all that were submitted since a time, those whose files
// stand in a folder of the export's remote, or those that the ERP has answered. Exactly one of the three is given.
func (k *Desk) AdoptOrders(ctx context.Context, export string, since time.Time, archive string, answered bool) (*AdoptedOrders, error) {
	if export != "" {
		if _, err := k.ExportOf(export); err != nil {
			return nil, err
		}
	}
	v := &AdoptedOrders{Written: []Order{}, Unknown: []Order{}}
	for _, x := range k.Exports {
		if export != "" && x.Name != export {
			continue
		}
		taken, left, err := outOf(k, x.Name).AdoptOrders(ctx, x, outbound.Evidence{Since: since, Archive: archive, Answered: answered})
		if err != nil {
			return nil, err
		}
		v.Written, v.Unknown = append(v.Written, ordersOf(taken)...), append(v.Unknown, ordersOf(left)...)
		if err := k.decidedOrders(ctx, taken, "it went out"); err != nil {
			return nil, err
		}
	}
	return v, nil
}

func ordersOf(owed []*bridge.Owed) []Order {
	all := make([]Order, len(owed))
	for i, o := range owed {
		all[i] = newOrder(o)
	}
	return all
}

// decidedOrders keeps who has decided about orders.
func (k *Desk) decidedOrders(ctx context.Context, owed []*bridge.Owed, what string) error {
	if len(owed) == 0 {
		return nil
	}
	events := make([]*bridge.Event, len(owed))
	for i, o := range owed {
		events[i] = k.By.On(&bridge.Event{At: k.In.Clock.Now(), Kind: bridge.DecisionTaken, Export: o.Export, File: o.File, Order: o.Order,
			Text: what})
	}
	err := k.In.Ledger.Keep(ctx, events...)
	if err == nil {
		k.In.Events.Tell(events...)
	}
	return err
}
