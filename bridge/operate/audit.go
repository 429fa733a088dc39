package operate

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/formats"
)

// Audit walks the audit, oldest first: decisions, looks at persons' data, and who came in. It verifies nothing.
func (k *View) Audit(ctx context.Context, f bridge.AuditFilter, each func(*bridge.AuditEntry) error) error {
	return k.Ledger.Audit(ctx, f, each)
}

// AuditCheck is what a look at the whole audit has found.
type AuditCheck struct {
	Entries int64    `json:"entries"`
	Head    string   `json:"head"`   // hash of the last entry: kept elsewhere, it holds all of them
	Copied  int64    `json:"copied"` // entries of the copy that are as they are here
	Faults  []string `json:"faults"` // the first ones
}

const shownFaults = 10

func (v *AuditCheck) fault(format string, args ...any) {
	if len(v.Faults) < shownFaults {
		v.Faults = append(v.Faults, fmt.Sprintf(format, args...))
	}
}

// maxAuditLine is far above the longest entry, in bytes: a reason is a line that somebody has typed.
const maxAuditLine = 1 << 20

// VerifyAudit follows the chain from the first entry to the last, and compares it with a copy that was exported before (nil for none):
// who could write into the ledger could make a whole chain anew, but not change the copy.
func (k *View) VerifyAudit(ctx context.Context, copied io.Reader) (*AuditCheck, error) {
	v := &AuditCheck{Faults: []string{}}
	next, kept := copyOf(copied)
	theirs, err := next()
	if err != nil {
		return nil, err
	}
	last := &bridge.AuditEntry{}
	err = k.Ledger.Audit(ctx, bridge.AuditFilter{}, func(a *bridge.AuditEntry) error {
		switch {
		case a.N != last.N+1:
			v.fault("entries %d to %d are missing", last.N+1, a.N-1)
		case a.Before != last.Hash:
			v.fault("entry %d does not follow on entry %d", a.N, last.N)
		}
		if a.Hash != a.Sum() {
			v.fault("entry %d of %s was changed", a.N, a.At.Format(time.RFC3339))
		}
		for err == nil && theirs != nil && theirs.N <= a.N {
			switch {
			case theirs.N < a.N:
				v.fault("entry %d of the copy is not here", theirs.N)
			case *theirs != *a:
				v.fault("entry %d is another one in the copy", a.N)
			default:
				v.Copied++
			}
			theirs, err = next()
		}
		last = a
		v.Entries++
		return err
	})
	if err != nil {
		return nil, err
	}
	if theirs != nil {
		v.fault("entry %d of the copy is not here", theirs.N)
	}
	end, err := k.Ledger.AuditEnd(ctx)
	if err == nil && end != last.N {
		v.fault("entries %d to %d are missing", last.N+1, end)
	}
	v.Head = last.Hash
	return v, errors.Join(err, kept())
}

// copyOf reads entries from lines of JSON, one at a time, nil at the end; kept is why it can't be read on.
func copyOf(r io.Reader) (next func() (*bridge.AuditEntry, error), kept func() error) {
	if r == nil {
		return func() (*bridge.AuditEntry, error) { return nil, nil }, func() error { return nil }
	}
	lines, n := bufio.NewScanner(r), 0
	lines.Buffer(nil, maxAuditLine)
	return func() (*bridge.AuditEntry, error) {
		if !lines.Scan() {
			return nil, lines.Err()
		}
		n++
		a := &bridge.AuditEntry{}
		if err := json.Unmarshal(lines.Bytes(), a); err != nil {
			return nil, &Mistake{fmt.Sprintf("line %d of the copy is no entry: %v", n, err), "give what `orobridge audit export` has written"}
		}
		return a, nil
	}, lines.Err
}

// Saw enters in the audit that somebody is shown what is a person's. It is to be shown only once that stands there.
func (k *View) Saw(ctx context.Context, looks ...bridge.Event) error {
	if len(looks) == 0 {
		return nil
	}
	now := time.Now().UTC()
	if k.Clock != nil {
		now = k.Clock.Now()
	}
	entries := make([]*bridge.Event, len(looks))
	for i := range looks {
		e := &looks[i]
		e.At, e.Kind = now, bridge.PersonSeen
		entries[i] = k.By.On(e)
	}
	return k.Ledger.Keep(context.WithoutCancel(ctx), entries...)
}

// Looks enter in the audit, by [View.Saw], what of some models is of persons.
type Looks struct{ *View }

// Traces is for those of some traces that are of a person or an order.
func (k Looks) Traces(ctx context.Context, all ...*Trace) error {
	var looks []bridge.Event
	for _, t := range all {
		e := bridge.Event{Text: "trace"}
		switch entity, _ := formats.EntityByName(t.Entity); {
		case entity != nil && entity.Persons:
			e.Person = k.Ledger.Pseudonym(t.Key)
		case t.Entity == outboxEntity, entity != nil && entity.Answers:
			e.Order = t.Key
		default:
			continue
		}
		looks = append(looks, e)
	}
	return k.Saw(ctx, looks...)
}

// Rejects is for those of some rejects that are rows about persons, once for each drop.
func (k Looks) Rejects(ctx context.Context, all []KeptReject) error {
	d := drops{text: "rejects"}
	for _, r := range all {
		d.add(r.Entity, r.Drop, "")
	}
	return k.Saw(ctx, d.looks...)
}

// Parked is for those of some rows that wait which are about persons, once for each drop.
func (k Looks) Parked(ctx context.Context, all []Parked) error {
	d := drops{text: "parked rows"}
	for _, p := range all {
		d.add(p.Entity, p.Drop, p.Feed)
	}
	return k.Saw(ctx, d.looks...)
}

// Rows is for rows of a file of a feed.
func (k Looks) Rows(ctx context.Context, drop int64, feed, text string) error {
	if !k.OfPersons(feed) {
		return nil
	}
	return k.Saw(ctx, bridge.Event{Drop: drop, Feed: feed, Text: text})
}

// OfPersons says that rows of a feed are about persons, or may be: of a feed that the config has no more nobody knows.
func (k Looks) OfPersons(feed string) bool {
	f, err := FeedOf(k.Feeds, feed)
	return err != nil || f.Entity.Persons
}

// drops are those whose rows somebody is shown, each once.
type drops struct {
	text  string
	looks []bridge.Event
	told  map[int64]bool
}

func (d *drops) add(entity string, drop int64, feed string) {
	if d.told == nil {
		d.told = map[int64]bool{}
	}
	if formats.OfPersons(entity) && !d.told[drop] {
		d.told[drop] = true
		d.looks = append(d.looks, bridge.Event{Drop: drop, Feed: feed, Text: d.text})
	}
}
