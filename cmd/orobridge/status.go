package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/bridge/outbound"
	"github.com/orobridge/orobridge/state"
)

// statusView is the whole of a bridge on one page.
type statusView struct {
	Running bool              `json:"running"` // a bridge holds the state now
	Feeds   []feedStatus      `json:"feeds"`
	Exports []exportStatus    `json:"exports"`
	Paused  map[string]string `json:"paused"` // what waits for trouble to pass, and why
	Alarms  map[string]string `json:"alarms"` // what is wrong with orders: "orders overdue"
}

type feedStatus struct {
	Feed    string           `json:"feed"`
	Entity  string           `json:"entity"`
	Waiting int              `json:"waiting"` // drops that are not settled
	Held    int              `json:"held"`
	Blocked []string         `json:"blocked"` // drops that can't be loaded now, and why
	Parked  int64            `json:"parked"`
	Last    string           `json:"last_file"`
	State   bridge.DropState `json:"last_state"`
	Settled *time.Time       `json:"last_settled"`
}

type exportStatus struct {
	Export   string     `json:"export"`
	Owed     int        `json:"owed"`
	Written  int        `json:"written"` // not picked up yet
	Conflict int        `json:"conflict"`
	Total    int        `json:"total"`
	Last     *time.Time `json:"last_written"`
}

func newStatusCommand(a *app) *cobra.Command {
	var running bool
	cmd := a.jsonFlag(&cobra.Command{
		Use:   "status",
		Short: "Show how every feed and export stands",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			c, ledger, err := a.viewer(cmd.Context())
			if err != nil {
				return err
			}
			defer closing(ledger, &err)
			v, err := gatherStatus(cmd.Context(), c, ledger)
			if err != nil {
				return err
			}
			if err := a.printStatus(v); err != nil {
				return err
			}
			if running && !v.Running {
				return errors.New("no bridge is running on this state")
			}
			return nil
		},
	})
	cmd.Flags().BoolVar(&running, "running", false, "fail unless a bridge is running on this state (a health check)")
	return cmd
}

func gatherStatus(ctx context.Context, c *config.Config, ledger *state.State) (statusView, error) {
	v := statusView{Running: state.Locked(c.State.Dir), Feeds: []feedStatus{}, Exports: []exportStatus{}, Paused: map[string]string{}, Alarms: map[string]string{}}
	notes, err := ledger.Notes(ctx)
	if err != nil {
		return v, err
	}
	for name, text := range notes {
		if work, ok := bridge.PausedWork(name); ok {
			v.Paused[work] = text
		}
		if alarm, ok := outbound.AlarmNote(name); ok {
			v.Alarms[alarm] = text
		}
	}
	for _, f := range c.Feeds {
		s, err := feedStatusOf(ctx, ledger, f)
		if err != nil {
			return v, err
		}
		v.Feeds = append(v.Feeds, s)
	}
	for _, e := range c.Exports {
		list, err := ledger.Outbox(ctx, bridge.OutboxFilter{Export: e.Name})
		if err != nil {
			return v, err
		}
		s := exportStatus{Export: e.Name, Total: len(list)}
		for _, o := range list {
			switch o.State {
			case bridge.OwedNow:
				s.Owed++
			case bridge.Written:
				s.Written++
			case bridge.Conflict:
				s.Conflict++
			}
			if !o.WrittenAt.IsZero() {
				s.Last = when(o.WrittenAt)
			}
		}
		v.Exports = append(v.Exports, s)
	}
	return v, nil
}

func feedStatusOf(ctx context.Context, ledger *state.State, f *config.Feed) (feedStatus, error) {
	s := feedStatus{Feed: f.Name, Entity: f.Entity.Name, Blocked: []string{}}
	open, err := ledger.Drops(ctx, bridge.DropFilter{Feed: f.Name,
		States: []bridge.DropState{bridge.Seen, bridge.Ready, bridge.Claimed, bridge.Fetched, bridge.Loading, bridge.Held}})
	if err != nil {
		return s, err
	}
	for _, d := range open {
		if d.State == bridge.Held {
			s.Held++
		}
		if d.Reason != "" {
			s.Blocked = append(s.Blocked, fmt.Sprintf("drop %d %s (%s): %s", d.ID, d.Name, d.State, d.Reason))
		}
	}
	s.Waiting = len(open)
	if s.Parked, err = ledger.CountParked(ctx, f.Entity.Name); err != nil {
		return s, err
	}
	last, err := ledger.Drops(ctx, bridge.DropFilter{Feed: f.Name, Last: 1})
	if err != nil || len(last) == 0 {
		return s, err
	}
	s.Last, s.State, s.Settled = last[0].Name, last[0].State, when(last[0].SettledAt)
	return s, nil
}

func (a *app) printStatus(v statusView) error {
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
		feeds = append(feeds, []string{s.Feed, strconv.Itoa(s.Waiting), strconv.Itoa(s.Held), strconv.FormatInt(s.Parked, 10), s.Last, string(s.State), moment(s.Settled)})
	}
	for _, s := range v.Exports {
		exports = append(exports, []string{s.Export, strconv.Itoa(s.Owed), strconv.Itoa(s.Written), strconv.Itoa(s.Conflict), strconv.Itoa(s.Total), moment(s.Last)})
	}
	if err := a.table([]string{"FEED", "WAITING", "HELD", "PARKED", "LAST FILE", "STATE", "SETTLED"}, feeds, "no feeds"); err != nil {
		return err
	}
	if err := a.table([]string{"EXPORT", "OWED", "WRITTEN", "CONFLICT", "TOTAL", "LAST WRITTEN"}, exports, "no exports"); err != nil {
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
	for _, work := range slices.Sorted(maps.Keys(v.Paused)) {
		fmt.Fprintf(a.stdout, "paused: %s: %s\n", printable(work), printable(v.Paused[work]))
	}
	for _, alarm := range slices.Sorted(maps.Keys(v.Alarms)) {
		fmt.Fprintf(a.stdout, "alarm: %s: %s\n", printable(alarm), printable(v.Alarms[alarm]))
	}
	return nil
}

// maxBlocked is how many drops that wait are shown of a feed.
const maxBlocked = 5

func moment(t *time.Time) string {
	if t == nil {
		return "-"
	}
	return stamp(*t)
}
