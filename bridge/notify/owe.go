package notify

import (
	"slices"
	"strings"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
)

// Distances between a message and the reminder after it: doubled from the first to the longest.
const (
	firstReminder   = time.Hour
	longestReminder = 24 * time.Hour
)

// owe enters the messages that routes are owed now.
func (r *round) owe() {
	for _, a := range r.standing {
		if a.Raised.IsZero() {
			continue
		}
		for _, to := range r.Routes {
			told := r.told(a, to.Name)
			switch {
			case !a.Cleared.IsZero():
				r.oweEnd(a, to, told)
			case !a.Gone.IsZero(), r.quiet(a):
			case len(told) == 0:
				r.oweBegin(a, to)
			default:
				r.oweReminder(a, to, told)
			}
		}
	}
}

// told are the messages of an alarm that a route was owed, told or not.
func (r *round) told(a *bridge.LiveAlarm, route string) []*bridge.Message {
	var all []*bridge.Message
	for _, m := range slices.Concat(r.messages, r.Messages) {
		if m.Route == route && m.Alarm == a.ID {
			all = append(all, m)
		}
	}
	return all
}

// quiet says that somebody has paused all that an alarm is of, with an end: nobody is told before that.
func (r *round) quiet(a *bridge.LiveAlarm) bool {
	for _, work := range a.Works() {
		h := bridge.HaltedNow(r.notes, r.now, work)
		if h == nil || h.Until.IsZero() {
			return false
		}
	}
	return true
}

// wants says whether a route is to be told of an alarm.
func (k *Keeper) wants(to *config.Route, a *bridge.LiveAlarm) bool {
	switch {
	case to.Escalated, !a.Alarm.Severity().AtLeast(to.Severity), a.Of == bridge.RouteWork(to.Name):
		return false
	case len(to.Kinds) > 0 && !slices.Contains(to.Kinds, string(a.Alarm)):
		return false
	case len(to.Shops) > 0 && !slices.ContainsFunc(a.Works(), func(work string) bool { return k.ShopsOf(work).Meet(to.Shops) }):
		return false
	}
	return len(to.Feeds) == 0 || slices.ContainsFunc(a.Works(), func(work string) bool {
		kind, name, _ := strings.Cut(work, " ")
		return (kind == "feed" || kind == "export") && bridge.NamesFeed(to.Feeds, name)
	})
}

// within says that a route is told now.
func (r *round) within(to *config.Route) bool { return to.Hours.Next(r.now, to.Location).Equal(r.now) }

// oweBegin tells a route that wants to hear of an alarm, or to which one that was told has handed it on.
func (r *round) oweBegin(a *bridge.LiveAlarm, to *config.Route) {
	switch {
	case !r.within(to):
	case r.wants(to, a):
		r.message(a, to, bridge.MessageBegun)
	case r.escalated(a, to):
		r.message(a, to, bridge.MessageEscalated)
	}
}

// escalated says that a route which was told of an alarm hands it on to another one: nobody has taken note for long enough.
func (r *round) escalated(a *bridge.LiveAlarm, to *config.Route) bool {
	if a.Silent(r.now) || a.Of == bridge.RouteWork(to.Name) {
		return false
	}
	for _, from := range r.Routes {
		if told := r.told(a, from.Name); from.EscalateTo == to.Name && len(told) > 0 && r.now.Sub(told[0].Owed) >= from.After.D() {
			return true
		}
	}
	return false
}

// oweReminder tells a route once more, unless a message is still on its way.
func (r *round) oweReminder(a *bridge.LiveAlarm, to *config.Route, told []*bridge.Message) {
	last := told[len(told)-1]
	if last.Told.IsZero() || a.Silent(r.now) || !r.within(to) {
		return
	}
	distance := longestReminder
	if n := len(told) - 1; n < 5 {
		distance = min(firstReminder<<n, longestReminder)
	}
	snoozeIsOver := a.Snoozed.After(last.Told) // and before now: it is not silent
	if snoozeIsOver || r.now.Sub(last.Told) >= distance {
		r.message(a, to, bridge.MessageReminder)
	}
}

// oweEnd tells a route that was told of an alarm that it is over, within its hours.
func (r *round) oweEnd(a *bridge.LiveAlarm, to *config.Route, told []*bridge.Message) {
	if len(told) == 0 || told[len(told)-1].Kind == bridge.MessageOver {
		return
	}
	r.message(a, to, bridge.MessageOver)
}

// message owes one.
func (r *round) message(a *bridge.LiveAlarm, to *config.Route, kind bridge.MessageKind) {
	r.Messages = append(r.Messages, &bridge.Message{Route: to.Name, Kind: kind, Alarm: a.ID, Letter: r.voice(to).Letter(kind, a, r.now),
		Owed: r.now, Due: to.Hours.Next(r.now, to.Location)})
}
