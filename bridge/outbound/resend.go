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

// SendOrderAgain makes the newest file of an order owed once more: the same bytes under the same name. With render it makes
// a new version from the shop's present state instead. The order is named by its identifier or by the number of a file; a
// file that holds several orders goes as a whole. With an export its file alone goes, else that of each. What is owed is
// written by the export's next round, or by [Engine.Deliver].
func (e *Engine) SendOrderAgain(ctx context.Context, order, export string, render bool) ([]*bridge.Outfile, error) {
	found, err := e.Ledger.Outbox(ctx, bridge.OutboxFilter{Order: order, Export: export, Exports: e.Own})
	if err != nil {
		return nil, err
	}
	newest := map[string]*bridge.Owed{} // by export
	for _, o := range found {
		newest[o.Export] = o
	}
	if len(newest) == 0 {
		return nil, &bridge.Error{Op: "run again", Object: "order " + order, Err: bridge.ErrUnknown,
			Hint: "`orobridge orders` lists what the outbox holds"}
	}
	var all []*bridge.Outfile
	for _, x := range e.Exports {
		o, ok := newest[x.Name]
		if !ok {
			continue
		}
		files, err := e.sendAgain(ctx, x, o, render)
		if err != nil {
			return all, err
		}
		all = append(all, files...)
	}
	if len(all) == 0 {
		return nil, &bridge.Error{Op: "run again", Object: "order " + order, Err: errors.New("its export is no longer in the config"),
			Hint: "put the export back"}
	}
	return all, nil
}

// SendOrdersAgain makes the files of all orders of an export ("": of every export) owed once more that were submitted
// from a time on and before another.
func (e *Engine) SendOrdersAgain(ctx context.Context, export string, from, to time.Time) ([]*bridge.Outfile, error) {
	found, err := e.Ledger.Outbox(ctx, bridge.OutboxFilter{Export: export, Exports: e.Own, From: from, To: to})
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
		files, err := e.resend(ctx, o.Export, o.Number, "submitted "+from.Format(time.RFC3339)+" to "+to.Format(time.RFC3339))
		if err != nil {
			return all, err
		}
		all = append(all, files...)
	}
	return all, nil
}

func (e *Engine) sendAgain(ctx context.Context, x *config.Export, o *bridge.Owed, render bool) ([]*bridge.Outfile, error) {
	if render {
		return e.renderAgain(ctx, x, o)
	}
	if o.Number == 0 && o.Went != "" && o.Answered.IsZero() {
		return e.release(ctx, x, o)
	}
	if o.Number == 0 {
		return nil, &bridge.Error{Op: "run again", Object: "order " + o.Order, Err: fmt.Errorf("it is %s and has no file yet", o.State),
			Hint: "add --render to make one from the shop's present state"}
	}
	return e.resend(ctx, x.Name, o.Number, "")
}

// release makes an order owed of which nobody knew, or a person has said, that it went out before the ledger was put back.
func (e *Engine) release(ctx context.Context, x *config.Export, o *bridge.Owed) ([]*bridge.Outfile, error) {
	o.Went, o.OwnAlarm = "", ""
	event := &bridge.Event{At: e.Clock.Now(), Kind: bridge.OrderAgain, Export: x.Name, Order: o.Order}
	err := e.save(ctx, bridge.OutboxChange{Owed: []*bridge.Owed{o}, History: []bridge.HistoryEntry{{Entity: bridge.Orders, Key: o.Order,
		Fate: "rerun", At: e.Clock.Now()}}}, event)
	if err != nil {
		return nil, err
	}
	alone := *x
	alone.Collect = config.Collect{}
	in := &bridge.Intake{}
	err = e.owe(ctx, &alone, in)
	files := make([]*bridge.Outfile, len(in.Files))
	for i, f := range in.Files {
		files[i] = &f.Outfile
	}
	return files, err
}

func (e *Engine) resend(ctx context.Context, export string, number int64, detail string) ([]*bridge.Outfile, error) {
	files, err := e.Ledger.Outfiles(ctx, bridge.OutfileFilter{Export: export, Number: number})
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		if f.State == bridge.OwedNow {
			continue // it is on its way
		}
		if err := e.sendFileAgain(ctx, f, detail); err != nil {
			return nil, err
		}
	}
	return files, nil
}

// sendFileAgain makes a file owed once more, as it is, whatever its state; its orders count as not answered.
func (e *Engine) sendFileAgain(ctx context.Context, f *bridge.Outfile, detail string) error {
	owed, err := e.Ledger.Outbox(ctx, bridge.OutboxFilter{Export: f.Export, Number: f.Number})
	if err != nil {
		return err
	}
	for _, o := range owed {
		o.OwnAlarm, o.Answer, o.Answered = "", "", time.Time{}
	}
	from := f.State
	f.State, f.Alarm, f.Reason, f.Staged = bridge.OwedNow, "", "", ""
	f.Written, f.Marked, f.MTime, f.PickedUp, f.Fetched = time.Time{}, time.Time{}, time.Time{}, time.Time{}, bridge.Fetch{}
	c := bridge.OutboxChange{Files: []bridge.FileMove{{Outfile: f, From: from}}, Fetched: []*bridge.Outfile{f}, Owed: owed,
		History: e.history(f, "rerun", detail)}
	return e.save(ctx, c, e.fileEvents(bridge.OrderAgain, f)...)
}

// renderAgain makes a new version of an order, in a file of its own.
func (e *Engine) renderAgain(ctx context.Context, x *config.Export, o *bridge.Owed) ([]*bridge.Outfile, error) {
	k := e.kindOf(x)
	doc, err := k.find(ctx, o.Order)
	if err != nil {
		return nil, err
	}
	doc.Version = o.Version + 1
	entry := &bridge.Entry{Document: doc.Document, Print: k.fingerprint(doc), Noticed: e.Clock.Now()}
	if err := prove(k, x, doc, entry); err != nil {
		return nil, err
	}
	if entry.Stuck != "" {
		return nil, &bridge.Error{Op: "render", Object: "order " + o.Order, Err: errors.New(entry.Stuck),
			Hint: "mend the order or the export's format"}
	}
	alone := *x
	alone.Collect = config.Collect{}
	in := &bridge.Intake{Orders: []*bridge.Entry{entry}}
	if err := e.owe(ctx, &alone, in); err != nil {
		return nil, err
	}
	files := make([]*bridge.Outfile, len(in.Files))
	for i, f := range in.Files {
		files[i] = &f.Outfile
	}
	o.OwnAlarm = ""
	return files, e.save(ctx, bridge.OutboxChange{Owed: []*bridge.Owed{o},
		History: []bridge.HistoryEntry{{Entity: bridge.Orders, Key: o.Order, Fate: "rerun",
			Detail: fmt.Sprintf("rendered again as version %d", doc.Version), At: e.Clock.Now()}}})
}

// Deliver writes what an export owes, in order, without asking the shop for more.
func (e *Engine) Deliver(ctx context.Context, x *config.Export) error {
	ctx, done, err := takeUp(ctx, e, x)
	if err != nil {
		return err
	}
	defer done()
	return errors.Join(e.deliver(ctx, x), e.tellAlarms(ctx, x))
}
