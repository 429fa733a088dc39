package orotest

import (
	"encoding/json"
	"net/http"
	"slices"
)

// relationship answers and changes the links of one record.
func (c *call) relationship(t *table, id, name string) {
	f := t.byName[name]
	if f == nil || !f.kind.relation() || f.bare {
		c.unsupported()
		return
	}
	methods := []string{http.MethodGet}
	switch {
	case t.actions&updating == 0 || f.fixed || f.readonly:
	case f.kind == one:
		methods = append(methods, http.MethodPatch)
	case f.shrinks:
		methods = append(methods, http.MethodDelete)
	default:
		methods = append(methods, http.MethodPatch, http.MethodPost, http.MethodDelete)
	}
	switch {
	case !c.permitted(methods):
	case c.r.Method == http.MethodGet:
		c.linkage(t, id, f)
	default:
		c.relate(t, id, f)
	}
}

// linkage answers the links of a relation.
func (c *call) linkage(t *table, id string, f *field) {
	s := c.shop
	s.mu.RLock()
	defer s.mu.RUnlock()
	if q := s.parseQuery(f.target, forLinks, c.query, c.extID); len(q.problems) > 0 {
		c.fail(q.problems...)
		return
	}
	n := c.parent(t, id, "view")
	if n == 0 {
		return
	}
	v := c.view(nil)
	v.linked = true
	b := v.linkage([]byte(`{"data":`), t, t.rows[n], f)
	if v.base != "" {
		self := c.base + t.name + "/" + id
		b = append(b, `,"links":{"self":"`+self+"/relationships/"+f.name+`","related":"`+self+"/"+f.name+`"}`...)
	}
	c.answer.body = append(b, '}')
}

// relate changes the links of a relation: PATCH sets them, POST adds some, DELETE takes some away.
func (c *call) relate(t *table, id string, f *field) {
	if problems := c.inspectLinks(f); len(problems) > 0 {
		c.fail(problems...)
		return
	}
	data := readMembers(c.body).values["data"]
	c.store(func(d *draft) bool {
		n := c.parent(t, id, "edit")
		if n == 0 {
			return false
		}
		if t.rests != nil && t.rests(&entity{draft: d, table: t, record: t.get(n)}) {
			c.forbidden(`No access by "EDIT" permission to the parent entity.`)
			return false
		}
		e := d.entity(t, n)
		e.existing, e.index, e.invalid, e.bare = true, -1, make(map[string]bool), true
		d.entries = append(d.entries, e)
		e.relink(f, data, c.r.Method)
		e.touch("updatedAt")
		if len(e.refused) == 0 {
			if t.complete != nil {
				t.complete(e)
			}
			e.check()
		}
		return true
	}, c.nothing)
}

// inspectLinks checks the document of a change of links.
func (c *call) inspectLinks(f *field) []problem {
	if !json.Valid(c.body) {
		return []problem{malformed}
	}
	if empty(c.body) {
		return []problem{emptyRequest}
	}
	in := new(inspection)
	data, ok := readMembers(c.body).get("data")
	switch {
	case !ok:
		in.fault("/data", `The "data" top-level section should exist`)
	case f.kind == one && string(data) == "null":
	case f.kind == one:
		in.linkObject(data, "/data", "The resource identifier object should be NULL or an object")
	case !isArray(data):
		in.fault("/data", "The list of resource identifier objects should be an array")
	default:
		for i, raw := range elements(data) {
			in.linkObject(raw, pointerAt("data", i), "The resource identifier object should be an object")
		}
	}
	if len(in.problems) > 0 {
		return in.problems
	}
	c.shop.mu.RLock()
	defer c.shop.mu.RUnlock()
	e := &entity{draft: c.shop.draft(c.extID)}
	for i, id := range readIdentifiers(data) {
		at := "/data"
		if f.kind != one {
			at = pointerAt("data", i)
		}
		e.normaliseLink(&field{anything: true, target: f.target}, id, at)
	}
	return e.violations
}

func (in *inspection) linkObject(raw json.RawMessage, pointer, otherwise string) {
	switch {
	case !isObject(raw) && !isArray(raw):
		in.fault(pointer, otherwise)
	case empty(raw):
		in.fault(pointer, "The resource identifier object should be not empty object")
	case isArray(raw):
		in.fault(pointer, "The resource identifier object should be an object")
	default:
		in.identifier(raw, pointer)
	}
}

// relink applies a change of links to the record.
func (e *entity) relink(f *field, data json.RawMessage, method string) {
	var wanted []int32
	for _, id := range readIdentifiers(data) {
		n := e.resolve(f, id)
		switch {
		case id.Type != f.target.name && !f.anything:
			e.refuse("", "The entity is not acceptable.")
		case n == 0:
			e.refuse("", noSuchEntity)
		case e.hidden(f, n):
			e.withhold(f, "")
		case e.settled(f, n):
			e.violate("unchangeable field", "", "%s", f.source.settled)
		default:
			wanted = append(wanted, n)
		}
	}
	if len(e.refused) > 0 || len(e.violations) > 0 {
		return
	}
	if f.kind == one {
		wanted = append(wanted, 0)
		e.record.ones[f.slot] = wanted[0]
		return
	}
	had := e.leading(f)
	switch method {
	case http.MethodPost:
		wanted = append(slices.Clone(had), wanted...)
	case http.MethodDelete:
		wanted = slices.DeleteFunc(slices.Clone(had), func(n int32) bool { return slices.Contains(wanted, n) })
	}
	slices.Sort(wanted)
	wanted = slices.Compact(wanted)
	if f.kind == many {
		e.record.lists[f.slot] = wanted
		return
	}
	e.gather(f, wanted)
}

// leading lists what a relation of several leads to now.
func (e *entity) leading(f *field) []int32 {
	if f.kind == many {
		return e.record.lists[f.slot]
	}
	return e.leadingTo(f.target, f.source, e.record.serial)
}
