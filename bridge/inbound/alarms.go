package inbound

import (
	"context"
	"fmt"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
)

// An alarm about a drop stands in a note of its feed, one for each kind, that names the newest drop which raised it. It is
// over once that drop, or one that was entered after it, is loaded: what the feed says is whole again.

// feedAlarms are the kinds of alarms that drops raise.
var feedAlarms = []bridge.Alarm{bridge.AlarmOutOfOrder, bridge.AlarmUnfinished}

func alarmNote(feed string, a bridge.Alarm) string { return bridge.AlarmNote("feed "+feed, a) }

// alarm is the event of an alarm about a drop, and the text of its note.
func (j journal) alarm(d *bridge.Drop, a bridge.Alarm, why string) (event *bridge.Event, text string) {
	event = j.event(bridge.AlarmRaised, d, why)
	event.Alarm, event.Hint = a, a.Hint()
	return event, fmt.Sprintf("drop %d (%s): %s", d.ID, d.Name, why)
}

// clearAlarms ends the alarms of a feed that a drop which was loaded has made an end of.
func (j journal) clearAlarms(ctx context.Context, f *config.Feed, loaded *bridge.Drop) error {
	notes, err := j.e.Ledger.Notes(ctx)
	if err != nil {
		return err
	}
	for _, a := range feedAlarms {
		name, raiser := alarmNote(f.Name, a), int64(0)
		if _, err := fmt.Sscanf(notes[name], "drop %d", &raiser); err != nil || raiser > loaded.ID {
			continue // there is none, or it is of a later drop
		}
		event := j.event(bridge.AlarmCleared, loaded, "")
		event.Alarm = a
		if err := j.told(j.e.Ledger.Note(ctx, name, "", event), event); err != nil {
			return err
		}
	}
	return nil
}
