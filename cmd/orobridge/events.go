package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/operate"
)

func newEventsCommand(a *app) *cobra.Command {
	var f bridge.EventFilter
	var since string
	var follow bool
	cmd := a.jsonFlag(&cobra.Command{
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
			return a.look(cmd.Context(), func(desk *operate.View) error {
				if follow {
					return desk.Follow(cmd.Context(), f, a.printEvent)
				}
				var events []operate.Event
				err := desk.Events(cmd.Context(), f, func(e operate.Event) error {
					if !a.json {
						return a.printEvent(e)
					}
					events = append(events, e)
					return nil
				})
				if err == nil && a.json {
					err = a.printJSON(events)
				}
				return err
			})
		},
	})
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

// printEvent prints an event as one line: of JSON, or for people.
func (a *output) printEvent(e operate.Event) error {
	if a.json {
		out := json.NewEncoder(a.stdout)
		out.SetEscapeHTML(false)
		return out.Encode(e)
	}
	_, err := fmt.Fprintln(a.stdout, printable(eventLine(&e)))
	return err
}

// eventLine says what happened, to what, and the rest of it in words.
func eventLine(e *operate.Event) string {
	var about []string
	add := func(format string, is bool, args ...any) {
		if is {
			about = append(about, fmt.Sprintf(format, args...))
		}
	}
	add("%s", e.Feed != "", e.Feed)
	add("%s", e.Export != "", e.Export)
	add("%s", e.Work != "", e.Work)
	add("drop %d", e.Drop != 0, e.Drop)
	add("run %d", e.Run != 0, e.Run)
	add("batch %d", e.Batch != 0, e.Batch)
	add("%s", e.File != "", e.File)
	add("order %s", e.Order != "", e.Order)
	add("%s", e.Alarm != "", e.Alarm)
	add("by %s", e.Who != "", e.Who)
	add("by %s", e.User != "", e.User)
	add("from %s", e.Address != "", e.Address)
	var said []string
	if e.Counts != nil {
		said = append(said, countsLine(*e.Counts))
	}
	if e.Bytes != 0 {
		said = append(said, fmt.Sprintf("%d bytes", e.Bytes))
	}
	if e.Text != "" {
		said = append(said, e.Text)
	}
	if e.Why != "" {
		said = append(said, "why: "+e.Why)
	}
	line := fmt.Sprintf("%s  %-14s  %s", moment(e.At), e.Kind, strings.Join(about, " "))
	if len(said) > 0 {
		line += ": " + strings.Join(said, "; ")
	}
	if e.Hint != "" {
		line += " — " + e.Hint
	}
	return strings.TrimRight(line, " ")
}
