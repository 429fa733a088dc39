package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/bridge/operate"
	"github.com/orobridge/orobridge/cmd/orobridge/caller"
	"github.com/orobridge/orobridge/cmd/orobridge/show"
	"github.com/orobridge/orobridge/cmd/orobridge/systemd"
	"github.com/orobridge/orobridge/state"
)

// lives are those of a running bridge, one for each config that it has read. A relay hands over from one to the next: what is the same
// goes on, ends and listeners among it. A config that is not good, or whose ends can't be opened, changes nothing.
type lives struct {
	*app
	config  *config.Config // the last one that was good
	ledger  *state.State
	log     *slog.Logger
	hangups chan os.Signal // each is a wish to read the config again
	heard   *string        // the last wish of another process, such as one that was left before it began; nil before it has looked
}

// serve is the bridge for as long as the ledger is its own, or its to share.
func (l *lives) serve(ctx context.Context) (err error) {
	if err = l.take(ctx); err != nil {
		return unlessStopped(ctx, err)
	}
	defer closing(l.ledger, &err)
	for _, doubt := range l.ledger.Doubts {
		l.log.Warn(doubt)
	}
	return unlessStopped(ctx, l.run(ctx, l.config))
}

// unlessStopped is an error but for what a stop leaves, which may come before all of the bridge has begun.
func unlessStopped(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// run lives until ctx ends.
func (l *lives) run(ctx context.Context, c *config.Config) error {
	notes, err := l.ledger.Notes(ctx)
	for _, work := range []string{bridge.ReloadWork, bridge.ReloadOf(l.ledger.Member())} { // it has read its config now
		if err = errors.Join(err, l.ledger.Note(ctx, bridge.PausedNote(work), "")); err != nil {
			return err
		}
	}
	if l.heard == nil { // later it is followed, whichever life heard it
		l.heard = new(notes[bridge.ReloadAsked])
	}
	ctx, stop := context.WithCancel(ctx)
	var beating sync.WaitGroup
	beating.Go(func() { systemd.Beat(ctx, l.ledger) })
	defer beating.Wait()
	defer stop()
	e, err := l.assemble(ctx, c, l.ledger, l.log)
	if err != nil {
		return err
	}
	e.Heed = l.asked
	l.ShowProgress(e.Events)
	if err = e.listen(ctx, nobody()); err != nil {
		return errors.Join(err, e.leave(nobody()))
	}
	l.begun(e)
	last := e
	err = e.run(ctx, func(ctx context.Context, services *services) {
		for {
			select {
			case <-ctx.Done():
				return
			case <-l.hangups:
				last = l.goOver(ctx, last, services)
			}
		}
	})
	err = errors.Join(err, last.leave(nobody()))
	if ctx.Err() != nil {
		err = errors.Join(err, l.rest(context.WithoutCancel(ctx), last))
	}
	return err
}

// rest says that this bridge has stopped because it was told to.
func (l *lives) rest(ctx context.Context, last *engine) error {
	all, err := l.ledger.Rest(ctx)
	if err != nil || !all {
		return err
	}
	return last.Alarms.Rest(ctx)
}

// begun tells that a bridge is at work.
func (l *lives) begun(e *engine) {
	var urls []string
	for _, s := range e.config.Shops() {
		urls = append(urls, s.URL)
	}
	what := "running"
	if l.shadow {
		what = "running as a shadow, which writes nothing"
	}
	c := e.config
	l.log.Info(what, "feeds", len(c.Feeds), "exports", len(c.Exports), "state", c.State.Dir, "shop", strings.Join(urls, ", "))
	systemd.Tell(l.log, systemd.Ready)
}

// goOver reads the config again and hands over to the bridge of it, which it returns, or tells why not.
func (l *lives) goOver(ctx context.Context, before *engine, services *services) *engine {
	systemd.Tell(l.log, systemd.Reloading())
	c, err := l.read(before.config)
	if err == nil {
		var next *engine
		if next, err = l.handOver(ctx, before, c, services); err == nil {
			l.config = c
			l.tell(ctx, next.Events, nil, fmt.Sprintf("the config was read again: %d feeds, %d exports", len(c.Feeds), len(c.Exports)))
			l.begun(next)
			return next
		}
	}
	if ctx.Err() == nil {
		systemd.Tell(l.log, systemd.Ready)
		l.tell(ctx, before.Events, err, "")
	}
	return before
}

// handOver begins the bridge of a config in the place of another one. An error leaves that one as it is.
func (l *lives) handOver(ctx context.Context, before *engine, c *config.Config, services *services) (*engine, error) {
	e, err := before.next(ctx, l.app, c)
	if err != nil {
		return nil, err
	}
	e.Heed = l.asked
	e.keepsHouse()
	if err = e.listen(ctx, before); err == nil {
		err = errors.Join(e.Alarms.Begin(ctx), e.Tell.Begin(ctx))
	}
	if err == nil {
		err = e.relay.Next(ctx, e.Bridge)
	}
	if err != nil {
		return nil, errors.Join(err, e.leave(before))
	}
	if e.counting.Store(e.figures); e.figures != nil {
		e.figures.Follow(e.counted(e.Events))
	}
	if err := noteConfig(ctx, c, l.ledger); err != nil {
		l.log.Error("note which config is in force", "error", err)
	}
	if err := errors.Join(services.goOver(before, e), before.leave(e)); err != nil {
		l.log.Error("go over to the config", "error", err)
	}
	return e, nil
}

// read reads the config that the bridge was started with, with all that it names.
func (l *lives) read(before *config.Config) (*config.Config, error) {
	c, err := config.Load(before.Path, kinds, l.env)
	if err != nil {
		return nil, err
	}
	l.asShadow(c)
	was, wasErr := filepath.Abs(before.State.Dir)
	is, isErr := filepath.Abs(c.State.Dir)
	if err := errors.Join(wasErr, isErr); err != nil {
		return nil, err
	}
	if was != is {
		return nil, fmt.Errorf("state.dir was %s and is %s now: it changes with a restart only", was, is)
	}
	if before.State.Postgres.Reveal() != c.State.Postgres.Reveal() {
		return nil, errors.New("state.postgres is another address now: it changes with a restart only")
	}
	for _, w := range c.Warnings {
		l.log.Warn(w.Error(), "hint", w.Hint)
	}
	return c, nil
}

// tell says in journal, log and status what became of a wish to read the config again.
func (l *lives) tell(ctx context.Context, events *bridge.Events, refused error, done string) {
	if refused != nil {
		refused = &bridge.Error{Op: "read again", Object: "the config", Err: refused,
			Hint: "mend it and reload once more; the bridge goes on by the one before"}
	}
	work := bridge.ReloadOf(l.ledger.Member())
	event := bridge.Trouble(time.Now().UTC(), work, refused)
	note := event.Text
	if refused == nil {
		event.Text, note = done, ""
	}
	if err := l.ledger.Note(ctx, bridge.PausedNote(work), note, event); err != nil {
		l.log.Error("note what became of the reload", "error", err)
	}
	events.Tell(event)
}

// asked looks for a wish that another process has left in the ledger, which is one for every bridge.
func (l *lives) asked(ctx context.Context) error {
	notes, err := l.ledger.Notes(ctx)
	if wish := notes[bridge.ReloadAsked]; err == nil && wish != *l.heard {
		l.heard = &wish
		select {
		case l.hangups <- syscall.SIGHUP:
		default: // one is waiting already
		}
	}
	return err
}

// reloadPatience is how long the verb waits for a bridge to finish the work at hand and to begin anew.
const reloadPatience = 2 * time.Minute

func newReloadCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "reload",
		Short: "Let the running bridge read its config again",
		Long: "reload checks the config and asks the bridge that runs on its state to read it again, with all that it names: secrets, keys,\n" +
			"certificates, known_hosts. Feeds and exports that are what they were go on; others stop at a safe point, as at a stop, and\n" +
			"go on by the new config. One that is not good changes nothing, and it is said why; state changes with a restart only. Of\n" +
			"several bridges that share the state each reads its own config. A SIGHUP does the same to a single bridge.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.reload(cmd.Context()) },
	}
}

func (a *app) reload(ctx context.Context) (err error) {
	if err := a.here(); err != nil {
		return err
	}
	c, err := config.View(a.configPath, kinds, a.env)
	if err != nil {
		return err
	}
	if !held(ctx, c) {
		return errors.New("no bridge is running on this state: the next start reads the config")
	}
	ledger, err := openState(ctx, c, state.Options{Beside: true})
	if err != nil {
		return err
	}
	defer closing(ledger, &err)
	said := show.Reload{To: a.Stderr}
	if err = operate.Reload(ctx, ledger, caller.Decision(), reloadPatience, said.Say); err == nil && said.Refused {
		return exit(exitUsage)
	}
	return err
}
