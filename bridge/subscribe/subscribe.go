// Package subscribe tells other systems of events, each by a signed request.
//
// Contract. What is owed to a subscriber are the events of the journal that are its business, from the one that was the last when the
// subscriber first stood in the config: the journal is in the ledger already, in one transaction with what each event tells of, so
// nothing is owed twice and nothing is forgotten. A subscriber is told of one event after the other, in the order of their numbers;
// the next one waits until it has taken the one before. How far it was told stands in the ledger after each of them: a bridge that is
// killed in between tells one event twice, under the same id. One that is not taken is tried again after growing distances, of an hour
// at most. An event that is older than the subscriber's give_up when a try of it fails is given up, with all others that are as old: the
// journal says so, and an alarm of the subscriber stands until somebody has taken note.
//
// A subscriber is never told of alarms of itself. What it is told stands nowhere else than in the journal: an event that the journal has
// forgotten (state.keep.rows) can't be told any more.
//
// What may go in: which event is told next, and when. What may not: how it travels (bridge/notify/post), or how what is wrong with a
// subscriber becomes an alarm (bridge/notify/signs).
package subscribe

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/bridge/operate"
)

// A Ledger is where the journal stands, and how far each subscriber was told of it. An event has a higher number than all those that
// anybody could read before it.
type Ledger interface {
	Events(ctx context.Context, f bridge.EventFilter, each func(*bridge.Event) error) error
	Notes(ctx context.Context) (map[string]string, error)
	// Note keeps a small fact under a name; an empty text removes it.
	Note(ctx context.Context, name, text string, events ...*bridge.Event) error
}

// Post posts an event to a subscriber. It returns once the subscriber has taken it, or why it did not; its errors hold no secret.
type Post func(ctx context.Context, to *config.Subscriber, id string, at time.Time, body []byte) error

// A Teller tells all subscribers. Its fields are set once, before any method is called.
type Teller struct {
	Subscribers []*config.Subscriber
	ShopsOf     func(*bridge.Event) []string // the shops that an event is of, all of which have to be the subscriber's; none: it concerns all
	Several     bool                         // there are several shops: an event says of which it is
	Origin      string                       // what tells this ledger's events from those of others, and of its own earlier lives
	Ledger      Ledger
	Clock       bridge.Clock
	Events      *bridge.Events
	Post        Post

	mu   sync.Mutex
	wake chan struct{} // closed and replaced when something has happened
}

const (
	lookEvery   = 10 * time.Second // for what other processes have entered in the journal
	patience    = 30 * time.Second // with one request
	longestWait = time.Hour        // between two tries
)

// Begin lets new subscribers begin at the journal's end, and forgets those that the config does not have any more. It comes before the
// first work of the bridge.
func (t *Teller) Begin(ctx context.Context) error {
	notes, err := t.Ledger.Notes(ctx)
	if err != nil {
		return err
	}
	var last int64
	if err := t.Ledger.Events(ctx, bridge.EventFilter{Last: 1}, func(e *bridge.Event) error { last = e.ID; return nil }); err != nil {
		return err
	}
	gone := map[string]bool{}
	for note := range notes {
		if name, ok := bridge.SubscriberOf(note); ok {
			gone[name] = true
		}
	}
	for _, s := range t.Subscribers {
		if _, known := bridge.ReadSubscription(notes[bridge.SubscriptionNote(s.Name)]); !known {
			if err := t.Ledger.Note(ctx, bridge.SubscriptionNote(s.Name), bridge.Subscription{Told: last}.Note()); err != nil {
				return err
			}
		}
		delete(gone, s.Name)
	}
	for _, name := range slices.Sorted(maps.Keys(gone)) {
		for _, note := range []string{bridge.SubscriptionNote(name), bridge.AgainNote(name)} {
			if err := t.Ledger.Note(ctx, note, ""); err != nil {
				return err
			}
		}
	}
	return nil
}

