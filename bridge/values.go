package bridge

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// This file holds the values that a config knows beyond texts and numbers. Each is read by UnmarshalText and written
// by String in the same form.

// Secret is a text that never prints. In the config it has three forms: x, x_file and x_env.
type Secret string

// Lines are the secrets of one place: while one takes the place of another both stand there, one a line, the newer one first.
func (s Secret) Lines() []Secret {
	var all []Secret
	for line := range strings.Lines(string(s)) {
		if line = strings.TrimRight(line, "\r\n"); line != "" {
			all = append(all, Secret(line))
		}
	}
	return all
}

// String hides the secret.
func (Secret) String() string { return "<secret>" }

// GoString hides the secret from %#v.
func (Secret) GoString() string { return "<secret>" }

// MarshalText hides the secret from JSON, YAML and slog.
func (Secret) MarshalText() ([]byte, error) { return []byte("<secret>"), nil }

// Reveal is the secret itself, for the one place that sends it.
func (s Secret) Reveal() string { return string(s) }

// Duration is a time span in a config: 30s, 20m, 24h, 90d, 10y, 1h30m. A year has 365 days.
type Duration time.Duration

// D is the span as the standard library has it.
func (d Duration) D() time.Duration { return time.Duration(d) }

// Day is the longest unit of time that is always as long.
const Day = 24 * time.Hour

const year = 365 * Day

// String writes the span in the config's own form, whole days as days and whole years as years.
func (d Duration) String() string {
	t := time.Duration(d)
	if t%year == 0 && t > 0 {
		return fmt.Sprintf("%dy", t/year)
	}
	if t%Day == 0 && t > 3*Day {
		return fmt.Sprintf("%dd", t/Day)
	}
	s := t.String()
	if strings.HasSuffix(s, "m0s") {
		s = s[:len(s)-2]
	}
	if strings.HasSuffix(s, "h0m") {
		s = s[:len(s)-2]
	}
	return s
}

// MarshalText is String.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads numbers with their units, one after the other.
func (d *Duration) UnmarshalText(text []byte) error {
	units := map[string]time.Duration{"ms": time.Millisecond, "s": time.Second, "m": time.Minute, "h": time.Hour, "d": Day, "y": year}
	var sum float64
	for rest := string(text); ; {
		number, unit, tail := numberUnit(rest)
		size, ok := units[unit]
		n, err := strconv.ParseFloat(number, 64)
		if !ok || err != nil {
			return fmt.Errorf("%q is not a time span: write a number with its unit, such as 30s, 20m, 24h or 90d", text)
		}
		sum += n * float64(size)
		if rest = tail; rest == "" {
			break
		}
	}
	if sum > math.MaxInt64/2 {
		return fmt.Errorf("%q is too long a time", text)
	}
	*d = Duration(sum)
	return nil
}

// numberUnit takes the first number and the letters behind it off a text.
func numberUnit(s string) (number, unit, rest string) {
	i := 0
	for i < len(s) && (s[i] >= '0' && s[i] <= '9' || s[i] == '.') {
		i++
	}
	j := i
	for j < len(s) && (s[j] >= 'a' && s[j] <= 'z' || s[j] >= 'A' && s[j] <= 'Z') {
		j++
	}
	return s[:i], s[i:j], s[j:]
}

// Size is a number of bytes in a config: 500MB, 10GB (thousands), 64KiB (1024).
type Size int64

var sizeUnits = []struct {
	name string
	size int64
}{{"TB", 1e12}, {"GB", 1e9}, {"MB", 1e6}, {"KB", 1e3}, {"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}}

// String writes the size with the largest unit that divides it.
func (s Size) String() string {
	for _, u := range sizeUnits {
		if n := int64(s); n != 0 && n%u.size == 0 {
			return strconv.FormatInt(n/u.size, 10) + u.name
		}
	}
	return "0B"
}

// MarshalText is String.
func (s Size) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads a number with its unit.
func (s *Size) UnmarshalText(text []byte) error {
	number, unit, rest := numberUnit(strings.ReplaceAll(string(text), " ", ""))
	n, err := strconv.ParseFloat(number, 64)
	for _, u := range sizeUnits {
		if err == nil && rest == "" && strings.EqualFold(unit, u.name) && n*float64(u.size) < math.MaxInt64/2 {
			*s = Size(n * float64(u.size))
			return nil
		}
	}
	return fmt.Errorf("%q is not a size: write a number with its unit, such as 500MB or 10GB", text)
}

// FileMode are the permissions of files in a config, in octal: 0640. 0 leaves them to the remote.
type FileMode uint32

// String writes the permissions in octal.
func (m FileMode) String() string { return fmt.Sprintf("%04o", uint32(m)) }

// MarshalText is String.
func (m FileMode) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText reads an octal number. The owner has to be able to read and write: a file that the bridge itself can't
// look at is no use to it.
func (m *FileMode) UnmarshalText(text []byte) error {
	n, err := strconv.ParseUint(strings.TrimPrefix(string(text), "0o"), 8, 32)
	if err != nil || n > 0o777 || n&0o600 != 0o600 {
		return fmt.Errorf("%q are no permissions: write an octal number such as 0640 that lets the owner read and write", text)
	}
	*m = FileMode(n)
	return nil
}
