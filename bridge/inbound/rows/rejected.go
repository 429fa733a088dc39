package rows

import (
	"context"
	"errors"
	"slices"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/formats"
)

// Rejected rows exist twice: a ledger has their cells and positions, the drop's bytes have them as they came. They run
// again from the bytes, at the positions that the ledger knows.

// A Ledger tells where rejected rows stand.
type Ledger interface {
	Rejects(ctx context.Context, f bridge.RejectFilter, each func(bridge.RejectRow) error) error
}

// Spot is where a rejected row stands. Rows of one IDoc have one spot: it fails, is copied and runs again as a whole.
type Spot struct {
	part, doc string
	offset    int64
}

// SpotOf is the spot of a position.
func SpotOf(p formats.Position) Spot { return Spot{p.Part, p.Doc, p.Offset} }

// Spots are those of the rows that a run rejected.
func Spots(ctx context.Context, l Ledger, run int64) (map[Spot]bool, error) {
	spots := map[Spot]bool{}
	err := l.Rejects(ctx, bridge.RejectFilter{Run: run}, func(r bridge.RejectRow) error {
		spots[SpotOf(r.Pos)] = true
		return nil
	})
	return spots, err
}

// LastRejects finds the newest of a drop's runs, before the given one (0: of all), if it rejected rows; nil if it did not.
// Runs of parked records do not count.
func LastRejects(runs []*bridge.Run, before int64) *bridge.Run {
	for _, r := range slices.Backward(runs) {
		if (before == 0 || r.ID < before) && r.Kind != bridge.ParkedRun {
			if r.Rejected > 0 {
				return r
			}
			return nil
		}
	}
	return nil
}

// Only reads of a file's rows those that stand in some spots: a reader's own rules, such as the day from which a price is
// valid, judge them once more.
func Only(file *File, spots map[Spot]bool) Source { return &some{file, spots} }

type some struct {
	*File
	spots map[Spot]bool
}

// Next implements formats.Reader.
func (r *some) Next(row *formats.Row) error {
	for {
		err := r.File.Next(row)
		var reject *formats.Reject
		if err != nil && !errors.As(err, &reject) || r.spots[SpotOf(row.Pos)] {
			return err
		}
	}
}
