package orotest

import (
	"cmp"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// view is how this call wants its records.
func (c *call) view(q *query) *view {
	v := &view{shop: c.shop, base: c.base, extID: c.extID}
	if q != nil {
		v.fields, v.titles = q.fields, q.titles
	}
	if c.asks["noHateoas"] {
		v.base = ""
	}
	return v
}

// plain reports a request outside JSON:API. The shop answers such a GET in another format,
// in which the parameters have other names.
func (c *call) plain() bool {
	return !strings.Contains(c.r.Header.Get("Accept"), mediaType) && !strings.Contains(c.r.Header.Get("Content-Type"), mediaType)
}

func (c *call) list(t *table) {
	if c.plain() {
		c.listPlain(t)
		return
	}
	s := c.shop
	s.mu.RLock()
	defer s.mu.RUnlock()
	q := s.parseQuery(t, forList, c.query, c.extID)
	if len(q.problems) > 0 {
		c.fail(q.problems...)
		return
	}
	if !s.sees(t) {
		c.forbidden(noAccess)
		return
	}
	c.page(t, t.find(q), q, t.name)
}

// page answers one page of a list of records.
func (c *call) page(t *table, l []int32, q *query, path string) {
	if !c.shop.seesRows(t) {
		l = nil
	}
	page, more := q.cut(l)
	if !c.shop.cutsPages(t) {
		page, more = l, false
	}
	if c.asks["totalCount"] {
		c.answer.header.Set("X-Include-Total-Count", strconv.Itoa(len(l)))
	}
	v := c.view(q)
	in := &inclusion{view: v, seen: make(map[place]bool)}
	b := []byte(`{"data":[`)
	for i, n := range page {
		if i > 0 {
			b = append(b, ',')
		}
		b = v.record(b, t, t.rows[n], "", "")
		in.collect(t, t.rows[n], q.includes)
	}
	if v.failed {
		c.fail(problem{status: 500, title: "driver exception"})
		return
	}
	b = append(b, ']')
	b = appendIncluded(b, in)
	if v.base != "" {
		b = append(b, `,"links":`+c.links(path, more && !t.noNext, q.page)...)
	}
	c.answer.body = append(b, '}')
}

func appendIncluded(b []byte, in *inclusion) []byte {
	if len(in.body) == 0 {
		return b
	}
	b = append(b, `,"included":[`...)
	b = append(b, in.body...)
	return append(b, ']')
}

// links are those of a list: itself without parameters, and the first, previous and next pages with them, sorted.
func (c *call) links(path string, more bool, page int) string {
	self := c.base + path
	links := map[string]string{"self": self}
	at := func(page int) string {
		if query := c.paged(page); query != "" {
			return self + "?" + query
		}
		return self
	}
	if page > 1 {
		links["first"], links["prev"] = at(1), at(page-1)
	}
	if more {
		links["next"] = at(page + 1)
	}
	return encode(links)
}

// paged is the query for another page: the number stands where it stood, or at the end; the first page has none.
func (c *call) paged(page int) string {
	const number = "page[number]"
	var names, parts []string
	for name := range c.query {
		names = append(names, name)
	}
	slices.Sort(names)
	if !slices.Contains(names, number) {
		names = append(names, number)
	}
	for _, name := range names {
		value := c.query.Get(name)
		if name == number {
			if page == 1 {
				continue
			}
			value = strconv.Itoa(page)
		}
		parts = append(parts, url.QueryEscape(name)+"="+url.QueryEscape(value))
	}
	return strings.Join(parts, "&")
}

// listPlain answers outside JSON:API: the records without types and relations.
func (c *call) listPlain(t *table) {
	c.answer.header.Set("Content-Type", "application/json")
	for param := range c.query {
		c.answer.status = 400
		c.answer.body = []byte(`[{"title":"filter constraint","detail":"The filter is not supported.","source":` + encode(param) + `}]`)
		return
	}
	c.shop.mu.RLock()
	defer c.shop.mu.RUnlock()
	q := &query{size: defaultPage, page: 1}
	page, _ := q.cut(t.find(q))
	var rows []string
	for _, n := range page {
		row := `{"id":` + encode(t.id(n))
		for i := range t.fields {
			if f := &t.fields[i]; !f.kind.relation() && !f.hidden {
				row += `,"` + f.name + `":` + cmp.Or(t.rows[n].attrs[f.slot], "null")
			}
		}
		rows = append(rows, row+"}")
	}
	c.answer.body = []byte("[" + strings.Join(rows, ",") + "]")
}

// names reports whether an id can be one of t, and answers the request when it cannot.
func (c *call) names(t *table, id string) bool {
	if _, ok := c.shop.lookup(t, id, c.extID); !ok {
		c.fail(problem{status: 400, title: "entity identifier constraint", detail: `Expected integer value. Given "` + id + `".`})
		return false
	}
	return true
}

// locate finds the record that the path names, or answers why not.
func (c *call) locate(t *table, id string) int32 {
	if !c.names(t, id) {
		return 0
	}
	n, _ := c.shop.lookup(t, strings.TrimPrefix(id, t.fullID), c.extID)
	if t.get(n) == nil {
		c.notFound()
		return 0
	}
	return n
}

func (c *call) get(t *table, id string) {
	s := c.shop
	s.mu.RLock()
	defer s.mu.RUnlock()
	q := s.parseQuery(t, forRecord, c.query, c.extID)
	switch {
	case !c.names(t, id):
		return
	case len(q.problems) > 0:
		c.fail(q.problems...)
		return
	case !s.sees(t):
		c.forbidden(noAccess)
		return
	}
	n := c.locate(t, id)
	switch {
	case n == 0:
	case !s.seesRows(t):
		c.forbidden(noRow)
	default:
		c.one(t, n, q, t.name)
	}
}

// noRow is said of a record that belongs to one which the client may not look at.
const noRow = "No access to the entity."

// one answers a single record.
func (c *call) one(t *table, n int32, q *query, path string) {
	v := c.view(q)
	in := &inclusion{view: v, seen: make(map[place]bool)}
	b := []byte(`{"data":`)
	if r := t.get(n); r != nil {
		in.collect(t, r, q.includes)
		b = v.record(b, t, r, "", "")
	} else {
		b = append(b, "null"...)
	}
	if v.failed {
		c.fail(problem{status: 500, title: "driver exception"})
		return
	}
	b = appendIncluded(b, in)
	if v.base != "" {
		b = append(b, `,"links":{"self":"`+c.base+path+`"}`...)
	}
	c.answer.body = append(b, '}')
}

// parent finds the record whose relation is asked for, or answers why not.
func (c *call) parent(t *table, id, verb string) int32 {
	switch n, _ := c.shop.lookup(t, id, c.extID); {
	case !c.names(t, id):
	case verb == "view" && !c.shop.sees(t), verb != "view" && !c.shop.permits(verb, t.name):
		c.forbidden("No access to this type of parent entities.")
	case t.get(n) == nil:
		c.fail(problem{status: 404, title: "not found http exception", detail: "The parent entity does not exist."})
	default:
		return n
	}
	return 0
}

// related answers the records that a relation of one record leads to.
func (c *call) related(t *table, id string, f *field) {
	s := c.shop
	s.mu.RLock()
	defer s.mu.RUnlock()
	what := forList
	if f.kind == one {
		what = forRecord
	}
	q := s.parseQuery(f.target, what, c.query, c.extID)
	q.problems = slices.DeleteFunc(q.problems, func(p problem) bool { return p.parameter == "" })
	if len(q.problems) > 0 {
		c.fail(q.problems...)
		return
	}
	n := c.parent(t, id, "view")
	if n == 0 {
		return
	}
	path := t.name + "/" + id + "/" + f.name
	r := t.rows[n]
	if f.kind == one {
		c.one(f.target, r.ones[f.slot], q, path)
		return
	}
	known := slices.DeleteFunc(slices.Clone(t.related(r, f)), func(n int32) bool {
		r := f.target.get(n)
		return r == nil || !f.target.passes(q, -1, r)
	})
	c.page(f.target, f.target.sorted(known, q.sort), q, path)
}
