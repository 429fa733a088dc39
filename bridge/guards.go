package bridge

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// guard looks at a plan before anything is sent and holds the drop when it goes over a limit of its feed.
func (b *Bridge) guard(ctx context.Context, f *FeedConfig, d *Drop, run *Run, stage Stage) (held bool, err error) {
	if run.Approved {
		return false, nil
	}
	counts, err := stage.Count(ctx)
	if err != nil {
		return false, err
	}
	var removals int64
	for _, ops := range counts {
		removals += ops[Remove]
	}
	var reasons []string
	over := func(name string, limit *Limit, n, of int64) {
		if limit != nil && limit.Exceeded(n, of) {
			reasons = append(reasons, fmt.Sprintf("%s: %d of %d, the limit is %s", name, n, of, limit))
		}
	}
	g := f.Guards
	over("max_rejects", g.MaxRejects, run.Rejected, run.Rows)
	over("max_removals", g.MaxRemovals, removals, run.Rows+removals)
	if run.Rows < g.MinRows {
		reasons = append(reasons, fmt.Sprintf("min_rows: %d rows, the least is %d", run.Rows, g.MinRows))
	}
	if g.MaxShrink != nil {
		median, err := b.medianRows(ctx, f)
		if err != nil {
			return false, err
		}
		if median > run.Rows {
			over("max_shrink", g.MaxShrink, median-run.Rows, median)
		}
	}
	if len(reasons) == 0 {
		return false, nil
	}
	run.State, run.Reason = RunHeld, strings.Join(reasons, "; ")
	d.State, d.Reason = Held, run.Reason
	b.Log.Warn("held", "feed", f.Name, "drop", d.ID, "file", d.Name, "reason", run.Reason,
		"hint", fmt.Sprintf("look at `orobridge drop %d`, then `orobridge approve %d` or `orobridge discard %d`", d.ID, d.ID, d.ID))
	return true, b.Ledger.SaveRun(ctx, run, d)
}

// medianRows is the median of the rows of the last five drops of a feed; 0 when there is none.
func (b *Bridge) medianRows(ctx context.Context, f *FeedConfig) (int64, error) {
	rows, err := b.Ledger.FullRows(ctx, f.Name, 5)
	if err != nil || len(rows) == 0 {
		return 0, err
	}
	slices.Sort(rows)
	return rows[len(rows)/2], nil
}

// Exceeded says whether n, of so many in all, is over the limit. A share of nothing is never exceeded.
func (l Limit) Exceeded(n, of int64) bool {
	if !l.IsShare {
		return n > l.Number
	}
	return of > 0 && float64(n)*100 > l.Percent*float64(of)
}
