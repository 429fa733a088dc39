package bridge

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// Audited says whether events of a kind stand in the audit: decisions, looks at a person's data, and who came in to take them.
func (k EventKind) Audited() bool {
	switch k {
	case DecisionTaken, PersonSeen, LoggedIn, LoggedOut:
		return true
	}
	return false
}

// An AuditEntry is an audited event as it is kept for good. Each carries the hash of the one before: whoever changes an entry, takes
// one out or puts one in would have to write all later ones anew, and to change each copy of them.
type AuditEntry struct {
	N      int64     `json:"n"` // from 1, without gaps
	At     time.Time `json:"at"`
	Kind   EventKind `json:"kind"`
	Who    string    `json:"who"`
	From   string    `json:"from"`
	What   string    `json:"what"`
	About  string    `json:"about"` // what was decided about, or looked at; persons by their pseudonym
	Why    string    `json:"why"`
	Before string    `json:"before"` // hash of the entry before; empty for the first
	Hash   string    `json:"hash"`
}

// NewAuditEntry makes the entry of an event, behind another one: its number and hash, 0 and "" for the first.
func NewAuditEntry(e *Event, last int64, before string) AuditEntry {
	a := AuditEntry{N: last + 1, At: e.At.UTC().Truncate(time.Millisecond), Kind: e.Kind, Who: e.Who, From: e.From, What: e.Text,
		About: e.about(), Why: e.Why, Before: before}
	a.Hash = a.Sum()
	return a
}

// Line is the entry as one line of JSON, without a line end.
func (a *AuditEntry) Line() string {
	var b bytes.Buffer
	out := json.NewEncoder(&b)
	out.SetEscapeHTML(false)
	if err := out.Encode(a); err != nil {
		panic(err) // it holds words and a time
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// Sum is what an entry's hash has to be: the SHA-256, in hex, of its line without the member hash, so that whoever has the lines can
// verify them by other means.
func (a *AuditEntry) Sum() string {
	bare := *a
	bare.Hash = ""
	sum := sha256.Sum256([]byte(strings.TrimSuffix(bare.Line(), `,"hash":""}`) + "}"))
	return hex.EncodeToString(sum[:])
}

// about says in a few words what an event is about.
func (e *Event) about() string {
	var words []string
	add := func(is bool, format string, args ...any) {
		if is {
			words = append(words, fmt.Sprintf(format, args...))
		}
	}
	add(e.Drop != 0, "drop %d", e.Drop)
	add(e.Run != 0, "run %d", e.Run)
	add(e.Order != "", "order %s", e.Order)
	add(e.Work != "", "%s", e.Work)
	add(e.Feed != "", "feed %s", e.Feed)
	add(e.Export != "", "export %s", e.Export)
	add(e.File != "", "file %s", e.File)
	add(e.Person != "", "%s", e.Person)
	return strings.Join(words, ", ")
}

// An AuditFilter chooses entries of the audit; zero fields choose all.
type AuditFilter struct {
	Since time.Time
	Who   string
	Last  int // only the last so many; the answer is oldest first all the same
}
