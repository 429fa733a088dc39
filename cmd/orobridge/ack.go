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
		Short: "Take note of alarms, of rejected rows that are to stay as they are, or of an order that the ERP has",
		Long: "ack says that somebody knows of rejected rows and leaves them as they are: they are not open any more, and `status` and\n" +
			"`rejects` leave them out. A later file that says the same row again opens it anew.\n\n" +
			"Of an order that is unknown after a ledger was put back, ack order says that the ERP has it: it is not written.",
	})
	cmd.AddCommand(
		newAckOf(a, "drop DROP", "Take note of all open rejects of a drop", "drop", operate.Decider.AckDrop),
		newAckOf(a, "reject NUMBER", "Take note of one reject, by its number in `rejects --flat`", "reject", operate.Decider.AckReject),
		newAckAlarmCommand(a),
		newAckOrder(a))
	return cmd
}

func newAckOrder(a *app) *cobra.Command {
	var d deciding
	var export string
	cmd := a.jsonFlag(&cobra.Command{
		Use:   "order ORDER",
		Short: "Say that the ERP has an order of which it was unknown whether it went out",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.decide(cmd.Context(), d, func(e *engine) error {
				orders, err := e.Desk.AckOrder(cmd.Context(), args[0], export)
				if err != nil {
					return err
				}
				return a.PrintResent(orders)
			})
		},
	})
	d.flags(cmd.Flags(), false)
	cmd.Flags().StringVar(&export, "export", "", "only in the outbox of this `export`")
	return cmd
}

func newAckOf(a *app, use, short, what string, ack func(operate.Decider, context.Context, int64) (*operate.Acknowledgement,
	error)) *cobra.Command {
	var d deciding
	cmd := a.serverFlags(a.jsonFlag(&cobra.Command{
		Use:   use,
		Short: short,
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := number(what, args[0])
			if err != nil {
				return err
			}
			return a.settle(cmd.Context(), d, func(desk operate.Decider, _ bool) error {
				v, err := ack(desk, cmd.Context(), id)
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
	}))
	d.flags(cmd.Flags(), false)
	return cmd
}
