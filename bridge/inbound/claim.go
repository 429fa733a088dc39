package inbound

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/bridge/inbound/order"
	"github.com/orobridge/orobridge/bridge/inbound/spool"
	"github.com/orobridge/orobridge/formats"
)

// resumeClaims finishes the claims that were cut short.
func (e *Engine) resumeClaims(ctx context.Context, f *config.Feed) error {
	drops, err := e.Ledger.Drops(ctx, bridge.DropFilter{Feed: f.Name, States: []bridge.DropState{bridge.Ready}})
	for _, d := range drops {
		if err != nil {
			break
		}
		if e.setbacks.Rests(ofDrop(d), e.Clock.Now()) {
			continue
		}
		if err = e.claim(ctx, f, d); bridge.OfFile(err) || err != nil && bridge.FateOf(err) == bridge.Stop {
			err = nil // told when its turn comes
		}
	}
	return err
}

// claimAndFetch claims and fetches every drop of a feed that is whole, in the feed's order. Trouble with one file is kept with
// its drop and the others go on; trouble of the end is returned. It says whether a manifest was read.
func (e *Engine) claimAndFetch(ctx context.Context, f *config.Feed) (fetched int, listed bool, err error) {
	drops, err := e.Ledger.Drops(ctx, bridge.DropFilter{Feed: f.Name, States: []bridge.DropState{bridge.Ready, bridge.Claimed, bridge.Fetched, bridge.Loading}})
	if err != nil {
		return 0, false, err
	}
	order.Sort(drops)
	var errs []error
	for _, d := range drops {
		if e.setbacks.Rests(ofDrop(d), e.Clock.Now()) {
			continue
		}
		before := d.State
		err := e.forward(ctx, f, d)
		switch {
		case err == nil:
			e.setbacks.Failed(ofDrop(d), e.Clock.Now(), nil)
		case bridge.OfFile(err):
			e.setbacks.Failed(ofDrop(d), e.Clock.Now(), err)
			errs = append(errs, e.stuck(ctx, d, err))
			continue
		default:
			errs = append(errs, err)
			if bridge.FateOf(err) == bridge.Pause {
				return fetched, false, errors.Join(errs...)
			}
			errs = append(errs, e.stuck(ctx, d, err))
		}
		listed = listed || d.Manifest && d.State == bridge.Fetched && before != bridge.Fetched
		if !d.Manifest && (d.State == bridge.Fetched || d.State == bridge.Loading) {
			fetched++
		}
	}
	err = errors.Join(errs...)
	return fetched, listed && err == nil, err
}

// ofDrop is what a drop's trouble is kept under.
func ofDrop(d *bridge.Drop) string { return fmt.Sprintf("drop %d", d.ID) }

// forward takes one drop as far as it can go now.
func (e *Engine) forward(ctx context.Context, f *config.Feed, d *bridge.Drop) error {
	if d.State == bridge.Ready {
		if err := e.claim(ctx, f, d); err != nil {
			return err
		}
	}
	switch {
	case d.State != bridge.Claimed:
		return nil
	case d.Remote == bridge.ByHand:
		d.State, d.Reason, d.SettledAt = bridge.Vanished, "the copying of the file was cut short: load it again", e.Clock.Now()
		return e.advance(ctx, d, bridge.Claimed, e.event(bridge.DropSettled, d, settledText(d)))
	case d.Size > int64(f.MaxSize):
		return e.end(ctx, f, d, nil, verdict{state: bridge.Rejected, reason: fmt.Sprintf("it has %d bytes, more than max_size allows (%s)", d.Size, f.MaxSize)})
	case spool.NeverFits(e.Spool, d.Size):
		return e.end(ctx, f, d, nil, verdict{state: bridge.Rejected, hint: spool.HintNeverFits,
			reason: fmt.Sprintf("%s: it has %d bytes, more than the disk of state.dir could ever hold", formats.CodeFileNeverFits, d.Size)})
	case e.Clock.Now().Sub(d.SteadyAt) < f.Ready.Stable.D():
		return nil // it grew after it was claimed
	case d.Manifest:
		return e.fetchManifest(ctx, f, d)
	}
	return e.fetch(ctx, f, d)
}

// stuck keeps with a drop why it does not go on.
func (e *Engine) stuck(ctx context.Context, d *bridge.Drop, why error) error {
	reason := why.Error()
	if hint := bridge.HintOf(why); hint != "" {
		reason += " — " + hint
	}
	if d.Reason == reason || d.State != bridge.Ready && d.State != bridge.Claimed {
		return nil
	}
	d.Reason = reason
	event := e.event(bridge.DropTrouble, d, why.Error())
	event.Hint = bridge.HintOf(why)
	return e.advance(ctx, d, d.State, event)
}

