package main

import (
	"fmt"

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
				if a.AsJSON {
					return a.PrintJSON(v)
				}
				a.PrintTrace(v.Trace)
				rows := v.Warnings
				for _, r := range v.Rejects {
					rows = append(rows, r.Reject)
				}
				for _, r := range rows {
					row := ""
					if len(r.Row) > 0 {
						row = "  " + show.Compact(r.Row)
					}
					fmt.Fprintf(a.Stdout, "drop %d, %s  %s: %s\n", r.Drop, r.Where(), r.Code, show.Printable(r.Message+row))
				}
				for _, o := range v.Orders {
					fmt.Fprintf(a.Stdout, "order %s, version %d: %s, file %s of %s\n", show.Printable(o.Order), o.Version, o.State,
						show.Printable(o.File), o.Export)
				}
				for _, user := range v.Users {
					fmt.Fprintf(a.Stdout, "user %s\n", show.Printable(user))
				}
				return nil
			})
		},
	}))
	return group(export)
}
