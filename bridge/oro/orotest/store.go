package orotest

import (
	"encoding/binary"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
)

// record is one stored entity. Records are never changed once they stand in a table:
// a change is a new record, so readers and undo need no copies.
type record struct {
	serial int32
	attrs  []string  // JSON text by slot; "" is null
	ones   []int32   // serials by slot; 0 is null
	lists  [][]int32 // serials by slot
}

func (r *record) clone() *record {
	c := *r
	c.attrs = slices.Clone(r.attrs)
	c.ones = slices.Clone(r.ones)
	c.lists = slices.Clone(r.lists)
	return &c
}

// table holds the records of one resource with their indexes.
type table struct {
	*resource
	byName map[string]*field
	width  [3]int // slots of attrs, ones, lists

	rows  []*record // by serial; rows[0] is unused
	count int

	codes   map[string]int32 // code ids
	names   []string         // code ids by serial
	texts   []map[string][]int32
	refs    []map[int32][]int32 // by ones slot
	listed  []map[int32][]int32 // by lists slot
	uniques []map[string]int32
	// referrers are the indexed fields elsewhere that lead here.
	referrers []referrer
}

type referrer struct {
	table *table
	field *field
}

func newTable(r *resource) *table {
	t := &table{resource: r, byName: make(map[string]*field), rows: make([]*record, 1)}
	r.fields = slices.Clone(r.fields) // slots and targets belong to one shop
	for i := range r.fields {
		f := &r.fields[i]
		t.byName[f.name] = f
		f.owner = r.name
		if f.kind.relation() && f.kind != computed && f.filter == unfiltered && !f.nofilter {
			f.filter = several
		}
		switch f.kind {
		case one:
			f.slot, t.width[1] = t.width[1], t.width[1]+1
		case many:
			f.slot, t.width[2] = t.width[2], t.width[2]+1
		case inverse, computed:
		default:
			f.slot, t.width[0] = t.width[0], t.width[0]+1
		}
	}
	t.texts = make([]map[string][]int32, t.width[0])
	t.refs = make([]map[int32][]int32, t.width[1])
	t.listed = make([]map[int32][]int32, t.width[2])
	for range r.unique {
		t.uniques = append(t.uniques, make(map[string]int32))
	}
	if r.ids == code {
		t.codes, t.names = make(map[string]int32), make([]string, 1)
	}
	return t
}

// newTables builds the tables of all resources and joins their relations.
// A relation to a resource that no table describes leads to a closed one.
func newTables(resources []resource) map[string]*table {
	tables := make(map[string]*table)
	for i := range resources {
		r := resources[i]
		tables[r.name] = newTable(&r)
	}
	for _, t := range tables {
		for _, f := range t.fields {
			if f.kind.relation() && tables[f.to] == nil {
				tables[f.to] = newTable(&resource{name: f.to})
			}
		}
	}
	for _, t := range tables {
		for i := range t.fields {
			t.join(&t.fields[i], tables)
		}
	}
	return tables
}

func (t *table) join(f *field, tables map[string]*table) {
	if !f.kind.relation() {
		if f.index {
			t.texts[f.slot] = make(map[string][]int32)
		}
		return
	}
	f.target = tables[f.to]
	if f.kind == inverse {
		f.source = f.target.byName[f.via]
		f.target.indexRelation(f.source, t)
	}
	if f.index {
		t.indexRelation(f, f.target)
	}
}

func (t *table) indexRelation(f *field, target *table) {
	indexes := t.refs
	if f.kind == many {
		indexes = t.listed
	}
	if indexes[f.slot] == nil {
		indexes[f.slot] = make(map[int32][]int32)
		target.referrers = append(target.referrers, referrer{t, f})
	}
}

// blank is an empty record with the next serial. As in a database, a serial is never used again.
func (t *table) blank() *record {
	t.rows = append(t.rows, nil)
	if t.ids == code {
		t.names = append(t.names, "")
	}
	r := &record{serial: int32(len(t.rows) - 1)}
	if t.width[0] > 0 {
		r.attrs = make([]string, t.width[0])
	}
	if t.width[1] > 0 {
		r.ones = make([]int32, t.width[1])
	}
	if t.width[2] > 0 {
		r.lists = make([][]int32, t.width[2])
	}
	return r
}

