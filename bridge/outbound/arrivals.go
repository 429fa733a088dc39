package outbound

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
)

// What the time of the last update hides. An order that arrives with an old date stands nowhere near the end of the list by
// time; its id is among the last all the same. An order that was listed and can't be read leaves that list in a day; it is
// remembered until it can be, or is gone. Both are kept as notes of the ledger.
const (
	arrivalsEvery = time.Minute
	arrivalsReach = 100 // ids below the highest that was seen: transactions may end in another order than that of their ids
)

// arrivals lists the documents that came with ids above the highest one that was seen, and tells the highest now. What is
// above it came after the export began, whatever its date says; below, only what came after the floor is its business.
// Between two listings by id it returns none, and 0.
func (e *Engine) arrivals(ctx context.Context, x *config.Export, floor, now time.Time) (seen []bridge.Sighting, highest int64, err error) {
	if last, ok := e.Memory.get(&e.Memory.arrived, x.Name); ok && now.Sub(last) < arrivalsEvery {
		return nil, 0, nil
	}
	notes, err := e.Ledger.Notes(ctx)
	if err != nil {
		return nil, 0, err
	}
	k := e.kindOf(x)
	mark, err := strconv.ParseInt(notes[arrivedNote(x.Name)], 10, 64)
	if err != nil { // it is not known yet
		highest, err = lastID(ctx, k)
		return nil, highest, err
	}
	highest = mark
	for after, more := max(0, mark-arrivalsReach), true; more; {
		var page []bridge.Sighting
		if page, more, err = k.arrivals(ctx, strconv.FormatInt(after, 10)); err != nil {
			return nil, 0, err
		}
		if len(page) == 0 && len(seen) == 0 && mark > 0 { // the shop went back in time
			highest, err = lastID(ctx, k)
			return nil, highest, err
		}
		for _, s := range page {
			after = max(after, number(s.OroID))
			if number(s.OroID) > mark || !s.Submitted.Before(floor) {
				seen = append(seen, s)
			}
		}
		highest = max(highest, after)
		more = more && len(page) > 0
	}
	return seen, highest, nil
}

// arrived remembers the highest id that was seen, once all that came with it is in the ledger.
func (e *Engine) arrived(ctx context.Context, x *config.Export, highest int64, now time.Time) error {
	if highest == 0 {
		return nil
	}
	if err := e.Ledger.Note(ctx, arrivedNote(x.Name), strconv.FormatInt(highest, 10)); err != nil {
		return err
	}
	e.Memory.set(&e.Memory.arrived, x.Name, now)
	return nil
}

func arrivedNote(export string) string { return "arrived " + export }

// lastID finds the highest id without walking all of them: in steps that double until they are too long, then halve.
func lastID(ctx context.Context, k kind) (last int64, err error) {
	step, tooLong := int64(0), false
	for {
		page, more, err := k.arrivals(ctx, strconv.FormatInt(last+step, 10))
		switch {
		case err != nil:
			return 0, err
		case len(page) == 0 && step == 0:
			return last, nil
		case len(page) == 0:
			tooLong, step = true, step/2
			continue
		}
		before := last
		if last = number(page[len(page)-1].OroID); !more || last <= before {
			return last, nil
		}
		if tooLong {
			step /= 2
		} else {
			step = max(2*step, 1024)
		}
	}
}

// number is an id as the number that the shop counts by; 0 for one that is none.
func number(id string) int64 {
	n, _ := strconv.ParseInt(id, 10, 64)
	return n
}

// untold are documents that are listed and can't be read in full: by id, as they were seen.
type untold map[string]bridge.Sighting

func untoldNote(export string) string { return "untold " + export }

// untoldOf reads them from the ledger's notes; what is damaged counts as none, since the list shows them again.
func untoldOf(notes map[string]string, export string) untold {
	var list []bridge.Sighting
	_ = json.Unmarshal([]byte(notes[untoldNote(export)]), &list)
	u := untold{}
	for _, s := range list {
		u[s.OroID] = s
	}
	return u
}

// list has the oldest first.
func (u untold) list() []bridge.Sighting {
	list := make([]bridge.Sighting, 0, len(u))
	for _, s := range u {
		list = append(list, s)
	}
	slices.SortFunc(list, func(a, b bridge.Sighting) int { return a.Submitted.Compare(b.Submitted) })
	return list
}

// alarm counts them; false for none.
func (u untold) alarm() (bridge.AlarmCount, bool) {
	if len(u) == 0 {
		return bridge.AlarmCount{}, false
	}
	return bridge.AlarmCount{N: int64(len(u)), First: u.list()[0].Identifier}, true
}

// keepUntold notes those of a look at some documents that could not be read, and no longer those that could, or are gone.
func (e *Engine) keepUntold(ctx context.Context, x *config.Export, part []bridge.Sighting, ids []string) error {
	notes, err := e.Ledger.Notes(ctx)
	if err != nil {
		return err
	}
	all := untoldOf(notes, x.Name)
	changed := false
	var events []*bridge.Event
	for _, s := range part {
		_, before := all[s.OroID]
		now := slices.Contains(ids, s.OroID)
		switch {
		case now && !before:
			all[s.OroID] = s
			events = append(events, e.alarm(x.Name, bridge.AlarmUntold, s.Identifier, "", "the shop lists it and does not tell it in full"))
		case !now:
			delete(all, s.OroID)
		}
		changed = changed || now != before
	}
	if !changed {
		return nil
	}
	text := ""
	if len(all) > 0 {
		list, err := json.Marshal(all.list())
		if err != nil {
			return err
		}
		text = string(list)
	}
	if err := e.Ledger.Note(ctx, untoldNote(x.Name), text, events...); err != nil {
		return err
	}
	e.Events.Tell(events...)
	return nil
}
