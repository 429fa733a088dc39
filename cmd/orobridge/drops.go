package main

import (
	"strconv"

	"github.com/spf13/cobra"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/operate"
)

func newDropsCommand(a *app) *cobra.Command {
	var f bridge.DropFilter
	var states []string
	cmd := a.jsonFlag(&cobra.Command{
		Use:   "drops",
		Short: "List inbound files and how far they are",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			for _, s := range states {
				f.States = append(f.States, bridge.DropState(s))
			}
			return a.look(cmd.Context(), func(desk *operate.View) error {
				drops, err := desk.Drops(cmd.Context(), f)
				if err != nil {
					return err
				}
				return a.printDrops(drops)
			})
		},
	})
	cmd.Flags().StringVar(&f.Feed, "feed", "", "only those of this `feed`")
	cmd.Flags().StringSliceVar(&states, "state", nil, "only those in these `states`: held, partial, …; a wrong one names them all")
	cmd.Flags().IntVar(&f.Last, "last", 50, "only the last so many; 0 lists all")
	return cmd
}

func (a *output) printDrops(drops []operate.Drop) error {
	if a.json {
		return a.printJSON(drops)
	}
	rows := make([][]string, len(drops))
	for i, d := range drops {
		rows[i] = []string{decimal(d.Drop), d.Feed, d.File, decimal(d.Size), string(d.State), moment(d.Seen), d.Reason}
	}
	return a.table([]string{"DROP", "FEED", "FILE", "BYTES", "STATE", "SEEN", "REASON"}, rows, "no drops yet")
}

func decimal(n int64) string { return strconv.FormatInt(n, 10) }
