package page

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/operate"
)

// dropPages show drops.
type dropPages struct{ *Server }

// dropList is a page of drops, the newest first, with a day's ribbon.
type dropList struct {
	Drops  []operate.Drop
	Feeds  []string
	States []bridge.DropState
	Feed   string
	State  string
	Word   string
	Day    string
	Ribbon *ribbon
	Pager  pager
}

// pager leads on by key: to what is older than the last row, and back to the newest.
type pager struct {
	Older  string // query; empty: there is nothing older
	Newest string // query; empty: this is the newest
}

// pagesOf makes the queries of a list that shows no more than pageRows: q chooses, last is the key of the oldest row.
func pagesOf(q url.Values, more bool, last int64) (p pager) {
	q = url.Values(http.Header(q).Clone())
	if q.Has("before") {
		q.Del("before")
		p.Newest = "?" + q.Encode()
	}
	if more {
		q.Set("before", strconv.FormatInt(last, 10))
		p.Older = "?" + q.Encode()
	}
	return p
}

// choice is what a list's form has asked for, without what is empty.
func choice(r *http.Request, names ...string) url.Values {
	q := url.Values{}
	for _, name := range names {
		if text := r.FormValue(name); text != "" {
			q.Set(name, text)
		}
	}
	return q
}

func (s dropPages) showDrops(c *call) (view, error) {
	q := choice(c.r, "feed", "state", "word", "day", "before")
	v := &dropList{Feed: q.Get("feed"), State: q.Get("state"), Word: q.Get("word"), Day: q.Get("day"), States: bridge.DropStates()}
	for _, f := range c.desk.Feeds {
		v.Feeds = append(v.Feeds, f.Name)
	}
	f := bridge.DropFilter{Feed: v.Feed, Word: v.Word, Last: pageRows + 1}
	if v.State != "" {
		f.States = []bridge.DropState{bridge.DropState(v.State)}
	}
	day := c.desk.In.Clock.Now().UTC().Truncate(24 * time.Hour)
	if v.Day != "" {
		var err error
		if day, err = time.Parse(time.DateOnly, v.Day); err != nil {
			return view{}, &operate.Mistake{Message: fmt.Sprintf("%q is not a day", v.Day), Hint: "write it as 2026-11-21"}
		}
		f.From, f.To = day, day.Add(24*time.Hour)
	}
	f.Before, _ = strconv.ParseInt(q.Get("before"), 10, 64) // what is none begins at the newest
	var err error
	if v.Drops, err = c.desk.Drops(c.r.Context(), f); err != nil {
		return view{}, err
	}
	more := len(v.Drops) > pageRows
	if more {
		v.Drops = v.Drops[1:]
	}
	if len(v.Drops) > 0 {
		v.Pager = pagesOf(q, more, v.Drops[0].Drop)
	}
	v.Ribbon, err = ribbonOf(c.r.Context(), c.desk, day, v.Feed)
	return view{Title: c.T("Drops"), Live: f.Before == 0, Body: v}, err
}

// ribbon is a day in quarters of an hour: what came when, and how it ended.
type ribbon struct {
	Day           time.Time
	Before, After string // days
	Lanes         []lane
	Hours         []int
	Width, Height int
	Cut           bool // there were more than are drawn
}

type lane struct {
	Feed  string
	Y     int
	Cells []cell
}

// cell is a quarter of an hour of a feed with the worst state of its drops.
type cell struct {
	X     int
	Tone  string
	N     int
	At    time.Time
	Drop  int64 // the last one
	State bridge.DropState
}

const (
	quarterWidth = 8
	laneHeight   = 18
	ribbonDrops  = 5000
)

// worse orders tones for a cell.
var worse = map[string]int{"idle": 0, "good": 1, "busy": 2, "warn": 3, "hold": 4, "bad": 5}

func ribbonOf(ctx context.Context, desk *operate.Desk, day time.Time, feed string) (*ribbon, error) {
	drops, err := desk.Drops(ctx, bridge.DropFilter{Feed: feed, From: day, To: day.Add(24 * time.Hour), Last: ribbonDrops})
	if err != nil {
		return nil, err
	}
	b := &ribbon{Day: day, Before: day.Add(-24 * time.Hour).Format(time.DateOnly), After: day.Add(24 * time.Hour).Format(time.DateOnly),
		Width: 96 * quarterWidth, Cut: len(drops) == ribbonDrops}
	for h := 0; h <= 24; h += 3 {
		b.Hours = append(b.Hours, h)
	}
	for _, f := range desk.Feeds {
		if feed == "" || feed == f.Name {
			b.Lanes = append(b.Lanes, lane{Feed: f.Name, Y: len(b.Lanes) * laneHeight})
		}
	}
	b.Height = len(b.Lanes) * laneHeight
	for _, d := range drops {
		for i := range b.Lanes {
			if b.Lanes[i].Feed == d.Feed {
				b.Lanes[i].add(d, day)
			}
		}
	}
	return b, nil
}

func (l *lane) add(d operate.Drop, day time.Time) {
	x := int(d.Seen.Sub(day)/(15*time.Minute)) * quarterWidth
	tone := tones[string(d.State)]
	if n := len(l.Cells); n == 0 || l.Cells[n-1].X != x {
		l.Cells = append(l.Cells, cell{X: x, Tone: tone, At: *d.Seen, Drop: d.Drop, State: d.State, N: 1})
		return
	}
	last := &l.Cells[len(l.Cells)-1]
	last.N++
	if worse[tone] >= worse[last.Tone] {
		last.Tone, last.State, last.Drop = tone, d.State, d.Drop
	}
}
