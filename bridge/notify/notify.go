// Package notify gives alarms a life, and tells people of them: what is wrong is looked for again and again, becomes an alarm once
// it has lasted long enough, is told to the routes that want to hear of it, told again with growing distance, handed on to another
// route while nobody takes note, and told once more when it is over.
//
//   - notify.go: who does it, and when
//   - round.go: what is wrong becomes alarms, and alarms end
//   - owe.go: who is owed which message; digest.go: the digest of a day
//   - deliver.go: messages are sent
//   - life.go: signs of life: those that the bridge gives, and those of others
//   - signs (package): how what is wrong is found
//   - words (package): what people read
//   - post (package): how a message travels
//
// Contract. One thing that is wrong is one alarm, however many files it is of: the alarm counts them. A message stands in the
// ledger before it is sent, in the transaction with what it tells, and is told once: a bridge that is killed in between may tell
// one message twice, and none is forgotten. The messages of a route go out in the order in which they are owed; a route that does
// not take them keeps no other one waiting, and is an alarm for the others. All is decided anew in each round from what the ledger
// says, so that nothing depends on having been there when it happened. Acknowledged is not over: an alarm stands until nothing is
// wrong any more, and nobody is reminded of it. What came right is over once it has stayed so for five minutes, so that what comes and
// goes is one alarm.
package notify

import (
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/bridge/notify/signs"
	"github.com/orobridge/orobridge/bridge/notify/words"
)

// A Ledger keeps alarms, and what routes are owed. Lists are oldest first.
type Ledger interface {
	signs.Ledger
	LiveAlarms(ctx context.Context, f bridge.AlarmFilter) ([]*bridge.LiveAlarm, error)
	Messages(ctx context.Context, f bridge.MessageFilter) ([]*bridge.Message, error)
	// SaveAlarms enters alarms that are new, saves what has changed of others but what people have decided about them, and owes
	// messages; notes and events go with it.
	SaveAlarms(ctx context.Context, r bridge.AlarmRound, events ...*bridge.Event) error
	// DecideAlarm saves that somebody has acknowledged or snoozed an alarm that is not cleared; ErrMoved when it is.
	DecideAlarm(ctx context.Context, a *bridge.LiveAlarm, events ...*bridge.Event) error
	SaveMessage(ctx context.Context, m *bridge.Message) error
	// PruneAlarms removes up to n alarms that were cleared before a time with their messages, and up to n other messages of that
	// age that were told; more says that some may be left.
	PruneAlarms(ctx context.Context, before time.Time, n int) (more bool, err error)
	// SettledSince counts the drops that were settled since a time, by feed and state.
	SettledSince(ctx context.Context, since time.Time) (map[string]map[bridge.DropState]int64, error)
	Notes(ctx context.Context) (map[string]string, error)
	Note(ctx context.Context, name, text string, events ...*bridge.Event) error
}

// Ping asks an address; nil when it answers well. Its errors hold no secret.
type Ping func(ctx context.Context, address bridge.Secret) error

// Send gives a letter to a route. It returns once the route has taken it, or why it did not; its errors hold no secret.
type Send func(ctx context.Context, r *config.Route, l bridge.Letter) error

// A Keeper keeps the alarms of a bridge. Its fields are set once, before any method is called.
type Keeper struct {
	Routes  []*config.Route
	ShopsOf func(work string) config.Names // the shops that a piece of work is about, for routes that hear of some only; none: all
	Page    string                         // the page's address, for links; empty for none
	Keep    time.Duration
	Ledger  Ledger
	Clock   bridge.Clock
	Events  *bridge.Events
	Signs   *signs.Watcher
	Send    Send

	Heartbeat config.Heartbeat // without an address there is none
	Watched   []*config.Watched
	Ping      Ping
	// Well says why the bridge is not at work, though this process lives; nil for a bridge that only makes a round.
	Well func(ctx context.Context) error

	stop   func() // hearing
	mu     sync.Mutex
	owed   chan struct{}    // closed and replaced when something is owed
	looked time.Time        // when a round last went well
	mute   bool             // no route takes its messages
	silent map[string]error // of other bridges: how they last answered
}

// Close ends hearing what happens, for a keeper that [Assemble] has made.
func (k *Keeper) Close() { k.stop() }

// lookEvery is how often a running bridge looks what is wrong, and tries to send what is owed and due.
const lookEvery = 10 * time.Second

