package idoc

import (
	"cmp"
	"fmt"
	"iter"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/orobridge/orobridge/formats"
)

// Limits of one IDoc. A larger one is a FileError: nothing after it can be trusted to be smaller.
const (
	maxSegments = 200_000
	maxBytes    = 64 << 20
	maxFields   = 2_000_000
	maxDepth    = 30
)

// Segment is one segment of a Document.
type Segment struct {
	Type       string       // E1EDK01
	Definition string       // as a flat file calls it; empty in XML
	Known      *SegmentType // nil when the dictionary does not have it
	Parent     int          // index in Document.Segments, -1 at the top
	Depth      int          // 1 at the top
	Number     int64        // SEGNUM; in XML the place in the IDoc, from 1

	level       int  // HLEVEL of its kind, 0 when that is not known
	start, end  int  // of SDATA in Document.text, without blanks at the end; flat only
	wide        bool // SDATA has characters beyond ASCII
	first, last int  // of the fields in Document.fields, -1 for none; XML only
	count       int  // of the fields
}

// Document is one IDoc: its control record and its segments in their order, as a tree. A reader uses the same Document
// for every IDoc of a file.
type Document struct {
	Number   string // DOCNUM, without blanks
	Control  Segment
	Segments []Segment
	Offset   int64 // of its first byte in the decoded stream
	Line     int64 // on which it begins
	// Fault says why the IDoc can't be used, nil when it can.
	Fault *formats.Reject

	wrong  int // segments whose parent's number was not believed
	flat   bool
	text   []byte // SDATA of all segments, or text of all fields
	read   string // what text held when a field was asked for: texts of fields are parts of it, and cost nothing
	fields []xmlField
}

// xmlField is a field as an element carries it; a segment's fields are linked, since children may stand among them.
type xmlField struct {
	name       string
	start, end int
	next       int
}

func (d *Document) reset() {
	*d = Document{Segments: d.Segments[:0], text: d.text[:0], fields: d.fields[:0],
		Control: Segment{Type: "EDI_DC40", Known: control(), first: -1, last: -1, Parent: -1}}
}

// errUnconfirmed is the error of a flat field whose place the dictionary is not certain of.
func (d *Document) errUnconfirmed(s *Segment, field string) error {
	return &formats.FileError{
		Pos:    d.position(s),
		Column: field,
		Message: fmt.Sprintf("the built-in dictionary is not certain where %s stands in the flat form of %s, "+
			"and the segment has text there", field, s.Type),
		Hint: fmt.Sprintf("set format.dictionary to a CSV file with the line \"%s,%s,%s,%d,FIELD:LENGTH FIELD:LENGTH …\" taken from "+
			"your system's documentation of the segment (transaction WE60), or have the messages sent as XML",
			s.Type, s.Definition, cmp.Or(strings.Join(s.Known.Parents, " "), "*"), max(s.Known.Level, 1)),
	}
}

// Value is the text of a segment's field without the blanks behind it; empty when the segment does not carry it. It keeps the
// whole document's text in memory: who holds it longer than the document clones it. The error is a FileError: the field's
// place in a flat file is not certain.
func (d *Document) Value(s *Segment, name string) (string, error) {
	if !d.flat {
		for i := s.first; i >= 0; i = d.fields[i].next {
			if f := &d.fields[i]; f.name == name {
				return d.part(f.start, f.end), nil
			}
		}
		return "", nil
	}
	if s.Known == nil {
		return "", nil
	}
	i, ok := s.Known.index[name]
	if !ok {
		return "", nil
	}
	return d.field(s, &s.Known.Fields[i])
}

// part is a part of the document's text.
func (d *Document) part(start, end int) string {
	if end > len(d.read) {
		d.read = string(d.text)
	}
	return d.read[start:end]
}

// field is the text of a field of a flat file's segment.
func (d *Document) field(s *Segment, f *Field) (string, error) {
	text := d.part(s.start, s.end)
	if f.Unconfirmed {
		if len(cutRunes(text, s.wide, s.Known.confirmed, len(text))) > 0 {
			return "", d.errUnconfirmed(s, f.Name)
		}
		return "", nil
	}
	return cutRunes(text, s.wide, f.Offset, f.Length), nil
}

// cutRunes is the text of length characters from the character offset on, without blanks at its end.
func cutRunes(text string, wide bool, offset, length int) string {
	if wide {
		offset = runeOffset(text, offset)
		length = runeOffset(text[offset:], length)
	}
	if offset >= len(text) {
		return ""
	}
	text = text[offset:min(len(text), offset+length)]
	for len(text) > 0 && text[len(text)-1] == ' ' {
		text = text[:len(text)-1]
	}
	return text
}

