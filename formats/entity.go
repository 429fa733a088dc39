package formats

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/cespare/xxhash/v2"
)

// Kind is how a field's text is checked and brought to its canonical form.
type Kind int

// The kinds of fields.
const (
	Text     Kind = iota // trimmed of surrounding blanks, no control characters but line breaks and tabs
	Line                 // Text without line breaks
	Code                 // Line that is looked up in the shop or used as a key
	Money                // decimal ≥ 0, at most 15 digits before the point, rounded half up to 4 decimals as the shop stores it
	Quantity             // decimal, may be negative where the shop allows it, at most 10 decimals
	Flag                 // 1, X, true, yes, y → "1"; 0, empty, false, no, n → "0"
	Choice               // one of Field.Values
	Date                 // YYYY-MM-DD
	Codes                // words separated by blanks or commas; canonical: in the file's order, single blanks
	Units                // code:precision:rate …, canonical: single blanks, sorted by code
	Path                 // titles separated by >, canonical: " > "
)

// String is the kind's name, for people.
func (k Kind) String() string {
	names := [...]string{"text", "line", "code", "money", "quantity", "flag", "choice", "date", "codes", "units", "path"}
	if k < 0 || int(k) >= len(names) {
		return "unknown"
	}
	return names[k]
}

// Field describes one canonical column of an entity.
type Field struct {
	Name     string   // canonical column name: "sku"; the stem for families: "name", "attr."
	Kind     Kind     //
	Key      bool     // part of the business key, in the order of the fields
	Required bool     // must stand in every row that is not a removal
	Else     string   // of a key that is empty: the field that names the record instead (see [ElseKey])
	Default  string   // canonical value of a key field whose column is absent or whose cell is empty
	Max      int      // longest canonical text in characters, 0: the format's own limit
	Values   []string // the values of a Choice
	Ref      string   // entity that this field names by key: its parent; empty for none
	Family   Family   // whether the name stands for many columns
	Doc      string   // one line for `orobridge formats` and the documents
}

// Family says that a field stands for many columns.
type Family int

// The families of columns.
const (
	Single    Family = iota
	Localized        // name and name[de_DE]
	Prefixed         // attr.color
)

// Entity describes what can be loaded: fields as data, key fields first.
type Entity struct {
	Name   string
	Fields []Field
	// After lists the entities that must be loaded before this one when several feeds have drops ready.
	After []string
	// Wholes are groups of fields that the shop takes only together.
	Wholes []Whole
	// Left is what a removal leaves in the shop (a disabled product); nil when nothing is left.
	Left []Value
	// OnMissing are the ways to treat what a full file lacks, the first one by default.
	OnMissing []string
	// Scope are the fields by which full files are told apart, unless a feed says otherwise: each holds everything of the
	// values that it names, and nothing else. Without any, a file holds everything.
	Scope []string
	// ToCreate are the fields without which the shop makes no such record.
	ToCreate []string
	// Fixed says that records come to be by themselves (a product's stock): none is created.
	Fixed bool
	// Persons says that records are about persons: not everybody may see them, and who does stands in the audit.
	Persons bool
	// Answers says that records are answers to orders: each is written to its order, and none travels in a batch.
	Answers bool
	// Worth is the field whose change a guard can bound (a price's value); empty for none.
	Worth string
	// Stock says what a stock shop refuses of a record for its content alone; nil when nothing is known. See [Entity.Refusal].
	Stock func(r *Record, create bool) *Reject
}

// OfPersons says that the records of an entity of that name are about persons.
func OfPersons(name string) bool {
	e, ok := EntityByName(name)
	return ok && e.Persons
}

// A Whole is a group of fields that mean something only together: an address.
type Whole struct {
	Name   string
	Fields []string
	Along  []string // fields that go with the others, and are none without them
	Needs  []string // none of them may be empty when another field of the group has a text
}

// Begun says that a record holds some of the group.
func (w *Whole) Begun(r *Record) bool {
	return slices.ContainsFunc(r.Values, func(v Value) bool { return v.Text != "" && slices.Contains(w.Fields, v.Field) })
}

// A Lack is what a record's group is nothing without: the field, and in words why.
type Lack struct{ Field, Why string }

// Leave takes the group out of a record, with a warning of what it lacks.
func (w *Whole) Leave(r *Record, lack Lack) {
	r.Values = slices.DeleteFunc(r.Values, func(v Value) bool {
		return slices.Contains(w.Fields, v.Field) || slices.Contains(w.Along, v.Field)
	})
	r.Warnings = append(r.Warnings, Warning{Pos: r.Pos, Key: r.Key, Field: lack.Field, Code: CodeIncomplete,
		Message: fmt.Sprintf("loaded without its %s: %s", w.Name, lack.Why)})
}

// Refuse is the reject of a record for what its group lacks.
func (w *Whole) Refuse(r *Record, lack Lack) *Reject {
	return &Reject{Pos: r.Pos, Key: r.Key, Keyed: true, Field: lack.Field, Code: CodeIncomplete,
		Message: fmt.Sprintf("the %s is incomplete: %s", w.Name, lack.Why)}
}

// Word is what a record without the group is counted under.
func (w *Whole) Word() string { return "without_" + w.Name }

// RemoveField is the canonical column that marks a removal; it is part of no content.
const RemoveField = "delete"

// Value is one field of a record with its canonical text. An empty text clears the field.
type Value struct {
	Field string // "name[de_DE]"
	Text  string
}

