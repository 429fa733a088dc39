package inbound

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/bridge/inbound/rows"
	"github.com/orobridge/orobridge/bridge/inbound/spool"
)

// What an admin decides about a drop is a change of the ledger and nothing more: the bridge that holds the state sees a
// drop that is due, whether it is this process or another one.

// What was decided about a held drop, in the words of the journal.
const (
	Approved      = "approved"
	approvedFirst = "approved, and waits for somebody else's approval"
	Discarded     = "discarded"
)

// Approve lets a held drop go on in spite of its guards. Who approved it is kept. Where its feed asks for several, the drop
// stays held until so many different people have approved it since it was held last.
func (e *Engine) Approve(ctx context.Context, d *bridge.Drop, by bridge.Decision) error {
	j := journal{e}
	run, err := heldRun(ctx, e.Ledger, d)
	if err != nil {
		return err
	}
	if enough, err := e.approved(ctx, d, by); err != nil || !enough {
		return err
	}
	d.Reason, d.DecidedBy, d.DecidedAt = "", by.Who, e.Clock.Now()
	if run == nil { // held for a number that is missing: its guards have not looked at it yet
		d.State = bridge.Fetched
		return j.advance(ctx, d, bridge.Held, j.verdictOf(d, by, bridge.VerdictApproved, Approved))
	}
	d.State = bridge.Loading
	run.State, run.Approved, run.Attempts, run.Reason = bridge.Running, true, 0, ""
	return j.saveRun(ctx, run, []bridge.Move{{Drop: d, From: bridge.Held}}, j.verdictOf(d, by, bridge.VerdictApproved, Approved))
}

// approved says whether a drop goes on with this approval. One that is not the last is kept in the journal alone.
func (e *Engine) approved(ctx context.Context, d *bridge.Drop, by bridge.Decision) (enough bool, err error) {
	j := journal{e}
	f, ok := e.Feed(d.Feed)
	if !ok || f.Approve < 2 {
		return true, nil
	}
	earlier := map[string]bool{}
	err = e.Ledger.Events(ctx, bridge.EventFilter{Drop: d.ID}, func(event *bridge.Event) error {
		switch {
		case event.Kind == bridge.DropHeld:
			clear(earlier)
		case event.Verdict == bridge.VerdictPartly:
			earlier[event.Who] = true
		}
		return nil
	})
	if err != nil {
		return false, err
	}
	again := earlier[by.Who]
	delete(earlier, by.Who)
	if len(earlier)+1 >= f.Approve {
		return true, nil
	}
	if again {
		return false, &bridge.Error{Op: "approve", Object: fmt.Sprintf("drop %d", d.ID), Err: fmt.Errorf("%s has approved it already", by.Who),
			Hint: fmt.Sprintf("its feed asks for %d people (approve_by): somebody else has to, too", f.Approve)}
	}
	return false, j.keep(ctx, j.verdictOf(d, by, bridge.VerdictPartly, approvedFirst))
}

// Discard throws a drop away that is held, waits, or was rejected: nothing of it is sent, its file goes to the rejected
// folder, and what waits behind it goes on.
func (e *Engine) Discard(ctx context.Context, f *config.Feed, d *bridge.Drop, by bridge.Decision) error {
	j, from := journal{e}, d.State
	if from.Settled() && from != bridge.Rejected {
		return &bridge.Error{Op: "discard", Object: fmt.Sprintf("drop %d", d.ID), Err: fmt.Errorf("it is %s", from),
			Hint: "only a drop that waits, is held, is being loaded or was rejected can be discarded"}
	}
	var run *bridge.Run
	var err error
	switch from {
	case bridge.Held:
		run, err = heldRun(ctx, e.Ledger, d)
	case bridge.Loading: // who loads it stops at the next safe point; when nobody does, this ends it
		run, err = e.openRun(ctx, d)
	}
	if err != nil {
		return err
	}
	now := e.Clock.Now()
	d.State, d.Reason, d.DecidedBy, d.DecidedAt = bridge.Discarded, strings.TrimPrefix(d.Reason+"; discarded by "+by.Who, "; "), by.Who, now
	if d.SettledAt.IsZero() || from != bridge.Rejected {
		d.SettledAt = now
	}
	if d.Path != "" {
		d.Finish = f.Folders.Rejected
	}
	moves := []bridge.Move{{Drop: d, From: from, Acknowledge: &bridge.RejectEnd{At: now, Decision: by}}}
	if run == nil {
		err = j.advanceAll(ctx, moves, j.verdictOf(d, by, bridge.VerdictDiscard, Discarded))
	} else {
		run.State, run.Ended, run.Reason = bridge.Failed, now, run.Reason+"; discarded by "+by.Who
		err = j.saveRun(ctx, run, moves, j.verdictOf(d, by, bridge.VerdictDiscard, Discarded))
	}
	if err != nil {
		return err
	}
	return partsOf(e).Join(ctx, f, d.Front)
}

