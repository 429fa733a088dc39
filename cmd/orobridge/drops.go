package main

import (
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/formats"
)

func newDropsCommand(a *app) *cobra.Command {
	var f bridge.DropFilter
	var states []string
	cmd := a.jsonFlag(&cobra.Command{
		Use:   "drops",
		Short: "List inbound files and how far they are",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			_, ledger, err := a.viewer(cmd.Context())
			if err != nil {
				return err
			}
			defer closing(ledger, &err)
			for _, s := range states {
				f.States = append(f.States, bridge.DropState(s))
			}
			drops, err := ledger.Drops(cmd.Context(), f)
			if err != nil {
				return err
			}
			return a.printDrops(drops)
		},
	})
	cmd.Flags().StringVar(&f.Feed, "feed", "", "only those of this `feed`")
	cmd.Flags().StringSliceVar(&states, "state", nil, "only those in these `states`: held, partial, …")
	cmd.Flags().IntVar(&f.Last, "last", 50, "only the last so many; 0 lists all")
	return cmd
}

func (a *app) printDrops(drops []*bridge.Drop) error {
	if a.json {
		views := make([]dropView, len(drops))
		for i, d := range drops {
			views[i] = viewDrop(d)
		}
		return a.printJSON(views)
	}
	rows := make([][]string, len(drops))
	for i, d := range drops {
		rows[i] = []string{strconv.FormatInt(d.ID, 10), d.Feed, d.Name, strconv.FormatInt(d.Size, 10), string(d.State), stamp(d.SeenAt), d.Reason}
	}
	return a.table([]string{"DROP", "FEED", "FILE", "BYTES", "STATE", "SEEN", "REASON"}, rows, "no drops yet")
}

func newDropCommand(a *app) *cobra.Command {
	var rows bool
	cmd := a.jsonFlag(&cobra.Command{
		Use:   "drop ID",
		Short: "Show one inbound file: its runs, and what became of its rows",
		Long: "drop shows a file, its runs and the counts of its rows. --rows lists the fate of every row that was created, updated,\n" +
			"removed, adopted, rejected or parked; rows that were unchanged or collapsed are only counted.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			id, err := number("drop", args[0])
			if err != nil {
				return err
			}
			_, ledger, err := a.viewer(cmd.Context())
			if err != nil {
				return err
			}
			defer closing(ledger, &err)
			d, err := ledger.Drop(cmd.Context(), id)
			if err != nil {
				return err
			}
			runs, err := ledger.Runs(cmd.Context(), id)
			if err != nil {
				return err
			}
			var lines []rowView
			if rows {
				lines = []rowView{}
				err = ledger.RowLines(cmd.Context(), id, func(r bridge.RowLine) error {
					lines = append(lines, rowView(r))
					return nil
				})
				if err != nil {
					return err
				}
			}
			return a.printDrop(d, runs, lines)
		},
	})
	cmd.Flags().BoolVar(&rows, "rows", false, "list the fate of single rows")
	return cmd
}

// printDrop prints a drop with all its runs. The JSON has the fields of its last run at the top.
func (a *app) printDrop(d *bridge.Drop, runs []*bridge.Run, lines []rowView) error {
	if a.json {
		views := make([]runView, len(runs))
		for i, r := range runs {
			views[i] = viewRun(d, r)
		}
		last := viewRun(d, nil)
		if len(views) > 0 {
			last = views[len(views)-1]
		}
		return a.printJSON(struct {
			runView
			Details dropView  `json:"details"`
			Runs    []runView `json:"runs"`
			Fates   []rowView `json:"fates,omitempty"`
		}{last, viewDrop(d), views, lines})
	}
	fmt.Fprintf(a.stdout, "drop %d of feed %s: %s\n", d.ID, d.Feed, d.State)
	if d.Reason != "" {
		fmt.Fprintf(a.stdout, "  reason   %s\n", printable(d.Reason))
	}
	fmt.Fprintf(a.stdout, "  file     %s:%s, %d bytes, %s\n", d.Remote, printable(d.Name), d.Size, stamp(d.MTime))
	if d.Gap != "" {
		fmt.Fprintf(a.stdout, "  gap      %s\n", d.Gap)
	}
	if d.Path != "" {
		fmt.Fprintf(a.stdout, "  now at   %s\n", printable(d.Path))
	}
	if d.SHA256 != "" {
		fmt.Fprintf(a.stdout, "  sha256   %s\n", d.SHA256)
	}
	fmt.Fprintf(a.stdout, "  seen     %s\n  settled  %s\n", stamp(d.SeenAt), stamp(d.SettledAt))
	for _, r := range runs {
		fmt.Fprintf(a.stdout, "run %d (%s, %s, %s): %s; %d requests\n", r.ID, r.Kind, r.State, stamp(r.Started), countsLine(r.Counts), r.Requests)
		if len(r.Skipped) > 0 {
			fmt.Fprintf(a.stdout, "  left out: %s\n", printable(skippedLine(r.Skipped)))
		}
	}
	if lines == nil {
		return nil
	}
	table := make([][]string, len(lines))
	for i, l := range lines {
		table[i] = []string{strconv.FormatInt(l.Run, 10), strconv.FormatInt(l.Line, 10), string(l.Fate), l.Key, l.Detail}
	}
	return a.table([]string{"RUN", "LINE", "FATE", "KEY", "DETAIL"}, table, "nothing is known of single rows")
}

// number reads an id from the command line.
func number(what, text string) (int64, error) {
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil || id <= 0 {
		return 0, &usageError{fmt.Sprintf("%q is not the number of a %s", text, what), "see `orobridge " + what + "s`"}
	}
	return id, nil
}

func newRejectsCommand(a *app) *cobra.Command {
	var f bridge.RejectFilter
	cmd := a.jsonFlag(&cobra.Command{
		Use:   "rejects [DROP]",
		Short: "List rows that could not be loaded, and why",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if len(args) == 1 {
				if f.Drop, err = number("drop", args[0]); err != nil {
					return err
				}
			}
			_, ledger, err := a.viewer(cmd.Context())
			if err != nil {
				return err
			}
			defer closing(ledger, &err)
			if f.Drop != 0 {
				if _, err := ledger.Drop(cmd.Context(), f.Drop); err != nil {
					return err
				}
			}
			views := []rejectView{}
			err = ledger.Rejects(cmd.Context(), f, func(r bridge.RejectRow) error {
				views = append(views, viewReject(r))
				return nil
			})
			if err != nil {
				return err
			}
			return a.printRejects(views)
		},
	})
	cmd.Flags().StringVar(&f.Feed, "feed", "", "only those of this `feed`")
	cmd.Flags().IntVar(&f.Last, "last", 1000, "only the last so many; 0 lists all")
	return cmd
}

// where is the reject's place in its file: a line, or in an IDoc its number, segment number and segment.
func (v *rejectView) where() string {
	return formats.Position{Line: v.Line, Segment: v.Segment, Doc: v.Doc, Part: v.Part}.String()
}

func (a *app) printRejects(views []rejectView) error {
	if a.json {
		return a.printJSON(views)
	}
	rows := make([][]string, len(views))
	for i, v := range views {
		rows[i] = []string{strconv.FormatInt(v.Drop, 10), v.where(), v.Key, v.Field, v.Code, v.Message, compact(v.Row)}
	}
	return a.table([]string{"DROP", "WHERE", "KEY", "FIELD", "CODE", "MESSAGE", "ROW"}, rows, "no rejects")
}
