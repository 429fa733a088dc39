package orotest

import (
	"encoding/json"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/shopspring/decimal"
)

// A record is written in stages, as the shop does it; errors of one stage end the request before the next:
//
//	prepare  what the item wishes, and whether its links can be ids
//	find     which record it is about
//	submit   the fields are taken over; what cannot be read is refused
//	check    the rules

// primary reads a primary item into the draft and validates it. Errors are in problems.
func (d *draft) primary(t *table, it *item, pointer string, update bool) *entity {
	e := &entity{draft: d, table: t, pointer: pointer, index: -1, sentID: it.ID, wish: it}
	d.entries = append(d.entries, e)
	wishes := e.prepare(update)
	if wishes == nil || !e.find(*wishes, update) {
		return e
	}
	d.patching = update && !wishes.upsert
	d.linked(identifier{it.Type, it.ID}, e.record.serial)
	e.submit(it)
	if d.sources != nil {
		for _, i := range d.sources.reached(it) {
			if !slices.ContainsFunc(d.entries, func(e *entity) bool { return e.index == i }) {
				if to := d.shop.tables[d.sources.items[i].Type]; to != nil {
					e.include(to, i)
				}
			}
		}
	}
	slices.SortStableFunc(d.entries, func(a, b *entity) int { return a.index - b.index })
	for _, e := range append(slices.Clone(d.entries[1:]), d.entries[0]) { // what belongs to a record comes before it
		if e.table.complete != nil && e.record != nil {
			e.table.complete(e)
		}
	}
	for _, e := range d.entries {
		e.check()
	}
	return e
}

// fault notes an error that ends the request.
func (e *entity) fault(status int, title, detail, pointer string) {
	e.violations = append(e.violations, problem{status: status, title: title, detail: detail, pointer: pointer})
}

// prepare reads the flags and checks the types and ids of all links; nil when the item cannot be written.
func (e *entity) prepare(update bool) *flags {
	meta := "/meta"
	if e.batch {
		meta = e.pointer + "/meta"
	}
	wishes, bad := e.wish.flags(meta)
	switch _, sent := e.wish.Meta["update"]; {
	case bad != nil:
		e.violations = append(e.violations, *bad)
	case sent && !e.batch:
		e.fault(400, "value constraint", "The option is not supported.", meta+"/update")
	case wishes.validate && !e.table.validate && !e.batch:
		e.fault(400, "value constraint", "The option is not supported.", meta+"/validate")
	}
	if e.extID && e.shop.byExtID(e.table) && e.wish.ID == "" {
		e.fault(400, "entity identifier constraint", "The identifier is mandatory", e.pointer+"/id")
	}
	e.normalise(e.wish, e.pointer)
	if s := e.sources; s != nil {
		if e.batch { // the others are another item's
			for _, i := range s.reached(e.wish) {
				e.prepareIncluded(i)
			}
		} else {
			for i := range s.items {
				e.prepareIncluded(i)
			}
			e.violations = append(e.violations, s.repeated()...)
		}
		if len(e.violations) == 0 && !e.batch {
			e.violations = append(e.violations, s.unlinked(e.wish)...)
		}
	}
	if len(e.violations) > 0 {
		return nil
	}
	return &wishes
}

// prepareIncluded checks what an included record is about.
func (e *entity) prepareIncluded(i int) {
	it, pointer := &e.sources.items[i], pointerAt("included", i)
	t := e.shop.tables[it.Type]
	wishes, bad := it.flags(pointer + "/meta")
	switch {
	case t == nil:
		e.fault(400, "entity type constraint", "Unknown entity type: "+it.Type+".", pointer+"/type")
		return
	case bad != nil:
		e.violations = append(e.violations, *bad)
		return
	case wishes.update || wishes.upsert && wishes.upsertBy == nil:
		if n, _ := e.shop.lookup(t, it.ID, e.extID); wishes.update && e.get(t, n) == nil {
			e.fault(400, "entity constraint", "The entity does not exist.", pointer)
		}
	case t == e.table && t.noNewKin:
		e.fault(400, "new included entity existence constraint",
			"Creation a new include entity that can lead to a circular dependency is forbidden.", pointer)
	}
	e.normalise(it, pointer)
}

