package operate

import (
	"cmp"
	"context"
	"strings"
	"time"

	"github.com/orobridge/orobridge/bridge"
)

// Event is one thing that happened, as the journal keeps it. What has no meaning for its kind is empty.
type Event struct {
	ID      int64            `json:"id"`
	At      *time.Time       `json:"at"`
	Kind    bridge.EventKind `json:"kind"`
	Level   string           `json:"level"`          // how loud it was in the log: debug, info, warn, error
	Shop    string           `json:"shop,omitempty"` // where there are several
	Feed    string           `json:"feed"`
	Export  string           `json:"export"`
	Drop    int64            `json:"drop"`
	Run     int64            `json:"run"`
	Batch   int64            `json:"batch"`
	File    string           `json:"file"`
	Order   string           `json:"order"` // identifier
	Alarm   bridge.Alarm     `json:"alarm"`
	Work    string           `json:"work"`    // what is paused
	Who     string           `json:"who"`     // who decided, or looked
	From    string           `json:"from"`    // where that one was
	Person  string           `json:"person"`  // of whom it is, by pseudonym
	Why     string           `json:"why"`     // and why
	Verdict bridge.Verdict   `json:"verdict"` // of a decision about a drop
	Bytes   int64            `json:"bytes"`
	SHA256  string           `json:"sha256"`
	Counts  *bridge.Counts   `json:"counts"`
	User    string           `json:"user"`    // a partner at a server of the bridge's own
	Address string           `json:"address"` // where the partner came from
	Text    string           `json:"text"`    // the rest in words
	Hint    string           `json:"hint"`    // what to do about it
}

// NewEvent is an event of the journal as operators and subscribers see it.
func NewEvent(e *bridge.Event) Event {
	v := e.Visit
	if v == nil {
		v = &bridge.Visit{}
	}
	return Event{ID: e.ID, At: moment(e.At), Kind: e.Kind, Level: levelName(e), Feed: e.Feed, Export: e.Export, Drop: e.Drop, Run: e.Run,
		Batch: e.Batch, File: e.File, Order: e.Order, Alarm: e.Alarm, Work: e.Work, Who: e.Who, From: e.From, Person: e.Person,
		Why: e.Why, Verdict: e.Verdict, Bytes: e.Bytes, SHA256: e.SHA256, Counts: e.Counts, User: v.User,
		Address: v.Address, Text: e.Text, Hint: e.Hint}
}

func levelName(e *bridge.Event) string { return strings.ToLower(e.Level().String()) }

// Events walks the journal, oldest first. A drop that is asked for has to be known.
func (k *View) Events(ctx context.Context, f bridge.EventFilter, each func(Event) error) error {
	if f.Drop != 0 {
		if _, err := DropOf(ctx, k, f.Drop); err != nil {
			return err
		}
	}
	f.Of = k.whose()
	return k.Ledger.Events(ctx, f, func(e *bridge.Event) error {
		v := NewEvent(e)
		v.Shop = k.told(cmp.Or(k.ShopOf(e.Feed), k.of("export "+e.Export), k.of(e.Work)))
		return each(v)
	})
}

// Life tells what happened to a drop, oldest first, but for its batches. The journal forgets after some time, decisions excepted.
func (k *View) Life(ctx context.Context, drop int64) ([]Event, error) {
	life := []Event{}
	err := k.Events(ctx, bridge.EventFilter{Drop: drop, Outline: true}, func(e Event) error {
		life = append(life, e)
		return nil
	})
	return life, err
}

// followEvery is how often a follower looks for news.
const followEvery = time.Second

// Follow walks the journal as Events does and then goes on with what comes, until ctx ends, which is no error. It asks the
// ledger once a second, so that it may follow another process.
func (k *View) Follow(ctx context.Context, f bridge.EventFilter, each func(Event) error) error {
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	for {
		err := k.Events(ctx, f, func(e Event) error {
			f.After = e.ID
			return each(e)
		})
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		f.Last = 0 // it was about what stood there at the beginning
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}
