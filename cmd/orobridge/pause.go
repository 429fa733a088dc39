package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/cmd/orobridge/show"
)

// pausable is what pause and resume take.
const pausable = "feed NAME | export NAME | shop"

func newPauseCommand(a *app) *cobra.Command {
	var d deciding
	var span, until string
	cmd := a.jsonFlag(&cobra.Command{
		Use:   "pause " + pausable,
		Short: "Stop a feed, an export or all work at the shop, until it is resumed",
		Long: "pause stops a feed (nothing of it is listed, fetched or loaded), an export (no order is noticed or written) or the shop\n" +
			"(nothing is loaded and no order is noticed; files are fetched, and orders that are owed are written). A running bridge stops\n" +
			"at the next safe point of a load; what it has at hand goes on from there later. --for or --until sets an end. Of several shops\n" +
			"one is named: pause shop NAME.",
		Example: "  orobridge pause feed prices --why 'wrong decimal point' --for 2h\n  orobridge pause shop --until 2026-01-31T07:00:00Z",
		Args:    cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			kind, name, err := pausableOf(args)
			if err != nil {
				return err
			}
			if _, err := pauseEnd(span, until, time.Now()); err != nil {
				return err
			}
			return a.decide(cmd.Context(), d, func(e *engine) error {
				end, err := pauseEnd(span, until, time.Now())
				if err != nil {
					return err
				}
				p, err := e.Desk.Pause(cmd.Context(), kind, name, end)
				if err != nil {
					return err
				}
				if a.AsJSON {
					return a.PrintJSON(p)
				}
				fmt.Fprintf(a.Stdout, "%s is paused", p.Work)
				if p.Until != nil {
					fmt.Fprintf(a.Stdout, " until %s", show.Moment(p.Until))
				}
				fmt.Fprintln(a.Stdout)
				return nil
			})
		},
	})
	d.flags(cmd.Flags(), false)
	cmd.Flags().StringVar(&span, "for", "", "resume by itself after this `time`: 30m, 2h, 1d")
	cmd.Flags().StringVar(&until, "until", "", "resume by itself at this `time`: 2026-01-31, or 2026-01-31T07:00:00Z")
	return cmd
}

func newResumeCommand(a *app) *cobra.Command {
	var d deciding
	cmd := a.jsonFlag(&cobra.Command{
		Use:   "resume " + pausable,
		Short: "Let a feed, an export or the shop go on that was paused",
		Args:  cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			kind, name, err := pausableOf(args)
			if err != nil {
				return err
			}
			return a.decide(cmd.Context(), d, func(e *engine) error {
				p, err := e.Desk.Resume(cmd.Context(), kind, name)
				if err != nil {
					return err
				}
				if a.AsJSON {
					return a.PrintJSON(p)
				}
				fmt.Fprintf(a.Stdout, "%s goes on\n", p.Work)
				return nil
			})
		},
	})
	d.flags(cmd.Flags(), false)
	return cmd
}

// pausableOf reads what is to be paused or resumed.
func pausableOf(args []string) (kind, name string, err error) {
	switch {
	case len(args) == 2 && (args[0] == "feed" || args[0] == "export"):
		return args[0], args[1], nil
	case len(args) <= 2 && args[0] == "shop":
		return args[0], strings.Join(args[1:], ""), nil
	}
	return "", "", &usageError{"what is to be paused or resumed is a feed, an export or the shop", "write " + pausable}
}

// pauseEnd reads when a pause ends; the zero time when nothing is said.
func pauseEnd(span, until string, now time.Time) (time.Time, error) {
	if span == "" {
		return day("until", until)
	}
	var d bridge.Duration
	if until != "" || d.UnmarshalText([]byte(span)) != nil {
		return time.Time{}, &usageError{"--for takes a time span, and no --until beside it", "write --for 2h"}
	}
	return now.Add(d.D()).UTC(), nil
}
