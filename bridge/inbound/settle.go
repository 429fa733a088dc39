package inbound

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"strings"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/bridge/inbound/papers"
)

// FinishAll carries out the last moves that a feed still owes. Trouble with one stands in its drop and does not keep the others.
func (e *Engine) FinishAll(ctx context.Context, f *config.Feed) error {
	drops, err := e.Ledger.Drops(ctx, bridge.DropFilter{Feed: f.Name, Owed: true})
	if err != nil {
		return err
	}
	var errs []error
	for _, d := range drops {
		if e.setbacks.Rests(ofDrop(d), e.Clock.Now()) {
			continue
		}
		err := e.Finish(ctx, f, d)
		e.setbacks.Failed(ofDrop(d), e.Clock.Now(), err)
		if bridge.OfFile(err) {
			err = e.unmoved(ctx, d, err)
		}
		errs = append(errs, err)
		if ctx.Err() != nil || errors.Is(err, bridge.ErrUnreachable) {
			break
		}
	}
	return errors.Join(errs...)
}

// stillOwed stands in a drop's reason before why its last move is still owed.
const stillOwed = "its last move is owed: "

// unmoved keeps with a settled drop why it is not put away.
func (e *Engine) unmoved(ctx context.Context, d *bridge.Drop, why error) error {
	settled, _ := cutOwed(d.Reason)
	event := e.event(bridge.DropTrouble, d, why.Error())
	event.Hint = bridge.HintOf(why)
	text := why.Error()
	if event.Hint != "" {
		text += " — " + event.Hint
	}
	reason := also(settled, stillOwed+text)
	if reason == d.Reason {
		return nil
	}
	d.Reason = reason
	return moved(e.advance(ctx, d, d.State, event))
}

// cutOwed takes the trouble of the last move out of a drop's reason.
func cutOwed(reason string) (settled string, owed bool) {
	settled, _, owed = strings.Cut(reason, stillOwed)
	return strings.TrimSuffix(settled, "; "), owed
}

// Finish writes what the sender gets of a settled drop and moves its file away. Each part may be repeated: names carry
// the run, and what stands there already was written by an attempt that was cut short. It never loads anything. On a
// remote on which nothing is moved it only closes the drop in the ledger, which has all of it.
func (e *Engine) Finish(ctx context.Context, f *config.Feed, d *bridge.Drop) error {
	e.finishing.Lock()
	defer e.finishing.Unlock()
	now, err := e.Ledger.Drop(ctx, d.ID)
	if err != nil {
		return err
	}
	if *d = *now; d.Finish == "" || !d.State.Settled() {
		return nil // done meanwhile, or run again: its end comes later
	}
	if !e.ReadOnly[d.Remote] {
		r, err := e.remote(d)
		if err != nil {
			return err
		}
		runs, err := e.Ledger.Runs(ctx, d.ID)
		if err != nil {
			return err
		}
		if err := e.answer(ctx, r, f, d, runs); err != nil {
			return err
		}
		if err := e.lookAgain(ctx, r, f, d); err != nil {
			return err
		}
		if err := e.putAway(ctx, r, f, d, runs); err != nil {
			return err
		}
	}
	d.Reason, _ = cutOwed(d.Reason)
	d.Finish = ""
	e.Events.Step("finish recorded")
	err = e.advance(ctx, d, d.State, e.event(bridge.DropPutAway, d, d.Path))
	e.Events.Step("finished")
	return err
}

// answer writes for each run that has ended what the sender gets of it: a file with the rejects, and receipts. A drop that
// never had a run gets them once as well.
func (e *Engine) answer(ctx context.Context, r bridge.Remote, f *config.Feed, d *bridge.Drop, runs []*bridge.Run) error {
	if len(runs) == 0 {
		return e.answerRun(ctx, r, f, d, nil)
	}
	for _, run := range runs {
		if run.Reported || run.State != bridge.Done && run.State != bridge.Failed {
			continue
		}
		if err := e.answerRun(ctx, r, f, d, run); err != nil {
			return err
		}
	}
	return nil
}

// answerRun writes what the sender gets of a run, and records what was written: what is old goes by these names.
func (e *Engine) answerRun(ctx context.Context, r bridge.Remote, f *config.Feed, d *bridge.Drop, run *bridge.Run) error {
	w := &papers.Writer{Ledger: e.Ledger, Clock: e.Clock, Events: e.Events, Spool: e.Spool, Remote: r, Feed: f, Drop: d}
	paths, err := w.Write(ctx, run)
	if err != nil {
		return err
	}
	e.Events.Step("told")
	id := int64(0)
	if run != nil {
		id = run.ID
	}
	return e.Ledger.Reported(ctx, d.ID, id, paths)
}

// putAway moves a settled drop, with its marker, out of the way. A file that somebody has taken away meanwhile is not
// looked for forever.
func (e *Engine) putAway(ctx context.Context, r bridge.Remote, f *config.Feed, d *bridge.Drop, runs []*bridge.Run) error {
	folder := path.Join(d.Folder, d.Finish)
	if d.Path == "" || path.Dir(d.Path) == folder {
		return nil
	}
	var last *bridge.Run
	if len(runs) > 0 {
		last = runs[len(runs)-1]
	}
	name := bridge.DerivedName(d.Name, papers.Tag(d, last))
	e.Events.Step("finish")
	for n := 1; ; n++ {
		target := path.Join(folder, bridge.NumberedName(name, n))
		err := e.moveMarker(ctx, r, f, d.Path, target)
		if err == nil {
			e.Events.Step("move away")
			err = e.moveInto(ctx, r, d.Path, target)
		}
		switch {
		case err == nil:
			d.Path = target
			return nil
		case errors.Is(err, fs.ErrExist) && n < bridge.MaxStrangers:
			if _, err := r.Stat(ctx, d.Path); err == nil {
				continue // another file has that name, of a ledger that is no more
			} else if !bridge.NotThere(err) {
				return err
			}
			d.Path = target // moved by an attempt that was cut short
			return nil
		case bridge.NotThere(err):
			return e.search(ctx, r, f, d, runs)
		default:
			return err
		}
	}
}

// search looks for a file that does not stand where the ledger says: an attempt that was cut short may have moved it
// under the name of an earlier run.
func (e *Engine) search(ctx context.Context, r bridge.Remote, f *config.Feed, d *bridge.Drop, runs []*bridge.Run) error {
	for _, run := range append([]*bridge.Run{nil}, runs...) {
		for _, folder := range []string{f.Folders.Archive, f.Folders.Rejected} {
			at := path.Join(d.Folder, folder, bridge.DerivedName(d.Name, papers.Tag(d, run)))
			if _, err := r.Stat(ctx, at); err == nil {
				d.Path = at
				return nil
			} else if !bridge.NotThere(err) {
				return err
			}
		}
	}
	d.Reason = strings.TrimPrefix(d.Reason+"; its file was taken away from "+d.Path, "; ")
	d.Path = ""
	return nil
}
