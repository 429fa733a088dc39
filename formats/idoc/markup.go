package idoc

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/orobridge/orobridge/formats"
	"github.com/orobridge/orobridge/formats/internal/xmltok"
)

// markupReader reads the XML form: <IDOC> elements anywhere below the root (in a SOAP envelope, or as the root itself),
// segments by their SEGMENT attribute or by the dictionary. Namespaces are ignored. Names may be those of a flat file
// (E2MARAM001), and may stand in groups, as BizTalk and Logic Apps have it: <E2MARAM001GRP> holds the segment first, and
// then those below it; their element around an IDoc is <idocData>.
type markupReader struct {
	s         *xmltok.Scanner
	dict      *Dictionary
	structure *Structure
	words     map[*Structure]map[string]*word
	word      map[string]*word // those of the IDoc's basic type
	last      *word            // that was looked up last
	doc       Document
	open      []int // the open elements of the IDoc: segments by index, else one of the marks below
	field     *word // the open field, nil for none
	text      int   // where the open field's text begins in doc.text
	found     int   // IDocs
	outline   xmltok.Outline
	// between, when it is set, hears how far the file was read between two IDocs.
	between func(offset int64) error
}

// Marks of open elements that are no segments. A group is marked before its own segment began; then that one stands in
// its place.
const (
	inControl = -2
	inGroup   = -3
)

// word is what the name of an element stands for.
type word struct {
	named
	name  string // of a field, with namespaces as SAP writes them
	raw   string // as it stands in the file
	group bool
	next  *word // that followed the last time, and mostly follows again
}

func newMarkup(r io.Reader, dict *Dictionary) *markupReader {
	limits := xmltok.Limits{Depth: maxDepth + 10, SkipBlanks: true}
	m := &markupReader{s: xmltok.New(r, limits), dict: dict, words: map[*Structure]map[string]*word{}}
	m.follow("")
	return m
}

// follow takes the basic type of the IDoc that is read.
func (m *markupReader) follow(basic string) {
	structure := m.dict.Structure(basic)
	if structure == m.structure && m.word != nil {
		return
	}
	m.structure, m.last = structure, &word{}
	if m.word = m.words[m.structure]; m.word == nil {
		m.word = map[string]*word{}
		m.words[m.structure] = m.word
	}
}

// next reads the next IDoc. It returns io.EOF after the last one, and an error for a file that has none but something
// else.
func (m *markupReader) next() (*Document, error) {
	for {
		k, err := m.s.Next()
		if err == io.EOF && m.found == 0 && !m.outline.Bare() {
			return nil, m.noIDoc()
		}
		if err != nil {
			return nil, m.fileError(err)
		}
		if k == xmltok.Start && isContainer(m.s.Name()) {
			m.found++
			return m.idoc()
		}
		if m.found == 0 {
			m.outline.Add(k, m.s)
		}
		if m.between != nil {
			if err := m.between(m.s.EndOffset()); err != nil {
				return nil, err
			}
		}
	}
}

// isContainer says whether an element holds an IDoc.
func isContainer(name []byte) bool { return string(name) == "IDOC" || string(name) == "idocData" }

// noIDoc is the error of a file without an IDoc: a message of PI's own, mostly.
func (m *markupReader) noIDoc() error {
	hint := "this feed reads IDocs: have the message sent as an IDoc, or read it with format: { kind: xml, record: …, fields: … }"
	if row := m.outline.Row(); row != "" {
		hint = fmt.Sprintf("this feed reads IDocs; to read this message, say format: { kind: xml, record: %s, fields: { … } }", row)
	}
	return &formats.FileError{Code: formats.CodeNoRows, Message: "the file has no IDOC element: it is " + m.outline.String(), Hint: hint}
}

func (m *markupReader) fileError(err error) error {
	var e *xmltok.Error
	if !errors.As(err, &e) {
		return err
	}
	return &formats.FileError{Pos: formats.Position{Line: e.Line, Offset: e.Offset}, Message: e.Message,
		Hint: "the file is not well-formed XML from here on: have it sent again, or mend it"}
}

// idoc reads up to the end of the IDOC element that has begun.
func (m *markupReader) idoc() (*Document, error) {
	d := &m.doc
	d.reset()
	d.Offset, d.Line = m.s.Offset(), m.s.Line()
	m.open, m.field = m.open[:0], nil
	m.follow(m.outline.Root())
	for {
		k, err := m.s.Next()
		if err != nil {
			return nil, m.fileError(err)
		}
		switch k {
		case xmltok.Start:
			m.start(d)
		case xmltok.End:
			if m.field == nil && len(m.open) == 0 {
				if d.Fault != nil {
					d.Fault.Pos.Doc = d.Number
				}
				return d, nil
			}
			m.end(d)
		case xmltok.Text:
			m.chars(d)
		}
		if err := d.tooLarge(); err != nil {
			return nil, err
		}
	}
}

