package idoc

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/orobridge/orobridge/formats"
)

// A spot is a field of a segment as people name it: E1EDK01-AUGRU, and with the qualifier of a segment that stands several
// times E1EDKA1[WE]-PARTN. EDI_DC40-MESCOD is of the control record.
type spot struct {
	segment   *SegmentType
	by, value string // field that qualifies the segment, and its value; empty for none
	field     string
}

// qualifiers are the fields that tell segments of one type apart.
var qualifiers = []string{"QUALF", "QUALI", "IDDAT", "PARVW", "SUMID", "KSCHL", "TDID", "PAFKT"}

// qualifier is the field that tells segments of the type apart, empty for none.
func (t *SegmentType) qualifier() string {
	for _, q := range qualifiers {
		if _, ok := t.Field(q); ok {
			return q
		}
	}
	return ""
}

// parseSpot reads the name of a spot.
func parseSpot(name string, lookup func(segment string) (*SegmentType, bool)) (s spot, err error) {
	segment, field, ok := strings.Cut(name, "-")
	if !ok {
		return s, fmt.Errorf("%s is not of the form SEGMENT-FIELD or SEGMENT[QUALIFIER]-FIELD", name)
	}
	segment, rest, qualified := strings.Cut(segment, "[")
	t, ok := lookup(segment)
	if !ok {
		return s, fmt.Errorf("%s: the dictionary has no segment %s (format.dictionary adds one)", name, segment)
	}
	if _, ok := t.Field(field); !ok {
		return s, fmt.Errorf("%s: %s has no field %s", name, t.Definition, field)
	}
	s = spot{segment: t, field: field}
	switch by := t.qualifier(); {
	case qualified && by == "":
		return s, fmt.Errorf("%s: %s has no qualifier", name, segment)
	case qualified:
		if s.value, ok = strings.CutSuffix(rest, "]"); !ok || s.value == "" {
			return s, fmt.Errorf("%s: the qualifier stands in [ ]", name)
		}
		s.by = by
	case by != "":
		return s, fmt.Errorf("%s: which %s is meant? Write %s[%s]-%s", name, segment, segment, by, field)
	}
	return s, nil
}

// is says whether a segment that is to be written is the one that is meant.
func (s *spot) is(n *node) bool {
	return n.typ == s.segment.Type && (s.by == "" || fieldOf(n, s.by) == s.value)
}

// A fill sets a field of every order, or of each of its lines, from an expression.
type fill struct {
	spot
	name string
	line bool     // it stands in or below E1EDP01
	path []string // types of the segments around it, from the top or from E1EDP01 on
	expr *formats.Expression
}

// itemSegment holds a line of an order.
const itemSegment = "E1EDP01"

// fills compiles the option fields, all that is wrong with them at once.
func (o *OrderOptions) fills() ([]fill, error) {
	dict, err := o.dictionary()
	if err != nil {
		return nil, err
	}
	lists := o.lists
	if lists == nil {
		if lists, err = formats.ReadLists(o.Lists, o.files); err != nil {
			return nil, err
		}
	}
	structure := dict.Release(basicType, o.Release)
	order, line := (&formats.Order{}).Columns(), (&formats.OrderLine{}).Columns()
	var all []fill
	var problems []error
	for _, name := range slices.Sorted(maps.Keys(o.Fields)) {
		f := fill{name: name}
		f.spot, err = parseSpot(name, func(segment string) (*SegmentType, bool) {
			if segment == "EDI_DC40" {
				return control(), true
			}
			return structure.segment(dict, segment)
		})
		if err == nil && f.segment.Type != "EDI_DC40" {
			err = errors.Join(f.locate(dict, structure), o.certain(&f, structure))
		}
		if err == nil {
			names := slices.Sorted(maps.Keys(order))
			if f.line {
				names = append(names, slices.Sorted(maps.Keys(line))...)
			}
			if f.expr, err = formats.NewExpression(o.Fields[name], names, lists); err != nil {
				err = fmt.Errorf("%s: %w", name, err)
			}
		}
		if err != nil {
			problems = append(problems, err)
			continue
		}
		all = append(all, f)
	}
	return all, errors.Join(problems...)
}

