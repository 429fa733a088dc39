package main

import (
	"github.com/spf13/cobra"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/operate"
)

func newDropsCommand(a *app) *cobra.Command {
	var f bridge.DropFilter
	var states []string
	cmd := a.serverFlags(a.shadowFlag(a.jsonFlag(&cobra.Command{
		Use:   "drops",
		Short: "List inbound files and how far they are",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			for _, s := range states {
				f.States = append(f.States, bridge.DropState(s))
			}
			return a.see(cmd.Context(), func(desk operate.Looker) error {
				drops, err := desk.Drops(cmd.Context(), f)
				if err != nil {
					return err
				}
				return a.PrintDrops(drops)
			})
		},
	})))
	cmd.Flags().StringVar(&f.Feed, "feed", "", "only those of this `feed`")
	cmd.Flags().StringSliceVar(&states, "state", nil, "only those in these `states`: held, partial, …; a wrong one names them all")
	cmd.Flags().IntVar(&f.Last, "last", 50, "only the last so many; 0 lists all")
	return cmd
}