// Record is the canonical form of one or more rows.
type Record struct {
	Entity *Entity
	Key    string  // see [JoinKey]
	Values []Value // content without the key fields, sorted by field name; what the file does not carry is not there
	Remove bool    // the row marks a removal
	Pos    Position
	// Warnings say what the row carries and the record does not; nil for most.
	Warnings []Warning
}

// JoinKey makes a business key of its parts. A key of one part is that part as it is. Several are joined by "|", with "|"
// and "\" inside a part escaped by "\": such a key can be read by people and taken apart again by [SplitKey]. It is the
// ledger's alone: the shop gets the parts.
func JoinKey(parts ...string) string {
	if len(parts) == 1 {
		return parts[0]
	}
	var b []byte
	for i, p := range parts {
		if i > 0 {
			b = append(b, '|')
		}
		b = appendKeyPart(b, p)
	}
	return string(b)
}

// appendKeyPart appends one part of a key, escaped.
func appendKeyPart(b []byte, part string) []byte {
	for i := range len(part) {
		if part[i] == '|' || part[i] == '\\' {
			return escapeKeyPart(b, part)
		}
	}
	return append(b, part...)
}

func escapeKeyPart(b []byte, part string) []byte {
	for i := range len(part) {
		if part[i] == '|' || part[i] == '\\' {
			b = append(b, '\\')
		}
		b = append(b, part[i])
	}
	return b
}

// SplitKey takes a key of several parts apart. One of a single part is that part, and is not to be split: it may hold "|".
func SplitKey(key string) []string { return AppendParts(nil, key) }

// AppendParts is SplitKey behind other texts.
func AppendParts(parts []string, key string) []string {
	if strings.IndexByte(key, '\\') < 0 {
		parts = slices.Grow(parts, strings.Count(key, "|")+1)
		for part := range strings.SplitSeq(key, "|") {
			parts = append(parts, part)
		}
		return parts
	}
	var b strings.Builder
	for i := 0; i < len(key); i++ {
		switch key[i] {
		case '\\':
			if i+1 < len(key) {
				i++
				b.WriteByte(key[i])
			}
		case '|':
			parts = append(parts, b.String())
			b.Reset()
		default:
			b.WriteByte(key[i])
		}
	}
	return append(parts, b.String())
}

// ElseKey is the key of a record whose own key the file does not tell, but another field that the shop's side has heard
// of before: the ERP's number of an order. It can't be mistaken for an order's identifier.
func ElseKey(field, text string) string { return elsePrefix + field + ":" + JoinKey(text) }

// IsElseKey takes such a key apart; ok is false for an ordinary one.
func IsElseKey(key string) (field, text string, ok bool) {
	rest, ok := strings.CutPrefix(key, elsePrefix)
	if !ok {
		return "", "", false
	}
	field, text, _ = strings.Cut(rest, ":")
	return field, SplitKey(text)[0], true
}

const elsePrefix = "by:"

// Get returns the text of a field and whether the record carries it. Key fields are found as well.
func (r *Record) Get(field string) (string, bool) {
	if i, ok := slices.BinarySearchFunc(r.Values, field, func(v Value, f string) int { return cmp.Compare(v.Field, f) }); ok {
		return r.Values[i].Text, true
	}
	n := 0
	for i := range r.Entity.Fields {
		f := &r.Entity.Fields[i]
		if !f.Key {
			continue
		}
		if f.Name == field {
			if r.Entity.singleKey() {
				return r.Key, true
			}
			var room [8]string
			if parts := AppendParts(room[:0], r.Key); n < len(parts) {
				return parts[n], true
			}
			return "", false
		}
		n++
	}
	return "", false
}

// Fingerprint hashes a content: equal contents have equal fingerprints, and unequal ones differ but for one chance in
// 2^64. Values must be sorted by field. It is no defence against a sender who makes two contents alike on purpose: that one could as well
// have left the second out.
func Fingerprint(values []Value) int64 {
	var stack [512]byte
	b := stack[:0]
	for _, v := range values {
		b = append(b, v.Field...)
		b = append(b, 0)
		b = append(b, v.Text...)
		b = append(b, 0)
	}
	return int64(xxhash.Sum64(b))
}

// singleKey says that records are known by one field.
func (e *Entity) singleKey() bool {
	n := 0
	for i := range e.Fields {
		if e.Fields[i].Key {
			n++
		}
	}
	return n == 1
}

// Lookup finds the field that a canonical column name stands for: "sku", "name[de_DE]", "attr.color".
func (e *Entity) Lookup(column string) (*Field, bool) {
	stem := column
	family := Single
	if i := strings.IndexByte(column, '['); i > 0 && strings.HasSuffix(column, "]") && len(column)-i > 2 {
		stem, family = column[:i], Localized
	}
	for i := range e.Fields {
		f := &e.Fields[i]
		switch {
		case f.Family == Prefixed:
			if strings.HasPrefix(column, f.Name) && len(column) > len(f.Name) {
				return f, true
			}
		case f.Name == stem && (family == Single || f.Family == Localized):
			return f, true
		}
	}
	return nil, false
}

// Entities are all entities that feeds can load, in order of dependency.
var Entities = []*Entity{Customers, CustomerUsers, Products, PriceLists, Prices, Inventory, OrderFeedback}

// EntityByName finds an entity by the name that a config uses.
func EntityByName(name string) (*Entity, bool) {
	for _, e := range Entities {
		if e.Name == name {
			return e, true
		}
	}
	return nil, false
}

// IsKey says whether a field is a part of the key.
func (e *Entity) IsKey(field string) bool {
	f, ok := e.Lookup(field)
	return ok && f.Key
}
