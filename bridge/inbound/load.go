package inbound

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/bridge/inbound/answers"
	"github.com/orobridge/orobridge/bridge/inbound/apply"
	"github.com/orobridge/orobridge/bridge/inbound/order"
	"github.com/orobridge/orobridge/bridge/inbound/plan"
	"github.com/orobridge/orobridge/bridge/inbound/rows"
	"github.com/orobridge/orobridge/formats"
	"github.com/orobridge/orobridge/formats/envelope"
)

// Load takes a fetched or interrupted drop through planning and applying, and records how it ended. It returns an error
// only for what keeps the drop from having an end: trouble that outlasted the bridge's patience, or a context that
// ended; the drop is then due again.
func (e *Engine) Load(ctx context.Context, f *config.Feed, d *bridge.Drop) (*bridge.Run, error) {
	run, resumed, err := e.due(ctx, f, d)
	if errors.Is(err, errDeadly) {
		return run, e.hold(ctx, d, run, fmt.Sprintf("the bridge died %d times while it loaded this drop, perhaps for want of memory: look at the file before it is tried again", run.Attempts))
	}
	if err != nil || run == nil {
		return run, err
	}
	before := e.Shop.Requests() - run.Requests
	v, err := e.attempt(ctx, f, d, run, resumed)
	run.Requests = e.Shop.Requests() - before
	switch {
	case errors.Is(err, errDiscarded):
		return run, e.discarded(ctx, d, run)
	case err != nil: // its counts are kept until it goes on
		run.Attempts-- // it ended in an orderly way
		return run, errors.Join(err, e.saveRun(context.WithoutCancel(ctx), run, nil))
	case v.state == bridge.Held:
		return run, e.hold(ctx, d, run, v.reason)
	}
	return run, e.end(ctx, f, d, run, v)
}

// saveRun saves a run, and its drop if it moves, with what has happened, and tells it.
func (e *Engine) saveRun(ctx context.Context, run *bridge.Run, moves []bridge.Move, events ...*bridge.Event) error {
	err := e.Ledger.SaveRun(ctx, run, moves, events...)
	if err == nil {
		e.Events.Tell(events...)
	}
	return err
}

// due finds or starts the run that a drop needs. A drop that says what an earlier one said is a duplicate and needs none.
func (e *Engine) due(ctx context.Context, f *config.Feed, d *bridge.Drop) (run *bridge.Run, resumed bool, err error) {
	if d.State == bridge.Loading {
		runs, err := e.Ledger.Runs(ctx, d.ID)
		if err != nil {
			return nil, false, err
		}
		for _, r := range runs {
			if r.State == bridge.Running {
				return r, true, e.again(ctx, d, r)
			}
		}
	}
	if f.OnUnchanged != "verify" {
		if d.Same, err = e.sameContent(ctx, d); err != nil {
			return nil, false, err
		}
	}
	if d.Same != 0 {
		return nil, false, e.end(ctx, f, d, nil, verdict{state: bridge.Duplicate, reason: fmt.Sprintf("the same content as drop %d: nothing was sent", d.Same)})
	}
	run = &bridge.Run{Kind: bridge.FirstRun}
	e.Events.Step("start run")
	return run, false, e.startRun(ctx, run, d)
}

// deadly is how often a bridge may die while it loads a drop before somebody has to look.
const deadly = 3

// again counts that an interrupted run is taken up. What has killed the bridge that often would kill it again: such a drop
// is held.
func (e *Engine) again(ctx context.Context, d *bridge.Drop, run *bridge.Run) error {
	if run.Attempts >= deadly {
		return errDeadly
	}
	run.Attempts++
	return e.saveRun(ctx, run, nil)
}

var (
	errDeadly    = errors.New("the bridge died again and again while it loaded this drop")
	errDiscarded = errors.New("the drop was discarded while it was loaded")
)

