package inbound

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/bridge/inbound/plan"
	"github.com/orobridge/orobridge/bridge/inbound/rows"
	"github.com/orobridge/orobridge/formats"
)

// guard looks at a plan before anything is sent and holds the drop when it goes over a limit of its feed. expected are the
// rows that a stock shop would refuse.
func (l *loader) guard(ctx context.Context, stage bridge.Stage, expected int64) (v verdict, err error) {
	if l.run.Approved {
		return v, nil
	}
	counts, err := stage.Count(ctx)
	if err != nil {
		return v, err
	}
	var removals, decided int64
	for _, n := range counts[bridge.Decided] {
		decided += n
	}
	for _, ops := range counts {
		removals += ops[bridge.Remove]
	}
	var reasons []string
	if l.d.Made != "" {
		reasons = append(reasons, l.d.Made+": it is loaded once somebody has approved it")
	}
	over := func(name string, limit *config.Limit, n, of int64) {
		if limit != nil && limit.Exceeded(n, of) {
			reasons = append(reasons, fmt.Sprintf("%s: %d of %d, the limit is %s", name, n, of, limit))
		}
	}
	g := l.f.Guards.Or(l.f.DefaultGuards())
	over("max_rejects", g.MaxRejects, l.run.Rejected+expected, l.run.Rows)
	if l.f.Guards.MaxRemovals != nil || removals > config.FewRemovals {
		over("max_removals", g.MaxRemovals, removals, l.run.Rows+removals)
	}
	// Parked and rejected rows that run again, and rejects that came back corrected, are a part of a file.
	whole := l.run.Kind.Whole() && !l.d.Correction
	if whole && l.run.Rows == 0 && l.f.Empty == "hold" {
		reasons = append(reasons, "empty: the file has no rows")
	}
	if whole && l.d.ListedBy != 0 && l.d.ListedRows >= 0 && l.run.Rows != l.d.ListedRows {
		reasons = append(reasons, fmt.Sprintf("manifest: %d rows, manifest %d says %d", l.run.Rows, l.d.ListedBy, l.d.ListedRows))
	}
	if whole {
		if why, err := l.cutOff(ctx); err != nil {
			return v, err
		} else if why != "" {
			reasons = append(reasons, why)
		}
	}
	if whole && l.run.Rows < g.MinRows {
		reasons = append(reasons, fmt.Sprintf("min_rows: %d rows, the least is %d", l.run.Rows, g.MinRows))
	}
	if whole && g.MaxShrink != nil {
		median, err := l.medianRows(ctx, l.run.Scope)
		if err != nil {
			return v, err
		}
		if median > l.run.Rows && (l.f.Guards.MaxShrink != nil || median-l.run.Rows > config.FewRemovals) {
			over("max_shrink", g.MaxShrink, median-l.run.Rows, median)
		}
	}
	if g.MaxPriceChange != nil {
		moved, err := plan.FarMoved(ctx, stage, g.MaxPriceChange.By)
		if err != nil {
			return v, err
		}
		over(fmt.Sprintf("max_price_change (by more than %s)", g.MaxPriceChange.By), &g.MaxPriceChange.Share, moved, l.run.Rows)
	}
	if len(reasons) == 0 {
		// After a crash the plan is what is left of it, with what the shop has refused meanwhile: guards are asked once. The first batch
		// says that they were; where it is not the only one, people are told meanwhile how much there is to do.
		if l.run.Approved = true; decided > 0 && decided <= int64(l.e.Batch) {
			return v, nil
		}
		return v, l.saveRun(ctx, l.run, nil)
	}
	return verdict{state: bridge.Held, reason: strings.Join(reasons, "; ")}, nil
}

// pageRows is how many changes of a stage are looked at together.
const pageRows = 1000

// medianRows is the median of the rows of the last five drops of a feed in one scope; 0 when there is none.
func (l *loader) medianRows(ctx context.Context, scope string) (int64, error) {
	rows, err := l.e.Ledger.RowCounts(ctx, l.f.Name, scope, 5)
	if err != nil || len(rows) == 0 {
		return 0, err
	}
	slices.Sort(rows)
	return rows[len(rows)/2], nil
}

// cutOff applies the feed's rule for files that look cut off to a run that has read all of its file, and says why the drop
// has to be held; empty when it need not.
func (l *loader) cutOff(ctx context.Context) (why string, err error) {
	if l.run.Skipped[rows.Truncated] == 0 || l.f.Truncated == "accept" {
		return "", nil
	}
	if l.f.Truncated == "hold" {
		return "truncated: " + formats.UnfinishedLine, nil
	}
	event := l.event(bridge.Noted, l.d, formats.UnfinishedLine)
	event.Hint = "have the sender end the last line, or set truncated: hold for the feed; accept says nothing"
	return "", l.keep(ctx, event)
}
