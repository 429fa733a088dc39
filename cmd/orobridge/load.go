package main

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
)

func newLoadCommand(a *app) *cobra.Command {
	return a.jsonFlag(&cobra.Command{
		Use:   "load FEED FILE",
		Short: "Load a file of this machine through a feed, now",
		Long: "load takes a local file as a drop of the feed and loads it as if it had come from the feed's remote. The file itself\n" +
			"stays where it is.",
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.load(cmd.Context(), args[0], args[1])
		},
	})
}

func (a *app) load(ctx context.Context, feed, path string) error {
	return a.onFeed(ctx, feed, openLedger, func(e *engine, f *config.Feed) error {
		d, err := e.In.HandOver(ctx, f, path)
		if err != nil {
			return err
		}
		run, err := e.In.Load(ctx, f, d)
		if err != nil {
			return fmt.Errorf("drop %d goes on with the next `orobridge run`: %w", d.ID, err)
		}
		if err := e.In.RetryParked(ctx, f, d.ID); err != nil {
			return err
		}
		return a.printRun(d, run)
	})
}

// printRun prints what became of a drop, and turns it into an exit code.
func (a *app) printRun(d *bridge.Drop, run *bridge.Run) error {
	if a.json {
		if err := a.printJSON(viewRun(d, run)); err != nil {
			return err
		}
	} else {
		fmt.Fprintf(a.stdout, "drop %d %s: %s\n", d.ID, printable(d.Name), d.State)
		if run != nil {
			fmt.Fprintln(a.stdout, countsLine(run.Counts))
			if len(run.Skipped) > 0 {
				fmt.Fprintf(a.stdout, "left out: %s\n", printable(skippedLine(run.Skipped)))
			}
		}
		if d.Reason != "" {
			fmt.Fprintln(a.stdout, printable(d.Reason))
		}
		if run != nil && run.Rejected > 0 {
			fmt.Fprintf(a.stderr, "hint: see `orobridge rejects %d`\n", d.ID)
		}
	}
	return outcome(d, run)
}

// outcome is the exit code that a drop's state means.
func outcome(d *bridge.Drop, run *bridge.Run) error {
	switch {
	case run != nil && run.State == bridge.Failed:
		return exit(exitFailed)
	case d.State == bridge.Partial, d.State == bridge.Rejected, d.State == bridge.Held:
		return exit(exitPartly)
	}
	return nil
}

// quietLogger is for verbs whose result is printed: warnings only, unless all was asked for.
func (a *app) quietLogger() *slog.Logger {
	if a.verbose {
		return a.logger()
	}
	return slog.New(slog.NewTextHandler(a.stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
}

// closing closes c when the function ends, and keeps its error unless there is one already.
func closing(c interface{ Close() error }, err *error) {
	if closeErr := c.Close(); *err == nil {
		*err = closeErr
	}
}
