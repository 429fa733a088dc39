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
	problems []problem
}

// filter is one filter[field][operator]=values.
type filter struct {
	param    string // as it was sent
	field    *field
	id       bool   // by id instead of a field
	through  *field // field of the related record, as in product.sku
	operator string
	values   []string // as sent
	texts    []string // of attributes: as stored
	serials  []int32  // of relations and ids
}

type order struct {
	field *field // nil is the id
	down  bool
}

const defaultPage = 10

// parseQuery reads the parameters of a list of t. What t cannot do is in problems.
func (s *Shop) parseQuery(t *table, values url.Values, extID bool) *query {
	q := &query{size: defaultPage, page: 1, includes: make(includes), fields: make(map[string]map[string]bool)}
	for _, param := range slices.Sorted(keysOf(values)) {
		q.parameter(s, t, param, values.Get(param), extID)
	}
	if t.needs != "" && !slices.ContainsFunc(q.filters, func(f filter) bool { return f.field != nil && f.field.name == t.needs }) && len(q.problems) == 0 {
		q.fail("", `The "`+t.needs+`" filter is required.`)
	}
	return q
}

func keysOf(values url.Values) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range values {
			if !yield(k) {
				return
			}
		}
	}
}

func (q *query) fail(param, detail string) {
	q.problems = append(q.problems, problem{status: 400, title: "filter constraint", detail: detail, parameter: param})
}

func (q *query) parameter(s *Shop, t *table, param, value string, extID bool) {
	group, rest := cutParam(param)
	switch {
	case param == "sort":
		q.sorting(t, value)
	case param == "include":
		for path := range strings.SplitSeq(value, ",") {
			q.includes.add(path)
		}
	case param == "page[size]", param == "page[number]":
		q.paging(param, value)
	case group == "fields" && len(rest) == 1:
		q.fields[rest[0]] = make(map[string]bool)
		for name := range strings.SplitSeq(value, ",") {
			q.fields[rest[0]][name] = true
		}
	case param == "meta":
	case group == "filter" && (len(rest) == 1 || len(rest) == 2):
		q.filtering(s, t, param, rest, value, extID)
	default:
		q.fail(param, "The filter is not supported.")
	}
}

// cutParam splits a[b][c] into its parts.
func cutParam(param string) (group string, rest []string) {
	group, tail, ok := strings.Cut(param, "[")
	if !ok || !strings.HasSuffix(tail, "]") {
		return param, nil
	}
	return group, strings.Split(strings.TrimSuffix(tail, "]"), "][")
}

func (q *query) paging(param, value string) {
	n, err := strconv.Atoi(value)
	if err != nil || n == 0 || n < -1 || n < 0 && param == "page[number]" {
		q.fail(param, `Expected integer value. Given "`+value+`".`)
		return
	}
	if param == "page[size]" {
		q.size = n
	} else {
		q.page = n
	}
}

func (q *query) sorting(t *table, value string) {
	for name := range strings.SplitSeq(value, ",") {
		bare := strings.TrimPrefix(name, "-")
		o := order{down: bare != name}
		if bare != "id" {
			o.field = t.byName[bare]
			if o.field == nil || o.field.kind.relation() || o.field.filter == unfiltered {
				q.problems = append(q.problems, problem{
					status: 400, title: "sort constraint", parameter: "sort",
					detail: `Sorting by "` + bare + `" field is not supported.`,
				})
				continue
			}
		}
		q.sort = append(q.sort, o)
	}
}

func (q *query) filtering(s *Shop, t *table, param string, path []string, value string, extID bool) {
	f := filter{param: param, operator: "eq", values: []string{value}}
	if len(path) == 2 {
		f.operator = path[1]
	}
	name, through, nested := strings.Cut(path[0], ".")
	f.field, f.id = t.byName[name], name == "id"
	if nested {
		if slices.Contains(t.filters, path[0]) {
			f.through = f.field.target.byName[through]
		} else {
			f.field = nil
		}
	}
	if !f.id && (f.field == nil || f.field.filter == unfiltered) || !slices.Contains(operators, f.operator) {
		q.fail(param, "The filter is not supported.")
		return
	}
	if f.id || f.through != nil || f.field.filter == several || f.field.kind == one {
		f.values = strings.Split(value, ",")
	}
	if detail := f.resolve(s, t, extID); detail != "" {
		q.fail(param, detail)
		return
	}
	q.filters = append(q.filters, f)
}

var operators = []string{"eq", "neq", "gt", "gte", "lt", "lte", "exists"}

