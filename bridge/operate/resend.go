package operate

import (
	"context"
	"errors"
	"time"

	"github.com/orobridge/orobridge/bridge"
)

// ResendOrder writes the file of an order once more, the same bytes under the same name; with render it makes a new version
// from the shop's present state. The order is named by its identifier or by the number of a file.
func (k *Desk) ResendOrder(ctx context.Context, order string, render bool) ([]Order, error) {
	files, err := k.Out.SendOrderAgain(ctx, order, render)
	if err != nil {
		return nil, err
	}
	return k.resend(ctx, files)
}

// ResendOrders writes the files of all orders of an export ("": of every export) once more that were submitted from a time
// on and before another; a zero time is no bound.
func (k *Desk) ResendOrders(ctx context.Context, export string, from, to time.Time) ([]Order, error) {
	files, err := k.Out.SendOrdersAgain(ctx, export, from, to)
	if err != nil {
		return nil, err
	}
	return k.resend(ctx, files)
}

// resend writes files that are owed again, unless a running bridge does, and returns the orders in them as they stand then.
func (k *Desk) resend(ctx context.Context, files []*bridge.Outfile) ([]Order, error) {
	if !k.Running {
		var errs []error
		for _, x := range k.Exports {
			errs = append(errs, k.Out.Deliver(ctx, x))
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
