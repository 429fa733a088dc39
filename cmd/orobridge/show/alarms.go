package show

import (
	"fmt"
	"strings"
	"time"

	"github.com/orobridge/orobridge/bridge/operate"
)

// Alarms prints alarms, each with what to do about it.
func Alarms(p *Pen, alarms []operate.LiveAlarm, now time.Time) error {
	if p.AsJSON {
		return p.PrintJSON(alarms)
	}
	var rows [][]string
	for _, a := range alarms {
		rows = append(rows, []string{Decimal(a.Number), string(a.Severity), string(a.Alarm), strings.Join(a.Of, ", "), Decimal(a.Count),
			Moment(a.Begun), alarmState(a, now)})
	}
	if err := p.Table([]string{"NUMBER", "SEVERITY", "ALARM", "OF", "COUNT", "SINCE", "STATE"}, rows, "no alarms"); err != nil {
		return err
	}
	for _, a := range alarms {
		fmt.Fprintf(p.Stdout, "%d: %s\n", a.Number, Printable(a.Text))
		if a.Over == nil {
			fmt.Fprintf(p.Stdout, "    %s\n", Printable(a.Hint))
		}
		if a.Who != "" {
			fmt.Fprintf(p.Stdout, "    %s%s\n", Printable(a.Who), Printable(prefixed(": ", a.Why)))
		}
		for _, t := range a.Told {
			if t.Told == nil {
				fmt.Fprintf(p.Stdout, "    not told yet: %s to %s%s\n", t.Message, Printable(t.Route), Printable(prefixed(": ", t.Trouble)))
			}
		}
	}
	return nil
}

// alarmState says where an alarm stands.
func alarmState(a operate.LiveAlarm, now time.Time) string {
	switch {
	case a.Over != nil:
		return "over since " + Moment(a.Over)
	case a.Raised == nil:
		return "not long enough to be told"
	case a.Acknowledged != nil:
		return "acknowledged by " + a.Who
	case a.Snoozed != nil && a.Snoozed.After(now):
		return "snoozed until " + Moment(a.Snoozed)
	}
	routes := []string{}
	for _, t := range a.Told {
		if t.Told != nil && !strings.Contains(" "+strings.Join(routes, " ")+" ", " "+t.Route+" ") {
			routes = append(routes, t.Route)
		}
	}
	if len(routes) == 0 {
		return "told to nobody"
	}
	return "told to " + strings.Join(routes, ", ")
}
