package main

import (
	"github.com/spf13/cobra"

	"github.com/orobridge/orobridge/cmd/orobridge/show"
)

func newForgetCommand(a *app) *cobra.Command {
	forget := &cobra.Command{
		Use:   "forget",
		Short: "Remove what the ledger holds of a customer",
	}
	var d deciding
	customer := a.jsonFlag(&cobra.Command{
		Use:   "customer NUMBER",
		Short: "Remove a customer and its users, with history, rejects and warnings, from the ledger",
		Long: "forget customer removes what the ledger holds of a customer: what the shop last accepted, the history of the key, a row\n" +
			"that is parked, and the rows of it that were rejected. The room is overwritten. The journal says that it was done, by a\n" +
			"pseudonym. Those who buy for it, the users of the customer, are forgotten with it. In place of a number stands the e-mail\n" +
			"address for one of them alone.\n\n" +
			"What stays, and how long: orders with their bytes (state.keep.orders), the files of customers and users in spool, archive and\n" +
			"rejected folder (state.keep.rows), and backups of the state folder. The shop keeps its own record: delete it there, and\n" +
			"have the ERP leave the customer out, or the next file brings it back. See orobridge export customer for what is held.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.decide(cmd.Context(), d, func(e *engine) error {
				v, err := e.Desk.ForgetCustomer(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				return show.Forgotten(&a.Pen, v)
			})
		},
	})
	d.flags(customer.Flags(), false)
	forget.AddCommand(customer)
	return group(forget)
}
