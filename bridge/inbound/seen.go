package inbound

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/bridge/inbound/listing"
	"github.com/orobridge/orobridge/bridge/inbound/order"
)

// Poll lists a feed's folder once and brings every drop as far as it can go: seen, ready, claimed, fetched. It returns
// how many drops are fetched and wait for their turn. The error is the trouble of an end; that of one file stands in its drop.
func (e *Engine) Poll(ctx context.Context, f *config.Feed) (fetched int, err error) {
	p := e.poller(f)
	ctx, done, err := p.takeUp(ctx)
	if err != nil {
		return 0, err
	}
	defer done()
	return p.poll(ctx)
}

// poller brings the drops of one feed from their first listing into the spool.
type poller struct {
	journal
	f *config.Feed
}

func (e *Engine) poller(f *config.Feed) *poller { return &poller{journal{e}, f} }

func (p *poller) poll(ctx context.Context) (fetched int, err error) {
	// What an earlier process began comes first: a listing can't tell a file that was moved by half.
	moved := func() { p.e.movedAt.Store(p.f.Name, p.e.Clock.Now()) }
	defer moved()
	if err := p.tend(ctx); err != nil {
		return 0, err
	}
	some, err := p.resumeClaims(ctx)
	if err != nil {
		return 0, err
	}
	if some {
		moved()
	}
	files, at, err := list(ctx, p.e, p.f)
	if err != nil {
		return 0, err
	}
	p.e.Events.Step("list")
	s, drops, err := p.compare(ctx, files, at)
	if err != nil {
		return 0, err
	}
	for again := true; again; {
		if err := p.watch(ctx, drops, s); err != nil {
			return 0, err
		}
		// A manifest that was read now makes files ready that were listed with it.
		if fetched, again, err = p.claimAndFetch(ctx); again {
			drops = slices.DeleteFunc(drops, func(d *bridge.Drop) bool { return d.State != bridge.Seen })
		}
	}
	return fetched, errors.Join(err, p.tend(ctx), p.closeManifests(ctx), p.sweepMarkers(ctx, s), p.lookBack(ctx))
}

// tend looks after what the feed's shops have of its drops, where there are several.
func (p *poller) tend(ctx context.Context) error {
	if len(p.f.Branches) == 0 {
		return nil
	}
	return partsOf(p.e).Tend(ctx, p.f)
}

// calm is a look at a folder that left nothing to do, and the journal's last event before it.
type calm struct {
	listing.Look
	by   *Engine // by another one the config may be another
	last int64
}

// compare holds a listing against the ledger, unless the folder shows what left nothing to do the last time, and nobody has decided
// anything since: of very many files that wait, each poll would find out the same. It returns the drops that are to be watched.
func (p *poller) compare(ctx context.Context, files []bridge.File, at time.Time) (s *listing.Sifted, waiting []*bridge.Drop, err error) {
	now, behind := calm{listing.LookAt(files, at), p.e, 0}, int64(math.MaxInt64)
	was, _ := p.e.calm.Load(p.f.Name)
	before, same := was.(calm)
	if same = same && before.by == now.by && now.SameAs(before.Look); same {
		behind = before.last
	}
	last, decided, err := p.e.Ledger.Decided(ctx, behind)
	if s = (&listing.Sifted{}); err != nil || same && !decided {
		return s, nil, err
	}
	p.e.calm.Delete(p.f.Name)
	s = listing.Sift(p.f, files)
	waiting, nothing, err := p.enter(ctx, s, at)
	if err != nil {
		return nil, nil, err
	}
	p.e.Events.Step("listed")
	if err = p.tellStrangers(ctx, s); err == nil && nothing && len(s.Refused)+len(s.Markers) == 0 {
		now.last = last
		p.e.calm.Store(p.f.Name, now)
	}
	return s, waiting, err
}

