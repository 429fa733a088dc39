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
	"github.com/orobridge/orobridge/bridge/inbound/spool"
	"github.com/orobridge/orobridge/formats"
	"github.com/orobridge/orobridge/formats/envelope"
)

// Load takes a fetched or interrupted drop through planning and applying, and records how it ended. It returns an error
// only for what keeps the drop from having an end: trouble that outlasted the bridge's patience, or a context that
// ended; the drop is then due again.
func (e *Engine) Load(ctx context.Context, f *config.Feed, d *bridge.Drop) (*bridge.Run, error) {
	ctx, done, err := e.TakeUpLoads(ctx, f)
	if err != nil {
		return nil, err
	}
	defer done()
	l := e.loader(f, d, nil)
	err = l.load(ctx)
	return l.run, err
}

// loader takes one drop through one run.
type loader struct {
	journal
	f   *config.Feed
	d   *bridge.Drop
	run *bridge.Run // nil until it is known that the drop needs one

	deaths int // of the bridge in earlier attempts
}

func (e *Engine) loader(f *config.Feed, d *bridge.Drop, run *bridge.Run) *loader {
	if d.Made != "" {
		f = madeFeed(f)
	}
	return &loader{journal: journal{e}, f: f, d: d, run: run}
}

func (l *loader) load(ctx context.Context) error {
	resumed, err := l.due(ctx)
	if errors.Is(err, errDeadly) {
		return l.hold(ctx, fmt.Sprintf("the bridge died %d times while it loaded this drop, perhaps for want of memory: "+
			"look at the file before it is tried again", l.run.Attempts))
	}
	if err == nil && l.run != nil {
		err = l.carryOut(ctx, resumed)
	}
	if err != nil && l.run != nil {
		err = errors.Join(err, l.interrupted(context.WithoutCancel(ctx)))
	}
	return err
}

// carryOut takes the run to the drop's end.
func (l *loader) carryOut(ctx context.Context, resumed bool) error {
	if err := partsOf(l.e).Join(ctx, l.f, l.d.Front); err != nil {
		return err
	}
	before := l.e.Shop.Requests() - l.run.Requests
	v, err := l.attempt(ctx, resumed)
	if errors.Is(err, spool.ErrDamaged) {
		v, err = l.attemptAnew(ctx, err)
	}
	l.run.Requests = l.e.Shop.Requests() - before
	switch {
	case errors.Is(err, errDiscarded):
		return l.discarded(ctx, l.d, l.run)
	case err != nil:
		return err
	case v.state == bridge.Held:
		return l.hold(ctx, v.reason)
	}
	if err := l.end(ctx, l.f, l.d, l.run, v); err != nil || l.d.State != bridge.Loaded && l.d.State != bridge.Partial {
		return err
	}
	return l.clearAlarms(ctx, l.f, l.d)
}

// interrupted says of a run that did not come to its end that the bridge has not died of it: it was told to stop, or is in trouble. Its
// counts are kept until it goes on.
func (l *loader) interrupted(ctx context.Context) error {
	run, err := l.e.openRun(ctx, l.d)
	if err != nil || run == nil || run.ID != l.run.ID { // it was not begun, or its end is in the ledger
		return err
	}
	l.run.State, l.run.Reason, l.run.Ended, l.run.Attempts = run.State, run.Reason, run.Ended, l.deaths
	return l.saveRun(ctx, l.run, nil)
}

// due finds or starts the run that the drop needs. A drop that says what an earlier one said is a duplicate and needs none.
func (l *loader) due(ctx context.Context) (resumed bool, err error) {
	if l.d.State == bridge.Loading {
		if l.run, err = l.e.openRun(ctx, l.d); err != nil {
			return false, err
		}
		if l.run != nil {
			return true, l.again(ctx)
		}
	}
	if l.f.OnUnchanged != "verify" && l.d.Made == "" {
		if l.d.Same, err = l.sameContent(ctx); err != nil {
			return false, err
		}
	}
	if l.d.Same != 0 {
		return false, l.end(ctx, l.f, l.d, nil, verdict{state: bridge.Duplicate,
			reason: fmt.Sprintf("the same content as drop %d: nothing was sent", l.d.Same)})
	}
	l.run = &bridge.Run{Kind: bridge.FirstRun, Approved: l.d.Made != "" && l.d.DecidedBy != "", Attempts: 1}
	if l.e.Shadow {
		l.run.Kind = bridge.ShadowRun
	}
	l.e.Events.Step("start run")
	return false, l.startRun(ctx, l.run, l.d)
}

// deadly is how often a bridge may die while it loads a drop before somebody has to look.
const deadly = 3

