package config

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/expect"
	"github.com/orobridge/orobridge/formats"
)

// Route is a way to people: what they are told of, and when.
type Route struct {
	Name       string          `yaml:"name" jsonschema:"required" doc:"small letters, digits, - and _; it stands in the ledger, so keep it"`
	URL        bridge.Secret   `yaml:"url" doc:"where messages go: an address of shoutrrr (smtp://…, slack://…, teams://…, telegram://…, ntfy://…), or generic+https://… for JSON"`
	Command    []string        `yaml:"command" doc:"or a program with its arguments, without a shell, which gets the message as JSON on its standard input"`
	Severity   bridge.Severity `yaml:"severity" jsonschema:"enum=info,enum=warning,enum=error" doc:"tells of alarms that are at least so bad; warning, or, for a route that others escalate to, only of what is escalated"`
	Shops      []string        `yaml:"shops" doc:"only of alarms of these shops; all by default"`
	Feeds      []string        `yaml:"feeds" doc:"only of alarms of these feeds and exports; all by default, and those of the shop and the bridge"`
	Kinds      []string        `yaml:"kinds" doc:"only of these alarms: held, rejected, missing, overdue, …; all by default"`
	Hours      Hours           `yaml:"hours" doc:"when messages are sent: mon-fri 07:00-18:00; always by default. What begins at another time is told when they begin, if it lasts"`
	Zone       string          `yaml:"zone" jsonschema:"default=UTC" doc:"time zone of hours and digest, and of the times in messages: Europe/Berlin"`
	EscalateTo string          `yaml:"escalate_to" doc:"name of the route that is told as well when nobody has acknowledged an alarm after so long"`
	After      bridge.Duration `yaml:"after" jsonschema:"default=30m" doc:"how long escalate_to waits"`
	Digest     *expect.Time    `yaml:"digest" doc:"time of the day of a digest, with all alarms of a day and what was loaded: '07:30'; none by default"`
	Language   string          `yaml:"language" jsonschema:"default=en,enum=en,enum=de" doc:"of the messages"`

	Location *time.Location `yaml:"-"` // Zone
	// Escalated says that another route escalates to this one, and that it is told of nothing else.
	Escalated bool `yaml:"-"`
}

// Alarms are the limits beyond which something is an alarm.
type Alarms struct {
	Partial Limit           `yaml:"partial" jsonschema:"default=0" doc:"rejected rows of a drop that are none yet: a number, or a share such as 1%"`
	Paused  bridge.Duration `yaml:"paused" jsonschema:"default=10m" doc:"how long trouble with an end, or a drop that waits for another one, is none yet"`
	Queue   bridge.Duration `yaml:"queue" jsonschema:"default=10m" doc:"how much longer than usual the shop may take for a batch"`
	Expires bridge.Duration `yaml:"expires" jsonschema:"default=21d" doc:"how long before its end a certificate or a key is one"`
	Clock   bridge.Duration `yaml:"clock" jsonschema:"default=2m" doc:"how far the shop's clock may be from this machine's"`
	Disk    bridge.Size     `yaml:"disk" jsonschema:"default=1GB" doc:"how much room the disk of state.dir has to have"`

	Heartbeat Heartbeat  `yaml:"heartbeat" doc:"a sign of life for those who tell people when it does not come any more"`
	Watch     []*Watched `yaml:"watch" doc:"other bridges that this one looks after"`
}

// Heartbeat is an address that is asked while the bridge is at work.
type Heartbeat struct {
	URL   bridge.Secret   `yaml:"url" doc:"asked by GET while the bridge is at work, or, with run --once, after each good round: a check of healthchecks.io, Uptime Kuma or the like"`
	Every bridge.Duration `yaml:"every" jsonschema:"default=1m" doc:"how often"`
}

// Watched is another bridge that this one looks after.
type Watched struct {
	Name  string          `yaml:"name" jsonschema:"required" doc:"small letters, digits, - and _"`
	URL   bridge.Secret   `yaml:"url" doc:"its sign of life: https://other.example.com/livez"`
	Every bridge.Duration `yaml:"every" jsonschema:"default=1m" doc:"how often it is asked"`
	After bridge.Duration `yaml:"after" jsonschema:"default=5m" doc:"how long it may not answer before that is an alarm"`
}

