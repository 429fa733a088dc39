package orotest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
)

var (
	malformed    = problem{status: 400, title: "bad request http exception", detail: "Invalid json message received."}
	emptyRequest = problem{status: 400, title: "request data constraint", detail: "The request data should not be empty."}
)

// read parses the document of a single write and checks that it fits the path.
func (c *call) read(t *table, id string) *document {
	switch {
	case len(bytes.TrimSpace(c.body)) == 0 || empty(c.body):
		c.fail(emptyRequest)
		return nil
	case !json.Valid(c.body):
		c.fail(malformed)
		return nil
	}
	in := new(inspection)
	m := readMembers(c.body)
	data, ok := m.get("data")
	switch {
	case !ok:
		in.fault("/data", "The primary data object should exist")
	case string(data) == "null" || empty(data):
		in.fault("/data", "The primary data object should not be empty")
	case !isObject(data) && !isArray(data):
		in.fault("/data", "The primary data object should be an object")
	default:
		in.resource(data, "/data", id != "")
		in.included(m)
		if _, included := m.get("included"); included && t.bare {
			in.fault("/included", "The included data are not supported for this resource type.")
		}
	}
	if len(in.problems) > 0 {
		c.fail(in.problems...)
		return nil
	}
	d := &document{Data: newItem(data), Included: newItems(m.values["included"])}
	switch {
	case d.Data.Type != t.name:
		c.fail(problem{
			status: 409, title: "conflict constraint", pointer: "/data/type",
			detail: "The 'type' property of the primary data object should match the requested resource",
		})
	case id != "" && d.Data.ID != id:
		c.fail(problem{
			status: 409, title: "conflict constraint", pointer: "/data/id",
			detail: "The 'id' property of the primary data object should match 'id' parameter of the query string",
		})
	default:
		return d
	}
	return nil
}

func (c *call) create(t *table) {
	d := c.read(t, "")
	switch {
	case d == nil:
	case !c.shop.permits("create", t.name):
		c.forbidden(noAccess)
	case t.together != "":
		c.forbidden(t.together)
	default:
		c.write(t, d, false)
	}
}

func (c *call) update(t *table, id string) {
	c.shop.mu.RLock()
	ok := c.names(t, id)
	c.shop.mu.RUnlock()
	if !ok {
		return
	}
	d := c.read(t, id)
	switch {
	case d == nil:
	case !c.shop.permits("edit", t.name):
		c.forbidden(noAccess)
	case !c.shop.seesRows(t):
		c.forbidden(noRow)
	default:
		c.write(t, d, true)
	}
}

// write makes or changes one record, with what its document includes.
func (c *call) write(t *table, doc *document, update bool) {
	var e *entity
	c.store(func(d *draft) bool {
		d.sources = newSources(doc.Included)
		e = d.primary(t, doc.Data, "/data", update)
		return true
	}, func() { c.written(t, e) })
}

// store writes what is drawn up, in one go, and answers with it, or with why it can't be. Drawing up may answer itself: then
// nothing is written. Webhooks are told.
func (c *call) store(draw func(*draft) bool, written func()) {
	s := c.shop
	s.pause(c.r.Context(), s.latency.Write)
	s.mu.Lock()
	d := s.draft(c.extID)
	d.by = &s.access
	c.commit(d, draw, written)
	events := s.events(d.done)
	s.mu.Unlock()
	s.publish(events)
}

func (c *call) commit(d *draft, draw func(*draft) bool, written func()) {
	if !draw(d) {
		d.abandon()
		return
	}
	if problems := d.problems(); len(problems) > 0 {
		d.abandon()
		c.fail(problems...)
		return
	}
	if err := d.commit(); err != nil {
		if err == errDriver { // a value that is too long is refused before a serial is drawn
			d.abandon()
		}
		c.fail(flushProblem(err))
		return
	}
	written()
	if d.validating {
		d.rollback()
	}
}

// flushProblem is what the shop says when the database refuses a write.
func flushProblem(err error) problem {
	if err == ErrTaken {
		return problem{status: 409, title: "conflict constraint", detail: "The entity already exists."}
	}
	return problem{status: 500, title: err.Error()}
}

// written answers with the record as it is now, and the included ones in the order of the request.
func (c *call) written(t *table, e *entity) {
	v := c.view(nil)
	b := v.record([]byte(`{"data":`), t, t.rows[e.record.serial], "", "")
	if v.base != "" {
		b = append(b, `,"links":{"self":"`+c.base+t.name+`"}`...)
	}
	if in := includedOf(v, e.entries); in != nil {
		b = append(b, `,"included":[`...)
		b = append(b, bytes.Join(in, []byte{','})...)
		b = append(b, ']')
	}
	c.answer.body = append(b, '}')
	if e.existing {
		return
	}
	c.answer.status = http.StatusCreated
	id := v.id(t, e.record.serial)
	if t.ids == guid { // the shop forgets what it appends to the id
		id = guidOf(e.record.serial)
	}
	c.answer.header.Set("Location", c.base+t.name+"/"+id)
}

