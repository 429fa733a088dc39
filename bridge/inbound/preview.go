package inbound

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/bridge/inbound/order"
)

// Preview is what loading a file would do.
type Preview struct {
	Run bridge.Run // Rows, Unchanged, Adopted, Collapsed and Rejected as they would be; the rest is in the plan
	// Creates, Updates, Removes and Waits count the changes that would be sent, and the rows that would be parked.
	Creates, Updates, Removes, Withdraws, Waits int64
	Ignored                                     []string // columns of the file that no field takes
	Expected                                    int64    // of Creates: those that a stock shop refuses
}

// PreviewOptions say what to tell of a plan, and what to compare with.
type PreviewOptions struct {
	// Change is told of every change in the order of the file, Reject of every reject and Warning of every warning, when it
	// is found.
	Change  func(*bridge.Staged) error
	Reject  func(bridge.RejectRow)
	Warning func(bridge.WarningRow)
	// Expected is told of each new record that a stock shop refuses; a shop's settings may be wider.
	Expected func(bridge.RejectRow)
	// Live compares with the shop instead of with what it last accepted.
	Live bool
}

// Plan works out what loading a local file through a feed would do. Nothing is written anywhere but to a scratch file.
func (e *Engine) Plan(ctx context.Context, f *config.Feed, path string, o PreviewOptions) (*Preview, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, &bridge.Error{Op: "plan", Object: path, Err: err, Hint: "name a file that this machine can read"}
	}
	stage, err := e.Ledger.NewStage(ctx, f.Entity, 0)
	if err != nil {
		return nil, err
	}
	v := &Preview{Run: bridge.Run{Kind: bridge.FirstRun}}
	d := &bridge.Drop{Feed: f.Name, Remote: bridge.ByHand, Name: filepath.Base(path), SteadyAt: e.Clock.Now()}
	if d.Rank, err = order.Newest(ctx, e.Ledger, d, e.Clock.Now()); err != nil {
		return nil, errors.Join(err, stage.Close())
	}
	rows, err := e.openRows(f, path)
	if err == nil {
		err = e.preview(ctx, f, d, v, stage, rows, o)
		err = errors.Join(err, rows.Close())
	}
	return v, errors.Join(err, stage.Close())
}

// PlanDrop works out what a drop would do that is held or waits, and what running a settled one again would. Nothing is written anywhere but to a scratch file.
func (e *Engine) PlanDrop(ctx context.Context, f *config.Feed, d *bridge.Drop, r RerunOptions, o PreviewOptions) (*Preview, error) {
	if err := e.haveBytes(ctx, d); err != nil {
		return nil, err
	}
	stage, err := e.Ledger.NewStage(ctx, f.Entity, 0)
	if err != nil {
		return nil, err
	}
	v := &Preview{Run: bridge.Run{Kind: bridge.ReRun, Force: r.Force}}
	if !d.State.Settled() {
		v.Run.Kind = bridge.FirstRun
	}
	if r.Rejected {
		v.Run.Kind = bridge.RetryRun
		v.Run.ID = math.MaxInt64 // after all others
	}
	rows, err := e.rowsOf(ctx, f, d, &v.Run)
	if err == nil {
		err = e.preview(ctx, f, d, v, stage, rows, o)
		err = errors.Join(err, rows.Close())
	}
	return v, errors.Join(err, stage.Close())
}

func (e *Engine) preview(ctx context.Context, f *config.Feed, d *bridge.Drop, v *Preview, stage bridge.Stage, rows RowSource, o PreviewOptions) error {
	if f.Entity.Answers {
		return previewAnswers(ctx, f, v, rows, o)
	}
	p := &planner{e: e, feed: f, drop: d, run: &v.Run, stage: stage, dry: true, onReject: o.Reject, onWarn: o.Warning, verify: o.Live}
	if err := p.read(ctx, rows); err != nil {
		return err
	}
	v.Ignored, v.Run.Skipped = p.ignored, p.skipped
	if err := p.withdraw(ctx); err != nil {
		return err
	}
	a := &applier{e: e, feed: f, drop: d, run: &v.Run, stage: stage, dry: true, onReject: o.Reject, onExpected: o.Expected}
	if err := a.decideAll(ctx); err != nil {
		return err
	}
	v.Expected = a.expected
	for _, status := range []bridge.StageStatus{bridge.Decided, bridge.Waiting} {
		for after := int64(0); ; {
			page, err := stage.Next(ctx, status, after, lookUpRows)
			if err != nil {
				return err
			}
			if len(page) == 0 {
				break
			}
			after = page[len(page)-1].Seq
			if err := e.tell(ctx, a, v, page, o); err != nil {
				return err
			}
		}
	}
	return nil
}

// tell counts and reports a page of changes.
func (e *Engine) tell(ctx context.Context, a *applier, v *Preview, page []*bridge.Staged, o PreviewOptions) error {
	if o.Live {
		if err := a.compareLive(ctx, page); err != nil {
			return err
		}
	}
	for _, c := range page {
		switch {
		case c.Status == bridge.Waiting:
			v.Waits++
		case c.Implied:
			v.Withdraws++
		case c.Op == bridge.Create:
			v.Creates++
		case c.Op == bridge.Remove:
			v.Removes++
		case len(c.Values) == 0:
			v.Run.Unchanged++
			continue
		default:
			v.Updates++
		}
		if o.Change == nil {
			continue
		}
		if err := o.Change(c); err != nil {
			return fmt.Errorf("report change of %s: %w", c.Key, err)
		}
	}
	return nil
}

// compareLive sets the old values of updates to what the shop holds at this moment.
func (a *applier) compareLive(ctx context.Context, page []*bridge.Staged) error {
	var updates []*bridge.Staged
	for _, c := range page {
		if c.Op == bridge.Update && c.Link != 0 {
			updates = append(updates, c)
		}
	}
	lookups, err := a.find(ctx, updates)
	if err != nil {
		return err
	}
	for i, c := range updates {
		if found := lookups[i].Found; found != nil {
			c.Values, c.Old = bridge.Differing(c.Record.Values, found.Values, false)
		} else {
			c.Op, c.Values, c.Old = bridge.Create, c.Record.Values, nil
		}
	}
	return nil
}
