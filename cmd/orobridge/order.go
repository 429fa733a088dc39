package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/orobridge/orobridge/bridge/operate"
)

func newOrderCommand(a *app) *cobra.Command {
	return a.jsonFlag(&cobra.Command{
		Use:   "order ORDER",
		Short: "Show an order's way: its files, pickup, answers, and what was set in the shop",
		Long:  "order takes the order's identifier, or the number of a file.",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.look(cmd.Context(), func(desk *operate.Desk) error {
				orders, err := desk.OrderDetails(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				if a.json {
					return a.printJSON(orders)
				}
				for i := range orders {
					a.printOrder(&orders[i])
				}
				return nil
			})
		},
	})
}

func (a *app) printOrder(d *operate.OrderDetails) {
	for _, v := range d.Versions {
		fmt.Fprintf(a.stdout, "order %s, version %d, export %s: %s\n", printable(v.Order), v.Version, v.Export, v.State)
		for _, line := range [][2]string{{"alarm", string(v.Alarm)}, {"reason", v.Reason}, {"file", v.File}, {"sha256", v.SHA256},
			{"flags", strings.Join(v.Flags, " ")}, {"submitted", moment(v.Submitted)}, {"owed", moment(v.Owed)}, {"written", moment(v.Written)},
			{"picked up", moment(v.PickedUp)}, {"answered", moment(v.Answered)}, {"answer", v.Answer}} {
			if line[1] != "" {
				fmt.Fprintf(a.stdout, "  %-10s %s\n", line[0], printable(line[1]))
			}
		}
	}
	fmt.Fprintln(a.stdout, "history")
	for _, e := range d.History {
		text := string(e.Fate)
		if e.Drop != 0 {
			text = fmt.Sprintf("answer of drop %d line %d: %s", e.Drop, e.Line, text)
		}
		if len(e.Sent) > 0 {
			text += " " + compact(e.Sent)
		}
		if e.Detail != "" {
			text += " (" + e.Detail + ")"
		}
		fmt.Fprintf(a.stdout, "  %s  %s\n", moment(e.At), printable(text))
	}
}
