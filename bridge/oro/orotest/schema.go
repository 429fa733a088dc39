package orotest

import (
	"bytes"
	"encoding/json"
	"math"
	"regexp"
	"slices"
	"strconv"
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
	single               // filter[f]=a, and the operators of the kind
	several              // filter[f]=a,b too; numbers and times always take that, and a..b
)

// field is one attribute or relation of a resource.
type field struct {
	name string
	kind kind
	to   string // relation: the resource it leads to
	via  string // inverse: the field over there that leads back

	// What a value must be.

	init     string // JSON text that a new record starts with
	required string // message when blank; "" is not required
	min, max int    // length in characters; 0 is unlimited
	tooLong  string // said instead of the usual words
	column   int    // length that the database refuses: a driver exception
	choices  []string
	shape    *shape
	bounds   *bounds
	insists  bool   // required is told of a link that leads nowhere too
	checks   []rule // run at the field's place in the validation
	notNull  bool   // the database refuses null

	// What is done with it.

	readonly bool // sent values are ignored
	keeps    bool // null is ignored: the field has its first value again
	onCreate bool // taken on creation; later it does not exist
	frozen   bool // taken on creation, ignored later
	// read takes a value of its own form, and refuses what it cannot read.
	read     func(*entity, *field, json.RawMessage) string
	once     bool   // list: equal values stand once
	late     bool   // the first value is given when the record is stored
	hidden   bool   // taken but never answered
	bare     bool   // the relation has no links
	anything bool   // the relation leads to records of any resource; to is the usual one
	orphans  bool   // inverse: what leaves the list is deleted
	fixed    bool   // the relation is not changed through its own address
	shrinks  bool   // through its own address records are only taken away
	equals   bool   // filtered by one value, and only for being it
	garbled  string // said of what cannot be read; "" is the words of the kind
	// settled is said when a relation that leads somewhere is to lead elsewhere; "" lets it.
	settled string

	// What deleting does.

	cascade bool // deleted together with what it leads to; many: with the last of them
	guards  bool // what it leads to cannot be deleted
	// takesAlong says that what it leads to goes with the record.
	takesAlong bool

	// How records are found by it.

	index    bool // look-ups by it need no scan
	filter   filtering
	foldCase bool   // a filter does not look at the case
	nofilter bool   // a relation that cannot be filtered, though all others can
	sorts    bool   // sorted by though not filtered by
	unsorted bool   // filtered by but not sorted by
	prefix   string // of the full id of an option

	rank string // errors are listed behind this field's

	slot   int
	owner  string // the resource that it is a field of
	target *table
	source *field // inverse: the field named by via
}

// shape is a pattern that a text must have.
type shape struct {
	pattern            *regexp.Regexp
	constraint, detail string
}

// bounds are the ends of a number; no most is none.
type bounds struct{ least, most, detail string }

// sortable reports whether a list can be sorted by the field.
func (f *field) sortable() bool {
	return f.kind != computed && !f.unsorted && (f.sorts || f.filter != unfiltered)
}

const notBlank = "This value should not be blank."

// unique is a constraint over fields of a resource.
type unique struct {
	fields  []string
	fold    bool   // case does not count
	title   string // "" is unique entity
	detail  string
	pointer string // field that the error points to; "" is the record
	// enforced constraints are kept by the database too, so a second record of one flush collides.
	// The others see only what was there before the flush.
	enforced bool
	onCreate bool // an update is not checked
	last     bool // looked at when all else is well, and told as a conflict
	alone    bool // a record written along with another is not checked
}

// identity says what the ids of a resource look like.
type identity uint8

