package orotest

import (
	"cmp"
	"fmt"
	"slices"
	"unicode/utf8"
)

// check validates the record as it would be stored: the rules of the whole record first, then those of its fields.
func (e *entity) check() {
	if e.record == nil || e.get(e.table, e.record.serial) == nil || e.invalid == nil {
		return
	}
	e.record = e.get(e.table, e.record.serial)
	for _, c := range e.table.rules {
		c(e)
	}
	for i, u := range e.table.unique {
		if !u.last && !(u.onCreate && e.existing) && !(u.alone && e.index >= 0 && e.patching) && e.table.taken(i, e.record, e.shop.racing) {
			e.violate("unique entity", u.pointer, "%s", u.detail)
			if u.title != "" {
				e.violations[len(e.violations)-1].title = u.title
			}
		}
	}
	for i := range e.table.fields {
		e.checkField(&e.table.fields[i])
	}
	for i, u := range e.table.unique {
		if u.last && len(e.violations)+len(e.refused) == 0 && e.table.taken(i, e.record, nil) {
			e.fault(409, "conflict constraint", u.detail, e.whole())
		}
	}
	if e.index < 0 {
		e.arrange()
	}
}

// arrange puts the errors of a primary record into the order of its fields, those of the whole record first. What could
// not be read is not blamed for breaking a rule too, nor is what a change did not touch.
func (e *entity) arrange() {
	e.violations = slices.DeleteFunc(e.violations, func(p problem) bool {
		unsent := e.existing && e.wish != nil && p.field != "" && !e.wish.sends(p.field) && !e.derived[p.field]
		return !p.always && (e.invalid[p.field] || unsent)
	})
	all := append(e.violations, e.refused...)
	rank := func(p problem) int {
		f := e.table.byName[p.field]
		switch {
		case f == nil:
			return -1
		case f.rank != "":
			return slices.IndexFunc(e.table.fields, func(g field) bool { return g.name == f.rank })*2 + 1
		}
		return slices.IndexFunc(e.table.fields, func(g field) bool { return g.name == p.field }) * 2
	}
	slices.SortStableFunc(all, func(a, b problem) int { return cmp.Compare(rank(a), rank(b)) })
	e.violations, e.refused = all, nil
}

func (e *entity) checkField(f *field) {
	for _, c := range f.checks {
		c(e, f)
	}
	if before := e.table.get(e.record.serial); before != nil && f.settled != "" && f.kind == many &&
		len(before.lists[f.slot]) > 0 && !slices.Equal(before.lists[f.slot], e.record.lists[f.slot]) {
		e.violate("unchangeable field", f.name, "%s", f.settled)
	}
	if f.kind == one {
		if f.required != "" && e.record.ones[f.slot] == 0 && (f.insists || !e.invalid[f.name]) {
			e.violate("not blank", f.name, "%s", f.required)
		}
		return
	}
	if f.kind.relation() {
		return
	}
	value := e.record.attrs[f.slot]
	if f.required != "" && (value == "" || value == `""`) {
		e.violate("not blank", f.name, "%s", f.required)
	}
	if value == "" {
		return
	}
	if f.choices != nil && !slices.Contains(f.choices, decodeText(value)) {
		e.violate("choice", f.name, "The value you selected is not a valid choice.")
	}
	if f.shape != nil && value != `""` && !f.shape.pattern.MatchString(decodeText(value)) {
		e.violate(f.shape.constraint, f.name, "%s", f.shape.detail)
	}
	if f.min > 0 || f.max > 0 {
		e.checkLength(f, utf8.RuneCountInString(decodeText(value)))
	}
	if f.bounds != nil {
		if d := decimalOf(value); d.LessThan(decimalOf(f.bounds.least)) || f.bounds.most != "" && d.GreaterThan(decimalOf(f.bounds.most)) {
			e.violate("range", f.name, "%s", f.bounds.detail)
		}
	}
}

func (e *entity) checkLength(f *field, n int) {
	if n < f.min {
		e.violate("length", f.name, "This value is too short. It should have %d characters or more.", f.min)
	}
	if f.max > 0 && n > f.max && f.tooLong != "" {
		e.violate("length", f.name, "%s", f.tooLong)
	} else if f.max > 0 && n > f.max {
		e.violate("length", f.name, "This value is too long. It should have %d characters or less.", f.max)
	}
}

// at is the pointer to a field.
func (e *entity) at(name string) string {
	switch f := e.table.byName[name]; {
	case e.bare:
		return ""
	case f != nil && e.extID && name == e.table.extKey && e.shop.byExtID(e.table):
		return e.pointer + "/id"
	case f != nil && f.kind.relation():
		return e.pointer + "/relationships/" + name + "/data"
	case name != "":
		return e.pointer + "/attributes/" + name
	}
	return e.whole()
}

// violate notes that a rule is broken. An empty field blames the whole record.
func (e *entity) violate(constraint, field, format string, args ...any) {
	e.violations = append(e.violations, problem{
		status: 400, title: constraint + " constraint", detail: fmt.Sprintf(format, args...), pointer: e.at(field), field: field,
	})
}

// insist is violate for rules that are told even of a value that could not be read.
func (e *entity) insist(constraint, field, format string, args ...any) {
	e.violate(constraint, field, format, args...)
	e.violations[len(e.violations)-1].always = true
}

// refuse notes a value that could not be read or resolved.
func (e *entity) refuse(field, detail string) {
	e.refused = append(e.refused, problem{status: 400, title: "form constraint", detail: detail, pointer: e.at(field), field: field})
	e.invalid[field] = true
}

// refuseAt is refuse for a part of a field's value.
func (e *entity) refuseAt(field, part, detail string) {
	e.refuse(field, detail)
	e.refused[len(e.refused)-1].pointer += "/" + part
}
