package orotest

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"unicode"
)

// document is the body of a write to one record.
type document struct {
	Data     *item
	Included []item
}

// item is a resource object of a request.
type item struct {
	Type          string
	ID            string
	Meta          map[string]json.RawMessage
	Attributes    members
	Relationships members // each is the value of its data
}

// attribute is one as it was sent; nothing was sent of what the request does not hold.
func (it *item) attribute(name string) (json.RawMessage, bool) {
	if it == nil {
		return nil, false
	}
	return it.Attributes.get(name)
}

// sends reports whether the request sent a field.
func (it *item) sends(name string) bool {
	if it == nil {
		return false
	}
	_, plain := it.Attributes.get(name)
	_, related := it.Relationships.get(name)
	return plain || related
}

// identifier is a link to a record in a request.
type identifier struct {
	Type string `json:"type"`
	ID   string `json:"id"`
}

// members are those of a JSON object in the order in which they were sent.
type members struct {
	names  []string
	values map[string]json.RawMessage
}

func (m members) get(name string) (json.RawMessage, bool) {
	v, ok := m.values[name]
	return v, ok
}

// empty reports whether raw is {} or [], which the shop does not tell apart.
func empty(raw json.RawMessage) bool {
	d := json.NewDecoder(bytes.NewReader(raw))
	if t, err := d.Token(); err != nil || t != json.Delim('{') && t != json.Delim('[') {
		return false
	}
	return !d.More()
}

// readMembers reads a JSON object; anything else has none.
func readMembers(raw json.RawMessage) members {
	var m members
	d := json.NewDecoder(bytes.NewReader(raw))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return m
	}
	m.values = make(map[string]json.RawMessage)
	for d.More() {
		name, err := d.Token()
		var v json.RawMessage
		if err != nil || d.Decode(&v) != nil {
			return m
		}
		key, _ := name.(string)
		if _, ok := m.values[key]; !ok {
			m.names = append(m.names, key)
		}
		m.values[key] = v
	}
	return m
}

func isObject(raw json.RawMessage) bool { return len(raw) > 0 && raw[0] == '{' }
func isArray(raw json.RawMessage) bool  { return len(raw) > 0 && raw[0] == '[' }

// isString reports whether raw is a string, and which.
func isString(raw json.RawMessage) (string, bool) {
	if len(raw) == 0 || raw[0] != '"' {
		return "", false
	}
	var s string
	return s, json.Unmarshal(raw, &s) == nil
}

// inspection checks the structure of a document, before its meaning is looked at.
type inspection struct {
	problems []problem
}

func (in *inspection) fault(pointer, detail string) bool {
	in.problems = append(in.problems, problem{status: 400, title: "request data constraint", detail: detail, pointer: pointer})
	return false
}

// property checks a member that should be a string with something in it.
func (in *inspection) property(m members, name, pointer string, required bool) {
	raw, ok := m.get(name)
	s, text := isString(raw)
	pointer += "/" + name
	switch {
	case !ok && required:
		in.fault(pointer, "The '"+name+"' property is required")
	case !ok:
	case string(raw) == "null":
		in.fault(pointer, "The '"+name+"' property should not be null")
	case !text:
		in.fault(pointer, "The '"+name+"' property should be a string")
	case strings.TrimSpace(s) == "":
		in.fault(pointer, "The '"+name+"' property should not be blank")
	}
}

// section checks a member that should be an object with something in it.
func (in *inspection) section(m members, name, pointer string) bool {
	raw, ok := m.get(name)
	pointer += "/" + name
	switch {
	case !ok:
		return false
	case !isObject(raw) && !isArray(raw):
		return in.fault(pointer, "The '"+name+"' property should be an array")
	case empty(raw):
		return in.fault(pointer, "The '"+name+"' property should not be empty")
	case isArray(raw):
		return in.fault(pointer, "The '"+name+"' property should be an associative array")
	}
	return true
}

var resourceProperties = []string{"type", "id", "meta", "attributes", "relationships", "links"}

