package formats

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// Mapping turns a sender's rows into an entity's records: which column is which field, value lists, constants and
// defaults. It is the part of a feed's config that does not depend on the format.
type Mapping struct {
	// Columns maps a source column to a canonical field (MATNR: sku), or a canonical field to an expression over the
	// source columns (value: 'amount(KBETR) / amount(KPEIN)'). It is a source column when the right side is a field's
	// name; "-" on the right side leaves a column out. Columns that are not named keep their own names; those that
	// are no field's name are ignored (see [Mapper.Ignored]).
	Columns map[string]string `yaml:"columns" doc:"source column to canonical field (MATNR: sku), or canonical field to an expression over source columns (value: 'amount(KBETR) / amount(KPEIN)'); - leaves a column out"`
	// Values maps, per canonical field, the sender's value to the shop's (unit: {ST: item}). With a list, a value that
	// is not in it rejects the row. The list applies to what an expression gives, too. Constants and defaults are the
	// shop's values already.
	Values map[string]map[string]string `yaml:"values" doc:"per canonical field, the sender's value to the shop's (unit: { ST: item }); a value that is not in the list rejects the row"`
	// Constants set a field in every row.
	Constants map[string]string `yaml:"constants" doc:"canonical fields that have one value in every row"`
	// Defaults set a field whose column is missing or whose cell is empty.
	Defaults map[string]string `yaml:"defaults" doc:"canonical fields whose column is missing or whose cell is empty"`
	// AllowNegative loads quantities below 0; without it their rows are rejected.
	AllowNegative bool `yaml:"allow_negative" doc:"load quantities below 0; without it their rows are rejected"`
	// Lists name files for the expression lookup(list, value): UTF-8, separated by commas, two columns: value and
	// result. They are read when the config is loaded and again for each file that is mapped.
	Lists map[string]string `yaml:"lists" doc:"files for the expression lookup(list, value): UTF-8, two columns set apart by a comma"`
	// OnIncomplete says what becomes of a row whose address lacks what the shop wants of one: it is loaded without the
	// address, with a warning, or rejected.
	OnIncomplete string `yaml:"on_incomplete" jsonschema:"default=load,enum=load,enum=reject" doc:"a customer whose address lacks street, city, postal code, country, or a region that the shop demands: load it without the address, with a warning, or reject it"`
	// Open opens the files of Lists. The program sets it before Check.
	Open func(name string) (io.ReadCloser, error) `yaml:"-" json:"-"`
}

// Conventions are a format's ways to write numbers and dates; formats inline them in their options.
type Conventions struct {
	// Decimal is the decimal sign of amounts, "." by default.
	Decimal string `yaml:"decimal" doc:"decimal sign, . by default"`
	// Group is the sign between groups of three digits: ".", ",", " ", "'" or none. Without it blanks and apostrophes
	// group, and the other of "." and "," where it can't be mistaken for the decimal sign: 1.234,50 and 1.234.567,
	// but not 1.234.
	Group string `yaml:"group" doc:"sign between groups of three digits"`
	// Date is the form of dates: YYYY-MM-DD by default, YYYYMMDD, DD.MM.YYYY, DD/MM/YYYY, MM/DD/YYYY, or Go's notation.
	Date string `yaml:"date" doc:"form of dates: YYYY-MM-DD by default, YYYYMMDD, DD.MM.YYYY, DD/MM/YYYY, MM/DD/YYYY"`
}

// wiring is a mapping that was checked against an entity: what feeds which field.
type wiring struct {
	sources   map[string]string      // column → field
	left      map[string]bool        // columns that the mapping leaves out
	exprs     map[string]*expression // field → expression
	values    map[string]map[string]string
	constants map[string]string // field → canonical text
	defaults  map[string]string
	env       *exprEnv // that the expressions run in
}

// Check reports everything in a mapping that can't work for an entity, all of it at once, as OptionErrors.
func (m *Mapping) Check(e *Entity) error {
	_, err := m.wire(e, Conventions{})
	return err
}

// Sets lists the fields, besides keys, that the mapping names. Columns that bear a field's name set it as well, which only
// a file tells.
func (m *Mapping) Sets(e *Entity) []string {
	named := map[string]bool{}
	name := func(text string) {
		if f, ok := e.Lookup(text); ok && !f.Key {
			named[text] = true
		}
	}
	for left, right := range m.Columns {
		name(left)
		name(right)
	}
	for field := range m.Constants {
		name(field)
	}
	for field := range m.Defaults {
		name(field)
	}
	return slices.Sorted(maps.Keys(named))
}

// SourceColumns lists the sender's columns that the mapping names, those that its expressions read among them, in
// alphabetical order. What Check would refuse is left out.
func (m *Mapping) SourceColumns(e *Entity) []string {
	w, _ := m.wire(e, Conventions{})
	named := map[string]bool{}
	for column := range w.sources {
		named[column] = true
	}
	for _, x := range w.exprs {
		for _, column := range x.columns {
			named[column] = true
		}
	}
	return slices.Sorted(maps.Keys(named))
}

