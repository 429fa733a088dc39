package main

import (
	"github.com/spf13/cobra"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/operate"
)

func newRejectsCommand(a *app) *cobra.Command {
	var f bridge.RejectFilter
	var all, flat bool
	cmd := a.serverFlags(a.shadowFlag(a.jsonFlag(&cobra.Command{
		Use:   "rejects [DROP]",
		Short: "List rows that could not be loaded, and why",
		Long: "rejects groups the rows that could not be loaded and are still open by their cause, with how many there are and the newest\n" +
			"of them as an example. --flat lists the rows themselves, --all those as well that have come to an end: mended by a later run\n" +
			"that loaded the row, repeated when a later run rejected it again, acknowledged by somebody, or expired when a later full\n" +
			"file does not say the row any more. --json lists all of them, each with its state and cause.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if len(args) == 1 {
				if f.Drop, err = number("drop", args[0]); err != nil {
					return err
				}
			}
			return a.see(cmd.Context(), func(desk operate.Looker) error {
				f.Open = !all && !a.AsJSON
				if !flat && !a.AsJSON {
					f.Last = 0
					causes, err := desk.Causes(cmd.Context(), f)
					if err != nil {
						return err
					}
					return a.PrintCauses(causes, all)
				}
				rejects, err := desk.Rejects(cmd.Context(), f)
				if err != nil {
					return err
				}
				return a.PrintRejects(rejects, all)
			})
		},
	})))
	cmd.Flags().StringVar(&f.Feed, "feed", "", "only those of this `feed`")
	cmd.Flags().BoolVar(&all, "all", false, "also those that are mended, repeated, acknowledged or expired")
	cmd.Flags().BoolVar(&flat, "flat", false, "list the rows themselves")
	cmd.Flags().IntVar(&f.Last, "last", 1000, "with --flat or --json only the last so many; 0 lists all")
	return cmd
}
