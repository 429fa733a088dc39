package outbound

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
)

// idleListing is how long the folder is not listed when no file waits to be picked up there.
const idleListing = time.Minute

// watchFolder sees which files the ERP has taken (they have left the folder), which it should have, which somebody changed or
// put back, and which orders it should have answered.
func (e *Engine) watchFolder(ctx context.Context, x *config.Export) error {
	if e.Beside != nil {
		return e.Beside(ctx, x)
	}
	files, err := e.Ledger.Outfiles(ctx, bridge.OutfileFilter{Export: x.Name, States: []bridge.OwedState{bridge.Written}})
	if err != nil {
		return err
	}
	now := e.Clock.Now()
	if last, ok := e.Memory.get(&e.Memory.listed, x.Name); len(files) > 0 || !ok || now.Sub(last) >= idleListing {
		listing, err := e.Remotes[x.Remote].List(ctx, x.Folder)
		if err != nil {
			return err
		}
		e.Memory.set(&e.Memory.listed, x.Name, now)
		w := &watch{e, x, make(map[string]bridge.File, len(listing))}
		for _, file := range listing {
			w.there[file.Name] = file
		}
		if err := errors.Join(w.pickups(ctx, files), w.returns(ctx), w.sweep(ctx)); err != nil {
			return err
		}
	}
	return errors.Join(asRestored(e).answeredUnknown(ctx, x), e.watchAnswers(ctx, x, now))
}

// watch is one look into the folder of an export.
type watch struct {
	*Engine
	x     *config.Export
	there map[string]bridge.File // by name
}

// pickups compares the files that were written with what stands in the folder.
func (w *watch) pickups(ctx context.Context, files []*bridge.Outfile) error {
	var seen, taken bridge.OutboxChange
	var raised, pickedUp []*bridge.Event
	for _, f := range files {
		file, ok := w.there[f.Name]
		if !ok {
			f.State, f.PickedUp = bridge.PickedUp, w.Clock.Now()
			if f.Marked.IsZero() {
				f.Marked = f.PickedUp // there is nothing left to mark
			}
			if f.Alarm == bridge.AlarmOverdue {
				f.Alarm = ""
			}
			taken.Files = append(taken.Files, bridge.FileMove{Outfile: f, From: bridge.Written})
			taken.History = append(taken.History, w.history(f, bridge.RowFate(bridge.PickedUp), "")...)
			for _, event := range w.fileEvents(bridge.OrderPickedUp, f) {
				event.Took = f.PickedUp.Sub(f.Written)
				pickedUp = append(pickedUp, event)
			}
			continue
		}
		before := *f
		why, err := w.inspect(ctx, f, file)
		if err != nil {
			return err
		}
		if f.Alarm != before.Alarm {
			raised = append(raised, w.alarm(w.x.Name, f.Alarm, "", f.Name, why))
		}
		if f.Alarm != before.Alarm || !bridge.SameTime(f.MTime, before.MTime) {
			seen.Files = append(seen.Files, bridge.FileMove{Outfile: f, From: bridge.Written})
		}
	}
	if err := w.save(ctx, seen, raised...); err != nil {
		return err
	}
	w.Events.Step("pick up order")
	return w.save(ctx, taken, pickedUp...)
}

// inspect looks at a file that waits to be picked up: is it late, has somebody changed it. It says why it raises an alarm.
func (w *watch) inspect(ctx context.Context, f *bridge.Outfile, file bridge.File) (why string, err error) {
	changed := file.Size != f.Size
	if !changed && !f.MTime.IsZero() && !bridge.SameTime(file.MTime, f.MTime) {
		err := sameBytes(ctx, w.Remotes[w.x.Remote], path.Join(w.x.Folder, f.Name), f)
		if err != nil && !errors.Is(err, errOtherBytes) && !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
		changed = errors.Is(err, errOtherBytes)
	}
	f.MTime = file.MTime
	switch late := w.Clock.Now().Sub(f.Written); {
	case changed && f.Alarm != bridge.AlarmChanged:
		f.Alarm = bridge.AlarmChanged
		return fmt.Sprintf("%d bytes were written, %d stand there", f.Size, file.Size), nil
	case f.Alarm == "" && w.x.PickupWithin > 0 && late > w.x.PickupWithin.D():
		f.Alarm = bridge.AlarmOverdue
		why := "not picked up within " + w.x.PickupWithin.String()
		if at := f.Fetched.At; !at.IsZero() {
			why += ", though " + f.Fetched.User + " has fetched it at " + at.Format(time.RFC3339)
		}
		return why, nil
	}
	return "", nil
}

