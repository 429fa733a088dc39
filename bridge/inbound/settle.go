package inbound

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/bridge/inbound/moves"
	"github.com/orobridge/orobridge/bridge/inbound/papers"
	"github.com/orobridge/orobridge/bridge/inbound/spool"
)

// FinishAll carries out the last moves that a feed still owes. Trouble with one stands in its drop and does not keep the others.
func (e *Engine) FinishAll(ctx context.Context, f *config.Feed) error {
	drops, err := e.Ledger.Drops(ctx, bridge.DropFilter{Feed: f.Name, Owed: true})
	if err != nil {
		return err
	}
	drops = slices.DeleteFunc(drops, func(d *bridge.Drop) bool { return e.setbacks.Rests(ofDrop(d), e.Clock.Now()) })
	var errs []error
	for group := range slices.Chunk(drops, together) {
		failed := func(d *bridge.Drop, err error) error {
			if err = moved(err); err == nil { // it was run again meanwhile: its end comes later
				return nil
			}
			e.setbacks.Failed(ofDrop(d), e.Clock.Now(), err)
			if bridge.OfFile(err) {
				err = e.ending(f, d).unmoved(ctx, err)
			}
			if ctx.Err() != nil || errors.Is(err, bridge.ErrUnreachable) {
				return err
			}
			errs = append(errs, err)
			return nil
		}
		if err := (journal{e}).finish(ctx, f, group, failed); err != nil {
			return errors.Join(append(errs, err)...)
		}
	}
	return errors.Join(errs...)
}

// stillOwed stands in a drop's reason before why its last move is still owed.
const stillOwed = "its last move is owed: "

// unmoved keeps with a settled drop why it is not put away.
func (n *ending) unmoved(ctx context.Context, why error) error {
	settled, _ := cutOwed(n.d.Reason)
	event := n.event(bridge.DropTrouble, n.d, why.Error())
	event.Hint = bridge.HintOf(why)
	text := why.Error()
	if event.Hint != "" {
		text += " — " + event.Hint
	}
	reason := also(settled, stillOwed+text)
	if reason == n.d.Reason {
		return nil
	}
	n.d.Reason = reason
	return moved(n.advance(ctx, n.d, n.d.State, event))
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
	return journal{e}.finish(ctx, f, []*bridge.Drop{d}, func(_ *bridge.Drop, err error) error { return err })
}

// finish is Finish for some drops, whose ends are recorded at once.
func (j journal) finish(ctx context.Context, f *config.Feed, drops []*bridge.Drop, failed func(*bridge.Drop, error) error) error {
	ctx, done, err := j.takeUpEnds(ctx, f)
	if err != nil {
		return err
	}
	defer done()
	if err := bridge.Confirmed(ctx); err != nil { // that the drops have come to an end
		return err
	}
	ends := map[*bridge.Drop]*ending{}
	if _, err = stepsOf(ctx, drops, func(ctx context.Context, d *bridge.Drop) (*step, error) {
		n := j.e.ending(f, d)
		due, err := n.prepare(ctx)
		if due && err == nil {
			ends[d] = n
		}
		return nil, err
	}, failed); err != nil {
		return err
	}
	drops = slices.DeleteFunc(slices.Clone(drops), func(d *bridge.Drop) bool { return ends[d] == nil })
	j.putAwayAll(ctx, f, drops, ends)
	err = j.each(ctx, drops, func(ctx context.Context, d *bridge.Drop) (*step, error) {
		s, err := ends[d].finish(ctx)
		if err == nil {
			j.e.setbacks.Failed(ofDrop(d), j.e.Clock.Now(), nil)
		}
		return s, err
	}, failed)
	j.e.Events.Step("finished")
	return err
}

// ending is what is left to do of a drop that is settled.
type ending struct {
	journal
	f    *config.Feed
	d    *bridge.Drop
	r    bridge.Remote // where the drop stands
	runs []*bridge.Run
	told []int64 // runs of which nothing was to be written
	// shares are what each shop has made of a drop for several; none of one that is a feed's alone.
	shares []papers.Share
}

func (e *Engine) ending(f *config.Feed, d *bridge.Drop) *ending {
	return &ending{journal: journal{e}, f: f, d: d}
}

