package outbound

import (
	"context"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
)

// alarm is the event of a new alarm of an order or a file.
func (e *Engine) alarm(export string, a bridge.Alarm, order, file, why string) *bridge.Event {
	return &bridge.Event{At: e.Clock.Now(), Kind: bridge.AlarmRaised, Export: export, Alarm: a, Order: order, File: file,
		Text: why, Hint: a.Hint()}
}

// tellAlarms keeps the ledger's notes of an export's alarms up to date: one for each kind, while it lasts.
func (e *Engine) tellAlarms(ctx context.Context, x *config.Export) error {
	counts, err := e.Ledger.Alarms(ctx, x.Name)
	if err != nil {
		return err
	}
	notes, err := e.Ledger.Notes(ctx)
	if err != nil {
		return err
	}
	if c, some := untoldOf(notes, x.Name).alarm(); some {
		counts[bridge.AlarmUntold] = c
	}
	for _, a := range bridge.Alarms() {
		name, text := bridge.AlarmNote(x.Name, a), ""
		if c, ok := counts[a]; ok {
			text = c.String()
		}
		if notes[name] == text {
			continue
		}
		var events []*bridge.Event
		if text == "" {
			events = append(events, &bridge.Event{At: e.Clock.Now(), Kind: bridge.AlarmCleared, Export: x.Name, Alarm: a})
		}
		if err := e.Ledger.Note(ctx, name, text, events...); err != nil {
			return err
		}
		e.Events.Tell(events...)
	}
	return nil
}