// resource checks a resource object.
func (in *inspection) resource(raw json.RawMessage, pointer string, needsID bool) {
	m := readMembers(raw)
	for _, name := range m.names {
		if !slices.Contains(resourceProperties, name) {
			in.fault(pointer, "The '"+name+"' property is not allowed for a resource object")
		}
	}
	in.property(m, "type", pointer, true)
	in.property(m, "id", pointer, needsID)
	in.section(m, "attributes", pointer)
	if in.section(m, "relationships", pointer) {
		in.relationships(readMembers(m.values["relationships"]), pointer+"/relationships")
	}
}

func (in *inspection) relationships(m members, pointer string) {
	for _, name := range m.names {
		at := pointer + "/" + name
		data, ok := readMembers(m.values[name]).get("data")
		switch {
		case !ok:
			in.fault(at, "The relationship should have 'data' property")
		case string(data) == "null" || empty(data):
		case isObject(data):
			in.identifier(data, at+"/data")
		case isArray(data):
			for i, raw := range elements(data) {
				in.identifier(raw, pointerIn(at+"/data", i))
			}
		default:
			in.fault(at+"/data", "The 'data' property should be an array")
		}
	}
}

func (in *inspection) identifier(raw json.RawMessage, pointer string) {
	m := readMembers(raw)
	in.property(m, "type", pointer, true)
	in.property(m, "id", pointer, true)
}

func elements(raw json.RawMessage) []json.RawMessage {
	var l []json.RawMessage
	_ = json.Unmarshal(raw, &l) // not a list: none
	return l
}

// included checks the section of included records.
func (in *inspection) included(m members) {
	raw, ok := m.get("included")
	switch {
	case !ok:
	case !isArray(raw) && !isObject(raw):
		in.fault("/included", "The 'included' property should be an array")
	case empty(raw):
		in.fault("/included", "The 'included' property should not be empty")
	default:
		for i, raw := range elements(raw) {
			if !isObject(raw) {
				in.fault(pointerAt("included", i), "The related resource should be an object")
				continue
			}
			in.resource(raw, pointerAt("included", i), true)
		}
	}
}

// newItem reads a resource object that was inspected.
func newItem(raw json.RawMessage) *item {
	m := readMembers(raw)
	it := &item{Attributes: readMembers(m.values["attributes"])}
	it.Type, _ = isString(m.values["type"])
	it.ID, _ = isString(m.values["id"])
	it.Meta = readMembers(m.values["meta"]).values
	it.Relationships = readMembers(m.values["relationships"])
	for name, raw := range it.Relationships.values {
		it.Relationships.values[name] = readMembers(raw).values["data"]
	}
	return it
}

func newItems(raw json.RawMessage) []item {
	var l []item
	for _, raw := range elements(raw) {
		l = append(l, *newItem(raw))
	}
	return l
}

// flags are the wishes in an item's meta.
type flags struct {
	update, validate bool
	upsert           bool
	upsertBy         []string // nil: by the id
}

// flags reads the meta of an item. At is the pointer to it.
func (it *item) flags(at string) (f flags, bad *problem) {
	refuse := func(title, detail, pointer string) (flags, *problem) {
		return f, &problem{status: 400, title: title, detail: detail, pointer: pointer}
	}
	wish := func(name string, into *bool) bool {
		raw, ok := it.Meta[name]
		*into = string(raw) == "true"
		return !ok || string(raw) == "true" || string(raw) == "false"
	}
	if !wish("update", &f.update) {
		return refuse("value constraint", "This value should be a boolean.", at+"/update")
	}
	if !wish("upsert", &f.upsert) {
		if json.Unmarshal(it.Meta["upsert"], &f.upsertBy) != nil || len(f.upsertBy) == 0 ||
			slices.ContainsFunc(f.upsertBy, func(s string) bool { return strings.TrimSpace(s) == "" }) {
			return refuse("value constraint", "This value should be a boolean or an array of strings.", at+"/upsert")
		}
		f.upsert = true
		if slices.Equal(f.upsertBy, []string{"id"}) {
			f.upsertBy = nil
		}
	}
	if !wish("validate", &f.validate) {
		return refuse("value constraint", "This value should be a boolean.", at+"/validate")
	}
	if f.update && f.upsert || f.update && f.validate || f.upsert && f.validate {
		return refuse("request data constraint", "Only one meta option can be used.", at)
	}
	return f, nil
}

