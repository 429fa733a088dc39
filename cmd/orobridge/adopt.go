package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/orobridge/orobridge/bridge/operate"
	"github.com/orobridge/orobridge/cmd/orobridge/show"
)

func newAdoptCommand(a *app) *cobra.Command {
	var leftovers bool
	var o adoptOrders
	cmd := a.jsonFlag(&cobra.Command{
		Use:   "adopt [FEED]",
		Short: "Fill the ledger from the shop, so that a first drop sends only what differs; or with what the ERP has of its orders",
		Long: "adopt reads all records of the feed's entity from the shop and takes them as accepted. A first drop does the same for the\n" +
			"keys that it names; adopt does it beforehand, without a file. Nothing is written to the shop.\n\n" +
			"With --leftovers it takes the files in the feed's work folder that no drop of this ledger has claimed, as a ledger that\n" +
			"was lost leaves them behind, and puts them back into the feed's folder, where the bridge finds them as new drops.\n\n" +
			"With --orders, and no FEED, it takes orders as written of which it is unknown whether they went out: with --since all that were\n" +
			"submitted from then on, with --from-archive those whose files stand in a folder of the export's remote, with --answered those\n" +
			"to which the ERP has given its number.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.orders || len(args) == 0 {
				return o.adopt(cmd.Context(), a, args)
			}
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
	o.flags(cmd.Flags())
	return cmd
}

// adoptOrders is by what evidence orders are taken as written.
type adoptOrders struct {
	deciding
	orders   bool
	export   string
	since    string
	archive  string
	answered bool
}

func (o *adoptOrders) flags(flags *pflag.FlagSet) {
	o.deciding.flags(flags, false)
	flags.BoolVar(&o.orders, "orders", false, "take orders as written of which it is unknown whether they went out")
	flags.StringVar(&o.export, "export", "", "with --orders: only those of this `export`")
	flags.StringVar(&o.since, "since", "", "with --orders: submitted at or after this `time`: 2026-01-31, or 2026-01-31T07:00:00Z")
	flags.StringVar(&o.archive, "from-archive", "", "with --orders: whose files stand in this `folder` of the export's remote")
	flags.BoolVar(&o.answered, "answered", false, "with --orders: which the ERP has answered")
}

// adopt exits 3 when some are unknown still.
func (o *adoptOrders) adopt(ctx context.Context, a *app, args []string) error {
	given := 0
	for _, is := range []bool{o.since != "", o.archive != "", o.answered} {
		if is {
			given++
		}
	}
	if !o.orders || len(args) > 0 || given != 1 {
		return &usageError{"adopt takes a FEED, or --orders with one of --since, --from-archive and --answered", "see orobridge adopt --help"}
	}
	since, err := day("since", o.since)
	if err != nil {
		return err
	}
	return a.decide(ctx, o.deciding, func(e *engine) error {
		v, err := e.Desk.AdoptOrders(ctx, o.export, since, o.archive, o.answered)
		if err != nil {
			return err
		}
		err = show.Keeping{Pen: &a.Pen}.PrintAdoptedOrders(v)
		if err == nil && len(v.Unknown) > 0 {
			err = exit(exitPartly)
		}
		return err
	})
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
