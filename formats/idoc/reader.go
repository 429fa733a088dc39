package idoc

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/orobridge/orobridge/formats"
)

// messages are the message types that are read, with the entities that they feed, the one of which they hold most last.
var messages = map[string][]*formats.Entity{
	"DEBMAS": {formats.CustomerUsers, formats.Customers},
	"ADRMAS": {formats.CustomerUsers, formats.Customers},
	"MATMAS": {formats.Products},
	"ARTMAS": {formats.Products},
	"CLFMAS": {formats.Products},
	"LOISTD": {formats.Inventory},
	"COND_A": {formats.PriceLists, formats.Prices},
	"PRICAT": {formats.Prices},
	"ORDRSP": {formats.OrderFeedback},
	"ORDCHG": {formats.OrderFeedback},
	"DESADV": {formats.OrderFeedback},
	"DELVRY": {formats.OrderFeedback},
	"SHPCON": {formats.OrderFeedback},
	"WHSCON": {formats.OrderFeedback},
	"INVOIC": {formats.OrderFeedback},
}

// signs tell a message by a segment when the control record does not name it. ORDRSP and INVOIC look alike: there the
// control record must.
var signs = map[string]string{"E1KNA1M": "DEBMAS", "E1MARAM": "MATMAS", "E1KOMG": "COND_A", "E1EDL20": "DESADV",
	"E1ADRMAS": "ADRMAS", "E1PRPRO": "PRICAT", "E1PRIHEAD": "PRICAT", "E1OCLFM": "CLFMAS", "E1BPE1MATHEAD": "ARTMAS"}

// rule turns one IDoc into rows.
type rule func(r *reader, d *Document) error

// entityRule is what an entity's rows are made of.
type entityRule struct {
	columns func(f *Options) []string // the entity's own columns
	scope   []string                  // segments in which a raw column without a segment's name is looked for, in this order
	rules   map[string]rule           // by message
	sources map[string]string         // where a column of their own comes from: SEGMENT-FIELD, the likeliest first
}

// rulesOf is the reading rules of an entity, nil when no message feeds it.
func rulesOf(e *formats.Entity) *entityRule {
	switch e {
	case formats.Customers:
		return &customerRules
	case formats.CustomerUsers:
		return &userRules
	case formats.Products:
		return &productRules
	case formats.PriceLists:
		return &listRules
	case formats.Prices:
		return &priceRules
	case formats.Inventory:
		return &stockRules
	case formats.OrderFeedback:
		return &feedbackRules
	}
	return nil
}

// rawColumn is a field that a mapping reads, as it names it.
type rawColumn struct {
	name    string
	field   string
	segment string   // "E1KNVVM_ZTERM", "E1KNVVM.ZTERM", "E1KNVVM-ZTERM"; empty for a bare name
	by      string   // "E1EDKA1[WE]-PARTN": the field that holds the qualifier,
	value   string   // and the qualifier
	types   []string // for a bare name: segments of the scope that have the field
}

// Select implements formats.Selector.
func (f *Options) Select(e *formats.Entity, m *formats.Mapping) error {
	columns, fields, err := m.Inputs(e)
	if err != nil {
		return err
	}
	dict, err := f.dictionary()
	if err != nil {
		return formats.AtKey("format", formats.AtKey("dictionary", err))
	}
	rules := rulesOf(e)
	if rules == nil {
		return formats.AtKey("format", formats.AtKey("kind", fmt.Errorf("no IDoc message feeds %s; use xml, fixed or csv", e.Name)))
	}
	f.units, f.areas, f.skip, f.raw = m.Values["unit"], m.Values["region"], nil, nil
	f.from = sources(e, m, dict, rules)
	f.addressed = m.Feeds(e)["email"]
	f.shipped, err = newTest(dict, rules, "shipped", f.Shipped)
	if err == nil {
		f.stockOf, err = newTest(dict, rules, "stock_of", f.StockOf)
	}
	if err != nil {
		return formats.AtKey("format", err)
	}
	own := rules.columns(f)
	var unknown []string
	for _, name := range columns {
		if slices.Contains(own, name) {
			continue
		}
		raw, ok := findRaw(dict, rules, name)
		if !ok {
			unknown = append(unknown, name)
			continue
		}
		f.raw = append(f.raw, raw)
	}
	for _, field := range fields {
		if slices.Contains(own, field) && !slices.Contains(columns, field) {
			f.skip = append(f.skip, field)
		}
	}
	if len(unknown) > 0 {
		return formats.AtKey("columns", fmt.Errorf("%s: no such field in %s; write SEGMENT_FIELD for another segment of the dictionary",
			strings.Join(unknown, ", "), strings.Join(rules.scope, ", ")))
	}
	return nil
}