// normalise checks the links of an item as far as their form goes.
func (e *entity) normalise(it *item, pointer string) {
	t := e.shop.tables[it.Type]
	for _, name := range it.Relationships.names {
		raw := it.Relationships.values[name]
		var f *field
		if t != nil && t.byName[name] != nil && t.byName[name].kind.relation() {
			f = t.byName[name]
		}
		at := pointer + "/relationships/" + name + "/data"
		for i, id := range readIdentifiers(raw) {
			where := at
			if isArray(raw) {
				where = pointerIn(at, i)
			}
			e.normaliseLink(f, id, where)
		}
	}
}

func (e *entity) normaliseLink(f *field, id identifier, at string) {
	to := e.shop.tables[id.Type]
	switch {
	case to == nil:
		e.fault(400, "entity type constraint", "Unknown entity type: "+id.Type+".", at+"/type")
	case f == nil:
	case to != f.target && !f.anything:
		e.fault(400, "entity type constraint", "Not acceptable entity type.", at+"/type")
	case e.sources != nil && e.sources.holds(id), e.wish != nil && id == (identifier{e.wish.Type, e.wish.ID}):
	default:
		if _, ok := e.shop.lookup(to, id.ID, e.extID); !ok {
			e.fault(400, "entity identifier constraint", `Expected integer value. Given "`+id.ID+`".`, at+"/id")
		}
	}
}

func (s *sources) holds(id identifier) bool {
	_, ok := s.byRef[id]
	return ok
}

// find makes the record that the item is about, or opens the one that is there already.
func (e *entity) find(w flags, update bool) bool {
	it := e.wish
	keyed := e.extID && e.shop.byExtID(e.table)
	flagged := func(detail string) bool {
		at := "/meta/upsert"
		if e.batch {
			at = e.pointer + at
		}
		e.fault(400, "value constraint", detail, at)
		return false
	}
	n, found := int32(0), 0
	switch {
	case w.upsert:
		if detail := e.table.upsertRefused(w, update, keyed); detail != "" {
			return flagged(detail)
		}
		if n, found = e.table.upsertTarget(it, w.upsertBy); found > 1 {
			e.fault(409, "conflict constraint", "The upsert operation founds more than one entity.", e.whole())
			return false
		}
	case update:
		if it.ID == "" && e.batch {
			e.fault(400, "entity identifier constraint", "The identifier of an entity must be set in the context.", e.whole())
			return false
		}
		var ok bool
		n, ok = e.shop.lookup(e.table, it.ID, e.extID)
		if !ok {
			e.fault(400, "entity identifier constraint", `Expected integer value. Given "`+it.ID+`".`, e.whole())
			return false
		}
		if e.get(e.table, n) == nil {
			e.fault(404, "not found http exception", "An entity with the requested identifier does not exist.", e.whole())
			return false
		}
	case keyed:
		if n, _ := e.shop.lookup(e.table, it.ID, true); n != 0 {
			e.fault(409, "conflict constraint", "The entity already exists.", e.whole())
			return false
		}
	}
	e.validating = w.validate && e.table.validate && !e.batch
	if n != 0 && e.table.rests != nil && e.table.rests(&entity{draft: e.draft, table: e.table, record: e.get(e.table, n)}) {
		e.fault(403, "access denied exception", `No access by "EDIT" permission to the entity.`, e.whole())
		return false
	}
	if n != 0 {
		e.record, e.existing = e.edit(e.table, n), true
		e.touch("updatedAt")
		return true
	}
	e.record, e.created = e.create(e.table.name).record, true
	if keyed {
		e.set(e.table.extKey, encode(it.ID))
	}
	return true
}

// whole is the pointer of errors about the whole record: a single document's have none.
func (e *entity) whole() string {
	if e.batch || e.index >= 0 {
		return e.pointer
	}
	return ""
}

// upsertRefused says why the shop does not allow an upsert; "" is allowed.
func (t *table) upsertRefused(w flags, update, keyed bool) string {
	const notAllowed = "The upsert operation is not allowed."
	byID := w.upsertBy == nil || keyed && slices.Equal(w.upsertBy, []string{t.extKey})
	enabled := keyed || len(t.upsert) > 0
	switch {
	case update && !keyed:
		return "The upsert operation is not supported for resources with auto-generated identifier value."
	case !enabled:
		return notAllowed
	case byID && keyed:
		return ""
	case byID:
		return "The upsert operation cannot use the entity identifier to find an entity."
	case slices.Equal(w.upsertBy, t.upsert) && !keyed:
		return ""
	case len(w.upsertBy) > 1:
		return "The upsert operation cannot use these fields to find an entity."
	}
	return "The upsert operation cannot use this field to find an entity."
}

