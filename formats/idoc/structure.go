package idoc

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/orobridge/orobridge/formats"
)

// A Structure is a basic type of a release: which segments it has, in their order, and where each may stand.
type Structure struct {
	Type    string // ORDERS05
	Release string // of SAP's export, where several differ; empty else
	Places  []Place

	at   map[string]*Place // by segment type
	open bool              // no export says what stands where: every segment stands where a file has it
}

// A Place is where a segment stands in a basic type.
type Place struct {
	Type       string
	Definition string   // of this release
	Parents    []string // "-" stands for the top; behind it the header, below which some programs nest what is beside it; "*": not known
	Level      int      // HLEVEL, 0: not known
	Order      int      // among all segments of the type, from 0
	Most       int      // how often it may stand below one parent; 0: not known
	Later      bool     // the definition is a later release's: no export of this one has the segment
}

// readStructures reads data/structures.csv, and makes the general places of segments of all of them.
func (d *Dictionary) readStructures(file []byte) error {
	rows, err := table(bytes.NewReader(file), 7)
	if err != nil {
		return err
	}
	var s *Structure
	for _, row := range rows {
		if s == nil || s.Type != row[0] || s.Release != row[1] {
			s = &Structure{Type: row[0], Release: row[1], at: map[string]*Place{}}
			d.structures[s.Type] = append(d.structures[s.Type], s)
		}
		t, ok := d.types[row[2]]
		level, err := strconv.Atoi(row[5])
		if !ok || err != nil {
			return fmt.Errorf("structures: %s %s: no such segment, or no level", row[0], row[2])
		}
		most, _ := strconv.Atoi(row[6]) // empty: not known
		p := Place{Type: t.Type, Definition: row[3], Parents: strings.Fields(row[4]), Level: level, Order: len(s.Places), Most: most}
		s.Places = append(s.Places, p)
		if p.Parents[0] == "*" {
			s.open = true
			continue
		}
		if t.Level == 0 {
			t.Level = p.Level
		}
		for _, parent := range p.Parents {
			if !slices.Contains(t.Parents, parent) {
				t.Parents = append(t.Parents, parent)
			}
		}
	}
	for _, releases := range d.structures {
		for _, s := range releases {
			for i := range s.Places {
				s.at[s.Places[i].Type] = &s.Places[i]
			}
		}
	}
	for definition, t := range d.definitions { // older definitions stand where the newest does
		newest := d.types[t.Type]
		d.definitions[definition].Parents, d.definitions[definition].Level = newest.Parents, newest.Level
	}
	return nil
}

// Structure finds a basic type as its newest export has it: itself, or the newest of its family (ORDERS04 is read as
// ORDERS05, whose segments stand where they stood). It is nil for one that is not known.
func (d *Dictionary) Structure(basic string) *Structure {
	basic = strings.TrimFunc(basic, func(r rune) bool { return r <= ' ' || r == 0x7f })
	if all := d.structures[basic]; len(all) > 0 {
		return all[len(all)-1]
	}
	if len(basic) < 3 || strings.Trim(basic[len(basic)-2:], "0123456789") != "" {
		return nil
	}
	newest, family := "", basic[:len(basic)-2]
	for name := range d.structures {
		if len(name) == len(basic) && strings.HasPrefix(name, family) && name > newest {
			newest = name
		}
	}
	if newest == "" {
		return nil
	}
	return d.Structure(newest)
}

// Releases of SAP by which orders can be written.
var releases = []string{"46C", "620", "700", "755"}

// Release is a basic type as a release has it; empty is the newest. Of ORDERS as of 46C the export is that of ORDERS01. No export
// of 620 is public: its definitions are those on which 46C and 700 agree, and where they differ (E1EDP01, E1EDP19 and E1EDP20 of
// what an order is written with) the older one. That is right for a system of 620 whatever it has itself: a definition keeps all fields of
// the one before and adds some ("Version Creation and Release Procedure"), and those of earlier releases may be sent to a later one
// ("Segment Type and Segment Definition", both in help.sap.com/saphelp_470, which is 620).
func (d *Dictionary) Release(basic, release string) *Structure {
	all := d.structures[basic]
	switch release {
	case "46C", "620":
		return all[0].with(d.structures["ORDERS01"][0])
	case "700":
		return all[0]
	}
	return all[len(all)-1]
}

// with is a copy that has the definitions of another type's segments.
func (s *Structure) with(definitions *Structure) *Structure {
	out := &Structure{Type: s.Type, Release: definitions.Release, Places: slices.Clone(s.Places), at: map[string]*Place{}, open: s.open}
	for i := range out.Places {
		p := &out.Places[i]
		if other := definitions.at[p.Type]; other != nil {
			p.Definition = other.Definition
		} else {
			p.Later = true
		}
		out.at[p.Type] = p
	}
	return out
}