// includedOf renders the included records of a request with the ids they had in it.
func includedOf(v *view, entries []*entity) [][]byte {
	var l [][]byte
	for _, e := range entries {
		if e.index < 0 {
			continue
		}
		if r := e.table.get(e.record.serial); r != nil {
			l = append(l, v.record(nil, e.table, r, "includeId", e.sentID))
		}
	}
	return l
}

func (c *call) delete(t *table, id string) {
	s := c.shop
	s.mu.RLock()
	ok := c.names(t, id)
	s.mu.RUnlock()
	if !ok {
		return
	}
	if !s.permits("delete", t.name) {
		c.forbidden(noAccess)
		return
	}
	s.pause(c.r.Context(), s.latency.Write)
	s.mu.Lock()
	n := c.locate(t, id)
	if n == 0 {
		s.mu.Unlock()
		return
	}
	if !s.seesRows(t) {
		s.mu.Unlock()
		c.forbidden(noRow)
		return
	}
	if t.undeletable != nil && t.undeletable(&entity{draft: s.draft(false), table: t, record: t.get(n)}) {
		s.mu.Unlock()
		c.forbidden(`No access by "DELETE" permission to the entity.`)
		return
	}
	if reason := s.kept(t, n); reason != "" {
		s.mu.Unlock()
		c.forbidden("The delete operation is forbidden. Reason: " + reason + ".")
		return
	}
	events := s.remove(t, []int32{n})
	s.mu.Unlock()
	s.publish(events)
	c.nothing()
}

// kept says why a record cannot be deleted; "" is that it can.
func (s *holdings) kept(t *table, n int32) string {
	d := s.draft(false)
	if t.deletion != nil {
		if reason := t.deletion(&entity{draft: d, table: t, record: t.get(n)}); reason != "" {
			return reason
		}
	}
	for _, ref := range t.referrers {
		if ref.field.guards && len(d.leadingTo(ref.table, ref.field, n)) > 0 {
			return "has associations to other entities"
		}
	}
	return ""
}

// nothing answers that it is done, with no body.
func (a *answer) nothing() {
	a.status = http.StatusNoContent
	a.header.Del("Content-Type")
}

// maxDelete is the most records that one deletion of a list takes away.
const maxDelete = 100

func (c *call) deleteList(t *table) {
	s := c.shop
	if m := readMembers(c.body); len(m.names) > 0 { // the shop takes the body for filters
		c.fail(problem{
			status: 500, title: "unexpected value exception",
			detail: `Expected string value for the filter "` + m.names[0] + `", given "array".`,
		})
		return
	}
	s.pause(c.r.Context(), s.latency.Write)
	s.mu.Lock()
	q := s.parseQuery(t, forList, c.query, c.extID)
	filtered := len(q.filters) > 0 || slices.ContainsFunc(q.problems, func(p problem) bool {
		return p.parameter != "" && p.detail != notSupported
	})
	if !filtered {
		q.problems = nil
		q.fail("", "At least one filter must be provided.")
	}
	if len(q.problems) > 0 {
		s.mu.Unlock()
		c.fail(q.problems...)
		return
	}
	if !s.permits("delete", t.name) {
		s.mu.Unlock()
		c.forbidden(noAccess)
		return
	}
	found := slices.Clone(t.find(q))
	if !s.seesRows(t) {
		found = nil
	}
	gone := found[:min(len(found), maxDelete)]
	for _, n := range gone {
		if reason := s.kept(t, n); reason != "" {
			s.mu.Unlock()
			c.forbidden("The delete operation is forbidden. Reason: " + reason + ".")
			return
		}
	}
	events := s.remove(t, gone)
	s.mu.Unlock()
	s.publish(events)
	if c.asks["totalCount"] {
		c.answer.header.Set("X-Include-Total-Count", strconv.Itoa(len(found)))
	}
	if c.asks["deletedCount"] {
		c.answer.header.Set("X-Include-Deleted-Count", strconv.Itoa(len(gone)))
	}
	c.nothing()
}

// remove deletes records, the last first: that is cheap for the indexes.
func (s *Shop) remove(t *table, serials []int32) []event {
	d := s.draft(false)
	for _, n := range slices.Backward(serials) {
		d.delete(t, n)
	}
	if err := d.commit(); err != nil {
		panic(fmt.Sprintf("orotest: delete %s: %v", t.name, err)) // a deletion breaks no constraint
	}
	return s.events(d.done)
}
