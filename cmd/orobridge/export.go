package main

import (
	"github.com/spf13/cobra"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/operate"
	"github.com/orobridge/orobridge/cmd/orobridge/show"
)

func newExportCommand(a *app) *cobra.Command {
	export := &cobra.Command{
		Use:   "export",
		Short: "Show all that the ledger holds of a customer",
	}
	export.AddCommand(a.jsonFlag(&cobra.Command{
		Use:   "customer NUMBER",
		Short: "Show a customer's record, history, rejects, warnings and orders",
		Long: "export customer shows all that the ledger holds of a customer, for a person who asks what is known; with --json as one\n" +
			"document. Its users and its orders are named: an e-mail address in place of the number shows all that is held of a user, and\n" +
			"orobridge order shows an order. The bytes of files are not shown, since they hold others, too.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.look(cmd.Context(), func(desk *operate.View) error {
				v, err := desk.Customer(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				if err := desk.Saw(cmd.Context(), bridge.Event{Person: v.Person, Text: "all that is held"}); err != nil {
					return err
				}
				return show.Customer(&a.Pen, v)
			})
		},
	}))
	return group(export)
}