// prepare does all that comes before the last move. A drop that is not due was put away meanwhile, or run again: its end comes later.
func (n *ending) prepare(ctx context.Context) (due bool, err error) {
	now, err := n.e.Ledger.Drop(ctx, n.d.ID)
	if err != nil {
		return false, err
	}
	if *n.d = *now; n.d.Finish == "" || !n.d.State.Settled() || n.e.ReadOnly[n.d.Remote] {
		return n.d.Finish != "" && n.d.State.Settled(), nil
	}
	if n.r, err = n.e.remote(n.d); err != nil {
		return false, err
	}
	if err := n.gather(ctx); err != nil {
		return false, err
	}
	if err := n.answer(ctx); err != nil {
		return false, err
	}
	return true, (&secondLook{n.journal, n.r, n.d}).look(ctx)
}

// putAwayAll moves the files of settled drops together, up to the first that can't be moved so; what is left is moved one by one.
func (j journal) putAwayAll(ctx context.Context, f *config.Feed, drops []*bridge.Drop, ends map[*bridge.Drop]*ending) {
	var due []*bridge.Drop
	var files []bridge.Rename
	for _, d := range drops {
		if n := ends[d]; n.r != nil && !n.stands() && d.Remote == f.Remote {
			j.e.Events.Step("finish")
			j.e.Events.Step("move away")
			due, files = append(due, d), append(files, bridge.Rename{From: d.Path, To: n.target(1)})
		}
	}
	for i := range moves.All(ctx, bridge.Guarded(j.e.Remotes[f.Remote]), f.Ready.Marker, files) {
		due[i].Path = files[i].To
	}
}

// finish moves the file away unless it was, and says that the drop is done with.
func (n *ending) finish(ctx context.Context) (*step, error) {
	if n.r != nil {
		if err := n.putAway(ctx); err != nil {
			return nil, err
		}
		if err := n.makeRoom(ctx); err != nil {
			return nil, err
		}
	}
	n.d.Reason, _ = cutOwed(n.d.Reason)
	n.d.Finish = ""
	n.e.Events.Step("finish recorded")
	s := came(n.d, n.d.State, n.event(bridge.DropPutAway, n.d, n.d.Path))
	s.Told = n.told
	return s, nil
}

// makeRoom removes the copy of a large file that was put away: whoever needs it again fetches it from there.
func (n *ending) makeRoom(ctx context.Context) error {
	if n.d.Size <= spool.Small || n.d.Path == "" || path.Dir(n.d.Path) == path.Clean(n.d.Folder) {
		return nil
	}
	for _, s := range n.shares { // the same bytes
		if s.Drop.Spool != "" {
			n.d.Spool, s.Drop.Spool = s.Drop.Spool, ""
			if err := moved(n.advance(ctx, s.Drop, s.Drop.State)); err != nil {
				return err
			}
		}
	}
	if n.d.Spool == "" {
		return nil
	}
	if err := os.Remove(n.e.spool(n.d)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return spool.Trouble(err)
	}
	n.d.Spool = ""
	return nil
}

// gather reads the runs of a drop, and those of its parts.
func (n *ending) gather(ctx context.Context) (err error) {
	if n.runs, err = n.e.Ledger.Runs(ctx, n.d.ID); err != nil || len(n.f.Branches) == 0 {
		return err
	}
	parts, err := n.e.Ledger.Drops(ctx, bridge.DropFilter{Front: n.d.ID})
	for _, part := range parts {
		runs, err := n.e.Ledger.Runs(ctx, part.ID)
		if err != nil {
			return err
		}
		_, shop := bridge.SplitShop(part.Feed)
		n.shares, n.runs = append(n.shares, papers.Share{Shop: shop, Drop: part, Runs: runs}), append(n.runs, runs...)
	}
	slices.SortFunc(n.runs, func(x, y *bridge.Run) int { return cmp.Compare(x.ID, y.ID) })
	return err
}

// haveBytes brings the drop's bytes back, also where an attempt of another machine that was cut short has put the file away already.
func (n *ending) haveBytes(ctx context.Context) error {
	was := *n.d
	err := n.e.haveBytes(ctx, "answer", n.d)
	if bridge.NotThere(err) && n.search(ctx) == nil && n.d.Path != "" {
		return n.e.haveBytes(ctx, "answer", n.d)
	}
	if err != nil {
		*n.d = was
	}
	return err
}

// answerAll writes what the sender gets of a drop for several shops: the rejects of each run, and receipts that tell of all.
func (n *ending) answerAll(ctx context.Context) error {
	if n.d.Spool != "" {
		if err := n.haveBytes(ctx); err != nil {
			return err
		}
	}
	for _, s := range n.shares {
		for _, run := range s.Due() {
			paths, err := n.writer(s.Drop).WriteRejects(ctx, run)
			if err == nil {
				err = n.e.Ledger.Reported(ctx, n.d.ID, 0, paths)
			}
			if err != nil {
				return err
			}
		}
	}
	paths, err := n.writer(n.d).WriteTogether(ctx, n.shares)
	if err != nil {
		return err
	}
	n.e.Events.Step("told")
	if err := n.e.Ledger.Reported(ctx, n.d.ID, 0, paths); err != nil {
		return err
	}
	for _, s := range n.shares {
		for _, run := range s.Due() {
			if err := n.e.Ledger.Reported(ctx, s.Drop.ID, run.ID, nil); err != nil {
				return err
			}
		}
	}
	return nil
}

