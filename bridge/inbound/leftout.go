package inbound

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/formats"
)

// This file holds what of a file is not loaded though none of its rows disappears: what was left out of rows, what the
// reader skipped, and columns that feed no field.
//
// A warning says what was left out of a row so that the rest of it could be loaded. It makes no row disappear: the row has
// a fate like any other.

// keptWarnings is how many warnings of a run are kept, with their places; all are counted.
const keptWarnings = 1000

// warn counts what the mapping left out of a row, and keeps the first of it.
func (p *planner) warn(warnings []formats.Warning) {
	for _, w := range warnings {
		p.run.Warnings++
		row := bridge.WarningRow{Drop: p.drop.ID, Run: p.run.ID, Warning: w}
		if p.onWarn != nil {
			p.onWarn(row)
		}
		if !p.dry && len(p.warnings) < keptWarnings {
			p.warnings = append(p.warnings, row)
		}
	}
}

// leaveIncomplete takes out of a chunk's records the groups of fields that the shop would not take (an address in a country
// where it demands a region), or rejects their rows where the feed wants that. The shop is asked about records that are new
// or differ; what the others say was taken before.
func (p *planner) leaveIncomplete(ctx context.Context, c *chunk, links map[string]*bridge.Link) error {
	wholes := p.feed.Entity.Wholes
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
	var lacks []*formats.Lack
	err := p.e.persist(ctx, "feed "+p.feed.Name, func() (err error) {
		lacks, err = p.e.Shop.Incomplete(ctx, p.feed.Entity, records)
		return err
	})
	if err != nil {
		return err
	}
	for i, r := range ask {
		if lacks[i] == nil {
			continue
		}
		of := func(w formats.Whole) bool { return slices.Contains(w.Fields, lacks[i].Field) }
		whole := &wholes[slices.IndexFunc(wholes, of)]
		if p.feed.Mapping.OnIncomplete == "reject" {
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
func (p *planner) flushWarnings(ctx context.Context) error {
	if len(p.warnings) == 0 {
		return nil
	}
	return p.e.Ledger.KeepWarnings(ctx, p.warnings)
}

// leftOut says in one line what of a file went nowhere: what its reader skipped, and columns that feed no field.
func leftOut(run *bridge.Run) string {
	line := SkippedLine(run.Skipped)
	if columns := UnmappedLine(run.Unmapped); columns != "" {
		line = strings.TrimPrefix(line+"; no field takes "+columns, "; ")
	}
	return line
}

// SkippedLine says in one line what a reader has left out, by word; empty for nothing.
func SkippedLine(counts map[string]int64) string {
	var words []string
	for _, word := range slices.Sorted(maps.Keys(counts)) {
		words = append(words, fmt.Sprintf("%s %d", word, counts[word]))
	}
	return strings.Join(words, ", ")
}

// UnmappedLine names columns that feed no field, each with the field that may be meant: "colour, naem (name?)".
func UnmappedLine(columns []formats.Unmapped) string {
	var words []string
	for _, u := range columns {
		word := u.Column
		if u.Nearest != "" {
			word += " (" + u.Nearest + "?)"
		}
		words = append(words, word)
	}
	return strings.Join(words, ", ")
}
