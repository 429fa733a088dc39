package orotest

import (
	"maps"
	"slices"
)

// Backup is all that a shop held at a time, its numbers included.
type Backup struct {
	tables    map[string]*table
	operation int
}

// Backup takes one. It is cheap: records are never changed in place.
func (s *Shop) Backup() *Backup {
	s.mu.RLock()
	defer s.mu.RUnlock()
	b := &Backup{tables: make(map[string]*table, len(s.tables)), operation: s.lastOperation}
	for name, t := range s.tables {
		b.tables[name] = t.copied()
	}
	return b
}

// Restore makes the shop what it was: records that came since are gone, and their ids will be given again, as
// PostgreSQL's sequences do. Batches that wait go on.
func (s *Shop) Restore(b *Backup) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.become(b.tables)
	s.lastOperation, s.operations = b.operation, make(map[int]*operation)
}

// become fills the shop's tables with copies of what others hold, which serve again.
func (s *holdings) become(tables map[string]*table) {
	for name, t := range s.tables {
		c := tables[name].copied()
		t.rows, t.count, t.codes, t.names = c.rows, c.count, c.codes, c.names
		t.texts, t.refs, t.listed, t.uniques = c.texts, c.refs, c.listed, c.uniques
	}
	s.spoken = nil
}

// copied is a table that later changes of t do not reach.
func (t *table) copied() *table {
	c := *t
	c.rows, c.names, c.codes = slices.Clone(t.rows), slices.Clone(t.names), maps.Clone(t.codes)
	c.texts, c.refs, c.listed = buckets(t.texts), buckets(t.refs), buckets(t.listed)
	c.uniques = make([]map[string]int32, len(t.uniques))
	for i, m := range t.uniques {
		c.uniques[i] = maps.Clone(m)
	}
	return &c
}

func buckets[K comparable](l []map[K][]int32) []map[K][]int32 {
	out := make([]map[K][]int32, len(l))
	for i, m := range l {
		if m == nil {
			continue
		}
		n := 0
		for _, v := range m {
			n += len(v)
		}
		out[i] = make(map[K][]int32, len(m))
		room := make([]int32, 0, n)
		for k, v := range m {
			room = append(room, v...)
			out[i][k] = room[len(room)-len(v) : len(room) : len(room)]
		}
	}
	return out
}