// start begins a segment or a field.
func (m *markupReader) start(d *Document) {
	w := m.lookup(m.s.Name())
	if m.field != nil {
		m.promote(d)
	}
	n := len(m.open)
	switch {
	case n > 0 && m.open[n-1] == inControl:
	case n == 0 && (w.name == "EDI_DC40" || w.name == "EDI_DC40_U"):
		m.open = append(m.open, inControl)
		return
	case w.group:
		m.open = append(m.open, inGroup)
		return
	case w.known != nil || n == 0 || m.open[n-1] == inGroup || m.marked():
		m.segment(d, w)
		return
	}
	m.field, m.text = w, len(d.text)
}

// marked says whether the element that began has the attribute of a segment.
func (m *markupReader) marked() bool {
	for _, a := range m.s.Attrs() {
		if string(a.Name) == "SEGMENT" {
			return true
		}
	}
	return false
}

// promote turns the open field, which has an element in it, into a segment that the dictionary does not know.
func (m *markupReader) promote(d *Document) {
	w := m.field
	m.field = nil
	if m.open[len(m.open)-1] == inControl || len(bytes.TrimSpace(d.text[m.text:])) > 0 {
		d.fail(&d.Control, w.name, formats.CodeStructure, "element %s has both text and elements, or stands in the control record", w.name)
	}
	d.text = d.text[:m.text]
	m.segment(d, w)
}

func (m *markupReader) segment(d *Document, w *word) {
	s := Segment{Type: w.typ, Known: w.known, level: w.level, Number: int64(len(d.Segments) + 1), first: -1, last: -1}
	parent, n := -1, len(m.open)
	for i := n - 1; i >= 0; i-- {
		if m.open[i] >= 0 {
			parent = m.open[i]
			break
		}
	}
	if !d.fits(&w.where, parent) && !(d.isHeader(parent) && d.fits(&w.where, -1)) {
		at := "at the top"
		if parent >= 0 {
			at = "below " + d.Segments[parent].Type
		}
		d.misplaced(&s, &w.where, at)
	}
	if n > 0 && m.open[n-1] == inGroup {
		m.open[n-1] = len(d.Segments)
	}
	m.open = append(m.open, len(d.Segments))
	d.add(s, parent)
}

func (m *markupReader) chars(d *Document) {
	text := m.s.Text()
	if m.field != nil {
		d.text = append(d.text, text...)
		return
	}
	if len(bytes.TrimSpace(text)) > 0 {
		s := &d.Control
		if n := len(m.open); n > 0 && m.open[n-1] >= 0 {
			s = &d.Segments[m.open[n-1]]
		}
		d.fail(s, "", formats.CodeStructure, "text between the fields of a segment")
	}
}

// end closes the open field, or else the open segment.
func (m *markupReader) end(d *Document) {
	if m.field == nil {
		if m.open[len(m.open)-1] == inControl {
			m.controlled(d)
		}
		m.open = m.open[:len(m.open)-1]
		return
	}
	s := &d.Control
	if i := m.open[len(m.open)-1]; i >= 0 {
		s = &d.Segments[i]
	}
	name := m.field.name
	m.field = nil
	text := trimBlanks(d.text[m.text:])
	d.text = d.text[:m.text+len(text)]
	if len(text) == 0 {
		return // an empty field is as good as none
	}
	d.fields = append(d.fields, xmlField{name: name, start: m.text, end: len(d.text), next: -1})
	at := len(d.fields) - 1
	if s.first < 0 {
		s.first = at
	} else {
		d.fields[s.last].next = at
	}
	s.last = at
	if s.count++; s.count > sdataLength {
		d.fail(s, name, formats.CodeStructure, "%s has more than %d fields, which no segment can have", s.Type, sdataLength)
	}
}

// controlled takes what the rest of the IDoc is read by from its control record.
func (m *markupReader) controlled(d *Document) {
	number, _ := d.Value(&d.Control, "DOCNUM")
	d.Number = strings.Clone(number)
	if basic, _ := d.Value(&d.Control, "IDOCTYP"); basic != "" {
		m.follow(basic)
	}
}

// lookup finds what the name of an element stands for, the same word each time as long as a file has a sane number of
// names.
func (m *markupReader) lookup(name []byte) *word {
	w := m.last.next
	if w == nil || w.raw != string(name) {
		w = m.find(name)
		m.last.next = w
	}
	m.last = w
	return w
}

func (m *markupReader) find(name []byte) *word {
	if w, ok := m.word[string(name)]; ok {
		return w
	}
	w := &word{raw: string(name), name: unescapeName(string(name))}
	w.typ = w.name
	if t, ok := m.dict.Type(w.name); ok {
		w.known = t
	} else if typeOf(w.name) != w.name {
		w.typ = typeOf(stem(w.name))
		if t, ok := m.dict.Definition(w.name); ok {
			w.typ, w.known = t.Type, t
		}
	}
	w.where = m.structure.where(w.known)
	if head, ok := strings.CutSuffix(w.name, "GRP"); ok && w.known == nil {
		_, w.group = m.dict.Definition(head)
	}
	if len(m.word) < 10_000 {
		m.word[string(name)] = w
	}
	return w
}

// XML's names can't hold the slashes of a namespace (/CWM/TOLGR): SAP writes them as _- (<_-CWM_-TOLGR>).
const escapedSlash = "_-"

func unescapeName(name string) string { return strings.ReplaceAll(name, escapedSlash, "/") }

func escapeName(name string) string { return strings.ReplaceAll(name, "/", escapedSlash) }