// Begin notes that this ledger is watched from now on, unless it has been: what went wrong before is no alarm. It comes before the first
// work of the bridge.
func (k *Keeper) Begin(ctx context.Context) error {
	notes, err := k.Ledger.Notes(ctx)
	if err != nil || notes[signs.WatchedNote] != "" {
		return err
	}
	return k.Ledger.Note(ctx, signs.WatchedNote, stampOf(k.Clock.Now()))
}

// Run keeps alarms until ctx ends, which is no error.
func (k *Keeper) Run(ctx context.Context) error {
	k.wentWell()
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return k.again(ctx, "alarms", lookEvery, k.look, nil) })
	for _, r := range k.Routes {
		g.Go(func() error {
			return k.again(ctx, "messages to "+r.Name, lookEvery, func(ctx context.Context) error { return k.deliver(ctx, r) }, k.woken)
		})
	}
	if k.Heartbeat.URL != "" {
		g.Go(func() error { return k.again(ctx, "heartbeat", k.Heartbeat.Every.D(), k.Live, nil) })
	}
	for _, w := range k.Watched {
		g.Go(func() error {
			return k.again(ctx, "watch of "+w.Name, w.Every.D(), func(ctx context.Context) error { return k.visit(ctx, w) }, nil)
		})
	}
	err := g.Wait()
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// Machine looks at this machine until ctx ends, which is no error, where several bridges share the work: each says of its own what is
// wrong, and one of them makes alarms of it.
func (k *Keeper) Machine(ctx context.Context) error {
	err := k.again(ctx, "machine", lookEvery, k.See, nil)
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// See looks at this machine once, and keeps what is wrong with it.
func (k *Keeper) See(ctx context.Context) error {
	note, blind := k.Signs.Machine(k.Clock.Now())
	notes, err := k.Ledger.Notes(ctx)
	if name := bridge.MachineNote(k.Signs.Bridge); err == nil && blind == nil && notes[name] != note {
		err = k.Ledger.Note(ctx, name, note)
	}
	return errors.Join(blind, err)
}

// again does a piece of work every so often, and as soon as it is woken. Trouble with it is told, and tried again.
func (k *Keeper) again(ctx context.Context, what string, every time.Duration, work func(context.Context) error,
	woken func() <-chan struct{}) error {
	for n := 0; ctx.Err() == nil; {
		var wake <-chan struct{}
		if woken != nil {
			wake = woken()
		}
		err := work(ctx)
		wait := every
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			n++
			k.Events.Tell(bridge.Trouble(k.Clock.Now(), what, err))
			wait = bridge.Backoff(n, err, 0.5)
		case n > 0:
			n = 0
			k.Events.Tell(bridge.Trouble(k.Clock.Now(), what, nil))
		}
		if err := bridge.WaitOr(ctx, k.Clock, wait, wake, nil); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// look makes a round, says that the bridge is at work, and forgets what is old.
func (k *Keeper) look(ctx context.Context) error {
	if err := errors.Join(k.Round(ctx), k.beat(ctx)); err != nil {
		return err
	}
	k.wentWell()
	if k.Keep == 0 {
		return nil
	}
	_, err := bridge.OnceADay(ctx, k.Ledger, "alarms pruned", k.Clock.Now(), func(ctx context.Context) (bool, error) {
		return k.Ledger.PruneAlarms(ctx, k.Clock.Now().Add(-k.Keep), pruned)
	})
	return err
}

// pruned is how many alarms are forgotten at once.
const pruned = 1000

// Once looks once and tries to send all that is owed and due: for a bridge that makes one round, and rests then.
func (k *Keeper) Once(ctx context.Context) error {
	for _, w := range k.Watched {
		if err := k.visit(ctx, w); err != nil {
			return err
		}
	}
	err := errors.Join(k.Round(ctx), k.Rest(ctx))
	for _, r := range k.Routes {
		err = errors.Join(err, k.deliver(ctx, r))
	}
	return err
}

// voice speaks to a route.
func (k *Keeper) voice(r *config.Route) *words.Voice {
	return words.NewVoice(r.Language, r.Location, k.Page)
}

// woken is closed once something more is owed.
func (k *Keeper) woken() <-chan struct{} {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.owed == nil {
		k.owed = make(chan struct{})
	}
	return k.owed
}

func (k *Keeper) wake() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.owed != nil {
		close(k.owed)
		k.owed = nil
	}
}

func stampOf(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

func timeOf(text string) time.Time {
	t, _ := time.Parse(time.RFC3339Nano, text) // what is no time is none
	return t
}
