package idoc

import (
	"bytes"
	_ "embed"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"maps"
	"strconv"
	"strings"
	"sync"
)

// The dictionary's source: SAP's parser and documentation exports of the basic types that data/structures.csv names; the
// offsets are the running sums of the lengths. COND_A04 is complete in part only. Of PRICAT03 no export is public: its segments
// are those that SAP's own documentation of the message names (help.sap.com, price catalogues of retail), without their places.
var (
	//go:embed data/segments.csv
	segmentsFile []byte
	//go:embed data/structures.csv
	structuresFile []byte
	//go:embed data/records.csv
	recordsFile []byte
)

// sdataLength is the number of characters of a data record's SDATA; sdataOffset is where it begins.
const (
	sdataLength   = 1000
	sdataOffset   = 63
	controlLength = 524
	recordLength  = sdataOffset + sdataLength
)

// Field is a field of a segment.
type Field struct {
	Name   string
	Offset int // in characters inside SDATA
	Length int
	// Unconfirmed fields are known by name and order only: a flat file's field of that kind can't be read.
	Unconfirmed bool
}

// SegmentType describes one definition of a segment.
type SegmentType struct {
	Type       string // E1EDK01, the element's name in XML
	Definition string // E2EDK01005, the name in a flat file
	// Parents are the types below which it may stand in any basic type; "-" stands for the top, "*" for anywhere. What a
	// basic type says itself goes before that (see [Structure]), but not before a user's dictionary.
	Parents []string
	Level   int // HLEVEL
	Fields  []Field

	own       bool // of a user's dictionary
	index     map[string]int
	confirmed int // characters of SDATA that confirmed fields cover
}

// Field finds a field by name.
func (t *SegmentType) Field(name string) (Field, bool) {
	i, ok := t.index[name]
	if !ok {
		return Field{}, false
	}
	return t.Fields[i], true
}

// A Dictionary holds the known segments and basic types. It does not change once it is made.
type Dictionary struct {
	types       map[string]*SegmentType // by type: the newest definition
	definitions map[string]*SegmentType // by definition
	structures  map[string][]*Structure // by basic type, the oldest release first
}

// Builtin is the embedded dictionary.
var Builtin = sync.OnceValue(func() *Dictionary {
	d := &Dictionary{types: map[string]*SegmentType{}, definitions: map[string]*SegmentType{}, structures: map[string][]*Structure{}}
	if err := errors.Join(d.readSegments(segmentsFile), d.readStructures(structuresFile)); err != nil {
		panic(err) // the embedded files are part of the program
	}
	return d
})

// readSegments reads data/segments.csv: the definitions of a type follow one another, the newest last.
func (d *Dictionary) readSegments(file []byte) error {
	rows, err := table(bytes.NewReader(file), 3)
	if err != nil {
		return err
	}
	for _, row := range rows {
		t, err := newType(row[0], row[1], row[2])
		if err != nil {
			return err
		}
		d.types[t.Type], d.definitions[t.Definition] = t, t
	}
	return nil
}

// control describes EDI_DC40 in the form of a segment.
var control = sync.OnceValue(func() *SegmentType {
	rows, err := csv.NewReader(bytes.NewReader(recordsFile)).ReadAll()
	if err != nil {
		panic(err)
	}
	t := &SegmentType{Type: "EDI_DC40", Definition: "EDI_DC40"}
	for _, r := range rows {
		if r[0] != t.Type {
			continue
		}
		offset, err1 := strconv.Atoi(r[2])
		length, err2 := strconv.Atoi(r[3])
		if err := errors.Join(err1, err2); err != nil {
			panic(err)
		}
		t.Fields = append(t.Fields, Field{Name: r[1], Offset: offset, Length: length})
	}
	t.finish()
	return t
})

func (t *SegmentType) finish() {
	t.index = make(map[string]int, len(t.Fields))
	for i, f := range t.Fields {
		t.index[f.Name] = i
		if !f.Unconfirmed {
			t.confirmed = f.Offset + f.Length
		}
	}
}

// Type finds a segment by its type.
func (d *Dictionary) Type(name string) (*SegmentType, bool) {
	t, ok := d.types[name]
	return t, ok
}

