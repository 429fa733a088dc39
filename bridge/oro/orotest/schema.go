package orotest

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/shopspring/decimal"
)

// kind says how the value of a field is written in the API.
type kind uint8

const (
	text     kind = iota // a string
	flag                 // true or false
	integer              // a whole number
	number               // a JSON number
	money                // a string with four decimals
	amount               // a string, decimals as they were sent
	date                 // a string, 2026-11-20
	moment               // a string, 2026-11-20T20:25:08Z
	list                 // an array of strings, sorted
	object               // any JSON, as it was sent
	wysiwyg              // an object that the editor adds its rendering to
	one                  // a relation to one record
	many                 // a relation to several records, kept here
	inverse              // a relation to several records, kept over there in the field via
	computed             // a relation to records that are worked out on request
)

func (k kind) relation() bool { return k >= one }

// filtering says which filters a field takes.
type filtering uint8

const (
	unfiltered filtering = iota
	single               // filter[f]=a
	several              // filter[f]=a,b
	ranged               // filter[f][gte]=a
)

// field is one attribute or relation of a resource.
type field struct {
	name string
	kind kind
	to   string // relation: the resource it leads to
	via  string // inverse: the field over there that leads back

	init     string // JSON text that a new record starts with
	required string // message when blank; "" is not required
	min, max int    // length in characters; 0 is unlimited
	column   int    // length that the database refuses: a driver exception
	choices  []string
	check    check // runs at the field's place in the validation

	readonly bool // sent values are ignored
	hidden   bool // taken but never answered
	bare     bool // the relation has no links
	orphans  bool // inverse: what leaves the list is deleted
	cascade  bool // deleted together with what it leads to; many: with the last of them
	index    bool // look-ups by it need no scan
	filter   filtering
	prefix   string // what a filter value carries before the id

	slot   int
	target *table
	source *field // inverse: the field named by via
}

const notBlank = "This value should not be blank."

// unique is a constraint over fields of a resource.
type unique struct {
	fields  []string
	fold    bool // case does not count
	detail  string
	pointer string // field that the error points to; "" is the record
	// enforced constraints are kept by the database too, so a second record of one flush collides.
	// The others see only what was there before the flush.
	enforced bool
}

// identity says what the ids of a resource look like.
type identity uint8

const (
	serial identity = iota // 1, 2, 3
	code                   // given by who made the record: item, US-NY
	guid                   // random-looking
)

// action is a set of what may be done with a resource.
type action uint8

const (
	reading action = 1 << iota
	creating
	updating
	deleting
	deletingList
	batching

	writing = creating | updating | deleting | deletingList
	closed  = action(0) // the resource exists in relations only
)

// resource describes one entity of the API; the engine does the rest.
type resource struct {
	name    string
	ids     identity
	actions action
	fields  []field
	unique  []unique

	filters  []string // filters over a relation, as in product.sku
	needs    string   // filter that a list cannot do without
	suffix   string   // relation whose id is part of this one's id
	extKey   string   // attribute that is the id in ext_id mode
	upsert   []string // attributes that an upsert may name
	validate bool     // meta.validate is understood
	noNext   bool     // lists never give links.next
	asMade   bool     // lists are in the order of making though the ids are codes
	moves    bool     // an updated record moves to the end of the lists it stands in
	business []string // fields that name the record to people; for snapshots

	complete func(*entity) // derives what was not sent
	first    []check       // validation before that of the fields
	last     []check       // validation after it
}

// check adds the violations it finds to the entity.
type check func(*entity)

// parse turns a sent value into the JSON text that the shop keeps; "" is null.
func (f *field) parse(raw json.RawMessage) (string, bool) {
	raw = bytes.TrimSpace(raw)
	if string(raw) == "null" {
		return "", true
	}
	switch f.kind {
	case flag:
		return string(raw), string(raw) == "true" || string(raw) == "false"
	case object, wysiwyg:
		var b bytes.Buffer
		err := json.Compact(&b, raw)
		return b.String(), err == nil
	case list:
		var l []string
		if json.Unmarshal(raw, &l) != nil {
			return "", false
		}
		slices.Sort(l)
		return encode(l), true
	}
	s, ok := scalar(raw)
	if !ok {
		return "", false
	}
	switch f.kind {
	case integer, number, money, amount:
		return f.parseNumber(s)
	case date, moment:
		return f.parseTime(s)
	}
	return encode(s), true
}

// scalar reads a JSON string or number as text.
func scalar(raw json.RawMessage) (string, bool) {
	if len(raw) == 0 {
		return "", false
	}
	if raw[0] == '"' {
		var s string
		err := json.Unmarshal(raw, &s)
		return s, err == nil
	}
	return string(raw), raw[0] == '-' || raw[0] >= '0' && raw[0] <= '9'
}

// longest is the most digits a number may be sent with: exponents could exhaust memory.
const longest = 64

func (f *field) parseNumber(s string) (string, bool) {
	if len(s) > longest || strings.ContainsAny(s, "eE") {
		return "", false
	}
	d, err := decimal.NewFromString(s)
	if err != nil {
		return "", false
	}
	switch f.kind {
	case integer:
		return d.String(), d.IsInteger()
	case money:
		return `"` + d.StringFixed(4) + `"`, true
	case amount:
		return `"` + d.String() + `"`, true
	}
	return d.String(), true
}

func (f *field) parseTime(s string) (string, bool) {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", time.DateTime, time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			if f.kind == date {
				return `"` + t.Format(time.DateOnly) + `"`, true
			}
			return stamp(t), true
		}
	}
	return "", false
}

// stamp is a time as the API writes it: UTC, whole seconds, in quotes.
func stamp(t time.Time) string { return t.UTC().Format(`"2006-01-02T15:04:05Z"`) }

// encode is v as JSON text, without escapes that only HTML needs.
func encode(v any) string {
	if s, ok := v.(string); ok && plain(s) {
		return `"` + s + `"`
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return "null"
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// plain reports whether a string stands in JSON as it is.
func plain(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] >= 0x7f || s[i] == '"' || s[i] == '\\' {
			return false
		}
	}
	return true
}

// decodeText is the string that the JSON text of a field holds.
func decodeText(s string) string {
	if len(s) >= 2 && s[0] == '"' && !strings.Contains(s, `\`) {
		return s[1 : len(s)-1]
	}
	var v string
	if json.Unmarshal([]byte(s), &v) != nil {
		return s
	}
	return v
}

// decimalOf reads a stored number; null is zero.
func decimalOf(s string) decimal.Decimal {
	d, err := decimal.NewFromString(strings.Trim(s, `"`))
	if err != nil {
		return decimal.Zero
	}
	return d
}