func (n *ending) writer(d *bridge.Drop) *papers.Writer {
	return &papers.Writer{Ledger: n.e.Ledger, Clock: n.e.Clock, Events: n.e.Events, Spool: n.e.Spool, Remote: n.r, Feed: n.f, Drop: d}
}

// answer writes for each run that has ended what the sender gets of it: rejects and receipts. A drop without a run gets them once, too.
func (n *ending) answer(ctx context.Context) error {
	if len(n.shares) > 0 {
		return n.answerAll(ctx)
	}
	if len(n.runs) == 0 {
		return n.answerRun(ctx, nil)
	}
	for _, run := range n.runs {
		if run.Reported || run.State != bridge.Done && run.State != bridge.Failed {
			continue
		}
		if err := n.answerRun(ctx, run); err != nil {
			return err
		}
	}
	return nil
}

// answerRun writes what the sender gets of a run, and records what was written: what is old goes by these names.
func (n *ending) answerRun(ctx context.Context, run *bridge.Run) error {
	if run != nil && n.d.Spool != "" {
		if err := n.haveBytes(ctx); err != nil {
			return err
		}
	}
	paths, err := n.writer(n.d).Write(ctx, run)
	if err != nil {
		return err
	}
	n.e.Events.Step("told")
	switch {
	case run == nil:
		return n.e.Ledger.Reported(ctx, n.d.ID, 0, paths)
	case len(paths) == 0: // recorded with the last move
		n.told = append(n.told, run.ID)
		return nil
	}
	return n.e.Ledger.Reported(ctx, n.d.ID, run.ID, paths)
}

// stands says that the file stands where it is to end, or is nowhere.
func (n *ending) stands() bool {
	return n.d.Path == "" || path.Dir(n.d.Path) == path.Join(n.d.Folder, n.d.Finish)
}

// target is the n-th path that the file may end under.
func (n *ending) target(try int) string {
	var last *bridge.Run
	if len(n.runs) > 0 {
		last = n.runs[len(n.runs)-1]
	}
	name := bridge.DerivedName(n.d.Name, papers.Tag(n.d, last))
	return path.Join(n.d.Folder, n.d.Finish, bridge.NumberedName(name, try))
}

// putAway moves a settled drop, with its marker, out of the way. A file that somebody has taken away is not looked for forever.
func (n *ending) putAway(ctx context.Context) error {
	if n.stands() {
		return nil
	}
	n.e.Events.Step("finish")
	for try := 1; ; try++ {
		target := n.target(try)
		err := moves.Marker(ctx, n.r, n.f.Ready.Marker, n.d.Path, target)
		if err == nil {
			n.e.Events.Step("move away")
			err = moves.Into(ctx, n.r, n.d.Path, target)
		}
		switch {
		case err == nil:
			n.d.Path = target
			return nil
		case errors.Is(err, fs.ErrExist) && try < bridge.MaxStrangers:
			if _, err := n.r.Stat(ctx, n.d.Path); err == nil {
				continue // another file has that name, of a ledger that is no more
			} else if !bridge.NotThere(err) {
				return err
			}
			n.d.Path = target // moved by an attempt that was cut short
			return nil
		case bridge.NotThere(err):
			return n.search(ctx)
		default:
			return err
		}
	}
}

// search looks for a file that is not where the ledger says: a try that was cut short may have moved it under an earlier run's name.
func (n *ending) search(ctx context.Context) error {
	for _, run := range append([]*bridge.Run{nil}, n.runs...) {
		for _, folder := range []string{n.f.Folders.Archive, n.f.Folders.Rejected} {
			at := path.Join(n.d.Folder, folder, bridge.DerivedName(n.d.Name, papers.Tag(n.d, run)))
			if _, err := n.r.Stat(ctx, at); err == nil {
				n.d.Path = at
				return nil
			} else if !bridge.NotThere(err) {
				return err
			}
		}
	}
	n.d.Reason = strings.TrimPrefix(n.d.Reason+"; its file was taken away from "+n.d.Path, "; ")
	n.d.Path = ""
	return nil
}
