package outbound

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
)

// Sending again. Both ways are recorded in the history of the orders.

// SendOrderAgain makes the newest file of an order owed once more: the same bytes under the same name. With render it
// makes a new version from the shop's present state instead. The order is named by its identifier or by the number of a
// file; a file that holds several orders goes as a whole. What is owed is written by the export's next round, or by
// [Bridge.Deliver].
func (b *Engine) SendOrderAgain(ctx context.Context, order string, render bool) ([]*bridge.Outfile, error) {
	found, err := b.Ledger.Outbox(ctx, bridge.OutboxFilter{Order: order})
	if err != nil {
		return nil, err
	}
	newest := map[string]*bridge.Owed{} // by export
	for _, o := range found {
		newest[o.Export] = o
	}
	if len(newest) == 0 {
		return nil, &bridge.Error{Op: "run again", Object: "order " + order, Err: bridge.ErrUnknown, Hint: "`orobridge orders` lists what the outbox holds"}
	}
	var all []*bridge.Outfile
	for _, e := range b.Exports {
		o, ok := newest[e.Name]
		if !ok {
			continue
		}
		files, err := b.sendAgain(ctx, e, o, render)
		if err != nil {
			return all, err
		}
		all = append(all, files...)
	}
	if len(all) == 0 {
		return nil, &bridge.Error{Op: "run again", Object: "order " + order, Err: errors.New("its export is no longer in the config"), Hint: "put the export back"}
	}
	return all, nil
}

// SendOrdersAgain makes the files of all orders of an export ("": of every export) owed once more that were submitted
// from a time on and before another.
func (b *Engine) SendOrdersAgain(ctx context.Context, export string, from, to time.Time) ([]*bridge.Outfile, error) {
	found, err := b.Ledger.Outbox(ctx, bridge.OutboxFilter{Export: export, From: from, To: to})
	if err != nil {
		return nil, err
	}
	type place struct {
		export string
		number int64
	}
	var all []*bridge.Outfile
	done := map[place]bool{}
	for _, o := range found {
		at := place{o.Export, o.Number}
		if o.Number == 0 || done[at] {
			continue
		}
		done[at] = true
		files, err := b.resend(ctx, o.Export, o.Number, "submitted "+from.Format(time.RFC3339)+" to "+to.Format(time.RFC3339))
		if err != nil {
			return all, err
		}
		all = append(all, files...)
	}
	return all, nil
}

func (b *Engine) sendAgain(ctx context.Context, e *config.Export, o *bridge.Owed, render bool) ([]*bridge.Outfile, error) {
	if render {
		return b.renderAgain(ctx, e, o)
	}
	if o.Number == 0 {
		return nil, &bridge.Error{Op: "run again", Object: "order " + o.Order, Err: fmt.Errorf("it is %s and has no file yet", o.State),
			Hint: "add --render to make one from the shop's present state"}
	}
	return b.resend(ctx, e.Name, o.Number, "")
}

func (b *Engine) resend(ctx context.Context, export string, number int64, detail string) ([]*bridge.Outfile, error) {
	files, err := b.Ledger.Outfiles(ctx, bridge.OutfileFilter{Export: export, Number: number})
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		if f.State == bridge.OwedNow {
			continue // it is on its way
		}
		if err := b.Ledger.SendAgain(ctx, f, detail); err != nil {
			return nil, err
		}
		b.Log.Info("sent again", "export", export, "file", f.Name, "orders", f.Orders)
	}
	return files, nil
}

// renderAgain makes a new version of an order, in a file of its own.
func (b *Engine) renderAgain(ctx context.Context, e *config.Export, o *bridge.Owed) ([]*bridge.Outfile, error) {
	order, err := b.Shop.Order(ctx, o.Order)
	if err != nil {
		return nil, err
	}
	entry := &bridge.Entry{Order: order, Version: o.Version + 1, Print: OrderFingerprint(order)}
	prove(e, entry)
	if entry.Stuck != "" {
		return nil, &bridge.Error{Op: "render", Object: "order " + o.Order, Err: errors.New(entry.Stuck), Hint: "mend the order or the export's format"}
	}
	c, _, err := b.Ledger.Cursor(ctx, e.Name)
	if err != nil {
		return nil, err
	}
	files, err := b.Ledger.Owe(ctx, e.Name, &bridge.Intake{Cursor: c, Orders: []*bridge.Entry{entry}, PerFile: 1, Render: renderer(e)})
	if err != nil {
		return nil, err
	}
	o.Alarm = ""
	return files, b.Ledger.SaveOwed(ctx, o, "rerun", fmt.Sprintf("rendered again as version %d", entry.Version))
}

// Deliver writes what an export owes, in order, without asking the shop for more.
func (b *Engine) Deliver(ctx context.Context, e *config.Export) error {
	return errors.Join(b.deliver(ctx, e), b.tellAlarms(ctx, e))
}
