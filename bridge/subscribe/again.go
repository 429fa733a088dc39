package subscribe

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/bridge/operate"
)

// Again has a subscriber told again of all that is its business from an event on: of what was given up, or of what it has lost. A running
// bridge does so within seconds, another one when it runs next. The error is an [operate.Mistake] where that makes no sense.
func Again(ctx context.Context, ledger Ledger, to *config.Subscriber, from int64, by bridge.Decision, now time.Time) error {
	var last int64
	if err := ledger.Events(ctx, bridge.EventFilter{Last: 1}, func(e *bridge.Event) error { last = e.ID; return nil }); err != nil {
		return err
	}
	if from < 1 || from > last {
		return &operate.Mistake{Message: fmt.Sprintf("there is no event %d", from), Hint: "see `orobridge events`"}
	}
	return ledger.Note(ctx, bridge.AgainNote(to.Name), strconv.FormatInt(from, 10), by.On(&bridge.Event{At: now, Kind: bridge.DecisionTaken,
		Work: bridge.SubscriberWork(to.Name), Text: fmt.Sprintf("told again from event %d on", from)}))
}

// again goes back to the event from which somebody has the subscriber told again, if anybody has.
func (l *line) again(ctx context.Context, notes map[string]string) error {
	from, err := strconv.ParseInt(notes[bridge.AgainNote(l.to.Name)], 10, 64)
	if err != nil { // nobody has
		return nil
	}
	l.is = bridge.Subscription{Told: from - 1, Again: l.Clock.Now()}
	l.looked = l.is.Told
	if err := l.keep(ctx); err != nil {
		return err
	}
	return l.Ledger.Note(context.WithoutCancel(ctx), bridge.AgainNote(l.to.Name), "")
}
