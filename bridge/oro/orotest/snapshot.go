package orotest

import (
	"encoding/json"
	"slices"
	"strings"
)

// Snapshot is all that a shop holds, without ids and times: records by resource, each as JSON text, sorted. Relations
// name records by their business key, so two shops that took the same things in another order have equal snapshots.
// An order that took its number as identifier is the exception. A Snapshot can be kept as JSON.
type Snapshot map[string][]string

// Snapshot takes one.
func (s *holdings) Snapshot() Snapshot {
	s.mu.RLock()
	defer s.mu.RUnlock()
	out := make(Snapshot)
	for name, t := range s.tables {
		if t.actions == closed || t.count == 0 || name == "countries" || name == "regions" {
			continue
		}
		for _, r := range t.rows {
			if r != nil {
				out[name] = append(out[name], encode(t.canonical(r)))
			}
		}
		slices.Sort(out[name])
	}
	return out
}

// Diff tells what differs, a record a line: - is missing from other, + is only there. Equal shops give "".
func (sn Snapshot) Diff(other Snapshot) string {
	names := make(map[string]bool)
	for name := range sn {
		names[name] = true
	}
	for name := range other {
		names[name] = true
	}
	var b strings.Builder
	for _, name := range sortedKeys(names) {
		for _, line := range missing(sn[name], other[name]) {
			b.WriteString("- " + name + " " + line + "\n")
		}
		for _, line := range missing(other[name], sn[name]) {
			b.WriteString("+ " + name + " " + line + "\n")
		}
	}
	return b.String()
}

func sortedKeys(m map[string]bool) []string {
	var l []string
	for k := range m {
		l = append(l, k)
	}
	slices.Sort(l)
	return l
}

// missing are the lines of a sorted list that another one lacks.
func missing(from, in []string) []string {
	left := make(map[string]int)
	for _, line := range in {
		left[line]++
	}
	var l []string
	for _, line := range from {
		if left[line]--; left[line] < 0 {
			l = append(l, line)
		}
	}
	return l
}

// canonical is a record without what depends on when it was made.
func (t *table) canonical(r *record) map[string]any {
	m := make(map[string]any)
	if t.ids == code {
		m["id"] = t.names[r.serial]
	}
	for i := range t.fields {
		f := &t.fields[i]
		switch {
		case f.kind == moment || f.hidden || f.name == "checksum":
		case !f.kind.relation():
			if v := r.attrs[f.slot]; v != "" {
				m[f.name] = json.RawMessage(v)
			}
		case f.kind == inverse || f.kind == computed || f.target.actions == closed:
		case f.kind == one:
			if n := r.ones[f.slot]; n != 0 {
				m[f.name] = f.target.businessKey(n, 0)
			}
		default:
			m[f.name] = f.target.businessKeys(r.lists[f.slot], 0)
		}
	}
	return m
}

// deepest is how far a business key follows relations: far enough for a price by product and unit.
const deepest = 4

// businessKey names a record as people do.
func (t *table) businessKey(n int32, depth int) string {
	r := t.get(n)
	if r == nil || depth > deepest {
		return ""
	}
	var parts []string
	for _, name := range t.business {
		f := t.byName[name]
		switch {
		case name == "id":
			parts = append(parts, t.id(n))
		case !f.kind.relation():
			parts = append(parts, decodeText(r.attrs[f.slot]))
		default:
			parts = append(parts, strings.Join(f.target.businessKeys(t.related(r, f), depth+1), "+"))
		}
	}
	if len(t.business) == 0 && t.width[0] > 0 {
		parts = append(parts, decodeText(r.attrs[0]))
	}
	return strings.Join(parts, "|")
}

func (t *table) businessKeys(l []int32, depth int) []string {
	keys := make([]string, 0, len(l))
	for _, n := range l {
		if key := t.businessKey(n, depth); key != "" {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}
