package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/operate"
	"github.com/orobridge/orobridge/cmd/orobridge/show"
	"github.com/orobridge/orobridge/cmd/orobridge/systemd"
)

func newRunCommand(a *app) *cobra.Command {
	var once, stable bool
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Be the bridge: poll every feed and export until stopped",
		Long: "run polls every feed and every export on its own schedule. The first Ctrl-C finishes the work at hand, the second one\n" +
			"stops at once; either way the next start goes on from the ledger. With --once it makes one round and exits.\n\n" +
			"A SIGHUP, or orobridge reload, makes it read its config again. Started by systemd, it says when it is ready, and that it\n" +
			"is alive for as long as its ledger answers.\n\n" +
			"With --shadow it writes nothing, neither to the shop nor to a remote, for the weeks in which another system still does the\n" +
			"work: it tells what it would have done with each file, and how each order file that it would have written compares with what\n" +
			"the other system wrote. It keeps a state of its own, in shadow below state.dir; look at it with status --shadow and the like.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case once:
				return a.runOnce(cmd.Context(), stable)
			case stable:
				return &usageError{"--wait-stable goes with --once", "a bridge that runs on waits for each file anyway"}
			}
			return a.runDaemon(cmd.Context())
		},
	}
	cmd.Flags().BoolVar(&a.shadow, "shadow", false, "write nothing: tell what would be done")
	cmd.Flags().BoolVar(&once, "once", false, "make one round of every feed and export, then exit")
	cmd.Flags().BoolVar(&stable, "wait-stable", false, "with --once: wait for files that are there and still settling, and load them too")
	return cmd
}

func (a *app) runDaemon(ctx context.Context) (err error) {
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	c, err := a.config()
	if err != nil {
		return err
	}
	log := a.logger()
	systemd.LimitMemory(log)
	defer a.Erase()
	defer log.Info("stopped")
	defer context.AfterFunc(ctx, func() { systemd.Tell(log, systemd.Stopping) })()
	l := &lives{app: a, log: log, hangups: hangups, config: c}
	for {
		err := l.serve(ctx)
		switch {
		case errors.Is(err, bridge.ErrThoughtDead):
			log.Warn("others have taken up this bridge's work: it begins anew", "error", err)
		case c.State.Postgres != "" && bridge.FateOf(err) == bridge.Pause && ctx.Err() == nil:
			log.Warn("the bridge begins once the database is there", "error", err, "hint", bridge.HintOf(err))
			if (bridge.SystemClock{}).Wait(ctx, time.Second) != nil {
				return nil
			}
		default:
			return err
		}
	}
}

func (a *app) runOnce(ctx context.Context, stable bool) (err error) {
	c, err := a.config()
	if err != nil {
		return err
	}
	e, err := a.engine(ctx, c, a.logger())
	if err != nil {
		return err
	}
	defer closing(e, &err)
	a.ShowProgress(e.Events)
	defer a.Erase()
	e.hurry()
	began := time.Now()
	round := e.Round
	if stable {
		round = e.Rounds
	}
	if err := errors.Join(e.Alarms.Begin(ctx), e.Tell.Begin(ctx)); err != nil {
		return err
	}
	err = round(ctx)
	if len(c.Notify)+len(c.Alarms.Watch) > 0 {
		err = errors.Join(err, e.Alarms.Once(ctx))
	}
	if err = errors.Join(err, e.Tell.Once(ctx)); err != nil {
		return err
	}
	if err := e.Alarms.Live(ctx); err != nil { // the round was made all the same
		show.Say(a.Stderr, "warning", "no sign of life was given: "+err.Error(), "check alarms.heartbeat")
	}
	return a.printWaiting(ctx, e.Desk, began)
}

// printWaiting names the drops of this round that wait for a person, and what else does; with any the exit code is 3.
func (a *app) printWaiting(ctx context.Context, desk *operate.Desk, began time.Time) error {
	drops, err := desk.Unsettled(ctx, began)
	if err != nil {
		return err
	}
	for _, d := range drops {
		fmt.Fprintf(a.Stderr, "drop %d %s %s: %s\n", d.Drop, show.Printable(d.File), d.State, show.Printable(d.Reason))
	}
	v, err := desk.Status(ctx)
	if err != nil {
		return err
	}
	a.PrintWaits(v)
	if len(drops) > 0 || len(v.Waits()) > 0 {
		return exit(exitPartly)
	}
	return nil
}
