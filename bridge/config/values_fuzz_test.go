package config_test

import (
	"encoding"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/bridge/expect"
)

// FuzzValues: whatever stands in the place of a value that has a form of its own, it is refused by words, or what is written of it is read as
// the same; a schedule and hours come after now or never, and a pattern says of each name whether it matches.
func FuzzValues(f *testing.F) {
	for _, text := range []string{"5%", "100", ".5%", "skip after 2h", "required", "50 orders or 1m", "gzip", "products_*.csv", `/p_(?<date>\d{8})_(?<seq>\d+)\.csv/`,
		"sun 03:00", "mon-fri 02:30 Europe/Berlin", "mon-fri 07:00-18:00", "22:00-06:00", "last-workday 24:00", "1,15", "06:30", "1d12h", "10MB", "0640",
		"1.5h", "7:00", "unix:/run/x.sock", "127.0.0.1:8085"} {
		f.Add(text, "products_1.csv")
	}
	now := time.Date(2026, 3, 29, 0, 59, 0, 0, time.UTC)
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text, name string) {
		for _, kinds := range [][2]encoding.TextUnmarshaler{
			{new(config.Limit), new(config.Limit)}, {new(config.Gap), new(config.Gap)}, {new(config.Signature), new(config.Signature)},
			{new(config.Collect), new(config.Collect)}, {new(config.Wrapping), new(config.Wrapping)}, {new(config.BackupPlace), new(config.BackupPlace)},
			{new(config.Names), new(config.Names)}, {new(config.Pattern), new(config.Pattern)}, {new(config.Schedule), new(config.Schedule)},
			{new(config.Hours), new(config.Hours)}, {new(config.Socket), new(config.Socket)}, {new(expect.Time), new(expect.Time)},
			{new(expect.Days), new(expect.Days)}, {new(bridge.Duration), new(bridge.Duration)}, {new(bridge.Size), new(bridge.Size)},
			{new(bridge.FileMode), new(bridge.FileMode)},
		} {
			if err := kinds[0].UnmarshalText([]byte(text)); err != nil {
				if err.Error() == "" {
					t.Errorf("%T refuses %q without a word", kinds[0], text)
				}
				continue
			}
			switch is := kinds[0].(type) {
			case *config.Schedule:
				if next := is.Next(now); !next.IsZero() && !next.After(now) {
					t.Errorf("%q is next at %s", text, next)
				}
			case *config.Hours:
				if next := is.Next(now, berlin); next.Before(now) {
					t.Errorf("%q begin at %s", text, next)
				}
			case *config.Pattern:
				is.Match(name)
			}
			written, ok := kinds[0].(fmt.Stringer)
			if !ok || written.String() == "" {
				continue
			}
			if err := kinds[1].UnmarshalText([]byte(written.String())); err != nil || written.String() != kinds[1].(fmt.Stringer).String() {
				t.Errorf("%T: %q is written %q: %v", kinds[0], text, written, err)
			}
			if same, ok := kinds[0].(*config.Limit); ok && !cmp.Equal(same, kinds[1]) {
				t.Errorf("%q: %+v, then %+v", text, same, kinds[1])
			}
		}
	})
}
