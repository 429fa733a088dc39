package operate

import (
	"context"
	"slices"
	"time"

	"github.com/orobridge/orobridge/bridge"
)

// Figures tell what went through the bridge.
type Figures struct{ *View }

// Day is what went through the bridge on a day, UTC.
type Day struct {
	Day  *time.Time `json:"day"` // its beginning
	Runs int64      `json:"runs"`
	bridge.Counts
	PerSecond float64 `json:"per_second"` // rows that the shop was sent while runs were at work
	Arrivals  Spread  `json:"arrivals"`   // from the sight of a file until it is loaded
	Orders    Spread  `json:"orders"`     // from the submission of an order until its file is written
	Pickups   Spread  `json:"pickups"`    // from then until the file is picked up
}

// Spread is how long something took, in seconds.
type Spread struct {
	N      int     `json:"n"`
	Median float64 `json:"median"`
	P95    float64 `json:"p95"` // all but one in twenty took no longer
}

func spreadOf(seconds []float64) Spread {
	if len(seconds) == 0 {
		return Spread{}
	}
	slices.Sort(seconds)
	return Spread{N: len(seconds), Median: seconds[len(seconds)/2], P95: seconds[min(len(seconds)*95/100, len(seconds)-1)]}
}

const aDay = 24 * time.Hour

// Days tells what went through the bridge on each of the last n days, the present one included; days without anything are
// there, too.
func (k Figures) Days(ctx context.Context, now time.Time, n int) ([]Day, error) {
	first := now.UTC().Truncate(aDay).Add(-time.Duration(n-1) * aDay)
	days := make([]Day, n)
	for i := range days {
		days[i].Day = moment(first.Add(time.Duration(i) * aDay))
	}
	at := func(t time.Time) int { return int(t.Sub(first) / aDay) }
	busy := make([]time.Duration, n)
	err := k.Ledger.Tallies(ctx, first, func(t bridge.Tally) error {
		if i := at(t.Day); i < n && k.ours("feed "+t.Feed) {
			d := &days[i]
			d.Runs, d.Counts = d.Runs+t.Runs, sum(d.Counts, t.Counts)
			busy[i] += t.Busy
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	arrivals, orders, pickups := make([][]float64, n), make([][]float64, n), make([][]float64, n)
	took := func(all [][]float64, from, to time.Time) {
		if i := at(to); i < n && !to.Before(from) {
			all[i] = append(all[i], to.Sub(from).Seconds())
		}
	}
	err = k.Ledger.Arrivals(ctx, first, func(p bridge.Passage) error {
		if k.ours("feed " + p.Of) {
			took(arrivals, p.From, p.To)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	err = k.Ledger.Departures(ctx, first, func(p bridge.Passage) error {
		if !k.ours("export " + p.Of) {
			return nil
		}
		took(orders, p.From, p.To)
		if !p.Gone.IsZero() {
			took(pickups, p.To, p.Gone)
		}
		return nil
	})
	for i := range days {
		d := &days[i]
		d.Arrivals, d.Orders, d.Pickups = spreadOf(arrivals[i]), spreadOf(orders[i]), spreadOf(pickups[i])
		if seconds := busy[i].Seconds(); seconds > 0 {
			d.PerSecond = float64(d.Created+d.Updated+d.Removed+d.Withdrawn) / seconds
		}
	}
	return days, err
}

// Tallies counts, by feed, what the runs did that began at a time or later.
func (k Figures) Tallies(ctx context.Context, since time.Time) (map[string]bridge.Tally, error) {
	all := map[string]bridge.Tally{}
	err := k.Ledger.Tallies(ctx, since, func(t bridge.Tally) error {
		was := all[t.Feed]
		t.Runs, t.Busy, t.Counts = t.Runs+was.Runs, t.Busy+was.Busy, sum(t.Counts, was.Counts)
		all[t.Feed] = t
		return nil
	})
	return all, err
}

func sum(a, b bridge.Counts) bridge.Counts {
	return bridge.Counts{Rows: a.Rows + b.Rows, Created: a.Created + b.Created, Updated: a.Updated + b.Updated,
		Unchanged: a.Unchanged + b.Unchanged, Adopted: a.Adopted + b.Adopted, Superseded: a.Superseded + b.Superseded,
		Removed: a.Removed + b.Removed, Collapsed: a.Collapsed + b.Collapsed, Rejected: a.Rejected + b.Rejected,
		Parked: a.Parked + b.Parked, Verified: a.Verified + b.Verified, Withdrawn: a.Withdrawn + b.Withdrawn, Warnings: a.Warnings + b.Warnings}
}