const (
	serial identity = iota // 1, 2, 3
	code                   // given by who made the record: item, US-NY
	guid                   // random-looking
	joined                 // those of the records that the first unique constraint names: 12-5
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

	needs    string   // filter that a list cannot do without
	whole    bool     // a list is not cut into pages
	unlisted bool     // there is no list, only single records
	suffix   string   // relation whose id is part of this one's id
	extKey   string   // attribute that is the id in ext_id mode
	upsert   []string // attributes that an upsert may name
	validate bool     // meta.validate is understood
	noNewKin bool     // a request cannot make two records of it that hang together
	noNext   bool     // lists never give links.next
	asMade   bool     // lists are in the order of making though the ids are codes
	moves    bool     // an updated record moves to the end of the lists it stands in
	business []string // fields that name the record to people; for snapshots
	title    []string // attributes that make the title of meta=title; none: those of business
	fullID   string   // begins the full id of an option, which addresses take too
	option   bool     // a list of options: how it is paged differs by version
	parts    bool     // records are made along with others only
	untitled bool     // meta=title is not for these
	bare     bool     // nothing may be included in what is written
	together string   // why a record cannot be made by itself
	plain    bool     // they take no meta at all
	// shortcuts are filters by a name that stands for a path.
	shortcuts map[string]string
	secures   string // relation whose view permission this resource is seen with; "-" needs none

	list     func(*call)           // answers all addresses of a resource that is not stored
	complete func(*entity)         // derives what was not sent
	rules    []check               // of the whole record
	gone     func(*draft, *record) // what the end of a record does to others
	deletion func(*entity) string  // why the record cannot be deleted; "" is that it can
	rests    func(*entity) bool    // nobody may change the record any more
	// undeletable records are protected from everybody.
	undeletable func(*entity) bool
}

// rule checks a field at its place in the validation.
type rule func(*entity, *field)

// check adds the violations it finds to the entity.
type check func(*entity)

