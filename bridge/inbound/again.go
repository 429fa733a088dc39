package inbound

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path"
	"slices"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/inbound/order"
)

// A sender may go on with a file that was taken for whole: it paused for longer than the feed waits, and its open handle
// follows the file into the work folder and from there into the archive. So a file that was fetched is looked at once more
// before its last move, and in the archive at each listing for the next ten minutes. What is another file by then is loaded
// again, from where it stands, and an alarm says so.

const (
	lateFor  = 10 * time.Minute // after a drop was settled
	maxLate  = 50               // drops that one listing looks after; the next one goes on with the others
	maxReads = 64 << 20         // bytes of a file that is read at each listing where the server tells no times
)

// lookBack looks after the drops of a feed that were put away within the last minutes, and after those that are held: what a
// guard holds for its few rows may be half a file. On a remote on which nothing is moved the listing itself shows another
// file.
func (p *poller) lookBack(ctx context.Context) error {
	if p.e.ReadOnly[p.f.Remote] {
		return nil
	}
	drops, err := p.e.Ledger.Drops(ctx, bridge.DropFilter{Feed: p.f.Name, Remote: p.f.Remote, Settled: p.e.Clock.Now().Add(-lateFor)})
	if err != nil {
		return err
	}
	held, err := p.e.Ledger.Drops(ctx, bridge.DropFilter{Feed: p.f.Name, Remote: p.f.Remote, States: []bridge.DropState{bridge.Held}})
	if err != nil {
		return err
	}
	if len(p.f.Branches) > 0 {
		if held, err = partsOf(p.e).Held(ctx, p.f); err != nil {
			return err
		}
	}
	held = slices.DeleteFunc(held, func(d *bridge.Drop) bool { return bridge.NoTime(d.MTime) }) // its content is compared in the end
	drops = slices.DeleteFunc(append(drops, held...), func(d *bridge.Drop) bool {
		beyond := bridge.NoTime(d.MTime) && d.Size > maxReads // its content was compared before its last move
		return d.Path == "" || d.Finish != "" || beyond || p.e.setbacks.Rests(lateLook(d), p.e.Clock.Now())
	})
	last, _ := p.e.lateAt.Load(p.f.Name)
	for _, d := range after(drops, last)[:min(len(drops), maxLate)] {
		p.e.lateAt.Store(p.f.Name, d.ID)
		err := (&secondLook{p.journal, p.e.Remotes[p.f.Remote], d}).look(ctx)
		p.e.setbacks.Failed(lateLook(d), p.e.Clock.Now(), err)
		if bridge.OfFile(err) {
			err = p.note(ctx, d, "its file can't be looked at any more: "+err.Error())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func lateLook(d *bridge.Drop) string { return "late look at " + ofDrop(d) }

// after turns a list of drops so that it begins behind the one that was the last.
func after(drops []*bridge.Drop, last any) []*bridge.Drop {
	id, _ := last.(int64)
	i := slices.IndexFunc(drops, func(d *bridge.Drop) bool { return d.ID > id })
	if i < 1 {
		return drops
	}
	return slices.Concat(drops[i:], drops[:i])
}

// secondLook is a look at the file of a drop that was fetched, wherever it stands by now.
type secondLook struct {
	journal
	r bridge.Remote
	d *bridge.Drop
}

// look compares a drop's file with what was fetched, and has another one loaded. A file that is gone was taken away by
// somebody who may.
func (s *secondLook) look(ctx context.Context) error {
	if s.d.Path == "" || s.d.SHA256 == "" {
		return nil // there is none, or it was never fetched
	}
	file, err := s.r.Stat(ctx, s.d.Path)
	if bridge.NotThere(err) {
		return nil
	}
	if err != nil {
		return err
	}
	same, err := s.same(ctx, file)
	if err != nil || same {
		return err
	}
	return s.enterAgain(ctx, file)
}

// same says whether a file is the one that was fetched. Another size tells at once, the same time, too. A server may set the
// time when it renames a file, or tell none: then the content decides, which is read once for each time.
func (s *secondLook) same(ctx context.Context, file bridge.File) (bool, error) {
	switch {
	case file.Size != s.d.Size:
		return false, nil
	case !bridge.NoTime(file.MTime) && (bridge.SameTime(file.MTime, s.d.MTime) || s.e.compared.At(s.d.ID).Equal(file.MTime)):
		return true, nil
	}
	hash := sha256.New()
	if _, err := s.r.Fetch(ctx, s.d.Path, hash); err != nil {
		return false, err
	}
	if hex.EncodeToString(hash.Sum(nil)) != s.d.SHA256 {
		return false, nil
	}
	s.e.compared.Keep(s.d.ID, file.MTime)
	return true, nil
}

// enterAgain enters a file that is another one than was fetched as a new drop where it stands. The earlier drop lets go of it.
// The new one is claimed already, and fetched once it has stood still.
func (s *secondLook) enterAgain(ctx context.Context, file bridge.File) error {
	now := s.e.Clock.Now()
	again := &bridge.Drop{Feed: s.d.Feed, Remote: s.d.Remote, Folder: s.d.Folder, Name: s.d.Name, Path: s.d.Path, Size: file.Size,
		MTime: file.MTime.UTC(), State: bridge.Claimed,
		Reason: fmt.Sprintf("drop %d was this file before its sender went on with it", s.d.ID), Manifest: s.d.Manifest, Date: s.d.Date,
		Seq: s.d.Seq, ListedRows: -1, SeenAt: now, SteadyAt: now, ListedAt: now, ReadyAt: now, ClaimedAt: now}
	if !again.Manifest {
		moment, err := s.e.moments.Of(ctx, s.e.Ledger, again.Feed, now)
		if err != nil {
			return err
		}
		again.Rank = order.Rank(again, moment)
	}
	text := fmt.Sprintf("%s had %d bytes when it was fetched and has %d now: it is loaded again as it is now",
		path.Base(s.d.Path), s.d.Size, file.Size)
	if s.d.Size == file.Size {
		text = fmt.Sprintf("%s has other content than when it was fetched: it is loaded again as it is now", path.Base(s.d.Path))
	}
	moves := []bridge.Move{{Drop: s.d, From: s.d.State}}
	parts, err := partsOf(s.e).HeldParts(ctx, s.d.ID)
	if err != nil {
		return err
	}
	for _, part := range parts {
		part.Reason = also(part.Reason, "its sender went on with the file, which is another drop now")
		moves = append(moves, bridge.Move{Drop: part, From: part.State})
	}
	for _, m := range moves {
		if m.From == bridge.Held { // there is nothing left to decide about it
			m.State, m.SettledAt = bridge.Superseded, now
		}
	}
	s.d.Path, s.d.Reason = "", also(s.d.Reason, "its sender went on with the file, which is another drop now")
	alarm, note := s.alarm(s.d, bridge.AlarmUnfinished, text)
	seen := s.event(bridge.DropSeen, again, again.Reason)
	seen.Bytes = again.Size
	s.e.Events.Step("enter again")
	if err := s.e.Ledger.Note(ctx, alarmNote(s.d.Feed, alarm.Alarm), note); err != nil {
		return err
	}
	listing := bridge.Listing{New: []*bridge.Drop{again}, Moves: moves, At: now}
	return s.told(s.e.Ledger.Listed(ctx, listing, alarm, seen), alarm, seen)
}

// also adds a reason to those that a drop has.
func also(reasons, reason string) string {
	if reasons == "" {
		return reason
	}
	return reasons + "; " + reason
}