// A test is a condition over fields of segments.
type test struct {
	condition *formats.Condition
	columns   map[string]*rawColumn
}

// newTest compiles the condition of an option, nil for none.
func newTest(dict *Dictionary, rules *entityRule, option, source string) (*test, error) {
	if source == "" {
		return nil, nil
	}
	condition, err := formats.NewTest(source)
	if err != nil {
		return nil, formats.AtKey(option, err)
	}
	t := &test{condition, map[string]*rawColumn{}}
	for _, name := range condition.Columns() {
		raw, ok := findRaw(dict, rules, name)
		if !ok {
			return nil, formats.AtKey(option, fmt.Errorf("%s: no such field; write SEGMENT_FIELD", name))
		}
		t.columns[name] = &raw
	}
	return t, nil
}

// holds says whether a condition holds for some segments, the most specific first; no condition holds always. The reject says
// why that can't be computed.
func (b *rowBuilder) holds(t *test, scope ...int) (bool, *formats.Reject) {
	if t == nil {
		return true, nil
	}
	holds, err := t.condition.HoldsOf(func(name string) string {
		raw := t.columns[name]
		if s := b.home(raw, widest(scope), scope); s != nil {
			text, _ := b.read(s, raw.field)
			return text
		}
		return ""
	})
	var bad *formats.Reject
	if err != nil && !errors.As(err, &bad) {
		b.err = errors.Join(b.err, err)
	}
	return holds, bad
}

// sources says where each canonical field comes from, the likeliest place first: the rules' own, or what the mapping reads.
func sources(e *formats.Entity, m *formats.Mapping, dict *Dictionary, rules *entityRule) map[string]string {
	from := maps.Clone(rules.sources)
	if from == nil {
		from = map[string]string{}
	}
	for field, columns := range m.Feeds(e) {
		var places []string
		for _, name := range columns {
			raw, ok := findRaw(dict, rules, name)
			switch {
			case !ok:
			case raw.segment != "":
				places = append(places, raw.segment+"-"+raw.field)
			default:
				for _, t := range raw.types {
					places = append(places, t+"-"+raw.field)
				}
			}
		}
		if len(places) > 0 {
			from[field] = strings.Join(places, " ")
		}
	}
	return from
}

// findRaw resolves a column's name.
func findRaw(dict *Dictionary, rules *entityRule, name string) (rawColumn, bool) {
	if strings.Contains(name, "[") {
		s, err := parseSpot(name, func(segment string) (*SegmentType, bool) { return lookupType(dict, segment) })
		if err != nil {
			return rawColumn{}, false
		}
		return rawColumn{name: name, field: s.field, segment: s.segment.Type, by: s.by, value: s.value}, true
	}
	for i := 1; i < len(name)-1; i++ {
		if name[i] != '.' && name[i] != '_' && name[i] != '-' {
			continue
		}
		if t, ok := lookupType(dict, name[:i]); ok {
			if _, ok := t.Field(name[i+1:]); ok {
				return rawColumn{name: name, field: name[i+1:], segment: t.Type}, true
			}
		}
	}
	raw := rawColumn{name: name, field: name}
	for _, typ := range append(slices.Clip(rules.scope), "EDI_DC40") {
		if t, ok := lookupType(dict, typ); ok {
			if _, ok := t.Field(name); ok {
				raw.types = append(raw.types, typ)
			}
		}
	}
	return raw, len(raw.types) > 0
}

func lookupType(dict *Dictionary, name string) (*SegmentType, bool) {
	if name == "EDI_DC40" {
		return control(), true
	}
	return dict.Type(name)
}

