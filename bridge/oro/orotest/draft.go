package orotest

import (
	"errors"
	"slices"
)

// draft is one item of a request on its way into the shop: the record, and all that is written with it.
// It sees its own changes over those of the shop; nobody else does before commit.
type draft struct {
	shop     *holdings
	by       *access // who writes; nil is the shop itself
	extID    bool
	staged   map[place]*record // nil value: deleted
	order    []place
	entries  []*entity
	sources  *sources             // the included records of the request
	links    map[identifier]int32 // what the request calls its records
	broken   broken               // why the flush will fail
	batch    bool                 // one item of several
	patching bool                 // the primary record is changed, not made or upserted
	// validating is a dry run: what is given when a record is stored is not given.
	validating bool
	done       []change
	counted    bool    // a batch counts it as an update
	drawn      []place // the first serial that was drawn of each table
}

// place names a record.
type place struct {
	table  *table
	serial int32
}

// change is what a commit did to one place.
type change struct {
	table     *table
	old, next *record
}

// broken says why a flush fails.
type broken uint8

const (
	driverBroken  broken = iota + 1 // a value that a column has no room for
	notNullBroken                   // a column that must not be null
	runtimeBroken                   // something the shop does on storing
	errorBroken
)

var (
	errDriver  = errors.New("driver exception")
	errNotNull = errors.New("not null constraint violation exception")
	errRuntime = errors.New("runtime exception")
	errError   = errors.New("error exception")
)

// ErrTaken is the error of a record whose key another one has.
var ErrTaken = errors.New("the entity already exists")

func (s *holdings) draft(extID bool) *draft {
	return &draft{shop: s, extID: extID, staged: make(map[place]*record)}
}

func (d *draft) get(t *table, n int32) *record {
	if r, ok := d.staged[place{t, n}]; ok {
		return r
	}
	return t.get(n)
}

func (d *draft) put(t *table, r *record) {
	p := place{t, r.serial}
	if _, ok := d.staged[p]; !ok {
		d.order = append(d.order, p)
	}
	d.staged[p] = r
}

// edit is a record of this draft that may be changed.
func (d *draft) edit(t *table, n int32) *record {
	if r, ok := d.staged[place{t, n}]; ok {
		return r
	}
	r := t.get(n)
	if r == nil {
		return nil
	}
	r = r.clone()
	d.put(t, r)
	return r
}

// draw remembers where the serials of a table stood before this draft took any.
func (d *draft) draw(t *table) {
	if !slices.ContainsFunc(d.drawn, func(p place) bool { return p.table == t }) {
		d.drawn = append(d.drawn, place{t, int32(len(t.rows))})
	}
}

// abandon gives the serials back that were drawn for what never reached the database: the shop draws them only on storing.
// Nothing may have been drawn since, except by drafts that were abandoned before.
func (d *draft) abandon() {
	for _, p := range d.drawn {
		p.table.rows = p.table.rows[:p.serial]
		if p.table.ids == code {
			p.table.names = p.table.names[:p.serial]
		}
	}
	d.drawn = nil
}

// create is a new record with the values that the table starts with.
func (d *draft) create(name string) *entity {
	t := d.shop.tables[name]
	d.draw(t)
	r := t.blank()
	e := &entity{draft: d, table: t, record: r, created: true}
	for i := range t.fields {
		f := &t.fields[i]
		if f.init == "" || f.late && d.validating {
			continue
		}
		if f.kind == one {
			r.ones[f.slot], _ = f.target.parseID(f.init)
		} else if !f.kind.relation() {
			r.attrs[f.slot] = f.init
		}
	}
	d.put(t, r)
	e.touch("createdAt")
	e.touch("updatedAt")
	return e
}

func (d *draft) entity(t *table, n int32) *entity {
	r := d.edit(t, n)
	if r == nil {
		return nil
	}
	return &entity{draft: d, table: t, record: r}
}

// delete removes a record with everything that cannot be without it.
func (d *draft) delete(t *table, n int32) {
	r := d.get(t, n)
	if r == nil {
		return
	}
	p := place{t, n}
	if _, ok := d.staged[p]; !ok {
		d.order = append(d.order, p)
	}
	d.staged[p] = nil
	if t.gone != nil {
		t.gone(d, r)
	}
	for i := range t.fields {
		if f := &t.fields[i]; f.takesAlong && r.ones[f.slot] != 0 {
			d.delete(f.target, r.ones[f.slot])
		}
	}
	for _, ref := range t.referrers {
		for _, m := range d.leadingTo(ref.table, ref.field, n) {
			d.release(ref, m, n)
		}
	}
}

