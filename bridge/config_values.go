package bridge

import (
	"errors"
	"fmt"
	"math"
	"path"
	"regexp"
	"regexp/syntax"
	"strconv"
	"strings"
	"time"

	"github.com/orobridge/orobridge/formats/envelope"
)

// This file holds the values that a config knows beyond texts and numbers. Each is read by UnmarshalText and written
// by String in the same form.

// Secret is a text that never prints. In the config it has three forms: x, x_file and x_env.
type Secret string

// String hides the secret.
func (Secret) String() string { return "<secret>" }

// GoString hides the secret from %#v.
func (Secret) GoString() string { return "<secret>" }

// MarshalText hides the secret from JSON, YAML and slog.
func (Secret) MarshalText() ([]byte, error) { return []byte("<secret>"), nil }

// Reveal is the secret itself, for the one place that sends it.
func (s Secret) Reveal() string { return string(s) }

// Duration is a time span in a config: 30s, 20m, 24h, 90d, 1h30m.
type Duration time.Duration

// D is the span as the standard library has it.
func (d Duration) D() time.Duration { return time.Duration(d) }

const day = 24 * time.Hour

// String writes the span in the config's own form, whole days as days.
func (d Duration) String() string {
	t := time.Duration(d)
	if t%day == 0 && t > 3*day {
		return fmt.Sprintf("%dd", t/day)
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
	units := map[string]time.Duration{"ms": time.Millisecond, "s": time.Second, "m": time.Minute, "h": time.Hour, "d": day}
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

// Limit is a number or a share: 100, 5%.
type Limit struct {
	Number  int64
	Percent float64 // used when IsShare
	IsShare bool
}

// String writes the limit in the config's own form.
func (l Limit) String() string {
	if l.IsShare {
		return strconv.FormatFloat(l.Percent, 'f', -1, 64) + "%"
	}
	return strconv.FormatInt(l.Number, 10)
}

// MarshalText is String.
func (l Limit) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText reads a whole number, or a share with its percent sign.
func (l *Limit) UnmarshalText(text []byte) error {
	bad := fmt.Errorf("%q is not a limit: write a number such as 100, or a share such as 5%%", text)
	number, share := strings.CutSuffix(string(text), "%")
	if number = strings.TrimSpace(number); strings.Trim(number, "0123456789.") != "" {
		return bad
	}
	var err error
	if share {
		var p float64
		p, err = strconv.ParseFloat(number, 64)
		*l = Limit{Percent: p, IsShare: true}
	} else {
		var n int64
		n, err = strconv.ParseInt(number, 10, 64)
		*l = Limit{Number: n}
	}
	if err != nil {
		return bad
	}
	return nil
}

// String writes the rule as the config's short form has it.
func (g GapConfig) String() string {
	if g.Then == "skip" {
		return "skip after " + g.After.String()
	}
	return g.Then
}

// UnmarshalText reads the short form: hold, warn, skip after 2h.
func (g *GapConfig) UnmarshalText(text []byte) error {
	words := strings.Fields(string(text))
	switch {
	case len(words) == 1 && (words[0] == "hold" || words[0] == "warn"):
		*g = GapConfig{Then: words[0]}
		return nil
	case len(words) == 3 && words[0] == "skip" && words[1] == "after":
		g.Then = "skip"
		return g.After.UnmarshalText([]byte(words[2]))
	}
	return fmt.Errorf("%q is not a rule for gaps: write hold, warn, or skip after 2h", text)
}

// String writes the rule as the config's short form has it.
func (c CollectConfig) String() string {
	if c.Orders == 0 {
		return ""
	}
	return fmt.Sprintf("%d orders or %s", c.Orders, c.Within)
}

// UnmarshalText reads the short form: 50 orders or 1m.
func (c *CollectConfig) UnmarshalText(text []byte) error {
	words := strings.Fields(string(text))
	bad := fmt.Errorf("%q does not say how to collect orders: write 50 orders or 1m", text)
	if len(words) < 4 || words[1] != "orders" || words[2] != "or" {
		return bad
	}
	n, err := strconv.Atoi(words[0])
	if err != nil || n < 1 {
		return bad
	}
	c.Orders = n
	return c.Within.UnmarshalText([]byte(strings.Join(words[3:], "")))
}

// UnmarshalText reads the short form: gzip, zip.
func (u *UnwrapConfig) UnmarshalText(text []byte) error {
	switch kind := string(text); kind {
	case envelope.Gzip, envelope.Zip:
		*u = UnwrapConfig{Kind: kind}
		return nil
	case envelope.PGP:
		return errors.New("pgp needs keys: write { kind: pgp, key_file: private.asc, signers: [erp.asc] }")
	}
	return fmt.Errorf("%q is not one of gzip, zip, pgp", text)
}

// Pattern matches base names: a glob (products_*.csv), or a regular expression between slashes whose groups named
// date and seq order the drops. The zero Pattern matches nothing.
type Pattern struct {
	Text string
	re   *regexp.Regexp // nil for a glob
}

// NewPattern reads a pattern.
func NewPattern(text string) (Pattern, error) {
	var p Pattern
	err := p.UnmarshalText([]byte(text))
	return p, err
}

// String is the pattern as it was written.
func (p Pattern) String() string { return p.Text }

// UnmarshalText reads a pattern.
func (p *Pattern) UnmarshalText(text []byte) error {
	s := string(text)
	switch {
	case s == "":
		return errors.New("the pattern is empty: write a glob such as products_*.csv")
	case len(s) > 2 && s[0] == '/' && s[len(s)-1] == '/':
		inner := s[1 : len(s)-1]
		if _, err := syntax.Parse(inner, syntax.Perl); err != nil {
			return notRegexp(s, err)
		}
		re, err := regexp.Compile(`\A(?:` + inner + `)\z`)
		if err != nil {
			return notRegexp(s, err)
		}
		*p = Pattern{Text: s, re: re}
		return nil
	case strings.Contains(s, "/"):
		return fmt.Errorf("%q contains a slash: the folder stands in folder; a regular expression begins and ends with one", s)
	}
	if _, err := path.Match(s, ""); err != nil {
		return fmt.Errorf("%q is not a glob: a [ is without its ], or a \\ stands at the end", s)
	}
	*p = Pattern{Text: s}
	return nil
}

func notRegexp(s string, err error) error {
	var at *syntax.Error
	if errors.As(err, &at) {
		return fmt.Errorf("%s is not a regular expression: %s: %s", s, at.Code, at.Expr)
	}
	return fmt.Errorf("%s is not a regular expression: %w", s, err)
}

// Match says whether a base name matches as a whole, and what its groups date and seq hold.
func (p Pattern) Match(name string) (date, seq string, ok bool) {
	if p.re == nil {
		ok, _ = path.Match(p.Text, name)
		return "", "", ok && p.Text != ""
	}
	m := p.re.FindStringSubmatch(name)
	if m == nil {
		return "", "", false
	}
	if i := p.re.SubexpIndex("date"); i > 0 {
		date = m[i]
	}
	if i := p.re.SubexpIndex("seq"); i > 0 {
		seq = m[i]
	}
	return date, seq, true
}

// HasGroup says whether the pattern is a regular expression with a group of that name.
func (p Pattern) HasGroup(name string) bool {
	return p.re != nil && p.re.SubexpIndex(name) > 0
}

// overlaps says whether a name can match both patterns; it knows only for two globs without brackets and for equal
// patterns, and says no where it can't know.
func (p Pattern) overlaps(q Pattern) bool {
	if p.Text == q.Text {
		return true
	}
	if p.re != nil || q.re != nil || strings.ContainsAny(p.Text+q.Text, `[\`) {
		return false
	}
	return globsMeet(p.Text, q.Text)
}

// globsMeet walks both globs side by side; after[j] says that what was read of a can stand before b[j:].
func globsMeet(a, b string) bool {
	after := make([]bool, len(b)+1)
	after[0] = true
	stars := func() {
		for j := range len(b) {
			if after[j] && b[j] == '*' {
				after[j+1] = true
			}
		}
	}
	stars()
	for i := range len(a) {
		next := make([]bool, len(b)+1)
		for j := range after {
			switch {
			case !after[j]:
			case a[i] == '*':
				for k := j; k <= len(b); k++ {
					next[k] = true
				}
			case j < len(b) && b[j] == '*':
				next[j] = true
			case j < len(b) && (a[i] == '?' || b[j] == '?' || a[i] == b[j]):
				next[j+1] = true
			}
		}
		after = next
		stars()
	}
	return after[len(b)]
}
