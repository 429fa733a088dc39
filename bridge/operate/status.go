package operate

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/bridge/inbound"
	"github.com/orobridge/orobridge/bridge/inbound/leftovers"
	"github.com/orobridge/orobridge/bridge/inbound/listing"
)

// Status is the whole of a bridge on one page.
type Status struct {
	Running bool              `json:"running"` // a bridge holds the state now
	Shadow  bool              `json:"shadow"`  // it is a shadow, which writes nothing
	Bridges []Bridge          `json:"bridges"` // those that share the work, on a ledger in PostgreSQL
	Jobs    []JobCount        `json:"jobs"`    // which they share, by kind and state
	Feeds   []FeedStatus      `json:"feeds"`
	Exports []ExportStatus    `json:"exports"`
	Paused  map[string]string `json:"paused"` // what waits for trouble to pass, and why
	Pauses  []Pause           `json:"pauses"` // what somebody has stopped
	Alarms  map[string]string `json:"alarms"` // what is wrong with orders: "orders overdue"
	// Leftovers tells, by feed, of files in work folders that no drop of this ledger has claimed.
	Leftovers map[string]string `json:"leftovers"`
	// Unmatched are files that no feed takes, the first of each folder, by the feed that lists it.
	Unmatched map[string][]listing.Stranger `json:"unmatched"`
	// Alive is when a running bridge last said that it is at work; null when none does, or the last one was told to stop.
	Alive *time.Time `json:"alive"`
	// Subscribers are the other systems that are told of events; none for who may not see all shops.
	Subscribers []Subscriber `json:"subscribers"`
	// Watched are the alarms that nobody has taken note of, in words.
	Watched []string `json:"watched"`
}

// MostBlocked is how many drops of a feed that wait are looked at: there may be very many.
const MostBlocked = 1000

// FeedStatus is how a feed stands.
type FeedStatus struct {
	Shop    string           `json:"shop,omitempty"` // where there are several
	Feed    string           `json:"feed"`
	Entity  string           `json:"entity"`
	Waiting int              `json:"waiting"` // drops that are not settled
	Held    int              `json:"held"`
	Blocked []string         `json:"blocked"` // drops that can't be loaded now, and why: of the first MostBlocked that wait
	Parked  int64            `json:"parked"`
	Rejects int64            `json:"rejects"` // that are open
	Last    string           `json:"last_file"`
	State   bridge.DropState `json:"last_state"`
	Reason  string           `json:"last_reason"`
	Settled *time.Time       `json:"last_settled"`
	Habit   Habit            `json:"habit"` // how its drops usually come
	// Reconciled is the time of the last comparison on the feed's schedule, and behind it what was found; empty before the first.
	Reconciled string `json:"reconciled"`
}

// ExportStatus is how an export stands: orders by their state.
type ExportStatus struct {
	Shop     string     `json:"shop,omitempty"` // where there are several
	Export   string     `json:"export"`
	Owed     int        `json:"owed"`
	Written  int        `json:"written"` // not picked up yet
	Conflict int        `json:"conflict"`
	Stuck    int        `json:"stuck"`
	Alarmed  int        `json:"alarmed"` // orders with an alarm
	Total    int        `json:"total"`
	Last     *time.Time `json:"last_written"`
	Beside   *Beside    `json:"beside"` // of a shadow; null for a bridge that writes
}

// Beside is how the files that a shadow would have written stand against those that another system wrote.
type Beside struct {
	Same    int64 `json:"same"`    // orders whose file has the same content
	Differs int64 `json:"differs"` // another one
	Missing int64 `json:"missing"` // orders that the other system has not written within an hour
	Extra   int   `json:"extra"`   // files that no order explains
}

// Status shows how every feed and export stands.
func (k *View) Status(ctx context.Context) (*Status, error) {
	v := &Status{Running: k.Running, Shadow: k.Shadow, Feeds: []FeedStatus{}, Exports: []ExportStatus{},
		Paused: map[string]string{}, Pauses: []Pause{}, Alarms: map[string]string{}, Leftovers: map[string]string{},
		Unmatched: map[string][]listing.Stranger{}, Subscribers: []Subscriber{}, Bridges: []Bridge{}, Jobs: []JobCount{}}
	notes, err := k.Ledger.Notes(ctx)
	if err != nil {
		return nil, err
	}
	if !k.narrow { // what one does is also another shop's
		if err := v.shared(ctx, k.Ledger); err != nil {
			return nil, err
		}
	}
	for _, p := range bridge.Halts(notes) {
		if !k.ours(p.Work) {
			continue
		}
		v.Pauses = append(v.Pauses, newPause(p))
	}
	for name, text := range notes {
		if work, ok := bridge.PausedWork(name); ok && k.ours(work) {
			v.Paused[work] = text
		}
		if feed, strangers, ok := inbound.StrangersOf(name, text); ok && k.ours("feed "+feed) {
			v.Unmatched[feed] = strangers
		}
		if alarm, ok := bridge.AlarmOf(name); ok && k.oursAlarm(alarm) {
			v.Alarms[alarm] = text
		}
		if feed, ok := leftovers.Feed(name); ok && k.ours("feed "+feed) {
			v.Leftovers[feed] = text + "; " + leftovers.Hint(feed)
		}
	}
	if !k.narrow {
		v.Subscribers = subscribers(notes)
	}
	if t, err := time.Parse(time.RFC3339Nano, notes[bridge.AliveNote]); err == nil {
		v.Alive = moment(t)
	}
	alarms, err := k.Ledger.LiveAlarms(ctx, bridge.AlarmFilter{Open: true, Raised: true})
	if err != nil {
		return nil, err
	}
	v.Watched = watched(slices.DeleteFunc(alarms, func(a *bridge.LiveAlarm) bool { return !k.ours(a.Works()...) }))
	reconciled := map[string]string{}
	for name, text := range notes {
		if feed, ok := inbound.ReconciledNote(name); ok && strings.Contains(text, " ") {
			reconciled[feed] = text
		}
	}
	rejects, err := k.Ledger.OpenRejects(ctx)
	if err != nil {
		return nil, err
	}
	for _, f := range k.Feeds {
		s, err := k.feedStatus(ctx, f)
		if err != nil {
			return nil, err
		}
		s.Rejects, s.Reconciled = rejects[f.Name], reconciled[f.Name]
		if s.Habit, err = habitOfFeed(ctx, k.Ledger, f.Name); err != nil {
			return nil, err
		}
		v.Feeds = append(v.Feeds, s)
	}
	for _, x := range k.Exports {
		s, err := k.exportStatus(ctx, x)
		if err != nil {
			return nil, err
		}
		v.Exports = append(v.Exports, s)
	}
	return v, nil
}