// upsertTarget finds the record that an upsert means.
func (t *table) upsertTarget(it *item, fields []string) (n int32, found int) {
	key, f := encode(it.ID), t.byName[t.extKey]
	if len(fields) > 0 && fields[0] != t.extKey {
		f = t.byName[fields[0]]
		raw, _ := it.Attributes.get(f.name)
		key, _ = f.parse(raw)
	}
	l := t.texts[f.slot][key]
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
		if !e.takes(f) {
			continue
		}
		rel, related := it.Relationships.get(f.name)
		raw, plain := it.Attributes.get(f.name)
		switch {
		case related && f.kind.relation():
			e.relate(f, rel)
		case plain && !f.kind.relation():
			e.assign(f, raw)
		case related && string(rel) != "null" && !empty(rel), plain && string(raw) != "null":
			e.refuse(f.name, notValid) // an attribute sent as a relation, or the other way round
		}
	}
	e.extra(it)
}

// takes reports whether a field may be sent.
func (e *entity) takes(f *field) bool {
	if f.kind == computed || f.onCreate && e.existing {
		return false
	}
	return !(e.extID && e.shop.byExtID(e.table) && f.name == e.table.extKey)
}

const notValid = "This value is not valid."

// extra refuses fields that the resource does not have.
func (e *entity) extra(it *item) {
	var names []string
	for _, name := range slices.Concat(it.Attributes.names, it.Relationships.names) {
		f := e.table.byName[name]
		known := f != nil && (e.takes(f) || f.kind == computed)
		if known || name == "dbId" && e.extID {
			continue
		}
		names = append(names, name)
	}
	if len(names) == 0 {
		return
	}
	e.refused = append(e.refused, problem{
		status: 400, title: "extra fields constraint", pointer: e.whole(),
		detail: `This form should not contain extra fields: "` + strings.Join(names, `", "`) + `".`,
	})
}

// widest is the first number that a money column has no room for.
var widest = decimal.New(1, 15)

func (e *entity) assign(f *field, raw json.RawMessage) {
	if f.readonly || f.frozen && e.existing {
		return
	}
	if f.read != nil {
		e.record.attrs[f.slot] = f.read(e, f, raw)
		return
	}
	value, ok := f.parse(raw)
	if !ok {
		e.invalid[f.name] = true
		if detail := f.misread(raw); detail != "" {
			e.refuse(f.name, detail)
		}
		if f.kind == number || f.kind == integer || f.kind == money {
			e.record.attrs[f.slot] = ""
		}
		return
	}
	if value == "" && f.kind == flag {
		value = "false"
		if f.notNull && string(raw) == "null" {
			e.broken = notNullBroken
		}
	}
	if value == "" && f.notNull && f.kind != flag {
		e.broken = notNullBroken
	}
	if f.column > 0 && utf8.RuneCountInString(decodeText(value)) > f.column {
		e.broken = driverBroken
	}
	if (f.kind == money || f.kind == amount) && decimalOf(value).Abs().GreaterThanOrEqual(widest) {
		e.broken = driverBroken
	}
	if f.kind == list && f.once {
		var l []string
		_ = json.Unmarshal([]byte(value), &l) // parse made it
		value = encode(slices.Compact(l))
	}
	e.record.attrs[f.slot] = value
}