// enter compares a listing with what the ledger knows, all of it and not what is newer than some time stamp: unknown
// files become drops, changed ones start to be watched anew, and those that are gone before they were claimed have
// vanished. It returns the drops that stand in the folder, are not claimed yet, and may be whole; nothing says that all are as they were.
func (p *poller) enter(ctx context.Context, s *listing.Sifted, at time.Time) (waiting []*bridge.Drop, nothing bool, err error) {
	n := &census{poller: p, at: at, unknown: make(map[string]int, len(s.Files))}
	n.listing.At = n.at
	if n.moment, err = p.e.moments.Of(ctx, p.e.Ledger, p.f.Name, n.at); err != nil {
		return nil, false, err
	}
	for i, file := range s.Files {
		n.unknown[file.Name] = i
	}
	open, err := n.open(ctx, s)
	if err != nil {
		return nil, false, err
	}
	for page := range slices.Chunk(open, openPage) {
		drops, err := p.e.Ledger.Drops(ctx, bridge.DropFilter{IDs: page})
		if err != nil {
			return nil, false, err
		}
		for _, d := range drops {
			i, listed := n.unknown[d.Name]
			delete(n.unknown, d.Name)
			switch {
			case !listed:
				n.vanish(d)
			case n.again(d, s.Files[i]) || !p.idle(d, s):
				waiting = append(waiting, d)
			}
		}
	}
	news, err := n.news(ctx, s.Files)
	if err != nil {
		return nil, false, err
	}
	if err := n.refuse(ctx, s); err != nil {
		return nil, false, err
	}
	return append(waiting, news...), len(open)+len(news) == 0, p.told(p.e.Ledger.Listed(ctx, n.listing, n.events...), n.events...)
}

// openPage is how many drops are looked at together.
const openPage = 2000

// idle says that a drop which is listed as it was waits for the same as before. What a manifest lists is known later.
func (p *poller) idle(d *bridge.Drop, s *listing.Sifted) bool {
	if d.State != bridge.Seen || p.f.Ready.Manifest != "" {
		return false
	}
	why, whole := p.whole(d, s.Markers, nil)
	return !whole && why == d.Reason
}

// census is the comparison of one listing with the ledger.
type census struct {
	*poller
	at      time.Time
	moment  time.Time      // for ranks
	unknown map[string]int // files that have no open drop: where they stand in the listing
	listing bridge.Listing
	events  []*bridge.Event
}

// open lists the drops of the feed's folder that are not claimed yet and have to be looked at: all but those that are listed as they
// were, stand for long enough, and wait for the same as before. These may be very many.
func (n *census) open(ctx context.Context, s *listing.Sifted) (open []int64, err error) {
	err = n.e.Ledger.Unclaimed(ctx, n.f.Name, n.f.Remote, n.f.Folder, func(d *bridge.Drop) {
		if i, listed := n.unknown[d.Name]; listed && n.same(d, s.Files[i]) && n.stands(d) && n.idle(d, s) {
			delete(n.unknown, d.Name)
			return
		}
		open = append(open, d.ID)
	})
	return open, err
}

// same says that a file is listed as it was; once the clock was set back it counts as another one.
func (n *census) same(d *bridge.Drop, file bridge.File) bool {
	return d.Size == file.Size && bridge.SameTime(file.MTime, d.MTime) && !n.at.Before(d.SteadyAt)
}

// again is an open drop that is listed again; it says whether its file has changed. That it was there once more is worth keeping
// as long as it has to stand there.
func (n *census) again(d *bridge.Drop, file bridge.File) (changed bool) {
	stood := n.stands(d)
	d.ListedAt = n.at
	if n.same(d, file) {
		if !stood {
			n.listing.Same = append(n.listing.Same, d.ID)
		}
		return false
	}
	n.listing.Moves = append(n.listing.Moves, bridge.Move{Drop: d, From: d.State})
	d.Size, d.MTime, d.State, d.Reason, d.SteadyAt = file.Size, file.MTime.UTC(), bridge.Seen, "", n.at
	d.ListedBy, d.ListedRows, d.ListedSHA256 = 0, -1, ""
	if !d.Manifest {
		d.Rank = order.Rank(d, n.moment)
	}
	return true
}

