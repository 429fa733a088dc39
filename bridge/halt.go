package bridge

import (
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// A Halt is a piece of work that somebody has paused: a feed, an export, or everything that needs the shop. What is at hand
// is left as it is then, and goes on from there later. The ledger keeps it as a note. Trouble that is waited out is another thing:
// see [PausedNote].
type Halt struct {
	Work  string    `json:"-"` // "feed prices", "export orders", or [ShopWork]
	Since time.Time `json:"since"`
	Until time.Time `json:"until"` // zero: until somebody resumes it
	Who   string    `json:"who"`
	Why   string    `json:"why"`
}

// ShopWork is all that needs the shop.
const ShopWork = "shop"

const haltedPrefix = "halted "

// HaltedNote is the name of the ledger's note of a pause.
func HaltedNote(work string) string { return haltedPrefix + work }

// Note is what [Halts] reads.
func (h Halt) Note() string {
	text, err := json.Marshal(h)
	if err != nil {
		panic(err) // it holds times and words
	}
	return string(text)
}

// String says in a few words who has paused what, and why.
func (h Halt) String() string {
	s := h.Work + " is paused"
	if h.Who != "" {
		s += " by " + h.Who
	}
	if !h.Until.IsZero() {
		s += " until " + h.Until.UTC().Format(time.RFC3339)
	}
	if h.Why != "" {
		s += ": " + h.Why
	}
	return s
}

// Over says that a pause has come to the end that was set for it.
func (h Halt) Over(now time.Time) bool { return !h.Until.IsZero() && !now.Before(h.Until) }

// Halts reads the pauses from the ledger's notes, by their work.
func Halts(notes map[string]string) []Halt {
	var all []Halt
	for name, text := range notes {
		work, ok := strings.CutPrefix(name, haltedPrefix)
		if !ok {
			continue
		}
		h := Halt{Work: work}
		if err := json.Unmarshal([]byte(text), &h); err != nil {
			h.Why = text // whatever it says, somebody wanted it to stand still
		}
		all = append(all, h)
	}
	slices.SortFunc(all, func(x, y Halt) int { return strings.Compare(x.Work, y.Work) })
	return all
}

// HaltedNow finds the first pause of some pieces of work that is not over; nil when all of them may be done.
func HaltedNow(notes map[string]string, now time.Time, works ...string) *Halt {
	for _, h := range Halts(notes) {
		if slices.Contains(works, h.Work) && !h.Over(now) {
			return &h
		}
	}
	return nil
}