func (e *entity) relate(f *field, raw json.RawMessage) {
	if f.kind == one {
		if isArray(raw) && !empty(raw) {
			e.refuse(f.name, "Invalid entity type.")
			return
		}
		n := int32(0)
		if l := readIdentifiers(raw); len(l) == 1 {
			if n = e.resolve(f, l[0]); n == 0 {
				e.refuse(f.name, noSuchEntity)
			} else if !f.readonly && e.hidden(f, n) {
				e.withhold(f, "")
			}
		}
		switch {
		case f.readonly || f.frozen && e.existing:
		case n == 0 && f.keeps && e.created: // the shop sets it on storing
			if f.init != "" {
				e.record.ones[f.slot], _ = f.target.parseID(f.init)
			}
		default:
			e.record.ones[f.slot] = n
		}
		return
	}
	if isObject(raw) && !empty(raw) {
		e.refuse(f.name, notValid)
		return
	}
	var wanted, kept []int32 // kept are those that stay where they are
	for i, id := range readIdentifiers(raw) {
		n := e.resolve(f, id)
		if n != 0 && !f.readonly && e.hidden(f, n) {
			e.withhold(f, "/"+itoa(i))
		}
		switch {
		case n == 0:
			e.refuse(f.name, noSuchEntity)
		case e.settled(f, n):
			e.violate("unchangeable field", f.name, "%s", f.source.settled)
			e.violations[len(e.violations)-1].pointer += "/" + itoa(i)
			kept = append(kept, n)
		case !slices.Contains(wanted, n):
			wanted = append(wanted, n)
		}
	}
	switch {
	case f.readonly:
	case f.kind == many:
		e.record.lists[f.slot] = wanted
	case f.kind == inverse && len(kept) == 0:
		e.gather(f, wanted)
	}
}

// settled reports whether a record leads elsewhere already, and stays there.
func (e *entity) settled(f *field, n int32) bool {
	if f.kind != inverse || f.source.settled == "" {
		return false
	}
	stored := f.target.get(n)
	if stored == nil {
		return false
	}
	if f.source.kind == many {
		return len(stored.lists[f.source.slot]) > 0 && !slices.Contains(stored.lists[f.source.slot], e.record.serial)
	}
	return stored.ones[f.source.slot] != 0 && stored.ones[f.source.slot] != e.record.serial
}

// hidden reports whether a relation leads to a record that the client may not look at.
func (e *entity) hidden(f *field, n int32) bool {
	return e.by != nil && !f.anything && n != 0 && !(e.by.sees(f.target) && e.by.seesRows(f.target))
}

// withhold notes that a relation leads to what the client may not look at.
func (e *entity) withhold(f *field, part string) {
	e.violations = append(e.violations, problem{
		status: 403, title: "access granted constraint", field: f.name,
		detail: `The "VIEW" permission is denied for the related resource.`, pointer: e.at(f.name) + part,
	})
}

const noSuchEntity = "The entity does not exist."

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
		e.lure(f, n)
	}
}

// lure makes a record lead here.
func (e *entity) lure(f *field, n int32) {
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

// resolve is the record that a link names: a record of the request or one of the shop.
func (e *entity) resolve(f *field, id identifier) int32 {
	target := f.target
	if f.anything {
		target = e.shop.tables[id.Type]
	}
	if target == nil || id.Type != target.name {
		return 0
	}
	if n, ok := e.links[id]; ok {
		return n
	}
	if e.sources != nil {
		if i, ok := e.sources.byRef[id]; ok {
			return e.include(target, i)
		}
	}
	n, _ := e.shop.lookup(target, id.ID, e.extID)
	if e.get(target, n) == nil && !target.shapeless(n) {
		return 0
	}
	return n
}

// shapeless reports whether n is a record of which only the id is known.
func (t *table) shapeless(n int32) bool { return t.actions == closed && n > 0 && int(n) < len(t.rows) }

// include writes the included record i along.
func (e *entity) include(t *table, i int) int32 {
	it := &e.sources.items[i]
	if other := e.sources.shared[i]; other != nil {
		return other.record.serial
	}
	in := &entity{draft: e.draft, table: t, pointer: pointerAt("included", i), index: i, sentID: it.ID, wish: it}
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

func (it *item) meta(name string) bool { return string(it.Meta[name]) == "true" }

// linked remembers under which id the request speaks of a record.
func (d *draft) linked(id identifier, n int32) {
	if d.links == nil {
		d.links = make(map[identifier]int32)
	}
	if id.ID != "" {
		d.links[id] = n
	}
}

// lookup is the record that an id names, in the id's own or the ext_id way; ok is false when the id has no meaning.
func (s *holdings) lookup(t *table, id string, extID bool) (n int32, ok bool) {
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
func (s *holdings) byExtID(t *table) bool { return t.extKey != "" && s.extEntities[t.name] }
