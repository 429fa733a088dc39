// Package expect says when something that has to come regularly has not come: a file by half past six on working days, or one
// every 24 hours. It knows days of the week, time zones, holidays and the ends of months, and no clock: whoever asks says what
// time it is.
//
//   - expect.go: rules, and what they say of arrivals
//   - holidays.go: the days on which nothing is expected
//
// What comes late counts for the deadline that it missed until half of the time to the next one has gone, and for the next one
// from then on. A deadline on a day whose clock jumps is where the zone's clock shows its time: one that the day does not have
// (02:30 in the night in which clocks go forward) is as much later as they jump, one that it has twice is the first of both.
package expect

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A Rule says when something has to come: by a time of some days, or at least every so often.
type Rule struct {
	By    Time           // used unless Every is given
	Days  Days           // on which it is expected
	Zone  *time.Location // of By and Days
	Not   Holidays       // days on which nothing is expected all the same
	Grace time.Duration  // how much later it may be
	Every time.Duration
}

// Overdue is what did not come.
type Overdue struct {
	Since time.Time // when it had to be there, without grace
	Last  time.Time // when something came last; zero for never
}

// looked is how many deadlines are looked back at, to know which of them was missed.
const looked = 8

// longest is how many days back and ahead deadlines are looked for: a day of the month is met within them, twice.
const longest = 70

// Judge says what is overdue now, given when things arrived, oldest first; nil when all that was expected has come. Nothing was
// expected before since, the time when the rule was first known. Arrivals need not reach back further than [Rule.Reach].
func (r *Rule) Judge(now, since time.Time, arrivals []time.Time) *Overdue {
	var last time.Time
	if n := len(arrivals); n > 0 {
		last = arrivals[n-1]
	}
	if r.Every > 0 {
		due := later(last, since).Add(r.Every)
		if !now.After(due.Add(r.Grace)) {
			return nil
		}
		return &Overdue{due, last}
	}
	over := r.over(now)
	if len(over) == 0 || over[len(over)-1].Before(since) {
		return nil
	}
	from := over[0].AddDate(0, 0, -1)
	for i, due := range over[:len(over)-1] {
		if anyIn(arrivals, from, due.Add(r.Grace)) {
			from = due.Add(r.Grace)
		} else { // what comes now is late for it, for half of the time
			from = due.Add(over[i+1].Sub(due) / 2)
		}
	}
	if anyIn(arrivals, from, now) {
		return nil
	}
	return &Overdue{over[len(over)-1], last}
}

// over lists the last deadlines that are over, grace included.
func (r *Rule) over(now time.Time) []time.Time {
	all := r.deadlines(now)
	n := 0
	for n < len(all) && now.After(all[n].Add(r.Grace)) {
		n++
	}
	return all[max(0, n-looked):n]
}

// Next is the next time by which something has to come, grace included; zero when none is known.
func (r *Rule) Next(now, last time.Time) time.Time {
	if r.Every > 0 {
		return later(last, now.Add(-r.Every)).Add(r.Every + r.Grace)
	}
	for _, d := range r.deadlines(now) {
		if d.Add(r.Grace).After(now) {
			return d.Add(r.Grace)
		}
	}
	return time.Time{}
}

// Reach is the time back to which arrivals count.
func (r *Rule) Reach(now time.Time) time.Time {
	if over := r.over(now); r.Every == 0 && len(over) > 0 {
		return over[0].AddDate(0, 0, -1)
	}
	return now.Add(-r.Every - r.Grace)
}

// deadlines lists those around a time, oldest first: all of the days before it that are looked at, and of the same number of days
// after it.
func (r *Rule) deadlines(now time.Time) []time.Time {
	today := now.In(r.Zone)
	var all []time.Time
	for i := -longest; i <= longest; i++ {
		day := time.Date(today.Year(), today.Month(), today.Day()+i, 0, 0, 0, 0, time.UTC)
		if r.Days.Has(day) && !r.Not.Has(day) {
			all = append(all, r.By.On(day, r.Zone))
		}
	}
	return all
}

