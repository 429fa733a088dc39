package idoc

import (
	"bytes"
	"errors"
	"io"

	"github.com/orobridge/orobridge/formats"
	"github.com/orobridge/orobridge/formats/internal/xmltok"
)

// markupReader reads the XML form: <IDOC> elements anywhere below the root, segments by their SEGMENT attribute or by
// the dictionary. Namespaces are ignored.
type markupReader struct {
	s     *xmltok.Scanner
	dict  *Dictionary
	names map[string]string // interned names of elements
	doc   Document
	open  []int  // indexes of the open segments of the IDoc, -2 for the control record
	field string // name of the open field, empty for none
	text  int    // where the open field's text begins in doc.text
	// between, when it is set, hears how far the file was read between two IDocs.
	between func(offset int64) error
}

const inControl = -2

func newMarkup(r io.Reader, dict *Dictionary) *markupReader {
	return &markupReader{s: xmltok.New(r, xmltok.Limits{Depth: maxDepth + 10}), dict: dict, names: map[string]string{}}
}

// next reads the next IDoc. It returns io.EOF after the last one.
func (m *markupReader) next() (*Document, error) {
	for {
		k, err := m.s.Next()
		if err != nil {
			return nil, m.fileError(err)
		}
		if k == xmltok.Start && string(m.s.Name()) == "IDOC" {
			return m.idoc()
		}
		if m.between != nil {
			if err := m.between(m.s.EndOffset()); err != nil {
				return nil, err
			}
		}
	}
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
	m.open, m.field = m.open[:0], ""
	for {
		k, err := m.s.Next()
		if err != nil {
			return nil, m.fileError(err)
		}
		switch k {
		case xmltok.Start:
			err = m.start(d)
		case xmltok.End:
			if m.field == "" && len(m.open) == 0 {
				if i := d.Control.first; i >= 0 {
					d.Number, _ = d.Value(&d.Control, "DOCNUM")
				}
				if d.Fault != nil {
					d.Fault.Pos.Doc = d.Number
				}
				return d, nil
			}
			m.end(d)
		case xmltok.Text:
			m.chars(d)
		}
		if err == nil {
			err = d.tooLarge()
		}
		if err != nil {
			return nil, err
		}
	}
}

// start begins a segment or a field.
func (m *markupReader) start(d *Document) error {
	name := m.intern(m.s.Name())
	if m.field != "" {
		m.promote(d)
	}
	if len(m.open) == 0 {
		if name == "EDI_DC40" {
			m.open = append(m.open, inControl)
			return nil
		}
		m.segment(d, name)
		return nil
	}
	_, known := m.dict.Type(name)
	if m.open[len(m.open)-1] != inControl && (known || m.marked()) {
		m.segment(d, name)
		return nil
	}
	m.field, m.text = name, len(d.text)
	return nil
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
	name := m.field
	m.field = ""
	if m.open[len(m.open)-1] == inControl || len(bytes.TrimSpace(d.text[m.text:])) > 0 {
		d.fail(&d.Control, name, formats.CodeStructure, "element %s has both text and elements, or stands in the control record", name)
	}
	d.text = d.text[:m.text]
	m.segment(d, name)
}

func (m *markupReader) segment(d *Document, name string) {
	s := Segment{Type: name, Number: int64(len(d.Segments) + 1), first: -1, last: -1}
	s.Known, _ = m.dict.Type(name)
	parent := -1
	if n := len(m.open); n > 0 {
		parent = max(m.open[n-1], -1)
	}
	if !d.fits(&s, parent) {
		where := "at the top"
		if parent >= 0 {
			where = "below " + d.Segments[parent].Type
		}
		d.misplaced(&s, where)
	}
	m.open = append(m.open, len(d.Segments))
	d.add(s, parent)
}

func (m *markupReader) chars(d *Document) {
	text := m.s.Text()
	if m.field != "" {
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
	if m.field == "" {
		m.open = m.open[:len(m.open)-1]
		return
	}
	s := &d.Control
	if i := m.open[len(m.open)-1]; i != inControl {
		s = &d.Segments[i]
	}
	name := m.field
	m.field = ""
	text := bytes.TrimRight(d.text[m.text:], " ")
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

// intern returns the name as a string, the same one each time as long as a file has a sane number of names.
func (m *markupReader) intern(name []byte) string {
	if s, ok := m.names[string(name)]; ok {
		return s
	}
	s := string(name)
	if len(m.names) < 10_000 {
		m.names[s] = s
	}
	return s
}
