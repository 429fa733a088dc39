package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/orobridge/orobridge/bridge/operate"
	"github.com/orobridge/orobridge/cmd/orobridge/show"
)

func newAdoptCommand(a *app) *cobra.Command {
	var leftovers bool
	cmd := a.jsonFlag(&cobra.Command{
		Use:   "adopt FEED",
		Short: "Fill the ledger from the shop, so that a first drop sends only what differs",
		Long: "adopt reads all records of the feed's entity from the shop and takes them as accepted. A first drop does the same for the\n" +
			"keys that it names; adopt does it beforehand, without a file. Nothing is written to the shop.\n\n" +
			"With --leftovers it takes the files in the feed's work folder that no drop of this ledger has claimed, as a ledger that\n" +
			"was lost leaves them behind, and puts them back into the feed's folder, where the bridge finds them as new drops.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.work(cmd.Context(), args[0], openLedger, func(e *engine) error {
				if leftovers {
					return a.adoptLeftovers(cmd.Context(), e.Desk, args[0])
				}
				v, err := e.Desk.Adopt(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				a.Erase()
				if a.AsJSON {
					return a.PrintJSON(v)
				}
				fmt.Fprintf(a.Stdout, "%d %s adopted, %d were known\n", v.Adopted, v.Entity, v.Known)
				return nil
			})
		},
	})
	cmd.Flags().BoolVar(&leftovers, "leftovers", false, "put the files that a lost ledger left in the work folder back into the feed's folder")
	return cmd
}

// adoptLeftovers exits 3 when some of them wait for a person.
func (a *app) adoptLeftovers(ctx context.Context, desk *operate.Desk, feed string) error {
	v, err := desk.AdoptLeftovers(ctx, feed)
	if err != nil {
		return err
	}
	if a.AsJSON {
		err = a.PrintJSON(v)
	} else {
		for _, name := range v.Left {
			fmt.Fprintf(a.Stdout, "%s stays: another file has its name, or it is none of the feed's\n", show.Printable(name))
		}
		fmt.Fprintf(a.Stdout, "%d files put back into the folder of %s, %d stay\n", len(v.Moved), feed, len(v.Left))
	}
	if err == nil && len(v.Left) > 0 {
		return exit(exitPartly)
	}
	return err
}