// stillLoading is errDiscarded once somebody has thrown a drop away while it is loaded: what is in flight is settled, and
// nothing more is sent.
func (e *Engine) stillLoading(ctx context.Context, d *bridge.Drop) error {
	now, err := e.Ledger.Drop(ctx, d.ID)
	if err == nil && now.State == bridge.Discarded {
		return errDiscarded
	}
	return err
}

// discarded ends a run whose drop was thrown away meanwhile.
func (e *Engine) discarded(ctx context.Context, d *bridge.Drop, run *bridge.Run) error {
	now, err := e.Ledger.Drop(ctx, d.ID)
	if err != nil {
		return err
	}
	*d = *now
	run.State, run.Ended, run.Reason = bridge.Failed, e.Clock.Now(), d.Reason
	return e.saveRun(ctx, run, nil, e.runEvent(bridge.RunEnded, d, run, d.Reason))
}

// startRun enters a run of a drop, which is loading from then on. A drop that somebody else has moved meanwhile is
// ErrMoved.
func (e *Engine) startRun(ctx context.Context, run *bridge.Run, d *bridge.Drop) error {
	from := d.State
	run.Drop, run.State, run.Attempts, run.Started = d.ID, bridge.Running, 1, e.Clock.Now()
	d.State, d.Reason = bridge.Loading, ""
	event := e.event(bridge.RunStarted, d, string(run.Kind))
	err := e.Ledger.StartRun(ctx, run, bridge.Move{Drop: d, From: from}, event)
	if err == nil {
		e.Events.Tell(event)
	}
	return err
}

// sameContent finds the drop right before d in the feed's order, of those that were loaded or are about to be, if it says
// the same; 0 otherwise. One that was loaded in part only still owes rows: the same bytes once more load them. A file that repeats an earlier state after a newer one ("stock 0", "stock 5", "stock 0") is news.
func (e *Engine) sameContent(ctx context.Context, d *bridge.Drop) (int64, error) {
	before, err := order.Before(ctx, e.Ledger, d, bridge.Loaded, bridge.Partial, bridge.Loading, bridge.Held)
	if err != nil || before == nil || before.SHA256 != d.SHA256 || before.State == bridge.Partial {
		return 0, err
	}
	return before.ID, nil
}

// verdict is where a drop ends, or is held, after a run.
type verdict struct {
	state  bridge.DropState
	reason string
	hint   string
}

// attempt plans and applies a run from its beginning. After a crash it does so again: what was applied has its fate in
// the ledger, and the rest is found to be different still.
func (e *Engine) attempt(ctx context.Context, f *config.Feed, d *bridge.Drop, run *bridge.Run, resumed bool) (v verdict, err error) {
	run.Counts = bridge.Counts{}
	stage, err := e.Ledger.NewStage(ctx, f.Entity, run.ID)
	if err != nil {
		return v, err
	}
	defer func() { err = errors.Join(err, stage.Close()) }()
	if f.Entity.Answers {
		return e.loadAnswers(ctx, f, d, run, stage, resumed)
	}
	a := e.applier(f, d, run, stage)
	if resumed {
		if err := errors.Join(e.Ledger.PlanAgain(ctx, run.ID), a.Resume(ctx)); err != nil {
			return v, err
		}
	}
	p := &plan.Planner{Ledger: e.Ledger, Events: e.Events, Feed: f, Drop: d, Run: run, Stage: stage, Resumed: resumed,
		Verify: f.OnUnchanged == "verify", Still: func(ctx context.Context) error { return e.stillLoading(ctx, d) }}
	if err := e.fill(ctx, p); err != nil {
		return e.unreadable(run, err)
	}
	run.Scope = p.Scope()
	e.Events.Step("planned")
	if err := a.DecideAll(ctx); err != nil {
		return v, err
	}
	if v, err := e.guard(ctx, f, d, run, stage, a.Expected); err != nil || v.state == bridge.Held {
		return v, err
	}
	if err := p.CancelParked(ctx); err != nil {
		return v, err
	}
	if err := a.ApplyAll(ctx); err != nil {
		return v, err
	}
	e.Events.Step("applied")
	if err := e.restored(ctx, f, d, run, a.Stale); err != nil {
		return v, err
	}
	v, err = e.verdict(ctx, f, d, run)
	v.reason = strings.TrimPrefix(v.reason+"; "+p.Spares, "; ")
	v.reason = strings.TrimSuffix(v.reason, "; ")
	return v, err
}

