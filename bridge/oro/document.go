package oro

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"unicode/utf8"
)

// A document is a JSON:API answer. A single resource is a list of one.
type document struct {
	Data     resources
	Included resources
}

type resources []resource

// A resource is one record of the shop. Only the fields that were asked for are there.
type resource struct {
	Type          string
	ID            string
	attributes    []attr
	relationships []relation
}

type attr struct {
	name string
	raw  json.RawMessage
}

type relation struct {
	name string
	many bool // to many, be they one or none
	to   refs
}

// A ref points to another resource.
type ref struct {
	Type string
	ID   string
}

type refs []ref

// attribute is the JSON of an attribute; ok is false for one that is absent.
func (r *resource) attribute(name string) (raw json.RawMessage, ok bool) {
	for _, a := range slices.Backward(r.attributes) {
		if a.name == name {
			return a.raw, true
		}
	}
	return nil, false
}

// relationship is where a relationship leads to; ok is false for one that is absent.
func (r *resource) relationship(name string) (found relation, ok bool) {
	for _, to := range slices.Backward(r.relationships) {
		if to.name == name {
			return to, true
		}
	}
	return found, false
}

func (r *resource) ref() ref { return ref{r.Type, r.ID} }

// text is an attribute as canonical text: strings as they are, numbers as plain decimals, booleans as 1 and 0, null and
// what is absent as nothing.
func (r *resource) text(name string) string {
	raw, _ := r.attribute(name)
	return rawText(raw)
}

// decimal is an attribute that holds an amount or a quantity, as a number or as text, in canonical form.
func (r *resource) decimal(name string) string {
	return plain(r.text(name))
}

func rawText(raw json.RawMessage) string {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 {
		return ""
	}
	switch raw[0] {
	case '"':
		if inner := raw[1 : len(raw)-1]; bytes.IndexByte(inner, '\\') < 0 && utf8.Valid(inner) {
			return string(inner)
		}
		var s string
		if json.Unmarshal(raw, &s) != nil {
			return ""
		}
		return s
	case 't':
		return "1"
	case 'f':
		return "0"
	case 'n':
		return ""
	case '{', '[':
		return string(raw)
	}
	return plain(string(raw))
}

// one is the target of a to-one relationship; empty when there is none.
func (r *resource) one(name string) ref {
	if to := r.many(name); len(to) > 0 {
		return to[0]
	}
	return ref{}
}

// many are the targets of a to-many relationship.
func (r *resource) many(name string) refs {
	found, _ := r.relationship(name)
	return found.to
}

// index finds included resources.
func index(list resources) map[ref]*resource {
	found := make(map[ref]*resource, len(list))
	for i := range list {
		found[list[i].ref()] = &list[i]
	}
	return found
}

// An errorItem is one of the shop's errors. Its status, a text in answers and a number in the errors of a batch, says
// nothing that the title does not.
type errorItem struct {
	Title  string  `json:"title"`
	Detail string  `json:"detail"`
	Source *source `json:"source"`
}

type source struct {
	Pointer   string `json:"pointer"`
	Parameter string `json:"parameter"`
}

func (e errorItem) pointer() string {
	if e.Source == nil {
		return ""
	}
	return e.Source.Pointer
}

// words is what the shop said, for people.
func (e errorItem) words() string {
	text := strings.TrimSpace(e.Detail)
	if text == "" {
		text = e.Title
	}
	if e.Source != nil && e.Source.Parameter != "" {
		text += " (" + e.Source.Parameter + ")"
	}
	return text
}

// decodeErrors reads the errors of a refused request; nil when the body holds none.
func decodeErrors(body []byte) []errorItem {
	var doc struct {
		Errors []errorItem `json:"errors"`
	}
	if json.Unmarshal(body, &doc) != nil {
		return nil
	}
	return doc.Errors
}

func joinWords(items []errorItem) string {
	var said []string
	for _, e := range items {
		if w := e.words(); w != "" {
			said = append(said, w)
		}
	}
	return strings.Join(said, "; ")
}

// An item is a record on its way to the shop, its attributes and relationships as JSON, in the order in which they were set.
type item struct {
	kind, id string
	meta     string // "update" or "upsert"
	attrs    []byte
	rels     []byte
}

// set adds a text attribute; an empty text is null.
func (it *item) set(name, text string) {
	it.attrs = appendName(it.attrs, name)
	if text == "" {
		it.attrs = append(it.attrs, "null"...)
		return
	}
	it.attrs = appendText(it.attrs, text)
}

// raw adds an attribute that is JSON already.
func (it *item) raw(name, value string) {
	it.attrs = append(appendName(it.attrs, name), value...)
}

// point adds a to-one relationship; an empty id clears it.
func (it *item) point(name, kind, id string) {
	it.rels = append(appendName(it.rels, name), `{"data":`...)
	if id == "" {
		it.rels = append(it.rels, "null}"...)
		return
	}
	it.rels = append(appendRef(it.rels, ref{kind, id}), '}')
}

// points adds a to-many relationship: the whole list.
func (it *item) points(name string, to refs) {
	it.rels = append(appendName(it.rels, name), `{"data":[`...)
	for i, r := range to {
		if i > 0 {
			it.rels = append(it.rels, ',')
		}
		it.rels = appendRef(it.rels, r)
	}
	it.rels = append(it.rels, "]}"...)
}

func (it *item) empty() bool { return len(it.attrs) == 0 && len(it.rels) == 0 }

func (it *item) append(b []byte) []byte {
	b = append(b, `{"type":"`...)
	b = append(b, it.kind...)
	b = append(b, '"')
	if it.id != "" {
		b = append(b, `,"id":`...)
		b = appendText(b, it.id)
	}
	if it.meta != "" {
		b = append(b, `,"meta":{"`...)
		b = append(b, it.meta...)
		b = append(b, `":true}`...)
	}
	if len(it.attrs) > 0 {
		b = append(append(append(b, `,"attributes":{`...), it.attrs...), '}')
	}
	if len(it.rels) > 0 {
		b = append(append(append(b, `,"relationships":{`...), it.rels...), '}')
	}
	return append(b, '}')
}

// appendName adds the name of a member behind the members before it.
func appendName(members []byte, name string) []byte {
	if len(members) > 0 {
		members = append(members, ',')
	}
	return append(appendText(members, name), ':')
}

func appendRef(b []byte, r ref) []byte {
	b = append(append(append(b, `{"type":"`...), r.Type...), `","id":`...)
	return append(appendText(b, r.ID), '}')
}

// appendText adds a JSON string. Plain ASCII, the usual case, costs nothing.
func appendText(b []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < 0x20 || c > 0x7e || c == '"' || c == '\\' {
			quoted, _ := json.Marshal(s) // a string can always be encoded
			return append(b, quoted...)
		}
	}
	return append(append(append(b, '"'), s...), '"')
}

// appendDocument is the body of a batch.
func appendDocument(b []byte, data, included []item) []byte {
	b = append(b, `{"data":[`...)
	for i := range data {
		if i > 0 {
			b = append(b, ',')
		}
		b = data[i].append(b)
	}
	b = append(b, ']')
	for i := range included {
		if i == 0 {
			b = append(b, `,"included":[`...)
		} else {
			b = append(b, ',')
		}
		b = included[i].append(b)
	}
	if len(included) > 0 {
		b = append(b, ']')
	}
	return append(b, '}')
}
