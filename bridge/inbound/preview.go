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
	"github.com/orobridge/orobridge/bridge/inbound/apply"
	"github.com/orobridge/orobridge/bridge/inbound/order"
	"github.com/orobridge/orobridge/bridge/inbound/plan"
	"github.com/orobridge/orobridge/bridge/inbound/rows"
	"github.com/orobridge/orobridge/formats"
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
	file, err := rows.Open(e.Spool, f, path, nil)
	if err == nil {
		err = e.preview(ctx, f, d, v, stage, file, o)
		err = errors.Join(err, file.Close())
	}
	return v, errors.Join(err, stage.Close())
}

// PlanDrop works out what running a settled drop again would do. Nothing is written anywhere but to a scratch file.
func (e *Engine) PlanDrop(ctx context.Context, f *config.Feed, d *bridge.Drop, r RerunOptions, o PreviewOptions) (*Preview, error) {
	if err := e.haveBytes(ctx, d); err != nil {
		return nil, err
	}
	stage, err := e.Ledger.NewStage(ctx, f.Entity, 0)
	if err != nil {
		return nil, err
	}
	v := &Preview{Run: bridge.Run{Kind: bridge.ReRun, Force: r.Force}}
	if r.Rejected {
		v.Run.Kind = bridge.RetryRun
		v.Run.ID = math.MaxInt64 // after all others
	}
	file, err := e.rowsOf(ctx, f, d, &v.Run)
	if err == nil {
		err = e.preview(ctx, f, d, v, stage, file, o)
		err = errors.Join(err, file.Close())
	}
	return v, errors.Join(err, stage.Close())
}

func (e *Engine) preview(ctx context.Context, f *config.Feed, d *bridge.Drop, v *Preview, stage bridge.Stage, file rows.Source, o PreviewOptions) error {
	if f.Entity.Answers {
		return previewAnswers(ctx, f, v, file, o)
	}
	p := &plan.Planner{Ledger: e.Ledger, Events: e.Events, Feed: f, Drop: d, Run: &v.Run, Stage: stage, Dry: true, Verify: o.Live,
		OnReject: o.Reject, OnWarn: o.Warning}
	if err := p.Read(ctx, file); err != nil {
		return err
	}
	v.Ignored, v.Run.Skipped = p.Ignored, p.Skipped
	if err := p.Withdraw(ctx); err != nil {
		return err
	}
	a := e.applier(f, d, &v.Run, stage)
	a.Dry, a.OnReject, a.OnExpected = true, o.Reject, o.Expected
	if err := a.DecideAll(ctx); err != nil {
		return err
	}
	v.Expected = a.Expected
	for _, status := range []bridge.StageStatus{bridge.Decided, bridge.Waiting} {
		for after := int64(0); ; {
			page, err := stage.Next(ctx, status, after, pageRows)
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
func (e *Engine) tell(ctx context.Context, a *apply.Applier, v *Preview, page []*bridge.Staged, o PreviewOptions) error {
	if o.Live {
		if err := a.CompareLive(ctx, page); err != nil {
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

// previewAnswers tells what the rows of a file say about orders. Whether an order holds it already shows only when the
// answer is applied.
func previewAnswers(ctx context.Context, f *config.Feed, v *Preview, file formats.Reader, o PreviewOptions) error {
	_, err := rows.EachRecord(ctx, f, file, func(rec *formats.Record, reject *formats.Reject, raw func() map[string]string) error {
		v.Run.Rows++
		if reject != nil {
			v.Run.Rejected++
			if o.Reject != nil {
				o.Reject(bridge.RejectRow{Reject: *reject, Row: raw()})
			}
			return nil
		}
		v.Updates++
		if o.Change == nil {
			return nil
		}
		return o.Change(&bridge.Staged{Change: bridge.Change{Op: bridge.Update, Key: rec.Key, Record: rec, Line: rec.Pos.Line,
			Values: rec.Values}})
	})
	return err
}
