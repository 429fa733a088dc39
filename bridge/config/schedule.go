package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Schedule is a time of some days of the week. The zero value is never.
type Schedule struct {
	text  string
	days  [7]bool // from Sunday
	clock time.Duration
	zone  *time.Location
}

var weekdays = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

var errSchedule = errors.New("write days, a time, and a zone if it is not UTC: sun 03:00, mon-fri 02:30, daily 03:00 Europe/Berlin")

// String writes it as it was read.
func (s Schedule) String() string { return s.text }

// MarshalText is String.
func (s Schedule) MarshalText() ([]byte, error) { return []byte(s.text), nil }

// IsZero says that it is never.
func (s Schedule) IsZero() bool { return s.text == "" }

// UnmarshalText reads days (sun, mon-fri, mon,thu, daily), a time of the day, and a zone.
func (s *Schedule) UnmarshalText(text []byte) error {
	words := strings.Fields(string(text))
	if len(words) < 2 || len(words) > 3 {
		return fmt.Errorf("%q is no schedule: %w", text, errSchedule)
	}
	is := Schedule{text: string(text), zone: time.UTC}
	for _, part := range strings.Split(words[0], ",") {
		if !is.add(part) {
			return fmt.Errorf("%q names no days of the week: %w", words[0], errSchedule)
		}
	}
	at, err := time.Parse("15:04", words[1])
	if err != nil {
		return fmt.Errorf("%q is no time of the day: %w", words[1], errSchedule)
	}
	is.clock = time.Duration(at.Hour())*time.Hour + time.Duration(at.Minute())*time.Minute
	if len(words) == 3 {
		if is.zone, err = time.LoadLocation(words[2]); err != nil || words[2] == "Local" {
			return fmt.Errorf("there is no time zone %q: %w", words[2], errSchedule)
		}
	}
	*s = is
	return nil
}

// add takes in a day, or some from one to another.
func (s *Schedule) add(part string) bool {
	if part == "daily" {
		part = "sun-sat"
	}
	from, to, some := strings.Cut(part, "-")
	if !some {
		to = from
	}
	first, last := slices.Index(weekdays, from), slices.Index(weekdays, to)
	if first < 0 || last < 0 {
		return false
	}
	for i := first; ; i = (i + 1) % 7 {
		if s.days[i] = true; i == last {
			return true
		}
	}
}

// Next is the first time after another one. A time of the day that a change of the clock leaves out is as much later; one that
// comes twice is one of the two.
func (s Schedule) Next(after time.Time) time.Time {
	local := after.In(s.zone)
	for i := 0; ; i++ {
		next := time.Date(local.Year(), local.Month(), local.Day()+i, 0, int(s.clock/time.Minute), 0, 0, s.zone)
		if s.days[time.Date(local.Year(), local.Month(), local.Day()+i, 12, 0, 0, 0, time.UTC).Weekday()] && next.After(after) {
			return next
		}
	}
}
