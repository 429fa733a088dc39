package plan

import (
	"context"

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

// flushWarnings enters the warnings of a run in the ledger once its file is read.
func (p *Planner) flushWarnings(ctx context.Context) error {
	if len(p.warnings) == 0 {
		return nil
	}
	return p.Ledger.KeepWarnings(ctx, p.warnings)
}
