package main

import (
	"cmp"
	"slices"

	"github.com/spf13/cobra"

	"github.com/orobridge/orobridge/bridge/operate"
)

func newParkedCommand(a *app) *cobra.Command {
	var feed string
	cmd := a.jsonFlag(&cobra.Command{
		Use:   "parked",
		Short: "List rows that wait for a parent, by what they wait for",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.look(cmd.Context(), func(desk *operate.View) error {
				parked, err := desk.Parked(cmd.Context(), feed)
				if err != nil {
					return err
				}
				return a.printParked(parked)
			})
		},
	})
	cmd.Flags().StringVar(&feed, "feed", "", "only those of this `feed`")
	return cmd
}

func (a *output) printParked(parked []operate.Parked) error {
	if a.json {
		return a.printJSON(parked)
	}
	slices.SortStableFunc(parked, func(x, y operate.Parked) int { return cmp.Compare(x.WaitsFor, y.WaitsFor) })
	rows := make([][]string, len(parked))
	for i, p := range parked {
		rows[i] = []string{p.WaitsFor, p.Entity, p.Key, decimal(p.Drop), decimal(p.Line), moment(p.Since)}
	}
	return a.table([]string{"WAITS FOR", "ENTITY", "KEY", "DROP", "LINE", "SINCE"}, rows, "nothing is parked")
}
