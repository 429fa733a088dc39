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

// Spots are those of the rows that runs rejected.
func Spots(ctx context.Context, l Ledger, runs ...*bridge.Run) (map[Spot]bool, error) {
	spots := map[Spot]bool{}
	for _, run := range runs {
		err := l.Rejects(ctx, bridge.RejectFilter{Run: run.ID}, func(r bridge.RejectRow) error {
			spots[SpotOf(r.Pos)] = true
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return spots, nil
}

// LastRejects lists those of a drop's runs, before the given one (0: of all), whose rejects are the last word on their rows: the newest
// run of rows in the file, and the runs after it of parked records, some of which waited for too long. Runs that rejected nothing are
// not among them.
func LastRejects(runs []*bridge.Run, before int64) (last []*bridge.Run) {
	for _, r := range slices.Backward(runs) {
		if before != 0 && r.ID >= before {
			continue
		}
		if r.Rejected > 0 {
			last = append(last, r)
		}
		if r.Kind != bridge.ParkedRun {
			break
		}
	}
	return last
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
