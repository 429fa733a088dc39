package config_test

import (
	"testing"
	"time"

	"github.com/orobridge/orobridge/bridge/config"
)

// TestSchedule: a time of some days, in a zone whose clock is put forward and back.
func TestSchedule(t *testing.T) {
	for _, x := range []struct{ schedule, after, want string }{
		{"sun 03:00", "2026-11-21T07:00:00Z", "2026-11-22T03:00:00Z"}, // a Saturday
		{"sun 03:00", "2026-11-22T03:00:00Z", "2026-11-29T03:00:00Z"},
		{"sun 03:00", "2026-11-22T02:59:59Z", "2026-11-22T03:00:00Z"},
		{"daily 23:59", "2026-12-31T23:59:00Z", "2027-01-01T23:59:00Z"},
		{"mon-fri 02:30", "2026-11-20T02:30:00Z", "2026-11-23T02:30:00Z"},
		{"sat-mon,wed 00:00", "2026-11-23T00:00:00Z", "2026-11-25T00:00:00Z"},
		{"daily 03:30 Europe/Berlin", "2026-07-01T00:00:00Z", "2026-07-01T01:30:00Z"},
		{"daily 00:30 Europe/Berlin", "2026-07-01T22:00:00Z", "2026-07-01T22:30:00Z"}, // it is the next day there
		{"daily 02:30 Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-29T01:30:00Z"}, // 02:30 is left out: 03:30
		{"sat 24:00", "2026-11-21T23:59:00Z", "2026-11-22T00:00:00Z"},
		{"last 04:00", "2027-02-01T00:00:00Z", "2027-02-28T04:00:00Z"},
		{"31 04:00", "2027-01-31T04:00:00Z", "2027-03-31T04:00:00Z"},
	} {
		var s config.Schedule
		if err := s.UnmarshalText([]byte(x.schedule)); err != nil {
			t.Fatal(err)
		}
		after, err := time.Parse(time.RFC3339, x.after)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.Next(after).UTC().Format(time.RFC3339); got != x.want {
			t.Errorf("%s after %s is %s, want %s", x.schedule, x.after, got, x.want)
		}
	}
	for _, bad := range []string{"", "sun", "03:00", "sun 3", "sun 24:01", "0 03:00", "30-31 03:00", "someday 03:00", "mon- 03:00", "sun 03:00 Berlin", "sun 03:00 UTC now", "sun 03:00 Local"} {
		if err := new(config.Schedule).UnmarshalText([]byte(bad)); err == nil {
			t.Errorf("%q is taken for a schedule", bad)
		}
	}
}
