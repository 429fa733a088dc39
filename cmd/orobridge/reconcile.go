package main

import (
	"encoding/csv"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/orobridge/orobridge/bridge/operate"
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
			"somebody approves it, and with --yes is loaded at once. What no feed has set is left alone.",
		Example: "  orobridge reconcile prices --csv > differences.csv\n  orobridge reconcile prices --repair --why 'somebody edited the list'",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if yes && !repair {
				return &usageError{"--yes goes with --repair", "leave it out to compare only"}
			}
			o := operate.ReconcileOptions{Repair: repair, Agreed: yes}
			rows := csv.NewWriter(a.stdout)
			switch {
			case table:
				if err := rows.Write([]string{"kind", "key", "field", "ours", "shop", "drop"}); err != nil {
					return err
				}
				o.Each = func(x operate.Difference) error {
					return rows.Write([]string{string(x.Kind), x.Key, x.Field, x.Ours, x.Shop, decimal(x.Drop)})
				}
			case !a.json:
				o.Each = func(x operate.Difference) error { return printDifference(&a.output, x) }
			}
			return a.decide(cmd.Context(), d, func(e *engine) error {
				v, err := e.Desk.Reconcile(cmd.Context(), args[0], o)
				if rows.Flush(); err != nil {
					return err
				}
				return errors.Join(rows.Error(), printReconciliation(&a.output, v, table))
			})
		},
	})
	d.flags(cmd.Flags(), true)
	cmd.Flags().BoolVar(&repair, "repair", false, "make a drop of what is missing or different")
	cmd.Flags().BoolVar(&yes, "yes", false, "with --repair: load it at once")
	cmd.Flags().BoolVar(&table, "csv", false, "print the differences as CSV")
	return cmd
}

func printDifference(a *output, d operate.Difference) error {
	a.erase()
	line := fmt.Sprintf("%-9s %s", d.Kind, printable(d.Key))
	if d.Field != "" {
		line += fmt.Sprintf("  %s: %q, in the shop %q", printable(d.Field), d.Ours, d.Shop)
	}
	_, err := fmt.Fprintln(a.stdout, line)
	return err
}

// printReconciliation says how the shop stands. With anything that differs and was not set right the exit code is 3.
func printReconciliation(a *output, v *operate.Reconciliation, table bool) error {
	a.erase()
	var end error
	switch {
	case v.Result != nil:
		end = verdict(v.Result)
	case v.Missing+v.Different+v.Unknown > 0:
		end = exit(exitPartly)
	}
	if a.json {
		return errors.Join(a.printJSON(v), end)
	}
	to := a.stdout
	if table {
		to = a.stderr
	}
	fmt.Fprintf(to, "%d %s compared: %d missing, %d different, %d unknown here\n", v.Compared, v.Entity, v.Missing, v.Different, v.Unknown)
	if v.Result != nil {
		if !table {
			_ = a.printResult(v.Result) // its verdict is this one's
		}
		if v.Made.State == "held" {
			fmt.Fprintf(a.stderr, "hint: see what it changes with `orobridge drop %d --plan`, then `orobridge approve %d`\n",
				v.Made.Drop, v.Made.Drop)
		}
	}
	return end
}
