package main

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/operate"
)

func newTransfersCommand(a *app) *cobra.Command {
	var f bridge.EventFilter
	var since string
	cmd := a.jsonFlag(&cobra.Command{
		Use:   "transfers",
		Short: "List what partners did at the bridge's own SFTP server",
		Long: "transfers lists sessions, uploads, downloads, renames, deletions and refusals at remotes of kind server, oldest first:\n" +
			"who, from where, which file, how many bytes, how long; with --json the hash of each file as well. It comes from the\n" +
			"journal, which goes back as far as state.keep.rows says. Of refusals, and of sessions in which nothing was transferred,\n" +
			"an hour's first ones are told each; one line at its end counts the rest.",
		Example: "  orobridge transfers --user sap --since 2h\n  orobridge transfers --last 50 --json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if f.Since, err = ago("since", since, time.Now()); err != nil {
				return err
			}
			return a.look(cmd.Context(), func(desk *operate.View) error {
				transfers, err := desk.Transfers(cmd.Context(), f)
				if err != nil {
					return err
				}
				return a.PrintTransfers(transfers)
			})
		},
	})
	flags := cmd.Flags()
	flags.StringVar(&f.User, "user", "", "only what this `user` did, or who tried to log in as such")
	flags.StringVar(&since, "since", "", "only what happened at or after this `time`: 2h, 2026-01-31, or 2026-01-31T07:00:00Z")
	flags.IntVar(&f.Last, "last", 1000, "only the last so many; 0 lists all that are kept")
	return cmd
}
