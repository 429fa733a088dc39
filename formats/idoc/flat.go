package idoc

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/orobridge/orobridge/formats"
	"github.com/orobridge/orobridge/formats/internal/charset"
)

// maxLine is the length in bytes from which on a line can't be a record, whatever its encoding.
const maxLine = 8 * recordLength

// flatReader reads the port form: records of 524 and 1063 characters, with line ends or without.
type flatReader struct {
	r         *bufio.Reader
	dict      *Dictionary
	framed    bool
	offset    int64
	line      int64
	held      []byte // the control record of the next IDoc, already read
	at        int64  // where held begins
	atLine    int64
	padded    bool // every data record so far had its full length
	records   int64
	cut       bool // the record that was read last was the file's last and had no line end
	buf       []byte
	names     map[*Structure]map[string]*named // by SEGNAM
	types     map[string]*named                // those of the IDoc's basic type
	structure *Structure
	doc       Document
	exhausted bool
}

// named is what a SEGNAM stands for.
type named struct {
	typ, definition string
	known           *SegmentType
	where
}

func newFlat(r *bufio.Reader, dict *Dictionary) (*flatReader, error) {
	f := &flatReader{r: r, dict: dict, padded: true, names: map[*Structure]map[string]*named{}}
	head, err := r.Peek(4 * (controlLength + 1))
	if err != nil && err != io.EOF && err != bufio.ErrBufferFull {
		return nil, err
	}
	head = head[:runeOffset(string(head), controlLength+2)]
	f.framed = bytes.IndexByte(head, '\n') >= 0 || utf8.RuneCount(head) <= controlLength
	return f, nil
}

// record reads the next record, without its line end. The bytes are valid until the next call. It returns io.EOF at
// the end; blank lines are skipped.
func (f *flatReader) record() ([]byte, error) {
	for {
		start := f.offset
		b, err := f.raw()
		if err != nil {
			return nil, err
		}
		f.line++
		if f.at, f.atLine = start, f.line; len(bytes.TrimRight(trimBlanks(b), " \x1a")) > 0 {
			return b, nil
		}
	}
}

func (f *flatReader) raw() ([]byte, error) {
	if !f.framed {
		return f.block()
	}
	b, err := f.r.ReadSlice('\n')
	f.offset += int64(len(b))
	f.cut = err == io.EOF
	switch {
	case err == bufio.ErrBufferFull || len(b) > maxLine:
		return nil, &formats.FileError{Pos: formats.Position{Line: f.line + 1, Offset: f.offset},
			Message: fmt.Sprintf("a line is longer than any IDoc record (%d characters)", recordLength),
			Hint:    "check that the file is a flat IDoc and that format.encoding is right"}
	case err == io.EOF && len(b) == 0:
		return nil, io.EOF
	case err != nil && err != io.EOF:
		return nil, err
	}
	b = bytes.TrimSuffix(b, []byte("\n"))
	return bytes.TrimSuffix(b, []byte("\r")), nil
}

// block reads a record of an unframed file: its kind says its length.
func (f *flatReader) block() ([]byte, error) {
	head, err := f.r.Peek(len("EDI_DC40"))
	if len(head) == 0 {
		return nil, err
	}
	n := recordLength
	if string(head) == "EDI_DC40" {
		n = controlLength
	}
	f.buf = f.buf[:0]
	for range n {
		if f.r.Buffered() == 0 {
			if _, err := f.r.Peek(1); err == io.EOF {
				f.cut = true
				break
			} else if err != nil {
				return nil, err
			}
		}
		r, size, err := f.r.ReadRune()
		if err != nil {
			return nil, err
		}
		f.offset += int64(size)
		if r == utf8.RuneError && size == 1 {
			f.buf = append(f.buf, 0xff) // stays a bad byte
			continue
		}
		f.buf = utf8.AppendRune(f.buf, r)
	}
	return f.buf, nil
}

// next reads the next IDoc. It returns io.EOF after the last one.
func (f *flatReader) next() (*Document, error) {
	d := &f.doc
	d.reset()
	d.flat = true
	if err := f.begin(d); err != nil {
		return nil, err
	}
	for {
		b, err := f.record()
		if err == io.EOF {
			f.exhausted = true
			return d, nil
		}
		if err != nil {
			return nil, err
		}
		if bytes.HasPrefix(b, []byte("EDI_DC40")) {
			f.held = append(f.held[:0], b...)
			return d, nil
		}
		if err := f.segment(d, b); err != nil {
			return nil, err
		}
	}
}

// begin takes the control record.
func (f *flatReader) begin(d *Document) error {
	if f.exhausted {
		return io.EOF
	}
	if len(f.held) == 0 {
		b, err := f.record()
		if err != nil {
			return err
		}
		if !bytes.HasPrefix(b, []byte("EDI_DC40")) {
			return &formats.FileError{Pos: formats.Position{Line: f.line, Offset: f.at},
				Message: "the file does not begin with a control record (EDI_DC40)",
				Hint:    "flat IDocs begin with EDI_DC40; the older EDI_DC is not read"}
		}
		f.held = append(f.held[:0], b...)
	}
	d.Offset, d.Line = f.at, f.atLine
	b := trimBlanks(f.held)
	f.held = f.held[:0]
	s := &d.Control
	s.start, s.end = 0, len(b)
	s.wide = !ascii(b)
	d.text = append(d.text, b...)
	number, _ := d.Value(s, "DOCNUM")
	d.Number = strings.Clone(number)
	basic, _ := d.Value(s, "IDOCTYP")
	f.follow(basic)
	switch {
	case charset.Bad(b):
		d.fail(s, "", formats.CodeEncoding, "the control record has a byte that the encoding does not have")
	case utf8.RuneCount(b) > controlLength:
		d.fail(s, "", formats.CodeStructure, "the control record is longer than %d characters", controlLength)
	case !f.framed && f.cut && utf8.RuneCount(f.buf) < controlLength:
		d.fail(s, "", formats.CodeStructure, "the file ends inside of the control record: it was cut off")
	}
	return nil
}

