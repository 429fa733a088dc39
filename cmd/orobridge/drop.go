package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/orobridge/orobridge/bridge/operate"
)

func newDropCommand(a *app) *cobra.Command {
	var rows, plan bool
	cmd := a.jsonFlag(&cobra.Command{
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
			if plan {
				return a.work(cmd.Context(), "", readLedger, func(e *engine) error { return a.planDrop(cmd.Context(), e.Desk, id) })
			}
			return a.look(cmd.Context(), func(desk *operate.View) error {
				d, err := desk.DropDetails(cmd.Context(), id, rows)
				if err != nil {
					return err
				}
				if a.json {
					return a.printJSON(d)
				}
				a.printDrop(d)
				if !rows {
					return nil
				}
				if err := a.printFates(d.Fates); err != nil || len(d.Warnings) == 0 {
					return err
				}
				return a.printWarnings(d.Warnings)
			})
		},
	})
	cmd.Flags().BoolVar(&plan, "plan", false, "show what it would change now")
	cmd.Flags().BoolVar(&rows, "rows", false, "list the fate of single rows")
	return cmd
}

// plannedShown is how many changes of a drop's plan are printed; its JSON has more.
const plannedShown = 50

// planDrop prints what a drop would change.
func (a *output) planDrop(ctx context.Context, desk *operate.Desk, id int64) error {
	o := a.planOptions(false, true)
	if !a.json {
		o.Reject = a.printReject
	}
	v, err := desk.PlanDrop(ctx, id, o)
	if err != nil {
		return err
	}
	for i, c := range v.Changes {
		if a.json {
			break
		}
		if i == plannedShown {
			a.erase()
			fmt.Fprintf(a.stdout, "and %d more changes\n", v.Create+v.Update+v.Remove+v.Withdraw+v.Park-plannedShown)
			break
		}
		if err := a.printChange(c); err != nil {
			return err
		}
	}
	return a.printPlan(v)
}

func (a *output) printDrop(v *operate.DropDetails) {
	d := &v.Details
	fmt.Fprintf(a.stdout, "drop %d of feed %s: %s\n", d.Drop, d.Feed, d.State)
	if d.Reason != "" {
		fmt.Fprintf(a.stdout, "  reason   %s\n", printable(d.Reason))
	}
	fmt.Fprintf(a.stdout, "  file     %s:%s, %d bytes, %s\n", d.Remote, printable(d.File), d.Size, moment(d.MTime))
	if d.Gap != "" {
		fmt.Fprintf(a.stdout, "  gap      %s\n", d.Gap)
	}
	if d.Path != "" {
		fmt.Fprintf(a.stdout, "  now at   %s\n", printable(d.Path))
	}
	if d.SHA256 != "" {
		fmt.Fprintf(a.stdout, "  sha256   %s\n", d.SHA256)
	}
	fmt.Fprintf(a.stdout, "  seen     %s\n  settled  %s\n", moment(d.Seen), moment(d.Settled))
	for _, h := range v.Holds {
		if h.Until == nil {
			fmt.Fprintf(a.stdout, "  held     since %s: %s\n", moment(h.Since), printable(h.Reason))
		} else {
			fmt.Fprintf(a.stdout, "  held     for %s: %s\n", span(h.Seconds), printable(h.Reason))
		}
	}
	for _, x := range v.Decisions {
		fmt.Fprintf(a.stdout, "  decided  %s %s%s%s\n", moment(x.At), printable(x.Decision), printable(prefixed(" by ", x.Who)),
			printable(prefixed(": ", x.Why)))
	}
	for _, path := range v.Papers {
		fmt.Fprintf(a.stdout, "  written  %s\n", printable(path))
	}
	if v.Open > 0 {
		fmt.Fprintf(a.stdout, "  rejects  %d open: see `orobridge rejects %d`\n", v.Open, d.Drop)
	}
	for _, r := range v.Runs {
		fmt.Fprintf(a.stdout, "run %d (%s, %s, %s): %s; %d requests\n", r.Run, r.Kind, r.Stage, moment(r.Started),
			countsLine(r.Counts), r.Requests)
		a.printLeftOut("  ", r.Skipped, r.Unmapped)
	}
	if p := v.Progress; p != nil {
		fmt.Fprintf(a.stdout, "now at work: %d planned, %d sent, %d judged%s\n", p.Planned, p.Sent, p.Judged, pace(p.PerSecond, p.Left))
	}
}

// pace says how fast something goes and how long it may take; empty when nothing can be said.
func pace(perSecond, left float64) string {
	if perSecond <= 0 {
		return ""
	}
	text := fmt.Sprintf(", %.0f/s", perSecond)
	if left > 0 {
		text += fmt.Sprintf(", about %s left", span(left))
	}
	return text
}

// span is a time span for people: to the second, and to the millisecond below one.
func span(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second))
	if d < time.Second {
		return d.Round(time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}

// prefixed is a text behind a prefix; empty for an empty text.
func prefixed(prefix, text string) string {
	if text == "" {
		return ""
	}
	return prefix + text
}

func (a *output) printFates(fates []operate.Row) error {
	rows := make([][]string, len(fates))
	for i, r := range fates {
		rows[i] = []string{decimal(r.Run), decimal(r.Line), string(r.Fate), r.Key, r.Detail}
	}
	return a.table([]string{"RUN", "LINE", "FATE", "KEY", "DETAIL"}, rows, "nothing is known of single rows")
}

func (a *output) printWarnings(warnings []operate.Warning) error {
	rows := make([][]string, len(warnings))
	for i, w := range warnings {
		rows[i] = []string{decimal(w.Run), w.Where, w.Key, w.Field, w.Code, w.Message}
	}
	return a.table([]string{"RUN", "WHERE", "KEY", "FIELD", "CODE", "WARNING"}, rows, "")
}
