package main

import (
	"github.com/spf13/cobra"

	"github.com/orobridge/orobridge/bridge/operate"
)

func newParkedCommand(a *app) *cobra.Command {
	var feed string
	cmd := a.serverFlags(a.shadowFlag(a.jsonFlag(&cobra.Command{
		Use:   "parked",
		Short: "List rows that wait for a parent, by what they wait for",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.see(cmd.Context(), func(desk operate.Looker) error {
				parked, _, err := desk.Parked(cmd.Context(), feed, 0)
				if err != nil {
					return err
				}
				return a.PrintParked(parked)
			})
		},
	})))
	cmd.Flags().StringVar(&feed, "feed", "", "only those of this `feed`")
	return cmd
}