// loadAnswers carries out a run of an order_feedback drop.
func (e *Engine) loadAnswers(ctx context.Context, f *config.Feed, d *bridge.Drop, run *bridge.Run, stage bridge.Stage,
	resumed bool) (v verdict, err error) {
	a := &answers.Applier{Ledger: e.Ledger, Shop: e.Shop, Clock: e.Clock, Events: e.Events, Trouble: e.waiter(), Feed: f, Drop: d, Run: run,
		Rows: func(ctx context.Context) (rows.Source, error) { return e.rowsOf(ctx, f, d, run) }}
	if run.Kind != bridge.ParkedRun {
		if err := a.Rehearse(ctx); err != nil {
			return e.unreadable(run, err)
		}
		if v, err := e.guard(ctx, f, d, run, stage, 0); err != nil || v.state == bridge.Held {
			return v, err
		}
	}
	e.Events.Step("planned")
	if err := a.Apply(ctx, resumed); err != nil {
		return v, err
	}
	e.Events.Step("applied")
	return e.verdict(ctx, f, d, run)
}

// applier carries out a run's stage.
func (e *Engine) applier(f *config.Feed, d *bridge.Drop, run *bridge.Run, stage bridge.Stage) *apply.Applier {
	return &apply.Applier{Ledger: e.Ledger, Shop: e.Shop, Clock: e.Clock, Events: e.Events, Trouble: e.waiter(), Pace: e.pace(), Batch: e.Batch,
		Feed: f, Drop: d, Run: run, Stage: stage, Still: func(ctx context.Context) error { return e.stillLoading(ctx, d) }}
}

// fill stages what a run is about: the rows of the drop's spooled bytes, or its parked records.
func (e *Engine) fill(ctx context.Context, p *plan.Planner) error {
	if p.Run.Kind == bridge.ParkedRun {
		return p.FillParked(ctx)
	}
	file, err := e.rowsOf(ctx, p.Feed, p.Drop, p.Run)
	if err != nil {
		return err
	}
	err = p.Read(ctx, file)
	p.Run.Skipped = p.Skipped
	if err = errors.Join(err, file.Close()); err != nil {
		return err
	}
	return p.Withdraw(ctx)
}

// rowsOf opens the rows that a run of a drop is about: all of its file, or those that its last run rejected.
func (e *Engine) rowsOf(ctx context.Context, f *config.Feed, d *bridge.Drop, run *bridge.Run) (rows.Source, error) {
	if run.Kind == bridge.RetryRun {
		return e.rejectedRows(ctx, f, d, run)
	}
	if run.Kind == bridge.FirstRun && f.Fresh() {
		return rows.Open(e.Spool, f, e.spool(d), func(s envelope.Signature) error { return e.fresh(ctx, d, s) })
	}
	return rows.Open(e.Spool, f, e.spool(d), nil)
}

// rejectedRows opens the rows that a drop's last run before this one rejected.
func (e *Engine) rejectedRows(ctx context.Context, f *config.Feed, d *bridge.Drop, run *bridge.Run) (rows.Source, error) {
	last, err := e.lastRejects(ctx, d, run.ID)
	if err != nil || last == nil {
		return nil, errors.Join(err, fmt.Errorf("drop %d: no run before %d rejected rows", d.ID, run.ID))
	}
	file, err := rows.Open(e.Spool, f, e.spool(d), nil)
	if err != nil {
		return nil, err
	}
	spots, err := rows.Spots(ctx, e.Ledger, last.ID)
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return rows.Only(file, spots), nil
}

