package operate

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/orobridge/orobridge/bridge"
)

// ResendOrder writes the file of an order once more, the same bytes under the same name; with render it makes a new version
// from the shop's present state. The order is named by its identifier or by the number of a file; with an export ("": with each
// that has it) that one's file alone is written.
func (k *Desk) ResendOrder(ctx context.Context, order, export string, render bool) ([]Order, error) {
	if err := k.knownExport(ctx, export); err != nil {
		return nil, err
	}
	out, err := outOfOrder(ctx, k, order, export)
	if err != nil {
		return nil, err
	}
	files, err := out.SendOrderAgain(ctx, order, export, render)
	if err != nil {
		return nil, err
	}
	return k.resend(ctx, files)
}

// ResendOrders writes the files of all orders of an export ("": of every export) once more that were submitted from a time
// on and before another; a zero time is no bound.
func (k *Desk) ResendOrders(ctx context.Context, export string, from, to time.Time) ([]Order, error) {
	if err := k.knownExport(ctx, export); err != nil {
		return nil, err
	}
	var files []*bridge.Outfile
	for _, out := range outsOf(k, export) {
		again, err := out.SendOrdersAgain(ctx, export, from, to)
		if err != nil {
			return nil, err
		}
		files = append(files, again...)
	}
	return k.resend(ctx, files)
}

// WouldResend lists the orders whose files would be written once more, and changes nothing: those of one order, or (order "")
// of a time.
func (k *View) WouldResend(ctx context.Context, order, export string, from, to time.Time) ([]Order, error) {
	all, err := k.Orders(ctx, bridge.OutboxFilter{Order: order, Export: export, From: from, To: to})
	if err != nil {
		return nil, err
	}
	newest := map[string]int64{} // files of one order: the newest of each export
	for _, o := range all {
		newest[o.Export] = o.Number
	}
	orders := slices.DeleteFunc(all, func(o Order) bool {
		return o.Number == 0 && o.State != bridge.Unknown || order != "" && o.Number != newest[o.Export]
	})
	if order != "" && len(orders) == 0 {
		return nil, &bridge.Error{Op: "run again", Object: "order " + order, Err: bridge.ErrUnknown,
			Hint: "`orobridge orders` lists what the outbox holds"}
	}
	return orders, nil
}

// resend writes files that are owed again, unless a running bridge does, and returns the orders in them as they stand then.
func (k *Desk) resend(ctx context.Context, files []*bridge.Outfile) ([]Order, error) {
	var decided []*bridge.Event
	for _, f := range files {
		event := &bridge.Event{At: k.In.Clock.Now(), Kind: bridge.DecisionTaken, Export: f.Export, File: f.Name, Text: "run again"}
		if len(f.Orders) == 1 {
			event.Order = f.Orders[0]
		}
		decided = append(decided, k.By.On(event))
	}
	if err := k.In.Ledger.Keep(ctx, decided...); err != nil {
		return nil, err
	}
	k.In.Events.Tell(decided...)
	if !k.Running {
		var errs []error
		for _, x := range k.Exports {
			errs = append(errs, outOf(k, x.Name).Deliver(ctx, x))
		}
		if err := bridge.Within("the files are owed and go out with the next `orobridge run`", errors.Join(errs...)); err != nil {
			return nil, err
		}
	}
	if k.Running && k.Wait {
		if err := k.followFiles(ctx, files); err != nil {
			return nil, err
		}
	}
	orders := []Order{}
	for _, f := range files {
		for _, order := range f.Orders {
			owed, err := k.Ledger.Outbox(ctx, bridge.OutboxFilter{Export: f.Export, Order: order})
			if err != nil {
				return nil, err
			}
			for _, o := range owed {
				if o.Number == f.Number && o.Order == order {
					orders = append(orders, newOrder(o))
				}
			}
		}
	}
	return orders, nil
}