// segment takes a data record. After a fault of the IDoc, records are passed over.
func (f *flatReader) segment(d *Document, b []byte) error {
	if d.Fault != nil {
		return nil
	}
	s := Segment{Number: int64(len(d.Segments) + 1), first: -1, last: -1, Parent: -1}
	if len(b) < sdataOffset || !ascii(b[:sdataOffset]) {
		s.Type = "EDI_DD40"
		d.fail(&s, "", formats.CodeStructure, "line %d is shorter than the %d characters of a data record's head, or is no data record",
			f.line, sdataOffset)
		return nil
	}
	name := f.name(trimBlanks(b[:30]))
	s.Type, s.Definition, s.Known, s.level = name.typ, name.definition, name.known, name.level
	number, ok1 := digits(b[49:55])
	parent, ok2 := digits(b[55:61])
	if number > 0 {
		s.Number = number
	}
	wide := f.check(d, &s, b, ok1 && ok2)
	if d.Fault != nil {
		return nil
	}
	at, ok := d.place(&s, &name.where, parent)
	if !ok {
		return nil
	}
	data := trimBlanks(b[sdataOffset:])
	s.wide = wide && !ascii(data)
	s.start = len(d.text)
	d.text = append(d.text, data...)
	s.end = len(d.text)
	d.add(s, at)
	return d.tooLarge()
}

// check compares lengths, DOCNUM and characters of a record. It says whether the record has characters beyond ASCII.
func (f *flatReader) check(d *Document, s *Segment, b []byte, numbers bool) (wide bool) {
	text := trimBlanks(b) // of most records a small part
	written, blanks := len(text), len(b)-len(text)
	if wide = !ascii(text); wide {
		written = utf8.RuneCount(text)
		if charset.Bad(text) {
			d.fail(s, "", formats.CodeEncoding, "line %d has a byte that the encoding does not have; check format.encoding", f.line)
			return wide
		}
	}
	length := written + blanks
	switch doc := bytes.TrimSpace(b[33:49]); {
	case written > recordLength:
		d.fail(s, "", formats.CodeStructure, "line %d has %d characters, more than the %d of a data record", f.line, length, recordLength)
	case length < recordLength && f.cut && (!f.framed || f.padded && f.records > 0):
		d.fail(s, "", formats.CodeStructure, "the file ends inside of a data record: it was cut off")
	case !isName(s.Definition):
		d.fail(s, "SEGNAM", formats.CodeStructure, "line %d has no segment name, or one with characters that no name has", f.line)
	case !numbers:
		d.fail(s, "SEGNUM", formats.CodeStructure, "line %d has a segment number that is not a number", f.line)
	case len(doc) > 0 && d.Number != "" && string(doc) != d.Number && trimZeros(string(doc)) != trimZeros(d.Number):
		d.fail(s, "DOCNUM", formats.CodeStructure, "line %d belongs to IDoc %s: a control record is missing before it", f.line, doc)
	}
	f.padded = f.padded && length >= recordLength
	f.records++
	return wide
}

// isName says whether a text can be the name of a segment: letters, digits, "_", and "/" around a namespace.
func isName(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' && c != '/' {
			return false
		}
	}
	return s != ""
}

// follow takes the basic type of the IDoc that begins.
func (f *flatReader) follow(basic string) {
	f.structure = f.dict.Structure(basic)
	if f.types = f.names[f.structure]; f.types == nil {
		f.types = map[string]*named{}
		f.names[f.structure] = f.types
	}
}

// name finds what a SEGNAM stands for, and remembers it.
func (f *flatReader) name(segnam []byte) *named {
	if n, ok := f.types[string(segnam)]; ok {
		return n
	}
	n := &named{definition: string(segnam)}
	if t, ok := f.dict.Definition(n.definition); ok {
		n.known, n.typ = t, t.Type
	} else {
		n.typ = typeOf(stem(n.definition))
	}
	n.where = f.structure.where(n.known)
	if len(f.types) < 10_000 {
		f.types[n.definition] = n
	}
	return n
}

// digits reads a number of few characters that may be blank.
func digits(b []byte) (n int64, ok bool) {
	for _, c := range bytes.TrimSpace(b) {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = 10*n + int64(c-'0')
	}
	return n, true
}

// trimBlanks takes the blanks at the end off, eight at a time as long as there are that many.
func trimBlanks(b []byte) []byte {
	const eight = 0x2020202020202020
	for len(b) >= 8 && binary.NativeEndian.Uint64(b[len(b)-8:]) == eight {
		b = b[:len(b)-8]
	}
	for len(b) > 0 && b[len(b)-1] == ' ' {
		b = b[:len(b)-1]
	}
	return b
}

func ascii(b []byte) bool {
	const high = 0x8080808080808080
	for len(b) >= 8 {
		if binary.NativeEndian.Uint64(b)&high != 0 {
			return false
		}
		b = b[8:]
	}
	for _, c := range b {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// trimZeros takes the leading zeros off a number that is all digits, as SAP's ALPHA conversion puts them there.
func trimZeros(s string) string {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return s
		}
	}
	i := 0
	for i < len(s)-1 && s[i] == '0' {
		i++
	}
	return s[i:]
}
