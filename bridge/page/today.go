package page

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/bridge/operate"
)

// today is how everything stands.
type today struct {
	*operate.Status
	At      time.Time
	Day     time.Time // the beginning of what is counted: midnight, UTC
	Feeds   []feedToday
	Exports []exportToday
	Ends    []end
	Loading []operate.Work
	Queue   int64               // rows that the shop was sent and has not judged
	Alerts  []alert             // the worst first
	watched []operate.LiveAlarm // alarms that nobody has taken note of, and that nothing else here tells
}

// feedToday is a feed with what its runs did today.
type feedToday struct {
	operate.FeedStatus
	Config *config.Feed
	Tone   string
	Did    bridge.Tally
	Late   bool // it comes later than it did of late
}

type exportToday struct {
	operate.ExportStatus
	Tone string
}

// end is a shop, a remote, another system that is told of events, or one of several bridges.
type end struct {
	Name, Kind, At string
	Tone           string
	Why            string // what is wrong with it
	Said           string // a message of how far it is; empty for none
	Args           []any
}

// alert is something that needs somebody, or that somebody did and should remember.
type alert struct {
	Tone string
	What string // a message
	Args []any
	Text string // from outside
	Hint string
	Href string
	Know string // path of the decision that somebody knows of it
}

// Tone is that of the whole page: of the worst news.
func (t *today) Tone() string {
	for _, tone := range []string{"bad", "warn", "hold"} {
		if slices.ContainsFunc(t.Alerts, func(a alert) bool { return a.Tone == tone }) {
			return tone
		}
	}
	return "good"
}

// Needs counts what needs somebody.
func (t *today) Needs() int { return len(t.Alerts) }

func (s *Server) showToday(c *call) (view, error) {
	t, err := s.todayFor(c)
	return view{Title: c.T("Today"), Live: true, Body: t}, err
}

// todayFor is how everything stands, made once for all who may see all of it and look at the same time.
func (s *Server) todayFor(c *call) (*today, error) {
	ctx := c.r.Context()
	if c.desk.Narrow() {
		return s.makeToday(ctx, c.desk)
	}
	return s.today.get(ctx, s.news.now(), newsEvery, func() (*today, error) { return s.makeToday(ctx, s.Desk) })
}

func (s *Server) makeToday(ctx context.Context, desk *operate.Desk) (*today, error) {
	now := desk.In.Clock.Now().UTC()
	t := &today{At: now, Day: now.Truncate(24 * time.Hour)}
	var err error
	if t.Status, err = desk.Status(ctx); err != nil {
		return nil, err
	}
	if err := t.findAlarms(ctx, &desk.View); err != nil {
		return nil, err
	}
	did, err := operate.Figures{View: &desk.View}.Tallies(ctx, t.Day)
	if err != nil {
		return nil, err
	}
	for i, f := range t.Status.Feeds {
		x := feedToday{FeedStatus: f, Config: desk.Feeds[i], Did: did[f.Feed], Late: f.Habit.Late(now)}
		x.Tone = t.toneOf(&x)
		t.Feeds = append(t.Feeds, x)
	}
	for _, x := range t.Status.Exports {
		t.Exports = append(t.Exports, exportToday{x, t.toneOfExport(x)})
	}
	t.findAlerts()
	t.Ends = s.ends(desk, t.Status)
	if t.Loading, err = operate.AtWork(ctx, &desk.View, pageRows); err != nil {
		return nil, err
	}
	for _, w := range t.Loading {
		t.Queue += w.Progress.Sent - w.Progress.Judged
	}
	return t, nil
}

// findAlarms finds the alarms that nobody has taken note of, and that nothing else here tells.
func (t *today) findAlarms(ctx context.Context, k *operate.View) error {
	alarms, err := operate.Alarms(ctx, k, bridge.AlarmFilter{Open: true, Raised: true})
	for _, a := range alarms {
		if a.Acknowledged != nil || !a.Alarm.Watched() {
			continue
		}
		switch a.Alarm {
		case bridge.AlarmHeld, bridge.AlarmPartial, bridge.AlarmPaused: // what is held, rejected or paused stands there itself
		default:
			t.watched = append(t.watched, a)
		}
	}
	return err
}

// troubled says why a piece of work waits for trouble to pass, and whether somebody has stopped it.
func (t *today) troubled(work string) (why string, halted bool) {
	halted = slices.ContainsFunc(t.Pauses, func(p operate.Pause) bool { return p.Work == work })
	return t.Paused[work], halted
}

