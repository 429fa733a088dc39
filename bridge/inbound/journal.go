package inbound

import (
	"context"
	"errors"
	"fmt"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/bridge/inbound/rows"
)

// What happens to drops and runs is recorded before anything else is done, in one transaction with the events that tell it;
// the observers hear of it once it is kept.

// journal writes down what happens. Whoever does a part of the work has one.
type journal struct{ e *Engine }

// told tells the observers of events, once they are kept.
func (j journal) told(err error, events ...*bridge.Event) error {
	if err == nil {
		j.e.Events.Tell(events...)
	}
	return err
}

// event is something that happened to a drop.
func (j journal) event(kind bridge.EventKind, d *bridge.Drop, text string) *bridge.Event {
	return d.Event(kind, j.e.Clock.Now(), text)
}

// runEvent is something that happened to a run, with its counts.
func (j journal) runEvent(kind bridge.EventKind, d *bridge.Drop, run *bridge.Run, text string) *bridge.Event {
	event := j.event(kind, d, text)
	counts := run.Counts
	event.Run, event.Counts = run.ID, &counts
	if !run.Ended.IsZero() {
		event.Took = run.Ended.Sub(run.Started)
	}
	return event
}

// settledText says where a drop has come to its end, and why.
func settledText(d *bridge.Drop) string {
	if d.Reason == "" {
		return string(d.State)
	}
	return string(d.State) + ": " + d.Reason
}

// advance saves a drop that was in the state from, with what has happened, and tells it.
func (j journal) advance(ctx context.Context, d *bridge.Drop, from bridge.DropState, events ...*bridge.Event) error {
	return j.advanceAll(ctx, []bridge.Move{{Drop: d, From: from}}, events...)
}

func (j journal) advanceAll(ctx context.Context, moves []bridge.Move, events ...*bridge.Event) error {
	return j.told(j.e.Ledger.Advance(ctx, moves, events...), events...)
}

// A step is what a drop has come to, which is to be recorded. Small files come in great numbers: the same step of some of them
// is recorded in one transaction, and one that was not recorded is found done when it is tried again.
type step struct {
	bridge.Move
	event *bridge.Event
}

// How many drops are taken along together, and how many bytes they have at most: a large one stands alone.
const (
	together      = 50
	togetherBytes = 1 << 20
)

// each does a step with each of some drops and records what they have come to, also when it can't go on: failed decides that,
// and hears of each error.
func (j journal) each(ctx context.Context, drops []*bridge.Drop, do func(context.Context, *bridge.Drop) (*step, error),
	failed func(*bridge.Drop, error) error) error {
	done, err := stepsOf(ctx, drops, do, failed)
	return errors.Join(err, j.recordAll(ctx, done, failed))
}

// stepsOf does a step with each of some drops, until failed says that it can't go on.
func stepsOf(ctx context.Context, drops []*bridge.Drop, do func(context.Context, *bridge.Drop) (*step, error),
	failed func(*bridge.Drop, error) error) (done []*step, err error) {
	for _, d := range drops {
		s, why := do(ctx, d)
		if s != nil {
			done = append(done, s)
		}
		if why == nil {
			continue
		}
		if err = failed(d, why); err != nil {
			break
		}
	}
	return done, err
}

// recordAll saves what some drops have come to; somebody may have decided about one of them: the others go on.
func (j journal) recordAll(ctx context.Context, done []*step, failed func(*bridge.Drop, error) error) error {
	recorded := j.record(ctx, done)
	if !errors.Is(recorded, bridge.ErrMoved) {
		return recorded
	}
	recorded = nil
	for _, s := range done {
		if why := j.record(ctx, []*step{s}); why != nil && recorded == nil {
			recorded = failed(s.Drop, why)
		}
	}
	return recorded
}

// record saves what some drops have come to.
func (j journal) record(ctx context.Context, done []*step) error {
	var moves []bridge.Move
	var events []*bridge.Event
	for _, s := range done {
		moves, events = append(moves, s.Move), append(events, s.event)
	}
	return j.advanceAll(ctx, moves, events...)
}

// came is a drop that has come from a state to where it stands.
func came(d *bridge.Drop, from bridge.DropState, event *bridge.Event) *step {
	return &step{bridge.Move{Drop: d, From: from}, event}
}

// keep enters events in the journal that no other change goes with, and tells them.
func (j journal) keep(ctx context.Context, events ...*bridge.Event) error {
	return j.told(j.e.Ledger.Keep(ctx, events...), events...)
}

// note keeps in the journal what is worth knowing of a drop.
func (j journal) note(ctx context.Context, d *bridge.Drop, text string) error {
	return j.keep(ctx, j.event(bridge.Noted, d, text))
}

