package plan

import (
	"context"
	"slices"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/formats"
)

// A warning says what was left out of a row so that the rest of it could be loaded. It makes no row disappear: the row has
// a fate like any other.

// keptWarnings is how many warnings of a run are kept, with their places; all are counted.
const keptWarnings = 1000

// warn counts what the mapping left out of a row, and keeps the first of it.
func (p *Planner) warn(warnings []formats.Warning) {
	for _, w := range warnings {
		p.Run.Warnings++
		row := bridge.WarningRow{Drop: p.Drop.ID, Run: p.Run.ID, Warning: w}
		if p.OnWarn != nil {
			p.OnWarn(row)
		}
		if !p.Dry && len(p.warnings) < keptWarnings {
			p.warnings = append(p.warnings, row)
		}
	}
}

// leaveIncomplete takes out of a chunk's records the groups of fields that the shop would not take (an address in a country
// where it demands a region), or rejects their rows where the feed wants that. The shop is asked about records that are new
// or differ; what the others say was taken before.
func (p *Planner) leaveIncomplete(ctx context.Context, c *chunk, links map[string]*bridge.Link) error {
	wholes := p.Feed.Entity.Wholes
	var ask []*planRow
	var records []*formats.Record
	for i := range c.rows {
		r := &c.rows[i]
		known := r.reject == nil && c.refs[r.ref].ID != 0 && links[r.rec.Key] == nil
		begun := slices.ContainsFunc(wholes, func(w formats.Whole) bool { return w.Begun(&r.rec) })
		if r.reject != nil || r.rec.Remove || known || !begun {
			continue
		}
		ask, records = append(ask, r), append(records, &r.rec)
	}
	if len(ask) == 0 {
		return nil
	}
	lacks, err := p.Incomplete(ctx, records)
	if err != nil {
		return err
	}
	for i, r := range ask {
		if lacks[i] == nil {
			continue
		}
		of := func(w formats.Whole) bool { return slices.Contains(w.Fields, lacks[i].Field) }
		whole := &wholes[slices.IndexFunc(wholes, of)]
		if p.Feed.Mapping.OnIncomplete == "reject" {
			r.reject = whole.Refuse(&r.rec, *lacks[i])
			continue
		}
		whole.Leave(&r.rec, *lacks[i])
		if p.without == nil {
			p.without = map[string]int64{}
		}
		p.without[whole.Word()]++
	}
	return nil
}

// flushWarnings enters the warnings of a run in the ledger once its file is read.
func (p *Planner) flushWarnings(ctx context.Context) error {
	if len(p.warnings) == 0 {
		return nil
	}
	return p.Ledger.KeepWarnings(ctx, p.warnings)
}
