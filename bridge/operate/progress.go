package operate

import (
	"context"
	"time"

	"github.com/orobridge/orobridge/bridge"
)

// Progress is how far a run is that is at work now, as the ledger knows it.
type Progress struct {
	Planned   int64   `json:"planned"` // rows that have to be sent or looked up; 0 while the file is still being read
	Sent      int64   `json:"sent"`    // of them, in batches that the shop has taken or is about to
	Judged    int64   `json:"judged"`  // of them, with their fate
	PerSecond float64 `json:"per_second"`
	Left      float64 `json:"seconds_left"` // at this pace; 0 when nothing can be said
}

// progress tells how far a run is; nil for one that is not at work.
func (k *View) progress(ctx context.Context, r *bridge.Run, now time.Time) (*Progress, error) {
	if r.State != bridge.Running {
		return nil, nil
	}
	judged, open, err := k.Ledger.Judged(ctx, r.ID)
	if err != nil {
		return nil, err
	}
	p := &Progress{Judged: judged, Sent: judged + open}
	// What a run counts is saved once its plan has passed the guards.
	if todo := r.Rows + r.Withdrawn - r.Unchanged - r.Collapsed - r.Rejected; r.Rows > 0 {
		p.Planned = max(todo, p.Sent)
	}
	if took := now.Sub(r.Started).Seconds(); took > 0 && p.Judged > 0 {
		p.PerSecond = float64(p.Judged) / took
		p.Left = float64(max(p.Planned-p.Judged, 0)) / p.PerSecond
	}
	return p, nil
}

// Work is a drop that a run is at work on.
type Work struct {
	Run
	Progress *Progress
}

// AtWork tells what runs are at work on now, and how far they are: of the newest n drops that are being loaded.
func AtWork(ctx context.Context, k *View, n int) ([]Work, error) {
	drops, err := k.Ledger.Drops(ctx, bridge.DropFilter{Feeds: k.feeds(), States: []bridge.DropState{bridge.Loading}, Last: n})
	if err != nil {
		return nil, err
	}
	all := []Work{}
	for _, d := range drops {
		runs, err := k.Ledger.Runs(ctx, d.ID)
		if err != nil {
			return nil, err
		}
		if len(runs) == 0 {
			continue
		}
		last := runs[len(runs)-1]
		p, err := k.progress(ctx, last, time.Now())
		if err != nil {
			return nil, err
		}
		if p != nil {
			all = append(all, Work{newRun(d, last), p})
		}
	}
	return all, nil
}