// news enters the files that have no open drop, but for those that are known for good: one that was claimed on a remote
// where nothing is moved, and one that was settled where it stands and is not moved yet.
func (n *census) news(ctx context.Context, listed []bridge.File) (drops []*bridge.Drop, err error) {
	var files []bridge.File
	for i, file := range listed {
		if at, unknown := n.unknown[file.Name]; unknown && at == i {
			files = append(files, file)
		}
	}
	places, err := n.e.Ledger.Places(ctx, n.f.Name, n.f.Remote, n.f.Folder, files)
	if err != nil {
		return nil, err
	}
	known := map[string]bool{}
	for _, p := range places {
		if n.e.ReadOnly[n.f.Remote] || p.Path == path.Join(n.f.Folder, p.Name) {
			known[p.Name] = true
		}
	}
	for _, file := range files {
		if known[file.Name] {
			continue
		}
		d := n.drop(file)
		d.Path, d.State, d.SteadyAt, d.Manifest = path.Join(n.f.Folder, file.Name), bridge.Seen, n.at, n.f.Ready.Lists(file.Name)
		d.Date, d.Seq, _ = n.f.Match.Match(file.Name)
		if !d.Manifest {
			d.Rank = order.Rank(d, n.moment)
		}
		n.add(d)
		drops = append(drops, d)
	}
	return drops, nil
}

func (n *census) drop(file bridge.File) *bridge.Drop {
	return &bridge.Drop{Feed: n.f.Name, Remote: n.f.Remote, Folder: n.f.Folder, Name: file.Name, Size: file.Size, MTime: file.MTime.UTC(),
		ListedRows: -1, SeenAt: n.at, ListedAt: n.at}
}

func (n *census) add(d *bridge.Drop) {
	n.listing.New = append(n.listing.New, d)
	event := n.event(bridge.DropSeen, d, d.Reason)
	event.Bytes = d.Size
	n.events = append(n.events, event)
}

// refuse enters what can't be taken, each once, as rejected drops without a path: nothing is ever done to them.
func (n *census) refuse(ctx context.Context, s *listing.Sifted) error {
	for _, r := range s.Refused {
		before, err := n.e.Ledger.Drops(ctx, bridge.DropFilter{Feed: n.f.Name, Remote: n.f.Remote, Folder: n.f.Folder, Name: r.Name, Last: 1})
		if err != nil {
			return err
		}
		if len(before) > 0 && before[0].State == bridge.Rejected && before[0].Reason == r.Why {
			continue
		}
		d := n.drop(r.File)
		d.State, d.Reason, d.SettledAt = bridge.Rejected, r.Why, n.at
		n.add(d)
	}
	if s.TooMany > 0 {
		n.events = append(n.events, &bridge.Event{At: n.at, Kind: bridge.Noted, Feed: n.f.Name,
			Text: fmt.Sprintf("%d more that can't be taken than are kept of one listing", s.TooMany)})
	}
	return nil
}

// vanish ends a drop whose file was taken back. One that is being claimed may be gone from the folder because it was moved: the
// claim finds out.
func (n *census) vanish(d *bridge.Drop) {
	if d.State != bridge.Seen {
		return
	}
	d.State, d.Reason, d.Path, d.SettledAt = bridge.Vanished, "the file left the folder before it was whole", "", n.at
	n.listing.Moves = append(n.listing.Moves, bridge.Move{Drop: d, From: bridge.Seen})
	n.events = append(n.events, n.event(bridge.DropSettled, d, settledText(d)))
}

// watch finds out which of the drops that were listed are whole, and what the others wait for.
func (p *poller) watch(ctx context.Context, drops []*bridge.Drop, s *listing.Sifted) error {
	awaited, err := p.awaited(ctx)
	if err != nil {
		return err
	}
	var moves []bridge.Move
	var events []*bridge.Event
	for _, d := range drops {
		if d.State != bridge.Seen {
			continue
		}
		why, whole := p.whole(d, s.Markers, awaited)
		if whole {
			d.State, d.ReadyAt, why = bridge.Ready, p.e.Clock.Now(), ""
			event := p.event(bridge.DropReady, d, "")
			event.Bytes = d.Size
			events = append(events, event)
		} else if d.Reason == why {
			continue
		}
		d.Reason = why
		moves = append(moves, bridge.Move{Drop: d, From: bridge.Seen})
	}
	if len(moves) == 0 {
		return nil
	}
	p.e.Events.Step("ready")
	return p.advanceAll(ctx, moves, events...)
}

// emptyStands is how long a file of 0 bytes that nothing else says to be whole has to stand: senders make the file first and
// write into it when they have something.
const emptyStands = 10 * time.Minute

