package main

import (
	"cmp"
	"encoding/csv"

	"github.com/spf13/cobra"

	"github.com/orobridge/orobridge/bridge/operate"
	"github.com/orobridge/orobridge/cmd/orobridge/show"
)

func newReconcileCommand(a *app) *cobra.Command {
	var d deciding
	var repair, yes, table bool
	cmd := a.jsonFlag(&cobra.Command{
		Use:   "reconcile FEED",
		Short: "Compare the shop with what it last accepted, and set right what differs",
		Long: "reconcile reads all records of a feed's entity from the shop, in bulk, and holds them against the ledger: what is missing\n" +
			"there, what is different, and what no feed has ever set. What seems to differ is looked up once more before it is told.\n" +
			"FEED may be an entity, too. Nothing is written; --repair makes a drop of what is missing or different, which is held until\n" +
			"somebody approves it, and with --yes is loaded at once. What no feed has set is left alone, but for\n" +
			"what is stray: made since the backup from which the ledger was restored, in an entity whose full files withdraw what they lack.",
		Example: "  orobridge reconcile prices --csv > differences.csv\n  orobridge reconcile prices --repair --why 'somebody edited the list'",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if yes && !repair {
				return &usageError{"--yes goes with --repair", "leave it out to compare only"}
			}
			o := operate.ReconcileOptions{Repair: repair, Agreed: yes}
			rows := csv.NewWriter(a.Stdout)
			switch {
			case table:
				if err := rows.Write([]string{"kind", "key", "field", "ours", "shop", "drop"}); err != nil {
					return err
				}
				o.Each = func(x operate.Difference) error {
					return rows.Write([]string{string(x.Kind), x.Key, x.Field, x.Ours, x.Shop, show.Decimal(x.Drop)})
				}
			case !a.AsJSON:
				o.Each = func(x operate.Difference) error { return a.PrintDifference(x) }
			}
			return a.decide(cmd.Context(), d, func(e *engine) error {
				v, err := e.Desk.Reconcile(cmd.Context(), args[0], o)
				if rows.Flush(); err != nil {
					return err
				}
				return cmp.Or(rows.Error(), a.PrintReconciliation(v, table), reconciled(v))
			})
		},
	})
	d.flags(cmd.Flags(), true)
	cmd.Flags().BoolVar(&repair, "repair", false, "make a drop of what is missing, different or stray")
	cmd.Flags().BoolVar(&yes, "yes", false, "with --repair: load it at once")
	cmd.Flags().BoolVar(&table, "csv", false, "print the differences as CSV")
	return cmd
}

// reconciled is a reconciliation as an exit code; nil when nothing differs, or all of it was set right.
func reconciled(v *operate.Reconciliation) error {
	switch {
	case v.Result != nil:
		return verdict(v.Result)
	case v.Missing+v.Different+v.Unknown > 0:
		return exit(exitPartly)
	}
	return nil
}
