package api

import (
	"context"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/operate"
)

type askAlarms struct {
	Page
	All bool `query:"all" doc:"those that are over as well"`
}

func (s *server) alarms(ctx context.Context, in *askAlarms) (*list[operate.LiveAlarm], error) {
	all, err := operate.Alarms(ctx, &s.desk(ctx).View, bridge.AlarmFilter{Open: !in.All, After: in.After, First: in.Limit})
	out := &list[operate.LiveAlarm]{Body: all}
	if n := len(all); n > 0 {
		out.Link = in.next(n, all[n-1].Number)
	}
	return out, err
}

// OneAlarm is a request about one alarm.
type OneAlarm struct {
	Alarm int64 `path:"alarm" minimum:"1"`
}

func (s *server) alarm(ctx context.Context, in *OneAlarm) (*found[*operate.LiveAlarm], error) {
	v, err := alarmOf(ctx, s.desk(ctx), in.Alarm)
	return &found[*operate.LiveAlarm]{v}, err
}

// alarmOf finds an alarm by its number.
func alarmOf(ctx context.Context, desk *operate.Desk, number int64) (*operate.LiveAlarm, error) {
	all, err := operate.Alarms(ctx, &desk.View, bridge.AlarmFilter{ID: number})
	switch {
	case err != nil:
		return nil, err
	case len(all) == 0:
		return nil, bridge.ErrUnknown
	}
	return &all[0], nil
}

type ackAlarm struct {
	OneAlarm
	Once
	Body struct {
		Why string `json:"why" minLength:"1" maxLength:"4096" doc:"for the journal and the audit"`
	}
}

func (in *ackAlarm) why() string { return in.Body.Why }

type snoozeAlarm struct {
	OneAlarm
	Once
	Body struct {
		Reason
		Until time.Time `json:"until" doc:"people are told again after it"`
	}
}

func (in *snoozeAlarm) why() string { return in.Body.Why }

// takeNote acknowledges an alarm, or snoozes it until a time.
func takeNote(ctx context.Context, desk *operate.Desk, number int64, until time.Time) (*operate.LiveAlarm, error) {
	if _, err := alarmOf(ctx, desk, number); err != nil {
		return nil, err
	}
	return operate.Watch{Desk: desk}.Ack(ctx, number, until)
}
