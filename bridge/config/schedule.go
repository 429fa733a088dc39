package config

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/orobridge/orobridge/bridge/expect"
)

// Schedule is a time of some days. The zero value is never.
type Schedule struct {
	text string
	days expect.Days
	at   expect.Time
	zone *time.Location
}

var errSchedule = errors.New("write days, a time, and a zone if it is not UTC: sun 03:00, mon-fri 02:30, daily 03:00 Europe/Berlin")

// String writes it as it was read.
func (s Schedule) String() string { return s.text }

// MarshalText is String.
func (s Schedule) MarshalText() ([]byte, error) { return []byte(s.text), nil }

// IsZero says that it is never.
func (s Schedule) IsZero() bool { return s.text == "" }

// UnmarshalText reads days as [expect.Days] does (sun, mon-fri, daily, last), a time of the day, and a zone.
func (s *Schedule) UnmarshalText(text []byte) error {
	words := strings.Fields(string(text))
	if len(words) < 2 || len(words) > 3 {
		return fmt.Errorf("%q is no schedule: %w", text, errSchedule)
	}
	is := Schedule{text: string(text), zone: time.UTC}
	if is.days.UnmarshalText([]byte(words[0])) != nil {
		return fmt.Errorf("%q names no days: %w", words[0], errSchedule)
	}
	if is.at.UnmarshalText([]byte(words[1])) != nil {
		return fmt.Errorf("%q is no time of the day: %w", words[1], errSchedule)
	}
	if len(words) == 3 {
		var err error
		if is.zone, err = time.LoadLocation(words[2]); err != nil || words[2] == "Local" {
			return fmt.Errorf("there is no time zone %q: %w", words[2], errSchedule)
		}
	}
	*s = is
	return nil
}

// farthest is how many days ahead one of a schedule's is looked for: a day of the month may be missing in one.
const farthest = 70

// Next is the first time after another one. A time of the day that a change of the clock leaves out is
// as much later; one that comes twice is one of the two.
func (s Schedule) Next(after time.Time) time.Time {
	local := after.In(s.zone)
	for i := -1; i <= farthest; i++ { // the end of a day, 24:00, is after it
		day := time.Date(local.Year(), local.Month(), local.Day()+i, 0, 0, 0, 0, time.UTC)
		if next := s.at.On(day, s.zone); s.days.Has(day) && next.After(after) {
			return next
		}
	}
	return time.Time{}
}