// claim moves a drop into the work folder, its marker first: a marker that stayed behind would make the next file of
// that name look whole. What an attempt that was cut short has moved stands there already, in the size and time that the
// ledger knows; another file in that place is left alone.
func (e *Engine) claim(ctx context.Context, f *config.Feed, d *bridge.Drop) error {
	if !e.ReadOnly[d.Remote] {
		r, err := e.remote(d)
		if err != nil {
			return err
		}
		e.Events.Step("claim")
		target, err := e.moveToWork(ctx, r, f, d)
		if bridge.NotThere(err) {
			d.State, d.Reason, d.Path, d.SettledAt = bridge.Vanished, "the file left the folder before it could be claimed", "", e.Clock.Now()
			return e.advance(ctx, d, bridge.Ready, e.event(bridge.DropSettled, d, settledText(d)))
		}
		if err != nil {
			return err
		}
		d.Path = target
	}
	e.Events.Step("claimed")
	d.State, d.Reason, d.ClaimedAt = bridge.Claimed, "", e.Clock.Now()
	return e.advance(ctx, d, bridge.Ready, e.event(bridge.DropClaimed, d, ""))
}

// moveToWork moves a drop and its marker into the work folder and returns where it stands. An error that is [bridge.NotThere] says
// that the drop is nowhere.
func (e *Engine) moveToWork(ctx context.Context, r bridge.Remote, f *config.Feed, d *bridge.Drop) (string, error) {
	for n := 1; ; n++ {
		target := path.Join(d.Folder, f.Folders.Work, bridge.NumberedName(bridge.DerivedName(d.Name, fmt.Sprintf("_d%d", d.ID)), n))
		file, err := r.Stat(ctx, target)
		switch {
		case err == nil && file.Size == d.Size && bridge.SameTime(file.MTime, d.MTime):
			return target, e.moveMarker(ctx, r, f, d.Path, target)
		case err == nil:
			if _, err := r.Stat(ctx, d.Path); bridge.NotThere(err) {
				return target, nil // it grew while it was moved
			} else if err != nil || n == bridge.MaxStrangers {
				return "", errors.Join(err, &bridge.Error{Op: "claim", Object: bridge.FileObject(d.Remote, target), File: true, Err: fs.ErrExist, Hint: "clear the work folder"})
			}
			continue
		case !bridge.NotThere(err):
			return "", err
		}
		if err := e.moveMarker(ctx, r, f, d.Path, target); err != nil {
			return "", err
		}
		e.Events.Step("move to work")
		return target, e.moveInto(ctx, r, d.Path, target)
	}
}

// moveMarker moves the marker of a file along with it. One that came again is taken away.
func (e *Engine) moveMarker(ctx context.Context, r bridge.Remote, f *config.Feed, from, to string) error {
	if f.Ready.Marker == "" {
		return nil
	}
	from, to = beside(from, f.Ready.Marker), beside(to, f.Ready.Marker)
	err := e.moveInto(ctx, r, from, to)
	if errors.Is(err, fs.ErrExist) {
		err = r.Remove(ctx, from)
	}
	if bridge.NotThere(err) {
		return nil
	}
	return err
}

// beside is the path of a file's marker, wherever the file stands.
func beside(p, marker string) string {
	return path.Join(path.Dir(p), bridge.DerivedName(path.Base(p)+marker, ""))
}

// moveInto moves a file, making the target's folder when it is not there.
func (e *Engine) moveInto(ctx context.Context, r bridge.Remote, from, to string) error {
	err := r.Move(ctx, from, to)
	if bridge.NotThere(err) {
		if _, err := r.Stat(ctx, path.Dir(to)); !bridge.NotThere(err) {
			return errors.Join(err, &bridge.Error{Op: "move", Object: from, File: true, Err: fs.ErrNotExist})
		}
		if err := r.MakeFolder(ctx, path.Dir(to)); err != nil {
			return err
		}
		err = r.Move(ctx, from, to)
	}
	return err
}

// remote is where a drop stands. A config that no longer has it keeps the drop as it is.
func (e *Engine) remote(d *bridge.Drop) (bridge.Remote, error) {
	if r, ok := e.Remotes[d.Remote]; ok {
		return r, nil
	}
	return nil, &bridge.Error{Op: "reach", Object: fmt.Sprintf("drop %d", d.ID), Err: fmt.Errorf("the config has no remote %q any more", d.Remote),
		Hint: "put the remote back until all of its drops are put away"}
}