// Run tells of what happens until ctx ends, which is no error.
func (t *Teller) Run(ctx context.Context) error {
	if len(t.Subscribers) == 0 {
		return nil
	}
	defer t.Events.Observe(t.hear)()
	g, ctx := errgroup.WithContext(ctx)
	for _, s := range t.Subscribers {
		g.Go(func() error { return (&line{Teller: t, to: s}).run(ctx) })
	}
	if err := g.Wait(); ctx.Err() == nil || !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// Once tells all that is owed and due: for a bridge that makes one round, and rests then.
func (t *Teller) Once(ctx context.Context) error {
	var err error
	for _, s := range t.Subscribers {
		err = errors.Join(err, (&line{Teller: t, to: s}).tell(ctx))
	}
	return err
}

// hear wakes all lines once something has happened that is the business of one of them.
func (t *Teller) hear(e *bridge.Event) {
	if !slices.ContainsFunc(t.Subscribers, func(s *config.Subscriber) bool { return t.wants(s, e) }) {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.wake != nil {
		close(t.wake)
		t.wake = nil
	}
}

// woken is closed once something has happened.
func (t *Teller) woken() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.wake == nil {
		t.wake = make(chan struct{})
	}
	return t.wake
}

// wants says whether an event is a subscriber's business.
func (t *Teller) wants(s *config.Subscriber, e *bridge.Event) bool {
	if !slices.Contains(s.Events, string(e.Kind)) || e.Work == bridge.SubscriberWork(s.Name) {
		return false
	}
	hidden := func(shop string) bool { return len(s.Shops) > 0 && !slices.Contains(s.Shops, shop) }
	if slices.ContainsFunc(t.ShopsOf(e), hidden) { // of a drop for several shops each hears by its part
		return false
	}
	return len(s.Feeds) == 0 || bridge.NamesFeed(s.Feeds, e.Feed) || e.Export != "" && slices.Contains(s.Feeds, e.Export)
}

// A Message is the body of a request, by Standard Webhooks. Its JSON is a contract: add to it, change none.
type Message struct {
	Type      bridge.EventKind `json:"type"`      // the event's kind, or "test"
	Timestamp time.Time        `json:"timestamp"` // when it happened
	Data      operate.Event    `json:"data"`      // as /api/v1/events has it
}

// message is the body of an event, and its id: the same whenever it is told.
func (t *Teller) message(e *bridge.Event) (id string, body []byte, err error) {
	data := operate.NewEvent(e)
	if t.Several {
		if shops := t.ShopsOf(e); len(shops) == 1 {
			data.Shop = shops[0]
		}
	}
	body, err = json.Marshal(Message{Type: e.Kind, Timestamp: e.At.UTC(), Data: data})
	return fmt.Sprintf("evt_%s_%d", t.Origin, e.ID), body, err
}

// testKind is the kind of what is told when somebody tries a subscriber.
const testKind bridge.EventKind = "test"

// Try tells a subscriber that somebody tries it, and nothing else. It needs no ledger, and no bridge.
func Try(ctx context.Context, to *config.Subscriber, post Post, who string, now time.Time) error {
	t := &Teller{Origin: "test", Post: post}
	e := &bridge.Event{ID: now.UnixMilli(), At: now, Kind: testKind, Who: who, Text: "somebody tries whether events arrive"}
	if err := t.post(ctx, to, e, now); err != nil {
		return &bridge.Error{Op: "tell", Object: "subscriber " + to.Name, Err: errors.Join(err, bridge.ErrUnreachable),
			Hint: "check its address and secret, and that the way there is open"}
	}
	return nil
}

func (t *Teller) post(ctx context.Context, to *config.Subscriber, e *bridge.Event, now time.Time) error {
	id, body, err := t.message(e)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	t.Events.Step("event is told to " + to.Name)
	return t.Post(ctx, to, id, now, body)
}

// line is the way to one subscriber.
type line struct {
	*Teller
	to     *config.Subscriber
	is     bridge.Subscription
	known  bool  // is is what the ledger says
	looked int64 // up to this number the journal has nothing more for it
}

// run tells of one event after the other. Trouble with the ledger is told, and tried again.
func (l *line) run(ctx context.Context) error {
	what := "events to " + l.to.Name
	for n := 0; ctx.Err() == nil; {
		woken := l.woken()
		err := l.tell(ctx)
		wait := lookEvery
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			n++
			l.known = false
			l.Events.Tell(bridge.Trouble(l.Clock.Now(), what, err))
			wait = bridge.Backoff(n, err, 0.5)
		case n > 0:
			n = 0
			l.Events.Tell(bridge.Trouble(l.Clock.Now(), what, nil))
		}
		if left := l.is.Due.Sub(l.Clock.Now()); err == nil && left > 0 {
			wait, woken = min(wait, left), nil
		}
		if err := bridge.WaitOr(ctx, l.Clock, wait, woken, nil); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// A page of the journal is read at once, and how far it was looked through without anything to tell is kept after some pages.
const (
	page     = 200
	farApart = 2000
)

// tell tells of all that is owed and due, until nothing is left or the subscriber does not take it.
func (l *line) tell(ctx context.Context) error {
	if err := l.recall(ctx); err != nil {
		return err
	}
	for !l.is.Due.After(l.Clock.Now()) {
		owed, end, err := l.owed(ctx)
		if err != nil {
			return err
		}
		for _, e := range owed {
			if taken, err := l.one(ctx, e); err != nil || !taken {
				return err
			}
		}
		if l.looked-l.is.Told >= farApart {
			l.is.Told = l.looked
			if err := l.keep(ctx); err != nil {
				return err
			}
		}
		if end {
			return nil
		}
	}
	return nil
}

// recall reads how far the subscriber was told, and whether somebody has it told again.
func (l *line) recall(ctx context.Context) error {
	notes, err := l.Ledger.Notes(ctx)
	if err != nil {
		return err
	}
	if !l.known {
		l.is, _ = bridge.ReadSubscription(notes[bridge.SubscriptionNote(l.to.Name)])
		l.known, l.looked = true, l.is.Told
	}
	return l.again(ctx, notes)
}

// keep enters how far the subscriber was told.
func (l *line) keep(ctx context.Context, events ...*bridge.Event) error {
	return l.Ledger.Note(context.WithoutCancel(ctx), bridge.SubscriptionNote(l.to.Name), l.is.Note(), events...)
}

// owed reads the next page of the journal and returns what of it is the subscriber's business; end says that it was the last one.
func (l *line) owed(ctx context.Context) (owed []*bridge.Event, end bool, err error) {
	n := 0
	err = l.Ledger.Events(ctx, bridge.EventFilter{After: max(l.is.Told, l.looked), First: page}, func(e *bridge.Event) error {
		n++
		if l.wants(l.to, e) {
			owed = append(owed, e)
		} else if len(owed) == 0 {
			l.looked = e.ID
		}
		return nil
	})
	return owed, n < page, err
}

// one tells of an event, and enters what came of it; taken says whether the next one may follow.
func (l *line) one(ctx context.Context, e *bridge.Event) (taken bool, err error) {
	now := l.Clock.Now()
	failed := l.post(ctx, l.to, e, now)
	if ctx.Err() != nil {
		return false, ctx.Err() // it is not known whether it was told: it is told again
	}
	if failed == nil {
		l.Events.Step("event was taken by " + l.to.Name)
		l.is.Told, l.is.Tries, l.is.Since, l.is.Due, l.is.Trouble = e.ID, 0, time.Time{}, time.Time{}, ""
		l.looked = e.ID
		return true, l.keep(ctx)
	}
	if l.is.Tries++; l.is.Tries == 1 {
		l.is.Since = now
	}
	l.is.Trouble, l.is.Due = failed.Error(), now.Add(distance(l.is.Tries, failed))
	if oldest := now.Add(-l.to.GiveUp.D()); e.At.Before(oldest) && l.is.Again.Before(oldest) {
		return false, l.giveUp(ctx, e, oldest)
	}
	return false, l.keep(ctx)
}

// distance is how long to wait after a number of failed tries: doubled from two seconds to the longest, or as the receiver asked.
func distance(tries int, failed error) time.Duration {
	return min(max(time.Second<<min(tries, 12), bridge.RetryAfter(failed)), longestWait)
}

// giveUp gives up an event, and those behind it that happened before a time, and says so in the journal.
func (l *line) giveUp(ctx context.Context, first *bridge.Event, before time.Time) error {
	var n, last int64
	err := l.Ledger.Events(ctx, bridge.EventFilter{After: first.ID - 1}, func(e *bridge.Event) error {
		if !e.At.Before(before) {
			return errLater
		}
		if l.wants(l.to, e) {
			n, last = n+1, e.ID
		}
		return nil
	})
	if err != nil && !errors.Is(err, errLater) {
		return err
	}
	notes, err := l.Ledger.Notes(ctx)
	if err != nil {
		return err
	}
	if !l.is.GivenUpAt.After(bridge.Floor(notes, bridge.SubscriberWork(l.to.Name), bridge.AlarmSubscriber)) { // somebody knows of those
		l.is.GivenUp, l.is.First = 0, first.ID
	}
	now := l.Clock.Now()
	l.is.Told, l.is.GivenUp, l.is.GivenUpAt, l.looked = last, l.is.GivenUp+n, now, last
	which := fmt.Sprintf("event %d was", first.ID)
	if n > 1 {
		which = fmt.Sprintf("%d events from %d to %d were", n, first.ID, last)
	}
	event := &bridge.Event{At: now, Kind: bridge.EventsGivenUp, Work: bridge.SubscriberWork(l.to.Name),
		Text: fmt.Sprintf("%s not taken within %s: %s", which, l.to.GiveUp, strings.TrimSpace(l.is.Trouble)),
		Hint: bridge.AlarmSubscriber.Hint()}
	if err := l.keep(ctx, event); err != nil {
		return err
	}
	l.Events.Tell(event)
	return nil
}

// errLater ends a walk at the first event that is not old enough.
var errLater = errors.New("the rest is newer")