func (t *table) get(n int32) *record {
	if n <= 0 || int(n) >= len(t.rows) {
		return nil
	}
	return t.rows[n]
}

// identify gives a record of a code table its id.
func (t *table) identify(n int32, id string) {
	t.names[n] = id
	t.codes[id] = n
}

// key is the text that a unique constraint compares; "" when a part is null.
func (t *table) key(u *unique, r *record) string {
	var b strings.Builder
	for i, name := range u.fields {
		if i > 0 {
			b.WriteByte(0)
		}
		part := ""
		if f := t.byName[name]; f.kind == one {
			part = strconv.Itoa(int(r.ones[f.slot]))
		} else {
			part = r.attrs[f.slot]
		}
		if part == "" || part == "0" && t.byName[name].kind == one {
			return ""
		}
		b.WriteString(part)
	}
	if u.fold {
		return strings.ToUpper(b.String())
	}
	return b.String()
}

// taken reports whether another record has the key of r.
func (t *table) taken(i int, r *record, unseen func(*table, int32) bool) bool {
	u := &t.unique[i]
	key := t.key(u, r)
	if key == "" {
		return false
	}
	if u.enforced {
		n, ok := t.uniques[i][key]
		return ok && n != r.serial
	}
	f := t.byName[u.fields[0]]
	return slices.ContainsFunc(t.texts[f.slot][key], func(n int32) bool { return n != r.serial && !unseen(t, n) })
}

// replace puts a new record in the place of an old one; either may be nil.
// It reports false, with nothing done, when an enforced constraint is broken.
func (t *table) replace(old, next *record) bool {
	if next != nil {
		for i := range t.unique {
			if t.unique[i].enforced && t.taken(i, next, nil) {
				return false
			}
		}
	}
	for i := range t.unique {
		t.rekey(i, old, next)
	}
	for slot := range t.texts {
		if t.texts[slot] != nil {
			reindex(t.texts[slot], attrOf(old, slot), attrOf(next, slot), serialOf(old, next), false)
		}
	}
	for slot := range t.refs {
		if t.refs[slot] != nil {
			reindex(t.refs[slot], oneOf(old, slot), oneOf(next, slot), serialOf(old, next), t.moves)
		}
	}
	for slot := range t.listed {
		if t.listed[slot] != nil {
			t.relist(slot, old, next)
		}
	}
	t.rows[serialOf(old, next)] = next
	switch {
	case old == nil:
		t.count++
	case next == nil:
		t.count--
	}
	return true
}

func (t *table) rekey(i int, old, next *record) {
	u := &t.unique[i]
	if !u.enforced {
		return
	}
	if old != nil {
		delete(t.uniques[i], t.key(u, old))
	}
	if next != nil {
		if key := t.key(u, next); key != "" {
			t.uniques[i][key] = next.serial
		}
	}
}

func (t *table) relist(slot int, old, next *record) {
	n := serialOf(old, next)
	var before, after []int32
	if old != nil {
		before = old.lists[slot]
	}
	if next != nil {
		after = next.lists[slot]
	}
	if slices.Equal(before, after) {
		return
	}
	for _, to := range before {
		remove(t.listed[slot], to, n)
	}
	for _, to := range after {
		t.listed[slot][to] = append(t.listed[slot][to], n)
	}
}

// reindex moves record n from one bucket to another. Buckets are in the order of writing.
func reindex[K comparable](m map[K][]int32, from, to K, n int32, always bool) {
	if from == to && !always {
		return
	}
	var none K
	if from != none {
		remove(m, from, n)
	}
	if to != none {
		m[to] = append(m[to], n)
	}
}

