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
func (k *View) Saw(ctx context.Context, e bridge.Event) error {
	e.At, e.Kind = time.Now().UTC(), bridge.PersonSeen
	return k.Ledger.Keep(context.WithoutCancel(ctx), k.By.On(&e))
}

// SawTraces is [View.Saw] for those of some traces that are of a person or an order.
func (k *View) SawTraces(ctx context.Context, all ...*Trace) error {
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
		if err := k.Saw(ctx, e); err != nil {
			return err
		}
	}
	return nil
}

// SawRejects is [View.Saw] for those of some rejects that are rows about persons, once for each drop.
func (k *View) SawRejects(ctx context.Context, all []KeptReject) error {
	told := map[int64]bool{}
	for _, r := range all {
		if !formats.OfPersons(r.Entity) || told[r.Drop] {
			continue
		}
		told[r.Drop] = true
		if err := k.Saw(ctx, bridge.Event{Drop: r.Drop, Text: "rejects"}); err != nil {
			return err
		}
	}
	return nil
}
