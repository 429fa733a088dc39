package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/orobridge/orobridge/bridge/operate"
)

func newAckCommand(a *app) *cobra.Command {
	cmd := group(&cobra.Command{
		Use:   "ack",
		Short: "Take note of alarms, and of rejected rows that are to stay as they are",
		Long: "ack says that somebody knows of rejected rows and leaves them as they are: they are not open any more, and `status` and\n" +
			"`rejects` leave them out. A later file that says the same row again opens it anew.",
	})
	cmd.AddCommand(
		newAckOf(a, "drop DROP", "Take note of all open rejects of a drop", "drop", (*operate.Desk).AckDrop),
		newAckOf(a, "reject NUMBER", "Take note of one reject, by its number in `rejects --flat`", "reject", (*operate.Desk).AckReject),
		newAckAlarmCommand(a))
	return cmd
}

func newAckOf(a *app, use, short, what string, ack func(*operate.Desk, context.Context, int64) (*operate.Acknowledgement,
	error)) *cobra.Command {
	var d deciding
	cmd := a.jsonFlag(&cobra.Command{
		Use:   use,
		Short: short,
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := number(what, args[0])
			if err != nil {
				return err
			}
			return a.decide(cmd.Context(), d, func(e *engine) error {
				v, err := ack(e.Desk, cmd.Context(), id)
				if err != nil {
					return err
				}
				if a.AsJSON {
					return a.PrintJSON(v)
				}
				fmt.Fprintf(a.Stdout, "%d rejects of drop %d acknowledged, %d open\n", v.Acknowledged, v.Drop, v.Open)
				return nil
			})
		},
	})
	d.flags(cmd.Flags(), false)
	return cmd
}
