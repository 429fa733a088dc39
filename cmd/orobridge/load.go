package main

import (
	"cmp"

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
				return cmp.Or(a.PrintResult(v), verdict(v))
			})
		},
	})
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
