package notify

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/notify/signs"
)

// calm is how long nothing has to be wrong before an alarm is over.
const calm = 5 * time.Minute

// A round is one look at what is wrong.
type round struct {
	*Keeper
	now      time.Time
	notes    map[string]string
	standing []*bridge.LiveAlarm
	messages []*bridge.Message // that were owed for what stands, told or not
	bridge.AlarmRound
	events []*bridge.Event
}

// Round looks what is wrong and enters what has changed: alarms that begin, are raised, count more or are over, and the messages
// that are owed for them. What could not be looked at stays as it is, and the error says why.
func (k *Keeper) Round(ctx context.Context) error {
	r := &round{Keeper: k, now: k.Clock.Now(), AlarmRound: bridge.AlarmRound{Notes: map[string]string{}}}
	var err error
	if r.notes, err = k.Ledger.Notes(ctx); err != nil {
		return err
	}
	if r.standing, err = k.Ledger.LiveAlarms(ctx, bridge.AlarmFilter{Open: true}); err != nil {
		return err
	}
	if r.messages, err = k.Ledger.Messages(ctx, bridge.MessageFilter{Open: true}); err != nil {
		return err
	}
	r.expectations()
	found, blind := k.Signs.All(ctx, r.now, r.notes, r.standing)
	found = append(append(found, r.gone()...), r.others()...)
	silent, err := r.routes(ctx)
	if err != nil {
		return errors.Join(blind, err)
	}
	r.compare(append(found, silent...), blind == nil)
	if err := r.number(ctx); err != nil {
		return errors.Join(blind, err)
	}
	r.owe()
	if err := r.digests(ctx); err != nil {
		return errors.Join(blind, err)
	}
	if len(r.Alarms)+len(r.Messages)+len(r.Notes) == 0 {
		return blind
	}
	if err := r.save(ctx); err != nil {
		return errors.Join(blind, err)
	}
	if len(r.Messages) > 0 {
		k.wake()
	}
	return blind
}

// number enters the alarms that are new, so that messages can name them by their numbers. A bridge that is killed after that owes the
// messages in its next round; those that an alarm is over are owed with its end.
func (r *round) number(ctx context.Context) error {
	if !slices.ContainsFunc(r.Alarms, func(a *bridge.LiveAlarm) bool { return a.ID == 0 }) {
		return nil
	}
	all := r.Alarms
	r.Alarms = slices.DeleteFunc(slices.Clone(all), func(a *bridge.LiveAlarm) bool { return a.ID != 0 })
	if err := r.save(ctx); err != nil {
		return err
	}
	r.Alarms = slices.DeleteFunc(all, func(a *bridge.LiveAlarm) bool { return slices.Contains(r.Alarms, a) })
	r.Notes, r.events = map[string]string{}, nil
	return nil
}

// save enters what has changed.
func (r *round) save(ctx context.Context) error {
	if err := r.Ledger.SaveAlarms(ctx, r.AlarmRound, r.events...); err != nil {
		return err
	}
	r.Events.Tell(r.events...)
	return nil
}

// expectations notes what feeds expect from now on.
func (r *round) expectations() {
	for name, text := range r.Signs.Expectations(r.now, r.notes) {
		r.Notes[name] = text
	}
	maps.Copy(r.notes, r.Notes)
}

// gone is the sign of a bridge that was not at work before this one began, though nobody had stopped it.
func (r *round) gone() []signs.Sign {
	last := timeOf(r.notes[bridge.AliveNote])
	if last.IsZero() || r.now.Sub(last) < Silence {
		return nil
	}
	text := fmt.Sprintf("nothing was done from %s to %s", last.Format("2006-01-02 15:04 MST"), r.now.UTC().Format("2006-01-02 15:04 MST"))
	return []signs.Sign{{LiveAlarm: bridge.LiveAlarm{Alarm: bridge.AlarmGone, Of: bridge.BridgeWork, N: 1, Text: text, Begun: last}}}
}

// failing is after how many tries in a row a route is an alarm.
const failing = 3

