package page

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/operate"
	"github.com/orobridge/orobridge/formats"
)

// alarmPages show alarms, and take note of them.
type alarmPages struct{ deciding }

// alarmList are the alarms that stand, and the last ones that are over, the newest first.
type alarmList struct{ Stand, Over []oneAlarm }

type oneAlarm struct {
	operate.LiveAlarm
	Tone, Place string
}

const (
	overFor    = 7 * 24 * time.Hour // so long an alarm that is over is shown
	overAlarms = 100
)

func (s alarmPages) showAlarms(c *call) (view, error) {
	now := c.desk.In.Clock.Now()
	f := bridge.AlarmFilter{Raised: true, Cleared: now.Add(-overFor), Last: overAlarms}
	all, err := operate.Alarms(c.r.Context(), &c.desk.View, f)
	if err != nil {
		return view{}, err
	}
	v := &alarmList{}
	for _, a := range backward(all) {
		x := oneAlarm{a, toneOf(a, now), placeOf(a)}
		if a.Over == nil {
			v.Stand = append(v.Stand, x)
			continue
		}
		x.Tone = "idle"
		v.Over = append(v.Over, x)
	}
	return view{Title: c.T("Alarms"), Live: true, Body: v}, nil
}

// toneOf is how bad an alarm is; one that somebody knows of is quiet.
func toneOf(a operate.LiveAlarm, now time.Time) string {
	switch {
	case a.Acknowledged != nil, a.Snoozed != nil && a.Snoozed.After(now):
		return "hold"
	case a.Severity.AtLeast(bridge.SeverityError):
		return "bad"
	}
	return "warn"
}

// placeOf is where what an alarm is about can be seen; empty for nowhere.
func placeOf(a operate.LiveAlarm) string {
	switch {
	case a.Drop != 0:
		return fmt.Sprintf("/drops/%d", a.Drop)
	case a.Order != "" && a.Count < 2:
		return "/orders/" + url.PathEscape(a.Order)
	}
	for _, of := range a.Of {
		if kind, name, _ := strings.Cut(of, " "); kind == "feed" {
			return "/feeds/" + url.PathEscape(name)
		} else if kind == "export" {
			return "/orders?alarms=1&export=" + url.QueryEscape(name)
		}
	}
	return ""
}

// asAlarm finds the alarm that is meant.
func (s alarmPages) asAlarm(c *call) (*asked, error) {
	n, err := number(c.r.PathValue("id"), "alarm")
	if err != nil {
		return nil, err
	}
	found, err := operate.Alarms(c.r.Context(), &c.desk.View, bridge.AlarmFilter{ID: n})
	if err == nil && len(found) == 0 {
		err = &bridge.Error{Op: "find", Object: "alarm " + strconv.FormatInt(n, 10), Err: bridge.ErrUnknown, Hint: "see /alarms"}
	}
	if err != nil {
		return nil, err
	}
	return &asked{What: "know", Object: formats.Printable(strings.Join(found[0].Of, ", ") + ": " + string(found[0].Alarm)), Back: "/alarms",
		Action: fmt.Sprintf("/alarms/%d/ack", n), Alarm: &found[0], Until: true}, nil
}

func (s alarmPages) askAck(c *call) error {
	a, err := s.asAlarm(c)
	if err == nil {
		s.ask(c, http.StatusOK, a)
	}
	return err
}

func (s alarmPages) ack(c *call) error {
	a, err := s.asAlarm(c)
	if err != nil {
		return err
	}
	until, problem := s.decidedUntil(c)
	if problem != "" {
		a.Problem, a.Why = problem, c.r.PostForm.Get("why")
		s.ask(c, http.StatusUnprocessableEntity, a)
		return nil
	}
	if _, err := (operate.Watch{Desk: c.desk}).Ack(context.WithoutCancel(c.r.Context()), a.Alarm.Number, until); err != nil {
		return err
	}
	deed := "know"
	if !until.IsZero() {
		deed = "snooze"
	}
	done(c, a.Back, deed)
	return nil
}