// Definition finds a segment by the name that a flat file gives it: the definition (E2EDK01005), a definition of
// another release (E2EDK01003, E2EDK01), or the type itself.
func (d *Dictionary) Definition(name string) (*SegmentType, bool) {
	if t, ok := d.definitions[name]; ok {
		return t, true
	}
	if t, ok := d.types[typeOf(name)]; ok {
		return t, true
	}
	t, ok := d.types[typeOf(stem(name))]
	return t, ok
}

// stem takes the release's three digits off a definition.
func stem(name string) string {
	n := len(name) - 3
	if n <= 2 || strings.Trim(name[n:], "0123456789") != "" {
		return name
	}
	return name[:n]
}

// typeOf turns the 2 of a definition into the 1 of a type: E2EDK01 is E1EDK01, Z2ABC is Z1ABC, /DSD/E2HH is /DSD/E1HH.
func typeOf(name string) string {
	at := strings.LastIndexByte(name, '/') + 1
	if len(name) > at+2 && name[at+1] == '2' {
		return name[:at+1] + "1" + name[at+2:]
	}
	return name
}

// Extend returns a dictionary that also has the segments of a CSV file, in place of the built-in ones of the same type. The
// file has the columns segment, definition, parents, level, fields:
//
//	Z1SHOP,Z2SHOP000,E1MARAM,3,MSGFN:3 WEBTEXT:40 ?NOTE:10
//
// Parents are separated by blanks, "-" is the top of the IDoc, "*" anywhere. Fields are NAME:LENGTH in their order;
// a question mark marks one whose place in the flat form is not certain, and every one behind it.
func (d *Dictionary) Extend(r io.Reader) (*Dictionary, error) {
	rows, err := table(r, 5)
	if err != nil {
		return nil, fmt.Errorf("dictionary: %w", err)
	}
	out := &Dictionary{types: maps.Clone(d.types), definitions: maps.Clone(d.definitions), structures: d.structures}
	for i, row := range rows {
		t, err := newType(row[0], row[1], row[4])
		if err == nil {
			err = t.setPlace(row[2], row[3])
		}
		if err != nil {
			return nil, fmt.Errorf("dictionary: line %d: %w", i+1, err)
		}
		t.own = true
		maps.DeleteFunc(out.definitions, func(_ string, old *SegmentType) bool { return old.Type == t.Type && !old.own })
		out.types[t.Type], out.definitions[t.Definition] = t, t
	}
	return out, nil
}

// table reads a CSV file without its header.
func table(r io.Reader, columns int) ([][]string, error) {
	c := csv.NewReader(r)
	c.FieldsPerRecord = columns
	rows, err := c.ReadAll()
	if len(rows) > 0 && (rows[0][0] == "segment" || rows[0][0] == "basic_type") {
		rows = rows[1:]
	}
	return rows, err
}

// setPlace says where a segment of a user's dictionary stands.
func (t *SegmentType) setPlace(parents, level string) error {
	n, err := strconv.Atoi(level)
	if err != nil || n < 1 || n > 99 {
		return fmt.Errorf("level %q is not a number from 1 to 99", level)
	}
	t.Parents, t.Level = strings.Fields(parents), n
	if len(t.Parents) == 0 {
		return errors.New("parents are needed: - is the top of the IDoc, * anywhere")
	}
	return nil
}

func newType(typ, definition, fields string) (*SegmentType, error) {
	t := &SegmentType{Type: typ, Definition: definition}
	if t.Type == "" || t.Definition == "" || len(t.Definition) > 30 {
		return nil, errors.New("segment and definition (at most 30 characters) are needed")
	}
	offset, unconfirmed := 0, false
	for _, f := range strings.Fields(fields) {
		if strings.HasPrefix(f, "?") {
			f, unconfirmed = f[1:], true
		}
		name, digits, _ := strings.Cut(f, ":")
		length, err := strconv.Atoi(digits)
		if err != nil || length < 1 || length > sdataLength || name == "" {
			return nil, fmt.Errorf("field %q is not of the form NAME:LENGTH", f)
		}
		t.Fields = append(t.Fields, Field{Name: name, Offset: offset, Length: length, Unconfirmed: unconfirmed})
		offset += length
	}
	if offset > sdataLength {
		return nil, fmt.Errorf("the fields of %s have %d characters, more than the %d of SDATA", t.Type, offset, sdataLength)
	}
	t.finish()
	if len(t.index) != len(t.Fields) {
		return nil, fmt.Errorf("a field of %s stands twice", t.Type)
	}
	return t, nil
}