// Expect says when a drop has to come: by a time of some days, or at least every so often.
type Expect struct {
	By     expect.Time     `yaml:"by" doc:"time of the day by which a drop has to be there: '06:30'"`
	Days   expect.Days     `yaml:"days" doc:"on which days: mon-fri, sat,sun, 1,15, last or last-workday (of the month); every day by default"`
	Zone   string          `yaml:"zone" jsonschema:"default=UTC" doc:"time zone of by and days: Europe/Berlin"`
	Except string          `yaml:"except" doc:"days on which none is expected: a calendar's file (holidays.ics), or the public holidays of a country or a state of it (DE, DE-BW)"`
	Grace  bridge.Duration `yaml:"grace" doc:"how much later it may be before it is an alarm"`
	Every  bridge.Duration `yaml:"every" doc:"instead of by and days: at least once in this time, such as 24h"`

	Rule *expect.Rule `yaml:"-"`
}

// String tells what is expected, so that one that has changed is known to be another one.
func (e *Expect) String() string {
	if e.Every > 0 {
		return "every " + e.Every.String()
	}
	return strings.TrimSpace(fmt.Sprintf("by %s %s %s", e.By, e.Days, e.Zone))
}

// Hours are a part of some days. The zero value is always.
type Hours struct {
	text     string
	days     expect.Days
	from, to expect.Time
}

// String writes them as they were read.
func (h Hours) String() string { return h.text }

// MarshalText is String.
func (h Hours) MarshalText() ([]byte, error) { return []byte(h.text), nil }

// UnmarshalText reads mon-fri 07:00-18:00, or 22:00-06:00 for every day; hours that end before they begin end on the next day.
func (h *Hours) UnmarshalText(text []byte) error {
	bad := fmt.Errorf("%q are no hours: write mon-fri 07:00-18:00", text)
	words := strings.Fields(string(text))
	hours := Hours{text: string(text)}
	if len(words) == 2 {
		if hours.days.UnmarshalText([]byte(words[0])) != nil {
			return bad
		}
		words = words[1:]
	}
	if len(words) != 1 {
		return bad
	}
	from, to, ok := strings.Cut(words[0], "-")
	if !ok || hours.from.UnmarshalText([]byte(from)) != nil || hours.to.UnmarshalText([]byte(to)) != nil || hours.from == hours.to {
		return bad
	}
	*h = hours
	return nil
}

// on are the hours that begin on a day, which is a midnight in UTC.
func (h Hours) on(day time.Time, zone *time.Location) (from, to time.Time, ok bool) {
	from, to = h.from.On(day, zone), h.to.On(day, zone)
	if !to.After(from) {
		to = h.to.On(day.AddDate(0, 0, 1), zone)
	}
	return from, to, h.days.Has(day)
}

// Next is the first time from now on that is within the hours: now itself, if it is.
func (h Hours) Next(now time.Time, zone *time.Location) time.Time {
	if h.text == "" {
		return now
	}
	today := now.In(zone)
	for i := -1; i <= 62; i++ {
		from, to, ok := h.on(time.Date(today.Year(), today.Month(), today.Day()+i, 0, 0, 0, 0, time.UTC), zone)
		if ok && now.Before(to) {
			if from.After(now) {
				return from
			}
			return now
		}
	}
	return now // no such day: better told than not
}

// Page is the address of the page for people, for links; empty when it is not known.
func (c *Config) Page() string {
	if c.Admin == nil {
		return ""
	}
	return c.Admin.URL
}

// Route finds the route of a name; nil for none.
func (c *Config) Route(name string) *Route {
	i := slices.IndexFunc(c.Notify, func(r *Route) bool { return r.Name == name })
	if i < 0 {
		return nil
	}
	return c.Notify[i]
}

// An alarmChecker looks at what a config says of alarms: what feeds expect, and who is told.
type alarmChecker struct{ checker }

func (k alarmChecker) notify() {
	seen := map[string]bool{}
	for i, r := range k.c.Notify {
		key := k.element("notify", i, r.Name)
		if r.Name != "" && !validName(r.Name) {
			k.problem(join(key, "name"), nameHint, "%q is not a name", r.Name)
		}
		k.unique(seen, key, r.Name)
		k.address(key, r)
		r.Location = k.zone(join(key, "zone"), r.Zone)
		k.chosen(key, r)
		if r.EscalateTo == "" {
			continue
		}
		if to := k.c.Route(r.EscalateTo); to == nil || to == r {
			k.problem(join(key, "escalate_to"), "name another route of notify", "there is no other route %q", r.EscalateTo)
		} else {
			to.Escalated = to.Severity == "" && len(to.Feeds)+len(to.Kinds)+len(to.Shops) == 0
		}
		k.positive(join(key, "after"), r.After)
	}
	for _, r := range k.c.Notify {
		if r.Severity == "" {
			r.Severity = bridge.SeverityWarning
		}
	}
	k.subscribers(seen)
	k.life()
	k.positive("alarms.paused", k.c.Alarms.Paused)
	k.positive("alarms.queue", k.c.Alarms.Queue)
	k.positive("alarms.clock", k.c.Alarms.Clock)
}

