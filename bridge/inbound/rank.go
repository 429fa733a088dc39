package inbound

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/orobridge/orobridge/bridge"
)

// A feed's order. What the name says comes first: the groups date and seq of the feed's pattern. Then comes the moment
// since which a listing has shown the file as it is: what is seen later is a later statement, even with an old time, or
// after somebody has set a clock back. Only among files that one listing showed does the server's time count, and a time
// from the future counts as the time of that listing. Last comes the name, whose numbers sort as numbers. A file that a
// person hands over, and rejects that came back corrected, are the newest that the feed has.
//
// The order is a text, the drop's rank, so that the ledger can find the next one.

// rankSign sets the parts of a rank apart. It sorts before all that can stand in a name.
const rankSign = "\x01"

// rankOf is the rank of a drop as it was listed.
func rankOf(d *bridge.Drop) string {
	seq := strings.TrimLeft(strings.TrimSpace(d.Seq), "0")
	when := d.MTime
	if when.After(d.SteadyAt) {
		when = d.SteadyAt
	}
	return strings.Join([]string{d.Date, fmt.Sprintf("%03d%s", len(seq), seq), fmt.Sprintf("%015d", d.SteadyAt.UnixMilli()),
		fmt.Sprintf("%015d", max(0, when.UnixMilli())), natural(d.Name)}, rankSign)
}

// numberRank is the lowest rank with a drop's date and number.
func numberRank(d *bridge.Drop) string {
	seq := strings.TrimLeft(strings.TrimSpace(d.Seq), "0")
	return d.Date + rankSign + fmt.Sprintf("%03d%s", len(seq), seq)
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

// newestRank is a rank behind all that the feed has.
func (e *Engine) newestRank(ctx context.Context, d *bridge.Drop) (string, error) {
	top, err := e.Ledger.Ranked(ctx, d.Feed, "")
	if err != nil || top == nil || top.ID == d.ID {
		return rankOf(d), err
	}
	return max(rankOf(d), top.Rank+rankSign+fmt.Sprintf("%015d", e.Clock.Now().UnixMilli())), nil
}

// inOrder is the order in which a feed's drops are loaded.
func inOrder(x, y *bridge.Drop) int {
	return cmp.Or(cmp.Compare(x.Rank, y.Rank), cmp.Compare(x.ID, y.ID))
}

// outOfLine says that a drop does not stand in line with the files that the sender lists.
func outOfLine(d *bridge.Drop) bool { return d.Remote == bridge.ByHand || d.Correction }

// ranked finds the drop in line whose rank is the highest below a bound ("": of all), in one of some states.
func (e *Engine) ranked(ctx context.Context, feed, below string, states ...bridge.DropState) (*bridge.Drop, error) {
	for {
		d, err := e.Ledger.Ranked(ctx, feed, below, states...)
		if err != nil || d == nil || !outOfLine(d) {
			return d, err
		}
		below = d.Rank
	}
}

// order tells which drops stand behind one that is being loaded, for what they have set is left alone. In the drop's own
// feed that is what the feed's order says. Between two feeds that set the same field the later load wins: only for a run
// again those drops of another feed count that were seen after this one.
type order struct {
	e     *Engine
	drop  *bridge.Drop
	again bool
	known map[int64]bool
}

// orderOf is the order that a run has to keep; nil when nothing can stand behind its drop, or it was told to overwrite.
func (e *Engine) orderOf(ctx context.Context, d *bridge.Drop, run *bridge.Run) (*order, error) {
	if run.Force {
		return nil, nil
	}
	o := &order{e: e, drop: d, again: run.Kind != bridge.FirstRun, known: map[int64]bool{0: false, d.ID: false}}
	if o.again {
		return o, nil
	}
	last, err := e.Ledger.Ranked(ctx, d.Feed, "", bridge.Loaded, bridge.Partial, bridge.Loading)
	if err != nil || last == nil || last.ID == d.ID || last.Rank <= d.Rank {
		return nil, err
	}
	return o, nil
}

// later says that a drop stands behind the one that is being loaded. One that the ledger no longer has does not.
func (o *order) later(ctx context.Context, drop int64) (bool, error) {
	if later, ok := o.known[drop]; ok {
		return later, nil
	}
	d, err := o.e.Ledger.Drop(ctx, drop)
	if errors.Is(err, bridge.ErrUnknown) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	later := o.again && d.ID > o.drop.ID
	if d.Feed == o.drop.Feed {
		later = inOrder(d, o.drop) > 0
	}
	o.known[drop] = later
	return later, nil
}
