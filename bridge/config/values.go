package config

import (
	"errors"
	"fmt"
	"path"
	"regexp"
	"regexp/syntax"
	"strconv"
	"strings"

	"github.com/orobridge/orobridge/formats"
	"github.com/orobridge/orobridge/formats/envelope"
)

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
func (g Gap) String() string {
	if g.Then == "skip" {
		return "skip after " + g.After.String()
	}
	return g.Then
}

// UnmarshalText reads the short form: hold, warn, skip after 2h.
func (g *Gap) UnmarshalText(text []byte) error {
	words := strings.Fields(string(text))
	switch {
	case len(words) == 1 && (words[0] == "hold" || words[0] == "warn"):
		*g = Gap{Then: words[0]}
		return nil
	case len(words) == 3 && words[0] == "skip" && words[1] == "after":
		g.Then = "skip"
		return g.After.UnmarshalText([]byte(words[2]))
	}
	return fmt.Errorf("%q is not a rule for gaps: write hold, warn, or skip after 2h", text)
}

// UnmarshalText reads the short form: a folder of this machine.
func (p *BackupPlace) UnmarshalText(text []byte) error {
	*p = BackupPlace{Folder: string(text)}
	return nil
}

// String writes the rule as the config's short form has it, where there is one.
func (s Signature) String() string {
	if s.Fresh {
		return ""
	}
	return s.Is
}

// UnmarshalText reads the short form: required, optional.
func (s *Signature) UnmarshalText(text []byte) error {
	if is := string(text); is == "required" || is == "optional" {
		*s = Signature{Is: is}
		return nil
	}
	return fmt.Errorf("%q is not a rule for signatures: write required, optional, or { fresh: true }", text)
}

// String writes the rule as the config's short form has it.
func (c Collect) String() string {
	if c.Orders == 0 {
		return ""
	}
	return fmt.Sprintf("%d orders or %s", c.Orders, c.Within)
}

// UnmarshalText reads the short form: 50 orders or 1m.
func (c *Collect) UnmarshalText(text []byte) error {
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
func (u *Wrapping) UnmarshalText(text []byte) error {
	switch kind := string(text); kind {
	case envelope.Gzip, envelope.Zip:
		*u = Wrapping{Kind: kind}
		Defaults(u)
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
	shop string         // which the group shop has to name; empty: any
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
	if m == nil || p.shop != "" && p.Shop(name) != p.shop {
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

// Shop is the shop for which a file is by its name; empty for a name that says nothing.
func (p Pattern) Shop(name string) string {
	if p.re == nil || p.re.SubexpIndex(shopGroup) < 1 {
		return ""
	}
	m := p.re.FindStringSubmatch(name)
	if m == nil {
		return ""
	}
	return m[p.re.SubexpIndex(shopGroup)]
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

// ExceededBy says whether an amount moves by more than the limit: by a share of what it was, or by a number.
func (l Limit) ExceededBy(was, is formats.Amount) (bool, error) {
	move := is.Sub(was)
	if move.Cmp(formats.Amount{}) < 0 {
		move = was.Sub(is)
	}
	limit, err := formats.ParseAmount(strings.TrimSuffix(l.String(), "%"), formats.Conventions{})
	if err != nil {
		return false, fmt.Errorf("limit %s: %w", l, err)
	}
	if l.IsShare {
		hundred, err := formats.ParseAmount("100", formats.Conventions{})
		if err != nil {
			return false, err
		}
		move, limit = move.Mul(hundred), limit.Mul(was)
	}
	return move.Cmp(limit) > 0, nil
}

// Exceeded says whether n, of so many in all, is over the limit. A share of nothing is never exceeded.
func (l Limit) Exceeded(n, of int64) bool {
	if !l.IsShare {
		return n > l.Number
	}
	return of > 0 && float64(n)*100 > l.Percent*float64(of)
}
