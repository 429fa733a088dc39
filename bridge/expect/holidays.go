package expect

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/rickar/cal/v2"
	"github.com/rickar/cal/v2/at"
	"github.com/rickar/cal/v2/be"
	"github.com/rickar/cal/v2/ch"
	"github.com/rickar/cal/v2/cz"
	"github.com/rickar/cal/v2/de"
	"github.com/rickar/cal/v2/dk"
	"github.com/rickar/cal/v2/es"
	"github.com/rickar/cal/v2/fr"
	"github.com/rickar/cal/v2/gb"
	"github.com/rickar/cal/v2/it"
	"github.com/rickar/cal/v2/nl"
	"github.com/rickar/cal/v2/pl"
	"github.com/rickar/cal/v2/se"
	"github.com/rickar/cal/v2/us"
)

// Holidays are days on which nothing is expected. The zero value has none.
type Holidays struct {
	days  map[date]bool
	spans []span
	law   *cal.Calendar
}

// date is a day without a zone.
type date struct {
	year  int
	month time.Month
	day   int
}

// span are days from a first to one that is not among them any more, perhaps each year again.
type span struct {
	from, until time.Time // midnights, UTC
	yearly      bool
}

func dateOf(t time.Time) date { return date{t.Year(), t.Month(), t.Day()} }

// countries are the public holidays of countries, and of states of them.
var countries = map[string][]*cal.Holiday{
	"AT": at.Holidays, "BE": be.Holidays, "CH": ch.Holidays, "CZ": cz.Holidays, "DE": de.Holidays, "DK": dk.Holidays, "ES": es.Holidays,
	"FR": fr.Holidays, "GB": gb.Holidays, "IT": it.Holidays, "NL": nl.Holidays, "PL": pl.Holidays, "SE": se.Holidays, "US": us.Holidays,
	"DE-BB": de.HolidaysBB, "DE-BE": de.HolidaysBE, "DE-BW": de.HolidaysBW, "DE-BY": de.HolidaysBY, "DE-HB": de.HolidaysHB,
	"DE-HE": de.HolidaysHE, "DE-HH": de.HolidaysHH, "DE-MV": de.HolidaysMV, "DE-NI": de.HolidaysNI, "DE-NW": de.HolidaysNW,
	"DE-RP": de.HolidaysRP, "DE-SH": de.HolidaysSH, "DE-SL": de.HolidaysSL, "DE-SN": de.HolidaysSN, "DE-ST": de.HolidaysST,
	"DE-TH": de.HolidaysTH, "CH-BE": ch.HolidaysBE, "CH-BS": ch.HolidaysBS, "CH-GE": ch.HolidaysGE, "CH-SG": ch.HolidaysSG,
	"CH-ZH": ch.HolidaysZH,
}

// Countries lists the names that [Country] knows.
func Countries() []string { return slices.Sorted(maps.Keys(countries)) }

// Country are the public holidays of a country by its ISO code, or of a state of it: DE, DE-BW.
func Country(name string) (Holidays, bool) {
	days, ok := countries[strings.ToUpper(name)]
	if !ok {
		return Holidays{}, false
	}
	law := &cal.Calendar{Cacheable: false}
	law.AddHoliday(days...)
	return Holidays{law: law}, true
}

// Has says whether a day is a holiday.
func (h Holidays) Has(day time.Time) bool {
	if h.days[dateOf(day)] {
		return true
	}
	midnight := time.Date(day.Year(), day.Month(), day.Day(), 0, 0, 0, 0, time.UTC)
	for _, s := range h.spans {
		from, until := s.from, s.until
		if s.yearly && day.Year() >= from.Year() {
			years := day.Year() - from.Year()
			from, until = from.AddDate(years, 0, 0), until.AddDate(years, 0, 0)
		}
		if !midnight.Before(from) && midnight.Before(until) {
			return true
		}
	}
	if h.law == nil {
		return false
	}
	actual, observed, _ := h.law.IsHoliday(midnight)
	return actual || observed
}