func (t *today) toneOf(f *feedToday) string {
	why, halted := t.troubled("feed " + f.Feed)
	alarmed := slices.ContainsFunc(slices.Collect(maps.Keys(t.Alarms)), func(a string) bool { return strings.HasPrefix(a, f.Feed+" ") })
	switch {
	case alarmed, why != "", slices.ContainsFunc(t.watched, func(a operate.LiveAlarm) bool {
		return toneOf(a, t.At) == "bad" && slices.Contains(a.Of, "feed "+f.Feed)
	}):
		return "bad"
	case halted, f.Held > 0:
		return "hold"
	case f.State == bridge.Rejected:
		return "bad"
	case f.Rejects > 0, len(f.Blocked) > 0, t.Leftovers[f.Feed] != "":
		return "warn"
	case f.Waiting > 0, f.Parked > 0:
		return "busy"
	case f.Last == "":
		return "idle"
	}
	return "good"
}

func (t *today) toneOfExport(x operate.ExportStatus) string {
	why, halted := t.troubled("export " + x.Export)
	switch {
	case x.Stuck+x.Conflict+x.Alarmed > 0, why != "":
		return "bad"
	case halted:
		return "hold"
	case x.Owed+x.Written > 0:
		return "busy"
	case x.Total == 0:
		return "idle"
	}
	return "good"
}

// severity is the order of alerts.
var severity = []string{"bad", "warn", "hold"}

// findAlerts lists what needs somebody, alarms first.
func (t *today) findAlerts() {
	add := func(a alert) { t.Alerts = append(t.Alerts, a) }
	for _, name := range sorted(t.Alarms) {
		of, kind := alarmOf(name)
		add(alert{Tone: "bad", What: "Alarm: %s", Args: []any{kind}, Text: of + ": " + t.Alarms[name], Hint: kind.Hint(), Href: t.placeOf(of)})
	}
	for _, a := range t.watched {
		what := alert{Tone: toneOf(a, t.At), What: "Alarm: %s", Args: []any{a.Alarm}, Text: strings.Join(a.Of, ", ") + ": " + a.Text,
			Hint: a.Hint, Href: placeOf(a), Know: fmt.Sprintf("/alarms/%d/ack", a.Number)}
		if a.Snoozed != nil && what.Tone == "hold" {
			what.Text, what.Know = what.Text+"; "+a.Who+": "+a.Why, ""
		}
		add(what)
	}
	if !t.Running {
		add(alert{Tone: "bad", What: "No bridge is running", Hint: "start `orobridge run`"})
	}
	for _, work := range sorted(t.Paused) {
		add(alert{Tone: "bad", What: "Waits for trouble to pass: %s", Args: []any{work}, Text: t.Paused[work], Href: "/feeds"})
	}
	for _, f := range t.Feeds {
		if f.Held > 0 {
			add(alert{Tone: "hold", What: "%d drops are held", Args: []any{f.Held}, Text: f.Feed, Href: "/drops?state=held&feed=" + f.Feed})
		}
		if f.Rejects > 0 {
			add(alert{Tone: "warn", What: "%d rejects are open", Args: []any{f.Rejects}, Text: f.Feed, Href: "/rejects?feed=" + f.Feed})
		}
	}
	for _, x := range t.Exports {
		if x.Stuck+x.Conflict > 0 {
			add(alert{Tone: "bad", What: "%d orders", Args: []any{x.Stuck + x.Conflict}, Text: fmt.Sprintf("%s: %d stuck, %d in conflict",
				x.Export, x.Stuck, x.Conflict), Href: "/orders?alarms=1&export=" + x.Export})
		}
	}
	for _, feed := range sorted(t.Leftovers) {
		add(alert{Tone: "warn", What: "Files of a lost ledger: %s", Args: []any{feed}, Text: t.Leftovers[feed], Href: "/feeds/" + feed})
	}
	for _, p := range t.Pauses {
		text := p.Who
		if p.Why != "" {
			text += ": " + p.Why
		}
		href := "/feeds"
		if kind, name, ok := strings.Cut(p.Work, " "); ok {
			href = "/" + kind + "s/" + name
		}
		add(alert{Tone: "hold", What: "Paused by somebody: %s", Args: []any{p.Work}, Text: text, Href: href})
	}
	slices.SortStableFunc(t.Alerts, func(a, b alert) int {
		return cmp.Compare(slices.Index(severity, a.Tone), slices.Index(severity, b.Tone))
	})
}