func anyIn(arrivals []time.Time, from, until time.Time) bool {
	for _, a := range arrivals {
		if a.After(from) && !a.After(until) {
			return true
		}
	}
	return false
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// Time is a time of the day: 06:30.
type Time struct{ Hour, Minute int }

// String writes it as it is read.
func (t Time) String() string { return fmt.Sprintf("%02d:%02d", t.Hour, t.Minute) }

// MarshalText is String.
func (t Time) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText reads hours and minutes, from 00:00 to 24:00, which is the next day's beginning.
func (t *Time) UnmarshalText(text []byte) error {
	hour, minute, ok := strings.Cut(string(text), ":")
	h, herr := strconv.Atoi(hour)
	m, merr := strconv.Atoi(minute)
	if !ok || herr != nil || merr != nil || len(minute) != 2 || h < 0 || m < 0 || m > 59 || h > 24 || h == 24 && m > 0 {
		return fmt.Errorf("%q is not a time of the day: write '06:30'", text)
	}
	*t = Time{h, m}
	return nil
}

// On is the time on a day, in a zone.
func (t Time) On(day time.Time, zone *time.Location) time.Time {
	return time.Date(day.Year(), day.Month(), day.Day(), t.Hour, t.Minute, 0, 0, zone)
}

// Days are days of the week or of the month: mon-fri, sat,sun, daily, 1, last, last-workday. The zero value is every day.
type Days struct {
	text  string
	week  [7]bool
	month map[int]bool // days from 1; lastDay and lastWorkday for the ends
}

const (
	lastDay     = -1
	lastWorkday = -2
)

var weekdays = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// String writes them as they were read.
func (d Days) String() string { return d.text }

// MarshalText is String.
func (d Days) MarshalText() ([]byte, error) { return []byte(d.text), nil }

// UnmarshalText reads days and spans of them, with commas between: mon-fri, sat,sun, 1,15, last.
func (d *Days) UnmarshalText(text []byte) error {
	days := Days{text: string(text), month: map[int]bool{}}
	for _, part := range strings.Split(strings.ToLower(string(text)), ",") {
		if !days.add(strings.TrimSpace(part)) {
			return fmt.Errorf("%q is not a list of days: write mon-fri, sat,sun, 1,15, last or last-workday", text)
		}
	}
	*d = days
	return nil
}

func (d *Days) add(part string) bool {
	switch part {
	case "daily":
		part = "sun-sat"
	case "last":
		d.month[lastDay] = true
		return true
	case "last-workday":
		d.month[lastWorkday] = true
		return true
	}
	if n, err := strconv.Atoi(part); err == nil {
		d.month[n] = true
		return n >= 1 && n <= 31
	}
	from, to, span := strings.Cut(part, "-")
	first, last := weekday(from), weekday(to)
	if !span {
		last = first
	}
	if first < 0 || last < 0 {
		return false
	}
	for i := first; ; i = (i + 1) % 7 {
		d.week[i] = true
		if i == last {
			return true
		}
	}
}

func weekday(name string) int {
	for i, w := range weekdays {
		if w == name {
			return i
		}
	}
	return -1
}

// Has says whether a day is one of them.
func (d Days) Has(day time.Time) bool {
	if d.text == "" || d.week[day.Weekday()] || d.month[day.Day()] {
		return true
	}
	end := time.Date(day.Year(), day.Month()+1, 0, 0, 0, 0, 0, time.UTC)
	if d.month[lastDay] && day.Day() == end.Day() {
		return true
	}
	for end.Weekday() == time.Saturday || end.Weekday() == time.Sunday {
		end = end.AddDate(0, 0, -1)
	}
	return d.month[lastWorkday] && day.Day() == end.Day()
}