// reader implements formats.Reader and formats.Counter.
type reader struct {
	f       *Options
	e       *formats.Entity
	docs    documents // nil for an empty file
	rules   *entityRule
	columns []string
	at      map[string]int // column → cell
	queue   []queued       // rows of the current IDoc that are not handed out yet
	used    int            // rows of queue that are in use
	next    int
	counts  map[string]int64
	today   string
	lists   priceLists
	firsts  map[place]int // what home has looked for in the current IDoc
	ended   bool
	text    []byte     // of the cells of the row that is handed out
	answers []answered // of the current IDoc
	scale   []int      // of the current condition
	noticed bool       // the current IDoc gave a row, or was left out for a reason that is counted
}

// place is a raw column's segment below a segment.
type place struct {
	root   int
	column *rawColumn
}

// queued is a row, or a reject with as much of the row as is known.
type queued struct {
	pos    formats.Position
	cells  []string
	absent []bool
	reject *formats.Reject
}

// Open implements formats.Format.
func (f *Options) Open(r io.Reader, e *formats.Entity) (formats.Reader, error) {
	rules := rulesOf(e)
	if rules == nil {
		return nil, fmt.Errorf("idoc: no message feeds %s", e.Name)
	}
	if e == formats.Prices && f.now == nil {
		return nil, errors.New("idoc: prices need a clock")
	}
	docs, err := f.open(r)
	if err != nil {
		return nil, err
	}
	rd := &reader{f: f, e: e, docs: docs, rules: rules, at: map[string]int{}, counts: map[string]int64{}, firsts: map[place]int{}}
	for _, c := range rules.columns(f) {
		if !slices.Contains(f.skip, c) {
			rd.columns = append(rd.columns, c)
		}
	}
	for _, c := range f.raw {
		rd.columns = append(rd.columns, c.name)
	}
	for i, c := range rd.columns {
		rd.at[c] = i
	}
	if f.now != nil {
		rd.today = f.now().Format("20060102")
	}
	return rd, nil
}

// Columns implements formats.Reader.
func (r *reader) Columns() []string { return r.columns }

// Counts implements formats.Counter.
func (r *reader) Counts() map[string]int64 { return maps.Clone(r.counts) }

// maxCounted bounds the words of counts: a hostile file can hold any number of segment names.
const maxCounted = 1000

func (r *reader) count(word string) {
	r.noticed = true
	if _, ok := r.counts[word]; !ok && len(r.counts) >= maxCounted {
		word = "unknown_segment"
	}
	r.counts[word]++
}

// Next implements formats.Reader.
func (r *reader) Next(row *formats.Row) error {
	for r.next == r.used {
		if err := r.read(); err != nil {
			return err
		}
	}
	q := &r.queue[r.next]
	r.next++
	r.own(q.cells)
	row.Pos, row.Cells, row.Absent = q.pos, q.cells, q.absent
	if q.reject != nil {
		return q.reject
	}
	return nil
}

// own makes a row's cells texts of their own, parts of one: until here they may be parts of a whole IDoc's.
func (r *reader) own(cells []string) {
	r.text = r.text[:0]
	for _, c := range cells {
		r.text = append(r.text, c...)
	}
	text := string(r.text)
	for i, c := range cells {
		cells[i], text = text[:len(c)], text[len(c):]
	}
}

// read fills the queue from the next IDoc.
func (r *reader) read() error {
	r.next, r.used = 0, 0
	clear(r.firsts)
	if r.docs == nil || r.ended {
		return io.EOF
	}
	d, err := r.docs.next()
	if err == io.EOF {
		r.ended = true
		r.flushLists()
		return nil
	}
	if err != nil {
		return err
	}
	message := r.admit(d)
	if d.Fault != nil {
		r.reject(d, d.Fault)
		return nil
	}
	for i := range d.Segments {
		if s := &d.Segments[i]; s.Known == nil {
			r.count("unknown_segment " + s.Type)
		}
	}
	if d.wrong > 0 {
		r.counts["wrong_parent"] += int64(d.wrong)
	}
	r.noticed = false
	if err := r.rules.rules[message](r, d); err != nil || r.noticed {
		return err
	}
	r.reject(d, &formats.Reject{Pos: d.position(&d.Control), Code: formats.CodeNoRows,
		Message: fmt.Sprintf("the IDoc holds nothing that feeds %s: its segments are %s", r.e.Name, d.types())})
	return nil
}

