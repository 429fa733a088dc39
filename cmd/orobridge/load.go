package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/orobridge/orobridge/bridge/operate"
)

func newLoadCommand(a *app) *cobra.Command {
	return a.jsonFlag(&cobra.Command{
		Use:   "load FEED FILE",
		Short: "Load a file of this machine through a feed, now",
		Long: "load takes a local file as a drop of the feed and loads it as if it had come from the feed's remote. The file itself\n" +
			"stays where it is.",
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.work(cmd.Context(), args[0], openLedger, func(e *engine) error {
				v, err := e.Desk.Load(cmd.Context(), args[0], args[1])
				if err != nil {
					return err
				}
				return a.printResult(v)
			})
		},
	})
}

// printResult prints what became of a drop, and turns it into an exit code.
func (a *output) printResult(v *operate.Result) error {
	a.erase()
	if v.Handed {
		fmt.Fprintf(a.stderr, "drop %d is in the hands of the running bridge: see `orobridge drop %d`\n", v.Drop, v.Drop)
	}
	if v.Paused != "" {
		say(a.stderr, "warning", fmt.Sprintf("drop %d waits: %s", v.Drop, v.Paused), "let it go on with `orobridge resume`")
	}
	if v.Unmoved != nil {
		say(a.stderr, "warning", "its last move is still owed, the next run tries again: "+v.Unmoved.Error(), "")
	}
	if a.json {
		if err := a.printJSON(v.Run); err != nil {
			return err
		}
	} else if !v.Handed {
		a.printRun(&v.Run)
	}
	return verdict(v)
}

// verdict is a result as an exit code; nil for a good one.
func verdict(v *operate.Result) error {
	switch v.Verdict {
	case operate.Failed:
		return exit(exitFailed)
	case operate.Waits:
		return exit(exitPartly)
	}
	return nil
}

func (a *output) printRun(v *operate.Run) {
	fmt.Fprintf(a.stdout, "drop %d %s: %s\n", v.Drop, printable(v.File), v.State)
	if v.Run != 0 {
		fmt.Fprintln(a.stdout, countsLine(v.Counts))
	}
	a.printLeftOut("", v.Skipped, v.Unmapped)
	if v.Reason != "" {
		fmt.Fprintln(a.stdout, printable(v.Reason))
	}
	if v.Rejected > 0 {
		fmt.Fprintf(a.stderr, "hint: see `orobridge rejects %d`\n", v.Drop)
	}
	if v.Warnings > 0 {
		fmt.Fprintf(a.stderr, "hint: see the warnings at the end of `orobridge drop %d --rows`\n", v.Drop)
	}
}