// moved forgives that a drop has gone on meanwhile: whoever moved it knew better.
func moved(err error) error {
	if errors.Is(err, bridge.ErrMoved) {
		return nil
	}
	return err
}

// explain keeps with a fetched drop what it waits for; empty when it waits for nothing but its turn.
func (j journal) explain(ctx context.Context, d *bridge.Drop, why string) error {
	if d.Reason == why {
		return nil
	}
	d.Reason = why
	var events []*bridge.Event
	if why != "" {
		events = append(events, j.event(bridge.DropWaits, d, why))
	}
	return moved(j.advance(ctx, d, bridge.Fetched, events...))
}

// saveRun saves a run, and its drop if it moves, with what has happened, and tells it.
func (j journal) saveRun(ctx context.Context, run *bridge.Run, moves []bridge.Move, events ...*bridge.Event) error {
	return j.told(j.e.Ledger.SaveRun(ctx, run, moves, events...), events...)
}

// startRun enters a run of a drop, which is loading from then on. A drop that somebody else has moved meanwhile is
// ErrMoved.
func (j journal) startRun(ctx context.Context, run *bridge.Run, d *bridge.Drop) error {
	from := d.State
	run.Drop, run.State, run.Started = d.ID, bridge.Running, j.e.Clock.Now()
	d.State, d.Reason = bridge.Loading, ""
	event := j.event(bridge.RunStarted, d, string(run.Kind))
	return j.told(j.e.Ledger.StartRun(ctx, run, bridge.Move{Drop: d, From: from}, event), event)
}

// decision is the event of what somebody decided about a drop.
func (j journal) decision(d *bridge.Drop, by bridge.Decision, what string) *bridge.Event {
	return by.On(j.event(bridge.DecisionTaken, d, what))
}

// verdictOf is the event of a decision that lets a drop go on, or ends it.
func (j journal) verdictOf(d *bridge.Drop, by bridge.Decision, v bridge.Verdict, what string) *bridge.Event {
	event := j.decision(d, by, what)
	event.Verdict = v
	return event
}

// verdict is where a drop ends, or is held, after a run.
type verdict struct {
	state  bridge.DropState
	reason string
	hint   string
}

// end settles a drop: from now on nothing of it is loaded again by itself, and only its last move is owed.
func (j journal) end(ctx context.Context, f *config.Feed, d *bridge.Drop, run *bridge.Run, v verdict) error {
	from := d.State
	d.State, d.Reason, d.SettledAt = v.state, v.reason, j.e.Clock.Now()
	d.Finish = f.Folders.Archive
	if v.state == bridge.Rejected {
		d.Finish = f.Folders.Rejected
	}
	if d.Path == "" {
		d.Finish = "" // handed over by a person: there is nothing to move
	}
	j.e.Events.Step("end")
	move := bridge.Move{Drop: d, From: from}
	event := j.event(bridge.DropSettled, d, settledText(d))
	event.Hint, event.Took = v.hint, d.SettledAt.Sub(d.SeenAt)
	switch {
	case v.state != bridge.Rejected || event.Hint != "":
	case run != nil && run.Rejected > 0:
		event.Hint = fmt.Sprintf("see `orobridge rejects %d`", d.ID)
	default:
		event.Hint = fmt.Sprintf("see `orobridge drop %d`", d.ID)
	}
	away := false // somebody has decided about it in this very moment
	err := j.e.waiter().Persist(ctx, "feed "+f.Name, func() (err error) {
		if run == nil {
			err = j.advanceAll(ctx, []bridge.Move{move}, event)
		} else {
			err = j.saveRun(ctx, run, []bridge.Move{move}, j.runEvent(bridge.RunEnded, d, run, rows.LeftOut(run)), event)
		}
		if away = errors.Is(err, bridge.ErrMoved); away {
			return nil
		}
		return err
	})
	j.e.Events.Step("ended")
	if err == nil && away && run != nil {
		err = j.discarded(ctx, d, run)
	}
	if err != nil {
		return err
	}
	return partsOf(j.e).Join(ctx, f, d.Front)
}

// discarded ends a run whose drop was thrown away meanwhile.
func (j journal) discarded(ctx context.Context, d *bridge.Drop, run *bridge.Run) error {
	now, err := j.e.Ledger.Drop(ctx, d.ID)
	if err != nil {
		return err
	}
	*d = *now
	run.State, run.Ended, run.Reason = bridge.Failed, j.e.Clock.Now(), d.Reason
	return j.saveRun(ctx, run, nil, j.runEvent(bridge.RunEnded, d, run, d.Reason))
}
