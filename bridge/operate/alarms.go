package operate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/orobridge/orobridge/bridge"
)

// LiveAlarm is something that a person has to look at, with its life.
type LiveAlarm struct {
	Number       int64           `json:"number"`
	Alarm        bridge.Alarm    `json:"alarm"`
	Severity     bridge.Severity `json:"severity"`
	Of           []string        `json:"of"`              // works, as pauses name them: "feed prices", "shop", "bridge", "bridge erp-2"
	Shops        []string        `json:"shops,omitempty"` // where there are several
	Count        int64           `json:"count"`           // of how many drops, orders or files it is
	Text         string          `json:"text"`
	File         string          `json:"file"`
	Drop         int64           `json:"drop"`
	Order        string          `json:"order"`
	Hint         string          `json:"hint"`
	Begun        *time.Time      `json:"begun"`
	Raised       *time.Time      `json:"raised"`       // null: it has not lasted long enough, and nobody is told
	Over         *time.Time      `json:"over"`         // null: it stands
	Acknowledged *time.Time      `json:"acknowledged"` // null: nobody has
	Snoozed      *time.Time      `json:"snoozed"`      // nobody is reminded before
	Who          string          `json:"who"`
	Why          string          `json:"why"`
	Told         []Telling       `json:"told"` // oldest first
}

// Telling is one message about an alarm.
type Telling struct {
	Route   string             `json:"route"`
	Message bridge.MessageKind `json:"message"`
	Owed    *time.Time         `json:"owed"`
	Told    *time.Time         `json:"told"` // null: not yet
	Tries   int                `json:"tries"`
	Trouble string             `json:"trouble"` // why it is not told yet
}

func newLiveAlarm(a *bridge.LiveAlarm) LiveAlarm {
	return LiveAlarm{Number: a.ID, Alarm: a.Alarm, Severity: a.Alarm.Severity(), Of: a.Works(), Count: a.N, Text: a.Text, File: a.File,
		Drop: a.Drop, Order: a.Order, Hint: a.Alarm.Hint(), Begun: moment(a.Begun), Raised: moment(a.Raised), Over: moment(a.Cleared),
		Acknowledged: moment(a.Acknowledged), Snoozed: moment(a.Snoozed), Who: a.Who, Why: a.Why, Told: []Telling{}}
}

// Alarms lists alarms, those that stand or all, with who was told of them.
func Alarms(ctx context.Context, k *View, f bridge.AlarmFilter) ([]LiveAlarm, error) {
	alarms, err := ourAlarms(ctx, k, f)
	if err != nil {
		return nil, err
	}
	all := make([]LiveAlarm, 0, len(alarms))
	for _, a := range alarms {
		v := newLiveAlarm(a)
		for _, work := range v.Of {
			if shop := k.told(cmp.Or(k.of(work), k.partly[work])); shop != "" && !slices.Contains(v.Shops, shop) {
				v.Shops = append(v.Shops, shop)
			}
		}
		messages, err := k.Ledger.Messages(ctx, bridge.MessageFilter{Alarm: a.ID})
		if err != nil {
			return nil, err
		}
		for _, m := range messages {
			v.Told = append(v.Told, Telling{m.Route, m.Kind, moment(m.Owed), moment(m.Told), m.Tries, m.Trouble})
		}
		all = append(all, v)
	}
	return all, nil
}

// ourAlarms are those of a filter's alarms that a view may see. Where only the first so many are asked for, what it may not see
// leaves room for others.
func ourAlarms(ctx context.Context, k *View, f bridge.AlarmFilter) (ours []*bridge.LiveAlarm, err error) {
	for {
		alarms, err := k.Ledger.LiveAlarms(ctx, f)
		if err != nil {
			return nil, err
		}
		for _, a := range alarms {
			if k.concerns(a) {
				ours = append(ours, a)
			}
		}
		if f.First == 0 || len(alarms) < f.First || len(ours) >= f.First {
			return ours[:min(len(ours), cmp.Or(f.First, len(ours)))], nil
		}
		f.After = alarms[len(alarms)-1].ID
	}
}

// A Watch takes decisions about alarms, at a desk.
type Watch struct{ *Desk }

