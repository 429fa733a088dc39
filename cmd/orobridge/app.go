package main

import (
	"io"
	"log/slog"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/orobridge/orobridge/bridge/config"
)

// app is what the verbs share: the ends of the process and the global flags.
//
// A verb is a function newXCommand(a *app) *cobra.Command, listed in newRootCommand. Its RunE takes the context from
// cmd.Context(), which ends with the first signal; work that must be finished then goes on under context.WithoutCancel.
// It prints data with a.table or a.printJSON, and returns errors as they are: run turns them into lines and an exit code.
// A verb that has printed everything itself returns exit(code).
type app struct {
	stdin  io.Reader
	stdout io.Writer
	stderr io.Writer
	env    func(string) (string, bool)

	configPath string
	json       bool
	logFormat  string
	verbose    bool
}

// jsonFlag gives a reading verb its --json.
func (a *app) jsonFlag(cmd *cobra.Command) *cobra.Command {
	cmd.Flags().BoolVar(&a.json, "json", false, "print JSON")
	return cmd
}

// config loads the config that the user named and says what should not stay as it is.
func (a *app) config() (*config.Config, error) {
	c, err := config.Load(a.configPath, kinds, a.env)
	if err != nil {
		return nil, err
	}
	for _, w := range c.Warnings {
		say(a.stderr, "warning", w.Error(), w.Hint)
	}
	return c, nil
}

// logger writes to stderr: debug lines with --verbose.
func (a *app) logger() *slog.Logger {
	options := &slog.HandlerOptions{Level: slog.LevelInfo}
	if a.verbose {
		options.Level = slog.LevelDebug
	}
	if a.logFormat == "json" {
		return slog.New(slog.NewJSONHandler(a.stderr, options))
	}
	return slog.New(slog.NewTextHandler(a.stderr, options))
}

// onTerminal says whether w is a screen: progress is for people, plain lines for everything else.
func onTerminal(w io.Writer) bool {
	f, ok := w.(interface{ Fd() uintptr })
	return ok && term.IsTerminal(int(f.Fd()))
}
