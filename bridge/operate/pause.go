package operate

import (
	"context"
	"fmt"
	"time"

	"github.com/orobridge/orobridge/bridge"
)

// Pause is a piece of work that somebody has stopped.
type Pause struct {
	Work  string     `json:"work"` // "feed prices", "export orders" or "shop", with a name where there are several
	Since *time.Time `json:"since"`
	Until *time.Time `json:"until"` // null: until somebody resumes it
	Who   string     `json:"who"`
	Why   string     `json:"why"`
}

func newPause(p bridge.Halt) Pause {
	return Pause{Work: p.Work, Since: moment(p.Since), Until: moment(p.Until), Who: p.Who, Why: p.Why}
}

// work names what is to be paused or resumed: a feed or export of the config, or a shop, which needs no name where there is one. The
// error is a [Mistake].
func (k *Desk) work(kind, name string) (string, error) {
	var err error
	switch kind {
	case "feed":
		f, err := FeedOf(k.Feeds, name)
		if err != nil {
			return "", err
		}
		name = f.Name
	case "export":
		_, err = k.ExportOf(name)
	default:
		return shopWork(&k.Sight, name)
	}
	return kind + " " + name, err
}

// Pause stops a feed, an export or the shop, until a time or (zero) until somebody resumes it. One that is paused already is
// paused anew, for the new reason.
func (k *Desk) Pause(ctx context.Context, kind, name string, until time.Time) (*Pause, error) {
	work, err := k.work(kind, name)
	if err != nil {
		return nil, err
	}
	now := k.In.Clock.Now()
	if !until.IsZero() && !until.After(now) {
		return nil, &Mistake{fmt.Sprintf("%s is over already", until.UTC().Format(time.RFC3339)), "name an end that is to come, or none"}
	}
	p := bridge.Halt{Work: work, Since: now.UTC(), Until: until, Who: k.By.Who, Why: k.By.Why}
	text := "paused"
	if !until.IsZero() {
		text += " until " + until.UTC().Format(time.RFC3339)
	}
	if err := k.note(ctx, bridge.HaltedNote(work), p.Note(), work, text); err != nil {
		return nil, err
	}
	v := newPause(p)
	return &v, nil
}

// Resume lets a feed, an export or the shop go on.
func (k *Desk) Resume(ctx context.Context, kind, name string) (*Pause, error) {
	work, err := k.work(kind, name)
	if err != nil {
		return nil, err
	}
	notes, err := k.Ledger.Notes(ctx)
	if err != nil {
		return nil, err
	}
	for _, p := range bridge.Halts(notes) {
		if p.Work == work {
			v := newPause(p)
			return &v, k.note(ctx, bridge.HaltedNote(work), "", work, "resumed")
		}
	}
	return nil, &Mistake{work + " is not paused", "see `orobridge status`"}
}

// note changes a note by a decision.
func (k *Desk) note(ctx context.Context, name, text, work, what string) error {
	event := k.By.On(&bridge.Event{At: k.In.Clock.Now(), Kind: bridge.DecisionTaken, Work: work, Text: what})
	err := k.In.Ledger.Note(ctx, name, text, event)
	if err == nil {
		k.In.Events.Tell(event)
	}
	return err
}

// paused tells why nothing of a feed may be done now; empty when it may.
func (k *Desk) paused(ctx context.Context, feed string) (string, error) {
	notes, err := k.Ledger.Notes(ctx)
	if err != nil {
		return "", err
	}
	p := bridge.HaltedNow(notes, k.In.Clock.Now(), bridge.OfShop(bridge.ShopWork, k.ShopOf(feed)), "feed "+feed)
	if p == nil {
		return "", nil
	}
	return p.String(), nil
}
