package inbound

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/formats"
)

// Load takes a fetched or interrupted drop through planning and applying, and records how it ended. It returns an error
// only for what keeps the drop from having an end: trouble that outlasted the bridge's patience, or a context that
// ended; the drop is then due again.
func (b *Engine) Load(ctx context.Context, f *config.Feed, d *bridge.Drop) (*bridge.Run, error) {
	run, resumed, err := b.due(ctx, f, d)
	if err != nil || run == nil {
		return run, err
	}
	run.Before = b.Shop.Requests() - run.Requests
	err = b.attempt(ctx, f, d, run, resumed)
	return run, errors.Join(err, b.saveUnfinished(ctx, run, err))
}

// saveUnfinished keeps the counts of a run that goes on later.
func (b *Engine) saveUnfinished(ctx context.Context, run *bridge.Run, err error) error {
	if err == nil || run.State != bridge.Running {
		return nil
	}
	run.Requests = b.Shop.Requests() - run.Before
	return b.Ledger.SaveRun(context.WithoutCancel(ctx), run, nil)
}

// due finds or starts the run that a drop needs. A drop that says what an earlier one said is a duplicate and needs none.
func (b *Engine) due(ctx context.Context, f *config.Feed, d *bridge.Drop) (run *bridge.Run, resumed bool, err error) {
	if d.State == bridge.Loading {
		runs, err := b.Ledger.Runs(ctx, d.ID)
		if err != nil {
			return nil, false, err
		}
		for _, r := range runs {
			if r.State == bridge.Running {
				return r, true, nil
			}
		}
	}
	same, err := b.Ledger.SameContent(ctx, d)
	if err != nil {
		return nil, false, err
	}
	if same != 0 {
		d.Same = same
		return nil, false, b.end(ctx, f, d, nil, bridge.Duplicate, fmt.Sprintf("the same content as drop %d: nothing was sent", same))
	}
	run = &bridge.Run{Kind: bridge.FirstRun}
	b.step("start run")
	return run, false, b.Ledger.StartRun(ctx, run, d)
}

// attempt plans and applies a run from its beginning. After a crash it does so again: what was applied has its fate in
// the ledger, and the rest is found to be different still.
func (b *Engine) attempt(ctx context.Context, f *config.Feed, d *bridge.Drop, run *bridge.Run, resumed bool) error {
	run.Counts = bridge.Counts{}
	log := b.Log.With("feed", f.Name, "drop", d.ID, "run", run.ID, "file", d.Name)
	log.Info("loading", "resumed", resumed)
	stage, err := b.Ledger.NewStage(ctx, f.Entity, run.ID)
	if err != nil {
		return err
	}
	defer func() {
		if err := stage.Close(); err != nil {
			log.Error("remove stage", "error", err)
		}
	}()
	if f.Entity == formats.OrderFeedback {
		return b.applyAnswers(ctx, f, d, run, stage, resumed)
	}
	a := &applier{b: b, feed: f, drop: d, run: run, stage: stage}
	if resumed {
		if err := errors.Join(b.Ledger.PlanAgain(ctx, run.ID), a.resume(ctx)); err != nil {
			return err
		}
	}
	p := &planner{b: b, feed: f, drop: d, run: run, stage: stage, resumed: resumed}
	if err := p.fill(ctx); err != nil {
		var unreadable *formats.FileError
		if errors.As(err, &unreadable) {
			return b.unreadable(ctx, f, d, run, unreadable)
		}
		return err
	}
	b.step("planned")
	if err := a.decideAll(ctx); err != nil {
		return err
	}
	if held, err := b.guard(ctx, f, d, run, stage); err != nil || held {
		return err
	}
	if err := p.cancelParked(ctx); err != nil {
		return err
	}
	if err := a.applyAll(ctx); err != nil {
		return err
	}
	b.step("applied")
	log.Info("loaded", "rows", run.Rows, "created", run.Created, "updated", run.Updated, "unchanged", run.Unchanged, "removed", run.Removed,
		"collapsed", run.Collapsed, "rejected", run.Rejected, "parked", run.Parked, "skipped", skippedLine(run.Skipped))
	return b.finishRun(ctx, f, d, run)
}

// fill stages what a run is about: the rows of the drop's spooled bytes, or its parked records.
func (p *planner) fill(ctx context.Context) error {
	if p.run.Kind == bridge.ParkedRun {
		return p.b.fillParked(ctx, p.feed, p.drop, p.run, p.stage)
	}
	rows, err := p.b.rowsOf(ctx, p.feed, p.drop, p.run)
	if err != nil {
		return err
	}
	err = p.read(ctx, rows)
	p.run.Skipped = rows.Counts()
	if err = errors.Join(err, rows.Close()); err != nil {
		return err
	}
	return p.withdraw(ctx)
}

