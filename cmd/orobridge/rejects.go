package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/operate"
)

func newRejectsCommand(a *app) *cobra.Command {
	var f bridge.RejectFilter
	var all, flat bool
	cmd := a.jsonFlag(&cobra.Command{
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
			return a.look(cmd.Context(), func(desk *operate.View) error {
				f.Open = !all && !a.json
				if !flat && !a.json {
					f.Last = 0
					causes, err := desk.Causes(cmd.Context(), f)
					if err != nil {
						return err
					}
					return a.printCauses(causes, all)
				}
				rejects, err := desk.Rejects(cmd.Context(), f)
				if err != nil {
					return err
				}
				return a.printRejects(rejects, all)
			})
		},
	})
	cmd.Flags().StringVar(&f.Feed, "feed", "", "only those of this `feed`")
	cmd.Flags().BoolVar(&all, "all", false, "also those that are mended, repeated, acknowledged or expired")
	cmd.Flags().BoolVar(&flat, "flat", false, "list the rows themselves")
	cmd.Flags().IntVar(&f.Last, "last", 1000, "with --flat or --json only the last so many; 0 lists all")
	return cmd
}

func noRejects(all bool) string {
	if all {
		return "no rejects"
	}
	return "no open rejects"
}

func (a *output) printCauses(causes []operate.Cause, all bool) error {
	rows := make([][]string, len(causes))
	for i, c := range causes {
		x := &c.Example
		rows[i] = []string{decimal(c.Rows), decimal(int64(c.Drops)), c.Entity, c.Code, c.Cause, fmt.Sprintf("drop %d, %s", x.Drop,
			x.Where()), x.Key}
	}
	return a.table([]string{"ROWS", "DROPS", "ENTITY", "CODE", "CAUSE", "NEWEST", "KEY"}, rows, noRejects(all))
}

func (a *output) printRejects(rejects []operate.KeptReject, all bool) error {
	if a.json {
		return a.printJSON(rejects)
	}
	rows := make([][]string, len(rejects))
	for i := range rejects {
		r := &rejects[i]
		rows[i] = []string{decimal(r.ID), decimal(r.Drop), r.Where(), endOf(r), r.Key, r.Field, r.Code, r.Message, compact(r.Row)}
	}
	return a.table([]string{"REJECT", "DROP", "WHERE", "STATE", "KEY", "FIELD", "CODE", "MESSAGE", "ROW"}, rows, noRejects(all))
}

// endOf is a reject's state, and who or what ended it.
func endOf(r *operate.KeptReject) string {
	switch {
	case r.ByDrop != 0:
		return fmt.Sprintf("%s by drop %d", r.State, r.ByDrop)
	case r.Who != "":
		return fmt.Sprintf("%s by %s", r.State, r.Who)
	}
	return string(r.State)
}
