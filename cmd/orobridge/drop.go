package main

import (
	"cmp"
	"context"

	"github.com/spf13/cobra"

	"github.com/orobridge/orobridge/bridge/api/client"
	"github.com/orobridge/orobridge/bridge/operate"
	"github.com/orobridge/orobridge/cmd/orobridge/caller"
	"github.com/orobridge/orobridge/cmd/orobridge/show"
)

func newDropCommand(a *app) *cobra.Command {
	var rows, plan bool
	cmd := a.serverFlags(a.shadowFlag(a.jsonFlag(&cobra.Command{
		Use:   "drop ID",
		Short: "Show one inbound file: its runs, and what became of its rows",
		Long: "drop shows a file, its runs and the counts of its rows. --rows lists the fate of every row that was created, updated,\n" +
			"removed, adopted, rejected or parked; rows that were unchanged or collapsed are only counted. Behind them stand the\n" +
			"warnings: what was left out of rows that were loaded otherwise, the first thousand of each run.\n\n" +
			"--plan shows what the drop would change now, above all one that is held: removals first, then the prices that move furthest,\n" +
			"then the rest in the order of the file. Nothing is written.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := number("drop", args[0])
			if err != nil {
				return err
			}
			if plan && a.shadow {
				return &usageError{"--plan asks what would change now; a shadow has told what would have", "leave --plan out"}
			}
			if plan {
				return a.planDrop(cmd.Context(), id)
			}
			return a.see(cmd.Context(), func(desk operate.Looker) error {
				d, err := desk.DropDetails(cmd.Context(), id, rows)
				if err != nil {
					return err
				}
				if a.AsJSON {
					return a.PrintJSON(d)
				}
				a.PrintDrop(d)
				if !rows {
					return nil
				}
				if err := a.PrintFates(d.Fates); err != nil || len(d.Warned) == 0 {
					return err
				}
				return a.PrintWarnings(d.Warned)
			})
		},
	})))
	cmd.Flags().BoolVar(&plan, "plan", false, "show what it would change now")
	cmd.Flags().BoolVar(&rows, "rows", false, "list the fate of single rows")
	return cmd
}

// planDrop prints what a drop would change.
func (a *app) planDrop(ctx context.Context, id int64) error {
	tell := func(desk operate.Planner) error {
		v, err := desk.PlanDrop(ctx, id, operate.PlanOptions{})
		if err != nil {
			return err
		}
		return cmp.Or(show.Heaviest(&a.Pen, v), a.PrintPlan(v), planned(v))
	}
	if a.server.Server == "" {
		return a.work(ctx, "", readLedger, func(e *engine) error {
			d, err := e.ledger.Drop(ctx, id)
			if err == nil {
				view := operate.View{Feeds: e.Desk.Feeds, Ledger: witness(e.ledger, e.config), By: caller.Decision()}
				err = operate.Looks{View: &view}.Rows(ctx, id, d.Feed, "the plan of its rows")
			}
			if err != nil {
				return err
			}
			return tell(e.Desk)
		})
	}
	return a.elsewhere(func(b *client.Bridge) error { return tell(b) })
}