func (m *Mapping) wire(e *Entity, c Conventions) (*wiring, error) {
	var problems []error
	lists, err := ReadLists(m.Lists, m.Open)
	if err != nil {
		problems = append(problems, err)
	}
	w := &wiring{
		sources: map[string]string{}, left: map[string]bool{}, exprs: map[string]*expression{}, values: map[string]map[string]string{},
		env: &exprEnv{conventions: c, lists: lists, cells: map[string]any{}},
	}
	add := func(key, name string, err error) {
		problems = append(problems, AtKey(key, AtKey(name, err)))
	}
	if m.OnIncomplete != "" && m.OnIncomplete != "load" && m.OnIncomplete != "reject" {
		problems = append(problems, AtKey("on_incomplete", fmt.Errorf("%q is neither load nor reject", m.OnIncomplete)))
	}
	for _, name := range slices.Sorted(maps.Keys(m.Columns)) {
		if err := w.column(e, name, m.Columns[name], m.Values[name] != nil); err != nil {
			add("columns", name, err)
		}
	}
	for _, field := range slices.Sorted(maps.Keys(m.Values)) {
		f, err := e.field(field)
		if err == nil {
			w.values[field], err = canonAll(m.Values[field], func(string) (*Field, error) { return f, nil })
		}
		if err != nil {
			add("values", field, err)
		}
	}
	if w.constants, err = canonAll(m.Constants, e.field); err != nil {
		problems = append(problems, AtKey("constants", err))
	}
	if w.defaults, err = canonAll(m.Defaults, e.field); err != nil {
		problems = append(problems, AtKey("defaults", err))
	}
	for _, field := range slices.Sorted(maps.Keys(m.Constants)) {
		if name, fed := w.fedBy(field); fed {
			add("constants", field, fmt.Errorf("columns has %s for the same field: keep one of them", name))
		}
	}
	return w, errors.Join(problems...)
}

// column files one entry of columns: a source column, a column left out, or an expression. Translated says that the field
// has a value list, which makes its values of whatever an expression gives.
func (w *wiring) column(e *Entity, left, right string, translated bool) error {
	if _, ok := e.Lookup(right); ok {
		w.sources[left] = right
		return nil
	}
	if right == "-" {
		w.left[left] = true
		return nil
	}
	f, err := e.field(left)
	if err != nil {
		like := e.Nearest(right)
		if like != "" {
			like = " (did you mean " + like + "?)"
		}
		return fmt.Errorf("neither %s nor %s%s is a field of %s; its fields are %s", left, quote(right), like, e.Name, e.names())
	}
	x, err := compile(right, w.env)
	if err != nil {
		return err
	}
	if !translated {
		if err := x.fits(f); err != nil {
			return err
		}
	}
	w.exprs[left] = x
	return nil
}

// fits refuses an expression whose result can't be meant for a field: a condition, which would set an amount to 1 or 0, or
// a number where a field holds none.
func (x *expression) fits(f *Field) error {
	number := []Kind{Money, Quantity, Text, Line, Code}
	switch t := x.program.Node().Type(); {
	case t == boolType && f.Kind != Flag && f.Kind != Text:
		return fmt.Errorf("%s: gives a condition, and %s is of kind %s: choose with CONDITION ? a : b", x.source, f.Name, f.Kind)
	case (t == amountType || t == intType) && !slices.Contains(number, f.Kind):
		return fmt.Errorf("%s: gives a number, and %s is of kind %s", x.source, f.Name, f.Kind)
	}
	return nil
}

// fedBy finds what columns says of a field.
func (w *wiring) fedBy(field string) (string, bool) {
	for _, column := range slices.Sorted(maps.Keys(w.sources)) {
		if w.sources[column] == field {
			return column, true
		}
	}
	_, ok := w.exprs[field]
	return "an expression", ok
}

// canonAll brings the values of a map into canonical form; fieldOf tells whose they are.
func canonAll(texts map[string]string, fieldOf func(name string) (*Field, error)) (map[string]string, error) {
	out := make(map[string]string, len(texts))
	var problems []error
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		f, err := fieldOf(name)
		if err != nil {
			return out, AtKey(name, err)
		}
		canonical, bad := f.Canon(texts[name], Conventions{})
		if bad != nil {
			problems = append(problems, AtKey(name, errors.New(bad.Message)))
		}
		out[name] = canonical
	}
	return out, errors.Join(problems...)
}

// field is Lookup with an error that lists what there is.
func (e *Entity) field(name string) (*Field, error) {
	if f, ok := e.Lookup(name); ok {
		return f, nil
	}
	return nil, fmt.Errorf("%s is not a field of %s; its fields are %s", name, e.Name, e.names())
}

// names lists the fields for a message.
func (e *Entity) names() string {
	names := make([]string, len(e.Fields))
	for i, f := range e.Fields {
		names[i] = f.Name
		if f.Family == Prefixed {
			names[i] += "<name>"
		}
	}
	return strings.Join(names, ", ")
}