// Limits of a calendar's file.
const (
	maxCalendar = 4 << 20
	maxEvents   = 20_000
)

// ReadCalendar reads the days of a calendar's file (RFC 5545): of each event the days from DTSTART to before DTEND, each year
// again with RRULE:FREQ=YEARLY; EXDATE, other rules and times of the day are none of its business, and another rule is an error.
func ReadCalendar(r io.Reader) (Holidays, error) {
	h := Holidays{days: map[date]bool{}}
	limited := &io.LimitedReader{R: r, N: maxCalendar + 1}
	lines, err := unfold(limited)
	if err != nil {
		return h, err
	}
	if limited.N == 0 {
		return h, fmt.Errorf("it has more than %d bytes", maxCalendar)
	}
	if len(lines) == 0 || !strings.EqualFold(lines[0], "BEGIN:VCALENDAR") {
		return h, errors.New("it does not begin with BEGIN:VCALENDAR: it is no calendar")
	}
	var at *span
	for i, line := range lines {
		name, value, _ := strings.Cut(line, ":")
		name, _, _ = strings.Cut(name, ";")
		switch strings.ToUpper(name) {
		case "BEGIN":
			if strings.EqualFold(value, "VEVENT") {
				at = &span{}
			}
		case "END":
			if !strings.EqualFold(value, "VEVENT") || at == nil {
				continue
			}
			if err := h.take(*at); err != nil {
				return h, fmt.Errorf("the event that ends on line %d: %w", i+1, err)
			}
			at = nil
		default:
			if at == nil {
				continue
			}
			if err := at.set(strings.ToUpper(name), value); err != nil {
				return h, fmt.Errorf("line %d: %w", i+1, err)
			}
		}
	}
	if len(h.days)+len(h.spans) == 0 {
		return h, errors.New("it has no event")
	}
	return h, nil
}

// unfold reads lines, those that go on in the next one (RFC 5545, section 3.1) as one.
func unfold(r io.Reader) ([]string, error) {
	var lines []string
	scanner := bufio.NewScanner(r)
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		line := strings.TrimSuffix(scanner.Text(), "\r")
		if n := len(lines); n > 0 && (strings.HasPrefix(line, " ") || strings.HasPrefix(line, "\t")) {
			lines[n-1] += line[1:]
			continue
		}
		if len(lines) == 0 {
			line = strings.TrimPrefix(line, "\ufeff")
		}
		lines = append(lines, line)
	}
	return lines, scanner.Err()
}

// set takes what a line of an event says.
func (s *span) set(name, value string) (err error) {
	switch name {
	case "DTSTART":
		s.from, err = day(value)
	case "DTEND":
		s.until, err = day(value)
	case "RRULE":
		if strings.ToUpper(value) != "FREQ=YEARLY" && strings.ToUpper(value) != "FREQ=YEARLY;INTERVAL=1" {
			return fmt.Errorf("the rule %q is not read: write the days out, or FREQ=YEARLY", value)
		}
		s.yearly = true
	}
	return err
}

// day reads 20261225, and the day of 20261225T000000Z.
func day(value string) (time.Time, error) {
	text, _, _ := strings.Cut(value, "T")
	t, err := time.Parse("20060102", text)
	if err != nil {
		return t, fmt.Errorf("%q is not a day: 20261225 is one", value)
	}
	return t, nil
}

// take enters an event.
func (h *Holidays) take(s span) error {
	if s.from.IsZero() {
		return errors.New("it has no DTSTART")
	}
	if !s.until.After(s.from) {
		s.until = s.from.AddDate(0, 0, 1)
	}
	if len(h.days)+len(h.spans) >= maxEvents {
		return fmt.Errorf("the calendar has more than %d events", maxEvents)
	}
	if s.yearly || s.until.Sub(s.from) > 24*time.Hour {
		h.spans = append(h.spans, s)
	} else {
		h.days[dateOf(s.from)] = true
	}
	return nil
}