// address checks where the messages of a route go.
func (k alarmChecker) address(key string, r *Route) {
	given := k.anyForm(key, "url")
	switch {
	case given == (len(r.Command) > 0):
		k.problem(key, "write url_env: OPS_URL, or command: [/usr/local/bin/page]", "needs url or command, and not both")
	case given && !k.blind && k.kinds.Address != nil && r.URL != "":
		if err := k.kinds.Address(r.URL.Reveal()); err != nil {
			k.problem(key, "see `orobridge help alarms`", "url is no address that messages can be sent to: %v", err)
		}
	}
}

// chosen checks what a route is told of.
func (k alarmChecker) chosen(key string, r *Route) {
	alarms := []string{}
	for _, a := range bridge.Alarms() {
		alarms = append(alarms, string(a))
	}
	k.known(join(key, "feeds"), "feed or export", r.Feeds, k.streamNames())
	k.known(join(key, "kinds"), "alarm", r.Kinds, alarms)
	k.known(join(key, "shops"), "shop", r.Shops, k.c.ShopNames())
}

// known checks that names are among those that there are.
func (k alarmChecker) known(key, what string, names, all []string) {
	for _, name := range names {
		if !slices.Contains(all, name) {
			k.problem(key, formats.DidYouMean(name, all), "there is no %s %q", what, name)
		}
	}
}

// streamNames are the names of all feeds and exports.
func (k alarmChecker) streamNames() []string {
	names := []string{}
	for _, f := range k.c.Feeds {
		names = append(names, f.Name)
	}
	for _, x := range k.c.Exports {
		names = append(names, x.Name)
	}
	return names
}

// zone finds a time zone; UTC for one that there isn't.
func (k alarmChecker) zone(key, name string) *time.Location {
	zone, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		k.problem(key, "write UTC, or a name such as Europe/Berlin", "there is no time zone %q", name)
		return time.UTC
	}
	return zone
}

// expected makes the rule of what a feed expects.
func (k alarmChecker) expected(key string, e *Expect) {
	by := k.given(join(key, "by"))
	if by == k.given(join(key, "every")) {
		k.problem(key, "write expect: { by: '06:30', days: mon-fri, zone: Europe/Berlin }, or expect: { every: 24h }",
			"needs by or every, and not both")
	}
	if !by && (k.given(join(key, "days")) || e.Except != "") {
		k.problem(key, "write by: '06:30'", "days and except have a meaning with by only")
	}
	if k.given(join(key, "every")) {
		k.positive(join(key, "every"), e.Every)
	}
	e.Rule = &expect.Rule{By: e.By, Days: e.Days, Zone: k.zone(join(key, "zone"), e.Zone), Grace: e.Grace.D(), Every: e.Every.D()}
	if e.Except == "" {
		return
	}
	var known bool
	if e.Rule.Not, known = expect.Country(e.Except); known {
		return
	}
	if !strings.HasSuffix(strings.ToLower(e.Except), ".ics") {
		k.problem(join(key, "except"), "write a calendar's file such as holidays.ics, or one of "+strings.Join(expect.Countries(), ", "),
			"%q is neither a calendar's file nor a country whose holidays are known", e.Except)
		return
	}
	file, err := k.c.opener(e.Except)
	if err != nil {
		k.problem(join(key, "except"), "relative paths are relative to the config's folder", "read %s: %v", e.Except, reason(err))
		return
	}
	defer file.Close()
	if e.Rule.Not, err = expect.ReadCalendar(file); err != nil {
		k.problem(join(key, "except"), "save it as iCalendar (.ics)", "read %s: %v", e.Except, err)
	}
}

// adminURL checks the address of the page that messages link to.
func (k alarmChecker) adminURL() {
	page := k.c.Page()
	if page == "" {
		return
	}
	u, err := url.Parse(page)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		k.problem("admin.url", "write https://bridge.example.com", "%q is not the address of a page", page)
	}
}
