package outbound

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
)

// Orders of which nobody knows whether they went out, and what ends that: a person who has looked into the ERP, what stands in an
// archive of the ERP, or its answer.

// TakeAsWritten says of an order that is unknown that it went out: a person has looked. It is named as in [Engine.SendOrderAgain].
func (e *Engine) TakeAsWritten(ctx context.Context, order, export string) ([]*bridge.Owed, error) {
	found, err := e.Ledger.Outbox(ctx, bridge.OutboxFilter{Order: order, Export: export, Exports: e.Own,
		States: []bridge.OwedState{bridge.Unknown}})
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, &bridge.Error{Op: "acknowledge", Object: "order " + order, Err: errors.New("it is not unknown whether it went out"),
			Hint: "`orobridge orders --unknown` lists those of which it is"}
	}
	return found, asRestored(e).takeAsWritten(ctx, found, "somebody has found it in the ERP")
}

func (e restoring) takeAsWritten(ctx context.Context, unknown []*bridge.Owed, why string) error {
	var c bridge.OutboxChange
	now := e.Clock.Now()
	type place struct {
		export string
		number int64
	}
	files := map[place]bool{}
	for _, o := range unknown {
		c.History = append(c.History, bridge.HistoryEntry{Entity: bridge.Orders, Key: o.Order, Fate: bridge.RowFate(bridge.PickedUp),
			Detail: why, At: now})
		if o.Number == 0 {
			o.Went, o.OwnAlarm, o.State = bridge.PickedUp, "", bridge.PickedUp
			c.Owed = append(c.Owed, o)
			continue
		}
		if files[place{o.Export, o.Number}] {
			continue
		}
		files[place{o.Export, o.Number}] = true
		held, err := e.Ledger.Outfiles(ctx, bridge.OutfileFilter{Export: o.Export, Number: o.Number})
		if err != nil {
			return err
		}
		for _, f := range held {
			c.Files = append(c.Files, bridge.FileMove{Outfile: wentOut(f, now), From: bridge.Unknown})
		}
		o.State = bridge.PickedUp
	}
	return e.save(ctx, c)
}

// wentOut is an unknown file that is known to have been written, and is gone.
func wentOut(f *bridge.Outfile, now time.Time) *bridge.Outfile {
	f.State, f.Alarm, f.Reason, f.Written, f.Marked, f.PickedUp = bridge.PickedUp, "", "", now, now, now
	return f
}

// answeredUnknown takes unknown files as written whose orders the ERP has answered.
func (e restoring) answeredUnknown(ctx context.Context, x *config.Export) error {
	files, err := e.Ledger.Outfiles(ctx, bridge.OutfileFilter{Export: x.Name, States: []bridge.OwedState{bridge.Unknown}})
	if err != nil || len(files) == 0 {
		return err
	}
	var c bridge.OutboxChange
	for _, f := range files {
		orders, err := e.Ledger.Outbox(ctx, bridge.OutboxFilter{Export: x.Name, Number: f.Number})
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(orders, func(o *bridge.Owed) bool { return o.Answered.IsZero() }) {
			c.Files = append(c.Files, bridge.FileMove{Outfile: wentOut(f, e.Clock.Now()), From: bridge.Unknown})
		}
	}
	return e.save(ctx, c)
}

// Evidence is by what unknown orders are known to have gone out: exactly one of its fields is set.
type Evidence struct {
	Since    time.Time // all that were submitted from then on
	Archive  string    // folder of the export's remote: those whose files stand there
	Answered bool      // those that the ERP has answered, by what the shop holds of them
}

// AdoptOrders takes those unknown orders of an export as written for which there is evidence, and tells which are unknown still.
func (e *Engine) AdoptOrders(ctx context.Context, x *config.Export, by Evidence) (taken, left []*bridge.Owed, err error) {
	unknown, err := e.Ledger.Outbox(ctx, bridge.OutboxFilter{Export: x.Name, States: []bridge.OwedState{bridge.Unknown}})
	if err != nil {
		return nil, nil, err
	}
	archive := outFiles{}
	if by.Archive != "" {
		listing, err := e.Remotes[x.Remote].List(ctx, by.Archive)
		if err != nil {
			return nil, nil, err
		}
		archive.add(by.Archive, listing, true)
	}
	for _, o := range unknown {
		out, err := asRestored(e).evident(ctx, x, o, by, archive)
		switch {
		case err != nil:
			return nil, nil, err
		case out:
			taken = append(taken, o)
		default:
			left = append(left, o)
		}
	}
	why := map[bool]string{true: "the ERP has answered it"}[by.Answered]
	switch {
	case by.Archive != "":
		why = "its file stands in " + by.Archive
	case !by.Since.IsZero():
		why = "somebody said that all went out which were submitted since " + by.Since.Format(time.RFC3339)
	}
	if err := asRestored(e).takeAsWritten(ctx, taken, why); err != nil {
		return nil, nil, err
	}
	return taken, left, e.tellAlarms(ctx, x)
}

// evident says whether there is evidence of one order.
func (e restoring) evident(ctx context.Context, x *config.Export, o *bridge.Owed, by Evidence, archive outFiles) (bool, error) {
	if !by.Since.IsZero() {
		return !o.Submitted.Before(by.Since), nil
	}
	if by.Archive != "" && o.File != "" {
		f := archive[o.File]
		return f != nil && f.Name == o.File, nil
	}
	k := e.kindOf(x)
	doc, err := k.find(ctx, o.Order)
	if errors.Is(err, bridge.ErrUnknown) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if by.Answered {
		return k.answered(doc) != "", nil
	}
	doc.Version = o.Version
	f, _ := archive.of(k, x, doc)
	return f != nil, nil
}
