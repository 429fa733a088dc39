package bridge

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// What an admin decides about a drop is a change of the ledger and nothing more: the bridge that holds the state sees a
// drop that is due, whether it is this process or another one.

// Approve lets a held drop go on in spite of its guards. Who approved it is kept.
func (b *Bridge) Approve(ctx context.Context, d *Drop, who string) error {
	run, err := b.heldRun(ctx, d)
	if err != nil {
		return err
	}
	if run == nil { // held for a number that is missing: its guards have not looked at it yet
		d.State, d.Reason, d.DecidedBy, d.DecidedAt = Fetched, "", who, b.Clock.Now()
		return b.Ledger.Advance(ctx, d, Held)
	}
	run.State, run.Approved, run.Reason = Running, true, ""
	if err := b.Ledger.SaveRun(ctx, run, nil); err != nil {
		return err
	}
	d.State, d.Reason, d.DecidedBy, d.DecidedAt = Loading, "", who, b.Clock.Now()
	return b.Ledger.Advance(ctx, d, Held)
}

// Discard throws a drop away that is held, waits, or was rejected: nothing of it is sent, its file goes to the rejected
// folder, and what waits behind it goes on.
func (b *Bridge) Discard(ctx context.Context, f *FeedConfig, d *Drop, who string) error {
	from := d.State
	switch {
	case from == Held:
		run, err := b.heldRun(ctx, d)
		if err != nil {
			return err
		}
		if run != nil {
			run.State, run.Ended, run.Reason = Failed, b.Clock.Now(), run.Reason+"; discarded by "+who
			if err := b.Ledger.SaveRun(ctx, run, nil); err != nil {
				return err
			}
		}
	case from == Loading, from.Settled() && from != Rejected:
		return &Error{Op: "discard", Object: fmt.Sprintf("drop %d", d.ID), Err: fmt.Errorf("it is %s", from),
			Hint: "only a drop that is held, waits or was rejected can be discarded"}
	}
	d.State, d.Reason, d.DecidedBy, d.DecidedAt = Discarded, strings.TrimPrefix(d.Reason+"; discarded by "+who, "; "), who, b.Clock.Now()
	if d.SettledAt.IsZero() || from != Rejected {
		d.SettledAt = b.Clock.Now()
	}
	if d.Path != "" {
		d.Finish = f.Folders.Rejected
	}
	return b.Ledger.Advance(ctx, d, from)
}

func (b *Bridge) heldRun(ctx context.Context, d *Drop) (*Run, error) {
	if d.State != Held {
		return nil, &Error{Op: "decide about", Object: fmt.Sprintf("drop %d", d.ID), Err: fmt.Errorf("it is %s, not held", d.State),
			Hint: "see `orobridge drops --state held`"}
	}
	runs, err := b.Ledger.Runs(ctx, d.ID)
	if err != nil {
		return nil, err
	}
	for _, r := range slices.Backward(runs) {
		if r.State == RunHeld {
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
func (b *Bridge) Rerun(ctx context.Context, d *Drop, o RerunOptions) (*Run, error) {
	object := fmt.Sprintf("drop %d", d.ID)
	if !d.State.Settled() || d.State == Vanished {
		return nil, &Error{Op: "run again", Object: object, Err: fmt.Errorf("it is %s", d.State), Hint: "only a drop that has come to its end can be run again"}
	}
	if d.Lists {
		return nil, &Error{Op: "run again", Object: object, Err: errors.New("it is a manifest and holds no rows"), Hint: "run the files that it lists again"}
	}
	run := &Run{Kind: ReRun, Force: o.Force, Approved: true}
	if o.Rejected {
		run.Kind = RetryRun
		if last, err := b.lastRejects(ctx, d, 0); err != nil || last == nil {
			return nil, errors.Join(err, &Error{Op: "run again", Object: object, Err: errors.New("its last run rejected no row"), Hint: "see `orobridge rejects`"})
		}
	}
	if err := b.haveBytes(ctx, d); err != nil {
		return nil, err
	}
	return run, b.Ledger.StartRun(ctx, run, d)
}

// haveBytes brings a drop's bytes back into the spool.
func (b *Bridge) haveBytes(ctx context.Context, d *Drop) error {
	if d.Spool != "" {
		if _, err := os.Stat(b.spool(d)); err == nil {
			return nil
		}
	}
	r, ok := b.Remotes[d.Remote]
	if !ok || d.Path == "" {
		return &Error{Op: "run again", Object: fmt.Sprintf("drop %d", d.ID), Err: errors.New("its bytes are no longer kept"),
			Hint: "load the file again: orobridge load " + d.Feed + " FILE"}
	}
	d.Spool = fmt.Sprintf("%d", d.ID)
	_, sum, err := fetchTo(ctx, r, d.Path, filepath.Join(b.Spool, d.Spool))
	if err == nil && d.SHA256 != "" && sum != d.SHA256 {
		err = &Error{Op: "run again", Object: d.Remote + ":" + d.Path, Err: errors.New("the archived file is not the one that was loaded"),
			Hint: "drop it into the feed's folder if it is to be loaded as it is now"}
	}
	return err
}

// lastRejects finds the newest run of a drop, before the given one, that rejected rows; nil if none did.
func (b *Bridge) lastRejects(ctx context.Context, d *Drop, before int64) (*Run, error) {
	runs, err := b.Ledger.Runs(ctx, d.ID)
	if err != nil {
		return nil, err
	}
	for _, r := range slices.Backward(runs) {
		if (before == 0 || r.ID < before) && r.Kind != ParkedRun {
			if r.Rejected > 0 {
				return r, nil
			}
			return nil, nil
		}
	}
	return nil, nil
}

// InOrder sorts drops in the order in which they were meant to be loaded.
func InOrder(drops []*Drop) { slices.SortStableFunc(drops, inOrder) }
