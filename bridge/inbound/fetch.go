package inbound

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/inbound/order"
	"github.com/orobridge/orobridge/bridge/inbound/spool"
)

// fetch copies a claimed drop into the spool. A file that has changed since it was listed is watched anew where it
// stands; one that a sender took back from a remote on which nothing is moved is gone.
func (p *poller) fetch(ctx context.Context, d *bridge.Drop) (*step, error) {
	r, err := p.e.remote(d)
	if err != nil {
		return nil, err
	}
	p.e.Events.Step("fetch")
	c, err := spool.Fetch(ctx, r, d.Path, p.e.Spool, d.ID)
	if err != nil || c.Size != d.Size {
		return p.changed(ctx, r, d, err)
	}
	p.e.Events.Step("fetched")
	d.State, d.Reason, d.SHA256, d.Spool, d.FetchedAt = bridge.Fetched, "", c.SHA256, c.Name, p.e.Clock.Now()
	if d.ListedSHA256 != "" && d.ListedSHA256 != d.SHA256 {
		d.State = bridge.Claimed
		return nil, p.end(ctx, p.f, d, nil, verdict{state: bridge.Rejected, hint: "have the sender put the file there again",
			reason: fmt.Sprintf("its sha256 is %s, manifest %d says %s: it was not sent whole", d.SHA256, d.ListedBy, d.ListedSHA256)})
	}
	if err := p.recognise(ctx, d); err != nil {
		return nil, err
	}
	return came(d, bridge.Claimed, fetched(d, d.FetchedAt)), nil
}

// fetched is the event of a drop whose bytes are in the spool.
func fetched(d *bridge.Drop, at time.Time) *bridge.Event {
	event := d.Event(bridge.DropFetched, at, "")
	event.Bytes, event.SHA256 = d.Size, d.SHA256
	if d.Correction {
		event.Text = "rejects that came back: what they lack is not withdrawn"
	}
	return event
}

// recognise finds out whether a drop is a file of rejects that came back, which is the newest that its sender says.
func (p *poller) recognise(ctx context.Context, d *bridge.Drop) (err error) {
	if d.Correction, err = p.correctsAny(ctx, d); err == nil && d.Correction {
		d.Rank, err = order.Newest(ctx, p.e.Ledger, d, p.e.Clock.Now())
	}
	return err
}

// changed finds out why a claimed file could not be fetched as it was listed.
func (p *poller) changed(ctx context.Context, r bridge.Remote, d *bridge.Drop, why error) (*step, error) {
	file, err := r.Stat(ctx, d.Path)
	switch {
	case bridge.NotThere(err) && p.e.ReadOnly[d.Remote], err == nil && p.e.ReadOnly[d.Remote] &&
		(file.Size != d.Size || !bridge.SameTime(file.MTime, d.MTime)):
		d.State, d.Reason, d.Path, d.SettledAt = bridge.Vanished, "the sender replaced the file before it could be fetched", "", p.e.Clock.Now()
		return came(d, bridge.Claimed, p.event(bridge.DropSettled, d, settledText(d))), nil
	case err == nil && file.Size != d.Size:
		d.Reason = fmt.Sprintf("it had %d bytes when it was claimed and has %d now: the sender was still writing; give the feed a marker, "+
			"or a longer ready.stable", d.Size, file.Size)
		d.Size, d.MTime, d.SteadyAt = file.Size, file.MTime.UTC(), p.e.Clock.Now()
		return came(d, bridge.Claimed, p.event(bridge.DropTrouble, d, d.Reason)), nil
	case why == nil:
		return nil, &bridge.Error{Op: "fetch", Object: bridge.FileObject(d.Remote, d.Path), Fate: bridge.Pause, File: true,
			Err: errors.New("another number of bytes arrived than the file has")}
	}
	return nil, why
}