// sources are the included records of a request.
type sources struct {
	items  []item
	byRef  map[identifier]int
	links  [][]identifier       // of each
	backs  map[identifier][]int // who leads to a record
	shared map[int]*entity      // of a batch: what was written already
}

func newSources(items []item) *sources {
	s := &sources{
		items: items, byRef: make(map[identifier]int, len(items)), links: make([][]identifier, len(items)), backs: make(map[identifier][]int),
	}
	for i := range items {
		ref := identifier{items[i].Type, items[i].ID}
		if _, ok := s.byRef[ref]; !ok {
			s.byRef[ref] = i
		}
		s.links[i] = items[i].identifiers()
		for _, to := range s.links[i] {
			s.backs[to] = append(s.backs[to], i)
		}
	}
	return s
}

// repeated are the errors for included records that name the same one.
func (s *sources) repeated() []problem {
	var l []problem
	for i, it := range s.items {
		if first := s.byRef[identifier{it.Type, it.ID}]; first != i {
			l = append(l, problem{
				status: 400, title: "request data constraint", pointer: pointerAt("included", i),
				detail: "The item duplicates the item with the index " + itoa(first),
			})
		}
	}
	return l
}

// identifiers are all links of an item.
func (it *item) identifiers() []identifier {
	var l []identifier
	for _, name := range it.Relationships.names {
		l = append(l, readIdentifiers(it.Relationships.values[name])...)
	}
	return l
}

func readIdentifiers(raw json.RawMessage) []identifier {
	var l []identifier
	var id identifier
	if isObject(raw) && json.Unmarshal(raw, &id) == nil {
		return []identifier{id}
	}
	_ = json.Unmarshal(raw, &l) // null: none
	return l
}

// reached lists the included records that hang together with the primary one, by a link of either to the other, in order.
func (s *sources) reached(primary *item) []int {
	if len(s.items) == 0 {
		return nil
	}
	seen := make(map[int]bool)
	var todo []int
	visit := func(i int) {
		if !seen[i] {
			seen[i] = true
			todo = append(todo, i)
		}
	}
	follow := func(ref identifier, links []identifier) {
		for _, to := range links {
			if i, ok := s.byRef[to]; ok {
				visit(i)
			}
		}
		if ref.ID != "" {
			for _, i := range s.backs[ref] {
				visit(i)
			}
		}
	}
	follow(identifier{primary.Type, primary.ID}, primary.identifiers())
	for n := 0; n < len(todo); n++ {
		i := todo[n]
		follow(identifier{s.items[i].Type, s.items[i].ID}, s.links[i])
	}
	slices.Sort(todo)
	return todo
}

// unlinked are the errors for included records that nothing leads to.
func (s *sources) unlinked(primary *item) []problem {
	var l []problem
	reached := s.reached(primary)
	for i := range s.items {
		if _, ok := slices.BinarySearch(reached, i); !ok {
			l = append(l, problem{
				status: 400, title: "request data constraint", pointer: pointerAt("included", i),
				detail: "The entity should have a relationship with the primary entity and this should be explicitly specified in the request",
			})
		}
	}
	return l
}

// trimmed is a text as the shop keeps it: no blanks at its ends, be they visible or not, and nothing from a NUL on.
func trimmed(s string) string {
	if i := strings.IndexByte(s, 0); i >= 0 {
		s = s[:i]
	}
	return strings.TrimFunc(s, func(r rune) bool { return unicode.In(r, unicode.Z, unicode.Cc, unicode.Cf) })
}
