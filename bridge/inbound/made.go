package inbound

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/bridge/inbound/spool"
	"github.com/orobridge/orobridge/formats"
	"github.com/orobridge/orobridge/formats/records"
)

// A drop that the bridge itself has made, of records that it wants to be loaded: the way back of an undo. It is planned, guarded,
// approved and loaded like any other drop of its feed, so that it can be seen, discarded and undone in the same way.

// madeFeed is a feed as such a drop is read: canonical records, some of them only. What the ledger believes to be unchanged is
// looked at in the shop: a repair is about what the ledger believes.
func madeFeed(f *config.Feed) *config.Feed {
	made := *f
	made.Format, made.Unwrap, made.Mode, made.Missing, made.OnUnchanged = records.Format{}, nil, "delta", "keep", "verify"
	made.Mapping = formats.Mapping{AllowNegative: true}
	return &made
}

// making is a file of records on its way to become a drop.
type making struct {
	*records.Writer
	rows *os.File
}

// make begins a file of records in the spool.
func (e *Engine) make(f *config.Feed) (*making, error) {
	rows, err := os.CreateTemp(e.Spool, "made-*.part")
	if err != nil {
		return nil, spool.Trouble(err)
	}
	return &making{records.NewWriter(f.Entity, rows), rows}, nil
}

// Close lets go of the temporary file.
func (m *making) Close() error {
	err := m.rows.Close()
	if gone := os.Remove(m.rows.Name()); err == nil {
		err = gone
	}
	return err
}

// Fetch implements spool.Source: the whole file.
func (m *making) Fetch(_ context.Context, _ string, w io.Writer) (int64, error) { return m.WriteTo(w) }

// enter makes a drop of the file, some rows only whatever the feed's mode. One that somebody has agreed to at once needs no
// other approval.
func (j journal) enter(ctx context.Context, f *config.Feed, m *making, name, made string, by bridge.Decision,
	agreed bool) (*bridge.Drop, error) {
	d := &bridge.Drop{Feed: f.Name, Name: name, Made: made, Correction: true, MTime: j.e.Clock.Now()}
	if agreed {
		d.DecidedBy, d.DecidedAt = by.Who, d.MTime
	}
	if err := j.e.takeIn(ctx, d, m, name); err != nil {
		return nil, err
	}
	what := made
	if agreed {
		what += ", at once"
	}
	return d, j.enterTaken(ctx, d, j.decision(d, by, what))
}

// undoName is the name of the drop that undoes another one.
func undoName(drop, run int64) (name, made string) {
	if run != 0 {
		return fmt.Sprintf("undo_run_%d.jsonl", run), fmt.Sprintf("undo of run %d", run)
	}
	return fmt.Sprintf("undo_drop_%d.jsonl", drop), fmt.Sprintf("undo of drop %d", drop)
}
