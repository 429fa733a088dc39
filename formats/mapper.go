package formats

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/orobridge/orobridge/formats/internal/texts"
)

// Mapper turns the rows of one file into records. It is not safe for concurrent use.
type Mapper struct {
	entity      *Entity
	conventions Conventions
	keys        []source // in the order of the entity's fields
	remove      *source
	values      []source // sorted by field
	env         *exprEnv
	at          map[string]int // the file's columns
	columns     int            // how many they are
	negative    bool           // quantities below 0 are loaded
	ignored     []string
	unmapped    []Unmapped
	missing     []string
	strict      bool // an incomplete address rejects its row
	warned      map[string]int64

	texts texts.Maker
	key   []byte // of the current row
	keyed bool   // it is whole
}

// source says where the text of one field comes from: a constant, a column, or an expression; a default steps in when
// that is empty.
type source struct {
	name      string // "name[de_DE]"
	field     *Field
	column    int // index of the cell; -1 for none
	expr      *expression
	inputs    []int // cells that the expression reads, beside expr.columns
	values    map[string]string
	constant  bool   // text is a constant
	otherwise bool   // text is a default
	text      string // constant or default, canonical

	// What was made canonical last: many cells of a file repeat those of the row before.
	raw, canon string
}

// remembered is how long a cell may be of which a source remembers what it is in canonical form.
const remembered = 64

