package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/orobridge/orobridge/bridge/operate"
	"github.com/orobridge/orobridge/cmd/orobridge/show"
)

func newDrainCommand(a *app) *cobra.Command {
	var d deciding
	var undo bool
	cmd := a.jsonFlag(&cobra.Command{
		Use:   "drain [BRIDGE]",
		Short: "Have one of several bridges hand its work over to the others",
		Long: "drain has a bridge that shares its work with others, on a ledger in PostgreSQL, take nothing more and hand over what it has\n" +
			"at the next safe point; its page and doors stay open. It is the one on this machine, unless another is named as status\n" +
			"names it. Once status shows that it does nothing, it may be stopped. --undo lets it take work again, and so does its next start.",
		Example: "  orobridge drain --why 'a new kernel'\n  orobridge drain erp-2 --undo",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			host, err := os.Hostname()
			if err != nil {
				return err
			}
			return a.decide(cmd.Context(), d, func(e *engine) error {
				b, err := operate.Fleet{Desk: e.Desk}.Drain(cmd.Context(), strings.Join(args, ""), host, !undo)
				switch {
				case err != nil:
					return err
				case a.AsJSON:
					return a.PrintJSON(b)
				case undo:
					fmt.Fprintf(a.Stdout, "%s takes work again\n", show.Printable(b.Bridge))
				default:
					fmt.Fprintf(a.Stdout, "%s hands over: %s\n", show.Printable(b.Bridge), show.Printable(strings.Join(b.Doing, ", ")))
				}
				return nil
			})
		},
	})
	d.flags(cmd.Flags(), false)
	cmd.Flags().BoolVar(&undo, "undo", false, "let it take work again")
	return cmd
}