// confirmed names the segments whose definition an export of the release has.
func (s *Structure) confirmed() string {
	var names []string
	for i := range s.Places {
		if !s.Places[i].Later {
			names = append(names, s.Places[i].Type)
		}
	}
	return strings.Join(names, ", ")
}

// segment finds a segment in the definition that the basic type has of it; one of a user's dictionary goes first.
func (s *Structure) segment(dict *Dictionary, typ string) (*SegmentType, bool) {
	t, ok := dict.Type(typ)
	if ok && !t.own && s.at[typ] != nil {
		t = dict.definitions[s.at[typ].Definition]
	}
	return t, ok
}

// where says where a segment may stand.
type where struct {
	parents []string // nil: anywhere, since the dictionary does not know it
	level   int      // HLEVEL
	exact   bool     // the basic type says so itself: below nothing else
}

// where says where a segment may stand in the basic type; what the type does not have, and every segment of a type that is
// not known, may stand where it stands in any.
func (s *Structure) where(t *SegmentType) where {
	switch {
	case t == nil:
		return where{}
	case slices.Contains(t.Parents, "*"):
		return where{level: t.Level}
	case s != nil && !t.own && s.open:
		return where{}
	case s != nil && !t.own && s.at[t.Type] != nil:
		p := s.at[t.Type]
		return where{p.Parents, p.Level, true}
	}
	return where{t.Parents, t.Level, false}
}

// fits says whether a segment may stand below the one at an index, -1 for the top; below an unknown one anything may.
func (d *Document) fits(w *where, parent int) bool {
	if w.parents == nil {
		return true
	}
	if parent < 0 {
		return slices.Contains(w.parents, "-")
	}
	p := &d.Segments[parent]
	return p.Known == nil || slices.Contains(w.parents, p.Type)
}

// place finds the parent of a segment of a flat file, in which nothing but a number says where it stands. The number is
// believed when it names an open segment below which this one may stand. Other programs, and old releases, write numbers
// that can't be right (0 everywhere, 1 everywhere, a segment that comes later): then the order and the basic type say it,
// wrong counts that, and only what they leave open is a fault.
func (d *Document) place(s *Segment, w *where, number int64) (parent int, ok bool) {
	if named, there := d.numbered(number); there {
		if w.parents != nil && d.isHeader(named) && d.fits(w, -1) {
			return -1, true // below the header is beside it, as XML has it
		}
		if d.fits(w, named) && !(w.exact && named >= 0 && d.Segments[named].Known == nil) {
			return named, true
		}
	}
	d.wrong++
	if w.parents == nil {
		return len(d.Segments) - 1, true // it is skipped, and must not end what is open
	}
	open := d.below(w)
	if len(open) == 0 && !d.fits(w, -1) {
		d.takeIn()
		open = d.below(w)
	}
	switch {
	case len(open) > 1:
		d.fail(s, "PSGNUM", formats.CodeStructure, "%s names segment %d as its parent, which can't be; it may stand below %s and below %s",
			s.Type, number, d.Segments[open[0]].Type, d.Segments[open[1]].Type)
		return 0, false
	case len(open) == 1:
		return open[0], true
	case !d.fits(w, -1):
		d.misplaced(s, w, "below none of its parents")
		return 0, false
	}
	return -1, true
}

// isHeader says whether the segment at an index is the header of a type whose other segments stand beside it, though their
// level is a higher one (E1EDK01).
func (d *Document) isHeader(at int) bool { return at >= 0 && d.Segments[at].level == 1 }

// numbered finds an open segment by its number; 0 is the top.
func (d *Document) numbered(number int64) (at int, there bool) {
	if number == 0 {
		return -1, true
	}
	for i := range d.chain {
		if d.Segments[i].Number == number {
			return i, true
		}
	}
	return 0, false
}

// below lists the open segments, the nearest first, that are known parents of a segment.
func (d *Document) below(w *where) (open []int) {
	top := d.fits(w, -1)
	for i := range d.chain {
		if top && d.isHeader(i) {
			continue
		}
		if p := &d.Segments[i]; p.Known != nil && d.fits(w, i) && (len(open) == 0 || d.Segments[open[0]].Type != p.Type) {
			open = append(open, i)
		}
	}
	return open
}

// takeIn puts unknown segments that stand at the top, and ended what was open there, below the segment before them.
func (d *Document) takeIn() {
	from := len(d.Segments)
	for from > 0 {
		root := from - 1
		for d.Segments[root].Parent >= 0 {
			root = d.Segments[root].Parent
		}
		if d.Segments[root].Known != nil {
			break
		}
		from = root
	}
	if from == 0 || from == len(d.Segments) {
		return
	}
	for i := from; i < len(d.Segments); i++ {
		s := &d.Segments[i]
		if s.Parent < 0 {
			s.Parent = from - 1
		}
		s.Depth = d.Segments[s.Parent].Depth + 1
	}
}