// Ack says that somebody knows of an alarm and nobody has to be reminded; it stands until nothing is wrong any more. Until a
// time, it is snoozed instead: after that people are told again.
func (k Watch) Ack(ctx context.Context, number int64, until time.Time) (*LiveAlarm, error) {
	alarms, err := k.Ledger.LiveAlarms(ctx, bridge.AlarmFilter{ID: number})
	if err != nil {
		return nil, err
	}
	switch {
	case len(alarms) == 0 || !k.concerns(alarms[0]):
		return nil, &Mistake{fmt.Sprintf("there is no alarm %d", number), "see `orobridge alarms`"}
	case !k.ours(alarms[0].Works()...):
		return nil, &Mistake{fmt.Sprintf("alarm %d is about several shops, and you see some of them", number),
			"ask somebody who sees them all"}
	}
	a, now := alarms[0], k.In.Clock.Now()
	what := fmt.Sprintf("alarm %d acknowledged", number)
	switch {
	case !a.Cleared.IsZero():
		return nil, &Mistake{fmt.Sprintf("alarm %d is over already", number), "see `orobridge alarms`"}
	case until.IsZero() && strings.TrimSpace(k.By.Why) == "":
		return nil, &Mistake{"why the alarm is acknowledged is not said",
			"write --why 'the ERP sends it again at nine', or --until a time to be reminded"}
	case until.IsZero():
		a.Acknowledged, a.Snoozed = now, time.Time{}
	case !until.After(now):
		return nil, &Mistake{fmt.Sprintf("%s is over already", until.UTC().Format(time.RFC3339)), "name a time that is to come"}
	default:
		a.Acknowledged, a.Snoozed = time.Time{}, until
		what = fmt.Sprintf("alarm %d snoozed until %s", number, until.UTC().Format(time.RFC3339))
	}
	a.Decision = k.By
	event := k.By.On(&bridge.Event{At: now, Kind: bridge.DecisionTaken, Alarm: a.Alarm, Work: a.Of, Drop: a.Drop, Text: what})
	err = k.Ledger.DecideAlarm(ctx, a, event)
	if errors.Is(err, bridge.ErrMoved) {
		return nil, &Mistake{fmt.Sprintf("alarm %d has just ended", number), "see `orobridge alarms`"}
	}
	if err != nil {
		return nil, err
	}
	k.In.Events.Tell(event)
	v := newLiveAlarm(a)
	return &v, nil
}

// watched are the alarms that stand and that nobody has taken note of, in words, but for those that Status tells of otherwise, and for
// that of a bridge which was gone: whoever says so is at work again, and it waits for nobody.
func watched(alarms []*bridge.LiveAlarm) []string {
	said := []string{}
	for _, a := range alarms {
		if a.Raised.IsZero() || !a.Gone.IsZero() || !a.Acknowledged.IsZero() || !a.Alarm.Watched() || a.Alarm == bridge.AlarmHeld ||
			a.Alarm == bridge.AlarmGone && a.Of == bridge.BridgeWork {
			continue
		}
		said = append(said, fmt.Sprintf("alarm %d: %s %s: %s, see `orobridge alarms`", a.ID, a.Of, a.Alarm, a.Text))
	}
	return said
}

// Habit is how a feed's drops usually come.
type Habit struct {
	Last  *time.Time `json:"last"`          // when the last one came; null for never
	Usual float64    `json:"usual_seconds"` // the longest time between two of the last ones; 0: not known
}

// Of a habit: so many arrivals are looked at, and there have to be so many to know one.
const (
	habitOf   = 30
	habitFrom = 6
)

// habitOfFeed tells how the drops of a feed come that says nothing of what it expects.
func habitOfFeed(ctx context.Context, l Ledger, feed string) (Habit, error) {
	came, err := l.CameSince(ctx, feed, time.Time{}, habitOf)
	if err != nil || len(came) == 0 {
		return Habit{}, err
	}
	h := Habit{Last: moment(came[len(came)-1])}
	if len(came) < habitFrom {
		return h, nil
	}
	gaps := make([]time.Duration, len(came)-1)
	for i := range gaps {
		gaps[i] = came[i+1].Sub(came[i])
	}
	h.Usual = slices.Max(gaps).Seconds()
	return h, nil
}

// Late says that a feed's drops come later than they ever did of late: half as much again.
func (h Habit) Late(now time.Time) bool {
	return h.Usual > 0 && h.Last != nil && now.Sub(*h.Last).Seconds() > 1.5*h.Usual+60
}
