package main

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/operate"
)

func newEventsCommand(a *app) *cobra.Command {
	var f bridge.EventFilter
	var since string
	var follow bool
	cmd := a.serverFlags(a.shadowFlag(a.jsonFlag(&cobra.Command{
		Use:   "events",
		Short: "List what happened, from the journal in the ledger",
		Long: "events lists what happened to drops, runs, orders and the two ends, oldest first: what the log says, out of the ledger.\n" +
			"--follow goes on with what happens from then on, also beside a running bridge; with --json each event is then one line.\n" +
			"The journal goes back as far as state.keep.rows says.",
		Example: "  orobridge events --drop 17\n  orobridge events --since 2h --follow",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if f.Since, err = ago("since", since, time.Now()); err != nil {
				return err
			}
			return a.see(cmd.Context(), func(desk operate.Looker) error {
				if follow {
					return desk.Follow(cmd.Context(), f, a.PrintEvent)
				}
				events := []operate.Event{}
				err := desk.Events(cmd.Context(), f, func(e operate.Event) error {
					if !a.AsJSON {
						return a.PrintEvent(e)
					}
					events = append(events, e)
					return nil
				})
				if err == nil && a.AsJSON {
					err = a.PrintJSON(events)
				}
				return err
			})
		},
	})))
	flags := cmd.Flags()
	flags.Int64Var(&f.Drop, "drop", 0, "only those of this `drop`")
	flags.StringVar(&f.Order, "order", "", "only those of this `order`: its identifier")
	flags.StringVar(&since, "since", "", "only what happened at or after this `time`: 2h, 2026-01-31, or 2026-01-31T07:00:00Z")
	flags.IntVar(&f.Last, "last", 1000, "begin with the last so many; 0 begins with the first that is kept")
	flags.BoolVar(&follow, "follow", false, "go on with what happens from now on, until interrupted")
	return cmd
}

// ago reads a time, a date, or how long before now; an empty text is no bound.
func ago(flag, text string, now time.Time) (time.Time, error) {
	var d bridge.Duration
	if text != "" && d.UnmarshalText([]byte(text)) == nil {
		return now.Add(-d.D()), nil
	}
	t, err := day(flag, text)
	if err != nil {
		err = &usageError{err.Error(), "write 2h, 2026-01-31 or 2026-01-31T07:00:00Z"}
	}
	return t, err
}
