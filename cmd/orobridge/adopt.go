package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func newAdoptCommand(a *app) *cobra.Command {
	return a.jsonFlag(&cobra.Command{
		Use:   "adopt FEED",
		Short: "Fill the ledger from the shop, so that a first drop sends only what differs",
		Long: "adopt reads all records of the feed's entity from the shop and takes them as accepted. A first drop does the same for the\n" +
			"keys that it names; adopt does it beforehand, without a file. Nothing is written to the shop.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.work(cmd.Context(), args[0], openLedger, func(e *engine) error {
				v, err := e.Desk.Adopt(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				a.erase()
				if a.json {
					return a.printJSON(v)
				}
				fmt.Fprintf(a.stdout, "%d %s adopted, %d were known\n", v.Adopted, v.Entity, v.Known)
				return nil
			})
		},
	})
}
