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
		err = (&preview{e.loader(f, d, &v.Run), v, o}).compare(ctx, stage, file)
		err = errors.Join(err, file.Close())
	}
	return v, errors.Join(err, stage.Close())
}

// PlanDrop works out what a drop would do that is held or waits, and what running a settled one again would. Nothing is
// written anywhere but to a scratch file.
func (e *Engine) PlanDrop(ctx context.Context, f *config.Feed, d *bridge.Drop, r RerunOptions, o PreviewOptions) (*Preview, error) {
	if err := e.haveBytes(ctx, "plan", d); err != nil {
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
	l := e.loader(f, d, &v.Run)
	file, err := l.openRows(ctx)
	if err == nil {
		err = (&preview{l, v, o}).compare(ctx, stage, file)
		err = errors.Join(err, file.Close())
	}
	return v, errors.Join(err, stage.Close())
}

// preview fills a Preview.
type preview struct {
	*loader
	v *Preview
	o PreviewOptions
}

func (p *preview) compare(ctx context.Context, stage bridge.Stage, file rows.Source) error {
	if p.f.Entity.Answers {
		return p.answers(ctx, file)
	}
	planner := &plan.Planner{Ledger: p.e.Ledger, Events: p.e.Events, Feed: p.f, Drop: p.d, Run: p.run, Stage: stage, Dry: true,
		Verify: p.o.Live || p.d.Made != "", Incomplete: p.incomplete, OnReject: p.o.Reject, OnWarn: p.o.Warning}
	if err := planner.Read(ctx, file); err != nil {
		return err
	}
	p.v.Ignored, p.run.Skipped = planner.Ignored, planner.Skipped
	if err := planner.Withdraw(ctx); err != nil {
		return err
	}
	a := p.applier(stage)
	a.Dry, a.OnReject, a.OnExpected = true, p.o.Reject, p.o.Expected
	if err := a.DecideAll(ctx); err != nil {
		return err
	}
	p.v.Expected = a.Expected
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
			if err := p.tell(ctx, a, page); err != nil {
				return err
			}
		}
	}
	return nil
}

// tell counts and reports a page of changes.
func (p *preview) tell(ctx context.Context, a *apply.Applier, page []*bridge.Staged) error {
	if p.o.Live {
		if err := a.CompareLive(ctx, page); err != nil {
			return err
		}
	}
	for _, c := range page {
		switch {
		case c.Status == bridge.Waiting:
			p.v.Waits++
		case c.Implied:
			p.v.Withdraws++
		case c.Op == bridge.Create:
			p.v.Creates++
		case c.Op == bridge.Remove:
			p.v.Removes++
		case len(c.Values) == 0:
			p.v.Run.Unchanged++
			continue
		default:
			p.v.Updates++
		}
		if p.o.Change == nil {
			continue
		}
		if err := p.o.Change(c); err != nil {
			return fmt.Errorf("report change of %s: %w", c.Key, err)
		}
	}
	return nil
}

// answers tells what the rows of a file say about orders. Whether an order holds it already shows only when the
// answer is applied.
func (p *preview) answers(ctx context.Context, file formats.Reader) error {
	_, err := rows.EachRecord(ctx, p.f, file, func(rec *formats.Record, reject *formats.Reject, raw func() map[string]string) error {
		p.v.Run.Rows++
		if reject != nil {
			p.v.Run.Rejected++
			if p.o.Reject != nil {
				p.o.Reject(bridge.RejectRow{Reject: *reject, Row: raw()})
			}
			return nil
		}
		p.v.Updates++
		if p.o.Change == nil {
			return nil
		}
		return p.o.Change(&bridge.Staged{Change: bridge.Change{Op: bridge.Update, Key: rec.Key, Record: rec, Line: rec.Pos.Line,
			Values: rec.Values}})
	})
	return err
}