// again counts that an interrupted run is taken up. What has killed the bridge that often would kill it again: such a drop
// is held.
func (l *loader) again(ctx context.Context) error {
	if l.deaths = l.run.Attempts; l.deaths >= deadly {
		return errDeadly
	}
	l.run.Attempts++
	return l.saveRun(ctx, l.run, nil)
}

var (
	errDeadly    = errors.New("the bridge died again and again while it loaded this drop")
	errDiscarded = errors.New("the drop was discarded while it was loaded")
)

// stillLoading is errDiscarded once somebody has thrown a drop away while it is loaded: what is in flight is settled, and
// nothing more is sent.
func (l *loader) stillLoading(ctx context.Context) error {
	now, err := l.e.Ledger.Drop(ctx, l.d.ID)
	if err == nil && now.State == bridge.Discarded {
		return errDiscarded
	}
	return err
}

// sameContent finds the drop right before d in the feed's order, of those that were loaded or are about to be, if it says
// the same; 0 otherwise. One that was loaded in part only still owes rows: the same bytes once more load them. A file that
// repeats an earlier state after a newer one ("stock 0", "stock 5", "stock 0") is news.
func (l *loader) sameContent(ctx context.Context) (int64, error) {
	before, err := order.Before(ctx, l.e.Ledger, l.d, bridge.Loaded, bridge.Partial, bridge.Loading, bridge.Held)
	if err != nil || before == nil || before.SHA256 != l.d.SHA256 || before.State == bridge.Partial {
		return 0, err
	}
	notes, err := l.e.Ledger.Notes(ctx)
	if err != nil || before.SettledAt.Before(bridge.Renewed(notes)) { // others may have been loaded since
		return 0, err
	}
	return before.ID, nil
}

// attempt plans and applies a run from its beginning. After a crash it does so again: what was applied has its fate in
// the ledger, and the rest is found to be different still.
func (l *loader) attempt(ctx context.Context, resumed bool) (v verdict, err error) {
	l.run.Counts = bridge.Counts{}
	stage, err := l.e.Ledger.NewStage(ctx, l.f.Entity, l.run.ID)
	if err != nil {
		return v, err
	}
	defer func() { err = errors.Join(err, stage.Close()) }()
	if l.f.Entity.Answers {
		return l.loadAnswers(ctx, stage, resumed)
	}
	a := l.applier(stage)
	if resumed {
		if err := errors.Join(l.e.Ledger.PlanAgain(ctx, l.run.ID), a.Resume(ctx)); err != nil {
			return v, err
		}
	}
	p := &plan.Planner{Ledger: l.e.Ledger, Events: l.e.Events, Feed: l.f, Drop: l.d, Run: l.run, Stage: stage, Resumed: resumed,
		Verify: l.f.OnUnchanged == "verify", Still: l.stillLoading, Incomplete: l.incomplete}
	if err := l.fill(ctx, p); err != nil {
		return l.unreadable(err)
	}
	if err := a.RejectLost(ctx, p.Lost); err != nil {
		return v, err
	}
	l.run.Scope = p.Scope()
	l.e.Events.Step("planned")
	if err := a.DecideAll(ctx); err != nil {
		return v, err
	}
	if l.e.Shadow {
		return l.foretell(ctx, stage, a)
	}
	if v, err := l.guard(ctx, stage, a.Expected); err != nil || v.state == bridge.Held {
		return v, err
	}
	if err := errors.Join(p.CancelParked(ctx), stage.Planned(ctx)); err != nil {
		return v, err
	}
	if err := a.ApplyAll(ctx); err != nil {
		return v, err
	}
	l.e.Events.Step("applied")
	if err := l.restored(ctx, a.Stale); err != nil {
		return v, err
	}
	if p.Withdraws() {
		if err := l.strays(ctx); err != nil {
			return v, err
		}
	}
	if err := l.mend(ctx, p); err != nil {
		return v, err
	}
	v, err = l.verdict(ctx)
	v.reason = strings.TrimPrefix(v.reason+"; "+p.Spares, "; ")
	v.reason = strings.TrimSuffix(v.reason, "; ")
	return v, err
}