// admit decides whether the IDoc's control record lets it in, and names its message.
func (r *reader) admit(d *Document) string {
	if d.Fault != nil {
		return ""
	}
	get := func(field string) string {
		text, _ := d.Value(&d.Control, field) // every place of the control record is certain
		return text
	}
	client, typ := get("MANDT"), get("MESTYP")
	message := typ
	if std, ok := r.f.Messages[typ]; ok {
		message = std
	}
	if message == "" {
		for i := range d.Segments {
			if m, ok := signs[d.Segments[i].Type]; ok {
				message = m
				break
			}
		}
	}
	switch _, ok := r.rules.rules[message]; {
	case len(r.f.Clients) > 0 && !slices.Contains(r.f.Clients, client):
		d.fail(&d.Control, "MANDT", formats.CodeClient, "the IDoc comes from client %q; this feed accepts %s", client,
			strings.Join(r.f.Clients, ", "))
	case get("TEST") != "" && r.f.Test != "accept":
		d.fail(&d.Control, "TEST", formats.CodeTest, "the IDoc is marked as a test (format.test: accept would load it)")
	case message == "":
		d.fail(&d.Control, "MESTYP", formats.CodeMessage, "the control record names no message type, and the segments do not tell it")
	case !ok:
		d.fail(&d.Control, "MESTYP", formats.CodeMessage,
			"message %s does not feed %s; if it is a copy of %s, say so under format.messages; kind: xml reads any other by its paths",
			typ, r.e.Name, strings.Join(slices.Sorted(maps.Keys(r.rules.rules)), " or "))
	}
	return message
}

// push adds an empty row to the queue: every cell absent. It is small enough to be compiled into who calls it, so that the
// builder needs no memory of its own.
func (r *reader) push(d *Document, at int) *rowBuilder {
	return &rowBuilder{r: r, d: d, row: r.add(d, at)}
}

// add adds an empty row that stands at a segment of the document, -1 for its control record.
func (r *reader) add(d *Document, at int) (row int) {
	if r.used == len(r.queue) {
		r.queue = append(r.queue, queued{cells: make([]string, len(r.columns)), absent: make([]bool, len(r.columns))})
	}
	q := &r.queue[r.used]
	r.used++
	r.noticed = true
	q.reject = nil
	for i := range q.cells {
		q.cells[i], q.absent[i] = "", true
	}
	if at >= 0 {
		q.pos = d.position(&d.Segments[at])
	} else if d != nil {
		q.pos = d.position(&d.Control)
	}
	return r.used - 1
}

// reject adds a row that failed.
func (r *reader) reject(d *Document, bad *formats.Reject) {
	r.push(d, -1)
	q := &r.queue[r.used-1]
	q.pos, q.reject = bad.Pos, bad
}

// rowBuilder fills one row.
type rowBuilder struct {
	r   *reader
	d   *Document
	row int
	err error // the first FileError
}

// set fills a column; one that the mapping feeds itself is not there.
func (b *rowBuilder) set(column, text string) {
	if i, ok := b.r.at[column]; ok {
		q := &b.r.queue[b.row]
		q.cells[i], q.absent[i] = text, false
	}
}

// fail turns the row into a reject.
func (b *rowBuilder) fail(s *Segment, field, code, format string, args ...any) {
	q := &b.r.queue[b.row]
	if q.reject == nil {
		q.reject = &formats.Reject{Pos: b.d.position(s), Field: field, Code: code, Message: fmt.Sprintf(format, args...)}
		q.pos = q.reject.Pos
	}
}

// sent reads a field of the segment at index i, and whether it is transferred: a reduced message carries the sign of
// no_data in fields that are not. Nothing is transferred of a segment that is not there (i is -1).
func (b *rowBuilder) sent(i int, field string) (text string, sent bool) {
	if i < 0 || b.err != nil {
		return "", false
	}
	return b.read(&b.d.Segments[i], field)
}

func (b *rowBuilder) read(s *Segment, field string) (text string, sent bool) {
	text, err := b.d.Value(s, field)
	if err != nil && b.err == nil {
		b.err = err
	}
	if text != "" && text == b.r.f.noData() {
		return "", false
	}
	return text, true
}

