package main

import (
	"github.com/spf13/cobra"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/operate"
)

func newRejectsCommand(a *app) *cobra.Command {
	var f bridge.RejectFilter
	cmd := a.jsonFlag(&cobra.Command{
		Use:   "rejects [DROP]",
		Short: "List rows that could not be loaded, and why",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if len(args) == 1 {
				if f.Drop, err = number("drop", args[0]); err != nil {
					return err
				}
			}
			return a.look(cmd.Context(), func(desk *operate.Desk) error {
				rejects, err := desk.Rejects(cmd.Context(), f)
				if err != nil {
					return err
				}
				return a.printRejects(rejects)
			})
		},
	})
	cmd.Flags().StringVar(&f.Feed, "feed", "", "only those of this `feed`")
	cmd.Flags().IntVar(&f.Last, "last", 1000, "only the last so many; 0 lists all")
	return cmd
}

func (a *output) printRejects(rejects []operate.Reject) error {
	if a.json {
		return a.printJSON(rejects)
	}
	rows := make([][]string, len(rejects))
	for i, r := range rejects {
		rows[i] = []string{decimal(r.Drop), r.Where(), r.Key, r.Field, r.Code, r.Message, compact(r.Row)}
	}
	return a.table([]string{"DROP", "WHERE", "KEY", "FIELD", "CODE", "MESSAGE", "ROW"}, rows, "no rejects")
}