// attemptAnew fetches the bytes of a drop again whose copy is damaged, and plans them from their beginning: nothing of the damaged ones was
// sent. A drop of which there are no others is held.
func (l *loader) attemptAnew(ctx context.Context, why error) (verdict, error) {
	err := l.e.bytes(ctx, "load", l.d, spool.Again)
	switch {
	case err == nil:
		event := l.event(bridge.DropTrouble, l.d, why.Error()+"; it was fetched again")
		event.Hint = spool.HintDamaged
		if err := l.keep(ctx, event); err != nil {
			return verdict{}, err
		}
		v, err := l.attempt(ctx, true)
		if !errors.Is(err, spool.ErrDamaged) {
			return v, err
		}
		why = err
	case bridge.FateOf(err) == bridge.Pause && !bridge.NotThere(err):
		return verdict{}, err
	default:
		why = fmt.Errorf("%w, and can't be fetched again: %w", why, err)
	}
	return verdict{state: bridge.Held, reason: why.Error() + "; discard this drop and have its file sent again; " + spool.HintDamaged}, nil
}

// loadAnswers carries out a run of an order_feedback drop.
func (l *loader) loadAnswers(ctx context.Context, stage bridge.Stage, resumed bool) (v verdict, err error) {
	a := &answers.Applier{Ledger: l.e.Ledger, Shop: l.e.Shop, Clock: l.e.Clock, Events: l.e.Events, Trouble: l.e.waiter(),
		Feed: l.f, Exports: l.e.Exports, Drop: l.d, Run: l.run, Rows: l.openRows}
	if l.run.Kind != bridge.ParkedRun {
		if err := a.Rehearse(ctx); err != nil {
			return l.unreadable(err)
		}
		if l.e.Shadow {
			return l.foretellAnswers(ctx, stage)
		}
		if v, err := l.guard(ctx, stage, 0); err != nil || v.state == bridge.Held {
			return v, err
		}
	}
	l.e.Events.Step("planned")
	if err := a.Apply(ctx, resumed); err != nil {
		return v, err
	}
	l.e.Events.Step("applied")
	if err := l.mend(ctx, nil); err != nil {
		return v, err
	}
	return l.verdict(ctx)
}

// incomplete asks the shop what lacks in records that it would not take as they are.
func (l *loader) incomplete(ctx context.Context, records []*formats.Record) (lacks []*formats.Lack, err error) {
	err = l.e.waiter().Persist(ctx, "feed "+l.f.Name, func() (err error) {
		lacks, err = l.e.Shop.Incomplete(ctx, l.f.Entity, records)
		return err
	})
	return lacks, err
}

// applier carries out a run's stage.
func (l *loader) applier(stage bridge.Stage) *apply.Applier {
	return &apply.Applier{Ledger: l.e.Ledger, Shop: l.e.Shop, Clock: l.e.Clock, Events: l.e.Events, Trouble: l.e.waiter(),
		Pace: l.e.pace(), Batch: l.e.Batch, Feed: l.f, Drop: l.d, Run: l.run, Stage: stage, Still: l.stillLoading}
}