// fillParked stages the records of a drop that wait for a parent. What an interrupted attempt has settled is counted.
func (b *Engine) fillParked(ctx context.Context, f *config.Feed, d *bridge.Drop, run *bridge.Run, stage bridge.Stage) error {
	fates, err := b.Ledger.Fates(ctx, run.ID)
	if err != nil {
		return err
	}
	for fate, n := range fates {
		if fate != bridge.FateParked { // parked again: it is among the parked still
			run.Add(fate, n)
			run.Rows += n
		}
	}
	var page []*bridge.Staged
	put := func() error {
		_, err := stage.Put(ctx, page)
		page = page[:0]
		return err
	}
	err = b.Ledger.Parked(ctx, f.Name, time.Time{}, func(p bridge.ParkedRow) error {
		if p.Drop != d.ID {
			return nil
		}
		run.Rows++
		page = append(page, parkedChange(f, p))
		if len(page) < chunkRows {
			return nil
		}
		return put()
	})
	if err != nil {
		return err
	}
	return put()
}

func parkedChange(f *config.Feed, p bridge.ParkedRow) *bridge.Staged {
	rec := &formats.Record{Entity: f.Entity, Key: p.Key, Values: p.Record, Remove: p.Remove, Pos: p.Pos}
	return &bridge.Staged{Change: bridge.Change{Key: p.Key, Record: rec, Line: p.Line}, Remove: p.Remove, Raw: p.Raw, Parked: p.Since}
}

// waitedSince is the time before which a record that is parked still has waited for too long.
func (b *Engine) waitedSince(f *config.Feed) time.Time { return b.Clock.Now().Add(-f.ParkFor.D()) }

// ParkedDue says that a record of a feed is parked whose parent has come, or that has waited for too long.
func (b *Engine) ParkedDue(ctx context.Context, f *config.Feed) (due bool, err error) {
	err = b.Ledger.Parked(ctx, f.Name, b.waitedSince(f), func(bridge.ParkedRow) error { due = true; return errEnough })
	if errors.Is(err, errEnough) {
		err = nil
	}
	return due, err
}

// RetryParked runs parked records of a feed again: those of drops before the given one, which has just been loaded, and
// with 0 those of drops of which a parent has come, or a record has waited for too long.
func (b *Engine) RetryParked(ctx context.Context, f *config.Feed, before int64) error {
	var drops []int64
	var due time.Time
	if before == 0 {
		due = b.waitedSince(f)
	}
	err := b.Ledger.Parked(ctx, f.Name, due, func(p bridge.ParkedRow) error {
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
		d, err := b.Ledger.Drop(ctx, id)
		if err != nil {
			return err
		}
		if !d.State.Settled() {
			continue
		}
		run := &bridge.Run{Kind: bridge.ParkedRun}
		if err := b.Ledger.StartRun(ctx, run, d); err != nil {
			return err
		}
		if _, err := b.Load(ctx, f, d); err != nil {
			return err
		}
	}
	return nil
}

// unreadable ends a drop whose file can't be read to its end. Nothing of it was sent.
func (b *Engine) unreadable(ctx context.Context, f *config.Feed, d *bridge.Drop, run *bridge.Run, why *formats.FileError) error {
	run.State, run.Reason, run.Ended = bridge.Failed, why.Error(), b.Clock.Now()
	if why.Hint != "" {
		run.Reason += " — " + why.Hint
	}
	b.Log.Warn("unreadable", "feed", f.Name, "drop", d.ID, "file", d.Name, "error", why, "hint", why.Hint)
	return b.end(ctx, f, d, run, bridge.Rejected, run.Reason)
}

// finishRun gives the drop the state that its rows have earned.
func (b *Engine) finishRun(ctx context.Context, f *config.Feed, d *bridge.Drop, run *bridge.Run) error {
	if run.Sum() != run.Rows {
		return fmt.Errorf("run %d read %d rows and accounts for %d: %+v; please report this", run.ID, run.Rows, run.Sum(), run.Counts)
	}
	run.State, run.Ended = bridge.Done, b.Clock.Now()
	state, reason, err := b.earned(ctx, f, d, run)
	if err != nil {
		return err
	}
	return b.end(ctx, f, d, run, state, reason)
}

// earned is the state of a drop after a run. What runs of some of its rows did not touch counts as it was.
func (b *Engine) earned(ctx context.Context, f *config.Feed, d *bridge.Drop, run *bridge.Run) (bridge.DropState, string, error) {
	rejected, parked := run.Rejected, run.Parked
	switch run.Kind {
	case bridge.ParkedRun:
		last, err := b.lastRejects(ctx, d, run.ID)
		if err != nil {
			return "", "", err
		}
		if last != nil {
			rejected += last.Rejected
		}
	case bridge.RetryRun:
		err := b.Ledger.Parked(ctx, f.Name, time.Time{}, func(p bridge.ParkedRow) error {
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

// end settles a drop: from now on nothing of it is loaded again by itself, and only its last move is owed.
func (b *Engine) end(ctx context.Context, f *config.Feed, d *bridge.Drop, run *bridge.Run, state bridge.DropState, reason string) error {
	from := d.State
	d.State, d.Reason, d.SettledAt = state, reason, b.Clock.Now()
	d.Finish = f.Folders.Archive
	if state == bridge.Rejected {
		d.Finish = f.Folders.Rejected
	}
	if d.Path == "" {
		d.Finish = "" // handed over by a person: there is nothing to move
	}
	b.step("end")
	err := b.persist(ctx, "feed "+f.Name, func() error {
		if run != nil {
			run.Requests = b.Shop.Requests() - run.Before
			return b.Ledger.SaveRun(ctx, run, d)
		}
		return b.Ledger.Advance(ctx, d, from)
	})
	b.step("ended")
	return err
}