// mustStand is how long a drop has to be listed as it is before it counts as whole, and why, if it is longer than the feed says.
// Where the server tells no times only the size can change: it has to be the same for two more listings.
func (p *poller) mustStand(d *bridge.Drop) (stable time.Duration, why string) {
	stable, alone := p.f.Ready.Stable.D(), p.f.Ready.Marker == "" && p.f.Ready.Manifest == ""
	if d.Manifest {
		stable, alone = p.f.Ready.ManifestStable.D(), true
	}
	if stable > 0 && bridge.NoTime(d.MTime) {
		stable = max(stable, 2*p.f.Every.D())
	}
	if alone && d.Size == 0 && stable < emptyStands {
		return emptyStands, fmt.Sprintf("it has 0 bytes: its sender has %v to write into it", emptyStands)
	}
	return stable, ""
}

// stands says whether a drop has been listed as it is for long enough.
func (p *poller) stands(d *bridge.Drop) bool {
	stable, _ := p.mustStand(d)
	return d.ListedAt.Sub(d.SteadyAt) >= stable
}

// whole says whether a drop's sender has finished writing it, and what is missing in words if something has to come yet.
func (p *poller) whole(d *bridge.Drop, markers map[string]bridge.File, awaited map[string]listing.Awaited) (why string, ok bool) {
	_, why = p.mustStand(d)
	if d.Manifest {
		return why, p.stands(d)
	}
	if p.f.Ready.Marker != "" {
		marker, ok := markers[d.Name+p.f.Ready.Marker]
		switch {
		case !ok:
			return "waits for its marker " + d.Name + p.f.Ready.Marker, false
		case d.Previous != 0 && p.e.ReadOnly[d.Remote] && marker.MTime.Before(d.MTime):
			return "waits for a marker that is not older than the file", false // the one that is there stays forever
		}
	}
	if p.f.Ready.Manifest != "" {
		entry, ok := awaited[d.Name]
		switch {
		case !ok:
			return "waits for a manifest that lists it", false
		case entry.Size >= 0 && entry.Size != d.Size:
			return fmt.Sprintf("it has %d bytes, manifest %d says %d", d.Size, entry.Manifest, entry.Size), false
		}
		d.ListedBy, d.ListedRows, d.ListedSHA256 = entry.Manifest, entry.Rows, entry.SHA256
	}
	return why, p.stands(d)
}

// maxSwept bounds the markers that one poll takes away.
const maxSwept = 20

// sweepMarkers takes away markers that came again after their file was claimed: they would make the next file of that
// name look whole before it is.
func (p *poller) sweepMarkers(ctx context.Context, s *listing.Sifted) error {
	if p.f.Ready.Marker == "" || p.e.ReadOnly[p.f.Remote] {
		return nil
	}
	for _, file := range s.Files {
		delete(s.Markers, file.Name+p.f.Ready.Marker)
	}
	left := maxSwept
	for name := range s.Markers {
		of := strings.TrimSuffix(name, p.f.Ready.Marker)
		if left--; left < 0 {
			break
		}
		last, err := p.e.Ledger.Drops(ctx, bridge.DropFilter{Feed: p.f.Name, Name: of, Last: 1})
		if err != nil {
			return err
		}
		what := "marker of " + p.f.Name + ": " + name
		if len(last) == 0 || last[0].ClaimedAt.IsZero() || bridge.SafeName(name) != nil || p.e.setbacks.Rests(what, p.e.Clock.Now()) {
			continue
		}
		r := bridge.Guarded(p.e.Remotes[p.f.Remote])
		if _, err := r.Stat(ctx, path.Join(p.f.Folder, of)); !bridge.NotThere(err) {
			continue
		}
		text := "marker " + name + " came without its file: it was taken away"
		err = r.Remove(ctx, path.Join(p.f.Folder, name))
		switch {
		case bridge.NotThere(err):
			err = nil
		case bridge.OfFile(err):
			text = "marker " + name + " came without its file, and stays: " + err.Error()
		case err != nil:
			return err
		}
		p.e.setbacks.Failed(what, p.e.Clock.Now(), err)
		if err := p.note(ctx, last[0], text); err != nil {
			return err
		}
	}
	return nil
}