// remove takes n out of a bucket. It looks from the end: bulk deletion goes backwards.
func remove[K comparable](m map[K][]int32, key K, n int32) {
	bucket := m[key]
	for i := len(bucket) - 1; i >= 0; i-- {
		if bucket[i] != n {
			continue
		}
		if len(bucket) == 1 {
			delete(m, key)
			return
		}
		// readers may hold the old slice: they run under the same lock, so moving in place is safe
		m[key] = append(bucket[:i], bucket[i+1:]...)
		return
	}
}

func attrOf(r *record, slot int) string {
	if r == nil {
		return ""
	}
	return r.attrs[slot]
}

func oneOf(r *record, slot int) int32 {
	if r == nil {
		return 0
	}
	return r.ones[slot]
}

func serialOf(old, next *record) int32 {
	if next != nil {
		return next.serial
	}
	return old.serial
}

// id is the id of record n in the API.
func (t *table) id(n int32) string {
	switch t.ids {
	case code:
		return t.names[n]
	case guid:
		id := guidOf(n)
		if r := t.get(n); t.suffix != "" && r != nil {
			f := t.byName[t.suffix]
			id += "-" + f.target.id(r.ones[f.slot])
		}
		return id
	case joined:
		var parts []string
		for _, name := range t.unique[0].fields {
			parts = append(parts, itoa(int(t.get(n).ones[t.byName[name].slot])))
		}
		return strings.Join(parts, "-")
	}
	return strconv.Itoa(int(n))
}

// joins reports whether an id is made of as many numbers as those of this table are.
func (t *table) joins(id string) bool {
	parts := strings.Split(id, "-")
	return len(parts) == len(t.unique[0].fields) && !slices.ContainsFunc(parts, func(s string) bool {
		_, err := strconv.ParseUint(s, 10, 31)
		return err != nil
	})
}

// parseID is the serial that an id names, 0 when there is none; ok is false when it is no id at all.
func (t *table) parseID(id string) (n int32, ok bool) {
	switch t.ids {
	case code:
		return t.codes[id], true
	case guid:
		plain := id
		if t.suffix != "" && len(id) > guidLength {
			plain = id[:guidLength]
		}
		n = guidSerial(plain)
		if t.get(n) == nil || t.id(n) != id {
			return 0, true
		}
		return n, true
	case joined:
		return t.uniques[0][strings.ReplaceAll(id, "-", "\x00")], true
	}
	v, err := strconv.ParseInt(id, 10, 64)
	if err != nil || strconv.FormatInt(v, 10) != id {
		return 0, false
	}
	if v <= 0 || v >= int64(len(t.rows)) {
		return 0, true
	}
	return int32(v), true
}

// A guid is worked out from the serial and back, so that no table of them is kept.
const (
	guidLength = 36
	guidOdd    = 0x9E3779B97F4A7C15
	guidBack   = 0xF1DE83E19937733D // the inverse of guidOdd, modulo 2^64
	guidMask   = 0x5DEECE66DA3C59B1
)

func guidOf(n int32) string {
	hi := uint64(n)*guidOdd ^ guidMask
	var raw [16]byte
	binary.BigEndian.PutUint64(raw[:8], hi)
	binary.BigEndian.PutUint64(raw[8:], (hi>>7|hi<<57)*guidOdd)
	h := hex.EncodeToString(raw[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

func guidSerial(id string) int32 {
	hi, err := strconv.ParseUint(strings.ReplaceAll(id[:min(len(id), 18)], "-", ""), 16, 64)
	if err != nil {
		return 0
	}
	n := int32((hi ^ guidMask) * guidBack)
	if n <= 0 || guidOf(n) != id {
		return 0
	}
	return n
}

// related lists the records that a relation of a stored record leads to.
func (t *table) related(r *record, f *field) []int32 {
	switch f.kind {
	case one:
		if n := r.ones[f.slot]; n != 0 {
			return []int32{n}
		}
	case many:
		return r.lists[f.slot]
	case inverse:
		if f.source.kind == many {
			return f.target.listed[f.source.slot][r.serial]
		}
		return f.target.refs[f.source.slot][r.serial]
	}
	return nil
}
