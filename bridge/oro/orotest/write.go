package orotest

import (
	"encoding/json"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/shopspring/decimal"
)

// item is a resource object of a request.
type item struct {
	Type          string                     `json:"type"`
	ID            string                     `json:"id"`
	Meta          map[string]json.RawMessage `json:"meta"`
	Attributes    map[string]json.RawMessage `json:"attributes"`
	Relationships map[string]struct {
		Data json.RawMessage `json:"data"`
	} `json:"relationships"`
}

// identifier is a link to a record in a request.
type identifier struct {
	Type string `json:"type"`
	ID   string `json:"id"`
}

func (it *item) meta(name string) bool {
	var v bool
	return json.Unmarshal(it.Meta[name], &v) == nil && v
}

// sources are the included records of a request.
type sources struct {
	items []item
	byRef map[identifier]int
	used  []bool
}

func newSources(items []item) *sources {
	s := &sources{items: items, byRef: make(map[identifier]int, len(items)), used: make([]bool, len(items))}
	for i, it := range items {
		s.byRef[identifier{it.Type, it.ID}] = i
	}
	return s
}

// unlinked are the errors for included records that nothing refers to.
func (s *sources) unlinked() []problem {
	var l []problem
	for i, used := range s.used {
		if !used {
			l = append(l, problem{
				status: 400, title: "request data constraint", pointer: pointerAt("included", i),
				detail: "The entity should have a relationship with the primary entity and this should be explicitly specified in the request",
			})
		}
	}
	return l
}

// primary reads a primary item into the draft and validates it. Errors are in problems.
func (d *draft) primary(t *table, it *item, pointer string, whole, update bool) *entity {
	e := &entity{draft: d, table: t, pointer: pointer, whole: whole, index: -1, sentID: it.ID}
	d.entries = append(d.entries, e)
	if !e.find(it, update) {
		return e
	}
	e.submit(it)
	slices.SortStableFunc(d.entries, func(a, b *entity) int { return a.index - b.index })
	for _, e := range slices.Backward(d.entries) {
		if e.table.complete != nil {
			e.table.complete(e)
		}
	}
	for _, e := range d.entries {
		e.check()
	}
	return e
}

// find makes the record that the item is about, or opens the one that is there already.
func (e *entity) find(it *item, update bool) bool {
	fail := func(status int, title, detail string) bool {
		e.violations = append(e.violations, problem{status: status, title: title, detail: detail, pointer: e.at("")})
		return false
	}
	flagged := func(detail, flag string) bool {
		p := problem{status: 400, title: "value constraint", detail: detail, pointer: "/meta/" + flag}
		if e.whole { // a single document is blamed without its data
			p.pointer = e.pointer + p.pointer
		}
		e.violations = append(e.violations, p)
		return false
	}
	if it.meta("validate") && !e.table.validate {
		return flagged("The option is not supported.", "validate")
	}
	n, found := int32(0), 0
	switch fields, wanted := it.upsertFields(); {
	case wanted:
		if !e.table.upsertable(e.draft, fields) {
			return flagged("The upsert operation is not allowed.", "upsert")
		}
		if n, found = e.upsertTarget(it, fields); found > 1 {
			return fail(409, "conflict constraint", "The upsert operation founds more than one entity.")
		}
	case update:
		if n, _ = e.shop.lookup(e.table, it.ID, e.extID); e.get(e.table, n) == nil {
			return fail(404, "not found http exception", "An entity with the requested identifier does not exist.")
		}
	}
	if n != 0 {
		e.record, e.existing = e.edit(e.table, n), true
		e.touch("updatedAt")
		return true
	}
	e.record, e.created = e.create(e.table.name).record, true
	if e.extID && e.shop.byExtID(e.table) {
		e.set(e.table.extKey, encode(it.ID))
	}
	return true
}

// upsertFields are the fields by which an item is to be found; none means its id.
func (it *item) upsertFields() (fields []string, wanted bool) {
	raw, ok := it.Meta["upsert"]
	if !ok {
		return nil, false
	}
	if json.Unmarshal(raw, &fields) == nil {
		return fields, true
	}
	return nil, it.meta("upsert")
}

