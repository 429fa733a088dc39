package main

import (
	"cmp"

	"github.com/spf13/cobra"

	"github.com/orobridge/orobridge/bridge/operate"
)

func newPlanCommand(a *app) *cobra.Command {
	var live, counts bool
	cmd := a.jsonFlag(&cobra.Command{
		Use:   "plan FEED FILE",
		Short: "Show what loading a file would change, and change nothing",
		Long: "plan compares each row with what the shop last accepted and asks the shop about keys that the ledger does not know.\n" +
			"With --live it asks about all changes. Nothing is written, neither to the shop nor to the ledger; it also works beside\n" +
			"a running bridge.",
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.work(cmd.Context(), args[0], readLedgerOrNone, func(e *engine) error {
				v, err := e.Desk.Plan(cmd.Context(), args[0], args[1], a.planOptions(live, counts))
				if err != nil {
					return err
				}
				return cmp.Or(a.PrintPlan(v), planned(v))
			})
		},
	})
	cmd.Flags().BoolVar(&live, "live", false, "take old values from the shop as it is now")
	cmd.Flags().BoolVar(&counts, "counts", false, "counts only, no single changes")
	return cmd
}

// planOptions print what a plan finds as it is found, or gather it for the JSON.
func (a *app) planOptions(live, counts bool) operate.PlanOptions {
	o := operate.PlanOptions{Live: live, Gather: a.AsJSON && !counts}
	if !a.AsJSON && !counts {
		o.Change, o.Reject, o.Warning = a.PrintChange, a.PrintReject, a.PrintWarning
	}
	return o
}

// planned is a plan as an exit code; nil for one of which every row would be loaded.
func planned(v *operate.Plan) error {
	if v.Reject > 0 || v.Park > 0 {
		return exit(exitPartly)
	}
	return nil
}
