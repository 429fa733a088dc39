package order_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/inbound/order"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// drop is one that a listing at a time showed with a date, a number and a time of the server.
func drop(id int64, date, seq, name string, listed, mtime time.Time) *bridge.Drop {
	d := &bridge.Drop{ID: id, Feed: "prices", Remote: "sap", Date: date, Seq: seq, Name: name, SteadyAt: listed, MTime: mtime}
	d.Rank = order.Rank(d, d.SteadyAt)
	return d
}

func TestWhatComesBeforeWhat(t *testing.T) {
	later := noon.Add(time.Hour)
	for name, pair := range map[string][2]*bridge.Drop{
		"the date counts first":                       {drop(2, "20261120", "9", "z", later, later), drop(1, "20261121", "1", "a", noon, noon)},
		"then the number, as a number":                {drop(2, "20261120", "9", "z", later, later), drop(1, "20261120", "10", "a", noon, noon)},
		"however many zeros it has":                   {drop(2, "", "0009", "z", later, later), drop(1, "", "10", "a", noon, noon)},
		"then the listing, whatever the server says":  {drop(2, "", "", "b", noon, later), drop(1, "", "", "a", later, noon)},
		"in one listing the server's time":            {drop(2, "", "", "b", later, noon), drop(1, "", "", "a", later, later)},
		"a time of the future is that of the listing": {drop(1, "", "", "a", noon, later), drop(2, "", "", "b", noon, noon.Add(2*time.Hour))},
		"then the name, whose numbers are numbers":    {drop(2, "", "", "p_9.csv", noon, noon), drop(1, "", "", "p_10.csv", noon, noon)},
		"and in the end who was seen first":           {drop(1, "", "", "a", noon, noon), drop(2, "", "", "a", noon, noon)},
	} {
		if order.Compare(pair[0], pair[1]) >= 0 || order.Compare(pair[1], pair[0]) <= 0 {
			t.Errorf("%s: %q is not before %q", name, pair[0].Rank, pair[1].Rank)
		}
	}
}

func TestNumbersInNamesSortAsNumbers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		stem := rapid.StringMatching(`[a-z_.-]{0,5}`).Draw(t, "stem")
		x, y := rapid.Uint32().Draw(t, "x"), rapid.Uint32().Draw(t, "y")
		a := drop(1, "", "", fmt.Sprintf("%s%d.csv", stem, x), noon, noon)
		b := drop(1, "", "", fmt.Sprintf("%s%0*d.csv", stem, rapid.IntRange(0, 12).Draw(t, "width"), y), noon, noon)
		if want := int(min(1, max(-1, int64(x)-int64(y)))); order.Compare(a, b) != want {
			t.Fatalf("%s against %s: %d, want %d", a.Name, b.Name, order.Compare(a, b), want)
		}
	})
}

// ledger has some drops.
type ledger []*bridge.Drop

func (l ledger) Drop(_ context.Context, id int64) (*bridge.Drop, error) {
	for _, d := range l {
		if d.ID == id {
			return d, nil
		}
	}
	return nil, bridge.ErrUnknown
}

func (l ledger) Ranked(_ context.Context, feed, below string, states ...bridge.DropState) (found *bridge.Drop, err error) {
	for _, d := range l {
		fits := d.Feed == feed && (below == "" || d.Rank < below) && (len(states) == 0 || slices.Contains(states, d.State))
		if fits && (found == nil || order.Compare(d, found) > 0) {
			found = d
		}
	}
	return found, nil
}

func TestALaterDropIsTheOneThatStandsBehind(t *testing.T) {
	first, second, third := drop(1, "20261120", "1", "a", noon, noon), drop(2, "20261121", "1", "b", noon, noon),
		drop(3, "20261122", "1", "c", noon, noon)
	other := drop(9, "20261101", "1", "x", noon, noon)
	other.Feed = "specials"
	third.State = bridge.Loaded
	l := ledger{first, second, third, other}
	for name, c := range map[string]struct {
		drop *bridge.Drop
		run  bridge.Run
		want string // the drops that are later
	}{
		"behind the newest there is none":                 {third, bridge.Run{Kind: bridge.FirstRun}, ""},
		"of the same feed by its order":                   {second, bridge.Run{Kind: bridge.FirstRun}, "3"},
		"of another feed only for a run again, once seen": {second, bridge.Run{Kind: bridge.ReRun}, "3 9"},
		"none for one that was told to overwrite":         {first, bridge.Run{Kind: bridge.ReRun, Force: true}, ""},
	} {
		o, err := order.Of(t.Context(), l, c.drop, &c.run)
		if err != nil {
			t.Fatal(err)
		}
		var later []string
		for _, id := range []int64{0, 1, 2, 3, 9, 77} {
			is, err := o.Later(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}
			if is {
				later = append(later, fmt.Sprint(id))
			}
		}
		if got := strings.Join(later, " "); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestWhatAPersonHandsOverIsTheNewest(t *testing.T) {
	far := drop(1, "99991231", "9", "z", noon, noon)
	byHand := &bridge.Drop{ID: 2, Feed: "prices", Remote: bridge.ByHand, Name: "a", SteadyAt: noon}
	rank, err := order.Newest(t.Context(), ledger{far}, byHand, noon)
	if err != nil {
		t.Fatal(err)
	}
	if byHand.Rank = rank; order.Compare(byHand, far) <= 0 {
		t.Errorf("%q is not behind %q", rank, far.Rank)
	}
	if last, err := order.Last(t.Context(), ledger{far, byHand}, "prices", ""); err != nil || last != far {
		t.Errorf("the last in line is %+v, %v", last, err)
	}
}