// upsertable reports whether the shop allows an upsert by these fields.
func (t *table) upsertable(d *draft, fields []string) bool {
	if len(fields) == 0 {
		return d.extID && d.shop.byExtID(t)
	}
	return slices.Equal(fields, t.upsert)
}

func (e *entity) upsertTarget(it *item, fields []string) (n int32, found int) {
	key, f := encode(it.ID), e.table.byName[e.table.extKey]
	if len(fields) > 0 {
		f = e.table.byName[fields[0]]
		key, _ = f.parse(it.Attributes[f.name])
	}
	l := e.table.texts[f.slot][key]
	if len(l) == 0 {
		return 0, 0
	}
	return l[0], len(l)
}

// submit takes the fields of an item over.
func (e *entity) submit(it *item) {
	e.invalid = make(map[string]bool)
	e.linked(identifier{it.Type, it.ID}, e.record.serial)
	for i := range e.table.fields {
		f := &e.table.fields[i]
		if rel, ok := it.Relationships[f.name]; ok && f.kind.relation() && !f.readonly {
			e.relate(f, rel.Data)
		}
		if raw, ok := it.Attributes[f.name]; ok && !f.kind.relation() && !f.readonly {
			e.assign(f, raw)
		}
	}
	e.extra(it)
}

// extra refuses fields that the resource does not have.
func (e *entity) extra(it *item) {
	var names []string
	for name := range it.Attributes {
		if f := e.table.byName[name]; f == nil || f.kind.relation() {
			names = append(names, name)
		}
	}
	for name := range it.Relationships {
		if f := e.table.byName[name]; f == nil || !f.kind.relation() {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return
	}
	slices.Sort(names)
	e.refused = append(e.refused, problem{
		status: 400, title: "extra fields constraint", pointer: e.at(""),
		detail: `This form should not contain extra fields: "` + strings.Join(names, `", "`) + `".`,
	})
}

// widest is the first number that a money column has no room for.
var widest = decimal.New(1, 15)

func (e *entity) assign(f *field, raw json.RawMessage) {
	value, ok := f.parse(raw)
	if !ok {
		e.refuse(f.name, "This value is not valid.")
		return
	}
	if f.column > 0 && utf8.RuneCountInString(decodeText(value)) > f.column {
		e.driver = true
	}
	if (f.kind == money || f.kind == amount) && decimalOf(value).Abs().GreaterThanOrEqual(widest) {
		e.driver = true
	}
	e.record.attrs[f.slot] = value
}

func (e *entity) relate(f *field, raw json.RawMessage) {
	if f.kind == one {
		var to *identifier
		if json.Unmarshal(raw, &to) != nil {
			e.refuse(f.name, "This value is not valid.")
			return
		}
		n := int32(0)
		if to != nil {
			if n = e.resolve(f, *to); n == 0 {
				e.refuse(f.name, "The entity does not exist.")
			}
		}
		e.record.ones[f.slot] = n
		return
	}
	var to []identifier
	if json.Unmarshal(raw, &to) != nil {
		e.refuse(f.name, "This value is not valid.")
		return
	}
	var wanted []int32
	for _, id := range to {
		n := e.resolve(f, id)
		if n == 0 {
			e.refuse(f.name, "The entity does not exist.")
			continue
		}
		wanted = append(wanted, n)
	}
	switch f.kind {
	case many:
		e.record.lists[f.slot] = wanted
	case inverse:
		e.gather(f, wanted)
	}
}

// gather makes an inverse relation lead to the wanted records only.
func (e *entity) gather(f *field, wanted []int32) {
	for _, n := range e.leadingTo(f.target, f.source, e.record.serial) {
		if slices.Contains(wanted, n) {
			continue
		}
		if f.orphans {
			e.delete(f.target, n)
			continue
		}
		e.release(referrer{f.target, f.source}, n, e.record.serial)
	}
	for _, n := range wanted {
		r := e.get(f.target, n)
		switch {
		case r == nil:
		case f.source.kind == one && r.ones[f.source.slot] != e.record.serial:
			e.edit(f.target, n).ones[f.source.slot] = e.record.serial
		case f.source.kind == many && !slices.Contains(r.lists[f.source.slot], e.record.serial):
			r = e.edit(f.target, n)
			r.lists[f.source.slot] = append(slices.Clone(r.lists[f.source.slot]), e.record.serial)
		}
	}
}

// resolve is the record that a link names: a record of the request or one of the shop.
func (e *entity) resolve(f *field, id identifier) int32 {
	if id.Type != f.target.name {
		return 0
	}
	if n, ok := e.links[id]; ok {
		return n
	}
	if e.sources != nil {
		if i, ok := e.sources.byRef[id]; ok {
			return e.include(f.target, i)
		}
	}
	n, _ := e.shop.lookup(f.target, id.ID, e.extID)
	if e.get(f.target, n) == nil && !f.target.shapeless(n) {
		return 0
	}
	return n
}

// shapeless reports whether n is a record of which only the id is known.
func (t *table) shapeless(n int32) bool { return t.actions == closed && n > 0 && int(n) < len(t.rows) }

// include writes the included record i along.
func (e *entity) include(t *table, i int) int32 {
	it := &e.sources.items[i]
	e.sources.used[i] = true
	in := &entity{draft: e.draft, table: t, pointer: pointerAt("included", i), whole: true, index: i, sentID: it.ID}
	if it.meta("update") {
		n, _ := e.shop.lookup(t, it.ID, e.extID)
		if in.record = e.edit(t, n); in.record == nil {
			return 0
		}
		in.existing = true
		in.touch("updatedAt")
	} else {
		in.record, in.created = e.create(t.name).record, true
	}
	e.draft.entries = append(e.draft.entries, in)
	in.submit(it)
	return in.record.serial
}

// linked remembers under which id the request speaks of a record.
func (d *draft) linked(id identifier, n int32) {
	if d.links == nil {
		d.links = make(map[identifier]int32)
	}
	d.links[id] = n
}

// check validates the record as it would be stored.
func (e *entity) check() {
	if e.get(e.table, e.record.serial) == nil || e.invalid == nil {
		return
	}
	for _, c := range e.table.first {
		c(e)
	}
	for i, u := range e.table.unique {
		if e.table.taken(i, e.record) {
			e.violate("unique entity", u.pointer, "%s", u.detail)
		}
	}
	for i := range e.table.fields {
		e.checkField(&e.table.fields[i])
	}
	for _, c := range e.table.last {
		c(e)
	}
}

func (e *entity) checkField(f *field) {
	if f.check != nil {
		f.check(e)
	}
	if f.kind == one {
		if f.required != "" && e.record.ones[f.slot] == 0 && !e.invalid[f.name] {
			e.violate("not blank", f.name, "%s", f.required)
		}
		return
	}
	if f.kind.relation() {
		return
	}
	value := e.record.attrs[f.slot]
	if f.required != "" && (value == "" || value == `""`) && !e.invalid[f.name] {
		e.violate("not blank", f.name, "%s", f.required)
	}
	if value == "" {
		return
	}
	if f.min > 0 || f.max > 0 {
		e.checkLength(f, utf8.RuneCountInString(decodeText(value)))
	}
	if f.choices != nil && !slices.Contains(f.choices, decodeText(value)) {
		e.violate("choice", f.name, "The value you selected is not a valid choice.")
	}
}

func (e *entity) checkLength(f *field, n int) {
	if n < f.min {
		e.violate("length", f.name, "This value is too short. It should have %d characters or more.", f.min)
	}
	if f.max > 0 && n > f.max {
		e.violate("length", f.name, "This value is too long. It should have %d characters or less.", f.max)
	}
}

// lookup is the record that an id names, in the id's own or the ext_id way; ok is false when the id has no meaning.
func (s *Shop) lookup(t *table, id string, extID bool) (n int32, ok bool) {
	if !extID || !s.byExtID(t) {
		return t.parseID(id)
	}
	l := t.texts[t.byName[t.extKey].slot][encode(id)]
	if len(l) == 0 {
		return 0, true
	}
	return l[0], true
}

// byExtID reports whether the resource goes by its key in ext_id mode.
func (s *Shop) byExtID(t *table) bool { return t.extKey != "" && s.extEntities[t.name] }
