// Package order is the order of a feed's drops: which comes before which, and what a later one has set.
//
// What the name says comes first: the groups date and seq of the feed's pattern. Then comes the moment since which a listing
// has shown the file as it is: what is seen later is a later statement, even with an old time, or after somebody has set a
// clock back, the server's or the bridge's own (see [Moments]). Only among files that one listing showed does the server's time
// count, and a time from the future counts as the time of that listing. Last comes the name, whose numbers sort as numbers. A file that a person hands over, and rejects
// that came back corrected, are the newest that the feed has.
//
// The order is a text, the drop's rank, so that a ledger can find the next one.
//
// What may go in: how two drops compare. What may not: what follows from it, such as who waits behind whom (package inbound).
package order

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/orobridge/orobridge/bridge"
)

// A Ledger finds drops.
type Ledger interface {
	Drop(ctx context.Context, id int64) (*bridge.Drop, error)
	// Ranked finds the drop of a feed whose rank is the highest below a bound ("": of all), in one of some states (none: in
	// any); nil if there is none.
	Ranked(ctx context.Context, feed, below string, states ...bridge.DropState) (*bridge.Drop, error)
}

// sign sets the parts of a rank apart. It sorts before all that can stand in a name.
const sign = "\x01"

// Rank is the rank of a drop as it was listed, at a moment of [Moments].
func Rank(d *bridge.Drop, moment time.Time) string {
	seq := strings.TrimLeft(strings.TrimSpace(d.Seq), "0")
	when := d.MTime
	if when.After(moment) {
		when = moment
	}
	return strings.Join([]string{d.Date, fmt.Sprintf("%03d%s", len(seq), seq), fmt.Sprintf("%015d", moment.UnixMilli()),
		fmt.Sprintf("%015d", max(0, when.UnixMilli())), natural(d.Name)}, sign)
}

// Moments are when the listings of feeds were, for ranks: each after all before it, whatever the clock says. A clock that was years ahead
// for a day would have all that comes after that day count as older otherwise. The zero value is ready.
type Moments struct {
	last sync.Map // by feed
}

// recent is how many of a feed's last drops tell, once in a process, which moment was the last.
const recent = 20

// Of is the moment of a feed's listing.
func (m *Moments) Of(ctx context.Context, l interface {
	Drops(ctx context.Context, f bridge.DropFilter) ([]*bridge.Drop, error)
}, feed string, now time.Time) (time.Time, error) {
	last, known := m.last.Load(feed)
	if !known {
		drops, err := l.Drops(ctx, bridge.DropFilter{Feed: feed, Last: recent})
		if err != nil {
			return now, err
		}
		var top int64
		for _, d := range drops {
			if parts := strings.Split(d.Rank, sign); len(parts) > 2 {
				moment, _ := strconv.ParseInt(parts[2], 10, 64) // one that is none is 0
				top = max(top, moment)
			}
		}
		last = time.UnixMilli(top)
	}
	if after := last.(time.Time).Add(time.Millisecond); now.Before(after) {
		now = after.UTC()
	}
	m.last.Store(feed, now)
	return now, nil
}

// NumberRank is the lowest rank with a drop's date and number.
func NumberRank(d *bridge.Drop) string {
	seq := strings.TrimLeft(strings.TrimSpace(d.Seq), "0")
	return d.Date + sign + fmt.Sprintf("%03d%s", len(seq), seq)
}

// natural writes a name so that numbers in it sort as numbers: each with the count of its digits before it.
func natural(name string) string {
	var b strings.Builder
	for i := 0; i < len(name); {
		end := i
		for end < len(name) && '0' <= name[end] && name[end] <= '9' {
			end++
		}
		if end == i {
			b.WriteByte(name[i])
			i++
			continue
		}
		digits := strings.TrimLeft(name[i:end], "0")
		fmt.Fprintf(&b, "%03d%s", len(digits), digits)
		i = end
	}
	return b.String()
}

// Newest is a rank behind all that a drop's feed has.
func Newest(ctx context.Context, l Ledger, d *bridge.Drop, now time.Time) (string, error) {
	top, err := l.Ranked(ctx, d.Feed, "")
	if err != nil || top == nil || top.ID == d.ID {
		return Rank(d, now), err
	}
	return max(Rank(d, now), top.Rank+sign+fmt.Sprintf("%015d", now.UnixMilli())), nil
}

// Compare is negative when x is loaded before y.
func Compare(x, y *bridge.Drop) int {
	return cmp.Or(cmp.Compare(x.Rank, y.Rank), cmp.Compare(x.ID, y.ID))
}

// Sort sorts drops in the order in which they were meant to be loaded.
func Sort(drops []*bridge.Drop) { slices.SortStableFunc(drops, Compare) }

// OutOfLine says that a drop does not stand in line with the files that the sender lists.
func OutOfLine(d *bridge.Drop) bool { return d.Remote == bridge.ByHand || d.Correction }

// Last finds the drop in line whose rank is the highest below a bound ("": of all), in one of some states; nil if there is
// none.
func Last(ctx context.Context, l Ledger, feed, below string, states ...bridge.DropState) (*bridge.Drop, error) {
	for {
		d, err := l.Ranked(ctx, feed, below, states...)
		if err != nil || d == nil || !OutOfLine(d) {
			return d, err
		}
		below = d.Rank
	}
}

// Before finds the drop right before one, in line or not, in one of some states that are not its own; nil if there is none.
// One of the same rank counts as before it.
func Before(ctx context.Context, l Ledger, d *bridge.Drop, states ...bridge.DropState) (*bridge.Drop, error) {
	return l.Ranked(ctx, d.Feed, d.Rank+sign, states...)
}

// Order tells which drops stand behind one that is being loaded, for what they have set is left alone. In the drop's own
// feed that is what the feed's order says. Between two feeds that set the same field the later load wins: only for a run
// again those drops of another feed count that were seen after this one. Behind a drop of a nil Order there is none.
type Order struct {
	ledger Ledger
	drop   *bridge.Drop
	again  bool
	known  map[int64]bool
}

// Of is the order that a run has to keep; nil when nothing can stand behind its drop, or it was told to overwrite.
func Of(ctx context.Context, l Ledger, d *bridge.Drop, run *bridge.Run) (*Order, error) {
	if run.Force {
		return nil, nil
	}
	o := &Order{ledger: l, drop: d, again: !run.Kind.First(), known: map[int64]bool{0: false, d.ID: false}}
	if o.again {
		return o, nil
	}
	last, err := l.Ranked(ctx, d.Feed, "", bridge.Loaded, bridge.Partial, bridge.Loading, bridge.Shadowed)
	if err != nil || last == nil || last.ID == d.ID || last.Rank <= d.Rank {
		return nil, err
	}
	return o, nil
}

// Later says that a drop stands behind the one that is being loaded. One that the ledger no longer has does not.
func (o *Order) Later(ctx context.Context, drop int64) (bool, error) {
	if o == nil {
		return false, nil
	}
	if later, ok := o.known[drop]; ok {
		return later, nil
	}
	d, err := o.ledger.Drop(ctx, drop)
	if errors.Is(err, bridge.ErrUnknown) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	later := o.again && d.ID > o.drop.ID
	if d.Feed == o.drop.Feed {
		later = Compare(d, o.drop) > 0
	}
	o.known[drop] = later
	return later, nil
}