// resolve turns the sent values into stored ones; a value that cannot be one is told.
func (f *filter) resolve(s *Shop, t *table, extID bool) string {
	if f.operator == "exists" {
		return ""
	}
	for _, v := range f.values {
		switch {
		case f.id:
			n, ok := s.lookup(t, v, extID)
			if !ok {
				return `Expected integer value. Given "` + v + `".`
			}
			f.serials = append(f.serials, n)
		case f.through != nil:
			f.serials = append(f.serials, f.reach(s, v, extID)...)
		case f.field.kind.relation():
			if f.field.prefix != "" { // the filter wants the option's full id, whatever the answers say
				rest, ok := strings.CutPrefix(v, f.field.prefix)
				if !ok {
					continue
				}
				v = rest
			}
			n, ok := s.lookup(f.field.target, v, extID)
			if !ok {
				return `Expected integer value. Given "` + v + `".`
			}
			f.serials = append(f.serials, n)
		default:
			stored, ok := f.field.parse([]byte(encode(v)))
			if f.field.kind == flag {
				stored, ok = v, v == "true" || v == "false"
			}
			if !ok {
				return `Expected ` + f.field.kind.String() + ` value. Given "` + v + `".`
			}
			f.texts = append(f.texts, stored)
		}
	}
	return ""
}

func (k kind) String() string {
	switch k {
	case flag:
		return "boolean"
	case integer:
		return "integer"
	case number, money, amount:
		return "number"
	case date:
		return "date"
	case moment:
		return "datetime"
	}
	return "string"
}

// reach lists the related records whose own field has the value.
func (f *filter) reach(s *Shop, v string, extID bool) []int32 {
	t := f.field.target
	if f.through.kind == one {
		n, _ := s.lookup(f.through.target, v, extID)
		var l []int32
		for _, r := range t.rows {
			if r != nil && r.ones[f.through.slot] == n {
				l = append(l, r.serial)
			}
		}
		return l
	}
	return t.texts[f.through.slot][encode(v)]
}

// narrow lists the candidates of a filter from an index; ok is false when it has none.
func (f *filter) narrow(t *table) (l []int32, ok bool) {
	if f.operator != "eq" {
		return nil, false
	}
	switch {
	case f.id:
		for _, n := range f.serials {
			if t.get(n) != nil {
				l = append(l, n)
			}
		}
		return l, true
	case f.field.kind == one && t.refs[f.field.slot] != nil:
		return join(t.refs[f.field.slot], f.serials), true
	case f.field.kind == many && t.listed[f.field.slot] != nil:
		return join(t.listed[f.field.slot], f.serials), true
	case !f.field.kind.relation() && t.texts[f.field.slot] != nil:
		return join(t.texts[f.field.slot], f.texts), true
	}
	return nil, false
}

// join lists the records of several buckets; a single one is not copied.
func join[K comparable](m map[K][]int32, keys []K) []int32 {
	if len(keys) == 1 {
		return m[keys[0]]
	}
	var l []int32
	for _, k := range keys {
		l = append(l, m[k]...)
	}
	return l
}

func (f *filter) matches(t *table, r *record) bool {
	switch {
	case f.id:
		return slices.Contains(f.serials, r.serial) == (f.operator != "neq")
	case f.field.kind == many:
		return slices.ContainsFunc(r.lists[f.field.slot], func(n int32) bool { return slices.Contains(f.serials, n) })
	case f.operator == "exists":
		return f.present(r) == (f.values[0] == "true" || f.values[0] == "1" || f.values[0] == "yes")
	case f.field.kind == one:
		return slices.Contains(f.serials, r.ones[f.field.slot]) == (f.operator != "neq")
	}
	v := r.attrs[f.field.slot]
	switch f.operator {
	case "eq":
		return slices.Contains(f.texts, v)
	case "neq":
		return !slices.Contains(f.texts, v)
	}
	c := f.compare(v, f.texts[0])
	return v != "" && (f.operator == "gt" && c > 0 || f.operator == "gte" && c >= 0 ||
		f.operator == "lt" && c < 0 || f.operator == "lte" && c <= 0)
}

func (f *filter) present(r *record) bool {
	if f.field.kind == one {
		return r.ones[f.field.slot] != 0
	}
	return r.attrs[f.field.slot] != ""
}

// compare orders stored values: times and texts as text, numbers as numbers.
func (f *filter) compare(a, b string) int { return compareValues(f.field.kind, a, b) }

func compareValues(k kind, a, b string) int {
	switch k {
	case integer, number, money, amount:
		return decimalOf(a).Cmp(decimalOf(b))
	}
	return strings.Compare(a, b)
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

// sorted orders records; without a wish, by id. The given list stays as it is.
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
	if slices.IsSortedFunc(l, compare) {
		return l
	}
	l = slices.Clone(l)
	slices.SortFunc(l, compare)
	return slices.Compact(l)
}

func (t *table) compareBy(o order, a, b int32) int {
	switch {
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
