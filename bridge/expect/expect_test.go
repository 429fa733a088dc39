package expect_test

import (
	"strings"
	"testing"
	"time"

	"github.com/orobridge/orobridge/bridge/expect"
)

// rule makes a rule of its words.
func rule(t *testing.T, by, days, zone, holidays string) *expect.Rule {
	t.Helper()
	r := &expect.Rule{Grace: 10 * time.Minute}
	for _, err := range []error{r.By.UnmarshalText([]byte(by)), r.Days.UnmarshalText([]byte(days))} {
		if err != nil {
			t.Fatal(err)
		}
	}
	var err error
	if r.Zone, err = time.LoadLocation(zone); err != nil {
		t.Fatal(err)
	}
	if holidays != "" {
		var ok bool
		if r.Not, ok = expect.Country(holidays); !ok {
			t.Fatalf("no holidays of %s", holidays)
		}
	}
	return r
}

func TestADropIsOverdueFromItsDeadlineUntilItComes(t *testing.T) {
	const weekdays = "mon-fri"
	at := func(zone, text string) time.Time {
		z, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		x, err := time.ParseInLocation("2006-01-02 15:04", text, z)
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	const berlin = "Europe/Berlin"
	for _, x := range []struct {
		name     string
		rule     *expect.Rule
		since    string // Berlin, as all times here
		arrivals string // with commas between
		now      string
		want     string // the deadline that was missed; "" for none
	}{
		{"before its deadline", rule(t, "06:30", weekdays, berlin, ""), "2026-11-01 00:00", "", "2026-11-02 06:30", ""},
		{"within its grace", rule(t, "06:30", weekdays, berlin, ""), "2026-11-01 00:00", "", "2026-11-02 06:40", ""},
		{"after it", rule(t, "06:30", weekdays, berlin, ""), "2026-11-01 00:00", "", "2026-11-02 06:41", "2026-11-02 06:30"},
		{"it came in the night", rule(t, "06:30", weekdays, berlin, ""), "2026-11-01 00:00", "2026-11-02 02:11", "2026-11-02 07:00", ""},
		{"it came on the evening before", rule(t, "06:30", weekdays, berlin, ""), "2026-11-01 00:00", "2026-11-03 06:00,2026-11-03 22:00",
			"2026-11-04 07:00", ""},
		{"it came late", rule(t, "06:30", weekdays, berlin, ""), "2026-11-01 00:00", "2026-11-03 09:00", "2026-11-03 09:01", ""},
		{"what came late is not the next one", rule(t, "06:30", weekdays, berlin, ""), "2026-11-01 00:00", "2026-11-03 09:00",
			"2026-11-04 06:41", "2026-11-04 06:30"},
		{"late each day is overdue each day", rule(t, "06:30", weekdays, berlin, ""), "2026-11-01 00:00",
			"2026-11-02 09:00,2026-11-03 09:00,2026-11-04 09:00", "2026-11-05 06:41", "2026-11-05 06:30"},
		{"nothing on Saturday", rule(t, "06:30", weekdays, berlin, ""), "2026-11-01 00:00", "2026-11-06 05:00", "2026-11-07 23:00", ""},
		{"on Monday again", rule(t, "06:30", weekdays, berlin, ""), "2026-11-01 00:00", "2026-11-06 05:00", "2026-11-09 06:41",
			"2026-11-09 06:30"},
		{"a deadline before the rule was known", rule(t, "06:30", weekdays, berlin, ""), "2026-11-03 08:00", "", "2026-11-03 12:00", ""},
		{"the one after it", rule(t, "06:30", weekdays, berlin, ""), "2026-11-03 08:00", "", "2026-11-04 06:41", "2026-11-04 06:30"},

		{"clocks went forward", rule(t, "06:30", "sun", berlin, ""), "2026-03-01 00:00", "2026-03-22 05:00", "2026-03-29 06:41",
			"2026-03-29 06:30"},
		{"a time that the day does not have", rule(t, "02:30", "sun", berlin, ""), "2026-03-01 00:00", "2026-03-22 01:00",
			"2026-03-29 03:41", "2026-03-29 03:30"},
		{"it is not over before", rule(t, "02:30", "sun", berlin, ""), "2026-03-01 00:00", "2026-03-22 01:00", "2026-03-29 03:39", ""},
		{"clocks went back", rule(t, "06:30", "sun", berlin, ""), "2026-10-01 00:00", "2026-10-18 05:00", "2026-10-25 06:40", ""},
		{"and it is over by the new time", rule(t, "06:30", "sun", berlin, ""), "2026-10-01 00:00", "2026-10-18 05:00",
			"2026-10-25 06:41", "2026-10-25 06:30"},

		{"a holiday", rule(t, "06:30", weekdays, berlin, "DE"), "2026-05-01 00:00", "2026-05-13 05:00", "2026-05-14 12:00", ""},
		{"the day after it", rule(t, "06:30", weekdays, berlin, "DE"), "2026-05-01 00:00", "2026-05-13 05:00", "2026-05-15 07:00",
			"2026-05-15 06:30"},
		{"a holiday of one state", rule(t, "06:30", weekdays, berlin, "DE-BW"), "2026-05-01 00:00", "2026-06-03 05:00", "2026-06-04 12:00", ""},
		{"which others don't have", rule(t, "06:30", weekdays, berlin, "DE"), "2026-05-01 00:00", "2026-06-03 05:00", "2026-06-04 12:00",
			"2026-06-04 06:30"},

		{"the end of a month", rule(t, "20:00", "last", berlin, ""), "2026-01-01 00:00", "2026-01-31 19:00", "2026-02-28 20:11",
			"2026-02-28 20:00"},
		{"the end of a leap February", rule(t, "20:00", "last", berlin, ""), "2028-01-01 00:00", "2028-01-31 19:00", "2028-02-28 23:00", ""},
		{"its last working day", rule(t, "20:00", "last-workday", berlin, ""), "2026-01-01 00:00", "2026-04-30 12:00", "2026-05-29 20:11",
			"2026-05-29 20:00"},
		{"days of the month", rule(t, "20:00", "1,15", berlin, ""), "2026-01-01 00:00", "2026-03-01 12:00", "2026-03-15 20:11",
			"2026-03-15 20:00"},

		{"at least once a day", &expect.Rule{Every: 24 * time.Hour}, "2026-11-01 00:00", "2026-11-02 05:00", "2026-11-03 05:00", ""},
		{"and now a day ago", &expect.Rule{Every: 24 * time.Hour}, "2026-11-01 00:00", "2026-11-02 05:00", "2026-11-03 05:01",
			"2026-11-03 05:00"},
		{"never, since it is expected", &expect.Rule{Every: 24 * time.Hour}, "2026-11-01 00:00", "", "2026-11-02 00:01", "2026-11-02 00:00"},
		{"a day has 24 hours where clocks go back, too", &expect.Rule{Every: 24 * time.Hour}, "2026-10-01 00:00", "2026-10-24 12:00",
			"2026-10-25 11:01", "2026-10-25 11:00"},
	} {
		t.Run(x.name, func(t *testing.T) {
			var arrivals []time.Time
			for _, text := range strings.Split(x.arrivals, ",") {
				if text != "" {
					arrivals = append(arrivals, at(berlin, text))
				}
			}
			got := ""
			if o := x.rule.Judge(at(berlin, x.now), at(berlin, x.since), arrivals); o != nil {
				got = o.Since.In(at(berlin, x.now).Location()).Format("2006-01-02 15:04")
			}
			if got != x.want {
				t.Errorf("overdue since %q, want %q", got, x.want)
			}
		})
	}
}

// TestADeadlineIsMissedOnce plays a year, every four hours: each deadline that is missed is missed once, in any zone.
func TestADeadlineIsMissedOnce(t *testing.T) {
	for _, zone := range []string{"Europe/Berlin", "Australia/Lord_Howe"} {
		r := rule(t, "02:15", "mon-sun", zone, "")
		since := time.Date(2026, 1, 1, 0, 0, 0, 0, r.Zone)
		missed := map[time.Time]bool{}
		for now := since; now.Before(since.AddDate(1, 0, 0)); now = now.Add(4 * time.Hour) {
			if o := r.Judge(now, since, nil); o != nil {
				missed[o.Since] = true
			}
		}
		if len(missed) != 365 {
			t.Errorf("%s: %d deadlines of 365 were missed", zone, len(missed))
		}
	}
}

func TestACalendarIsRead(t *testing.T) {
	h, err := expect.ReadCalendar(strings.NewReader("\ufeffBEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nDTSTART;VALUE=DATE:20261224\r\nDTEND;VALUE=DATE:20261227\r\n" +
		"SUMMARY:a name that\r\n  goes on\r\nEND:VEVENT\r\nBEGIN:VEVENT\r\nDTSTART:20260101T000000Z\r\nRRULE:FREQ=YEARLY\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]bool{"2026-12-23": false, "2026-12-24": true, "2026-12-26": true, "2026-12-27": false, "2027-12-24": false,
		"2026-01-01": true, "2031-01-01": true, "2025-01-01": false, "2026-01-02": false} {
		day, err := time.Parse(time.DateOnly, text)
		if err != nil {
			t.Fatal(err)
		}
		if h.Has(day) != want {
			t.Errorf("%s is a holiday: %v", text, !want)
		}
	}
}

func TestWhatIsNoCalendarIsRefused(t *testing.T) {
	for name, text := range map[string]string{
		"nothing":        "",
		"another file":   "date,name\n",
		"no event":       "BEGIN:VCALENDAR\nEND:VCALENDAR\n",
		"no day":         "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:soon\nEND:VEVENT\n",
		"no beginning":   "BEGIN:VCALENDAR\nBEGIN:VEVENT\nEND:VEVENT\n",
		"another rule":   "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:20260101\nRRULE:FREQ=MONTHLY\nEND:VEVENT\n",
		"far too many":   "BEGIN:VCALENDAR\n" + strings.Repeat("BEGIN:VEVENT\nDTSTART:20260101\nRRULE:FREQ=YEARLY\nEND:VEVENT\n", 20_001),
		"an endless one": "BEGIN:VCALENDAR\n" + strings.Repeat("X-A: "+strings.Repeat("b", 1000)+"\n", 5000),
	} {
		if _, err := expect.ReadCalendar(strings.NewReader(text)); err == nil {
			t.Errorf("%s is a calendar", name)
		}
	}
}

func TestWhatIsNoTimeAndNoDayIsRefused(t *testing.T) {
	for _, text := range []string{"", "6", "25:00", "24:01", "06:60", "06:3", "-1:00", "06:30:00"} {
		if err := new(expect.Time).UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is a time", text)
		}
	}
	for _, text := range []string{"", "mo", "mon-", "0", "32", "mon,,fri", "last-day"} {
		if err := new(expect.Days).UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q are days", text)
		}
	}
}

func FuzzReadCalendar(f *testing.F) {
	f.Add("BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART;VALUE=DATE:20261224\nDTEND:20261227\nRRULE:FREQ=YEARLY\nEND:VEVENT\nEND:VCALENDAR\n")
	f.Fuzz(func(t *testing.T, text string) {
		h, err := expect.ReadCalendar(strings.NewReader(text))
		if err == nil {
			h.Has(time.Date(2026, 2, 29, 0, 0, 0, 0, time.UTC))
		}
	})
}
