package outbound

import (
	"context"
	"strings"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
)

const alarmPrefix = "alarm "

// alarmNote is the ledger's note of an alarm of an export.
func alarmNote(export string, a bridge.Alarm) string { return alarmPrefix + export + " " + string(a) }

// AlarmNote says whether a note of the ledger tells of an alarm, and of which: "orders overdue".
func AlarmNote(name string) (alarm string, ok bool) { return strings.CutPrefix(name, alarmPrefix) }

// raise tells the log of a new alarm.
func (b *Engine) raise(export string, a bridge.Alarm, object, detail string) {
	b.Log.Error("alarm", "export", export, "alarm", string(a), "object", object, "detail", detail, "hint", a.Hint())
}

// tellAlarms keeps the ledger's notes of an export's alarms up to date: one for each kind, while it lasts.
func (b *Engine) tellAlarms(ctx context.Context, e *config.Export) error {
	counts, err := b.Ledger.Alarms(ctx, e.Name)
	if err != nil {
		return err
	}
	notes, err := b.Ledger.Notes(ctx)
	if err != nil {
		return err
	}
	for _, a := range bridge.Alarms() {
		name, text := alarmNote(e.Name, a), ""
		if c, ok := counts[a]; ok {
			text = c.String()
		}
		if notes[name] == text {
			continue
		}
		if err := b.Ledger.Note(ctx, name, text); err != nil {
			return err
		}
		if text == "" {
			b.Log.Info("alarm is over", "export", e.Name, "alarm", string(a))
		}
	}
	return nil
}
