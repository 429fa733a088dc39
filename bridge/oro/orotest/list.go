package orotest

import (
	"cmp"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// query is what a request asks of a list.
type query struct {
	filters  []filter
	sort     []order
	size     int // -1 is all
	page     int // from 1
	includes includes
	fields   map[string]map[string]bool
	titles   bool // meta=title
	problems []problem
	unsorted []problem
}

type order struct {
	field *field // nil is the id
	down  bool
}

const defaultPage = 10

// asked says what kind of answer the parameters are for.
type asked uint8

const (
	forList asked = iota
	forRecord
	forLinks // of a relation
)

// parseQuery reads the parameters of a request for records of t. What t cannot do is in problems.
func (s *holdings) parseQuery(t *table, what asked, values url.Values, extID bool) *query {
	q := &query{size: defaultPage, page: 1, includes: make(includes), fields: make(map[string]map[string]bool)}
	params := parameters(values)
	for _, p := range params { // fields decide how options are filtered
		if p.group == "fields" {
			q.choose(s, p)
		}
	}
	for _, p := range params {
		if p.group != "fields" {
			q.parameter(s, t, what, p, extID)
		}
	}
	if t.needs != "" && !slices.ContainsFunc(params, func(p parameter) bool { return p.key == "filter["+t.needs+"]" }) {
		q.problems = slices.DeleteFunc(q.problems, func(p problem) bool { return p.parameter == "filter[id]" }) // it is not looked at
	}
	if what == forList && t.needs != "" && len(q.problems) == 0 &&
		!slices.ContainsFunc(q.filters, func(f filter) bool { return f.field != nil && f.field.name == t.needs }) {
		q.fail("", `The "`+t.needs+`" filter is required.`)
	}
	if len(q.problems) == 0 { // sorting is looked at when the filters are in order
		q.problems = q.unsorted
	}
	return q
}

func (q *query) fail(param, detail string) {
	q.problems = append(q.problems, problem{status: 400, title: "filter constraint", detail: detail, parameter: param})
}

const notSupported = "The filter is not supported."

func (q *query) parameter(s *holdings, t *table, what asked, p parameter, extID bool) {
	paged := what == forList && s.cutsPages(t)
	switch {
	case p.key == "sort" && what == forList:
		q.sorting(t, p.value)
	case p.key == "include" && what != forLinks:
		q.include(p)
	case paged && p.key == "page[size]" || paged && p.key == "page[number]":
		q.paging(p)
	case p.key == "meta" && what != forLinks && !t.plain:
		q.meta(t, p)
	case p.group == "filter" && what == forRecord:
		// a record is named by its id already
	case p.group == "filter" && p.path != "" && what == forList:
		q.filtering(s, t, p, extID)
	default:
		q.fail(p.source, notSupported)
	}
}

// choose reads fields[type]=a,b.
func (q *query) choose(s *holdings, p parameter) {
	switch {
	case p.path == "":
		q.fail(p.source, "An entity type is not specified.")
		return
	case s.tables[p.path] == nil && p.path != "ordersubtotals" && p.path != "asyncoperations":
		q.fail(p.source, "An entity type is not known.")
		return
	}
	q.fields[p.path] = make(map[string]bool)
	for name := range strings.SplitSeq(p.value, ",") {
		q.fields[p.path][strings.TrimSpace(name)] = true
	}
}

func (q *query) include(p parameter) {
	if p.value == "" {
		q.fail(p.source, emptyText)
		return
	}
	for path := range strings.SplitSeq(p.value, ",") {
		q.includes.add(strings.TrimSpace(path))
	}
}

func (q *query) meta(t *table, p parameter) {
	for name := range strings.SplitSeq(p.value, ",") {
		switch {
		case strings.Trim(p.value, " ") == "":
			q.fail(p.source, emptyText)
		case name != "title":
			q.fail(p.source, `The "`+name+`" is not known meta property. Known properties: title.`)
		case t.untitled:
			q.fail(p.source, `The "title" is not allowed meta property. Allowed properties: .`)
		}
	}
	q.titles = true
}

func (q *query) paging(p parameter) {
	n, err := strconv.Atoi(p.value)
	switch {
	case err != nil && p.key == "page[number]", n < 0 && p.key == "page[number]":
		q.fail(p.source, `Expected unsigned integer value. Given "`+p.value+`".`)
	case err != nil:
		q.fail(p.source, `Expected integer value. Given "`+p.value+`".`)
	case p.key == "page[number]" && n < 1:
		q.fail(p.source, "The value should be greater than or equals to 1.")
	case n < -1:
		q.fail(p.source, "The value should be greater than or equals to -1.")
	case p.key == "page[size]":
		q.size = n
	default:
		q.page = n
	}
}

func (q *query) sorting(t *table, value string) {
	for name := range strings.SplitSeq(value, ",") {
		bare, down := strings.CutPrefix(strings.TrimSpace(name), "-")
		o := order{down: down}
		if bare != "id" || t.ids == joined {
			if o.field = t.byName[bare]; o.field == nil || !o.field.sortable() {
				q.unsorted = append(q.unsorted, problem{
					status: 400, title: "sort constraint", parameter: "sort",
					detail: `Sorting by "` + bare + `" field is not supported.`,
				})
				continue
			}
		}
		q.sort = append(q.sort, o)
	}
}

// find lists the records that a query wants, sorted but not cut into pages.
func (t *table) find(q *query) []int32 {
	candidates, used := t.candidates(q)
	var l []int32
	switch {
	case used >= 0 && len(q.filters) == 1:
		l = candidates
	default:
		l = make([]int32, 0, len(candidates))
		for _, n := range candidates {
			if r := t.rows[n]; r != nil && t.passes(q, used, r) {
				l = append(l, n)
			}
		}
	}
	return t.sorted(l, q.sort)
}

func (t *table) passes(q *query, used int, r *record) bool {
	for i := range q.filters {
		if i != used && !q.filters[i].matches(t, r) {
			return false
		}
	}
	return true
}

// candidates are the records of the narrowest index that the filters can use, or all.
func (t *table) candidates(q *query) (l []int32, used int) {
	used = -1
	for i := range q.filters {
		if c, ok := q.filters[i].narrow(t); ok && (used < 0 || len(c) < len(l)) {
			l, used = c, i
		}
	}
	if used >= 0 {
		return l, used
	}
	l = make([]int32, 0, t.count)
	for _, r := range t.rows {
		if r != nil {
			l = append(l, r.serial)
		}
	}
	return l, used
}

// sorted orders records, each once; without a wish, by id. The given list stays as it is.
func (t *table) sorted(l []int32, by []order) []int32 {
	if t.ids == code && !t.asMade && len(by) == 0 {
		by = []order{{}}
	}
	compare := func(a, b int32) int {
		for _, o := range by {
			c := t.compareBy(o, a, b)
			if o.down {
				c = -c
			}
			if c != 0 {
				return c
			}
		}
		return cmp.Compare(a, b)
	}
	strictly := func(l []int32) bool {
		for i := 1; i < len(l); i++ {
			if compare(l[i-1], l[i]) >= 0 {
				return false
			}
		}
		return true
	}
	if strictly(l) {
		return l
	}
	l = slices.Clone(l)
	slices.SortFunc(l, compare)
	return slices.Compact(l)
}

func (t *table) compareBy(o order, a, b int32) int {
	switch {
	case o.field != nil && o.field.kind == one:
		return cmp.Compare(t.rows[a].ones[o.field.slot], t.rows[b].ones[o.field.slot])
	case o.field != nil && o.field.kind.relation():
		return slices.Compare(t.related(t.rows[a], o.field), t.related(t.rows[b], o.field))
	case o.field != nil:
		return compareValues(o.field.kind, t.rows[a].attrs[o.field.slot], t.rows[b].attrs[o.field.slot])
	case t.ids == code:
		return strings.Compare(t.names[a], t.names[b])
	}
	return cmp.Compare(a, b)
}

// cut is one page of a list, and whether there is more behind it.
func (q *query) cut(l []int32) (page []int32, more bool) {
	if q.size < 0 {
		return l, false
	}
	from := min((q.page-1)*q.size, len(l))
	to := min(from+q.size, len(l))
	return l[from:to], to < len(l)
}