// fill stages what a run is about: the rows of the drop's spooled bytes, or its parked records.
func (l *loader) fill(ctx context.Context, p *plan.Planner) error {
	if p.Run.Kind == bridge.ParkedRun {
		return p.FillParked(ctx)
	}
	file, err := l.openRows(ctx)
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

// openRows opens the rows that a run of a drop is about: all of its file, or those that its last run rejected. Another machine may
// have fetched the file.
func (l *loader) openRows(ctx context.Context) (rows.Source, error) {
	if err := l.e.haveBytes(ctx, "load", l.d); err != nil {
		return nil, err
	}
	if l.run.Kind == bridge.RetryRun {
		return l.rejectedRows(ctx)
	}
	if l.run.Kind.First() && l.f.Fresh() {
		return l.openCopy(func(s envelope.Signature) error { return l.fresh(ctx, s) })
	}
	return l.openCopy(nil)
}

func (l *loader) openCopy(signed func(envelope.Signature) error) (*rows.File, error) {
	return rows.OpenCopy(l.e.Spool, l.f, l.e.spool(l.d), l.d.SHA256, signed)
}

// rejectedRows opens the rows whose last word before this run was that they are rejected.
func (l *loader) rejectedRows(ctx context.Context) (rows.Source, error) {
	last, err := l.e.lastRejects(ctx, l.d, l.run.ID)
	if err != nil || len(last) == 0 {
		return nil, errors.Join(err, fmt.Errorf("drop %d: no run before %d rejected rows", l.d.ID, l.run.ID))
	}
	file, err := l.openCopy(nil)
	if err != nil {
		return nil, err
	}
	spots, err := rows.Spots(ctx, l.e.Ledger, last...)
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return rows.Only(file, spots), nil
}

// fresh refuses a signature that came with an earlier drop of the feed: somebody who can write into the folder, and not sign,
// has sent an old message again. What a person hands over is taken.
func (l *loader) fresh(ctx context.Context, s envelope.Signature) error {
	first, err := l.e.Ledger.Signed(ctx, l.d.Feed, s.ID, s.At, l.d.ID)
	if err != nil || first == l.d.ID || l.d.Remote == bridge.ByHand {
		return err
	}
	return &formats.FileError{Code: formats.CodeFileReplayed,
		Message: fmt.Sprintf("its signature, made %s, came with drop %d already", s.At.Format(time.RFC3339), first),
		Hint: fmt.Sprintf("if that drop is to be loaded again: orobridge rerun %d; "+
			"a sender who means to say the same again signs again", first)}
}

// unreadable is the verdict on a drop whose file can't be read to its end: nothing of it was sent. Any other error is
// handed on, and so is that its copy is damaged: the file may be good.
func (l *loader) unreadable(why error) (verdict, error) {
	var file *formats.FileError
	if !errors.As(why, &file) {
		return verdict{}, why
	}
	if err := spool.Check(l.e.spool(l.d), l.d.SHA256); err != nil {
		return verdict{}, err
	}
	l.run.State, l.run.Reason, l.run.Ended = bridge.Failed, file.Error(), l.e.Clock.Now()
	if file.Hint != "" {
		l.run.Reason += " — " + file.Hint
	}
	return verdict{state: bridge.Rejected, reason: l.run.Reason, hint: file.Hint}, nil
}

// verdict ends a run that has given every row its fate.
func (l *loader) verdict(ctx context.Context) (v verdict, err error) {
	if l.run.Sum() != l.run.Rows {
		return v, fmt.Errorf("run %d read %d rows and accounts for %d: %+v; please report this", l.run.ID, l.run.Rows, l.run.Sum(), l.run.Counts)
	}
	l.run.State, l.run.Ended = bridge.Done, l.e.Clock.Now()
	v.state, v.reason, err = l.earned(ctx)
	return v, err
}

// earned is the state of a drop after a run. What runs of some of its rows did not touch counts as it was.
func (l *loader) earned(ctx context.Context) (bridge.DropState, string, error) {
	rejected, parked := l.run.Rejected, l.run.Parked
	switch l.run.Kind {
	case bridge.ParkedRun:
		last, err := l.e.lastRejects(ctx, l.d, l.run.ID)
		if err != nil {
			return "", "", err
		}
		for _, r := range last {
			rejected += r.Rejected
		}
	case bridge.RetryRun:
		accepted, err := l.accepted(ctx)
		if err != nil {
			return "", "", err
		}
		if accepted == 0 {
			return bridge.Rejected, "every row was rejected", nil
		}
		err = l.e.Ledger.Parked(ctx, l.f.Name, time.Time{}, func(p bridge.ParkedRow) error {
			if p.Drop == l.d.ID && p.Run != l.run.ID {
				parked++
			}
			return nil
		})
		if err != nil {
			return "", "", err
		}
	default:
		switch {
		case l.run.Rows == 0 && l.f.Empty == "reject":
			return bridge.Rejected, "the file has no rows", nil
		case l.run.Rows == 0:
			return bridge.Loaded, "the file has no rows", nil
		case rejected == l.run.Rows:
			return bridge.Rejected, "every row was rejected", nil
		}
	}
	if rejected == 0 && parked == 0 {
		return bridge.Loaded, "", nil
	}
	return bridge.Partial, fmt.Sprintf("%d rows rejected, %d parked", rejected, parked), nil
}

// accepted counts the rows of a drop that all of its runs have brought to the shop, or found there, or parked.
func (l *loader) accepted(ctx context.Context) (int64, error) {
	n := l.run.Sum() - l.run.Rejected
	runs, err := l.e.Ledger.Runs(ctx, l.d.ID)
	for _, r := range runs {
		if r.ID != l.run.ID {
			n += r.Sum() - r.Rejected
		}
	}
	return n, err
}

// hold keeps a drop until somebody decides.
func (l *loader) hold(ctx context.Context, reason string) error {
	from := l.d.State
	l.run.State, l.run.Reason = bridge.RunHeld, reason
	l.d.State, l.d.Reason = bridge.Held, reason
	event := l.runEvent(bridge.DropHeld, l.d, l.run, reason)
	event.Hint = fmt.Sprintf("look at `orobridge drop %d`, then `orobridge approve %d` or `orobridge discard %d`", l.d.ID, l.d.ID, l.d.ID)
	return errors.Join(l.saveRun(ctx, l.run, []bridge.Move{{Drop: l.d, From: from}}, event), partsOf(l.e).Join(ctx, l.f, l.d.Front))
}
