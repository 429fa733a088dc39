package show

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/operate"
)

// PrintWaits says what waits for a person.
func (p *Pen) PrintWaits(v *operate.Status) {
	for _, text := range v.Waits() {
		fmt.Fprintln(p.Stderr, Printable(text))
	}
}

// PrintStatus prints where feeds and exports stand, and what keeps them.
func (p *Pen) PrintStatus(v *operate.Status) error {
	if p.AsJSON {
		return p.PrintJSON(v)
	}
	who, state := "bridge", "no %s is running\n"
	if v.Shadow {
		who = "shadow"
	}
	if v.Running {
		state = "a %s is running\n"
	}
	if v.Running && v.Shadow {
		who = "shadow, which writes nothing,"
	}
	fmt.Fprintf(p.Stdout, state, who)
	printBridges(p, v)
	var feeds, exports [][]string
	for _, s := range v.Feeds {
		feeds = append(feeds, []string{s.Shop, s.Feed, strconv.Itoa(s.Waiting), strconv.Itoa(s.Held), Decimal(s.Parked), Decimal(s.Rejects),
			s.Last, string(s.State), Moment(s.Settled)})
	}
	for _, s := range v.Exports {
		exports = append(exports, []string{s.Shop, s.Export, strconv.Itoa(s.Owed), strconv.Itoa(s.Written), strconv.Itoa(s.Conflict),
			strconv.Itoa(s.Stuck), strconv.Itoa(s.Alarmed),
			strconv.Itoa(s.Total), Moment(s.Last)})
	}
	if err := shopTable(p, []string{"FEED", "WAITING", "HELD", "PARKED", "REJECTS", "LAST FILE", "STATE", "SETTLED"}, feeds,
		"no feeds"); err != nil {
		return err
	}
	if err := shopTable(p, []string{"EXPORT", "OWED", "WRITTEN", "CONFLICT", "STUCK", "ALARMS", "TOTAL", "LAST WRITTEN"}, exports,
		"no exports"); err != nil {
		return err
	}
	for _, s := range v.Feeds {
		if s.State == bridge.Shadowed {
			fmt.Fprintf(p.Stdout, "shadow: %s: %s: %s\n", s.Feed, Printable(s.Last), Printable(s.Reason))
		}
	}
	for _, x := range v.Exports {
		if b := x.Beside; b != nil {
			fmt.Fprintf(p.Stdout, "shadow: %s: %d same, %d differ, %d missing, %d extra\n", x.Export, b.Same, b.Differs, b.Missing, b.Extra)
		}
	}
	for _, s := range v.Feeds {
		for i, text := range s.Blocked {
			if i == maxBlocked {
				more := len(s.Blocked) - i
				if s.Waiting > operate.MostBlocked {
					more = s.Waiting - i
				}
				fmt.Fprintf(p.Stdout, "waits: %s: %d more\n", s.Feed, more)
				break
			}
			fmt.Fprintf(p.Stdout, "waits: %s: %s\n", s.Feed, Printable(text))
		}
	}
	for _, s := range v.Feeds {
		if s.Reconciled != "" {
			fmt.Fprintf(p.Stdout, "reconciled: %s: %s\n", s.Feed, Printable(s.Reconciled))
		}
	}
	for _, x := range v.Pauses {
		until := ""
		if x.Until != nil {
			until = " until " + Moment(x.Until)
		}
		fmt.Fprintf(p.Stdout, "stopped: %s since %s%s by %s%s\n", Printable(x.Work), Moment(x.Since), until, Printable(x.Who),
			Printable(prefixed(": ", x.Why)))
	}
	for _, work := range slices.Sorted(maps.Keys(v.Paused)) {
		fmt.Fprintf(p.Stdout, "paused: %s: %s\n", Printable(work), Printable(v.Paused[work]))
	}
	for _, feed := range slices.Sorted(maps.Keys(v.Leftovers)) {
		fmt.Fprintf(p.Stdout, "leftovers: %s: %s\n", Printable(feed), Printable(v.Leftovers[feed]))
	}
	for _, feed := range slices.Sorted(maps.Keys(v.Unmatched)) {
		for _, x := range v.Unmatched[feed] {
			fmt.Fprintf(p.Stdout, "unmatched: %s: %s: %s\n", Printable(feed), Printable(x.File), Printable(x.Why))
		}
	}
	for _, s := range v.Subscribers {
		fmt.Fprintf(p.Stdout, "subscriber: %s: told up to event %d", s.Name, s.Told)
		if s.Tries > 0 {
			fmt.Fprintf(p.Stdout, "; %d tries failed since %s: %s", s.Tries, Moment(s.Since), Printable(s.Trouble))
		}
		if s.GivenUp > 0 {
			fmt.Fprintf(p.Stdout, "; %d events were given up", s.GivenUp)
		}
		fmt.Fprintln(p.Stdout)
	}
	for _, alarm := range slices.Sorted(maps.Keys(v.Alarms)) {
		fmt.Fprintf(p.Stdout, "alarm: %s: %s\n", Printable(alarm), Printable(v.Alarms[alarm]))
	}
	for _, text := range v.Watched {
		fmt.Fprintln(p.Stdout, Printable(text))
	}
	for _, s := range v.Feeds {
		if s.Habit.Late(time.Now()) {
			fmt.Fprintf(p.Stdout, "late: %s: a file came at least every %s, the last one %s\n", s.Feed,
				time.Duration(s.Habit.Usual*float64(time.Second)).Round(time.Minute), Moment(s.Habit.Last))
		}
	}
	return nil
}

// printBridges says who shares the work, what each does, and how the jobs stand.
func printBridges(p *Pen, v *operate.Status) {
	for _, b := range v.Bridges {
		doing := strings.Join(b.Doing, ", ")
		switch {
		case b.Drained:
			doing = strings.TrimSuffix("drained, "+doing, ", ")
		case doing == "":
			doing = "nothing"
		}
		if b.Differs {
			doing += "; its config is another one"
		}
		fmt.Fprintf(p.Stdout, "bridge: %s %s since %s: %s\n", Printable(b.Bridge), Printable(b.Version), Moment(&b.Since), Printable(doing))
	}
	if jobs := v.JobsSaid(); jobs != "" {
		fmt.Fprintf(p.Stdout, "jobs: %s\n", Printable(jobs))
	}
}

// maxBlocked is how many drops that wait are shown of a feed.
const maxBlocked = 5