// sweep takes away bytes that wait for a name which their file has, or had, already: a bridge that was stopped while it wrote them woke
// up after another one had written the file.
func (w *watch) sweep(ctx context.Context) error {
	for name := range w.there {
		number := stagedNumber(w.Ledger.Identity(), w.x.Name, name)
		if number == 0 {
			continue
		}
		files, err := w.Ledger.Outfiles(ctx, bridge.OutfileFilter{Export: w.x.Name, Number: number})
		if err != nil {
			return err
		}
		if len(files) == 0 || files[0].State == bridge.OwedNow {
			continue
		}
		err = bridge.Guarded(w.Remotes[w.x.Remote]).Remove(ctx, path.Join(w.x.Folder, name))
		if err != nil && !bridge.NotThere(err) {
			return err
		}
	}
	return nil
}

// returns sees files that were picked up and stand in the folder again.
func (w *watch) returns(ctx context.Context) error {
	names := make([]string, 0, len(w.there))
	for name := range w.there {
		names = append(names, name)
	}
	back, err := w.Ledger.Outfiles(ctx, bridge.OutfileFilter{Export: w.x.Name, States: []bridge.OwedState{bridge.PickedUp}, Names: names})
	if err != nil {
		return err
	}
	var c bridge.OutboxChange
	var raised []*bridge.Event
	for _, f := range back {
		if f.Alarm != bridge.AlarmReturned {
			f.Alarm = bridge.AlarmReturned
			c.Files = append(c.Files, bridge.FileMove{Outfile: f, From: bridge.PickedUp})
			raised = append(raised, w.alarm(w.x.Name, f.Alarm, "", f.Name, "picked up at "+f.PickedUp.Format(time.RFC3339)))
		}
	}
	alarmed, err := w.Ledger.Outfiles(ctx, bridge.OutfileFilter{Export: w.x.Name, States: []bridge.OwedState{bridge.PickedUp},
		Alarm: bridge.AlarmReturned})
	if err != nil {
		return err
	}
	for _, f := range alarmed {
		if _, ok := w.there[f.Name]; !ok {
			f.Alarm = ""
			c.Files = append(c.Files, bridge.FileMove{Outfile: f, From: bridge.PickedUp})
		}
	}
	return w.save(ctx, c, raised...)
}

// watchAnswers raises an alarm for each order that the ERP should have answered.
func (e *Engine) watchAnswers(ctx context.Context, x *config.Export, now time.Time) error {
	if x.AnswerWithin <= 0 {
		return nil
	}
	late, err := e.Ledger.Outbox(ctx, bridge.OutboxFilter{Export: x.Name, Unanswered: now.Add(-x.AnswerWithin.D())})
	if err != nil {
		return err
	}
	var c bridge.OutboxChange
	var raised []*bridge.Event
	detail := "no answer within " + x.AnswerWithin.String()
	for _, o := range late {
		o.OwnAlarm = bridge.AlarmUnanswered
		c.Owed = append(c.Owed, o)
		c.History = append(c.History, bridge.HistoryEntry{Entity: bridge.Orders, Key: o.Order,
			Fate: bridge.RowFate(bridge.AlarmUnanswered), Detail: detail, At: now})
		raised = append(raised, e.alarm(x.Name, o.OwnAlarm, o.Order, "", detail))
	}
	return e.save(ctx, c, raised...)
}
