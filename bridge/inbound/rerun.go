package inbound

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
)

// What an admin decides about a drop is a change of the ledger and nothing more: the bridge that holds the state sees a
// drop that is due, whether it is this process or another one.

// Approve lets a held drop go on in spite of its guards. Who approved it is kept.
func (b *Engine) Approve(ctx context.Context, d *bridge.Drop, who string) error {
	run, err := b.heldRun(ctx, d)
	if err != nil {
		return err
	}
	if run == nil { // held for a number that is missing: its guards have not looked at it yet
		d.State, d.Reason, d.DecidedBy, d.DecidedAt = bridge.Fetched, "", who, b.Clock.Now()
		return b.Ledger.Advance(ctx, d, bridge.Held)
	}
	run.State, run.Approved, run.Reason = bridge.Running, true, ""
	if err := b.Ledger.SaveRun(ctx, run, nil); err != nil {
		return err
	}
	d.State, d.Reason, d.DecidedBy, d.DecidedAt = bridge.Loading, "", who, b.Clock.Now()
	return b.Ledger.Advance(ctx, d, bridge.Held)
}

// Discard throws a drop away that is held, waits, or was rejected: nothing of it is sent, its file goes to the rejected
// folder, and what waits behind it goes on.
func (b *Engine) Discard(ctx context.Context, f *config.Feed, d *bridge.Drop, who string) error {
	from := d.State
	switch {
	case from == bridge.Held:
		run, err := b.heldRun(ctx, d)
		if err != nil {
			return err
		}
		if run != nil {
			run.State, run.Ended, run.Reason = bridge.Failed, b.Clock.Now(), run.Reason+"; discarded by "+who
			if err := b.Ledger.SaveRun(ctx, run, nil); err != nil {
				return err
			}
		}
	case from == bridge.Loading, from.Settled() && from != bridge.Rejected:
		return &bridge.Error{Op: "discard", Object: fmt.Sprintf("drop %d", d.ID), Err: fmt.Errorf("it is %s", from),
			Hint: "only a drop that is held, waits or was rejected can be discarded"}
	}
	d.State, d.Reason, d.DecidedBy, d.DecidedAt = bridge.Discarded, strings.TrimPrefix(d.Reason+"; discarded by "+who, "; "), who, b.Clock.Now()
	if d.SettledAt.IsZero() || from != bridge.Rejected {
		d.SettledAt = b.Clock.Now()
	}
	if d.Path != "" {
		d.Finish = f.Folders.Rejected
	}
	return b.Ledger.Advance(ctx, d, from)
}

func (b *Engine) heldRun(ctx context.Context, d *bridge.Drop) (*bridge.Run, error) {
	if d.State != bridge.Held {
		return nil, &bridge.Error{Op: "decide about", Object: fmt.Sprintf("drop %d", d.ID), Err: fmt.Errorf("it is %s, not held", d.State),
			Hint: "see `orobridge drops --state held`"}
	}
	runs, err := b.Ledger.Runs(ctx, d.ID)
	if err != nil {
		return nil, err
	}
	for _, r := range slices.Backward(runs) {
		if r.State == bridge.RunHeld {
			return r, nil
		}
	}
	return nil, nil
}

// RerunOptions say which rows of a drop run again, and how.
type RerunOptions struct {
	Rejected bool // only those that its last run rejected
	Force    bool // send unchanged rows too, and overwrite what newer drops have set
}

// Rerun makes a settled drop due again. Its bytes come from the spool or, when they were pruned there, from the archive.
func (b *Engine) Rerun(ctx context.Context, d *bridge.Drop, o RerunOptions) (*bridge.Run, error) {
	object := fmt.Sprintf("drop %d", d.ID)
	if !d.State.Settled() || d.State == bridge.Vanished {
		return nil, &bridge.Error{Op: "run again", Object: object, Err: fmt.Errorf("it is %s", d.State), Hint: "only a drop that has come to its end can be run again"}
	}
	if d.Manifest {
		return nil, &bridge.Error{Op: "run again", Object: object, Err: errors.New("it is a manifest and holds no rows"), Hint: "run the files that it lists again"}
	}
	run := &bridge.Run{Kind: bridge.ReRun, Force: o.Force, Approved: true}
	if o.Rejected {
		run.Kind = bridge.RetryRun
		if last, err := b.lastRejects(ctx, d, 0); err != nil || last == nil {
			return nil, errors.Join(err, &bridge.Error{Op: "run again", Object: object, Err: errors.New("its last run rejected no row"), Hint: "see `orobridge rejects`"})
		}
	}
	if err := b.haveBytes(ctx, d); err != nil {
		return nil, err
	}
	return run, b.Ledger.StartRun(ctx, run, d)
}

// haveBytes brings a drop's bytes back into the spool.
func (b *Engine) haveBytes(ctx context.Context, d *bridge.Drop) error {
	if d.Spool != "" {
		if _, err := os.Stat(b.spool(d)); err == nil {
			return nil
		}
	}
	r, ok := b.Remotes[d.Remote]
	if !ok || d.Path == "" {
		return &bridge.Error{Op: "run again", Object: fmt.Sprintf("drop %d", d.ID), Err: errors.New("its bytes are no longer kept"),
			Hint: "load the file again: orobridge load " + d.Feed + " FILE"}
	}
	d.Spool = fmt.Sprintf("%d", d.ID)
	_, sum, err := fetchTo(ctx, r, d.Path, filepath.Join(b.Spool, d.Spool))
	if err == nil && d.SHA256 != "" && sum != d.SHA256 {
		err = &bridge.Error{Op: "run again", Object: d.Remote + ":" + d.Path, Err: errors.New("the archived file is not the one that was loaded"),
			Hint: "drop it into the feed's folder if it is to be loaded as it is now"}
	}
	return err
}

// lastRejects finds the newest run of a drop, before the given one, that rejected rows; nil if none did.
func (b *Engine) lastRejects(ctx context.Context, d *bridge.Drop, before int64) (*bridge.Run, error) {
	runs, err := b.Ledger.Runs(ctx, d.ID)
	if err != nil {
		return nil, err
	}
	for _, r := range slices.Backward(runs) {
		if (before == 0 || r.ID < before) && r.Kind != bridge.ParkedRun {
			if r.Rejected > 0 {
				return r, nil
			}
			return nil, nil
		}
	}
	return nil, nil
}

// InOrder sorts drops in the order in which they were meant to be loaded.
func InOrder(drops []*bridge.Drop) { slices.SortStableFunc(drops, inOrder) }
