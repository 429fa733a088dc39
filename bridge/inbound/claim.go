package inbound

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/inbound/moves"
	"github.com/orobridge/orobridge/bridge/inbound/order"
	"github.com/orobridge/orobridge/bridge/inbound/spool"
	"github.com/orobridge/orobridge/formats"
)

// resumeClaims finishes the claims that were cut short.
func (p *poller) resumeClaims(ctx context.Context) (some bool, err error) {
	drops, err := p.e.Ledger.Drops(ctx, bridge.DropFilter{Feed: p.f.Name, States: []bridge.DropState{bridge.Ready}})
	if err != nil {
		return false, err
	}
	for _, group := range p.groups(drops) {
		err := p.claimAll(ctx, group, func(_ *bridge.Drop, err error) error {
			if bridge.OfFile(err) || bridge.FateOf(err) == bridge.Stop {
				return nil // told when its turn comes
			}
			return err
		})
		if err != nil {
			return true, err
		}
	}
	return len(drops) > 0, nil
}

// claimAndFetch claims and fetches every drop of a feed that is whole, in the feed's order. Trouble with one file is kept with
// its drop and the others go on; trouble of the end is returned. It says whether a manifest was read.
func (p *poller) claimAndFetch(ctx context.Context) (fetched int, listed bool, err error) {
	drops, err := p.e.Ledger.Drops(ctx, bridge.DropFilter{Feed: p.f.Name,
		States: []bridge.DropState{bridge.Ready, bridge.Claimed, bridge.Fetched, bridge.Loading}})
	if err != nil {
		return 0, false, err
	}
	order.Sort(drops)
	var errs []error
	failed := func(d *bridge.Drop, err error) error {
		switch {
		case bridge.OfFile(err):
			p.e.setbacks.Failed(ofDrop(d), p.e.Clock.Now(), err)
			errs = append(errs, p.stuck(ctx, d, err))
			return nil
		case bridge.FateOf(err) == bridge.Pause:
			return err
		}
		errs = append(errs, err, p.stuck(ctx, d, err))
		return nil
	}
	for _, group := range p.groups(drops) {
		claimed := slices.DeleteFunc(slices.Clone(group), func(d *bridge.Drop) bool {
			return d.State == bridge.Fetched || d.State == bridge.Loading
		})
		for _, do := range []func(context.Context, []*bridge.Drop, func(*bridge.Drop, error) error) error{p.claimAll, p.takeAll} {
			if err := do(ctx, claimed, failed); err != nil {
				return fetched, false, errors.Join(append(errs, err)...)
			}
		}
		for _, d := range group {
			fresh := slices.Contains(claimed, d)
			if fresh && !p.e.setbacks.Rests(ofDrop(d), p.e.Clock.Now()) {
				p.e.setbacks.Failed(ofDrop(d), p.e.Clock.Now(), nil)
			}
			listed = listed || fresh && d.Manifest && d.State == bridge.Fetched
			if !d.Manifest && (d.State == bridge.Fetched || d.State == bridge.Loading) {
				fetched++
			}
		}
	}
	err = errors.Join(errs...)
	return fetched, listed && err == nil, err
}

// groups cuts drops that do not rest after trouble into groups that are taken along together.
func (p *poller) groups(drops []*bridge.Drop) (groups [][]*bridge.Drop) {
	var bytes int64
	for _, d := range drops {
		if p.e.setbacks.Rests(ofDrop(d), p.e.Clock.Now()) {
			continue
		}
		last := len(groups) - 1
		if last < 0 || len(groups[last]) == together || bytes+d.Size > togetherBytes {
			groups, bytes, last = append(groups, nil), 0, last+1
		}
		groups[last], bytes = append(groups[last], d), bytes+d.Size
	}
	return groups
}

// ofDrop is what a drop's trouble is kept under.
func ofDrop(d *bridge.Drop) string { return fmt.Sprintf("drop %d", d.ID) }

// takeAll is take for some drops, whose copies are kept before that is recorded.
func (p *poller) takeAll(ctx context.Context, drops []*bridge.Drop, failed func(*bridge.Drop, error) error) error {
	done, err := stepsOf(ctx, drops, p.take, failed)
	if len(done) == 0 {
		return err
	}
	var copies []string
	for _, s := range done {
		if s.Drop.State == bridge.Fetched {
			copies = append(copies, s.Drop.Spool)
		}
	}
	if lost := spool.Sync(p.e.Spool, copies...); lost != nil {
		return errors.Join(err, lost)
	}
	return errors.Join(err, p.recordAll(ctx, done, failed))
}

