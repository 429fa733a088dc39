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
	fates, err := k.Ledger.Fates(ctx, r.ID)
	if err != nil {
		return nil, err
	}
	batches, err := k.Ledger.OpenBatches(ctx, r.ID)
	if err != nil {
		return nil, err
	}
	p := &Progress{}
	for _, n := range fates {
		p.Judged += n
	}
	p.Sent = p.Judged
	for _, b := range batches {
		p.Sent += int64(len(b.Changes))
	}
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
