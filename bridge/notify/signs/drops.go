package signs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
)

// looked is how many drops of a kind are looked at in one feed: a sign counts no more.
const looked = 1000

// verdict is how a drop that was settled went.
type verdict struct {
	settled time.Time // the drop, when that was found out
	bad     bool
	text    string
	open    time.Time // when a reject of it was last found to be open
}

// recheck is how often it is looked whether a drop still has an open reject.
const recheck = time.Minute

// WatchedNote is the name of the note that keeps since when this ledger is watched: drops from before are nobody's alarm.
const WatchedNote = "alarms watched since"

// ExpectNote is the name of the note that keeps what a feed expects, and since when.
func ExpectNote(feed string) string { return "alarms expect " + feed }

// ofFeed looks for the signs of a feed.
func (w *Watcher) ofFeed(ctx context.Context, f *config.Feed, now time.Time, notes map[string]string) ([]Sign, error) {
	open, openErr := w.open(ctx, f)
	settled, settledErr := w.settled(ctx, f, now, notes)
	missing, missingErr := w.missing(ctx, f, now, notes)
	return slices.Concat(open, settled, missing), errors.Join(openErr, settledErr, missingErr)
}

// open are the signs of drops that are not settled. What waits behind a drop that is held has no sign of its own.
func (w *Watcher) open(ctx context.Context, f *config.Feed) ([]Sign, error) {
	held, err := w.Ledger.Drops(ctx, bridge.DropFilter{Feed: f.Name, States: []bridge.DropState{bridge.Held}, Last: looked})
	if err != nil {
		return nil, err
	}
	if len(held) > 0 {
		return []Sign{ofDrops(f, bridge.AlarmHeld, held, held[0].Reason)}, nil
	}
	var waiting []*bridge.Drop
	for _, state := range []bridge.DropState{bridge.Loading, bridge.Fetched, bridge.Claimed, bridge.Ready} { // each by an index
		if state == bridge.Loading && len(f.Branches) > 0 {
			continue // what the shops' parts wait for is a sign of theirs
		}
		drops, err := w.Ledger.Drops(ctx, bridge.DropFilter{Feed: f.Name, States: []bridge.DropState{state}, Last: looked})
		if err != nil {
			return nil, err
		}
		waiting = append(waiting, slices.DeleteFunc(drops, func(d *bridge.Drop) bool { return d.Reason == "" })...)
	}
	if len(waiting) == 0 {
		return nil, nil
	}
	s := ofDrops(f, bridge.AlarmBlocked, waiting, waiting[0].Reason)
	s.After = w.Limits.Paused.D()
	return []Sign{s}, nil
}

// ofDrops is a sign of some drops of a feed, of which there is one at least.
func ofDrops(f *config.Feed, a bridge.Alarm, drops []*bridge.Drop, why string) Sign {
	first := drops[0]
	text := first.Name
	if why != "" {
		text += ": " + why
	}
	if n := len(drops); n > 1 {
		text = fmt.Sprintf("%d files; the first is %s", n, text)
	}
	s := of("feed "+f.Name, a, int64(len(drops)), text)
	s.File, s.Drop, s.Begun = first.Name, first.ID, first.SettledAt
	return s
}

// settled are the signs of drops that were rejected, or of which too many rows were. They are over once nothing of them is open
// any more: run again, discarded, their rejects mended or acknowledged; in mode full with a later drop that was loaded.
func (w *Watcher) settled(ctx context.Context, f *config.Feed, now time.Time, notes map[string]string) ([]Sign, error) {
	last, err := w.Ledger.Drops(ctx, bridge.DropFilter{Feed: f.Name, States: []bridge.DropState{bridge.Loaded}, Last: 1})
	if err != nil {
		return nil, err
	}
	var loaded time.Time
	if len(last) > 0 {
		loaded = last[0].SettledAt
	}
	var signs []Sign
	for _, x := range []struct {
		alarm bridge.Alarm
		state bridge.DropState
	}{{bridge.AlarmRejected, bridge.Rejected}, {bridge.AlarmPartial, bridge.Partial}} {
		since := timeNoted(notes, WatchedNote)
		if seen := bridge.Floor(notes, "feed "+f.Name, x.alarm); seen.After(since) {
			since = seen
		}
		if f.Mode == "full" && loaded.After(since) {
			since = loaded
		}
		drops, err := w.Ledger.Drops(ctx, bridge.DropFilter{Feed: f.Name, States: []bridge.DropState{x.state}, Settled: since, Last: looked})
		if err != nil {
			return signs, err
		}
		bad, text, err := w.bad(ctx, f, drops, since, now)
		if err != nil {
			return signs, err
		}
		if len(bad) == 0 {
			continue
		}
		s := ofDrops(f, x.alarm, bad, text)
		s.Mended = loaded.After(bad[len(bad)-1].SettledAt)
		signs = append(signs, s)
	}
	return signs, nil
}