// runeOffset is the index in bytes of the nth character.
func runeOffset(text string, n int) int {
	i := 0
	for ; n > 0 && i < len(text); n-- {
		if text[i] < utf8.RuneSelf {
			i++
			continue
		}
		_, size := utf8.DecodeRuneInString(text[i:])
		i += size
	}
	return i
}

// position is where a segment stands, for people.
func (d *Document) position(s *Segment) formats.Position {
	return formats.Position{Line: s.Number, Offset: d.Offset, Segment: s.Type, Doc: d.Number}
}

// fail notes the first fault of the IDoc.
func (d *Document) fail(s *Segment, field, code, format string, args ...any) {
	if d.Fault == nil {
		d.Fault = &formats.Reject{Pos: d.position(s), Field: field, Code: code, Message: fmt.Sprintf(format, args...)}
	}
}

// chain yields the index of the last segment and of its ancestors, up to the top.
func (d *Document) chain(yield func(int) bool) {
	for i := len(d.Segments) - 1; i >= 0; i = d.Segments[i].Parent {
		if !yield(i) {
			return
		}
	}
}

// add appends a segment whose place in the hierarchy is checked already.
func (d *Document) add(s Segment, parent int) *Segment {
	s.Parent, s.Depth = parent, 1
	if parent >= 0 {
		s.Depth = d.Segments[parent].Depth + 1
	}
	d.Segments = append(d.Segments, s)
	last := &d.Segments[len(d.Segments)-1]
	if s.Depth > maxDepth {
		d.fail(last, "", formats.CodeStructure, "segments are nested deeper than %d", maxDepth)
	}
	return last
}

// misplaced is the fault of a segment that stands where its type can't.
func (d *Document) misplaced(s *Segment, w *where, at string) {
	d.fail(s, "", formats.CodeStructure, "%s stands %s; it belongs below %s", s.Type, at,
		strings.NewReplacer("-", "the top").Replace(strings.Join(w.parents, " or ")))
}

// types names the different types of the IDoc's segments, some of them when there are many.
func (d *Document) types() string {
	const most = 8
	var names []string
	for i := range d.Segments {
		if slices.Contains(names, d.Segments[i].Type) {
			continue
		}
		if len(names) == most {
			return strings.Join(names, ", ") + ", …"
		}
		names = append(names, d.Segments[i].Type)
	}
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// tooLarge is the error of an IDoc over the limits.
func (d *Document) tooLarge() error {
	if len(d.Segments) < maxSegments && len(d.text) < maxBytes && len(d.fields) < maxFields {
		return nil
	}
	return &formats.FileError{
		Pos:     formats.Position{Line: int64(len(d.Segments)), Offset: d.Offset, Doc: d.Number},
		Message: fmt.Sprintf("one IDoc has more than %d segments or %d MB", maxSegments, maxBytes>>20),
		Hint:    "have it sent as several IDocs (packages)",
	}
}

// Children yields the segments of a type below the parent, -1 for the whole IDoc, at any depth, in their order.
func (d *Document) Children(parent int, typ string) iter.Seq[int] {
	return func(yield func(int) bool) { d.children(parent, typ, yield) }
}

func (d *Document) children(parent int, typ string, yield func(int) bool) {
	for i := parent + 1; i < len(d.Segments); i++ {
		s := &d.Segments[i]
		if parent >= 0 && s.Depth <= d.Segments[parent].Depth {
			return
		}
		if s.Type == typ && !yield(i) {
			return
		}
	}
}

// First is the first segment of a type below the parent, -1 when there is none.
func (d *Document) First(parent int, typ string) int {
	for i := range d.Children(parent, typ) {
		return i
	}
	return -1
}

// pair is a field with its text.
type pair struct{ name, text string }

// each calls yield for the fields of a segment that have a text, in the dictionary's order in a flat file and in their own in
// XML, until it returns false. Texts and the error are as those of [Document.Value].
func (d *Document) each(s *Segment, yield func(name, text string) bool) error {
	if !d.flat {
		for i := s.first; i >= 0; i = d.fields[i].next {
			if f := &d.fields[i]; f.end > f.start && !yield(f.name, d.part(f.start, f.end)) {
				return nil
			}
		}
		return nil
	}
	if s.Known == nil {
		if s.end > s.start {
			yield("SDATA", d.part(s.start, s.end))
		}
		return nil
	}
	for i := range s.Known.Fields {
		f := &s.Known.Fields[i]
		if f.Offset >= s.end-s.start {
			break // the text ends before it
		}
		text, err := d.field(s, f)
		if err != nil {
			return err
		}
		if len(text) > 0 && !yield(f.Name, text) {
			return nil
		}
	}
	return nil
}

// pairs are what [Document.each] yields.
func (d *Document) pairs(s *Segment) (all []pair, err error) {
	err = d.each(s, func(name, text string) bool {
		all = append(all, pair{name, text})
		return true
	})
	return slices.Clip(all), err
}