// routes are the signs of routes that do not take what is owed to them. What is owed to routes that are no more is given up.
func (r *round) routes(ctx context.Context) ([]signs.Sign, error) {
	owed, err := r.Ledger.Messages(ctx, bridge.MessageFilter{Owed: true})
	if err != nil {
		return nil, err
	}
	known := map[string]bool{}
	for _, x := range r.Routes {
		known[x.Name] = true
	}
	first := map[string]*signs.Sign{}
	for _, m := range owed {
		switch s := first[m.Route]; {
		case !known[m.Route]:
			m.Told, m.Trouble = r.now, "given up: the config has no such route"
			if err := r.Ledger.SaveMessage(ctx, m); err != nil {
				return nil, err
			}
		case s != nil:
			s.N++
		case m.Tries >= failing:
			text := m.Trouble
			first[m.Route] = &signs.Sign{LiveAlarm: bridge.LiveAlarm{Alarm: bridge.AlarmRoute, Of: bridge.RouteWork(m.Route), N: 1, Text: text,
				Begun: m.Due}}
		}
	}
	var all []signs.Sign
	for _, x := range r.Routes {
		if s := first[x.Name]; s != nil {
			all = append(all, *s)
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.mute = len(all) > 0 && len(all) == len(r.Routes)
	return all, nil
}

// compare lays what is wrong now beside the alarms that stand. While something could not be looked at no alarm ends.
func (r *round) compare(found []signs.Sign, all bool) {
	left := map[*bridge.LiveAlarm]bool{}
	for _, a := range r.standing {
		left[a] = true
	}
	for i := range found {
		s := &found[i]
		a := r.alarmOf(s)
		if a == nil {
			r.fresh(s)
			continue
		}
		delete(left, a)
		if s.Mended && !a.Acknowledged.IsZero() {
			r.Notes[bridge.FloorNote(a.Of, a.Alarm)] = stampOf(r.now)
			r.end(a)
			continue
		}
		r.update(a, s)
	}
	for _, a := range r.standing {
		if !left[a] || !all {
			continue
		}
		switch {
		case a.Raised.IsZero(): // nobody was told
			r.end(a)
		case a.Gone.IsZero():
			a.Gone = r.now
			r.changed(a)
		case r.now.Sub(a.Gone) >= calm:
			r.end(a)
		}
	}
}

// alarmOf finds the alarm that stands for a sign; nil for none.
func (r *round) alarmOf(s *signs.Sign) *bridge.LiveAlarm {
	for _, a := range r.standing {
		if s.ID != 0 && a.ID == s.ID || s.ID == 0 && s.Alarm != bridge.AlarmPaused && a.Alarm == s.Alarm && a.Of == s.Of {
			return a
		}
	}
	return nil
}

// fresh begins an alarm.
func (r *round) fresh(s *signs.Sign) {
	a := s.LiveAlarm
	if a.Begun.IsZero() || a.Begun.After(r.now) {
		a.Begun = r.now
	}
	r.standing = append(r.standing, &a)
	if s.After == 0 {
		r.raise(&a)
	}
	r.changed(&a)
}

func (r *round) raise(a *bridge.LiveAlarm) {
	a.Raised = r.now
	r.tell(a, bridge.AlarmRaised, a.Text)
}

// update takes what is wrong now into an alarm that stands.
func (r *round) update(a *bridge.LiveAlarm, s *signs.Sign) {
	before := *a
	a.N, a.Text, a.File, a.Drop, a.Order, a.Gone = s.N, s.Text, s.File, s.Drop, s.Order, time.Time{}
	if s.ID != 0 { // work that has joined stays with it until all of it is over
		a.Of = union(a.Of, s.Of)
	}
	if a.Raised.IsZero() && r.now.Sub(a.Begun) >= s.After {
		r.raise(a)
	}
	if *a != before {
		r.changed(a)
	}
}

// union joins two lists of pieces of work.
func union(one, more string) string {
	for _, w := range strings.Split(more, ", ") {
		if !strings.Contains(", "+one+", ", ", "+w+", ") {
			one += ", " + w
		}
	}
	return one
}

// end clears an alarm.
func (r *round) end(a *bridge.LiveAlarm) {
	a.Cleared = r.now
	if a.Gone.IsZero() {
		a.Gone = r.now
	}
	if !a.Raised.IsZero() {
		r.tell(a, bridge.AlarmCleared, "")
	}
	r.changed(a)
}

// changed has an alarm saved.
func (r *round) changed(a *bridge.LiveAlarm) { r.Alarms = append(r.Alarms, a) }

// tell makes the event of an alarm that is raised or cleared, unless whoever found it has told of it.
func (r *round) tell(a *bridge.LiveAlarm, kind bridge.EventKind, text string) {
	if !a.Alarm.Watched() {
		return
	}
	e := &bridge.Event{At: r.now, Kind: kind, Alarm: a.Alarm, Work: a.Of, Drop: a.Drop, File: a.File, Order: a.Order, Text: text}
	if kind == bridge.AlarmRaised {
		e.Hint = a.Alarm.Hint()
	}
	for _, w := range a.Works() {
		if name, ok := strings.CutPrefix(w, "feed "); ok && e.Feed == "" {
			e.Feed = name
		}
		if name, ok := strings.CutPrefix(w, "export "); ok && e.Export == "" {
			e.Export = name
		}
	}
	r.events = append(r.events, e)
}
