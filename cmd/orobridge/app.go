package main

import (
	"fmt"
	"io"
	"log/slog"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/orobridge/orobridge/bridge/api/client"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/bridge/operate"
	"github.com/orobridge/orobridge/bridge/oro/orotest"
	"github.com/orobridge/orobridge/cmd/orobridge/show"
)

// app is what the verbs share: the ends of the process and the global flags.
//
// A verb is a function newXCommand(a *app) *cobra.Command, listed in newRootCommand. Its RunE takes the context from
// cmd.Context(), which ends with the first signal; work that must be finished then goes on under context.WithoutCancel.
// A verb that shows what the ledger knows stands in a.look; one that works stands in a.work, and one that decides, beside a
// running bridge as well, in a.decide; a.see and a.settle are for those that may ask a bridge elsewhere, too. What is shown and
// decided comes from bridge/operate: the verb reads flags and prints, with what cmd/orobridge/show has for its model. It returns
// errors as they are: run turns them into lines and an exit code. A verb that has printed everything itself returns exit(code).
type app struct {
	show.Pen
	stdin io.Reader
	env   func(string) (string, bool)
	shops []string         // that the command line names; none: all
	boxes []orotest.Option // of the shops in a box that it starts, for tests

	configPath string
	shadow     bool // run, or look at, one that writes nothing
	server     client.Options
	logFormat  string
	verbose    bool
}

// jsonFlag gives a reading verb its --json.
func (a *app) jsonFlag(cmd *cobra.Command) *cobra.Command {
	cmd.Flags().BoolVar(&a.AsJSON, "json", false, "print JSON")
	return cmd
}

// config loads the config that the user named and says what should not stay as it is.
func (a *app) config() (*config.Config, error) {
	c, err := config.Load(a.configPath, kinds, a.env)
	if err != nil {
		return nil, err
	}
	a.asShadow(c)
	for _, w := range c.Warnings {
		show.Say(a.Stderr, "warning", w.Error(), w.Hint)
	}
	return c, nil
}

// feed finds a feed of the config; none when none is named.
func (a *app) feed(name string) (*config.Feed, error) {
	if name == "" {
		return nil, nil
	}
	c, err := a.config()
	if err != nil {
		return nil, err
	}
	return operate.FeedOf(c.Feeds, name)
}

// logger writes to stderr: debug lines with --verbose; on a terminal in short lines, unless a format was asked for.
func (a *app) logger() *slog.Logger {
	options := &slog.HandlerOptions{Level: slog.LevelInfo, ReplaceAttr: show.PrintableAttr}
	if a.verbose {
		options.Level = slog.LevelDebug
	}
	if a.logFormat == "json" {
		return slog.New(slog.NewJSONHandler(a.Stderr, options))
	}
	if a.logFormat == "" && show.OnTerminal(a.Stderr) {
		return slog.New(show.NewTerminalLog(a.Stderr, options.Level.Level()))
	}
	return slog.New(slog.NewTextHandler(a.Stderr, options))
}

// quietLogger is for verbs whose result is printed: warnings only, unless all was asked for.
func (a *app) quietLogger() *slog.Logger {
	if a.verbose {
		return a.logger()
	}
	if show.OnTerminal(a.Stderr) {
		return slog.New(show.NewTerminalLog(a.Stderr, slog.LevelWarn))
	}
	return slog.New(slog.NewTextHandler(a.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn, ReplaceAttr: show.PrintableAttr}))
}

// number reads an id from the command line.
func number(what, text string) (int64, error) {
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil || id <= 0 {
		return 0, &usageError{fmt.Sprintf("%q is not the number of a %s", text, what), "see `orobridge " + what + "s`"}
	}
	return id, nil
}
