package main

import (
	"cmp"
	"fmt"
	"strings"

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
				return a.printPlan(v)
			})
		},
	})
	cmd.Flags().BoolVar(&live, "live", false, "take old values from the shop as it is now")
	cmd.Flags().BoolVar(&counts, "counts", false, "counts only, no single changes")
	return cmd
}

// planOptions print what a plan finds as it is found, or gather it for the JSON.
func (a *output) planOptions(live, counts bool) operate.PlanOptions {
	o := operate.PlanOptions{Live: live, Gather: a.json && !counts}
	if !a.json && !counts {
		o.Change, o.Reject, o.Warning = a.printChange, a.printReject, a.printWarning
	}
	return o
}

func (a *output) printReject(r operate.Reject) error {
	a.erase()
	field := ""
	if r.Field != "" {
		field = r.Field + ": "
	}
	_, err := fmt.Fprintf(a.stdout, "reject  %s  %s  %s: %s\n", printable(r.Where()), printable(r.Key), r.Code, printable(field+r.Message))
	return err
}

func (a *output) printWarning(w operate.Warning) error {
	a.erase()
	_, err := fmt.Fprintf(a.stdout, "warning %s  %s  %s: %s\n", printable(w.Where), printable(w.Key), w.Code,
		printable(w.Field+": "+w.Message))
	return err
}

func (a *output) printChange(c operate.Change) error {
	a.erase()
	if c.Parked != "" {
		_, err := fmt.Fprintf(a.stdout, "park    %s  %s  waits for %s\n", printable(c.Where), printable(c.Key), printable(c.Parked))
		return err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%-7s %s  %s\n", c.Op, printable(c.Where), printable(c.Key))
	for _, f := range c.Fields {
		if f.Old != nil {
			fmt.Fprintf(&b, "        %s: %q → %q\n", f.Field, *f.Old, f.New)
		} else {
			fmt.Fprintf(&b, "        %s: %q\n", f.Field, f.New)
		}
	}
	_, err := fmt.Fprint(a.stdout, b.String())
	return err
}

// planned is a plan as an exit code; nil for one of which every row would be loaded.
func planned(v *operate.Plan) error {
	if v.Reject > 0 || v.Park > 0 {
		return exit(exitPartly)
	}
	return nil
}

func (a *output) printPlan(v *operate.Plan) error {
	a.erase()
	if a.json {
		return cmp.Or(a.printJSON(v), planned(v))
	}
	fmt.Fprintf(a.stdout, "%d rows: %d to create, %d to update, %d to remove, %d unchanged (%d of them adopted), "+
		"%d collapsed, %d rejected, %d parked\n",
		v.Rows, v.Create, v.Update, v.Remove, v.Unchanged, v.Adopt, v.Collapsed, v.Reject, v.Park)
	if v.Expected > 0 {
		fmt.Fprintf(a.stdout, "%d new records would be refused by a stock shop; this one's settings may be wider:\n", v.Expected)
		for i := range v.Doubts {
			fmt.Fprintf(a.stdout, "        %s  %s\n", printable(v.Doubts[i].Key), printable(v.Doubts[i].Message))
		}
	}
	if v.Withdraw > 0 {
		fmt.Fprintf(a.stdout, "%d keys that the file lacks would be removed\n", v.Withdraw)
	}
	if v.Warnings > 0 {
		fmt.Fprintf(a.stdout, "%d warnings: a part of a row is left out, and the rest of it loaded\n", v.Warnings)
	}
	a.printLeftOut("", v.Skipped, v.Unmapped)
	fmt.Fprintln(a.stderr, "nothing was written")
	return planned(v)
}