// take fetches a drop that is claimed, or ends one that can't be.
func (p *poller) take(ctx context.Context, d *bridge.Drop) (*step, error) {
	switch {
	case d.State != bridge.Claimed:
		return nil, nil
	case d.Size > int64(p.f.MaxSize):
		return nil, p.end(ctx, p.f, d, nil, verdict{state: bridge.Rejected,
			hint:   "if the sender's files are meant to be that large, raise max_size of the feed and have it sent again",
			reason: fmt.Sprintf("it has %d bytes, more than max_size allows (%s)", d.Size, p.f.MaxSize)})
	case spool.NeverFits(p.e.Spool, d.Size):
		return nil, p.end(ctx, p.f, d, nil, verdict{state: bridge.Rejected, hint: spool.HintNeverFits,
			reason: fmt.Sprintf("%s: it has %d bytes, more than the disk of state.dir could ever hold", formats.CodeFileNeverFits, d.Size)})
	case p.e.Clock.Now().Sub(d.SteadyAt) < p.f.Ready.Stable.D():
		return nil, nil // it grew after it was claimed
	case d.Manifest:
		return p.fetchManifest(ctx, d)
	}
	return p.fetch(ctx, d)
}

// stuck keeps with a drop why it does not go on.
func (p *poller) stuck(ctx context.Context, d *bridge.Drop, why error) error {
	reason := why.Error()
	if hint := bridge.HintOf(why); hint != "" {
		reason += " — " + hint
	}
	if d.Reason == reason || d.State != bridge.Ready && d.State != bridge.Claimed {
		return nil
	}
	d.Reason = reason
	event := p.event(bridge.DropTrouble, d, why.Error())
	event.Hint = bridge.HintOf(why)
	return p.advance(ctx, d, d.State, event)
}

// claimAll is claim for some drops. Most of them can be moved together: the first that can't, and those behind it, are moved one by one.
func (p *poller) claimAll(ctx context.Context, drops []*bridge.Drop, failed func(*bridge.Drop, error) error) error {
	var ready []*bridge.Drop
	var files []bridge.Rename
	for _, d := range drops {
		if d.State == bridge.Ready && d.Remote == p.f.Remote && !p.e.ReadOnly[d.Remote] {
			p.e.Events.Step("claim")
			p.e.Events.Step("move to work")
			ready, files = append(ready, d), append(files, bridge.Rename{From: d.Path, To: p.workPath(d, 1)})
		}
	}
	there := moves.All(ctx, bridge.Guarded(p.e.Remotes[p.f.Remote]), p.f.Ready.Marker, files)
	for i, d := range ready[:there] {
		d.Path = files[i].To
	}
	return p.each(ctx, drops, func(ctx context.Context, d *bridge.Drop) (*step, error) {
		return p.claim(ctx, d, slices.Contains(ready[:there], d))
	}, failed)
}

// claim moves a drop into the work folder unless it stands there, its marker first: a marker that stayed behind would make the next
// file of that name look whole. What an attempt that was cut short has moved stands there already, in the size and time that the
// ledger knows; another file in that place is left alone.
func (p *poller) claim(ctx context.Context, d *bridge.Drop, there bool) (*step, error) {
	if d.State != bridge.Ready {
		return nil, nil
	}
	if !there && !p.e.ReadOnly[d.Remote] {
		r, err := p.e.remote(d)
		if err != nil {
			return nil, err
		}
		target, err := p.moveToWork(ctx, r, d)
		if bridge.NotThere(err) {
			d.State, d.Reason, d.Path, d.SettledAt = bridge.Vanished, "the file left the folder before it could be claimed", "", p.e.Clock.Now()
			return came(d, bridge.Ready, p.event(bridge.DropSettled, d, settledText(d))), nil
		}
		if err != nil {
			return nil, err
		}
		d.Path = target
	}
	p.e.Events.Step("claimed")
	d.State, d.Reason, d.ClaimedAt = bridge.Claimed, "", p.e.Clock.Now()
	return came(d, bridge.Ready, p.event(bridge.DropClaimed, d, "")), nil
}

// workPath is the n-th path that a drop may have in the work folder.
func (p *poller) workPath(d *bridge.Drop, n int) string {
	return path.Join(d.Folder, p.f.Folders.Work, bridge.NumberedName(bridge.DerivedName(d.Name, fmt.Sprintf("_d%d", d.ID)), n))
}

// moveToWork moves a drop and its marker into the work folder and returns where it stands. An error that is [bridge.NotThere] says
// that the drop is nowhere.
func (p *poller) moveToWork(ctx context.Context, r bridge.Remote, d *bridge.Drop) (string, error) {
	for n := 1; ; n++ {
		target := p.workPath(d, n)
		file, err := r.Stat(ctx, target)
		switch {
		case err == nil && file.Size == d.Size && bridge.SameTime(file.MTime, d.MTime):
			return target, moves.Marker(ctx, r, p.f.Ready.Marker, d.Path, target)
		case err == nil:
			if _, err := r.Stat(ctx, d.Path); bridge.NotThere(err) {
				return target, nil // it grew while it was moved
			} else if err != nil || n == bridge.MaxStrangers {
				return "", errors.Join(err, &bridge.Error{Op: "claim", Object: bridge.FileObject(d.Remote, target), File: true, Err: fs.ErrExist,
					Hint: "clear the work folder"})
			}
			continue
		case !bridge.NotThere(err):
			return "", err
		}
		if err := moves.Marker(ctx, r, p.f.Ready.Marker, d.Path, target); err != nil {
			return "", err
		}
		p.e.Events.Step("move to work")
		return target, moves.Into(ctx, r, d.Path, target)
	}
}