func timeNoted(notes map[string]string, name string) time.Time {
	t, _ := time.Parse(time.RFC3339Nano, notes[name])
	return t
}

// bad are those of some drops that went wrong after a time, and why the first one did. Manifests that were rejected count as well.
func (w *Watcher) bad(ctx context.Context, f *config.Feed, drops []*bridge.Drop, after, now time.Time) (bad []*bridge.Drop,
	text string, err error) {
	for _, d := range drops {
		if !d.SettledAt.After(after) {
			continue
		}
		v, err := w.judge(ctx, f, d, now)
		if err != nil {
			return nil, "", err
		}
		if !v.bad {
			continue
		}
		if bad = append(bad, d); len(bad) == 1 {
			text = v.text
		}
	}
	return bad, text, nil
}

// judge says how a drop went. Of a partial one that is looked up; how many rows were rejected does not change, but whether one of
// them is still open does.
func (w *Watcher) judge(ctx context.Context, f *config.Feed, d *bridge.Drop, now time.Time) (verdict, error) {
	v, known := w.judged[d.ID]
	if d.State == bridge.Rejected {
		v = verdict{settled: d.SettledAt, bad: true, text: d.Reason}
		if len(f.Branches) == 0 {
			return v, nil
		}
		parts, err := w.Ledger.Drops(ctx, bridge.DropFilter{Front: d.ID, First: 1})
		v.bad = len(parts) == 0 // what came of the shops' parts are signs of theirs
		return v, err
	}
	if !known || !v.settled.Equal(d.SettledAt) {
		runs, err := w.Ledger.Runs(ctx, d.ID)
		if err != nil {
			return v, err
		}
		v = verdict{settled: d.SettledAt}
		if len(runs) > 0 {
			r := runs[len(runs)-1]
			v.bad = r.Rejected > 0 && w.Limits.Partial.Exceeded(r.Rejected, r.Rows)
			v.text = fmt.Sprintf("%d of %d rows were rejected", r.Rejected, r.Rows)
		}
	}
	if v.bad && now.Sub(v.open) >= recheck {
		open := 0
		err := w.Ledger.Rejects(ctx, bridge.RejectFilter{Drop: d.ID, Open: true, Bare: true, Last: 1}, func(bridge.RejectRow) error {
			open++
			return nil
		})
		if err != nil {
			return v, err
		}
		if v.open = now; open == 0 {
			return verdict{}, nil // and looked up again: somebody may run the drop once more
		}
	}
	if w.judged == nil || len(w.judged) > 100*looked {
		w.judged = map[int64]verdict{}
	}
	w.judged[d.ID] = v
	return v, nil
}

// arrived is how many arrivals of a feed are looked at.
const arrived = 500

// firstLook is how long the first look into a feed's folder may take.
const firstLook = 30 * time.Second

// missing is the sign of a drop that did not come. A process that has just begun looks first: the file may be there.
func (w *Watcher) missing(ctx context.Context, f *config.Feed, now time.Time, notes map[string]string) ([]Sign, error) {
	if f.Expect == nil || now.Before(w.Began.Add(f.Every.D()+firstLook)) && !w.Began.IsZero() {
		return nil, nil
	}
	known := ExpectedSince(f, notes)
	if known.IsZero() {
		return nil, nil // it is noted first
	}
	rule := f.Expect.Rule
	arrivals, err := w.Ledger.CameSince(ctx, f.Name, rule.Reach(now), arrived)
	if err != nil {
		return nil, err
	}
	o := rule.Judge(now, known, arrivals)
	if o == nil {
		return nil, nil
	}
	text := "a file was expected by " + o.Since.In(rule.Zone).Format("2006-01-02 15:04 MST")
	if !o.Last.IsZero() {
		text += ", the last one came " + o.Last.In(rule.Zone).Format("2006-01-02 15:04 MST")
	}
	s := of("feed "+f.Name, bridge.AlarmMissing, 1, text)
	s.Begun = o.Since
	return []Sign{s}, nil
}

// ExpectedSince is the time since which a feed expects what it does; zero when that is not noted yet.
func ExpectedSince(f *config.Feed, notes map[string]string) time.Time {
	var since, what string
	for i, c := range notes[ExpectNote(f.Name)] {
		if c == ' ' {
			since, what = notes[ExpectNote(f.Name)][:i], notes[ExpectNote(f.Name)][i+1:]
			break
		}
	}
	if what != f.Expect.String() {
		return time.Time{}
	}
	t, _ := time.Parse(time.RFC3339Nano, since)
	return t
}

// Expectations are the notes that are missing of what feeds expect from now on.
func (w *Watcher) Expectations(now time.Time, notes map[string]string) map[string]string {
	fresh := map[string]string{}
	for _, f := range w.Feeds {
		if f.Expect != nil && ExpectedSince(f, notes).IsZero() {
			fresh[ExpectNote(f.Name)] = now.UTC().Format(time.RFC3339Nano) + " " + f.Expect.String()
		}
	}
	return fresh
}