func (k *View) feedStatus(ctx context.Context, f *config.Feed) (FeedStatus, error) {
	s := FeedStatus{Shop: k.told(k.ShopOf(f.Name)), Feed: f.Name, Entity: f.Entity.Name, Blocked: []string{}}
	open, err := k.Ledger.Drops(ctx, bridge.DropFilter{Feed: f.Name, States: bridge.OpenStates(), First: MostBlocked})
	if err != nil {
		return s, err
	}
	for _, d := range open {
		if d.State == bridge.Held {
			s.Held++
		}
		if d.Reason != "" {
			s.Blocked = append(s.Blocked, fmt.Sprintf("drop %d %s (%s): %s", d.ID, d.Name, d.State, d.Reason))
		}
	}
	if s.Waiting = len(open); s.Waiting == MostBlocked {
		if err := countOpen(ctx, k, &s); err != nil {
			return s, err
		}
	}
	if s.Parked, err = keysOf(k, k.ShopOf(f.Name)).CountParked(ctx, f.Entity.Name); err != nil {
		return s, err
	}
	last, err := k.Ledger.Drops(ctx, bridge.DropFilter{Feed: f.Name, Last: 1})
	if err != nil || len(last) == 0 {
		return s, err
	}
	s.Last, s.State, s.Reason, s.Settled = last[0].Name, last[0].State, last[0].Reason, moment(last[0].SettledAt)
	return s, nil
}

// countOpen counts the drops of a feed that are more than are looked at.
func countOpen(ctx context.Context, k *View, s *FeedStatus) error {
	counts, err := k.Ledger.DropCounts(ctx)
	s.Waiting, s.Held = 0, 0
	for _, c := range counts {
		switch {
		case c.Feed != s.Feed || c.State.Settled():
			continue
		case c.State == bridge.Held:
			s.Held += int(c.N)
		}
		s.Waiting += int(c.N)
	}
	return err
}

func (k *View) exportStatus(ctx context.Context, x *config.Export) (ExportStatus, error) {
	c, err := k.Ledger.OutboxCounts(ctx, x.Name)
	s := ExportStatus{Shop: k.told(k.of("export " + x.Name)), Export: x.Name, Owed: int(c.Owed),
		Written: int(c.Written), Conflict: int(c.Conflict), Stuck: int(c.Stuck),
		Alarmed: int(c.Alarmed), Total: int(c.Total()), Last: moment(c.LastWritten)}
	if err != nil || !k.Shadow {
		return s, err
	}
	extra, err := k.Ledger.Drops(ctx, bridge.DropFilter{Feed: bridge.BesideFeed(x.Name), States: []bridge.DropState{bridge.Extra}})
	s.Beside = &Beside{Same: c.Same, Differs: c.Differs, Missing: c.Unwritten, Extra: len(extra)}
	return s, err
}

// Waits lists in words what waits for a person: what is held, stuck, in conflict or alarmed, and a bridge that is gone.
func (v *Status) Waits() []string {
	waits := []string{}
	for _, f := range v.Feeds {
		if f.Held > 0 {
			waits = append(waits, fmt.Sprintf("%s: %d held, see `orobridge drops --feed %s --state held`", f.Feed, f.Held, f.Feed))
		}
	}
	for _, x := range v.Exports {
		if b := x.Beside; b != nil && b.Differs+b.Missing+int64(b.Extra) > 0 {
			waits = append(waits, fmt.Sprintf("%s: %d differ, %d missing, %d extra, see `orobridge orders --shadow --export %s` and "+
				"`orobridge drops --shadow --feed %s`", x.Export, b.Differs, b.Missing, b.Extra, x.Export, bridge.BesideFeed(x.Export)))
		}
		if x.Stuck+x.Conflict+x.Alarmed > 0 {
			waits = append(waits,
				fmt.Sprintf("%s: %d stuck, %d in conflict, %d with an alarm, see `orobridge orders --export %s --alarms`", x.Export,
					x.Stuck, x.Conflict, x.Alarmed, x.Export))
		}
	}
	for _, alarm := range slices.Sorted(maps.Keys(v.Alarms)) {
		waits = append(waits, alarm+": "+v.Alarms[alarm])
	}
	if v.Alive != nil && !v.Running {
		waits = append(waits, "no bridge is at work; the last one was until "+v.Alive.Format(time.RFC3339)+", and nobody stopped it")
	}
	return append(waits, v.Watched...)
}