// certain refuses to write a segment flat of which the release has no definition that is known; XML has no definitions.
func (o *OrderOptions) certain(f *fill, structure *Structure) error {
	p := structure.at[f.segment.Type]
	if o.form() == FormXML || f.segment.own || p == nil || !p.Later {
		return nil
	}
	return fmt.Errorf("%s: no export of release %s has %s, so its definition is not certain; those of %s are; format.dictionary adds "+
		"your system's own (transaction WE60), and form: xml needs none", f.name, o.Release, p.Type, structure.confirmed())
}

// locate finds the segments around the one that is meant.
func (f *fill) locate(dict *Dictionary, structure *Structure) error {
	for typ := f.segment.Type; ; {
		if typ == itemSegment {
			f.line = true
			break
		}
		t, ok := structure.segment(dict, typ)
		if !ok {
			return fmt.Errorf("%s: %s is no segment of %s", f.name, typ, basicType)
		}
		parents := structure.where(t).parents
		if len(parents) == 0 || slices.Contains(parents, "-") {
			break
		}
		if typ = parents[0]; typ != itemSegment {
			if p, _ := structure.segment(dict, typ); p != nil && p.qualifier() != "" {
				return fmt.Errorf("%s: it stands below %s, of which there are several", f.name, typ)
			}
			f.path = append(f.path, typ)
		}
		if len(f.path) > maxDepth {
			return fmt.Errorf("%s: segments that stand below themselves", f.name)
		}
	}
	slices.Reverse(f.path)
	return nil
}

// apply sets the field below a root: the message, or one of its E1EDP01.
func (f *fill) apply(m, root *node, text func(column string) string) error {
	value, err := f.expr.Text(text)
	if err != nil {
		return fmt.Errorf("%s: %w", f.name, err)
	}
	if f.segment.Type == "EDI_DC40" {
		m.put(f.field, value)
		return nil
	}
	at := root
	for _, typ := range f.path {
		at = at.child(func(n *node) bool { return n.typ == typ }, value != "", pair{}, typ)
	}
	if root.typ != f.segment.Type {
		at = at.child(f.is, value != "", pair{f.by, f.value}, f.segment.Type)
	}
	if at == nil {
		return nil
	}
	at.put(f.field, value)
	if at != root && at.bare(f.by) {
		root.drop(at)
	}
	return nil
}

// child finds a child, or makes it with its qualifier when it is needed; nil when it is not there and not needed.
func (n *node) child(is func(*node) bool, needed bool, qualifier pair, typ string) *node {
	if n == nil {
		return nil
	}
	if i := slices.IndexFunc(n.children, is); i >= 0 {
		return n.children[i]
	}
	if !needed {
		return nil
	}
	if qualifier.name == "" {
		return n.add(typ)
	}
	return n.add(typ, qualifier)
}

// put sets a field, or takes it away.
func (n *node) put(field, text string) {
	n.fields = slices.DeleteFunc(n.fields, func(p pair) bool { return p.name == field })
	if text != "" {
		n.fields = append(n.fields, pair{field, text})
	}
}

// bare says whether a segment has nothing but its qualifier.
func (n *node) bare(qualifier string) bool {
	return len(n.children) == 0 && !slices.ContainsFunc(n.fields, func(p pair) bool { return p.name != qualifier && p.text != "" })
}

// drop takes a segment away, wherever it stands below n.
func (n *node) drop(gone *node) {
	n.children = slices.DeleteFunc(n.children, func(c *node) bool { return c == gone })
	for _, c := range n.children {
		c.drop(gone)
	}
}

// sort puts segments into the order of the basic type; what it does not have keeps its place behind what stands before it.
func (n *node) sort(s *Structure) {
	order := make(map[*node]int, len(n.children))
	last := 0
	for _, c := range n.children {
		if p := s.at[c.typ]; p != nil {
			last = p.Order
		}
		order[c] = last
		c.sort(s)
	}
	slices.SortStableFunc(n.children, func(a, b *node) int { return order[a] - order[b] })
}
