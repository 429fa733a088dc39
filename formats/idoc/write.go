package idoc

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/orobridge/orobridge/formats/internal/charset"
)

// node is a segment to be written, with its children.
type node struct {
	typ        string
	definition string // when the dictionary does not have the segment
	fields     []pair
	children   []*node
}

// add appends a child and returns it.
func (n *node) add(typ string, fields ...pair) *node {
	c := &node{typ: typ, fields: fields}
	n.children = append(n.children, c)
	return c
}

// message is an IDoc to be written: the control record is the root.
type message = node

// FieldError says that a text does not fit into a field. Nothing is ever cut.
type FieldError struct {
	Segment, Field string
	Text           string
	Length         int // of the field, in characters
}

func (e *FieldError) Error() string {
	return fmt.Sprintf("%s-%s: %q has %d characters, the field holds %d", e.Segment, e.Field, e.Text, utf8.RuneCountInString(e.Text), e.Length)
}

// writer writes IDocs in one form.
type writer struct {
	dict *Dictionary
	// structure is the basic type: its levels are written, and its definitions where the segment does not name one.
	structure *Structure
	enc       *charset.Encoder
	buf       bytes.Buffer
	eol       string // behind a flat record; empty: unframed
	err       error  // the first FieldError
}

// fieldOf is the text of a field of a record, such as the control record.
func fieldOf(n *node, name string) string {
	for _, f := range n.fields {
		if f.name == name {
			return f.text
		}
	}
	return ""
}

// flush encodes what was written.
func (w *writer) flush(out io.Writer) error {
	if w.err != nil {
		return w.err
	}
	b, err := w.enc.Bytes(w.buf.Bytes())
	if err != nil {
		return err
	}
	w.buf.Reset()
	_, err = out.Write(b)
	return err
}

// flat writes one IDoc as records of 524 and 1063 characters.
func (w *writer) flat(m *message) {
	w.fixed("EDI_DC40", control(), m.fields, controlLength)
	w.buf.WriteString(w.eol)
	number := 0
	for _, c := range m.children {
		w.record(m, c, 0, 0, &number)
	}
}

// record writes a segment and its children; above is the level of its parent, 0 at the top.
func (w *writer) record(m *message, n *node, parent, above int, number *int) {
	*number++
	own := *number
	t, definition := w.definition(n)
	level := above + 1
	if t != nil {
		p := w.structure.where(t)
		if p.level > 0 {
			level = p.level
		}
		if above == 1 && slices.Contains(p.parents, "-") {
			parent = 0 // nested below the header in XML: it stands beside it
		}
	}
	if definition == "" || len(definition) > 30 {
		w.fail(&FieldError{Segment: n.typ, Field: "SEGNAM", Text: definition, Length: 30})
		return
	}
	fmt.Fprintf(&w.buf, "%-30s%-3s%-16s%06d%06d%02d", w.text(definition), w.text(fieldOf(m, "MANDT")), w.text(fieldOf(m, "DOCNUM")), own,
		parent, level)
	if t != nil {
		w.fixed(n.typ, t, n.fields, sdataLength)
	} else {
		w.opaque(n)
	}
	w.buf.WriteString(w.eol)
	for _, c := range n.children {
		w.record(m, c, own, level, number)
	}
}

// definition finds the definition by which a segment is written, nil when the dictionary does not have it, and its name.
func (w *writer) definition(n *node) (*SegmentType, string) {
	if n.definition != "" {
		t, _ := w.dict.Definition(n.definition)
		return t, n.definition
	}
	t, ok := w.dict.Type(n.typ)
	if ok && w.structure != nil {
		t, ok = w.structure.segment(w.dict, n.typ)
	}
	if !ok {
		return nil, ""
	}
	return t, t.Definition
}

// opaque writes a segment that the dictionary does not have: only what came from a flat file can be.
func (w *writer) opaque(n *node) {
	text := fieldOf(n, "SDATA")
	if len(n.fields) > 1 || len(n.fields) == 1 && text == "" || utf8.RuneCountInString(text) > sdataLength {
		w.fail(fmt.Errorf("%s: the dictionary does not have the segment, so its fields have no place in a flat file", n.typ))
		return
	}
	w.pad(w.text(text), sdataLength)
}

// fixed writes fields at their places, blanks between them.
func (w *writer) fixed(segment string, t *SegmentType, fields []pair, length int) {
	texts := make([]string, len(t.Fields))
	for _, f := range fields {
		i, ok := t.index[f.name]
		if !ok {
			w.fail(fmt.Errorf("%s-%s: the dictionary does not have the field, so it has no place in a flat file", segment, f.name))
			return
		}
		if t.Fields[i].Unconfirmed {
			w.fail(fmt.Errorf("%s-%s: the dictionary is not certain where the field stands in a flat file", segment, f.name))
			return
		}
		if texts[i] == "" { // the first counts, as for readers
			texts[i] = f.text
		}
	}
	at := 0
	for i, f := range t.Fields {
		if f.Unconfirmed {
			break
		}
		w.pad("", f.Offset-at)
		text := w.text(texts[i])
		if utf8.RuneCountInString(text) > f.Length {
			w.fail(&FieldError{segment, f.Name, text, f.Length})
			return
		}
		w.pad(text, f.Length)
		at = f.Offset + f.Length
	}
	w.pad("", length-at)
}

func (w *writer) fail(err error) {
	if w.err == nil {
		w.err = err
	}
}

