package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/orobridge/orobridge/bridge/operate"
)

func newStatusCommand(a *app) *cobra.Command {
	var running, strict bool
	cmd := a.jsonFlag(&cobra.Command{
		Use:   "status",
		Short: "Show how every feed and export stands",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.look(cmd.Context(), func(desk *operate.View) error {
				v, err := desk.Status(cmd.Context())
				if err != nil {
					return err
				}
				if err := a.printStatus(v); err != nil {
					return err
				}
				if running && !v.Running {
					return errors.New("no bridge is running on this state")
				}
				if strict && len(v.Waits()) > 0 {
					printWaits(&a.output, v)
					return exit(exitPartly)
				}
				return nil
			})
		},
	})
	cmd.Flags().BoolVar(&running, "running", false, "fail unless a bridge is running on this state (a health check)")
	cmd.Flags().BoolVar(&strict, "strict", false, "end with exit code 3 when something is held, stuck, in conflict or alarmed")
	return cmd
}

// printWaits says what waits for a person.
func printWaits(a *output, v *operate.Status) {
	for _, text := range v.Waits() {
		fmt.Fprintln(a.stderr, printable(text))
	}
}

func (a *output) printStatus(v *operate.Status) error {
	if a.json {
		return a.printJSON(v)
	}
	if v.Running {
		fmt.Fprintln(a.stdout, "a bridge is running")
	} else {
		fmt.Fprintln(a.stdout, "no bridge is running")
	}
	var feeds, exports [][]string
	for _, s := range v.Feeds {
		feeds = append(feeds, []string{s.Feed, strconv.Itoa(s.Waiting), strconv.Itoa(s.Held), decimal(s.Parked), decimal(s.Rejects), s.Last,
			string(s.State), moment(s.Settled)})
	}
	for _, s := range v.Exports {
		exports = append(exports, []string{s.Export, strconv.Itoa(s.Owed), strconv.Itoa(s.Written), strconv.Itoa(s.Conflict),
			strconv.Itoa(s.Stuck), strconv.Itoa(s.Alarmed),
			strconv.Itoa(s.Total), moment(s.Last)})
	}
	if err := a.table([]string{"FEED", "WAITING", "HELD", "PARKED", "REJECTS", "LAST FILE", "STATE", "SETTLED"}, feeds,
		"no feeds"); err != nil {
		return err
	}
	if err := a.table([]string{"EXPORT", "OWED", "WRITTEN", "CONFLICT", "STUCK", "ALARMS", "TOTAL", "LAST WRITTEN"}, exports,
		"no exports"); err != nil {
		return err
	}
	for _, s := range v.Feeds {
		for i, text := range s.Blocked {
			if i == maxBlocked {
				fmt.Fprintf(a.stdout, "waits: %s: %d more\n", s.Feed, len(s.Blocked)-i)
				break
			}
			fmt.Fprintf(a.stdout, "waits: %s: %s\n", s.Feed, printable(text))
		}
	}
	for _, p := range v.Pauses {
		until := ""
		if p.Until != nil {
			until = " until " + moment(p.Until)
		}
		fmt.Fprintf(a.stdout, "stopped: %s since %s%s by %s%s\n", printable(p.Work), moment(p.Since), until, printable(p.Who),
			printable(prefixed(": ", p.Why)))
	}
	for _, work := range slices.Sorted(maps.Keys(v.Paused)) {
		fmt.Fprintf(a.stdout, "paused: %s: %s\n", printable(work), printable(v.Paused[work]))
	}
	for _, feed := range slices.Sorted(maps.Keys(v.Leftovers)) {
		fmt.Fprintf(a.stdout, "leftovers: %s: %s\n", printable(feed), printable(v.Leftovers[feed]))
	}
	for _, feed := range slices.Sorted(maps.Keys(v.Unmatched)) {
		for _, x := range v.Unmatched[feed] {
			fmt.Fprintf(a.stdout, "unmatched: %s: %s: %s\n", printable(feed), printable(x.File), printable(x.Why))
		}
	}
	for _, alarm := range slices.Sorted(maps.Keys(v.Alarms)) {
		fmt.Fprintf(a.stdout, "alarm: %s: %s\n", printable(alarm), printable(v.Alarms[alarm]))
	}
	return nil
}

// maxBlocked is how many drops that wait are shown of a feed.
const maxBlocked = 5
