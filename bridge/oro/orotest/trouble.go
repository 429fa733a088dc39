package orotest

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Trouble is a bad day of the shop: what happens to requests while it lasts. The zero value is none.
type Trouble struct {
	Latency time.Duration // each request waits so long, on top of the shop's own delays
	TooMany int           // one of so many requests is refused with 429
	HTML    int           // one of so many requests is answered by a proxy's page with 502
	Reset   int           // one of so many requests is done, and its connection cut before the answer
	Stall   time.Duration // the queue stands still for so long
	Races   bool          // what came within the last second is not seen by checks that the database does not back
	Restore time.Duration // after so long the shop is again what it was when the trouble began
}

// word is a part of a Trouble as users write it.
type word struct {
	name    string
	explain string
	set     func(*Trouble, string) error
	get     func(Trouble) string
}

var words = []word{
	{"latency", "each request waits so long: latency=200ms", timeIn(func(t *Trouble) *time.Duration { return &t.Latency }),
		func(t Trouble) string { return shownTime(t.Latency) }},
	{"429", "one of so many requests is refused: 429=20", countIn(func(t *Trouble) *int { return &t.TooMany }),
		func(t Trouble) string { return shownCount(t.TooMany) }},
	{"stall", "batches and webhooks wait so long: stall=5m", timeIn(func(t *Trouble) *time.Duration { return &t.Stall }),
		func(t Trouble) string { return shownTime(t.Stall) }},
	{"html", "one of so many requests gets a proxy's page: html=50", countIn(func(t *Trouble) *int { return &t.HTML }),
		func(t Trouble) string { return shownCount(t.HTML) }},
	{"reset-after", "one of so many requests is done, but not answered: reset-after=100", countIn(func(t *Trouble) *int { return &t.Reset }),
		func(t Trouble) string { return shownCount(t.Reset) }},
	{"races", "requests at once do not see each other's keys", func(t *Trouble, value string) error {
		if t.Races = true; value != "" {
			return fmt.Errorf("takes no value")
		}
		return nil
	}, func(t Trouble) string {
		if t.Races {
			return "races"
		}
		return ""
	}},
	{"restore", "the shop goes back to what it held, after so long: restore=10m",
		timeIn(func(t *Trouble) *time.Duration { return &t.Restore }),
		func(t Trouble) string { return shownTime(t.Restore) }},
}

func timeIn(field func(*Trouble) *time.Duration) func(*Trouble, string) error {
	return func(t *Trouble, value string) error {
		d, err := time.ParseDuration(value)
		if err == nil && d <= 0 {
			err = fmt.Errorf("%s is not above zero", value)
		}
		*field(t) = d
		return err
	}
}

func countIn(field func(*Trouble) *int) func(*Trouble, string) error {
	return func(t *Trouble, value string) error {
		n, err := strconv.Atoi(value)
		if err == nil && n < 1 {
			err = fmt.Errorf("%s is not above zero", value)
		}
		*field(t) = n
		return err
	}
}

func shownTime(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return d.String()
}

func shownCount(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

// TroubleWords explains what ParseTrouble takes, a word a line.
func TroubleWords() string {
	var l []string
	for _, w := range words {
		l = append(l, w.explain)
	}
	return strings.Join(l, "\n")
}

// ParseTrouble reads a list such as latency=200ms,429=20,stall=5m,html=50,reset-after=100,races,restore=10m.
func ParseTrouble(s string) (Trouble, error) {
	var t Trouble
	for part := range strings.SplitSeq(s, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		if name == "" {
			continue
		}
		i := slices.IndexFunc(words, func(w word) bool { return w.name == name })
		if i < 0 {
			return t, fmt.Errorf("no trouble is called %q; there are:\n%s", name, TroubleWords())
		}
		if err := words[i].set(&t, value); err != nil {
			return t, fmt.Errorf("%s: %w", name, err)
		}
	}
	return t, nil
}

// String is the list that ParseTrouble reads.
func (t Trouble) String() string {
	var l []string
	for _, w := range words {
		switch v := w.get(t); {
		case v == "":
		case v == w.name:
			l = append(l, v)
		default:
			l = append(l, w.name+"="+v)
		}
	}
	return strings.Join(l, ",")
}

// Trouble begins a bad day, and ends the one before: a zero value makes all well again.
func (s *Shop) Trouble(t Trouble) {
	s.troubleMu.Lock()
	defer s.troubleMu.Unlock()
	for _, timer := range s.troubleEnds {
		timer.Stop()
	}
	if s.trouble.Stall > 0 {
		s.ResumeQueue()
	}
	s.trouble, s.troubled, s.troubleEnds = t, 0, nil
	s.races.Store(t.Races)
	if t.Stall > 0 {
		s.StallQueue()
		s.troubleEnds = append(s.troubleEnds, time.AfterFunc(t.Stall, s.ResumeQueue))
	}
	if t.Restore > 0 {
		backup := s.Backup()
		s.troubleEnds = append(s.troubleEnds, time.AfterFunc(t.Restore, func() { s.Restore(backup) }))
	}
}

// endTrouble stops what waits for its time.
func (s *Shop) endTrouble() {
	s.troubleMu.Lock()
	defer s.troubleMu.Unlock()
	for _, timer := range s.troubleEnds {
		timer.Stop()
	}
}

// InTrouble is the trouble that the shop is in.
func (s *Shop) InTrouble() Trouble {
	s.troubleMu.Lock()
	defer s.troubleMu.Unlock()
	return s.trouble
}

// misfortune is what trouble does to the next request; nil is nothing.
func (s *Shop) misfortune(r *http.Request) (Effect, time.Duration) {
	s.troubleMu.Lock()
	defer s.troubleMu.Unlock()
	t := s.trouble
	s.troubled++
	turn := func(n, offset int) bool { return n > 0 && (s.troubled+offset)%n == 0 }
	switch {
	case turn(t.TooMany, 0):
		return TooManyRequests(time.Second), t.Latency
	case turn(t.HTML, 1):
		return BadGateway(), t.Latency
	case turn(t.Reset, 2):
		return CutAfter(0), t.Latency
	}
	return nil, t.Latency
}

// racing reports whether a record is too young to be seen by a check that the database does not back.
func (s *holdings) racing(t *table, n int32) bool {
	f := t.byName["createdAt"]
	r := t.get(n)
	if !s.races.Load() || f == nil || r == nil {
		return false
	}
	made, err := time.Parse(time.RFC3339, decodeText(r.attrs[f.slot]))
	return err == nil && s.clock().Sub(made) < time.Second
}
