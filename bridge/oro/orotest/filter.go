package orotest

import (
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// parameter is one of the query: group[path][operator]=value.
type parameter struct {
	source string // what an error names
	key    string // group[path], without the operator
	group  string
	path   string // the parts of the path with dots between them
	// operator is eq unless named.
	operator string
	value    string
}

// pattern finds the parameters as the shop does: anywhere in the encoded query. So filter[sku]!=x is a parameter 21.
var pattern = regexp.MustCompile(`([\w\-.]+)((?:\[[\w\-.]*\]|%5B[\w\-.]*%5D)*)=`)

// parameters reads a query in the order of its names; of a name that stands twice the last value counts.
func parameters(values url.Values) []parameter {
	var l []parameter
	names := make([]string, 0, len(values))
	for name := range values {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		m := pattern.FindStringSubmatch(strings.ReplaceAll(url.QueryEscape(name), "+", "%20") + "=")
		if m == nil {
			continue
		}
		group, _ := url.PathUnescape(m[1])
		path, _ := url.PathUnescape(m[2])
		p := parameter{source: group + path, group: group, operator: "eq", value: values[name][len(values[name])-1]}
		if i := strings.LastIndexByte(path, '['); i >= 0 && slices.Contains(operators, path[i+1:len(path)-1]) {
			p.operator, path = path[i+1:len(path)-1], path[:i]
		}
		p.key = group + path
		p.path = strings.NewReplacer("][", ".", "[", "", "]", "").Replace(path)
		l = append(l, p)
	}
	return l
}

// The operators that the shop knows, and those that a kind of field takes.
var (
	operators = []string{
		"eq", "neq", "gt", "gte", "lt", "lte", "exists", "neq_or_null", "contains", "not_contains",
		"starts_with", "not_starts_with", "ends_with", "not_ends_with", "empty",
	}
	plainOperators  = []string{"eq", "neq", "exists", "neq_or_null"}
	rangeOperators  = []string{"eq", "neq", "exists", "neq_or_null", "gt", "gte", "lt", "lte"}
	memberOperators = []string{"eq", "neq", "exists", "neq_or_null", "contains", "not_contains"}
)

func (f *field) operators() []string {
	switch f.kind {
	case integer, number, money, amount, date, moment:
		return rangeOperators
	case many, inverse:
		return memberOperators
	}
	return plainOperators
}

// filter is one filter[field][operator]=values.
type filter struct {
	id       bool     // by id instead of a field
	byNumber bool     // ext_id mode: by the number beneath the id
	field    *field   // of the record itself
	through  []*field // from there on, as in product.sku
	operator string
	texts    []string // of attributes: as stored; of moments where the time begins
	ends     []string // of moments: where the time ends that a value means, as a day or a year
	serials  []int32  // of relations and ids
	// from and to are the ends of a range; "" has none.
	ranged   bool
	from, to string
}

const emptyText = `Expected not empty string value. Given "".`

func (q *query) filtering(s *holdings, t *table, p parameter, extID bool) {
	f := filter{operator: p.operator}
	last, owner := f.locate(s, t, p.path, extID)
	if owner == nil {
		q.fail(p.source, notSupported)
		return
	}
	allowed := rangeOperators
	if last != nil {
		allowed = last.operators()
	}
	if last != nil && last.equals {
		allowed = []string{"eq"}
	}
	if !slices.Contains(allowed, p.operator) {
		q.fail(p.source, `The operator "`+p.operator+`" is not supported.`)
		return
	}
	if detail := f.resolve(s, q, last, owner, p.value, extID); detail != "" {
		q.fail(p.source, detail)
		return
	}
	q.filters = append(q.filters, f)
}

// locate follows a path to the field that is filtered; nil is the id. Without an owner there is no such filter.
func (f *filter) locate(s *holdings, t *table, path string, extID bool) (last *field, owner *table) {
	names := strings.Split(path, ".")
	if t.shortcuts[path] != "" {
		names = strings.Split(t.shortcuts[path], ".")
	}
	for i, name := range names {
		key := extID && s.byExtID(t)
		if name == "id" || key && name == "dbId" {
			f.id, f.byNumber = i == 0, name == "dbId"
			return nil, t
		}
		last = t.byName[name]
		if last == nil || last.filter == unfiltered && t.shortcuts[path] == "" || key && name == t.extKey {
			return nil, nil
		}
		if i == 0 {
			f.field = last
		} else {
			f.through = append(f.through, last)
		}
		owner = t
		if i < len(names)-1 {
			if !last.kind.relation() || last.target.actions == closed || last.target.option {
				return nil, nil
			}
			t = last.target
		}
	}
	return last, owner
}

// takesSeveral says whether the operator takes a,b and a..b.
func (f *filter) takesSeveral() bool {
	return f.operator == "eq" || f.operator == "neq" || f.operator == "neq_or_null"
}

// resolve turns the sent value into stored ones; a value that cannot be one is told.
func (f *filter) resolve(s *holdings, q *query, last *field, owner *table, value string, extID bool) string {
	if f.operator == "exists" {
		truth, ok := truthOf(value)
		if !ok {
			return `Expected boolean value. Given "` + value + `".`
		}
		f.texts = []string{truth}
		return ""
	}
	if last == nil || last.kind.relation() {
		return f.resolveIDs(s, q, last, owner, value, extID)
	}
	if from, to, ok := strings.Cut(value, ".."); ok && last.ranges() && f.takesSeveral() {
		a, _, ok1 := last.filterText(from)
		b, _, ok2 := last.filterText(to)
		if !ok1 || !ok2 {
			return aPairOf(last.kind.String(), value)
		}
		f.ranged, f.from, f.to = true, a, b
		return ""
	}
	values := []string{value}
	if last.filter == several && f.takesSeveral() || last.ranges() && f.takesSeveral() {
		values = strings.Split(value, ",")
	}
	for _, v := range values {
		stored, end, ok := last.filterText(v)
		switch {
		case ok:
			f.texts, f.ends = append(f.texts, stored), append(f.ends, end)
		case len(values) > 1:
			return `Expected an array of ` + last.kind.String() + `s. Given "` + value + `".`
		default:
			return `Expected ` + last.kind.String() + ` value. Given "` + value + `".`
		}
	}
	return ""
}

func aPairOf(what, value string) string {
	return `Expected a pair of ` + what + `s (` + what + `..` + what + `). Given "` + value + `".`
}

// resolveIDs reads the ids of a filter over records.
func (f *filter) resolveIDs(s *holdings, q *query, last *field, t *table, value string, extID bool) string {
	if last != nil {
		t = last.target
	}
	extID = extID && !f.byNumber
	byKey := extID && s.byExtID(t)
	if t.ids == serial && !byKey && f.nested(last) {
		return f.resolveNumbers(value)
	}
	if strings.Trim(value, " ") == "" {
		return `Expected not empty string value. Given "` + value + `".`
	}
	if from, to, ok := strings.Cut(value, ".."); ok && t.ids == serial && !byKey && f.takesSeveral() {
		return f.resolveRange(t, from, to, value)
	}
	values := []string{value}
	if (f.takesSeveral() || f.operator == "contains" || f.operator == "not_contains") && !(last != nil && last.equals) {
		values = strings.Split(value, ",")
	}
	if i := slices.IndexFunc(values, func(v string) bool { return !priceID.MatchString(v) }); i >= 0 && t.suffix != "" {
		return `Expected a product price ID. Given "` + values[i] + `".`
	}
	if i := slices.IndexFunc(values, func(v string) bool { return t.ids == joined && !t.joins(v) }); i >= 0 {
		return `The value "` + values[i] + `" is not valid identifier.`
	}
	if len(values) > 1 && slices.ContainsFunc(values, func(v string) bool { return strings.Trim(v, " ") == "" }) {
		return `Expected an array of not empty strings. Given "` + value + `".`
	}
	for _, v := range values {
		if last != nil && last.prefix != "" && !(q.wants(last.owner, last.name)) {
			// without the field in the answer, the filter takes the option's full id
			bare, ok := strings.CutPrefix(v, last.prefix)
			if !ok {
				continue
			}
			v = bare
		}
		n, ok := s.lookup(t, v, extID)
		if !ok {
			return `Expected integer value. Given "` + v + `".`
		}
		if n == 0 && t.ids == serial && !byKey {
			n = beyond(v)
		}
		f.serials = append(f.serials, n)
	}
	return ""
}

// priceID is the id of a price: its own, and that of its list.
var priceID = regexp.MustCompile(`^[a-f0-9]{8}(-[a-f0-9]{4}){3}-[a-f0-9]{12}-\d+$`)

// nested reports whether the ids are those of a record further on: then they are plain numbers to the shop.
func (f *filter) nested(last *field) bool { return len(f.through) > 0 || last == nil && !f.id }

func (f *filter) resolveNumbers(value string) string {
	number := &table{resource: &resource{}}
	if from, to, ok := strings.Cut(value, ".."); ok && f.takesSeveral() {
		if f.resolveRange(number, from, to, value) != "" {
			return aPairOf("integer", value)
		}
		return ""
	}
	values := []string{value}
	if f.takesSeveral() || f.operator == "contains" || f.operator == "not_contains" {
		values = strings.Split(value, ",")
	}
	for _, v := range values {
		if _, ok := number.parseID(v); !ok && len(values) > 1 {
			return `Expected an array of integers. Given "` + value + `".`
		} else if !ok {
			return `Expected integer value. Given "` + value + `".`
		}
		f.serials = append(f.serials, beyond(v))
	}
	return ""
}

func (f *filter) resolveRange(t *table, from, to, value string) string {
	if strings.Trim(from, " ") == "" || strings.Trim(to, " ") == "" {
		return aPairOf("not empty string", value)
	}
	for _, end := range []string{from, to} {
		if _, ok := t.parseID(end); !ok {
			return `Expected integer value. Given "` + end + `".`
		}
	}
	f.ranged, f.from, f.to = true, from, to
	return ""
}

// beyond keeps an id that no record has comparable with those that records have.
func beyond(id string) int32 {
	n, err := strconv.ParseInt(id, 10, 64)
	switch {
	case err != nil || n < 0:
		return -1
	case n > 1<<30:
		return 1 << 30
	}
	return int32(n)
}

func (q *query) wants(resource, field string) bool {
	chosen, ok := q.fields[resource]
	return !ok || chosen[field]
}

func truthOf(s string) (value string, ok bool) {
	switch s {
	case "1", "true", "True", "yes", "Yes":
		return "true", true
	case "0", "false", "False", "no", "No":
		return "false", true
	}
	return "", false
}

// ranges reports whether a filter takes a..b.
func (f *field) ranges() bool {
	switch f.kind {
	case integer, number, money, amount, date, moment:
		return true
	}
	return false
}

// filterText is a filter's value as it would be stored; of a moment, where it begins and where it ends.
func (f *field) filterText(v string) (text, end string, ok bool) {
	switch f.kind {
	case flag:
		text, ok = truthOf(v)
	case date, moment:
		return filterTime(f.kind, v)
	case object:
		return encode(v), "", true
	case integer, number, money, amount:
		text, ok = f.parse([]byte(encode(v)))
	default:
		text, ok = encode(v), strings.Trim(v, " ") != ""
		if f.foldCase {
			text = strings.ToLower(text)
		}
	}
	return text, text, ok
}

// whenever is a time as filters take it: a part of it, and a zone or not.
var whenever = regexp.MustCompile(
	`^(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d)(?::(\d\d))?(?::(\d\d))?(?:\.\d\d)?(Z|[+-]\d\d(?::?\d\d)?)?)?)?)?$`)

// filterTime reads a time: the moment at which it begins, and the one at which it ends. A year, a day or an hour means all of
// it. A day that does not exist is one of the next month.
func filterTime(k kind, v string) (begin, end string, ok bool) {
	m := whenever.FindStringSubmatch(v)
	if m == nil {
		return "", "", false
	}
	part := func(i, otherwise int) int {
		if m[i] == "" {
			return otherwise
		}
		n, _ := strconv.Atoi(m[i])
		return n
	}
	at := time.Date(part(1, 0), time.Month(part(2, 1)), part(3, 1), part(4, 0), part(5, 0), part(6, 0), 0, zoneOf(m[7]))
	if k == date {
		text := `"` + at.Format(time.DateOnly) + `"`
		return text, text, true
	}
	until := at
	switch {
	case m[2] == "":
		until = at.AddDate(1, 0, 0)
	case m[3] == "":
		until = at.AddDate(0, 1, 0)
	case m[4] == "":
		until = at.AddDate(0, 0, 1)
	case m[5] == "":
		until = at.Add(time.Hour)
	case m[6] == "":
		until = at.Add(time.Minute)
	}
	return stamp(at), stamp(until), true
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
	return "not empty string"
}

// narrow lists the candidates of a filter from an index; ok is false when it has none.
func (f *filter) narrow(t *table) (l []int32, ok bool) {
	if f.operator != "eq" || f.ranged || f.through != nil {
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
	case !f.field.kind.relation() && t.texts[f.field.slot] != nil && !f.field.foldCase:
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
	if f.id {
		return f.compareSerials([]int32{r.serial})
	}
	if len(f.through) > 0 {
		step := *f
		step.field, step.through = f.through[0], f.through[1:]
		return slices.ContainsFunc(t.related(r, f.field), func(n int32) bool {
			next := f.field.target.get(n)
			return next != nil && step.matches(f.field.target, next)
		})
	}
	switch {
	case f.field.kind.relation():
		return f.compareSerials(t.related(r, f.field))
	case f.field.kind == object:
		return f.compareTypes(typesOf(r.attrs[f.field.slot]))
	}
	v := r.attrs[f.field.slot]
	if f.field.foldCase {
		v = strings.ToLower(v)
	}
	switch f.operator {
	case "exists":
		return v != "" == (f.texts[0] == "true")
	case "eq":
		return v != "" && f.means(v)
	case "neq":
		return v != "" && !f.means(v)
	case "neq_or_null":
		return v == "" || !f.means(v)
	}
	return v != "" && holds(f.operator, compareValues(f.field.kind, v, f.texts[0]))
}

// means reports whether a stored value is one of those that are filtered by.
func (f *filter) means(stored string) bool {
	kind := f.field.kind
	if f.ranged {
		return compareValues(kind, stored, f.from) >= 0 && compareValues(kind, stored, f.to) <= 0
	}
	for i, text := range f.texts {
		switch {
		case stored == text, f.field.ranges() && compareValues(kind, stored, text) == 0:
			return true
		case kind == moment && stored > text && stored < f.ends[i]:
			return true
		}
	}
	return false
}

func holds(operator string, c int) bool {
	return operator == "gt" && c > 0 || operator == "gte" && c >= 0 || operator == "lt" && c < 0 || operator == "lte" && c <= 0
}

// compareSerials holds ids against the filter.
func (f *filter) compareSerials(ids []int32) bool {
	in := func(n int32) bool { return slices.Contains(f.serials, n) }
	if f.ranged {
		from, _ := strconv.Atoi(f.from)
		to, _ := strconv.Atoi(f.to)
		in = func(n int32) bool { return int(n) >= from && int(n) <= to }
	}
	switch {
	case f.operator == "exists":
		return len(ids) > 0 == (f.texts[0] == "true")
	case f.operator == "eq":
		return slices.ContainsFunc(ids, in)
	case f.operator == "neq":
		return (len(ids) > 0 || f.field != nil && f.field.kind != one) && !slices.ContainsFunc(ids, in)
	case f.operator == "neq_or_null":
		return !slices.ContainsFunc(ids, in)
	case f.operator == "contains":
		return !slices.ContainsFunc(f.serials, func(n int32) bool { return !slices.Contains(ids, n) })
	case f.operator == "not_contains":
		return slices.ContainsFunc(f.serials, func(n int32) bool { return !slices.Contains(ids, n) })
	}
	return slices.ContainsFunc(ids, func(n int32) bool { return len(f.serials) > 0 && holds(f.operator, int(n-f.serials[0])) })
}

// compareTypes holds the types of an address against the filter.
func (f *filter) compareTypes(types []addressType) bool {
	has := slices.ContainsFunc(types, func(t addressType) bool { return slices.Contains(f.texts, encode(t.Type)) })
	switch f.operator {
	case "exists":
		return len(types) > 0 == (f.texts[0] == "true")
	case "eq":
		return has
	}
	return !has
}

func compareValues(k kind, a, b string) int {
	switch k {
	case integer, number, money, amount:
		return decimalOf(a).Cmp(decimalOf(b))
	}
	return strings.Compare(a, b)
}