func heldRun(ctx context.Context, l Ledger, d *bridge.Drop) (*bridge.Run, error) {
	if d.State != bridge.Held {
		return nil, &bridge.Error{Op: "decide about", Object: fmt.Sprintf("drop %d", d.ID), Err: fmt.Errorf("it is %s, not held", d.State),
			Hint: "see `orobridge drops --state held`"}
	}
	runs, err := l.Runs(ctx, d.ID)
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

// openRun is the run that is at work on a drop; nil if there is none.
func (e *Engine) openRun(ctx context.Context, d *bridge.Drop) (*bridge.Run, error) {
	runs, err := e.Ledger.Runs(ctx, d.ID)
	for _, r := range runs {
		if r.State == bridge.Running {
			return r, err
		}
	}
	return nil, err
}

// RerunOptions say which rows of a drop run again, and how.
type RerunOptions struct {
	Rejected bool // only those that its last run rejected, and those that have waited for a parent for too long since
	Force    bool // send unchanged rows too, and overwrite what newer drops have set
}

// Rerun makes a settled drop due again. Its bytes come from the spool or, when they were pruned there, from the archive.
func (e *Engine) Rerun(ctx context.Context, d *bridge.Drop, o RerunOptions, by bridge.Decision) (*bridge.Run, error) {
	object := fmt.Sprintf("drop %d", d.ID)
	if !d.State.Settled() || d.State == bridge.Vanished {
		return nil, &bridge.Error{Op: "run again", Object: object, Err: fmt.Errorf("it is %s", d.State),
			Hint: "only a drop that has come to its end can be run again"}
	}
	if d.Manifest {
		return nil, &bridge.Error{Op: "run again", Object: object, Err: errors.New("it is a manifest and holds no rows"),
			Hint: "run the files that it lists again"}
	}
	run := &bridge.Run{Kind: bridge.ReRun, Force: o.Force, Approved: true}
	if o.Rejected {
		run.Kind = bridge.RetryRun
		last, err := e.lastRejects(ctx, d, 0)
		if err != nil {
			return nil, err
		}
		if len(last) == 0 {
			return nil, &bridge.Error{Op: "run again", Object: object, Err: errors.New("its last run rejected no row"),
				Hint: "see `orobridge rejects`"}
		}
	}
	if err := e.haveBytes(ctx, "run again", d); err != nil {
		return nil, err
	}
	j := journal{e}
	if err := j.startRun(ctx, run, d); err != nil {
		return run, err
	}
	return run, j.keep(ctx, j.decision(d, by, "run again"))
}

// haveBytes brings a drop's bytes back into the spool, from where they stand on the remote.
func (e *Engine) haveBytes(ctx context.Context, op string, d *bridge.Drop) error {
	return e.bytes(ctx, op, d, spool.Have)
}

func (e *Engine) bytes(ctx context.Context, op string, d *bridge.Drop, bring spool.Bring) (err error) {
	whole := d
	if d.Front != 0 { // the bytes are those of the whole drop
		if whole, err = e.Ledger.Drop(ctx, d.Front); err != nil {
			return err
		}
	}
	err = bring(ctx, e.Remotes[d.Remote], whole, e.Spool, op)
	d.Spool = whole.Spool
	return err
}

// lastRejects is [rows.LastRejects] of a drop.
func (e *Engine) lastRejects(ctx context.Context, d *bridge.Drop, before int64) ([]*bridge.Run, error) {
	runs, err := e.Ledger.Runs(ctx, d.ID)
	if err != nil {
		return nil, err
	}
	return rows.LastRejects(runs, before), nil
}