// placeOf is where to look for what an alarm is about.
func (t *today) placeOf(of string) string {
	if _, shop := bridge.ShopOf(of); shop {
		return "/feeds"
	}
	feed := strings.TrimPrefix(of, "feed ")
	for _, f := range t.Feeds {
		if f.Feed == feed {
			return "/drops?feed=" + feed
		}
	}
	return "/orders?alarms=1"
}

// alarmOf takes the name apart by which a note tells of an alarm: "orders overdue", "feed prices out of order".
func alarmOf(name string) (of string, kind bridge.Alarm) {
	for _, a := range bridge.Alarms() {
		if of, is := strings.CutSuffix(name, " "+string(a)); is {
			return of, a
		}
	}
	return name, ""
}

// ends tells how the shops, the remotes and the subscribers are, by the trouble of those who need them, and which bridges share the work.
func (s *Server) ends(desk *operate.Desk, v *operate.Status) []end {
	var all []end
	for _, shop := range s.Config.Shops() {
		if work := bridge.OfShop(bridge.ShopWork, shop.Name); desk.Shows(shop.Name) {
			all = append(all, end{Name: work, Kind: "OroCommerce", At: shop.URL, Tone: "good", Why: v.Paused[work]})
		}
	}
	for _, name := range sorted(s.Config.Remotes) {
		e := end{Name: name, Kind: s.Config.Remotes[name].Kind, Tone: "good"}
		for _, f := range desk.Feeds {
			if f.Remote == name {
				e.Why = cmp.Or(e.Why, v.Paused["feed "+f.Name])
			}
		}
		for _, x := range desk.Exports {
			if x.Remote == name {
				e.Why = cmp.Or(e.Why, v.Paused["export "+x.Name])
			}
		}
		all = append(all, e)
	}
	for _, x := range v.Subscribers {
		e := end{Name: bridge.SubscriberWork(x.Name), Kind: "events", Tone: "good", Said: "Told up to event %d", Args: []any{x.Told}}
		if x.Tries > 0 {
			e.Why = fmt.Sprintf("%d tries failed since %s: %s", x.Tries, x.Since.Format(time.RFC3339), x.Trouble)
		}
		if x.GivenUp > 0 {
			e.Why = strings.TrimPrefix(fmt.Sprintf("%s; %d events were given up", e.Why, x.GivenUp), "; ")
		}
		all = append(all, e)
	}
	for _, b := range v.Bridges {
		does := cmp.Or(strings.Join(b.Doing, ", "), "–")
		e := end{Name: "bridge " + b.Bridge, Kind: b.Version, Tone: "good", Said: "Does: %s", Args: []any{does}}
		if b.Drained {
			e.Tone, e.Said = "hold", "Hands its work over and takes none. Does: %s"
		}
		if b.Differs {
			e.Why = "its config has other shops or exports than that of the bridge which came last"
		}
		all = append(all, e)
	}
	if jobs := v.JobsSaid(); jobs != "" {
		all = append(all, end{Name: "River", Kind: "PostgreSQL", Tone: "good", Said: "Jobs: %s", Args: []any{jobs}})
	}
	for i := range all {
		if all[i].Why != "" {
			all[i].Tone = "bad"
		}
	}
	return all
}

// sorted are the names in a map.
func sorted[T any](m map[string]T) []string { return slices.Sorted(maps.Keys(m)) }

// fate is one part of the bar that shows what became of rows.
type fate struct {
	Class string
	N     int64
	X, W  float64 // of 100
}

// barOf cuts a bar by what became of rows; what is there is seen, however little it is.
func barOf(counts bridge.Counts) []fate {
	parts := []fate{{Class: "created", N: counts.Created}, {Class: "updated", N: counts.Updated},
		{Class: "unchanged", N: counts.Unchanged + counts.Collapsed},
		{Class: "removed", N: counts.Removed}, {Class: "parked", N: counts.Parked}, {Class: "rejected", N: counts.Rejected}}
	const least = 1.5
	var total, x float64
	for _, p := range parts {
		total += float64(p.N)
	}
	parts = slices.DeleteFunc(parts, func(p fate) bool { return p.N == 0 })
	free := 100 - least*float64(len(parts))
	for i := range parts {
		parts[i].X, parts[i].W = x, least+free*float64(parts[i].N)/total
		x += parts[i].W
	}
	return parts
}
