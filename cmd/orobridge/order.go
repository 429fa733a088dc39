package main

import (
	"github.com/spf13/cobra"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/operate"
	"github.com/orobridge/orobridge/cmd/orobridge/caller"
)

func newOrderCommand(a *app) *cobra.Command {
	var render string
	cmd := a.serverFlags(a.shadowFlag(a.jsonFlag(&cobra.Command{
		Use:   "order ORDER",
		Short: "Show an order's way: its files, pickup, answers, and what was set in the shop",
		Long: "order takes the order's identifier, or the number of a file.\n\n" +
			"With --render EXPORT it asks the shop for the order and prints the file in which it would go out, neither packed nor\n" +
			"encrypted. Nothing is written, and no number is given: the file shows the one that is next.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if render != "" {
				return a.work(cmd.Context(), "", readLedgerOrNone, func(e *engine) error {
					p, err := e.Desk.PreviewOrder(cmd.Context(), args[0], render)
					if err == nil {
						view := operate.View{Ledger: witness(e.ledger, e.config), By: caller.Decision()}
						err = view.Saw(cmd.Context(), bridge.Event{Order: p.Order, Export: p.Export, Text: "what it would be rendered to"})
					}
					if err != nil {
						return err
					}
					return a.PrintPreview(p)
				})
			}
			return a.see(cmd.Context(), func(desk operate.Looker) error {
				orders, err := desk.OrderDetails(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				if a.AsJSON {
					return a.PrintJSON(orders)
				}
				for i := range orders {
					a.PrintOrder(&orders[i])
				}
				return nil
			})
		},
	})))
	cmd.Flags().StringVar(&render, "render", "", "print the file in which it would go out by this `export`")
	return cmd
}