// parse turns a sent value into the JSON text that the shop keeps; "" is null.
func (f *field) parse(raw json.RawMessage) (string, bool) {
	raw = bytes.TrimSpace(raw)
	switch {
	case string(raw) == "null":
		return "", true
	case f.kind == money && (string(raw) == "true" || string(raw) == "false"):
		return "", false
	}
	switch f.kind {
	case object:
		var b bytes.Buffer
		err := json.Compact(&b, raw)
		return b.String(), err == nil
	case wysiwyg:
		if !isObject(raw) {
			return "", false
		}
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
	s = trimmed(s)
	if f.kind == text {
		if string(raw) == "false" {
			return "", true
		}
		return encode(s), true
	}
	if s == "" {
		return "", !f.strict()
	}
	switch f.kind {
	case flag:
		return truthOf(s)
	case integer, number, money, amount:
		return f.parseNumber(s)
	}
	return f.parseTime(s)
}

// strict reports whether an empty text is no value of the field, where for others it is null.
func (f *field) strict() bool { return f.kind == money }

// scalar reads a JSON string, number or truth as text.
func scalar(raw json.RawMessage) (string, bool) {
	switch {
	case len(raw) == 0:
		return "", false
	case raw[0] == '"':
		var s string
		err := json.Unmarshal(raw, &s)
		return s, err == nil
	case string(raw) == "true":
		return "1", true
	case string(raw) == "false":
		return "0", true
	case raw[0] == '-' || raw[0] >= '0' && raw[0] <= '9':
		return numberText(string(raw)), true
	}
	return "", false
}

// numberText is a JSON number as the shop reads it: whole ones of 64 bits as they are, others as floats of 17 digits.
func numberText(raw string) string {
	if _, err := strconv.ParseInt(raw, 10, 64); err == nil {
		return raw
	}
	v, err := strconv.ParseFloat(raw, 64)
	if err != nil {
		return raw
	}
	if s := strconv.FormatFloat(v, 'f', -1, 64); math.Abs(v) < 1e15 {
		return s
	}
	return strings.Replace(strings.ToUpper(strconv.FormatFloat(v, 'e', -1, 64)), "E+0", "E+", 1)
}

// longest is the most digits a number may be sent with: exponents could exhaust memory.
const longest = 64

var (
	wholePattern   = regexp.MustCompile(`^-?\d+$`)
	decimalPattern = regexp.MustCompile(`^-?\d*\.?\d+$`)
	floatPattern   = regexp.MustCompile(`^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,2})?$`)
)

func (f *field) parseNumber(s string) (string, bool) {
	pattern := decimalPattern
	switch f.kind {
	case integer:
		pattern = wholePattern
	case number:
		pattern = floatPattern
	}
	if len(s) > longest || !pattern.MatchString(s) {
		return "", false
	}
	d, err := decimal.NewFromString(s)
	if err != nil {
		return "", false
	}
	switch f.kind {
	case money:
		return `"` + d.StringFixed(4) + `"`, true
	case amount:
		return `"` + d.String() + `"`, true
	case number:
		return float(d), true
	}
	return d.String(), true
}

// float is a number as the shop's database gives it back: with 14 digits.
func float(d decimal.Decimal) string {
	v := d.InexactFloat64()
	s, err := decimal.NewFromString(strconv.FormatFloat(v, 'g', 14, 64))
	if err != nil || v == math.Trunc(v) {
		return d.String()
	}
	return s.String()
}

// misread is what the shop says of a value that it cannot read.
func (f *field) misread(raw json.RawMessage) string {
	s, ok := scalar(bytes.TrimSpace(raw))
	switch {
	case f.garbled != "":
		return f.garbled
	case f.kind == money && string(bytes.TrimSpace(raw)) == "true":
		return "" // the rules of a price tell
	case f.kind == integer && ok:
		return "Please enter an integer."
	case f.kind == number && ok:
		return "Please enter a number."
	case f.kind == date && ok:
		return `The "` + trimmed(s) + `" is not valid date.`
	case f.kind == moment && ok:
		return `The "` + trimmed(s) + `" is not valid datetime.`
	}
	return notValid
}

var (
	datePattern   = regexp.MustCompile(`^(\d{4})(?:-(\d{1,2})(?:-(\d{1,2}))?)?$`)
	momentPattern = regexp.MustCompile(
		`^(\d{4})(?:-(\d{1,2})(?:-(\d{1,2})(?:T(\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:\.\d+)?)?(Z|[-+]\d{2}(?::?\d{2})?))?)?)?$`)
)

// parseTime reads a date, or a time with its zone.
func (f *field) parseTime(s string) (string, bool) {
	pattern := momentPattern
	if f.kind == date {
		pattern = datePattern
	}
	m := pattern.FindStringSubmatch(s)
	if m == nil {
		return "", false
	}
	n := func(i, otherwise int) int {
		if i >= len(m) || m[i] == "" {
			return otherwise
		}
		v, _ := strconv.Atoi(m[i])
		return v
	}
	year, month, day := n(1, 0), n(2, 1), n(3, 1)
	at := time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
	if at.Day() != day || int(at.Month()) != month || n(4, 0) > 23 || n(5, 0) > 59 || n(6, 0) > 59 {
		return "", false
	}
	if f.kind == date {
		return `"` + at.Format(time.DateOnly) + `"`, true
	}
	if len(m) > 7 && m[7] != "" {
		at = time.Date(year, time.Month(month), day, n(4, 0), n(5, 0), n(6, 0), 0, zoneOf(m[7]))
	}
	return stamp(at), true
}

// zoneOf reads Z, +02:00, +0200 or +02.
func zoneOf(s string) *time.Location {
	if s == "" || s == "Z" {
		return time.UTC
	}
	digits := strings.ReplaceAll(s[1:], ":", "")
	hours, _ := strconv.Atoi(digits[:2])
	minutes, _ := strconv.Atoi(digits[2:]) // none is 0
	seconds := hours*3600 + minutes*60
	if s[0] == '-' {
		seconds = -seconds
	}
	return time.FixedZone("", seconds)
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