// Bind fits a mapping to the columns of a file. The error is a *FileError when a field that every record needs comes
// from nowhere, when two columns feed one field, or when an expression reads a column that the file does not have. A
// file without columns is an empty file: every mapping fits it.
func (m *Mapping) Bind(e *Entity, columns []string, c Conventions) (*Mapper, error) {
	w, err := m.wire(e, c)
	if err != nil {
		return nil, fmt.Errorf("mapping of %s: %w", e.Name, err)
	}
	p := &Mapper{entity: e, conventions: c, env: w.env, columns: len(columns), negative: m.AllowNegative, strict: m.OnIncomplete == "reject",
		warned: map[string]int64{}}
	if len(columns) == 0 {
		return p, nil
	}
	at := make(map[string]int, len(columns))
	for i, name := range columns {
		if _, twice := at[name]; !twice && name != "" {
			at[name] = i
		}
	}
	p.at = at
	fed, err := w.feeds(e, columns)
	if err != nil {
		return nil, err
	}
	used := make(map[int]bool, len(columns))
	for _, field := range w.fields(e, fed) {
		s, err := w.source(e, field, fed, at)
		if err != nil {
			return nil, err
		}
		if s.column >= 0 {
			used[s.column] = true
		}
		for _, i := range s.inputs {
			used[i] = true
		}
		p.place(s)
	}
	for i, name := range columns {
		if !used[i] && name != "" {
			p.ignored = append(p.ignored, name)
			if !w.left[name] && len(p.unmapped) < maxUnmapped {
				p.unmapped = append(p.unmapped, Unmapped{Column: name, Nearest: e.Nearest(name)})
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(w.sources)) {
		if _, there := at[name]; !there {
			p.missing = append(p.missing, name)
		}
	}
	if err := p.complete(p.missing, columns); err != nil {
		return nil, err
	}
	return p, nil
}

// feeds finds the column of each field: by the mapping, or by its own name.
func (w *wiring) feeds(e *Entity, columns []string) (map[string]int, error) {
	fed := make(map[string]int, len(columns))
	for i, name := range columns {
		field, mapped := w.sources[name]
		if !mapped {
			_, computed := w.exprs[name]
			_, constant := w.constants[name]
			if _, known := e.Lookup(name); !known || w.left[name] || computed || constant {
				continue
			}
			field = name
		}
		if other, twice := fed[field]; twice {
			return nil, &FileError{Pos: Position{Line: 1}, Column: name,
				Message: fmt.Sprintf("feeds the field %s, and so does the column %s", field, columns[other]),
				Hint:    fmt.Sprintf("leave one of them out: columns: {%s: '-'}", columns[other])}
		}
		fed[field] = i
	}
	return fed, nil
}

// fields lists the fields that a file or the mapping carries, in alphabetical order.
func (w *wiring) fields(e *Entity, fed map[string]int) []string {
	all := map[string]bool{}
	for f := range fed {
		all[f] = true
	}
	for f := range w.exprs {
		all[f] = true
	}
	for f := range w.constants {
		all[f] = true
	}
	for f := range w.defaults {
		all[f] = true
	}
	for _, f := range e.Fields {
		if f.Key || f.Required {
			all[f.Name] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

func (w *wiring) source(e *Entity, field string, fed, at map[string]int) (source, error) {
	f, _ := e.Lookup(field)
	s := source{name: field, field: f, column: -1, expr: w.exprs[field], values: w.values[field]}
	if text, ok := w.constants[field]; ok {
		s.constant, s.text = true, text
		return s, nil
	}
	if text, ok := w.defaults[field]; ok && text != "" {
		s.otherwise, s.text = true, text
	} else if f.Default != "" {
		s.otherwise, s.text = true, f.Default
	}
	if s.expr == nil {
		if i, ok := fed[field]; ok {
			s.column = i
		}
		return s, nil
	}
	if i, both := fed[field]; both {
		return s, &FileError{Pos: Position{Line: 1}, Message: fmt.Sprintf("the field %s comes from column %d and from the expression %s",
			field, i+1, s.expr.source), Hint: "keep one of them under columns"}
	}
	for _, c := range s.expr.columns {
		i, ok := at[c]
		if !ok {
			return s, &FileError{Pos: Position{Line: 1}, Column: c,
				Message: fmt.Sprintf("is not in the file, and the field %s is computed from it: %s", field, s.expr.source),
				Hint:    strings.TrimSpace(DidYouMean(c, slices.Collect(maps.Keys(at))) + " The file has " + columnList(slices.Sorted(maps.Keys(at))))}
		}
		s.inputs = append(s.inputs, i)
	}
	return s, nil
}

// place files a source under the keys, the removal or the values; both are kept in their order.
func (p *Mapper) place(s source) {
	switch {
	case s.field.Key:
		p.keys = append(p.keys, s)
		order := func(s source) int {
			return slices.IndexFunc(p.entity.Fields, func(f Field) bool { return f.Name == s.name })
		}
		slices.SortFunc(p.keys, func(a, b source) int { return order(a) - order(b) })
	case s.name == RemoveField:
		p.remove = &s
	default:
		p.values = append(p.values, s)
	}
}

// complete refuses a file in which no record could be whole. A file that can mark removals may lack what only other
// records need: their rows are rejected one by one.
func (p *Mapper) complete(missing, columns []string) error {
	for i := range p.entity.Fields {
		f := &p.entity.Fields[i]
		if !f.Required || !f.Key && p.remove != nil || p.carries(f.Name) || f.Else != "" && p.carries(f.Else) {
			continue
		}
		message := fmt.Sprintf("no column holds the field %s, which every record of %s needs", f.Name, p.entity.Name)
		if len(missing) > 0 {
			message += "; columns maps " + columnList(missing) + ", not in the file"
		}
		return &FileError{Pos: Position{Line: 1}, Message: message,
			Hint: fmt.Sprintf("map one of the file's columns (columns: {COLUMN: %s}) or set it (constants: {%s: …}); the file has %s",
				f.Name, f.Name, columnList(columns))}
	}
	return nil
}

// carries says whether a field has any source.
func (p *Mapper) carries(field string) bool {
	has := func(s source) bool {
		return s.name == field && (s.column >= 0 || s.expr != nil || s.constant || s.otherwise)
	}
	return slices.ContainsFunc(p.keys, has) || slices.ContainsFunc(p.values, has)
}

// columnList names columns in a message, some of them when there are many.
func columnList(columns []string) string {
	const most = 30
	if len(columns) == 0 {
		return "no columns"
	}
	if len(columns) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(columns[:most], ", "), len(columns)-most)
	}
	return strings.Join(columns, ", ")
}

// Counts implements [Counter]: how many records lack what their rows carry ("without_address"). Each has a warning.
func (p *Mapper) Counts() map[string]int64 { return maps.Clone(p.warned) }

// Ignored lists the file's columns that feed no field.
func (p *Mapper) Ignored() []string { return p.ignored }

// Unmapped is a column of a file that feeds no field though the mapping does not leave it out.
type Unmapped struct {
	Column  string `json:"column"`
	Nearest string `json:"nearest,omitempty"` // the field whose name is most like the column's; empty when none is
}

// maxUnmapped bounds what a hostile header makes of itself.
const maxUnmapped = 100

// Unmapped lists the file's columns that feed no field and that nobody left out by "-": a name may be mistyped. Of more than
// a hundred it lists the first ones.
func (p *Mapper) Unmapped() []Unmapped { return p.unmapped }

// Missing lists the columns that the mapping names and the file does not have.
func (p *Mapper) Missing() []string { return p.missing }

// Carries lists the fields that rows of this file carry besides the key, in alphabetical order.
func (p *Mapper) Carries() []string {
	var names []string
	for i := range p.values {
		if p.carries(p.values[i].name) {
			names = append(names, p.values[i].name)
		}
	}
	return names
}

// Record turns a row into a record. It fills rec, whose Values it overwrites from the start: who keeps a record beyond
// the next call copies them. The error is a *[Reject].
//
// A row that marks a removal gives a record with its key alone: its other cells are not looked at. One that does not carry
// a required field at all (Row.Absent) changes the others, where the field is needed only to create.
func (p *Mapper) Record(row *Row, rec *Record) error {
	rec.Entity, rec.Pos, rec.Key, rec.Remove, rec.Values, rec.Warnings = p.entity, row.Pos, "", false, rec.Values[:0], nil
	if bad := p.setKey(row, rec); bad != nil {
		return bad
	}
	if p.remove != nil {
		mark, _, bad := p.text(p.remove, row)
		if bad != nil {
			return p.locate(bad, p.remove, row, rec)
		}
		if rec.Remove = mark == "1"; rec.Remove {
			return nil
		}
	}
	for i := range p.values {
		s := &p.values[i]
		text, there, bad := p.text(s, row)
		if bad == nil && text == "" && s.field.Required && (there || !slices.Contains(p.entity.ToCreate, s.name)) {
			bad = fault(CodeMissing, "%s is empty", s.name)
		}
		if bad == nil && text != "" && text == rec.Key && s.field.Ref == p.entity.Name {
			bad = fault(CodeReference, "%s is the row's own key: nothing is its own parent", s.name)
		}
		if bad != nil {
			return p.locate(bad, s, row, rec)
		}
		if there {
			rec.Values = append(rec.Values, Value{Field: s.name, Text: text})
		}
	}
	for i := range p.entity.Wholes {
		if err := p.whole(&p.entity.Wholes[i], rec); err != nil {
			return err
		}
	}
	return nil
}

// whole takes a group of fields out of a record that holds only some of those that it needs: the shop would refuse the
// record for it. A field that the row does not carry at all is none of its business, the shop may have it.
func (p *Mapper) whole(w *Whole, rec *Record) error {
	if !w.Begun(rec) {
		return nil
	}
	i := slices.IndexFunc(rec.Values, func(v Value) bool { return v.Text == "" && slices.Contains(w.Needs, v.Field) })
	if i < 0 {
		return nil
	}
	lack := Lack{Field: rec.Values[i].Field, Why: rec.Values[i].Field + " is empty"}
	if p.strict {
		return w.Refuse(rec, lack)
	}
	w.Leave(rec, lack)
	p.warned[w.Word()]++
	return nil
}

// Reject completes a reject of the file's reader with the row's key, as far as its cells tell it. The key is certain only
// when each cell stands in its column and none of the key's is at fault: in a row with a cell too many, or too few, they may
// be shifted.
func (p *Mapper) Reject(row *Row, why *Reject) {
	apart := why.Code != CodeQuote && why.Code != CodeRagged && (why.Code != CodeTooLong || why.Field != "")
	taken := apart && len(row.Cells) == p.columns
	if why.Keyed || len(p.keys) == 0 || !taken && len(row.Cells) < 2 { // one cell: the row could not be taken apart
		return
	}
	rec := Record{Entity: p.entity, Pos: row.Pos}
	_ = p.setKey(row, &rec) // a key that is bad is told as far as it goes
	why.Key, why.Keyed = rec.Key, taken && p.keyed && !p.keyReads(why.Field)
}

// keyReads says whether the key is computed from a column of the given name.
func (p *Mapper) keyReads(column string) bool {
	if column == "" {
		return false
	}
	at, ok := p.at[column]
	return ok && slices.ContainsFunc(p.keys, func(s source) bool { return s.column == at || slices.Contains(s.inputs, at) })
}

// setKey computes the key. When a part is bad, the key that the reject shows has its raw text in that place.
func (p *Mapper) setKey(row *Row, rec *Record) error {
	var first *Reject
	var of *source
	p.key, p.keyed = p.key[:0], false
	for i := range p.keys {
		s := &p.keys[i]
		text, _, bad := p.text(s, row)
		if bad == nil && text == "" && s.field.Required {
			if other := p.otherKey(s, row); other != "" {
				rec.Key = ElseKey(s.field.Else, other)
				return nil
			}
			bad = fault(CodeKey, "%s is empty", s.name)
		}
		if bad != nil {
			if first == nil {
				first, of = bad, s
			}
			raw, _ := s.cell(row)
			text = cut(trim(strings.ToValidUTF8(raw, "?")))
		}
		if i > 0 {
			p.key = append(p.key, '|')
		}
		if len(p.keys) == 1 {
			rec.Key = text
		} else {
			p.key = appendKeyPart(p.key, text)
		}
	}
	if len(p.keys) > 1 {
		rec.Key = p.texts.Text(p.key)
	}
	if first != nil {
		return p.locate(first, of, row, rec)
	}
	p.keyed = true
	return nil
}

// otherKey is the text of the field that names the record in place of an empty key; empty when there is none.
func (p *Mapper) otherKey(key *source, row *Row) string {
	i := slices.IndexFunc(p.values, func(s source) bool { return s.name == key.field.Else })
	if key.field.Else == "" || i < 0 {
		return ""
	}
	text, _, _ := p.text(&p.values[i], row) // a fault of its own is told as the field's
	return text
}

// locate completes a reject with what is known of the row.
func (p *Mapper) locate(bad *Reject, s *source, row *Row, rec *Record) error {
	bad.Pos, bad.Key, bad.Keyed, bad.Field = row.Pos, rec.Key, p.keyed, s.name
	if bad.Code == CodeEncoding && row.Pos.Offset >= 0 {
		bad.Message += fmt.Sprintf(" (the row begins at byte %d)", row.Pos.Offset)
	}
	return bad
}

// text computes the canonical text of a source, and whether the row carries it.
func (p *Mapper) text(s *source, row *Row) (string, bool, *Reject) {
	if s.constant {
		return s.text, true, nil
	}
	raw, there := s.cell(row)
	if raw == s.raw && raw != "" {
		return s.canon, true, nil
	}
	if s.expr != nil && there {
		for i, column := range s.expr.columns {
			p.env.cells[column], _ = cell(row, s.inputs[i])
		}
		var bad *Reject
		if raw, bad = s.expr.run(p.env); bad != nil {
			return "", true, bad
		}
	}
	if s.otherwise && blank(raw) {
		return s.text, true, nil
	}
	if !there {
		return "", false, nil
	}
	if s.values != nil {
		text, bad := s.translate(raw, p.conventions)
		return s.remember(raw, text, bad)
	}
	text, bad := s.field.Canon(raw, p.conventions)
	if len(text) > 0 && text[0] == '-' && s.field.Kind == Quantity && (s.field.Key || !p.negative) {
		bad = fault(CodeAmount, "%s is negative", quote(text))
		if !s.field.Key {
			bad.Message += "; allow_negative: true of the feed would load it"
		}
	}
	return s.remember(raw, text, bad)
}

// remember keeps what a cell has become, unless it is bad or long; the row carries it. What an expression gives is no cell.
func (s *source) remember(raw, canon string, bad *Reject) (string, bool, *Reject) {
	if bad == nil && len(raw) <= remembered && s.expr == nil {
		s.raw, s.canon = raw, canon
	}
	return canon, true, bad
}

// cell is the text of the cell. An expression has none of its own; it is there when the row carries any of its columns.
func (s *source) cell(row *Row) (text string, there bool) {
	if s.expr == nil {
		return cell(row, s.column)
	}
	for _, i := range s.inputs {
		if _, there := cell(row, i); there {
			return "", true
		}
	}
	return "", len(s.inputs) == 0
}

func cell(row *Row, i int) (text string, there bool) {
	if i < 0 || i >= len(row.Cells) || row.Absent != nil && row.Absent[i] {
		return "", false
	}
	return row.Cells[i], true
}

// translate looks a value up in the field's value list.
func (s *source) translate(raw string, c Conventions) (string, *Reject) {
	value, bad := clean(raw, nil)
	if bad != nil {
		return "", bad
	}
	if text, ok := s.values[value]; ok {
		return text, nil
	}
	if value == "" {
		return s.field.Canon("", c)
	}
	const most = 8
	known := slices.Sorted(maps.Keys(s.values))
	if len(known) > most {
		known = append(known[:most], fmt.Sprintf("… (%d)", len(s.values)))
	}
	return "", fault(CodeValue, "%s is not in values: %s, which has %s", quote(value), s.name, strings.Join(known, ", "))
}
