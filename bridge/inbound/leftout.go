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