// fresh refuses a signature that came with an earlier drop of the feed: somebody who can write into the folder, and not sign,
// has sent an old message again. What a person hands over is taken.
func (e *Engine) fresh(ctx context.Context, d *bridge.Drop, s envelope.Signature) error {
	first, err := e.Ledger.Signed(ctx, d.Feed, s.ID, s.At, d.ID)
	if err != nil || first == d.ID || d.Remote == bridge.ByHand {
		return err
	}
	return &formats.FileError{Code: formats.CodeFileReplayed, Message: fmt.Sprintf("its signature, made %s, came with drop %d already", s.At.Format(time.RFC3339), first),
		Hint: fmt.Sprintf("if that drop is to be loaded again: orobridge rerun %d; a sender who means to say the same again signs again", first)}
}

// waitedSince is the time before which a record that is parked still has waited for too long.
func (e *Engine) waitedSince(f *config.Feed) time.Time { return e.Clock.Now().Add(-f.ParkFor.D()) }

// ParkedDue says that a record of a feed is parked whose parent has come, or that has waited for too long.
func (e *Engine) ParkedDue(ctx context.Context, f *config.Feed) (due bool, err error) {
	err = e.Ledger.Parked(ctx, f.Name, e.waitedSince(f), func(bridge.ParkedRow) error { due = true; return errEnough })
	if errors.Is(err, errEnough) {
		err = nil
	}
	return due, err
}

// errEnough ends a walk early.
var errEnough = errors.New("seen enough")