// pad writes text and blanks up to length characters.
func (w *writer) pad(text string, length int) {
	w.buf.WriteString(text)
	for n := utf8.RuneCountInString(text); n < length; n++ {
		w.buf.WriteByte(' ')
	}
}

// text is a field's text as the file can hold it: without control characters and with what the encoding lacks
// replaced (see charset.Encoder).
func (w *writer) text(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
	return strings.TrimRight(w.enc.Text(s), " ")
}

// markup writes one IDoc as an element.
func (w *writer) markup(m *message) {
	w.buf.WriteString("  <IDOC BEGIN=\"1\">\n")
	w.element(&node{typ: "EDI_DC40", fields: m.fields}, control(), "    ")
	for _, c := range m.children {
		w.segment(c, "    ")
	}
	w.buf.WriteString("  </IDOC>\n")
}

func (w *writer) segment(n *node, indent string) {
	t, _ := w.definition(n)
	w.element(n, t, indent)
}

// element writes a segment; its fields are checked against the dictionary where it has them, and stand in its order.
func (w *writer) element(n *node, t *SegmentType, indent string) {
	name := escapeName(n.typ)
	fmt.Fprintf(&w.buf, "%s<%s SEGMENT=\"1\">\n", indent, name)
	for _, f := range ordered(n.fields, t) {
		text := w.text(f.text)
		if text == "" {
			continue
		}
		if t != nil {
			if d, ok := t.Field(f.name); ok && utf8.RuneCountInString(text) > d.Length {
				w.fail(&FieldError{n.typ, f.name, text, d.Length})
				return
			}
		}
		field := escapeName(f.name)
		fmt.Fprintf(&w.buf, "%s  <%s>%s</%s>\n", indent, field, escape.Replace(text), field)
	}
	for _, c := range n.children {
		w.segment(c, indent+"  ")
	}
	fmt.Fprintf(&w.buf, "%s</%s>\n", indent, name)
}

// ordered sorts fields as the dictionary has them; those that it does not have stay behind.
func ordered(fields []pair, t *SegmentType) []pair {
	if t == nil {
		return fields
	}
	place := func(f pair) int {
		if i, ok := t.index[f.name]; ok {
			return i
		}
		return len(t.Fields)
	}
	fields = slices.Clone(fields)
	slices.SortStableFunc(fields, func(a, b pair) int { return place(a) - place(b) })
	return fields
}

var escape = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// Forms of IDoc files.
const (
	FormXML  = "xml"
	FormFlat = "flat"
)

// writeAll writes a file of IDocs. The root of XML is the basic type.
func writeAll(out io.Writer, w *writer, form, root, encoding string, all []*message) error {
	w.begin(form, root, encoding)
	for _, m := range all {
		if err := w.message(out, form, m); err != nil {
			return err
		}
	}
	w.end(form, root)
	return w.flush(out)
}

// begin writes what stands before the first IDoc.
func (w *writer) begin(form, root, encoding string) {
	if form != FormXML {
		return
	}
	if encoding == "" {
		encoding = "UTF-8"
	}
	fmt.Fprintf(&w.buf, "<?xml version=\"1.0\" encoding=\"%s\"?>\n<%s>\n", strings.ToUpper(encoding), root)
}

// message writes one IDoc.
func (w *writer) message(out io.Writer, form string, m *message) error {
	if form == FormXML {
		w.markup(m)
	} else {
		w.flat(m)
	}
	if err := w.flush(out); err != nil {
		return fmt.Errorf("IDoc %s: %w", fieldOf(m, "DOCNUM"), err)
	}
	return nil
}

// end writes what stands behind the last IDoc.
func (w *writer) end(form, root string) {
	if form == FormXML {
		fmt.Fprintf(&w.buf, "</%s>\n", root)
	}
}

// outline turns a Document that was read into one that can be written.
func outline(d *Document) (*message, error) {
	fields, err := d.pairs(&d.Control)
	if err != nil {
		return nil, err
	}
	m := &message{typ: "EDI_DC40", fields: fields}
	nodes := make([]*node, len(d.Segments))
	for i := range d.Segments {
		s := &d.Segments[i]
		fields, err := d.pairs(s)
		if err != nil {
			return nil, err
		}
		parent := m
		if s.Parent >= 0 {
			parent = nodes[s.Parent]
		}
		nodes[i] = parent.add(s.Type, fields...)
		nodes[i].definition = s.Definition
	}
	return m, nil
}

// Convert reads a file of IDocs in either form and writes it in the given one, in UTF-8. Root is the element around
// the IDocs in XML. An IDoc that has a fault ends it with that fault.
func (f *Options) Convert(out io.Writer, in io.Reader, form, root string) error {
	docs, err := f.open(in)
	if err != nil || docs == nil {
		return err
	}
	enc, err := charset.NewEncoder("")
	if err != nil {
		return err
	}
	w := &writer{dict: f.dict, enc: enc, eol: "\n"}
	if form == FormXML {
		fmt.Fprintf(&w.buf, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<%s>\n", root)
	}
	for {
		d, err := docs.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		if d.Fault != nil {
			return d.Fault
		}
		m, err := outline(d)
		if err != nil {
			return err
		}
		w.structure = w.dict.Structure(fieldOf(m, "IDOCTYP"))
		if form == FormXML {
			w.markup(m)
		} else {
			w.flat(m)
		}
		if err := w.flush(out); err != nil {
			return fmt.Errorf("IDoc %s: %w", d.Number, err)
		}
	}
	if form == FormXML {
		fmt.Fprintf(&w.buf, "</%s>\n", root)
	}
	return w.flush(out)
}