// release ends the relation of record m to record n, which goes.
func (d *draft) release(ref referrer, m, n int32) {
	f := ref.field
	var left []int32
	if f.kind == many {
		left = slices.DeleteFunc(slices.Clone(d.get(ref.table, m).lists[f.slot]), func(x int32) bool { return x == n })
	}
	if f.cascade && len(left) == 0 {
		d.delete(ref.table, m)
		return
	}
	r := d.edit(ref.table, m)
	if f.kind == many {
		r.lists[f.slot] = left
		return
	}
	r.ones[f.slot] = 0
}

// leadingTo lists the records of t whose field f leads to n, this draft's changes included.
func (d *draft) leadingTo(t *table, f *field, n int32) []int32 {
	leads := func(r *record) bool {
		if f.kind == many {
			return slices.Contains(r.lists[f.slot], n)
		}
		return r.ones[f.slot] == n
	}
	var stored, found []int32
	if f.kind == many {
		stored = t.listed[f.slot][n]
	} else {
		stored = t.refs[f.slot][n]
	}
	for _, m := range stored {
		if _, changed := d.staged[place{t, m}]; !changed || !t.moves {
			if r := d.get(t, m); r != nil && leads(r) {
				found = append(found, m)
			}
		}
	}
	for _, p := range d.order {
		if r := d.staged[p]; p.table == t && r != nil && leads(r) && !slices.Contains(found, p.serial) {
			found = append(found, p.serial)
		}
	}
	return found
}

// commit writes the draft into the shop, or nothing of it.
func (d *draft) commit() error {
	switch d.broken {
	case driverBroken:
		return errDriver
	case notNullBroken:
		return errNotNull
	case runtimeBroken:
		return errRuntime
	case errorBroken:
		return errError
	}
	for _, p := range d.order {
		old, next := p.table.get(p.serial), d.staged[p]
		if old == nil && next == nil {
			continue
		}
		if !p.table.replace(old, next) {
			d.rollback()
			return ErrTaken
		}
		d.done = append(d.done, change{p.table, old, next})
	}
	return nil
}

// rollback takes a commit back. Serials stay used.
func (d *draft) rollback() {
	for _, c := range slices.Backward(d.done) {
		c.table.replace(c.next, c.old)
	}
	d.done = nil
}

// problems are the errors of all entities, in the order in which the shop lists them.
func (d *draft) problems() []problem {
	var l []problem
	for _, e := range d.entries {
		l = append(l, e.violations...)
		l = append(l, e.refused...)
	}
	return l
}

// entity is a record being written.
type entity struct {
	*draft
	table   *table
	record  *record
	created bool

	wish       *item  // as it was sent
	pointer    string // where it stands in the document
	index      int    // in included; -1 is primary
	sentID     string
	bare       bool // errors have no pointers
	existing   bool // found by its key, though it was to be created
	violations []problem
	refused    []problem       // what could not be read or resolved
	invalid    map[string]bool // fields of refused
	derived    map[string]bool // fields that were worked out from sent ones, and count as sent
}

func (e *entity) text(name string) string {
	return decodeText(e.record.attrs[e.table.byName[name].slot])
}

func (e *entity) raw(name string) string { return e.record.attrs[e.table.byName[name].slot] }

func (e *entity) set(name, raw string) { e.record.attrs[e.table.byName[name].slot] = raw }

// touch stamps a time field, if the resource has it.
func (e *entity) touch(name string) {
	if f := e.table.byName[name]; f != nil && f.kind == moment {
		e.record.attrs[f.slot] = stamp(e.shop.clock())
	}
}

func (e *entity) ref(name string) int32 { return e.record.ones[e.table.byName[name].slot] }

func (e *entity) setRef(name string, n int32) { e.record.ones[e.table.byName[name].slot] = n }

func (e *entity) setList(name string, l []int32) { e.record.lists[e.table.byName[name].slot] = l }

// one is the record that a relation leads to, nil when it leads nowhere.
func (e *entity) one(name string) *entity {
	f := e.table.byName[name]
	r := e.get(f.target, e.record.ones[f.slot])
	if r == nil {
		return nil
	}
	return &entity{draft: e.draft, table: f.target, record: r}
}

// members are the records that an inverse relation leads to.
func (e *entity) members(name string) []*entity {
	f := e.table.byName[name]
	var l []*entity
	for _, n := range e.leadingTo(f.target, f.source, e.record.serial) {
		l = append(l, &entity{draft: e.draft, table: f.target, record: e.get(f.target, n)})
	}
	return l
}