// value is the text of a field, empty when it is not transferred.
func (b *rowBuilder) value(i int, field string) string {
	text, _ := b.sent(i, field)
	return text
}

// copy fills a column from a field when the segment is there and the field is transferred.
func (b *rowBuilder) copy(column string, i int, field string) {
	if text, sent := b.sent(i, field); sent {
		b.set(column, text)
	}
}

// removal fills the mark of a deletion from a flag of several segments, and from their MSGFN. A flag has three states:
// set, unset, and not transferred, which says nothing about a deletion unless another one is set.
func (b *rowBuilder) removal(flag string, segments ...int) {
	known := true
	for _, i := range segments {
		text, sent := b.sent(i, flag)
		if text != "" || b.value(i, "MSGFN") == deleted {
			b.set(formats.RemoveField, "1")
			return
		}
		known = known && (sent || i < 0)
	}
	if known {
		b.set(formats.RemoveField, "0")
	}
}

// number is a number of SAP's with or without its leading zeros, as the feed wants it.
func (b *rowBuilder) number(text string) string {
	if b.r.f.Zeros == "keep" {
		return text
	}
	return trimZeros(text)
}

// raws fills the raw columns; scope are the segments of this row, the most specific first.
func (b *rowBuilder) raws(scope ...int) { b.rawsBelow(widest(scope), scope...) }

// widest is the first of a row's segments in the IDoc, -1 for none: a parent stands before its children.
func widest(scope []int) int {
	root := -1
	for _, i := range scope {
		if i >= 0 && (root < 0 || i < root) {
			root = i
		}
	}
	return root
}

// rawsBelow is raws where other segments than those of the scope are looked for below one of them.
func (b *rowBuilder) rawsBelow(root int, scope ...int) {
	for k := range b.r.f.raw {
		c := &b.r.f.raw[k]
		if s := b.home(c, root, scope); s != nil {
			if text, sent := b.read(s, c.field); sent {
				b.set(c.name, text)
			}
		}
	}
}

// home finds the segment that a raw column is read from, one of the scope or the first below the root; nil when there is none.
func (b *rowBuilder) home(c *rawColumn, root int, scope []int) *Segment {
	if c.segment == "EDI_DC40" {
		return &b.d.Control
	}
	for _, i := range scope {
		if i < 0 {
			continue
		}
		s := &b.d.Segments[i]
		if s.Type == c.segment && (c.by == "" || b.value(i, c.by) == c.value) || c.segment == "" && slices.Contains(c.types, s.Type) {
			return s
		}
	}
	if c.segment == "" {
		if slices.Contains(c.types, "EDI_DC40") {
			return &b.d.Control
		}
		return nil
	}
	key := place{root, c}
	i, known := b.r.firsts[key]
	if !known {
		i = b.first(root, c)
		b.r.firsts[key] = i
	}
	if i < 0 {
		return nil
	}
	return &b.d.Segments[i]
}

// first finds the first segment of a raw column below the root of a row, else beside it when the IDoc has only one such
// row: an order's partners stand beside its header.
func (b *rowBuilder) first(root int, c *rawColumn) int {
	for i := range b.d.Children(root, c.segment) {
		if c.by == "" || b.value(i, c.by) == c.value {
			return i
		}
	}
	if root < 0 {
		return -1
	}
	roots := 0
	for range b.d.Children(-1, b.d.Segments[root].Type) {
		roots++
	}
	if b.d.Segments[root].Parent >= 0 || roots > 1 {
		return -1
	}
	return b.first(-1, c)
}

// deleted is MSGFN's value for a deletion.
const deleted = "003"

// MessageOf tells a message type by a segment, as a file names it in either form; empty when the segment does not tell.
func MessageOf(segment string) string {
	t, ok := Builtin().Definition(segment)
	if !ok {
		return ""
	}
	return signs[t.Type]
}

// EntityOf is the entity that a message type feeds, nil for none; of two it is prices, not their lists, and customers, not their
// users.
func EntityOf(message string) *formats.Entity {
	all := messages[message]
	if len(all) == 0 {
		return nil
	}
	return all[len(all)-1]
}

// Messages lists the message types that feed an entity, nil for one that no message does, for people who ask.
func Messages(e *formats.Entity) []string {
	rules := rulesOf(e)
	if rules == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(rules.rules))
}