// RetryParked runs parked records of a feed again: those of drops before the given one, which has just been loaded, and
// with 0 those of drops of which a parent has come, or a record has waited for too long.
func (e *Engine) RetryParked(ctx context.Context, f *config.Feed, before int64) error {
	var drops []int64
	var due time.Time
	if before == 0 {
		due = e.waitedSince(f)
	}
	err := e.Ledger.Parked(ctx, f.Name, due, func(p bridge.ParkedRow) error {
		if before != 0 && p.Drop >= before {
			return nil
		}
		if len(drops) == 0 || drops[len(drops)-1] != p.Drop {
			drops = append(drops, p.Drop)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, id := range drops {
		d, err := e.Ledger.Drop(ctx, id)
		if err != nil {
			return err
		}
		if !d.State.Settled() {
			continue
		}
		if err := e.startRun(ctx, &bridge.Run{Kind: bridge.ParkedRun}, d); err != nil {
			return err
		}
		if _, err := e.Load(ctx, f, d); err != nil {
			return err
		}
	}
	return nil
}

// unreadable is the verdict on a drop whose file can't be read to its end: nothing of it was sent. Any other error is
// handed on.
func (e *Engine) unreadable(run *bridge.Run, why error) (verdict, error) {
	var file *formats.FileError
	if !errors.As(why, &file) {
		return verdict{}, why
	}
	run.State, run.Reason, run.Ended = bridge.Failed, file.Error(), e.Clock.Now()
	if file.Hint != "" {
		run.Reason += " — " + file.Hint
	}
	return verdict{state: bridge.Rejected, reason: run.Reason, hint: file.Hint}, nil
}

// verdict ends a run that has given every row its fate.
func (e *Engine) verdict(ctx context.Context, f *config.Feed, d *bridge.Drop, run *bridge.Run) (v verdict, err error) {
	if run.Sum() != run.Rows {
		return v, fmt.Errorf("run %d read %d rows and accounts for %d: %+v; please report this", run.ID, run.Rows, run.Sum(), run.Counts)
	}
	run.State, run.Ended = bridge.Done, e.Clock.Now()
	v.state, v.reason, err = e.earned(ctx, f, d, run)
	return v, err
}

// earned is the state of a drop after a run. What runs of some of its rows did not touch counts as it was.
func (e *Engine) earned(ctx context.Context, f *config.Feed, d *bridge.Drop, run *bridge.Run) (bridge.DropState, string, error) {
	rejected, parked := run.Rejected, run.Parked
	switch run.Kind {
	case bridge.ParkedRun:
		last, err := e.lastRejects(ctx, d, run.ID)
		if err != nil {
			return "", "", err
		}
		if last != nil {
			rejected += last.Rejected
		}
	case bridge.RetryRun:
		accepted, err := e.accepted(ctx, d, run)
		if err != nil {
			return "", "", err
		}
		if accepted == 0 {
			return bridge.Rejected, "every row was rejected", nil
		}
		err = e.Ledger.Parked(ctx, f.Name, time.Time{}, func(p bridge.ParkedRow) error {
			if p.Drop == d.ID && p.Run != run.ID {
				parked++
			}
			return nil
		})
		if err != nil {
			return "", "", err
		}
	default:
		switch {
		case run.Rows == 0 && f.Empty == "reject":
			return bridge.Rejected, "the file has no rows", nil
		case run.Rows == 0:
			return bridge.Loaded, "the file has no rows", nil
		case rejected == run.Rows:
			return bridge.Rejected, "every row was rejected", nil
		}
	}
	if rejected == 0 && parked == 0 {
		return bridge.Loaded, "", nil
	}
	return bridge.Partial, fmt.Sprintf("%d rows rejected, %d parked", rejected, parked), nil
}

// accepted counts the rows of a drop that all of its runs have brought to the shop, or found there, or parked.
func (e *Engine) accepted(ctx context.Context, d *bridge.Drop, run *bridge.Run) (int64, error) {
	n := run.Sum() - run.Rejected
	runs, err := e.Ledger.Runs(ctx, d.ID)
	for _, r := range runs {
		if r.ID != run.ID {
			n += r.Sum() - r.Rejected
		}
	}
	return n, err
}

// hold keeps a drop until somebody decides.
func (e *Engine) hold(ctx context.Context, d *bridge.Drop, run *bridge.Run, reason string) error {
	from := d.State
	run.State, run.Reason = bridge.RunHeld, reason
	d.State, d.Reason = bridge.Held, reason
	event := e.runEvent(bridge.DropHeld, d, run, reason)
	event.Hint = fmt.Sprintf("look at `orobridge drop %d`, then `orobridge approve %d` or `orobridge discard %d`", d.ID, d.ID, d.ID)
	return e.saveRun(ctx, run, []bridge.Move{{Drop: d, From: from}}, event)
}

// end settles a drop: from now on nothing of it is loaded again by itself, and only its last move is owed.
func (e *Engine) end(ctx context.Context, f *config.Feed, d *bridge.Drop, run *bridge.Run, v verdict) error {
	from := d.State
	d.State, d.Reason, d.SettledAt = v.state, v.reason, e.Clock.Now()
	d.Finish = f.Folders.Archive
	if v.state == bridge.Rejected {
		d.Finish = f.Folders.Rejected
	}
	if d.Path == "" {
		d.Finish = "" // handed over by a person: there is nothing to move
	}
	e.Events.Step("end")
	move := bridge.Move{Drop: d, From: from}
	event := e.event(bridge.DropSettled, d, settledText(d))
	event.Hint = v.hint
	if v.state == bridge.Rejected && event.Hint == "" {
		event.Hint = fmt.Sprintf("see `orobridge rejects %d`", d.ID)
	}
	away := false // somebody has decided about it in this very moment
	err := e.persist(ctx, "feed "+f.Name, func() (err error) {
		if run == nil {
			err = e.advanceAll(ctx, []bridge.Move{move}, event)
		} else {
			err = e.saveRun(ctx, run, []bridge.Move{move}, e.runEvent(bridge.RunEnded, d, run, rows.LeftOut(run)), event)
		}
		if away = errors.Is(err, bridge.ErrMoved); away {
			return nil
		}
		return err
	})
	e.Events.Step("ended")
	if err == nil && away && run != nil {
		return e.discarded(ctx, d, run)
	}
	return err
}
